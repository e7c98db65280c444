"""Reports gathered while a test run lasts, for whoever asked: the pytest plugin, the command line.

Nobody listens by default, and then nothing is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffkit.testing.report import Report

_LISTENER: ContextVar[list[Report] | None] = ContextVar("diffkit_reports", default=None)


def collect(report: Report) -> None:
    """Hand a finished report to the listener, if there is one."""
    listener = _LISTENER.get()
    if listener is not None:
        listener.append(report)


@contextmanager
def collecting() -> Iterator[list[Report]]:
    """The reports of all checks inside the ``with`` block, in their order.

    >>> from diffkit.testing import check_gradients
    >>> with collecting() as reports:
    ...     check_gradients(lambda x: x * x, 3.0)
    <Report of <lambda> at x = 3: right: first order AGREE, second order AGREE>
    >>> len(reports)
    1
    """
    reports: list[Report] = []
    token = _LISTENER.set(reports)
    try:
        yield reports
    finally:
        _LISTENER.reset(token)
