"""Median, quantiles and percentiles: a few entries of the sorted lane, interpolated.

A method maps a probability q to a position in the sorted lane, its *virtual index* v;
the quantile lies between the neighbours of v, with the weight gamma = v - floor(v) as the
method adjusts it (Hyndman and Fan, "Sample quantiles in statistical packages", 1996, which
numbers nine of the methods).  Through gamma the derivative with respect to q comes along:
at a kink (v a whole number) it is the one to the right.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.rules.calls import NO_VALUE, as_array, given, keep, lanes, normal_axes, refuse_out
from diffkit.rules.indexing import TAKE_ALONG
from diffkit.rules.kinds import Flat, answers
from diffkit.rules.sorting import ORDER, SORT


def _hyndman_fan(alpha: float, beta: float) -> Callable[[Any, Any], Any]:
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


def _discrete(v: Any, takes_lower: Callable[[Any], Any]) -> Any:
    """The neighbour of v that a discontinuous method takes."""
    lower = np.floor(v)
    return np.maximum(np.where((v == lower) & takes_lower(lower), lower, lower + 1), 0)


def _middle(n: Any, q: Any) -> Any:
    return 0.5 * (np.floor((n - 1) * q) + np.ceil((n - 1) * q))


#: Virtual index by method; the discrete ones give whole numbers.
_INDEX: dict[str, Callable[[Any, Any], Any]] = {
    "inverted_cdf": lambda n, q: _discrete(n * q - 1, lambda lower: True),
    "averaged_inverted_cdf": lambda n, q: n * q - 1,
    "closest_observation": lambda n, q: _discrete(n * q - 1 - 0.5, lambda lower: lower % 2 == 1),
    "interpolated_inverted_cdf": _hyndman_fan(0, 1),
    "hazen": _hyndman_fan(0.5, 0.5),
    "weibull": _hyndman_fan(0, 0),
    "linear": lambda n, q: (n - 1) * q,
    "median_unbiased": _hyndman_fan(1 / 3.0, 1 / 3.0),
    "normal_unbiased": _hyndman_fan(3 / 8.0, 3 / 8.0),
    "lower": lambda n, q: np.floor((n - 1) * q),
    "higher": lambda n, q: np.ceil((n - 1) * q),
    "midpoint": _middle,
    "nearest": lambda n, q: np.round((n - 1) * q),
}
_DISCRETE = ("inverted_cdf", "closest_observation", "lower", "higher", "nearest")


def _take(s: Any, index: Any) -> Any:
    """Entries of sorted lanes (…, n), the index (…, k) broadcasting against the lanes."""
    ndim = len(s.shape)
    index = np.reshape(index, (1,) * (ndim - len(index.shape)) + tuple(index.shape))
    return TAKE_ALONG(s, index, axis=ndim - 1)


def _interpolate(s: Any, n: Any, q: Any, method: str, weak: bool) -> Any:
    """The quantiles (…, k) of sorted lanes (…, n) at the probabilities q (k,).

    ``n`` is the number of entries that count, or (…, 1) numbers, one for each lane.
    """
    if type(n) is not int and q.dtype.kind == "f":
        n = n.astype(q.dtype)
    v = _INDEX[method](n, q)
    if method in _DISCRETE or v.dtype.kind in "iu":
        return _take(s, v.astype(np.intp))
    lower = np.floor(v)
    top = v >= n - 1
    low = np.where(top, n - 1, np.maximum(lower, 0)).astype(np.intp)
    high = np.where(top, n - 1, np.maximum(lower + 1, 0)).astype(np.intp)
    high = np.where(v < 0, 0, high)
    gamma = v - lower
    if method == "averaged_inverted_cdf":
        gamma = np.where(gamma == 0, 0.5, 1.0).astype(v.dtype)
    elif method == "midpoint":
        gamma = np.where(gamma == 0, 0.0, 0.5).astype(v.dtype)
    rest = 1 - gamma
    if weak:  # a Python float has no precision of its own
        gamma, rest = gamma.astype(s.dtype), rest.astype(s.dtype)
    a, b = _take(s, low), _take(s, high)
    step = b - a
    return np.where(gamma >= 0.5, b - step * rest, a + step * gamma)


def _weighted_places(order: Any, weights: Any, q: Any) -> Any:
    """Where in the sorted lanes (…, n) the weighted inverse distribution function finds q (k,)."""
    cdf = np.cumsum(np.take_along_axis(weights, order, -1), axis=-1, dtype=np.float64)
    cdf /= cdf[..., -1:]
    if np.isnan(cdf[..., -1]).any():
        raise ValueError("Weights included NaN, inf or were all zero.")
    if q.dtype.kind == "f":
        cdf = cdf.astype(q.dtype)
    if np.any(cdf[..., 0] == 0):
        cdf[cdf == 0] = -1
    places = np.empty((*cdf.shape[:-1], q.size), np.intp)
    for lane in np.ndindex(cdf.shape[:-1]):
        places[lane] = np.searchsorted(cdf[lane], q)
    return np.minimum(places, cdf.shape[-1] - 1)


WEIGHTED_PLACES = Flat(_weighted_places, name="weighted_quantile_places")


def _quantile(name: str, a: Any, q: Any, axis: Any, out: Any, method: str, keepdims: Any, weights: Any,
              percent: bool, ignores_nan: bool) -> Any:
    refuse_out(name, out)
    a = as_array(a)
    if a.dtype.kind == "c":
        raise TypeError("a must be an array of real numbers")
    weak = type(q) in (int, float)
    q = as_array(q) / 100 if percent else as_array(q)
    if not bool(np.all((q >= 0) & (q <= 1))):
        raise ValueError("Percentiles must be in the range [0, 100]" if percent
                         else "Quantiles must be in the range [0, 1]")
    if len(q.shape) > 2:
        raise ValueError("q must be a scalar or 1d")
    if method not in _INDEX:
        raise ValueError(f"{method!r} is not a valid method. Use one of: {_INDEX.keys()}")
    lane = lanes(a, axis)
    flat_q = np.reshape(q, (-1,))
    hidden = np.isnan(lane)
    if weights is not None:
        y = _weighted(a, lane, hidden, as_array(weights), axis, flat_q, method, ignores_nan)
    else:
        s = SORT(lane, axis=len(lane.shape) - 1)
        n: Any = s.shape[-1]
        if ignores_nan:
            n = n - np.count_nonzero(hidden, axis=-1, keepdims=True)
            empty = n == 0
            if bool(np.any(empty)):
                warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=3)
            y = np.where(empty, s.dtype.type(np.nan), _interpolate(s, np.where(empty, 1, n), flat_q, method, weak))
        else:
            y = _interpolate(s, n, flat_q, method, weak)
            y = np.where(np.isnan(s[..., -1:]), s[..., -1:], y)  # NaN sorts last
    y = np.reshape(np.moveaxis(y, -1, 0), (*q.shape, *y.shape[:-1]))
    if given(keepdims, False):
        axes = normal_axes(axis, len(a.shape))
        kept = tuple(1 if i in axes else size for i, size in enumerate(a.shape))
        y = np.reshape(y, (*q.shape, *kept))
    return y


def _weighted(a: Any, lane: Any, hidden: Any, weights: Any, axis: Any, q: Any, method: str, ignores_nan: bool) -> Any:
    if method != "inverted_cdf":
        raise ValueError(f"Only method 'inverted_cdf' supports weights. Got: {method}.")
    if weights.shape != a.shape:
        if axis is None:
            raise TypeError("Axis must be specified when shapes of a and weights differ.")
        axes = np.lib.array_utils.normalize_axis_tuple(axis, len(a.shape))
        if weights.shape != tuple(a.shape[i] for i in axes):
            raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
        weights = np.reshape(np.transpose(weights, tuple(int(i) for i in np.argsort(axes))),
                             tuple(n if i in axes else 1 for i, n in enumerate(a.shape)))
        weights = np.broadcast_to(weights, a.shape)
    if bool(np.any(weights < 0)):
        raise ValueError("Weights must be non-negative.")
    weights = lanes(weights, axis)
    if ignores_nan:
        weights = np.where(hidden, 0, weights)
    order = ORDER(lane, axis=len(lane.shape) - 1)
    s = SORT(lane, axis=len(lane.shape) - 1)
    y = _take(s, WEIGHTED_PLACES(order, weights, q))
    return y if ignores_nan else np.where(np.isnan(s[..., -1:]), s[..., -1:], y)


@answers(np.quantile)
def quantile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
             method: str = "linear", keepdims: Any = False, *, weights: Any = None) -> Any:
    """Quantiles by any of NumPy's methods, differentiable in ``a`` and in ``q``."""
    return _quantile("quantile", a, q, axis, out, method, keepdims, weights, False, False)


@answers(np.percentile)
def percentile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
               method: str = "linear", keepdims: Any = False, *, weights: Any = None) -> Any:
    """Quantiles at q/100."""
    return _quantile("percentile", a, q, axis, out, method, keepdims, weights, True, False)


@answers(np.nanquantile)
def nanquantile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
                method: str = "linear", keepdims: Any = NO_VALUE, *, weights: Any = None) -> Any:
    """Quantiles of the entries that are not NaN."""
    return _quantile("nanquantile", a, q, axis, out, method, keepdims, weights, False, True)


@answers(np.nanpercentile)
def nanpercentile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
                  method: str = "linear", keepdims: Any = NO_VALUE, *, weights: Any = None) -> Any:
    """Percentiles of the entries that are not NaN."""
    return _quantile("nanpercentile", a, q, axis, out, method, keepdims, weights, True, True)


@answers(np.median)
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    """The middle entry of the sorted lane, or the mean of the middle two."""
    refuse_out("median", out)
    a = as_array(a)
    lane = lanes(a, axis)
    s = SORT(lane, axis=len(lane.shape) - 1)
    n = s.shape[-1]
    y = np.mean(s[..., max((n - 1) // 2, 0):n // 2 + 1], axis=-1)
    if n:
        y = np.where(np.isnan(s[..., -1]), s[..., -1], y)
    return keep(y, axis, keepdims, len(a.shape))


@answers(np.nanmedian)
def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
              keepdims: Any = NO_VALUE) -> Any:
    """The median of the entries that are not NaN."""
    refuse_out("nanmedian", out)
    a = as_array(a)
    lane = lanes(a, axis)
    s = SORT(lane, axis=len(lane.shape) - 1)
    n = s.shape[-1] - np.count_nonzero(np.isnan(lane), axis=-1, keepdims=True)
    if bool(np.any(n == 0)):
        warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=2)
    low, high = _take(s, np.maximum((n - 1) // 2, 0)), _take(s, n // 2 - (n == s.shape[-1]) * (n // 2 == n))
    y = np.where(n % 2 == 1, low, np.mean(np.stack([low, high]), axis=0))[..., 0]
    return keep(y, axis, given(keepdims, False), len(a.shape))
