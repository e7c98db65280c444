"""Weighted counts: bincount and histograms.

A count is linear in the weights and flat in what is counted and in the edges of the bins.
The edges move with the range and with the least and greatest of the data that they were
made from, and with them a density, which is divided by their distances.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import as_array, holds_traced, is_traced, plain
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

@answers(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The edges of a histogram's bins: given, or equally spaced between two ends."""
    if type(bins) is not str and np.ndim(bins := as_array(bins)) == 1:
        np.histogram_bin_edges([], plain(bins))  # NumPy's own error
        return bins
    edges = _plain_edges(a, bins, range, weights)
    if not is_traced(a) and not holds_traced(range):
        return edges
    return linspace(*_ends(as_array(a), range), len(edges), dtype=edges.dtype)


def _plain_edges(a: Any, bins: Any, range: Any, weights: Any) -> Any:
    """NumPy's own edges, as a path condition: their number, and what is wrong with the arguments."""
    range, weights = (None if part is None else plain(as_array(part)) for part in (range, weights))
    return np.histogram_bin_edges(plain(as_array(a)), plain(bins), range, weights)


def _ends(a: Any, range: Any) -> tuple[Any, Any]:
    """The least and the greatest edge."""
    if range is not None:
        first, last = range
    else:
        first, last = (np.min(a), np.max(a)) if a.size else (0, 1)
    return (first - 0.5, last + 0.5) if bool(first == last) else (first, last)


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
    return linspace(*_ends(column, range), len(_plain_edges(column, bins, range, None)))


@answers(np.histogram2d)
def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """Weighted counts in rectangles, and the edges along both axes."""
    if len(x) != len(y):
        raise ValueError("x and y must have the same length.")
    if hasattr(bins, "__len__") and len(bins) not in (1, 2):
        bins = [bins, bins]
    counts, edges = histogramdd([as_array(x), as_array(y)], bins, range, density, weights)
    return counts, *edges
