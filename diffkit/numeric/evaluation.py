"""Calling f: fresh copies in, plain numbers out, and no point outside the bounds.

At x itself f speaks for itself: its errors and warnings pass unchanged.  Around x a NaN,
an infinity, an arithmetic error or a ValueError only says that this point is not in f's
domain, and becomes a row of NaN.  One call evaluates many points: one after the other,
through a thread pool or a map of the caller's, or as one batch if f takes a leading axis.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.errors import DiffkitError, InputError, NumericError
from diffkit.numeric.inputs import Entries
from diffkit.numeric.result import Array

_OUTSIDE = (ValueError, ArithmeticError, RuntimeWarning)


class Evaluator:
    """f at many points, as an array of shape (points, m) with m the size of f's result."""

    def __init__(self, f: Callable[[Any], Any], entries: Entries, vectorized: bool = False,
                 workers: int | Callable[..., Any] | None = None) -> None:
        if not callable(f):
            raise InputError(f"f is {f!r}, which can't be called", "a function of one argument")
        if not (workers is None or callable(workers)
                or (isinstance(workers, int) and not isinstance(workers, bool) and workers >= 1)):
            raise NumericError(f"workers={workers!r}", "a positive whole number, or a function like map")
        self.f = f
        self.entries = entries
        self.vectorized = vectorized
        self.workers = None if workers == 1 else workers
        self.count = 1
        base = self._number(f(entries.build_batch(entries.values[None]) if vectorized
                              else entries.build(entries.values)))
        if vectorized:
            if base.shape[:1] != (1,):
                raise NumericError(f"f was given a batch of 1 and returned shape {base.shape}",
                                   "f(X) with X of shape (k, *x.shape) returning (k, *out.shape)",
                                   "f does not take a leading batch axis: leave vectorized=False")
            base = base[0]
        self.shape = base.shape
        real = base.real.dtype if base.dtype.kind in "fc" else np.dtype(np.float64)
        self.out_dtype = base.dtype if base.dtype.kind in "fc" else real
        self.bits = int(np.finfo(real).nmant) + 1
        self.dtype = np.result_type(self.out_dtype, entries.values.dtype)
        self.base = base.astype(self.dtype).reshape(-1)

    @property
    def batched(self) -> bool:
        """Whether many points at once are cheaper than one after the other."""
        return self.vectorized or self.workers is not None

    def __call__(self, points: Array, keep: Array) -> Array:
        """Values at ``points`` of shape (k, n); rows where ``keep`` is False are NaN, not visited."""
        values = np.full((len(points), self.base.size), np.nan, self.dtype)
        rows = np.flatnonzero(keep)
        self.count += len(rows)
        if len(rows) == 0:
            return values
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            if self.vectorized:
                values[rows] = self._batch(points[rows])
            elif self.workers is None:
                values[rows] = [self._one(points[row]) for row in rows]
            elif callable(self.workers):
                values[rows] = list(self.workers(self._one, [points[row] for row in rows]))
            else:
                from concurrent.futures import ThreadPoolExecutor  # imported only where it is used

                with ThreadPoolExecutor(self.workers) as pool:
                    values[rows] = list(pool.map(self._one, [points[row] for row in rows]))
        values[~np.isfinite(values)] = np.nan
        return values

    def _one(self, point: Array) -> Array:
        try:
            with np.errstate(all="ignore"):
                return self.value(point)
        except DiffkitError:
            raise
        except _OUTSIDE:
            return np.full(self.base.size, np.nan, self.dtype)

    def value(self, point: Array) -> Array:
        """What is differentiated, at one point (n,): every output of f, (m,)."""
        return self._row(self._number(self.f(self.entries.build(point))))

    def _batch(self, points: Array) -> Array:
        try:
            with np.errstate(all="ignore"):
                out = self._number(self.f(self.entries.build_batch(points)))
        except DiffkitError:
            raise
        except _OUTSIDE:
            # One point outside the domain spoils the batch: find out which.
            if len(points) == 1:
                return np.full((1, self.base.size), np.nan, self.dtype)
            return np.concatenate([self._batch(points[row:row + 1]) for row in range(len(points))])
        if out.shape[:1] != points.shape[:1]:
            raise NumericError(f"f was given a batch of {len(points)} and returned shape {out.shape}",
                               "f(X) with X of shape (k, *x.shape) returning (k, *out.shape)")
        return np.stack([self._row(row) for row in out])

    def _row(self, out: Array) -> Array:
        if out.shape != self.shape:
            raise NumericError(f"f changes the shape of its result: {self.shape} at x, {out.shape} beside it",
                               "a function whose result has one shape",
                               "a result that is filtered, or sized by a value")
        if out.dtype.kind == "c" and self.dtype.kind != "c":
            # (-0.5)**0.5 of Python numbers: a real function has left its domain.
            return np.full(self.base.size, np.nan, self.dtype)
        return out.astype(self.dtype).reshape(-1)

    @staticmethod
    def _number(out: Any) -> Array:
        """f's result as an array of its own: f may overwrite what it returned."""
        array: Array | None
        try:
            array = np.array(out)
        except ValueError:
            array = None
        if array is None or array.dtype.kind not in "iufc":
            found = type(out).__name__ if array is None or array.ndim == 0 else f"dtype {array.dtype}"
            raise InputError(f"f returned {found}, which is not a number or an array of numbers",
                             "a function that returns a float or a float array",
                             "a missing return, a comparison, a list of unequal lengths")
        return array
