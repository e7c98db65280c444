"""x as a flat vector of real numbers, and the way back to what f wants to be called with.

Every scheme moves real numbers: a container is flattened to its leaves, an integer is
taken as float64, a complex entry is two reals side by side.  Each entry keeps the number
of mantissa bits of its own dtype, because a step must fit the grid on which x lives:
``fit`` rounds a step so that x + h and x - h are both exact.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.errors import InputError, NumericError, ShapeError
from diffkit.numeric.result import Array


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One array or scalar inside x: where its reals start, and how to give it back to f."""

    start: int
    stop: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    kind: type  # float, complex: a Python number; np.generic: a NumPy scalar; np.ndarray

    @property
    def complex(self) -> bool:
        """Whether the leaf is complex, hence two reals an element."""
        return self.dtype.kind == "c"

    def rebuild(self, flat: Array, batch: bool = False) -> Any:
        """A fresh leaf from ``flat`` of shape (n,), or (k, n) with ``batch``."""
        part = np.array(flat[..., self.start:self.stop], self.dtype.type(0).real.dtype, order="C")
        if self.complex:
            part = part.view(self.dtype)
        if batch:
            return part.reshape((len(flat),) + self.shape)
        array = part.reshape(self.shape)
        if self.kind is np.ndarray:
            return array
        return array[()] if self.kind is np.generic else self.kind(array[()])


@dataclasses.dataclass(frozen=True)
class Entries:
    """All real numbers of x: ``values``, ``bits``, ``low`` and ``high`` have shape (n,)."""

    values: Array
    bits: Array
    low: Array
    high: Array
    leaves: tuple[Leaf, ...]
    structure: tree.Structure

    def build(self, flat: Array) -> Any:
        """x with other numbers in it, a fresh copy: f may change its argument."""
        return tree.unflatten(self.structure, [leaf.rebuild(flat) for leaf in self.leaves])

    def build_batch(self, flat: Array) -> Any:
        """x with a leading axis of length k in every leaf, from ``flat`` of shape (k, n)."""
        return tree.unflatten(self.structure, [leaf.rebuild(flat, True) for leaf in self.leaves])

    @property
    def single(self) -> bool:
        """Whether x is one array or number, not a container."""
        return self.structure.kind is None


def read(x: Any, bounds: Any = None, dtype: Any = None) -> Entries:
    """Take x apart; ``dtype`` (a real floating type) overrides the precision of every leaf."""
    if x is None:
        raise InputError("x is None, which is not a number", "a float, an array, or a container of them")
    values, structure = tree.flatten(x)
    forced = None if dtype is None else np.dtype(dtype)
    if forced is not None and forced.kind != "f":
        raise NumericError(f"dtype={forced} is not a real floating type", "dtype=np.float64")
    leaves: list[Leaf] = []
    parts: list[Array] = []
    start = 0
    for value in values:
        array, kind = _as_array(value, forced)
        reals = np.ascontiguousarray(array).reshape(-1)
        if array.dtype.kind == "c":
            reals = reals.view(array.real.dtype)
        leaves.append(Leaf(start, start + reals.size, array.shape, array.dtype, kind))
        parts.append(reals)
        start += reals.size
    work = np.result_type(np.float64, *(part.dtype for part in parts))
    flat = np.concatenate(parts).astype(work) if parts else np.empty(0, work)
    bits = np.array([np.finfo(part.dtype).nmant + 1 for part in parts for _ in range(part.size)], int)
    low, high = _read_bounds(bounds, leaves, structure, flat)
    return Entries(flat, bits, low, high, tuple(leaves), structure)


def _as_array(value: Any, forced: np.dtype[Any] | None) -> tuple[Array, type]:
    if isinstance(value, (str, bytes)) or value is None:
        raise InputError(f"x holds {value!r}, which is not a number", "a float, an array, or a container of them")
    array = np.asarray(value)
    if array.dtype.kind not in "iufc":
        raise InputError(f"x has dtype {array.dtype}, which can't be moved by a small step",
                         "a float array: x.astype(float)", "a list of unequal lengths, a table of objects")
    if array.dtype.kind in "iu":
        array = array.astype(np.float64)
    if forced is not None:
        array = array.astype(np.result_type(forced, np.complex64) if array.dtype.kind == "c" else forced)
    if isinstance(value, np.ndarray):
        return array, np.ndarray
    if isinstance(value, np.generic) or array.dtype not in (np.float64, np.complex128):
        return array, np.generic
    return array, complex if array.dtype.kind == "c" else float


def _read_bounds(bounds: Any, leaves: list[Leaf], structure: tree.Structure,
                 flat: Array) -> tuple[Array, Array]:
    sides = [np.full(flat.shape, -np.inf, flat.dtype), np.full(flat.shape, np.inf, flat.dtype)]
    if bounds is None:
        return sides[0], sides[1]
    if any(leaf.complex for leaf in leaves):
        raise NumericError("bounds were given for a complex x, which has no order", "bounds=None")
    try:
        lower, upper = bounds
    except (TypeError, ValueError):
        raise NumericError(f"bounds={bounds!r} is not a pair", "bounds=(low, high), each a number or like x"
                           ) from None
    for side, given in zip(sides, (lower, upper)):
        if given is None:
            continue
        values, found = tree.flatten(given)
        if found.kind is None:
            values = values * len(leaves)
        elif structure.kind is None:
            values = [given]
        elif found != structure:
            raise ShapeError("bounds have another structure than x", tree.describe(structure))
        for leaf, value in zip(leaves, values):
            try:
                side[leaf.start:leaf.stop] = np.broadcast_to(np.asarray(value, float), leaf.shape).reshape(-1)
            except (TypeError, ValueError) as error:
                raise ShapeError(f"bounds can't be read for a leaf of shape {leaf.shape}: {error}",
                                 "a number, or an array of x's shape") from None
    if not bool(np.all((sides[0] <= flat) & (flat <= sides[1]) | np.isnan(flat))):
        raise NumericError("x lies outside its bounds", "bounds=(low, high) with low <= x <= high")
    return sides[0], sides[1]


@np.errstate(invalid="ignore", over="ignore")
def fit(step: Array, value: Array, bits: Array) -> Array:
    """Round a positive step so that value + step and value - step are exact.

    |value| + step is rounded to the dtype's own mantissa and |value| taken off again:
    the difference is a whole number of units of the larger neighbour, so both
    neighbours are representable.  A step below the resolution becomes 0.
    """
    size = np.abs(value)
    mantissa, exponent = np.frexp(size + step)
    rounded = np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits)
    return np.asarray(np.maximum(rounded - size, 0))


@np.errstate(invalid="ignore", over="ignore")
def fit_multiples(step: Array, value: Array, bits: Array, farthest: Array, halves: bool) -> Array:
    """Round a positive step so that value + k step is exact for whole k, with ``halves`` also half ones.

    That is up to k = ``farthest``; where that place lies in a binade above |value| it may be rounded.
    """
    _, exponent = np.frexp(np.abs(value) + farthest * step)
    unit = np.ldexp(1.0 + halves, exponent - bits)
    return np.asarray(np.rint(step / unit) * unit)
