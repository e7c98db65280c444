"""Progress of long work: a line on stderr, if that is a terminal and the work is expected to last.

Cost is stated before it is spent: the line opens with what will be done and how long that is
expected to take.  Of f's first call nothing is known: after a moment it is said how long it is waited for.
Nothing is printed into a pipe, a log or a notebook.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds below which nobody needs to be told.
_NOTEWORTHY = 1.5


@contextmanager
def progress(what: str, steps: int, seconds: float) -> Iterator[Callable[[], None]]:
    """``tick()`` after each of ``steps``; drawn by rich if somebody looks at stderr and it takes long."""
    if seconds < _NOTEWORTHY or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
               TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(f"{what}, about {seconds:.0f} s", total=steps)
        yield lambda: drawn.advance(task)


@contextmanager
def waiting(said: str) -> Iterator[None]:
    """``said`` on stderr while the block takes longer than a moment, if somebody looks; gone when it ends."""
    if not sys.stderr.isatty():
        yield
        return
    shown = threading.Event()

    def show() -> None:
        shown.set()
        sys.stderr.write(f"{said}\r")
        sys.stderr.flush()

    timer = threading.Timer(_NOTEWORTHY, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if shown.is_set():
            sys.stderr.write("\x1b[2K\r")
            sys.stderr.flush()
