"""Which operation is to blame: every recorded one is held against its own differences.

When rules are refuted, the run is recorded and each operation asked alone, at the operands it had: its
push along random steps of the operands against differences of the operation itself, and its pull
against its push, <w, J v> = <Jᵀ w, v>, at roundoff.  The operations before it don't matter, so a wrong
rule is found in the middle of a program, in a loop, or inside a container, and one that is right on wrong
operands is not accused.  A function with a rule of its own is one operation; a flat one
(``stop_gradient``, a cast) that does move is named as well: it is where the derivative was lost.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.blame.running import look, operands, shown, source_of
from diffkit.comparison.problem import Array, Problem
from diffkit.comparison.verdict import Finding, number
from diffkit.errors import DiffkitError
from diffkit.tape import Node

#: Operations that are asked, one for each line first.
_MOST = 400


@dataclasses.dataclass(frozen=True)
class _Fault:
    """What an operation says along a step of its operands, what it does, and at which entry of its result."""

    said: float
    right: float
    entry: str
    how: str


def culprit(problem: Problem, seed: int) -> Finding | None:
    """The first operation in the run whose own derivative is not that of what it computes."""
    at = problem.isolated()

    def f(*args: Any) -> Any:
        return at.f(*args, **at.kwargs)

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            nodes = look(f, at.args, at.argnums).tape.nodes
        except Exception:  # a run that can't be recorded has nobody to blame
            return None
        for node in _in_order(nodes)[:_MOST]:
            try:
                fault = _fault(node, np.random.default_rng(seed))
            except Exception:  # an operation that can't be asked alone (a write into a buffer) is passed over
                continue
            if fault is not None:
                return _finding(node, fault)
    return None


def _in_order(nodes: Sequence[Node]) -> list[Node]:
    """Operations in the order of the run, the first of each line before the repetitions of loops."""
    asked = [node for node in nodes if node.rule is not None and node.rule.kind != "pick" and node.active]
    seen: set[tuple[str, str]] = set()
    first: list[Node] = []
    again: list[Node] = []
    for node in asked:
        assert node.rule is not None
        key = (node.rule.name, node.line)
        (again if key in seen else first).append(node)
        seen.add(key)
    return first + again


def _fault(node: Node, rng: np.random.Generator) -> _Fault | None:
    from diffkit import numeric

    rule, args = node.rule, operands(node)
    assert rule is not None
    if any(np.asarray(args[i]).dtype.kind != "f" for i in node.active):
        return None
    steps = {i: _step(rng, args[i]) for i in node.active}

    def along(t: float) -> Array:
        moved = [arg + (t - 1.0) * steps[i] if i in steps else arg for i, arg in enumerate(args)]
        return _flat(rule(*moved, **node.params))

    value = rule(*args, **node.params)
    outs = value if type(value) is tuple else (value,)
    found = numeric.jacobian(along, 1.0, scheme="central")
    slope, claim = np.reshape(found.value, -1), np.reshape(found.error, -1)
    smooth = np.reshape(found.status, -1) == "ok"
    epsilon = max(float(np.finfo(np.asarray(args[i]).dtype).eps) for i in node.active)
    pushed = np.zeros(slope.shape) if rule.is_flat else _pushed(node, value, args, steps)
    if pushed is not None:
        size = np.maximum(np.abs(pushed), np.abs(slope))
        off = smooth & (np.abs(pushed - slope) > 2 * claim + 1e-9 * size + 64 * epsilon * np.max(size, initial=0.0))
        off |= smooth & ~np.isfinite(pushed)
        if off.any():
            worst = int(np.argmax(np.where(off, np.nan_to_num(np.abs(pushed - slope), nan=np.inf), -1.0)))
            return _Fault(float(pushed[worst]), float(slope[worst]), _entry(outs, worst),
                          "is flat" if rule.is_flat else "derivative")
    return None if rule.is_flat else _pull_fault(node, outs, steps, slope, claim, smooth, rng)


def _pull_fault(node: Node, outs: Sequence[Array], steps: dict[int, Array], slope: Array, claim: Array, smooth: Array,
                rng: np.random.Generator) -> _Fault | None:
    """The pull of one random cotangent, which must be <w, J v> along the same steps."""
    rule = node.rule
    assert rule is not None
    weights = [np.asarray(rng.uniform(0.5, 1.5, np.shape(out)) * rng.choice((-1, 1), np.shape(out)),
                          np.asarray(out).dtype)[()] for out in outs]
    g = tuple(weights) if rule.outputs else weights[0]
    pulled = rule.pull(g, node.saved, node.params, node.active)
    terms = np.concatenate([np.zeros(1), *(np.ravel(c * steps[i]) for c, i in zip(pulled, node.active)
                                           if c is not None)])
    flat = _flat(weights)
    right = float(flat @ slope)
    allowed = float(np.abs(flat) @ (2 * claim)) + 1e-9 * float(np.sum(np.abs(terms)) + np.abs(flat) @ np.abs(slope))
    said = float(np.sum(terms))
    if smooth.all() and not abs(said - right) <= allowed:
        return _Fault(said, right, "", "pullback")
    return None


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
    return np.concatenate([np.ravel(np.broadcast_to(0.0 if part is None else part, np.shape(out)))
                           for part, out in zip(parts, outs)])


def _step(rng: np.random.Generator, arg: Any) -> Array:
    size = np.abs(np.asarray(arg, np.float64))
    typical = float(np.max(size, initial=0.0)) or 1.0
    signs = rng.uniform(0.5, 1.5, size.shape) * rng.choice((-1.0, 1.0), size.shape)
    return np.asarray(signs * np.where(size > 0, size, typical), np.asarray(arg).dtype)[()]


def _flat(value: Any) -> Array:
    parts = value if isinstance(value, (tuple, list)) else (value,)
    return np.concatenate([np.ravel(np.asarray(part, np.float64)) for part in parts])


def _entry(outs: Sequence[Array], number: int) -> str:
    for position, out in enumerate(outs):
        if number < np.size(out):
            index = ", ".join(str(int(i)) for i in np.unravel_index(number, np.shape(out)))
            return (f" [{position}]" if len(outs) > 1 else "") + (f"[{index}]" if index else "")
        number -= np.size(out)
    return ""


def _finding(node: Node, fault: _Fault) -> Finding:
    assert node.rule is not None
    given = ", ".join(shown(value) for value in operands(node)[:3])
    where = f" at {node.line}" if node.line else ""
    source = source_of(node.line)
    place = f" (result{fault.entry.strip()})" if fault.entry else ""
    if fault.how == "is flat":
        text = (f"{node.rule.name}{where} passes no derivative on, and its result moves: along a step of its "
                f"operands by {number(fault.right)}{place}")
    else:
        text = (f"{node.rule.name}{where} is to blame: at operands {given} its own {fault.how} along a step says "
                f"{number(fault.said)} where its differences say {number(fault.right)}{place}")
    text += f"; the line: {source}" if source else ""
    return Finding("blame", "", (fault.entry,) if fault.entry else (), 1, text, operation=node.rule.name,
                   line=node.line)
