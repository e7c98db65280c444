"""The first derivative along a line: a quick path that is nearly always enough, with its own witness.

Eight evaluations beside f(x): three pairs at s/128, s/256, s/512 (s = |x|, or 1), extrapolated
in h², and one pair at s/2²² that has no part in the value.  The fine pair *sees* what the
extrapolation can't know: |R - D_fine| h_fine is noise, or a kink, jump or oscillation
between the two scales; and the gap of the one-sided slopes, extrapolated from the same
values, must vanish.  Only if all agree and the claim is small the quick answer stands;
else the ladder of ``ladder.py`` decides.

Steps are 0.9137 times powers of two: steps that are powers of two make the rounding of
common functions regular and hide it.  Precisions other than 53 bits move the exponents in
proportion.
"""

from __future__ import annotations

import numpy as np

from diffkit.numeric import noise as noises
from diffkit.numeric.ladder import UNEVEN, climb
from diffkit.numeric.lines import Line, Scheme
from diffkit.numeric.pairs import Pairs
from diffkit.numeric.result import OK, STATUS_DTYPE, Array, Estimate


def first_derivative(line: Line, base: Array, bits: int, one_sided: bool = True) -> Scheme[Estimate]:
    """The derivative of every output along ``line``, each with its claim and status.

    Parameters
    ----------
    line : Line
    base : array (m,)
        f(x), in the precision to work in.
    bits : int
        Mantissa bits of f's result.
    one_sided : bool
        Whether a side where f has no value may be done without.
    """
    answer = Estimate.blank(len(base), base.dtype)
    alive = np.isfinite(base) & (np.isfinite(line.scale) if line.separate else np.isfinite(line.scale).all())
    if not alive.any():
        return answer
    bits = min(bits, line.bits)
    first, fine = max(2, round(bits * 7 / 53)), round(bits * 22 / 53)
    exponents = np.array([first, first + 1, first + 2, fine])
    # Between near bounds the quick steps shrink to fit.
    room = np.minimum(-line.low, line.high)
    scale = np.where(room > 0, np.minimum(line.scale, room * 2.0**first), line.scale)
    step = line.fit(UNEVEN * scale * 2.0 ** -exponents[:, None])
    values = yield np.concatenate([step, -step])
    unit = _unit(values, base)
    pairs = Pairs.of(step, values, base, unit)
    resolution = noises.floor(pairs, bits)
    quick, accepted = _judge(pairs, resolution, bits, line.scale * 8 >= line.reach)

    flat = alive & accepted & pairs.flat
    if flat.any():
        # Constant, or the top of a stair, or all digits cancelled?  Two wide pairs tell.
        wide = line.fit(UNEVEN * line.reach * np.array([[0.25], [0.25 / 8]]))
        values = yield np.concatenate([wide, -wide])
        further = Pairs.of(wide, values, base, unit)
        pairs = pairs.merge(further)
        moves = (np.nan_to_num(further.plus - further.base) != 0) | (np.nan_to_num(further.minus - further.base) != 0)
        accepted &= ~(flat & moves.any(axis=0))
    answer.put(alive, quick.map(lambda field: field[alive]))
    todo = np.flatnonzero(alive & ~accepted)
    if len(todo):
        found = yield from climb(line, pairs, todo, bits, one_sided)
        answer.put(todo, found)
    return Estimate(answer.value * unit, answer.error * unit, answer.status, answer.left * unit,
                    answer.right * unit, answer.noise * unit, answer.steps)


def _unit(values: Array, base: Array) -> Array:
    """A power of two near |f|, so that no difference overflows and no noise underflows."""
    size = np.fmax(np.abs(base), np.nan_to_num(np.abs(values)).max(axis=0))
    _, exponent = np.frexp(np.where(np.isfinite(size) & (size > 0), size, 1))
    unit: Array = np.ldexp(np.ones(len(base), base.real.dtype), np.clip(exponent, -1000, 1000))
    return unit


def _judge(pairs: Pairs, resolution: Array, bits: int, roomy: Array) -> tuple[Estimate, Array]:
    """The quick answer, and where it stands."""
    coarse = pairs.level(slice(0, 3))
    fine_step = pairs.step[3]
    central = coarse.central
    z = coarse.step**2
    once = central[1:] + z[1:] / (z[:-1] - z[1:]) * np.diff(central, axis=0)
    value = once[1] + z[2] / (z[0] - z[2]) * (once[1] - once[0])
    # The gap of a smooth function has odd powers of h only: h and h³ are taken out.
    step = coarse.step[2]
    gap = np.abs((16 * coarse.gap[2] - 10 * coarse.gap[1] + coarse.gap[0]) / 7)
    # Noise, seen three times: beside the fine pair, in its second difference (less the curvature), and in what is
    # left of the gaps, for close neighbours may share their rounding.
    slope_noise = np.abs(value - pairs.central[3]) * fine_step
    bend_noise = np.abs(pairs.gap[3] - coarse.gap[2] * (fine_step / step)) * fine_step / 2
    noise = np.maximum(np.maximum(slope_noise, bend_noise), resolution.max(axis=0))
    wide_noise = np.maximum(noise, gap * step / 4)
    claim = 3 * np.maximum(np.abs(value - once[1]), np.abs(once[1] - once[0]) / 8) + 8 * wide_noise / step
    small = 2.0 ** (-0.6 * bits)
    # At a stationary point only the noise is left: wider steps would gain little if s is near their range.
    natural = np.abs(pairs.base) / (step * 2.0 ** round(bits * 9 / 53))
    still = roomy & (np.abs(value) <= 4 * claim) & (claim <= small * natural)
    accepted = ((claim <= small * np.abs(value)) | still) & (gap <= 24 * noise / step + claim)
    accepted |= (claim == 0) & (value == 0)
    accepted |= pairs.flat
    status = np.full(len(value), OK, STATUS_DTYPE)
    return Estimate(value, claim, status, value, value, noise, step), accepted
