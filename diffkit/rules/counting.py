"""Weighted counts: bincount and histograms.

A count is linear in the weights and flat in what is counted and in the edges of the bins.
The edges move with the range and with the least and greatest of the data that they were
made from, and with them a density, which is divided by their distances.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import as_array, plain
from diffkit.rules.indexing import GETITEM
from diffkit.rules.kinds import Flat, Linear, answers, linear
from diffkit.rules.ranges import linspace
from diffkit.rules.writing import ADD_AT

BINCOUNT: Linear = linear(lambda weights, x, minlength: np.bincount(x, weights, minlength),
                          lambda g, shapes, i, x, minlength: GETITEM(g, index=x), name="bincount")
COUNTS = Flat(lambda x, minlength: np.bincount(x, None, minlength), name="bincount_flat")


@answers(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Any:
    """The number, or the summed weights, of each value."""
    if weights is None:
        return COUNTS(x, minlength=minlength)
    return BINCOUNT(as_array(weights), x=np.asarray(plain(x)), minlength=minlength)


# --- histograms ------------------------------------------------------------------------------------

#: How many bins a rule such as "auto" takes.
BIN_NUMBER = Flat(lambda a, first, last, bins: np.asarray(len(np.histogram_bin_edges(a, bins, (first, last))) - 1),
                  name="bin_number")


@answers(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The edges of a histogram's bins: given, or equally spaced between two ends."""
    if type(bins) is not str and np.ndim(bins := as_array(bins)) == 1:
        np.histogram_bin_edges([], plain(bins))  # NumPy's own error
        return bins
    a = as_array(a)
    first, last, number = _spaced(a, bins, range, weights)
    dtype = np.result_type(*(end.dtype if hasattr(end, "dtype") else end for end in (first, last)), a.dtype)
    edges = linspace(first, last, number + 1, dtype=dtype if dtype.kind in "fc" else np.result_type(dtype, float))
    if bool(np.any(edges[:-1] >= edges[1:])):
        raise ValueError(f"Too many bins for data range. Cannot create {number} finite-sized bins.")
    return edges


def _spaced(a: Any, bins: Any, range: Any, weights: Any) -> tuple[Any, Any, int]:
    """The least and the greatest edge, and the number of bins between; NumPy's own errors."""
    np.histogram_bin_edges([0.0, 1.0], plain(bins), None, None if weights is None else np.ones(2))
    if range is not None:
        first, last = range
        if bool(first > last):
            raise ValueError("max must be larger than min in range parameter.")
    else:
        first, last = (np.min(a), np.max(a)) if a.size else (0, 1)
    if not bool(np.isfinite(first) & np.isfinite(last)):
        found = "supplied" if range is not None else "autodetected"
        raise ValueError(f"{found} range of [{plain(first)}, {plain(last)}] is not finite")
    if bool(first == last):
        first, last = first - 0.5, last + 0.5
    return first, last, int(plain(BIN_NUMBER(a, first, last, bins=bins) if type(bins) is str else bins))


#: The bin of each entry, counted from 1; 0 and the last one are outside.
PLACES = Flat(lambda a, edges: np.searchsorted(edges, a, side="right") - (a == edges[-1]), name="bin_places")


def _counted(places: Any, weights: Any, size: int) -> Any:
    """The number, or the summed weights, of each place."""
    if weights is None:
        return COUNTS(places, minlength=size)
    places = np.asarray(plain(places))
    if weights.dtype.kind == "c":
        return _counted(places, np.real(weights), size) + 1j * _counted(places, np.imag(weights), size)
    if np.can_cast(weights.dtype, np.float64, "safe"):
        return BINCOUNT(weights, x=places, minlength=size)
    return ADD_AT(np.zeros(size, weights.dtype), weights, index=places)


@answers(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """Weighted counts in bins, and the bins' edges."""
    a = as_array(a)
    if weights is not None:
        weights = as_array(weights)
        if weights.shape != a.shape:
            raise ValueError("weights should have the same shape as a.")
        weights = np.reshape(weights, (-1,))
    edges = histogram_bin_edges(a, bins, range, weights)
    counts = _counted(PLACES(np.reshape(a, (-1,)), edges), weights, len(edges) + 1)[1:len(edges)]
    if weights is not None and counts.dtype != weights.dtype:
        counts = counts.astype(weights.dtype)
    return (counts / np.diff(edges).astype(float) / np.sum(counts) if density else counts), edges


@answers(np.histogramdd)
def histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """Weighted counts in boxes of points in rows (or of a list of coordinates), and the edges along each axis."""
    points = sample if hasattr(sample, "shape") else np.transpose(np.atleast_2d(as_array(sample)))
    count, dimensions = points.shape
    try:
        if len(bins) != dimensions:
            raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    except TypeError:
        bins = dimensions * [bins]
    ranges = (None,) * dimensions if range is None else range
    if len(ranges) != dimensions:
        raise ValueError("range argument must have one entry per dimension")
    columns = [points[:, i] for i in np.arange(dimensions)]
    edges = [_edges_along(*given) for given in zip(columns, bins, ranges)]
    sizes = [len(edge) + 1 for edge in edges]
    places: Any = np.zeros(count, np.intp)
    for column, edge, size in zip(columns, edges, sizes):
        places = places * size + PLACES(column, edge)
    counts = _counted(places, None if weights is None else as_array(weights), int(np.prod(sizes)))
    counts = np.reshape(counts, sizes).astype(float)[dimensions * (slice(1, -1),)]
    if density:
        total = np.sum(counts)
        for i, edge in enumerate(edges):
            counts = counts / np.reshape(np.diff(edge), [-1 if i == j else 1 for j in np.arange(dimensions)])
        counts = counts / total
    return counts, edges


def _edges_along(column: Any, bins: Any, range: Any) -> Any:
    if np.ndim(as_array(bins)):
        return histogram_bin_edges(column, bins)
    first, last, number = _spaced(column, bins, range, None)
    return linspace(first, last, number + 1)


@answers(np.histogram2d)
def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """Weighted counts in rectangles, and the edges along both axes."""
    if len(x) != len(y):
        raise ValueError("x and y must have the same length.")
    if hasattr(bins, "__len__") and len(bins) not in (1, 2):
        bins = [bins, bins]
    counts, edges = histogramdd([as_array(x), as_array(y)], bins, range, density, weights)
    return counts, *edges
