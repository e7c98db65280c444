"""Where a function may be evaluated: sets of real numbers that know how to draw samples.

A row names one domain for each argument.  The self-test samples it, hypothesis
strategies are made from it, refusals and the table of functions quote it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, slots=True)
class Domain:
    """The open interval (low, high), with points to keep a distance from.

    ``low`` and ``high`` may be infinite; ``avoid`` lists kinks and poles inside, or names
    a period by ``("every", period, offset)``.
    """

    name: str
    low: float = -np.inf
    high: float = np.inf
    avoid: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return self.name

    def contains(self, x: Any) -> Any:
        """Entry by entry, whether x lies inside and is none of the points to avoid."""
        inside = (x > self.low) & (x < self.high)
        for point in self.avoid:
            if isinstance(point, tuple):
                _, period, offset = point
                inside &= np.abs(np.mod(x - offset + period / 2, period) - period / 2) > 1e-3 * period
            else:
                inside &= x != point
        return inside

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...] = ()) -> Any:
        """Random points: of moderate size, spread over the interval, off the points to avoid."""
        low, high = self.low, self.high
        if np.isfinite(low) and np.isfinite(high):
            x = low + (high - low) * rng.uniform(0.05, 0.95, shape)
        elif np.isfinite(low):
            x = low + rng.gamma(2.0, 0.7, shape) + 0.05
        elif np.isfinite(high):
            x = high - rng.gamma(2.0, 0.7, shape) - 0.05
        else:
            x = rng.normal(0.0, 1.2, shape)
        for _ in range(50):
            bad = ~self.contains(x)
            for point in self.avoid:
                if not isinstance(point, tuple):
                    bad |= np.abs(x - point) < 0.05
            if not np.any(bad):
                break
            x = np.where(bad, x + 0.11 if not np.isfinite(high) else x - 0.013 * (high - max(low, high - 10)), x)
        return x


REAL = Domain("real")
POSITIVE = Domain("x > 0", low=0.0)
NONZERO = Domain("x != 0", avoid=(0.0,))
UNIT = Domain("-1 < x < 1", low=-1.0, high=1.0)
#: A condition or another argument that is not differentiated.
ANY = Domain("any")


def above(low: float) -> Domain:
    """The numbers greater than ``low``."""
    return Domain(f"x > {low:g}", low=low)


def between(low: float, high: float) -> Domain:
    """The open interval from ``low`` to ``high``."""
    return Domain(f"{low:g} < x < {high:g}", low=low, high=high)


def except_every(period: float, offset: float, name: str) -> Domain:
    """All numbers but those a whole number of periods from ``offset``."""
    return Domain(name, avoid=(("every", period, offset),))
