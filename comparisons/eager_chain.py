"""How lean is the dispatch?  The gradient of a chain of 275 operations on ten numbers.

On arrays this small almost all time is the library's own: recording an operation and
sweeping over it.  diffkit, autograd and PyTorch run interleaved in one process, each
cell is the fastest of many runs, and the ratio is the median over rounds, so a noisy
machine moves all alike.  Results are checked against each other first.

    python -m comparisons.eager_chain
"""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import diffkit as dk

ROUNDS, REPEATS = 15, 15
OPERATIONS = 25 * 11


def chain(m: Any) -> Callable[[Any], Any]:
    """Eleven different operations, 25 times over, in the namespace ``m``."""

    def f(x: Any) -> Any:
        y = x
        for _ in range(25):
            y = m.sin(y)
            y = y * x
            y = y + x
            y = m.exp(-y)
            y = y - 0.5
            y = y * y
            y = y / (x + 2.0)
            y = m.sqrt(y + 1.0)
        return m.sum(y)

    return f


def contenders() -> dict[str, Callable[[Any], Any]]:
    """A gradient function for each library that is installed."""
    found: dict[str, Callable[[Any], Any]] = {"diffkit": dk.grad(chain(np))}
    try:
        autograd = importlib.import_module("autograd")
        found["autograd"] = autograd.grad(chain(importlib.import_module("autograd.numpy")))
    except ImportError:
        pass
    try:
        torch = importlib.import_module("torch")
        torch.set_num_threads(1)
        f = chain(torch)

        def by_torch(x: Any) -> Any:
            t = torch.from_numpy(x).requires_grad_(True)
            f(t).backward()
            return t.grad.numpy()

        found["torch"] = by_torch
    except ImportError:
        pass
    return found


def fastest(g: Callable[[Any], Any], x: Any) -> float:
    """Seconds of the fastest of some runs."""
    best = np.inf
    for _ in range(REPEATS):
        start = time.perf_counter()
        g(x)
        best = min(best, time.perf_counter() - start)
    return float(best)


def main() -> None:
    x = np.linspace(0.1, 1.0, 10)
    gradients = contenders()
    reference = gradients["diffkit"](x)
    for name, g in gradients.items():
        np.testing.assert_allclose(g(x), reference, rtol=1e-8, err_msg=name)
    rounds = [{name: fastest(g, x) for name, g in gradients.items()} for _ in range(ROUNDS)]
    print(f"gradient of {OPERATIONS} operations on an array of 10, record and sweep together")
    for name in ("diffkit", "autograd", "torch"):
        if name not in gradients:
            print(f"  {name:10s}        -")
            continue
        microseconds = min(r[name] for r in rounds) / OPERATIONS * 1e6
        ratio = statistics.median(r[name] / r["diffkit"] for r in rounds)
        print(f"  {name:10s} {microseconds:6.2f} microseconds an operation   {ratio:5.2f} x diffkit's time")


if __name__ == "__main__":
    main()
