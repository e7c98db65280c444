"""Whether a program computes what f does: its first result beside the one that was recorded.

NumPy source has f's bits.  Machine code and rearranged sums have not: kernels round otherwise than NumPy's functions,
sums run in another order, so results differ by roundings, which a program may magnify.  How much is measured,
not assumed: f runs once more on inputs that are moved by one rounding (the NumPy program does, which has no
effects of its own).  The result may differ by 64 roundings of its largest entry, in the coarsest precision among
inputs and results, or by 32 times what those moves change, whichever is more; integers, truth values and containers
must be equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import tree

ROUNDINGS, MAGNIFIED = 64, 32

Run = Callable[[list[Any]], Any]


def differs(function: Run, inputs: list[Any], values: list[Any], structure: tree.Structure) -> str:
    """Why the program's first result is not the recorded one: "" if it is.

    Everything must be equal bit for bit; a difference of 64 roundings of the largest entry is
    allowed for sums and products that the machine may order otherwise.
    """
    found, reason = _first_result(function, inputs, structure)
    for a, b in zip(found, values):
        if not _is_array(b):
            if type(a) is not type(b) or (a is not b and repr(a) != repr(b)):
                return f"the program's result {a!r} differs from f's {b!r}"
            continue
        reason = _unlike(a, b)
        if reason:
            return reason
        if a.tobytes() != b.tobytes() and not _are_close(a, b, ROUNDINGS * _size(b, _eps(b))):
            return "the program's result differs from f's"
    return reason


def differs_beyond_roundings(function: Run, inputs: list[Any], values: list[Any], structure: tree.Structure,
                             by_numpy: Callable[[], Run], roundings: float = ROUNDINGS) -> str:
    """Why the program's first result is not the recorded one up to roundings: "" if it is."""
    found, reason = _first_result(function, inputs, structure)
    eps = max((_eps(value) for value in (*inputs, *values)), default=0.0)
    rooms: list[Any] | None = None
    for i, (a, b) in enumerate(zip(found, values)):
        room = roundings * _size(b, eps)
        if not _is_array(b):
            if type(a) is not type(b) or (a is not b and not _are_close(a, b, room)):
                return f"the program's result {a!r} differs from f's {b!r}"
            continue
        reason = _unlike(a, b)
        if reason:
            return reason
        if a.tobytes() == b.tobytes() or _are_close(a, b, room):
            continue
        if b.dtype.kind in "fc":
            if rooms is None:
                rooms = _magnified(inputs, values, by_numpy())
            if _are_close(a, b, np.maximum(room, rooms[i])):
                continue
        return "the program's result differs from f's by more than roundings"
    return reason


def _first_result(function: Run, inputs: list[Any], structure: tree.Structure) -> tuple[list[Any], str]:
    """The leaves of a program's result, or none and why there are none."""
    try:
        number, result = function(inputs)
    except Exception as error:
        return [], f"the program failed where f did not: {type(error).__name__}: {error}"
    if number is not None:
        return [], "the program took another path than f"
    found, shape = tree.flatten(result)
    return (found, "") if shape == structure else ([], "the program's result has another container than f's")


def _is_array(value: Any) -> bool:
    """Whether a value has entries to compare."""
    return hasattr(value, "dtype") and value.dtype.kind in "fcbiu"


def _unlike(a: Any, b: Any) -> str:
    """Why a result is of another kind than f's."""
    if type(a) is not type(b) or a.shape != b.shape or a.dtype != b.dtype:
        return f"the program's result has shape {np.shape(a)}, f's {b.shape}, or another type"
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
