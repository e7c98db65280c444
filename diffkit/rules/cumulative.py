"""Running sums and products, and whatever a ufunc accumulates.

    y_0 = a_0,   y_k = f(y_{k-1}, a_k)        so        t_k = f_1 t_{k-1} + f_2 da_k

The tangent obeys a linear recurrence, and the cotangent the same one backwards.  The
recurrence is a row whose derivatives are again recurrences.  Nothing is ever divided by
an entry, so products are exact at zeros, one or several, to any order:

    prod:  d/da_k = (a_0 … a_{k-1}) (a_{k+1} … a_n),  products from the left and the right
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import (
    NO_VALUE,
    as_array,
    expand,
    given,
    keep,
    lanes,
    normal_axis,
    real_type,
    refuse_out,
    start_with,
    unlanes,
)
from diffkit.rules.kinds import FUNCTIONS, Flat, Linear, answers, general, linear


def _along(axis: int, start: Any, stop: Any) -> tuple[Any, ...]:
    return (slice(None),) * axis + (slice(start, stop),)


def _before(y: Any, axis: int) -> Any:
    """y_{k-1} at k, 0 at the start."""
    return np.concatenate([np.zeros_like(y[_along(axis, 0, 1)]), y[_along(axis, None, -1)]], axis)


def _after(y: Any, axis: int) -> Any:
    """y_{k+1} at k, 0 at the end."""
    return np.concatenate([y[_along(axis, 1, None)], np.zeros_like(y[_along(axis, 0, 1)])], axis)


def _recurrence(a: Any, b: Any, axis: int) -> Any:
    shape = np.broadcast_shapes(a.shape, b.shape)
    a, b = (np.moveaxis(np.broadcast_to(part, shape), axis, 0) for part in (a, b))
    u = np.array(b, dtype=np.result_type(a, b))
    if u.ndim == 1 and u.dtype == np.float64:  # Python's floats are faster than array scalars
        found = b[:1].tolist()
        for factor, term in zip(a[1:].tolist(), b[1:].tolist()):
            found.append(factor * found[-1] + term)
        return np.array(found, dtype=u.dtype)
    for k in range(1, u.shape[0]):
        u[k] += a[k] * u[k - 1]
    return np.moveaxis(u, 0, axis)


def _recurrence_jvp(u: Any, args: Any, tangents: Any, axis: int) -> Any:
    a, _ = args
    ta, tb = tangents
    term = None if ta is None else ta * _before(u, axis)
    if tb is not None:
        term = tb if term is None else term + tb
    return RECURRENCE(a, term, axis=axis)


def _recurrence_vjp(g: Any, u: Any, args: Any, axis: int) -> Any:
    b = backwards(args[0], g, axis)
    return b * _before(u, axis), b


#: u_k = a_k u_{k-1} + b_k along an axis, u_0 = b_0.
RECURRENCE = general(_recurrence, jvp=_recurrence_jvp, vjp=_recurrence_vjp, name="linear_recurrence")


def backwards(a: Any, g: Any, axis: int) -> Any:
    """The transposed recurrence: v_k = g_k + a_{k+1} v_{k+1}."""
    return np.flip(RECURRENCE(np.flip(_after(a, axis), axis), np.flip(g, axis), axis=axis), axis)


# --- any ufunc ---------------------------------------------------------------------------

def _running_shares(a: Any, y: Any, axis: int) -> Any:
    """Of a running extremum: whether it goes on, who ties it, and one over how many do."""
    a, y = np.moveaxis(a, axis, 0), np.moveaxis(y, axis, 0)
    real = real_type(a.dtype)
    goes_on, ties = np.zeros(a.shape, real), (a == y).astype(real)
    goes_on[1:] = y[1:] == y[:-1]
    with np.errstate(all="ignore"):  # after a NaN: 1/0, and NaN tangents as they should be
        share = 1 / _recurrence(goes_on, ties, 0)
    return tuple(np.moveaxis(part, 0, axis) for part in (goes_on, ties, share))


RUNNING_SHARES = Flat(_running_shares, name="running_shares", outputs=3)


def _coefficients(ufunc: str, y: Any, a: Any, axis: int) -> Any:
    """f_1, f_2 and a factor of the result (None: 1)."""
    if ufunc in ("maximum", "minimum"):
        return RUNNING_SHARES(a, y, axis=axis)
    first, second = FUNCTIONS[getattr(np, ufunc)].partials  # type: ignore[attr-defined]
    later, previous = _along(axis, 1, None), y[_along(axis, None, -1)]
    one = np.ones_like(y[_along(axis, 0, 1)])
    columns = []
    for partial in (first, second):
        value = partial(y[later], previous, a[later]) if callable(partial) else partial or 0
        columns.append(np.concatenate([one, np.broadcast_to(value, previous.shape)], axis))
    return *columns, None


def _accumulate_jvp(y: Any, args: Any, tangents: Any, ufunc: str, axis: int) -> Any:
    f1, f2, factor = _coefficients(ufunc, y, args[0], axis)
    t = RECURRENCE(f1, f2 * tangents[0], axis=axis)
    return t if factor is None else t * factor


def _accumulate_vjp(g: Any, y: Any, args: Any, ufunc: str, axis: int) -> Any:
    f1, f2, factor = _coefficients(ufunc, y, args[0], axis)
    return (f2 * backwards(f1, g if factor is None else g * factor, axis),)


ACCUMULATE = general(lambda a, ufunc, axis: getattr(np, ufunc).accumulate(a, axis=axis),
                     jvp=_accumulate_jvp, vjp=_accumulate_vjp, name="accumulate")


def accumulate(ufunc: str, a: Any, axis: Any, dtype: Any, out: Any) -> Any:
    """What ``ufunc.accumulate`` and its kin do, the axis None meaning the flattened array."""
    refuse_out(ufunc + ".accumulate", out)
    a = as_array(a)
    if dtype is not None:
        a = a.astype(dtype)
    if axis is None or not a.shape:
        if axis is not None:
            normal_axis(axis, 1)
        a, axis = np.reshape(a, (-1,)), 0
    axis = normal_axis(axis, len(a.shape))
    return CUMSUM(a, axis=axis) if ufunc == "add" else ACCUMULATE(a, ufunc=ufunc, axis=axis)


CUMSUM: Linear = linear(lambda a, axis: np.add.accumulate(a, axis=axis), lambda g, shapes, i, axis: np.flip(
    CUMSUM(np.flip(g, axis), axis=axis), axis), name="cumsum")


@answers(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running sum."""
    return accumulate("add", a, axis, dtype, out)


@answers(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running product, exact at zeros."""
    return accumulate("multiply", a, axis, dtype, out)


def _cumulative(ufunc: str, x: Any, axis: Any, dtype: Any, out: Any, include_initial: bool) -> Any:
    x = as_array(x)
    if axis is None and len(x.shape) > 1:
        raise ValueError("For arrays which have more than one dimension ``axis`` argument is required.")
    y = accumulate(ufunc, x, 0 if axis is None else axis, dtype, out)
    if not include_initial:
        return y
    axis = normal_axis(0 if axis is None else axis, len(y.shape))
    shape = (*y.shape[:axis], 1, *y.shape[axis + 1:])
    return np.concatenate([np.full(shape, 0 if ufunc == "add" else 1, y.dtype), y], axis)


@answers(getattr(np, "cumulative_sum", "cumulative_sum"))
def cumulative_sum(x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None,
                   include_initial: bool = False) -> Any:
    """Running sum, with the empty sum in front if asked for."""
    return _cumulative("add", x, axis, dtype, out, include_initial)


@answers(getattr(np, "cumulative_prod", "cumulative_prod"))
def cumulative_prod(x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None,
                    include_initial: bool = False) -> Any:
    """Running product, with the empty product in front if asked for."""
    return _cumulative("multiply", x, axis, dtype, out, include_initial)


@answers(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running sum, NaN counting as 0."""
    a = as_array(a)
    return accumulate("add", np.where(np.isnan(a), 0, a), axis, dtype, out)


@answers(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running product, NaN counting as 1."""
    a = as_array(a)
    return accumulate("multiply", np.where(np.isnan(a), 1, a), axis, dtype, out)


# --- products ------------------------------------------------------------------------------

def _others(a: Any) -> Any:
    """For each entry of the last axis, the product of the others."""
    one = np.ones_like(a[..., :1])
    left = np.concatenate([one, a[..., :-1]], -1)
    right = np.flip(np.concatenate([a[..., 1:], one], -1), -1)
    product = FUNCTIONS[np.cumprod]
    return product(left, -1) * np.flip(product(right, -1), -1)


def _prod(a: Any, axis: Any, keepdims: bool) -> Any:
    return np.multiply.reduce(a, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]


def _prod_jvp(y: Any, args: Any, tangents: Any, axis: Any, keepdims: bool) -> Any:
    a, = args
    t = np.sum(lanes(tangents[0], axis) * _others(lanes(a, axis)), axis=-1)
    return keep(t, axis, keepdims, len(a.shape))


def _prod_vjp(g: Any, y: Any, args: Any, axis: Any, keepdims: bool) -> Any:
    a, = args
    spread = g if keepdims else expand(g, axis, len(a.shape))
    return (spread * unlanes(_others(lanes(a, axis)), axis, a.shape),)


PROD = general(_prod, jvp=_prod_jvp, vjp=_prod_vjp, name="prod")


@answers(np.prod)
def prod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NO_VALUE,
         initial: Any = NO_VALUE, where: Any = NO_VALUE) -> Any:
    """Product over axes; ``where`` selects, ``initial`` is one more factor."""
    refuse_out("prod", out)
    a = as_array(a)
    if dtype is not None:
        a = a.astype(dtype)
    keepdims = bool(given(keepdims, False))
    if where is not NO_VALUE and where is not True:
        a = np.where(where, a, 1)
    if not a.shape and type(axis) is int and axis in (0, -1):  # NumPy reduces a number along it, too
        axis = None
    if initial is NO_VALUE:
        return PROD(a, axis=axis, keepdims=keepdims)
    y = PROD(start_with(initial, lanes(a, axis)), axis=-1, keepdims=False)
    return keep(y, axis, keepdims, len(a.shape))


@answers(np.nanprod)
def nanprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NO_VALUE,
            initial: Any = NO_VALUE, where: Any = NO_VALUE) -> Any:
    """Product of the entries that are not NaN."""
    a = as_array(a)
    return prod(np.where(np.isnan(a), 1, a), axis, dtype, out, keepdims, initial, where)


def _multiply_reduce(array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False,
                     initial: Any = NO_VALUE, where: Any = True) -> Any:
    return prod(array, axis, dtype, out, keepdims, initial, where)


FUNCTIONS[np.multiply, "reduce"] = _multiply_reduce


# --- log-sum-exp -----------------------------------------------------------------------------

def _weights(a: Any, y: Any, base: float) -> Any:
    """exp(a - y), the softmax; an entry at -inf weighs nothing, also where all are."""
    dead = a == -np.inf
    exponent = np.where(dead, 0, a) - np.where(dead, 0, expand(y, -1, len(a.shape)))
    return np.where(dead, 0, np.exp(exponent if base == 1.0 else exponent * base))


def _log_sum_row(ufunc: np.ufunc, base: float) -> Any:
    return general(lambda a: ufunc.reduce(a, axis=-1), name=ufunc.__name__ + "_reduce",
                   jvp=lambda y, args, tangents: np.sum(tangents[0] * _weights(args[0], y, base), axis=-1),
                   vjp=lambda g, y, args: (g[..., None] * _weights(args[0], y, base),))


LOG_SUMS = {"logaddexp": _log_sum_row(np.logaddexp, 1.0),
            "logaddexp2": _log_sum_row(np.logaddexp2, float(np.log(2.0)))}
