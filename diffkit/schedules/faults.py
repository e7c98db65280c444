"""The one error of schedules, and the checks that raise it."""

from __future__ import annotations

import math

from diffkit.errors import DiffkitError

__all__ = ["ScheduleError", "check_number", "check_steps"]


class ScheduleError(DiffkitError, ValueError):
    """A schedule's argument, or the step it was asked about, makes no sense."""


def check_number(owner: str, name: str, value: float, low: float = 0.0, high: float = math.inf, *,
                 open_low: bool = False) -> None:
    """Refuse a value outside [low, high] (or (low, high] with ``open_low``), or infinite."""
    good = isinstance(value, (int, float)) and math.isfinite(value) and low <= value <= high
    if not good or (open_low and value == low):
        raise ScheduleError(f"{owner}: {name}={value!r}",
                            f"a finite number {'>' if open_low else '>='} {low:g}"
                            + (f" and <= {high:g}" if math.isfinite(high) else ""))


def check_steps(owner: str, name: str, value: int, low: int = 1) -> None:
    """Refuse a number of steps that is not a whole number ≥ low."""
    if not hasattr(value, "__index__") or value < low:
        raise ScheduleError(f"{owner}: {name}={value!r}", f"a whole number of steps >= {low}",
                            "epochs given where steps are counted: steps = epochs * batches per epoch")
