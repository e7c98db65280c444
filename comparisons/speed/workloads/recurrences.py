"""Loops: an LSTM of 1024 steps, Newton's method until it stops, RK4 of 1000 steps, branches on values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.speed import peers
from comparisons.speed.harness import Case

LENGTH, WIDTH, RK4_STEPS = 1024, 14, 1000


# --- the LSTM of ADBench: diagonal gates, two layers, a prediction at each step ---------------------

def lstm_step(m: Any) -> Any:
    def logistic(z: Any) -> Any:
        return 1.0 / (1.0 + m.exp(-z))

    def step(weights: Any, bias: Any, hidden: Any, cell: Any, x: Any) -> Any:
        forget = logistic(x * weights[0] + bias[0])
        take = logistic(hidden * weights[1] + bias[1])
        give = logistic(x * weights[2] + bias[2])
        change = m.tanh(hidden * weights[3] + bias[3])
        cell = cell * forget + take * change
        return give * m.tanh(cell), cell
    return step


def lstm(m: Any) -> Any:
    step = lstm_step(m)

    def f(weights: Any, bias: Any, xs: Any) -> Any:
        hidden, cell, total = xs[0] * 0.0, xs[0] * 0.0, 0.0
        for i in range(LENGTH - 1):
            hidden, cell = step(weights, bias, hidden, cell, xs[i])
            total = total + m.sum((hidden - xs[i + 1]) ** 2)
        return total / LENGTH
    return f


def lstm_by_hand(weights: Any, bias: Any, xs: Any) -> Any:
    n = LENGTH - 1
    fo = 1.0 / (1.0 + np.exp(-(xs[:n] * weights[0] + bias[0])))
    gi = 1.0 / (1.0 + np.exp(-(xs[:n] * weights[2] + bias[2])))
    take, change, out = (np.empty((n, WIDTH)) for _ in range(3))
    hidden, cell = np.zeros((n + 1, WIDTH)), np.zeros((n + 1, WIDTH))
    for i in range(n):
        h = hidden[i]
        t = 1.0 / (1.0 + np.exp(-(h * weights[1] + bias[1])))
        c = np.tanh(h * weights[3] + bias[3])
        np.multiply(cell[i], fo[i], out=cell[i + 1])
        cell[i + 1] += t * c
        np.tanh(cell[i + 1], out=out[i])
        np.multiply(gi[i], out[i], out=hidden[i + 1])
        take[i], change[i] = t, c
    slope = (2.0 / LENGTH) * (hidden[1:] - xs[1:LENGTH])
    by_gate = np.empty((4, n, WIDTH))
    dh, dc = np.zeros(WIDTH), np.zeros(WIDTH)
    d_out = gi * (1.0 - out * out)
    d_fo, d_gi = fo * (1.0 - fo), out * gi * (1.0 - gi)
    d_take, d_change = take * (1.0 - take) * change, take * (1.0 - change * change)
    for i in range(n - 1, -1, -1):
        dh += slope[i]
        by_gate[2, i] = dh * d_gi[i]
        dc += dh * d_out[i]
        by_gate[0, i] = dc * cell[i] * d_fo[i]
        a, b = dc * d_take[i], dc * d_change[i]
        by_gate[1, i], by_gate[3, i] = a, b
        dh = a * weights[1] + b * weights[3]
        dc = dc * fo[i]
    inputs = (xs[:n], hidden[:n], xs[:n], hidden[:n])
    return np.stack([np.sum(g * x, 0) for g, x in zip(by_gate, inputs)]), by_gate.sum(1)


def _numba_lstm() -> Any:
    def gradient(weights: Any, bias: Any, xs: Any) -> Any:
        n = LENGTH - 1
        gates, out = np.empty((n, 4, WIDTH)), np.empty((n, WIDTH))
        hidden, cell = np.zeros((n + 1, WIDTH)), np.zeros((n + 1, WIDTH))
        by_weight, by_bias = np.zeros((4, WIDTH)), np.zeros((4, WIDTH))
        for i in range(n):
            for j in range(WIDTH):
                x, h = xs[i, j], hidden[i, j]
                forget = 1.0 / (1.0 + math.exp(-(x * weights[0, j] + bias[0, j])))
                take = 1.0 / (1.0 + math.exp(-(h * weights[1, j] + bias[1, j])))
                give = 1.0 / (1.0 + math.exp(-(x * weights[2, j] + bias[2, j])))
                change = math.tanh(h * weights[3, j] + bias[3, j])
                cell[i + 1, j] = cell[i, j] * forget + take * change
                out[i, j] = math.tanh(cell[i + 1, j])
                hidden[i + 1, j] = give * out[i, j]
                gates[i, 0, j], gates[i, 1, j], gates[i, 2, j], gates[i, 3, j] = forget, take, give, change
        dh, dc = np.zeros(WIDTH), np.zeros(WIDTH)
        for i in range(n - 1, -1, -1):
            for j in range(WIDTH):
                x, h, o = xs[i, j], hidden[i, j], out[i, j]
                forget, take, give, change = gates[i, 0, j], gates[i, 1, j], gates[i, 2, j], gates[i, 3, j]
                d = dh[j] + (2.0 / LENGTH) * (hidden[i + 1, j] - xs[i + 1, j])
                c = dc[j] + d * give * (1.0 - o * o)
                slopes = (c * cell[i, j] * forget * (1.0 - forget), c * change * take * (1.0 - take),
                          d * o * give * (1.0 - give), c * take * (1.0 - change * change))
                by_weight[0, j] += slopes[0] * x
                by_weight[1, j] += slopes[1] * h
                by_weight[2, j] += slopes[2] * x
                by_weight[3, j] += slopes[3] * h
                for k in range(4):
                    by_bias[k, j] += slopes[k]
                dh[j] = slopes[1] * weights[1, j] + slopes[3] * weights[3, j]
                dc[j] = c * forget
        return by_weight, by_bias
    return peers.numba_jit(gradient)


def _jax_lstm() -> Any:
    library = peers.jax()
    m = library.numpy
    step = lstm_step(m)

    def f(weights: Any, bias: Any, xs: Any) -> Any:
        def body(carry: Any, pair: Any) -> Any:
            hidden, cell, total = carry
            hidden, cell = step(weights, bias, hidden, cell, pair[0])
            return (hidden, cell, total + m.sum((hidden - pair[1]) ** 2)), None
        zero = xs[0] * 0.0
        return library.lax.scan(body, (zero, zero, 0.0), (xs[:LENGTH - 1], xs[1:LENGTH]))[0][2] / LENGTH
    return peers.blocking(library.jit(library.grad(f, (0, 1))))


# --- Newton, until it stops -----------------------------------------------------------------------

def newton(a: Any) -> Any:
    """The root of x^3 + x = a, differentiated through the iteration."""
    x = a / (1.0 + a * a)
    change = 1.0
    while abs(change) > 1e-13:
        change = (x * x * x + x - a) / (3.0 * x * x + 1.0)
        x = x - change
    return x


def newton_by_hand(a: float) -> float:
    below = 1.0 + a * a
    x, dx = a / below, (1.0 - a * a) / (below * below)
    change = 1.0
    while abs(change) > 1e-13:
        top, slope = x * x * x + x - a, 3.0 * x * x + 1.0
        change = top / slope
        dx = dx - (slope * dx - 1.0 - change * 6.0 * x * dx) / slope
        x = x - change
    return dx


def _jax_newton() -> Any:
    library = peers.jax()

    def f(a: Any) -> Any:
        def body(state: Any) -> Any:
            x, _ = state
            change = (x * x * x + x - a) / (3.0 * x * x + 1.0)
            return x - change, change
        start = a / (1.0 + a * a), a * 0 + 1.0
        return library.lax.while_loop(lambda state: abs(state[1]) > 1e-13, body, start)[0]
    return peers.blocking(library.jit(lambda a: library.jvp(f, (a,), (1.0,))[1]))  # while_loop has no reverse mode


# --- RK4 on the van der Pol oscillator ---------------------------------------------------------------

def rk4(x: Any, v: Any, damping: Any) -> Any:
    h = 0.01
    for _ in range(RK4_STEPS):
        k1, l1 = v, damping * (1.0 - x * x) * v - x
        a, b = x + 0.5 * h * k1, v + 0.5 * h * l1
        k2, l2 = b, damping * (1.0 - a * a) * b - a
        a, b = x + 0.5 * h * k2, v + 0.5 * h * l2
        k3, l3 = b, damping * (1.0 - a * a) * b - a
        a, b = x + h * k3, v + h * l3
        k4, l4 = b, damping * (1.0 - a * a) * b - a
        x = x + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        v = v + h / 6.0 * (l1 + 2.0 * l2 + 2.0 * l3 + l4)
    return x


def rk4_by_hand(x: float, v: float, damping: float) -> Any:
    """The discrete adjoint: stages are formed again from the kept states."""
    h = 0.01
    kept = []
    for _ in range(RK4_STEPS):
        kept.append((x, v))
        k1, l1 = v, damping * (1.0 - x * x) * v - x
        a, b = x + 0.5 * h * k1, v + 0.5 * h * l1
        k2, l2 = b, damping * (1.0 - a * a) * b - a
        a, b = x + 0.5 * h * k2, v + 0.5 * h * l2
        k3, l3 = b, damping * (1.0 - a * a) * b - a
        a, b = x + h * k3, v + h * l3
        k4, l4 = b, damping * (1.0 - a * a) * b - a
        x += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        v += h / 6.0 * (l1 + 2.0 * l2 + 2.0 * l3 + l4)
    gx, gv, gd = 1.0, 0.0, 0.0
    for i in range(RK4_STEPS - 1, -1, -1):
        x, v = kept[i]
        k1, l1 = v, damping * (1.0 - x * x) * v - x
        x2, v2 = x + 0.5 * h * k1, v + 0.5 * h * l1
        k2, l2 = v2, damping * (1.0 - x2 * x2) * v2 - x2
        x3, v3 = x + 0.5 * h * k2, v + 0.5 * h * l2
        k3, l3 = v3, damping * (1.0 - x3 * x3) * v3 - x3
        x4, v4 = x + h * k3, v + h * l3
        gk, gl = h / 6.0 * gx, h / 6.0 * gv
        sx, sv = 0.0, 0.0
        a, b = gk, gl                                     # cotangents of k4, l4
        gd += b * (1.0 - x4 * x4) * v4
        ax, av = b * (-2.0 * damping * x4 * v4 - 1.0), a + b * damping * (1.0 - x4 * x4)
        sx, sv = sx + ax, sv + av
        a, b = 2.0 * gk + h * ax, 2.0 * gl + h * av       # of k3, l3
        gd += b * (1.0 - x3 * x3) * v3
        ax, av = b * (-2.0 * damping * x3 * v3 - 1.0), a + b * damping * (1.0 - x3 * x3)
        sx, sv = sx + ax, sv + av
        a, b = 2.0 * gk + 0.5 * h * ax, 2.0 * gl + 0.5 * h * av
        gd += b * (1.0 - x2 * x2) * v2
        ax, av = b * (-2.0 * damping * x2 * v2 - 1.0), a + b * damping * (1.0 - x2 * x2)
        sx, sv = sx + ax, sv + av
        a, b = gk + 0.5 * h * ax, gl + 0.5 * h * av
        gd += b * (1.0 - x * x) * v
        ax, av = b * (-2.0 * damping * x * v - 1.0), a + b * damping * (1.0 - x * x)
        gx, gv = gx + sx + ax, gv + sv + av
    return gx, gv, gd


def _jax_rk4() -> Any:
    library = peers.jax()

    def f(x: Any, v: Any, damping: Any) -> Any:
        h = 0.01

        def slope(x: Any, v: Any) -> Any:
            return v, damping * (1.0 - x * x) * v - x

        def body(state: Any, _: Any) -> Any:
            x, v = state
            k1, l1 = slope(x, v)
            k2, l2 = slope(x + 0.5 * h * k1, v + 0.5 * h * l1)
            k3, l3 = slope(x + 0.5 * h * k2, v + 0.5 * h * l2)
            k4, l4 = slope(x + h * k3, v + h * l3)
            moved = x + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4), v + h / 6.0 * (l1 + 2.0 * l2 + 2.0 * l3 + l4)
            return moved, None
        return library.lax.scan(body, (x, v), None, RK4_STEPS)[0][0]
    return peers.blocking(library.jit(library.grad(f, (0, 1, 2))))


# --- a hundred branches -------------------------------------------------------------------------------

def branches(m: Any) -> Any:
    def f(x: Any) -> Any:
        y = x
        for i in range(100):
            y = m.sin(y) + 0.1 * i * x if y > 0.5 else y * y + 0.3 * x
            if y > 2.0:
                y = y / (1.0 + y)
        return y
    return f


def branches_by_hand(x: float) -> float:
    y, d = x, 1.0
    for i in range(100):
        if y > 0.5:
            y, d = math.sin(y) + 0.1 * i * x, math.cos(y) * d + 0.1 * i
        else:
            y, d = y * y + 0.3 * x, 2.0 * y * d + 0.3
        if y > 2.0:
            below = 1.0 + y
            y, d = y / below, d / (below * below)
    return d


def _jax_branches() -> Any:
    library = peers.jax()
    m = library.numpy

    def f(x: Any) -> Any:
        def body(i: Any, y: Any) -> Any:
            y = library.lax.cond(y > 0.5, lambda y: m.sin(y) + 0.1 * i * x, lambda y: y * y + 0.3 * x, y)
            return library.lax.cond(y > 2.0, lambda y: y / (1.0 + y), lambda y: y, y)
        return library.lax.fori_loop(0, 100, body, x)
    return peers.blocking(library.jit(library.grad(f)))


def _jitted(function: Any) -> Any:
    return lambda: peers.numba_jit(function)


def cases() -> Iterator[Case]:
    rng = np.random.default_rng(5)
    args = 0.3 * rng.normal(size=(4, WIDTH)), 0.1 * rng.normal(size=(4, WIDTH)), rng.normal(size=(LENGTH, WIDTH))
    yield Case("LSTM of 1024 steps", lstm_by_hand, args, dk.grad(lstm(np), (0, 1)),
               {"JAX jit": _jax_lstm, "hand numba": _numba_lstm, "PyTorch": lambda: peers.torch_gradient(lstm, 2),
                "autograd": peers.gradients(lstm, 2)["autograd"]})
    yield Case("Newton, while", newton_by_hand, (1.7,), dk.grad(newton),
               {"JAX jit": _jax_newton, "hand numba": _jitted(newton_by_hand),
                "autograd": peers.gradients(lambda m: newton)["autograd"],
                "PyTorch": lambda: _torch_number(newton, 1)})
    yield Case("RK4 of 1000 steps", rk4_by_hand, (1.2, 0.3, 0.8), dk.grad(rk4, (0, 1, 2)),
               {"JAX jit": _jax_rk4, "hand numba": _jitted(rk4_by_hand),
                "autograd": peers.gradients(lambda m: rk4, 3)["autograd"],
                "PyTorch": lambda: _torch_number(rk4, 3)})
    yield Case("100 branches on values", branches_by_hand, (0.7,), dk.grad(branches(np)),
               {"JAX jit": _jax_branches, "hand numba": _jitted(branches_by_hand),
                "autograd": peers.gradients(branches)["autograd"],
                "PyTorch": lambda: _torch_number(branches(peers.torch()), 1)})


def _torch_number(f: Any, count: int) -> Any:
    library = peers.torch()

    def gradient(*args: float) -> Any:
        leaves = [library.tensor(a, dtype=library.float64, requires_grad=True) for a in args]
        found = library.autograd.grad(f(*leaves), leaves)
        return tuple(g.item() for g in found) if count > 1 else found[0].item()
    return gradient
