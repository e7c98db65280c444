"""Nested containers: flatten to a list of leaves, and put the same shape back.

Tuples, lists, dicts, named tuples and dataclasses are containers, and their kind
survives the round trip.  ``None`` is an empty container.  Everything else is a leaf.
The order is the container's own (a dict's insertion order, a dataclass's field order).
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from builtins import map as each
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any


# Never written to; not frozen, because a frozen one takes three times as long to make.
@dataclasses.dataclass(slots=True, unsafe_hash=True)
class Structure:
    """The shape of a container without its leaves.

    ``kind`` is the container's type (or ``None`` for a leaf), ``keys`` its positions,
    field names or dict keys, ``children`` the structures below, ``prototype`` an
    instance to copy where a type can't be rebuilt from its items alone, ``size`` the
    number of leaves, ``is_flat`` says that all children are leaves.
    """

    kind: type | None
    keys: tuple[Any, ...] = ()
    children: tuple[Structure, ...] = ()
    prototype: Any = dataclasses.field(default=None, compare=False, repr=False)
    size: int = dataclasses.field(default=1, compare=False, repr=False)
    is_flat: bool = dataclasses.field(default=False, compare=False, repr=False)


LEAF = Structure(None)
#: Types that were found to be leaves: they need not be asked again.
_leaf_types: set[type] = set()
#: Modules of such types; a class of the user's may be gone some day.
_LASTING = ("builtins", "numpy", "diffkit.traced")
#: The keys of short lists and tuples.
_POSITIONS = tuple(range(64))


def _items(tree: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]] | None:
    """Keys and children of a container, or None for a leaf."""
    kind = type(tree)
    if tree is None:
        return (), ()
    if kind is list or kind is tuple:
        return tuple(range(len(tree))), tree
    if issubclass(kind, dict):
        return tuple(tree), tuple(tree.values())
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return kind._fields, tuple(tree)
    if issubclass(kind, (tuple, list)):
        return tuple(range(len(tree))), tuple(tree)
    if dataclasses.is_dataclass(kind):
        names = tuple(field.name for field in dataclasses.fields(kind))
        return names, tuple(getattr(tree, name) for name in names)
    return None


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of ``tree`` in order, and its structure.

    >>> leaves, structure = flatten({"w": (1.0, 2.0), "b": [3.0]})
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> unflatten(structure, [10, 20, 30])
    {'w': (10, 20), 'b': [30]}
    """
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree: Any, leaves: list[Any]) -> Structure:
    kind = type(tree)
    prototype = None
    keys: tuple[Any, ...]
    children: Collection[Any]
    if kind is dict:
        keys, children = tuple(tree), tree.values()
    elif kind is list or kind is tuple:
        count = len(tree)
        keys, children = _POSITIONS[:count] if count <= 64 else tuple(range(count)), tree
    else:
        items = None if kind in _leaf_types else _items(tree)
        if items is None:
            if kind.__module__ in _LASTING:
                _leaf_types.add(kind)
            leaves.append(tree)
            return LEAF
        keys, children = items
        prototype = None if tree is None or hasattr(kind, "_fields") else tree
    if _leaf_types.issuperset(each(type, children)):
        leaves += children
        count = len(keys)
        return Structure(kind, keys, (LEAF,) * count, prototype, count, True)
    before = len(leaves)
    below = tuple([_flatten(child, leaves) for child in children])
    return Structure(kind, keys, below, prototype, len(leaves) - before)


def unflatten(structure: Structure, leaves: Sequence[Any]) -> Any:
    """Build a container of this structure from its leaves (in ``flatten``'s order).

    Raises ValueError when there are too few or too many leaves.
    """
    if len(leaves) != structure.size:
        raise ValueError(f"{structure.size} leaves needed, {len(leaves)} given")
    return _unflatten(structure, iter(leaves))


def _unflatten(structure: Structure, source: Iterator[Any]) -> Any:
    kind = structure.kind
    if kind is dict and structure.is_flat:
        return dict(zip(structure.keys, source))  # which takes no more than there are keys
    if kind is None:
        return next(source)
    if kind is type(None):
        return None
    if structure.is_flat:
        values = list(itertools.islice(source, structure.size))
    else:
        values = []
        for child in structure.children:
            if child is LEAF:
                values.append(next(source))
            elif child.is_flat and child.kind is dict:
                values.append(dict(zip(child.keys, source)))
            else:
                values.append(_unflatten(child, source))
    if kind is list:
        return values
    if structure.prototype is None:
        if kind is dict:
            return dict(zip(structure.keys, values))
        return kind(*values) if hasattr(kind, "_fields") else kind(values)
    # A subclass or a dataclass: copied, then refilled, so that neither __init__ nor
    # __post_init__ meets a value it does not expect and other attributes survive.
    tree = copy.copy(structure.prototype)
    if issubclass(kind, dict):
        tree.update(zip(structure.keys, values))
    elif issubclass(kind, list):
        tree[:] = values
    elif issubclass(kind, tuple):
        tree = kind(values)
    else:
        for name, value in zip(structure.keys, values):
            object.__setattr__(tree, name, value)
    return tree


def map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply ``function`` to the leaves of ``tree`` (and of others of the same structure).

    >>> map(lambda a, b: a + b, {"x": 1, "y": [2]}, {"x": 10, "y": [20]})
    {'x': 11, 'y': [22]}
    """
    leaves, structure = flatten(tree)
    columns = [leaves]
    for other in others:
        values, found = flatten(other)
        if found != structure:
            raise ValueError(f"containers differ: {describe(tree)} against {describe(other)}")
        columns.append(values)
    return unflatten(structure, [function(*row) for row in zip(*columns)])


def paths(tree: Any, name: str = "") -> list[str]:
    """How a user would write each leaf: ``params[1]["W"]``.

    >>> paths([{"W": 1, "b": 2}, 3], "params")
    ['params[0]["W"]', 'params[0]["b"]', 'params[1]']
    """
    items = _items(tree)
    if items is None:
        return [name]
    fields = not issubclass(type(tree), (dict, list)) and (
        hasattr(type(tree), "_fields") or dataclasses.is_dataclass(type(tree)))
    result: list[str] = []
    for key, child in zip(*items):
        if fields:
            step = f".{key}"
        else:
            step = f'["{key}"]' if isinstance(key, str) else f"[{key!r}]"
        result += paths(child, name + step)
    return result


def describe(tree: Any) -> str:
    """A container's structure in words, for messages: ``{'W': *, 'b': *}``."""
    _, structure = flatten(tree)
    return repr(unflatten(structure, [_Star()] * structure.size))


class _Star:
    def __repr__(self) -> str:
        return "*"
