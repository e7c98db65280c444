"""Parts of complex numbers: real-linear maps, and functions that are not holomorphic.

A real result pairs with the real part of partial * tangent, so ``real`` has partial 1
and ``imag`` has -i:  Re(-i (dx + i dy)) = dy.  (The same convention gives abs its
partial conj(z/|z|).)  A complex result of a function that is not holomorphic, conj and the
sign z/|z|, has no complex partial; those rows state real-linear maps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.domains import REAL
from diffkit.rules.kinds import FUNCTIONS, Flat, answers, elementwise, general, linear

CONJUGATE = FUNCTIONS[np.conjugate] = linear(np.conjugate, lambda g, shapes, i: np.conjugate(g), call=np.conjugate)
REAL_PART = elementwise(np.real, 1, "re(x)", REAL)
IMAGINARY_PART = elementwise(np.imag, lambda y, x: -1j if x.dtype.kind == "c" else 0, "im(x)")

SIGN = Flat(np.sign, call=np.sign)


def _radial(y: Any, x: Any, t: Any) -> Any:
    """The part of t across y = z/|z|, over |z|: i y Im(conj(y) t) / |z|; 0 at z = 0."""
    size = np.absolute(x)
    zero = size == 0
    return np.where(zero, 0, 1j * y * np.imag(np.conjugate(y) * t) / np.where(zero, 1, size))


# d(z/|z|) = i y Im(conj(y) dz) / |z|.  Its transpose under Re(g dz), by hand:
# Re(g i y Im(conj(y) dz)) = -Im(g y) Im(conj(y) dz) = Re(i Im(g y) conj(y) dz).
COMPLEX_SIGN = general(np.sign, name="complex_sign", call=np.sign,
                       jvp=lambda y, args, tangents: _radial(y, args[0], tangents[0]),
                       vjp=lambda g, y, args: (_radial_transpose(g, y, args[0]),))


def _radial_transpose(g: Any, y: Any, x: Any) -> Any:
    size = np.absolute(x)
    zero = size == 0
    return np.where(zero, 0, np.imag(g * y) * 1j * np.conjugate(y) / np.where(zero, 1, size))


@answers(np.sign)
def sign(x: Any) -> Any:
    """Flat on real numbers; z/|z| on complex ones."""
    return COMPLEX_SIGN(x) if x.dtype.kind == "c" else SIGN(x)


@answers(np.angle)
def angle(z: Any, deg: Any = False) -> Any:
    """The phase arctan2(im, re), in radians or degrees."""
    if z.dtype.kind == "c":
        phase = np.arctan2(np.imag(z), np.real(z))
    else:
        phase = np.arctan2(0, z)
    return phase * (180 / np.pi) if deg else phase


@answers(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """The real part if every imaginary part is tiny, which is asked of the values."""
    if a.dtype.kind != "c":
        return a
    if tol > 1:
        tol = float(np.finfo(a.dtype).eps) * tol
    return np.real(a) if bool(np.all(np.absolute(np.imag(a)) < tol)) else a
