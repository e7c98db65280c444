"""Roots and fixed points as functions of what the equation depends on.

The solver runs as SciPy's own on plain values; the derivative is ``dk.implicit``'s.  A starting
point or a bracket only says which root is meant: the derivative by them is zero.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize as original

from diffkit import tree
from diffkit.custom.implicit import implicit
from diffkit.errors import ImplicitError, UnsupportedArgumentError
from diffkit.scipy.callables import as_tuple, opened, plain_call, plainest
from diffkit.scipy.calls import prepared, primal
from diffkit.traced import is_traced

__all__ = ["bisect", "brenth", "brentq", "fixed_point", "fsolve", "newton", "ridder", "root", "root_scalar",
           "toms748"]


def _traced_in(*values: Any) -> bool:
    return any(is_traced(leaf) for leaf in tree.flatten(values)[0])


def _plain_callable(function: Any, args: tuple[Any, ...]) -> Any:
    """A derivative or callback that only the solver uses: of plain values, with its args bound."""
    if not callable(function):
        return function
    held = opened(function, args)
    return held.at([primal(leaf) for leaf in held.leaves])


def found(name: str, function: Callable[..., Any], args: tuple[Any, ...], solve: Callable[[Callable[..., Any]], Any],
          residual: Callable[[Callable[..., Any], Any], Any] | None = None) -> Any:
    """The root that ``solve(f)`` finds for the plain f, differentiable by what f depends on."""
    inner = opened(function, args)

    def solver(*leaves: Any) -> Any:
        return solve(plain_call(inner.at(leaves), leaves, name))

    def equation(x: Any, *leaves: Any) -> Any:
        f = inner.at(leaves)
        return prepared(f(x) if residual is None else residual(f, x))

    solver.__qualname__ = name
    return implicit(solver, equation)(*inner.leaves)


def root(fun: Callable[..., Any], x0: Any, args: Any = (), method: str = "hybr", jac: Any = None, tol: Any = None,
         callback: Any = None, options: Any = None) -> Any:
    """A root of a vector function, scipy.optimize.root; ``x`` is differentiable, the rest plain.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: root(lambda x: x * x - a, [1.0]).x[0])(4.0).round(12))
    0.25
    """
    args = as_tuple(args)
    if not (_traced_in(args, x0, tol) or opened(fun).is_traced):
        return original.root(fun, x0, args, method, jac, tol, callback, options)
    if jac is True:
        raise UnsupportedArgumentError("root with jac=True is not differentiated", "fun without its Jacobian")
    kept: list[Any] = []

    def solve(f: Callable[..., Any]) -> Any:
        kept[:] = [original.root(f, plainest(x0), (), method, _plain_callable(jac, args), plainest(tol), callback,
                                 options)]
        return _settled(kept[0].x, kept[0].success, kept[0].message, "root")

    x = found("scipy.optimize.root", fun, args, solve)
    result = kept[0]
    return type(result)({**{k: v for k, v in result.items() if k not in _MOVING}, "x": x})


#: What belongs to a root or a minimum besides x, and would carry no derivative: left out, not given as constants.
_MOVING = ("x", "fun", "jac", "fjac", "r", "qtf", "hess", "hess_inv", "grad", "optimality", "lagrangian_grad",
           "multipliers")


def _settled(x: Any, success: bool, message: str, name: str) -> Any:
    if not success:
        raise ImplicitError(f"{name} found no solution, and there is nothing to differentiate: {message}",
                            "another starting point, method or tolerance")
    return x


def fsolve(func: Callable[..., Any], x0: Any, args: Any = (), fprime: Any = None, full_output: int = 0,
           col_deriv: int = 0, xtol: float = 1.49012e-08, maxfev: int = 0, band: Any = None, epsfcn: Any = None,
           factor: float = 100, diag: Any = None) -> Any:
    """A root of a vector function, scipy.optimize.fsolve.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: fsolve(lambda x: x * x - a, 1.0)[0])(4.0).round(12))
    0.25
    """
    args = as_tuple(args)
    if not (_traced_in(args, x0) or opened(func).is_traced):
        return original.fsolve(func, x0, args, fprime, full_output, col_deriv, xtol, maxfev, band, epsfcn, factor,
                               diag)
    kept: list[Any] = []

    def solve(f: Callable[..., Any]) -> Any:
        kept[:] = original.fsolve(f, plainest(x0), (), _plain_callable(fprime, args), True, col_deriv, xtol, maxfev,
                                  band, epsfcn, factor, diag)
        return _settled(kept[0], kept[2] == 1, kept[3], "fsolve")

    x = found("scipy.optimize.fsolve", func, args, solve)
    return (x, {"nfev": kept[1]["nfev"]}, kept[2], kept[3]) if full_output else x


def _bracketing(scipys: Callable[..., Any]) -> Callable[..., Any]:
    """One of SciPy's bracketing methods for a scalar equation; they differ by name and keywords alone."""
    name = scipys.__name__

    @functools.wraps(scipys)
    def method(f: Callable[..., Any], a: Any, b: Any, args: Any = (), *rest: Any, **keywords: Any) -> Any:
        args = as_tuple(args)
        if not (_traced_in(args, a, b) or opened(f).is_traced):
            return scipys(f, a, b, args, *rest, **keywords)
        rest, keywords = plainest(rest), plainest(keywords)
        kept: list[Any] = []

        def solve(f: Callable[..., Any]) -> Any:
            answer = scipys(f, plainest(a), plainest(b), (), *rest, **keywords)
            kept[:] = [answer]
            return np.float64(answer[0] if isinstance(answer, tuple) else answer)

        x = found(f"scipy.optimize.{name}", f, args, solve)
        if not isinstance(kept[0], tuple):
            return x
        kept[0][1].root = x
        return x, kept[0][1]

    method.__doc__ = f"""A root of a scalar function between a and b, scipy.optimize.{name}.

    Differentiable by ``args`` and by what f captured; by the bracket the derivative is zero.
    """
    return method


brentq = _bracketing(original.brentq)
brenth = _bracketing(original.brenth)
ridder = _bracketing(original.ridder)
bisect = _bracketing(original.bisect)
toms748 = _bracketing(original.toms748)


def newton(func: Callable[..., Any], x0: Any, fprime: Any = None, args: Any = (), tol: float = 1.48e-08,
           maxiter: int = 50, fprime2: Any = None, x1: Any = None, rtol: float = 0.0, full_output: bool = False,
           disp: bool = True) -> Any:
    """A root by Newton's, Halley's or the secant method (entry by entry for an array), scipy.optimize.newton.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: newton(lambda x: x**3 - a, 1.5))(8.0).round(12))        # 1/(3 a^(2/3))
    0.083333333333
    """
    args = as_tuple(args)
    if not (_traced_in(args, x0, x1) or opened(func).is_traced):
        return original.newton(func, x0, fprime, args, tol, maxiter, fprime2, x1, rtol, full_output, disp)
    kept: list[Any] = []

    def solve(f: Callable[..., Any]) -> Any:
        answer = original.newton(f, plainest(x0), _plain_callable(fprime, args), (), tol, maxiter,
                                 _plain_callable(fprime2, args), plainest(x1), rtol, full_output, disp)
        kept[:] = [answer]
        return np.asarray(answer[0] if full_output else answer, dtype=float)[()]

    x = found("scipy.optimize.newton", func, args, solve)
    if not full_output:
        return x
    if len(kept[0]) == 2:
        kept[0][1].root = x
    return (x, *kept[0][1:])


def root_scalar(f: Callable[..., Any], args: Any = (), method: Any = None, bracket: Any = None, fprime: Any = None,
                fprime2: Any = None, x0: Any = None, x1: Any = None, xtol: Any = None, rtol: Any = None,
                maxiter: Any = None, options: Any = None) -> Any:
    """A root of a scalar function, scipy.optimize.root_scalar; ``root`` is differentiable.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: root_scalar(lambda x: x**3 - a, bracket=(0, 9)).root)(8.0).round(12))
    0.083333333333
    """
    args = as_tuple(args)
    rest = (xtol, rtol, maxiter, options)
    if not (_traced_in(args, bracket, x0, x1) or opened(f).is_traced):
        return original.root_scalar(f, args, method, bracket, fprime, fprime2, x0, x1, *rest)
    if fprime is True or fprime2 is True:
        raise UnsupportedArgumentError("root_scalar with fprime=True is not differentiated", "f without its slope")
    kept: list[Any] = []

    def solve(f: Callable[..., Any]) -> Any:
        kept[:] = [original.root_scalar(f, (), method, plainest(bracket), _plain_callable(fprime, args),
                                        _plain_callable(fprime2, args), plainest(x0), plainest(x1), *plainest(rest))]
        return _settled(np.float64(kept[0].root), kept[0].converged, kept[0].flag, "root_scalar")

    x = found("scipy.optimize.root_scalar", f, args, solve)
    kept[0].root = x
    return kept[0]


def fixed_point(func: Callable[..., Any], x0: Any, args: Any = (), xtol: float = 1e-08, maxiter: int = 500,
                method: str = "del2") -> Any:
    """The fixed point of a function, scipy.optimize.fixed_point.

    >>> import numpy as np, diffkit as dk
    >>> x = dk.grad(lambda a: fixed_point(lambda x: a * np.cos(x), 0.5))(1.0)
    >>> print(round(float(x), 9))                       # cos(x) / (1 + sin(x)), x = 0.739085…
    0.441610792
    """
    args = as_tuple(args)
    if not (_traced_in(args, x0) or opened(func).is_traced):
        return original.fixed_point(func, x0, args, xtol, maxiter, method)
    return found("scipy.optimize.fixed_point", func, args,
                 lambda f: np.asarray(original.fixed_point(f, plainest(x0), (), xtol, maxiter, method), float)[()],
                 lambda f, x: f(x) - x)
