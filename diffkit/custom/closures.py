"""Values that a function brings along: found in it, and exchanged for others.

``quad(lambda t: np.exp(-k * t), 0, 1)`` depends on k, which is none of its arguments.  An
operation over a user's function must have k among its operands, so it is looked for where
Python keeps what a function captured: in closure cells, default arguments, ``partial``s, the
object of a bound method, and in containers, objects and further functions found there.

``captured(f)`` gives these traced values and ``rebuild(values)``, which makes the same
function with others in their place.  Nothing of f itself is changed: what holds no traced
value is shared (so that a counter or a log that f writes to stays the user's own).
"""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.buffers import settle
from diffkit.traced import Traced

__all__ = ["captured"]

#: How deep objects are searched: a model that holds layers that hold weights has depth 3.
_DEPTH = 8
Swap = Callable[[Traced], Any]


def captured(function: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """The traced values that a function (or any object) holds, and how to exchange them.

    Returns
    -------
    values : list
        Each once, in a fixed order.
    rebuild : callable
        ``rebuild(others)``: the function with these instead.

    >>> k = 2.0
    >>> values, rebuild = captured(lambda t: k * t)
    >>> values, rebuild([])(3.0)
    ([], 6.0)
    """
    found: dict[int, Traced] = {}

    def note(value: Traced) -> Traced:
        found.setdefault(id(value), value)
        return value

    _exchanged(function, note, {}, _DEPTH)
    places = {key: number for number, key in enumerate(found)}

    def rebuild(others: Sequence[Any]) -> Any:
        if not places:
            return function
        return _exchanged(function, lambda value: others[places[id(value)]], {}, _DEPTH)

    return [settle(value) for value in found.values()], rebuild


def _exchanged(value: Any, swap: Swap, seen: dict[int, Any], depth: int) -> Any:
    """``value`` with its traced parts exchanged; the very same object where it has none."""
    kind = type(value)
    if kind is Traced:
        return swap(value)
    if depth == 0 or isinstance(value, (str, bytes, int, float, complex, np.ndarray, np.generic, type,
                                        types.ModuleType, types.BuiltinFunctionType, type(None))):
        return value
    if id(value) in seen:  # a function that calls itself, an object that holds itself
        return seen[id(value)]
    seen[id(value)] = value
    found = _parts(value, lambda part: _exchanged(part, swap, seen, depth - 1))
    seen[id(value)] = found
    return found


def _parts(value: Any, exchange: Callable[[Any], Any]) -> Any:
    if isinstance(value, types.FunctionType):
        return _function(value, exchange)
    if isinstance(value, types.MethodType):
        owner = exchange(value.__self__)
        return value if owner is value.__self__ else types.MethodType(value.__func__, owner)
    if isinstance(value, functools.partial):
        old = (value.func, value.args, value.keywords)
        new = tuple(exchange(part) for part in old)
        return value if _same(old, new) else functools.partial(new[0], *new[1], **new[2])
    items = tree._items(value)
    if items is not None:
        return _container(value, items[1], exchange)
    return _object(value, exchange)


def _same(old: Sequence[Any], new: Sequence[Any]) -> bool:
    return all(a is b for a, b in zip(old, new))


def _function(function: types.FunctionType, exchange: Callable[[Any], Any]) -> Any:
    cells = function.__closure__ or ()
    made, changed = [], False
    for cell in cells:
        try:
            content = cell.cell_contents
        except ValueError:  # a name that is bound later
            made.append(cell)
            continue
        other = exchange(content)
        changed |= other is not content
        made.append(cell if other is content else types.CellType(other))
    defaults, keywords = exchange(function.__defaults__), exchange(function.__kwdefaults__)
    if not changed and defaults is function.__defaults__ and keywords is function.__kwdefaults__:
        return function
    twin = types.FunctionType(function.__code__, function.__globals__, function.__name__, defaults, tuple(made))
    twin.__kwdefaults__, twin.__qualname__, twin.__doc__ = keywords, function.__qualname__, function.__doc__
    twin.__dict__.update(function.__dict__)
    return twin


def _container(value: Any, children: Sequence[Any], exchange: Callable[[Any], Any]) -> Any:
    new = [exchange(child) for child in children]
    if _same(children, new):
        return value
    _, structure = tree.flatten(value)
    leaves: list[Any] = []
    for child in new:
        leaves += tree.flatten(child)[0]
    return tree.unflatten(structure, leaves)


def _object(value: Any, exchange: Callable[[Any], Any]) -> Any:
    """An instance of a class written in Python: its attributes, one by one."""
    attributes = getattr(value, "__dict__", None)
    if not isinstance(attributes, dict):
        return value
    changed = {name: other for name, part in list(attributes.items()) if (other := exchange(part)) is not part}
    if not changed:
        return value
    twin = copy.copy(value)
    twin.__dict__.update(changed)
    return twin
