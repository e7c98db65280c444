"""Repeated eigenvalues and singular values: what is defined there, and how it is found.

The vectors of a repeated value are an arbitrary basis.  A result that does not change with
the choice (``(v * f(w)) @ v.T``) is differentiable, but the formula for it is 0/0: with q = v^H gv,

    (q_ij - conj(q_ji)) / (w_j - w_i)      for equal w_i, w_j.

The limit is that of numbers that are about to split: w_j + e j with an infinitesimal e (L'Hôpital's
rule by a dual number).  A *splitting* adds it.  It also turns the vectors of each group into another
basis, at random: a transform runs the program in two such bases, and if the answers differ,
the result leans on the choice, and is refused.

Values alone need none of this: equal ones share their derivative (the minimum-norm
subgradient, as for ties of ``max``).
"""

from __future__ import annotations

import contextvars
from typing import Any, Protocol

import numpy as np

from diffkit.errors import DegenerateError


class Splitting(Protocol):
    """How a transform splits repeated values."""

    seed: int

    def lift(self, value: Any, tangent: Any) -> Any:
        """``value + tangent e``."""

    def parts(self, value: Any) -> tuple[Any, Any]:
        """The value and its tangent (None if it has none)."""


SPLITTING: contextvars.ContextVar[Splitting | None] = contextvars.ContextVar("diffkit_splitting", default=None)
#: What forward mode may look at to learn that vectors of repeated values were met: how often they were.
vectors_lost = [0]


class RepeatedValuesError(DegenerateError):
    """A cotangent reaches the vectors of repeated values; the outermost transform splits them."""


def refuse(what: str, want: str, kind: type[DegenerateError] = DegenerateError,
           of: str = "the derivative of ") -> DegenerateError:
    """The error for a result that leans on an arbitrary choice of vectors."""
    return kind(f"{of}{what} is not defined", want,
                "a function of the eigenvalues or singular values alone is differentiated there: "
                "call np.linalg.eigvalsh, eigvals or svdvals for them")


def refuse_group(name: str, kind: type[DegenerateError] = DegenerateError,
                 of: str = "the derivative of ") -> DegenerateError:
    """The error for vectors of repeated values."""
    return refuse(f"{name} with repeated values",
                  "a result that does not change with the basis, such as (v * f(w)) @ v.T, a function of the values "
                  "alone, or a matrix with distinct values", kind, of)


def gaps(w: Any) -> Any:
    """w_j - w_i, and where the two are equal to within their rounding errors."""
    difference = w[..., None, :] - w[..., :, None]
    n = w.shape[-1]
    limit = 4 * n * float(np.finfo(w.dtype).eps) * (np.max(np.absolute(w), axis=-1) if n else 0)
    return difference, np.absolute(difference) <= np.reshape(limit, (*w.shape[:-1], 1, 1))


def has_groups(equal: Any) -> bool:
    """Whether any two different ones are equal (on a recording level, a path condition)."""
    return bool(np.any(equal & ~np.eye(equal.shape[-1], dtype=bool)))


def in_group(equal: Any) -> Any:
    """Which ones are repeated."""
    return np.any(equal & ~np.eye(equal.shape[-1], dtype=bool), axis=-1)


def shared(d: Any, equal: Any) -> Any:
    """The mean over each group; while vectors are split, different ones are refused."""
    weights = equal / np.sum(equal, axis=-1, keepdims=True)
    mean = np.sum(weights.astype(d.dtype) * d[..., None, :], axis=-1)
    if SPLITTING.get() is not None:
        limit = float(np.finfo(d.dtype).eps) ** 0.5 * np.max(np.absolute(d))
        if bool(np.any(np.absolute(d - mean) > limit)):
            raise refuse("repeated values, one by one, beside a result of their vectors",
                         "values and vectors from one call of np.linalg.eigh or svd")
    return mean


def divided(difference: Any, equal: Any) -> Any:
    """1 / (w_j - w_i), 0 within a group."""
    return np.where(equal, 0, 1 / np.where(equal, 1, difference))


def split(values: Any, *bases: Any) -> tuple[Any, ...]:
    """A plain decomposition, with repeated values split and their vectors (columns) turned, if that is asked for."""
    splitting = SPLITTING.get()
    if splitting is None or not values.shape[-1]:
        return (values, *bases)
    _, equal = gaps(values)
    if not has_groups(equal):
        return (values, *bases)
    bases = tuple(np.array(basis) for basis in bases)
    n = values.shape[-1]
    for place in np.ndindex(values.shape[:-1]):
        start = 0
        for end in range(1, n + 1):
            if end == n or not equal[place][end - 1, end]:
                for basis in bases:
                    columns = basis[(*place, slice(None), slice(start, end))]
                    columns[...] = columns @ _turn(end - start, splitting.seed, basis.dtype)
                start = end
    order = np.where(in_group(equal), np.arange(n), 0).astype(values.dtype)
    return (splitting.lift(values, order), *bases)


def _turn(size: int, seed: int, dtype: Any) -> Any:
    """A random orthogonal (unitary) matrix, the same for each group of a size."""
    rng = np.random.default_rng((seed, size))
    m = rng.normal(size=(size, size))
    if dtype.kind == "c":
        m = m + 1j * rng.normal(size=(size, size))
    return (np.linalg.qr(m)[0] if size > 1 else np.eye(1)).astype(dtype)


def within_groups(name: str, q: Any, equal: Any, values: Any) -> Any:
    """The limit of ``divided * q``, symmetrised, for the pairs of equal values; refused where it is infinite.

    ``values`` is the values' cotangent, or None.
    """
    splitting = SPLITTING.get()
    assert splitting is not None
    turning = q - (np.swapaxes(np.conjugate(q), -1, -2) if q.dtype.kind == "c" else np.swapaxes(q, -1, -2))
    still, moved = splitting.parts(turning)
    n = q.shape[-1]
    one = np.eye(n, dtype=bool)
    scale = sum(float(np.max(np.absolute(part), initial=0.0)) for part in (
        splitting.parts(q)[0], *(() if moved is None else (moved,)),
        *(() if values is None else (splitting.parts(values)[0],))))
    grouped = equal & in_group(equal)[..., None]
    if bool(np.any(grouped & (np.absolute(still) > float(np.finfo(q.dtype).eps) ** 0.5 * scale))):
        raise refuse_group(name)
    if moved is None:
        return np.zeros(q.shape, q.dtype)
    steps = np.arange(n) - np.arange(n)[:, None]
    return np.where(equal & ~one, moved / (2 * np.where(one, 1, steps)).astype(values_dtype(q)), 0)


def values_dtype(q: Any) -> Any:
    """The real dtype of an array's precision."""
    return np.finfo(q.dtype).dtype
