"""The numbers of the epochs, as lists side by side.

An epoch counts when the loop says so, in one assignment; its row is written before.  So a list
may run one entry ahead of the epochs that count (Ctrl-C came between the two): whoever reads
takes only the epochs that count, and the next row overwrites what is ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from diffkit.train.faults import TrainingError

__all__ = ["History", "counted", "measured", "record"]

History = dict[str, list[Any]]


def record(history: History, epochs: int, row: Mapping[str, Any]) -> None:
    """Write the row that follows ``epochs`` others; a number that comes late, or is missing once, leaves None."""
    for name, value in row.items():
        if isinstance(value, (np.generic, np.ndarray)):
            value = value.item() if value.size == 1 else value.tolist()
        history.setdefault(name, [None] * epochs)[epochs:] = [value]
    for name, values in history.items():
        if name not in row:
            values[epochs:] = [None]


def counted(history: History, epochs: int) -> History:
    """A copy with the first ``epochs`` rows."""
    return {name: values[:epochs] for name, values in history.items() if epochs}


def measured(numbers: Any) -> dict[str, Any]:
    """Validation numbers under the history's names.  TrainingError for a dict without a loss, and for arrays."""
    if isinstance(numbers, Mapping):
        row = {name if name.startswith("val_") else f"val_{name}": _number(value) for name, value in numbers.items()}
        if "val_loss" not in row:
            raise TrainingError(f"validation gave {list(numbers)}, and no loss", 'a dict with at least "loss"')
        return row
    return {"val_loss": _number(numbers)}


def _number(value: Any) -> float:
    if np.size(value) != 1:
        raise TrainingError(f"validation gave an array of shape {np.shape(value)}",
                            "one number, or a dict of numbers", "a loss without its mean")
    return float(np.asarray(value).reshape(()))
