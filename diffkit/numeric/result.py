"""What a numeric derivative answers: a value, how far it can be trusted, and what was seen.

A finite difference without an error bar is a guess, so nothing here returns a bare
number.  ``error`` is a *claim*: the true derivative lies within ``value ± error``, unless
the status says that there is no derivative to speak of (then ``error`` is infinite).
The status is one word an entry:

=============  ==========================================================================
``ok``         a smooth point, both sides seen
``one-sided``  f lives on one side only (a domain's edge, a bound); its one-sided derivative
``kink``       slopes differ: value is their middle, the claim covers both (``left``, ``right``)
``jump``       f is discontinuous at x: value NaN, error infinite
``vertical``   slopes grow without limit: value is ±inf, or NaN at a cusp; error infinite
``noisy``      f itself is rough far above its rounding (``noise``); the claim covers that
``staircase``  f is flat nearby and moves further out: rounded or piecewise constant
``nonfinite``  f or x is NaN or infinite here, or f could not be evaluated around x
=============  ==========================================================================
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

OK, ONE_SIDED, KINK, JUMP = "ok", "one-sided", "kink", "jump"
VERTICAL, NOISY, STAIRCASE, NONFINITE = "vertical", "noisy", "staircase", "nonfinite"
STATUSES = (OK, ONE_SIDED, KINK, JUMP, VERTICAL, NOISY, STAIRCASE, NONFINITE)
STATUS_DTYPE = np.dtype("<U9")


@dataclasses.dataclass(frozen=True)
class Result:
    """A derivative with its evidence.

    ``value``, ``error``, ``status``, ``left``, ``right``, ``noise`` and ``steps`` have one
    shape, or are containers of one structure when x is a container.

    Attributes
    ----------
    value : scalar, array or container
        The derivative.
    error : like value, real
        Claimed absolute error, infinite where nothing can be claimed.
    evaluations : int
        How many points f was evaluated at, x itself included.
    status : like value, strings
        One of ``STATUSES`` for each entry.
    left, right : like value
        One-sided derivatives at a kink or a domain's edge, NaN where there is none;
        equal to ``value`` at smooth points.
    noise : like value, real
        Estimated absolute noise in f's values around x (its rounding, at least).
    steps : like value, real
        The smallest step that the value leans on.

    Examples
    --------
    >>> import numpy as np
    >>> from diffkit.numeric import derivative
    >>> result = derivative(np.abs, 0.0)
    >>> float(result.left), float(result.value), float(result.right), str(result.status)
    (-1.0, 0.0, 1.0, 'kink')
    """

    value: Any
    error: Any
    evaluations: int
    status: Any
    left: Any
    right: Any
    noise: Any
    steps: Any

    @property
    def ok(self) -> bool:
        """Whether every entry is smooth or one-sided, with a finite claim."""
        return _all_fine(self.status)

    def __repr__(self) -> str:
        if isinstance(self.value, (np.ndarray, np.generic)) and np.ndim(self.value) == 0:
            body = f"{self.value!s} ± {float(self.error):.1e}, {self.status}"
        elif isinstance(self.value, np.ndarray):
            names, counts = np.unique(self.status, return_counts=True)
            seen = ", ".join(f"{count} {name}" for name, count in zip(names, counts)) or "empty"
            worst = float(np.max(self.error, initial=0.0))
            body = f"\n{self.value!s}\n± {worst:.1e} at worst; {seen}"
        else:
            body = f"{self.value!r} ± {self.error!r}, {self.status!r}"
        return f"Result({body}; {self.evaluations} evaluations)"


def _all_fine(status: Any) -> bool:
    from diffkit import tree

    return all(bool(np.isin(leaf, (OK, ONE_SIDED)).all()) for leaf in tree.flatten(status)[0])


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The derivatives along one line: every field has one element an output, shape (m,)."""

    value: Array
    error: Array
    status: Array
    left: Array
    right: Array
    noise: Array
    steps: Array

    @classmethod
    def blank(cls, count: int, dtype: Any) -> Estimate:
        """Nothing known: NaN ± infinity, nonfinite."""
        real = np.empty(0, dtype).real.dtype
        return cls(np.full(count, np.nan, dtype), np.full(count, np.inf, real),
                   np.full(count, NONFINITE, STATUS_DTYPE), np.full(count, np.nan, dtype),
                   np.full(count, np.nan, dtype), np.full(count, np.nan, real),
                   np.full(count, np.nan, real))

    def put(self, where: Array, other: Estimate) -> None:
        """Overwrite the elements at ``where`` (a mask or indices) by those of ``other``."""
        for field in dataclasses.fields(self):
            getattr(self, field.name)[where] = getattr(other, field.name)

    def map(self, function: Any) -> Estimate:
        """The estimate with ``function`` applied to every field."""
        return Estimate(*(function(getattr(self, field.name)) for field in dataclasses.fields(self)))
