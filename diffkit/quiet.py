"""Floating-point warnings off for a moment, at a tenth of the price of ``np.errstate``.

A tangent may divide by zero where f itself does nothing wrong (the slope of a square
root at 0), so forward mode computes each of them with warnings off: that must not cost
more than the arithmetic.  NumPy 2 keeps its error state in a context variable.  The
variable, and its content with everything ignored, are found by looking at a context in
which ``np.errstate`` is active; then it can be set and reset directly.  Where NumPy keeps
its state elsewhere, ``np.seterr`` does the same more slowly.

>>> token = silence()
>>> np.float64(1.0) / 0.0
np.float64(inf)
>>> restore(token)
"""

from __future__ import annotations

import contextvars
from typing import Any

import numpy as np


def _state() -> tuple[contextvars.ContextVar[Any], Any] | None:
    """NumPy's variable, and its content with all errors ignored."""
    outside = contextvars.copy_context()
    with np.errstate(all="ignore"):
        inside = contextvars.copy_context()
    changed = [variable for variable in inside if outside.get(variable) is not inside[variable]]
    return (changed[0], inside[changed[0]]) if len(changed) == 1 else None


_found = _state()
if _found is not None:
    _variable, _ignoring = _found

    def silence() -> Any:
        """Warnings off, until ``restore`` gets the token."""
        return _variable.set(_ignoring)

    restore = _variable.reset
else:
    def silence() -> Any:
        """Warnings off, until ``restore`` gets the token."""
        return np.seterr(all="ignore")

    def restore(token: Any) -> None:
        """The state before ``silence``."""
        np.seterr(**token)
