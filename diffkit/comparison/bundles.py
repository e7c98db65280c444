"""Random directions in which nothing is swamped: bundles of inputs that move f by about as much.

One random direction over all inputs is blind to a leaf that contributes a millionth of the sum.
So the inputs are put into bundles, one for each decade of |g_i x_i|, and one of those that move f not at
all; each is drawn three times, and then all inputs together.  A draw moves input i by a random sign
times |x_i| (a zero by its leaf's typical size), times 0.5 to 1.5 so that two equal errors can't cancel.
Weights are never Gaussian: one near 0 would hide its entry.

Entries that are suspected already get a direction of their own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from diffkit.comparison.problem import Array, Problem

_DECADES, _DRAWS = 14, 3
#: Up to so many inputs each is a direction of its own.
_COORDINATES = 12


@dataclasses.dataclass(frozen=True)
class Direction:
    """A step for some of the inputs: ``steps[i]`` for input ``members[i]``."""

    name: str
    members: Array
    steps: Array

    def along(self, jacobian: Array) -> Array:
        """J u, for a Jacobian of (rows, columns)."""
        return np.sum(jacobian[:, self.members] * self.steps, axis=1)

    def halves(self) -> tuple[Direction, Direction]:
        """The first half of the members and the second."""
        middle = len(self.members) // 2
        parts = [Direction(self.name, self.members[part], self.steps[part])
                 for part in (slice(None, middle), slice(middle, None))]
        return parts[0], parts[1]

    def flat(self, columns: int) -> Array:
        """The direction as one vector over all inputs."""
        whole = np.zeros(columns)
        whole[self.members] = self.steps
        return whole


def sizes(leaves: Sequence[Array]) -> Array:
    """How far each entry may be moved: its own size, or for a zero the typical one of its leaf."""
    found = []
    for leaf in leaves:
        size = np.abs(np.reshape(np.asarray(leaf, np.float64), -1))
        typical = float(np.median(size[size > 0])) if (size > 0).any() else 1.0
        found.append(np.where(size > 0, size, typical))
    return np.concatenate(found)


def bundles(contributions: Array) -> list[tuple[str, Array]]:
    """Members by decade of their contribution, the largest first; a NaN or infinity counts as the largest."""
    finite = np.isfinite(contributions)
    largest = float(np.max(contributions[finite], initial=0.0))
    zero = finite & (contributions == 0)
    if largest == 0:
        found = np.where(zero, _DECADES, 0)
    else:
        with np.errstate(all="ignore"):
            decade = np.floor(-np.log10(contributions / largest))
        found = np.where(zero, _DECADES, np.where(finite, np.clip(decade, 0, _DECADES - 1), 0))
    groups = []
    for number in np.unique(found).astype(int):
        members = np.flatnonzero(found == number)
        size = "that do not move f" if number == _DECADES else \
            f"that move f by {largest / 10.0**number:.0e}" if largest > 0 else ""
        groups.append((f"{len(members)} inputs {size}".rstrip(), members))
    return groups


def directions(problem: Problem, slopes: Array | None, suspects: Sequence[int], seed: int,
               draws: int = _DRAWS) -> list[Direction]:
    """Single suspects, then each bundle ``draws`` times, then all inputs ``draws`` times.

    ``slopes`` is the largest |g_i| that anybody claims, or None if nobody knows (one bundle then).
    """
    rng = np.random.default_rng(seed)
    size = sizes(problem.moving.leaves)
    found = [Direction(problem.input_name(i), np.array([i]), size[[i]]) for i in suspects]
    if problem.columns <= _COORDINATES:
        return [Direction(problem.input_name(i), np.array([i]), size[[i]]) for i in range(problem.columns)]
    everything = np.arange(problem.columns)
    groups = [] if slopes is None or draws < _DRAWS else bundles(slopes * size)
    if len(groups) == 1:
        groups = []
    for name, members in [*groups, (f"all {problem.columns} inputs", everything)]:
        for draw in range(draws):
            signs = rng.choice((-1.0, 1.0), len(members)) * rng.uniform(0.5, 1.5, len(members))
            found.append(Direction(f"{name} (draw {draw + 1})", members, signs * size[members]))
    return found


def row_weights(scale: Array, seed: int) -> tuple[Array, list[Array]]:
    """Weights v for results with many entries: V has a row for each third decade of |J u|, twice, and two over all.

    Returns the random weights of every result entry, and the members of each row of V.
    """
    rng = np.random.default_rng(seed + 1)
    weights = rng.choice((-1.0, 1.0), (4, len(scale))) * rng.uniform(0.5, 1.5, (4, len(scale)))
    finite = np.where(np.isfinite(scale), scale, 0.0)
    largest = float(np.max(finite, initial=0.0))
    with np.errstate(all="ignore"):
        decade = np.clip(np.floor(-np.log10(finite / largest) / 3), 0, 5) if largest > 0 else np.zeros(len(scale))
    groups = [np.flatnonzero(decade == number) for number in np.unique(decade)]
    groups = groups if len(groups) > 1 else []
    rows = [(draw, members) for members in groups for draw in (0, 1)]
    rows += [(draw, np.arange(len(scale))) for draw in (2, 3)]
    matrix = np.zeros((len(rows), len(scale)))
    for number, (draw, members) in enumerate(rows):
        matrix[number, members] = weights[draw, members]
    return matrix, [members for _, members in rows]
