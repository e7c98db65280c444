"""The curves of a training run, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diffkit.errors import require
from diffkit.train.faults import TrainingError

__all__ = ["new_axes", "plot_history"]


def new_axes() -> Any:
    """Fresh axes; raises MissingPackageError without matplotlib."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise require("matplotlib", "plot", "a plot") from None
    return pyplot.figure(figsize=(6.4, 4.0), layout="constrained").add_subplot()


def plot_history(history: Mapping[str, list[Any]], name: str = "loss", ax: Any = None) -> Any:
    """One number over the epochs: its training curve, its validation curve, the best epoch.

    Parameters
    ----------
    history : of a :class:`~diffkit.train.fit.Result` or an estimator.
    name : "loss", "lr", "grad_norm" or what else was recorded; with "val_" in front the validation curve.
    ax : matplotlib axes to draw on; None makes new ones.

    Returns the axes.  Raises TrainingError for a name that was not recorded and MissingPackageError
    without matplotlib.
    """
    sides = (("training", name), ("validation", f"val_{name}"))
    curves = {label: history[key] for label, key in sides if key in history}
    if not curves:
        raise TrainingError(f"the history holds no {name!r}", f"one of {', '.join(map(repr, history))}")
    if ax is None:
        ax = new_axes()
    for label, values in curves.items():
        points = [(epoch, value) for epoch, value in enumerate(values, 1) if value is not None]
        ax.plot(*zip(*points), label=label, color="C0" if label == "training" else "C1")
    if name == "loss" and "val_loss" in history:
        best = min(range(len(history["val_loss"])), key=history["val_loss"].__getitem__)
        ax.plot(best + 1, history["val_loss"][best], "o", color="C1", label=f"best epoch, {best + 1}")
    if name in ("loss", "lr", "grad_norm") and all(value > 0 for values in curves.values() for value in values):
        ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_ylabel(name.replace("_", " "))
    ax.grid(alpha=0.3, which="both" if name == "loss" else "major")
    if len(curves) > 1:
        ax.legend()
    return ax
