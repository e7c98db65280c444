"""Progress of long work: a line on stderr, if that is a terminal and the work is expected to last.

Cost is stated before it is spent: the line opens with what will be done and how long that is
expected to take.  Nothing is printed into a pipe, a log or a notebook.
"""

from __future__ import annotations

import sys
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
