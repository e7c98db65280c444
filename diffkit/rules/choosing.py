"""``np.where`` without jumps.

NumPy's where goes through its arrays entry by entry and jumps by the condition.  A condition
without a pattern (which units of a network are on) is mispredicted every second time, and
where then costs seven times an addition.  The same choice can be made by bits: a boolean,
negated as a signed byte, is a word of ones or of zeros, and ``and`` with it keeps an entry
or puts the zero.  No arithmetic is done, so the result is np.where's to the last bit,
infinities, NaN and the sign of zero included.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["choose"]

#: By a name of its own: NumPy is a module with a ``__getattr__``, in which CPython looks up anew each time.
_ndarray, _and = np.ndarray, np.bitwise_and
#: Entries from which the bits are quicker than the jumps.
_WORTH = 512
_BOOL, _SIGNED, _PYTHON = np.dtype(np.bool_), np.int8, (int, float)
#: An array, because NumPy looks at Python's numbers longer than it takes to subtract.
_ONE = np.array(1, np.int8)
#: A floating dtype, and the integers that have its width.
_WORDS = {np.dtype(np.float64): np.int64, np.dtype(np.float32): np.int32}


def choose(condition: Any, x: Any, y: Any) -> Any:
    """``np.where(condition, x, y)``; by bits where one of x, y is the number 0 and the other a floating array.

    >>> choose(np.array([True, False]), 0.0, np.array([1.0, 2.0]))
    array([0., 2.])
    """
    if type(condition) is _ndarray and condition.size >= _WORTH and condition.dtype is _BOOL:
        if type(y) is _ndarray and type(x) in _PYTHON:
            array, number, zero_if = y, x, True
        elif type(x) is _ndarray and type(y) in _PYTHON:
            array, number, zero_if = x, y, False
        else:
            return np.where(condition, x, y)
        word = _WORDS.get(array.dtype)
        # −0.0 has other bits than 0.
        if number == 0 and word is not None and array.shape == condition.shape and math.copysign(1.0, number) > 0:
            signed = condition.view(_SIGNED)
            # True is 1: one less is 0, the negative is a word of ones; False is 0, and the other way round.
            kept = signed - _ONE if zero_if else -signed
            return _and(array.view(word), kept).view(array.dtype)
    return np.where(condition, x, y)
