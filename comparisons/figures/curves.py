"""What a training leaves behind: loss and accuracy over the epochs, and before it the search for a learning rate.

The 64-64-32-10 network on the digits with Adam; all three pictures are methods of the library.

    python -m comparisons.figures.curves [FILE]
"""

from __future__ import annotations

import sys
from typing import Any

from comparisons.figures.shared import MODEL, digits, fit_digits, report
from diffkit import nn, optim, train


def run() -> Any:
    """The history of 30 epochs, and the search."""
    x, y, *_ = digits()
    found = train.lr_find(lambda params, x, y: nn.cross_entropy(MODEL.apply(params, x), y), MODEL.init(0), (x, y),
                          optim.Adam())
    result = fit_digits(optim.Adam(1e-3), 30, early_stopping=train.EarlyStopping())
    report("suggested learning rates", [("steepest fall", found.steepest, "-"), ("a tenth of the lowest's",
                                                                                 found.minimum_tenth, "-")])
    return result.history, found


def plot(result: Any, ax: Any = None, what: str = "loss") -> Any:
    """One of the three: "loss", "accuracy" or "search"."""
    history, found = result
    return found.plot(ax=ax) if what == "search" else train.plot_history(history, what, ax=ax)


if __name__ == "__main__":
    all_found = run()
    if len(sys.argv) > 1:
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(1, 3, figsize=(15, 4), layout="constrained")
        for ax, what in zip(axes, ("search", "loss", "accuracy")):
            plot(all_found, ax, what)
        figure.savefig(sys.argv[1], dpi=100)
