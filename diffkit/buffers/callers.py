"""Who calls: the user's own line, a library, or compiled code behind it.

An array that can be filled with traced values is no ndarray to C.  Compiled code that
asks NumPy for an array (``np.empty`` inside ``rng.normal``) casts what it gets without a
look, and would crash.  It has no Python frame of its own: the frame that shows is the user's,
at a call of something else.  So a creation function is answered only where the calling
instruction is a call of that very name: ``np.empty(3)`` or ``empty(3)``.
"""

from __future__ import annotations

import dis
import os
import sys
from types import CodeType

import numpy as np

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
#: Written in plain NumPy, as a user's program is, and answered as one (see ``transforms.dropped``).
_POLYNOMIAL = _NUMPY + "polynomial" + os.sep
#: Whether any of it has run yet.
polynomials = [False]
#: Packages whose compiled parts want plain arrays.
_COMPILED = tuple(f"{os.sep}site-packages{os.sep}{name}{os.sep}" for name in (
    "scipy", "sklearn", "pandas", "matplotlib", "numba", "sympy", "mpmath", "torch", "jax", "tensorflow", "PIL"))
_is_library: dict[str, bool] = {}
#: (code, instruction) -> the names that the call there may go by.
_called: dict[tuple[CodeType, int], frozenset[str] | None] = {}
_LIMIT = 10_000


def from_library(depth: int) -> bool:
    """Whether the function ``depth`` frames up belongs to NumPy, diffkit or a compiled package."""
    name = sys._getframe(depth + 1).f_code.co_filename
    found = _is_library.get(name)
    if found is None:
        found = name.startswith((_PACKAGE, _NUMPY)) or any(part in name for part in _COMPILED)
        if name.startswith(_POLYNOMIAL):
            found, polynomials[0] = False, True
        _is_library[name] = found
    return found


def in_polynomials(depth: int) -> bool:
    """Whether the function ``depth`` frames up is numpy.polynomial's arithmetic (its printing may look at zeros)."""
    name = sys._getframe(depth + 1).f_code.co_filename
    return name.startswith(_POLYNOMIAL) and not name.endswith("_polybase.py")


def is_called_as(name: str, depth: int) -> bool:
    """Whether the function ``depth`` frames up stands at a call of ``name``."""
    frame = sys._getframe(depth + 1)
    names = names_called(frame.f_code, frame.f_lasti)
    return name in (frame.f_code.co_names + frame.f_code.co_varnames if names is None else names)


def names_called(code: CodeType, offset: int) -> frozenset[str] | None:
    """The names that the call at an instruction may go by; None where positions were not compiled in."""
    key = code, offset
    if key not in _called:
        if len(_called) > _LIMIT:  # code objects come and go in an interactive session
            _called.clear()
        _called[key] = _names_called(*key)
    return _called[key]


def _names_called(code: CodeType, offset: int) -> frozenset[str] | None:
    """The names loaded where the call's expression begins; None where positions were not compiled in."""
    positions = list(code.co_positions())
    line, _, column, _ = positions[offset // 2]
    if line is None or column is None:
        return None
    return frozenset(
        step.argval for step in dis.get_instructions(code)
        if step.opname.startswith("LOAD_") and isinstance(step.argval, str) and step.offset < offset
        and positions[step.offset // 2][0] == line and positions[step.offset // 2][2] == column)
