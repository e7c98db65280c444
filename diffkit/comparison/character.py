"""Why no agreement can be had: f's own noise in numbers, and tangents that grow step by step.

*Noise*: fourth differences of nine values close to x hold nothing of a smooth f; their size, divided by
the root of 70 (the sum of the squared weights), is the noise of one value (Hamming; Moré and Wild, SIAM J. Sci.
Comput. 33, 2011).

*Chaos*: along the recorded program |cotangent x value| of each operation says by how many times a
relative error made there reaches the result.  One large factor is a steep function.  A factor that
builds up over many operations, a little at each, is a dynamical system that forgets where it came from:
its tangents are right, and useless.
"""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np

from diffkit.comparison.problem import Problem

_SPACINGS = (2.0**-36, 2.0**-31)
_WEIGHTS = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
#: How often an error is magnified, and over how many decades one after the other, before it is called chaos.
_LARGE, _DECADES = 1e8, 8


def noise(problem: Problem) -> float:
    """The noise of f's values near the point, at the roughest result; NaN where f can't be asked."""
    levels = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for spacing in _SPACINGS:
            try:
                values = np.stack([np.reshape(problem.flat_call([_moved(leaf, 1 + k * spacing)
                                                                 for leaf in problem.moving.leaves]), -1)
                                   for k in range(-4, 5)])
            except Exception:  # outside f's domain there is nothing to measure
                continue
            table = np.stack([_WEIGHTS @ values[k:k + 5] for k in range(5)])
            levels.append(float(np.max(np.sqrt(np.mean(np.abs(table) ** 2, axis=0) / 70.0))))
    return min(levels) if levels else float("nan")


def _moved(leaf: Any, factor: float) -> Any:
    return np.asarray(leaf * factor).astype(leaf.dtype)[()]


def is_steep(problem: Problem, derivative: Any) -> bool:
    """Whether a relative error of the input reaches the result more than 1e8 times as large."""
    with np.errstate(all="ignore"):
        moved = np.nanmax(np.abs(derivative) * np.abs(problem.point), initial=0.0)
        size = max(float(np.max(np.abs(out), initial=0.0)) for out in problem.outs)
    return bool(np.isfinite(moved) and moved > _LARGE * size > 0)


@dataclasses.dataclass(frozen=True)
class Growth:
    """How often an error is magnified on its way through the program, and over how many operations that builds up."""

    factor: float
    operations: int


def growth(problem: Problem) -> Growth | None:
    """The growth of tangents along the recorded program, if it is that of a chaotic one."""
    from diffkit.blame.running import look

    at = problem.isolated()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            run = look(lambda *args: at.f(*args, **at.kwargs), at.args, at.argnums)
            size = max(float(np.max(np.abs(value), initial=0.0)) for value in run.values)
            factors = []
            for node in run.tape.nodes:
                arrived = run.cotangents[node.index]
                if type(arrived) is tuple and size > 0:
                    factors.append(float(np.max(np.abs(arrived[0] * node.value), initial=0.0)) / size)
    except Exception:  # what can't be recorded has no tangents to look at
        return None
    seen = np.array([factor for factor in factors if np.isfinite(factor) and factor > 0])
    if not len(seen) or seen.max() < _LARGE:
        return None
    decades = len(np.unique(np.floor(np.log10(seen))))
    return Growth(float(seen.max()), len(seen)) if decades >= _DECADES else None
