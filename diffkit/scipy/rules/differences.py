"""Numeric partials: derivatives that have no closed form, with their error bar.

SciPy computes J_v(z) for any order v, but no formula in known functions gives its
derivative by v.  Such a partial is measured: ``diffkit.numeric`` differentiates SciPy's
own function and claims an error, and a claim wider than ``TOLERANCE`` is refused.

``differences(f, i)`` is a row, so it has partials itself: by argument i the next higher
difference, by another argument the difference of f's derivative by that argument.  Rows
know such partials by ``is_numeric`` (provenance), and inside ``strict()`` they are refused.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from diffkit.errors import NumericError
from diffkit.rules.kinds import TABLE, Elementwise

#: The widest claim that is used, relative to the largest of derivative and value.
TOLERANCE = 1e-6
#: What a claim may lose with each order above the first.
_LOSS = 1e3
_STRICT: contextvars.ContextVar[bool] = contextvars.ContextVar("diffkit_strict", default=False)
#: Whether a difference is being measured: what can't be claimed at a point it visits is NaN there.
_PROBING: contextvars.ContextVar[bool] = contextvars.ContextVar("diffkit_probing", default=False)
_made: dict[tuple[Any, int, int], Elementwise] = {}
_slopes: dict[tuple[Any, int], Callable[..., Any]] = {}


@contextlib.contextmanager
def strict() -> Iterator[None]:
    """Refuse derivatives by finite differences: inside, only closed forms are used.

    Raises NumericError (a ValueError) where a partial has no closed form.

    >>> import numpy as np, scipy.special, diffkit as dk
    >>> with strict():
    ...     print(dk.grad(lambda x: scipy.special.jv(0, x))(1.0).round(6))
    -0.440051
    >>> try:
    ...     with strict():
    ...         dk.grad(lambda v: scipy.special.jv(v, 1.0))(0.5)
    ... except dk.errors.NumericError as refusal:
    ...     print(refusal.what[:66])
    the derivative of scipy.special.jv by argument 0 has no closed for
    """
    token = _STRICT.set(True)
    try:
        yield
    finally:
        _STRICT.reset(token)


def slope(f: Callable[..., Any], position: int) -> Callable[..., Any]:
    """The derivative of an elementwise function of several arguments by one of them, by forward mode."""
    found = _slopes.get((f, position))
    if found is None:
        def along(*args: Any) -> Any:
            from diffkit.transforms import jvp
            shape = np.broadcast_shapes(*(np.shape(arg) for arg in args))
            x = args[position]
            x = x if hasattr(x, "dtype") and x.dtype.kind in "fc" else np.float64(x)
            x = np.broadcast_to(x, shape) if x.shape != shape else x
            return jvp(lambda x: f(*args[:position], x, *args[position + 1:]), (x,), (np.ones_like(x),))[1]

        found = _slopes[f, position] = along
    return found


def differences(f: Callable[..., Any], position: int, arity: int, order: int = 1, name: str = "") -> Elementwise:
    """The row of the derivative of this order by one of ``arity`` arguments of f, measured."""
    name = name or str(getattr(f, "name", getattr(f, "__name__", "f")))
    key = (f, position, order)
    if key in _made:
        return _made[key]

    def measured(*args: Any) -> Any:
        return _measure(f, position, order, name, args)

    def partial(other: int) -> Callable[..., Any]:
        def by(y: Any, *args: Any) -> Any:
            if other == position:
                return differences(f, position, arity, order + 1, name)(*args)
            return differences(slope(f, other), position, arity, order, name)(*args)

        by.is_numeric = True  # type: ignore[attr-defined]
        return by

    title = f"{name} by argument {position}, order {order}, number {len(_made)}"
    row = Elementwise(measured, [partial(i) for i in range(arity)], None, name=title)
    del TABLE[row.name]  # made on demand: no page of the table, nothing to test it at
    _made[key] = row
    return row


def _measure(f: Callable[..., Any], position: int, order: int, name: str, args: tuple[Any, ...]) -> Any:
    """The difference at plain arguments, in the value's precision."""
    if _STRICT.get():
        raise NumericError(f"the derivative of scipy.{name} by argument {position} has no closed form: it would be "
                           "measured by finite differences, which strict() refuses",
                           "dk.stop_gradient on that argument, or the derivative outside of strict()")
    shape = np.broadcast_shapes(*(np.shape(arg) for arg in args))
    dtype = np.result_type(*(arg.dtype if hasattr(arg, "dtype") else type(arg) for arg in args))
    wide = [_widened(arg) for arg in args]
    x = np.broadcast_to(wide[position], shape)
    others = [arg if np.ndim(arg) == 0 else np.broadcast_to(arg, shape) for arg in wide]

    def moved(x: Any) -> Any:
        y = f(*others[:position], x, *others[position + 1:])
        return np.asarray(y) if shape else y

    found = _differentiate(moved, x if shape else x[()], order)
    value, error = np.asarray(found.value), np.asarray(found.error)
    size = np.maximum(np.abs(value), np.abs(np.asarray(moved(x if shape else x[()]))))
    bad = ~(error <= TOLERANCE * _LOSS ** (order - 1) * size + 1e-280) & ~np.isnan(size)
    if bad.any() and _PROBING.get():
        value = np.where(bad, np.nan, value)
    elif bad.any():
        worst = int(np.argmax(bad))
        where = tuple(float(np.real(np.broadcast_to(arg, shape).flat[worst])) for arg in wide)
        raise NumericError(
            f"the derivative of scipy.{name} by argument {position} is measured by finite differences, and its error "
            f"bar {error.flat[worst]:.1e} at {where} is too wide (status {np.asarray(found.status).flat[worst]})",
            "dk.stop_gradient on that argument if its derivative is not needed",
            "the edge of the domain, or a point where SciPy's value is rough")
    if np.result_type(dtype, np.complex64) == np.complex64:
        value = value.astype(np.complex64 if value.dtype.kind == "c" else np.float32)
    return value if shape else value[()]


def _differentiate(f: Callable[[Any], Any], x: Any, order: int) -> Any:
    """The numeric result; a complex argument moves in the real direction (f is holomorphic in it)."""
    from diffkit import numeric
    token = _PROBING.set(True)
    try:
        if x.dtype.kind == "c":
            return numeric.derivative(lambda t: f(x + t), np.zeros(x.shape)[()], order)
        return numeric.derivative(f, x, order)
    finally:
        _PROBING.reset(token)


def _widened(arg: Any) -> Any:
    """Single precision is differentiated in double: a difference loses half of its digits."""
    if hasattr(arg, "dtype") and arg.dtype.kind in "fc":
        return arg.astype(np.result_type(arg.dtype, np.float64), copy=False)
    return arg
