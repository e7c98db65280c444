"""Where a sequence of operations repeats itself.

Each operation has a coarse signature: rule, parameters with their ints aside, and shape, dtype, memory order and
kind of the result and the operands.  A *run* is a stretch in which every signature is that of the operation one
period later.  Periods are the distances between equal windows of signatures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from diffkit.compiling.program import Item, freeze
from diffkit.compiling.standins import is_whole

#: Length of the windows, periods tried at a place, and the longest period.
WINDOW, TRIED, LONGEST = 12, 48, 20_000
#: A loop has at least this many turns and operations in all: shorter programs are faster in a straight line,
FEWEST_TURNS, FEWEST_OPERATIONS = 8, 2000
#: but for those of which much leaves the loop.
FEWEST_LEAVING = 100


@dataclasses.dataclass(slots=True, frozen=True)
class Run:
    """``turns`` times ``period`` operations, from ``start`` on."""

    start: int
    period: int
    turns: int

    @property
    def stop(self) -> int:
        return self.start + self.period * self.turns


class Varying(int):
    """An int of a parameter that may differ from turn to turn; all are equal to ``freeze``."""

    def __repr__(self) -> str:
        return "int"


def ints_in(index: Any) -> list[int]:
    """The ints of an index, of its slices too, in order."""
    if type(index) is int:
        return [index]
    if type(index) is slice:
        return [part for part in (index.start, index.stop) if type(part) is int]
    if type(index) is tuple:
        return [number for part in index for number in ints_in(part)]
    return []


def with_ints(index: Any, numbers: Iterator[int]) -> Any:
    """The same index with other ints."""
    if type(index) is int:
        return next(numbers)
    if type(index) is slice:
        start, stop = (next(numbers) if type(part) is int else part for part in (index.start, index.stop))
        return slice(start, stop, index.step)
    if type(index) is tuple:
        return tuple(with_ints(part, numbers) for part in index)
    return index


def _template(params: dict[str, Any]) -> Any:
    if "index" not in params:
        return freeze(params)
    index = params["index"]
    outline = with_ints(index, iter([Varying()] * len(ints_in(index))))
    return _outline(outline), freeze({name: value for name, value in params.items() if name != "index"})


def _outline(index: Any) -> Any:
    if type(index) is Varying:
        return "int"
    if type(index) is slice:
        return "slice", _outline(index.start), _outline(index.stop), index.step
    if type(index) is tuple:
        return tuple(map(_outline, index))
    return freeze(index)


def _layout(item: Item) -> Any:
    value = item.value
    return item.kind, item.shape, str(item.dtype), getattr(value, "strides", None)


def signature(item: Item) -> Any:
    """What operations have in common that may be turns of one loop."""
    return (id(item.rule), _template(item.params) if item.params else None, item.boxed, item.quiet, _layout(item),
            item.kind != "array" or is_whole(item.value), tuple(_layout(arg) for arg in item.args))


def signatures(steps: Sequence[Item], apart: set[int]) -> Any:
    """A number for each operation, equal for equal signatures; those ``apart`` are like no other."""
    known: dict[Any, int] = {}
    return np.array([-1 - i if item.number in apart else known.setdefault(signature(item), len(known))
                     for i, item in enumerate(steps)], np.int64)


class Runs:
    """The long runs of a sequence of signatures."""

    def __init__(self, names: Any, fewest: int) -> None:
        self.names = names
        self.fewest = fewest
        self._keys = [names[i:i + WINDOW].tobytes() for i in range(len(names) - WINDOW + 1)]
        self._next = [len(names)] * len(self._keys)  # where the same window comes next
        self._differ: dict[int, Any] = {}
        last: dict[bytes, int] = {}
        for i in range(len(self._keys) - 1, -1, -1):
            self._next[i] = last.get(self._keys[i], len(names))
            last[self._keys[i]] = i

    def following(self, position: int) -> list[Run] | None:
        """The runs that begin at the first place from here on where any does: long ones, of short periods, first."""
        while position < len(self._keys):
            found = self._at(position)
            if found:
                longest = max(run.turns * run.period for run in found)
                return sorted(found, key=lambda run: (2 * run.turns * run.period < longest, run.period))
            position += 1
        return None

    def _at(self, position: int) -> list[Run]:
        found: list[Run] = []
        later = position
        for _ in range(TRIED):
            later = self._next[later]
            period = later - position
            if later >= len(self._keys) or period > LONGEST or position + period * FEWEST_TURNS > len(self.names):
                break
            run = self._run(position, period)
            if run.turns >= FEWEST_TURNS and run.turns * period >= self.fewest:
                found.append(run)
        return found

    def _run(self, start: int, period: int) -> Run:
        """The longest run from here on with this period."""
        differ = self._differ.get(period)
        if differ is None:
            differ = self._differ[period] = np.flatnonzero(self.names[period:] != self.names[:-period])
        at = np.searchsorted(differ, start)
        end = differ[at] if at < len(differ) else len(self.names) - period
        return Run(start, period, int(end - start) // period + 1)
