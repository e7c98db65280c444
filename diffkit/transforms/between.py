"""The entries of a sparse matrix by sweeps between what gathers its inputs and what adds up its results.

``sparsity.cuts`` writes J = S R G with selections S and G.  The rows of R are coloured and pulled
from the targets to the sources, and the entries of R are laid into those of J by index.  A colour
is seeded only at the targets that have rows of it: nothing is swept that is zero throughout.

Where a run has no such cut after all (another path, masks or a splitting of repeated values inside
f), ``NotBetween`` is raised, and whole sweeps find the same entries.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.arguments import Moving
from diffkit.masked import CAREFUL, attempts, holds_nan
from diffkit.reverse import sweep
from diffkit.rules.repeated import RepeatedValuesError
from diffkit.sparsity import Rows, TooDenseError, colour_columns, fixed, pattern_of
from diffkit.sparsity.cuts import Cut, cut_of
from diffkit.sparsity.laying import Laying
from diffkit.transforms.compressed import cut as cut_up
from diffkit.transforms.compressed import laid, sizes_of
from diffkit.transforms.directions import along
from diffkit.transforms.products import Linearized
from diffkit.transforms.running import Function, has_numbers, zero_of


class NotBetween(Exception):
    """A run can't be swept between its cuts."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Batch:
    """Colours that are seeded at the same targets and pulled together."""

    targets: tuple[int, ...]
    sources: tuple[int, ...]
    directions: Any


class Between:
    """What is found out about a run's cut once: J's pattern, how entries of R add up to J's, colours of R's rows.

    ``size`` is the number of entries of R.
    """

    def __init__(self, cut: Cut, out_sizes: Sequence[int], width: int) -> None:
        self.source_shapes, self.target_shapes = cut.shapes
        between = pattern_of(cut.between, cut.sources, cut.targets, self.target_shapes)
        self.size = between.size
        self._between = between
        # An entry of J for each entry of R and each result that its row is added to, by the input of its column.
        entries, results = cut.destinations(out_sizes)
        numbered = Rows(between.starts, np.arange(between.size), between.size).take(entries)
        columns = cut.origins()[between.indices[numbered.indices]]
        inside = columns >= 0
        self.keys = (np.repeat(results, numbered.lengths) * width + columns)[inside]
        self.pattern = Rows.from_keys(self.keys, sum(out_sizes), width)
        self._entries = numbered.indices[inside]

    @functools.cached_property
    def least(self) -> int:
        """As many colours are needed at least: the rows of the fullest column."""
        return int(np.bincount(self._between.indices).max(initial=0))

    @functools.cached_property
    def colours(self) -> Any:
        """A colour for each row of R.  Where columns are full this takes long: ask ``least`` before."""
        return colour_columns(self._between.transposed(), sizes_of(self.target_shapes))

    @property
    def count(self) -> int:
        """The number of colours."""
        return int(self.colours.max(initial=-1)) + 1 if self.size else 0

    def _batches(self) -> tuple[list[_Batch], list[tuple[int, ...]], Any]:
        """Colours of the same targets together, the shapes of what comes out, where each entry of R is in that."""
        between, targets, sources = self._between, sizes_of(self.target_shapes), sizes_of(self.source_shapes)
        batches: list[_Batch] = []
        shapes: list[tuple[int, ...]] = []
        rows, columns = between.numbers, between.indices
        line = self.colours[rows]
        target, source = np.repeat(np.arange(len(targets)), targets), np.repeat(np.arange(len(sources)), sources)
        met = np.bincount(line * len(targets) + target[rows], minlength=self.count * len(targets))
        seeded: dict[tuple[int, ...], list[int]] = {}
        for colour, row in enumerate(met.reshape(self.count, len(targets))):
            seeded.setdefault(tuple(np.flatnonzero(row).tolist()), []).append(colour)
        batch, number = np.zeros(self.count, np.intp), np.zeros(self.count, np.intp)
        for k, colours in enumerate(seeded.values()):
            batch[colours], number[colours] = k, np.arange(len(colours))
        piece = batch[line] * len(sources) + source[columns]
        reached = np.bincount(piece, minlength=len(seeded) * len(sources)).reshape(len(seeded), len(sources)) > 0
        for own, colours, there in zip(seeded, seeded.values(), reached):
            chosen = np.flatnonzero(there).tolist()
            front = (len(colours),) if len(colours) > 1 else ()
            shapes += [front + self.source_shapes[k] for k in chosen]
            inside = np.isin(target, own)
            lines = self.colours[inside] == np.array(colours)[:, None]
            directions = fixed((lines & (between.lengths[inside] > 0)).astype(float))
            batches.append(_Batch(own, tuple(chosen), directions))
        many = np.array([len(colours) for colours in seeded.values()], np.intp)
        size = np.array(sources, np.intp)
        lengths = (np.where(reached, many[:, None], 0) * size).ravel()
        left, first = np.cumsum(lengths) - lengths, np.cumsum(size) - size
        return batches, shapes, left[piece] + number[line] * size[source[columns]] + columns - first[source[columns]]

    def swept(self, work: int, at_least: bool = False) -> int:
        """The number of entries that the sweeps go through, of a program that computes ``work``."""
        return (self.least if at_least else self.count) * work

    def sweeps(self, pattern: Rows) -> SweepsBetween:
        """The sweeps that give the entries of J's pattern, or of one that has more."""
        keys = pattern.numbers * pattern.width + pattern.indices
        same = self.keys.size == keys.size and np.array_equal(keys, self.keys)
        places = np.arange(keys.size) if same else np.searchsorted(keys, self.keys)
        batches, shapes, found = self._batches()
        return SweepsBetween((self.source_shapes, self.target_shapes), fixed(self.colours), self.count,
                             tuple(batches), Laying(shapes, found[self._entries], places, keys.size))


@dataclasses.dataclass(frozen=True, slots=True)
class SweepsBetween:
    """Pulls of the colours of R's rows; ``entries`` gives the pattern's entries, row by row."""

    shapes: tuple[list[tuple[int, ...]], list[tuple[int, ...]]]
    colours: Any
    count: int
    batches: tuple[_Batch, ...]
    lay: Laying
    by_rows = True

    def entries(self, f: Function, moving: Moving, kwargs: dict[str, Any], run: Linearized | None = None) -> Any:
        """The entries at a point.  Raises NotBetween."""
        run = run or Linearized(f, moving, kwargs)
        return self.between(run, cut_of(run.nodes, run.wanted, run.marks))

    def between(self, run: Linearized, cut: Cut | None) -> Any:
        """The entries, from a run and where it is cut."""
        if cut is None or run.split or cut.shapes != self.shapes:
            raise NotBetween
        dtype = np.result_type(*(leaf.dtype for leaf in run.leaves))
        pieces = []
        for batch in self.batches:
            pieces += self._pulled(run, cut, batch)
        return self.lay([piece if piece.dtype == dtype else piece.astype(dtype) for piece in pieces])

    def _pulled(self, run: Linearized, cut: Cut, batch: _Batch) -> list[Any]:
        targets, sources = [cut.targets[k] for k in batch.targets], [cut.sources[k] for k in batch.sources]
        shapes, dtypes = [node.shape for node in targets], [node.dtype for node in targets]

        def linear(direction: Any) -> list[Any]:
            seeds = list(zip(targets, cut_up(direction, shapes, dtypes)))
            before = attempts[0]
            try:
                found = sweep(cut.between, seeds, sources, structural=True)
            except RepeatedValuesError:
                raise NotBetween from None
            found = [np.zeros(node.shape, node.dtype) if c is None else c for c, node in zip(found, sources)]
            if (attempts[0] != before and run.has_inner and not CAREFUL.get() and any(map(holds_nan, found))
                    and has_numbers(run.value)):
                raise NotBetween  # masks inside f may prevent it
            return found

        directions = batch.directions.astype(np.result_type(*dtypes), copy=False)
        return linear(directions[0]) if len(directions) == 1 else along(linear, directions, few=2)

    def checked(self, f: Function, moving: Moving, kwargs: dict[str, Any], extra: Callable[[int], Any]) -> Any:
        """The entries, one more direction, its image through the whole program, and that it is a pull."""
        run = Linearized(f, moving, kwargs)
        return self.entries(f, moving, kwargs, run), *pulled_through(run, extra)


def pulled_through(run: Linearized, extra: Callable[[int], Any]) -> tuple[Any, Any, bool]:
    """A direction of the results, what the whole program pulls of it, and that it is a pull."""
    outs = [zero_of(out) for out in run.outs]
    direction = extra(sum(out.size for out in outs))
    parts = cut_up(direction, [out.shape for out in outs], [out.dtype for out in outs])
    seeds = [(node, part) for node, part in zip(run.marks, parts) if node is not None]
    return direction, laid(run.pull_seeds(seeds)), True


def between_of(run: Linearized, cut: Cut | None, out_sizes: Sequence[int], width: int) -> Between | None:
    """What lies between the cuts of a run, or None where there are none or its pattern is too dense."""
    if cut is None or run.split:
        return None
    try:
        return Between(cut, out_sizes, width)
    except TooDenseError:
        return None
