"""What ``np.r_``, ``np.c_``, ``np.vectorize`` and ``np.frompyfunc``, which are objects, do with traced values."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from diffkit.buffers.callers import from_library
from diffkit.buffers.creation import made, pack
from diffkit.buffers.handles import contents
from diffkit.buffers.running import is_running
from diffkit.errors import UnsupportedArgumentError
from diffkit.traced import holds_traced, layout

_ROWS = np.r_


class Joined:
    """``np.r_`` and ``np.c_``, whose brackets may hold traced values."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def __len__(self) -> int:
        return 0

    def __getitem__(self, key: Any) -> Any:
        parts = key if type(key) is tuple else (key,)
        if not is_running() or from_library(1):
            return self._original[key]
        if not holds_traced(parts):
            return made(self._original[key])
        return self._joined(parts)

    def _joined(self, parts: Any) -> Any:
        """Positions of the entries, joined by NumPy, then looked up: every axis string works."""
        sources: list[Any] = []
        places: list[Any] = []
        offset = 0
        for number, part in enumerate(parts):
            if type(part) is str and number == 0:
                places.append(part)
                continue
            if type(part) is slice:
                if holds_traced((part.start, part.stop, part.step)):
                    raise UnsupportedArgumentError("np.r_ with a differentiated end of a range",
                                                   "np.linspace or np.arange")
                part = _ROWS[part]
            part = contents(pack(part)) if holds_traced(part) else part
            part = part if hasattr(part, "dtype") else np.asarray(part)
            size = part.size
            index = np.arange(offset, offset + size).reshape(part.shape)
            places.append(index if part.shape else int(offset))
            sources.append(np.reshape(part, (-1,)))
            offset += size
        joined = self._original[tuple(places)]
        return np.concatenate(sources)[joined]


_vectorize_call = np.vectorize.__call__


def _entries(value: Any) -> Any:
    """An argument as an array."""
    return value if hasattr(value, "dtype") else pack(value) if holds_traced(value) else np.asarray(value)


def _by_signature(vectorized: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``np.vectorize(f, signature=…)``: f of the core axes, for every place along the others."""
    if kwargs:
        raise UnsupportedArgumentError("np.vectorize with signature= and keywords of differentiated values",
                                       "the same arguments by position")
    inner, outer = vectorized._in_and_out_core_dims
    places = [i for i in range(len(args)) if i not in vectorized.excluded]
    if len(places) != len(inner):
        raise TypeError(f"wrong number of positional arguments: expected {len(inner)!r}, got {len(places)!r}")
    values = [_entries(args[i]) for i in places]
    shapes = [value.shape[:len(value.shape) - len(core)] for value, core in zip(values, inner)]
    shape = np.broadcast_shapes(*shapes)
    values = [np.broadcast_to(value, shape + tuple(value.shape[len(loop):])) for value, loop in zip(values, shapes)]
    columns: list[list[Any]] = [[] for _ in outer]
    for entry in np.ndindex(*shape):
        row = list(args)
        for i, value in zip(places, values):
            row[i] = value[entry]
        result = vectorized.pyfunc(*row)
        for column, part in zip(columns, result if len(outer) > 1 else (result,)):
            column.append(_entries(part))
    if not columns[0]:
        return _vectorize_call(vectorized, *(layout(a) for a in args))
    results = tuple(np.reshape(np.stack(column), (*shape, *column[0].shape)) for column in columns)
    types = vectorized.otypes
    if types:
        results = tuple(y if y.dtype == np.dtype(t) else y.astype(t) for y, t in zip(results, types))
    return results if len(results) > 1 else results[0]



@functools.wraps(_vectorize_call)
def vectorize_call(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Entry by entry in a Python loop, as NumPy does it."""
    if not is_running() or not (holds_traced(args) or holds_traced(tuple(kwargs.values()))):
        return _vectorize_call(self, *args, **kwargs)
    if self.signature is not None:
        return _by_signature(self, args, kwargs)
    names = [name for name in kwargs if name not in (self.excluded or ())]
    places = [i for i in range(len(args)) if i not in (self.excluded or ())]
    values = [_entries(a) for a in [args[i] for i in places] + [kwargs[name] for name in names]]
    shape = np.broadcast_shapes(*(value.shape for value in values))
    values = [np.broadcast_to(value, shape) for value in values]
    results = []
    for entry in np.ndindex(*shape):
        row = list(args)
        for i, value in zip(places, values):
            row[i] = value[entry]
        named = kwargs | {name: value[entry] for name, value in zip(names, values[len(places):])}
        results.append(self.pyfunc(*row, **named))
    if not results:
        return _vectorize_call(self, *(layout(a) for a in args), **{k: layout(v) for k, v in kwargs.items()})
    if type(results[0]) is tuple:
        return tuple(np.reshape(pack(list(column)), shape) for column in zip(*results))
    types = self.otypes
    packed = np.reshape(pack(results), shape)
    return packed.astype(types[0]) if types and packed.dtype != np.dtype(types[0]) else packed


# --- ufuncs made of Python functions -------------------------------------------------------------

def is_python(ufunc: np.ufunc) -> bool:
    """Whether a ufunc calls a Python function for each entry, as those of ``np.frompyfunc`` do."""
    return all(set(kinds) <= set("O->") for kinds in ufunc.types)


def python_call(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """NumPy's own loop over the entries as objects; numbers among the results become an array of floats."""
    results = getattr(ufunc, method)(*map(_objects, inputs), **kwargs)
    return tuple(map(_numbers, results)) if type(results) is tuple else _numbers(results)


def _objects(value: Any) -> Any:
    if not holds_traced(value):
        return value
    value = _entries(value)
    boxes = np.empty(value.shape, object)
    for index in np.ndindex(*value.shape):
        boxes[index] = value[index]
    return boxes


def _numbers(result: Any) -> Any:
    if type(result) is not np.ndarray:
        return result
    entries = result.ravel().tolist()
    return np.reshape(pack(entries), result.shape) if holds_traced(entries) else result
