"""Sorting, and what reads sorted values: partition, unique, median, quantiles.

Sorting permutes; its derivative permutes likewise.  Entries that tie share: each of m
equal values in the result moves by the mean of the m entries, which is the shortest
subgradient, and makes ``sort(x)[-1]`` and ``max(x)`` one function also at a tie.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import NO_VALUE, NUMPY_2_5, as_array, normal_axis, plain, real_type, refuse
from diffkit.rules.indexing import PUT_ALONG, TAKE_ALONG
from diffkit.rules.kinds import Flat, General, answers, general


def _level_out(t: Any, s: Any, axis: int) -> Any:
    """The mean of ``t`` over each run of equal values in ``s`` along the axis."""
    last = np.moveaxis(s, axis, -1)
    starts = np.ones(last.shape, bool)
    starts[..., 1:] = last[..., 1:] != last[..., :-1]
    if starts.all():
        return t
    # Runs are numbered through the whole array; every lane begins one.
    run = np.cumsum(starts.ravel()) - 1
    t = np.moveaxis(t, axis, -1)
    totals = np.zeros(run[-1] + 1, t.dtype)
    np.add.at(totals, run, t.ravel())
    means = totals / np.bincount(run).astype(real_type(t.dtype))
    return np.moveaxis(means[run].reshape(t.shape), -1, axis)


LEVEL_OUT: General = general(_level_out, name="level_out",
                    jvp=lambda y, args, tangents, axis: LEVEL_OUT(tangents[0], args[1], axis=axis),
                    vjp=lambda g, y, args, axis: (LEVEL_OUT(g, args[1], axis=axis), None))

#: The stable order of the entries, and the order of entries in an array with the same values.
ORDER = Flat(lambda a, axis: np.argsort(a, axis=axis, kind="stable"), name="stable_order")
SORTED = Flat(lambda a, axis: np.sort(a, axis=axis), name="sorted_values")


def _rearranged_jvp(y: Any, args: Any, tangents: Any, axis: int, **how: Any) -> Any:
    t = LEVEL_OUT(TAKE_ALONG(tangents[0], ORDER(args[0], axis=axis), axis=axis), SORTED(y, axis=axis), axis=axis)
    return PUT_ALONG(t, ORDER(y, axis=axis), axis=axis, shape=y.shape) if how.get("kth") is not None else t


def _rearranged_vjp(g: Any, y: Any, args: Any, axis: int, **how: Any) -> Any:
    if how.get("kth") is not None:
        g = TAKE_ALONG(g, ORDER(y, axis=axis), axis=axis)
    g = LEVEL_OUT(g, SORTED(y, axis=axis), axis=axis)
    return (PUT_ALONG(g, ORDER(args[0], axis=axis), axis=axis, shape=g.shape),)


SORT = general(lambda a, axis, kind=None: np.sort(a, axis=axis, kind=kind), name="sort",
               jvp=_rearranged_jvp, vjp=_rearranged_vjp)
PARTITION = general(lambda a, kth, axis: np.partition(a, kth, axis=axis), name="partition",
                    jvp=_rearranged_jvp, vjp=_rearranged_vjp)


def _lane(a: Any, axis: Any) -> tuple[Any, int]:
    a = as_array(a)
    if axis is None:
        return np.reshape(a, (-1,)), 0
    return a, normal_axis(axis, len(a.shape))


@answers(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None,
         descending: Any = NO_VALUE) -> Any:
    """The entries in ascending or (from NumPy 2.5 on) descending order along an axis, NaN last in both."""
    if order is not None:
        raise refuse("sort", "order=", "sort by a key: x[np.argsort(key)]")
    if descending is not NO_VALUE and not NUMPY_2_5:
        raise TypeError("sort() got an unexpected keyword argument 'descending'")
    downwards = descending is not NO_VALUE and bool(descending)
    if kind is not None and (stable is not None or downwards):
        raise ValueError("`kind` and keyword parameters can't be provided at the same time. Use only one of them.")
    a, axis = _lane(a, axis)
    if downwards:  # both maps turn the order round, and leave NaN where it is
        turn = np.invert if a.dtype.kind in "iub" else np.negative
        return turn(SORT(turn(a), axis=axis, kind="stable" if stable else None))
    return SORT(a, axis=axis, kind="stable" if stable else kind)


@answers(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    """The entries so arranged that those at kth are where sorting would put them."""
    if order is not None:
        raise refuse("partition", "order=", "sort by a key: x[np.argsort(key)]")
    if kind != "introselect":
        raise ValueError(f"select kind must be 'introselect' (got {kind!r})")
    a, axis = _lane(a, axis)
    return PARTITION(a, kth=kth, axis=axis)


@answers(np.sort_complex)
def sort_complex(a: Any) -> Any:
    """The entries in ascending order along the last axis, as complex numbers."""
    y = sort(a)
    return y if y.dtype.kind == "c" else y.astype(np.result_type(y.dtype, np.complex64))


@answers(np.unique)
def unique(ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
           axis: Any = None, *, equal_nan: bool = True, sorted: bool = True) -> Any:
    """The different values in ascending order; equal entries share their value's derivative."""
    ar = as_array(ar)
    found = UNIQUE(ar, axis=axis, equal_nan=equal_nan)
    counts, index = found[2], found[0]
    if axis is None:
        ends = np.cumsum(counts)
        values = sort(ar, None)[plain(ends - counts)]
    else:
        values = np.take(ar, plain(index), axis=axis)
    result = [values, *(part for part, wanted in zip(found, (return_index, return_inverse, return_counts)) if wanted)]
    return values if len(result) == 1 else tuple(result)


UNIQUE = Flat(lambda ar, axis, equal_nan: np.unique(ar, True, True, True, axis=axis, equal_nan=equal_nan)[1:],
              name="unique_places", outputs=3)


if hasattr(np, "unique_values"):
    @answers(np.unique_values)
    def unique_values(x: Any) -> Any:
        """The different values, each NaN for itself."""
        return unique(x, equal_nan=False)
