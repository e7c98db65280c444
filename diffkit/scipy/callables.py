"""A user's function that SciPy calls: what it depends on becomes operands, itself a plain function.

``opened(f, args)`` takes a function apart into leaves (the floats in ``args``, and the traced
values that f captured) and a function of them.  ``plain_call`` is what SciPy gets to see: the
function at the leaves' plain values, whose result must not be traced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.buffers import settle
from diffkit.custom.closures import captured
from diffkit.errors import InputError
from diffkit.scipy.calls import primal
from diffkit.traced import Traced, is_traced

__all__ = ["Opened", "as_tuple", "opened", "plain_call", "plainest", "vector"]


def as_tuple(args: Any) -> tuple[Any, ...]:
    """SciPy's ``args``: one value that is no tuple counts as a tuple of one."""
    return tuple(args) if isinstance(args, tuple) else (args,)


def plainest(value: Any) -> Any:
    """A container with the plain values of everything traced."""
    return tree.map(primal, settle(value))


class Opened:
    """A user's function with what it depends on laid open.

    Attributes
    ----------
    leaves : list
        The traced values that the function captured, and the leaves of ``args``.
    """

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...] = ()) -> None:
        values, self._rebuild = captured(function)
        self._count = len(values)
        own, self._structure = tree.flatten(settle(args))
        self.leaves = [*values, *own]

    @property
    def is_traced(self) -> bool:
        """Whether anything that the function depends on is traced."""
        return any(is_traced(leaf) for leaf in self.leaves)

    def at(self, leaves: Sequence[Any]) -> Callable[..., Any]:
        """The function of its leading arguments, with these leaves."""
        function = self._rebuild(leaves[:self._count])
        args = tree.unflatten(self._structure, list(leaves[self._count:]))
        return function if not args else lambda *leading: function(*leading, *args)


def opened(function: Callable[..., Any], args: tuple[Any, ...] = ()) -> Opened:
    """See :class:`Opened`."""
    if not callable(function):
        raise InputError(f"a function is expected, not {type(function).__name__}")
    return Opened(function, args)


def plain_call(function: Callable[..., Any], leaves: Sequence[Any], name: str) -> Callable[..., Any]:
    """A function of plain values for SciPy; a traced result would be converted, and its derivative lost."""
    def call(*leading: Any) -> Any:
        found = settle(function(*leading))
        if any(type(part) is Traced for part in tree.flatten(found)[0]):
            raise InputError(f"the function given to {name} uses a differentiated value that is not found in it",
                             "that value in args=, or captured by the function itself",
                             "it is a global, or hidden in an object written in C")
        return found

    return call


def vector(value: Any) -> Any:
    """A result as one vector: a number has one entry, lists are packed."""
    if isinstance(value, (tuple, list)) or not hasattr(value, "dtype"):
        from diffkit.scipy.calls import prepared
        value = prepared(list(value) if isinstance(value, tuple) else value)
    if value.dtype.kind in "biu":
        value = value.astype(np.float64)
    return np.reshape(value, (-1,))
