"""minimize with derivatives supplied, for unknowns in any container, and as a function itself.

``jac`` is the gradient by reverse mode; methods that use second derivatives get Hessian
times vector (newton-cg, trust-ncg, trust-krylov, trust-constr) or the Hessian (dogleg,
trust-exact).  What the caller gives is used instead.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize as original

from diffkit import tree
from diffkit.buffers import plainly
from diffkit.custom.implicit import implicit
from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.callables import as_tuple, opened, plain_call, plainest, vector
from diffkit.scipy.calls import primal
from diffkit.scipy.optimize.points import Unknowns, pairs
from diffkit.scipy.optimize.roots import _MOVING, _settled
from diffkit.scipy.optimize.stationary import minimum
from diffkit.traced import is_traced
from diffkit.transforms import grad, hessian, hvp, jacobian, value_and_grad

__all__ = ["minimize", "minimize_scalar"]

_NO_GRADIENT = {"nelder-mead", "powell", "cobyla", "cobyqa"}
_HESSIAN_PRODUCT = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}
_HESSIAN = {"dogleg", "trust-exact"}


def minimize(fun: Callable[..., Any], x0: Any, args: Any = (), method: Any = None, jac: Any = None, hess: Any = None,
             hessp: Any = None, bounds: Any = None, constraints: Any = (), tol: Any = None, callback: Any = None,
             options: Any = None) -> Any:
    """Minimise a function, scipy.optimize.minimize, with diffkit's derivatives.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)`` with x in the container of x0: NumPy code.
    x0 : array_like or container
        Numbers and vectors as in SciPy; or a dict, tuple, dataclass, matrix, … of arrays.
    jac, hess, hessp
        Where None, diffkit's.  Given ones are used; for a container x0 a gradient comes in
        that container, a Hessian in the order of its entries.  ``jac="2-point"`` asks for
        SciPy's differences.
    bounds
        As in SciPy, in the order of the entries; or (lower, upper), two containers like x0.
    constraints
        As in SciPy, their functions of the container; missing Jacobians are diffkit's.

    Returns
    -------
    OptimizeResult
        As SciPy's; ``x`` and ``jac`` in the container of x0.  Called on traced values ``x`` and
        ``fun`` are differentiable by ``args``, bounds and what fun captured.

    Raises
    ------
    ImplicitError
        (a ValueError) differentiated where the minimum is degenerate or was not found.
    UnsupportedArgumentError
        (a TypeError) differentiated with constraints.

    >>> import numpy as np, diffkit as dk
    >>> found = minimize(lambda p: (p["a"] - 1)**2 + np.sum((p["b"] - p["a"])**2), {"a": 0.0, "b": np.zeros(2)})
    >>> print(found.x["a"].round(6), found.x["b"].round(6))
    1.0 [1. 1.]
    >>> print(dk.grad(lambda c: minimize(lambda x: (x[0] - c)**4 + x[0]**2, [0.3]).x[0])(1.0).round(9))
    0.676046451
    """
    inner = opened(fun, as_tuple(args))
    unknowns = Unknowns(x0)
    low, high = _bounds(bounds, unknowns)
    if callable(method):
        raise UnsupportedArgumentError("minimize with a method of your own gets no derivatives from diffkit",
                                       "scipy.optimize.minimize")
    box = None if low is None else original.Bounds(primal(low), primal(high))
    plain = [_bound_to(given, as_tuple(args)) for given in (jac, hess, hessp)]
    kept: list[Any] = []

    def search(leaves: Any) -> Any:
        problem = _Problem(inner.at(leaves), unknowns, str(method or _default(box, constraints)).lower(), *plain)
        kept[:] = [original.minimize(problem.fun, primal(unknowns.start), (), method, problem.jac, problem.hess,
                                     problem.hessp, box, _constraints(constraints, unknowns), tol,
                                     _callback(callback, unknowns), options)]
        return kept[0].x

    if not (inner.is_traced or any(map(is_traced, (unknowns.start, low, high)))):
        search(inner.leaves)
        result = kept[0]
        result.x = unknowns.box(result.x)
        if "jac" in result and not unknowns.is_vector and np.shape(result.jac) == unknowns.start.shape:
            result.jac = unknowns.box(result.jac)
        return result
    if _is_given(constraints):
        raise UnsupportedArgumentError("minimize with constraints is not differentiated",
                                       "dk.implicit with the conditions of Karush, Kuhn and Tucker as the residual")

    def cost(v: Any, *leaves: Any) -> Any:
        return inner.at(leaves)(unknowns.box(v))

    x = minimum("scipy.optimize.minimize", lambda *leaves: plainly(search, leaves), cost, low, high, inner.leaves)
    rest = {name: value for name, value in kept[0].items() if name not in _MOVING}
    return original.OptimizeResult({**rest, "x": unknowns.box(x), "fun": cost(x, *inner.leaves)})


class _Problem:
    """What SciPy is given for one method: functions of a vector, with the derivatives that it uses."""

    def __init__(self, f: Callable[..., Any], unknowns: Unknowns, method: str, jac: Any, hess: Any,
                 hessp: Any) -> None:
        at = lambda v: f(unknowns.box(v))
        self.fun: Callable[..., Any] = at
        self.jac, self.hess, self.hessp = jac, hess, hessp
        if method in _NO_GRADIENT:
            return
        if jac is None:
            self.fun, self.jac = value_and_grad(at), True
        elif jac is True:
            def both(v: Any) -> Any:
                value, g = f(unknowns.box(v))
                return value, unknowns.unbox(g)

            self.fun, at = both, lambda v: f(unknowns.box(v))[0]
        elif callable(jac):
            self.jac = lambda v: unknowns.unbox(jac(unknowns.box(v)))
        if callable(hess):
            self.hess = lambda v: hess(unknowns.box(v))
        if callable(hessp):
            self.hessp = lambda v, p: unknowns.unbox(hessp(unknowns.box(v), unknowns.box(p)))
        if hess is None and hessp is None:
            if method in _HESSIAN_PRODUCT:
                self.hessp = lambda v, p: hvp(at, v, p)
            elif method in _HESSIAN:
                self.hess = hessian(at)


def _bound_to(function: Any, args: tuple[Any, ...]) -> Any:
    """A derivative that the caller gave, with its args, at plain values; hessp has its direction before the args."""
    if not callable(function):
        return function
    held = opened(function, args)
    return held.at([primal(leaf) for leaf in held.leaves])


def _default(box: Any, constraints: Any) -> str:
    """SciPy's choice of a method."""
    return "SLSQP" if _is_given(constraints) else "L-BFGS-B" if box is not None else "BFGS"


def _is_given(constraints: Any) -> bool:
    return not (isinstance(constraints, (tuple, list)) and not constraints)


def _bounds(bounds: Any, unknowns: Unknowns) -> tuple[Any, Any]:
    """Lower and upper bounds of every entry, or (None, None)."""
    if bounds is None:
        return None, None
    if isinstance(bounds, original.Bounds):
        return unknowns.spread(bounds.lb), unknowns.spread(bounds.ub)
    if not unknowns.is_vector and len(bounds) == 2 and all(unknowns.fits(part) for part in bounds):
        return unknowns.spread(bounds[0]), unknowns.spread(bounds[1])
    low, high = pairs(bounds)
    if len(low) != len(unknowns.start):
        raise ValueError("The number of bounds is not compatible with the length of `x0`.")
    return vector(low), vector(high)


def _callback(callback: Any, unknowns: Unknowns) -> Any:
    """The caller's callback, shown the container."""
    if callback is None or unknowns.is_vector:
        return callback
    if set(inspect.signature(callback).parameters) == {"intermediate_result"}:
        def with_result(intermediate_result: Any) -> Any:
            intermediate_result.x = unknowns.box(intermediate_result.x)
            return callback(intermediate_result=intermediate_result)

        return with_result
    return lambda v, *rest: callback(unknowns.box(v), *rest)


def _constraints(constraints: Any, unknowns: Unknowns) -> Any:
    """Constraints of the vector, with Jacobians."""
    if isinstance(constraints, (tuple, list)):
        return [_constraint(one, unknowns) for one in constraints]
    return _constraint(constraints, unknowns)


def _constraint(given: Any, unknowns: Unknowns) -> Any:
    if isinstance(given, original.NonlinearConstraint):
        fun, jac = given.fun, given.jac
        at = lambda v: vector(fun(unknowns.box(v)))
        if jac == "2-point":
            jac = jacobian(at)
        elif callable(jac) and not unknowns.is_vector:
            own = jac
            jac = lambda v: own(unknowns.box(v))
        return original.NonlinearConstraint(at, given.lb, given.ub, jac, given.hess, given.keep_feasible,
                                            given.finite_diff_rel_step, given.finite_diff_jac_sparsity)
    if isinstance(given, dict):
        fun, jac = given["fun"], given.get("jac")
        at_args = lambda v, *args: vector(fun(unknowns.box(v), *args))
        found = {**given, "fun": at_args}
        found["jac"] = jacobian(at_args) if jac is None else (lambda v, *args: jac(unknowns.box(v), *args))
        return found
    return given


def minimize_scalar(fun: Callable[..., Any], bracket: Any = None, bounds: Any = None, args: Any = (),
                    method: Any = None, tol: Any = None, options: Any = None) -> Any:
    """Minimise a function of one number, scipy.optimize.minimize_scalar; ``x`` and ``fun`` are differentiable.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: minimize_scalar(lambda x: (x - a)**2 + x**2).x)(1.0).round(9))
    0.5
    """
    args = as_tuple(args)
    inner = opened(fun, args)
    if not (inner.is_traced or any(map(is_traced, tree.flatten((bracket, bounds, tol))[0]))):
        return original.minimize_scalar(fun, bracket, bounds, args, method, tol, options)
    kept: list[Any] = []

    def solve(*leaves: Any) -> Any:
        kept[:] = [original.minimize_scalar(plain_call(inner.at(leaves), leaves, "minimize_scalar"),
                                            plainest(bracket), plainest(bounds), (), method, plainest(tol), options)]
        return np.float64(_settled(kept[0].x, kept[0].success, str(kept[0].get("message", "")), "minimize_scalar"))

    solve.__qualname__ = "scipy.optimize.minimize_scalar"
    slope = grad(lambda x, *leaves: inner.at(leaves)(x))
    x = implicit(solve, slope, tolerance=1e-2)(*inner.leaves)
    return original.OptimizeResult({**kept[0], "x": x, "fun": inner.at(inner.leaves)(x)})
