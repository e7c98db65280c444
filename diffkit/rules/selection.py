"""Choosing: where, select, choose, piecewise, clip, and replacing what is not finite.

Choosing is linear in what is chosen from.  The branch that was not taken gets a
structural zero: nothing that happened in it, an inf or a NaN, can poison the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import NO_VALUE, as_array, is_traced, plain, refuse, refuse_out
from diffkit.rules.choosing import choose as _choose
from diffkit.rules.domains import ANY, REAL
from diffkit.rules.indexing import SCATTER, TAKE_ALONG
from diffkit.rules.kinds import answers, general


def _where_jvp(y: Any, args: Any, tangents: Any) -> Any:
    condition, _, _ = args
    _, ta, tb = tangents
    return np.where(condition, 0 if ta is None else ta, 0 if tb is None else tb)


def _where_vjp(g: Any, y: Any, args: Any) -> Any:
    condition, x, z = args
    return (None, None if type(x) in _NUMBERS else _choose(condition, g, 0),
            None if type(z) in _NUMBERS else _choose(condition, 0, g))


_NUMBERS = frozenset([int, float, complex, bool])
_ENTRIES = _NUMBERS | {np.ndarray}
WHERE = general(np.where, jvp=_where_jvp, vjp=_where_vjp, call=_choose,
                symbol="Piecewise((y, x), (z, True))", domain=(ANY, REAL, REAL))


@answers(np.where)
def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """Entries of one array or the other; with a condition alone, the indices where it holds."""
    if x is None and y is None:
        return np.nonzero(condition)
    if x is None or y is None:
        raise ValueError("either both or neither of x and y should be given")
    return WHERE(condition if type(condition) in _ENTRIES else _entries(condition),
                 x if type(x) in _ENTRIES else _entries(x), y if type(y) in _ENTRIES else _entries(y))


def _entries(value: Any) -> Any:
    """Python's numbers stay as they are: they have no precision of their own."""
    return value if type(value) in _NUMBERS or hasattr(value, "dtype") else as_array(value)


@answers(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """For each entry the choice of the first condition that holds."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    conditions = [as_array(condition) for condition in condlist]
    for i, condition in enumerate(conditions):
        if condition.dtype != np.bool_:
            raise TypeError(f"invalid entry {i} in condlist: should be boolean ndarray")
    choices = [_entries(choice) for choice in choicelist]
    result = _entries(default)
    # The type is that of all choices together, whichever are taken.
    dtype = np.result_type(result if not hasattr(result, "dtype") else result.dtype,
                           *(c if not hasattr(c, "dtype") else c.dtype for c in choices))
    for condition, choice in zip(reversed(conditions), reversed(choices)):
        result = np.where(condition, choice, result)
    return result if result.dtype == dtype else result.astype(dtype)


@answers(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """For each entry the choice of this number."""
    refuse_out("choose", out)
    choices = [as_array(choice) for choice in choices]
    numbers = np.asarray(plain(a))
    numbers = np.choose(numbers, list(range(len(choices))), mode=mode)  # type: ignore[call-overload]
    shape = np.broadcast_shapes(numbers.shape, *(choice.shape for choice in choices))
    stacked = np.stack([np.broadcast_to(choice, shape) for choice in choices])
    return TAKE_ALONG(stacked, np.broadcast_to(numbers, shape)[None], axis=0)[0]


@answers(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """A function on each part of the domain, called with the entries of that part only."""
    x = as_array(x)
    conditions = plain(condlist)
    if np.ndim(conditions) == 0 or (not isinstance(conditions[0], (list, np.ndarray)) and x.shape):
        conditions = [conditions]
    masks = np.asarray(conditions, dtype=bool)
    if len(masks) == len(funclist) - 1:
        masks = np.concatenate([masks, ~np.any(masks, axis=0, keepdims=True)])
    elif len(masks) != len(funclist):
        raise ValueError(f"with {len(masks)} condition(s), either {len(masks)} or {len(masks) + 1} functions are "
                         "expected")
    y = np.zeros(x.shape, x.dtype)
    for mask, fun in zip(masks, funclist):
        if callable(fun):
            part = x[mask]
            if not part.size:
                continue
            value = as_array(fun(part, *args, **kw))
        else:
            value = as_array(fun)
        if value.dtype != x.dtype:
            value = value.astype(x.dtype)
        value = SCATTER(np.broadcast_to(value, np.shape(y[mask])), index=mask, shape=tuple(x.shape))
        y = np.where(mask, value, y)
    return y


@answers(np.clip)
def clip(a: Any, a_min: Any = NO_VALUE, a_max: Any = NO_VALUE, out: Any = None, *, min: Any = NO_VALUE,
         max: Any = NO_VALUE, **kwargs: Any) -> Any:
    """``minimum(maximum(a, low), high)``, at a bound with their shares of a tie."""
    refuse_out("clip", out)
    if a_min is NO_VALUE and a_max is NO_VALUE:
        a_min, a_max = (None if bound is NO_VALUE else bound for bound in (min, max))
    elif a_min is NO_VALUE:
        raise TypeError("clip() missing 1 required positional argument: 'a_min'")
    elif a_max is NO_VALUE:
        raise TypeError("clip() missing 1 required positional argument: 'a_max'")
    elif min is not NO_VALUE or max is not NO_VALUE:
        raise ValueError("Passing `min` or `max` keyword argument when `a_min` and `a_max` are provided is "
                         "forbidden.")
    a = as_array(a)
    for name, value in kwargs.items():
        if name == "dtype":
            a = a.astype(value)
        elif name not in ("casting", "order", "subok") and not (name == "where" and value is True):
            raise refuse("clip", name + "=", "np.where(condition, np.clip(…), other)")
    if a_min is not None:
        a = np.maximum(a, _entries(a_min))
    if a_max is not None:
        a = np.minimum(a, _entries(a_max))
    return a


# --- what is not finite --------------------------------------------------------------------------

@answers(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Numbers instead of NaN and the infinities; derivative 0 where one was put."""
    if not copy:
        raise refuse("nan_to_num", "copy=False", "the returned value: y = np.nan_to_num(x)")
    x = as_array(x)
    if x.dtype.kind == "c":
        return nan_to_num(x.real, True, nan, posinf, neginf) + 1j * nan_to_num(x.imag, True, nan, posinf, neginf)
    limits = np.finfo(x.dtype)
    y = np.where(np.isnan(x), _cast(nan, x.dtype), x)
    y = np.where(np.isposinf(x), _cast(limits.max if posinf is None else posinf, x.dtype), y)
    return np.where(np.isneginf(x), _cast(limits.min if neginf is None else neginf, x.dtype), y)


def _cast(value: Any, dtype: Any) -> Any:
    value = as_array(value)
    return value.astype(dtype) if value.dtype != dtype else value


@answers(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """The real part if all imaginary parts are tiny, which is a path condition."""
    a = as_array(a)
    if a.dtype.kind != "c":
        return a
    if tol > 1:
        tol = float(np.finfo(a.dtype).eps) * tol
    return a.real if bool(np.all(np.abs(a.imag) < tol)) else a


@answers(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """The same values: traced values are never shared."""
    return a if is_traced(a) else np.array(a, order=order, copy=True)  # type: ignore[call-overload]
