"""The one block that a Jacobian has between real and complex entries.

A real-linear map of complex numbers has two derivatives, along x and along iy.  They
make one number where the argument is real (both parts of the result's slope), where the
result is real (the gradient df/dx - i df/dy), and where the map is holomorphic (the
complex derivative).  Elsewhere there is no such number, and none is invented.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import HolomorphicError
from diffkit.traced import primal


def from_pulls(of_one: Any, of_minus_i: Any, leaf: Any) -> Any:
    """The block's row from the pulls of the cotangents 1 (the real part) and -i (the imaginary)."""
    if leaf.dtype.kind != "c":
        return of_one + of_minus_i * 1j
    _check(of_minus_i, of_one * -1j)
    return of_one


def from_pushes(along_x: Any, along_y: Any, complex_result: bool) -> Any:
    """The block's column from the pushes of the tangents 1 and i of a complex entry."""
    if not complex_result:
        return along_x - along_y * 1j
    _check(along_y, along_x * 1j)
    return along_x


def _check(found: Any, expected: Any) -> None:
    found, expected = primal(found), primal(expected)
    resolution = 1e4 * float(np.finfo(expected.dtype).eps)
    size = np.abs(found) + np.abs(expected)
    if np.any(np.abs(found - expected) > resolution * np.max(size, initial=0.0)):
        raise HolomorphicError(
            "a complex result is no holomorphic function of a complex argument here: there is no one "
            "complex derivative",
            "the jacobian of the real and imaginary parts: lambda z: (f(z).real, f(z).imag)",
            "abs, conj, real, imag or a comparison inside f")
