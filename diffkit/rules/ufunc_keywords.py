"""Keywords of a ufunc's call: ``dtype=``, and ``axis=``, ``axes=``, ``keepdims=`` of those that contract axes.

A call with such a keyword is the call without it on operands that were cast, or whose core
axes were moved to the end, and a result whose axes are moved back.  NumPy itself says what is
wrong with a keyword: it is called on zeros of the same shapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from diffkit.rules.calls import as_array

KEYWORDS = frozenset(["dtype", "axis", "axes", "keepdims"])
_AXES = ("axis", "axes", "keepdims")


def prepared(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Callable[
        [Any], Any]]:
    """The operands for a call without these keywords, and what is to be done with its result."""
    dtype = kwargs.get("dtype")
    if dtype is not None:
        inputs = _cast(ufunc, inputs, np.dtype(dtype), kwargs.get("casting", "same_kind"))
    given = {name: kwargs[name] for name in _AXES if name in kwargs}
    if not given:
        return inputs, lambda y: y
    inputs = [as_array(x) for x in inputs]
    ufunc(*(np.broadcast_to(np.zeros((), x.dtype), x.shape) for x in inputs), **given)
    cores = _core_axes(ufunc, inputs)
    keep = bool(given.get("keepdims", False))
    if keep:
        cores[-1] = 1
    if "axis" in given:
        places: list[Any] = [given["axis"]] * (len(cores) if keep else len(cores) - 1)
    else:
        places = list(given.get("axes", [tuple(range(-n, 0)) for n in cores]))
    if len(places) < len(cores):
        places.append(tuple(range(-cores[-1], 0)))
    axes = [place if type(place) is tuple else (place,) for place in places]
    moved = [np.moveaxis(x, axis, range(-n, 0)) for x, axis, n in zip(inputs, axes, cores)]

    def finish(y: Any) -> Any:
        if keep:
            y = np.expand_dims(y, -1)
        return np.moveaxis(y, range(-cores[-1], 0), axes[-1])

    return moved, finish


def _cast(ufunc: np.ufunc, inputs: Sequence[Any], dtype: np.dtype[Any], casting: Any) -> list[Any]:
    """The operands as the loop for this dtype takes them."""
    kinds = [type(x) if type(x) in (int, float, complex) else x.dtype for x in inputs]
    loop = ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout), casting=casting,
                                signature=(*[None] * ufunc.nin, *[dtype] * ufunc.nout))
    return [x if getattr(x, "dtype", None) == dtype else as_array(x).astype(dtype) for x, dtype in zip(inputs, loop)]


def _core_axes(ufunc: np.ufunc, inputs: Sequence[Any]) -> list[int]:
    """How many axes of each operand and of the result the ufunc works on (``n?``: if they are there)."""
    names = [part.split(",") if part else [] for part in re.findall(r"\((.*?)\)", ufunc.signature or "")]
    missing = {name for x, core in zip(inputs, names) if len(x.shape) < len(core) for name in core if "?" in name}
    return [sum(name not in missing for name in core) for core in names]
