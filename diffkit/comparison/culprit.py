"""Which operation is to blame: every recorded one is held against its own differences.

When rules are refuted, the run is recorded and each operation asked alone, at the operands it had
(``operation``).  The operations before it don't matter, so a wrong rule is found in the middle of a program, in
a loop, inside a checkpoint or a container.  A function with a rule of its own is one operation; a flat one
(``stop_gradient``, a cast) that does move is named as well: it is where the derivative was lost.  Where every
operation is right by itself, one that sits on its edge is named (a norm of 0, equal entries of a sort): its
derivative is a convention there, and what the chain rule makes of it need not be f's, first or second.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.blame.kinking import edges
from diffkit.blame.running import Run, look, operands, shown, source_of
from diffkit.comparison.finding import Finding, number
from diffkit.comparison.operation import Fault, fault
from diffkit.comparison.problem import Problem
from diffkit.rules.flat import STOP_GRADIENT
from diffkit.rules.kinds import FUNCTIONS, Rule
from diffkit.rules.shapes import STAIRCASE
from diffkit.rules.sorting import LEVEL_OUT
from diffkit.tape import Node

#: Operations that are asked, one for each line first.
_MOST = 400


def culprit(problem: Problem, seed: int) -> Finding | None:
    """The first operation in the run whose own derivative is not that of what it computes."""
    at = problem.isolated()

    def f(*args: Any) -> Any:
        return at.f(*args, **at.kwargs)

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            run = look(f, at.args, at.argnums)
        except Exception:  # a run that can't be recorded has nobody to blame
            return None
        symbolic = _symbolic(run)
        for node in _in_order(run.tape.nodes)[:_MOST]:
            try:
                found = fault(node, symbolic, np.random.default_rng(seed))
            except Exception:  # an operation that can't be asked alone (a write into a buffer) is passed over
                continue
            if found is not None:
                return _finding(node, found)
        return _on_edge(run)


def _on_edge(run: Run) -> Finding | None:
    """The first operation that has no derivative at its operands, but a convention."""
    for _, kink in edges(run):
        if kink.reason not in ("zero", "tie", "vertical"):
            continue
        where, source = f" at {kink.line}" if kink.line else "", source_of(kink.line)
        given = ", ".join(shown(value) for value in kink.operands[:3])
        text = f"{kink.operation}{where} has no derivative at its operands {given}, but a convention, and what the " \
            "chain rule makes of conventions need not be f's derivative: evaluations of f are right; differentiate " \
            "beside this point, or write f without that kink (x @ x for norm(x)**2)"
        if kink.reason == "vertical":
            text = f"{kink.operation}{where} has an infinite slope at its operands {given}, and the chain rule no " \
                "answer (infinity times 0): differentiate beside this point, or write f without that root"
        text += f"; the line: {source}" if source else ""
        return Finding("blame", "", (), 1, text, operation=kink.operation, line=kink.line)
    return None


def _can_be_asked(rule: Rule) -> bool:
    """Whether an operation may be held against its differences.

    Flat ones that rules make for themselves may move; what a tie shares no step beside it shows.
    """
    if rule.is_flat:
        return rule in (STOP_GRADIENT, STAIRCASE) or any(rule is known for known in FUNCTIONS.values())
    return rule is not LEVEL_OUT


def _symbolic(run: Run) -> Callable[[Node, list[Any]], Any]:
    """SymPy's tangents of the run's operations; SymPy is imported when one is asked for."""
    def tangent(node: Node, own: list[Any]) -> Any:
        from diffkit.exact.recording import Recording
        from diffkit.symbolic.operations import Operations

        return Operations(Recording(run.tape, run.outs, tree.LEAF, None)).tangent(node, own)

    return tangent


def _in_order(nodes: Sequence[Node]) -> list[Node]:
    """Operations in the order of the run, the first of each line before the repetitions of loops."""
    asked = [node for node in nodes if node.rule is not None and node.rule.kind != "pick" and node.active
             and _can_be_asked(node.rule)]
    seen: set[tuple[str, str]] = set()
    first: list[Node] = []
    again: list[Node] = []
    for node in asked:
        assert node.rule is not None
        key = (node.rule.name, node.line)
        (again if key in seen else first).append(node)
        seen.add(key)
    return first + again


def _finding(node: Node, fault: Fault) -> Finding:
    assert node.rule is not None
    given = ", ".join(shown(value) for value in operands(node)[:3])
    where = f" at {node.line}" if node.line else ""
    source = source_of(node.line)
    place = f" (result{fault.entry.strip()})" if fault.entry else ""
    if fault.how == "is flat":
        text = (f"{node.rule.name}{where} passes no derivative on, and its result moves: along a step of its "
                f"operands by {number(fault.right)}{place}")
    else:
        told = f"its differences say {number(fault.right)}"
        if fault.how == "pullback":
            told = f"<w, J v> is {number(fault.right)}"
        elif fault.symbolic is not None:
            told = f"SymPy says {number(fault.symbolic)}" if np.isnan(fault.right) else \
                f"{told} and SymPy {number(fault.symbolic)}"
        text = (f"{node.rule.name}{where} is to blame: at operands {given} its own {fault.how} along a step says "
                f"{number(fault.said)} where {told}{place}")
    text += f"; the line: {source}" if source else ""
    return Finding("blame", "", (fault.entry,) if fault.entry else (), 1, text, operation=node.rule.name,
                   line=node.line)
