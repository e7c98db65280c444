"""Lowering the rate when validation stands still (Laban, figure 3.5).

The digits with 10 % wrong labels, SGD with the large rate 0.5, 60 epochs: fixed, and divided by ten after more
than three epochs without improvement.

    python -m comparisons.figures.plateau [FILE]
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from comparisons.figures.shared import digits, fit_digits, main, new_axes, report
from diffkit import optim, schedules

REFERENCE = {"fixed": 0.884, "reduced on plateau": 0.949}


def run() -> Any:
    """Histories of both runs."""
    data = digits(noise=0.1)
    rates = {"fixed": 0.5, "reduced on plateau": schedules.ReduceOnPlateau(0.5, 0.1, 3)}
    histories = {name: fit_digits(optim.SGD(rate), 60, data=data).history for name, rate in rates.items()}
    report("test accuracy after 60 epochs", [
        (name, histories[name]["val_accuracy"][-1], expected) for name, expected in REFERENCE.items()])
    last = histories["fixed"]["val_accuracy"][-30:]
    print(f"  the fixed rate is too large to settle: {min(last):.3f} to {max(last):.3f} in the last 30 epochs")
    return histories


def plot(histories: Any, ax: Any = None) -> Any:
    """Accuracy over the epochs; dotted lines where the rate fell."""
    ax = ax or new_axes()
    for name, history in histories.items():
        ax.plot(range(1, len(history["lr"]) + 1), history["val_accuracy"], label=name)
    rates = histories["reduced on plateau"]["lr"]
    falls = [epoch for epoch, (before, after) in enumerate(pairwise(rates), 2) if after < before]
    for epoch in falls:
        ax.axvline(epoch, color="0.7", linestyle=":", label="rate divided by 10" if epoch == falls[0] else None)
    ax.set(xlabel="epoch", ylabel="test accuracy", ylim=(0.5, 1))
    ax.legend()
    return ax


if __name__ == "__main__":
    main(run, plot)
