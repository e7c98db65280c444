"""What the figures share: the digits, the network of the notes, printing beside references, saving."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from diffkit import nn, train

MODEL = nn.MLP((64, 64, 32, 10), init="glorot_uniform")


def mislabel(y: Any, share: float, rng: np.random.Generator) -> Any:
    """Labels of which about this share is drawn anew (and may by chance be right)."""
    wrong = rng.random(len(y)) < share
    y = y.copy()
    y[wrong] = rng.integers(0, 10, wrong.sum())
    return y


def digits(seed: int = 0, noise: float = 0.0) -> tuple[Any, Any, Any, Any]:
    """Standardised training and test parts of scikit-learn's digits; ``noise`` of the training labels drawn anew."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.25, random_state=seed, stratify=y)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale[scale == 0] = 1
    if noise:
        y = mislabel(y, noise, np.random.default_rng(seed))
    return (x - mean) / scale, y, (x_test - mean) / scale, y_test


def fit_digits(optimizer: Any, epochs: int, batch_size: int = 32, seed: int = 0, model: nn.MLP = MODEL,
               data: Any = None, **settings: Any) -> train.Result:
    """Train on the digits with cross-entropy.

    The history holds val_loss, val_accuracy, and val_training: the loss on all training rows after the epoch.
    """
    x, y, x_test, y_test = digits(seed) if data is None else data

    def loss(params: Any, x: Any, y: Any, rng: Any = None) -> Any:
        return nn.cross_entropy(model.apply(params, x, rng=rng, training=rng is not None), y)

    def validation(params: Any) -> dict[str, float]:
        scores = model.apply(params, x_test)
        return {"loss": float(nn.cross_entropy(scores, y_test)),
                "accuracy": float(np.mean(scores.argmax(axis=1) == y_test)), "training": float(loss(params, x, y))}

    return train.fit(loss, model.init(seed), (x, y), optimizer, epochs=epochs, batch_size=batch_size,
                     validation=validation, seed=np.random.default_rng(1000 + seed), progress=False, **settings)


def report(title: str, rows: Iterable[tuple[str, Any, Any]]) -> None:
    """Print what was measured beside the reference."""
    print(f"{title}\n  {'':28s}{'measured':>14s}{'reference':>14s}")
    for name, measured, reference in rows:
        print(f"  {name:28s}{_text(measured):>14s}{_text(reference):>14s}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def new_axes(width: float = 6.4, height: float = 4.2, **settings: Any) -> Any:
    """Fresh axes; matplotlib is imported here."""
    from matplotlib import pyplot

    return pyplot.figure(figsize=(width, height), layout="constrained").add_subplot(**settings)


def animate(draw: Callable[[Any, int], Any], frames: Iterable[int], path: str) -> None:
    """Call ``draw(ax, frame)`` on fresh axes for each frame and save the film as a .gif or an .html page."""
    from matplotlib import animation, pyplot

    figure, ax = pyplot.subplots(figsize=(6, 4.5), layout="constrained")

    def frame(number: int) -> Any:
        ax.clear()
        return draw(ax, number).lines

    film = animation.FuncAnimation(figure, frame, frames=list(frames), interval=80)
    whole = animation.HTMLWriter(fps=12, embed_frames=True)  # one file, without a folder of frames beside it
    film.save(path, writer=whole if path.endswith(".html") else "pillow", dpi=80)
    pyplot.close(figure)


def main(run: Callable[[], Any], plot: Callable[..., Any]) -> None:
    """Run, print, and draw if a file is named on the command line."""
    result = run()
    if len(sys.argv) > 1:
        plot(result).figure.savefig(sys.argv[1], dpi=110)
