"""f at x - h, x and x + h for a ladder of steps: the raw material of every first derivative.

Four quotients come from one pair of values.  The central difference D has an error
series in h², the one-sided ones S₊ and S₋ in h, and their difference S₊ - S₋, the *gap*,
goes to zero like h unless x is a kink.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from diffkit.numeric.result import Array


@dataclasses.dataclass(frozen=True)
class Pairs:
    """``step``, ``plus`` and ``minus`` have shape (levels, m), widest step first.

    ``base`` is f(x), (m,).  All values are in units of ``unit`` (m,), a power of two near |f|,
    so that f of size 1e300 does not overflow in a quotient.
    """

    step: Array
    plus: Array
    minus: Array
    base: Array
    unit: Array

    @classmethod
    def of(cls, step: Array, values: Array, base: Array, unit: Array) -> Pairs:
        """From steps (levels, columns) and f's own values at +steps, then at -steps."""
        levels = len(step)
        shape = (levels, len(base))
        values = values / unit
        return cls(np.broadcast_to(step, shape), values[:levels], values[levels:], base / unit, unit)

    def merge(self, other: Pairs) -> Pairs:
        """Both ladders as one, the widest step first in every column, steps that nearly repeat left out."""
        step = np.concatenate([self.step, other.step])
        order = np.argsort(-step, axis=0, kind="stable")  # NaN, a step that does not exist, goes last
        sorted_step = np.take_along_axis(step, order, axis=0)
        repeats = np.zeros(step.shape, bool)
        repeats[1:] = sorted_step[1:] > 0.8 * sorted_step[:-1]
        np.put_along_axis(step, order, np.where(repeats, np.nan, sorted_step), axis=0)
        order = np.argsort(-step, axis=0, kind="stable")
        step = np.take_along_axis(step, order, axis=0)
        plus, minus = (np.where(np.isnan(step), np.nan, np.take_along_axis(np.concatenate(both), order, axis=0))
                       for both in ((self.plus, other.plus), (self.minus, other.minus)))
        return Pairs(step, plus, minus, self.base, self.unit)

    def select(self, columns: Array) -> Pairs:
        """The ladder of some columns only."""
        return Pairs(self.step[:, columns], self.plus[:, columns], self.minus[:, columns],
                     self.base[columns], self.unit[columns])

    def level(self, rows: slice) -> Pairs:
        """Some levels only."""
        return Pairs(self.step[rows], self.plus[rows], self.minus[rows], self.base, self.unit)

    @property
    def flat(self) -> Array:
        """Where f equals f(x) at every level, (m,)."""
        return np.asarray((self.plus == self.base).all(axis=0) & (self.minus == self.base).all(axis=0))

    @property
    def central(self) -> Array:
        """D(h) = (f(x + h) - f(x - h)) / 2h."""
        return np.asarray((self.plus - self.minus) / (2 * self.step))

    @property
    def right(self) -> Array:
        """S₊(h) = (f(x + h) - f(x)) / h."""
        return (self.plus - self.base) / self.step

    @property
    def left(self) -> Array:
        """S₋(h) = (f(x) - f(x - h)) / h."""
        return (self.base - self.minus) / self.step

    @property
    def gap(self) -> Array:
        """S₊(h) - S₋(h)."""
        return np.asarray((self.plus - self.base + (self.minus - self.base)) / self.step)

    @property
    def lacks_right(self) -> Array:
        """Where f has no value at some x + h, (m,)."""
        return np.asarray((np.isfinite(self.step) & np.isnan(self.plus)).any(axis=0))

    @property
    def lacks_left(self) -> Array:
        """Where f has no value at some x - h, (m,)."""
        return np.asarray((np.isfinite(self.step) & np.isnan(self.minus)).any(axis=0))

    @property
    def size(self) -> Array:
        """The largest |f| of a level; f(x) itself counts."""
        return np.asarray(np.fmax(np.fmax(np.abs(self.plus), np.abs(self.minus)), np.abs(self.base)))
