"""A program: operations in the order in which they are computed, each on earlier ones.

``Item`` is one value: an input of the call, a constant, or a rule applied to items.  It carries
the value that it had in the recorded run, which tells shape, dtype, memory order and what is
a view of what: programs are specialised to these, so they hold at every replay.

``Builder`` adds items and never adds one twice: equal operations on equal operands are one
(common subexpressions), operations on constants are constants, and ``simplify`` says what
is cheaper and exactly equal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.compiling.recording import (
    CompileLevel,
    Constant,
    Operation,
    Question,
    WeakFloat,
    WeakInt,
    is_nan_question,
    is_weak_friendly,
)
from diffkit.compiling.standins import StandIns, is_stand_in
from diffkit.rules.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATIVE
from diffkit.rules.indexing import GETITEM
from diffkit.rules.kinds import TABLE, Elementwise, Flat
from diffkit.rules.shapes import TRANSPOSE

Simplify = Callable[["Builder", Any, list["Item"], dict[str, Any], Any], Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Function:
    """Something a program calls that is no row of the table."""

    name: str
    call: Callable[..., Any]

    @property
    def fun(self) -> Callable[..., Any]:
        return self.call


#: Python's numbers as NumPy's, for functions that are not ufuncs.
STRONG_FLOAT = Function("float64", np.float64)
STRONG_INT = Function("int64", np.int64)


def _subtract_at(a: Any, v: Any, index: Any) -> Any:
    out = np.array(a, order="K")
    out[index] -= v
    return out


def _entry(values: Any, position: int) -> Any:
    return values[position]


def _stacked(values: Any) -> Any:
    return np.concatenate(values).reshape(len(values), *values[0].shape)


def _reordered(a: Any, axes: tuple[int, ...], out: Any = None) -> Any:
    """A copy of a whose axes lie in this order in memory, the last one innermost."""
    if out is not None:
        np.copyto(out, a)
        return out
    return np.array(a.transpose(axes), order="C").transpose(np.argsort(axes))


def _shifted(first: Any, rows: Any) -> Any:
    return np.concatenate((first[None], rows[:-1]))


#: One entry of a list of values; a list of arrays as the rows of one; the rows of the turns before.
ENTRY, STACKED, SHIFTED = Function("entry", _entry), Function("stacked", _stacked), Function("shifted", _shifted)
#: A copy in another memory order.
REORDERED = Function("reordered", _reordered)
#: Rules that compute nothing, so that the error state does not matter to them.
STILL = frozenset([GETITEM, TRANSPOSE, ENTRY, STACKED, SHIFTED, REORDERED])
#: ``a[index] -= v`` for an index that names no entry twice.
SUBTRACT_AT = Function("subtract_at", _subtract_at)


class Item:
    """One value of a program.

    ``source`` is "input", "constant" or "call"; ``value`` the value in the recorded run (a
    constant's own); ``original`` the user's object of a constant; ``kind`` "array", "number"
    (NumPy's), "weak" (Python's), "several" or "other".
    """

    __slots__ = ("args", "boxed", "kind", "line", "number", "original", "params", "quiet", "rule", "source", "value")

    def __init__(self, number: int, source: str, value: Any, rule: Any = None, args: Sequence[Item] = (),
                 params: dict[str, Any] | None = None, line: str = "", quiet: bool = False,
                 boxed: bool = False) -> None:
        self.number = number
        self.source = source
        self.value = value
        self.rule = rule
        self.args = tuple(args)
        self.params = params or {}
        self.line = line
        self.quiet = quiet
        self.boxed = boxed
        self.original: Any = None
        self.kind = kind_of(value)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value)

    @property
    def dtype(self) -> Any:
        """NumPy's dtype, or the Python type of a weak number: what promotion looks at."""
        return type(self.value) if self.kind == "weak" else getattr(self.value, "dtype", None)

    def is_like(self, value: Any) -> bool:
        """Whether this item may stand for ``value``: same kind, shape and dtype."""
        if self.kind != kind_of(value):
            return False
        if self.kind == "weak":
            return type(plain(self.value)) is type(plain(value))
        return self.shape == np.shape(value) and bool(self.dtype == value.dtype)

    def __repr__(self) -> str:
        return f"<{self.number}: {self.rule.name if self.rule else self.source}>"


def kind_of(value: Any) -> str:
    if type(value) is np.ndarray:
        return "array"
    if isinstance(value, np.generic):
        return "number"
    if isinstance(value, (int, float, complex)):
        return "weak"
    return "several" if isinstance(value, (tuple, list)) else "other"


def plain(value: Any) -> Any:
    """A weak number as Python's own."""
    return float(value) if type(value) is WeakFloat else int(value) if type(value) is WeakInt else value

#: How often one operation is simplified: what comes out may be simpler still.
MOST_TIMES = 4


class Builder:
    """Makes items, each distinct one once."""

    def __init__(self, simplify: Simplify, stand_ins: StandIns | None = None) -> None:
        self.stand_ins = stand_ins or StandIns()
        self.items: list[Item] = []
        self.simplify = simplify
        self._known: dict[Any, Item] = {}
        self.simplified = 0
        self.is_quiet: bool | None = None  # while an operation is simplified

    def input(self, value: Any) -> Item:
        return self._new("input", value)

    def constant(self, value: Any, original: Any = None) -> Item:
        key = ("constant", freeze(value))
        item = self._known.get(key)
        if item is None:
            item = self._known[key] = self._new("constant", value)
            item.original = value if original is None else original
        return item

    def call(self, rule: Any, args: Sequence[Item], params: dict[str, Any], value: Any, line: str = "",
             quiet: bool = False, boxed: bool = False) -> Item:
        """The item for ``rule(*args, **params)``, whose value was ``value``."""
        if not boxed:
            around, self.is_quiet = self.is_quiet, quiet
            for _ in range(MOST_TIMES):
                found = self.simplify(self, rule, list(args), params, value)
                self.simplified += found is not None
                if found is None or isinstance(found, Item):
                    break
                rule, args, params = found
            self.is_quiet = around
            if isinstance(found, Item):
                return found
        pure = isinstance(rule, Function) or TABLE.get(rule.name) is rule or rule.kind == "pick"
        if pure and args and all(arg.source == "constant" for arg in args) and kind_of(value) in ("array", "number"):
            if is_stand_in(value):
                value = rule.call(*(plain(arg.value) for arg in args), **params)
            return self.constant(value.copy("K") if type(value) is np.ndarray and 0 not in value.strides else value)
        key: Any = None
        if pure:
            numbers = [arg.number for arg in args]
            if rule is ADD or rule is MULTIPLY:
                numbers.sort()
            key = (id(rule), tuple(numbers), freeze(params), boxed)
            known = self._known.get(key)
            if known is not None:
                known.quiet = known.quiet and quiet
                return known
        item = self._new("call", value, rule, args, params, line, quiet, boxed)
        if key is not None:
            self._known[key] = item
        return item

    def again(self, rule: Any, args: Sequence[Item], params: dict[str, Any] | None = None) -> Item:
        """A new operation of the simplifier's own; its value is computed here."""
        params = params or {}
        with np.errstate(all="ignore"):
            value = rule.call(*(plain(arg.value) for arg in args), **params)
        if any(arg.source != "constant" for arg in args):
            value = self.stand_ins.of(value)
        quiet = self.is_quiet
        if quiet is None:
            quiet = all(arg.quiet for arg in args if arg.source == "call")
        line = next((arg.line for arg in args if arg.line), "")
        return self.call(rule, args, params, value, line, quiet)

    def _new(self, source: str, value: Any, *rest: Any) -> Item:
        item = Item(len(self.items), source, value, *rest)
        self.items.append(item)
        return item


_BY_REPR = (int, float, complex, bool, str, type(None), type(Ellipsis))


def freeze(value: Any) -> Any:
    """A hashable key: equal for values that can't be told apart, by type and sign of zero too."""
    kind = type(value)
    if kind is np.ndarray:
        if value.dtype.kind == "O" or (value.nbytes > 1 << 20 and 0 not in value.strides):
            return kind, id(value)
        if 0 in value.strides and value.size > 1:
            compact = value[tuple(slice(0, 1) if s == 0 else slice(None) for s in value.strides)]
            return kind, value.shape, value.dtype.str, "repeated", compact.tobytes()
        return kind, value.shape, value.dtype.str, value.strides, value.tobytes()
    if kind in (tuple, list):
        return kind, tuple(freeze(item) for item in value)
    if kind is dict:
        return kind, tuple((name, freeze(item)) for name, item in sorted(value.items()))
    if kind is slice:
        return kind, freeze(value.start), freeze(value.stop), freeze(value.step)
    if kind in _BY_REPR or isinstance(value, (np.generic, np.dtype)):
        return kind, repr(value), getattr(value, "dtype", None)
    return kind, id(value)


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """All that a path computes: its inputs, its items, its questions (item, question), its result's leaves.

    ``bounded`` are items whose entries have to be small enough for the program to be right.
    """

    items: list[Item]
    inputs: list[Item]
    questions: list[tuple[Item, Question]]
    outs: list[Any]
    simplified: int
    bounded: tuple[Item, ...] = ()

    def needed(self) -> dict[int, Item]:
        """What results and questions need, by number."""
        found: dict[int, Item] = {}
        waiting = [out for out in self.outs if isinstance(out, Item)]
        waiting += [item for item, question in self.questions if not is_nan_question(question)]
        while waiting:
            item = waiting.pop()
            if item.number not in found:
                found[item.number] = item
                waiting += item.args
        return found


def build(level: CompileLevel, inputs: Sequence[Operation], outs: Sequence[Any], simplify: Simplify) -> Program:
    """The program of a recording.  ``outs`` are nodes, or leaves that no input reaches."""
    builder = Builder(simplify, level.stand_ins)
    found: dict[int, Item] = {}
    for given in inputs:
        found[given.index] = builder.input(given.value)
    for node in level.nodes:
        if node.rule is None:
            continue
        assert isinstance(node, Operation)
        friendly = is_weak_friendly(node.rule)
        args = []
        for operand in node.inputs:
            if type(operand) is Constant:
                arg = builder.constant(operand.value, operand.original)
            else:
                arg = found[operand.index]
                if arg.kind == "weak" and not friendly:
                    arg = builder.again(STRONG_INT if isinstance(arg.value, int) else STRONG_FLOAT, [arg])
            args.append(arg)
        found[node.index] = builder.call(node.rule, args, node.params, node.value, node.line,
                                         node.quiet, node.boxed)
    questions = [(found[question.node.index], question) for question in level.questions]
    results = [found[out.index] if isinstance(out, Operation) else out for out in outs]
    _fold_signs(builder, questions, results)
    return Program(builder.items, [found[node.index] for node in inputs], questions, results, builder.simplified)


def _fold_signs(builder: Builder, questions: Sequence[Any], results: Sequence[Any]) -> None:
    """-(c * a) as (-c) * a where nobody else needs c * a: the signs that met no addition."""
    uses: dict[int, int] = {}
    for used in (*(arg for item in builder.items for arg in item.args), *(item for item, _ in questions),
                 *(out for out in results if isinstance(out, Item))):
        uses[used.number] = uses.get(used.number, 0) + 1
    for item in builder.items:
        if item.rule is not NEGATIVE or item.boxed:
            continue
        product = item.args[0]
        if product.rule in (MULTIPLY, DIVIDE) and uses[product.number] == 1 and product.dtype in _REAL:
            for i, factor in enumerate(product.args):
                if factor.source == "constant" and (isinstance(factor.value, (float, np.floating))
                                                    or (factor.kind == "array" and factor.value.nbytes <= 1 << 16)):
                    args = list(product.args)
                    args[i] = builder.constant(-factor.value)
                    item.rule, item.args = product.rule, tuple(args)
                    break


_REAL = (np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.float16), np.dtype(np.longdouble))


def is_ufunc_call(item: Item) -> bool:
    """Whether an item is one call of a ufunc with one result, so that ``out=`` may be given."""
    if item.source != "call" or item.params or item.boxed:
        return False
    fun = ufunc_of(item.rule)
    return fun is not None and fun.nout == 1 and fun.nin == len(item.args)


def ufunc_of(rule: Any) -> np.ufunc | None:
    """The ufunc that an elementwise or flat row is."""
    fun = getattr(rule, "fun", None)
    return fun if isinstance(fun, np.ufunc) and type(rule) in (Elementwise, Flat) else None
