"""Is there a jump that moves?  The one case in which derivatives under an integral sign lie.

An integrand ``np.where(t < k, 1, 0)`` has derivative zero by k at every t, and its integral
has derivative one: a jump moves with k.  The same holds for the right-hand side of a
differential equation that switches.  Such a function answers a question about the values
it was given (a comparison, a floor, a branch); so the answers are recorded along the path,
and where two neighbouring points differ the switch is found by bisection.  If the function
is continuous across it (a maximum, a hinge) all is well, else it is refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.buffers import run
from diffkit.errors import UnsupportedArgumentError
from diffkit.recording import RecordLevel
from diffkit.scipy.calls import primal

__all__ = ["refuse_jumps"]

#: A jump smaller than this (of the function's size) is taken for a steep slope.
_SMALL = 1e-6


def refuse_jumps(name: str, function: Callable[..., Any], path: Sequence[Any], leaves: Sequence[Any],
                 active: Sequence[int], of_point: bool) -> None:
    """Raise where ``function(point, *leaves)`` jumps between two points of the path.

    Answers count that depend on the active leaves or, with ``of_point``, on the point's entries
    after the first.
    """
    last = _answers(function, path[0], leaves, active, of_point)
    for left, right in itertools.pairwise(path):
        answers = _answers(function, right, leaves, active, of_point)
        if answers != last:
            size = _size(function, path, leaves)
            _bisect(name, function, left, right, last, leaves, active, of_point, size)
        last = answers


def _answers(function: Callable[..., Any], point: Any, leaves: Sequence[Any], active: Sequence[int],
             of_point: bool) -> tuple[Any, ...]:
    level = RecordLevel()
    try:
        values = list(leaves)
        for i in active:
            values[i] = level.lift(values[i])
        if of_point:
            point = np.concatenate([point[:1], level.lift(point[1:])])
        with np.errstate(all="ignore"):
            run(function, (point, *values), {})
        flat = [node.value for node in level.nodes if node.rule is not None and node.rule.is_flat]
        return (*(repr(np.shape(v)) + repr(np.asarray(primal(v)).tolist()) for v in flat if v is not None),
                *(repr(guard.answer) for guard in level.guards))
    finally:
        level.close()


def _size(function: Callable[..., Any], path: Sequence[Any], leaves: Sequence[Any]) -> float:
    """How large the function's values are, at some points of the path."""
    with np.errstate(all="ignore"):
        values = [np.abs(run(function, (point, *leaves), {})) for point in path[::max(1, len(path) // 8)]]
    return max((float(np.max(v[np.isfinite(v)], initial=0)) for v in map(np.asarray, values)), default=0.0)


def _bisect(name: str, function: Callable[..., Any], left: Any, right: Any, answers: Any, leaves: Sequence[Any],
            active: Sequence[int], of_point: bool, size: float) -> None:
    for _ in range(60):
        middle = left + (right - left) / 2
        if np.array_equal(middle, left) or np.array_equal(middle, right):
            break
        if _answers(function, middle, leaves, active, of_point) == answers:
            left = middle
        else:
            right = middle
    with np.errstate(all="ignore"):
        before, after = (np.asarray(run(function, (point, *leaves), {})) for point in (left, right))
    if np.any(np.abs(after - before) > _SMALL * size) and np.all(np.isfinite(after - before)):
        raise UnsupportedArgumentError(
            f"the function given to {name} jumps at {float(left[0]):.6g}, and where it jumps depends on what is "
            "differentiated: the derivative would miss the jump",
            "the interval split at the jump, which is then a limit that is differentiated: "
            "quad(f, a, k) + quad(g, k, b)",
            "a comparison, floor or branch whose two sides do not meet")
