"""Convolutions and correlations of any dimension.

A full convolution is linear in each operand; its adjoint is a correlation, cut to the operand's
size.  The modes 'same' and 'valid' are parts of the full one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.signal as original

from diffkit.rules.kinds import Multilinear, multilinear
from diffkit.scipy.calls import falls_back, prepared, primal

__all__ = ["FULL", "convolve", "convolve2d", "correlate", "correlate2d", "fftconvolve", "oaconvolve"]


def _reversed(a: Any, axes: Sequence[int]) -> Any:
    return a[tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(a.ndim))]


def _back(g: Any, other: Any, size: tuple[int, ...], axes: tuple[int, ...], how: str) -> Any:
    """The cotangent of one operand of a full convolution: g correlated with the other, where it overlaps."""
    full = FULL(g, _reversed(other, axes), axes=axes, how=how)
    # Along the axes of the convolution the part that starts at len(other) - 1; others were broadcast.
    cut = tuple(slice(other.shape[i] - 1, other.shape[i] - 1 + size[i]) if i in axes else slice(None)
                for i in range(full.ndim))
    return full[cut]


def _full(a: Any, b: Any, axes: tuple[int, ...], how: str) -> Any:
    if how == "direct":
        return np.asarray(original.convolve(a, b, "full", "direct"))
    if "O" in (a.dtype.kind, b.dtype.kind):
        raise TypeError("a Fourier transform takes floats")
    transform = original.oaconvolve if how == "overlap" else original.fftconvolve
    return np.asarray(transform(a, b, "full", axes=list(axes)))


def _adjoint(position: int) -> Any:
    def adjoint(g: Any, a: Any, b: Any, axes: tuple[int, ...], how: str) -> Any:
        own, other = ((a, b), (b, a))[position]
        found = _back(g, other, own.shape, axes, how)
        spread = tuple(i for i in range(found.ndim) if i not in axes and own.shape[i] == 1 and found.shape[i] != 1)
        return np.sum(found, axis=spread, keepdims=True) if spread else found

    return adjoint


# The full convolution of arrays of one number of dimensions, along ``axes``.
FULL: Multilinear = multilinear(_full, [_adjoint(0), _adjoint(1)], name="scipy.signal.convolve")


def _centred(y: Any, shape: Sequence[int]) -> Any:
    start = [(have - want) // 2 for have, want in zip(y.shape, shape)]
    return y[tuple(slice(s, s + want) for s, want in zip(start, shape))]


def _convolved(a: Any, b: Any, mode: str, axes: tuple[int, ...], how: str) -> Any:
    """The full convolution, cut as the mode says."""
    if mode not in ("full", "same", "valid"):
        raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
    if mode == "valid":
        sizes = [(a.shape[i], b.shape[i]) for i in axes]
        if any(m < n for m, n in sizes) and any(m > n for m, n in sizes):
            raise ValueError("For 'valid' mode, one must be at least as large as the other in every dimension")
    if a.size == 0 or b.size == 0:
        return np.zeros(0)
    y = FULL(a, b, axes=axes, how=how)
    if mode == "full":
        return y
    wanted = a.shape if mode == "same" else [abs(a.shape[i] - b.shape[i]) + 1 if i in axes else y.shape[i]
                                             for i in range(y.ndim)]
    return _centred(y, wanted)


def _operands(in1: Any, in2: Any) -> tuple[Any, Any]:
    a, b = prepared(in1), prepared(in2)
    if a.ndim != b.ndim:
        raise ValueError("in1 and in2 should have the same dimensionality")
    return a, b


@falls_back(original.convolve)
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The convolution of two arrays of any dimension, scipy.signal.convolve.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: convolve(a, np.array([1.0, 2.0]))[1])(np.ones(3)))
    [2. 1. 0.]
    """
    a, b = _operands(in1, in2)
    if a.ndim == 0:
        return a * b
    if method == "auto":
        method = original.choose_conv_method(primal(a), primal(b), mode=mode)
    if method not in ("direct", "fft"):
        raise ValueError("Acceptable method flags are 'auto', 'direct', or 'fft'.")
    return _convolved(a, b, mode, tuple(range(a.ndim)), method)


@falls_back(original.correlate)
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The correlation of two arrays of any dimension, scipy.signal.correlate.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: correlate(a, np.array([1.0, 2.0]), "valid")[0])(np.ones(3)))
    [1. 2. 0.]
    """
    a, b = _operands(in1, in2)
    flipped = np.conj(_reversed(b, range(b.ndim)))
    if mode == "valid" and a.ndim and all(m <= n for m, n in zip(a.shape, b.shape)) and a.shape != b.shape:
        # SciPy exchanges the operands where the second is the longer, and turns the result round.
        return np.conj(_reversed(convolve(b, np.conj(_reversed(a, range(a.ndim))), mode, method), range(a.ndim)))
    return convolve(a, flipped, mode, method)


def _axes(axes: Any, a: Any, b: Any) -> tuple[int, ...]:
    if axes is None:
        return tuple(range(a.ndim))
    named = (axes,) if np.ndim(axes) == 0 else tuple(axes)
    return tuple(sorted({int(i) % a.ndim for i in named}))


@falls_back(original.fftconvolve)
def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """The convolution by Fourier transforms, scipy.signal.fftconvolve.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: fftconvolve(a, np.array([1.0, 2.0]))[1])(np.ones(3)).round(9) + 0)
    [2. 1. 0.]
    """
    a, b = _operands(in1, in2)
    return a * b if a.ndim == 0 else _convolved(a, b, mode, _axes(axes, a, b), "fft")


@falls_back(original.oaconvolve)
def oaconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """The convolution by overlapping blocks, scipy.signal.oaconvolve.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: oaconvolve(a, np.array([1.0, 2.0]))[1])(np.ones(3)).round(9) + 0)
    [2. 1. 0.]
    """
    a, b = _operands(in1, in2)
    return a * b if a.ndim == 0 else _convolved(a, b, mode, _axes(axes, a, b), "overlap")


_EDGES: dict[str, Any] = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}


def _planes(in1: Any, in2: Any, mode: str, boundary: str, fillvalue: Any) -> Any:
    a, b = _operands(in1, in2)
    if a.ndim != 2:
        raise ValueError("convolve2d inputs must both be 2-D arrays")
    if boundary not in _EDGES:
        raise ValueError("Acceptable boundary flags are 'fill', 'circular' (or 'wrap'), and 'symmetric' (or 'symm').")
    if mode == "valid":
        if any(m < n for m, n in zip(a.shape, b.shape)):
            a, b = b, a
        return _convolved(a, b, mode, (0, 1), "direct")
    around = [(n - 1, n - 1) for n in b.shape]
    extra: dict[str, Any] = {"constant_values": fillvalue} if boundary == "fill" else {}
    y = _convolved(np.pad(a, around, _EDGES[boundary], **extra), b, "valid", (0, 1), "direct")
    return y if mode == "full" else _centred(y, a.shape)


@falls_back(original.convolve2d)
def convolve2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0) -> Any:
    """The convolution of two matrices with a boundary condition, scipy.signal.convolve2d.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: np.sum(convolve2d(a, np.ones((1, 2)), "same", "wrap")))(np.ones((1, 3))))
    [[2. 2. 2.]]
    """
    return _planes(in1, in2, mode, boundary, fillvalue)


@falls_back(original.correlate2d)
def correlate2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0) -> Any:
    """The correlation of two matrices with a boundary condition, scipy.signal.correlate2d.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda a: correlate2d(a, np.array([[1.0, 2.0]]), "valid")[0, 0])(np.ones((1, 3))))
    [[1. 2. 0.]]
    """
    a, b = _operands(in1, in2)
    if mode == "same" and any(n % 2 == 0 for n in b.shape):
        # Of an even size the centre lies on the other side than for a convolution.
        full = _planes(a, np.conj(_reversed(b, (0, 1))), "full", boundary, fillvalue)
        start = [n // 2 for n in b.shape]
        return full[start[0]:start[0] + a.shape[0], start[1]:start[1] + a.shape[1]]
    return _planes(a, np.conj(_reversed(b, (0, 1))), mode, boundary, fillvalue)
