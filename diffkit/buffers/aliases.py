"""Ordinary traced values that share memory, until one of them is written to.

Making a view costs a note (``link``): what it is a view of, by which of NumPy's functions.
The first write to any of them turns the value at the root and all its living views into
handles, in place, so that every variable of the program sees the write (``activate``).
"""

from __future__ import annotations

import operator
import weakref
from typing import Any

import numpy as np

from diffkit.buffers.handles import BUFFERS
from diffkit.buffers.store import FLAT, Place, Store
from diffkit.traced import Traced, layout


def link(result: Any, source: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Note that ``result`` is a view of ``source``: a later write to one must reach the other.

    It may turn out to be a copy (``ravel`` of a transposed array): NumPy is asked when one of them is written to.
    """
    result.source = (source, function, args, kwargs)
    try:
        views = source.views
    except AttributeError:
        source.views = views = []
    views.append(weakref.ref(result))
    count = len(views)
    if count >= 64 and not count & (count - 1):  # forget the views that are gone
        views[:] = [reference for reference in views if reference() is not None]


def activate(value: Traced) -> None:
    """Turn an ordinary value, what it is a view of and all their views into handles, in place."""
    while (source := getattr(value, "source", None)) is not None:
        if not _is_view(*source):
            del value.source
            break
        value = source[0]
    content = Traced(value.level, value.value, value.mark)
    content.root = value.root
    _connect(value, Place(Store(content, False)))


def _is_view(source: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether NumPy's function of an array like ``source`` shares its memory."""
    if getattr(source, "source", (None, None))[1] is FLAT:  # a.flat[2:4] is a copy
        return False
    if function is operator.getitem or function is FLAT:
        return True
    model = layout(source)
    return bool(np.may_share_memory(function(model, *args, **kwargs), model))


def _connect(value: Traced, place: Place) -> None:
    views = getattr(value, "views", ())
    model = layout(value)
    if place.function is FLAT:
        views = ()
    value.level, value.value, value.mark, value.root = BUFFERS, model, place, None
    for reference in views:
        seen = reference()
        if seen is None or getattr(seen, "source", (None,))[0] is not value:
            continue
        _, function, args, kwargs = seen.source
        shared = _is_view(model, function, args, kwargs)
        del seen.source
        if shared:
            now = Traced(seen.level, seen.value, seen.mark)
            _connect(seen, Place(place.store, place, function, args, kwargs, now))
    if views:
        del value.views


def is_alone(value: Traced) -> bool:
    """Whether an ordinary value is no view and has none that live."""
    return (getattr(value, "source", None) is None
            and all(reference() is None for reference in getattr(value, "views", ())))
