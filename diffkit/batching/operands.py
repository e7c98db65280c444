"""Operands with and without the batch axis, brought to a form that a row can take.

``Call`` is one operation as the interpreter meets it: ``raw[i]`` is operand i one level
below, with the batch axis in front where ``own[i]``.  All shapes and ranks that are asked
for are those of one example.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from diffkit.rules.calls import as_array
from diffkit.rules.kinds import Rule
from diffkit.rules.shapes import BROADCAST_TO, RESHAPE


@dataclasses.dataclass(slots=True)
class Call:
    """One operation on operands of which some are batched."""

    rule: Rule
    raw: list[Any]
    own: list[bool]
    params: dict[str, Any]
    size: int

    def shape(self, i: int) -> tuple[int, ...]:
        """The shape of operand i in one example."""
        shape = tuple(getattr(self.raw[i], "shape", ()))
        return shape[1:] if self.own[i] else shape

    def rank(self, i: int) -> int:
        """The number of axes of operand i in one example."""
        return len(self.shape(i))

    def lead(self, i: int) -> Any:
        """Operand i with the batch axis, repeated along it if it has none."""
        value = self.raw[i]
        if self.own[i]:
            return value
        value = as_array(value)
        return BROADCAST_TO(value, shape=(self.size, *value.shape))

    def leads(self) -> list[Any]:
        """All operands with the batch axis, and of one rank."""
        rank = max(map(self.rank, range(len(self.raw))))
        found = []
        for i in range(len(self.raw)):
            value = self.lead(i)
            missing = rank + 1 - len(value.shape)
            if missing:
                value = RESHAPE(value, shape=(self.size, *(1,) * missing, *value.shape[1:]))
            found.append(value)
        return found

    def lifted(self, i: int, rank: int) -> Any:
        """Operand i with axes of length one put behind the batch axis, up to ``rank`` of its own."""
        value = self.raw[i]
        if not self.own[i]:
            return value
        missing = rank - len(value.shape) + 1
        if missing <= 0:
            return value
        return RESHAPE(value, shape=(self.size, *(1,) * missing, *value.shape[1:]))

    def aligned(self) -> list[Any]:
        """All operands, so that broadcasting meets the same axes as in one example."""
        rank = max(map(self.rank, range(len(self.raw))))
        return [self.lifted(i, rank) for i in range(len(self.raw))]

    def only(self, i: int) -> bool:
        """Whether operand i is the only batched one."""
        return self.own[i] and sum(self.own) == 1


def shifted(axis: Any, rank: int) -> Any:
    """The axis or axes (None: all) of an example, in the array with the batch axis in front."""
    if axis is None:
        return tuple(range(1, rank + 1))
    if isinstance(axis, (tuple, list)):
        return tuple(a + 1 for a in np.lib.array_utils.normalize_axis_tuple(axis, rank))
    return int(np.lib.array_utils.normalize_axis_index(axis, rank)) + 1
