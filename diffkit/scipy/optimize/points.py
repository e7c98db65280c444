"""The unknowns of an optimizer: a container for the user, one vector for SciPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.custom.leaves import cut, end_to_end
from diffkit.errors import InputError
from diffkit.scipy.calls import prepared

__all__ = ["Unknowns"]


class Unknowns:
    """How x0 is laid out, and the way between the container and the vector.

    Numbers, arrays of numbers and plain lists of numbers are SciPy's own x0, a vector; anything
    else (dicts, tuples of arrays, dataclasses, matrices) comes back in its own form.
    """

    def __init__(self, x0: Any) -> None:
        numbers = type(x0) in (list, tuple) and all(np.ndim(item) == 0 and not isinstance(item, (dict, list, tuple))
                                                    and item is not None for item in x0)
        self.is_vector = numbers or (hasattr(x0, "dtype") and np.ndim(x0) <= 1) or isinstance(x0, (int, float))
        if self.is_vector:
            x0 = np.atleast_1d(prepared(list(x0) if numbers else x0))
        leaves, self.structure = tree.flatten(x0)
        if any(not hasattr(leaf, "dtype") and not isinstance(leaf, (int, float)) for leaf in leaves):
            raise InputError("x0 holds something that is no number", "a container of floating arrays and numbers")
        self.leaves = [leaf if hasattr(leaf, "dtype") else np.float64(leaf) for leaf in leaves]
        if not self.leaves:
            raise InputError("x0 has no entries")
        self.start = end_to_end([leaf if leaf.dtype.kind == "f" else leaf.astype(np.float64)
                                 for leaf in self.leaves])

    def box(self, vector: Any) -> Any:
        """The container with the entries of a vector."""
        return vector if self.is_vector else tree.unflatten(self.structure, cut(vector, self.leaves))

    def unbox(self, container: Any) -> Any:
        """The entries of such a container as a vector."""
        if self.is_vector:
            return container
        leaves, structure = tree.flatten(container)
        if structure != self.structure:
            raise InputError(f"a gradient in the container {tree.describe(container)} does not fit x0",
                             "the container of x0")
        return end_to_end([leaf if hasattr(leaf, "dtype") else np.float64(leaf) for leaf in leaves])

    def fits(self, container: Any) -> bool:
        """Whether this is a container like x0."""
        return tree.flatten(container)[1] == self.structure

    def spread(self, bound: Any) -> Any:
        """A bound (one number, a vector, or a container like x0) for every entry."""
        if not self.is_vector and self.fits(bound):
            leaves = tree.flatten(bound)[0]
            bound = end_to_end([np.broadcast_to(prepared(leaf), own.shape) for leaf, own in zip(leaves, self.leaves)])
        return np.broadcast_to(prepared(bound), self.start.shape)


def pairs(bounds: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Lower and upper bounds of SciPy's sequence of pairs; None is no bound."""
    low = [-np.inf if pair[0] is None else pair[0] for pair in bounds]
    high = [np.inf if pair[1] is None else pair[1] for pair in bounds]
    return low, high
