"""The small named parts that every optimizer is a chain of.

A part turns the gradient into something better, in place, one block (a long vector) at a
time, and may remember vectors between steps (its *slots*).  An optimizer is a sequence of
parts; the last word is the number that is added to the parameters:

    Adam    ScaleByAdam, ScaleByLearningRate
    AdamW   ScaleByAdam, ScaleByLearningRate, AddDecayedWeights
    SGD     AddDecayedWeights, ScaleByLearningRate

A part owns what it is handed: the vector and the slots are the engine's own copies, so
writing into them is invisible outside.  A part itself holds no arrays.

The idea of composing optimizers this way is optax's (``optax.chain``); formulas and their
sources stand at each part.  Notation: g the vector handed in, u the one handed on, t the
step counted from 1, lr the learning rate at this step.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from diffkit import tree
from diffkit.errors import ShapeError
from diffkit.optim.faults import OptimizerError
from diffkit.optim.leaves import Array, Layout, pieces, unpack

__all__ = ["AddDecayedWeights", "LearningRate", "Now", "Part", "ScaleByLearningRate", "Trace", "Velocity",
           "learning_rate"]

LearningRate = float | Callable[[int], float]


@dataclasses.dataclass(slots=True)
class Now:
    """What a part may know of the moment: the step from 0, and the parameters."""

    step: int
    params: list[Array]
    layout: Layout
    tree: Any


def learning_rate(lr: LearningRate, step: int) -> float:
    """The learning rate at a step; raises OptimizerError when it isn't a finite number ≥ 0."""
    if type(lr) is float:
        return lr
    try:
        value = lr(step) if callable(lr) else lr
    except Exception as error:
        error.add_note(f"The schedule was asked for the learning rate at step {step}; does it end too early?")
        raise
    number = np.asarray(value)
    if not (number.shape == () and number.dtype.kind in "fiu" and math.isfinite(value) and value >= 0):
        raise OptimizerError(f"the learning rate at step {step} is {value!r}",
                             "a schedule that returns a finite number >= 0 for every step",
                             "a schedule that ends before the training does")
    return float(value)


class Part:
    """One link of a chain: reads and overwrites ``updates`` (a list of vectors, one a dtype)."""

    slots: ClassVar[tuple[str, ...]] = ()
    needs_params: ClassVar[bool] = False

    def first(self, name: str, block: Array) -> Array:
        """The slot's vector before the first step: zeros unless a part says otherwise."""
        return np.zeros_like(block)

    def apply(self, updates: list[Array], slots: list[list[Array]], now: Now) -> None:
        """Overwrite ``updates`` and ``slots`` with those after this step."""
        raise NotImplementedError

    def look_ahead(self, slots: list[list[Array]]) -> list[Array] | None:
        """How far from the parameters the gradient is wanted; None for "there"."""
        return None


@dataclasses.dataclass(frozen=True)
class ScaleByLearningRate(Part):
    """u = −lr(step)·g: from a direction of ascent to a step of descent."""

    lr: LearningRate

    def apply(self, updates: list[Array], slots: list[list[Array]], now: Now) -> None:
        rate = learning_rate(self.lr, now.step)
        for update in updates:
            update *= -rate


@dataclasses.dataclass(frozen=True)
class Trace(Part):
    """b ← β b + g;  u = b, or g + β b with ``nesterov`` (torch.optim.SGD, optax.trace)."""

    decay: float
    nesterov: bool = False
    slots: ClassVar[tuple[str, ...]] = ("trace",)

    def apply(self, updates: list[Array], slots: list[list[Array]], now: Now) -> None:
        for update, trace in zip(updates, slots[0]):
            trace *= self.decay
            trace += update
            if self.nesterov:
                update += self.decay * trace
            else:
                update[...] = trace


@dataclasses.dataclass(frozen=True)
class Velocity(Part):
    """v ← β v − lr·g;  u = v, or β v − lr·g once more with ``nesterov`` (Keras, scikit-learn).

    With ``lookahead`` the gradient is wanted at θ + β v (Sutskever et al. 2013, equation 4;
    Goodfellow et al., Deep Learning, algorithm 8.3).  Here the learning rate is inside the
    memory, so under a schedule the path is not that of :class:`Trace`.
    """

    lr: LearningRate
    decay: float
    nesterov: bool = False
    lookahead: bool = False
    slots: ClassVar[tuple[str, ...]] = ("velocity",)

    def apply(self, updates: list[Array], slots: list[list[Array]], now: Now) -> None:
        rate = learning_rate(self.lr, now.step)
        for update, velocity in zip(updates, slots[0]):
            update *= rate
            velocity *= self.decay
            velocity -= update
            if self.nesterov:
                np.subtract(self.decay * velocity, update, out=update)
            else:
                update[...] = velocity

    def look_ahead(self, slots: list[list[Array]]) -> list[Array] | None:
        return [self.decay * velocity for velocity in slots[0]] if self.lookahead else None


@dataclasses.dataclass(frozen=True)
class AddDecayedWeights(Part):
    """u = g + w·θ, or g + w·lr(step)·θ when ``lr`` is given.

    Before the learning rate, with w = λ, it is the gradient of (λ/2)‖θ‖² ("l2"); after it,
    with w = −λ, it shrinks the weights apart from the gradient (Loshchilov & Hutter 2019).
    ``mask``: a container of bools like params, or a function of params that returns one;
    where it is False nothing decays.
    """

    weight: float
    lr: LearningRate | None = None
    mask: Any = None
    needs_params: ClassVar[bool] = True

    def apply(self, updates: list[Array], slots: list[list[Array]], now: Now) -> None:
        factor = self.weight if self.lr is None else self.weight * learning_rate(self.lr, now.step)
        if self.mask is None:
            for update, params in pieces(updates, now.params):
                update += factor * params
            return
        wanted = self._wanted(now)
        leaves = zip(unpack(updates, now.layout), unpack(now.params, now.layout), wanted)
        for update, params, decays in leaves:
            if decays:
                update += factor * params

    def _wanted(self, now: Now) -> list[bool]:
        mask = self.mask(now.tree) if callable(self.mask) else self.mask
        values = dict(zip(tree.paths(mask, "mask"), tree.flatten(mask)[0]))
        paths = tree.paths(now.tree, "mask")
        bools = all(isinstance(value, (bool, np.bool_)) for value in values.values())
        if sorted(values) != sorted(paths) or not bools:
            raise ShapeError(f"mask {mask!r} does not fit params: {tree.describe(now.tree)}",
                             'a container of bools like params, or a function of params that returns one: '
                             'mask=lambda params: dk.tree.map(lambda leaf: leaf.ndim > 1, params)')
        return [bool(values[path]) for path in paths]
