"""Fourier transforms: linear maps, whose matrix is symmetric up to padding and scale.

The adjoint here is the transpose (no conjugation, see ``kinds``), and a Fourier matrix is
its own transpose: the adjoint of ``fft`` with n points is ``fft`` with n points, of the
cotangent, cropped or padded to the operand's length.  A real transform drops half of
the spectrum; its adjoint counts the entries that stand for two.  All n-dimensional
forms are the one-dimensional rows applied axis by axis, as in NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.rules.calls import as_array, normal_axes, refuse_out
from diffkit.rules.indexing import SCATTER
from diffkit.rules.kinds import FUNCTIONS, Linear, answers, linear

_DUAL = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def fit(g: Any, length: int, axis: int) -> Any:
    """Crop, or pad with zeros, an axis to a length."""
    found = g.shape[axis]
    if found == length:
        return g
    axis %= g.ndim
    index = (slice(None),) * axis + (slice(0, min(found, length)),)
    if found > length:
        return g[index]
    return SCATTER(g, index=index, shape=(*g.shape[:axis], length, *g.shape[axis + 1:]))


def _fft(a: Any, n: Any, axis: int, norm: Any) -> Any:
    return np.fft.fft(a, n, axis, norm)


def _ifft(a: Any, n: Any, axis: int, norm: Any) -> Any:
    return np.fft.ifft(a, n, axis, norm)


def _rfft(a: Any, n: Any, axis: int, norm: Any) -> Any:
    return np.fft.rfft(a, n, axis, norm)


def _irfft(a: Any, n: Any, axis: int, norm: Any) -> Any:
    return np.fft.irfft(a, n, axis, norm)


def _rfft_adjoint(g: Any, shapes: Any, i: int, n: int, axis: int, norm: Any) -> Any:
    return np.real(fit(FFT(fit(g, n, axis), n=n, axis=axis, norm=norm), shapes[0][axis], axis))


def _irfft_adjoint(g: Any, shapes: Any, i: int, n: int, axis: int, norm: Any) -> Any:
    spectrum = np.conjugate(RFFT(g, n=n, axis=axis, norm=_DUAL[norm]))
    count = spectrum.shape[axis]
    twice = np.full(count, 2.0, dtype=g.dtype)
    twice[0] = 1
    if n % 2 == 0:
        twice[-1] = 1
    weights = np.reshape(twice, [-1 if k == axis else 1 for k in range(spectrum.ndim)])
    return fit(spectrum * weights, shapes[0][axis], axis)


FFT: Linear = linear(_fft, lambda g, shapes, i, n, axis, norm: fit(FFT(g, n=n, axis=axis, norm=norm),
                                                                  shapes[0][axis], axis), name="fft")
IFFT: Linear = linear(_ifft, lambda g, shapes, i, n, axis, norm: fit(IFFT(g, n=n, axis=axis, norm=norm),
                                                                    shapes[0][axis], axis), name="ifft")
RFFT: Linear = linear(_rfft, _rfft_adjoint, name="rfft")
IRFFT: Linear = linear(_irfft, _irfft_adjoint, name="irfft")


def _one(rule: Linear, a: Any, n: Any, axis: int, norm: Any) -> Any:
    """One row with its axis and length written out."""
    axis = int(np.lib.array_utils.normalize_axis_index(axis, a.ndim))
    if n is None:
        n = a.shape[axis] if rule is not IRFFT else 2 * (a.shape[axis] - 1)
    return rule(a, n=int(n), axis=axis, norm=norm)


@answers(np.fft.fft)
def fft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """Discrete Fourier transform of one axis."""
    refuse_out("fft.fft", out)
    return _one(FFT, as_array(a), n, axis, norm)


@answers(np.fft.ifft)
def ifft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """Inverse of fft."""
    refuse_out("fft.ifft", out)
    return _one(IFFT, as_array(a), n, axis, norm)


@answers(np.fft.rfft)
def rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """Half of the spectrum of real numbers."""
    refuse_out("fft.rfft", out)
    return _one(RFFT, as_array(a), n, axis, norm)


@answers(np.fft.irfft)
def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """Real numbers from half of their spectrum."""
    refuse_out("fft.irfft", out)
    return _one(IRFFT, as_array(a), n, axis, norm)


@answers(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """The real spectrum of a Hermitian signal."""
    refuse_out("fft.hfft", out)
    return _one(IRFFT, np.conjugate(as_array(a)), n, axis, _DUAL[norm])


@answers(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """Inverse of hfft."""
    refuse_out("fft.ihfft", out)
    return np.conjugate(_one(RFFT, as_array(a), n, axis, _DUAL[norm]))


def _lengths(a: Any, s: Any, axes: Any, inverse_real: bool = False) -> tuple[list[int], list[int]]:
    """The length and the axis of each one-dimensional transform."""
    if axes is None:
        axes = range(a.ndim) if s is None else range(-len(s), 0)
    places = [normal_axes(int(axis), a.ndim)[0] for axis in axes]
    if s is None:
        s = [None] * len(places)
    if len(s) != len(places):
        raise ValueError("Shape and axes have different lengths.")
    sizes = [a.shape[axis] if n is None or n == -1 else int(n) for n, axis in zip(s, places)]
    if inverse_real and places and (s[-1] is None or s[-1] == -1):
        sizes[-1] = (a.shape[places[-1]] - 1) * 2
    return sizes, places


def _several(rule: Linear, a: Any, sizes: list[int], places: list[int], norm: Any) -> Any:
    for n, axis in zip(reversed(sizes), reversed(places)):
        a = rule(a, n=n, axis=axis, norm=norm)
    return a


@answers(np.fft.fftn)
def fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """fft of several axes."""
    refuse_out("fft.fftn", out)
    a = as_array(a)
    return _several(FFT, a, *_lengths(a, s, axes), norm)


@answers(np.fft.ifftn)
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """ifft of several axes."""
    refuse_out("fft.ifftn", out)
    a = as_array(a)
    return _several(IFFT, a, *_lengths(a, s, axes), norm)


@answers(np.fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """rfft of the last axis named, fft of the others."""
    refuse_out("fft.rfftn", out)
    a = as_array(a)
    sizes, places = _lengths(a, s, axes)
    a = RFFT(a, n=sizes[-1], axis=places[-1], norm=norm)
    return _several(FFT, a, sizes[:-1], places[:-1], norm)


@answers(np.fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """ifft of all axes but the last one named, then irfft of that."""
    refuse_out("fft.irfftn", out)
    a = as_array(a)
    sizes, places = _lengths(a, s, axes, inverse_real=True)
    a = _several(IFFT, a, sizes[:-1][::-1], places[:-1][::-1], norm)
    return IRFFT(a, n=sizes[-1], axis=places[-1], norm=norm)


def _two(function: Any) -> Any:
    def two(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
        return function(a, s, axes, norm, out)
    return two


for _plain, _planar in ((fftn, np.fft.fft2), (ifftn, np.fft.ifft2), (rfftn, np.fft.rfft2), (irfftn, np.fft.irfft2)):
    FUNCTIONS[_planar] = _two(_plain)


def _shifter(sign: int) -> Any:
    def shift(x: Any, axes: Any = None) -> Any:
        x = as_array(x)
        places = normal_axes(axes, x.ndim)
        halves = [x.shape[axis] // 2 if sign > 0 else -(x.shape[axis] // 2) for axis in places]
        return np.roll(x, halves, places)
    return shift


FUNCTIONS[np.fft.fftshift], FUNCTIONS[np.fft.ifftshift] = _shifter(1), _shifter(-1)
