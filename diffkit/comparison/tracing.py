"""One traced run of f: does the result depend on what moves, and is it f that runs?

A program may behave in another way when its argument is traced: ``except Exception`` swallows a
refusal, ``isinstance(x, float)`` chooses another branch.  Then every method that reads the recorded program, and
the referee, would give the derivative of another function, and agree on it.  So the value of a traced
run is held against f's own; where they differ by more than f moves when x does by its last digits,
these methods have no part in the verdict.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.comparison.problem import Array, Problem
from diffkit.errors import EqualityBranchWarning

#: The share of the largest result by which a traced run is another function, and how often f's own movement.
_FAR, _TIMES = 1e-3, 100.0


def traced_run(problem: Problem) -> tuple[bool, str]:
    """Whether the result is made from what moves, and why the traced program is not f ("" if it is).

    Branches on equalities that hold are noted in ``problem.equalities``, the caller's own rules in ``own_rules``.
    """
    from diffkit.custom.calls import Operation
    from diffkit.recording import TapeLevel
    from diffkit.traced import is_traced, primal
    from diffkit.transforms.running import call

    at, level = problem.isolated(), TapeLevel()
    try:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", EqualityBranchWarning)
            given = at.moving.merge([level.lift(leaf) for leaf in at.moving.leaves])
            result = call(at.f, given, at.kwargs, level)
            problem.equalities += dict.fromkeys(f"{one.filename}:{one.lineno}" for one in heard)
            rules = [node.rule for node in level.nodes if isinstance(node.rule, Operation)]
            problem.own_rules += dict.fromkeys(rule.name for rule in rules if not rule.transparent)
            leaves, structure = tree.flatten(result)
            depends = any(is_traced(leaf) for leaf in leaves)
            values = [np.asarray(primal(leaf)) for leaf in leaves]
    except Exception:  # it can't be traced: nothing is known, and the methods say so themselves
        return True, ""
    finally:
        level.close()
    if structure != problem.structure or [v.shape for v in values] != [out.shape for out in problem.outs]:
        return depends, "traced, f returns another container or shape: it is not the same program then"
    return depends, _another_value(problem, values)


def _another_value(problem: Problem, values: list[Array]) -> str:
    for number, (own, traced) in enumerate(zip(problem.outs, values)):
        if own.dtype.kind not in "fciu" or traced.dtype.kind not in "fciub":
            continue
        with np.errstate(all="ignore"):
            gap = np.nan_to_num(np.abs(traced - own), nan=0.0, posinf=0.0)
            size = np.max(np.where(np.isfinite(own), np.abs(own), 0.0), initial=0.0)
            far = gap > _FAR * max(size, float(np.max(gap, initial=0.0)))
        far &= np.isfinite(own)
        if far.any() and (gap > _TIMES * _moved(problem, number)).any():
            first = tuple(np.argwhere(far)[0])
            return (f"traced, f returns {_number(traced[first])} where it returns {_number(own[first])}: it does "
                    "something else then (a swallowed exception? a test of the type?)")
    return ""


def _number(value: Any) -> str:
    return f"{value:.6g}"


def _moved(problem: Problem, number: int) -> Array | float:
    """How far one result moves when x does by a few units of its last digits."""
    leaves = [np.asarray(leaf * (1 + 4 * np.finfo(leaf.dtype).eps)).astype(leaf.dtype)[()]
              for leaf in problem.moving.leaves]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            at = problem.with_leaves(leaves)
            args, kwargs = at.fresh()
            out = np.asarray(tree.flatten(at.f(*args, **kwargs))[0][number])
            return np.nan_to_num(np.abs(out - problem.outs[number]), nan=0.0, posinf=0.0)
        except Exception:  # beside the point f has no value: its movement excuses nothing
            return 0.0
