"""Flat functions: steps, tests and indices.  Their derivative is zero by definition.

They are rows all the same: a level that records must write them down, or a compiled or
symbolic program would contain the mask ``x > 0`` of the one point it was recorded at.

Here too are the functions that are refused on purpose, each with the reason that the
error message gives: every ufunc of NumPy is a row, a definition, flat or in this list.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import as_array, refuse_out
from diffkit.rules.kinds import FUNCTIONS, REFUSED, Flat, answers, flat

flat(np.floor, np.ceil, np.trunc, np.rint, np.signbit, np.spacing,
     np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
     np.logical_and, np.logical_or, np.logical_not, np.logical_xor,
     np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift, np.bitwise_count,
     np.gcd, np.lcm, np.isfinite, np.isinf, np.isnan, np.isclose, np.isreal, np.iscomplex,
     np.isposinf, np.isneginf,
     np.all, np.any, np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition,
     np.argwhere, np.flatnonzero, np.count_nonzero, np.searchsorted, np.digitize,
     np.allclose, np.array_equal, np.zeros_like, np.ones_like, np.empty_like, np.fix)

_fun: Any
REFUSED[np.nextafter] = ("it steps to a neighbouring floating-point number, which is no function of real numbers",
                         "x itself, or dk.stop_gradient(np.nextafter(...))")
REFUSED[np.isnat] = ("it takes dates, which are not differentiated", "np.isnan for floats")
for _fun in (np.busday_count, np.busday_offset, np.is_busday, np.datetime_as_string):
    REFUSED[_fun] = ("it takes dates, which are not differentiated", "dk.value(x), a plain number")
for _fun in (np.packbits, np.unpackbits):
    REFUSED[_fun] = ("it takes bits and bytes, no numbers", "dk.value(x), a plain array")
for _fun in (np.save, np.savez, np.savez_compressed, np.savetxt):
    REFUSED[_fun] = ("a file holds plain numbers", "dk.value(x), a plain array")
for _fun in (np.shares_memory, np.may_share_memory):
    REFUSED[_fun] = ("a traced value has no memory of its own",
                     "dk.value(x); that a view and its array change together holds for traced values too")


LEXSORT = Flat(lambda *keys, axis: np.lexsort(keys, axis), name="lexsort")


@answers(np.lexsort)
def lexsort(keys: Any, axis: Any = -1) -> Any:
    """The order by the last key, where it ties by the one before it, …"""
    return LEXSORT(*(as_array(key) for key in keys), axis=axis)


ROUND = Flat(np.round, call=np.round)


@answers(np.round, np.around)
def round(a: Any, decimals: Any = 0, out: Any = None) -> Any:
    """Flat at any number of decimals (the function is a staircase)."""
    refuse_out("round", out)
    return ROUND(as_array(a), decimals=decimals) if decimals else np.rint(as_array(a))


# Questions of shape and dtype only: answered without a record.
FUNCTIONS[np.shape] = lambda a: a.shape
FUNCTIONS[np.ndim] = lambda a: len(a.shape)
FUNCTIONS[np.iscomplexobj] = lambda x: x.dtype.kind == "c"
FUNCTIONS[np.isrealobj] = lambda x: x.dtype.kind != "c"

#: The identity whose derivative is declared zero.  A copy: the caller may write to it.
STOP_GRADIENT = Flat(lambda x: x.copy("K") if type(x) is np.ndarray else x, name="stop_gradient")
