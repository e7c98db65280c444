"""At repeated eigenvalues the program runs again, twice, with the values about to split.

Which basis LAPACK returns for the vectors of a repeated value is arbitrary, and so would a
derivative be that leans on it.  A run whose sweep meets such vectors (``RepeatedValuesError``)
is repeated in two random bases, on numbers that carry an infinitesimal split of the values
(``rules.repeated`` says why).  Where value and derivative are the same in both, they are right; else the
result depends on the choice, and is refused by name.

The split is a dual number of a level below all others, so the program, its tapes and
further transforms inside it run on it unchanged.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from diffkit.batching import BatchLevel, NotBatched
from diffkit.dual import DualLevel
from diffkit.rules.kinds import Rule
from diffkit.rules.repeated import SPLITTING, refuse_group
from diffkit.traced import Traced

SEEDS = (1, 2)


class SplitLevel(DualLevel):
    """The level of the infinitesimal split; it lies below all others."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.depth = 0
        self.seed = seed

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        token = SPLITTING.set(None)  # what is computed from split values is not split again
        try:
            return super().process(rule, args, params)
        finally:
            SPLITTING.reset(token)

    def parts(self, value: Any) -> tuple[Any, Any]:
        """The value and its tangent (None if it has none)."""
        if type(value) is not Traced:
            return value, None
        if isinstance(value.level, BatchLevel):
            raise NotBatched(value.level, "repeated eigenvalues")
        if value.level is not self:
            raise refuse_group("the second derivative of eigh or svd", of="")
        return value.value, value.mark

    def plain(self, value: Any) -> Any:
        """The value without the split."""
        return value.value if type(value) is Traced and value.level is self else value


@contextlib.contextmanager
def splitting(level: SplitLevel) -> Iterator[None]:
    """Decompositions inside split repeated values, by ``level``."""
    token = SPLITTING.set(level)
    try:
        yield
    finally:
        SPLITTING.reset(token)


def depends_on_basis() -> Exception:
    """The error for a result that is another one in another basis."""
    return refuse_group("a result that depends on the basis of the vectors of eigh or svd")


def agreed(answers: Sequence[Sequence[Any]], leaves: Sequence[Any], scale: float) -> list[Any]:
    """The first of several answers, if all are the same to half of the digits that the leaves have; else a refusal.

    What is 0 but for rounding is so beside numbers of size ``scale``.
    """
    eps = max((float(np.finfo(leaf.dtype).eps) for leaf in leaves), default=0.0)
    first, *others = answers
    for other in others:
        for a, b in zip(first, other):
            size = max(float(np.max(np.absolute(c), initial=0.0)) for c in (a, b))
            if not bool(np.all(np.absolute(np.subtract(a, b)) <= eps ** 0.5 * size + 1e4 * eps * scale)):
                raise depends_on_basis()  # a NaN is no answer either
    return list(first)


def largest(values: Sequence[Any]) -> float:
    """The largest absolute value in some plain arrays."""
    return max((float(np.max(np.absolute(value), initial=0.0)) for value in values), default=0.0)
