"""quad and fixed_quad: integrals of a user's function, differentiated under the sign.

    d/dp  int_a^b f(t, p) dt  =  int_a^b df/dp dt  +  f(b, p) db/dp  -  f(a, p) da/dp

(Leibniz).  The integral of df/dp is taken by quad itself, with the caller's tolerances, and is
an integral like any other, so orders nest and infinite limits stay what they are.  In
reverse mode the integrand is the whole cotangent; its entries share their evaluations.

A jump of f at a place that depends on p would add a term that the formula does not see.
Where f branches on p the integrand is searched for one, and refused (``jumps``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.integrate as original

from diffkit import tree
from diffkit.custom.calls import Operation
from diffkit.custom.leaves import cut, end_to_end
from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.callables import as_tuple, opened, plain_call, plainest, vector
from diffkit.scipy.calls import prepared, primal
from diffkit.scipy.jumps import refuse_jumps
from diffkit.traced import is_traced
from diffkit.transforms import jvp, vjp

Integrand = Callable[..., Any]


class _Integral(Operation):
    """The integral of ``function(t, *leaves)``, a vector, over the limits, the first two operands."""

    opaque = True
    __slots__ = ("error", "info", "options")
    options: dict[str, Any]
    error: Any
    info: Any

    def evaluate(self, args: tuple[Any, ...]) -> Any:
        low, high, *leaves = args
        known: dict[float, Any] = {}
        f = plain_call(lambda t: vector(self.function(t, *leaves)), leaves, self.name)

        def values(t: float) -> Any:
            found = known.get(t)
            if found is None:
                found = known[t] = f(t)
            return found

        size = len(values(_inside(float(low), float(high))))
        # A user's integrand may run into overflow at the far points that quad visits, as it may without diffkit.
        found = [original.quad(lambda t, k=k: float(values(t)[k]), low, high, **self.options) for k in range(size)]
        self.error = [one[1] for one in found]
        self.info = [one[2:] for one in found]
        return np.array([one[0] for one in found])

    def _merged(self, args: Sequence[Any], active: Sequence[int], moving: Sequence[Any]) -> list[Any]:
        values = list(args)
        for i, leaf in zip(active, moving):
            values[i] = leaf
        return values[2:]

    def push(self, y: Any, args: Sequence[Any], tangents: Sequence[Any], params: Any) -> Any:
        low, high, *leaves = args
        active = [i for i, t in enumerate(tangents) if t is not None and i > 1]
        terms = []
        if active:
            self._look(args, active)

            def integrand(t: Any, *operands: Any) -> Any:
                held, along = [None, None, *operands[:len(leaves)]], operands[len(leaves):]
                at = tuple(held[i] for i in active)
                return jvp(lambda *moving: vector(self.function(t, *self._merged(held, active, moving))),
                           at, tuple(along))[1]

            terms.append(integral(integrand, low, high, [*leaves, *(tangents[i] for i in active)], self.options,
                                  self.name)[0])
        if tangents[1] is not None:
            terms.append(self._edge(high, leaves) * tangents[1])
        if tangents[0] is not None:
            terms.append(-self._edge(low, leaves) * tangents[0])
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return (total,)

    def pull_filled(self, g: Any, y: Any, args: Sequence[Any], active: tuple[int, ...]) -> Sequence[Any]:
        low, high, *leaves = args
        moving = [i for i in active if i > 1]
        found: dict[int, Any] = {}
        if moving:
            self._look(args, moving)

            def integrand(t: Any, *operands: Any) -> Any:
                held, weights = [None, None, *operands[:-1]], operands[-1]
                at = tuple(held[i] for i in moving)
                return end_to_end(vjp(lambda *inner: vector(self.function(t, *self._merged(held, moving, inner))),
                                      *at)[1](weights))

            whole, _ = integral(integrand, low, high, [*leaves, g[0]], self.options, self.name)
            found.update(zip(moving, cut(whole, [args[i] for i in moving])))
        for i, sign, limit in ((0, -1, low), (1, 1, high)):
            if i in active:
                found[i] = sign * np.sum(g[0] * self._edge(limit, leaves))
        return [found[i] for i in active]

    def _edge(self, limit: Any, leaves: Sequence[Any]) -> Any:
        """The integrand at a limit that moves."""
        if self.options.get("weight") is not None:
            raise UnsupportedArgumentError("quad with weight= is not differentiated by its limits",
                                           "the weight as part of the function")
        if not np.isfinite(primal(limit)):
            raise UnsupportedArgumentError("an infinite limit of quad is not differentiated",
                                           "dk.stop_gradient on it")
        return vector(self.function(limit, *leaves))

    def _look(self, args: Sequence[Any], active: Sequence[int]) -> None:
        """Refuse an integrand with a jump that moves."""
        if any(is_traced(arg) for arg in args):
            return  # the level below looks at plain values
        low, high = float(args[0]), float(args[1])
        refuse_jumps(self.name, lambda t, *leaves: vector(self.function(t[0], *leaves)),
                     [np.array([t]) for t in _spread(low, high)], args[2:], [i - 2 for i in active], of_point=False)


def _inside(low: float, high: float) -> float:
    """A point between the limits, away from both."""
    return _spread(low, high)[12]


def _spread(low: float, high: float) -> list[float]:
    """Points all over the interval; an infinite one by t = tan(u)."""
    if math.isfinite(low) and math.isfinite(high):
        return [low + (high - low) * (k + 0.5) / 25 for k in range(25)]
    shift = low if math.isfinite(low) else high if math.isfinite(high) else 0.0
    down, up = (math.atan(end - shift) for end in (low, high))
    return [shift + math.tan(down + (up - down) * (k + 0.5) / 25) for k in range(25)]


def integral(function: Integrand, low: Any, high: Any, leaves: Sequence[Any], options: dict[str, Any],
             name: str) -> tuple[Any, _Integral]:
    """The integral of a vector-valued ``function(t, *leaves)``, and the operation that knows its error."""
    operands = tuple(np.float64(v) if type(v) in (int, float) else v for v in (low, high))
    operands = (*operands, *leaves)
    flat, structure = tree.flatten(operands)
    operation = _Integral(name, function, structure, flat)
    operation.options = options
    return operation.call(*flat)[0], operation


def quad(func: Integrand, a: Any, b: Any, args: Any = (), full_output: int = 0, epsabs: float = 1.49e-08,
         epsrel: float = 1.49e-08, limit: int = 50, points: Any = None, weight: str | None = None, wvar: Any = None,
         wopts: Any = None, maxp1: int = 50, limlst: int = 50, complex_func: bool = False) -> Any:
    """The integral of func from a to b and an error estimate, scipy.integrate.quad.

    Differentiable by the limits, by ``args`` (containers too) and by what func captured.

    Returns
    -------
    y, abserr
        As SciPy's; with ``full_output`` SciPy's further answers behind them.  The error estimate
        is a plain number.

    Raises
    ------
    UnsupportedArgumentError
        (a TypeError) by a limit with ``weight``; by a weight's parameters; ``complex_func`` with
        ``full_output``; an integrand that jumps where a parameter says.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda k: quad(lambda t: np.exp(-k * t), 0, np.inf)[0])(2.0).round(12))   # 1/k
    -0.25
    """
    inner = opened(func, as_tuple(args))
    if not (inner.is_traced or any(map(is_traced, tree.flatten((a, b, points, wvar, wopts))[0]))):
        return original.quad(func, a, b, args, full_output, epsabs, epsrel, limit, points, weight, wvar, wopts,
                             maxp1, limlst, complex_func)
    if any(is_traced(part) for part in tree.flatten((wvar, wopts))[0]):
        raise UnsupportedArgumentError("the parameters of quad's weight are not differentiated",
                                       "the weight as part of the function")
    options = {"full_output": full_output, "epsabs": primal(epsabs), "epsrel": primal(epsrel), "limit": limit,
               "points": None if points is None else plainest(points), "weight": weight, "wvar": wvar, "wopts": wopts,
               "maxp1": maxp1, "limlst": limlst}

    def function(t: Any, *leaves: Any) -> Any:
        y = vector(inner.at(leaves)(t))
        return np.concatenate([np.real(y), np.imag(y)]) if complex_func else y

    y, operation = integral(function, a, b, inner.leaves, options, "scipy.integrate.quad")
    if complex_func:
        if full_output:
            raise UnsupportedArgumentError("quad with complex_func and full_output is not differentiated",
                                           "complex_func alone")
        return y[0] + 1j * y[1], complex(*operation.error)
    return (y[0], operation.error[0], *operation.info[0])


def fixed_quad(func: Integrand, a: Any, b: Any, args: Any = (), n: int = 5) -> Any:
    """Gauss-Legendre quadrature of order n, scipy.integrate.fixed_quad: the pair (value, None).

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda b: fixed_quad(np.exp, 0.0, b)[0])(1.0).round(9))
    2.718281828
    """
    if np.isinf(primal(a)) or np.isinf(primal(b)):
        raise ValueError("Gaussian quadrature is only available for finite limits.")
    x, w = np.polynomial.legendre.leggauss(n)
    a, b = prepared(a), prepared(b)
    y = (b - a) * (x + 1) / 2 + a
    return (b - a) / 2 * np.sum(w * prepared(func(y, *as_tuple(args))), axis=-1), None
