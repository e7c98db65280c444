"""A branch on an equality that holds: right in value, and maybe not in derivative.

``if x == 0: return 1.0`` mends the value of sin(x)/x at one point.  The derivative of the branch
taken is no derivative of the function there, and no rule can see that: the program is differentiated
as it ran.  So a branch on an equality of a differentiated value warns where the two sides are equal,
with the user's line, in whatever words it asks: ``x == 0``, ``np.all(x == 0)``, ``x in table``,
``np.array_equal``, ``np.allclose``, ``if not x.any()``.  An equality that is not asked by a branch
(``np.where(x == 0, 1, x)``, a list of flags) says nothing: ``decisions`` tells.
``x == x``, which asks for NaN, has no other side.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import traced
from diffkit.buffers import callers, contents
from diffkit.buffers.functions import QUESTIONS
from diffkit.errors import EqualityBranchWarning
from diffkit.rules.kinds import FUNCTIONS
from diffkit.traced import Traced, sample
from diffkit.transforms.decisions import decides

#: Where a call passes on its way from the user's line to here.
_GATES = (traced.__file__, os.path.dirname(callers.__file__) + os.sep, __file__)
_REDUCERS: dict[str, Callable[[Any], Any]] = {"all": np.all, "any": np.any, "": np.all}


def equality_held(x: Any, other: Any, answer: Any, equal: bool) -> None:
    """Warn if Python is about to branch on ``x == other`` (``equal``) or ``x != other`` and the two are equal."""
    if other is not x and np.any(np.equal(sample(answer), equal)) and (_moves(x) or _moves(other)):
        _warn_if_decided(answer, equal, "== held" if equal else "!= did not hold")


def truth_asked(x: Traced) -> None:
    """``if x:`` for a number is ``if x != 0:``."""
    if x.size == 1 and not np.any(sample(x)) and _moves(x):
        depth = _depth()
        if _is_users(depth):
            _warn("x is 0 where its truth is asked", depth)


def _asked(fun: Any, held: bool) -> None:
    """A function whose answer ``held`` (in all or any entries, as the branch asks) says that values are equal."""
    def question(args: Any, kwargs: Any, answer: Any) -> None:
        if np.any(np.equal(sample(answer), held)) and any(_moves(x) for x in (*args, *kwargs.values())):
            _warn_if_decided(answer, held, f"np.{fun.__name__} held" if held else f"np.{fun.__name__} found a 0")
    QUESTIONS[fun] = question


def _warn_if_decided(answer: Any, held: bool, what: str) -> None:
    depth = _depth()
    if _is_users(depth):
        how = decides(sys._getframe(depth))
        if how is not None and bool(_REDUCERS[how](sample(answer))) is held:
            _warn(what, depth)


def _moves(x: Any) -> bool:
    """Whether a transform differentiates by this value."""
    x = contents(x)
    if type(x) is not Traced or x.dtype.kind not in "fc":
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


def _depth() -> int:
    """How many frames above the caller's the question was asked."""
    depth = 1
    while sys._getframe(depth + 1).f_code.co_filename.startswith(_GATES):
        depth += 1
    return depth


def _is_users(depth: int) -> bool:
    """Whether the function ``depth`` frames up is neither diffkit's nor a library's (nor NumPy's polynomials)."""
    return not callers.from_library(depth + 1) and not callers.in_polynomials(depth + 1)


def _warn(what: str, depth: int) -> None:
    warnings.warn(
        f"a branch on an equality of a differentiated value was taken ({what}): the derivative is that of this "
        "branch, which holds at one point and may not be the function's\n"
        "  Probably wanted: a formula that holds around the point as well (np.sinc, np.expm1, a series), or np.where "
        "with the right slope on both sides\n"
        "  Other causes: a loop that stops when two iterates are equal (dk.implicit); where the branch's derivative "
        "is right, warnings.filterwarnings(\"ignore\", category=dk.errors.EqualityBranchWarning)",
        EqualityBranchWarning, stacklevel=depth + 2)


def _of_ufunc(ufunc: np.ufunc, equal: bool) -> None:
    """``np.equal(x, y)`` is ``x == y``."""
    rule: Any = FUNCTIONS[ufunc]

    def call(x: Any, other: Any) -> Any:
        answer = traced.apply(rule, (x, other), {})
        equality_held(x, other, answer, equal)
        return answer
    rule.special = call


_of_ufunc(np.equal, True)
_of_ufunc(np.not_equal, False)
_fun: Any
for _fun in (np.isclose, np.allclose, np.array_equal, np.array_equiv):
    _asked(_fun, True)
for _fun in (np.any, np.all):  # of numbers: whether one, or each, differs from 0
    _asked(_fun, False)
traced.equality_held = equality_held
traced.truth_asked = truth_asked
