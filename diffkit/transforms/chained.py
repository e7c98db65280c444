"""Two sweeps between cuts, one after the other: for what is computed before it is gathered.

Rotations computed for each camera, a scale that is the exponential of a parameter: small arrays of
which each observation has a copy.  These are the *waist* of the program.  Seen from the
results they are inputs, and seen from the inputs they are results:

    J = A + B P     A, B  by the inputs and by the waist, found as ``between`` finds them
                    P     the waist's own matrix, found likewise

Sweeps find A, B and P; the product is as many multiplications as it has terms, at places
known beforehand.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.arguments import Moving
from diffkit.masked import holds_nan
from diffkit.rules.indexing import GETITEM
from diffkit.sparsity import Rows, TooDenseError, fixed
from diffkit.sparsity.cuts import Cut, cut_of
from diffkit.sparsity.laying import Laying
from diffkit.sparsity.pattern import LIMIT
from diffkit.sparsity.waists import waists
from diffkit.tape import Node
from diffkit.transforms.between import Between, NotBetween, SweepsBetween, pulled_through
from diffkit.transforms.compressed import sizes_of
from diffkit.transforms.products import Linearized
from diffkit.transforms.running import Function


class Chain:
    """What is found out about a run's waist once; ``size`` is that of both matrices and the product."""

    def __init__(self, run: Linearized, waist: Sequence[Node], out_sizes: Sequence[int], width: int) -> None:
        sizes = sizes_of([node.shape for node in waist])
        above, below = _cuts(run, waist)
        self.outer, self.inner = Between(above, out_sizes, width + sum(sizes)), Between(below, sizes, width)
        outer, inner = self.outer.pattern, self.inner.pattern
        self.inner_work = _work_of(waist)
        # Each entry by an input is a term, and each by the waist as many as the waist's row has entries.
        rows, columns = outer.numbers, outer.indices
        direct = np.flatnonzero(columns < width)
        through = np.flatnonzero(columns >= width)
        if inner.lengths[columns[through] - width].sum() > LIMIT:
            raise TooDenseError(f"a product has more than {LIMIT} terms", "dk.jacobian")
        numbered = Rows(inner.starts, np.arange(inner.size), inner.size).take(columns[through] - width)
        self.factors = (np.concatenate([direct, np.repeat(through, numbered.lengths)]),
                        np.concatenate([np.full(direct.size, inner.size), numbered.indices]))
        reached = np.concatenate([columns[direct], inner.indices[numbered.indices]])
        self.keys = rows[self.factors[0]] * width + reached
        self.size = self.outer.size + self.inner.size + self.keys.size

    def swept(self, work: int, at_least: bool = False) -> int:
        """The number of entries that the sweeps go through, of a program that computes ``work``."""
        return self.outer.swept(work, at_least) + self.inner.swept(self.inner_work, at_least)

    def sweeps(self, pattern: Rows) -> SweepsChained:
        """The sweeps that give the entries of J's pattern, or of one that has more."""
        order = np.argsort(self.keys, kind="stable")
        keys = self.keys[order]
        places = np.searchsorted(pattern.numbers * pattern.width + pattern.indices, keys)
        outer, inner = self.outer.sweeps(self.outer.pattern), self.inner.sweeps(self.inner.pattern)
        return SweepsChained(outer, inner, fixed(self.factors[0][order]), fixed(self.factors[1][order]),
                             Laying([keys.shape], np.arange(keys.size), places, pattern.size),
                             self.outer.count + self.inner.count)


@dataclasses.dataclass(frozen=True, slots=True)
class SweepsChained:
    """Pulls from the results to the waist and the inputs, pulls from the waist to the inputs, and their product."""

    outer: SweepsBetween
    inner: SweepsBetween
    left: Any
    right: Any
    lay: Laying
    count: int
    by_rows = True

    @property
    def colours(self) -> Any:
        """Those of the pulls from the results."""
        return self.outer.colours

    def entries(self, f: Function, moving: Moving, kwargs: dict[str, Any], run: Linearized | None = None) -> Any:
        """The entries at a point.  Raises NotBetween."""
        run = run or Linearized(f, moving, kwargs)
        above, below = _cuts(run, waists(run.nodes, run.wanted, run.marks))
        left, right = self.outer.between(run, above), self.inner.between(run, below)
        right = np.concatenate([right, np.ones(1, right.dtype)])  # of entries that are a term themselves
        terms = GETITEM(left, index=self.left) * GETITEM(right, index=self.right)
        if holds_nan(terms):
            raise NotBetween  # a zero of a branch not taken, times the infinite slope of the waist
        return self.lay([terms])

    def checked(self, f: Function, moving: Moving, kwargs: dict[str, Any], extra: Callable[[int], Any]) -> Any:
        """The entries, one more direction, its image through the whole program, and that it is a pull."""
        run = Linearized(f, moving, kwargs)
        return self.entries(f, moving, kwargs, run), *pulled_through(run, extra)


def _cuts(run: Linearized, waist: Sequence[Node]) -> tuple[Cut, Cut]:
    """The cuts above and below a waist."""
    above = cut_of(run.nodes, [*run.wanted, *waist], run.marks, always=True)
    below = cut_of(run.nodes, run.wanted, waist, always=True)
    if above is None or below is None:
        raise NotBetween
    return above, below


def _work_of(nodes: Sequence[Node]) -> int:
    """The number of entries computed for these nodes."""
    needed: dict[int, Node] = {}
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node.index not in needed:
            needed[node.index] = node
            waiting += node.parents
    return sum(sizes_of([node.shape for node in needed.values() if node.shape is not None]))


def chain_of(run: Linearized, out_sizes: Sequence[int], width: int) -> Chain | None:
    """The chain at a run's waist, or None where it has none."""
    waist = [] if run.split else waists(run.nodes, run.wanted, run.marks)
    try:
        return Chain(run, waist, out_sizes, width) if waist else None
    except (TooDenseError, NotBetween):
        return None
