"""The slopes of a recorded program on numbers of 130 digits, by every input: what the referee measures.

One level is the program at one precision, with steps to match; an entry whose two slopes do not settle
(``settling``) is looked at on the next level, where both are squared.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np

from diffkit.arguments import Moving
from diffkit.comparison.settling import settled
from diffkit.errors import RefereeError
from diffkit.tape import Node

#: The right step over the left one: a float of 53 odd bits (the inverse of the plastic number).
_RATIO = 0.7548776662466927
#: After this many entries the cost of all of them is known well enough to refuse.
_TRIAL = 4


@dataclasses.dataclass
class _Column:
    """The slopes of all results with respect to one entry, at one precision."""

    left: Any
    right: Any
    moved: Any       # results that are another object: the others don't depend on the entry


class _Level:
    """The program at one precision."""

    def __init__(self, found: Any, moving: Moving, digits: int, step: int) -> None:
        from diffkit.exact.machine import Machine
        from diffkit.exact.numbers import Numbers

        self.algebra = Numbers(digits)
        self.machine = Machine(found.tape, self.algebra)
        self.outs = [out for out in found.outs if isinstance(out, Node)]
        self.step = step
        self.inputs = [self.algebra.array(leaf) for leaf in moving.leaves]
        self.base = self.machine.run(self.inputs)
        self.f0 = self.vector(self.base)
        self.flipped: set[str] = {guard.line for guard in self.machine.guard_answers(self.base)}
        self.evaluations = 1

    def vector(self, values: list[Any]) -> Any:
        parts = [self._numbers(values[out.index].ravel(), out) for out in self.outs]
        return np.concatenate(parts) if parts else np.empty(0, object)

    def _numbers(self, entries: Any, out: Node) -> Any:
        from diffkit.exact.arrays import each

        return each(self.algebra.number, entries) if out.dtype.kind == "b" else entries

    def column(self, number: int, entry: tuple[int, ...]) -> _Column:
        """One-sided slopes along one entry of input ``number``."""
        from diffkit.exact.arrays import changed

        context = self.algebra.context
        x = self.inputs[number][entry]
        # A power of two, so that x + h and the quotient lose nothing.
        h = context.ldexp(1, (int(context.mag(x)) if x and context.isfinite(x) else 0) - self.step)
        k = h * _RATIO
        sides = []
        for step in (-h, k):
            moved = self.inputs[number].copy()
            moved[entry] = x + step
            values = self.machine.rerun(self.base, number, moved)
            self.evaluations += 1
            if self.machine.tape.guards:
                self.flipped |= {guard.line for guard in self.machine.guard_answers(values)}
            sides.append(self.vector(values))
        back, ahead = sides
        return _Column((self.f0 - back) / h, (ahead - self.f0) / k,
                       changed(back, self.f0) | changed(ahead, self.f0))


class Slopes:
    """All derivatives: a first look at every entry, and closer ones where it does not settle.

    ``limit`` is the largest number of entry operations that may be spent.
    """

    def __init__(self, found: Any, moving: Moving, digits: int, limit: int) -> None:
        self.found = found
        self.moving = moving
        self.limit = limit
        self.digits = digits
        # Three digits more than promised: a gap may happen to be smaller than the error that it shows.
        self.tolerance = 10.0 ** -(digits + 3)
        self._levels: dict[int, _Level] = {}

    def level(self, number: int) -> _Level:
        """0, 1, 2: steps and precisions that double in digits; -1: the look at a zero."""
        if number not in self._levels:
            scale = 2 ** number if number >= 0 else 1
            step, digits = (self.digits * 5 // 4 * scale, (self.digits * 5 // 2 + 15) * scale) if number >= 0 else (
                330 + self.digits, 700 + 2 * self.digits)
            self._levels[number] = _Level(self.found, self.moving, digits, int(step * 3.33))
        return self._levels[number]

    def result(self) -> dict[str, Any]:
        """The fields of ``RefereeResult``."""
        from diffkit.exact.machine import Machine
        from diffkit.exact.numbers import Numbers

        runs = 1 + 2 * sum(leaf.size for leaf in self.moving.leaves)
        self._check_cost(Machine(self.found.tape, Numbers(15)).full_cost(), 1, runs)
        first = self.level(0)
        count = len(first.f0)
        columns: list[list[Any]] = []
        done = 0
        for number, leaf in enumerate(self.moving.leaves):
            columns.append([])
            for entry in np.ndindex(*leaf.shape):
                columns[-1].append(self._settle(number, entry, count))
                done += 1
                if done >= _TRIAL:
                    work = sum(level.machine.work for level in self._levels.values())
                    self._check_cost(work * (runs - 1) // (2 * done), runs, runs)
        shapes = [np.shape(out.value if isinstance(out, Node) else out) for out in self.found.outs]
        tables = []
        for part in range(5):
            tables.append([[self._block(columns, shapes, k, number, leaf.shape, part)
                            for number, leaf in enumerate(self.moving.leaves)] for k in range(len(shapes))])
        values = [self._exported(first.base[out.index]) if isinstance(out, Node)
                  else self._exported(first.algebra.array(out)) for out in self.found.outs]
        blocks, left, right, kink, moves = tables
        flipped = sorted(set().union(*(level.flipped for level in self._levels.values())))
        return {"values": values, "structure": self.found.structure, "blocks": blocks, "left": left, "right": right,
                "kink": kink, "moves": moves, "digits": self.digits,
                "evaluations": sum(level.evaluations for level in self._levels.values()),
                "guards_changed": tuple(flipped), "assumed": tuple(sorted(first.algebra.assumed))}

    def _check_cost(self, work: int, counted: int, runs: int) -> None:
        """Refuse what would take too long: one run at first, all of them when some have shown what they cost."""
        if work > self.limit:
            what = "one run" if counted == 1 else f"{runs} runs"
            raise RefereeError(
                f"a {self.digits}-digit referee would take about {work:.1e} operations for {what} ({runs} are "
                f"needed), and the limit is {self.limit:.1e}",
                "fewer entries to differentiate (argnums), a smaller example, or a larger limit")

    def _block(self, columns: Any, shapes: Any, k: int, number: int, leaf_shape: tuple[int, ...], part: int) -> Any:
        """Part 0 to 4 (value, left, right, kink, moves) of out ``k`` by leaf ``number``."""
        size = int(np.prod(shapes[k]))
        block = np.empty((size, len(columns[number])), bool if part >= 3 else object)
        if isinstance(self.found.outs[k], Node):
            start = sum(int(np.prod(shape)) for shape, out in zip(shapes[:k], self.found.outs)
                        if isinstance(out, Node))
            for j, column in enumerate(columns[number]):
                block[:, j] = column[part][start:start + size]
        else:
            block.fill(False if part >= 3 else self.level(0).algebra.zero)
        block = block.reshape(shapes[k] + tuple(leaf_shape))
        return block if part >= 3 else self._exported(block)

    def _exported(self, array: Any) -> Any:
        """Numbers of mpmath's usual context, rounded to the digits that were asked for and a few more."""
        import mpmath
        from mpmath.libmp import mpf_pos

        bits = int((self.digits + 5) * 3.33)

        def export(entry: Any) -> Any:
            if hasattr(entry, "_mpc_"):
                return mpmath.mp.make_mpc(tuple(mpf_pos(part, bits, "n") for part in entry._mpc_))
            return mpmath.mp.make_mpf(mpf_pos(mpmath.mp.mpf(entry)._mpf_ if isinstance(entry, bool) else entry._mpf_,
                                              bits, "n"))

        from diffkit.exact.arrays import each
        return each(export, array)

    def _settle(self, number: int, entry: tuple[int, ...], count: int) -> tuple[Any, Any, Any, Any, Any]:
        """(value, left, right, kink, moves) of every result by one entry."""
        looks = [self.level(0).column(number, entry)]
        value, left, right = (np.empty(count, object) for _ in range(3))
        kink, moves = np.zeros(count, bool), np.zeros(count, bool)
        closer: list[_Column] = []  # one look serves all results
        for k in range(count):
            for depth in itertools.count():
                if depth == len(looks):
                    if depth == 3:
                        raise RefereeError(
                            f"the slopes of {self._name(number, entry)} do not settle between steps of "
                            f"1e-{self.digits * 5 // 4} and 1e-{self.digits * 5}", "a comparison without the referee",
                            "f oscillates without end there, or is not a function of its argument alone")
                    looks.append(self.level(depth).column(number, entry))
                answer = settled([(look.left[k], look.right[k]) for look in looks[:depth + 1]], self.tolerance)
                if answer is not None:
                    break
            if looks[0].moved[k] and not looks[0].left[k] and not looks[0].right[k] and not answer[0]:
                closer = closer or [self.level(-1).column(number, entry)]
                answer = self._look_at_zero(closer[0], k, answer)
            value[k], left[k], right[k], kink[k] = answer
            moves[k] = any(look.left[k] or look.right[k] for look in (*looks, *closer))
        return value, left, right, kink, moves

    def _look_at_zero(self, closer: _Column, k: int, answer: Any) -> Any:
        """A zero that cancellation may have made, in 700 digits."""
        left, right = closer.left[k], closer.right[k]
        if abs(right - left) <= self.tolerance * abs(left):
            return (left + right) / 2, left, right, False
        return answer

    def _name(self, number: int, entry: tuple[int, ...]) -> str:
        index = "".join(f"[{i}]" for i in entry)
        return str(self.found.tape.names[number]) + index
