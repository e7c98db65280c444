"""The algebra of SymPy expressions, with a count of what they would print to.

Expressions share their parts in memory, but everything one does with them (differentiate, print,
compare) walks the tree, and ``x = x*x + c`` repeated doubles the tree each time.  So the algebra
keeps the tree size of every expression it makes, and stops at the limit: nothing that can't be
walked is ever built.  For the same reason SymPy is asked to evaluate Abs, Max and relations only
where that is cheap.

Numbers: with ``readable`` a short decimal means what it says (0.1 is 1/10), and np.pi and np.e are
pi and E; otherwise floats keep their exact binary value to 40 digits.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from diffkit.exact import columns
from diffkit.exact.arrays import each
from diffkit.exact.registry import NotExact
from diffkit.rules.kinds import Rule

#: Trees up to this size are evaluated by SymPy's own rules for Abs, Max and relations.
_CHEAP = 40
#: Decimals with at most this many digits are taken as written.
_SHORT = 12
_DIGITS = 40


@functools.cache
def _constants() -> dict[float, Any]:
    """Floats that are somebody's constant: np.pi, np.log(2), 180 / np.pi …"""
    pi, log, sqrt = sympy.pi, sympy.log, sympy.sqrt
    known = [pi, sympy.E, pi / 2, pi / 4, 2 * pi, pi / 180, 180 / pi, 1 / pi, 2 / pi, sqrt(pi), 1 / sqrt(pi),
             2 / sqrt(pi), sqrt(2 * pi), 1 / sqrt(2 * pi), sqrt(2), 1 / sqrt(2), sqrt(2 / pi), log(2), log(10),
             1 / log(2), 1 / log(10), log(2 * pi), log(pi), sympy.EulerGamma]
    return {float(constant): constant for constant in known}


def _multiple(number: float) -> Any:
    """A small fraction of a known constant, when the float is one to its last bits (1/3, pi/10)."""
    for value, constant in [(1.0, sympy.Integer(1)), *_constants().items()]:
        fraction = Fraction(number / value).limit_denominator(180)
        if fraction and abs(float(fraction) * value - number) <= 4e-16 * abs(number):
            return sympy.Rational(fraction.numerator, fraction.denominator) * constant
    return None


class TooLarge(Exception):
    """The expressions outgrew the limit."""


class StopGradient(sympy.Function):  # type: ignore[misc]
    """The identity with derivative zero."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Any:
        return sympy.Integer(0)


class Expressions:
    """SymPy expressions as scalars.

    Parameters
    ----------
    limit : int
        Largest tree size of one expression.
    readable : bool
        Whether decimals and np.pi are taken for what they mean, or for their binary value.
    """

    symbolic = True
    counting = False

    def __init__(self, limit: int, readable: bool = True) -> None:
        self.limit = limit
        self.readable = readable
        self.zero, self.one = sympy.Integer(0), sympy.Integer(1)
        self.true, self.false = sympy.true, sympy.false
        #: What the recorded run assumed: (relation, line), in its order.
        self.assumptions: list[tuple[Any, str]] = []
        self._sizes: dict[Any, int] = {}

    # --- size ---------------------------------------------------------------------------------
    def size(self, expression: Any) -> int:
        """Nodes of the expression's tree."""
        known = self._sizes.get(expression)
        if known is None:
            known = 1 + sum(self.size(arg) for arg in expression.args)
            self._sizes[expression] = known
        return known

    def checked(self, expression: Any) -> Any:
        """The expression, if it is within the limit."""
        size = self.size(expression)
        if size > self.limit:
            raise TooLarge
        return expression

    # --- entering -------------------------------------------------------------------------------
    def scalar(self, value: Any) -> Any:
        """A plain number; truth values stay truth values."""
        if isinstance(value, sympy.Basic):
            return value
        if isinstance(value, (bool, np.bool_)):
            return sympy.true if value else sympy.false
        if isinstance(value, (int, np.integer)):
            return sympy.Integer(int(value))
        if isinstance(value, (complex, np.complexfloating)):
            return self.scalar(value.real) + sympy.I * self.scalar(value.imag)
        return self._real(value)

    def _real(self, value: Any) -> Any:
        number = float(value)
        if math.isnan(number):
            return sympy.nan
        if math.isinf(number):
            return sympy.oo if number > 0 else -sympy.oo
        if number == int(number) and abs(number) < 2 ** 53:
            return sympy.Integer(int(number))
        exact = Fraction(number)
        if exact.denominator <= 1024:
            return sympy.Rational(exact.numerator, exact.denominator)
        if not self.readable:
            return sympy.Float(number, _DIGITS)
        known = _constants().get(abs(number))
        if known is not None:
            return known if number > 0 else -known
        text = repr(number)
        if len(text.split("e")[0].replace(".", "").replace("-", "").strip("0")) <= _SHORT:
            return sympy.Rational(text)
        return _multiple(number) or sympy.Float(number)

    def number(self, value: Any) -> Any:
        """An entry as a number: a relation counts as 1 where it holds."""
        if self.is_truth(value):
            return self.choose(value, self.one, self.zero)
        return value

    @staticmethod
    def is_truth(value: Any) -> bool:
        """Whether an entry is a relation or a truth value rather than a number."""
        return isinstance(value, sympy.logic.boolalg.Boolean) and not isinstance(value, sympy.Symbol)

    def truth(self, value: Any) -> Any:
        """An entry as a truth value: a number is true when it is not zero."""
        return value if self.is_truth(value) else self.compare("not_equal")(value, self.zero)

    def array(self, constant: Any) -> Any:
        """A constant of the program as an object array."""
        return each(self.scalar, np.asarray(constant))

    # --- functions --------------------------------------------------------------------------------
    def elementwise(self, rule: Rule, node: Any, operands: tuple[Any, ...]) -> Any:
        """The rule's column, with the operands put in."""
        if rule.name in ("absolute", "abs", "fabs"):
            complex_entries = node.inputs[0].dtype.kind == "c"
            return each(lambda a: self.checked(self.modulus(a) if complex_entries else self.absolute(a)), *operands)
        assert rule.symbol is not None
        function = columns.substitution(rule.symbol, len(operands))
        own, occurs = columns.weight(rule.symbol, len(operands))

        def substituted(*args: Any) -> Any:
            if own + sum(count * self.size(arg) for count, arg in zip(occurs, args)) > 2 * self.limit:
                raise TooLarge
            return self.checked(sympy.sympify(function(*args)))

        return each(substituted, *operands)

    @staticmethod
    def turn(k: int, n: int) -> Any:
        """exp(2 pi i k / n)."""
        angle = sympy.Rational(2 * k, n) * sympy.pi
        return sympy.cos(angle) + sympy.I * sympy.sin(angle)

    def function(self, name: str) -> Callable[..., Any]:
        """A SymPy function by mpmath's name for it."""
        found: Callable[..., Any] = _FUNCTIONS[name]
        return found

    def absolute(self, a: Any) -> Any:
        """|a|; big arguments are left alone (SymPy would expand them)."""
        return sympy.Abs(a) if self.size(a) <= _CHEAP else sympy.Abs(a, evaluate=False)

    def modulus(self, a: Any) -> Any:
        """|a| of a complex entry, by its parts."""
        real, imaginary = _parts(a)
        return sympy.sqrt(real ** 2 + imaginary ** 2)

    def dot(self, left: Any, right: Any) -> Any:
        """The sum of products."""
        return self.total([p * q for p, q in zip(left, right)])

    def total(self, entries: list[Any]) -> Any:
        """The sum of a list, made at once."""
        if sum(self.size(entry) for entry in entries) > 2 * self.limit:
            raise TooLarge
        return self.checked(sympy.Add(*entries))

    def largest(self, entries: list[Any]) -> Any:
        return self._extreme(sympy.Max, entries)

    def smallest(self, entries: list[Any]) -> Any:
        return self._extreme(sympy.Min, entries)

    def _extreme(self, function: Any, entries: list[Any]) -> Any:
        if len(entries) == 1:
            return entries[0]
        cheap = sum(self.size(entry) for entry in entries) <= _CHEAP
        return self.checked(function(*entries) if cheap else function(*entries, evaluate=False))

    def determinant(self, matrix: Any) -> Any:
        """Without division (Berkowitz)."""
        return self.checked(matrix.det(method="berkowitz"))

    # --- relations and choices -----------------------------------------------------------------------
    def compare(self, name: str) -> Callable[[Any, Any], Any]:
        """A relation; SymPy decides it where that is cheap."""
        relation = _RELATIONS[name]

        def compare(a: Any, b: Any) -> Any:
            infinite = any(x in (sympy.oo, -sympy.oo) for x in (a, b))
            if infinite and name in ("equal", "not_equal"):  # a recorded value is finite
                return sympy.true if (a == b) == (name == "equal") else sympy.false
            if a == b and name in ("equal", "less_equal", "greater_equal", "not_equal"):
                return sympy.false if name == "not_equal" else sympy.true
            cheap = self.size(a) + self.size(b) <= _CHEAP
            return relation(a, b) if cheap else relation(a, b, evaluate=False)

        return compare

    @staticmethod
    def negation(a: Any) -> Any:
        return sympy.Not(a)

    @staticmethod
    def both(a: Any, b: Any) -> Any:
        return sympy.And(a, b)

    @staticmethod
    def either(a: Any, b: Any) -> Any:
        return sympy.Or(a, b)

    def choose(self, condition: Any, a: Any, b: Any) -> Any:
        """Piecewise((a, condition), (b, True))."""
        if condition in (True, sympy.true):
            return a
        if condition in (False, sympy.false):
            return b
        if a == b:
            return a
        cheap = self.size(condition) + self.size(a) + self.size(b) <= _CHEAP
        return self.checked(sympy.Piecewise((a, condition), (b, True)) if cheap else sympy.Piecewise(
            (a, condition), (b, True), evaluate=False))

    @staticmethod
    def frozen(a: Any) -> Any:
        """stop_gradient."""
        return a if a.is_number else StopGradient(a)

    # --- assumptions -----------------------------------------------------------------------------------
    def require(self, relation: Any, line: str) -> None:
        """Note that the expressions hold where ``relation`` does."""
        if relation != sympy.true:
            self.assumptions.append((relation, line))

    def assume(self, node: Any, operands: Any, params: Any) -> None:
        """Note what the recorded answer of a flat rule says of its operands."""
        name = node.rule.name
        if name in ("argmax", "argmin") and not params.get("keepdims"):
            self._assume_extreme(node, operands[0], params.get("axis"), name == "argmax")
            return
        if name in ("isfinite", "isinf", "isnan", "isreal", "iscomplex", "isposinf", "isneginf"):
            return  # true of all real numbers
        answer = np.asarray(node.value).ravel() if node.shape is not None else ()
        if name == "rint":
            half = sympy.Rational(1, 2)
            for entry, value in zip(operands[0].ravel(), answer):
                self.require(self.compare("less_equal")(self.absolute(entry - self.scalar(value)), half), node.line)
            return
        opaque = sympy.Function(name)(*(entry for operand in operands if isinstance(operand, np.ndarray)
                                        for entry in operand.ravel()[:6]))
        shown = sympy.Symbol(np.array2string(np.asarray(node.value), threshold=6)) if node.shape is not None else (
            sympy.Symbol("recorded"))
        self.require(sympy.Eq(opaque, shown, evaluate=False), node.line)

    def _assume_extreme(self, node: Any, a: Any, axis: Any, largest: bool) -> None:
        if axis is None:
            a, axis = a.reshape(-1), 0
        rows = np.moveaxis(a, axis, -1)
        chosen = np.asarray(node.value).reshape(rows.shape[:-1])
        for where in np.ndindex(*rows.shape[:-1]):
            row, best = rows[where], int(chosen[where])
            for i, entry in enumerate(row):
                if i != best:
                    name = "greater_equal" if largest else "less_equal"
                    self.require(self.compare(name)(row[best], entry), node.line)


def _parts(a: Any) -> Any:
    """Real and imaginary part in terms of the real symbols."""
    if sum(1 for _ in sympy.preorder_traversal(a)) > 400:
        raise NotExact("a complex number of this size is not split into its parts")
    return a.as_real_imag()


_FUNCTIONS: dict[str, Any] = {
    "sqrt": sympy.sqrt, "exp": sympy.exp, "log": sympy.log, "sign": sympy.sign, "floor": sympy.floor,
    "ceil": sympy.ceiling, "re": lambda a: _parts(a)[0], "im": lambda a: _parts(a)[1],
    "conj": lambda a: _parts(a)[0] - sympy.I * _parts(a)[1]}

_RELATIONS: dict[str, Any] = {
    "less": sympy.Lt, "less_equal": sympy.Le, "greater": sympy.Gt, "greater_equal": sympy.Ge,
    "equal": sympy.Eq, "not_equal": sympy.Ne}
