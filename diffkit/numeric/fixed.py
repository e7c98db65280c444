"""The classical formulas with the step that the caller chose, and Richardson's table from it.

With ``step=h`` the value is the textbook quotient and nothing more: its error is the
point of asking for it.  A second quotient at h/2 serves the claim alone:

    forward   (f(x + h) - f(x)) / h           error  h/2 f'' + …      ≈ 2 (D(h) - D(h/2))
    backward  (f(x) - f(x - h)) / h           error -h/2 f'' + …      ≈ 2 (D(h) - D(h/2))
    central   (f(x + h) - f(x - h)) / 2h      error  h²/6 f''' + …    ≈ 4/3 (D(h) - D(h/2))

and so on for every order and for mixed derivatives: the error series starts with h for what looks
to one side, with h² for what is symmetric.  ``richardson`` halves the step five times and
extrapolates in h² (Richardson 1911).  These see neither kinks nor noise beyond rounding;
the same schemes without ``step=`` do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import NumericError
from diffkit.numeric import noise as noises
from diffkit.numeric.descent import Rungs, measure
from diffkit.numeric.extrapolation import extrapolate
from diffkit.numeric.lines import Line, Scheme
from diffkit.numeric.result import NONFINITE, OK, STATUS_DTYPE, Array, Estimate
from diffkit.numeric.stencils import Stencil, corners, quadrant, sided, textbook


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


def classical(line: Line, base: Array, bits: int, order: int, scheme: str, step: float) -> Scheme[Estimate]:
    """The quotient of ``scheme`` at ``step``, its claim from h/2; for "richardson" the limit from h to h/32."""
    side = {"forward": 1, "backward": -1}.get(scheme, 0)
    if line.plane:
        stencil = quadrant(side, side) if side else corners()
    else:
        stencil = sided(order, side) if side else textbook(order)
    levels = np.arange(6 if scheme == "richardson" else 2)[:, None]
    rungs = yield from measure(line, base, stencil, step * 2.0**-levels * np.ones(line.columns))
    return _extrapolated(rungs, stencil, bits) if scheme == "richardson" else _quotient(rungs, stencil, bits)


def _floor(rungs: Rungs, bits: int) -> Array:
    """What the rounding of f's own last digit may be, at every level."""
    return noises.resolution(rungs.size, bits)


def _quotient(rungs: Rungs, stencil: Stencil, bits: int) -> Estimate:
    noise = _floor(rungs, bits).max(axis=0)
    first, second = rungs.quotient
    blur = 4 * np.abs(stencil.weights).sum() * noise / np.abs(rungs.divisor[0])
    error = (2 if stencil.power == 2 else 3) * np.abs(first - second) + blur
    return _estimate(first, error, noise, rungs.step[0])


def _extrapolated(rungs: Rungs, stencil: Stencil, bits: int) -> Estimate:
    floor = _floor(rungs, bits)
    blur = 2 * np.abs(stencil.weights).sum() * floor / np.abs(rungs.divisor)
    limit = extrapolate(rungs.step, rungs.quotient, blur, stencil.power)
    level = limit.level, np.arange(len(limit.level))
    return _estimate(limit.value, limit.error, floor.max(axis=0), rungs.step[level])


def _estimate(value: Array, error: Array, noise: Array, step: Array) -> Estimate:
    lost = ~np.isfinite(value)
    status = np.where(lost, NONFINITE, OK).astype(STATUS_DTYPE)
    value = np.where(lost, np.nan, value)
    return Estimate(value, np.where(lost, np.inf, error), status, value, value, noise, step)
