"""Forward mode: dual numbers, an interpreter of their own that needs no tape.

A value of a ``DualLevel`` is primal + tangent * epsilon with epsilon^2 = 0.  Each rule is
called on the primals and its ``push`` on the tangents; a result on which no tangent
arrives is an ordinary value again.  A second-order derivative nests two levels, whose
epsilons are different numbers: perturbations can't be confused.
"""

from __future__ import annotations

from typing import Any

from diffkit.rules.kinds import Rule, conform
from diffkit.traced import Level, Traced


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
        tangent = rule.push(y, primals, tangents, params)
        if tangent is None:
            return y
        if rule.outputs:
            return tuple(out if t is None else self.lift(out, t) for out, t in zip(y, tangent))
        if tangent.shape != y.shape or tangent.dtype is not y.dtype:
            tangent = conform(tangent, y.shape, y.dtype)
        return Traced(self, y, tangent)

    def lift(self, value: Any, tangent: Any) -> Traced:
        """The dual number ``value + tangent epsilon``."""
        if tangent.shape != value.shape or tangent.dtype is not value.dtype:
            tangent = conform(tangent, value.shape, value.dtype)
        return Traced(self, value, tangent)
