"""Plain numbers as Python floats.

NumPy spends 50 to 700 ns on an operation on one number, Python 20 to 40.  Sums, products, quotients,
comparisons, powers and roots have the same bits in both; exp, log, sin, … come from the C library,
a few units in the last place from NumPy's at most.

What NumPy answers with a warning and Python with an exception (1 / 0, the root of -1, the overflow of exp) ends
such a program, and f itself answers.  An overflow of a product gives inf in both; Python says nothing.

    v17 = v14 * v14
    v18 = exp(v17)
    return None, float64(v18)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from diffkit.compiling.plan import Plan
from diffkit.compiling.program import ENTRY, STRONG_FLOAT, Item, ufunc_of
from diffkit.rules.arithmetic import ABSOLUTE, ADD, DIVIDE, MULTIPLY, NEGATIVE, POSITIVE, POWER, SUBTRACT
from diffkit.rules.indexing import GETITEM
from diffkit.rules.kinds import TABLE
from diffkit.rules.trigonometric import SECH2

COMPARED: dict[Any, str] = {np.less: "<", np.less_equal: "<=", np.greater: ">", np.greater_equal: ">=",
                            np.equal: "==", np.not_equal: "!="}
#: How tightly the parts of an expression hold together.
COMPARISON, SUM, PRODUCT, SIGN, WHOLE = range(5)
_INFIX = {ADD: ("+", SUM), SUBTRACT: ("-", SUM), MULTIPLY: ("*", PRODUCT), DIVIDE: ("/", PRODUCT)}
_SQUARE = TABLE["square"]
_WRITTEN = {*_INFIX, NEGATIVE, POSITIVE, ABSOLUTE, _SQUARE}
#: Fewer operations than this are not worth a conversion.
FEWEST = 4


def _sech2(x: float) -> float:
    try:
        c = 1.0 / math.cosh(x)
    except OverflowError:
        return 0.0
    return c * c


_CALLED = {TABLE[name]: (name, getattr(math, short)) for name, short in {
    "sqrt": "sqrt", "exp": "exp", "log": "log", "sin": "sin", "cos": "cos", "tan": "tan", "tanh": "tanh",
    "sinh": "sinh", "cosh": "cosh", "arctan": "atan", "arcsin": "asin", "arccos": "acos", "arctan2": "atan2",
    "expm1": "expm1", "log1p": "log1p"}.items()}
_CALLED |= {POWER: ("power", math.pow), SECH2: ("sech2", _sech2)}


class Source(Protocol):
    """What this module asks of an emitter."""

    def raw(self, item: Item) -> str:
        """A number as Python's float."""

    def hold(self, item: Item) -> int:
        """How tightly the text of that holds together."""

    def name(self, item: Item) -> str:
        """A value as NumPy's."""

    def function(self, name: str, fun: Any) -> str:
        """A name for a function."""

    def index(self, index: Any) -> str:
        """The text of an index."""


def is_real(item: Item) -> bool:
    """Whether a value is a number that is, or can be, Python's float (or int)."""
    if item.kind == "weak":
        return isinstance(item.value, (int, float)) and not isinstance(item.value, bool)
    return item.kind == "number" and item.value.dtype == np.float64


def is_entry(item: Item) -> bool:
    """Whether a value is one entry of an array of float64, at a place known."""
    if item.rule is not GETITEM or item.kind != "number" or item.value.dtype != np.float64:
        return False
    index = item.params["index"]
    parts = index if type(index) is tuple else (index,)
    return item.args[0].kind == "array" and len(parts) == item.args[0].value.ndim \
        and all(isinstance(part, int) and not isinstance(part, bool) for part in parts)


def is_listed(item: Item) -> bool:
    """Whether a number of float64 is one of a list's, which may be Python's."""
    return item.rule is ENTRY and item.kind == "number" and item.value.dtype == np.float64


def could_be_float(item: Item) -> bool:
    """Whether Python computes the same number."""
    if item.source != "call" or item.kind != "number" or item.boxed:
        return False
    if is_entry(item) or is_listed(item):
        return True
    if item.params or not all(map(is_real, item.args)):
        return False
    if item.value.dtype == np.bool_:
        return ufunc_of(item.rule) in COMPARED
    return item.value.dtype == np.float64 and (
        item.rule is STRONG_FLOAT or item.rule in _WRITTEN or item.rule in _CALLED)


def floats_of(plan: Plan, outs: list[Any], carried: Sequence[tuple[Item, Item]] = ()) -> frozenset[int]:
    """The items to compute as Python floats; none where conversions would cost what they save.

    ``carried`` are inputs of one turn of a loop, and what the turn leaves for the next in their place.
    """
    found = {step.item.number: step.item for step in plan.steps
             if step.question is None and could_be_float(step.item)}
    if not found:
        return frozenset()
    for step in plan.steps:  # the truth of a comparison is Python's where nothing but an if looks at it
        looked_at = (step.item,) if step.question is not None and step.question.ask is not bool else \
            () if step.question is not None else step.item.args
        for item in looked_at:
            if item.number in found and item.value.dtype == np.bool_:
                del found[item.number]
    for out in outs:
        if isinstance(out, Item) and out.number in found and out.value.dtype == np.bool_:
            del found[out.number]
    computed = [item for item in found.values() if item.rule not in (STRONG_FLOAT, GETITEM, ENTRY)]
    for before, after in carried:
        if after.number in found and before.kind == "number":
            found[before.number] = before
    into = {arg.number for item in computed for arg in item.args if arg.kind == "number" and arg.source != "constant"
            and arg.number not in found}
    back = {arg.number for step in plan.steps if step.question is None and step.item.number not in found
            for arg in step.item.args if arg.number in found}
    if len(computed) < max(FEWEST, 2 * (len(into) + len(back))):
        return frozenset()
    return frozenset(found)


def literal(value: Any) -> str:
    """Source for a constant, or "" where there is none."""
    number = float(value)
    return (repr(number) if math.copysign(1.0, number) > 0 else f"({number!r})") if math.isfinite(number) else ""


def expression(source: Source, item: Item) -> tuple[str, int]:
    """The source that computes a float, and how tightly it holds together."""
    rule = item.rule
    if rule is ENTRY:
        return f"{source.name(item.args[0])}[{item.params['position']}]", WHOLE
    if rule is GETITEM:
        return f"{source.name(item.args[0])}.item({source.index(item.params['index']).rstrip(',')})", WHOLE
    if rule is STRONG_FLOAT or rule is POSITIVE:
        return source.raw(item.args[0]), source.hold(item.args[0])

    def operand(position: int, least: int) -> str:
        arg = item.args[position]
        return source.raw(arg) if source.hold(arg) >= least else f"({source.raw(arg)})"

    if rule in _INFIX:  # operators of one rank go from left to right
        sign, rank = _INFIX[rule]
        return f"{operand(0, rank)} {sign} {operand(1, rank + 1)}", rank
    if rule is NEGATIVE:
        return f"-{operand(0, WHOLE)}", SIGN
    if rule is _SQUARE:
        return f"{operand(0, WHOLE)} * {operand(0, WHOLE)}", PRODUCT
    if rule is ABSOLUTE:
        return f"abs({source.raw(item.args[0])})", WHOLE
    compared = COMPARED.get(ufunc_of(rule))
    if compared is not None:
        return f"{operand(0, SUM)} {compared} {operand(1, SUM)}", COMPARISON
    name, call = _CALLED[rule]
    return f"{source.function(name, call)}({', '.join(map(source.raw, item.args))})", WHOLE
