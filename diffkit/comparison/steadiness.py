"""f beside itself: does it answer as at first after everybody, and in double precision as in single?"""

from __future__ import annotations

import warnings

import numpy as np

from diffkit import tree
from diffkit.comparison.copies import copied, same
from diffkit.comparison.methods import worded
from diffkit.comparison.problem import Problem
from diffkit.comparison.report import abridged


def changed(problem: Problem) -> str:
    """What is said of an f that answers differently to the same arguments."""
    first, then = abridged(problem.value), abridged(problem.again)
    return (f"f is not deterministic: it returned {first} and then {then if then != first else 'nearly that'} for "
            "the same arguments; fix its random state or pass it as an argument")


def last_look(problem: Problem) -> str | None:
    """f once more, after everybody: has it kept its answer?"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            now = problem.f(*copied(problem.args), **copied(problem.kwargs))
        except Exception as error:
            return f"f is not deterministic: it worked at first and then raised {worded(error)}"
    if same(now, problem.value):
        return None
    return (f"f is not deterministic: it returned {abridged(problem.value)} at first and {abridged(now)} after "
            "being differentiated; it keeps a state, or writes to an array of its own")


def precision_note(problem: Problem) -> list[str]:
    """float32 is judged against a float64 run: are the two the same function?"""
    high = problem.isolated().raised()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            outs = tree.flatten(high.f(*high.args, **high.kwargs))[0]
        except Exception as error:
            return [f"f takes no float64 ({type(error).__name__}), so its float32 run has no better one beside it"]
        allowed = 1e3 * problem.epsilon
        far = [not np.allclose(np.asarray(a, np.complex128), np.asarray(b, np.complex128), rtol=allowed, atol=allowed,
                               equal_nan=True) for a, b in zip(problem.outs, outs)]
    kind = next(str(np.asarray(x).dtype) for x in (*problem.moving.leaves, *problem.outs)
                if np.asarray(x).dtype.kind in "fc" and np.finfo(np.asarray(x).dtype).eps == problem.epsilon)
    if any(far):
        return [f"f differs between {kind} and float64 by more than rounding"]
    return [f"{kind}: numeric methods and the referee ran on the same point in float64"]
