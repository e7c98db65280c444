"""Bounded time: a stranger's f may hang where nobody asked it before.

``while abs(y * y - x) > 0`` ends at x and never at x(1 + eps).  So every evaluation is watched.  A watch is a
thread that wakes up now and then and compares two clocks with their limits: one of the call of f that is running,
one of the whole method, which never gets more than the comparison's allowance has left.  When a limit is passed it
raises ``Overtime`` in the watched thread, between two bytecodes (``PyThreadState_SetAsyncExc``, which works in every
thread), and wakes C that waits (``waking``).  So a Python loop is ended, and ``time.sleep``; a long computation in C
ends first.  Overtime is no ``Exception``: code that swallows those (a stencil that takes an error for the
edge of a domain) lets it through.

A module that is being imported is not interrupted (for half a minute): half of SymPy would stay behind, for as long
as the process lives.

An alarm that goes off inside a destructor or a callback of the garbage collector is lost there: Python would print it
and go on.  It is not printed, and raised again a second later.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from diffkit.comparison import waking
from diffkit.errors import EqualityBranchWarning

if TYPE_CHECKING:
    from types import FrameType

    from diffkit.comparison.problem import Problem

Answer = TypeVar("Answer")

#: How often a watch looks at its clocks, in seconds.
_INTERVAL, _AGAIN = 0.05, 1.0
#: How long an import is let go on when time is up.
_IMPORTING = 30.0


class Overtime(BaseException):
    """f, or a method, was stopped; ``what`` says after how long."""

    what = "stopped"


class _Hush:
    """Keeps Python from printing alarms that were lost, while some watch has fired.

    Called by the threads that watch, where no alarm goes off, so that its lock can't be left locked.
    """

    def __init__(self) -> None:
        self.lock, self.count, self.before = threading.Lock(), 0, sys.unraisablehook

    def begin(self) -> None:
        """One more watch has fired."""
        with self.lock:
            if self.count == 0:
                self.before, sys.unraisablehook = sys.unraisablehook, self.hook
            self.count += 1

    def end(self) -> None:
        """One fewer; whoever put another hook in our place keeps it."""
        with self.lock:
            self.count -= 1
            if self.count == 0 and sys.unraisablehook == self.hook:
                sys.unraisablehook = self.before

    def hook(self, unraisable: Any) -> None:
        """Python's hook for what can't be raised."""
        if not issubclass(unraisable.exc_type, Overtime):
            self.before(unraisable)


_HUSH = _Hush()


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
        self._done = self._fired = self._firing = self._over = self._wakes = False
        # A class of its own, so that a watch inside another one can't take the other's alarm for its own.
        self._alarm: type[Overtime] = type("Overtime", (Overtime,), {})

    def timed(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """f with its clock."""
        @functools.wraps(f, updated=())
        def watched(*args: Any, **kwargs: Any) -> Any:
            before, self._began = self._began, time.monotonic()
            try:
                return f(*args, **kwargs)
            except SystemExit as error:  # at another point f may give up; that ends no comparison
                raise RuntimeError(f"f called sys.exit({error.code!r})") from None
            finally:
                self._began = before
        return watched

    def __enter__(self) -> Self:
        self._owner = threading.get_ident()
        self._frame: FrameType | None = sys._getframe(1)
        self._deadline = time.monotonic() + self.total
        self._settings = np.geterr()
        self._wakes = waking.prepare()
        try:
            threading.Thread(target=self._look, daemon=True).start()
        except BaseException:  # the alarm of a watch around this one: nobody would ever put this one away
            self._done = True
            self._rest()
            raise
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            self._end()
        except self._alarm:  # it came while the watch was being put away
            self._end()
        if self._fired:
            np.seterr(**self._settings)  # the alarm may have come inside an errstate's own exit
        self._rest()

    def _rest(self) -> None:
        if self._wakes:
            waking.restore()

    def _end(self) -> None:
        # No lock: an alarm between its acquiring and the next bytecode would leave it locked for ever.
        self._done = True
        self._frame = None
        while self._firing:
            time.sleep(0.001)
        if not self._fired:
            return
        # An alarm that has not gone off yet must not go off elsewhere, so one goes off here.  To take it
        # back instead (an exception of NULL) leaves CPython 3.11's flag "something is pending" up for
        # good: every jump is slower after that, and a traced function never gets past its first line.
        # Again and again, for one that goes off in a destructor is lost.
        try:
            while True:
                self._fire()
        except self._alarm:
            self._over = True

    def _fire(self) -> None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._owner), ctypes.py_object(self._alarm))

    def _imports(self) -> bool:
        """Whether a module is being imported by what is watched."""
        frame = sys._current_frames().get(self._owner)
        while frame is not None and frame is not self._frame:
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return True
            frame = frame.f_back
        return False

    def _look(self) -> None:
        while not self._done:
            time.sleep(_INTERVAL)
            now, began = time.monotonic(), self._began
            if began is not None and now - began > self.call:
                what, late = f"f did not return within {self.call:.2g} s", now - began - self.call
            elif now > self._deadline:
                what, late = f"stopped after {self.total:.3g} s", now - self._deadline
            else:
                continue
            if late < _IMPORTING and self._imports():
                continue
            if not self._fired:
                _HUSH.begin()
            self._firing = True
            if not self._done:
                self._fired, self._alarm.what = True, what
                self._fire()
                waking.wake(self._owner)
            self._firing = False
            if not self._fired:
                _HUSH.end()
            # An alarm that goes off in a destructor is lost: it is raised again if nobody heard it.
            time.sleep(_AGAIN)
        if self._fired:
            for _ in range(100):  # the last alarm, that of ``_end``, may be lost as well
                if self._over:
                    break
                time.sleep(_INTERVAL)
            _HUSH.end()


def patience(seconds: float, hung: bool = False) -> float:
    """How long one call of f may take away from x when it takes ``seconds`` at x (traced runs are slower).

    Less once it has been seen to hang.
    """
    return max(0.5, 15.0 * seconds) if hung else max(2.0, 60.0 * seconds)


def within(problem: Problem, ask: Callable[[Problem], Answer], late: Callable[[str], Answer], total: float,
           call: float | None = None) -> Answer:
    """``ask`` of the problem with its f watched; ``late(reason)`` when that is stopped, or can't be afforded."""
    allowance = problem.allowance
    reason = allowance.refusal(problem.seconds)
    if reason:
        return late(reason)
    limit = patience(problem.seconds, hung=bool(problem.hung)) if call is None else call
    try:
        with Watch(limit, min(total, allowance.left())) as watch, warnings.catch_warnings():
            warnings.simplefilter("ignore", EqualityBranchWarning)  # the verdict says it (``Problem.equalities``)
            return ask(dataclasses.replace(problem, f=watch.timed(problem.f)))
    except Overtime as alarm:
        problem.hung.append(alarm.what)
        return late(alarm.what)
