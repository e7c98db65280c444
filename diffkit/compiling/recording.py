"""The recording interpreter of ``compile``: every array of a call is an input.

It differs from ``RecordLevel`` in five ways.

* All leaves of the arguments are inputs, Python's floats too.  A Python float has no
  precision of its own (float32 times 0.1 is float32), and must not get one by being
  traced: such a value is kept as a ``WeakFloat``, which has the questions of an array
  (shape, dtype) and is handed to rules as the plain float that it is.
* Whatever Python asks of a value becomes a ``Question``: the values that are asked, how it
  is asked, and the answer.  A program is right for the calls with the same answers.
* diffkit's own questions (is there a NaN in this derivative?) are noted as such.
* It keeps the layouts of large values, not their entries (``standins``).
* A value that is looked at in a way that can't be asked again (``dk.value``, ``print``)
  makes the run a thing that can't be replayed; the reason is kept.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from diffkit.compiling.standins import StandIns
from diffkit.errors import user_line
from diffkit.keeping import is_frozen
from diffkit.masked import holds_nan
from diffkit.recording import RecordLevel
from diffkit.rules.kinds import Elementwise, Flat, Rule
from diffkit.rules.selection import WHERE
from diffkit.tape import PICK, Node
from diffkit.traced import Traced


class WeakFloat(float):
    """A Python float inside a recording."""

    shape: tuple[int, ...] = ()
    ndim, size = 0, 1
    dtype = np.dtype(np.float64)
    __slots__ = ()


class WeakInt(int):
    """A Python int inside a recording."""

    shape: tuple[int, ...] = ()
    ndim, size = 0, 1
    dtype = np.dtype(np.int64)


_PLAIN: dict[type, Callable[[Any], Any]] = {WeakFloat: float, WeakInt: int}


class Refused(Exception):
    """A run that can't become a program; the message is the reason, as the user reads it."""


class Operation(Node):
    """A node that also knows in which error state it ran, and whether its result was boxed."""

    boxed: bool
    quiet: bool
    __slots__ = ("boxed", "quiet")


class Question:
    """What was asked of a value, and the answer.  ``key`` compares answers."""

    __slots__ = ("answer", "ask", "key", "line", "node")

    def __init__(self, node: Node, ask: Callable[[Any], Any], answer: Any, line: str) -> None:
        self.node = node
        self.ask = ask
        self.answer = answer
        self.key = answer_key(answer)
        self.line = line


def answer_key(answer: Any) -> Any:
    """Something hashable that is equal for equal answers."""
    if isinstance(answer, np.ndarray):
        return answer.shape, answer.dtype.str, answer.tobytes()
    if isinstance(answer, (list, tuple)):
        return type(answer), tuple(answer_key(item) for item in answer)
    return type(answer), repr(answer) if isinstance(answer, (float, complex, np.inexact)) else answer


def is_weak_friendly(rule: Any) -> bool:
    """Whether a rule takes Python's numbers as numbers without a precision."""
    return type(rule) is Elementwise or rule is WHERE or (type(rule) is Flat and isinstance(rule.fun, np.ufunc))


def strong(value: Any) -> Any:
    """A Python number as NumPy's, which functions other than ufuncs make of it."""
    return np.int64(value) if type(value) is int else np.float64(value)


class Constant:
    """An operand that no input reaches: what it was when it was used, and the object itself."""

    __slots__ = ("original", "value")

    def __init__(self, original: Any, value: Any) -> None:
        self.original = original
        self.value = value


def _unheard(kind: str, flag: int) -> None:
    """Called for a floating-point error that the caller ignores."""


class CompileLevel(RecordLevel):
    """Records operations with their values, error states and questions, up to ``limit`` of them."""

    differentiates = False

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.questions: list[Question] = []
        self.refusal = ""
        self.aborted = False
        self.ambient = np.geterr()
        self.constants: dict[int, Constant] = {}
        self.stand_ins = StandIns()

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """The caller's error state, told apart from the silence in which derivatives are computed."""
        state = np.geterr()
        if "warn" in state.values() or "raise" in state.values():
            yield
            return
        with np.errstate(all="call", call=_unheard):
            self.ambient = np.geterr()
            yield

    def close(self) -> None:
        recorded = self.nodes
        super().close()
        self.nodes = recorded  # the program is made of them

    def refuse(self, reason: str) -> None:
        """Note why this run can't be replayed (the first reason stays)."""
        self.refusal = self.refusal or f"{reason} ({user_line()})"

    def lift(self, value: Any) -> Traced:
        kind = {float: WeakFloat, int: WeakInt}.get(type(value))
        value = value if kind is None else kind(value)
        self.stand_ins.keep(value)
        return Traced(self, value, self._node(None, {}, (), value))

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if len(self.nodes) >= self.limit:
            self.refuse(f"the program has more than {self.limit} operations")
            self.aborted = True
            raise Refused(self.refusal)
        friendly = is_weak_friendly(rule)
        inputs: list[Any] = []
        values: list[Any] = []
        for arg in args:
            if type(arg) is Traced and arg.level is self:
                inputs.append(arg.mark)
                values.append(self._operand(arg.value, friendly))
            else:
                if type(arg) is Traced:
                    self.refuse("a value is used that another transform is differentiating")
                values.append(arg)
                inputs.append(self.constant(arg))
        y = rule.call(*values, **params)
        if type(y) is tuple or type(y) is list:
            whole = self._node(rule, params, inputs, y)
            return tuple(self._traced(PICK, {"position": i}, [whole], part) for i, part in enumerate(y))
        return self._traced(rule, params, inputs, y)

    @staticmethod
    def _operand(value: Any, friendly: bool) -> Any:
        plain = _PLAIN.get(type(value))
        if plain is None:
            return value
        return plain(value) if friendly else strong(plain(value))

    def _traced(self, rule: Any, params: dict[str, Any], inputs: list[Any], y: Any) -> Traced:
        boxed = False
        if not hasattr(y, "dtype"):
            if type(y) is float:
                y = WeakFloat(y)
            elif type(y) is int:
                y = WeakInt(y)
            else:
                y, boxed = np.asarray(y)[()], True
        node = self._node(rule, params, inputs, y)
        node.boxed = boxed
        return Traced(self, y, node)

    def _node(self, rule: Any, params: dict[str, Any], inputs: Any, y: Any) -> Operation:
        node = Operation(rule, None, params, (), (), len(self.nodes),
                         getattr(y, "shape", None), getattr(y, "dtype", None))
        node.inputs, node.value, node.boxed = tuple(inputs), self.stand_ins.of(y), False
        node.line = user_line() if rule is not None else ""
        state = np.geterr()
        node.quiet = state != self.ambient
        if node.quiet and any(word in ("raise", "call", "log") for word in state.values()):
            self.refuse("np.errstate asks for errors to be raised inside f")
        self.nodes.append(node)
        return node

    def constant(self, value: Any) -> Constant:
        """An operand as it is now: the program may write to the array later."""
        if type(value) is not np.ndarray:
            return Constant(value, value)
        known = self.constants.get(id(value))
        if known is not None and is_same(known.value, value):
            return known
        found = Constant(value, frozen_copy(value))
        self.constants[id(value)] = found
        return found

    def shared(self) -> list[Any]:
        """The arrays among the constants that somebody else holds too."""
        views = Counter(id(constant.original.base) for constant in self.constants.values()
                        if constant.original.base is not None)
        return [constant.original for constant in self.constants.values() if is_shared(constant, views)]

    # --- what is asked -------------------------------------------------------------------------
    def concrete(self, traced: Traced, ask: Callable[[Any], Any]) -> Any:
        answer = ask(traced.value)
        self.questions.append(Question(traced.mark, ask, answer, user_line()))
        return answer

    def peek(self, traced: Traced, ask: Callable[[Any], Any]) -> Any:
        return self.concrete(traced, ask)

    def below(self, traced: Traced) -> Any:
        self.refuse("a value is looked at from outside the program, as dk.value or print do,")
        return traced.value


def is_nan_question(question: Question) -> bool:
    """Whether diffkit itself asked, to know if a derivative needs structural zeros."""
    return question.ask is holds_nan


def is_same(a: Any, b: Any) -> bool:
    """Whether two arrays hold the same bits."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.char in "gG":  # whose bytes include some that are not part of the number
        return bool(np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a.real), np.signbit(b.real)))
    if a.nbytes <= 1 << 16:
        return bool(a.tobytes() == b.tobytes())
    order = "F" if a.flags.fnc and b.flags.fnc else "C"
    return all(np.array_equal(part, other) for part, other in zip(_pieces(a, order), _pieces(b, order)))


def _pieces(a: Any, order: Any) -> Any:
    """The bytes of an array, its entries in this order, in pieces that fit the cache."""
    flat = np.ascontiguousarray(a.reshape(-1, order=order))
    words = flat.view(np.uint64 if flat.nbytes % 8 == 0 and flat.itemsize <= 8 else np.uint8)
    return (words[i:i + 16384] for i in range(0, words.size, 16384))


def frozen_copy(value: Any) -> Any:
    """A copy with the same memory order, or the array itself where nobody can write to it."""
    if is_frozen(value):
        return value
    if 0 in value.strides and value.size > 1:  # a broadcast array stays one
        compact = value[tuple(slice(0, 1) if s == 0 else slice(None) for s in value.strides)]
        return np.broadcast_to(compact.copy("K"), value.shape)
    return value.copy("K")


def is_shared(constant: Constant, views: Counter[int]) -> bool:
    """Whether somebody else holds the array, so that its entries may change after the run.

    ``views`` counts the constants that are views of a base, by its id: they are a recording's own.
    """
    array = constant.original
    if is_frozen(array):
        return False
    # References of ours: the Constant's, the local name's, the call's.
    if sys.getrefcount(array) > 3:
        return True
    base = array.base
    return base is not None and sys.getrefcount(base) > 2 + max(views[id(base)], 1)
