"""Learning rates as functions of the step.

    opt = optim.Adam(schedules.warmup_cosine(1e-3, warmup_steps=100, total_steps=2000))

Every schedule is called with the step, counted from 0, and returns a float; any callable
that does so is one.  ``total_steps`` has one name everywhere.  Only
:class:`ReduceOnPlateau` has a memory.
"""

from diffkit.schedules.cycles import (
    Schedule,
    cosine_restarts,
    cyclic,
    join,
    one_cycle,
    warmup,
    warmup_cosine,
)
from diffkit.schedules.decays import (
    constant,
    cosine,
    exponential,
    inverse_sqrt,
    linear,
    piecewise,
    polynomial,
    step_decay,
)
from diffkit.schedules.faults import ScheduleError
from diffkit.schedules.plateau import ReduceOnPlateau

__all__ = [
    "ReduceOnPlateau",
    "Schedule",
    "ScheduleError",
    "constant",
    "cosine",
    "cosine_restarts",
    "cyclic",
    "exponential",
    "inverse_sqrt",
    "join",
    "linear",
    "one_cycle",
    "piecewise",
    "polynomial",
    "step_decay",
    "warmup",
    "warmup_cosine",
]
