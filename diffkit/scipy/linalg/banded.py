"""Banded systems, in SciPy's diagonal form: n unknowns cost O(n), and so do their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as original

from diffkit.rules.kinds import General, general
from diffkit.scipy.calls import falls_back, of_floats, prepared
from diffkit.scipy.linalg.solvers import conjugated

__all__ = ["BANDED", "solve_banded", "solveh_banded"]


def _shifted(rows: Any, by: int) -> Any:
    """The rows moved down by so many places (up if negative), zeros moving in."""
    if by == 0:
        return rows
    size = min(abs(by), rows.shape[0])
    none = 0 * rows[:size]
    return np.concatenate([none, rows[:-size]] if by > 0 else [rows[size:], none])


def _banded_product(ab: Any, x: Any, upper: int) -> Any:
    """The matrix with diagonals ab[upper + i - j, j] times x (n, m)."""
    total = 0
    for row in range(ab.shape[0]):
        total = total + _shifted(ab[row][:, None] * x, row - upper)
    return total


def _banded_transpose(ab: Any, upper: int) -> Any:
    return np.stack([_shifted(ab[row], row - upper) for row in reversed(range(ab.shape[0]))])


def _banded_jvp(y: Any, args: Any, tangents: Any, lower: int, upper: int) -> Any:
    ta, tb = tangents
    moved = None if ta is None else -_banded_product(ta, y, upper)
    return BANDED(args[0], tb if moved is None else moved if tb is None else tb + moved, lower=lower, upper=upper)


def _banded_vjp(g: Any, y: Any, args: Any, lower: int, upper: int) -> Any:
    gb = BANDED(_banded_transpose(args[0], upper), g, lower=upper, upper=lower)
    rows = [-np.sum(_shifted(gb, upper - row) * y, axis=-1) for row in range(lower + upper + 1)]
    return np.stack(rows), gb


def _solved(ab: Any, b: Any, lower: int, upper: int) -> Any:
    return np.asarray(original.solve_banded((lower, upper), ab, b, check_finite=False))


BANDED: General = general(
    of_floats(_solved), name="scipy.linalg.solve_banded", jvp=_banded_jvp, vjp=_banded_vjp)


@falls_back(original.solve_banded)
def solve_banded(l_and_u: Any, ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False,
                 check_finite: bool = True) -> Any:
    """Solve a x = b for a banded matrix in diagonal form, scipy.linalg.solve_banded.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda ab: np.sum(solve_banded((0, 0), ab, np.ones(2))))(np.array([[2.0, 4.0]])))
    [[-0.25   -0.0625]]
    """
    ab, b = prepared(ab), prepared(b)
    lower, upper = l_and_u
    if ab.shape[-1] != b.shape[0]:
        raise ValueError("shapes of ab and b are not compatible.")
    if lower + upper + 1 != ab.shape[0]:
        raise ValueError("invalid values for the number of lower and upper diagonals: l+u+1 "
                         f"({lower + upper + 1}) does not equal ab.shape[0] ({ab.shape[0]})")
    vector = b.ndim == 1
    x = BANDED(ab, b[:, None] if vector else b, lower=int(lower), upper=int(upper))
    return x[:, 0] if vector else x


@falls_back(original.solveh_banded)
def solveh_banded(ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False, lower: bool = False,
                  check_finite: bool = True) -> Any:
    """Solve a x = b for a positive definite banded matrix, scipy.linalg.solveh_banded.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.grad(lambda ab: np.sum(solveh_banded(ab, np.ones(2))))(np.array([[2.0, 4.0]])))
    [[-0.25   -0.0625]]
    """
    ab = prepared(ab)
    width = ab.shape[0] - 1
    own = [ab[k] for k in range(width + 1)] if lower else [ab[width - k] for k in range(width + 1)]
    # own[k] is the k-th diagonal: below the main one with ``lower``, above it without.
    other = [conjugated(_shifted(own[k][:, None], k if lower else -k)[:, 0]) for k in range(1, width + 1)]
    upper, under = (other, own[1:]) if lower else (own[1:], other)
    return solve_banded((width, width), np.stack([*upper[::-1], own[0], *under]), b)
