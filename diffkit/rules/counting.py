"""Weighted counts: bincount and histograms, linear in the weights and flat in what is counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import as_array, holds_traced, plain, refuse
from diffkit.rules.indexing import GETITEM
from diffkit.rules.kinds import Flat, Linear, answers, linear

BINCOUNT: Linear = linear(lambda weights, x, minlength: np.bincount(x, weights, minlength),
                          lambda g, shapes, i, x, minlength: GETITEM(g, index=x), name="bincount")
COUNTS = Flat(lambda x, minlength: np.bincount(x, None, minlength), name="bincount_flat")


@answers(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Any:
    """The number, or the summed weights, of each value."""
    if weights is None:
        return COUNTS(x, minlength=minlength)
    return BINCOUNT(as_array(weights), x=np.asarray(plain(x)), minlength=minlength)


def _places(a: Any, edges: Any) -> Any:
    """The bin of each entry, one past the last for those outside."""
    count = len(edges) - 1
    place = np.searchsorted(edges, a, side="right") - 1
    place = np.where(a == edges[-1], count - 1, place)
    return np.where((a >= edges[0]) & (a <= edges[-1]), place, count)


@answers(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """Weighted counts in bins, and the bins' edges."""
    if holds_traced(bins) or holds_traced(range) or (density and holds_traced(a)):
        raise refuse("histogram", "differentiated edges", "fixed bins: bins=np.linspace(low, high, n + 1)")
    data = np.ravel(np.asarray(plain(as_array(a))))
    if weights is None:
        return np.histogram(data, bins, range, density)
    weights = as_array(weights)
    if weights.shape != np.shape(a):
        raise ValueError("weights should have the same shape as a.")
    edges = np.histogram_bin_edges(data, bins, range)
    counts = BINCOUNT(np.reshape(weights, (-1,)), x=_places(data, edges), minlength=len(edges))[:len(edges) - 1]
    if counts.dtype != weights.dtype:
        counts = counts.astype(weights.dtype)
    return (counts / np.diff(edges) / np.sum(counts) if density else counts), edges
