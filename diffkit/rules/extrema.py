"""The largest and the smallest entry, and the running ones.

Where several entries tie, they share the derivative equally: the shortest of all
subgradients.  The shares are a flat row of their own, so that a recorded program
computes them anew at every point and second derivatives see constants.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import NO_VALUE, as_array, expand, given, keep, lanes, real_type, refuse_out, start_with
from diffkit.rules.kinds import FUNCTIONS, Flat, answers, general
from diffkit.rules.reductions import SUM


def _shares(a: Any, y: Any, axis: Any) -> Any:
    """1/m for the m entries of ``a`` that equal the extremum (NaN, if that is what it is)."""
    hits = a == y
    if np.isnan(y).any():
        hits = hits | (np.isnan(a) & np.isnan(y))
    weights = hits.astype(real_type(a.dtype))
    ties = np.count_nonzero(hits, axis=axis, keepdims=True)
    return weights if np.all(ties == 1) else weights / ties.astype(weights.dtype)


SHARES = Flat(_shares, name="extremum_shares")


def _jvp(y: Any, args: Any, tangents: Any, axis: Any, keepdims: bool) -> Any:
    a, = args
    whole = y if keepdims else expand(y, axis, len(a.shape))
    return SUM(tangents[0] * SHARES(a, whole, axis=axis), axis=axis, keepdims=keepdims)


def _vjp(g: Any, y: Any, args: Any, axis: Any, keepdims: bool) -> Any:
    a, = args
    if not keepdims:
        y, g = expand(y, axis, len(a.shape)), expand(g, axis, len(a.shape))
    return (g * SHARES(a, y, axis=axis),)


MAX = general(lambda a, axis, keepdims: np.maximum.reduce(a, axis=axis, keepdims=keepdims), jvp=_jvp, vjp=_vjp,
              name="max")
MIN = general(lambda a, axis, keepdims: np.minimum.reduce(a, axis=axis, keepdims=keepdims), jvp=_jvp, vjp=_vjp,
              name="min")


def _extremum(row: Any, name: str, worst: float, a: Any, axis: Any, out: Any, keepdims: Any, initial: Any,
              where: Any) -> Any:
    """A start is one more entry, with its share of a tie; a mask hides entries behind the worst value."""
    refuse_out(name, out)
    a = as_array(a)
    keepdims = bool(given(keepdims, False))
    if where is not NO_VALUE and where is not True:
        if initial is NO_VALUE:
            raise ValueError(f"reduction operation '{name}imum' does not have an identity, so to use a where mask "
                             "one has to specify 'initial'")
        a = np.where(where, a, worst)
    if initial is NO_VALUE:
        return row(a, axis=axis, keepdims=keepdims)
    return keep(row(start_with(initial, lanes(a, axis)), axis=-1, keepdims=False), axis, keepdims, len(a.shape))


@answers(np.max, np.amax)
def max(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NO_VALUE, initial: Any = NO_VALUE,
        where: Any = NO_VALUE) -> Any:
    """The largest entry; ties share equally, with ``initial`` too."""
    return _extremum(MAX, "max", -np.inf, a, axis, out, keepdims, initial, where)


@answers(np.min, np.amin)
def min(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NO_VALUE, initial: Any = NO_VALUE,
        where: Any = NO_VALUE) -> Any:
    """The smallest entry; ties share equally, with ``initial`` too."""
    return _extremum(MIN, "min", np.inf, a, axis, out, keepdims, initial, where)


@answers(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NO_VALUE) -> Any:
    """The largest entry minus the smallest."""
    refuse_out("ptp", out)
    return max(a, axis, None, keepdims) - min(a, axis, None, keepdims)


def _nan_extremum(row: Any, name: str, worst: float, a: Any, axis: Any, out: Any, keepdims: Any, initial: Any,
                  where: Any) -> Any:
    a = as_array(a)
    hidden = np.isnan(a)
    y = _extremum(row, name, worst, np.where(hidden, worst, a), axis, out, keepdims, initial, where)
    if initial is not NO_VALUE:
        return y
    # A lane of nothing but NaN: NaN, as NumPy says, with a derivative of zero.
    return np.where(np.all(hidden, axis=axis, keepdims=bool(given(keepdims, False))), np.nan, y)


@answers(np.nanmax)
def nanmax(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NO_VALUE, initial: Any = NO_VALUE,
           where: Any = NO_VALUE) -> Any:
    """The largest entry that is not NaN."""
    return _nan_extremum(MAX, "max", -np.inf, a, axis, out, keepdims, initial, where)


@answers(np.nanmin)
def nanmin(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NO_VALUE, initial: Any = NO_VALUE,
           where: Any = NO_VALUE) -> Any:
    """The smallest entry that is not NaN."""
    return _nan_extremum(MIN, "min", np.inf, a, axis, out, keepdims, initial, where)


def _reducer(definition: Any) -> Any:
    def reduce(array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False,
               initial: Any = NO_VALUE, where: Any = True) -> Any:
        array = as_array(array) if dtype is None else as_array(array).astype(dtype)
        return definition(array, axis, out, keepdims, initial, where)
    return reduce


FUNCTIONS[np.maximum, "reduce"], FUNCTIONS[np.minimum, "reduce"] = _reducer(max), _reducer(min)
FUNCTIONS[np.fmax, "reduce"], FUNCTIONS[np.fmin, "reduce"] = _reducer(nanmax), _reducer(nanmin)
