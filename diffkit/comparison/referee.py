"""The referee: f itself, run on numbers of 130 digits, decides which of two float64 results is right.

It knows no derivative rule.  The recorded program is evaluated at x - h, x and x + h with a step
so small (1e-62 of x) that the two one-sided slopes

    left = (f(x) - f(x-h)) / h,        right = (f(x+k) - f(x)) / k

agree in more than 50 digits wherever f is smooth: their mean is the derivative, and their
agreement shows that neither the step nor the precision spoiled it (two evaluations an input, both
of them used).  The steps are not equal, k = 0.7549 h: results on a grid that is too coarse would
otherwise agree by chance.  Where the slopes disagree, precision and step are squared.  A gap that shrinks
with the step was curvature; one that stays is a kink, and both slopes are reported; slopes that
grow without end belong to a jump or a vertical tangent.  A slope that is zero without f being
independent of the input is looked at again with 700 digits: nothing that float64 can hold is lost.

At a kink the value is the mean of the two slopes (a central difference's answer); on one side of a
domain's edge it is the slope of the side that exists.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import Moving
from diffkit.errors import RefereeError
from diffkit.tape import Node

#: Entry operations that a referee may take without being asked for more; about a microsecond each.
LIMIT = 30_000_000
#: The right step over the left one: a float of 53 odd bits (the inverse of the plastic number).
_RATIO = 0.7548776662466927
#: After this many entries the cost of all of them is known well enough to refuse.
_TRIAL = 4


@dataclasses.dataclass(frozen=True)
class RefereeResult:
    """What the referee found.

    Attributes
    ----------
    values : list of object arrays
        f's results, as mpmath numbers.
    structure : tree.Structure
        The container of the results.
    blocks : list of list of object arrays
        ``blocks[out][leaf]`` is the derivative of shape ``out.shape + leaf.shape``.
    left, right : like blocks
        One-sided slopes (NaN outside f's domain, infinite at a jump or vertical tangent).
    kink : like blocks, of bool
        Where the slopes differ: f has no derivative with respect to this entry.
    moves : like blocks, of bool
        Where f is not constant beside x.  With a derivative of 0 that is a flat point of a curve, not a step.
    digits : int
        Decimal digits that are right in every entry of ``blocks`` off the kinks.
    evaluations : int
        Runs of the program, at any precision.
    guards_changed : tuple of str
        Lines at which Python's ``if`` (or an index) would have gone another way on exact numbers
        at x or within a step of it: the derivative belongs to the recorded path.
    assumed : tuple of str
        Index-valued functions (argsort, searchsorted …) whose recorded answer was used.
    """

    values: list[Any]
    structure: tree.Structure
    blocks: list[list[Any]]
    left: list[list[Any]]
    right: list[list[Any]]
    kink: list[list[Any]]
    moves: list[list[Any]]
    digits: int
    evaluations: int
    guards_changed: tuple[str, ...]
    assumed: tuple[str, ...]

    @staticmethod
    def float_value(array: Any) -> Any:
        """mpmath numbers rounded to float64 (complex128 where there are complex ones).

        >>> import mpmath
        >>> RefereeResult.float_value(np.array([mpmath.mpf(1) / 3], object))
        array([0.33333333])
        """
        entries = [_rounded(entry) for entry in np.asarray(array, object).ravel()]
        kind = complex if any(type(entry) is complex for entry in entries) else float
        return np.array(entries, kind).reshape(np.shape(array))[()]


def referee(f: Callable[..., Any], moving: Moving, kwargs: dict[str, Any] | None = None, digits: int = 50,
            has_aux: bool = False, limit: int = LIMIT) -> RefereeResult:
    """Value and derivative of ``f`` to ``digits`` digits, from evaluations alone.

    Parameters
    ----------
    f : callable
        Any function that diffkit can record.
    moving : Moving
        The call and its differentiated leaves (``arguments.split``).
    limit : int
        Largest estimated number of entry operations.

    Raises
    ------
    RefereeError
        The program is too large, uses a function that has no form on exact numbers, has complex
        inputs, or its slopes do not settle.

    Examples
    --------
    >>> from diffkit.arguments import split
    >>> f = lambda x: (1 - np.cos(x)) / x**2
    >>> found = referee(f, split((1e-8,), 0, f))
    >>> import mpmath
    >>> mpmath.nstr(found.values[0][()], 30), float(f(1e-8))
    ('0.499999999999999995833333333333', 0.0)
    >>> found.float_value(found.blocks[0][0])
    np.float64(-8.333333333333334e-10)
    """
    from diffkit.exact.machine import NotExact
    from diffkit.exact.recording import recording

    if any(leaf.dtype.kind == "c" for leaf in moving.leaves):
        raise RefereeError("the referee moves real inputs only, and an argument is complex",
                           "the real and imaginary part as two arguments")
    try:
        found = recording(f, moving, kwargs or {}, has_aux)
    except ValueError as error:
        if "another transform" not in str(error):
            raise
        raise RefereeError(f"the referee can't look at this function: {error}",
                           "a comparison outside grad, jvp and their kin") from None
    for value in found.values:
        if np.asarray(value).dtype.kind not in "biufc":
            raise RefereeError(f"f returned {type(value).__name__}, which has no derivative",
                               "numbers and arrays (in containers)")
    try:
        with np.errstate(all="ignore"):
            return _Slopes(found, moving, digits, limit).result()
    except NotExact as error:
        raise RefereeError(f"the referee can't evaluate this program: {error.reason}",
                           "a comparison without the referee",
                           "a function without an mpmath form") from None


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


class _Slopes:
    """All derivatives: a first look at every entry, and closer ones where it does not settle."""

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

    def result(self) -> RefereeResult:
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
        return RefereeResult(values, self.found.structure, blocks, left, right, kink, moves, self.digits,
                             sum(level.evaluations for level in self._levels.values()), tuple(flipped),
                             tuple(sorted(first.algebra.assumed)))

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
                answer = self._judge([(look.left[k], look.right[k]) for look in looks[:depth + 1]])
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

    def _judge(self, looks: list[tuple[Any, Any]]) -> Any:
        """(value, left, right, kink) if the looks so far tell, else None."""
        left, right = looks[-1]
        if left != left or right != right:      # NaN: outside the domain on that side, or f itself is NaN
            side = right if left != left else left
            if side != side or _infinite(side):
                return side, left, right, side == side
            if len(looks) > 1:
                before = looks[-2][1 if left != left else 0]
                if abs(side - before) <= self.tolerance ** 0.5 * abs(side):
                    return side, left, right, True
                return self._growth(looks)
            return None
        mean, gap = (left + right) / 2, abs(right - left)
        if gap <= self.tolerance * abs(mean):
            return mean, left, right, False
        if len(looks) == 1:
            return None
        left0, right0 = looks[-2]
        gap0, mean0 = abs(right0 - left0), (left0 + right0) / 2
        small = self.tolerance ** 0.5
        if gap <= small * gap0:                 # curvature: it goes with the step
            if mean == 0 or abs(mean) <= small * max(abs(mean0), gap0):
                return mean * 0, mean * 0, mean * 0, False
            if abs(mean - mean0) <= self.tolerance * abs(mean):
                return mean, mean, mean, False
            return None
        if abs(left - left0) <= small * gap and abs(right - right0) <= small * gap:
            return mean, left, right, True
        return self._growth(looks)

    def _growth(self, looks: list[tuple[Any, Any]]) -> Any:
        """Slopes that grow without end are infinite, those that vanish with the step zero."""
        import mpmath

        small = self.tolerance ** 0.5
        answer = []
        for now, before in zip(looks[-1], looks[-2]):
            if now == now and abs(now) > 1e9 * abs(before) > 0:
                answer.append(mpmath.mp.inf if now > 0 else mpmath.mp.ninf)
            elif now == now and abs(now) < small * abs(before):
                answer.append(now * 0)
            elif now != now or abs(now - before) <= small * abs(now):
                answer.append(now)
            else:
                return None
        left, right = answer
        mean = right if left != left else left if right != right else (left + right) / 2
        return mean, left, right, True

    def _name(self, number: int, entry: tuple[int, ...]) -> str:
        index = "".join(f"[{i}]" for i in entry)
        return str(self.found.tape.names[number]) + index


def _infinite(x: Any) -> bool:
    return bool(abs(x) == float("inf"))


def _rounded(entry: Any) -> Any:
    if hasattr(entry, "_mpc_"):
        return complex(entry)
    try:
        return float(entry)
    except OverflowError:
        return float("inf") if entry > 0 else float("-inf")
