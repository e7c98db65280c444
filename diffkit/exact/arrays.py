"""Object arrays: NumPy's containers around scalars that NumPy knows nothing of.

NumPy unwraps a 0-d object array to its bare entry at every turn; here a value is always an
``ndarray`` of dtype object with the shape that the recorded run had.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

_IS_NOT = np.frompyfunc(operator.is_not, 2, 1)


def wrap(value: Any, shape: tuple[int, ...] | None = None) -> Any:
    """``value`` (a scalar, or an object array) as an object array, of the shape when one is given."""
    if type(value) is not np.ndarray:
        box = np.empty((), object)
        box[()] = value
        value = box
    elif value.dtype != object:
        value = value.astype(object)
    return value if shape is None or value.shape == shape else np.reshape(value, shape)


def filled(shape: tuple[int, ...], value: Any) -> Any:
    """An object array with ``value`` everywhere."""
    array = np.empty(shape, object)
    array.fill(value)
    return array


def collect(entries: list[Any], shape: tuple[int, ...]) -> Any:
    """An object array from its entries in C order (entries are never looked into)."""
    array = np.empty(len(entries), object)
    for position, entry in enumerate(entries):
        array[position] = entry
    return array.reshape(shape)


def each(function: Callable[..., Any], *arrays: Any) -> Any:
    """``function`` applied entry by entry, broadcasting as NumPy does.

    >>> each(lambda a, b: a + b, wrap(np.array([1, 2])), wrap(10))
    array([11, 12], dtype=object)
    """
    with np.errstate(all="ignore"):  # NumPy would report what happens inside ``function``
        return wrap(np.frompyfunc(function, len(arrays), 1)(*arrays))


def changed(new: Any, old: Any) -> Any:
    """Which entries are another object: boolean array of the common shape."""
    return np.asarray(_IS_NOT(new, old), dtype=bool)
