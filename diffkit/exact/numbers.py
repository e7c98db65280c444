"""The algebra of mpmath numbers: what the referee computes with.

Each algebra has a context of its own, so no global precision is touched and threads don't meet.
A float enters with its exact binary value.  Entries are ``mpf`` (``mpc`` where the recorded run
was complex) and Python's bools.

The SymPy column says what a function is.  Where mpmath has the same function under a name of its
own (log1p, expm1, hypot) that one is called: evaluating ``log(1 + x)`` literally would need a few
hundred digits at x = 1e-300.  What mpmath has no answer for (1/0, log of a negative number in a
branch that is not taken) is NumPy's answer: inf or nan.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from diffkit.exact import columns
from diffkit.exact.arrays import each, wrap
from diffkit.rules.kinds import Rule

#: Binary exponents beyond this count as infinite or zero: exp(exp(1000)) must end.
_HUGE = 40_000
#: Python's operators are exact or correctly rounded by themselves: no wrapper around each entry.
_OPERATORS: dict[str, Any] = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply,
                              "negative": np.negative, "positive": np.positive, "square": lambda a: a * a}


class Numbers:
    """Arithmetic at a number of decimal digits."""

    symbolic = False
    counting = False

    def __init__(self, digits: int) -> None:
        self.context = mpmath.MPContext()
        self.context.dps = digits
        self.real_type = self.context.mpf
        self.complex_type = self.context.mpc
        self.zero = self.context.mpf(0)
        self.one = self.context.mpf(1)
        self.nan = self.context.nan
        self.true, self.false = True, False
        #: Flat functions whose answer was taken from the recorded run.
        self.assumed: set[str] = set()
        self._compiled: dict[Any, Callable[..., Any]] = {}

    # --- entering -------------------------------------------------------------------------
    def scalar(self, value: Any) -> Any:
        """A plain number exactly; truth values stay truth values."""
        if type(value) in (self.real_type, self.complex_type, bool):
            return value
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
        if isinstance(value, (complex, np.complexfloating)):
            return self.complex_type(self.scalar(value.real), self.scalar(value.imag))
        if isinstance(value, np.longdouble) and np.isfinite(value):
            numerator, denominator = value.as_integer_ratio()
            return self.real_type(numerator) / denominator
        if isinstance(value, (int, np.integer)):
            return self.real_type(int(value))
        return self.real_type(float(value))

    def number(self, value: Any) -> Any:
        """An entry as a number: True counts as 1."""
        kind = type(value)
        return value if kind is self.real_type or kind is self.complex_type else self.real_type(value)

    def truth(self, value: Any) -> Any:
        """An entry as a truth value: a number is true when it is not zero."""
        return value if self.is_truth(value) else self.compare("not_equal")(value, self.zero)

    def array(self, constant: Any) -> Any:
        """A constant of the program as an object array."""
        return each(self.scalar, np.asarray(constant))

    # --- functions ------------------------------------------------------------------------
    def elementwise(self, rule: Rule, node: Any, operands: tuple[Any, ...]) -> Any:
        """A rule applied entry by entry."""
        direct = _OPERATORS.get(rule.name)
        if direct is not None:
            return wrap(direct(*operands))
        return each(self.compiled(rule, len(operands), node.dtype.kind == "c"), *operands)

    def compiled(self, rule: Rule, count: int, is_complex: bool) -> Callable[..., Any]:
        """The rule on single numbers, guarded against everything that NumPy would answer by nan or inf."""
        key = rule.name, count, is_complex
        found = self._compiled.get(key)
        if found is None:
            function = _NATIVE[rule.name](self.context) if rule.name in _NATIVE and not is_complex else self._column(
                rule, count)
            found = self._compiled[key] = self._guarded(function, rule, is_complex)
        return found

    def _column(self, rule: Rule, count: int) -> Callable[..., Any]:
        import sympy

        assert rule.symbol is not None
        names = {name: getattr(self.context, name) for name in dir(self.context) if not name.startswith("_")}
        function: Callable[..., Any] = sympy.lambdify(columns.arguments(count), columns.parse(rule.symbol),
                                                      modules=[names, "mpmath"])
        return function

    def _guarded(self, function: Callable[..., Any], rule: Rule, is_complex: bool) -> Callable[..., Any]:
        real_type, complex_type, nan = self.real_type, self.complex_type, self.nan

        def guarded(*args: Any) -> Any:
            try:
                result = function(*args)
            except (ArithmeticError, ValueError, NotImplementedError, self.context.NoConvergence):
                return self._numpy(rule, args)
            kind = type(result)
            if kind is not real_type:
                if kind is complex_type:
                    return result if is_complex else result.real if result.imag == 0 else nan
                result = self.context.convert(result)
            _, mantissa, exponent, bits = result._mpf_
            if mantissa and not -_HUGE < exponent + bits < _HUGE:
                return self.zero if exponent < 0 else self.context.inf * self.context.sign(result)
            return result

        return guarded

    def _numpy(self, rule: Rule, args: tuple[Any, ...]) -> Any:
        """NumPy's own answer at the float64 values, where mpmath has none (poles, infinities)."""
        with np.errstate(all="ignore"):
            plain = [np.complex128(a) if type(a) is self.complex_type else np.float64(a) for a in args]
            return self.scalar(rule.fun(*plain))

    def turn(self, k: int, n: int) -> Any:
        """exp(2 pi i k / n)."""
        return self.context.expjpi(self.real_type(2 * k) / n)

    def function(self, name: str) -> Callable[..., Any]:
        """One of mpmath's functions at this precision."""
        found: Callable[..., Any] = getattr(self.context, name)
        return found

    # --- comparisons and choices --------------------------------------------------------------
    @staticmethod
    def compare(name: str) -> Callable[[Any, Any], Any]:
        """``less``, ``less_equal``, ``equal``… of two numbers."""
        found: Callable[[Any, Any], Any] = _COMPARISONS[name]
        return found

    @staticmethod
    def negation(a: Any) -> Any:
        return not a

    @staticmethod
    def both(a: Any, b: Any) -> Any:
        return bool(a) and bool(b)

    @staticmethod
    def either(a: Any, b: Any) -> Any:
        return bool(a) or bool(b)

    @staticmethod
    def choose(condition: Any, a: Any, b: Any) -> Any:
        return a if condition else b

    @staticmethod
    def largest(entries: list[Any]) -> Any:
        """The largest entry itself; the first of equal ones, and NaN if there is one."""
        return functools.reduce(lambda a, b: a if a != a or a >= b else b, entries)

    @staticmethod
    def smallest(entries: list[Any]) -> Any:
        """The smallest entry itself."""
        return functools.reduce(lambda a, b: a if a != a or a <= b else b, entries)

    def absolute(self, a: Any) -> Any:
        return abs(a)

    @staticmethod
    def is_truth(value: Any) -> bool:
        """Whether an entry is a truth value rather than a number."""
        return type(value) is bool

    @staticmethod
    def frozen(a: Any) -> Any:
        """stop_gradient (``Machine.rerun`` never repeats it)."""
        return a

    def assume(self, node: Any, operands: Any, params: Any) -> None:
        """A recorded answer is used: noted by name and line."""
        self.assumed.add(f"{node.rule.name} at {node.line}")

    def total(self, entries: Any) -> Any:
        """The sum of a list of numbers, rounded once."""
        return self.context.fsum(entries)

    def dot(self, left: Any, right: Any) -> Any:
        """The sum of products, rounded once: four times as fast as one product and one sum after the other."""
        return self.context.fdot(left, right)


_COMPARISONS: dict[str, Any] = {
    "less": operator.lt, "less_equal": operator.le, "greater": operator.gt, "greater_equal": operator.ge,
    "equal": operator.eq, "not_equal": operator.ne}


def _logaddexp(context: Any) -> Callable[..., Any]:
    def function(a: Any, b: Any) -> Any:
        low, high = (a, b) if a < b else (b, a)
        return high if low == high == context.ninf else high + context.log1p(context.exp(low - high))
    return function


def _logaddexp2(context: Any) -> Callable[..., Any]:
    natural = _logaddexp(context)
    return lambda a, b: natural(a * context.ln2, b * context.ln2) / context.ln2


def _sinc(context: Any) -> Callable[..., Any]:
    return context.sincpi  # type: ignore[no-any-return]


def _power(context: Any) -> Callable[..., Any]:
    one = context.mpf(1)
    return lambda a, b: one if b == 0 else a ** b


#: mpmath's own functions for rules whose column would lose digits when taken literally.
_NATIVE: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "log1p": lambda context: context.log1p,
    "expm1": lambda context: context.expm1,
    "logaddexp": _logaddexp,
    "logaddexp2": _logaddexp2,
    "hypot": lambda context: context.hypot,
    "power": _power,
    "float_power": _power,
    "divide": lambda context: operator.truediv,
    "remainder": lambda context: lambda a, b: a - b * context.floor(a / b),
    "cbrt": lambda context: lambda a: context.cbrt(a) if a >= 0 else -context.cbrt(-a),
    "sinc": _sinc,
}
