"""Machine code as a Python function, and the table of addresses that it works with."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from diffkit.compiling.native.machine import engine
from diffkit.compiling.native.operations import library_addresses
from diffkit.compiling.native.routine import ENTRIES

_FASTCALL = 0x0080
#: PyArray_Scalar's place in NumPy's table of C functions, which belongs to its binary interface.
_ARRAY_SCALAR = 60
_kept: list[Any] = []
_table: list[Any] = []


class _Definition(ctypes.Structure):
    """``PyMethodDef``."""

    _fields_ = [("name", ctypes.c_char_p), ("address", ctypes.c_void_p), ("flags", ctypes.c_int),
                ("doc", ctypes.c_char_p)]


def table() -> Any:
    """The addresses that ``ENTRIES`` names, as an array."""
    if not _table:
        python = ctypes.pythonapi
        addresses = {name: ctypes.cast(getattr(python, name), ctypes.c_void_p).value for name in ENTRIES
                     if name.startswith("Py") and hasattr(python, name)}
        python.PyCapsule_GetPointer.restype = ctypes.c_void_p
        python.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
        functions = python.PyCapsule_GetPointer(_multiarray_umath._ARRAY_API, None)
        addresses["PyArray_Scalar"] = ctypes.cast(functions, ctypes.POINTER(ctypes.c_void_p))[_ARRAY_SCALAR]
        addresses["None"] = id(None)
        addresses |= {"d": id(np.dtype(np.float64)), "f": id(np.dtype(np.float32)), "b": id(np.dtype(np.bool_))}
        addresses |= library_addresses()
        _table.append(np.array([addresses[name] for name in ENTRIES], np.uint64))
    return _table[0]


def routine_of(assembly: str) -> tuple[Callable[..., Any], bool]:
    """The Python function, and whether its code was on disk already."""
    address, was_kept = engine().load(assembly)
    definition = _Definition(b"diffkit_routine", address, _FASTCALL, None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    _kept.append(definition)  # Python keeps a pointer to it
    return make(ctypes.addressof(definition), table(), None), was_kept
