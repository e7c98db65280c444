"""What weights start from.

A weight matrix W of shape (inputs, outputs) has fan_in inputs and fan_out outputs; an
initialiser chooses its spread so that neither values nor gradients grow or fade through
many layers:

    glorot   Var W = 2/(fan_in + fan_out)   tanh, sigmoid, linear   (Glorot & Bengio 2010)
    he       Var W = 2/fan_in               relu and its kin        (He et al. 2015)
    lecun    Var W = 1/fan_in               selu                    (LeCun et al. 1998)

The uniform forms draw from ±√(3 Var).  The normal forms are normal as in torch, or with
``truncated=True`` cut at two standard deviations and rescaled, as in jax.nn and Keras.
Every function is called ``(rng, shape, *, dtype=np.float64)`` with a numpy Generator or a
seed, and draws in float64, so that a float32 network starts from the same numbers rounded.
For a shape of more than two axes the leading ones count as a receptive field.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from diffkit.errors import ShapeError

__all__ = ["constant", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "normal",
           "orthogonal"]

Rng = np.random.Generator | int
Shape = tuple[int, ...]
# Standard deviation of a standard normal cut at ±2.
_CUT_STD = 0.8796256610342398


def _fans(shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        raise ShapeError(f"fan_in and fan_out of shape {shape}", "a weight of shape (inputs, outputs)",
                         "a bias: start it from zeros")
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


def _uniform(rng: Rng, shape: Shape, variance: float, dtype: DTypeLike) -> NDArray[Any]:
    limit = math.sqrt(3 * variance)
    return np.random.default_rng(rng).uniform(-limit, limit, shape).astype(dtype, copy=False)


def _normal(rng: Rng, shape: Shape, std: float, dtype: DTypeLike, truncated: bool) -> NDArray[Any]:
    generator = np.random.default_rng(rng)
    values = generator.standard_normal(shape)
    if truncated:
        while (outside := np.abs(values) > 2).any():
            values[outside] = generator.standard_normal(int(outside.sum()))
        std /= _CUT_STD
    return (std * values).astype(dtype, copy=False)


def glorot_uniform(rng: Rng, shape: Shape, *, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Uniform in ±√(6/(fan_in + fan_out)).  Raises ShapeError for fewer than two axes.

    >>> bool(np.abs(glorot_uniform(0, (4, 2))).max() <= 1)
    True
    """
    fan_in, fan_out = _fans(shape)
    return _uniform(rng, shape, 2 / max(fan_in + fan_out, 1), dtype)


def glorot_normal(rng: Rng, shape: Shape, *, dtype: DTypeLike = np.float64,
                  truncated: bool = False) -> NDArray[Any]:
    """Normal of variance 2/(fan_in + fan_out).  Raises ShapeError for fewer than two axes.

    >>> round(float(glorot_normal(0, (300, 100)).std()), 3)
    0.071
    """
    fan_in, fan_out = _fans(shape)
    return _normal(rng, shape, math.sqrt(2 / max(fan_in + fan_out, 1)), dtype, truncated)


def he_uniform(rng: Rng, shape: Shape, *, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Uniform in ±√(6/fan_in).  Raises ShapeError for fewer than two axes.

    >>> bool(np.abs(he_uniform(0, (6, 2))).max() <= 1)
    True
    """
    return _uniform(rng, shape, 2 / max(_fans(shape)[0], 1), dtype)


def he_normal(rng: Rng, shape: Shape, *, dtype: DTypeLike = np.float64,
              truncated: bool = False) -> NDArray[Any]:
    """Normal of variance 2/fan_in.  Raises ShapeError for fewer than two axes.

    >>> round(float(he_normal(0, (200, 100)).std()), 2)
    0.1
    """
    return _normal(rng, shape, math.sqrt(2 / max(_fans(shape)[0], 1)), dtype, truncated)


def lecun_normal(rng: Rng, shape: Shape, *, dtype: DTypeLike = np.float64,
                 truncated: bool = False) -> NDArray[Any]:
    """Normal of variance 1/fan_in.  Raises ShapeError for fewer than two axes.

    >>> round(float(lecun_normal(0, (400, 100)).std()), 2)
    0.05
    """
    return _normal(rng, shape, math.sqrt(1 / max(_fans(shape)[0], 1)), dtype, truncated)


def normal(rng: Rng, shape: Shape, *, std: float = 0.01, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Normal of standard deviation ``std``, whatever the shape: the small Gaussian of the notes.

    >>> normal(0, (2,), std=0.01).shape
    (2,)
    """
    return _normal(rng, shape, std, dtype, truncated=False)


def constant(rng: Rng, shape: Shape, *, value: float = 0.0, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """The same number everywhere: units stay copies of each other.  To be seen, not to be used.

    >>> constant(0, (1, 2))
    array([[0., 0.]])
    """
    return np.full(shape, value, dtype)


def orthogonal(rng: Rng, shape: Shape, *, gain: float = 1.0, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Orthonormal rows or columns, uniformly among all (Saxe et al. 2014), times ``gain``.

    >>> W = orthogonal(0, (3, 2))
    >>> bool(np.allclose(W.T @ W, np.eye(2)))
    True
    """
    _fans(shape)
    rows, columns = math.prod(shape[:-1]), shape[-1]
    square = np.random.default_rng(rng).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(square)
    # QR alone is not uniform: its signs are a choice of LAPACK (Mezzadri 2007).
    q = q * np.sign(np.diagonal(r))
    weight: NDArray[Any] = gain * (q if rows >= columns else q.T)
    return weight.reshape(shape).astype(dtype, copy=False)
