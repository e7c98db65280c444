"""Activation functions, in plain NumPy.

Each is a formula on arrays, possibly traced, so every mode of differentiation goes through
it.  Three habits make value and derivative right to the last digits over the whole line:

- no exponential of a positive number: what would overflow is written with exp(−|x|);
- where two branches meet, the argument of the branch not taken is replaced by a harmless
  one first, so that neither its value nor its derivative can poison the result;
- |x| itself is never differentiated at 0 where the function is smooth: the branch is chosen
  by a comparison, and at a true kink the comparison decides (relu'(0) = 0, as torch and JAX).

Formulas agree with torch.nn.functional.  dtypes are kept (Python floats are weak).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffkit.errors import require
from diffkit.nn.arrays import as_array, largest

__all__ = ["elu", "gelu", "leaky_relu", "log_sigmoid", "log_softmax", "relu", "selu", "sigmoid", "silu",
           "softmax", "softplus", "tanh"]

_SELU_ALPHA = 1.6732632423543772  # Klambauer et al. 2017, appendix: the fixed point (0, 1)
_SELU_SCALE = 1.0507009873554805


def relu(x: Any) -> Any:
    """max(x, 0), with derivative 0 at 0 and NaN kept.

    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    x = as_array(x)
    return np.where(x <= 0, 0.0, x)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x above 0, slope·x below (Maas et al. 2013); the derivative at 0 is slope.

    >>> leaky_relu(np.array([-1.0, 2.0]))
    array([-0.01,  2.  ])
    """
    x = as_array(x)
    return np.where(x <= 0, slope * x, x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x above 0, alpha·(eˣ − 1) below (Clevert et al. 2016).

    >>> elu(np.array([-1.0, 2.0])).round(4)
    array([-0.6321,  2.    ])
    """
    x = as_array(x)
    below = x <= 0
    return np.where(below, alpha * np.expm1(np.where(below, x, 0.0)), x)


def selu(x: Any) -> Any:
    """1.0507·elu(x, 1.6733): keeps mean 0 and variance 1 through layers (Klambauer et al. 2017).

    >>> selu(np.array([-1.0, 1.0])).round(4)
    array([-1.1113,  1.0507])
    """
    return _SELU_SCALE * elu(x, _SELU_ALPHA)


def gelu(x: Any, approximate: bool = False) -> Any:
    """x·Φ(x), Φ the normal distribution function (Hendrycks & Gimpel 2016).

    With ``approximate`` ½x(1 + tanh(√(2/π)(x + 0.044715x³))), without SciPy; otherwise written
    with erfc, which keeps its digits for negative x, and needs SciPy (MissingPackageError).

    >>> gelu(np.array([-1.0, 1.0]), approximate=True).round(4)
    array([-0.1588,  0.8412])
    """
    x = as_array(x)
    if approximate:  # ½(1 + tanh z) = σ(2z), without the cancellation at negative z
        return x * sigmoid(x * (1.0 + 0.044715 * (x * x)) * math.sqrt(8 / math.pi))
    try:
        from scipy.special import erfc
    except ImportError:
        raise require("scipy", "scipy", "gelu(x) without approximate=True") from None
    return 0.5 * x * erfc(x * -math.sqrt(0.5))


def sigmoid(x: Any) -> Any:
    """1/(1 + e⁻ˣ), with all digits in both tails.

    >>> sigmoid(np.array([-1e4, -40.0, 0.0, 1e4]))
    array([0.00000000e+00, 4.24835426e-18, 5.00000000e-01, 1.00000000e+00])
    """
    x = as_array(x)
    positive = x >= 0
    small = np.exp(np.where(positive, -x, x))
    return np.where(positive, 1.0, small) / (1.0 + small)


def silu(x: Any) -> Any:
    """x·sigmoid(x), also called swish (Elfwing et al. 2018).

    >>> silu(np.array([-1.0, 1.0])).round(4)
    array([-0.2689,  0.7311])
    """
    x = as_array(x)
    return x * sigmoid(x)


def tanh(x: Any) -> Any:
    """NumPy's tanh, here so that it can be named.

    >>> tanh(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.7616])
    """
    return np.tanh(x)


def softplus(x: Any) -> Any:
    """log(1 + eˣ), without overflow.

    >>> softplus(np.array([-1e4, 0.0, 1e4]))
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+04])
    """
    return np.logaddexp(x, 0.0)


def log_sigmoid(x: Any) -> Any:
    """log(1/(1 + e⁻ˣ)), finite where the sigmoid is 0 in floats.

    >>> log_sigmoid(np.array([-1e4, 0.0]))
    array([-1.00000000e+04, -6.93147181e-01])
    """
    return -np.logaddexp(-as_array(x), 0.0)


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x)/Σ exp(x) along ``axis``, shifted by the maximum.

    >>> softmax(np.array([1e4, 1e4]))
    array([0.5, 0.5])
    """
    x = as_array(x)
    powers = np.exp(x - largest(x, axis))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """log softmax(x), finite where the softmax is 0 in floats.

    >>> log_softmax(np.array([0.0, 1e4]))
    array([-10000.,      0.])
    """
    x = as_array(x)
    shifted = x - largest(x, axis)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
