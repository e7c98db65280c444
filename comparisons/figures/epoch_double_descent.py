"""Double descent over the epochs: the test error falls, rises, and falls again while one model trains.

A linear model whose features have two sizes learns at two speeds (Heckel & Yilmaz 2021).  The large features are
learned first, and then their noise: the error rises.  The small ones, a hundred times slower, bring it down again.
Early stopping at the first turn would have missed the best model.

A network is trained beside it on digits with wrong labels.  Its error turns once, when it begins to learn the wrong
labels, and does not come down again: reported as measured.

    python -m comparisons.figures.epoch_double_descent [FILE]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from comparisons.figures.shared import main, mislabel, new_axes, report
from diffkit import nn, optim, train

ROWS, LARGE, SMALL, SIZE = 200, 100, 10, 0.05
STEPS, EPOCHS = 16000, 500


def two_speeds(steps: int = STEPS) -> tuple[Any, Any]:
    """Epochs and mean squared test errors of the linear model: full batches, rate 0.2."""
    rng = np.random.default_rng(0)
    scale = np.r_[np.ones(LARGE), np.full(SMALL, SIZE)]
    strength = np.r_[np.full(LARGE, LARGE**-0.5), np.full(SMALL, 0.7 / SIZE * SMALL**-0.5)]
    truth = strength * rng.standard_normal(LARGE + SMALL)
    x, x_test = (rng.standard_normal((rows, LARGE + SMALL)) * scale for rows in (ROWS, 4000))
    y = x @ truth + 0.5 * rng.standard_normal(ROWS)
    epochs, errors = np.unique(np.geomspace(1, steps, 80).astype(int)), []

    def measure(epoch: Any) -> None:
        if epoch.epoch in wanted:
            errors.append(float(np.mean((x_test @ (epoch.params - truth))**2)))

    wanted = set(epochs.tolist())
    train.fit(lambda w, x, y: nn.half_mse(x @ w, y), np.zeros(LARGE + SMALL), (x, y), optim.SGD(0.2), epochs=steps,
              batch_size=None, callbacks=[measure], progress=False)
    return epochs, np.array(errors)


def network(epochs: int = EPOCHS) -> tuple[Any, Any]:
    """Epochs and test errors of 64-256-10 units on 1000 digits of which 20 % have labels drawn anew."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(y))
    x, y = x[order] / 16, y[order]
    model, errors = nn.MLP((64, 256, 10)), []
    data = x[:1000], mislabel(y[:1000], 0.2, rng)

    def measure(epoch: Any) -> None:
        errors.append(float(np.mean(model.apply(epoch.params, x[1000:]).argmax(axis=1) != y[1000:])))

    train.fit(lambda params, x, y: nn.cross_entropy(model.apply(params, x), y), model.init(0), data,
              optim.Adam(1e-3), epochs=epochs, batch_size=64, callbacks=[measure], progress=False)
    return np.arange(1, epochs + 1), np.array(errors)


def turns(errors: Any) -> tuple[float, float, float]:
    """The first low, the peak after it, and the low after that."""
    peak = int(np.argmax(errors[len(errors) // 4:])) + len(errors) // 4
    return errors[:peak].min(), errors[peak], errors[peak:].min()


def run() -> Any:
    """Print the turns of both curves."""
    curves = {"linear, two speeds": two_speeds(), "network, wrong labels": network()}
    for name, (_, errors) in curves.items():
        report(f"{name}: test error", [(what, value, "-") for what, value in
                                       zip(("first low", "peak after it", "lowest after the peak"), turns(errors))])
    return curves


def plot(curves: Any, ax: Any = None) -> Any:
    """Both test errors, each divided by its first low."""
    ax = ax or new_axes()
    for name, (epochs, errors) in curves.items():
        ax.loglog(epochs, errors / turns(errors)[0], label=name)
    ax.axhline(1, color="0.8", zorder=0)
    ax.set(xlabel="epoch", ylabel="test error / its first low")
    ax.grid(alpha=0.3, which="both")
    ax.legend()
    return ax


if __name__ == "__main__":
    main(run, plot)
