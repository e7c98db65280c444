"""Trees, networks and searches: backward induction, cells with a state, loops and branches on values."""

from __future__ import annotations

import functools
from collections import deque
from typing import Any

import numpy as np


def american_put(market):
    """Price of an American put on a binomial tree that is folded back in place."""
    spot, strike, rate, volatility = market
    steps, years = 12, 1.0
    dt = years / steps
    up = np.exp(volatility * np.sqrt(dt))
    down = 1 / up
    chance = (np.exp(rate * dt) - down) / (up - down)
    prices = spot * up ** np.arange(steps, -steps - 1, -2.0)
    value = np.maximum(strike - prices, 0)
    for _ in range(steps):
        prices = prices[:-1] * down
        value[:-1] = np.exp(-rate * dt) * (chance * value[:-1] + (1 - chance) * value[1:])
        value = np.maximum(value[:-1], strike - prices)
    return value[0]


american_put.point = (np.array([98.0, 104.0, 0.04, 0.25]),)


class Cell:
    """A gated recurrent cell whose hidden state is an attribute."""

    def __init__(self, weights):
        self.update, self.reset, self.propose = np.split(weights, 3)
        self.hidden = np.zeros(2)

    def __call__(self, x):
        joined = np.r_[x, self.hidden]
        z = 1 / (1 + np.exp(-self.update @ joined))
        r = 1 / (1 + np.exp(-self.reset @ joined))
        candidate = np.tanh(self.propose @ np.hstack([x, r * self.hidden]))
        self.hidden = (1 - z) * self.hidden + z * candidate
        return self.hidden


def recurrent_network(weights):
    """Loss of a small gated network over a sequence, with the last states in a queue."""
    cell = Cell(weights)
    inputs = np.sin(np.arange(10.0)).reshape(5, 2)
    recent: deque[Any] = deque(maxlen=3)
    loss = 0.0
    for x in inputs:
        recent.append(cell(x))
        loss += np.sum((sum(recent) / len(recent) - 0.2 * x) ** 2)
    return loss


recurrent_network.point = (np.cos(np.arange(24.0)).reshape(6, 4),)


def attention(tokens):
    """One head of masked self-attention with einsum, a mask that is written, and layer normalisation."""
    length, width = tokens.shape
    Wq, Wk, Wv = (np.sin(np.arange(width * width) * k + k).reshape(width, width) for k in (1.0, 2.0, 3.0))
    q, k, v = np.einsum("td,kde->kte", tokens, np.stack([Wq, Wk, Wv]))
    scores = np.einsum("te,se->ts", q, k) / np.sqrt(width)
    scores[np.triu_indices(length, 1)] = -np.inf
    scores -= scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores)
    weights /= weights.sum(axis=-1, keepdims=True)
    out = tokens + weights @ v
    return ((out - out.mean(-1, keepdims=True)) / (out.std(-1, keepdims=True) + 1e-5))[:, 0]


attention.point = (np.cos(np.arange(12.0)).reshape(4, 3),)


def newton_with_line_search(coefficients):
    """A minimiser found by Newton's method with backtracking: loops and branches on values throughout."""
    a, b, c = coefficients

    def f(x):
        return a * x ** 4 - b * x ** 2 + c * x

    x = 1.3
    for _ in range(60):
        slope, curvature = 4 * a * x ** 3 - 2 * b * x + c, 12 * a * x ** 2 - 2 * b
        step = -slope / curvature if curvature > 0 else -np.sign(slope) * 0.5
        length = 1.0
        while f(x + length * step) > f(x) + 1e-4 * length * step * slope:
            length *= 0.5
            if length < 1e-6:
                break
        x = x + length * step
        if abs(step) < 1e-14:
            break
    return x


newton_with_line_search.point = (np.array([1.0, 1.5, 0.3]),)


def adaptive_simpson(parameters):
    """An integral by recursive bisection, as fine as the integrand asks."""
    rate, shift = parameters

    def f(x):
        return np.exp(-rate * x) * np.sin(5 * x + shift)

    def simpson(left, right, fl, fm, fr):
        return (right - left) / 6 * (fl + 4 * fm + fr)

    def refine(left, right, fl, fm, fr, whole, tolerance):
        middle = (left + right) / 2
        fa, fb = f((left + middle) / 2), f((middle + right) / 2)
        first, second = simpson(left, middle, fl, fa, fm), simpson(middle, right, fm, fb, fr)
        error = first + second - whole
        if abs(error) < 15 * tolerance:
            return first + second + error / 15
        return (refine(left, middle, fl, fa, fm, first, tolerance / 2)
                + refine(middle, right, fm, fb, fr, second, tolerance / 2))

    fl, fm, fr = f(0.0), f(1.0), f(2.0)
    return refine(0.0, 2.0, fl, fm, fr, simpson(0.0, 2.0, fl, fm, fr), 1e-5)


adaptive_simpson.point = (np.array([0.8, 0.3]),)


def shortest_paths(lengths):
    """All shortest paths of a small graph (Floyd and Warshall) in one table, and the longest of them."""
    n = 5
    table = np.full((n, n), np.inf)
    np.fill_diagonal(table, 0.0)
    table[[0, 0, 1, 2, 3, 4, 1], [1, 2, 3, 4, 4, 0, 2]] = lengths
    for k in range(n):
        np.minimum(table, table[:, k, None] + table[None, k, :], out=table)
    return np.append(table.max(axis=1), table[np.isfinite(table)].mean())


shortest_paths.point = (np.array([1.3, 2.9, 0.7, 1.1, 2.2, 0.9, 1.9]),)


def polynomial_roots(coefficients):
    """Roots by Durand and Kerner's iteration in complex numbers, and their products."""
    roots = np.array([1, 0.4 + 0.9j, (0.4 + 0.9j) ** 2])
    for _ in range(40):
        previous = roots.copy()
        for i in range(3):
            others = np.delete(roots, i)
            roots[i] -= np.polyval(coefficients, roots[i]) / coefficients[0] / np.prod(roots[i] - others)
        if np.max(np.abs(roots - previous)) < 1e-14:
            break
    return np.array([np.sum(roots).real, np.abs(roots).sum(), np.prod(roots.real ** 2 + 2 * roots.imag ** 2)])


polynomial_roots.point = (np.array([1.2, -0.7, 0.5, 0.9]),)


def compose_filters(parameters):
    """Functions folded together, a generator of windows, np.vectorize and piecewise pieces."""
    stages = [np.tanh, lambda z: z * parameters[0], np.sinh, lambda z: z - parameters[1] ** 2]

    def windows(values, width):
        for start in range(len(values) - width + 1):
            yield values[start:start + width]

    @np.vectorize
    def soft(value, threshold):
        return 0.0 if abs(value) <= threshold else value - threshold * np.sign(value)

    signal = functools.reduce(lambda z, stage: stage(z), stages, parameters[2:])
    means = np.fromiter((w.mean() for w in windows(signal, 2)), dtype=float)
    shrunk = soft(means, 0.1)
    pieces = np.piecewise(means, [means < 0, means >= 0.5], [np.exp, np.sqrt, lambda z: z + 1])
    return np.concatenate([shrunk, pieces, np.sort(signal)[::-1]])


compose_filters.point = (np.array([1.3, 0.4, 0.9, -0.8, 0.2, 1.4]),)
