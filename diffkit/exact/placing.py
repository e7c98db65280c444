"""Rules that put entries in places: writes, scatters, packing, and permutations by an index operand."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np

from diffkit.exact.arrays import collect, each, filled
from diffkit.exact.registry import exact
from diffkit.exact.structure import along, check_floating


def places_of(index: Any, shape: tuple[int, ...]) -> Any:
    """The flat position of every entry that ``index`` names (NumPy itself applies the index)."""
    return np.asarray(np.arange(int(np.prod(shape, dtype=int))).reshape(shape)[index])


def _added(algebra: Any, start: Any, places: Any, values: Any) -> Any:
    flat = start.ravel().copy()
    for place, value in zip(places.ravel().tolist(), np.broadcast_to(values, places.shape).ravel()):
        flat[place] = value if flat[place] is algebra.zero else flat[place] + value
    return flat.reshape(start.shape)


@exact("scatter")
def _scatter(algebra: Any, node: Any, g: Any, index: Any = None, shape: Any = None) -> Any:
    return _added(algebra, filled(tuple(shape), algebra.zero), places_of(index, tuple(shape)), g)


@exact("add_at")
def _add_at(algebra: Any, node: Any, a: Any, v: Any, index: Any = None) -> Any:
    return _added(algebra, a, places_of(index, a.shape), v)


@exact("setitem")
def _setitem(algebra: Any, node: Any, a: Any, v: Any, index: Any = None) -> Any:
    places = places_of(index, a.shape)
    flat = a.ravel().copy()
    for place, value in zip(places.ravel().tolist(), np.broadcast_to(_fitting(v, places), places.shape).ravel()):
        flat[place] = value
    return flat.reshape(a.shape)


def _fitting(v: Any, places: Any) -> Any:
    """NumPy drops leading axes of length one from what is assigned."""
    while v.ndim > places.ndim and v.shape[0] == 1:
        v = v[0]
    return v


@exact("pack")
def _pack(algebra: Any, node: Any, *items: Any, shape: Any = (), dtype: Any = None) -> Any:
    check_floating(dtype)
    entries = [entry for item in items for entry in item.ravel()]
    return each(algebra.number, collect(entries, tuple(shape) + items[0].shape))


@exact("bincount")
def _bincount(algebra: Any, node: Any, weights: Any, x: Any = None, minlength: int = 0) -> Any:
    return _added(algebra, filled(node.shape, algebra.zero), np.asarray(x), weights)


# --- by an index that is an operand ------------------------------------------------------------------

def _indices(node: Any, position: int) -> Any:
    """The recorded index (an exact reader never moves one)."""
    given = node.inputs[position]
    return np.asarray(getattr(given, "value", given)).astype(np.intp)


@exact("take_along_axis")
def _take_along(algebra: Any, node: Any, a: Any, indices: Any, axis: int = -1) -> Any:
    return np.take_along_axis(a, _indices(node, 1), axis)


@exact("put_along_axis")
def _put_along(algebra: Any, node: Any, g: Any, indices: Any, axis: int = -1, shape: Any = ()) -> Any:
    shape = tuple(shape)
    places = np.take_along_axis(np.arange(int(np.prod(shape))).reshape(shape), _indices(node, 1), axis)
    return _added(algebra, filled(shape, algebra.zero), places, g)


# --- sorting ---------------------------------------------------------------------------------------------

def ordered(algebra: Any, node: Any, a: Any, axis: int) -> Any:
    """In ascending order along an axis: by value with numbers, as recorded with expressions."""
    rows = np.moveaxis(a, axis, -1)
    out = np.empty(rows.shape, object)
    recorded = None
    if algebra.symbolic:
        given = node.inputs[0]
        values = np.reshape(getattr(given, "value", given), a.shape)
        recorded = np.argsort(np.moveaxis(values, axis, -1), axis=-1, kind="stable")
    for where in np.ndindex(*rows.shape[:-1]):
        row = list(rows[where])
        if recorded is None:
            row.sort(key=functools.cmp_to_key(_order))
        else:
            row = [row[i] for i in recorded[where]]
            for low, high in itertools.pairwise(row):
                algebra.require(algebra.compare("less_equal")(low, high), node.line)
        for position, entry in enumerate(row):
            out[(*where, position)] = entry
    return np.moveaxis(out, -1, axis)


def _order(a: Any, b: Any) -> int:
    """NumPy's order: NaN last."""
    if a != a or b != b:
        return int(a != a) - int(b != b)
    return int(a > b) - int(a < b)


@exact("sort", "sorted_values")
def _sort(algebra: Any, node: Any, a: Any, axis: Any = -1, kind: Any = None) -> Any:
    if axis is None:
        a, axis = np.reshape(a, (-1,)), 0
    return ordered(algebra, node, a, axis)


@exact("partition")
def _partition(algebra: Any, node: Any, a: Any, axis: Any = -1, kth: Any = None) -> Any:
    """The sorted entries, in the places where the recorded run has them."""
    in_order = ordered(algebra, node, a, axis)
    places = np.argsort(node.value, axis=axis, kind="stable")
    out = np.empty(a.shape, object)
    np.put_along_axis(out, places, in_order, axis)
    return out


@exact("level_out")
def _level_out(algebra: Any, node: Any, t: Any, s: Any, axis: int = -1) -> Any:
    """The mean of ``t`` over each run of equal values in the recorded ``s``."""
    given = node.inputs[1]
    rows = np.moveaxis(t, axis, -1)
    values = np.moveaxis(np.asarray(getattr(given, "value", given)), axis, -1)
    out = np.empty(rows.shape, object)
    for where in np.ndindex(*rows.shape[:-1]):
        row = values[where]
        for run in np.split(np.arange(len(row)), np.flatnonzero(row[1:] != row[:-1]) + 1):
            mean = algebra.total([rows[(*where, i)] for i in run]) / algebra.scalar(len(run))
            for i in run:
                out[(*where, i)] = mean
    return np.moveaxis(out, -1, axis)


# --- sums and norms with choices ----------------------------------------------------------------------------

@exact("masked_sum")
def _masked_sum(algebra: Any, node: Any, a: Any, start: Any, mask: Any, axis: Any = None, keepdims: bool = False,
                dtype: Any = None) -> Any:
    check_floating(dtype)
    picked = each(lambda x, keep: algebra.choose(keep, x, algebra.zero), a,
                  each(algebra.truth, np.broadcast_to(mask, a.shape)))
    return each(lambda p, q: p + q, along(algebra, algebra.total, picked, axis, keepdims), start)


@exact("spread_root")
def _spread_root(algebra: Any, node: Any, v: Any, dead: Any) -> Any:
    return each(algebra.function("sqrt"), v)


@exact("norm2")
def _norm2(algebra: Any, node: Any, x: Any, axis: Any = -1) -> Any:
    sqrt = algebra.function("sqrt")
    return along(algebra, lambda row: sqrt(algebra.total([_square(algebra, node, v) for v in row])), x, axis)


def _square(algebra: Any, node: Any, v: Any) -> Any:
    if node.inputs[0].dtype.kind != "c":
        return v * v
    modulus = algebra.modulus(v) if algebra.symbolic and not algebra.counting else algebra.absolute(v)
    return modulus * modulus


@exact("norm_p")
def _norm_p(algebra: Any, node: Any, x: Any, p: Any = 2, axis: Any = -1) -> Any:
    power = algebra.scalar(p)

    def norm(row: list[Any]) -> Any:
        return algebra.total([algebra.absolute(v) ** power for v in row]) ** (algebra.one / power)
    return along(algebra, norm, x, axis)


@exact("interp")
def _interp(algebra: Any, node: Any, x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """Straight lines between knots; the cell is the recorded one in symbols, found anew for numbers."""
    knots = np.asarray(getattr(node.inputs[1], "value", node.inputs[1]))
    recorded = np.asarray(getattr(node.inputs[0], "value", node.inputs[0]))
    less = algebra.compare("less")
    low = fp[0] if left is None else left[()]
    high = fp[-1] if right is None else right[()]
    entries = []
    for value, shown in zip(x.ravel(), recorded.ravel()):
        if algebra.symbolic:
            below, above = shown < knots[0], shown > knots[-1]
            cell = int(np.clip(np.searchsorted(knots, shown, side="right") - 1, 0, max(len(knots) - 2, 0)))
            at_most = algebra.compare("less_equal")
            if not below:
                algebra.require(at_most(xp[cell if not above else -1], value), node.line)
            if not above:
                algebra.require(at_most(value, xp[min(cell + 1, len(xp) - 1) if not below else 0]), node.line)
        else:
            below, above = less(value, xp[0]), less(xp[-1], value)
            cell = max(0, min(sum(1 for knot in xp if knot <= value) - 1, len(xp) - 2))
        if below or above or len(xp) == 1:
            entries.append(low if below else high if above else fp[0])
        else:
            slope = (fp[cell + 1] - fp[cell]) / (xp[cell + 1] - xp[cell])
            entries.append(fp[cell] + slope * (value - xp[cell]))
    return collect(entries, x.shape)


@exact("unwrap")
def _unwrap(algebra: Any, node: Any, p: Any, period: Any = 6.283185307179586, discont: Any = None,
            axis: int = -1) -> Any:
    """The identity plus the whole periods that the recorded run added."""
    algebra.assume(node, (p,), {})
    before = np.asarray(getattr(node.inputs[0], "value", node.inputs[0]))
    turns = np.rint((np.asarray(node.value) - before) / period).astype(int)
    return each(lambda x, n: x + algebra.scalar(period) * algebra.scalar(n) if n else x, p, turns.astype(object))


# --- rows that only appear in recorded gradients ---------------------------------------------------------------

@exact("complex_sign")
def _complex_sign(algebra: Any, node: Any, z: Any) -> Any:
    size = algebra.modulus if algebra.symbolic and not algebra.counting else algebra.absolute
    return each(lambda v: v / size(v), z)


@exact("mantissa")
def _mantissa(algebra: Any, node: Any, x: Any) -> Any:
    algebra.assume(node, (x,), {})
    given = node.inputs[0]
    exponents = np.frexp(np.asarray(getattr(given, "value", given), float))[1]
    two = algebra.one + algebra.one
    return each(lambda v, n: v / two ** algebra.scalar(int(n)), x, exponents.astype(object))
