"""Forward mode: dual numbers, an interpreter of their own that needs no tape.

A value of a ``DualLevel`` is primal + tangent * epsilon with epsilon^2 = 0.  Each rule is
called on the primals and its ``push`` on the tangents; a result on which no tangent
arrives is an ordinary value again.  A second-order derivative nests two levels, whose
epsilons are different numbers: perturbations can't be confused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffkit import masked
from diffkit.levels import Level
from diffkit.quiet import restore, silence
from diffkit.rules.kinds import Rule, conform
from diffkit.rules.writing import SETITEM
from diffkit.traced import Traced


class DualLevel(Level):
    """The interpreter of one forward sweep; a value's mark is its tangent."""

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        primals, tangents = [], []
        for arg in args:
            if type(arg) is Traced and arg.level is self:
                primals.append(arg.value)
                tangents.append(arg.mark)
            else:
                primals.append(arg)
                tangents.append(None)
        y = rule.call(*primals, **params)
        if rule.is_flat:
            return y
        quiet = silence()  # f's own warnings are enough; what is not finite shows in the tangent
        try:
            tangent = rule.push(y, primals, tangents, params)
        finally:
            restore(quiet)
        if tangent is None:
            return y
        if rule.outputs:
            return tuple(out if t is None else self.lift(out, t) for out, t in zip(y, tangent))
        if tangent.shape != y.shape or tangent.dtype is not y.dtype:
            tangent = conform(tangent, y.shape, y.dtype)
        return Traced(self, y, tangent)

    def write(self, rule: Rule, a: Any, index: Any, value: Any, write: Callable[..., Any]) -> Any:
        """A write to an array that its buffer owns: in place, in the primal and in the tangent."""
        own = type(value) is Traced and value.level is self
        a.value = write(a.value, index, value.value if own else value, rule)
        if own:
            a.mark = write(a.mark, index, value.mark, rule)
        elif rule is SETITEM:
            a.mark = write(a.mark, index, 0, rule)
        return a

    def apart(self, a: Any, apart: Callable[[Any], Any]) -> Any:
        a.value, a.mark = apart(a.value), apart(a.mark)
        return a

    def lift(self, value: Any, tangent: Any) -> Traced:
        """The dual number ``value + tangent epsilon``."""
        if tangent.shape != value.shape or tangent.dtype is not value.dtype:
            tangent = conform(tangent, value.shape, value.dtype)
        return Traced(self, value, tangent)

    def tangent(self, traced: Any) -> Any:
        """The tangent of a value of this level."""
        return traced.mark


class MaskedDualLevel(DualLevel):
    """Forward mode with structural zeros (see ``masked``); a mark is a tangent with its live mask."""

    # Tangents are not written in place: their masks would have to follow.
    write = Level.write
    apart = Level.apart

    def __init__(self, structural: bool) -> None:
        super().__init__()
        self.structural = structural  # whether the zeros of the tangents that are lifted are

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        own = [type(arg) is Traced and arg.level is self for arg in args]
        primals = [arg.value if mine else arg for arg, mine in zip(args, own)]
        y = rule.call(*primals, **params)
        if rule.is_flat:
            return y
        marks = [arg.mark if mine else None for arg, mine in zip(args, own)]
        quiet = silence()
        try:
            moved = masked.push(rule, y, primals, marks, params)
        finally:
            restore(quiet)
        if rule.outputs:
            return tuple(out if m is None else self._dual(out, *m) for out, m in zip(y, moved))
        return y if moved is None else self._dual(y, *moved)

    def _dual(self, value: Any, tangent: Any, live: Any) -> Traced:
        return Traced(self, value, (conform(tangent, value.shape, value.dtype), live))

    def lift(self, value: Any, tangent: Any) -> Traced:
        return self._dual(value, *masked.seed(tangent, self.structural))

    def tangent(self, traced: Any) -> Any:
        return traced.mark[0]


def dual_level(structural: bool) -> DualLevel:
    """The interpreter for a new forward run: masked, where the context asks for it."""
    return MaskedDualLevel(structural) if masked.CAREFUL.get() else DualLevel()
