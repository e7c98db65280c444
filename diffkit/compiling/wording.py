"""The source of one operation: an operator, a method or a call, into a temporary where there is one.

    v3 = x0[1:]
    v4 = multiply(v3, c1, b0)
    b1.fill(c2); a = b1[:-1]; a += v4
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.compiling import numbers
from diffkit.compiling.naming import NAME, Names
from diffkit.compiling.plan import Step, is_basic
from diffkit.compiling.program import ENTRY, REORDERED, Function, Item, is_ufunc_call, plain, ufunc_of
from diffkit.rules.arithmetic import (
    ABSOLUTE,
    ADD,
    DIVIDE,
    FLOOR_DIVIDE,
    MULTIPLY,
    NEGATIVE,
    POWER,
    REMAINDER,
    SUBTRACT,
)
from diffkit.rules.contractions import MATMUL
from diffkit.rules.indexing import GETITEM, add_at
from diffkit.rules.kinds import TABLE
from diffkit.rules.reductions import SUM
from diffkit.rules.shapes import ASTYPE, RESHAPE, TRANSPOSE
from diffkit.rules.writing import ADD_AT, SETITEM
from diffkit.tape import PICK

INFIX = {ADD: "{} + {}", SUBTRACT: "{} - {}", MULTIPLY: "{} * {}", DIVIDE: "{} / {}", POWER: "{} ** {}",
          REMAINDER: "{} % {}", FLOOR_DIVIDE: "{} // {}", MATMUL: "{} @ {}", NEGATIVE: "-{}", ABSOLUTE: "abs({})"}
#: For numbers and for arrays without a temporary; the ufunc itself is much slower on numbers.
_COMPARED = numbers.COMPARED
_ADD_REDUCE = np.add.reduce
#: NumPy warns of a third positional argument of these.
_OUT_BY_NAME = (np.maximum, np.minimum)


class Wording(Names):
    """Writes single operations."""

    def __init__(self, namespace: dict[str, Any], objects: dict[int, str], floats: frozenset[int],
                 names: dict[int, str]) -> None:
        super().__init__(namespace, objects, floats, names)
        self._numbers: dict[Any, str] = {}

    def commented(self, text: str, *lines: str) -> str:
        """A line of source, with the user's lines behind it."""
        places = dict.fromkeys(re.sub(r"[^ -~]", "?", line.replace("\\", "/").rsplit("/", 1)[-1]) for line in lines)
        told = ""
        for place in filter(None, places):
            file, _, number = place.rpartition(":")
            told += f", {number}" if file and told.startswith(f"{file}:") else f", {place}" if told else place
        return f"{text:<64}  # {told}" if told else text

    def expression(self, item: Item, out: str | None) -> str:
        """The source that computes an item, into ``out`` if that is given."""
        args = [self.operand(arg, item) for arg in item.args]
        rule = item.rule
        if item.boxed:
            call = rule.call if rule.call is not rule else rule.fun
            return self._call(self.constant(_Boxed(call)), args, item)
        if rule is POWER:
            return self._power(item, args, out)
        if item.kind == "array" and is_ufunc_call(item):
            args = self._zero_dimensional(item, args)
        if out is None and ufunc_of(rule) in _COMPARED and any(arg.kind != "weak" for arg in item.args):
            return f"{args[0]} {_COMPARED[ufunc_of(rule)]} {args[1]}"
        if out is not None and is_ufunc_call(item):
            return self.called(item, args, out)
        if out is not None and rule is MATMUL:
            return f"{self.function('matmul', np.matmul)}({args[0]}, {args[1]}, {out})"
        if rule is SUM:
            return self._sum(item, args[0], out)
        if rule is REORDERED:
            axes = self.literal(tuple(int(axis) for axis in item.params["axes"]))
            return f"{self.function('reordered', rule.call)}({', '.join([*args, axes, *([out] if out else [])])})"
        if rule in INFIX:
            return INFIX[rule].format(*args)
        special = _SPECIAL.get(rule)
        text = special(self, item, args) if special is not None else None
        return text if text is not None else self._general(item, args)

    def called(self, item: Item, args: list[str], out: str) -> str:
        """The call of a ufunc that writes its result somewhere."""
        fun = item.rule.fun
        to = f"out={out}" if fun in _OUT_BY_NAME else out
        return f"{self.function(fun.__name__, fun)}({', '.join([*args, to])})"

    def _zero_dimensional(self, item: Item, args: list[str]) -> list[str]:
        """Constant numbers beside floating arrays as arrays without dimensions, which NumPy need not convert."""
        kinds = {arg.value.dtype for arg in item.args if arg.kind == "array"}
        for i, arg in enumerate(item.args):
            if arg.source != "constant" or arg.kind == "array" or len(kinds) != 1:
                continue
            dtype = next(iter(kinds)) if arg.kind == "weak" else arg.value.dtype
            if dtype.kind == "f" and not isinstance(arg.value, (bool, complex)):
                key = "number", arg.number, dtype
                if key not in self._numbers:
                    self._numbers[key] = self.constant(np.array(plain(arg.value), dtype))
                args[i] = self._numbers[key]
        return args

    def _general(self, item: Item, args: list[str]) -> str:
        rule = item.rule
        call = rule.call if rule.call is not rule else rule.fun
        known = isinstance(rule, Function) or TABLE.get(rule.name) is rule
        return self._call(self.function(rule.name if known else "", call), args, item)

    def _call(self, name: str, args: list[str], item: Item) -> str:
        if all(NAME.match(key) for key in item.params) and TABLE.get(item.rule.name) is item.rule:
            args = args + [f"{key}={self.literal(value)}" for key, value in item.params.items()]
        elif item.params:
            args = [*args, f"**{self.constant(item.params)}"]
        return f"{name}({', '.join(args)})"

    def _sum(self, item: Item, a: str, out: str | None) -> str:
        reduce = self.function("add_reduce", _ADD_REDUCE)
        values = [item.params.get("axis"), item.params.get("dtype"), None, item.params.get("keepdims", False)]
        texts = [self.literal(value) for value in values]
        texts[2] = out or "None"
        while len(texts) > 1 and texts[-1] in ("None", "False"):
            texts.pop()
        return f"{reduce}({', '.join([a, *texts])})"

    def _power(self, item: Item, args: list[str], out: str | None) -> str:
        base, exponent = item.args
        number = plain(exponent.value) if exponent.source == "constant" else None
        if out is None or type(number) not in (int, float) or base.kind != "array" or base.value.dtype.kind != "f":
            return f"{args[0]} ** {args[1]}"
        if number == 2:  # as the operator does it
            return f"{self.function('square', np.square)}({args[0]}, {out})"
        if number in (-1, 0, 0.5, 1):
            return f"{args[0]} ** {args[1]}"
        return f"{self.function('power', np.power)}({args[0]}, {args[1]}, {out})"

    def written(self, step: Step, name: str, out: str | None) -> list[str]:
        """``a[index] = v`` or ``a[index] += v`` in a, or in a copy of it."""
        item = step.item
        a, v = item.args
        lines = []
        if step.in_place:
            name = self._names[item.number] = self.name(a)
        elif out is not None:
            name = self._names[item.number] = out
            first = _uniform(a)
            lines.append(f"{name}.fill({self.constant(first)})" if first is not None
                         else f"{self.function('copyto', np.copyto)}({name}, {self.name(a)})")
        else:
            first = _uniform(a)
            if first is not None and first.tobytes() == bytes(first.nbytes) and item.value.flags.c_contiguous:
                zeros = self.function("zeros", np.zeros)
                lines.append(f"{name} = {zeros}({self.literal(item.shape)}, {self.constant(item.value.dtype)})")
            else:
                lines.append(f"{name} = {self.function('array', np.array)}({self.name(a)}, order='K')")
        index = item.params["index"]
        if item.rule is not ADD_AT or is_basic(index):
            sign = {SETITEM: "=", ADD_AT: "+="}.get(item.rule, "-=")
            place = f"{name}[{self.index(index)}]"
            if sign != "=" and item.value[index].ndim:  # the place is looked up once, and not assigned to itself
                place = f"a = {place}; a"
            lines.append(f"{place} {sign} {self.operand(v, item)}")
        else:
            lines.append(f"{self.function('add_at', add_at)}({name}, {self.constant(index)}, {self.name(v)})")
        lines[-1] = self.commented(lines[-1], item.line)
        return lines


def _uniform(item: Item) -> Any:
    from diffkit.compiling.optimise import uniform
    return uniform(item) if item.source == "constant" else None


class _Boxed:
    """A function that answers with a Python value, as NumPy's scalar."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call

    def __call__(self, *args: Any, **params: Any) -> Any:
        return np.asarray(self.call(*args, **params))[()]


def _reshape(emitter: Wording, item: Item, args: list[str]) -> str | None:
    return f"{args[0]}.reshape({emitter.literal(item.shape)})" if "order" not in item.params else None


def _transpose(emitter: Wording, item: Item, args: list[str]) -> str | None:
    axes = item.params["axes"]
    if axes is None or axes == (1, 0):
        return f"{args[0]}.T"
    return f"{args[0]}.transpose({emitter.literal(tuple(int(i) for i in axes))})"


def _getitem(emitter: Wording, item: Item, args: list[str]) -> str | None:
    return f"{args[0]}[{emitter.index(item.params['index'])}]"


def _astype(emitter: Wording, item: Item, args: list[str]) -> str | None:
    return f"{args[0]}.astype({emitter.constant(item.params['dtype'])})"


def _entry(emitter: Wording, item: Item, args: list[str]) -> str | None:
    text = f"{args[0]}[{item.params['position']}]"
    return f"{emitter.function('float64', np.float64)}({text})" if numbers.is_listed(item) else text


def _pick(emitter: Wording, item: Item, args: list[str]) -> str | None:
    return f"{args[0]}[{int(item.params['position'])}]"


_SPECIAL: dict[Any, Callable[[Wording, Item, list[str]], str | None]] = {
    RESHAPE: _reshape, TRANSPOSE: _transpose, GETITEM: _getitem, ASTYPE: _astype, PICK: _pick,
    ENTRY: _entry}
