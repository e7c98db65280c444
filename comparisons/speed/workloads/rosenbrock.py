"""Rosenbrock's valley: gradient, Hessian and Hessian times vector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.speed import peers
from comparisons.speed.harness import Case


def rosenbrock(m: Any) -> Any:
    return lambda x: m.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def gradient_by_hand(x: Any) -> Any:
    a = x[:-1]
    d = x[1:] - a * a
    d *= 200.0
    g = np.empty_like(x)
    g[-1] = 0.0
    np.multiply(d, a, out=g[:-1])
    g[:-1] *= -2.0
    g[:-1] -= 2.0 * (1.0 - a)
    g[1:] += d
    return g


def hessian_by_hand(x: Any) -> Any:
    n = x.size
    h = np.zeros((n, n))
    flat = h.reshape(-1)
    flat[:-1:n + 1] = 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
    flat[n + 1::n + 1] += 200.0
    flat[1::n + 1] = flat[n::n + 1] = -400.0 * x[:-1]
    return h


def hvp_by_hand(x: Any, v: Any) -> Any:
    a, va = x[:-1], v[:-1]
    off = -400.0 * a
    out = np.empty_like(x)
    out[-1] = 0.0
    out[:-1] = (1200.0 * a * a - 400.0 * x[1:] + 2.0) * va + off * v[1:]
    out[1:] += 200.0 * v[1:] + off * va
    return out


def _numba_gradient() -> Any:
    def gradient(x: Any) -> Any:
        g = np.zeros_like(x)
        for i in range(x.size - 1):
            d = 200.0 * (x[i + 1] - x[i] * x[i])
            g[i] += -2.0 * d * x[i] - 2.0 * (1.0 - x[i])
            g[i + 1] += d
        return g
    return peers.numba_jit(gradient)


def _jax_hessian() -> Any:
    library = peers.jax()
    return peers.blocking(library.jit(library.hessian(rosenbrock(library.numpy))))


def _jax_hvp() -> Any:
    library = peers.jax()
    f = rosenbrock(library.numpy)
    return peers.blocking(library.jit(lambda x, v: library.jvp(library.grad(f), (x,), (v,))[1]))


def cases() -> Iterator[Case]:
    rng = np.random.default_rng(0)
    for n in (10, 1000, 100_000):
        others = peers.gradients(rosenbrock)
        others["CasADi"] = lambda n=n: peers.casadi_gradient(rosenbrock, n)
        others["hand numba"] = _numba_gradient
        yield Case(f"Rosenbrock gradient, n = {n}", gradient_by_hand, (rng.normal(size=n),),
                   dk.grad(rosenbrock(np)), others)
    yield Case("Rosenbrock Hessian, n = 100", hessian_by_hand, (rng.normal(size=100),), dk.hessian(rosenbrock(np)),
               {"JAX jit": _jax_hessian, "CasADi": lambda: peers.casadi_gradient(rosenbrock, 100, "SX", "hessian")})
    x, v = rng.normal(size=(2, 10_000))
    yield Case("Rosenbrock hvp, n = 10000", hvp_by_hand, (x, v), lambda x, v: dk.hvp(rosenbrock(np), x, v),
               {"JAX jit": _jax_hvp})
