"""Coefficients that NumPy's polynomials drop because they are 0, and with them a derivative.

numpy.polynomial and np.poly1d are plain NumPy code and run as the user's own (see
``buffers.callers``).  But they shorten a polynomial that ends in 0 by an equality branch
(``seq[-1] != 0``); where the coefficient is about to leave 0, its derivative would be lost
without a word.  So the branch asks how the coefficient moves: a dual number has its
tangent, a tape is swept from there.  If it moves, the program is refused; a coefficient
that stays 0 (a product with an exact 0 makes many) is dropped as NumPy drops it.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from diffkit import traced
from diffkit.buffers import callers, contents
from diffkit.buffers.functions import LIKES
from diffkit.dual import DualLevel
from diffkit.errors import LostDerivativeError
from diffkit.recording import RecordLevel, TapeLevel
from diffkit.reverse import sweep
from diffkit.traced import Traced, primal

_POLY1D = np.poly1d.__init__.__code__.co_filename


def check_equality(x: Any, other: Any) -> None:
    """Refuse ``x == 0`` and ``x != 0`` in numpy.polynomial's own code for an x that is 0 and moves."""
    if callers.polynomials[0] and callers.in_polynomials(2) and type(other) is int and not np.any(primal(x)):
        _refuse_moving(x)


def _trim_zeros(filt: Any, trim: Any = "fb", axis: Any = None) -> Any:
    """The leading zeros that ``np.poly1d`` drops; any other caller means what it says."""
    if sys._getframe(3).f_code.co_filename == _POLY1D:
        zeros = np.flatnonzero(primal(filt))
        _refuse_moving(filt[:zeros[0] if zeros.size else None])
    return _trimmed(filt, trim, axis)


def _refuse_moving(x: Any) -> None:
    if not _stays_zero(x):
        raise LostDerivativeError(
            "NumPy's polynomials drop a coefficient that is 0, and with it its derivative",
            "coefficient arrays: np.convolve(a, b) for a product, a + b for a sum, numpy.polynomial's polyval, "
            "chebval, … to evaluate (they drop nothing); or dk.stop_gradient of the coefficients",
            "the last coefficient (np.poly1d: the first) is exactly 0 at this point, or came out as 0")


def _stays_zero(x: Any) -> bool:
    """Whether x is 0 and so are its derivatives in every transform that is running."""
    x = contents(x)
    if type(x) is not Traced:
        return not np.any(x)
    level = x.level
    if not _stays_zero(level.below(x)):
        return False
    # A recording for symbols or a referee notes the branch as a condition of the path.
    if isinstance(level, RecordLevel) or not level.differentiates:
        return True
    return all(g is None or _stays_zero(g) for g in _derivatives(level, x))


def _derivatives(level: Any, x: Traced) -> list[Any]:
    """Numbers that are all 0 if and only if the derivatives of x in one transform are."""
    if level.is_batch:  # what is below holds all examples
        return []
    if isinstance(level, DualLevel):
        return [x.mark]
    if isinstance(level, TapeLevel):
        weights = np.random.default_rng(0).normal(size=x.shape).astype(x.dtype)
        inputs = [node for node in level.nodes[:x.mark.index + 1] if node.rule is None]
        return sweep(level.nodes, [(x.mark, weights)], inputs)
    from diffkit.series import SeriesLevel
    return level.coefficients(x) if isinstance(level, SeriesLevel) else [1]  # who knows


_trimmed = LIKES[np.trim_zeros]
LIKES[np.trim_zeros] = _trim_zeros
traced.check_equality = check_equality
