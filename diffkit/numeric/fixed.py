"""The classical formulas with the step that the caller chose, and Richardson's table from it.

With ``step=h`` the value is the textbook quotient and nothing more: its error is the
point of asking for it.  A second quotient at h/2 serves the claim alone:

    forward   (f(x + h) - f(x)) / h           error  h/2 f'' + …      ≈ 2 (D(h) - D(h/2))
    backward  (f(x) - f(x - h)) / h           error -h/2 f'' + …      ≈ 2 (D(h) - D(h/2))
    central   (f(x + h) - f(x - h)) / 2h      error  h²/6 f''' + …    ≈ 4/3 (D(h) - D(h/2))

``richardson`` halves the step five times and extrapolates in h² (Richardson 1911).  These
see neither kinks nor noise beyond rounding; ``auto`` does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import NumericError
from diffkit.numeric import noise as noises
from diffkit.numeric.extrapolation import extrapolate
from diffkit.numeric.ladder import UNEVEN
from diffkit.numeric.lines import Line, Scheme
from diffkit.numeric.pairs import Pairs
from diffkit.numeric.result import NONFINITE, OK, STATUS_DTYPE, Array, Estimate


def read_step(step: Any) -> float:
    """A positive finite number, or NumericError."""
    try:
        number = float(step)
    except (TypeError, ValueError):
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise NumericError(f"step={step!r} is not a positive finite number", "step=1e-6, in units of x",
                           "an array of steps: differentiate entry by entry")
    return number


def classical(line: Line, base: Array, bits: int, scheme: str, step: float) -> Scheme[Estimate]:
    """The quotient of ``scheme`` ("central", "forward", "backward") at ``step``; its claim from h/2."""
    taken = line.fit(step * np.array([[1.0], [0.5]]) * np.ones(line.columns))
    unused = np.full_like(taken, np.nan)
    values = yield np.concatenate([unused if scheme == "backward" else taken,
                                   unused if scheme == "forward" else -taken])
    return _quotient(Pairs.of(taken, values, base, np.ones(len(base))), bits, scheme)


def _quotient(pairs: Pairs, bits: int, scheme: str) -> Estimate:
    table = {"central": pairs.central, "forward": pairs.right, "backward": pairs.left}[scheme]
    noise = noises.floor(pairs, bits).max(axis=0)
    error = (2 if scheme == "central" else 3) * np.abs(table[0] - table[1]) + 8 * noise / pairs.step[0]
    return _estimate(table[0], error, noise, pairs.step[0])


def richardson(line: Line, base: Array, bits: int, step: float | None) -> Scheme[Estimate]:
    """Central quotients at h, h/2, … h/32, extrapolated; h is ``step``, or |x|/8 (1/8 at 0)."""
    room = np.minimum(-line.low, line.high)
    widest = np.minimum(UNEVEN * line.scale / 8, room) if step is None else step * np.ones(line.columns)
    taken = line.fit(widest * 2.0 ** -np.arange(6)[:, None])
    values = yield np.concatenate([taken, -taken])
    pairs = Pairs.of(taken, values, base, np.ones(len(base)))
    floor = noises.floor(pairs, bits)
    limit = extrapolate(pairs.step, pairs.central, 2 * floor / pairs.step, 2)
    return _estimate(limit.value, limit.error, floor.max(axis=0), pairs.step[limit.level, np.arange(len(base))])


def _estimate(value: Array, error: Array, noise: Array, step: Array) -> Estimate:
    lost = ~np.isfinite(value)
    status = np.where(lost, NONFINITE, OK).astype(STATUS_DTYPE)
    value = np.where(lost, np.nan, value)
    return Estimate(value, np.where(lost, np.inf, error), status, value, value, noise, step)
