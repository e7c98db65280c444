"""A plan as straight-line NumPy source, which the user can read.

    def program(inputs):
        x0, = inputs
        b0, b1 = slots = take()
        v2 = sin(x0, b0)                                  # model.py:12
        v3 = multiply(v2, c1, b0)                         # model.py:12
        …

``x`` are inputs, ``c`` constants, ``b`` temporaries that live from call to call, ``v`` results.
Nothing of the user's enters the text but file names in comments, of which only printable ASCII is
kept; names of functions come from the table, and constants are names in the namespace.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import quiet, tree
from diffkit.compiling import numbers
from diffkit.compiling.plan import WRITES, Plan, Step, is_basic
from diffkit.compiling.program import (
    ENTRY,
    STILL,
    STRONG_FLOAT,
    Function,
    Item,
    Program,
    is_ufunc_call,
    plain,
    ufunc_of,
)
from diffkit.compiling.recording import Question, answer_key
from diffkit.compiling.rolling.loops import RESULT, Loop
from diffkit.compiling.rolling.regions import Affine
from diffkit.compiling.standins import LARGE, is_whole
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

_INFIX = {ADD: "{} + {}", SUBTRACT: "{} - {}", MULTIPLY: "{} * {}", DIVIDE: "{} / {}", POWER: "{} ** {}",
          REMAINDER: "{} % {}", FLOOR_DIVIDE: "{} // {}", MATMUL: "{} @ {}", NEGATIVE: "-{}", ABSOLUTE: "abs({})"}
#: Names that the source uses itself.
_RESERVED = ("abs", "int", "float", "inputs", "slots", "token", "n", "a", "r", "take", "give", "silence", "restore",
             "program")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
#: For numbers and for arrays without a temporary; the ufunc itself is much slower on numbers.
_COMPARED = numbers.COMPARED
_ADD_REDUCE = np.add.reduce
#: What a program returns in place of a result: it met a NaN where none was recorded.
MET_NAN = -1


class Emitter:
    """Writes the source of one plan and collects the namespace that it runs in.

    ``floats`` are the numbers of items that are computed as Python's floats.
    """

    def __init__(self, program: Program, plan: Plan, output: tree.Structure,
                 floats: frozenset[int] = frozenset(), may_be_floats: bool = False) -> None:
        self.floats = floats
        self.loops: list[str] = []
        self.may_be_floats = may_be_floats
        self._raw: dict[int, str] = {}
        self._conversions: list[str] = []
        self.program = program
        self.plan = plan
        self.namespace: dict[str, Any] = dict.fromkeys(_RESERVED)
        self.lines: list[str] = []
        self._names: dict[int, str] = {item.number: f"x{i}" for i, item in enumerate(program.inputs)}
        self._objects: dict[int, str] = {}
        self._numbers: dict[Any, str] = {}
        self._numbering = {id(question): i for i, (_, question) in enumerate(program.questions)}
        self._is_quiet = False
        self._write(output)
        self.namespace.update(abs=abs, int=int, float=float, silence=quiet.silence, restore=quiet.restore)

    @property
    def source(self) -> str:
        return "\n".join(self.lines) + "\n"

    # --- names ---------------------------------------------------------------------------------
    def name(self, item: Item) -> str:
        """How the source calls a value, a number as NumPy's."""
        if item.number in self.floats:
            return f"{self.function('float64', np.float64)}({self.raw(item)})"
        known = self._names.get(item.number)
        if known is None:
            if item.source == "constant":
                known = self._literal_number(plain(item.value)) or self.constant(item.value)
            else:
                known = f"v{item.number}"
            self._names[item.number] = known
        return known

    def raw(self, item: Item) -> str:
        """How the source calls a number as Python's float; what NumPy computed is converted once."""
        if item.kind == "weak" and item.source != "constant":
            return self.name(item)
        known = self._raw.get(item.number)
        if known is None:
            if item.source == "constant":
                known = numbers.literal(plain(item.value)) or self.constant(float(item.value))
            elif item.number in self.floats:
                known = f"v{item.number}"
            else:
                known = f"f{item.number}"
                self._conversions.append(f"{known} = float({self.name(item)})")
            self._raw[item.number] = known
        return known

    def operand(self, arg: Item, item: Item) -> str:
        """An operand of an array's operation, for which a Python float will do beside float64."""
        if arg.number in self.floats and (is_ufunc_call(item) or item.rule in WRITES) and any(
                other.kind == "array" and other.value.dtype == np.float64 for other in item.args):
            return self.raw(arg)
        return self.name(arg)

    @staticmethod
    def _literal_number(value: Any) -> str:
        if type(value) in (int, float) and value == value and abs(value) != float("inf"):
            return repr(value) if str(value)[0] != "-" else f"({value!r})"
        return repr(value) if type(value) is bool else ""

    def constant(self, value: Any) -> str:
        """A name for an object in the namespace."""
        name = self._objects.get(id(value))
        if name is None:
            name = self._objects[id(value)] = f"c{len(self._objects)}"
            self.namespace[name] = value
        return name

    def function(self, name: str, fun: Any) -> str:
        """A name for a function: its own if that is the table's or ours."""
        if not _NAME.match(name):
            return self.constant(fun)
        while self.namespace.setdefault(name, fun) is not fun:
            name += "_"
        return name

    def literal(self, value: Any) -> str:
        """Source for a parameter: numbers, slices and tuples of them as text, the rest by name."""
        kind = type(value)
        if kind in (int, bool, Affine) or value is None or value is Ellipsis:
            return repr(value)
        if kind is tuple:
            inner = ", ".join(map(self.literal, value))
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        if kind is slice and all(part is None or type(part) is int for part in (value.start, value.stop, value.step)):
            return repr(value)
        return self.constant(value)

    def index(self, index: Any) -> str:
        """The text between the brackets of ``a[…]``."""
        parts = index if type(index) is tuple else (index,)
        texts = []
        for part in parts:
            if type(part) is slice and all(p is None or type(p) in (int, Affine)
                                           for p in (part.start, part.stop, part.step)):
                start, stop, step = ("" if p is None else str(p) for p in (part.start, part.stop, part.step))
                texts.append(f"{start}:{stop}" + (f":{step}" if step else ""))
            elif type(part) is bool:
                texts.append(self.constant(np.bool_(part)))
            else:
                texts.append(self.literal(part) if not isinstance(part, tuple) else self.constant(part))
        text = ", ".join(texts)
        return text + "," if type(index) is tuple and len(parts) == 1 else text or "()"

    # --- the whole -----------------------------------------------------------------------------
    def _write(self, output: tree.Structure) -> None:
        names = [self._names[item.number] for item in self.program.inputs]
        body: list[str] = []
        steps = self._steps()
        slots = [f"b{i}" for i in range(len(self.plan.slots))]
        body.append(f"{', '.join(names)}{',' * (len(names) == 1)} = inputs" if names else "")
        if slots:
            body.append(f"{', '.join(slots)}{',' * (len(slots) == 1)} = slots = take()")
        steps += self._watch()
        steps += self._mode(False)
        body += steps
        if any("token" in line for line in steps):
            body = [*body[:1 + bool(slots)], "token = None", "try:", *("    " + line for line in steps),
                    "finally:", "    if token is not None:", "        restore(token)"]
        body += self._result(output)
        self.lines = [*self.loops, "def program(inputs):", *("    " + line for line in body if line)]

    def _steps(self) -> list[str]:
        lines: list[str] = []
        dying = self._dying()
        for position, step in enumerate(self.plan.steps):
            if step.question is not None:
                lines += self._question(step.item, step.question)
            else:
                lines += self._step(step)
            if position in dying:
                lines.append(f"del {', '.join(self.name(item) for item in dying[position])}")
        return lines

    def _dying(self) -> dict[int, list[Item]]:
        """After which step to let go of which large arrays (those in temporaries are kept)."""
        made: dict[int, Item] = {}
        last: dict[int, int] = {}
        kept = {item.number for item in (*self.plan.watched, *self.program.outs) if isinstance(item, Item)}
        for position, step in enumerate(self.plan.steps):
            item = step.item
            for arg in (item,) if step.question else item.args:
                last[arg.number] = position
            if step.question is None and item.rule in WRITES:
                kept |= {item.number, item.args[0].number}  # which may be two values of one name
            elif step.question is None and step.slot is None and item.kind == "array" and self._holds_much(item):
                made[item.number] = item
        dying: dict[int, list[Item]] = {}
        for number, item in made.items():
            if number in last and number not in kept:
                dying.setdefault(last[number], []).append(item)
        return dying

    def _holds_much(self, item: Item) -> bool:
        return any(self.program.items[root].kind == "array" and self.program.items[root].value.nbytes >= LARGE
                   for root in self.plan.roots[item.number])

    def _mode(self, is_quiet: bool) -> list[str]:
        if is_quiet == self._is_quiet:
            return []
        self._is_quiet = is_quiet
        return ["token = silence()"] if is_quiet else ["restore(token)", "token = None"]

    def _comment(self, text: str, line: str) -> str:
        where = re.sub(r"[^ -~]", "?", line.replace("\\", "/").rsplit("/", 1)[-1])
        return f"{text:<64}  # {where}" if where else text

    # --- operations ----------------------------------------------------------------------------
    def _step(self, step: Step) -> list[str]:
        item = step.item
        if item.number in self.floats:
            return self._float(item)
        if type(item.rule) is Loop:
            from diffkit.compiling.rolling.source import source_of  # whose emitter is this one
            return source_of(self, item)
        if item.rule is RESULT:
            return []
        lines = self._mode(item.quiet) if item.rule not in STILL else []
        out = None if step.slot is None else f"b{step.slot}"
        name = self.name(item)
        if item.rule in WRITES:
            return lines + self._written(step, name, out)
        return [*lines, self._comment(f"{name} = {self.expression(item, out)}", item.line)]

    def _float(self, item: Item) -> list[str]:
        """A number in Python's arithmetic, which knows no error state."""
        text = numbers.expression(self, item)
        if item.rule is STRONG_FLOAT:
            self._raw[item.number] = text
            return []
        lines, self._conversions = self._conversions, []
        return [*lines, self._comment(f"{self.raw(item)} = {text}", item.line)]

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
            return f"{self.function(rule.fun.__name__, rule.fun)}({', '.join([*args, out])})"
        if out is not None and rule is MATMUL:
            return f"{self.function('matmul', np.matmul)}({args[0]}, {args[1]}, {out})"
        if rule is SUM:
            return self._sum(item, args[0], out)
        if rule in _INFIX:
            return _INFIX[rule].format(*args)
        special = _SPECIAL.get(rule)
        text = special(self, item, args) if special is not None else None
        return text if text is not None else self._general(item, args)

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
        if all(_NAME.match(key) for key in item.params) and TABLE.get(item.rule.name) is item.rule:
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

    def _written(self, step: Step, name: str, out: str | None) -> list[str]:
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
            lines.append(f"{name}[{self.index(index)}] {sign} {self.operand(v, item)}")
        else:
            lines.append(f"{self.function('add_at', add_at)}({name}, {self.constant(index)}, {self.name(v)})")
        lines[-1] = self._comment(lines[-1], item.line)
        return lines

    # --- questions -------------------------------------------------------------------------------
    def _question(self, item: Item, question: Question) -> list[str]:
        number = self._numbering[id(question)]
        name = self.raw(item) if question.ask is bool and item.number in self.floats else self.name(item)
        give_back = "give(slots); " if self.plan.slots else ""
        if question.ask is bool:
            test = f"not {name}" if question.answer else name
            leave = f"return {number}, {not question.answer}"
        elif type(question.answer) is int and question.ask in (int, operator.index):
            test, leave = f"(a := int({name})) != {question.answer}", f"return {number}, a"
        else:
            ask = self.constant(question.ask)
            test = f"({self.constant(answer_key)}(a := {ask}({name})) != {self.constant(question.key)})"
            leave = f"return {number}, a"
        return [self._comment(f"if {test}: {give_back}{leave}", question.line)]

    def _watch(self) -> list[str]:
        """One test for all derivatives in which diffkit looked for NaN."""
        terms = []
        for item in self.plan.watched:
            name = self.raw(item) if item.number in self.floats else self.name(item)
            if item.kind == "number":
                terms.append(f"{name} * {name}")
            elif item.value.flags.c_contiguous and item.value.dtype.char in "fdFD":
                terms.append(f"{self.function('vdot', np.vdot)}({name}, {name})")
            else:
                terms.append(f"{self.function('nan_sum', _nan_sum)}({name})")
        if not terms:
            return []
        give_back = "give(slots); " if self.plan.slots else ""
        is_quiet = any(item.number not in self.floats for item in self.plan.watched)
        return [*self._mode(is_quiet), f"n = {' + '.join(terms)}",
                self._comment(f"if n != n: {give_back}return {MET_NAN}, None", "is there a NaN in a derivative?")]

    # --- the result -------------------------------------------------------------------------------
    def _result(self, output: tree.Structure) -> list[str]:
        """The result's container, of arrays that are the caller's own."""
        given: set[int] = set()
        texts = []
        for out in self.program.outs:
            if isinstance(out, Item):
                texts.append(self._own(out, given))
            elif isinstance(out, np.ndarray):
                texts.append(f"{self.function('array', np.array)}({self.constant(out)}, order='K')")
            else:
                texts.append(self.constant(out))
        lines = []
        leaves = [f"r{i}" for i in range(len(texts))]
        lines += [f"{leaf} = {text}" for leaf, text in zip(leaves, texts) if leaf != text]
        if self.plan.slots:
            lines.append("give(slots)")
        return [*lines, f"return None, {self._container(output, iter(leaves))}"]

    def _own(self, out: Item, given: set[int]) -> str:
        """An expression for a result that shares its memory with nothing else."""
        name = self.name(out)
        if out.kind != "array":
            return name
        roots = self.plan.roots[out.number]
        own = all(root not in given and self.program.items[root].source == "call" for root in roots)
        given |= roots
        if own and is_whole(out.value):
            return name
        return f"{self.function('array', np.array)}({name}, order='K')"

    def _container(self, structure: tree.Structure, leaves: Any) -> str:
        """Source that builds a container of plain kinds; others are rebuilt by ``tree``."""
        kind = structure.kind
        if kind is None:
            return str(next(leaves))
        if kind is type(None):
            return "None"
        if structure.prototype is not None:
            inner = ", ".join(next(leaves) for _ in range(structure.size))
            return f"{self.constant(tree.unflatten)}({self.constant(structure)}, [{inner}])"
        parts = [self._container(child, leaves) for child in structure.children]
        if kind is dict:
            keys = [self.constant(key) for key in structure.keys]
            return "{" + ", ".join(f"{key}: {part}" for key, part in zip(keys, parts)) + "}"
        if kind is list:
            return f"[{', '.join(parts)}]"
        if hasattr(kind, "_fields"):
            return f"{self.constant(kind)}({', '.join(parts)})"
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})"


def _uniform(item: Item) -> Any:
    from diffkit.compiling.optimise import uniform
    return uniform(item) if item.source == "constant" else None


def _nan_sum(value: Any) -> Any:
    return np.add.reduce(value, axis=None)


class _Boxed:
    """A function that answers with a Python value, as NumPy's scalar."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call

    def __call__(self, *args: Any, **params: Any) -> Any:
        return np.asarray(self.call(*args, **params))[()]


def _reshape(emitter: Emitter, item: Item, args: list[str]) -> str | None:
    return f"{args[0]}.reshape({emitter.literal(item.shape)})" if "order" not in item.params else None


def _transpose(emitter: Emitter, item: Item, args: list[str]) -> str | None:
    axes = item.params["axes"]
    if axes is None or axes == (1, 0):
        return f"{args[0]}.T"
    return f"{args[0]}.transpose({emitter.literal(tuple(int(i) for i in axes))})"


def _getitem(emitter: Emitter, item: Item, args: list[str]) -> str | None:
    return f"{args[0]}[{emitter.index(item.params['index'])}]"


def _astype(emitter: Emitter, item: Item, args: list[str]) -> str | None:
    return f"{args[0]}.astype({emitter.constant(item.params['dtype'])})"


def _entry(emitter: Emitter, item: Item, args: list[str]) -> str | None:
    text = f"{args[0]}[{item.params['position']}]"
    return f"{emitter.function('float64', np.float64)}({text})" if numbers.is_listed(item) else text


def _pick(emitter: Emitter, item: Item, args: list[str]) -> str | None:
    return f"{args[0]}[{int(item.params['position'])}]"


_SPECIAL: dict[Any, Callable[[Emitter, Item, list[str]], str | None]] = {
    RESHAPE: _reshape, TRANSPOSE: _transpose, GETITEM: _getitem, ASTYPE: _astype, PICK: _pick,
    ENTRY: _entry}
