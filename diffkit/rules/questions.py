"""Questions of shape, dtype and memory only: answered without a record, never differentiated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.rules.calls import is_traced, plain
from diffkit.rules.kinds import FUNCTIONS, Flat, answers


@answers(np.size)
def size(a: Any, axis: Any = None) -> int:
    """How many entries there are, along an axis or axes."""
    if axis is None:
        return int(math.prod(a.shape))
    axes = np.lib.array_utils.normalize_axis_tuple(axis, len(a.shape))
    return int(math.prod(a.shape[i] for i in axes))


def _by_dtype(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Asked of dtypes: a traced value is stood for by an empty array of its dtype."""
    def ask(*args: Any, **kwargs: Any) -> Any:
        return fun(*(np.empty(0, a.dtype) if is_traced(a) else a for a in args), **kwargs)
    return ask


_question: Any
for _question in (np.result_type, np.can_cast, np.common_type):
    FUNCTIONS[_question] = _by_dtype(_question)


def _by_shape(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Asked of a shape."""
    def ask(arr: Any, *args: Any, **kwargs: Any) -> Any:
        return fun(np.broadcast_to(0, arr.shape), *args, **kwargs)
    return ask


for _question in (np.tril_indices_from, np.triu_indices_from, np.diag_indices_from):
    FUNCTIONS[_question] = _by_shape(_question)

FUNCTIONS[np.array_repr] = FUNCTIONS[np.array_str] = FUNCTIONS[np.array2string] = lambda a, *args, **kwargs: repr(a)


def _by_value(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Made of indices: what was traced becomes a path condition."""
    def ask(*args: Any, **kwargs: Any) -> Any:
        return fun(*(plain(a) for a in args), **kwargs)
    return ask


for _question in (np.ix_, np.unravel_index, np.ravel_multi_index, np.min_scalar_type):
    FUNCTIONS[_question] = _by_value(_question)

FUNCTIONS[np.array_equiv] = Flat(np.array_equiv, call=np.array_equiv)
