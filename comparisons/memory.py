"""Peak memory of a gradient through a recurrence of 100 steps on a million numbers.

    python -m comparisons.memory

Each way runs in a process of its own; the figure is the growth of its largest resident size
over what it held before the gradient (a first gradient of 3 steps has loaded everything).
x <- x + 0.01 sin(neighbour of x) keeps one array a step: 800 MB.  Absent libraries print '-'.
"""

from __future__ import annotations

import resource
import subprocess
import sys

import numpy as np

STEPS, SIZE, SNAPSHOTS = 100, 1_000_000, 12


def start() -> np.ndarray:
    return np.linspace(0.1, 1.0, SIZE)


def by_hand(steps: int) -> np.ndarray:
    x, kept = start(), []
    for _ in range(steps):
        neighbour = np.roll(x, 1)
        kept.append(np.cos(neighbour))
        x = x + 0.01 * np.sin(neighbour)
    g = np.ones(SIZE)
    while kept:
        slope = kept.pop()
        slope *= 0.01
        slope *= g
        g += np.roll(slope, -1)
    return g


def plain(np, x, steps):
    for _ in range(steps):
        x = x + 0.01 * np.sin(np.roll(x, 1))
    return np.sum(x)


def diffkit(steps: int) -> np.ndarray:
    import diffkit as dk
    return dk.grad(lambda x: plain(np, x, steps))(start())


def diffkit_compiled(steps: int) -> np.ndarray:
    import diffkit as dk
    return dk.compile(dk.grad(lambda x: plain(np, x, steps)))(start())


def diffkit_checkpointed(steps: int) -> np.ndarray:
    import diffkit as dk
    step = lambda x, i: x + 0.01 * np.sin(np.roll(x, 1))
    return dk.grad(lambda x: np.sum(dk.checkpointed_loop(step, x, steps, snapshots=SNAPSHOTS)))(start())


def autograd(steps: int) -> np.ndarray:
    import autograd.numpy as anp
    from autograd import grad
    return grad(lambda x: plain(anp, x, steps))(start())


def jax(steps: int) -> np.ndarray:
    return _scanned(steps, steps, lambda run: run)


def jax_checkpointed(steps: int) -> np.ndarray:
    import jax as library
    return _scanned(steps, max(1, round(steps**0.5)), library.checkpoint)


def _scanned(steps: int, block: int, keep) -> np.ndarray:
    """A scan over scans of ``block`` steps (unrolled, XLA takes minutes to compile)."""
    import jax as library
    library.config.update("jax_enable_x64", True)
    numpy, scan = library.numpy, library.lax.scan
    run = keep(lambda x, _: scan(lambda x, _: (x + 0.01 * numpy.sin(numpy.roll(x, 1)), None), x, None, block))
    total = lambda x: numpy.sum(scan(run, x, None, steps // block)[0])
    return np.asarray(library.jit(library.grad(total))(start()))


def torch(steps: int) -> np.ndarray:
    import torch as library
    x = library.tensor(start(), requires_grad=True)
    plain(library, x, steps).backward()
    return x.grad.numpy()


WAYS = {way.__name__: way for way in (by_hand, diffkit, diffkit_compiled, diffkit_checkpointed, autograd, jax,
                                      jax_checkpointed, torch)}


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: str) -> None:
    WAYS[name](3)
    before = peak()
    g = WAYS[name](STEPS)
    most = peak() - before
    expected = by_hand(STEPS)
    assert np.max(np.abs(g - expected)) < 1e-8
    print(f"{most:.0f}")


def main() -> None:
    print("| way | peak, MB |\n|---|---|")
    for name in WAYS:
        done = subprocess.run([sys.executable, "-m", "comparisons.memory", name], capture_output=True, text=True)
        figure = "-" if "ModuleNotFoundError" in done.stderr else done.stdout.strip() or done.stderr[-200:]
        print(f"| {name.replace('_', ' ')} | {figure} |", flush=True)


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
