"""Containers as JSON, with the arrays set aside under names.

A file of parameters needs two things: the arrays, and how they are nested.  The second is
written as JSON in which every node says what it is, so that nothing is guessed on the way
back and nothing is executed:

    {"w": (array, 0.1)}   →   {"dict": [["w", {"tuple": [{"array": "w.0"}, {"value": 0.1}]}]]}

Dicts, lists and tuples are containers; None, bools, integers, floats (also NaN and infinity)
and strings are values; NumPy arrays and numbers are set aside.  Anything else (a class of
the user's own, an object array) would need code to come back and is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkit.train.faults import StorageError

__all__ = ["decode", "encode"]

Arrays = dict[str, NDArray[Any]]


def encode(value: Any, arrays: Arrays, path: str = "", shown: str = "tree") -> dict[str, Any]:
    """The node of ``value``; its arrays are added to ``arrays``.  Raises StorageError naming a leaf."""
    kind = type(value)
    if kind is dict:
        for key in value:
            if type(key) not in (str, int, bool, float):
                raise StorageError(f"{shown} has the key {key!r}, a {type(key).__name__}", "keys of text or numbers")
        return {"dict": [[key, encode(item, arrays, _join(path, key), f"{shown}[{_quoted(key)}]")]
                         for key, item in value.items()]}
    if kind is list or kind is tuple:
        return {kind.__name__: [encode(item, arrays, _join(path, i), f"{shown}[{i}]")
                                for i, item in enumerate(value)]}
    if kind is float and not math.isfinite(value):
        return {"float": repr(value)}
    if kind in (type(None), bool, int, float, str):
        return {"value": value}
    if kind is np.ndarray or isinstance(value, np.generic):
        if value.dtype.hasobject or value.dtype.names:
            raise StorageError(f"{shown} is an array of dtype {value.dtype}", "an array of numbers or text",
                               "a column of mixed things: np.array(column.tolist())")
        name = path or "array"
        while name in arrays:
            name += "_"
        arrays[name] = np.asarray(value)
        return {"array": name} if kind is np.ndarray else {"number": name}
    raise StorageError(f"{shown} is a {kind.__module__}.{kind.__qualname__}, which a file without code can't hold",
                       "dicts, lists and tuples of arrays, numbers and strings",
                       "a dataclass or named tuple: save dataclasses.asdict(x) or x._asdict()")


def decode(node: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """The value of a node.  Raises StorageError for a node that :func:`encode` does not write."""
    try:
        (kind, content), = node.items()
        if kind == "dict":
            return {key: decode(item, arrays) for key, item in content}
        if kind == "list":
            return [decode(item, arrays) for item in content]
        if kind == "tuple":
            return tuple([decode(item, arrays) for item in content])
        if kind == "value":
            return content
        if kind == "float":
            return float(content)
        if kind == "array":
            return arrays[content]
        if kind == "number":
            return arrays[content][()]
    except (AttributeError, TypeError, ValueError, KeyError):
        pass
    raise StorageError(f"the file's structure holds {str(node)[:80]!r}, which means nothing",
                       "a file written by dk.train.save", "a damaged file, or one of a newer version")


def _join(path: str, key: Any) -> str:
    step = "".join(c if c.isalnum() or c in "-_" else "_" for c in str(key))
    return f"{path}.{step}" if path else step


def _quoted(key: Any) -> str:
    return f'"{key}"' if isinstance(key, str) else repr(key)
