"""Schedules that also go up: warm-up, restarts, cycles, and one schedule after another.

As in :mod:`diffkit.schedules.decays`: frozen dataclasses, called with the step from 0.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Literal

from diffkit.schedules.decays import cosine
from diffkit.schedules.faults import ScheduleError, check_number, check_steps

__all__ = ["Schedule", "cosine_restarts", "cyclic", "join", "one_cycle", "warmup", "warmup_cosine"]

Schedule = Callable[[int], float]


@dataclasses.dataclass(frozen=True)
class warmup:
    """From ``start`` in a straight line to ``inner(0)``, then ``inner`` from its own step 0.

    At step 0 the rate is ``start``: with 0 the first step moves nothing.

    >>> schedule = warmup(cosine(1.0, 100), 4, start=0.2)
    >>> [round(schedule(t), 3) for t in (0, 2, 4, 54)]
    [0.2, 0.6, 1.0, 0.5]
    """

    inner: Schedule
    warmup_steps: int
    start: float = 0.0

    def __post_init__(self) -> None:
        if not callable(self.inner):
            raise ScheduleError(f"warmup: inner={self.inner!r}", "a schedule: warmup(constant(0.1), 100)")
        check_steps("warmup", "warmup_steps", self.warmup_steps, 0)
        check_number("warmup", "start", self.start)

    def __call__(self, step: int) -> float:
        if step >= self.warmup_steps:
            return float(self.inner(step - self.warmup_steps))
        return float(self.start + (self.inner(0) - self.start) * step / self.warmup_steps)


@dataclasses.dataclass(frozen=True)
class warmup_cosine:
    """Warm-up to lr, then cosine to ``end`` at ``total_steps`` (optax.warmup_cosine_decay_schedule).

    ``total_steps`` counts the warm-up.

    >>> [round(warmup_cosine(1.0, 10, 110)(t), 3) for t in (0, 5, 10, 60, 110)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    lr: float
    warmup_steps: int
    total_steps: int
    start: float = 0.0
    end: float = 0.0

    def __post_init__(self) -> None:
        check_number("warmup_cosine", "lr", self.lr)
        check_steps("warmup_cosine", "warmup_steps", self.warmup_steps, 0)
        check_steps("warmup_cosine", "total_steps", self.total_steps, self.warmup_steps + 1)
        check_number("warmup_cosine", "start", self.start)
        check_number("warmup_cosine", "end", self.end)

    def __call__(self, step: int) -> float:
        if step < self.warmup_steps:
            return float(self.start + (self.lr - self.start) * step / self.warmup_steps)
        return cosine(self.lr, self.total_steps - self.warmup_steps, self.end)(step - self.warmup_steps)


@dataclasses.dataclass(frozen=True)
class cosine_restarts:
    """Cosine from lr to ``end`` over ``period`` steps, again and again, each period ``mult`` times longer.

    Source: SGDR (Loshchilov & Hutter 2017), torch CosineAnnealingWarmRestarts.

    >>> [round(cosine_restarts(1.0, 10, mult=2)(t), 3) for t in (0, 5, 10, 20, 30)]
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """

    lr: float
    period: int
    mult: int = 1
    end: float = 0.0

    def __post_init__(self) -> None:
        check_number("cosine_restarts", "lr", self.lr)
        check_steps("cosine_restarts", "period", self.period)
        check_steps("cosine_restarts", "mult", self.mult)
        check_number("cosine_restarts", "end", self.end)

    def __call__(self, step: int) -> float:
        period = self.period
        if self.mult == 1:
            step %= period
        while step >= period:
            step -= period
            period *= self.mult
        return cosine(self.lr, period, self.end)(step)


@dataclasses.dataclass(frozen=True)
class cyclic:
    """A triangle wave between lr and ``max_lr`` (Smith 2017; torch CyclicLR).

    mode="triangular" keeps its height, "triangular2" halves it every cycle, "exp_range"
    multiplies it by gamma^t.  ``step_size_down`` None: as long as up.

    >>> [round(cyclic(0.1, 0.5, 4)(t), 2) for t in (0, 2, 4, 6, 8)]
    [0.1, 0.3, 0.5, 0.3, 0.1]
    """

    lr: float
    max_lr: float
    step_size_up: int
    step_size_down: int | None = None
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    gamma: float = 1.0

    def __post_init__(self) -> None:
        check_number("cyclic", "lr", self.lr)
        check_number("cyclic", "max_lr", self.max_lr, self.lr)
        check_steps("cyclic", "step_size_up", self.step_size_up)
        if self.step_size_down is not None:
            check_steps("cyclic", "step_size_down", self.step_size_down)
        if self.mode not in ("triangular", "triangular2", "exp_range"):
            raise ScheduleError(f"cyclic: mode={self.mode!r}", '"triangular", "triangular2" or "exp_range"')
        check_number("cyclic", "gamma", self.gamma)

    def __call__(self, step: int) -> float:
        down = self.step_size_up if self.step_size_down is None else self.step_size_down
        cycle, position = divmod(step, self.step_size_up + down)
        if position <= self.step_size_up:
            height = position / self.step_size_up
        else:
            height = (self.step_size_up + down - position) / down
        scale = {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": self.gamma**step}[self.mode]
        return float(self.lr + (self.max_lr - self.lr) * height * scale)


@dataclasses.dataclass(frozen=True)
class one_cycle:
    """Up to ``lr`` and down to almost nothing (Smith & Topin 2018; torch OneCycleLR, two phases).

    Starts at lr/div_factor, reaches lr at step pct_start·total_steps − 1, and ends at
    lr/(div_factor·final_div_factor) at step total_steps − 1.  ``anneal``: "cos" or "linear".

    >>> [round(one_cycle(1.0, 100)(t), 3) for t in (0, 29, 99)]
    [0.04, 1.0, 0.0]
    """

    lr: float
    total_steps: int
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    anneal: Literal["cos", "linear"] = "cos"

    def __post_init__(self) -> None:
        check_number("one_cycle", "lr", self.lr)
        check_steps("one_cycle", "total_steps", self.total_steps, 2)
        check_number("one_cycle", "pct_start", self.pct_start, 0, 1)
        check_number("one_cycle", "div_factor", self.div_factor, open_low=True)
        check_number("one_cycle", "final_div_factor", self.final_div_factor, open_low=True)
        if self.anneal not in ("cos", "linear"):
            raise ScheduleError(f"one_cycle: anneal={self.anneal!r}", '"cos" or "linear"')

    def __call__(self, step: int) -> float:
        first = self.lr / self.div_factor
        last = first / self.final_div_factor
        peak, finish = self.pct_start * self.total_steps - 1, self.total_steps - 1
        if step <= peak:
            return self._between(first, self.lr, step / peak if peak > 0 else 1.0)
        share = (min(step, finish) - peak) / (finish - peak) if finish > peak else 1.0
        return self._between(self.lr, last, share)

    def _between(self, start: float, stop: float, share: float) -> float:
        if self.anneal == "linear":
            return float(start + (stop - start) * share)
        return stop + (start - stop) * 0.5 * (1 + math.cos(math.pi * share))


@dataclasses.dataclass(frozen=True)
class join:
    """One schedule after another, each from its own step 0 at its boundary (optax join_schedules).

    >>> from diffkit.schedules import constant
    >>> [join([constant(1.0), cosine(0.5, 10)], [100])(t) for t in (99, 100, 110)]
    [1.0, 0.5, 0.0]
    """

    schedules: Sequence[Schedule]
    boundaries: Sequence[int]

    def __post_init__(self) -> None:
        if len(self.schedules) != len(self.boundaries) + 1 or not all(map(callable, self.schedules)):
            raise ScheduleError(f"join: {len(self.schedules)} schedules and {len(self.boundaries)} boundaries",
                                "one boundary between each two schedules: join([first, second], [100])")
        for before, after in zip([0, *self.boundaries], self.boundaries):
            check_steps("join", "a boundary", after, before)

    def __call__(self, step: int) -> float:
        index = sum(step >= boundary for boundary in self.boundaries)
        return self.schedules[index](step - (self.boundaries[index - 1] if index else 0))
