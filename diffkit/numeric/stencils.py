"""Stencils as tables: where f is asked, with which weight, and what the error series looks like.

The sum U(h) of weighted values, divided by hⁿ, is the derivative and an error series in h² if the
stencil is symmetric, in h if it looks to one side.  In a plane (a mixed second derivative)
a place has two coordinates, each in units of its own step, and U is divided by both steps.

Finite differences after Fornberg (1988, Math. Comp. 51, tables 1 and 3) and Abramowitz &
Stegun 25.3.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from diffkit.numeric.result import Array

#: The corners of a rectangle around x, in the order that ``quadrant`` and ``corners`` use.
CORNERS = ((1, 1), (1, -1), (-1, 1), (-1, -1))


@dataclasses.dataclass(frozen=True)
class Stencil:
    """``places`` (p, axes) in units of the step, ``weights`` (p,), the order n, and the power of its series."""

    places: Array
    weights: Array
    order: int
    power: int

    @property
    def extent(self) -> float:
        """How many steps away the farthest place is."""
        return float(np.abs(self.places).max())

    @property
    def plane(self) -> bool:
        """Whether two entries move, each by its own step."""
        return bool(self.places.shape[1] == 2)


def _binomial(order: int) -> Array:
    return np.array([(-1.0) ** k * math.comb(order, k) for k in range(order + 1)])


def central(order: int) -> Stencil:
    """sum (-1)^k C(n, k) f(x + (n/2 - k) h)."""
    count = np.arange(order + 1)
    return Stencil((order / 2 - count)[:, None], _binomial(order), order, 2)


def textbook(order: int) -> Stencil:
    """The central difference on whole steps: odd orders are the mean of two neighbours (x ± h for n = 1)."""
    if order % 2 == 0:
        return central(order)
    weights = (np.pad(_binomial(order), (0, 1)) + np.pad(_binomial(order), (1, 0))) / 2
    places = ((order + 1) // 2 - np.arange(order + 2.0))[:, None]
    return Stencil(places[weights != 0], weights[weights != 0], order, 2)


def sided(order: int, side: int) -> Stencil:
    """The forward (side 1) or backward (side -1) difference."""
    count = np.arange(order + 1)
    return Stencil((side * (order - count))[:, None] * 1.0, _binomial(order) * side**order, order, 1)


def corners() -> Stencil:
    """d²f/dx dy from the four corners of a rectangle around x."""
    return Stencil(np.array(CORNERS) * 1.0, np.array([0.25, -0.25, -0.25, 0.25]), 2, 2)


def quadrant(right: int, up: int) -> Stencil:
    """d²f/dx dy from the rectangle with x in one corner, to the sides ``right`` and ``up``, each 1 or -1."""
    places = np.array([[right, up], [right, 0], [0, up], [0, 0]]) * 1.0
    return Stencil(places, right * up * np.array([1.0, -1.0, -1.0, 1.0]), 2, 1)
