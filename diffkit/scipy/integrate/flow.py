"""The flow of a differential equation by any solver, differentiated by the variational equation.

For y' = f(t, y, p) the derivative s of y along a direction of (y(t_0), p) obeys

    s' = df/dy s + df/dp dp,       s(t_0) = dy(t_0),

which is integrated together with y by the same solver with the same tolerances: its error is
controlled like y's, and it is stable where y is.  By a time, y moves with f(t, y).  The pair
(y, s) is again the flow of a differential equation, and so orders nest.

Reverse mode carries one s for each entry of y(t_0) and p.  The adjoint equation would carry fewer
but runs y backward in time, which for the stiff equations that these solvers are for is
unstable.  Explicit Runge-Kutta methods have a reverse sweep of their own (``stepping``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.custom.calls import Operation
from diffkit.custom.leaves import cut, end_to_end
from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.callables import plain_call
from diffkit.traced import is_traced
from diffkit.transforms import jacobian, jvp

#: ``solver(f, times, y0)``: the solution at times[1:] with y(times[0]) = y0, shape (len(times) - 1, n).
Solver = Callable[[Callable[..., Any], Any, Any], Any]


class _Flow(Operation):
    """y at times[1:], of the operands times, y(times[0]) and the leaves of f(t, y, *leaves)."""

    opaque = True
    __slots__ = ("solver",)
    solver: Solver

    def evaluate(self, args: tuple[Any, ...]) -> Any:
        times, y0, *leaves = args
        f = plain_call(lambda t, y: self.function(t, y, *leaves), leaves, self.name)
        return self.solver(f, times, y0)

    def push(self, y: Any, args: Sequence[Any], tangents: Sequence[Any], params: Any) -> Any:
        times, y0, *leaves = args
        by_time, by_start, *by_leaf = tangents
        active = [i for i, t in enumerate(by_leaf) if t is not None]
        n, f = y0.size, self.function

        def double(t: Any, z: Any, *operands: Any) -> Any:
            held, along = operands[:len(leaves)], operands[len(leaves):]

            def moving(y: Any, *inner: Any) -> Any:
                values = list(held)
                for i, leaf in zip(active, inner):
                    values[i] = leaf
                return f(t, y, *values)

            return np.concatenate(jvp(moving, (z[:n], *(held[i] for i in active)), (z[n:], *along)))

        start = np.zeros(n) if by_start is None else by_start
        if by_time is not None:
            start = start - f(times[0], y0, *leaves) * by_time[0]
        moved = flow(double, times, np.concatenate([y0, start]), [*leaves, *(by_leaf[i] for i in active)],
                     self.solver, self.name)[:, n:]
        if by_time is not None:
            speeds = [f(times[k + 1], y[0][k], *leaves) for k in range(y[0].shape[0])]
            moved = moved + np.stack(speeds) * by_time[1:, None]
        return (moved,)

    def pull_filled(self, g: Any, y: Any, args: Sequence[Any], active: tuple[int, ...]) -> Sequence[Any]:
        times, y0, *leaves = args
        n, f = y0.size, self.function
        g, y = g[0], y[0]
        moving = [i - 2 for i in active if i > 1]
        if any(leaves[i].dtype.kind == "c" for i in moving) or y0.dtype.kind == "c":
            raise UnsupportedArgumentError(f"{self.name} of complex values has no reverse mode with this method",
                                           'method="RK45", "RK23" or "DOP853", or forward mode')
        sizes = sum(leaves[i].size for i in moving)
        found: dict[int, Any] = {}

        def wide(t: Any, z: Any, *held: Any) -> Any:
            y, s = z[:n], np.reshape(z[n:], (n + sizes, n))
            parts = jacobian(lambda y, *inner: f(t, y, *_put(held, moving, inner)), tuple(range(1 + len(moving))))(
                y, *(held[i] for i in moving))
            change = s @ np.transpose(parts[0])
            if moving:
                by_leaf = np.concatenate([np.reshape(part, (n, -1)) for part in parts[1:]], axis=1)
                change = change + np.concatenate([np.zeros((n, n)), np.transpose(by_leaf)])
            return np.concatenate([f(t, y, *held), np.reshape(change, (-1,))])

        identity = np.concatenate([np.eye(n), np.zeros((sizes, n))])
        z = flow(wide, times, np.concatenate([y0, np.reshape(identity, (-1,))]), leaves, self.solver, self.name)
        columns = np.reshape(z[:, n:], (len(times) - 1, n + sizes, n))
        weights = np.sum(columns * g[:, None, :], axis=(0, 2))
        found[1] = weights[:n]
        found.update(zip([i + 2 for i in moving], cut(weights[n:], [leaves[i] for i in moving]) if moving else []))
        if 0 in active:
            first = -np.sum(weights[:n] * f(times[0], y0, *leaves))
            rest = [np.sum(g[k] * f(times[k + 1], y[k], *leaves)) for k in range(len(times) - 1)]
            found[0] = np.stack([first, *rest])
        return [found[i] for i in active]


def _put(held: Sequence[Any], where: Sequence[int], others: Sequence[Any]) -> list[Any]:
    values = list(held)
    for i, other in zip(where, others):
        values[i] = other
    return values


def flow(function: Callable[..., Any], times: Any, y0: Any, leaves: Sequence[Any], solver: Solver, name: str) -> Any:
    """The solution at times[1:], shape (len(times) - 1, n), of y' = function(t, y, *leaves)."""
    leaves = [np.float64(leaf) if type(leaf) in (int, float) else leaf for leaf in leaves]
    operands, structure = tree.flatten((times, y0, *leaves))
    operation = _Flow(name, function, structure, operands)
    operation.solver = solver
    return operation.call(*operands)[0]


def times_of(first: Any, rest: Any) -> Any:
    """The first time and the others as one vector, traced if one of them is."""
    if is_traced(first) or is_traced(rest):
        return end_to_end([np.reshape(first, (1,)), rest])
    return np.concatenate([[first], rest])
