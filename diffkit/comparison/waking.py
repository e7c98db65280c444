"""Waking a call into C that waits: ``time.sleep``, a lock, a socket, a child process.

An alarm (``guard``) goes off between two bytecodes, and while C waits there are none.  A signal
wakes it: Python takes up a wait again only after the handlers of signals have run, and the alarm goes off in the
first bytecode of ours.  The signal is SIGURG, which nobody minds receiving once too often (Go stops its goroutines
by it); a program with a handler of its own for it keeps that one and is not woken.

Only the main thread handles signals, and only C that waits can be woken: a long computation ends first.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

_SIGNAL: signal.Signals | None = getattr(signal, "SIGURG", None)


def _handler(number: int, frame: Any) -> None:
    """Nothing: a bytecode for the alarm to go off in."""


def prepare() -> bool:
    """Whether our handler was put in place now, and has to be taken away again."""
    if _SIGNAL is None or threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(_SIGNAL) is not signal.SIG_DFL:
        return False
    signal.signal(_SIGNAL, _handler)
    return True


def restore() -> None:
    """The handler as it was before ``prepare``."""
    if _SIGNAL is not None:
        signal.signal(_SIGNAL, signal.SIG_DFL)


def wake(thread: int) -> None:
    """Interrupt what the thread waits for, if it is the main one and our handler is in place."""
    if _SIGNAL is not None and thread == threading.main_thread().ident and signal.getsignal(_SIGNAL) is _handler:
        signal.pthread_kill(thread, _SIGNAL)
