"""Lower the learning rate when a measured number stops improving.

It can't be a function of the step alone, so this one schedule is an object with a memory.
It is itself a schedule (called with any step it returns its present rate), so an optimizer
takes it as ``lr``; its memory is a dict of plain numbers that a checkpoint can hold.

It counts as torch does: the rate falls at the (patience + 1)-th epoch without improvement.
Early stopping counts as Keras does: it stops at the patience-th.  Side by side, patience=2,
the metric at 1.0 from the first epoch on:

    epoch                       1     2     3     4
    bad epochs so far           0     1     2     3
    ReduceOnPlateau(patience=2) keep  keep  keep  reduce
    EarlyStopping(patience=2)   go    go    stop
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Literal

from diffkit.schedules.faults import ScheduleError, check_number, check_steps

__all__ = ["ReduceOnPlateau"]


@dataclasses.dataclass
class ReduceOnPlateau:
    """Multiply lr by ``factor`` after more than ``patience`` epochs without improvement (as torch).

    Parameters
    ----------
    lr : the rate to start from.
    factor : in (0, 1).
    patience : epochs without improvement that are tolerated.
    threshold, threshold_mode : an improvement is a metric < best·(1 − threshold) ("rel"; for mode="max"
        > best·(1 + threshold)) or < best − threshold ("abs"; > best + threshold).
    cooldown : epochs after a reduction in which nothing is counted.
    min_lr : the rate never falls below it.
    mode : "min" or "max".

    Raises ScheduleError for an argument out of range.  A metric of NaN is no improvement.

    >>> plateau = ReduceOnPlateau(1.0, patience=2)
    >>> [plateau.step(metric) for metric in (1.0, 1.0, 1.0, 1.0)]
    [1.0, 1.0, 1.0, 0.1]
    >>> plateau(step=12345)
    0.1
    """

    lr: float
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: int = 0
    min_lr: float = 0.0
    mode: Literal["min", "max"] = "min"
    best: float = dataclasses.field(init=False, repr=False)
    bad_epochs: int = dataclasses.field(default=0, init=False, repr=False)
    cooldown_left: int = dataclasses.field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        check_number("ReduceOnPlateau", "lr", self.lr)
        check_number("ReduceOnPlateau", "factor", self.factor, 0, math.nextafter(1, 0), open_low=True)
        check_steps("ReduceOnPlateau", "patience", self.patience, 0)
        check_number("ReduceOnPlateau", "threshold", self.threshold)
        check_steps("ReduceOnPlateau", "cooldown", self.cooldown, 0)
        check_number("ReduceOnPlateau", "min_lr", self.min_lr)
        if self.threshold_mode not in ("rel", "abs"):
            raise ScheduleError(f"ReduceOnPlateau: threshold_mode={self.threshold_mode!r}", '"rel" or "abs"')
        if self.mode not in ("min", "max"):
            raise ScheduleError(f"ReduceOnPlateau: mode={self.mode!r}", '"min" or "max"')
        self.best = math.inf if self.mode == "min" else -math.inf

    def __call__(self, step: int) -> float:
        """The present rate, whatever the step."""
        return self.lr

    def step(self, metric: float) -> float:
        """Take in the metric of one more epoch and return the rate to use from now on."""
        if self._improves(metric):
            self.best, self.bad_epochs = float(metric), 0
        else:
            self.bad_epochs += 1
        if self.cooldown_left > 0:
            self.cooldown_left -= 1
            self.bad_epochs = 0
        if self.bad_epochs > self.patience:
            lowered = max(self.lr * self.factor, self.min_lr)
            if self.lr - lowered > 1e-8:  # torch's eps: a smaller change is none
                self.lr = lowered
            self.cooldown_left, self.bad_epochs = self.cooldown, 0
        return self.lr

    def _improves(self, metric: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "abs" or math.isinf(self.best):
            bound = self.best - sign * self.threshold
        else:
            bound = self.best * (1 - sign * self.threshold)
        return sign * metric < sign * bound

    def memory(self) -> dict[str, float]:
        """What a checkpoint must hold: plain numbers (``best`` may be infinite)."""
        return {"lr": self.lr, "best": self.best, "bad_epochs": self.bad_epochs,
                "cooldown_left": self.cooldown_left}

    def restore(self, memory: Mapping[str, float]) -> None:
        """Continue from what :meth:`memory` returned.  Raises ScheduleError if a number is missing."""
        try:
            self.lr, self.best = float(memory["lr"]), float(memory["best"])
            self.bad_epochs, self.cooldown_left = int(memory["bad_epochs"]), int(memory["cooldown_left"])
        except KeyError as missing:
            raise ScheduleError(f"the memory of a ReduceOnPlateau lacks {missing}",
                                "what memory() returned") from None
