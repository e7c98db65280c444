"""The slopes at the nodes that make a cubic interpolator what it is.

    spline     a tridiagonal system, that makes the second derivative continuous
    monotone   weighted harmonic means of neighbouring slopes (Fritsch and Butland 1984)
    Akima      means weighted by how much the slopes change nearby (Akima 1970)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.scipy.calls import prepared, primal
from diffkit.scipy.linalg import solve_banded

__all__ = ["akima_slopes", "column", "monotone_slopes", "spline_slopes"]


def column(h: Any, like: Any) -> Any:
    """A vector along the first axis, to be broadcast with ``like``."""
    return np.reshape(h, (-1, *[1] * (like.ndim - 1)))


def spline_slopes(x: Any, y: Any, start: Any, end: Any) -> Any:
    """The slopes at the nodes (de Boor, "A Practical Guide to Splines", chapter IV)."""
    n, h = x.shape[0], np.diff(x)
    hr = column(h, y)
    slope = np.diff(y, axis=0) / hr
    if n == 2:
        start, end = ((1, slope[0]) if isinstance(bc, str) else bc for bc in (start, end))
    if isinstance(start, str) and start == "periodic":
        return _periodic_slopes(h, hr, slope, y)
    if n == 3 and isinstance(start, str) and isinstance(end, str):  # the parabola through three points
        left = slope[0] - (slope[1] - slope[0]) * hr[0] / (hr[0] + hr[1])
        return np.stack([left, 2 * slope[0] - left, 2 * slope[1] - (2 * slope[0] - left)])
    one, none = np.ones(1), np.zeros(1)
    lower, diagonal, upper, b = h[1:], 2 * (h[:-1] + h[1:]), h[:-1], 3 * (hr[1:] * slope[:-1] + hr[:-1] * slope[1:])
    ends = []
    for bc, near, far, sign in ((start, 0, 1, 1), (end, -1, -2, -1)):
        if isinstance(bc, str):
            d = h[near] + h[far]
            ends.append((h[far] * one, d * one,
                         ((hr[near] + 2 * d) * hr[far] * slope[near] + hr[near]**2 * slope[far]) / d))
        elif bc[0] == 1:
            ends.append((one, none, bc[1]))
        else:
            rise = slope[near] * hr[near]
            ends.append((2 * h[near] * one, h[near] * one, -sign * 0.5 * bc[1] * hr[near]**2 + 3 * rise))
    (d0, u0, b0), (d1, l1, b1) = ends
    bands = np.stack([np.concatenate([none, u0, upper]), np.concatenate([d0, diagonal, d1]),
                      np.concatenate([lower, l1, none])])
    right = np.concatenate([np.reshape(b0, (1, *y.shape[1:])), b, np.reshape(b1, (1, *y.shape[1:]))])
    return np.reshape(solve_banded((1, 1), bands, np.reshape(right, (n, -1))), right.shape)


def _periodic_slopes(h: Any, hr: Any, slope: Any, y: Any) -> Any:
    """Slopes where the end joins the start: n - 1 unknowns in a ring."""
    n = len(h)
    if n == 2:
        same = np.sum(slope / hr, axis=0) / np.sum(1 / hr, axis=0)
        return np.stack([same] * 3)
    before, before_r = np.roll(h, 1), np.roll(hr, 1, axis=0)
    right = 3 * (hr * np.roll(slope, 1, axis=0) + before_r * slope)
    # The ring without its last unknown is tridiagonal; the last is eliminated.
    bands = np.stack([np.concatenate([np.zeros(1), before[:n - 2]]), 2 * (h + before)[:n - 1],
                      np.concatenate([h[1:n - 1], np.zeros(1)])])
    flat = np.reshape(right, (n, -1))
    corner = -np.concatenate([h[:1], np.zeros(n - 3), before[n - 2:n - 1]])
    both = solve_banded((1, 1), bands, np.concatenate([flat[:-1], corner[:, None]], axis=1))
    s, z = both[:, :-1], both[:, -1:]
    last = (flat[-1:] - h[-1] * s[-1:] - before[-1] * s[:1]) / (
        2 * (before[-1] + h[-1]) + h[-1] * z[-1:] + before[-1] * z[:1])
    s = s + z * last
    return np.reshape(np.concatenate([s, last, s[:1]]), (n + 1, *right.shape[1:]))


def monotone_slopes(x: Any, y: Any) -> Any:
    h = column(np.diff(x), y)
    m = np.diff(y, axis=0) / h
    if y.shape[0] == 2:
        return np.concatenate([m, m])
    turns = (m[1:] * m[:-1]) <= 0
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    before, after = np.where(turns, 1.0, m[:-1]), np.where(turns, 1.0, m[1:])
    inner = np.where(turns, 0.0, (w1 + w2) / (w1 / before + w2 / after))
    return np.concatenate([_end_slope(h[0], h[1], m[0], m[1])[None], inner,
                           _end_slope(h[-1], h[-2], m[-1], m[-2])[None]])


def _end_slope(h0: Any, h1: Any, m0: Any, m1: Any) -> Any:
    """The slope at an end by three points, kept from turning or overshooting."""
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    turns = np.sign(d) != np.sign(m0)
    steep = (np.sign(m0) != np.sign(m1)) & (np.abs(d) > 3 * np.abs(m0))
    return prepared(np.where(turns, 0.0, np.where(steep, 3 * m0, d)))


def akima_slopes(x: Any, y: Any, method: str) -> Any:
    m = np.diff(y, axis=0) / column(np.diff(x), y)
    if y.shape[0] == 2:
        return np.concatenate([m, m])
    left = 2 * m[:1] - m[1:2]
    right = 2 * m[-1:] - m[-2:-1]
    m = np.concatenate([2 * left - m[:1], left, m, right, 2 * right - m[-1:]])
    change = np.abs(np.diff(m, axis=0))
    f1, f2 = change[2:], change[:-2]
    if method == "makima":
        mean = np.abs(m[1:] + m[:-1])
        f1, f2 = f1 + 0.5 * mean[2:], f2 + 0.5 * mean[:-2]
    total = f1 + f2
    known = total > 1e-9 * np.max(primal(total), initial=0.0)
    weight = np.where(known, f2, 0.0) / np.where(known, total, 1.0)
    return np.where(known, m[1:-2] + weight * (m[2:-1] - m[1:-2]), 0.5 * (m[3:] + m[:-3]))
