"""The referee: f itself, run on numbers of 130 digits, decides which of two float64 results is right.

It knows no derivative rule.  The recorded program is evaluated at x - h, x and x + h with a step
so small (1e-62 of x) that the two one-sided slopes

    left = (f(x) - f(x-h)) / h,        right = (f(x+k) - f(x)) / k

agree in more than 50 digits wherever f is smooth: their mean is the derivative, and their
agreement shows that neither the step nor the precision spoiled it (two evaluations an input, both
of them used).  The steps are not equal, k = 0.7549 h: results on a grid that is too coarse would
otherwise agree by chance.  Where the slopes disagree, precision and step are squared.  A gap that shrinks
with the step was curvature; one that stays is a kink, and both slopes are reported; slopes that
grow without end belong to a jump or a vertical tangent.  A slope that is zero without f being
independent of the input is looked at again with 700 digits: nothing that float64 can hold is lost.

At a kink the value is the mean of the two slopes (a central difference's answer); on one side of a
domain's edge it is the slope of the side that exists.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import Moving
from diffkit.comparison.slopes import Slopes
from diffkit.errors import RefereeError

#: Entry operations that a referee may take without being asked for more; about a microsecond each.
LIMIT = 30_000_000


@dataclasses.dataclass(frozen=True)
class RefereeResult:
    """What the referee found.

    Attributes
    ----------
    values : list of object arrays
        f's results, as mpmath numbers.
    structure : tree.Structure
        The container of the results.
    blocks : list of list of object arrays
        ``blocks[out][leaf]`` is the derivative of shape ``out.shape + leaf.shape``.
    left, right : like blocks
        One-sided slopes (NaN outside f's domain, infinite at a jump or vertical tangent).
    kink : like blocks, of bool
        Where the slopes differ: f has no derivative with respect to this entry.
    moves : like blocks, of bool
        Where f is not constant beside x.  With a derivative of 0 that is a flat point of a curve, not a step.
    digits : int
        Decimal digits that are right in every entry of ``blocks`` off the kinks.
    evaluations : int
        Runs of the program, at any precision.
    guards_changed : tuple of str
        Lines at which Python's ``if`` (or an index) would have gone another way on exact numbers
        at x or within a step of it: the derivative belongs to the recorded path.
    assumed : tuple of str
        Index-valued functions (argsort, searchsorted …) whose recorded answer was used.
    """

    values: list[Any]
    structure: tree.Structure
    blocks: list[list[Any]]
    left: list[list[Any]]
    right: list[list[Any]]
    kink: list[list[Any]]
    moves: list[list[Any]]
    digits: int
    evaluations: int
    guards_changed: tuple[str, ...]
    assumed: tuple[str, ...]

    @staticmethod
    def float_value(array: Any) -> Any:
        """mpmath numbers rounded to float64 (complex128 where there are complex ones).

        >>> import mpmath
        >>> RefereeResult.float_value(np.array([mpmath.mpf(1) / 3], object))
        array([0.33333333])
        """
        entries = [_rounded(entry) for entry in np.asarray(array, object).ravel()]
        kind = complex if any(type(entry) is complex for entry in entries) else float
        return np.array(entries, kind).reshape(np.shape(array))[()]


def referee(f: Callable[..., Any], moving: Moving, kwargs: dict[str, Any] | None = None, digits: int = 50,
            has_aux: bool = False, limit: int = LIMIT) -> RefereeResult:
    """Value and derivative of ``f`` to ``digits`` digits, from evaluations alone.

    Parameters
    ----------
    f : callable
        Any function that diffkit can record.
    moving : Moving
        The call and its differentiated leaves (``arguments.split``).
    limit : int
        Largest estimated number of entry operations.

    Raises
    ------
    RefereeError
        The program is too large, uses a function that has no form on exact numbers, has complex
        inputs, or its slopes do not settle.

    Examples
    --------
    >>> from diffkit.arguments import split
    >>> f = lambda x: (1 - np.cos(x)) / x**2
    >>> found = referee(f, split((1e-8,), 0, f))
    >>> import mpmath
    >>> mpmath.nstr(found.values[0][()], 30), float(f(1e-8))
    ('0.499999999999999995833333333333', 0.0)
    >>> found.float_value(found.blocks[0][0])
    np.float64(-8.333333333333334e-10)
    """
    from diffkit.exact.machine import NotExact
    from diffkit.exact.recording import recording

    if any(leaf.dtype.kind == "c" for leaf in moving.leaves):
        raise RefereeError("the referee moves real inputs only, and an argument is complex",
                           "the real and imaginary part as two arguments")
    try:
        found = recording(f, moving, kwargs or {}, has_aux)
    except ValueError as error:
        if "another transform" not in str(error):
            raise
        raise RefereeError(f"the referee can't look at this function: {error}",
                           "a comparison outside grad, jvp and their kin") from None
    for value in found.values:
        if np.asarray(value).dtype.kind not in "biufc":
            raise RefereeError(f"f returned {type(value).__name__}, which has no derivative",
                               "numbers and arrays (in containers)")
    try:
        with np.errstate(all="ignore"):
            return RefereeResult(**Slopes(found, moving, digits, limit).result())
    except NotExact as error:
        raise RefereeError(f"the referee can't evaluate this program: {error.reason}",
                           "a comparison without the referee",
                           "a function without an mpmath form") from None


def _rounded(entry: Any) -> Any:
    if hasattr(entry, "_mpc_"):
        return complex(entry)
    try:
        return float(entry)
    except OverflowError:
        return float("inf") if entry > 0 else float("-inf")
