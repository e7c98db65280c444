"""Stand-ins for large arrays: their shape, dtype, memory order and what they are a view of, without their memory.

A program is specialised to the layout of the values in the recorded run, not to the values.  Keeping these would keep
all of them, where f itself frees what it no longer needs.  A stand-in is an array in address space that is reserved
and never written to: every owner of memory has addresses of its own, and views of it lie within them, so
what shares memory with what can be asked as before.
"""

from __future__ import annotations

import mmap
import weakref
from typing import Any

import numpy as np

#: Bytes from which an array has a stand-in, and that are reserved at a time (no memory, only addresses).
LARGE, RESERVED = 1 << 16, 1 << 36
_PAGE = 4096


class Region(mmap.mmap):
    """Addresses without memory."""


def is_whole(array: Any) -> bool:
    """Whether an array is all of its memory, or stands for one that is."""
    return array.base is None or isinstance(array.base, Region)


def is_stand_in(value: Any) -> bool:
    """Whether an array has no entries of its own."""
    if type(value) is not np.ndarray:
        return False
    while value is not None and not isinstance(value, Region):
        value = getattr(value, "base", None)
    return value is not None


class StandIns:
    """The stand-ins of one recording."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Any, int]] = {}  # by the owner's id: the owner, its stand-in, its place
        self._region: Region | None = None
        self._used = RESERVED

    def keep(self, value: Any) -> None:
        """This array, and views of it, stand for themselves."""
        if type(value) is np.ndarray:
            owner = _owner(value)
            if owner is not None:
                self._known[id(owner)] = weakref.ref(owner), None, 0

    def of(self, value: Any) -> Any:
        """What to keep in place of a value."""
        if type(value) is tuple or type(value) is list:
            return type(value)(map(self.of, value))
        if type(value) is not np.ndarray:
            return value
        owner = _owner(value)
        if owner is None or owner.nbytes < LARGE or owner.dtype.hasobject:
            return value
        reference, whole, place = self._known.get(id(owner), (None, None, 0))
        if reference is None or reference() is not owner:
            found = self._reserve(owner.nbytes)
            if found is None:
                return value
            place = found
            whole = np.ndarray(owner.shape, owner.dtype, self._region, place, owner.strides)
            self._known[id(owner)] = weakref.ref(owner), whole, place
        if whole is None:
            return value
        if value is owner:
            return whole
        start = place + _address(value) - _address(owner)
        first: Any = np.ndarray((0,), value.dtype, whole.base, start)
        return np.lib.stride_tricks.as_strided(first, value.shape, value.strides)

    def _reserve(self, size: int) -> int | None:
        """The place of so many bytes in the region; None where the system reserves none."""
        size = -(-size // _PAGE) * _PAGE + _PAGE
        if self._used + size > RESERVED:
            if size > RESERVED or not hasattr(mmap, "MAP_ANONYMOUS"):
                return None
            try:
                self._region = Region(-1, RESERVED, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ)
            except (OSError, ValueError, OverflowError):
                return None
            self._used = 0
        place = self._used
        self._used += size
        return place


def _owner(array: Any) -> Any:
    """The array that owns the memory of this one, or None where that is not an array."""
    while type(array) is not np.ndarray or array.base is not None:
        array = getattr(array, "base", None)  # as_strided puts an object of its own in between
        if array is None:
            return None
    return array


def _address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])
