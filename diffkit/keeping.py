"""What a tape keeps of the user's own arrays: their entries as they were when they were read.

A pull runs after the program.  By then the program may have written to an array that it used
(``y = x * b; b[:] = 0``), by its name, through a view made long before, or through
the memory that a read-only array looks at.  NumPy does not tell who shares memory with
whom, so nothing but a copy is safe, and a copy is what is kept.  It costs a pass over
memory, once for each state of an array in a run; an array that nobody can write to costs nothing.

An argument that moves is copied too.  Inside the run it is another array than the caller's:
a program that writes to the caller's, by another name, would not see the write, and is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.errors import MutationError

#: By a name of its own: NumPy is a module with a ``__getattr__``, in which CPython looks up anew each time.
_ndarray = np.ndarray

#: Arrays of up to so many entries are copied each time: to look whether one has changed costs as much.
_SMALL = 4096

Kept = dict[int, tuple[Any, Any]]  #: by id: an array (which keeps the id its own), and its latest copy


def keep(array: Any, kept: Kept) -> Any:
    """An array with the entries that ``array`` has now, whatever is written to it later."""
    if not array.flags.writeable and is_frozen(array):
        return array
    if array.size <= _SMALL:
        return array.copy("K")
    seen = kept.get(id(array))
    if seen is not None and same_bits(seen[0], seen[1]):
        return seen[1]
    kept[id(array)] = array, array.copy("K")
    return kept[id(array)][1]


def is_frozen(array: Any) -> bool:
    """Whether neither the array nor what it is a view of can be written to."""
    while type(array) is _ndarray:
        if array.flags.writeable:
            return False
        if array.base is None:
            return True
        array = array.base
    return isinstance(array, bytes)


def same_bits(a: Any, b: Any) -> bool:
    """Whether two arrays of one shape and dtype hold the same bits (a false "no" for rare dtypes)."""
    if a.dtype.kind == "O":
        return bool((a == b).all())
    if a.size <= _SMALL:  # a copy of so little costs less than NumPy's calls to compare
        return bool(a.tobytes() == b.tobytes())
    if a.dtype.itemsize > 8:
        return bool((a == b).all())
    unsigned = f"u{a.dtype.itemsize}"
    return bool((a.view(unsigned) == b.view(unsigned)).all())


def apart(leaf: Any) -> Any:
    """A leaf that moves, as an array of the run's own; laid out alike, so that what is a view stays one."""
    if type(leaf) is not _ndarray or (not leaf.flags.writeable and is_frozen(leaf)):
        return leaf
    if leaf.flags.c_contiguous or leaf.flags.f_contiguous:
        return leaf.copy("K")
    own = _laid_out_as(leaf)
    own[...] = leaf
    return own


def _laid_out_as(array: Any) -> Any:
    """A new array with the order, the directions and the gaps of another's axes in memory."""
    strides, size = [0] * array.ndim, array.itemsize
    packed = array.itemsize  # the stride that leaves no gap, in the array
    for axis in sorted(range(array.ndim), key=lambda axis: abs(array.strides[axis])):
        stride, length = array.strides[axis], array.shape[axis]
        if stride == 0 or length <= 1:
            continue
        if abs(stride) != packed:
            size += array.itemsize
        strides[axis] = size if stride > 0 else -size
        size, packed = size * length, abs(stride) * length
    start = sum(-stride * (length - 1) for stride, length in zip(strides, array.shape) if stride < 0)
    return np.ndarray(array.shape, array.dtype, bytearray(max(size, 1)), start, strides)


def check_untouched(leaves: Sequence[Any], copies: Sequence[Any]) -> None:
    """Refuse a run in which the program wrote to a moving argument by another name than the argument's."""
    for leaf, copy in zip(leaves, copies):
        if type(leaf) is _ndarray and not same_bits(leaf, copy) and not np.array_equal(leaf, copy, equal_nan=True):
            raise MutationError(
                "the array that is differentiated was written to by another name than the argument's, so the "
                "function read one array by two names",
                "write to the argument itself (x[:] = …), or to a copy",
                "a global, an attribute or a view made outside that shares memory with the argument")
