"""Curves and images: splines swept in place, interpolation at indices from floor, recursion on control points."""

from __future__ import annotations

import numpy as np


def natural_spline(values):
    """A natural cubic spline through the values: a tridiagonal sweep in place, then evaluation by searchsorted."""
    knots = np.array([0.0, 0.7, 1.5, 2.1, 3.0])
    h = np.diff(knots)
    slope = np.diff(values) / h
    diagonal = 2 * (h[:-1] + h[1:])
    right = 6 * np.diff(slope)
    for i in range(1, len(diagonal)):
        w = h[i] / diagonal[i - 1]
        diagonal[i] -= w * h[i]
        right[i] -= w * right[i - 1]
    bend = np.zeros_like(values)
    for i in reversed(range(len(diagonal))):
        bend[i + 1] = (right[i] - h[i + 1] * bend[i + 2]) / diagonal[i]
    x = np.linspace(0.05, 2.95, 9)
    i = np.clip(np.searchsorted(knots, x) - 1, 0, len(h) - 1)
    t, u = x - knots[i], knots[i + 1] - x
    return ((bend[i] * u ** 3 + bend[i + 1] * t ** 3) / (6 * h[i])
            + (values[i] / h[i] - bend[i] * h[i] / 6) * u + (values[i + 1] / h[i] - bend[i + 1] * h[i] / 6) * t)


natural_spline.point = (np.array([0.2, 1.1, -0.4, 0.9, 0.3]),)


def image_warp(parameters):
    """An image rotated, scaled and shifted, by bilinear interpolation with indices from floor."""
    angle, scale, dx, dy = parameters
    rows, columns = np.mgrid[0:6, 0:6]
    image = np.sin(0.9 * rows) * np.cos(0.7 * columns + 0.2 * rows)
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    ys, xs = np.meshgrid(np.arange(1.0, 5.0), np.arange(1.0, 5.0), indexing="ij")
    x = c * (xs - 2.5) - s * (ys - 2.5) + 2.5 + dx
    y = s * (xs - 2.5) + c * (ys - 2.5) + 2.5 + dy
    x0 = np.clip(np.floor(x).astype(int), 0, 4)
    y0 = np.clip(np.floor(y).astype(int), 0, 4)
    wx, wy = x - x0, y - y0
    warped = ((1 - wy) * ((1 - wx) * image[y0, x0] + wx * image[y0, x0 + 1])
              + wy * ((1 - wx) * image[y0 + 1, x0] + wx * image[y0 + 1, x0 + 1]))
    return np.mean((warped - image[1:5, 1:5]) ** 2)


image_warp.point = (np.array([0.3, 1.15, 0.13, -0.21]),)


def bezier(control):
    """Length of a Bézier curve by de Casteljau's scheme, recursive, and polyline sums."""
    def point(points, t):
        return points[0] if len(points) == 1 else point((1 - t) * points[:-1] + t * points[1:], t)

    curve = np.vstack([point(control, t) for t in np.linspace(0, 1, 9)])
    return np.sum(np.hypot(*np.diff(curve, axis=0).T))


bezier.point = (np.array([[0.0, 0.1], [1.0, 2.0], [2.0, -1.0], [3.0, 0.5]]),)
