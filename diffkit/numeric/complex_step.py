"""The complex step: Im f(x + ih) / h, exact to rounding, where f is analytic (Squire & Trapp 1998).

No difference is taken, so h can be 1e-20 and nothing cancels *in the step*; what cancels
in f itself still does, and is measured: the second difference of the derivative over
points 2^-26 |x| beside x is rounding and nothing else.  ``holomorphic.py`` refuses
what is not analytic as it happens.  What leaves NumPy's sight (``np.asarray(x)``, C code)
is caught by one real central difference; where that disagrees, the adaptive method
decides, and the answer is its verdict: agreement within claims, or a refusal.

Im f takes one derivative and no more; the next ones are differences of these slopes, which are as smooth
as f and have its digits: order n loses as much as order n - 1 does by real differences, and a
Hessian as little as a gradient.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.exceptions import ComplexWarning

from diffkit import tree
from diffkit.errors import ComplexStepError
from diffkit.numeric.adaptive import first_derivative
from diffkit.numeric.evaluation import Evaluator
from diffkit.numeric.higher import nth_derivative
from diffkit.numeric.holomorphic import watched
from diffkit.numeric.ladder import UNEVEN
from diffkit.numeric.lines import Line, coordinate, run
from diffkit.numeric.result import NONFINITE, OK, STATUS_DTYPE, Array, Estimate

_SIDES = (0, 1, -1)
_COARSE = 1e-4
#: Steps in units of |x| or 1, as powers of two: the second leaves an error of 2^-56 f''' and no more.
_EXPONENTS = (-66, -28)
#: Beside x an imaginary part this large against f is no derivative: f is not real there, as log(-1).
_UNREAL = 2.0**-10


def complex_steps(evaluator: Evaluator, lines: Sequence[Line], order: int = 1) -> list[Estimate]:
    """An estimate for every line or plane.

    Raises
    ------
    ComplexStepError
        Where x or f's result is complex, f is not analytic or loses the imaginary part,
        or where f takes a batch (the watch needs single calls).
    """
    if any(leaf.complex for leaf in evaluator.entries.leaves) or evaluator.dtype.kind == "c":
        raise ComplexStepError("the complex step needs a real function of real numbers", 'scheme="auto"')
    if evaluator.vectorized:
        raise ComplexStepError("the complex step takes no batches", "vectorized=False")
    with np.errstate(all="ignore"):
        return [_first(evaluator, line)[0] if order == 1 and not line.plane else _higher(evaluator, line, order)
                for line in lines]


def _higher(evaluator: Evaluator, line: Line, order: int) -> Estimate:
    """Differences of complex steps: along the same line, or along the other entry of a plane."""
    along, across = line, line
    if line.plane:
        along, across = (coordinate(line.entries, int(index)) for index in line.active)
    first, tiny = _first(evaluator, along)
    slopes = Slopes(evaluator, along, tiny, first.value)
    if order == 2:
        scheme = first_derivative(across, slopes.base, slopes.bits)
    else:
        scheme = nth_derivative(across, slopes.base, slopes.bits, order - 1, "auto")
    found = run([(across, scheme)], slopes)[0]
    evaluator.count += slopes.count
    return found


class Slopes(Evaluator):
    """The complex step in the place of f: real points in, slopes along ``line`` out."""

    def __init__(self, evaluator: Evaluator, line: Line, tiny: Array, base: Array) -> None:
        vars(self).update(vars(evaluator))
        self.count, self.base, self.size = 0, base, np.abs(evaluator.base)
        self.line, self.tiny = line, tiny

    def value(self, point: Array) -> Array:
        """Every slope at one point, NaN where f is not real."""
        value = _stepped(self, self.line, self.tiny, point)
        unreal = np.abs(value.imag) > _UNREAL * np.maximum(np.abs(value.real), self.size)
        slope = value.imag / np.broadcast_to(self.tiny, value.shape)
        return np.where(unreal, np.nan, slope)


def _first(evaluator: Evaluator, line: Line) -> tuple[Estimate, Array]:
    """The first derivative along a line, and the imaginary step that was taken."""
    base = evaluator.base
    finite = np.isfinite(base) & np.isfinite(line.scale).all()
    if not finite.any():
        return Estimate.blank(len(base), base.dtype), line.scale
    # The step need not be seen beside x, only be small for f: |x| is no measure of that where |x| is large.
    unit = np.minimum(line.scale, 1 / np.abs(line.weights).max())
    aside = np.maximum(unit * 2.0 ** -(line.bits // 2), line.scale * 2.0 ** (4 - line.bits))
    limits = np.finfo(base.dtype)
    for exponent in _EXPONENTS:
        tiny = unit * 2.0**exponent
        slopes = [_slope(evaluator, line, tiny, side * aside) for side in _SIDES]
        # An imaginary part that underflows has lost digits: a larger step then.
        if not (np.abs(slopes[0] * tiny) < limits.tiny * 2.0**line.bits)[base != 0].any():
            break
    value = slopes[0]
    spread = np.abs(slopes[1] + slopes[2] - 2 * value)
    bits = min(evaluator.bits, line.bits)
    error = 2 * np.nan_to_num(spread) + 16 * 2.0**-bits * np.abs(value) + 256 * limits.smallest_subnormal / tiny
    _cross_check(evaluator, line, value, error, finite)
    lost = ~(np.isfinite(value) & finite)
    value = np.where(lost, np.nan, value)
    status = np.where(lost, NONFINITE, OK).astype(STATUS_DTYPE)
    noise = np.abs(base) * 2.0 ** (1 - bits)
    return Estimate(value, np.where(lost, np.inf, error), status, value, value, noise,
                    np.broadcast_to(tiny, base.shape).astype(base.dtype)), tiny


def _slope(evaluator: Evaluator, line: Line, tiny: Array, shift: Array) -> Array:
    """Im f(x + shift + i tiny) / tiny, every output."""
    points, _ = line.points(shift[None])
    evaluator.count += 1
    value = _stepped(evaluator, line, tiny, points[0])
    return np.asarray(value.imag / np.broadcast_to(tiny, value.shape), evaluator.dtype)


def _stepped(evaluator: Evaluator, line: Line, tiny: Array, point: Array) -> Array:
    """f(point + i tiny v) with v along the line, every output as one complex number."""
    entries = evaluator.entries
    imaginary = np.zeros(entries.values.shape, entries.values.dtype)
    imaginary[line.active] = tiny * line.weights
    leaves = []
    for leaf in entries.leaves:
        real = np.asarray(leaf.rebuild(point))
        part = real.astype(np.result_type(real.dtype, np.complex64))
        part.imag = imaginary[leaf.start:leaf.stop].reshape(leaf.shape)
        leaves.append(watched(part))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ComplexWarning)
            out = evaluator.f(tree.unflatten(entries.structure, leaves))
    except ComplexWarning:
        raise ComplexStepError("f casts a complex number to a real one, which drops the derivative", 'scheme="auto"',
                               "np.float32(x), np.asarray(x, float), an assignment into a real array") from None
    try:
        array = np.array(_plain(out), np.result_type(evaluator.dtype, np.complex64))
    except (TypeError, ValueError):
        raise ComplexStepError("f's result for a complex argument is not numeric", 'scheme="auto"') from None
    if array.shape != evaluator.shape:
        raise ComplexStepError(f"f's result has shape {array.shape} for a complex argument, {evaluator.shape} "
                               "for a real one", 'scheme="auto"')
    return array.reshape(-1)


def _plain(out: object) -> object:
    if isinstance(out, np.ndarray):
        return out.view(np.ndarray)
    if isinstance(out, (list, tuple)):
        return [_plain(item) for item in out]
    return out


def _cross_check(evaluator: Evaluator, line: Line, value: Array, error: Array, finite: Array) -> None:
    """One real central difference; where it disagrees, the adaptive method; then a refusal."""
    base = evaluator.base
    bits = min(evaluator.bits, line.bits)
    step = line.fit(UNEVEN * line.scale * 2.0 ** -round(bits / 3))
    points, inside = line.points(np.stack([step, -step]))
    ends = evaluator(points, np.asarray(inside.any(axis=1)))
    central = (ends[0] - ends[1]) / (2 * step)
    suspect = finite & ~(np.abs(central - value) <= _COARSE * np.maximum(np.abs(central), np.abs(value)))
    if not suspect.any():
        return
    referee = run([(line, first_derivative(line, base, evaluator.bits))], evaluator)[0]
    apart = np.abs(referee.value - value) > 4 * (referee.error + error) + 1e-14 * np.abs(value)
    if bool((suspect & apart).any()):
        index = int(np.argmax(suspect & apart))
        raise ComplexStepError(
            f"the complex step says {value[index]:.6g}, differences say {referee.value[index]:.6g} "
            f"± {referee.error[index]:.1g}",
            'scheme="auto"', "f leaves the complex numbers: np.asarray(x), a cast, a branch, x at a kink")
