"""How fast is ``dk.compile``, next to gradients written by hand and to other libraries' compilers?

Every cell is a gradient (or a training step) of the same function, from the same inputs; results are
checked against the hand-written ones to 1e-8 (1e-4 in single precision) before anything is timed.
Contenders run interleaved in one process, each round the fastest of some calls; the table shows
the median over rounds of the ratio to the hand-written code.  Threads are pinned to one.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m comparisons.compiled [case …]

Absent libraries print '-'.
"""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import diffkit as dk
from diffkit import tree

ROUNDS, SECONDS = 9, 0.02
COLUMNS = ("eager", "compiled", "numba", "jax jit", "torch", "autograd", "casadi")


@dataclasses.dataclass(frozen=True)
class Case:
    """A function to call with ``args``: by hand, and how each library makes it from ``f``."""

    name: str
    hand: Callable[..., Any]
    args: tuple[Any, ...]
    diffkit: Callable[..., Any]
    peers: dict[str, Callable[[], Callable[..., Any]]]
    tolerance: float = 1e-8


# --- 200 operations on arrays of ten ---------------------------------------------------------------

def chain(m: Any) -> Callable[[Any], Any]:
    """Eight different operations, 25 times over, in the namespace ``m``."""
    def f(x: Any) -> Any:
        y = x
        for _ in range(25):
            y = m.tanh(y)
            y = y * x
            y = y + x
            y = m.exp(-y)
            y = y * y
            y = y / (x + 2.0)
            y = m.sqrt(y + 1.0)
        return m.sum(y)
    return f


def chain_by_hand(x: Any) -> Any:
    saved = []
    y = x
    below = x + 2.0
    for _ in range(25):
        t = np.tanh(y)
        e = np.exp(-(t * x + x))
        q = e * e / below
        y = np.sqrt(q + 1.0)
        saved.append((t, e, q, y))
    total = np.zeros_like(x)
    g = np.ones_like(x)
    for t, e, q, y in reversed(saved):
        g = g / (2.0 * y)
        total -= g * q / below
        g = -(g / below) * (2.0 * e) * e
        total += g * t
        total += g
        g = g * x * (1.0 - t * t)
    return total + g


# --- Rosenbrock ------------------------------------------------------------------------------------

def rosenbrock(m: Any) -> Callable[[Any], Any]:
    return lambda x: m.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock_gradient(x: Any) -> Any:
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


def rosenbrock_hessian(x: Any) -> Any:
    n = x.size
    h = np.zeros((n, n))
    diagonal = np.zeros(n)
    diagonal[:-1] = 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
    diagonal[1:] += 200.0
    i = np.arange(n)
    h[i, i] = diagonal
    h[i[:-1], i[1:]] = h[i[1:], i[:-1]] = -400.0 * x[:-1]
    return h


def rosenbrock_hvp(x: Any, v: Any) -> Any:
    a, va = x[:-1], v[:-1]
    off = -400.0 * a
    out = np.empty_like(x)
    out[-1] = 0.0
    out[:-1] = (1200.0 * a * a - 400.0 * x[1:] + 2.0) * va + off * v[1:]
    out[1:] += 200.0 * v[1:] + off * va
    return out


# --- Gaussian mixture ------------------------------------------------------------------------------

def mixture(m: Any) -> Callable[..., Any]:
    """Negative log-likelihood of a mixture with diagonal covariances, up to a constant."""
    def f(weights: Any, means: Any, logs: Any, x: Any) -> Any:
        scaled = (x[:, None, :] - means[None]) * m.exp(-logs)[None]
        z = weights - m.sum(logs, axis=1) - 0.5 * m.sum(scaled * scaled, axis=2)
        top = m.max(z, axis=1, keepdims=True)
        each = m.log(m.sum(m.exp(z - top), axis=1)) + top[:, 0]
        whole = m.max(weights)
        return x.shape[0] * (m.log(m.sum(m.exp(weights - whole))) + whole) - m.sum(each)
    return f


def mixture_gradient(weights: Any, means: Any, logs: Any, x: Any) -> Any:
    inverse = np.exp(-logs)
    scaled = x[:, None, :] - means
    scaled *= inverse
    square = scaled * scaled
    z = weights - logs.sum(1) - 0.5 * square.sum(2)
    z -= z.max(1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(1, keepdims=True)
    shares = z.sum(0)
    prior = np.exp(weights - weights.max())
    prior /= prior.sum()
    scaled *= z[:, :, None]
    square *= z[:, :, None]
    return len(x) * prior - shares, -(scaled.sum(0) * inverse), shares[:, None] - square.sum(0)


def mixture_case(n: int, d: int, k: int) -> Case:
    rng = np.random.default_rng(3)
    args = rng.normal(size=k), rng.normal(size=(k, d)), 0.3 * rng.normal(size=(k, d)), rng.normal(size=(n, d))
    return Case(f"mixture ({d}, {k})", mixture_gradient, args, dk.grad(mixture(np), (0, 1, 2)),
                _gradient_peers(mixture, 3))


# --- a network's step with Adam ----------------------------------------------------------------------

def network_loss(m: Any, activation: str) -> Callable[..., Any]:
    """Mean cross-entropy of a perceptron; targets are one-hot rows."""
    def f(params: Any, x: Any, target: Any) -> Any:
        for i, (w, b) in enumerate(params):
            x = x @ w + b
            if i < len(params) - 1:
                x = m.tanh(x) if activation == "tanh" else m.where(x > 0, x, 0.0)
        x = x - m.max(x, axis=1, keepdims=True)
        return m.sum((m.log(m.sum(m.exp(x), axis=1, keepdims=True)) - x) * target) / x.shape[0]
    return f


def adam(params: Any, grads: Any, first: Any, second: Any, t: Any, m: Any) -> Any:
    """One step: new parameters and moments, lists of pairs."""
    scale = 1e-3 * m.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t)
    new = [[], [], []]  # type: ignore[var-annotated]
    for layers in zip(params, grads, first, second):
        rows = []
        for p, g, s, r in zip(*layers):
            s = 0.9 * s + 0.1 * g
            r = 0.999 * r + 0.001 * (g * g)
            rows.append((p - scale * s / (m.sqrt(r) + 1e-8), s, r))
        for column, part in zip(new, zip(*rows)):
            column.append(part)
    return new


def step_by_diffkit(activation: str) -> Callable[..., Any]:
    gradient = dk.value_and_grad(network_loss(np, activation))

    def step(params: Any, first: Any, second: Any, t: Any, x: Any, target: Any) -> Any:
        loss, grads = gradient(params, x, target)
        scale = 1e-3 * (1 - 0.999 ** t) ** 0.5 / (1 - 0.9 ** t)
        new: list[Any] = [[], [], []]
        for layers in zip(params, grads, first, second):
            rows = []
            for p, g, s, r in zip(*layers):
                s = 0.9 * s + 0.1 * g
                r = 0.999 * r + 0.001 * (g * g)
                rows.append((p - scale * s / (np.sqrt(r) + 1e-8), s, r))
            for column, part in zip(new, zip(*rows)):
                column.append(part)
        return loss, new
    return step


def step_by_hand(activation: str) -> Callable[..., Any]:
    """As a careful user writes it: in place where that is easy, fresh results."""
    def step(params: Any, first: Any, second: Any, t: float, x: Any, target: Any) -> Any:
        inputs, h = [], x
        for i, (w, b) in enumerate(params):
            inputs.append(h)
            h = h @ w
            h += b
            if i < len(params) - 1:
                h = np.tanh(h, out=h) if activation == "tanh" else np.maximum(h, 0.0, out=h)
        h -= h.max(1, keepdims=True)
        e = np.exp(h)
        total = e.sum(1, keepdims=True)
        loss = np.sum((np.log(total) - h) * target) / len(x)
        e /= total
        e -= target
        e /= len(x)
        g = e
        scale = 1e-3 * (1 - 0.999 ** t) ** 0.5 / (1 - 0.9 ** t)
        new: list[Any] = [[None] * len(params) for _ in range(3)]
        for i in reversed(range(len(params))):
            w, h = params[i][0], inputs[i]
            grads = h.T @ g, g.sum(0)
            rows = []
            for p, d, s, r in zip(params[i], grads, first[i], second[i]):
                s = 0.9 * s
                s += 0.1 * d
                d *= d
                d *= 0.001
                r = 0.999 * r
                r += d
                np.sqrt(r, out=d)
                d += 1e-8
                np.divide(s, d, out=d)
                d *= scale
                rows.append((p - d, s, r))
            for column, part in zip(new, zip(*rows)):
                column[i] = part
            if i:
                g = g @ w.T
                g *= (1.0 - h * h) if activation == "tanh" else h > 0
        return loss, new
    return step


def network_case(sizes: tuple[int, ...], batch: int, activation: str = "relu") -> Case:
    rng = np.random.default_rng(1)
    single = np.float32
    params = [((rng.normal(size=(i, o)) / np.sqrt(i)).astype(single), np.zeros(o, single))
              for i, o in itertools.pairwise(sizes)]
    first = [(0.1 * rng.normal(size=w.shape).astype(single), np.zeros_like(b)) for w, b in params]
    second = [(rng.uniform(0.1, 1.0, w.shape).astype(single), np.ones_like(b)) for w, b in params]
    x = rng.normal(size=(batch, sizes[0])).astype(single)
    target = np.eye(sizes[-1], dtype=single)[rng.integers(0, sizes[-1], batch)]
    args = params, first, second, 3.0, x, target
    name = f"Adam {'-'.join(map(str, sizes))}"
    return Case(name, step_by_hand(activation), args, step_by_diffkit(activation),
                {"jax jit": lambda: _jax_step(activation), "torch": lambda: _torch_step(activation)}, 1e-4)


# --- peers -----------------------------------------------------------------------------------------

def _jax() -> Any:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


def _blocking(jitted: Callable[..., Any]) -> Callable[..., Any]:
    jax = importlib.import_module("jax")
    return lambda *args: jax.block_until_ready(jitted(*args))


def _jax_step(activation: str) -> Callable[..., Any]:
    jax = _jax()
    m = jax.numpy
    gradient = jax.value_and_grad(network_loss(m, activation))

    def step(params: Any, first: Any, second: Any, t: Any, x: Any, target: Any) -> Any:
        loss, grads = gradient(params, x, target)
        return loss, adam(params, grads, first, second, t, m)
    return _blocking(jax.jit(step))


def _torch_step(activation: str) -> Callable[..., Any]:
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)

    def step(params: Any, first: Any, second: Any, t: float, x: Any, target: Any) -> Any:
        state = [[tuple(map(torch.from_numpy, row)) for row in rows] for rows in (params, first, second)]
        leaves = [tuple(p.clone().requires_grad_() for p in row) for row in state[0]]
        h = torch.from_numpy(x)
        for i, (w, b) in enumerate(leaves):
            h = h @ w + b
            if i < len(leaves) - 1:
                h = torch.tanh(h) if activation == "tanh" else torch.relu(h)
        loss = torch.nn.functional.cross_entropy(h, torch.from_numpy(target))
        loss.backward()
        scale = 1e-3 * (1 - 0.999 ** t) ** 0.5 / (1 - 0.9 ** t)
        new: list[Any] = [[], [], []]
        with torch.no_grad():
            for layer, s_row, r_row in zip(leaves, state[1], state[2]):
                rows = []
                for p, s, r in zip(layer, s_row, r_row):
                    s = 0.9 * s + 0.1 * p.grad
                    r = 0.999 * r + 0.001 * p.grad * p.grad
                    rows.append(((p - scale * s / (r.sqrt() + 1e-8)).numpy(), s.numpy(), r.numpy()))
                for column, part in zip(new, zip(*rows)):
                    column.append(part)
        return loss.item(), new
    return step


def _gradient_peers(make: Callable[[Any], Callable[..., Any]], count: int = 1) -> dict[str, Any]:
    """The gradient by the first ``count`` arguments in each library."""
    numbers = tuple(range(count)) if count > 1 else 0

    def by_jax() -> Callable[..., Any]:
        jax = _jax()
        return _blocking(jax.jit(jax.grad(make(jax.numpy), numbers)))

    def by_autograd() -> Callable[..., Any]:
        autograd = importlib.import_module("autograd")
        return autograd.grad(make(importlib.import_module("autograd.numpy")), numbers)  # type: ignore[no-any-return]

    def by_torch() -> Callable[..., Any]:
        torch = importlib.import_module("torch")
        torch.set_num_threads(1)
        f = make(_TorchAsNumpy(torch))

        def gradient(*args: Any) -> Any:
            leaves = [torch.from_numpy(a).requires_grad_(i < count) for i, a in enumerate(args)]
            found = torch.autograd.grad(f(*leaves), leaves[:count])
            found = tuple(g.numpy() for g in found)
            return found if count > 1 else found[0]
        return gradient

    return {"jax jit": by_jax, "autograd": by_autograd, "torch": by_torch}


class _TorchAsNumpy:
    """The few functions whose arguments torch names otherwise."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.torch, name)

    def sum(self, x: Any, axis: Any = None) -> Any:
        return x.sum() if axis is None else x.sum(axis)

    def max(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return x.max() if axis is None else x.amax(axis, keepdim=keepdims)


def _casadi_gradient(make: Callable[[Any], Callable[..., Any]], n: int) -> Callable[..., Any]:
    casadi = importlib.import_module("casadi")
    x = casadi.MX.sym("x", n)

    class Space:
        sum, exp, tanh, sqrt = casadi.sum1, casadi.exp, casadi.tanh, casadi.sqrt

    function = casadi.Function("g", [x], [casadi.gradient(make(Space)(x), x)])
    out = np.zeros(n)
    buffer, call = function.buffer()
    buffer.set_res(0, memoryview(out))

    def gradient(value: Any) -> Any:
        buffer.set_arg(0, memoryview(value))
        call()
        return out.copy()
    return gradient


def _second_order(kind: str) -> dict[str, Any]:
    def by_jax() -> Callable[..., Any]:
        jax = _jax()
        f = rosenbrock(jax.numpy)
        if kind == "hessian":
            return _blocking(jax.jit(jax.hessian(f)))
        return _blocking(jax.jit(lambda x, v: jax.jvp(jax.grad(f), (x,), (v,))[1]))
    return {"jax jit": by_jax}


# --- the board --------------------------------------------------------------------------------------

def cases() -> list[Case]:
    rng = np.random.default_rng(0)
    x10 = rng.uniform(0.1, 1.0, 10)
    found = [Case("200 operations on 10", chain_by_hand, (x10,), dk.grad(chain(np)),
                  {**_gradient_peers(chain), "casadi": lambda: _casadi_gradient(chain, 10)})]
    for n in (10, 1000, 100_000):
        found.append(Case(f"Rosenbrock gradient {n}", rosenbrock_gradient, (rng.normal(size=n),),
                          dk.grad(rosenbrock(np)),
                          {**_gradient_peers(rosenbrock), "casadi": lambda n=n: _casadi_gradient(rosenbrock, n)}))
    found.append(Case("Rosenbrock Hessian 100", rosenbrock_hessian, (rng.normal(size=100),),
                      dk.hessian(rosenbrock(np)), _second_order("hessian")))
    x, v = rng.normal(size=(2, 10_000))
    found.append(Case("Rosenbrock hvp 10000", rosenbrock_hvp, (x, v),
                      lambda x, v: dk.hvp(rosenbrock(np), x, v), _second_order("hvp")))
    found += [mixture_case(1000, d, k) for d, k in ((2, 5), (10, 25), (64, 25))]
    found += [network_case((64, 32, 10), 32), network_case((64, 64, 32, 10), 32),
              network_case((256, 256, 256, 10), 64, "tanh")]
    return found


def contenders(case: Case) -> dict[str, Callable[..., Any]]:
    """Everything that is installed and gives the same result."""
    found: dict[str, Callable[..., Any]] = {"hand": case.hand}
    found |= {"eager": case.diffkit, "compiled": dk.compile(case.diffkit)}
    makers = {"numba": lambda: dk.compile(case.diffkit, backend="numba"), **case.peers}
    for name, make in makers.items():
        try:
            found[name] = make()
        except ImportError:
            continue
    reference = tree.flatten(case.hand(*case.args))[0]
    for name, function in found.items():
        for _ in range(2):
            values = tree.flatten(function(*case.args))[0]
        for value, expected in zip(values, reference, strict=True):
            value, expected = np.asarray(value), np.asarray(expected)
            room = case.tolerance * np.max(np.abs(expected), initial=1e-300)
            if not np.all(np.abs(value - expected) <= room):
                raise AssertionError(f"{name} differs in {case.name}: {np.max(np.abs(value - expected))}")
    return found


def fastest(function: Callable[..., Any], args: tuple[Any, ...], calls: int) -> float:
    """Seconds of the fastest of some calls."""
    best = float("inf")
    for _ in range(calls):
        start = time.perf_counter()
        function(*args)
        best = min(best, time.perf_counter() - start)
    return best


def measure(case: Case) -> tuple[float, dict[str, float]]:
    """Microseconds by hand, and each contender's time over that."""
    found = contenders(case)
    calls = {name: max(3, min(2000, int(SECONDS / max(fastest(f, case.args, 3), 1e-7)))) for name, f in found.items()}
    rounds = [{name: fastest(f, case.args, calls[name]) for name, f in found.items()} for _ in range(ROUNDS)]
    hand = min(r["hand"] for r in rounds)
    return hand * 1e6, {name: statistics.median(r[name] / r["hand"] for r in rounds) for name in found}


def main() -> None:
    wanted = sys.argv[1:]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"NumPy {np.__version__}; time over the hand-written gradient's")
    print(f"{'':24s}{'by hand':>12s}" + "".join(f"{name:>10s}" for name in COLUMNS))
    for case in cases():
        if wanted and not any(word in case.name for word in wanted):
            continue
        hand, ratios = measure(case)
        cells = "".join(f"{ratios[name]:10.2f}" if name in ratios else f"{'-':>10s}" for name in COLUMNS)
        print(f"{case.name:24s}{hand:9.1f} µs{cells}", flush=True)


if __name__ == "__main__":
    main()
