"""Logarithms of distribution functions, also where these underflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special as sp

from diffkit.transforms import value

__all__ = ["log_head", "log_one_minus_exp", "log_tail", "logs"]


def log_tail(a: Any, z: Any, upper: Any) -> Any:
    """log of the upper incomplete gamma ratio; where that underflows, by its asymptotic series (DLMF 8.11.2)."""
    tiny = value(upper) < 1e-280
    far = np.where(tiny, z, 1e4)
    term = total = 1.0 + 0 * far
    for k in range(1, 25):
        term = term * (a - k) / far
        total = total + term
    series = (a - 1) * np.log(far) - far - sp.gammaln(a) + np.log(np.where(value(total) > 0, total, 1))
    return np.where(tiny, series, np.log(np.where(tiny, 1, upper)))


def log_head(a: Any, z: Any, lower: Any) -> Any:
    """log of the lower incomplete gamma ratio; where that underflows, by its power series (DLMF 8.11.4)."""
    tiny = value(lower) < 1e-280
    near = np.where(tiny, z, 1e-4)
    term = total = 1.0 + 0 * near
    for k in range(1, 60):
        term = term * near / (a + k)
        total = total + term
    series = a * np.log(near) - near - sp.gammaln(a + 1) + np.log(total)
    return np.where(tiny, series, np.log(np.where(tiny, 1, lower)))


def log_one_minus_exp(x: Any) -> Any:
    """log(1 - exp(-x)) for x > 0."""
    small = value(x) < 0.7
    return np.where(small, np.log(-np.expm1(-np.where(small, x, 0.5))), np.log1p(-np.exp(-np.where(small, 1, x))))


def logs(cdf: Callable[..., Any], sf: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """A distribution function whose tails do not underflow early: its logarithm as it is."""
    return {"cdf": cdf, "sf": sf, "logcdf": lambda z, *s: np.log(cdf(z, *s)),
            "logsf": lambda z, *s: np.log(sf(z, *s))}
