"""Bounded time: a stranger's f may hang where nobody asked it before.

``while abs(y * y - x) > 0`` ends at x and never at x(1 + eps).  f is called at x as its author would
call it, without a limit; every other evaluation is watched.  A watch is a thread that wakes up now
and then and compares two clocks with their limits: one of the call of f that is running, one of the
whole method.  When a limit is passed it raises ``Overtime`` in the watched thread, between two
bytecodes (``PyThreadState_SetAsyncExc``, which works in every thread and needs no signal).  So a
Python loop is ended, and a single call into C ends first.  Overtime is no ``Exception``: code that
swallows those (a stencil that takes an error for the edge of a domain) lets it through.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

if TYPE_CHECKING:
    from diffkit.comparison.problem import Problem

Answer = TypeVar("Answer")

#: How often a watch looks at its clocks, in seconds.
_INTERVAL = 0.05


class Overtime(BaseException):
    """f, or a method, was stopped; ``what`` says after how long."""

    what = "stopped"


class Watch:
    """Within ``with Watch(...) as watch:`` the calls of ``watch.timed(f)`` and the whole block are limited.

    Parameters
    ----------
    call, total : float
        Seconds for one call of f, and for the block.
    """

    def __init__(self, call: float, total: float) -> None:
        self.call, self.total = call, total
        self._began: float | None = None
        self._done = False
        self._fired = False
        self._lock = threading.Lock()
        # A class of its own, so that a watch inside another one can't take the other's alarm for its own.
        self._alarm: type[Overtime] = type("Overtime", (Overtime,), {})

    def timed(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """f with its clock."""
        @functools.wraps(f, updated=())
        def watched(*args: Any, **kwargs: Any) -> Any:
            before, self._began = self._began, time.monotonic()
            try:
                return f(*args, **kwargs)
            finally:
                self._began = before
        return watched

    def __enter__(self) -> Self:
        self._owner = threading.get_ident()
        self._deadline = time.monotonic() + self.total
        self._settings = np.geterr()
        self._stop = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            self._end()
        except self._alarm:  # it came while the watch was being put away
            self._end()
        if self._fired:
            np.seterr(**self._settings)  # the alarm may have come inside an errstate's own exit

    def _end(self) -> None:
        with self._lock:
            self._done = True
            if self._fired:  # an alarm that has not gone off yet must not go off elsewhere
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._owner), None)
        self._stop.set()

    def _look(self) -> None:
        while not self._stop.wait(_INTERVAL):
            now, began = time.monotonic(), self._began
            if began is not None and now - began > self.call:
                what = f"f did not return within {self.call:.2g} s"
            elif now > self._deadline:
                what = f"stopped after {self.total:.3g} s"
            else:
                continue
            with self._lock:
                if not self._done:
                    self._fired = True
                    self._alarm.what = what
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._owner),
                                                               ctypes.py_object(self._alarm))
            return


def patience(seconds: float) -> float:
    """How long one call of f may take away from x when it takes ``seconds`` at x (traced runs are slower)."""
    return max(2.0, 60.0 * seconds)


def within(problem: Problem, ask: Callable[[Problem], Answer], late: Callable[[str], Answer], total: float,
           call: float | None = None) -> Answer:
    """``ask`` of the problem with its f watched; ``late(reason)`` when that is stopped."""
    try:
        with Watch(patience(problem.seconds) if call is None else call, total) as watch:
            return ask(dataclasses.replace(problem, f=watch.timed(problem.f)))
    except Overtime as alarm:
        return late(alarm.what)
