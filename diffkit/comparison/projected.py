"""A large question made small: J U, the derivative along a dozen directions, instead of J.

Along directions u_1 … u_K (``bundles``) the question is one about K numbers t at 1:

    f(x + sum_k (t_k - 1) u_k),        its Jacobian at t = 1 is J U,

and so the same judge, with the same measured tolerances, decides about it.  Who has a whole gradient
multiplies it by U; forward mode pushes each u_k; differences take f along each u_k, at a handful of
evaluations whatever n is.  A result with many entries is weighted, V f, so that reverse mode needs a
few sweeps.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import split
from diffkit.comparison.bundles import Direction
from diffkit.comparison.copies import Counted, copied
from diffkit.comparison.methods import FAMILIES, NUMERIC, OK, SCHEMES, Witness
from diffkit.comparison.problem import Array, Problem

#: Times the claim of one line, where a hundred are read.
_CAUTION = 3.0


@dataclasses.dataclass
class Projection:
    """Directions for the inputs, and weights for the results (None: every entry is its own row)."""

    problem: Problem
    directions: Sequence[Direction]
    weights: Array | None

    def of(self, jacobian: Array) -> Array:
        """V J U of a whole Jacobian (rows, columns)."""
        with np.errstate(all="ignore"):
            columns = np.stack([direction.along(jacobian) for direction in self.directions], axis=1)
            return self.weighted(columns)

    def weighted(self, columns: Array) -> Array:
        """V times a matrix with a row for each result entry."""
        return columns if self.weights is None else self.weights @ columns

    def outs(self, value: Any) -> Array:
        """V f from f's result."""
        flat = np.concatenate([np.reshape(np.asarray(out), -1) for out in tree.flatten(value)[0]])
        return flat if self.weights is None else self.weights @ flat

    def question(self) -> Problem:
        """The small problem: V f(x + sum (t_k - 1) u_k) at t = 1."""
        count = len(self.directions)
        ones = np.ones(count)
        whole = self.problem
        outs = [self.outs(whole.value)]
        small = Problem(self, (ones,), {}, 0, split((ones,), 0, self), outs[0], outs, tree.flatten(outs[0])[1], None,
                        whole.seconds, depends=whole.depends, allowance=whole.allowance,
                        unit=f"projections of {whole.columns} inputs",
                        terms=whole.columns * (1 if self.weights is None else whole.rows))
        # Names and the rounding unit are those of the large question.
        small.__dict__["inputs"] = [direction.name for direction in self.directions]
        small.__dict__["outputs"] = [f" [{i}]" for i in range(len(outs[0]))] if self.weights is None else \
            [f" weighted ({i})" for i in range(len(outs[0]))]
        if self.weights is None and whole.rows > 1:
            small.__dict__["outputs"] = [whole.output_name(row) for row in range(whole.rows)]
        small.__dict__["epsilon"] = whole.epsilon
        small.__dict__["name"] = whole.name
        return small

    def __call__(self, t: Any) -> Any:
        """V f along the directions; diffkit may trace it."""
        from diffkit.traced import is_traced

        leaves = self._traced(t) if is_traced(t) else self._plain(t)
        args, kwargs = self.problem.moving.merge(leaves), self.problem.kwargs
        if self.problem.notes:  # f is known to write to its arguments
            args, kwargs = copied(args), copied(kwargs)
        outs = tree.flatten(self.problem.f(*args, **kwargs))[0]
        flat = np.concatenate([np.reshape(out, -1) for out in outs])
        return flat if self.weights is None else self.weights @ flat

    def _plain(self, t: Array) -> list[Array]:
        moved = self._vector()
        for k in np.flatnonzero(t != 1.0):
            direction = self.directions[int(k)]
            moved[direction.members] += (t[k] - 1.0) * direction.steps
        return self._leaves(moved)

    def _traced(self, t: Any) -> list[Any]:
        shift = sum((t[k] - 1.0) * direction.flat(self.problem.columns)
                    for k, direction in enumerate(self.directions))
        return self._leaves(self._vector() + shift)

    def _vector(self) -> Array:
        return np.concatenate([np.reshape(np.asarray(leaf, np.float64), -1) for leaf in self.problem.moving.leaves])

    def _leaves(self, vector: Any) -> list[Any]:
        leaves, start = [], 0
        for leaf in self.problem.moving.leaves:
            stop = start + int(np.size(leaf))
            part = np.reshape(vector[start:stop], np.shape(leaf))
            leaves.append(part.astype(leaf.dtype) if part.dtype != leaf.dtype else part)
            start = stop
        return leaves

    # --- witnesses ------------------------------------------------------------------------------
    def times(self, w: Witness) -> Witness:
        """A witness with a whole gradient, seen along the directions."""
        assert w.value is not None
        # Rounding errors of the entries are independent: in a sum they add up like the root of their number.
        spread = None
        if w.spread is not None:
            square = np.nan_to_num(w.spread, nan=0.0, posinf=0.0) ** 2
            along = [np.sum(square[:, d.members] * d.steps**2, axis=1) for d in self.directions]
            spread = np.sqrt(np.stack(along, axis=1) if self.weights is None
                             else self.weights**2 @ np.stack(along, axis=1))
        raised = None if w.raised is None else self.of(w.raised)
        return dataclasses.replace(w, value=self.of(w.value), spread=spread, raised=raised)

    def again(self, w: Witness) -> Witness:
        """A witness of another projection (whole, or forward or reverse along directions), along these."""
        if w.value is not None and w.value.shape == (self.problem.rows, self.problem.columns):
            return self.times(w)
        return self.pulled() if w.method == "reverse" else self.pushed()

    def differences(self, method: str, tick: Callable[[], None]) -> Witness:
        """f along every direction, by differences."""
        from diffkit import numeric

        at = self.problem.raised() if self.problem.low_precision else self.problem
        counted = Counted(at.f)
        line = dataclasses.replace(self, problem=dataclasses.replace(at, f=counted))
        parts: dict[str, list[Array]] = {name: [] for name in ("value", "error", "status", "left", "right")}
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for direction in self.directions:
                along = dataclasses.replace(line, directions=[direction])
                found = numeric.jacobian(functools.partial(_at, along), 1.0, scheme=SCHEMES[method])
                for name, columns in parts.items():
                    columns.append(np.reshape(getattr(found, name), -1))
                tick()
        table = {name: np.stack(columns, axis=1) for name, columns in parts.items()}
        # Many projections are asked at once: the claims must hold for all, and above f's own resolution.
        flat = np.abs(np.concatenate([np.reshape(out, -1) for out in at.outs]))
        size = flat if self.weights is None else np.abs(self.weights) @ flat
        table["error"] = _CAUTION * table["error"] + 8 * np.finfo(np.float64).eps * size[:, None]
        words = table["status"]
        seen = [str(word) for word in np.unique(words) if word != "ok"]
        note = ", ".join(f"{np.sum(words == word)} of {words.size} projections: {word}" for word in seen)
        return Witness(method, NUMERIC, OK, note, value=table["value"], claim=table["error"], words=words,
                       left=table["left"], right=table["right"], evaluations=counted.count,
                       exact=method == "complex-step", answer=table["value"])

    def pushed(self) -> Witness:
        """Forward mode: each direction is pushed through f once, against all results at once."""
        counted = Counted(self.problem.f)
        columns = [self.push(direction, counted) for direction in self.directions]
        value = self.weighted(np.stack(columns, axis=1))
        return Witness("forward", FAMILIES["forward"], value=value, answer=value, evaluations=counted.count)

    def push(self, direction: Direction, f: Callable[..., Any]) -> Array:
        """J u by forward mode, a number for each result entry."""
        from diffkit.transforms import jvp

        tangents = [np.asarray(leaf, kept.dtype)[()] for leaf, kept in zip(
            _cut(direction.flat(self.problem.columns), self.problem.moving.leaves), self.problem.moving.leaves)]
        own = self.problem.isolated()
        found = jvp(lambda *x: tuple(tree.flatten(f(*own.moving.merge(x), **own.kwargs))[0]),
                    tuple(own.moving.leaves), tuple(tangents))[1]
        return np.concatenate([np.reshape(np.asarray(part, np.float64), -1) for part in found])

    def pulled(self) -> Witness:
        """Reverse mode: a sweep for each row of V."""
        counted = Counted(self.problem.f)
        rows = [[direction.along(gradient[None])[0] for direction in self.directions]
                for gradient in self.gradients(counted)]
        value = np.array(rows)
        return Witness("reverse", FAMILIES["reverse"], value=value, answer=value, evaluations=counted.count)

    def gradients(self, f: Callable[..., Any]) -> Iterator[Array]:
        """The rows of V J, each a number for every input."""
        from diffkit.transforms import vjp

        own = self.problem.isolated()
        pull = vjp(lambda *x: tuple(tree.flatten(f(*own.moving.merge(x), **own.kwargs))[0]), *own.moving.leaves)[1]
        for weights in np.eye(self.problem.rows) if self.weights is None else self.weights:
            parts = _cut(weights, self.problem.outs)
            given = tuple(np.asarray(part, out.dtype)[()] for part, out in zip(parts, self.problem.outs))
            yield np.concatenate([np.reshape(np.asarray(leaf, np.float64), -1) for leaf in pull(given)])


def _at(along: Projection, t: Any) -> Any:
    return along(np.reshape(t, 1))


def _cut(vector: Array, like: Sequence[Array]) -> list[Array]:
    """A vector in the shapes of some leaves."""
    parts, start = [], 0
    for leaf in like:
        stop = start + int(np.size(leaf))
        parts.append(np.reshape(vector[start:stop], np.shape(leaf)))
        start = stop
    return parts
