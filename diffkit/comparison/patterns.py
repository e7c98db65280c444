"""Naming an error: a sign, a factor, a transposed block, one entry, one branch.

People who are told "differs by 176" must still find the bug; people who are told
"-1 times the right value, element 2 of 5" have found it.  Each pattern is one test of the
wrong matrix against the reference; the first that holds is the name.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.comparison.parts import is_conjugate
from diffkit.comparison.problem import Array, Problem

_CLOSE = 1e-5


def name_pattern(problem: Problem, value: Array, reference: Array, wrong: Array) -> str:
    """What kind of error this is, in a few words ("" when it looks like none of the known)."""
    bad, right = value[wrong], reference[wrong]
    if not np.all(np.isfinite(bad)):
        lost = int(np.sum(~np.isfinite(bad)))
        return f"not finite ({bad[~np.isfinite(bad)][0]}) where f is smooth" + (
            "" if lost == bad.size else f", {lost} of {bad.size} entries")
    if is_conjugate(problem, value, reference, wrong):
        return "the complex conjugate"
    coarse = _coarse(problem, value, reference)
    if coarse:
        return coarse
    with np.errstate(all="ignore"):
        ratio = np.where(right != 0, bad / np.where(right != 0, right, 1), np.nan)
    whole = _significant(reference) & np.isfinite(value)
    everywhere = bool(np.all(wrong[whole])) if whole.any() else True
    where = "" if everywhere else _which(problem, wrong)
    factor = _constant(ratio[np.isfinite(ratio)], 1.0)
    if not bad.any():
        return "zero" + (where or " everywhere")
    if everywhere or int(wrong.sum()) > 1:
        arranged = _arranged(problem, value, reference, wrong)
        if arranged and not (factor is not None and abs(factor - 1) > _CLOSE):
            return arranged
    if factor is not None and np.isfinite(ratio).any():
        return _factor(problem, factor) + where
    if np.iscomplexobj(value) and np.allclose(bad, np.conj(right), rtol=_CLOSE, atol=0):
        return "the complex conjugate" + where
    if np.allclose(np.abs(bad), np.abs(right), rtol=_CLOSE, atol=0):
        return "the sign of some entries" + where
    shift = _constant(bad - right)
    if shift is not None and bad.size > 1:
        return f"off by {shift:.6g} in every entry" + where
    return where.removeprefix(": ").removeprefix(", ")


def _coarse(problem: Problem, value: Array, reference: Array) -> str:
    """The right numbers in a precision below the question's ("" when they are not)."""
    with np.errstate(all="ignore"):
        largest = np.max(np.abs(reference), axis=1, keepdims=True, initial=0.0)
        apart = np.abs(value - reference)
        for kind in (np.float32, np.float16):
            epsilon = float(np.finfo(kind).eps)
            if epsilon > problem.epsilon and value.dtype.kind == "f" and np.array_equal(value.astype(kind), value) \
                    and np.all(apart <= 4 * epsilon * largest) and value.any():
                return f"right to the digits of {np.dtype(kind)}: it is computed in lower precision than f"
    return ""


def name_shape(problem: Problem, answer: Any, reference: Array) -> str:
    """What a derivative of another shape is beside the right one ("" when it looks like none of the known)."""
    leaves = tree.flatten(answer)[0]
    blocks = [block for row in problem.blocks(problem.containers(reference)) for block in row]
    if len(leaves) != len(blocks):
        return ""
    for leaf, right in zip(leaves, blocks):
        given = np.asarray(leaf)
        if given.shape != right.shape and given.dtype.kind in "fciu" and right.size:
            return _reshaped(given, right)
    return ""


def _reshaped(given: Array, right: Array) -> str:
    """An array of another shape: unsummed, summed too far, transposed, or only laid out in another way."""
    def alike(a: Array, b: Array) -> bool:
        allowed = _CLOSE * float(np.max(np.abs(b), initial=0.0))
        return a.shape == b.shape and bool(np.allclose(a, b, rtol=_CLOSE, atol=allowed))

    axes = range(given.ndim)
    for chosen in (axis for count in range(1, given.ndim + 1) for axis in combinations(axes, count)):
        for keepdims in (False, True):
            if alike(np.sum(given, axis=chosen, keepdims=keepdims), right) and right.size < given.size:
                return f"its sum over {_axes(chosen)} is right: the sum over a broadcast axis is missing"
            if alike(np.mean(given, axis=chosen, keepdims=keepdims), right) and right.size < given.size:
                return f"its mean over {_axes(chosen)} is right: the mean is missing"
    if given.size == right.size:
        if given.ndim == right.ndim == 2 and alike(given.T, right):
            return "transposed"
        if alike(given.reshape(right.shape), right):
            return "the right numbers in another shape"
    for chosen in (axis for count in range(1, right.ndim + 1) for axis in combinations(range(right.ndim), count)):
        if alike(given, np.sum(right, axis=chosen)):
            return f"summed over {_axes(chosen)}, which belongs to the derivative"
        if alike(given, np.diagonal(right)) if right.ndim == 2 else False:
            return "the diagonal alone"
    return ""


def _axes(chosen: tuple[int, ...]) -> str:
    return f"axis {chosen[0]}" if len(chosen) == 1 else f"axes {', '.join(map(str, chosen))}"


def _significant(reference: Array) -> Array:
    size = np.abs(np.where(np.isfinite(reference), reference, 0))
    return np.asarray(size > 1e-9 * np.max(size, initial=0.0))


def _constant(values: Array, around: float = 0.0) -> complex | float | None:
    """The one number that all values are (to three digits of what it is away from ``around``), or None."""
    if values.size == 0:
        return None
    middle = np.median(values.real) + (1j * np.median(values.imag) if np.iscomplexobj(values) else 0)
    away = 1e-3 * abs(middle - around)
    if not np.all(np.abs(values - middle) <= (max(_CLOSE * abs(middle), away) if around else away)):
        return None
    return middle if np.iscomplexobj(values) else float(np.real(middle))


def _factor(problem: Problem, factor: complex | float) -> str:
    if isinstance(factor, complex) and abs(factor.imag) > _CLOSE * abs(factor):
        return f"{factor:.6g} times the right value"
    real = float(np.real(factor))

    def close(number: float) -> bool:
        return abs(real - number) <= _CLOSE * abs(number)

    if close(-1):
        return "-1 times the right value: the sign"
    sizes = {s for leaf in (*problem.moving.leaves, *problem.outs) for s in (np.size(leaf), *np.shape(leaf)) if s > 2}
    for size in sorted(sizes):
        if close(size):
            return f"{size} times the right value: a sum where a mean is meant ({size} is a size of the problem)"
        if close(1 / size):
            return f"1/{size} of the right value: a mean where a sum is meant ({size} is a size of the problem)"
    for number in range(2, 13):
        if close(number):
            return f"{number} times the right value"
        if close(1 / number):
            return f"1/{number} of the right value"
        if close(-number):
            return f"-{number} times the right value"
    whole = round(1 / real) if real > 0 else 0
    if 12 < whole <= 100 and close(1 / whole):
        return f"1/{whole} of the right value"
    if abs(real - 1) < 0.01:
        return f"{real:.10g} times the right value: relative error {abs(real - 1):.1e}"
    return f"{real:.6g} times the right value"


def _arranged(problem: Problem, value: Array, reference: Array, wrong: Array) -> str:
    """Right numbers in wrong places: transposed, shifted by one, reversed."""
    def matches(candidate: Array, block: Array) -> bool:
        return candidate.shape == block.shape and bool(np.allclose(block, candidate, rtol=_CLOSE, atol=0))

    for what, block, target in _blocks(problem, value, reference):
        if block.size < 2 or matches(target, block):
            continue
        if block.ndim == 2 and matches(target.T, block):
            return f"transposed{what}"
        if block.ndim == 2 and matches(target.T.reshape(block.shape), block):
            return f"transposed (and reshaped){what}"
        flat, right = block.reshape(-1), target.reshape(-1)
        for shift in (1, -1):
            if matches(np.roll(right, shift), flat):
                return f"the entries are shifted by one place{what}"
        if matches(right[::-1], flat):
            return f"the entries are in reverse order{what}"
        if matches(np.sort(right), np.sort(flat)):
            return f"the right numbers in wrong places{what}"
    return ""


def _blocks(problem: Problem, value: Array, reference: Array) -> Iterator[tuple[str, Array, Array]]:
    """Blocks in which an arrangement can be seen: each leaf's gradient, or the whole Jacobian."""
    if problem.rows > 1:
        yield "", value, reference
    start = 0
    for leaf, name in zip(problem.moving.leaves, problem.input_leaves):
        stop = start + int(np.size(leaf))
        for row in range(problem.rows if problem.rows <= 3 else 0):
            shape = np.shape(leaf)
            yield (f" (by {name})", value[row, start:stop].reshape(shape), reference[row, start:stop].reshape(shape))
        start = stop


def _which(problem: Problem, wrong: Array) -> str:
    """Which entries are wrong, when only some are."""
    count = int(wrong.sum())
    columns = wrong.any(axis=0)
    if problem.rows == 1 and count > 1:
        point = np.real(problem.point)
        for condition, mask in (("x < 0", point < 0), ("x > 0", point > 0), ("|x| > 1", np.abs(point) > 1),
                                ("|x| < 1", np.abs(point) < 1), ("x = 0", point == 0)):
            if np.array_equal(mask, columns) and not mask.all():
                return f", only where {condition}: one branch"
    start = 0
    for leaf, name in zip(problem.moving.leaves, problem.input_leaves):
        stop = start + int(np.size(leaf))
        if len(problem.input_leaves) > 1 and columns[start:stop].all() and not columns[:start].any() \
                and not columns[stop:].any():
            return f", only by {name}"
        start = stop
    if wrong.shape[0] == wrong.shape[1] > 1:
        diagonal = np.eye(len(wrong), dtype=bool)
        for place, mask in (("on", diagonal), ("off", ~diagonal)):
            if np.array_equal(wrong, mask):
                return f", only {place} the diagonal"
    if problem.rows > 1 and count > 1:
        rows = wrong.any(axis=1)
        if rows.sum() == 1:
            return f", only in result{problem.outputs[int(np.argmax(rows))]}"
    return f", {count} of {wrong.size} entries"
