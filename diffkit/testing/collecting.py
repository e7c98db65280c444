"""Reports gathered while a test run lasts, for whoever asked: the pytest plugin, the command line.

Nobody listens by default, and then nothing is kept.  A test written for Hypothesis makes hundreds of reports, and
while it shrinks a failure nearly all of them are wrong.  One of each function stays (``Examples``): the last wrong
one, which is the smallest, because Hypothesis repeats that one at the end; and how many there were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from diffkit.testing.report import Report


class Listener(Protocol):
    """Whoever takes reports."""

    def append(self, report: Report, /) -> None:
        """One more."""


_Heard = TypeVar("_Heard", bound=Listener)
_LISTENER: ContextVar[Listener | None] = ContextVar("diffkit_reports", default=None)
#: What is to be shown rather than another, the gravest last.
_GRAVITY = {True: 0, None: 1, False: 2}


class Examples:
    """The reports of a property's examples, of which one for each function stays."""

    def __init__(self) -> None:
        self.kept: dict[str, Report] = {}
        self.counts: dict[str, Counter[bool | None]] = {}

    def append(self, report: Report) -> None:
        """Count it, and keep it unless a graver one is kept."""
        name = report.function
        self.counts.setdefault(name, Counter())[report.agree] += 1
        before = self.kept.get(name)
        if before is None or _GRAVITY[report.agree] >= _GRAVITY[before.agree]:
            self.kept[name] = report

    def __iter__(self) -> Iterator[tuple[Report, str]]:
        """Every report that stays, with the number of those that don't, in words."""
        for name, report in self.kept.items():
            count, alike = self.counts[name].total(), self.counts[name][report.agree]
            if count == 1:
                yield report, ""
            elif report.agree is True:
                yield report, f"the last of {count} examples"
            else:
                word = "wrong" if report.agree is False else "open"
                yield report, f"{alike} of {count} examples {word}, this the last and smallest"


def collect(report: Report) -> None:
    """Hand a finished report to the listener, if there is one."""
    listener = _LISTENER.get()
    if listener is not None:
        listener.append(report)


@contextmanager
def listening(listener: _Heard) -> Iterator[_Heard]:
    """The reports of all checks inside the ``with`` block go to ``listener``."""
    token = _LISTENER.set(listener)
    try:
        yield listener
    finally:
        _LISTENER.reset(token)


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
    with listening(reports):
        yield reports
