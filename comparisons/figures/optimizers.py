"""The optimizers compared, each with a rate of its own (Laban, figure 3.4).

Loss on the training rows of the digits after each epoch, 64-64-32-10 units, 30 epochs.  With the rates chosen
for each method they end close together in accuracy: the rate matters more than the method.

    python -m comparisons.figures.optimizers [FILE]
"""

from __future__ import annotations

from typing import Any

from comparisons.figures.shared import fit_digits, main, new_axes, report
from diffkit import optim

#: Name: optimizer, and the training loss in epochs 1, 5 and 30.
METHODS = {"SGD 0.1": (optim.SGD(0.1), (0.537, 0.070, 0.0043)),
           "Momentum 0.01": (optim.Momentum(0.01), (0.648, 0.070, 0.0044)),
           "AdaGrad 0.01": (optim.AdaGrad(0.01, like="torch"), (0.374, 0.095, 0.0147)),
           "RMSProp 0.001": (optim.RMSProp(0.001, like="torch", decay=0.9), (1.075, 0.108, 0.0000)),
           "Adam 0.001": (optim.Adam(0.001), (1.271, 0.150, 0.0045))}


def run() -> Any:
    """Histories by method."""
    histories = {name: fit_digits(optimizer, 30).history for name, (optimizer, _) in METHODS.items()}
    report("training loss by epoch", [
        (f"{name}, epoch {epoch}", histories[name]["val_training"][epoch - 1], expected)
        for name, (_, reference) in METHODS.items() for epoch, expected in zip((1, 5, 30), reference)])
    last = [history["val_accuracy"][-1] for history in histories.values()]
    print(f"  validation accuracy {min(last):.3f} to {max(last):.3f}   (reference 0.971 to 0.980)")
    return histories


def plot(histories: Any, ax: Any = None) -> Any:
    """One training curve for each method."""
    ax = ax or new_axes()
    for name, history in histories.items():
        ax.semilogy(range(1, 31), history["val_training"], label=name)
    ax.set_xlabel("epoch")
    ax.set_ylabel("training loss")
    ax.grid(alpha=0.3, which="both")
    ax.legend()
    return ax


if __name__ == "__main__":
    main(run, plot)
