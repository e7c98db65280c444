"""Gradients made harmless: by their common length, or one number at a time.

Clipping the global norm keeps the direction (Pascanu, Mikolov & Bengio 2013, algorithm 1);
clipping values does not.  Both exist as functions on containers, for a training loop of
one's own, and as parts of a chain.  The bound must be positive: a negative one would turn
descent into ascent without a word.  (optax clips to the bound exactly, as here; torch divides
by norm + 1e-6, so its clipped gradients are shorter by that much.)
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from diffkit.optim.faults import check_range
from diffkit.optim.leaves import Array, align, rebuild
from diffkit.optim.parts import Now, Part

__all__ = ["ClipGlobalNorm", "ClipValue", "clip_global_norm", "clip_value", "global_norm"]


def _norm(arrays: list[Array]) -> float:
    # Scaled by a power of two near the largest entry: exact, and squares neither overflow nor vanish.
    largest = max((float(np.max(np.abs(array))) for array in arrays if array.size), default=0.0)
    if largest == 0.0 or not math.isfinite(largest):
        return largest
    scale = math.ldexp(1.0, math.frexp(largest)[1] - 1)
    return scale * math.sqrt(sum(float(np.sum(np.square(array / scale))) for array in arrays))


def global_norm(grads: Any) -> float:
    """The Euclidean length of all leaves together, without overflow.

    >>> round(global_norm({"w": np.array([3e200]), "b": np.array([4e200])}) / 1e200, 12)
    5.0
    """
    return _norm(align(grads, grads, "grads")[0])


def clip_global_norm(grads: Any, max_norm: float) -> tuple[Any, float]:
    """``grads`` shortened to length ``max_norm`` if longer, and the length before.

    NaN or infinity in ``grads`` comes back as it was, with a norm of NaN or infinity.
    Raises OptimizerError unless ``max_norm`` > 0.

    >>> clip_global_norm([np.array([3.0, 4.0])], 1.0)
    ([array([0.6, 0.8])], 5.0)
    """
    check_range("clip_global_norm", "max_norm", max_norm, 0, open_low=True)
    leaves, _ = align(grads, grads, "grads")
    norm = _norm(leaves)
    if norm <= max_norm or not math.isfinite(norm):
        return grads, norm
    return rebuild(grads, iter([leaf * (max_norm / norm) for leaf in leaves])), norm


def clip_value(grads: Any, bound: float) -> Any:
    """Every number of ``grads`` limited to [−bound, bound].  Raises OptimizerError unless bound > 0.

    >>> clip_value((np.array([-3.0, 0.5]),), 1.0)
    (array([-1. ,  0.5]),)
    """
    check_range("clip_value", "bound", bound, 0, open_low=True)
    leaves, _ = align(grads, grads, "grads")
    return rebuild(grads, iter([np.clip(leaf, -bound, bound) for leaf in leaves]))


@dataclasses.dataclass(frozen=True)
class ClipGlobalNorm(Part):
    """u = g·min(1, max_norm/‖g‖) over all parameters together, as a link of a chain."""

    max_norm: float

    def __post_init__(self) -> None:
        check_range("ClipGlobalNorm", "max_norm", self.max_norm, 0, open_low=True)

    def apply(self, updates: list[Array], slots: list[list[Array]], now: Now) -> None:
        norm = _norm(updates)
        if norm > self.max_norm and math.isfinite(norm):
            for update in updates:
                update *= self.max_norm / norm


@dataclasses.dataclass(frozen=True)
class ClipValue(Part):
    """u = g limited to [−bound, bound], as a link of a chain."""

    bound: float

    def __post_init__(self) -> None:
        check_range("ClipValue", "bound", self.bound, 0, open_low=True)

    def apply(self, updates: list[Array], slots: list[list[Array]], now: Now) -> None:
        for update in updates:
            np.clip(update, -self.bound, self.bound, out=update)
