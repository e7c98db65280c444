"""Sayrol: gates, neurons and small graphs, and what flows back through them."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.lectures.example import Example, Inner
from diffkit.nn import sigmoid

__all__ = ["EXAMPLES"]


def sum_times(x: Any, y: Any, z: Any) -> Any:
    """The notes' first graph."""
    return (x + y) * z


def sum_times_steps(x: Any, y: Any, z: Any) -> dict[str, Any]:
    q = x + y
    return {"q": q, "f": q * z}


def neuron(x: Any, w: Any, b: Any) -> Any:
    """σ(w·x + b)."""
    return 1 / (1 + np.exp(-(w @ x + b)))


def neuron_steps(x0: Any, x1: Any, w0: Any, w1: Any, b: Any) -> dict[str, Any]:
    a = w0 * x0 + w1 * x1 + b
    return {"a": a, "f": 1 / (1 + np.exp(-a))}


def squared_norm(W: Any, x: Any) -> Any:
    """‖Wx‖²."""
    return np.sum((W @ x)**2)


def squared_norm_steps(W: Any, x: Any) -> dict[str, Any]:
    q = W @ x
    return {"q": q, "f": np.sum(q**2)}


def penalised(x: Any, w: Any) -> Any:
    """xᵀw + λ Σ w², with λ = 0.1."""
    return x @ w + 0.1 * np.sum(w**2)


_S = 1 / (1 + np.exp(-1.0))  # σ(1)
_SLOPE = _S * (1 - _S)
_W, _X = np.array([[0.1, 0.5], [-0.3, 0.8]]), np.array([0.2, 0.4])

EXAMPLES = (
    Example("sum-times", "sayrol", "1", "f = (x + y) z", sum_times, (-2.0, 5.0, -4.0), -12.0, (-4.0, -4.0, 3.0),
            steps=sum_times_steps, steps_point=(-2.0, 5.0, -4.0),
            inner=(Inner("q", lambda q: q * -4.0, 3.0, -4.0),)),
    Example("neuron", "sayrol", "2", "f = σ(w0 x0 + w1 x1 + b)", neuron,
            (np.array([-1.0, -2.0]), np.array([2.0, -3.0]), -3.0), 0.731059,
            (np.array([2.0, -3.0]) * _SLOPE, np.array([-1.0, -2.0]) * _SLOPE, _SLOPE), digits=6,
            erratum='"f(x, y, z)" is the list of arguments of another slide: f depends on x, w and b',
            first=0, steps=neuron_steps, steps_point=(-1.0, -2.0, 2.0, -3.0, -3.0)),
    *(Example(f"sigmoid-{point:g}", "sayrol", "4", "σ(x), σ' = (1 − σ) σ", sigmoid, (point,), value, (slope,), digits,
              erratum='"dσ(x)/x" is dσ/dx')
      for point, value, slope, digits in ((0.0, 0.5, 0.25, None), (5.0, 0.9933071, 0.0066481, 7),
                                          (10.0, 0.9999546021, 4.53958e-5, 10))),
    Example("squared-norm", "sayrol", "5", "f = ‖W x‖²", squared_norm, (_W, _X), 0.116,
            (np.array([[0.088, 0.176], [0.104, 0.208]]), np.array([-0.112, 0.636])),
            erratum='"2q·xᵀ" is the outer product 2 q xᵀ', steps=squared_norm_steps, steps_point=(_W, _X),
            inner=(Inner("q", lambda q: np.sum(q**2), np.array([0.22, 0.26]), np.array([0.44, 0.52])),)),
    Example("gate-add", "sayrol", "9", "x + y distributes", lambda x, y: 2 * (x + y), (3.0, -4.0), -2.0, (2.0, 2.0)),
    Example("gate-mul", "sayrol", "9", "x y switches (gradient 2 comes in)", lambda x, y: 2 * (x * y), (3.0, -4.0),
            -24.0, (-8.0, 6.0)),
    Example("gate-max", "sayrol", "9", "max(x, y) routes (gradient 2 comes in)",
            lambda x, y: 2 * np.maximum(x, y), (4.0, -1.0), 8.0, (2.0, 0.0),
            erratum="a tie is not defined in the notes: diffkit gives each half, as torch.maximum and JAX do"),
    Example("gate-branch", "sayrol", "9", "x x + x: branches add", lambda x: x * x + x, (3.0,), 12.0, (7.0,)),
    Example("penalised", "sayrol", "10", "xᵀw + λ Σ w²: w is used twice", penalised,
            (np.array([1.0, -2.0]), np.array([0.5, 3.0])), -4.575,
            (np.array([0.5, 3.0]), np.array([1.1, -1.4]))),
)
