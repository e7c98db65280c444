"""A call reduced to what properties need: arrays that move, arrays that come out, directions.

``Flat`` is f as a function of its moving leaves alone, with a tuple of floating results.
Directions are random signs times the size of each entry, never Gaussian: a weight near 0
would be blind to an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import Argnums, split

Array = Any


class Flat:
    """f of its moving leaves: ``flat(*leaves)`` is the tuple of its floating results."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], argnums: Argnums,
                 kwargs: Mapping[str, Any]) -> None:
        self.f, self.kwargs = f, dict(kwargs)
        self.moving = split(args, argnums, f)
        self.leaves = list(self.moving.leaves)
        with np.errstate(all="ignore"):
            self.outs = self(*self.leaves)

    def __call__(self, *leaves: Array) -> tuple[Array, ...]:
        result = self.f(*self.moving.merge(list(leaves)), **self.kwargs)
        return tuple(out for out in map(_number, tree.flatten(result)[0]) if out is not None)

    @property
    def is_real(self) -> bool:
        """Whether neither an argument nor a result is complex."""
        return all(np.asarray(leaf).dtype.kind == "f" for leaf in (*self.leaves, *self.outs))

    @property
    def size(self) -> int:
        """How many numbers move."""
        return sum(int(np.size(leaf)) for leaf in self.leaves)

    @property
    def epsilon(self) -> float:
        """The rounding unit of the coarsest type involved."""
        return max(float(np.finfo(np.asarray(leaf).dtype).eps) for leaf in (*self.leaves, *self.outs))

    def projected(self, weights: Sequence[Array]) -> Callable[..., Array]:
        """The one number ``Re sum(w * result)``, as a function of the moving leaves."""

        def weighted(*leaves: Array) -> Array:
            terms = [np.sum(w * out) for w, out in zip(weights, self(*leaves))]
            total = terms[0]
            for term in terms[1:]:
                total = total + term
            return np.real(total) if total.dtype.kind == "c" else total

        weighted.__name__ = str(getattr(self.f, "__name__", "f"))
        return weighted


def _number(out: Any) -> Any:
    """A floating result as an array or traced value; None for what has no derivative."""
    kind = getattr(getattr(out, "dtype", None), "kind", None)
    if kind is None and isinstance(out, (float, complex)):
        return np.asarray(out)[()]
    return out if kind in ("f", "c") else None


def direction(rng: np.random.Generator, like: Sequence[Array], relative: bool = False) -> list[Array]:
    """Random signs times 0.5 to 1.5, in the shapes and dtypes of ``like``; times |entry| where ``relative``."""
    result = []
    for leaf in like:
        signs = rng.choice((-1.0, 1.0), np.shape(leaf)) * rng.uniform(0.5, 1.5, np.shape(leaf))
        if leaf.dtype.kind == "c":
            signs = signs + 1j * rng.uniform(0.5, 1.5, np.shape(leaf)) * rng.choice((-1.0, 1.0), np.shape(leaf))
        if relative:
            size = np.abs(leaf)
            signs = signs * np.where(size > 0, size, max(float(np.max(size, initial=0.0)), 1e-3))
        result.append(np.asarray(signs).astype(leaf.dtype)[()])
    return result


def nudged(at: Sequence[Sequence[Array]], step: int) -> list[list[Array]]:
    """A point and directions, off by a few units in the last place (more or less from leaf to leaf)."""
    found = []
    for number, leaves in enumerate(at):
        units = step * (-1) ** number
        found.append([(leaf * (1 + units * np.finfo(leaf.dtype).eps * _alternating(leaf))).astype(leaf.dtype)[()]
                      for leaf in leaves])
    return found


def _alternating(leaf: Array) -> Array:
    return np.where(np.arange(np.size(leaf)).reshape(np.shape(leaf)) % 3 == 1, -1, 1)


def pairing(left: Sequence[Array], right: Sequence[Array]) -> float:
    """Re sum(a * b) over leaves, without conjugation: the pairing under which pull is push's transpose."""
    return float(sum(np.real(np.sum(np.asarray(a, complex) * b)) for a, b in zip(left, right)))


def magnitude(left: Sequence[Array], right: Sequence[Array]) -> float:
    """The sum of the sizes of ``pairing``'s terms: what its rounding is measured by."""
    return float(sum(np.sum(np.abs(a) * np.abs(np.asarray(b, complex))) for a, b in zip(left, right)))
