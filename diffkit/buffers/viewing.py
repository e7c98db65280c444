"""NumPy's functions that share memory with an argument in ways of their own.

Most of them give a view of their first argument and nothing else (``functions.VIEWS``).
These do so for some arguments only (``einsum`` of one operand and no sum, ``meshgrid`` with
``copy=False``, ``diff`` of order 0), for several arrays at once (``broadcast_arrays``), or hand
views to a function of the user's (``apply_along_axis``).  Each is answered here, before any
handle is read, by functions whose views are followed; ``NotImplemented`` leaves a call to the rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from diffkit.buffers.functions import LIKES, VIEWS, call_function
from diffkit.buffers.writes import overwrite, refuse_plain
from diffkit.rules.kinds import FUNCTIONS
from diffkit.traced import Traced


def _answers(func: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(definition: Callable[..., Any]) -> Callable[..., Any]:
        LIKES[func] = definition
        return definition
    return register


# --- always by views -----------------------------------------------------------------------------

def _by_views(func: Any) -> Callable[..., Any]:
    """A function whose definition uses views of its arguments only: it runs on handles as they are."""
    return lambda *args, **kwargs: FUNCTIONS[func](*args, **kwargs)


LIKES.update({func: _by_views(func) for func in (np.broadcast_arrays, np.apply_along_axis, np.trim_zeros)})


def _each(func: Any) -> Callable[..., Any]:
    """A function of several arrays that treats each by itself."""
    def answer(*args: Any) -> Any:
        return NotImplemented if len(args) == 1 else tuple(call_function(func, (arg,), {}) for arg in args)
    return answer


LIKES.update({func: _each(func) for func in (np.atleast_1d, np.atleast_2d, np.atleast_3d)})


# --- for some arguments --------------------------------------------------------------------------

def einsum_of_one(a: Any, *subscripts: Any, **kwargs: Any) -> Any:
    """``np.einsum`` of one array, which comes first."""
    return np.einsum(*subscripts, a, **kwargs) if type(subscripts[0]) is str else np.einsum(a, *subscripts, **kwargs)


def _einsum_rule(a: Any, *subscripts: Any, **kwargs: Any) -> Any:
    given = (*subscripts, a) if type(subscripts[0]) is str else (a, *subscripts)
    return FUNCTIONS[np.einsum](*given, **kwargs)


def _sums(subscripts: Any) -> bool:
    """Whether an axis of the one operand is summed over: its letter is not among the result's."""
    if type(subscripts[0]) is str:
        before, arrow, after = subscripts[0].replace(" ", "").partition("->")
        if arrow:
            return set(before) != set(after)
    else:
        before = subscripts[0]
        if len(subscripts) > 1:
            return set(before) != set(subscripts[1])
    letters = [letter for letter in before if letter != "."]
    return len(set(letters)) < len(letters)


@_answers(np.einsum)
def _einsum(*operands: Any, out: Any = None, **kwargs: Any) -> Any:
    by_name = type(operands[0]) is str
    if out is not None or not (len(operands) == 2 or (len(operands) == 3 and not by_name)):
        return NotImplemented
    source, subscripts = operands[1 if by_name else 0], operands[:1] if by_name else operands[1:]
    if type(source) is not Traced or _sums(subscripts):
        return NotImplemented
    return call_function(einsum_of_one, (source, *subscripts), kwargs)


FUNCTIONS[einsum_of_one] = _einsum_rule
VIEWS.update((einsum_of_one, sliding_window_view))


@_answers(sliding_window_view)
def _sliding_window_view(*args: Any, writeable: bool = False, **kwargs: Any) -> Any:
    return FUNCTIONS[sliding_window_view](*args, writeable=True, **kwargs) if writeable else NotImplemented


@_answers(np.meshgrid)
def _meshgrid(*xi: Any, copy: bool = True, **kwargs: Any) -> Any:
    return NotImplemented if copy else FUNCTIONS[np.meshgrid](*xi, copy=False, **kwargs)


@_answers(np.nan_to_num)
def _nan_to_num(x: Any, copy: bool = True, *args: Any, **kwargs: Any) -> Any:
    if copy:
        return NotImplemented
    if type(x) is not Traced:
        refuse_plain("np.nan_to_num with copy=False")
    return overwrite(x, np.nan_to_num(x, True, *args, **kwargs))


# --- the argument itself -------------------------------------------------------------------------

def _itself(count: int) -> Callable[..., Any]:
    """A function of an array and a count that gives the array itself for this one."""
    def answer(a: Any, *args: Any, **kwargs: Any) -> Any:
        given = kwargs.get("n", kwargs.get("m", args[0] if args else 1))
        return a if type(a) is Traced and type(given) is int and given == count else NotImplemented
    return answer


LIKES.update({np.diff: _itself(0), np.polyder: _itself(0), np.polyint: _itself(0)})


@_answers(np.linalg.matrix_power)
def _matrix_power(a: Any, n: Any) -> Any:
    square = type(a) is Traced and a.ndim >= 2 and a.shape[-1] == a.shape[-2]
    return a if square and type(n) is int and n == 1 else NotImplemented


@_answers(getattr(np, "astype", None))
def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return x.astype(dtype, copy=copy) if type(x) is Traced else NotImplemented
