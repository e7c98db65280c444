"""Vanishing activations and gradients, and what the first weights do about it (Sayrol).

Ten layers of 256 units on 1000 standard normal inputs: with small Gaussian weights the activations die out, with
Glorot's (tanh) and He's (ReLU) they last.  With sigmoids the gradients die whatever the weights.

    python -m comparisons.figures.initialisation [FILE]
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import diffkit as dk
from comparisons.figures.shared import new_axes, report
from diffkit import nn

WIDTH, LAYERS = 256, 10
#: Activation, draw, and the standard deviations after layers 1 and 10.
SETTINGS: dict[str, Any] = {
    "tanh, std 0.01": (np.tanh, lambda rng, shape: 0.01 * rng.standard_normal(shape), (0.157, 1.1e-8)),
    "tanh, Glorot": (np.tanh, nn.init.glorot_normal, (0.629, 0.235)),
    "ReLU, Glorot": (nn.relu, nn.init.glorot_normal, (0.588, 0.028)),
    "ReLU, He": (nn.relu, nn.init.he_normal, (0.831, 0.883))}


def activations(function: Any, draw: Any) -> list[float]:
    """Standard deviation of the activations after each layer."""
    rng = np.random.default_rng(0)
    x, spread = rng.standard_normal((1000, WIDTH)), []
    for _ in range(LAYERS):
        x = function(x @ draw(rng, (WIDTH, WIDTH)))
        spread.append(float(x.std()))
    return spread


def gradients(activation: str) -> list[float]:
    """Norm of the gradient by each layer's weights: ten hidden layers of twelve units."""
    rng = np.random.default_rng(0)
    model = nn.MLP((12,) * 11 + (1,), activation)
    x, y = rng.standard_normal((64, 12)), rng.standard_normal((64, 1))
    slopes = dk.grad(lambda params: nn.mse(model.apply(params, x), y))(model.init(0))
    return [float(np.linalg.norm(layer["W"])) for layer in slopes]


def run() -> Any:
    """Spread of activations, and gradient norms, by layer."""
    spread = {name: activations(function, draw) for name, (function, draw, _) in SETTINGS.items()}
    report("standard deviation of the activations", [
        (f"{name}, layer {layer}", spread[name][layer - 1], expected)
        for name, (_, _, ends) in SETTINGS.items() for layer, expected in zip((1, LAYERS), ends)])
    norms = {name: gradients(name) for name in ("sigmoid", "tanh", "relu")}
    report("gradient norm, first layer / last", [
        (name, found[0] / found[-1], "< 1e-4" if name == "sigmoid" else "-") for name, found in norms.items()])
    return spread, norms


def plot_activations(spread: Any, ax: Any = None) -> Any:
    """Standard deviations by layer."""
    ax = ax or new_axes()
    for name, values in spread.items():
        ax.semilogy(range(1, len(values) + 1), values, "o-", label=name)
    ax.set(xlabel="layer", title="standard deviation of the activations")
    ax.grid(alpha=0.3)
    ax.legend()
    return ax


def plot_gradients(norms: Any, ax: Any = None) -> Any:
    """Gradient norms by layer."""
    ax = ax or new_axes()
    for name, values in norms.items():
        ax.semilogy(range(1, len(values) + 1), values, "s-", label=name)
    ax.set(xlabel="layer", title="norm of the gradient by the weights")
    ax.grid(alpha=0.3)
    ax.legend()
    return ax


if __name__ == "__main__":
    found = run()
    if len(sys.argv) > 1:
        from matplotlib import pyplot

        figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
        plot_activations(found[0], left)
        plot_gradients(found[1], right)
        figure.savefig(sys.argv[1], dpi=110)
