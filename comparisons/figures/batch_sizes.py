"""The batch size: small batches jitter, large ones are steady and slow (Ewing).

The digits, 64-64-32-10 units, SGD with rate 0.05, 10 epochs.

    python -m comparisons.figures.batch_sizes [FILE]
"""

from __future__ import annotations

from typing import Any

from comparisons.figures.shared import fit_digits, main, new_axes, report
from diffkit import optim

REFERENCE = {1: 2.16, 8: 0.008, 32: 0.066, 256: 0.672, 1347: 1.972}


def run() -> Any:
    """Training loss after each epoch, by batch size."""
    curves = {size: fit_digits(optim.SGD(0.05), 10, batch_size=size).history["val_training"] for size in REFERENCE}
    report("training loss after 10 epochs, by batch size",
           [(str(size), curves[size][-1], expected) for size, expected in REFERENCE.items()])
    return curves


def plot(curves: Any, ax: Any = None) -> Any:
    """One curve for each size."""
    ax = ax or new_axes()
    for size, losses in curves.items():
        ax.semilogy(range(1, len(losses) + 1), losses, "o-", markersize=3, label=str(size))
    ax.set(xlabel="epoch", ylabel="training loss")
    ax.grid(alpha=0.3, which="both")
    ax.legend(title="batch size")
    return ax


if __name__ == "__main__":
    main(run, plot)
