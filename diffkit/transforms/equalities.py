"""A branch on an equality that holds: right in value, and maybe not in derivative.

``if x == 0: return 1.0`` mends the value of sin(x)/x at one point.  The derivative of the branch
taken is no derivative of the function there, and no rule can see that: the program is differentiated
as it ran.  So a branch on an equality of a differentiated number warns where the two sides are equal,
with the user's line; everywhere else it costs one comparison of two objects.  An equality that is not
asked by a branch (``np.where(x == 0, 1, x)``, a list of flags) says nothing: the instruction
behind the comparison tells.  ``x == x``, which asks for NaN, has no other side.
"""

from __future__ import annotations

import dis
import functools
import sys
import warnings
from types import CodeType
from typing import Any

import numpy as np

from diffkit import traced
from diffkit.buffers import callers, contents
from diffkit.errors import EqualityBranchWarning
from diffkit.traced import Traced, sample

#: What may stand between a comparison and the jump that it decides.
_BETWEEN = frozenset(["CACHE", "COPY", "EXTENDED_ARG", "NOT_TAKEN", "TO_BOOL", "UNARY_NOT", "POP_TOP"])


def equality_held(x: Traced, other: Any, answer: Any, equal: bool) -> None:
    """Warn if Python is about to branch on ``x == other`` (``equal``) or ``x != other`` and the two are equal."""
    if other is x or not _moves(x) or bool(np.all(sample(answer))) is not equal:
        return
    frame = sys._getframe(2)
    if _is_users(3) and _decides(frame.f_code, frame.f_lasti):
        _warn("== held" if equal else "!= did not hold")


def truth_asked(x: Traced) -> None:
    """``if x:`` for a number is ``if x != 0:``."""
    if _moves(x) and not np.any(sample(x)) and _is_users(3):
        _warn("x is 0 where its truth is asked")


def _moves(x: Any) -> bool:
    """Whether a transform differentiates by this number."""
    x = contents(x)
    if type(x) is not Traced or x.size != 1 or x.dtype.kind not in "fc":
        return False
    found = False
    while type(x) is Traced:
        level: Any = x.level
        rule = getattr(x.mark, "rule", None)
        if level.is_batch or (rule is not None and rule.is_flat):  # no branch; a number that has derivative 0
            return False
        found = found or level.differentiates
        x = level.below(x) if level.is_buffers else x.value
    return found


def _is_users(depth: int) -> bool:
    """Whether the function ``depth`` frames up is neither diffkit's nor a library's (nor NumPy's polynomials)."""
    return not callers.from_library(depth) and not callers.in_polynomials(depth)


@functools.lru_cache(maxsize=512)
def _decides(code: CodeType, offset: int) -> bool:
    """Whether there is a comparison there whose result a conditional jump takes."""
    steps = iter(dis.get_instructions(code))
    if not any(step.offset == offset and step.opname == "COMPARE_OP" for step in steps):
        return False
    return "JUMP" in next((step.opname for step in steps if step.opname not in _BETWEEN), "")


def _warn(what: str) -> None:
    warnings.warn(
        f"a branch on an equality of a differentiated value was taken ({what}): the derivative is that of this "
        "branch, which holds at one point and may not be the function's\n"
        "  Probably wanted: a formula that holds around the point as well (np.sinc, np.expm1, a series), or np.where "
        "with the right slope on both sides\n"
        "  Other causes: a loop that stops when two iterates are equal (dk.implicit); where the branch's derivative "
        "is right, warnings.filterwarnings(\"ignore\", category=dk.errors.EqualityBranchWarning)",
        EqualityBranchWarning, stacklevel=4)


traced.equality_held = equality_held
traced.truth_asked = truth_asked
