"""Levels: the interpreters of running transforms, numbered in the order of their birth.

An inner transform is born later than the ones around it, so the largest number among the
arguments of a call is the innermost level, in whatever thread or generator it runs.  When a
transform ends, its level answers every question with an error: a leak is loud, and costs
nothing before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from diffkit.errors import LeakedTracerError
from diffkit.rules.kinds import Elementwise, Rule

_depths = itertools.count(1)
_NOTHING: dict[str, Any] = {}


class Level:
    """A running transform's interpreter.

    Subclasses define ``process(rule, args, params)``, which gets arguments of which at
    least one is traced at this level.
    """

    #: Whether values of this level are handles of arrays that are written to.
    is_buffers = False
    #: Whether values of this level stand for many examples at once.
    is_batch = False
    #: Whether the transform has ended.
    is_over = False
    #: Whether a transform asks for derivatives by these values (a recording for ``compile`` does not).
    differentiates = True

    def __init__(self) -> None:
        self.depth = next(_depths)

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        raise NotImplementedError

    def unary(self, rule: Elementwise, x: Any) -> Any:
        """``process`` for an elementwise rule of one operand, which is of this level."""
        return self.process(rule, (x,), _NOTHING)

    def binary(self, rule: Elementwise, a: Any, b: Any) -> Any:
        """``process`` for an elementwise rule of two operands."""
        return self.process(rule, (a, b), _NOTHING)

    #: ``binary`` where it is known that both operands are of this level, or the first or the second alone.
    both = first = second = binary

    def __init_subclass__(cls) -> None:
        if "binary" in cls.__dict__ and "both" not in cls.__dict__:  # nothing goes past a binary of a level's own
            cls.both = cls.first = cls.second = cls.binary

    def concrete(self, traced: Any, ask: Callable[[Any], Any]) -> Any:
        """Python wants to know: answer from the value (a recording level notes a guard)."""
        return ask(traced.value)

    def peek(self, traced: Any, ask: Callable[[Any], Any]) -> Any:
        """diffkit's own question about a value, which is no path condition of the user's program."""
        return ask(self.below(traced))

    def write(self, rule: Rule, a: Any, index: Any, value: Any, write: Callable[..., Any]) -> Any:
        """``rule(a, value, index)``; a level that keeps no arrays of its values may work in place.

        ``write(a, index, value, rule)`` does the same one level below.
        """
        return self.process(rule, (a, value), {"index": index})

    def apart(self, a: Any, apart: Callable[[Any], Any]) -> Any:
        """``a`` free of memory that ``write`` may change in place; ``apart`` does it one level below."""
        return a

    def below(self, traced: Any) -> Any:
        """What a value is one level below."""
        return traced.value

    def close(self) -> None:
        """End of the transform: every later use of a value of this level is a leak."""
        self.__dict__.update(_LEAKED)


def levels_made() -> int:
    """A number that grows by one with each level (and with each question)."""
    return next(_depths)


def leaked(*args: Any) -> Any:
    raise LeakedTracerError(
        "a value traced by a transform (grad, jvp, …) is used after that transform has ended",
        "return the value from the differentiated function (has_aux=True passes extra results out), "
        "or store dk.value(x), which is a plain array",
        "the function appended it to a list, a global, an attribute or a cache; or it is a generator "
        "that was consumed later")


#: What a closed level answers; plain functions, not bound methods: no reference cycle keeps the run's arrays alive.
_LEAKED: dict[str, Any] = {"is_over": True, **dict.fromkeys(
    ["process", "unary", "binary", "both", "first", "second", "write", "concrete"], leaked)}
