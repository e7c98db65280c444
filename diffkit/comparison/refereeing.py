"""The referee as a witness: whether it is asked, what it says of every entry, and what f's own value has lost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.comparison.guard import within
from diffkit.comparison.judgement import KINK, VERTICAL
from diffkit.comparison.methods import OK, RAISED, REFEREE, SKIPPED, Witness, first_line, worded
from diffkit.comparison.problem import Array, Problem
from diffkit.errors import DiffkitError, RefereeError

#: A Jacobian with more entries than this is not refereed unless that is asked for.
_REFEREED = 20_000
#: Operations, at a few microseconds each, that a referee may take who was not asked for.
_AFFORDED = 3_000_000


def referee_witness(problem: Problem, digits: int, budget: float, force: bool) -> Witness:
    """The recorded program on numbers of ``digits`` digits."""
    import sympy  # noqa: F401  its import is not the referee's time

    from diffkit.comparison.referee import LIMIT
    from diffkit.comparison.referee import referee as run

    if problem.astray:
        if force:
            raise RefereeError(problem.astray, "a program that does the same when it is recorded")
        return Witness("referee", REFEREE, SKIPPED, problem.astray)
    count = problem.rows * problem.columns
    if count > _REFEREED and not force:
        return Witness("referee", REFEREE, SKIPPED,
                       f"{count} derivatives are more than {_REFEREED}: ask for it by referee=True")
    at = problem.isolated()
    at = at.raised() if problem.low_precision else at
    start = time.perf_counter()

    def late(why: str) -> Any:
        raise RefereeError(f"the referee was {why}" if why.startswith("stopped") else why, "a larger budget")

    try:
        found = within(at, lambda at: run(
            at.f, at.moving, at.kwargs, digits=digits, limit=LIMIT if force else _AFFORDED), late, 2 * budget)
    except RefereeError as error:
        if force:
            raise
        return Witness("referee", REFEREE, SKIPPED, first_line(error.what))
    except DiffkitError as error:
        return Witness("referee", REFEREE, SKIPPED, first_line(error.what))
    except Exception as error:  # the referee's failure is a row, not the end of the comparison
        return Witness("referee", REFEREE, RAISED, worded(error))
    seconds = time.perf_counter() - start

    def matrix(blocks: Sequence[Sequence[Array]]) -> Array:
        return np.concatenate([np.concatenate([np.reshape(found.float_value(block), (out.size, -1)) for block in row],
                                              axis=1) for out, row in zip(problem.outs, blocks)], axis=0)

    def mask(blocks: Sequence[Sequence[Array]]) -> Array:
        return np.concatenate([np.concatenate([np.reshape(block, (out.size, -1)) for block in row], axis=1)
                               for out, row in zip(problem.outs, blocks)], axis=0)

    value, left, right = matrix(found.blocks), matrix(found.left), matrix(found.right)
    kink = mask(found.kink)
    both = np.isfinite(left) & np.isfinite(right)
    words = np.where(kink & both, KINK, np.where(np.isinf(left) & np.isinf(right), VERTICAL, "ok"))
    note = _own_loss(problem, found)
    if found.guards_changed:
        lines = [line for line in found.guards_changed[:2] if not line.startswith("<")]
        place = f" at {' and '.join(lines)}" if lines else ""
        note += f"{'; ' * bool(note)}a hair away the branch{place} goes the other way"
    return Witness("referee", REFEREE, OK, note, value=value, answer=problem.containers(value), words=words,
                   left=left, right=right, evaluations=found.evaluations, seconds=seconds,
                   branches=bool(found.guards_changed), moves=mask(found.moves))


def _own_loss(problem: Problem, found: Any) -> str:
    """What f's own value has lost, if it is much."""
    for out, exact in zip(problem.outs, found.values):
        flat, true = out.reshape(-1), np.reshape(found.float_value(exact), -1)
        with np.errstate(all="ignore"):
            lost = np.abs(flat - true) > (1e-2 if problem.low_precision else 1e-6) * np.abs(true)
        lost &= np.isfinite(flat) & (np.abs(true) > 1e-290)
        if lost.any():
            first = int(np.argmax(lost))
            return f"f itself loses its digits here: it returns {flat[first]:.6g}, and is {true[first]:.6g}"
    return ""
