"""What does a training step cost beside backpropagation written by hand?

The hand-written step is the best plain NumPy that one would write for this one network:
matrix products and elementwise work into buffers that were allocated once, the gradient of
softmax and cross-entropy as p − y, Adam in place.  It and ``dk.train.fit`` make the same
steps (checked to 1e-10) on the same data, interleaved a few epochs at a time in one process
(the others in a callback of fit), and seconds are the processor's (a busy machine takes
turns, which is nobody's fault); the ratio of the fastest rounds is what counts.  autograd
and torch run along where they are installed.

    python -m comparisons.training_speed

Run it with one BLAS thread (OMP_NUM_THREADS=1): the matrices are small.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import nn, optim, train

ROUNDS, EPOCHS = 25, 4
CASES = {"digits  64-64-32-10, batch 32": ((64, 64, 32, 10), 32, {"eager": 2.5, "compiled": 1.3}),
         "256 wide  64-256-256-10, batch 64": ((64, 256, 256, 10), 64, {"compiled": 1.1})}


def digits() -> tuple[Any, Any]:
    """1792 rows of 64 standardised numbers with labels 0 … 9 (made here, so that nothing is needed)."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(10, 64))
    y = np.arange(1792) % 10
    return (centres[y] + rng.normal(size=(1792, 64))) / np.sqrt(2), y


class ByHand:
    """A perceptron with relu layers, cross-entropy and Adam; every array is allocated once."""

    def __init__(self, params: list[dict[str, Any]], batch_size: int) -> None:
        self.W = [layer["W"].copy() for layer in params]
        self.b = [layer["b"].copy() for layer in params]
        self.theta = self.W + self.b
        self.grads = [np.empty_like(p) for p in self.theta]
        self.s, self.r, self.work = ([np.zeros_like(p) for p in self.theta] for _ in range(3))
        self.h = [np.empty((batch_size, W.shape[1])) for W in self.W]
        self.d = [np.empty_like(h) for h in self.h]
        self.rows = np.arange(batch_size)
        self.step = 0

    def make_step(self, x: Any, y: Any) -> float:
        n, last = len(y), len(self.W) - 1
        below = x
        for k, (W, b, h) in enumerate(zip(self.W, self.b, self.h)):
            np.matmul(below, W, out=h)
            h += b
            if k < last:
                np.maximum(h, 0.0, out=h)
            below = h
        z, d = self.h[last], self.d[last]
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=d)
        total = d.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - z[self.rows, y]).mean()
        d /= total
        d[self.rows, y] -= 1.0
        d /= n
        for k in range(last, -1, -1):
            below = self.h[k - 1] if k else x
            np.matmul(below.T, self.d[k], out=self.grads[k])
            np.sum(self.d[k], axis=0, out=self.grads[last + 1 + k])
            if k:
                np.matmul(self.d[k], self.W[k].T, out=self.d[k - 1])
                self.d[k - 1] *= below > 0
        self.adam()
        return float(loss)

    def adam(self, lr: float = 1e-3, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> None:
        self.step += 1
        first, second = lr / (1 - b1**self.step), 1 / np.sqrt(1 - b2**self.step)
        for p, g, s, r, w in zip(self.theta, self.grads, self.s, self.r, self.work):
            np.multiply(g, 1 - b1, out=w)
            s *= b1
            s += w
            np.multiply(g, g, out=w)
            w *= 1 - b2
            r *= b2
            r += w
            np.sqrt(r, out=w)
            w *= second
            w += eps
            np.divide(s, w, out=w)
            w *= first
            p -= w


Run = Callable[[], float]


def hand(sizes: tuple[int, ...], batch_size: int, X: Any, y: Any) -> Run:
    net, rng = ByHand(nn.MLP(sizes).init(0), batch_size), np.random.default_rng(0)

    def epoch() -> float:
        order, total = rng.permutation(len(y)), 0.0
        for start in range(0, len(y), batch_size):
            rows = order[start:start + batch_size]
            total += net.make_step(X.take(rows, 0), y.take(rows))
        return total / (len(y) // batch_size)

    return lambda: [epoch() for _ in range(EPOCHS)][-1]


def by_autograd(sizes: tuple[int, ...], batch_size: int, X: Any, y: Any) -> Run | None:
    try:
        anp, grad = importlib.import_module("autograd.numpy"), importlib.import_module("autograd").value_and_grad
    except ImportError:
        return None

    def loss(params: Any, x: Any, target: Any) -> Any:
        for k, layer in enumerate(params):
            x = anp.dot(x, layer["W"]) + layer["b"]
            x = anp.maximum(x, 0.0) if k < len(params) - 1 else x
        x = x - anp.max(x, axis=1, keepdims=True)
        return anp.mean(anp.log(anp.sum(anp.exp(x), axis=1)) - x[anp.arange(len(target)), target])

    gradient, opt, rng = grad(loss), optim.Adam(1e-3), np.random.default_rng(0)
    held: list[Any] = [nn.MLP(sizes).init(0)]
    held.append(opt.init(held[0]))

    def epoch() -> float:
        total = 0.0
        for rows in train.minibatches(len(y), batch_size, rng):
            value, grads = gradient(held[0], X.take(rows, 0), y.take(rows))
            held[:] = opt.step(held[0], grads, held[1], donate=True)
            total += float(value)
        return total / (len(y) // batch_size)

    return lambda: [epoch() for _ in range(EPOCHS)][-1]


def by_torch(sizes: tuple[int, ...], batch_size: int, X: Any, y: Any) -> Run | None:
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        return None
    torch.set_num_threads(1)
    layers: list[Any] = []
    for k, layer in enumerate(nn.MLP(sizes).init(0)):
        linear = torch.nn.Linear(*layer["W"].shape, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(layer["W"].T))
            linear.bias.zero_()
        layers += [linear, torch.nn.ReLU()] if k < len(sizes) - 2 else [linear]
    net = torch.nn.Sequential(*layers)
    opt, rng = torch.optim.Adam(net.parameters(), lr=1e-3), np.random.default_rng(0)
    xs, ys = torch.from_numpy(X), torch.from_numpy(y)

    def epoch() -> float:
        total = 0.0
        for rows in train.minibatches(len(y), batch_size, rng):
            chosen = torch.from_numpy(rows)
            opt.zero_grad()
            value = torch.nn.functional.cross_entropy(net(xs[chosen]), ys[chosen])
            value.backward()
            opt.step()
            total += value.item()
        return total / (len(y) // batch_size)

    return lambda: [epoch() for _ in range(EPOCHS)][-1]


OTHERS: dict[str, Callable[..., Run | None]] = {"by hand": hand, "autograd": by_autograd, "torch": by_torch}


def measure(sizes: tuple[int, ...], batch_size: int, compile: bool) -> dict[str, list[float]]:
    """Processor seconds of each round of each contender, after a check that all make the same steps.

    One call of fit makes all of diffkit's rounds; the others take their turns in its callback.
    """
    X, y = digits()
    name = "compiled" if compile else "eager"
    runs = {other: run for other, make in OTHERS.items()
            if (run := make(sizes, batch_size, X, y)) is not None and (other == "by hand" or not compile)}
    seconds: dict[str, list[float]] = {other: [] for other in ("by hand", name, *runs)}
    network, clock = nn.MLP(sizes), time.process_time
    began = clock()

    def loss(params: Any, x: Any, target: Any) -> Any:
        return nn.cross_entropy(network.apply(params, x), target)

    def take_turns(epoch: train.Epoch) -> None:
        nonlocal began
        if epoch.epoch % EPOCHS == 0:
            seconds[name].append(clock() - began)
            for other, run in runs.items():
                start = clock()
                value = run()
                seconds[other].append(clock() - start)
                if epoch.epoch <= 2 * EPOCHS:
                    np.testing.assert_allclose(value, epoch.row["loss"], rtol=1e-10, err_msg=other)
            began = clock()

    train.fit(loss, network.init(0), (X, y), optim.Adam(1e-3), epochs=EPOCHS * (ROUNDS + 2), compile=compile,
              batch_size=batch_size, progress=False, callbacks=[take_turns])
    return {other: values[2:] for other, values in seconds.items()}


def main() -> int:
    good = True
    for title, (sizes, batch_size, goals) in CASES.items():
        print(f"{title}: a step with Adam, float64, the fastest of {ROUNDS} rounds")
        steps = EPOCHS * 1792 // batch_size
        for compile in (False, True):
            seconds = measure(sizes, batch_size, compile)
            reference = min(seconds["by hand"])
            for name, values in seconds.items():
                if compile and name == "by hand":
                    continue
                ratio, goal = min(values) / reference, goals.get(name)
                median = statistics.median(a / b for a, b in zip(values, seconds["by hand"]))
                print(f"  {name:10s}{min(values) / steps * 1e6:8.0f} microseconds   {ratio:5.2f} x by hand "
                      f"(median of the rounds {median:.2f})" + (f"   goal {goal:g}" if goal else ""))
                good = good and (goal is None or ratio <= goal)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
