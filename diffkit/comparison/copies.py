"""Copies of arguments, so that nobody can change anybody else's; f with a count of its calls."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import tree

Function = Callable[..., Any]


class Counted:
    """f with a count of its calls, passing for f itself (name, signature)."""

    def __init__(self, f: Function) -> None:
        self.f = f
        self.count = 0
        functools.update_wrapper(self, f)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        return self.f(*args, **kwargs)


def copied(value: Any) -> Any:
    """A deep copy of arguments: arrays and containers always, other objects where they can be."""
    return tree.map(_copy_leaf, value)


def _copy_leaf(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray):
        return leaf.copy()
    try:
        return copy.deepcopy(leaf)
    except Exception:  # modules, locks, open files: shared, as in the caller's own call
        return leaf


def same(left: Any, right: Any) -> bool:
    """Whether two results or arguments are equal, NaN being equal to NaN."""
    a, structure = tree.flatten(left)
    b, other = tree.flatten(right)
    return structure == other and all(_same_leaf(x, y) for x, y in zip(a, b))


def _same_leaf(x: Any, y: Any) -> bool:
    if x is y:
        return True
    if isinstance(x, (np.ndarray, np.generic, int, float, complex)):
        x, y = np.asarray(x), np.asarray(y)
        return x.shape == y.shape and x.dtype == y.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind in "fc")
    if isinstance(x, str):
        return bool(x == y)
    return type(x) is type(y)  # other objects have no reliable equality


def in_order_of(wanted: Any, given: Any) -> Any:
    """A container with its dicts in the order of another's, where they have the same keys: it means nothing there."""
    if type(wanted) is dict and type(given) is dict and wanted.keys() == given.keys():
        return {key: in_order_of(wanted[key], given[key]) for key in wanted}
    if type(wanted) in (list, tuple) and type(given) is type(wanted) and len(given) == len(wanted):
        return type(wanted)(in_order_of(a, b) for a, b in zip(wanted, given))
    return given
