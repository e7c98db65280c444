"""Which sweeps find the entries of a sparse matrix for the least.

The price of a sweep is the number of entries that f computes: once for a push, twice for a pull.
Sweeps between cuts cost the laying of their entries besides.  What takes long to know is asked
last: R's pattern first only where indices are arrays (slices alone make bands, whose few colours
can't be bettered much), colours of R only where its fullest column allows few of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from diffkit.sparsity import Rows, fixed, pattern_of
from diffkit.sparsity.cuts import cut_of
from diffkit.transforms.between import Between, SweepsBetween, between_of
from diffkit.transforms.chained import Chain, SweepsChained, chain_of
from diffkit.transforms.compressed import WholeSweeps, sizes_of
from diffkit.transforms.products import Linearized

#: So few directions are taken as they are: to look for fewer costs more.
FEW = 4

Sweeps = WholeSweeps | SweepsBetween | SweepsChained


@dataclasses.dataclass(frozen=True, slots=True)
class Price:
    """What one sweep costs (``work``, the entries that f computes), and how many of these a pull takes."""

    work: int
    pull: int

    def is_less(self, found: Between | Chain, count: int) -> bool:
        """Whether sweeps between take less than ``count`` whole ones."""
        def takes(at_least: bool) -> int:
            return found.swept(self.work, at_least) * self.pull + found.size

        return takes(True) < count * self.work and takes(False) < count * self.work


def chosen(run: Linearized, symmetric: bool, method: str, leaf_shapes: Sequence[tuple[int, ...]],
           out_shapes: Sequence[tuple[int, ...]]) -> tuple[Rows, Sweeps]:
    """The pattern of a run's Jacobian, and the sweeps that find its entries."""
    out_sizes, width = sizes_of(out_shapes), sum(sizes_of(leaf_shapes))
    cut = None if method == "forward" else cut_of(run.nodes, run.wanted, run.marks)
    between = between_of(run, cut, out_sizes, width) if cut is not None and cut.gathers else None
    pattern = pattern_of(run.nodes, run.wanted, run.marks, out_shapes) if between is None else between.pattern
    pattern = pattern.union(pattern.transposed()) if symmetric else pattern
    pattern = Rows(fixed(pattern.starts), fixed(pattern.indices), pattern.width)
    work = sum(sizes_of([node.shape for node in run.nodes if node.shape is not None]))
    price = Price(work, 1 if method == "reverse" else 2)
    if between is not None and not symmetric and price.is_less(between, _at_least(pattern, method)):
        return pattern, between.sweeps(pattern)
    whole = WholeSweeps(pattern, symmetric, method, leaf_shapes, out_shapes)
    if between is None and whole.count > FEW:
        between = between_of(run, cut, out_sizes, width)
    if between is not None and price.is_less(between, whole.count):
        return pattern, between.sweeps(pattern)
    if whole.count > FEW and method != "forward":
        chain = chain_of(run, out_sizes, width)
        if chain is not None and price.is_less(chain, whole.count):
            return pattern, chain.sweeps(pattern)
    return pattern, whole


def _at_least(pattern: Rows, method: str) -> int:
    """Colours that whole sweeps take at least."""
    columns = int(pattern.lengths.max(initial=0))
    rows = int(np.bincount(pattern.indices).max(initial=0))
    return rows if method == "reverse" else min(rows, columns)
