"""np.emath: square roots, logarithms and their kin that become complex where the real one ends.

Whether an argument lies outside is a path condition, as the dtype of the result depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.lib.scimath as scimath

from diffkit.rules.calls import as_array
from diffkit.rules.kinds import answers

_SINGLE = frozenset("fbhBHF")


def _widened(x: Any, is_outside: Callable[[Any], Any]) -> Any:
    """x, as complex numbers if any of it lies outside."""
    x = as_array(x)
    if x.dtype.kind == "c":
        inside = not bool(np.any((np.imag(x) == 0) & is_outside(np.real(x))))
    else:
        inside = not bool(np.any(is_outside(x)))
    return x if inside else x.astype(np.complex64 if x.dtype.char in _SINGLE else np.complex128)


def _not_negative(x: Any) -> Any:
    return _widened(x, lambda x: x < 0)


def _up_to_one(x: Any) -> Any:
    return _widened(x, lambda x: np.abs(x) > 1)


_ufunc: Any


def _of_one(fun: Any, ufunc: np.ufunc, widen: Callable[[Any], Any]) -> None:
    def definition(x: Any) -> Any:
        return ufunc(widen(x))
    answers(fun)(definition)


for _fun, _ufunc in ((scimath.sqrt, np.sqrt), (scimath.log, np.log), (scimath.log2, np.log2),
                     (scimath.log10, np.log10)):
    _of_one(_fun, _ufunc, _not_negative)
for _fun, _ufunc in ((scimath.arccos, np.arccos), (scimath.arcsin, np.arcsin), (scimath.arctanh, np.arctanh)):
    _of_one(_fun, _ufunc, _up_to_one)


@answers(scimath.logn)
def logn(n: Any, x: Any) -> Any:
    """The logarithm to the base n."""
    return np.log(_not_negative(x)) / np.log(_not_negative(n))


@answers(scimath.power)
def power(x: Any, p: Any) -> Any:
    """Powers of negative numbers too."""
    p = as_array(p)
    if p.dtype.kind in "iu" and bool(np.any(p < 0)):
        p = p * 1.0
    return np.power(_not_negative(x), p)
