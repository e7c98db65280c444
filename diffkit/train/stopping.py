"""Stop when the watched number has not improved for a while, and go back to where it was best.

Counted as Keras counts: training ends after the ``patience``-th epoch in a row without
improvement.  (ReduceOnPlateau counts as torch: one epoch later; its module has both side by
side.)  The watched number is the validation *loss*: on few rows it moves every epoch, while
an accuracy stands still for long and ends training far too soon.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from diffkit.train.faults import TrainingError, check_count

__all__ = ["EarlyStopping"]


@dataclasses.dataclass
class EarlyStopping:
    """Watch a number that should fall.

    Parameters
    ----------
    patience : epochs in a row without improvement after which training stops.
    min_delta : what counts as an improvement is a value < best − min_delta.
    restore_best : whether :func:`fit` returns the weights of the best epoch (also when training
        ends for another reason).

    A value of NaN is no improvement.  Raises TrainingError for settings out of range.

    >>> watch = EarlyStopping(patience=2)
    >>> [watch.update(value, epoch) for epoch, value in enumerate([1.0, 0.5, 0.7, 0.6])]
    [False, False, False, True]
    >>> watch.best, watch.best_epoch
    (0.5, 1)
    """

    patience: int = 20
    min_delta: float = 0.0
    restore_best: bool = True
    best: float = dataclasses.field(default=math.inf, init=False)
    best_epoch: int = dataclasses.field(default=-1, init=False)
    waited: int = dataclasses.field(default=0, init=False)

    def __post_init__(self) -> None:
        check_count("EarlyStopping: patience", self.patience, 0)
        if not 0 <= self.min_delta < math.inf:
            raise TrainingError(f"EarlyStopping: min_delta={self.min_delta!r}", "a number of at least 0")

    def update(self, value: float, epoch: int) -> bool:
        """Take in the value of one more epoch; True when it is time to stop."""
        if value < self.best - self.min_delta:
            self.best, self.best_epoch, self.waited = float(value), int(epoch), 0
            return False
        self.waited += 1
        return self.exhausted

    @property
    def exhausted(self) -> bool:
        """Whether it said stop (or would, with the patience it has now)."""
        return self.waited >= max(self.patience, 1)

    def memory(self) -> dict[str, Any]:
        """What a checkpoint must hold: plain numbers."""
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self.waited}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Continue from what :meth:`memory` returned."""
        self.best, self.best_epoch = float(memory["best"]), int(memory["best_epoch"])
        self.waited = int(memory["waited"])
