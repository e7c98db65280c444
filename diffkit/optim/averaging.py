"""The average of the iterates, carried along in the state.

Noise in the gradients makes the iterates hover around the minimum; their average settles.
Polyak's average is the mean of θ₁ … θ_t (Polyak & Juditsky 1992), the exponential one
forgets: a ← d·a + (1−d)·θ_t, started at θ₁ (as torch.optim.swa_utils.AveragedModel does).
The training itself is not touched: take the average out when it is wanted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from diffkit.optim.faults import OptimizerError, check_range
from diffkit.optim.leaves import Array
from diffkit.optim.optimizer import Optimizer
from diffkit.optim.parts import Now, Part

__all__ = ["AverageIterates", "Averaged", "average"]


@dataclasses.dataclass(frozen=True)
class AverageIterates(Part):
    """Leaves the update as it is and averages θ + u."""

    kind: str
    decay: float
    slots: ClassVar[tuple[str, ...]] = ("average",)
    needs_params: ClassVar[bool] = True
    must_be_last: ClassVar[bool] = True

    def apply(self, updates: list[Array], slots: list[list[Array]], now: Now) -> None:
        if now.step == 0:
            share = 1.0
        else:
            share = 1 / (now.step + 1) if self.kind == "polyak" else 1 - self.decay
        for update, params, mean in zip(updates, now.params, slots[0]):
            difference = params + update
            difference -= mean
            difference *= share
            mean += difference


@dataclasses.dataclass(frozen=True)
class Averaged(Optimizer):
    """An optimizer that also averages its iterates.  Made by :func:`average`."""

    inner: Optimizer
    kind: Literal["polyak", "ema"]
    decay: float

    def __post_init__(self) -> None:
        if self.kind not in ("polyak", "ema"):
            raise OptimizerError(f"average: kind={self.kind!r}", '"polyak" (the mean) or "ema" (exponential)')
        check_range("average", "decay", self.decay, 0, 1)
        if any(getattr(part, "must_be_last", False) for part in self.inner.parts()):
            raise OptimizerError("average of an average", "average(opt) once, with the kind that is wanted")

    def parts(self) -> tuple[Part, ...]:
        return (*self.inner.parts(), AverageIterates(self.kind, self.decay))

    def averaged_params(self, params: Any, state: Mapping[str, Any]) -> Any:
        """The averaged parameters (a copy), or ``params`` before the first step."""
        if state["step"] == 0:
            return params
        average = {**state, "average": [block.copy() for block in state["average"]]}
        return self.slot(average, "average", params)


def average(opt: Optimizer, kind: Literal["polyak", "ema"] = "polyak", decay: float = 0.999) -> Averaged:
    """``opt`` with the average of its iterates in its state.

    Parameters
    ----------
    kind : "polyak" for the mean of all iterates, "ema" for the exponentially forgetting one.
    decay : d of "ema", in [0, 1).

    Raises OptimizerError for another kind or decay.

    >>> import numpy as np
    >>> from diffkit.optim import SGD
    >>> opt = average(SGD(1.0)); params = np.array([0.0]); state = opt.init(params)
    >>> for gradient in (-1.0, -3.0):                       # iterates 1 and 4
    ...     params, state = opt.step(params, np.array([gradient]), state)
    >>> opt.averaged_params(params, state)
    array([2.5])
    """
    return Averaged(opt, kind, decay)
