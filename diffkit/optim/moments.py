"""The adaptive parts: each coordinate divided by the size of its own gradients.

All three divide by a root of accumulated squares and differ in what they accumulate: a sum
(AdaGrad), a moving average (RMSProp), two bias-corrected moving averages (Adam).  Where the
small number ε stands is a convention that libraries do not share, so it is a knob:

    eps_in_sqrt   g / √(r + ε)                      the lecture notes, optax, Keras
    otherwise     g / (√r + ε)                      the papers, torch
    eps_hat       Adam only: √(1−β₂ᵗ)/(1−β₁ᵗ)·s / (√r + ε)
                                                    Keras, scikit-learn (Kingma & Ba, end of section 2)
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import numpy as np

from diffkit.optim.leaves import Array, pieces
from diffkit.optim.parts import Now, Part

__all__ = ["ScaleByAdam", "ScaleByRms", "ScaleByRss"]


def _root(squares: Array, eps: float, inside: bool, out: Array) -> None:
    """out ← √(squares + ε) or √squares + ε."""
    if inside:
        np.add(squares, eps, out=out)
        np.sqrt(out, out=out)
    else:
        np.sqrt(squares, out=out)
        out += eps


@dataclasses.dataclass(frozen=True)
class ScaleByRss(Part):
    """r ← r + g²;  u = g / √(r + ε): root of the sum of squares (Duchi, Hazan & Singer 2011)."""

    eps: float
    eps_in_sqrt: bool
    initial_accumulator: float
    slots: ClassVar[tuple[str, ...]] = ("r",)

    def first(self, name: str, block: Array) -> Array:
        return np.full_like(block, self.initial_accumulator)

    def apply(self, updates: list[Array], slots: list[list[Array]], now: Now) -> None:
        for update, squares in pieces(updates, slots[0]):
            work = update * update
            squares += work
            _root(squares, self.eps, self.eps_in_sqrt, work)
            update /= work


@dataclasses.dataclass(frozen=True)
class ScaleByRms(Part):
    """r ← ρ r + (1−ρ) g²;  u = g / √(r + ε): root of the moving mean of squares (Hinton 2012, lecture 6e)."""

    decay: float
    eps: float
    eps_in_sqrt: bool
    slots: ClassVar[tuple[str, ...]] = ("r",)

    def apply(self, updates: list[Array], slots: list[list[Array]], now: Now) -> None:
        for update, squares in pieces(updates, slots[0]):
            work = update * update
            work *= 1 - self.decay
            squares *= self.decay
            squares += work
            _root(squares, self.eps, self.eps_in_sqrt, work)
            update /= work


@dataclasses.dataclass(frozen=True)
class ScaleByAdam(Part):
    """s ← β₁ s + (1−β₁) g;  r ← β₂ r + (1−β₂) g²;  u = ŝ / (√r̂ + ε), ŝ = s/(1−β₁ᵗ), r̂ = r/(1−β₂ᵗ).

    Source: Kingma & Ba 2015, algorithm 1.  ``bias_correction=False`` leaves ŝ = s, r̂ = r.
    """

    b1: float
    b2: float
    eps: float
    eps_in_sqrt: bool
    eps_hat: bool
    bias_correction: bool
    slots: ClassVar[tuple[str, ...]] = ("s", "r")

    def apply(self, updates: list[Array], slots: list[list[Array]], now: Now) -> None:
        t = now.step + 1
        first_sum = 1 - self.b1**t if self.bias_correction else 1.0
        second_sum = 1 - self.b2**t if self.bias_correction else 1.0
        # Scalars are gathered so that each coordinate is touched as rarely as the formula allows:
        # s/c₁ / (√(r/c₂) + ε) = (√c₂/c₁)·s / (√r + √c₂·ε), and inside the root ε becomes c₂·ε.
        if self.eps_hat:
            eps = self.eps
        else:
            eps = self.eps * (second_sum if self.eps_in_sqrt else math.sqrt(second_sum))
        scale = math.sqrt(second_sum) / first_sum
        for update, means, squares in pieces(updates, *slots):
            work = update * update
            work *= 1 - self.b2
            squares *= self.b2
            squares += work
            update *= 1 - self.b1
            means *= self.b1
            means += update
            _root(squares, eps, self.eps_in_sqrt, work)
            np.multiply(means, scale, out=update)
            update /= work
