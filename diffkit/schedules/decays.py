"""Schedules that only go down: the learning rate as a function of the step.

A schedule is a frozen dataclass that is called with the step, counted from 0, and returns a
float: ``cosine(0.1, 100)(50) == 0.05``.  It holds no counter, so the optimizer's own step
is the only clock, and a resumed run continues where it stopped.  After ``total_steps`` a
schedule stays at its end.  The names are those of the functions they are (lower case, as
``range`` is).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from diffkit.schedules.faults import ScheduleError, check_number, check_steps

__all__ = [
    "constant", "cosine", "exponential", "inverse_sqrt", "linear", "piecewise", "polynomial", "step_decay",
]


@dataclasses.dataclass(frozen=True)
class constant:
    """lr at every step.

    >>> constant(0.1)(7)
    0.1
    """

    lr: float

    def __post_init__(self) -> None:
        check_number("constant", "lr", self.lr)

    def __call__(self, step: int) -> float:
        return self.lr


@dataclasses.dataclass(frozen=True)
class polynomial:
    """end + (lr − end)·(1 − t/total_steps)^power  (optax.polynomial_schedule; end=0: torch PolynomialLR).

    >>> [round(polynomial(0.1, 100, power=2.0)(t), 4) for t in (0, 50, 100, 200)]
    [0.1, 0.025, 0.0, 0.0]
    """

    lr: float
    total_steps: int
    end: float = 0.0
    power: float = 1.0

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_number(name, "lr", self.lr)
        check_steps(name, "total_steps", self.total_steps)
        check_number(name, "end", self.end)
        check_number(name, "power", self.power, open_low=True)

    def __call__(self, step: int) -> float:
        left = 1 - min(step, self.total_steps) / self.total_steps
        return float(self.end + (self.lr - self.end) * left**self.power)


@dataclasses.dataclass(frozen=True)
class linear(polynomial):
    """end + (lr − end)·(1 − t/total_steps)  (optax.linear_schedule).

    >>> [round(linear(0.1, 100)(t), 4) for t in (0, 25, 50, 75, 100)]
    [0.1, 0.075, 0.05, 0.025, 0.0]
    """

    power: float = dataclasses.field(default=1.0, init=False, repr=False)


@dataclasses.dataclass(frozen=True)
class inverse_sqrt:
    """lr/√(t + 1): the notes' α₀/√t with t counted from 1.

    >>> [round(inverse_sqrt(0.1)(t), 4) for t in (0, 3, 8)]
    [0.1, 0.05, 0.0333]
    """

    lr: float

    def __post_init__(self) -> None:
        check_number("inverse_sqrt", "lr", self.lr)

    def __call__(self, step: int) -> float:
        return self.lr / math.sqrt(step + 1)


@dataclasses.dataclass(frozen=True)
class exponential:
    """lr·rate^(t/transition_steps), the exponent rounded down with ``staircase`` (optax.exponential_decay).

    The other common writing, lr·e^(−λt), is rate = e^(−λ).

    >>> schedule = exponential(0.1, 0.01, transition_steps=100)
    >>> [round(schedule(t), 5) for t in (0, 25, 50, 75, 100)]
    [0.1, 0.03162, 0.01, 0.00316, 0.001]
    """

    lr: float
    rate: float
    transition_steps: int = 1
    staircase: bool = False

    def __post_init__(self) -> None:
        check_number("exponential", "lr", self.lr)
        check_number("exponential", "rate", self.rate, open_low=True)
        check_steps("exponential", "transition_steps", self.transition_steps)

    def __call__(self, step: int) -> float:
        power = step // self.transition_steps if self.staircase else step / self.transition_steps
        return float(self.lr * self.rate**power)


@dataclasses.dataclass(frozen=True)
class cosine:
    """end + (lr − end)·½(1 + cos(πt/total_steps))  (SGDR, 2017; optax, torch CosineAnnealingLR).

    >>> [round(cosine(0.1, 100)(t), 5) for t in (0, 25, 50, 75, 100)]
    [0.1, 0.08536, 0.05, 0.01464, 0.0]
    """

    lr: float
    total_steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        check_number("cosine", "lr", self.lr)
        check_steps("cosine", "total_steps", self.total_steps)
        check_number("cosine", "end", self.end)

    def __call__(self, step: int) -> float:
        angle = math.pi * min(step, self.total_steps) / self.total_steps
        return self.end + (self.lr - self.end) * 0.5 * (1 + math.cos(angle))


@dataclasses.dataclass(frozen=True)
class step_decay:
    """lr·gamma^⌊t/step_size⌋  (torch StepLR).

    >>> [round(step_decay(0.1, 10)(t), 4) for t in (0, 9, 10, 20)]
    [0.1, 0.1, 0.01, 0.001]
    """

    lr: float
    step_size: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_number("step_decay", "lr", self.lr)
        check_steps("step_decay", "step_size", self.step_size)
        check_number("step_decay", "gamma", self.gamma)

    def __call__(self, step: int) -> float:
        return float(self.lr * self.gamma ** (step // self.step_size))


@dataclasses.dataclass(frozen=True)
class piecewise:
    """lr times every scale whose boundary has been reached (torch MultiStepLR).

    The same as optax.piecewise_constant_schedule.

    >>> [piecewise(1.0, {10: 0.5, 20: 0.5})(t) for t in (9, 10, 20)]
    [1.0, 0.5, 0.25]
    """

    lr: float
    boundaries: Mapping[int, float]

    def __post_init__(self) -> None:
        check_number("piecewise", "lr", self.lr)
        if not isinstance(self.boundaries, Mapping):
            raise ScheduleError(f"piecewise: boundaries={self.boundaries!r}", "a dict {step: scale}")
        for boundary, scale in self.boundaries.items():
            check_steps("piecewise", "a boundary", boundary, 0)
            check_number("piecewise", f"the scale at {boundary}", scale)

    def __call__(self, step: int) -> float:
        return float(self.lr * math.prod(scale for at, scale in self.boundaries.items() if step >= at))
