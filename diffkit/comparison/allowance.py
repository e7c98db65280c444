"""The time that a whole comparison may take, stated before any is spent.

One clock for everybody: every piece of work asks it before it begins (``guard.within``) and is stopped when it
runs out.  What can't be afforded is not begun, and whoever reads the report is told so.  So a comparison ends within
its budget, and at most one call of f later where that call can't be stopped (a long computation in C).
"""

from __future__ import annotations

import dataclasses
import math
import time


@dataclasses.dataclass(frozen=True)
class Allowance:
    """``seconds`` from now on (without end by default)."""

    seconds: float = math.inf
    began: float = dataclasses.field(default_factory=time.monotonic)

    #: Parts of the whole that a method with unknown needs may take, and that are kept back for judging.
    SHARE, KEPT = 1 / 6, 1 / 6

    def left(self) -> float:
        """Seconds that are left; below 0 when they are used up."""
        return self.seconds - (time.monotonic() - self.began)

    @property
    def share(self) -> float:
        """Seconds that a method, or a look of the judge's, may be expected to take."""
        return self.seconds * self.SHARE

    def for_methods(self) -> float:
        """Seconds left for another method, if the judge is to have his part."""
        return self.left() - self.seconds * self.KEPT if math.isfinite(self.seconds) else math.inf

    def refusal(self, seconds: float) -> str:
        """Why work that takes at least so long is not begun ("" if it may be)."""
        left = self.left()
        if left > 0 and seconds <= left:
            return ""
        return f"not begun: {of(max(left, 0.0))} of the budget of {of(self.seconds)} are left"


def of(seconds: float) -> str:
    """A time as people say it.

    >>> of(0.04), of(3.26), of(48.0), of(600.0)
    ('0.04 s', '3.3 s', '48 s', '10 min')
    """
    if seconds >= 300:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"
