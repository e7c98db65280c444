"""Events of solve_ivp: the times t at which g(t, y(t), p) = 0, as functions of what y, g and p depend on.

SciPy locates them on its interpolant, on plain numbers.  From there Newton's steps

    t <- t - g / (dg/dt + dg/dy y')

are taken on traced values: at a root each of them doubles the order to which t moves with the
parameters as the root does (the implicit function theorem), three give every derivative up to the
seventh.  The value stays SciPy's.  Where the solution only touches the event the slope is 0, the
time has no derivative, and it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.errors import UnsupportedArgumentError
from diffkit.rules.flat import STOP_GRADIENT
from diffkit.scipy.callables import Opened, opened, plain_call, vector
from diffkit.scipy.calls import primal
from diffkit.transforms import jvp

__all__ = ["crossings", "opened_events", "plain_event"]

_NEWTON_STEPS = 3
_TOUCHES = 1e-8


def opened_events(events: Any, args: tuple[Any, ...]) -> list[Opened]:
    """Each event function with what it depends on laid open."""
    if events is None:
        return []
    return [opened(event, args) for event in ([events] if callable(events) else events)]


def plain_event(event: Callable[..., Any], laid_open: Opened) -> Callable[..., Any]:
    """What SciPy gets to see of an event function: plain values, and whether and how it ends the solution."""
    call = plain_call(laid_open.at([primal(leaf) for leaf in laid_open.leaves]), laid_open.leaves, "solve_ivp")

    def plain(t: Any, y: Any) -> Any:
        return call(t, y)

    for name in ("terminal", "direction"):
        if hasattr(event, name):
            setattr(plain, name, getattr(event, name))
    return plain


def crossings(laid_open: Opened, trajectory: Callable[[Any], Any], times: Sequence[float]) -> tuple[Any, Any]:
    """Times of one event, shape (k,), and the solution there, (k, n)."""
    if not len(times):
        return np.zeros(0), np.zeros((0,))
    event = laid_open.at(laid_open.leaves)
    moved = [_crossing(event, trajectory, np.float64(time)) for time in times]
    return np.stack(moved), np.stack([trajectory(time) for time in moved])


def _crossing(event: Callable[..., Any], trajectory: Callable[[Any], Any], time: Any) -> Any:
    def along(t: Any) -> Any:
        return vector(event(t, trajectory(t)))[0]

    found = time
    for _ in range(_NEWTON_STEPS):
        value, slope = jvp(along, (found,), (np.float64(1.0),))
        if abs(float(primal(slope))) <= _TOUCHES * _size(along, time):
            raise UnsupportedArgumentError(
                f"the time {time:g} of an event that the solution only touches has no derivative",
                "an event function that changes its sign there", "the event function is flat, or a step")
        found = found - value / slope
    return time + (found - STOP_GRADIENT(found))


def _size(along: Callable[[Any], Any], time: Any) -> float:
    """How large the event function is a little before and after."""
    beside = 1e-3 * max(1.0, abs(float(time)))
    return max(abs(float(primal(along(time + side)))) for side in (-beside, beside))
