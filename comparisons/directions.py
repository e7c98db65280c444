"""How fast are whole matrices of derivatives, next to the ones written by hand and to JAX's?

Jacobians of R^n -> R^n, Rosenbrock's Hessian dense and sparse, and per-example gradients: by
diffkit row by row, in batched sweeps, and compiled.  Measured as in ``speed``: interleaved in one
process, checked against the hand-written matrix first, ratios to its time.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m comparisons.directions [case …]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.speed import harness, peers
from comparisons.speed.harness import Case
from comparisons.speed.workloads.rosenbrock import hessian_by_hand, rosenbrock
from diffkit.transforms import directions

COLUMNS = ("row by row", "eager", "compiled", "JAX jit")


def mixing(m: Any, a: Any) -> Callable[[Any], Any]:
    """A layer: every entry of the result depends on every entry of x."""
    return lambda x: m.tanh(a @ m.sin(x)) * x


def mixing_jacobian(a: Any) -> Callable[[Any], Any]:
    def jacobian(x: Any) -> Any:
        t = np.tanh(a @ np.sin(x))
        found = a * np.cos(x)
        found *= ((1.0 - t * t) * x)[:, None]
        found.reshape(-1)[::x.size + 1] += t
        return found
    return jacobian


def row_by_row(f: Callable[..., Any]) -> Callable[..., Any]:
    """The same with a sweep for each direction."""
    def call(*args: Any) -> Any:
        before, directions.FEW = directions.FEW, sys.maxsize
        try:
            return f(*args)
        finally:
            directions.FEW = before
    return call


def _jax_jitted(make: Callable[[Any], Callable[..., Any]], transform: str) -> Callable[[], Callable[..., Any]]:
    def by_jax() -> Callable[..., Any]:
        jax = peers.jax()
        return peers.blocking(jax.jit(getattr(jax, transform)(make(jax.numpy))))
    return by_jax


def _examples(m: Any) -> Callable[[Any, Any, Any], Any]:
    def loss(w: Any, x: Any, y: Any) -> Any:
        return (m.tanh(w @ x)[0] - y) ** 2
    return loss


def _examples_by_hand(w: Any, xs: Any, ys: Any) -> Any:
    t = np.tanh(xs @ w.T)
    found = np.zeros((xs.shape[0], *w.shape))
    found[:, 0] = (2 * (t[:, 0] - ys) * (1 - t[:, 0] ** 2))[:, None] * xs
    return found


def _examples_by_jax() -> Callable[..., Any]:
    jax = peers.jax()
    return peers.blocking(jax.jit(jax.vmap(jax.grad(_examples(jax.numpy)), (None, 0, 0))))


def cases() -> list[Case]:
    rng = np.random.default_rng(0)
    found = []
    for n in (10, 100, 1000):
        a, x = rng.normal(size=(n, n)) / n ** 0.5, rng.normal(size=n)
        f = dk.jacobian(mixing(np, a))
        found.append(Case(f"Jacobian {n}", mixing_jacobian(a), (x,), f, {
            "row by row": lambda f=f: row_by_row(f),
            "JAX jit": _jax_jitted(lambda m, a=a: mixing(m, a), "jacrev")}))
    hessian = dk.hessian(rosenbrock(np))
    found.append(Case("Rosenbrock Hessian 100", hessian_by_hand, (rng.normal(size=100),), hessian, {
        "row by row": lambda: row_by_row(hessian), "JAX jit": _jax_jitted(rosenbrock, "hessian")}))
    found.append(sparse_case(10 ** 5))
    w, xs, ys = rng.normal(size=(4, 20)), rng.normal(size=(500, 20)), rng.normal(size=500)
    gradients = dk.vmap(dk.grad(_examples(np)), (None, 0, 0))
    found.append(Case("500 gradients of examples", _examples_by_hand, (w, xs, ys), gradients, {
        "row by row": lambda: lambda w, xs, ys: np.stack([dk.grad(_examples(np))(w, x, y) for x, y in zip(xs, ys)]),
        "JAX jit": _examples_by_jax}))
    return found


def sparse_case(n: int) -> Case:
    """The three diagonals of Rosenbrock's Hessian, in the order of a sparse matrix."""
    x = np.random.default_rng(1).normal(size=n)
    prepared = dk.sparse_hessian(rosenbrock(np)).prepare(x)

    def by_hand(x: Any) -> Any:
        found = np.empty(3 * n - 2)
        main = np.full(n, 200.0)
        main[0] = 0.0
        main[:-1] += 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
        side = -400.0 * x[:-1]
        found[::3], found[1::3], found[2::3] = main, side, side
        return found

    return Case(f"sparse Hessian {n}", by_hand, (x,), prepared.values, {})


def main() -> None:
    wanted = sys.argv[1:]
    print(f"{harness.machine()}; time over that of the matrix written by hand")
    print(f"{'':26s}{'by hand':>12s}" + "".join(f"{name:>12s}" for name in COLUMNS))
    for case in cases():
        if wanted and not any(word in case.name for word in wanted):
            continue
        hand, ratios, _ = harness.measure(case, ["numba"])
        cells = "".join(f"{ratios[name]:12.2f}" if name in ratios else f"{'-':>12s}" for name in COLUMNS)
        print(f"{case.name:26s}{hand:9.1f} µs{cells}", flush=True)


if __name__ == "__main__":
    main()
