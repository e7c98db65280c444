"""The learning rate by orders of magnitude (Laban, figure 3.3): too small learns nothing, too large nothing either.

The digits, 64-64-32-10 units, plain SGD, 30 epochs.

    python -m comparisons.figures.learning_rates [FILE]
"""

from __future__ import annotations

from typing import Any

from comparisons.figures.shared import fit_digits, main, new_axes, report
from diffkit import optim

REFERENCE = {1e-5: 2.524, 1e-4: 2.372, 1e-3: 1.446, 1e-2: 0.228, 1e-1: 0.137, 1.0: 2.311, 3.0: 2.430}


def run() -> Any:
    """Validation loss over the epochs, for each rate."""
    curves = {lr: fit_digits(optim.SGD(lr), 30, on_nan="stop").history["val_loss"] for lr in REFERENCE}
    report("validation loss after 30 epochs, by learning rate",
           [(f"{lr:g}", curves[lr][-1], reference) for lr, reference in REFERENCE.items()])
    return curves


def plot(curves: Any, ax: Any = None) -> Any:
    """One curve for each rate."""
    ax = ax or new_axes()
    for lr, losses in curves.items():
        ax.semilogy(range(1, len(losses) + 1), losses, label=f"{lr:g}")
    ax.set_xlabel("epoch")
    ax.set_ylabel("validation loss")
    ax.grid(alpha=0.3, which="both")
    ax.set_ylim(0.1, 60)
    ax.legend(title="learning rate", loc="upper center", ncol=4, fontsize=8)
    return ax


if __name__ == "__main__":
    main(run, plot)
