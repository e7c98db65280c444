"""Fourier transforms, as the sums that define them."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.exact.arrays import collect, filled
from diffkit.exact.registry import NotExact, exact

#: Longest transform: the sums take length squared.
_LONGEST = 512


def _sums(algebra: Any, node: Any, a: Any, n: int, axis: int, norm: Any, sign: int, count: int | None = None) -> Any:
    """``count`` frequencies (n without it) of a signal cropped or padded to n entries."""
    if n > _LONGEST or algebra.counting:
        raise NotExact(f"np.fft.{node.rule.name} of {n} entries is not summed exactly")
    rows = np.moveaxis(a, axis, -1)
    if rows.shape[-1] < n:
        rows = np.concatenate([rows, filled((*rows.shape[:-1], n - rows.shape[-1]), algebra.zero)], -1)
    rows = rows[..., :n]
    turns = [algebra.turn(sign * k, n) for k in range(n)]
    scale = _scale(algebra, n, norm, sign)
    out = [algebra.total([row[j] * turns[j * k % n] for j in range(n)]) * scale
           for row in rows.reshape(-1, n) for k in range(n if count is None else count)]
    return np.moveaxis(collect(out, (*rows.shape[:-1], n if count is None else count)), -1, axis)


def _scale(algebra: Any, n: int, norm: Any, sign: int) -> Any:
    """NumPy's norm: "backward" divides the inverse transform by n, "ortho" both by its root."""
    if norm == "ortho":
        return algebra.one / algebra.function("sqrt")(algebra.scalar(n))
    divides = (norm == "forward") == (sign < 0)
    return algebra.one / algebra.scalar(n) if divides else algebra.one


@exact("fft", "rfft")
def _fft(algebra: Any, node: Any, a: Any, n: int = 0, axis: int = -1, norm: Any = None) -> Any:
    return _sums(algebra, node, a, n, axis, norm, -1, n // 2 + 1 if node.rule.name == "rfft" else None)


@exact("ifft")
def _ifft(algebra: Any, node: Any, a: Any, n: int = 0, axis: int = -1, norm: Any = None) -> Any:
    return _sums(algebra, node, a, n, axis, norm, 1)


@exact("irfft")
def _irfft(algebra: Any, node: Any, a: Any, n: int = 0, axis: int = -1, norm: Any = None) -> Any:
    """From half of the spectrum: the other half is its conjugate, and imaginary parts at the ends are dropped."""
    conj, real = algebra.function("conj"), algebra.function("re")
    rows = np.moveaxis(a, axis, -1)
    half = n // 2 + 1
    if rows.shape[-1] < half:
        rows = np.concatenate([rows, filled((*rows.shape[:-1], half - rows.shape[-1]), algebra.zero)], -1)
    whole = np.empty((*rows.shape[:-1], n), object)
    for where in np.ndindex(*rows.shape[:-1]):
        for k in range(n):
            value = rows[(*where, k)] if k < half else conj(rows[(*where, n - k)])
            whole[(*where, k)] = real(value) if k == 0 or 2 * k == n else value
    out = _sums(algebra, node, whole, n, -1, norm, 1)
    return np.moveaxis(collect([real(entry) for entry in out.ravel()], out.shape), -1, axis)
