"""What an optimizer refuses, and in which words.

Three things go wrong in practice: a knob that makes no sense, containers that do not fit
each other, and gradients that are no numbers any more.  Each has one class here (or in
:mod:`diffkit.errors`), and each message names the leaf as the user would write it,
``params[1]["W"]``, because "shapes differ" in a network of forty arrays helps nobody.
"""

from __future__ import annotations

import math
from typing import Any

from diffkit import tree
from diffkit.errors import DiffkitError, ShapeError

__all__ = ["NonFiniteGradientError", "OptimizerError", "check_range", "mismatch"]


class OptimizerError(DiffkitError, ValueError):
    """A knob of an optimizer, its state or its learning rate is not usable."""


class NonFiniteGradientError(DiffkitError, FloatingPointError):
    """A gradient holds NaN or an infinity; nothing was changed by the step that met it."""


def check_range(owner: str, name: str, value: Any, low: float, high: float = math.inf, *,
                open_low: bool = False) -> None:
    """Refuse a knob outside [low, high) (or (low, high) with ``open_low``)."""
    good = isinstance(value, (int, float)) and low <= value < high and not (open_low and value == low)
    if not good:
        left = "(" if open_low else "["
        raise OptimizerError(f"{owner}: {name}={value!r} is outside {left}{low:g}, {high:g})",
                             f"a number in {left}{low:g}, {high:g})")


def mismatch(params: Any, others: Any, name: str) -> ShapeError:
    """The error for two containers of different structure, naming the first leaf that differs."""
    wanted = tree.paths(params, name)
    found = tree.paths(others, name)
    missing = [path for path in wanted if path not in found]
    surplus = [path for path in found if path not in wanted]
    if missing:
        what = f"{name} has no leaf {missing[0]}, which params has"
    elif surplus:
        what = f"{name} has a leaf {surplus[0]}, which params has not"
    else:
        what = f"{name} and params are containers of different kinds"
    return ShapeError(what, f"one array for each parameter, in the same containers: {tree.describe(params)}",
                      f"{name} is {tree.describe(others)}; lists and tuples are different kinds")
