"""The stored problem and trajectories (see comparisons/make_training_references.py)."""

from __future__ import annotations

import json
import math
import pathlib
from typing import Any

import numpy as np

REFERENCES: dict[str, Any] = json.loads(
    (pathlib.Path(__file__).parents[1] / "data" / "training_references.json").read_text(encoding="utf-8"))
START = np.array([1.5, -2.0])
STEPS = REFERENCES["steps"]


def gradient(theta: np.ndarray, step: int) -> np.ndarray:
    return np.array([1.0, 3.0]) * theta + 0.2 * np.sin(3 * theta) + 0.3 * np.cos(0.7 * step + np.arange(2.0))


def rate(step: int) -> float:
    return 0.1 / math.sqrt(step + 1)


def path(opt: Any, steps: int = STEPS) -> np.ndarray:
    """The iterates of a diffkit optimizer on the stored problem, as {"w": (1,), "b": (1,)}."""
    params = {"w": START[:1].copy(), "b": START[1:].copy()}
    state = opt.init(params)
    points = []
    for step in range(steps):
        at = opt.grad_point(params, state)
        slope = gradient(np.concatenate([at["w"], at["b"]]), step)
        params, state = opt.step(params, {"w": slope[:1], "b": slope[1:]}, state)
        points.append([params["w"][0], params["b"][0]])
    assert state["step"] == steps
    return np.array(points)
