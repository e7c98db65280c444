"""The batching interpreter.

A value's mark is its array one level below, the batch axis in front; its value is one
example of it, which has the shape, dtype and type that the program is to see.

Python can't take a branch for all examples at once: ``if x > 0`` is refused by name.  When
the question does not come from the user's own line (an index, a path condition inside a
rule), it is answered if all examples agree; else the run ends with ``NotBatched``, and the
transform runs example by example.

A NaN in a derivative may come from a branch that was not taken, and goes away in a sweep
with structural zeros (see ``masked``), which knows no batches.  The examples in which one is
met are noted in ``suspects``; the transform runs them again, by themselves.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.batching.operands import Call
from diffkit.batching.rows import how, placed
from diffkit.errors import BatchedBranchError
from diffkit.levels import Level
from diffkit.masked import holds_nan
from diffkit.rules.indexing import GETITEM
from diffkit.rules.kinds import Elementwise, Rule
from diffkit.rules.writing import PACK
from diffkit.traced import Traced, layout, plain_index

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
#: The functions that hand a question of Python's on to the level below.
_ASKING = frozenset(["__bool__", "__int__", "__index__", "concrete", "method", "<lambda>"])
_NUMBERS = (int, float, bool, complex, np.float64)


class NotBatched(Exception):
    """This run can't be done for all examples at once; ``level`` says whose run, the text why."""

    def __init__(self, level: BatchLevel, reason: str) -> None:
        self.level = level
        super().__init__(reason)


class BatchLevel(Level):
    """The interpreter of one run for ``size`` examples."""

    is_batch = True

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        #: How often each row ran example by example.
        self.looped: Counter[str] = Counter()
        #: Examples in whose derivatives a NaN was met: a mask, or None for none.
        self.suspects: Any = None
        self.refusal: NotBatched | None = None

    def lift(self, raw: Any) -> Traced:
        """The value whose array for all examples is ``raw``."""
        return Traced(self, layout(raw)[0], raw)

    def lower(self, value: Any) -> Any:
        """The array of a result for all examples; repeated, where it is the same in all of them."""
        if type(value) is Traced and value.level is self:
            return value.mark
        return Call(PACK, [value], [False], {}, self.size).lead(0)

    # --- operations ------------------------------------------------------------------------------
    def unary(self, rule: Elementwise, x: Traced) -> Any:
        return self.lift(rule.call(x.mark))

    def binary(self, rule: Elementwise, a: Any, b: Any) -> Any:
        left = a.mark if type(a) is Traced and a.level is self else None
        right = b.mark if type(b) is Traced and b.level is self else None
        if left is None and type(a) in _NUMBERS:
            return self.lift(rule.call(a, right))
        if right is None and type(b) in _NUMBERS:
            return self.lift(rule.call(left, b))
        if left is not None and right is not None and len(left.shape) == len(right.shape):
            return self.lift(rule.call(left, right))
        return self.process(rule, (a, b), {})

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if rule.kind == "custom":  # it remembers one call: each example needs one of its own
            self.give_up(f"{rule.name} has a rule of its own")
        own = [type(arg) is Traced and arg.level is self for arg in args]
        raw = [arg.mark if mine else arg for arg, mine in zip(args, own)]
        call = Call(rule, raw, own, params, self.size)
        batch = how(rule)
        result = NotImplemented if batch is None else batch(call)
        if result is NotImplemented:
            result = self._loop(call)
        if type(result) is tuple or type(result) is list:
            return tuple(self.lift(part) for part in result)
        return self.lift(result)

    def _loop(self, call: Call) -> Any:
        """The row for one example after the other."""
        self.looped[call.rule.name] += 1
        results = []
        for number in range(self.size):
            args = [GETITEM(value, index=number) if mine else value for value, mine in zip(call.raw, call.own)]
            results.append(call.rule.call(*args, **call.params))
        if type(results[0]) is tuple or type(results[0]) is list:
            return tuple(self._stack(column, call) for column in zip(*results))
        return self._stack(results, call)

    def _stack(self, results: Any, call: Call) -> Any:
        results = [value if hasattr(value, "dtype") else np.asarray(value)[()] for value in results]
        if len({value.shape for value in results}) > 1:
            self.give_up(f"{call.rule.name} has results of different sizes in the examples")
        return PACK(*results, shape=(self.size,))

    def write(self, rule: Rule, a: Any, index: Any, value: Any, write: Callable[..., Any]) -> Any:
        """A write to an array that its buffer owns: in place, in the array of all examples."""
        own = type(value) is Traced and value.level is self
        call = Call(rule, [a.mark, value.mark if own else value], [True, own], {"index": index}, self.size)
        where = placed(index, call.shape(0), self.size)
        if where is NotImplemented:
            return self.process(rule, (a, value), {"index": index})
        a.mark = write(a.mark, where, call.lifted(1, np.ndim(layout(a)[index])), rule)
        a.value = layout(a.mark)[0]
        return a

    def apart(self, a: Any, apart: Callable[[Any], Any]) -> Any:
        a.mark = apart(a.mark)
        a.value = layout(a.mark)[0]
        return a

    # --- questions -------------------------------------------------------------------------------
    def below(self, traced: Traced) -> Any:
        return traced.mark

    def concrete(self, traced: Traced, ask: Callable[[Any], Any]) -> Any:
        frame: Any = sys._getframe(1)
        while frame is not None and _is_asking(frame.f_code):
            frame = frame.f_back
        if frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
            answers = np.asarray(plain_index(traced.mark))
            if not np.array_equal(answers, np.broadcast_to(answers[:1], answers.shape)):
                self.give_up("an index or a condition inside an operation differs between the examples")
            return ask(answers[0])  # they all take one path
        raise BatchedBranchError(
            "Python asks for one answer (if, while, int, an index, a loop's count) about a value that differs "
            "between the examples of a vmap",
            "np.where(condition, a, b) for if condition: a else b; np.maximum, np.clip, np.select; "
            "np.array(table)[index] for an index into a plain array",
            "a loop over the examples in place of vmap takes each one's own branch")

    def peek(self, traced: Traced, ask: Callable[[Any], Any]) -> Any:
        if ask is not holds_nan:
            return ask(traced.mark)
        if holds_nan(traced.mark):
            flags = _ask(traced.mark, _with_nan)
            self.suspects = flags if self.suspects is None else self.suspects | flags
        return False

    def give_up(self, reason: str) -> None:
        """End the run: the transform will go example by example."""
        self.refusal = NotBatched(self, reason)
        raise self.refusal


def _is_asking(code: Any) -> bool:
    return code.co_filename.startswith(_PACKAGE) and code.co_name in _ASKING


def _ask(value: Any, question: Callable[[Any], Any]) -> Any:
    return value.level.peek(value, question) if type(value) is Traced else question(value)


def _with_nan(value: Any) -> Any:
    """Which examples hold a NaN."""
    if type(value) is Traced:
        return _ask(value, _with_nan)
    return np.isnan(value).any(axis=tuple(range(1, value.ndim)))
