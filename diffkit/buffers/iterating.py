"""``np.nditer`` and ``np.ndenumerate`` over arrays that hold traced values.

NumPy's own iterator runs over plain arrays of the same memory layout and says where it
stands; what it would show of an operand is that entry of the operand, as a view: written
to, the array changes.  So order, broadcasting, flags and errors are NumPy's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.buffers.callers import from_library
from diffkit.buffers.creation import made, pack
from diffkit.buffers.running import is_running
from diffkit.errors import UnsupportedArgumentError
from diffkit.traced import Traced, holds_traced, layout

_NDITER = np.nditer


class _Entries:
    """What ``np.ndenumerate`` asks for in place of ``array.flat``."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.left = np.ndindex(*array.shape)
        self.coords: Any = next(self.left, None)

    def __next__(self) -> Any:
        if self.coords is None:
            raise StopIteration
        entry = self.array[self.coords]
        self.coords = next(self.left, None)
        return entry


class Enumeration(np.ndenumerate):
    """``np.ndenumerate`` while a transform runs: each entry beside its index."""

    def __init__(self, arr: Any) -> None:
        if is_running() and holds_traced(arr):
            self.iter: Any = _Entries(arr if type(arr) is Traced else pack(arr))
        else:
            super().__init__(arr)


class Iteration:
    """``np.nditer`` of operands of which some are traced: each step shows views of one entry."""

    def __init__(self, op: Any, flags: Any = (), op_flags: Any = None, op_dtypes: Any = None, order: Any = "K",
                 casting: Any = "safe", op_axes: Any = None, itershape: Any = None, buffersize: int = 0) -> None:
        flags = list(flags or ())
        unknown = {"external_loop", "buffered", "copy_if_overlap", "common_dtype", "ranged"}.intersection(flags)
        if unknown or op_dtypes is not None or op_axes is not None:
            raise UnsupportedArgumentError(
                f"np.nditer of a differentiated value with {', '.join(unknown) or 'op_dtypes= or op_axes='}",
                "np.nditer without it, or functions of whole arrays")
        given = [pack(x) if holds_traced(x) and type(x) is not Traced else x
                 for x in (op if type(op) in (list, tuple) else [op])]
        self._tracks = "multi_index" in flags
        self._driver = _NDITER([_model(x) for x in given], flags if self._tracks else [*flags, "multi_index"],
                               op_flags, None, order, casting, None, itershape)
        self.operands = tuple(made(driven) if x is None else x for x, driven in zip(given, self._driver.operands))
        self._begun = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    @property
    def multi_index(self) -> tuple[int, ...]:
        if not self._tracks:
            raise ValueError("Iterator is not tracking a multi-index")
        return self._driver.multi_index

    def __getitem__(self, number: int) -> Any:
        operand = self.operands[number]
        ndim = np.ndim(layout(operand))
        place = self._driver.multi_index
        index = tuple(i if n > 1 else 0 for i, n in zip(place[len(place) - ndim:], np.shape(layout(operand))))
        return operand[(*index, ...)] if ndim else operand

    def __setitem__(self, number: int, value: Any) -> None:
        self[number][...] = value

    @property
    def value(self) -> Any:
        values = tuple(self[number] for number in range(len(self.operands)))
        return values if len(values) > 1 else values[0]

    def __len__(self) -> int:
        return len(self.operands)

    def __iter__(self) -> Iteration:
        return self

    def __next__(self) -> Any:
        if self._begun:
            self._driver.iternext()
        self._begun = True
        if self._driver.finished:
            raise StopIteration
        return self.value

    def reset(self) -> None:
        self._driver.reset()
        self._begun = False

    def __enter__(self) -> Iteration:
        return self

    def __exit__(self, *args: object) -> None:
        self._driver.close()


def _model(operand: Any) -> Any:
    """A plain array of the memory order of a traced one; its entries are not looked at."""
    if type(operand) is not Traced:
        return operand
    model = layout(operand)
    if not isinstance(model, np.ndarray):
        return np.empty((), model.dtype)
    return np.lib.stride_tricks.as_strided(np.empty(1, model.dtype), model.shape, model.strides)


class Iterator:
    """``np.nditer`` while a transform runs: NumPy's own where nothing is traced."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        operands = args[0] if args else kwargs.get("op")
        if is_running() and not from_library(1) and holds_traced(operands):
            return Iteration(*args, **kwargs)
        return _NDITER(*args, **kwargs)
