"""Leaving a trace on purpose: plain values, and constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit import tree
from diffkit.rules.flat import STOP_GRADIENT
from diffkit.traced import is_traced, primal


def value(x: Any) -> Any:
    """The plain value of a traced array or container: for printing, storing, plotting.

    Arrays are copied, so that writing to them can't change a derivative.  Plain values come
    back as they are.

    >>> from diffkit import grad
    >>> seen = []
    >>> def f(x):
    ...     seen.append(value(x))
    ...     return x * x
    >>> grad(f)(3.0), seen
    (np.float64(6.0), [np.float64(3.0)])
    """
    def plain(leaf: Any) -> Any:
        if not is_traced(leaf):
            return leaf
        bottom = primal(_of_one_example(leaf))
        return bottom.copy("K") if type(bottom) is np.ndarray else bottom

    return tree.map(plain, x)


def _of_one_example(leaf: Any) -> Any:
    """The value; inside a vmap the function is run again for each example, which has a value of its own."""
    at = leaf
    while is_traced(at):
        if at.level.is_batch:
            at.level.give_up("dk.value asks for the value of one example")
        at = at.value
    return leaf


def is_recorded(x: Any) -> bool:
    """Whether x is traced by ``compile`` alone: nothing differentiates by it, and checks may look at it."""
    return is_traced(x) and not x.level.differentiates


def stop_gradient(x: Any) -> Any:
    """x as a constant of every transform that is running: its derivative is zero.

    >>> from diffkit import grad
    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    if is_traced(x):
        return STOP_GRADIENT(x)
    return tree.map(lambda leaf: STOP_GRADIENT(leaf) if is_traced(leaf) else leaf, x)
