"""What training refuses, and how it says that something went wrong on the way.

A training run is long, so its errors come as early as they can (settings, shapes and the
last step of a schedule are looked at before the first step), name the array as the user
would write it (``data[1]``, ``params[1]["W"]``), and lose nothing: an error in the middle
carries the last good weights in ``error.result``.
"""

from __future__ import annotations

from typing import Any

from diffkit.errors import DiffkitError

__all__ = ["DivergedError", "StorageError", "TrainingError", "TrainingWarning", "check_count"]


class TrainingError(DiffkitError, ValueError):
    """A setting of the training, or its data, is not usable."""


class DivergedError(DiffkitError, FloatingPointError):
    """The loss or a gradient is NaN or infinite.

    Attributes
    ----------
    step : the step (from 0) that met it; it changed nothing.
    leaf : the first parameter whose gradient is not finite, ``'params[1]["W"]'``, or None.
    result : the :class:`~diffkit.train.fit.Result` with the last good weights.
    """

    def __init__(self, what: str, want: str, causes: str, step: int, leaf: str | None) -> None:
        super().__init__(what, want, causes)
        self.step = step
        self.leaf = leaf
        self.result: Any = None


class StorageError(DiffkitError, ValueError):
    """A file can't be read safely, or a value can't be written to one."""


class TrainingWarning(UserWarning):
    """Training ended before its time, and what was kept."""


def check_count(name: str, value: Any, least: int) -> int:
    """An integer of at least ``least``; raises TrainingError otherwise."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise TrainingError(f"{name}={value!r}", f"an integer of at least {least}")
    return int(value)
