"""Numbers for expressions, at as many digits as it takes to round correctly.

Each shared part is computed once, and of a Piecewise only the branch that holds, so that a dead
branch can't spoil the value.  The precision is doubled until two results agree when rounded: a
formula that cancels costs time, not digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath
import numpy as np
import sympy

from diffkit.errors import SymbolicError
from diffkit.exact.expressions import StopGradient

#: Decimal digits of the attempts.
_ATTEMPTS = (30, 60, 120, 240, 480)


def rounded(expressions: Sequence[Any], point: Mapping[Any, Any]) -> list[Any]:
    """The expressions' values at a point (plain floats by symbol), right to the last bit of a float.

    >>> x = sympy.Symbol("x", real=True)
    >>> rounded([(1 - sympy.cos(x)) / x**2], {x: 1e-8})
    [0.5]
    """
    values: list[Any] = [None] * len(expressions)
    todo = list(range(len(expressions)))
    before: dict[int, Any] = {}
    for digits in _ATTEMPTS:
        evaluate = Evaluator(point, digits)
        again = []
        for k in todo:
            exact = evaluate(expressions[k])
            values[k] = plain(exact)
            if k not in before or not _agree(before[k], exact):
                again.append(k)
            before[k] = exact
        todo = again
        if not todo:
            break
    return values


def _agree(a: Any, b: Any) -> bool:
    if a != a and b != b:
        return True
    if a == b:
        return True
    scale = abs(b)
    return bool(scale < mpmath.mpf("1e-330") > abs(a)) or bool(abs(a - b) <= 1e-20 * scale)


def plain(value: Any) -> Any:
    """An mpmath number as Python's float or complex."""
    if hasattr(value, "_mpc_"):
        return complex(value)
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


class Evaluator:
    """Expressions as numbers of one precision at one point."""

    def __init__(self, point: Mapping[Any, Any], digits: int) -> None:
        self.context = mpmath.MPContext()
        self.context.dps = digits
        self._functions: dict[Any, Callable[..., Any]] = {}
        self.move(point)

    def move(self, point: Mapping[Any, Any]) -> None:
        """To another point; a context of mpmath's takes as long as a hundred operations, and is kept."""
        self._known: dict[Any, Any] = {symbol: _entered(self.context, value) for symbol, value in point.items()}

    def __call__(self, expression: Any) -> Any:
        """The value; a truth value for a relation."""
        known = self._known.get(expression)
        if known is None:
            known = self._known[expression] = self._compute(expression)
        return known

    def _compute(self, expression: Any) -> Any:
        context = self.context
        if expression.is_Float:
            return context.make_mpf(expression._mpf_)
        if expression.is_Rational:
            return context.mpf(int(expression.p)) / int(expression.q)
        if expression in _SPECIAL:
            return {"nan": context.nan, "zoo": context.inf, "oo": context.inf, "-oo": context.ninf,
                    "I": context.mpc(0, 1), "true": True, "false": False}[_SPECIAL[expression]]
        if expression.is_NumberSymbol:
            return context.make_mpf(expression._to_mpmath(context.prec)._mpf_)
        if isinstance(expression, sympy.Piecewise):
            for branch, condition in expression.args:
                if self(condition):
                    return self(branch)
            return context.nan
        if isinstance(expression, sympy.And):
            return all(self(arg) for arg in expression.args)
        if isinstance(expression, sympy.Or):
            return any(self(arg) for arg in expression.args)
        if isinstance(expression, (sympy.Derivative, sympy.Subs)):
            raise SymbolicError(f"SymPy has no closed form of {expression}",
                                'method="reverse", which measures a derivative by an order or a shape parameter')
        args = [self(arg) for arg in expression.args]
        own = _OWN.get(expression.func)
        try:
            if own is not None:
                return own(context, *args)
            return context.convert(self._function(expression.func, len(args))(*args))
        except (ArithmeticError, ValueError, NotImplementedError, context.NoConvergence):
            return context.nan


    def _function(self, function: Any, count: int) -> Callable[..., Any]:
        """A SymPy function in mpmath, by SymPy's own printer."""
        key = function, count
        if key not in self._functions:
            dummies = sympy.symbols(f"x:{count}")
            names = {name: getattr(self.context, name) for name in dir(self.context) if not name.startswith("_")}
            self._functions[key] = sympy.lambdify(dummies, function(*dummies), modules=[names, "mpmath"])
        return self._functions[key]


_SPECIAL = {sympy.nan: "nan", sympy.zoo: "zoo", sympy.oo: "oo", -sympy.oo: "-oo", sympy.I: "I",
            sympy.true: "true", sympy.false: "false"}


def _entered(context: Any, value: Any) -> Any:
    if isinstance(value, np.longdouble) and np.isfinite(value):
        numerator, denominator = value.as_integer_ratio()
        return context.mpf(numerator) / denominator
    return context.convert(value.item() if isinstance(value, np.generic) else value)


def _power(context: Any, base: Any, exponent: Any) -> Any:
    if exponent == 0:
        return context.one
    if base == 0 and context.re(exponent) < 0:
        return context.inf
    if exponent == context.mpf(0.5):
        return context.sqrt(base)
    return base ** exponent


def _step(context: Any, x: Any, at_zero: Any = None) -> Any:
    half = context.mpf(0.5) if at_zero is None else at_zero
    return context.zero if x < 0 else half if x == 0 else context.one


def _product(context: Any, *factors: Any) -> Any:
    result = context.one
    for factor in factors:
        result = result * factor
    return result


_OWN: dict[Any, Callable[..., Any]] = {
    sympy.Add: lambda context, *terms: sum(terms[1:], terms[0]),
    sympy.Mul: _product,
    sympy.Pow: _power,
    sympy.exp: lambda context, x: context.exp(x),
    sympy.log: lambda context, x: context.log(x),
    sympy.sin: lambda context, x: context.sin(x),
    sympy.cos: lambda context, x: context.cos(x),
    sympy.Abs: lambda context, x: abs(x),
    sympy.sign: lambda context, x: context.sign(x),
    sympy.floor: lambda context, x: context.floor(x),
    sympy.ceiling: lambda context, x: context.ceil(x),
    sympy.Heaviside: _step,
    sympy.Max: lambda context, *args: max(args),
    sympy.Min: lambda context, *args: min(args),
    sympy.Not: lambda context, a: not a,
    sympy.Eq: lambda context, a, b: a == b,
    sympy.Ne: lambda context, a, b: a != b,
    sympy.Lt: lambda context, a, b: a < b,
    sympy.Le: lambda context, a, b: a <= b,
    sympy.Gt: lambda context, a, b: a > b,
    sympy.Ge: lambda context, a, b: a >= b,
    StopGradient: lambda context, x: x,
}
