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
    sides = (("validation" if name.startswith("val_") else "training", name), ("validation", f"val_{name}"))
    curves = {label: history[key] for label, key in sides if key in history}
    if not curves:
        raise TrainingError(f"the history holds no {name!r}", f"one of {', '.join(map(repr, history))}")
    if ax is None:
        ax = new_axes()
    # An epoch in which a number was not measured, or is no number, leaves a gap.
    points = {label: [(epoch, value) for epoch, value in enumerate(values, 1) if value is not None and value == value]
              for label, values in curves.items()}
    for label, found in points.items():
        ax.plot([epoch for epoch, _ in found], [value for _, value in found], label=label,
                color="C0" if label == "training" else "C1")
    if name == "loss" and points.get("validation"):
        best, lowest = min(points["validation"], key=lambda point: point[1])
        ax.plot(best, lowest, "o", color="C1", label=f"best epoch, {best}")
    if name in ("loss", "lr", "grad_norm") and all(value > 0 for found in points.values() for _, value in found):
        ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_ylabel(name.replace("_", " "))
    ax.grid(alpha=0.3, which="both" if name == "loss" else "major")
    if "validation" in curves:
        ax.legend()
    return ax
