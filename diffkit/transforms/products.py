"""Products with the Jacobian: jvp and vjp.

A jvp is one run on dual numbers.  A vjp is a recorded run (``Linearized``), whose tape may
be swept any number of times.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit import keeping, tree
from diffkit.arguments import Moving, split
from diffkit.buffers import apart, is_running, run, snapshot
from diffkit.dual import dual_level
from diffkit.errors import InputError, ShapeError, UnsupportedArgumentError
from diffkit.levels import levels_made
from diffkit.masked import CAREFUL, attempts, careful, holds_nan
from diffkit.recording import TapeLevel
from diffkit.reverse import sweep
from diffkit.rules.kinds import conform
from diffkit.rules.repeated import SPLITTING, RepeatedValuesError, vectors_lost
from diffkit.tape import Node
from diffkit.traced import Traced, primal
from diffkit.transforms.running import Function, call, finish, has_numbers, split_aux, strip, zero_of
from diffkit.transforms.splitting import SEEDS, SplitLevel, agreed, largest, splitting


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """Jacobian times vector: ``(f(*primals), J @ tangents)`` by one run on dual numbers.

    ``primals`` and ``tangents`` are tuples of f's arguments, in equal containers and
    shapes.  Returns ``(out, tangent)``, with ``has_aux`` ``(out, tangent, aux)``.

    Raises ShapeError (a ValueError) when a tangent does not fit its primal.

    >>> import numpy as np
    >>> jvp(lambda x, y: np.sin(x) * y, (0.0, 2.0), (1.0, 0.0))
    (np.float64(0.0), np.float64(2.0))
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise InputError("jvp takes tuples of primals and tangents", "jvp(f, (x,), (v,))")
    primals = tuple(primals)
    if len(primals) != len(tangents):
        raise ShapeError(f"jvp got {len(primals)} primals and {len(tangents)} tangents")
    moving = split(primals, tuple(range(len(primals))), f)
    return push(f, moving, moving.leaves, matching(tuple(tangents), moving), {}, has_aux)


def matching(tangents: Any, moving: Moving, what: str = "tangent") -> list[Any]:
    """Tangents as leaves that fit the moving leaves in structure, shape and dtype."""
    leaves, structure = tree.flatten(tangents)
    if structure != moving.structure:
        raise ShapeError(f"the {what}'s container {tree.describe(tangents)} differs from the primal's",
                         f"a {what} in the container of the arguments")
    result = []
    for t, leaf in zip(leaves, moving.leaves):
        t = snapshot(t) if hasattr(t, "dtype") else np.asarray(t)[()]
        if t.shape != leaf.shape:
            raise ShapeError(f"a {what} has shape {t.shape}, its primal {leaf.shape}",
                             f"a {what} of shape {leaf.shape}")
        if t.dtype.kind == "c" and leaf.dtype.kind != "c":
            raise ShapeError(f"a {what} is complex, its primal real")
        if t.dtype.kind not in "fciu":
            raise InputError(f"a {what} has dtype {t.dtype}", "floats")
        result.append(t if t.dtype == leaf.dtype else t.astype(leaf.dtype))
    return result


def push(f: Function, moving: Moving, leaves: list[Any], tangents: list[Any], kwargs: dict[str, Any],
          has_aux: bool = False, structural: bool = False) -> Any:
    """One run on dual numbers; a NaN may come from a branch not taken, then a masked one.

    ``structural`` says that zeros in the tangents are those of a column of the identity.
    Of vectors of repeated eigenvalues forward mode knows nothing: reverse mode is asked.
    """
    before = vectors_lost[0]
    try:
        found = _push(f, moving, leaves, tangents, kwargs, has_aux, structural)
        if not CAREFUL.get() and any(map(holds_nan, tree.flatten(found[1])[0])) and has_numbers(found[0]):
            with careful():
                found = _push(f, moving, leaves, tangents, kwargs, has_aux, structural)
    except RepeatedValuesError:
        if is_running() or SPLITTING.get() is not None:
            raise
    else:
        if vectors_lost[0] == before or not any(map(holds_nan, tree.flatten(found[1])[0])):
            return found
    return _push_by_rows(Linearized(f, dataclasses.replace(moving, leaves=leaves), kwargs, has_aux), tangents)


def _push_by_rows(run: Linearized, tangents: Sequence[Any]) -> Any:
    """The tangents of a run's results, entry by entry, from the rows of its Jacobian."""
    moves = []
    for out, node in zip(run.outs, run.marks):
        zero = zero_of(out)
        if node is None:
            moves.append(zero)
            continue
        entries = []
        for entry in range(zero.size):
            along: Any = 0
            for unit in (1, -1j) if zero.dtype.kind == "c" else (1,):
                seed = np.zeros(zero.size, zero.dtype)
                seed[entry] = unit
                row = run.pull_seeds([(node, seed.reshape(zero.shape)[()])], structural=True)
                part = sum(np.sum(np.real(c * t)) for c, t in zip(row, tangents))
                along = along + (part if unit == 1 else 1j * part)
            entries.append(along)
        moves.append(np.reshape(np.stack(entries), zero.shape)[()] if entries else zero)
    pair = run.value, tree.unflatten(run.structure, moves)
    return (*pair, run.aux) if run.again[3] else pair


def _push(f: Function, moving: Moving, leaves: list[Any], tangents: list[Any], kwargs: dict[str, Any],
          has_aux: bool, structural: bool) -> Any:
    level = dual_level(structural)
    try:
        own = [keeping.apart(leaf) for leaf in leaves]
        result = run(f, moving.merge([level.lift(x, t) for x, t in zip(own, tangents)]), kwargs)
        keeping.check_untouched(leaves, own)
        result, aux = split_aux(result, has_aux, level)
        outs, structure = tree.flatten(result)
        values, moves = [], []
        for out in outs:
            if type(out) is Traced and out.level is level:
                values.append(out.value)
                moves.append(level.tangent(out))
            else:
                values.append(out)
                moves.append(zero_of(out))
        pair = tree.unflatten(structure, values), tree.unflatten(structure, moves)
        return (*pair, aux) if has_aux else pair
    finally:
        level.close()


def vjp(f: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Vector times Jacobian: ``(f(*primals), pullback)``.

    ``pullback(g)`` takes a cotangent in the container and shape of f's result and returns
    the tuple of the arguments' cotangents; it may be called any number of times, also
    after arrays of the caller's have changed (what it needs was copied).

    >>> out, pullback = vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> pullback(1.0)
    (np.float64(4.0), np.float64(3.0))
    """
    moving = split(primals, tuple(range(len(primals))), f)
    run = Linearized(f, moving, {}, has_aux)

    def pullback(g: Any) -> Any:
        return moving.answer(run.pull(run.cotangents(g)))

    return (run.value, pullback, run.aux) if has_aux else (run.value, pullback)


class Linearized:
    """A finished run whose tape may be swept many times (vjp, the rows of a Jacobian).

    A sweep that meets the vectors of repeated eigenvalues, or a NaN that masks inside f may
    prevent, has f run again (see ``splitting`` and ``masked``): later too, so the value must be
    what it was.
    """

    def __init__(self, f: Function, moving: Moving, kwargs: dict[str, Any], has_aux: bool = False,
                 level: TapeLevel | None = None) -> None:
        level = level or TapeLevel()
        self.depth = level.depth
        self.again = f, moving, kwargs, has_aux
        self.split: list[tuple[SplitLevel, Linearized]] = []
        self.careful: Linearized | None = None
        repeated = False
        try:
            traced = [level.lift(leaf) for leaf in moving.leaves]
            self.leaves = [t.value for t in traced]
            self.wanted = [t.mark for t in traced]  # now: f may write into its arguments
            try:
                result = call(f, moving.merge(traced), kwargs, level)
            except RepeatedValuesError:
                if is_running() or SPLITTING.get() is not None:
                    raise
                repeated = True
            if repeated:
                self._adopt(self._split_runs()[0][1])
                return
            result, aux = split_aux(result, has_aux, level)
            self.aux = tree.map(apart, aux)
            self.outs, self.structure = tree.flatten(result)
            # The caller's own: writing to it must not change what the pulls read.
            self.value = tree.unflatten(self.structure, [apart(strip(out, level)) for out in self.outs])
            self.marks = [out.mark if type(out) is Traced and out.level is level else None
                          for out in self.outs]
            self.nodes = level.nodes
        finally:
            level.close()
        #: Whether f has a transform of its own, whose masks may change what a sweep finds.
        self.has_inner = levels_made() > self.depth + 1
    def cotangents(self, g: Any) -> list[Any]:
        """A cotangent's leaves, checked against the result's."""
        leaves, structure = tree.flatten(g)
        if structure != self.structure:
            raise ShapeError(f"the cotangent's container {tree.describe(g)} differs from the result's",
                             "a cotangent in the container of f's result")
        result = []
        for c, out in zip(leaves, self.outs):
            shape = np.shape(out) if type(out) is not Traced else out.shape
            c = snapshot(c) if hasattr(c, "dtype") else np.asarray(c)[()]
            if c.shape != shape:
                raise ShapeError(f"a cotangent has shape {c.shape}, its result {shape}",
                                 f"a cotangent of shape {shape}")
            if c.dtype.kind not in "fciub":
                raise InputError(f"a cotangent has dtype {c.dtype}", "floats")
            result.append(c)
        return result

    def pull(self, cotangents: Sequence[Any]) -> list[Any]:
        """One sweep."""
        seeds = [(node, conform(c, node.shape, node.dtype)) for node, c in zip(self.marks, cotangents)
                 if node is not None]
        return self.pull_seeds(seeds)

    def pull_seeds(self, seeds: Sequence[tuple[Node, Any]], structural: bool = False) -> list[Any]:
        """The leaves' cotangents, from those of some of the results' nodes."""
        if self.split:
            return self._pull_split(seeds, structural)
        if self.careful is not None:
            with careful():
                return self.careful.pull_seeds(self.careful.own(seeds, self.marks), structural)
        before = attempts[0]
        try:
            found = finish(sweep(self.nodes, seeds, self.wanted, structural), self.leaves)
        except RepeatedValuesError:
            if is_running() or SPLITTING.get() is not None:
                raise
            found = None
        if found is None:
            self._split_runs()
            return self._pull_split(seeds, structural)
        if (attempts[0] != before and self.has_inner and not CAREFUL.get() and any(map(holds_nan, found))
                and has_numbers(self.value)):
            self.careful = self._careful_run()
            return self.pull_seeds(seeds, structural)
        return found

    def own(self, seeds: Sequence[tuple[Node, Any]], marks: Sequence[Node | None]) -> list[tuple[Node, Any]]:
        """Another run's seeds, on this run's nodes."""
        return [(mark, g) for node, g in seeds for other, mark in zip(marks, self.marks)
                if other is node and mark is not None]

    def _rerun(self) -> Linearized:
        """f once more, at the arguments of the first run."""
        f, moving, kwargs, has_aux = self.again
        return Linearized(f, dataclasses.replace(moving, leaves=self.leaves), kwargs, has_aux)

    def _careful_run(self) -> Linearized:
        """A run with masks everywhere; if its value is another one, f has changed since."""
        with careful():
            again = self._rerun()
        pairs = zip(*(tree.flatten(one.value)[0] for one in (self, again)))
        if not all(np.array_equal(primal(old), primal(new), equal_nan=True) for old, new in pairs):
            raise UnsupportedArgumentError(
                "a pullback has to run the function again, and its value is another one now",
                "a function of its arguments alone", "an array or a state that it reads has changed since")
        return again

    def _split_runs(self) -> list[tuple[SplitLevel, Linearized]]:
        """Runs in which repeated values split, in two bases."""
        for seed in SEEDS:
            level = SplitLevel(seed)
            with splitting(level):
                self.split.append((level, self._rerun()))
        values = [[level.plain(out) for out in tree.flatten(one.value)[0]] for level, one in self.split]
        values += [tree.flatten(self.value)[0]] if hasattr(self, "value") else []
        agreed(values, self.leaves, largest(self.leaves))
        return self.split

    def _adopt(self, run: Linearized) -> None:
        """Show another run's results as one's own."""
        level = self.split[0][0]
        self.aux = tree.map(level.plain, run.aux)
        self.outs, self.structure, self.marks, self.nodes = run.outs, run.structure, run.marks, run.nodes
        self.value = tree.map(level.plain, run.value)
        self.has_inner = False

    def _pull_split(self, seeds: Sequence[tuple[Node, Any]], structural: bool) -> list[Any]:
        answers = []
        for level, one in self.split:
            with splitting(level):
                found = one.pull_seeds(one.own(seeds, self.marks), structural)
            answers.append([level.plain(c) for c in found])
        return finish(agreed(answers, self.leaves, largest([g for _, g in seeds])), self.leaves)
