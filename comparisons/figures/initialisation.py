"""Vanishing activations and gradients, and what the first weights do about it (Sayrol).

Ten layers of 100 units on standard normal inputs: with small Gaussian weights the activations die out, with
Glorot's (tanh) and He's (ReLU) they last.  With sigmoids the gradients die whatever the weights.

    python -m comparisons.figures.initialisation [FILE]
"""

from __future__ import annotations

from typing import Any

import numpy as np

import diffkit as dk
from comparisons.figures.shared import main, new_axes, report
from diffkit import nn

WIDTH, LAYERS = 100, 10
SETTINGS: dict[str, Any] = {
    "tanh, std 0.01": (np.tanh, lambda rng, shape: 0.01 * rng.standard_normal(shape), (None, 1.1e-8)),
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
    report("activation std in layers 1 and 10 (other draws than the reference's)", [
        (f"{name}, layer {layer}", spread[name][layer - 1], "-" if expected is None else expected)
        for name, (_, _, ends) in SETTINGS.items() for layer, expected in zip((1, LAYERS), ends)])
    norms = {name: gradients(name) for name in ("sigmoid", "tanh", "relu")}
    report("gradient norm, first layer / last", [
        (name, found[0] / found[-1], "< 1e-4" if name == "sigmoid" else "-") for name, found in norms.items()])
    return spread, norms


def plot(result: Any, ax: Any = None) -> Any:
    """Both, by layer."""
    ax = ax or new_axes()
    spread, norms = result
    for name, values in spread.items():
        ax.semilogy(range(1, len(values) + 1), values, "o-", label=f"activation std: {name}")
    for name, values in norms.items():
        ax.semilogy(range(1, len(values) + 1), values, "s--", label=f"gradient norm: {name}")
    ax.set_xlabel("layer")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=7)
    return ax


if __name__ == "__main__":
    main(run, plot)
