"""Large arrays: logistic regression, logsumexp, and the greeks of Black and Scholes."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.speed import peers
from comparisons.speed.harness import Case

ROWS, FEATURES, MILLION = 100_000, 50, 1_000_000


def logistic(m: Any) -> Any:
    """Mean of log(1 + exp(z)) - y z."""
    def f(w: Any, x: Any, y: Any) -> Any:
        z = x @ w
        return m.sum(m.logaddexp(0.0, z) - y * z) / x.shape[0]
    return f


def logistic_by_hand(w: Any, x: Any, y: Any) -> Any:
    z = x @ w
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += 1.0
    np.reciprocal(z, out=z)
    z -= y
    g = z @ x
    g /= len(x)
    return g


def logsumexp(m: Any) -> Any:
    def f(x: Any) -> Any:
        top = m.max(x)
        return m.log(m.sum(m.exp(x - top))) + top
    return f


def logsumexp_by_hand(x: Any) -> Any:
    e = x - x.max()
    np.exp(e, out=e)
    e /= e.sum()
    return e


def calls(m: Any) -> Any:
    """The summed prices of European calls; its gradient holds delta, vega, rho and theta of each."""
    def f(spot: Any, volatility: Any, rate: Any, time: Any) -> Any:
        root = volatility * m.sqrt(time)
        d = (m.log(spot) + rate * time) / root + 0.5 * root   # strike 1
        return m.sum(spot * m.ndtr(d) - m.exp(-rate * time) * m.ndtr(d - root))
    return f


class _Numpy:
    """NumPy with SciPy's distribution function of the normal law."""

    def __getattr__(self, name: str) -> Any:
        return importlib.import_module("scipy.special").ndtr if name == "ndtr" else getattr(np, name)


def calls_by_hand(spot: Any, volatility: Any, rate: Any, time: Any) -> Any:
    from scipy.special import ndtr
    square = np.sqrt(time)
    root = volatility * square
    d = np.log(spot)
    d += rate * time
    d /= root
    d += 0.5 * root
    density = np.exp(-0.5 * d * d)
    density *= (2.0 * math.pi) ** -0.5
    density *= spot
    up = ndtr(d)
    d -= root
    discounted = np.exp(-rate * time)
    discounted *= ndtr(d)
    vega = density * square
    density *= volatility
    density /= 2.0 * square
    density += rate * discounted
    return up, vega, time * discounted, density


def _jax_calls() -> Any:
    library = peers.jax()

    class Space:
        sqrt, log, exp, sum = library.numpy.sqrt, library.numpy.log, library.numpy.exp, library.numpy.sum
        ndtr = library.scipy.special.ndtr
    return peers.blocking(library.jit(library.grad(calls(Space), (0, 1, 2, 3))))


def _numba_calls() -> Any:
    def greeks(spot: Any, volatility: Any, rate: Any, time: Any) -> Any:
        out = np.empty((4, spot.size))
        for i in range(spot.size):
            square = math.sqrt(time[i])
            root = volatility[i] * square
            d = (math.log(spot[i]) + rate[i] * time[i]) / root + 0.5 * root
            density = spot[i] * math.exp(-0.5 * d * d) * 0.3989422804014327
            down = math.exp(-rate[i] * time[i]) * 0.5 * (1.0 + math.erf((d - root) * 0.7071067811865476))
            out[0, i] = 0.5 * (1.0 + math.erf(d * 0.7071067811865476))
            out[1, i] = density * square
            out[2, i] = time[i] * down
            out[3, i] = density * volatility[i] / (2.0 * square) + rate[i] * down
        return out[0], out[1], out[2], out[3]
    return peers.numba_jit(greeks)


def _numba_logistic() -> Any:
    def gradient(w: Any, x: Any, y: Any) -> Any:
        g = np.zeros(w.size)
        for i in range(y.size):
            z = 0.0
            for j in range(w.size):
                z += x[i, j] * w[j]
            slope = 1.0 / (1.0 + math.exp(-z)) - y[i]
            for j in range(w.size):
                g[j] += slope * x[i, j]
        return g / y.size
    return peers.numba_jit(gradient, fastmath=True)  # else the product adds one number at a time


def _numba_logsumexp() -> Any:
    def gradient(x: Any) -> Any:
        e = np.empty_like(x)
        top, total = x.max(), 0.0
        for i in range(x.size):
            e[i] = math.exp(x[i] - top)
        for i in range(x.size):
            total += e[i]
        for i in range(x.size):
            e[i] /= total
        return e
    return peers.numba_jit(gradient)


def cases() -> Iterator[Case]:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(ROWS, FEATURES))
    y = (rng.uniform(size=ROWS) < 0.5).astype(float)
    yield Case("logistic regression, 100000 x 50", logistic_by_hand, (0.2 * rng.normal(size=FEATURES), x, y),
               dk.grad(logistic(np)),
               {**peers.gradients(logistic, leave_out=("MyGrad",)), "hand numba": _numba_logistic})
    yield Case("logsumexp of 10^6", logsumexp_by_hand, (rng.normal(size=MILLION),), dk.grad(logsumexp(np)),
               {**peers.gradients(logsumexp), "hand numba": _numba_logsumexp})
    args = (rng.uniform(0.8, 1.2, MILLION), rng.uniform(0.1, 0.5, MILLION), rng.uniform(0.0, 0.1, MILLION),
            rng.uniform(0.2, 2.0, MILLION))
    yield Case("Black-Scholes greeks of 10^6", calls_by_hand, args, dk.grad(calls(_Numpy()), (0, 1, 2, 3)),
               {"JAX jit": _jax_calls, "PyTorch": lambda: peers.torch_gradient(calls, 4),
                "torch.compile": lambda: peers.torch_gradient(calls, 4, compiled=True), "hand numba": _numba_calls})
