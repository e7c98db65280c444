"""Chains of elementwise operations: Python floats, small and large arrays; and a Jacobian R^n -> R^n."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.speed import peers
from comparisons.speed.harness import Case


def chain(repeats: int) -> Any:
    """Eight operations, so many times over, summed."""
    def make(m: Any) -> Any:
        def f(x: Any) -> Any:
            y = x
            for _ in range(repeats):
                y = m.tanh(y)
                y = y * x
                y = y + x
                y = m.exp(-y)
                y = y * y
                y = y / (x + 2.0)
                y = m.sqrt(y + 1.0)
            return m.sum(y)
        return f
    return make


def number_chain(m: Any) -> Any:
    """The same on one number: nothing to sum."""
    class Numbers:
        tanh, exp, sqrt = m.tanh, m.exp, m.sqrt
        sum = staticmethod(lambda y: y)
    return chain(25)(Numbers)


def by_hand(repeats: int, m: Any = np) -> Any:
    def gradient(x: Any) -> Any:
        saved = []
        y = x
        below = x + 2.0
        for _ in range(repeats):
            t = m.tanh(y)
            e = m.exp(-(t * x + x))
            q = e * e / below
            y = m.sqrt(q + 1.0)
            saved.append((t, e, q, y))
        total, g = 0.0 * x, 1.0
        for t, e, q, y in reversed(saved):
            g = g / (2.0 * y)
            total = total - g * q / below
            g = -(g / below) * (2.0 * e) * e
            total = total + g * t + g
            g = g * x * (1.0 - t * t)
        return total + g
    return gradient


def tiled(repeats: int, size: int = 4096) -> Any:
    """By hand for large arrays: in pieces that stay in the cache, with buffers of their own."""
    kept = np.empty((4 * repeats, size))
    scratch = np.empty((3, size))

    def piece(x: Any, out: Any) -> None:
        n = x.size
        keep, (below, g, s) = kept[:, :n], scratch[:, :n]
        y = x
        np.add(x, 2.0, out=below)
        for i in range(0, 4 * repeats, 4):
            t, e, q, z = keep[i:i + 4]
            np.tanh(y, out=t)
            np.multiply(t, x, out=e)
            e += x
            np.negative(e, out=e)
            np.exp(e, out=e)
            np.multiply(e, e, out=q)
            q /= below
            np.add(q, 1.0, out=z)
            np.sqrt(z, out=z)
            y = z
        g[:] = 1.0
        out[:] = 0.0
        for i in range(4 * repeats - 4, -1, -4):
            t, e, q, z = keep[i:i + 4]
            g /= z
            g *= 0.5
            g /= below
            np.multiply(g, q, out=s)
            out -= s
            g *= e
            g *= e
            g *= -2.0
            out += g
            np.multiply(g, t, out=s)
            out += s
            g *= x
            t *= t
            np.subtract(1.0, t, out=t)
            g *= t
        out += g

    def gradient(x: Any) -> Any:
        out = np.empty_like(x)
        for start in range(0, x.size, size):
            piece(x[start:start + size], out[start:start + size])
        return out
    return gradient


def _numba_chain(repeats: int) -> Any:
    def gradient(x: Any) -> Any:
        out = np.empty_like(x)
        t, e, q, z = np.empty(repeats), np.empty(repeats), np.empty(repeats), np.empty(repeats)
        for j in range(x.size):
            a = x[j]
            y = a
            below = a + 2.0
            for i in range(repeats):
                t[i] = math.tanh(y)
                e[i] = math.exp(-(t[i] * a + a))
                q[i] = e[i] * e[i] / below
                z[i] = y = math.sqrt(q[i] + 1.0)
            total, g = 0.0, 1.0
            for i in range(repeats - 1, -1, -1):
                g = g / (2.0 * z[i])
                total -= g * q[i] / below
                g = -(g / below) * (2.0 * e[i]) * e[i]
                total += g * t[i] + g
                g = g * a * (1.0 - t[i] * t[i])
            out[j] = total + g
        return out
    return peers.numba_jit(gradient)


def _numba_number() -> Any:
    array = _numba_chain(25)
    one = np.empty(1)

    def gradient(x: float) -> Any:
        one[0] = x
        return array(one)[0]
    return gradient


def mixing(m: Any) -> Any:
    """R^n -> R^n: a tridiagonal-free, dense coupling through a fixed matrix."""
    def f(x: Any, a: Any) -> Any:
        return m.tanh(a @ x) * x
    return f


def mixing_by_hand(x: Any, a: Any) -> Any:
    t = np.tanh(a @ x)
    j = a * ((1.0 - t * t) * x)[:, None]
    j[np.arange(x.size), np.arange(x.size)] += t
    return j


def _jax_jacobian() -> Any:
    library = peers.jax()
    return peers.blocking(library.jit(library.jacobian(mixing(library.numpy))))


def _torch_jacobian() -> Any:
    library = peers.torch()
    jacobian = library.func.jacrev(mixing(library))
    return lambda x, a: jacobian(library.from_numpy(x), library.from_numpy(a)).numpy()


def cases() -> Iterator[Case]:
    rng = np.random.default_rng(0)
    others = peers.gradients(number_chain, leave_out=("MyGrad",))
    others["CasADi"] = lambda: _casadi_number()
    others["hand numba"] = _numba_number
    yield Case("200 operations, Python floats", by_hand(25, math), (0.4,), dk.grad(number_chain(np)), others)
    for n, repeats in ((10, 25), (10_000, 25), (1_000_000, 5)):
        others = peers.gradients(chain(repeats))
        others["hand numba"] = lambda repeats=repeats: _numba_chain(repeats)
        if n == 10:
            others["CasADi"] = lambda: peers.casadi_gradient(chain(25), 10)
        hand = by_hand(repeats) if n == 10 else tiled(repeats)
        yield Case(f"{8 * repeats} operations on {n}", hand, (rng.uniform(0.1, 1.0, n),),
                   dk.grad(chain(repeats)(np)), others)
    for n in (10, 100, 1000):
        yield Case(f"Jacobian of {n}", mixing_by_hand, (rng.normal(size=n), rng.normal(size=(n, n)) / n**0.5),
                   dk.jacobian(mixing(np)), {"JAX jit": _jax_jacobian, "PyTorch": _torch_jacobian}, eager=n < 1000)


def _casadi_number() -> Any:
    function = peers.casadi_gradient(number_chain, 1, "SX")
    return lambda x: function(x)[0]
