"""Schedules that listen: ReduceOnPlateau objects inside an optimizer.

They are the one part of an optimizer with a memory outside its state.  Training works on a
copy of such an optimizer, so that the same optimizer can be used again and starts afresh,
hands each plateau the watched loss after every epoch, and puts their memories into the
checkpoint.
"""

from __future__ import annotations

import copy
from typing import Any

from diffkit.optim import Optimizer
from diffkit.schedules import ReduceOnPlateau
from diffkit.train.faults import TrainingError

__all__ = ["own_copy", "plateaus_of"]


def plateaus_of(optimizer: Optimizer) -> list[ReduceOnPlateau]:
    """The plateaus of an optimizer, each once.  Raises TrainingError for mode="max"."""
    found: list[ReduceOnPlateau] = []
    for part in optimizer.parts():
        lr = getattr(part, "lr", None)
        if isinstance(lr, ReduceOnPlateau) and not any(lr is other for other in found):
            if lr.mode == "max":
                raise TrainingError('the optimizer has a ReduceOnPlateau(mode="max")',
                                    'mode="min": fit watches the loss',
                                    "a plateau of an accuracy: call plateau.step(metric) in a callback, with "
                                    "lr=lambda step: plateau.lr")
            found.append(lr)
    return found


def own_copy(optimizer: Any) -> Optimizer:
    """The optimizer, copied if it has plateaus.  Raises TrainingError for anything else."""
    if not isinstance(optimizer, Optimizer):
        raise TrainingError(f"optimizer={optimizer!r}", "an optimizer of dk.optim: dk.optim.Adam(1e-3)")
    return copy.deepcopy(optimizer) if plateaus_of(optimizer) else optimizer
