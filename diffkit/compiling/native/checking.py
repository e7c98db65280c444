"""Whether machine code computes what f does.

Its kernels round otherwise than NumPy's functions, its sums run in another order, so results differ by
roundings, which a program may magnify.  How much is measured, not assumed: f runs once more on inputs that
are moved by one rounding (the NumPy program does, which has no effects of its own).  The result may
differ by 64 roundings of its largest entry, in the coarsest precision among inputs and results, or by 32
times what those moves change, whichever is more; integers, truth values and containers must be equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import tree

ROUNDINGS, MAGNIFIED = 64, 32


def differs(function: Callable[..., Any], inputs: list[Any], values: list[Any], structure: tree.Structure,
            by_numpy: Callable[[], Callable[..., Any]], roundings: float = ROUNDINGS) -> str:
    """Why the program's first result is not the recorded one: "" if it is."""
    try:
        number, result = function(inputs)
    except Exception as error:
        return f"the machine code failed where f did not: {type(error).__name__}: {error}"
    if number is not None:
        return "the machine code took another path than f"
    found, shape = tree.flatten(result)
    if shape != structure:
        return "the machine code's result has another container than f's"
    eps = max((_eps(value) for value in (*inputs, *values)), default=0.0)
    rooms: list[Any] | None = None
    for i, (a, b) in enumerate(zip(found, values)):
        if not hasattr(b, "dtype") or b.dtype.kind not in "fcbiu":
            if type(a) is type(b) and (a is b or _are_close(a, b, roundings * _size(b, eps))):
                continue
            return f"the machine code's result {a!r} differs from f's {b!r}"
        if type(a) is not type(b) or a.shape != b.shape or a.dtype != b.dtype:
            return f"the machine code's result has shape {np.shape(a)}, f's {b.shape}, or another type"
        if a.tobytes() == b.tobytes() or _are_close(a, b, roundings * _size(b, eps)):
            continue
        if b.dtype.kind in "fc":
            if rooms is None:
                rooms = _magnified(inputs, values, by_numpy())
            if _are_close(a, b, np.maximum(roundings * _size(b, eps), rooms[i])):
                continue
        return "the machine code's result differs from f's by more than roundings"
    return ""


def _eps(value: Any) -> float:
    """The spacing of numbers in a value's precision; 0 where it has none."""
    if type(value) is float:
        return float(np.finfo(float).eps)
    return float(np.finfo(value.dtype).eps) if getattr(value, "dtype", np.dtype(int)).kind in "fc" else 0.0


def _size(b: Any, eps: float) -> Any:
    """A rounding of the largest entry."""
    return eps * np.max(np.abs(b), initial=0, where=np.isfinite(b)) if _eps(b) else 0


def _are_close(a: Any, b: Any, room: Any) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.all((np.abs(np.subtract(a, b, dtype=np.result_type(a, b, np.float32))) <= room)
                           | (a == b) | ((a != a) & (b != b))))


def _magnified(inputs: list[Any], values: list[Any], program: Callable[..., Any]) -> list[Any]:
    """For each result the largest change over two moves of the inputs by a rounding."""
    rng = np.random.default_rng(0)
    rooms: list[Any] = [0.0] * len(values)
    for _ in range(2):
        number, moved = program([_moved(rng, value) for value in inputs])
        if number is not None:
            continue
        for i, (a, b) in enumerate(zip(tree.flatten(moved)[0], values)):
            if hasattr(b, "dtype") and b.dtype.kind in "fc":
                with np.errstate(all="ignore"):
                    change = np.abs(a - b)
                    rooms[i] = max(rooms[i], MAGNIFIED * float(np.max(change, initial=0, where=np.isfinite(change))))
    return rooms


def _moved(rng: Any, value: Any) -> Any:
    """A value with each entry moved up or down by one rounding."""
    if isinstance(value, int) or (hasattr(value, "dtype") and value.dtype.kind not in "fc"):
        return value
    eps = np.finfo(value.dtype if hasattr(value, "dtype") else float).eps
    signs = rng.choice([-1.0, 1.0], np.shape(value))
    moved = value * (1 + signs * eps)
    if type(value) is float:
        return float(moved)
    moved = np.asarray(moved).astype(value.dtype)
    return moved if isinstance(value, np.ndarray) else moved[()]
