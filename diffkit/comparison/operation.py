"""One recorded operation asked alone: its derivative at the operands it had, by all who can tell.

The operation is moved along one random step of its operands.  What its push says of that is held against

- differences of the operation itself, with their claim;
- SymPy's derivative of its column, or a textbook's formula (``symbolic.operations``), where it has one:
  that settles what differences can't resolve, and is said beside them;

and its pull against its push, <w, J v> = <Jᵀ w, v>, at roundoff.  What came before does not matter: an operation
that is right on wrong operands is right.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.blame.running import operands
from diffkit.comparison.problem import Array
from diffkit.errors import DiffkitError
from diffkit.tape import Node

#: Entries of an operation up to which SymPy is asked.
_SYMBOLIC = 2000
#: Relative errors that rounding inside an operation is granted: beside another calculation, and beside its own push.
_APART, _ADJOINT = 1e-9, 1e-11


@dataclasses.dataclass(frozen=True)
class Fault:
    """What an operation says along a step of its operands, what differences and SymPy say, and at which entry."""

    said: float
    right: float
    entry: str
    how: str
    symbolic: float | None = None


@dataclasses.dataclass(frozen=True)
class _Measured:
    """The derivative along the step by differences: value, claim, and whether f is smooth there."""

    slope: Array
    claim: Array
    words: Array

    @property
    def smooth(self) -> Array:
        """Where differences saw an ordinary point."""
        return np.asarray(self.words == "ok")


def fault(node: Node, symbolic: Any, rng: np.random.Generator) -> Fault | None:
    """What is wrong with one operation's own derivative; None if nothing is, or nothing can be said.

    ``symbolic(node, tangents)`` is SymPy's tangent of the operation; it may raise.
    """
    rule, args = node.rule, operands(node)
    assert rule is not None
    if any(np.asarray(args[i]).dtype.kind != "f" for i in node.active):
        return None
    steps = {i: _step(rng, args[i]) for i in node.active}
    value = rule(*args, **node.params)
    outs = value if type(value) is tuple else (value,)
    found = _differences(node, args, steps)
    pushed = np.zeros(found.slope.shape) if rule.is_flat else _pushed(node, value, args, steps)
    if pushed is not None:
        tangents = [steps.get(i) for i in range(len(args))]
        wrong = _push_fault(node, outs, pushed, found, lambda: symbolic(node, tangents))
        if wrong is not None:
            return wrong
    return None if rule.is_flat else _pull_fault(node, outs, steps, pushed, found, rng)


def _differences(node: Node, args: Sequence[Any], steps: dict[int, Array]) -> _Measured:
    from diffkit import numeric

    rule = node.rule
    assert rule is not None

    def along(t: float) -> Array:
        moved = [arg + (t - 1.0) * steps[i] if i in steps else arg for i, arg in enumerate(args)]
        return _flat(rule(*moved, **node.params))

    found = numeric.jacobian(along, 1.0, scheme="central")
    return _Measured(np.reshape(found.value, -1), np.reshape(found.error, -1), np.reshape(found.status, -1))


def _push_fault(node: Node, outs: Sequence[Array], pushed: Array, found: _Measured, ask: Any) -> Fault | None:
    """The tangent against differences, and against SymPy's where there is doubt."""
    assert node.rule is not None
    epsilon = max(float(np.finfo(np.asarray(operands(node)[i]).dtype).eps) for i in node.active)

    def apart(other: Array, claim: Array | float) -> Array:
        size = np.maximum(np.abs(pushed), np.abs(other))
        return np.asarray(np.abs(pushed - other) > claim + _APART * size + 64 * epsilon * np.max(size, initial=0.0))

    off = found.smooth & (apart(found.slope, 2 * found.claim) | ~np.isfinite(pushed))
    blurred = ~np.isin(found.words, ("ok", "kink", "jump", "vertical", "staircase"))
    blurred |= found.smooth & (found.claim > 1e-6 * np.abs(found.slope))
    known = None
    if off.any() or blurred.any():
        known = _asked(ask, pushed.shape) if not node.rule.is_flat else None
    if known is not None:
        seen = np.isfinite(known) & np.isfinite(pushed)
        near = ~found.smooth | (np.abs(known - found.slope) <= 2 * found.claim + _APART * np.abs(known))
        off = (off & ~(seen & ~apart(known, 0.0))) | (blurred & seen & near & apart(known, 0.0))
    if node.rule.is_flat and off.any() and not _moves(node, off):
        return None  # stairs so fine that differences took them for a slope
    if not off.any():
        return None
    worst = int(np.argmax(np.where(off, np.nan_to_num(np.abs(pushed - found.slope), nan=np.inf), -1.0)))
    exact = None if known is None or not np.isfinite(known[worst]) else float(known[worst])
    return Fault(float(pushed[worst]), float(found.slope[worst]), _entry(outs, worst),
                 "is flat" if node.rule.is_flat else "derivative", exact)


def _moves(node: Node, where: Array) -> bool:
    """Whether a flat operation's result moves with its operands' last digits, as a detached one does."""
    rule = node.rule
    assert rule is not None
    args = [arg * (1 + 4 * np.finfo(np.asarray(arg).dtype).eps) if i in node.active else arg
            for i, arg in enumerate(operands(node))]
    return bool(np.mean((_flat(rule(*args, **node.params)) != _flat(node.value))[where]) > 0.5)


def _asked(ask: Any, shape: tuple[int, ...]) -> Array | None:
    """SymPy's tangent, flat; None where it has none."""
    if np.prod(shape) > _SYMBOLIC:
        return None
    try:
        found = ask()
        return None if found is None else np.broadcast_to(_flat(found), shape)
    except Exception:  # no column, no formula, no SymPy
        return None


def _pull_fault(node: Node, outs: Sequence[Array], steps: dict[int, Array], pushed: Array | None, found: _Measured,
                rng: np.random.Generator) -> Fault | None:
    """The pull of one random cotangent, which must be <w, J v> along the same step."""
    rule = node.rule
    assert rule is not None
    weights = [_weights(rng, np.asarray(out)) for out in outs]
    g = tuple(weights) if rule.outputs else weights[0]
    pulled = rule.pull(g, node.saved, node.params, node.active)
    terms = np.concatenate([np.zeros(1), *(np.ravel(c * steps[i]) for c, i in zip(pulled, node.active)
                                           if c is not None)])
    said = float(np.sum(terms))
    flat = _flat(list(map(np.conj, weights)))  # Re(w dz) is the product of conj(w) and dz in parts
    size = float(np.sum(np.abs(terms)))
    slope = found.slope if pushed is None else pushed
    right, contributions = float(flat @ slope), float(np.abs(flat) @ np.abs(slope))
    epsilon = max(float(np.finfo(np.asarray(out).dtype).eps) for out in outs)
    if pushed is not None:  # both are the operation's own: roundoff alone
        allowed = max(_ADJOINT, 1e4 * epsilon) * (size + contributions)
        wrong = bool(np.isfinite(right)) and not abs(said - right) <= allowed
        if wrong:  # a solve by an ill-conditioned matrix has more of it
            wrong = not abs(said - right) <= allowed + 10 * float(np.abs(flat) @ _spread(node, steps, pushed, rng))
    else:
        allowed = float(np.abs(flat) @ (2 * found.claim)) + _APART * (size + contributions)
        wrong = bool(found.smooth.all()) and not abs(said - right) <= allowed
    return Fault(said, right, "", "pullback") if wrong else None


def _pushed(node: Node, value: Any, args: Sequence[Any], steps: dict[int, Array]) -> Array | None:
    """The operation's own tangents; None where it serves no forward mode."""
    rule = node.rule
    assert rule is not None
    tangents = [steps.get(i) for i in range(len(args))]
    try:
        found = rule.push(value, args, tangents, node.params)
    except (DiffkitError, NotImplementedError):
        return None
    parts = found if type(found) is tuple else (found,)
    outs = value if type(value) is tuple else (value,)
    return _flat([np.broadcast_to(np.asarray(0.0 if part is None else part, np.asarray(out).dtype), np.shape(out))
                  for part, out in zip(parts, outs)])


def _spread(node: Node, steps: dict[int, Array], pushed: Array, rng: np.random.Generator) -> Array:
    """How far the tangents move when the operands' last digits do."""
    rule, moved = node.rule, []
    assert rule is not None
    for _ in range(3):
        args = [arg * (1 + rng.choice((-1, 1), np.shape(arg)) * np.finfo(arg.dtype).eps).astype(arg.dtype)
                if getattr(getattr(arg, "dtype", None), "kind", "") == "f" else arg for arg in operands(node)]
        other = _pushed(node, rule(*args, **node.params), args, steps)
        moved.append(np.zeros(pushed.shape) if other is None else np.abs(other - pushed))
    return np.asarray(np.max(moved, axis=0))


def _step(rng: np.random.Generator, arg: Any) -> Array:
    size = np.abs(np.asarray(arg, np.float64))
    typical = float(np.max(size, initial=0.0)) or 1.0
    signs = rng.uniform(0.5, 1.5, size.shape) * rng.choice((-1.0, 1.0), size.shape)
    return np.asarray(signs * np.where(size > 0, size, typical), np.asarray(arg).dtype)[()]


def _weights(rng: np.random.Generator, out: Array) -> Any:
    def numbers() -> Array:
        return rng.uniform(0.5, 1.5, out.shape) * rng.choice((-1, 1), out.shape)

    return np.asarray(numbers() + 1j * numbers() if out.dtype.kind == "c" else numbers(), out.dtype)[()]


def _flat(value: Any) -> Array:
    """All numbers in a row; those of a complex array are its real parts and then its imaginary ones."""
    parts = []
    for part in map(np.asarray, value if isinstance(value, (tuple, list)) else (value,)):
        parts += [part.real, part.imag] if part.dtype.kind == "c" else [part]
    return np.concatenate([np.ravel(np.asarray(part, np.float64)) for part in parts])


def _entry(outs: Sequence[Array], number: int) -> str:
    for position, out in enumerate(outs):
        size = np.size(out)
        for part in (".real", ".imag") if np.iscomplexobj(out) else ("",):
            if number < size:
                index = ", ".join(str(int(i)) for i in np.unravel_index(number, np.shape(out)))
                return (f" [{position}]" if len(outs) > 1 else "") + (f"[{index}]" if index else "") + part
            number -= size
    return ""
