"""The complex step: Im f(x + ih) / h, exact to rounding, where f is analytic (Squire & Trapp 1998).

No difference is taken, so h can be 1e-20 and nothing cancels *in the step*; what cancels
in f itself still does, and is measured: the second difference of the derivative over
points 2^-26 |x| beside x is rounding and nothing else.  ``holomorphic.py`` refuses
what is not analytic as it happens.  What leaves NumPy's sight (``np.asarray(x)``, C code)
is caught by one real central difference; where that disagrees, the adaptive method
decides, and the answer is its verdict: agreement within claims, or a refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from diffkit import tree
from diffkit.errors import ComplexStepError
from diffkit.numeric.adaptive import first_derivative
from diffkit.numeric.holomorphic import watched
from diffkit.numeric.ladder import UNEVEN
from diffkit.numeric.lines import Line, run
from diffkit.numeric.result import NONFINITE, OK, STATUS_DTYPE, Array, Estimate

if TYPE_CHECKING:
    from diffkit.numeric.schemes import Setup

_SIDES = (0, 1, -1)
_COARSE = 1e-4
#: Steps in units of |x| or 1, as powers of two: the second leaves an error of 2^-56 f''' and no more.
_EXPONENTS = (-66, -28)


def complex_steps(setup: Setup, lines: list[Line]) -> list[Estimate]:
    """An estimate for every line.

    Raises
    ------
    ComplexStepError
        Where x or f's result is complex, f is not analytic or loses the imaginary part,
        or where f takes a batch (the watch needs single calls).
    """
    if any(leaf.complex for leaf in setup.entries.leaves) or setup.evaluator.dtype.kind == "c":
        raise ComplexStepError("the complex step needs a real function of real numbers", 'scheme="auto"')
    if setup.evaluator.vectorized:
        raise ComplexStepError("the complex step takes no batches", "vectorized=False")
    with np.errstate(all="ignore"):
        return [_along(setup, line) for line in lines]


def _along(setup: Setup, line: Line) -> Estimate:
    base = setup.evaluator.base
    finite = np.isfinite(base) & np.isfinite(line.scale).all()
    if not finite.any():
        return Estimate.blank(len(base), base.dtype)
    # The step need not be seen beside x, only be small for f: |x| is no measure of that where |x| is large.
    unit = np.minimum(line.scale, 1 / np.abs(line.weights).max())
    aside = np.maximum(unit * 2.0 ** -(line.bits // 2), line.scale * 2.0 ** (4 - line.bits))
    limits = np.finfo(base.dtype)
    for exponent in _EXPONENTS:
        tiny = unit * 2.0**exponent
        slopes = [_slope(setup, line, tiny, side * aside) for side in _SIDES]
        # An imaginary part that underflows has lost digits: a larger step then.
        if not (np.abs(slopes[0] * tiny) < limits.tiny * 2.0**line.bits)[base != 0].any():
            break
    value = slopes[0]
    spread = np.abs(slopes[1] + slopes[2] - 2 * value)
    bits = min(setup.evaluator.bits, line.bits)
    error = 2 * np.nan_to_num(spread) + 16 * 2.0**-bits * np.abs(value) + 256 * limits.smallest_subnormal / tiny
    _cross_check(setup, line, value, error, finite)
    lost = ~(np.isfinite(value) & finite)
    value = np.where(lost, np.nan, value)
    status = np.where(lost, NONFINITE, OK).astype(STATUS_DTYPE)
    noise = np.abs(base) * 2.0 ** (1 - bits)
    return Estimate(value, np.where(lost, np.inf, error), status, value, value, noise,
                    np.broadcast_to(tiny, base.shape).astype(base.dtype))


def _slope(setup: Setup, line: Line, tiny: Array, shift: Array) -> Array:
    """Im f(x + shift + i tiny) / tiny, every output."""
    entries, evaluator = setup.entries, setup.evaluator
    points, _ = line.points(shift[None])
    imaginary = np.zeros(entries.values.shape, entries.values.dtype)
    imaginary[line.active] = tiny * line.weights
    leaves = []
    for leaf in entries.leaves:
        real = np.asarray(leaf.rebuild(points[0]))
        part = real.astype(np.result_type(real.dtype, np.complex64))
        part.imag = imaginary[leaf.start:leaf.stop].reshape(leaf.shape)
        leaves.append(watched(part))
    evaluator.count += 1
    out = evaluator.f(tree.unflatten(entries.structure, leaves))
    try:
        array = np.array(_plain(out), np.result_type(evaluator.dtype, np.complex64))
    except (TypeError, ValueError):
        raise ComplexStepError("f's result for a complex argument is not numeric", 'scheme="auto"') from None
    if array.shape != evaluator.shape:
        raise ComplexStepError(f"f's result has shape {array.shape} for a complex argument, {evaluator.shape} "
                               "for a real one", 'scheme="auto"')
    return np.asarray(array.imag.reshape(-1) / np.broadcast_to(tiny, evaluator.base.shape), evaluator.dtype)


def _plain(out: object) -> object:
    if isinstance(out, np.ndarray):
        return out.view(np.ndarray)
    if isinstance(out, (list, tuple)):
        return [_plain(item) for item in out]
    return out


def _cross_check(setup: Setup, line: Line, value: Array, error: Array, finite: Array) -> None:
    """One real central difference; where it disagrees, the adaptive method; then a refusal."""
    base = setup.evaluator.base
    bits = min(setup.evaluator.bits, line.bits)
    step = line.fit(UNEVEN * line.scale * 2.0 ** -round(bits / 3))
    points, inside = line.points(np.stack([step, -step]))
    ends = setup.evaluator(points, np.asarray(inside.any(axis=1)))
    central = (ends[0] - ends[1]) / (2 * step)
    suspect = finite & ~(np.abs(central - value) <= _COARSE * np.maximum(np.abs(central), np.abs(value)))
    if not suspect.any():
        return
    referee = run([(line, first_derivative(line, base, setup.evaluator.bits))], setup.evaluator)[0]
    apart = np.abs(referee.value - value) > 4 * (referee.error + error) + 1e-14 * np.abs(value)
    if bool((suspect & apart).any()):
        index = int(np.argmax(suspect & apart))
        raise ComplexStepError(
            f"the complex step says {value[index]:.6g}, differences say {referee.value[index]:.6g} "
            f"± {referee.error[index]:.1g}",
            'scheme="auto"', "f leaves the complex numbers: np.asarray(x), a cast, a branch, x at a kink")
