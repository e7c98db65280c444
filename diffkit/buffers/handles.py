"""Handles: traced values that stand for arrays that are written to.

A handle is a ``Traced`` of the level ``BUFFERS``, deeper than every transform.  Its mark is
a ``Place`` in a ``Store``; its value is only an array of the same shape, dtype and memory
order.  Whatever a program does with a handle reads the content of now and goes on one
level below; a basic index and NumPy's other views give handles that stay connected.
"""

from __future__ import annotations

import math
import operator
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.buffers.running import is_running
from diffkit.buffers.store import FLAT, Place, Store, unravel
from diffkit.levels import Level
from diffkit.rules.indexing import GETITEM, _is_basic
from diffkit.rules.kinds import Rule
from diffkit.traced import Traced, apply, layout


class BufferLevel(Level):
    """The level of all handles: it reads their content and lets the levels below act."""

    is_buffers = True

    def __init__(self) -> None:
        self.depth = math.inf  # type: ignore[assignment]

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if rule is GETITEM:
            return getitem(args[0], params["index"])
        if rule.special is not None and len(args) == 1 and type(content := contents(args[0])) is Traced:
            return rule.special(content)
        own = tuple(contents(arg) for arg in args)
        if rule.special is not None and any(type(arg) is Traced and arg.root for arg in own):
            return fresh(rule.special(*own))
        return fresh(apply(rule, own, params))

    def concrete(self, traced: Traced, ask: Callable[[Any], Any]) -> Any:
        return ask(read(traced))

    def below(self, traced: Traced) -> Any:
        return read(traced)


BUFFERS = BufferLevel()


def handle(content: Any, owned: bool = False) -> Traced:
    """A new array of this content, that nothing else shares."""
    return Traced(BUFFERS, layout(content), Place(Store(content, owned)))


def is_handle(value: Any) -> bool:
    """Whether a value is an array that has been (or may be) written to."""
    return type(value) is Traced and value.level is BUFFERS


class _Lent:
    """Keeps a content's memory for a plain array that was made of it, and knows how long that is in use."""

    __slots__ = ("__array_interface__", "__weakref__", "content")

    def __init__(self, content: Any) -> None:
        self.content = content
        self.__array_interface__ = content.__array_interface__


def lend(array: Traced, dtype: Any, copy: bool | None) -> Any:
    """``array.__array__()``: the content as a plain array, not to be written to, where nothing in it is traced."""
    content = read(array)
    if type(content) is Traced:
        return content.__array__(dtype, copy)
    if copy or (dtype is not None and np.dtype(dtype) != content.dtype) or type(content) is not np.ndarray:
        return np.array(content, dtype=dtype, copy=copy)
    lent = _Lent(content)
    array.mark.store.lent = weakref.ref(lent)
    return np.asarray(lent)


def contents(value: Any) -> Any:
    """The value without handles: the content of now for a handle, everything else as it is."""
    if type(value) is Traced and value.level is BUFFERS:
        return read(value)
    return value


def read(array: Traced) -> Any:
    """The content that a handle shows now; it will not change."""
    place = array.mark
    store = place.store
    if place.parent is None:
        return store.share()
    if place.version != store.version:
        if place.parent.parent is not None:
            content = apply(GETITEM, (store.content,), {"index": unravel(place.positions, store.shape)})
            part = place.component()
            content = content if part is None else part(content)
        elif place.function is operator.getitem:
            content = apply(GETITEM, (store.content,), {"index": place.args[0]})
        else:
            content = place.function(store.content, *place.args, **place.kwargs)
        if type(content) is Traced:
            content = Traced(content.level, content.value, content.mark)
        place.content = apart(content, store, _copy)
        if store.squares is not None:
            store.squares.note(place.content, lambda squares: squares[unravel(place.positions, store.shape)])
        place.version = store.version
    return place.content


def apart(content: Any, store: Store, copy: Callable[[Any], Any]) -> Any:
    """A piece read from the store, free of its memory where the store may be written in place."""
    if store.owned:
        content = copy(content)
    if type(content) is np.ndarray:
        content.flags.writeable = False
    return content


def _copy(content: Any) -> Any:
    if type(content) is Traced:
        return content.level.apart(content, _copy)
    return content.copy(order="K") if type(content) is np.ndarray else content


def _copy_view(content: Any) -> Any:
    """Index arrays have copied already."""
    if type(content) is Traced:
        return content.level.apart(content, _copy_view)
    return content.copy(order="K") if type(content) is np.ndarray and content.base is not None else content


def getitem(array: Traced, index: Any) -> Any:
    """``array[index]`` of a handle: a number, a copy (index arrays) or a view that stays connected."""
    place = array.mark
    store = place.store
    if not _is_basic(index) or names_one(index, array.value.shape):
        found = apply(GETITEM, (store.content,), {"index": place.locate(index)})
        part = place.component()
        found = found if part is None else part(found)
        found = apart(found, store, _copy_view)
        if store.squares is not None:
            where = place.locate(index)
            store.squares.note(found, lambda squares: squares[where])
        return fresh(found)
    return view(array, operator.getitem, (index,), {})


def names_one(index: Any, shape: tuple[int, ...]) -> bool:
    """Whether a basic index names one entry, which NumPy gives as a number and not as a view."""
    if type(index) is not tuple:
        return len(shape) == 1 and isinstance(index, (int, np.integer))
    return len(index) == len(shape) and all(isinstance(item, (int, np.integer)) for item in index)


def view(array: Traced, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``function(array, *args)`` of a handle for a function of NumPy's that gives views.

    What it gives may have to be a copy (``reshape`` of a transposed array), or several
    arrays (``split``): NumPy decides, on an array of the same memory layout.
    """
    model = layout(array)
    found = function(model, *args, **kwargs)
    if isinstance(found, (list, tuple)):
        parts = [view(array, _Part(function, number), args, kwargs) for number in range(len(found))]
        return type(found)(parts) if type(found) in (list, tuple) else found._make(parts)  # type: ignore[union-attr]
    if found is model:
        return array
    if function is FLAT:
        return view_of(array, function, args, kwargs, found)
    if not isinstance(found, np.ndarray) or not np.may_share_memory(found, model):
        result = function(read(array), *args, **kwargs)
        return Traced(result.level, result.value, result.mark) if type(result) is Traced else fresh(result)
    seen = view_of(array, function, args, kwargs, found)
    return handle(read(seen)) if array.mark.function is FLAT else seen


def view_of(array: Traced, function: Any, args: Any, kwargs: Any, model: Any) -> Traced:
    """The handle of a view; ``model`` is NumPy's view of the array's memory."""
    return Traced(BUFFERS, model, Place(array.mark.store, array.mark, function, args, kwargs))


class _Part:
    """One of several results of a function, as a function."""

    def __init__(self, function: Any, number: int) -> None:
        self.function = function
        self.number = number

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)[self.number]


def fresh(result: Any) -> Any:
    """A result of plain arrays as an array that may be written to; traced results as they are."""
    if type(result) is np.ndarray and result.dtype.kind in "fc" and is_running():
        return handle(result, result.base is None and result.flags.writeable)
    if type(result) in (list, tuple):
        return type(result)(fresh(item) for item in result)
    return result


def flags(value: Traced) -> Any:
    """NumPy's flags of an array of this memory order; changing them changes nothing."""
    model = layout(value)
    if not is_handle(value) or not isinstance(model, np.ndarray):
        return model.view().flags
    # The content may be locked for readers while the program may write to the array.
    return np.lib.stride_tricks.as_strided(np.empty(1, model.dtype), model.shape, model.strides,
                                           writeable=not value.mark.is_read_only()).flags
