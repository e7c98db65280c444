"""The entries of a sparse matrix by sweeps between what gathers its inputs and what adds up its results.

``sparsity.cuts`` writes J = S R G with selections S and G.  The rows of R are coloured and pulled
from the targets to the sources, and the entries of R are laid into those of J by index.  A colour
is seeded only at the targets that have rows of it: nothing is swept that is zero throughout.

Where a run has no such cut after all (another path, masks or a splitting of repeated values inside
f), ``NotBetween`` is raised, and whole sweeps find the same entries.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.arguments import Moving
from diffkit.masked import CAREFUL, attempts, holds_nan
from diffkit.reverse import sweep
from diffkit.rules.repeated import RepeatedValuesError
from diffkit.sparsity import Rows, TooDenseError, colour_columns, pattern_of
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

    targets: list[int]
    sources: list[int]
    directions: Any


class SweepsBetween:
    """Pulls of the colours of R's rows; ``entries`` gives the pattern's entries, row by row."""

    by_rows = True

    def __init__(self, run: Linearized, cut: Cut, out_sizes: Sequence[int], width: int) -> None:
        self.source_shapes, self.target_shapes = cut.shapes
        between = pattern_of(cut.between, cut.sources, cut.targets, self.target_shapes)
        targets, sources = sizes_of(self.target_shapes), sizes_of(self.source_shapes)
        self.colours = colour_columns(between.transposed(), targets)
        self.count = int(self.colours.max(initial=-1)) + 1 if between.size else 0
        # An entry of J for each entry of R and each result that its row is added to, by the input of its column.
        entries, results = cut.destinations(out_sizes)
        numbered = Rows(between.starts, np.arange(between.size), between.size).take(entries)
        self.entry = numbered.indices
        columns = cut.origins()[between.indices[self.entry]]
        inside = columns >= 0
        self.entry = self.entry[inside]
        self.keys = (np.repeat(results, numbered.lengths) * width + columns)[inside]
        self.pattern = Rows.from_keys(self.keys, sum(out_sizes), width)
        self._batches(between, targets, sources)

    def _batches(self, between: Rows, targets: Sequence[int], sources: Sequence[int]) -> None:
        """What is swept together, and where each entry of R is found in the pieces that come out, laid end to end."""
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
        many = np.array([len(colours) for colours in seeded.values()])
        lengths = (np.where(reached, many[:, None], 0) * np.array(sources)).ravel()
        own_column = columns - (np.cumsum(sources) - sources)[source[columns]]
        self.found = ((np.cumsum(lengths) - lengths)[piece] + number[line] * np.array(sources)[source[columns]]
                      + own_column)
        self.shapes: list[tuple[int, ...]] = []
        self.batches: list[_Batch] = []
        for own, colours, there in zip(seeded, seeded.values(), reached):
            front = (len(colours),) if len(colours) > 1 else ()
            chosen = np.flatnonzero(there).tolist()
            self.shapes += [front + self.source_shapes[k] for k in chosen]
            inside = np.isin(target, own)
            lines = self.colours[inside] == np.array(colours)[:, None]
            self.batches.append(_Batch(list(own), chosen, (lines & (between.lengths[inside] > 0)).astype(float)))

    def lay_into(self, pattern: Rows) -> None:
        """Say where the entries go: into those of J's pattern (or of one that has more)."""
        keys = pattern.numbers * pattern.width + pattern.indices
        same = self.keys.size == keys.size and np.array_equal(keys, self.keys)
        places = np.arange(keys.size) if same else np.searchsorted(keys, self.keys)
        self.lay = Laying(self.shapes, self.found[self.entry], places, keys.size)

    def entries(self, f: Function, moving: Moving, kwargs: dict[str, Any], run: Linearized | None = None) -> Any:
        """The entries at a point.  Raises NotBetween."""
        run = run or Linearized(f, moving, kwargs)
        cut = None if run.split else cut_of(run.nodes, run.wanted, run.marks)
        if cut is None or cut.shapes != (self.source_shapes, self.target_shapes):
            raise NotBetween
        dtype = np.result_type(*(leaf.dtype for leaf in moving.leaves))
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
        outs = [zero_of(out) for out in run.outs]
        direction = extra(sum(out.size for out in outs))
        parts = cut_up(direction, [out.shape for out in outs], [out.dtype for out in outs])
        seeds = [(node, part) for node, part in zip(run.marks, parts) if node is not None]
        return self.entries(f, moving, kwargs, run), direction, laid(run.pull_seeds(seeds)), True


def sweeps_between(run: Linearized, cut: Cut | None, out_sizes: Sequence[int], width: int) -> SweepsBetween | None:
    """Sweeps between the cuts of a run, or None where there are none or the pattern between is too dense."""
    if cut is None or run.split:
        return None
    try:
        return SweepsBetween(run, cut, out_sizes, width)
    except TooDenseError:
        return None
