"""The special functions that NumPy itself has: sinc and i0, with every derivative.

Each is an integral over a parameter, so its derivatives form one family:

    sinc^(n)(x) = pi^n integral_0^1 t^n cos(pi x t + n pi/2) dt
    i0^(n)(x)   = 1/pi integral_0^pi cos(t)^n exp(x cos t) dt

The n-th member is a row with n as a second, constant argument, and its partial is the
member n + 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffkit.rules.domains import NONZERO, REAL
from diffkit.rules.kinds import Elementwise, elementwise


def _sine_pi(x: Any, n: int) -> Any:
    """sin(pi x + n pi/2), reduced first: pi * x alone would lose the digits of a large x."""
    whole = np.rint(np.real(x))
    u = np.pi * (x - whole)
    sign = 1 - 2 * np.mod(whole, 2)
    return sign * (np.sin(u), np.cos(u), -np.sin(u), -np.cos(u))[n % 4]


def _sinc(x: Any, n: int) -> Any:
    """The n-th derivative of sinc.

    Near 0 by the power series; beyond by x f^(n) + n f^(n-1) = pi^(n-1) sin(pi x + n pi/2),
    a recurrence that is stable for pi |x| > n.
    """
    near = np.abs(x) * np.pi < n + 1.5
    far = np.where(near, 1, x)
    y = _sine_pi(far, 0) / (np.pi * far)
    for k in range(1, n + 1):
        y = (np.pi ** (k - 1) * _sine_pi(far, k) - k * y) / far
    x = np.where(near, x, 0)
    series, z = 0 * x, x * x
    for k in range(n // 2 + n % 2 + 25 + 2 * n, n // 2 + n % 2 - 1, -1):
        # (-1)^k pi^(2k) / (2k+1)! times (2k)!/(2k-n)!, the coefficient of x^(2k-n)
        # (past 170! in logarithms: there it is one of the last terms of a high order)
        m = 2 * k - n
        size = (np.pi ** (2 * k) / math.factorial(m) if m <= 170
                else math.exp(2 * k * math.log(np.pi) - math.lgamma(m + 1)))
        series = series * z + (-1.0) ** k * size / (2 * k + 1)
    return np.where(near, series * x if n % 2 else series, y)[()]


SINC_DERIVATIVE: Elementwise = elementwise(_sinc, (lambda y, x, n: SINC_DERIVATIVE(x, n + 1), None), None, NONZERO,
                                           name="sinc_derivative",
                                           pinned={(0.0, 1): (-math.pi ** 2 / 3, 0.0), (0.0, 2): (0.0, 0.0),
                                                   (0.0, 3): (math.pi ** 4 / 5, 0.0)})
SINC = elementwise(np.sinc, lambda y, x: SINC_DERIVATIVE(x, 1), "sinc(pi*x)", NONZERO, pinned={0.0: 0.0})

# A trapezoidal sum of a periodic function converges geometrically: with this many nodes
# on a quarter of the circle the error is below roundoff up to i0's overflow at 713.
_NODES = 97
_ANGLES = np.linspace(0, np.pi / 2, _NODES, dtype=np.longdouble)
_COSINES = np.cos(_ANGLES)
_COSINES[-1] = 0
_DEFICITS = 2 * np.sin(_ANGLES / 2) ** 2      # 1 - cos t without cancellation
_WEIGHTS = np.full(_NODES, np.longdouble(1) / (_NODES - 1))
_WEIGHTS[[0, -1]] /= 2


def _i0(x: Any, n: int) -> Any:
    """The n-th derivative of i0: the mean of cos(t)^n (exp(x cos t) +- exp(-x cos t))/2.

    All terms have one sign, hence full relative accuracy, also of i0' = i1 near 0.
    """
    dtype = np.result_type(x, np.float32)
    size = np.abs(x).astype(dtype)[..., None]
    cosines, deficits = _COSINES.astype(dtype), _DEFICITS.astype(dtype)
    if n % 2:
        wave = -np.expm1(-2 * size * cosines)
    else:
        wave = 1 + np.exp(-2 * size * cosines)
    terms = (_WEIGHTS.astype(dtype) / 2) * cosines ** n * wave * np.exp(-size * deficits)
    y = np.exp(size[..., 0]) * np.sum(terms, axis=-1)
    return (y * np.sign(x) if n % 2 else y).astype(x.dtype)


I0_DERIVATIVE: Elementwise = elementwise(_i0, (lambda y, x, n: I0_DERIVATIVE(x, n + 1), None), None, REAL,
                                         name="i0_derivative",
                                         pinned={(0.0, 1): (0.5, 0.0), (0.0, 2): (0.0, 0.0), (0.0, 3): (0.375, 0.0)})
I0 = elementwise(np.i0, lambda y, x: I0_DERIVATIVE(x, 1), "besseli(0, x)", REAL, pinned={0.0: 0.0})
