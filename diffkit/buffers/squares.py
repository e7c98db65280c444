"""The squares of an array into which roots were written (see ``rules.roots``): ``z[i] = np.linalg.norm(r)``.

Where such an entry is 0, ``z**2`` needs what norm(r)**2 is.  The writes are kept, and done again, on
squares, only where that is asked; n of them cost O(n).  A state of the array is the number of writes before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffkit.rules.kinds import Rule
from diffkit.rules.roots import Noted, note, square_of
from diffkit.rules.writing import SETITEM
from diffkit.traced import Traced


class Squares:
    """What was written, in order, to an array that was ``base`` before."""

    def __init__(self, base: Any) -> None:
        self._base = Noted(base)
        self._writes: list[tuple[Any, Noted]] = []

    def with_write(self, rule: Rule, index: Any, value: Any) -> Squares | None:
        """After one more write; None where it is no assignment."""
        if rule is not SETITEM:
            return None
        self._writes.append((index, Noted(value)))
        return self

    def note(self, part: Any, choose: Callable[[Any], Any] = lambda squares: squares) -> None:
        """Note the square of ``part``, which is ``choose`` of the array as it is now."""
        if type(part) is Traced and part.root is None:
            count = len(self._writes)
            note(part, object(), lambda: choose(self._after(count)))

    def _after(self, count: int) -> Any:
        from diffkit.buffers.store import Store
        store = Store(square_of(self._base.value(Traced)), False)
        for index, noted in self._writes[:count]:
            store.write(SETITEM, index, square_of(noted.value(Traced)))
        return store.share()
