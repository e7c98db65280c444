"""A network's training step with Adam, single precision: loss, gradient, new parameters and moments."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.speed import peers
from comparisons.speed.harness import Case


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
    name = f"Adam {'-'.join(map(str, sizes))}, batch {batch}"
    return Case(name, step_by_hand(activation), args, step_by_diffkit(activation),
                {"JAX jit": lambda: _jax_step(activation), "PyTorch": lambda: _torch_step(activation),
                 "scikit-learn": lambda: _sklearn_step(sizes, batch, activation)}, 1e-4)


def _jax_step(activation: str) -> Callable[..., Any]:
    jax = peers.jax()
    m = jax.numpy
    gradient = jax.value_and_grad(network_loss(m, activation))

    def step(params: Any, first: Any, second: Any, t: Any, x: Any, target: Any) -> Any:
        loss, grads = gradient(params, x, target)
        return loss, adam(params, grads, first, second, t, m)
    return peers.blocking(jax.jit(step))


def _torch_step(activation: str) -> Callable[..., Any]:
    torch = peers.torch()

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


def _sklearn_step(sizes: tuple[int, ...], batch: int, activation: str) -> Callable[..., Any]:
    """``partial_fit`` of one minibatch, from the state that is given: put into the estimator, which changes it."""
    library = importlib.import_module("sklearn.neural_network")
    model = library.MLPClassifier(sizes[1:-1], activation=activation, alpha=0.0, batch_size=batch, shuffle=False)
    model.partial_fit(np.zeros((batch, sizes[0]), np.float32), np.arange(batch) % sizes[-1],
                      classes=np.arange(sizes[-1]))

    def by_kind(state: Any) -> list[Any]:
        return [part.copy() for column in zip(*state) for part in column]

    def step(params: Any, first: Any, second: Any, t: float, x: Any, target: Any) -> Any:
        values = by_kind(params)
        model.coefs_, model.intercepts_ = values[:len(params)], values[len(params):]
        optimizer = model._optimizer
        optimizer.params, optimizer.ms, optimizer.vs, optimizer.t = values, by_kind(first), by_kind(second), t - 1
        model.partial_fit(x, target.argmax(1))
        new = [list(zip(state[:len(params)], state[len(params):])) for state in (values, optimizer.ms, optimizer.vs)]
        return model.loss_, new
    return step


def cases() -> Iterator[Case]:
    yield network_case((64, 32, 10), 32)
    for batch in (32, 128, 1024):
        yield network_case((784, 128, 10), batch)
    yield network_case((256, 256, 256, 10), 64, "tanh")
