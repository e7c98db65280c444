"""Right gradients that are hard to recognise: the other half of the board a checker is judged on.

A fixed tolerance, an absolute step or a central difference at a kink would accuse them: single
precision, ill-conditioned systems, noise, the edge of a domain, scales from 1e-200 to 1e150,
saturation, and every valid subgradient at a kink.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from comparisons import gradient_problems as g
from comparisons.gradient_cases import WIDE, Case, wide
from comparisons.gradient_problems import PLAIN, PROBLEMS, V

Array = Any


def _smooth() -> Iterator[Case]:
    """Every problem at every point, in double and in single precision."""
    for problem in PROBLEMS.values():
        for number, x in enumerate(problem.points):
            for dtype in (np.float64, np.float32):
                yield Case(np.dtype(dtype).name, f"{problem.name} {number}", problem.f,
                           lambda x, d=problem.gradient: np.asarray(d(x), x.dtype), x.astype(dtype))


def _kinks() -> Iterator[Case]:
    """Each accepts any number between the slopes; several answers to one question are right."""
    zero = np.array([0.0, 1.0, -2.0])
    for name, at_zero in (("left", -1.0), ("right", 1.0), ("middle", 0.0), ("in between", 0.3)):
        yield Case("kink", f"abs, {name}", lambda x: np.sum(np.abs(x)),
                   lambda x, c=at_zero: np.where(x == 0, c, np.sign(x)), zero)
    for name, at_zero in (("left", 0.0), ("right", 1.0), ("half", 0.5)):
        yield Case("kink", f"relu, {name}", lambda x: np.sum(np.maximum(x, 0)),
                   lambda x, c=at_zero: np.where(x == 0, c, x > 0), zero)
    ties = np.array([1.0, 3.0, 3.0, 3.0])
    for name, share in (("shared", [0, 1 / 3, 1 / 3, 1 / 3]), ("first", [0, 1, 0, 0]), ("last", [0, 0, 0, 1])):
        yield Case("kink", f"max, {name}", lambda x: np.max(x), lambda x, s=share: np.array(s, float), ties)
    yield Case("kink", "minimum of two", lambda x: np.sum(np.minimum(x, x[::-1])), lambda x: np.ones(2),
               np.array([2.0, 2.0]))
    yield Case("kink", "clip at its bound", lambda x: np.sum(np.clip(x, 0, 1)), lambda x: ((x > 0) & (x <= 1)) * 1.0,
               np.array([1.0, 0.5, 0.0]))
    yield Case("kink", "leaky relu", lambda x: np.sum(np.where(x > 0, x, 0.01 * x)),
               lambda x: np.where(x > 0, 1, 0.01), zero)
    yield Case("kink", "norm at zero", lambda x: np.sum(np.abs(x)) + np.sqrt(np.sum(x**2) + 1),
               lambda x: np.sign(x) + x / np.sqrt(np.sum(x**2) + 1),
               np.zeros(2))
    yield Case("kink", "sorted ties", lambda x: V @ np.sort(x), lambda x: V[np.argsort(np.argsort(x, kind="stable"))],
               np.array([0.3, 0.3, -1.0, 2.0]))
    yield Case("near a kink", "abs at 1e-9", lambda x: np.sum(np.abs(x) + x**2), lambda x: np.sign(x) + 2 * x,
               np.array([1e-9, -1e-7, 3.0]))
    yield Case("near a kink", "relu at 1e-6", lambda x: np.sum(np.maximum(x - 1, 0) ** 2 + np.maximum(x - 1, 0)),
               lambda x: (x > 1) * (2 * (x - 1) + 1), np.array([1 + 1e-6, 1 - 1e-6]))
    yield Case("near a kink", "huber at the knee", g.huber, lambda x: np.clip(x, -1, 1),
               np.array([1.0, -1.0, 1 + 1e-12]))


def _edges() -> Iterator[Case]:
    """A stencil leaves the domain, or the step is far too large or too small."""
    log = lambda x: np.sum(np.log(x))
    yield Case("edge", "log at 1e-12", log, lambda x: 1 / x, np.array([1e-12, 1.0]))
    yield Case("edge", "log at 1e-300", log, lambda x: 1 / x, np.array([1e-300]))
    yield Case("edge", "log at 1e300", log, lambda x: 1 / x, np.array([1e300]))
    yield Case("edge", "arcsine near 1", lambda x: np.sum(np.arcsin(x)), lambda x: 1 / np.sqrt((1 - x) * (1 + x)),
               np.array([1 - 1e-9, 0.3]))
    yield Case("edge", "x to the 3/2 at zero", lambda x: np.sum(x**1.5), lambda x: 1.5 * np.sqrt(x),
               np.array([0.0, 2.0]))
    yield Case("edge", "near a pole", lambda x: np.sum(1 / (1 - x)), lambda x: (1 - x) ** -2,
               np.array([1 - 1e-7, 0.4]))
    yield Case("edge", "arctanh", lambda x: np.sum(np.arctanh(x)), lambda x: 1 / ((1 - x) * (1 + x)),
               np.array([1 - 1e-10, 0.1]))
    yield Case("edge", "power of 30", lambda x: np.sum(x**30), lambda x: 30 * x**29, np.array([40.0, 1e-3]))
    for scale in (1e-200, 1e-20, 1e-8, 1e8, 1e20, 1e150):
        yield Case("scale of x", f"{scale:g}", lambda x: np.sum(np.abs(x) ** 1.5 * np.array([1.0, 2.0, 0.5])),
                   lambda x: 1.5 * np.sqrt(np.abs(x)) * np.sign(x) * np.array([1.0, 2.0, 0.5]),
                   scale * np.array([1.0, -2.0, 0.7]))
        yield Case("scale of f", f"{scale:g}", lambda x, s=scale: s * np.sum(np.exp(x) * x),
                   lambda x, s=scale: s * np.exp(x) * (1 + x), PLAIN[0])
    yield Case("scale of x", "each its own", lambda x: np.sum(np.sin(x * 10.0 ** np.arange(-8, 9, 4))),
               lambda x: np.cos(x * 10.0 ** np.arange(-8, 9, 4)) * 10.0 ** np.arange(-8, 9,
                                                                                     4), 10.0 ** -np.arange(-8, 9, 4))
    yield Case("saturated", "sigmoid", lambda x: np.sum(g.sigmoid(x)), lambda x: g.sigmoid(x) * g.sigmoid(-x),
               np.array([-40.0, 30.0, 700.0, 0.2]))
    yield Case("saturated", "tanh by its value", lambda x: np.sum(np.tanh(x)), lambda x: 1 - np.tanh(x) ** 2,
               np.array([25.0, -12.0, 0.1]))
    yield Case("saturated", "softmax of hundreds", g.softmax,
               lambda x: np.diag(g.softmax(x)) - np.outer(g.softmax(x), g.softmax(x)),
               np.array([300.0, -200.0, 10.0]))
    yield Case("flat", "at the minimum", lambda x: np.sum((x - 0.3) ** 2), lambda x: 2 * (x - 0.3),
               np.array([0.3, 0.1 + 0.2]))
    yield Case("flat", "constant", lambda x: 3.0 + 0 * np.sum(x), lambda x: 0 * x, PLAIN[0])
    yield Case("flat", "linear", lambda x: V @ x, lambda x: V.copy(), PLAIN[0])
    yield Case("flat", "quartic minimum", lambda x: np.sum(x**4), lambda x: 4 * x**3, np.array([1e-8, 0.0, 1e-100]))
    yield Case("fast", "sin 1e4 x", lambda x: np.sum(np.sin(1e4 * x)), lambda x: 1e4 * np.cos(1e4 * x), PLAIN[0])
    yield Case("fast", "exp 200 x", lambda x: np.sum(np.exp(200 * x)), lambda x: 200 * np.exp(200 * x),
               np.array([0.5, 1.5]))
    yield Case("fast", "sin of exp", lambda x: np.sum(np.sin(np.exp(x))), lambda x: np.cos(np.exp(x)) * np.exp(x),
               np.array([7.0, 2.0]))
    yield Case("many", "10000 of all sizes", lambda x: np.sum(x**2), lambda x: 2 * x,
               WIDE * np.logspace(-6, 6, 10_000))
    yield Case("many", "10000 in float32", wide, lambda x: np.cos(x) + 2 * x, WIDE.astype(np.float32))
    yield Case("many", "10000, mean", lambda x: np.mean(np.sin(x)), lambda x: np.cos(x) / 10_000, WIDE)


def _hard() -> Iterator[Case]:
    """Ill-conditioned, noisy, cancelling and complex."""
    for n in (3, 5, 7, 9):
        i = np.arange(1.0, n + 1)
        h = 1 / (i[:, None] + i - 1)
        b = np.linspace(1, 2, n)
        yield Case("ill-conditioned", f"hilbert {n}, inverse for solve", lambda b,
                   h=h: np.sum(np.linalg.solve(h, b) ** 2),
                   lambda b, h=h: 2 * np.linalg.inv(h).T @ (np.linalg.inv(h) @ b), b)
        yield Case("ill-conditioned", f"hilbert {n}, by matrix", lambda a, b=b: np.sum(np.linalg.solve(a, b)),
                   lambda a, n=n, b=b: -np.outer(np.linalg.solve(a.T, np.ones(n)), np.linalg.solve(a, b)), h)
    yield Case("cancelling", "(1 - cos)/x²", lambda x: (1 - np.cos(x[0])) / x[0] ** 2,
               lambda x: np.array([np.sin(x[0]) / x[0] ** 2 - 2 * (1 - np.cos(x[0])) / x[0] ** 3]), np.array([1e-5]))
    yield Case("cancelling", "large offset", lambda x: np.sum((x + 1e8) ** 2) - 4e16, lambda x: 2 * (x + 1e8),
               PLAIN[0])
    yield Case("cancelling", "one-pass variance", lambda x: np.mean(x**2) - np.mean(x) ** 2,
               lambda x: 2 / 4 * (x - np.mean(x)),
               PLAIN[0] + 1e5)
    yield Case("cancelling", "difference of roots", lambda x: np.sum(np.sqrt(x + 1) - np.sqrt(x)),
               lambda x: 0.5 / np.sqrt(x + 1) - 0.5 / np.sqrt(x), np.array([1e10, 3e6]))
    for size in (1e-12, 1e-9, 1e-6):
        yield Case("noisy", f"jitter of {size:g}", lambda x,
                   s=size: np.sum(np.sin(x)) + s * np.sum(np.floor(x * 1e13) % 97) / 97,
                   lambda x: np.cos(x), PLAIN[0])
    yield Case("noisy", "single precision inside", lambda x: np.sum(np.sin(x).astype(np.float32)).astype(np.float64),
               lambda x: np.cos(x), PLAIN[0])
    for places in (3, 6, 9):
        yield Case("noisy", f"rounded to {places} places", lambda x, p=places: np.sum(np.round(np.sin(x), p)),
                   lambda x: 0 * x, PLAIN[0])

    def root(c: Array) -> Array:
        y = 1.0 + 0 * c
        for _ in range(60):
            y = y - (y**3 + y - c) / (3 * y**2 + 1)
        return np.sum(y)

    def root_gradient(c: Array) -> Array:
        y = 1.0 + 0 * c
        for _ in range(60):
            y = y - (y**3 + y - c) / (3 * y**2 + 1)
        return 1 / (3 * y**2 + 1)

    yield Case("iterated", "Newton to the end", root, root_gradient, np.array([2.0, -5.0, 0.1]))
    yield Case("iterated", "square roots of square roots", lambda x: np.sum(x ** (1 / 1024) * 1024),
               lambda x: x ** (1 / 1024 - 1), np.array([0.5, 7.0]))
    z = np.array([0.3 + 0.8j, -1.2 + 0.1j, 0.7 - 0.4j])
    yield Case("complex", "square of the absolute value", lambda z: np.sum(np.abs(z) ** 2), lambda z: 2 * np.conj(z),
               z)
    yield Case("complex", "real part of a cube", lambda z: np.real(np.sum(z**3)), lambda z: 3 * z**2, z)
    yield Case("complex", "imaginary part", lambda z: np.imag(np.sum(np.exp(z))), lambda z: -1j * np.exp(z), z)
    yield Case("complex", "absolute value", lambda z: np.sum(np.abs(z)), lambda z: np.conj(z) / np.abs(z), z)
    yield Case("dead branch", "masked root", lambda x: np.sum(np.where(x > 0, np.sqrt(np.where(x > 0, x, 1)), 0)),
               lambda x: np.where(x > 0, 0.5 / np.sqrt(np.where(x > 0, x, 1)), 0), np.array([2.0, -1.0]))
    yield Case("dead branch", "overflow",
               lambda x: np.sum(np.where(x > 500, x, np.log1p(np.exp(np.minimum(x, 500))))),
               lambda x: np.where(x > 500, 1, g.sigmoid(x)), np.array([800.0, 2.0]))


def right() -> list[Case]:
    """Correct gradients, hard ones among them."""
    return [*_smooth(), *_kinks(), *_edges(), *_hard()]
