"""Laban: the exercise on the gradient of a neuron's weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.lectures.example import Example

__all__ = ["EXAMPLES"]

_S = 1 / (1 + np.exp(-1.0))


def weights_of_a_neuron(w: Any) -> Any:
    """σ(w·(x, 1)) at x = (−1, −2), the bias as the third weight."""
    return 1 / (1 + np.exp(-(w @ np.array([-1.0, -2.0, 1.0]))))


def steps(w0: Any, w1: Any, w2: Any) -> dict[str, Any]:
    a = w0 * -1.0 + w1 * -2.0 + w2
    return {"a": a, "y": 1 / (1 + np.exp(-a))}


EXAMPLES = (
    Example("dw", "laban", "3", "y = σ(w0 x0 + w1 x1 + w2)", weights_of_a_neuron, (np.array([2.0, -3.0, -3.0]),), _S,
            (np.array([-0.1966119, -0.3932239, 0.1966119]),), digits=7,
            erratum='"verify dw = (−0.20, −0.4, 0.2)" is rounded, and is for dL/dy = 1',
            first=0, steps=steps, steps_point=(2.0, -3.0, -3.0)),
)
