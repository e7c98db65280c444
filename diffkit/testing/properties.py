"""Identities that every right derivative fulfils, whatever the function: no reference needed.

    adjoint      <w, J v> = <Jᵀ w, v>                  forward and reverse are one Jacobian
    linearity    J(a v + b t) = a J v + b J t          tangents; likewise cotangents
    modes        uᵀ H v in the four pairs of modes      and in the order v, u: symmetry
    repetition   the same derivative, bit for bit       when it is asked twice
    Euler        J x = d f                              where f(k x) = k^d f(x) is seen to hold
    Taylor       |f(x + h u) - f - h f' - …| ~ h^k      slopes 1, 2, 3 in log-log

All but the last hold up to rounding, and the rounding is measured: the gap of an identity is
taken again with x and the directions off by a few units in the last place.  A wrong rule's gap is
the same there; rounding's is not.  The
Taylor slopes need steps, so they are evidence to look at and accuse nobody: f's kinks, noise and
vanishing derivatives bend them.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.comparison.guard import Overtime, Watch
from diffkit.errors import DiffkitError
from diffkit.testing.directions import Array, Flat, direction, magnitude, nudged, pairing
from diffkit.transforms import grad, jvp, vjp

_UNITS = 64.0
#: Seconds for one call of f away from the point.
_ONE_CALL = 1.0
EULER, TAYLOR = "Euler: J x = d f", "Taylor remainders"
_NUDGES = (1, -2, 3)


@dataclasses.dataclass(frozen=True)
class Property:
    """One identity: its gap, what rounding explains, and whether it holds.

    ``ok`` is True, False, or None where it could not be asked (``text`` says why) or is
    evidence only.
    """

    name: str
    ok: bool | None
    gap: float
    allowed: float
    text: str


def properties(flat: Flat, order: int, modes: Sequence[str], seed: int) -> list[Property]:
    """All that apply to a call of real or complex f, of first and second order."""
    rng = np.random.default_rng(seed)
    x = flat.leaves
    t, others = direction(rng, x, relative=True), direction(rng, x, relative=True)
    w, weights = direction(rng, flat.outs), direction(rng, flat.outs)
    found = []
    if {"forward", "reverse"} <= set(modes):
        found.append(_held("adjoint <w, Jv> = <Jᵀw, v>", flat, (x, t, w), lambda x, t, w: _adjoint(flat, x, t, w),
                           lambda: _excuse(flat, w, t, seed)))
    if "forward" in modes:
        found.append(_held("pushforward is linear", flat, (x, t, others, w), lambda x, t, others, w: _linear(
            lambda t: jvp(flat, tuple(x), tuple(t))[1], t, others, w), lambda: 5 * _excuse(flat, w, t, seed)))
    if "reverse" in modes:
        found.append(_held("pullback is linear", flat, (x, w, weights, t), lambda x, w, weights, t: _linear(
            vjp(flat, *x)[1], w, weights, t), lambda: 5 * _excuse(flat, w, t, seed)))
    found.append(_repeated(flat, t, w, modes))
    if flat.is_real:
        found.append(_euler(flat, modes))
    if order >= 2 and flat.is_real:
        found.append(_held("second order in every pair of modes", flat, (x, t, others), lambda x, u, v: _pairs(
            flat.projected(w), x, u, v, modes), lambda: _excuse(_gradient(flat, w), t, others, seed)))
    return found


def _repeated(flat: Flat, tangents: Sequence[Array], weights: Sequence[Array], modes: Sequence[str]) -> Property:
    """The derivative of every mode, asked twice: equal in every bit."""
    name, gap, scale = "the same derivative twice", 0.0, 0.0
    try:
        with np.errstate(all="ignore"):
            for mode in modes:
                first, again = (jvp(flat, tuple(flat.leaves), tuple(tangents))[1] if mode == "forward" else
                                vjp(flat, *flat.leaves)[1](tuple(weights)) for _ in range(2))
                for a, b in zip(first, again):
                    if not np.array_equal(a, b, equal_nan=True):
                        gap = max(gap, float(np.max(np.nan_to_num(np.abs(a - b), nan=np.inf))))
                    scale = max(scale, float(np.max(np.abs(a), initial=0.0)))
    except DiffkitError as error:
        return Property(name, None, np.nan, np.nan, str(error.what).splitlines()[0])
    return Property(name, gap == 0, gap, 0.0, f"largest entry {scale:.6g}")


def _euler(flat: Flat, modes: Sequence[str]) -> Property:
    """J x = d f where f is homogeneous of degree d in all arguments, as its values at 2 x, 3 x and x/2 tell."""
    found = _degree(flat)
    if found is None:
        return Property(EULER, None, np.nan, np.nan, "f is not homogeneous")
    degree, deviation = found

    def ask(x: Sequence[Array]) -> tuple[float, float, str]:
        outs = flat(*x)
        weights = [np.where(out < 0, -1.0, 1.0).astype(out.dtype)[()] for out in outs]
        pushed = pairing(weights, jvp(flat, tuple(x), tuple(x))[1]) if "forward" in modes else \
            pairing(vjp(flat, *x)[1](tuple(weights)), x)
        gradient = vjp(flat, *x)[1](tuple(weights)) if "reverse" in modes else ()
        scale = magnitude(gradient, x) + abs(pushed) + (1 + abs(degree)) * pairing(weights, outs)
        text = f"{pushed:.6g}, and f is homogeneous of degree {degree:g}"
        return pushed - degree * pairing(weights, outs), scale, text

    # tanh(30), sqrt(x**2 + 1e-9) and 1 + sinc(1e9 x) are homogeneous as far as these values tell, and no further.
    return _held(EULER, flat, (flat.leaves,), ask, lambda: 8 * deviation + _off_the_ray(flat, degree))


def _off_the_ray(flat: Flat, degree: float) -> float:
    """How far f's values along the ray through x, close to it, allow a slope other than that of its degree."""
    from diffkit import numeric

    signs = [np.where(out < 0, -1.0, 1.0) for out in flat.outs]
    leaves = [leaf.astype(np.float64) for leaf in flat.leaves]

    def along(t: float) -> float:
        return pairing(signs, flat(*(leaf * t for leaf in leaves)))

    try:
        with np.errstate(all="ignore"):
            found = numeric.jacobian(along, 1.0, scheme="central")
    except DiffkitError:
        return 0.0
    slope, claim = float(found.value), float(found.error)
    return np.inf if not np.isfinite(claim) else abs(slope - degree * pairing(signs, flat.outs)) + 2 * claim


def _degree(flat: Flat) -> tuple[float, float] | None:
    """d with f(k x) = k^d f(x) for k = 2, 3 and 1/2, if it is a half of a whole number; and how far that fails."""
    size = np.concatenate([np.ravel(out) for out in flat.outs])
    if not np.all(np.isfinite(size)) or not np.any(size):
        return None
    degrees, scaled_back = [], []
    with np.errstate(all="ignore"):
        for k in (2.0, 3.0, 0.5):
            try:
                with Watch(_ONE_CALL, _ONE_CALL) as watch:  # f may run for ever there
                    scaled = watch.timed(flat)(*(np.asarray(leaf * k).astype(leaf.dtype)[()] for leaf in flat.leaves))
            except (Exception, Overtime):  # k x is outside f's domain
                return None
            moved = np.concatenate([np.ravel(out) for out in scaled])
            if moved.shape != size.shape:
                return None
            largest = int(np.argmax(np.abs(size)))
            degree = np.log(moved[largest] / size[largest]) / np.log(k)
            if not np.isfinite(degree) or not np.all(np.abs(moved - k**degree * size) <= 1e3 * flat.epsilon * np.max(
                    np.abs(moved))):
                return None
            degrees.append(float(degree))
            scaled_back.append((k, moved))
    half = round(2 * degrees[0]) / 2
    if any(abs(degree - half) > 1e4 * flat.epsilon for degree in degrees):
        return None
    return half, max(float(np.sum(np.abs(moved * k**-half - size))) for k, moved in scaled_back)


def _gradient(flat: Flat, weights: Sequence[Array]) -> Flat:
    f, everything = flat.projected(weights), tuple(range(len(flat.leaves)))
    return Flat(lambda *x: grad(f, everything)(*x), tuple(flat.leaves), everything, {})


def _excuse(flat: Flat, left: Sequence[Array], right: Sequence[Array], seed: int) -> float:
    """What rounding can do to <left, J right>: seen by running f with every operand off by its last digit.

    It is asked only when a gap is to be explained: a product through an ill-conditioned constant
    shows no spread, and is off by as much.
    """
    from diffkit.comparison.posing import pose
    from diffkit.comparison.shaking import loss_by_rounding

    everything = tuple(range(len(flat.leaves)))
    loss = loss_by_rounding(pose(flat, tuple(flat.leaves), {}, everything), seed)
    if loss is None:
        return 0.0
    rows, columns = (np.concatenate([np.ravel(np.abs(leaf)) for leaf in leaves]) for leaves in (left, right))
    return 10 * float(rows @ loss @ columns)


def _held(name: str, flat: Flat, at: Sequence[Sequence[Array]],
          ask: Callable[..., tuple[float, float, str]], excuse: Callable[[], float]) -> Property:
    """An identity of x and directions, judged by its gap beside them."""
    try:
        with np.errstate(all="ignore"):
            gap, scale, text = ask(*at)
            allowed = _UNITS * flat.epsilon * scale
            if not np.isfinite(gap):
                return Property(name, None, gap, allowed, "not finite here")
            if abs(gap) > allowed:
                gaps = [ask(*nudged(at, step))[0] for step in _NUDGES]
                allowed += 8 * float(np.ptp(gaps)) if np.all(np.isfinite(gaps)) else np.inf
            if abs(gap) > allowed:
                allowed += excuse()
    except DiffkitError as error:
        return Property(name, None, np.nan, np.nan, str(error.what).splitlines()[0])
    return Property(name, bool(abs(gap) <= allowed), gap, allowed, text)


def _adjoint(flat: Flat, x: Sequence[Array], tangents: Sequence[Array],
             weights: Sequence[Array]) -> tuple[float, float, str]:
    pushed = jvp(flat, tuple(x), tuple(tangents))[1]
    pulled = vjp(flat, *x)[1](tuple(weights))
    left, right = pairing(weights, pushed), pairing(pulled, tangents)
    return left - right, magnitude(weights, pushed) + magnitude(pulled, tangents), f"{left:.6g} and {right:.6g}"


def _linear(apply: Callable[[Any], Sequence[Array]], one: Sequence[Array], two: Sequence[Array],
            reader: Sequence[Array]) -> tuple[float, float, str]:
    """2 A(one) - 3 A(two) against A(2 one - 3 two), read along one direction."""
    mixed = tuple(np.asarray(2 * a - 3 * b).astype(a.dtype)[()] for a, b in zip(one, two))
    first, second, both = apply(tuple(one)), apply(tuple(two)), apply(mixed)
    left = 2 * pairing(reader, first) - 3 * pairing(reader, second)
    right = pairing(reader, both)
    scale = 2 * magnitude(reader, first) + 3 * magnitude(reader, second) + magnitude(reader, both)
    return left - right, scale, f"{left:.6g} and {right:.6g}"


def _pairs(f: Callable[..., Array], x: Sequence[Array], u: Sequence[Array], v: Sequence[Array],
           modes: Sequence[str]) -> tuple[float, float, str]:
    """uᵀ H v by every pair of the modes, and vᵀ H u: the largest difference between any two."""
    x, everything = tuple(x), tuple(range(len(x)))

    def slope(mode: str, f: Callable[..., Array], along: Sequence[Array]) -> Callable[..., Array]:
        if mode == "forward":
            return lambda *x: jvp(f, x, tuple(along))[1]
        return lambda *x: _sum(np.sum(g * t) for g, t in zip(grad(f, everything)(*x), along))

    found = {}
    for outer, inner in itertools.product(modes, modes):
        if {outer, inner} <= {"forward", "reverse"}:
            found[f"{outer} over {inner}"] = float(slope(outer, slope(inner, f, v), u)(*x))
            found[f"{outer} over {inner}, swapped"] = float(slope(outer, slope(inner, f, u), v)(*x))
    names = sorted(found, key=lambda name: found[name])
    gap = found[names[-1]] - found[names[0]]
    # The size of the terms, so that a sum that cancels is not held to its own digits.
    product = jvp(lambda *x: tuple(grad(f, everything)(*x)), x, tuple(u))[1] if "reverse" in modes else ()
    scale = magnitude(product, v) if product else abs(found[names[-1]])
    text = f"{found[names[0]]:.6g} in all" if gap == 0 else \
        f"{names[0]} {found[names[0]]:.10g}, {names[-1]} {found[names[-1]]:.10g}"
    return gap, max(scale, abs(found[names[-1]])) * len(found), text


def _sum(terms: Any) -> Any:
    first, *rest = terms
    for term in rest:
        first = first + term
    return first


def taylor(flat: Flat, order: int, modes: Sequence[str], seed: int) -> Property | None:
    """Slopes of the Taylor remainders along one direction: 1, 2 and (with order 2) 3; None if not real."""
    if not flat.is_real:
        return None
    rng = np.random.default_rng(seed)
    u = [t / 8 for t in direction(rng, flat.leaves, relative=True)]
    f = flat.projected(direction(rng, flat.outs))

    def line(t: Array) -> Array:
        return f(*(leaf + t * step for leaf, step in zip(flat.leaves, u)))

    mode = "forward" if "forward" in modes else "reverse"
    terms: list[float] = []
    try:
        with np.errstate(all="ignore"):
            derivative: Callable[[Any], Any] = line
            for _ in range(order + 1):
                terms.append(float(derivative(np.float64(0.0))))
                derivative = _along(derivative, mode)
            slopes = _slopes(line, terms, 32 * flat.epsilon)
    except DiffkitError as error:
        return Property(TAYLOR, None, np.nan, np.nan, str(error.what).splitlines()[0])
    fit = all(s is None or s > k + 0.8 for k, s in enumerate(slopes))
    said = ", ".join(f"{'exact' if s is None else f'slope {s:.2f}'} after {name} ({k} expected)"
                     for k, (s, name) in enumerate(zip(slopes, ("f", "its gradient", "its Hessian")), 1))
    return Property(TAYLOR, fit or None, np.nan, np.nan, said)


def _along(f: Callable[[Any], Any], mode: str) -> Callable[[Any], Any]:
    if mode == "forward":
        return lambda t: jvp(f, (t,), (np.float64(1.0),))[1]
    return grad(f)


def _slopes(line: Callable[[Any], Any], terms: Sequence[float], resolution: float) -> list[float | None]:
    """For each number of terms, how fast the remainder falls above f's rounding; None where it is all rounding."""
    steps = 0.5 ** np.arange(0, 14)
    values = np.array([float(line(np.float64(h))) for h in steps])
    partial = np.zeros_like(steps)
    floor = resolution * max(abs(terms[0]), float(np.max(np.abs(values))))
    slopes: list[float | None] = []
    factorial = 1.0
    for k, term in enumerate(terms):
        factorial *= max(k, 1)
        partial = partial + term * steps**k / factorial
        rest = np.abs(values - partial)
        seen = np.flatnonzero(rest > 30 * floor)
        seen = seen[: int(np.argmax(np.diff(seen) > 1)) + 1] if np.any(np.diff(seen) > 1) else seen
        if len(seen) < 2:
            slopes.append(None)
        else:
            slopes.append(float(np.median(np.log2(rest[seen[:-1]] / rest[seen[1:]])[-3:])))
    return slopes
