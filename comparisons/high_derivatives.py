"""The nth derivative of one function: Taylor mode beside nested transforms, here and in other libraries.

    python -m comparisons.high_derivatives

All results are checked against mpmath at 60 digits.  JAX's ``jet`` is its own Taylor mode.
Absent libraries and orders that would take minutes print '-'.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import mpmath as mp
import numpy as np

import diffkit as dk

ORDERS = (2, 4, 6, 8, 12, 16, 24, 32)
AT = 0.4
LONGEST = 0.1  # seconds; the next order of nested transforms may take a hundred times as long


def function(x, np=np):
    return np.tanh(np.sin(x)) / (1 + x * x)


def exact(n: int) -> float:
    with mp.workdps(60):
        return float(mp.diff(lambda x: mp.tanh(mp.sin(x)) / (1 + x * x), mp.mpf(AT), n))


def nested(n: int) -> float:
    f = function
    for _ in range(n):
        f = lambda x, f=f: dk.jvp(f, (x,), (1.0,))[1]
    return float(f(AT))


def nested_autograd(n: int) -> float:
    import autograd.numpy as anp
    from autograd import grad

    f = lambda x: function(x, anp)
    for _ in range(n):
        f = grad(f)
    return float(f(AT))


def nested_jax(n: int) -> float:
    import jax
    jax.config.update("jax_enable_x64", True)
    f = lambda x: function(x, jax.numpy)
    for _ in range(n):
        f = jax.grad(f)
    return float(f(AT))


def jax_jet(n: int) -> float:
    import jax
    from jax.experimental.jet import jet

    jax.config.update("jax_enable_x64", True)
    series = [1.0] + [0.0] * (n - 1)
    return float(jet(lambda x: function(x, jax.numpy), (AT,), (series,))[1][-1])


def torch_nested(n: int) -> float:
    import torch

    x = torch.tensor(AT, dtype=torch.float64, requires_grad=True)
    y = function(x, torch)
    for _ in range(n):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
    return float(y.detach())


WAYS: dict[str, Callable[[int], float]] = {
    "diffkit series": lambda n: float(dk.derivative(function, n)(AT)) if n > 2 else
    float(dk.taylor(function, AT, n)[n] * math.factorial(n)),
    "diffkit nested": nested, "JAX jet": jax_jet, "JAX nested": nested_jax, "PyTorch nested": torch_nested,
    "autograd nested": nested_autograd,
}


def main() -> None:
    print("| n | " + " | ".join(WAYS) + " |\n|---|" + "---|" * len(WAYS))
    last = dict.fromkeys(WAYS, 0.0)
    for n in ORDERS:
        value, cells = exact(n), []
        for name, way in WAYS.items():
            cell = "-"
            if last[name] < LONGEST:
                try:
                    way(n)
                    start = time.perf_counter()
                    found = way(n)
                    last[name] = time.perf_counter() - start
                    digits = -math.log10(abs(found / value - 1) + 1e-17)
                    cell = f"{last[name] * 1e3:.1f} ms ({digits:.0f})"
                except Exception as error:
                    cell, last[name] = type(error).__name__, math.inf
            cells.append(cell)
        print(f"| {n} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
