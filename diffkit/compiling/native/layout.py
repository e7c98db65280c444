"""Where an operand's entries lie: the array that holds them, an offset, and a stride for each dimension.

A program is specialised to shapes and strides, so a slice, a transpose or a broadcast is nothing to
compute: it is another way to walk through the same array (its *root*).  What the walk is, NumPy itself
says: the view is made once, on the root's array of the recorded run.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from diffkit.compiling.native.operations import kind_of
from diffkit.compiling.plan import is_basic
from diffkit.compiling.program import Item
from diffkit.rules.indexing import GETITEM
from diffkit.rules.shapes import BROADCAST_TO, RESHAPE, TRANSPOSE

_VIEWS = (GETITEM, RESHAPE, TRANSPOSE, BROADCAST_TO)


class Place(NamedTuple):
    """Entries of ``root``: the first one's offset in bytes, a stride for each dimension, the shape."""

    root: Item
    offset: int
    strides: tuple[int, ...]
    shape: tuple[int, ...]


class Layout:
    """Places of all items, found once each."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[Item, Any]] = {}
        self._entries: dict[int, tuple[Item, Any]] = {}

    def root(self, item: Item) -> Item:
        """The item in whose memory this one lies (itself, if it is computed)."""
        return self._resolve(item)[0]

    def is_view(self, item: Item) -> bool:
        return self._resolve(item)[0] is not item

    def _resolve(self, item: Item) -> tuple[Item, Any]:
        known = self._found.get(item.number)
        if known is None:
            known = self._found[item.number] = self._look(item)
        return known

    def _look(self, item: Item) -> tuple[Item, Any]:
        itself = item, item.value
        if item.source != "call" or item.rule not in _VIEWS or item.boxed or item.kind not in ("array", "number"):
            return itself
        inner = item.args[0]
        if inner.kind in ("number", "weak"):
            # One number seen as an array: zero strides over nothing.
            is_same = item.rule in (RESHAPE, BROADCAST_TO) and inner.source == "call" and inner.kind == "number"
            return (inner, np.broadcast_to(inner.value, item.shape)) if is_same else itself
        root, array = self._resolve(inner)
        if item.rule is GETITEM:
            index = item.params["index"]
            if not is_basic(index):
                return itself
            if item.kind == "number":
                index = (*(index if type(index) is tuple else (index,)), Ellipsis)
                if index.count(Ellipsis) != 1:
                    return itself
                if root.kind != "array" or root.source != "call":
                    return root, array[index]
                self._entries[item.number] = root, array[index]  # read at once: the program may write there later
                return itself
            view = array[index]
        else:
            view = item.rule.call(array, **item.params)
        if root.kind == "number":
            return root, np.broadcast_to(root.value, item.shape)
        if not isinstance(view, np.ndarray) or view.shape != item.shape or not np.may_share_memory(view, root.value):
            return itself
        return root, view

    def lay(self, item: Item, array: Any) -> None:
        """From now on the item's entries lie as those of ``array``."""
        item.value = array
        self._found.pop(item.number, None)

    def forget(self, view: Item) -> None:
        """Look at a view anew: its root's entries lie otherwise."""
        while self._found.pop(view.number, None) is not None and view.source == "call" and view.rule in _VIEWS:
            view = view.args[0]

    def place(self, item: Item) -> Place:
        """Where the entries of an item lie."""
        return _place(*self._resolve(item))

    def entry(self, item: Item) -> Place | None:
        """Where a number is read, if it is an entry of an array that the program makes."""
        self._resolve(item)
        return _place(*self._entries[item.number]) if item.number in self._entries else None

    def written(self, item: Item) -> Place | None:
        """Where ``a[index] = v`` writes in its result, or None where the index is not basic."""
        index = item.params["index"]
        if not is_basic(index):
            return None
        parts = index if type(index) is tuple else (index,)
        if Ellipsis not in [part for part in parts if part is Ellipsis]:
            parts = (*parts, Ellipsis)
        view = item.value[parts]
        return Place(item, address(view) - address(item.value), view.strides, view.shape)


def _place(root: Item, array: Any) -> Place:
    if root.kind in ("number", "weak"):
        return Place(root, 0, (0,) * np.ndim(array), np.shape(array))
    return Place(root, address(array) - address(root.value), array.strides, array.shape)


def address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def is_compact(item: Item) -> bool:
    """Whether the array's entries fill one piece of memory, each once."""
    value = item.value
    extent = value.itemsize
    for size, stride in sorted(zip(value.shape, value.strides), key=lambda pair: abs(pair[1])):
        if size > 1:
            if stride != extent:
                return False
            extent *= size
    return bool(value.size > 0)


def aligned(place: Place, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of an operand when it is broadcast to ``shape``."""
    missing = len(shape) - len(place.shape)
    strides = [0] * missing + [0 if size == 1 else stride for size, stride in zip(place.shape, place.strides)]
    return tuple(strides)


def domain_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions that a loop nest over ``shape`` has: all but those of size 1."""
    return tuple(size for size in shape if size != 1)


def along(strides: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of those dimensions."""
    return tuple(stride for stride, size in zip(strides, shape) if size != 1)


def has_numbers(item: Item) -> bool:
    """Whether an item is of a kind that machine code computes, and not empty."""
    return bool(kind_of(item)) and bool(np.size(item.value)) and (item.kind != "array" or bool(item.shape))
