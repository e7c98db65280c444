"""Runge-Kutta methods: the steps that SciPy accepted, taken once more on traced values.

SciPy finds the steps on plain numbers.  With these lengths held fixed, each step is a formula,

    K_s = f(t + c_s h, y + h sum_j a_sj K_j),      y' = y + h sum_s b_s K_s,

so the derivative is that of the computed solution, exact to rounding, the same in every mode
and order.  (Where steps are put is a decision of the solver's, and moves no solution by more
than its tolerance.)  Between two steps stands the method's own interpolant.  Only the first
step begins, and the last one ends, where a differentiated t_span says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.scipy.calls import primal
from diffkit.traced import is_traced

__all__ = ["Interpolant", "Trajectory", "replay"]

RightSide = Callable[[Any, Any], Any]


class Interpolant:
    """The solution over one step: ``y_old + x (F_0 + (1 - x) (F_1 + x (F_2 + …)))`` or powers of x times h Q."""

    def __init__(self, start: Any, step: Any, y: Any, coefficients: Any, alternating: bool) -> None:
        self.start, self.step, self.y = start, step, y
        self._coefficients, self._alternating = coefficients, alternating

    def __call__(self, t: Any) -> Any:
        """The solution at times t (a vector): shape (n, len(t))."""
        x = (t - self.start) / self.step
        total: Any = None
        if self._alternating:
            for i, row in enumerate(self._coefficients[::-1]):
                total = row[:, None] if total is None else total + row[:, None]
                total = total * (x if i % 2 == 0 else 1 - x)
        else:
            for column in reversed(range(self._coefficients.shape[1])):
                row = self._coefficients[:, column, None]
                total = (row if total is None else row + total) * x
            total = self.step * total
        return self.y[:, None] + total


class Trajectory:
    """The solution as a function of time (SciPy's OdeSolution): one interpolant for each step."""

    def __init__(self, ts: Any, interpolants: Sequence[Interpolant]) -> None:
        self.ts = ts
        self.interpolants = interpolants
        self.t_min, self.t_max = min(ts[0], ts[-1]), max(ts[0], ts[-1])

    def __call__(self, t: Any) -> Any:
        """At one time (n,), or at several (n, len(t))."""
        t = t if hasattr(t, "dtype") else np.asarray(t)
        times = np.reshape(t, (-1,))
        sign = 1.0 if self.ts[-1] >= self.ts[0] else -1.0
        # The step that ends at a time has it, as in SciPy.
        place = np.clip(np.searchsorted(sign * self.ts, sign * primal(times), side="left") - 1,
                        0, len(self.interpolants) - 1)
        groups = [(k, np.flatnonzero(place == k)) for k in np.unique(place)]
        found = np.concatenate([self.interpolants[k](times[where]) for k, where in groups], axis=1)
        order = np.argsort(np.concatenate([where for _, where in groups]), kind="stable")
        if not np.array_equal(order, np.arange(len(order))):
            found = found[:, order]
        return np.reshape(found, (found.shape[0], *t.shape))


def replay(method: Any, fun: RightSide, ts: Any, span: tuple[Any, Any], y: Any, dense: bool) -> tuple[Any, Any]:
    """The solution at SciPy's steps ``ts`` (plain), shape (n, len(ts)), and the interpolants if ``dense``."""
    rows, interpolants = [y], []
    f = fun(ts[0] if not is_traced(span[0]) else span[0], y)
    last = len(ts) - 2
    for k in range(last + 1):
        start = span[0] if k == 0 and is_traced(span[0]) else ts[k]
        stop = span[1] if k == last and is_traced(span[1]) and ts[-1] == primal(span[1]) else ts[k + 1]
        y_old, h = y, stop - start
        stages = [f]
        for a, c in zip(method.A[1:], method.C[1:]):
            stages.append(fun(start + c * h, y_old + _combined(stages, a) * h))
        y = y_old + h * _combined(stages, method.B)
        f = fun(stop, y)
        stages.append(f)
        rows.append(y)
        if dense:
            interpolants.append(_interpolant(method, fun, start, h, y_old, y, stages))
    return np.stack(rows, axis=-1), interpolants


def _combined(stages: list[Any], weights: Any) -> Any:
    """The sum of stages with weights; weights that are zero are left out, so that nothing not used is computed."""
    used = [(stage, weight) for stage, weight in zip(stages, weights) if weight != 0]
    return np.asarray([weight for _, weight in used]) @ np.stack([stage for stage, _ in used])


def _interpolant(method: Any, fun: RightSide, start: Any, h: Any, y_old: Any, y: Any,
                 stages: list[Any]) -> Interpolant:
    if not hasattr(method, "A_EXTRA"):
        return Interpolant(start, h, y_old, np.stack(stages, axis=-1) @ method.P, False)
    stages = list(stages)  # DOP853: three more evaluations, and a polynomial of degree 7
    first, last = stages[0], stages[-1]
    for a, c in zip(method.A_EXTRA, method.C_EXTRA):
        stages.append(fun(start + c * h, y_old + _combined(stages, a) * h))
    moved = y - y_old
    rows = [moved, h * first - moved, 2 * moved - h * (last + first),
            *(h * _combined(stages, weights) for weights in method.D)]
    return Interpolant(start, h, y_old, np.stack(rows), True)
