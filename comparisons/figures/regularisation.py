"""Early stopping and dropout on wrong labels (Bischl).

The digits with 20 % wrong labels, 64-256-10 units, Adam, 150 epochs: the training loss goes to zero, the validation
loss turns early.  Early stopping keeps the best epoch's weights; dropout puts the turn off.

    python -m comparisons.figures.regularisation [FILE]
"""

from __future__ import annotations

from typing import Any

from comparisons.figures.shared import digits, fit_digits, main, new_axes, report
from diffkit import nn, optim, train

EPOCHS = 150


def run() -> Any:
    """Histories without and with dropout, and the epoch at which early stopping ends the plain run."""
    data = digits(noise=0.2)
    plain, dropping = (nn.MLP((64, 256, 10), init="glorot_uniform", dropout=rate) for rate in (0.0, 0.5))
    whole = fit_digits(optim.Adam(1e-3), EPOCHS, model=plain, data=data)
    early = fit_digits(optim.Adam(1e-3), EPOCHS, model=plain, data=data, early_stopping=train.EarlyStopping(20))
    dropped = fit_digits(optim.Adam(1e-3), EPOCHS, model=dropping, data=data)
    history, best = whole.history, whole.best_epoch
    report("without regularisation", [
        ("best epoch", best, 28),
        ("its validation loss", history["val_loss"][best - 1], 0.406),
        ("its accuracy", history["val_accuracy"][best - 1], 0.929),
        ("validation loss at the end", history["val_loss"][-1], 0.586),
        ("accuracy at the end", history["val_accuracy"][-1], 0.864),
        ("training loss at the end", history["val_training"][-1], 0.005)])
    print(f"  early stopping ended in epoch {len(early.history['loss'])} and kept epoch {early.best_epoch}")
    print(f"  dropout 0.5: best epoch {dropped.best_epoch}, "
          f"accuracy at the end {dropped.history['val_accuracy'][-1]:.3f}")
    return history, dropped.history, best


def plot(result: Any, ax: Any = None) -> Any:
    """Training and validation losses, and the epoch that early stopping keeps."""
    ax = ax or new_axes()
    for name, history, color in zip(("plain", "dropout 0.5"), result, ("C0", "C1")):
        epochs = range(1, len(history["val_loss"]) + 1)
        ax.semilogy(epochs, history["val_training"], ":", color=color, label=f"{name}, training")
        ax.semilogy(epochs, history["val_loss"], color=color, label=f"{name}, validation")
    best = result[2]
    ax.plot(best, result[0]["val_loss"][best - 1], "o", color="C0", label=f"kept by early stopping: epoch {best}")
    ax.set(xlabel="epoch", ylabel="loss")
    ax.legend()
    return ax


if __name__ == "__main__":
    main(run, plot)
