"""What plot_history draws is what the history holds."""

from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from diffkit.train import TrainingError, plot_history

matplotlib.use("agg")
HISTORY: dict[str, list[Any]] = {"loss": [2.0, 1.0, 0.5, 0.4], "val_loss": [2.1, 1.2, 0.9, 1.1], "lr": [0.1] * 4,
                                 "val_accuracy": [0.2, 0.5, 0.7, 0.6], "margin": [-1.0, 0.0, 1.0, 2.0]}


@pytest.fixture
def ax() -> Any:
    return Figure().add_subplot()


def drawn(ax: Any) -> dict[str, list[tuple[float, float]]]:
    return {line.get_label(): list(zip(*map(np.ndarray.tolist, line.get_data()))) for line in ax.lines}


def test_both_curves_and_the_best_epoch(ax: Any) -> None:
    assert plot_history(HISTORY, ax=ax) is ax
    assert drawn(ax) == {"training": list(enumerate(HISTORY["loss"], 1)),
                         "validation": list(enumerate(HISTORY["val_loss"], 1)), "best epoch, 3": [(3, 0.9)]}
    assert ax.get_yscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")
    assert ax.get_legend() is not None


@pytest.mark.parametrize("name", ["accuracy", "val_accuracy"])
def test_a_curve_of_validation_alone_says_so(ax: Any, name: str) -> None:
    plot_history(HISTORY, name, ax=ax)
    assert drawn(ax) == {"validation": list(enumerate(HISTORY["val_accuracy"], 1))}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["validation"]
    assert ax.get_yscale() == "linear"


def test_what_was_not_measured_leaves_a_gap(ax: Any) -> None:
    plot_history({"loss": [2.0, float("nan"), 0.5], "val_loss": [None, None, 0.7]}, ax=ax)
    assert drawn(ax) == {"training": [(1, 2.0), (3, 0.5)], "validation": [(3, 0.7)], "best epoch, 3": [(3, 0.7)]}
    other = Figure().add_subplot()
    plot_history({"loss": [1.0], "val_loss": [float("nan")]}, ax=other)
    assert drawn(other) == {"training": [(1, 1.0)], "validation": []}


def test_numbers_below_zero_and_new_axes() -> None:
    ax = plot_history(HISTORY, "margin")
    assert ax.get_yscale() == "linear"
    assert drawn(ax) == {"training": list(enumerate(HISTORY["margin"], 1))}
    with pytest.raises(TrainingError, match="the history holds no 'f1'"):
        plot_history(HISTORY, "f1")
    matplotlib.pyplot.close("all")
