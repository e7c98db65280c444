"""What was judged, as data: masks and matrices with an entry for each derivative."""

from __future__ import annotations

import dataclasses

import numpy as np

from diffkit.comparison.problem import Array

#: Words for an entry's point, beside "ok".
KINK, JUMP, VERTICAL, STAIRCASE, NOISY = "kink", "jump", "vertical", "staircase", "noisy"
#: Seconds that a look at f's kinks or steps may take.
PATIENCE = 10.0


@dataclasses.dataclass
class Judgement:
    """Masks and matrices of shape (rows, columns), by method where they differ."""

    reference: Array
    source: str
    wrong: dict[str, Array]
    undecided: Array
    unresolved: Array
    ill: Array
    words: Array
    #: One-sided slopes where ``words`` say kink.
    left: Array
    right: Array
    #: Entries where evaluations of f contradict the recorded program as the referee ran it.
    doubted: Array
    #: Kinks that show only where several inputs move together (``ties``); the slopes beside x are ``left`` to
    #: ``right``.
    tied: Array
    #: Where methods contradict each other and shaken operands explain it: the code cancels.
    cancels: Array | None = None
    #: Where a method was refuted through the noise of a rough f: that noise, else NaN.
    noise: Array | None = None

    def any_wrong(self) -> bool:
        """Whether some method is wrong at some entry."""
        return any(bool(mask.any()) for mask in self.wrong.values())

    def accused(self) -> Array:
        """Entries at which some method is wrong."""
        return np.any([np.zeros(self.words.shape, bool), *self.wrong.values()], axis=0)
