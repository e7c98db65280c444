"""From a call's arguments to the leaves that move, and back.

``split`` picks the arguments named by ``argnums``, flattens them to leaves and makes each
leaf something that can be differentiated: floats become NumPy scalars, integers
float64.  What can't is refused here, once, with the leaf's name as the user would write it.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.buffers import snapshot
from diffkit.errors import ArgnumsError, InputError
from diffkit.rules.kinds import FUNCTIONS
from diffkit.traced import Traced, layout

Argnums = int | tuple[int, ...]


# Never written to; not frozen, because a frozen one takes three times as long to make.
@dataclasses.dataclass(slots=True)
class Moving:
    """The differentiated part of a call.

    ``leaves`` are the values that move, ``structure`` their container (for several
    argnums a tuple of the arguments' containers, in the order asked).
    """

    args: tuple[Any, ...]
    positions: tuple[int, ...]
    leaves: list[Any]
    structure: tree.Structure
    single: bool

    def merge(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """All positional arguments, with ``leaves`` in the moving places."""
        if self.structure is _ONE_LEAF:
            value: tuple[Any, ...] = (leaves[0],)
        else:
            value = tree.unflatten(self.structure, leaves)
        if len(self.args) == 1:
            return value
        args = list(self.args)
        for position, arg in zip(self.positions, value):
            args[position] = arg
        return tuple(args)

    def answer(self, leaves: Sequence[Any]) -> Any:
        """One derivative a leaf, in the containers that the caller expects; by a number it is a number."""
        if self.structure is _ONE_LEAF:
            first = as_its_leaf(leaves[0], self.leaves[0])
            return first if self.single else (first,)
        own = [derivative if type(leaf) is _ndarray else as_its_leaf(derivative, leaf)
               for derivative, leaf in zip(leaves, self.leaves)]
        value = tree.unflatten(self.structure, own)
        return value[0] if self.single else value


def as_its_leaf(derivative: Any, leaf: Any) -> Any:
    """A derivative by a number that came as an array of no dimensions, as a NumPy scalar."""
    if isinstance(derivative, np.ndarray) and not derivative.shape and not isinstance(leaf, np.ndarray):
        return derivative[()]
    return derivative


_ndarray = np.ndarray
_ONE_LEAF = tree.Structure(tuple, (0,), (tree.LEAF,))
_ATOMS = (np.ndarray, float, np.float64, int, Traced)


def split(args: tuple[Any, ...], argnums: Argnums, f: Callable[..., Any], holomorphic: bool = False) -> Moving:
    """The moving part of ``f(*args)``.

    Raises ArgnumsError (an IndexError) when argnums names a missing argument, InputError
    (a TypeError) when an argument has no array leaf or a leaf is not a number.
    """
    single = type(argnums) is int
    if single and argnums == 0 and type(args[0] if args else None) in _ATOMS:
        return Moving(args, (0,), [as_leaf(args[0], f, args, (0,), 0)], _ONE_LEAF, True)
    positions = (argnums,) if type(argnums) is int and 0 <= argnums < len(args) else _positions(argnums, f, args)
    values, structure = tree.flatten(tuple([args[p] for p in positions]))
    if not values and any(args[p] is None or not isinstance(args[p], (tuple, list, dict)) for p in positions):
        empty = next(p for p in positions if not tree.flatten(args[p])[0])
        raise InputError(f"argument {empty} of {_name(f)} is {args[empty]!r}: there is no array to differentiate",
                         "another argnums")
    leaves = [value if type(value) is _ndarray and value.dtype.kind == "f"
              else as_leaf(value, f, args, positions, number) for number, value in enumerate(values)]
    return Moving(args, positions, leaves, structure, single)


def _positions(argnums: Any, f: Callable[..., Any], args: tuple[Any, ...]) -> tuple[int, ...]:
    """The arguments that argnums names, counted from 0."""
    positions = []
    for number in argnums if isinstance(argnums, (tuple, list)) else (argnums,):
        if not isinstance(number, (int, np.integer)) or isinstance(number, bool):
            raise ArgnumsError(f"argnums must be an int or a tuple of ints, not {argnums!r}",
                               "the positions of the arguments to differentiate, counted from 0")
        if not -len(args) <= number < len(args):
            raise ArgnumsError(
                f"argnums={argnums} names argument {number}, but {_name(f)} was called with {len(args)} "
                f"positional argument{'s' * (len(args) != 1)}",
                "an argnums that counts from 0",
                "the argument was passed by keyword; only positional arguments are differentiated")
        positions.append(int(number) % len(args))
    if len(set(positions)) != len(positions):
        raise ArgnumsError(f"argnums={argnums} names an argument twice")
    return tuple(positions)


def as_leaf(value: Any, f: Callable[..., Any], args: tuple[Any, ...], positions: Sequence[int], number: int) -> Any:
    """Leaf ``number`` as a floating array or NumPy scalar; what can't be differentiated is refused by its name."""
    kind = type(value)
    if kind is float:
        return np.float64(value)
    if kind is Traced:
        value = snapshot(value)
        kind = type(value)
        if kind is Traced and issubclass(type(layout(value)), (float, int)) and type(layout(value)) is not np.float64:
            # A number of Python's, traced by an outer transform (compile): it moves as NumPy's.
            value = FUNCTIONS["astype"](value, np.float64)
    if kind is Traced or isinstance(value, (np.ndarray, np.generic, int, complex)):
        if kind is int:
            return np.float64(value)
        if kind is complex:
            return np.complex128(value)
        if kind is not bool:
            code = value.dtype.kind
            if code == "f" or code == "c":
                if kind is np.ndarray or kind is Traced or isinstance(value, np.generic):
                    return value
                return np.asarray(value)  # a subclass (memmap, matrix) moves as a plain array
            if code in "iu":
                return value.astype(np.float64)
    names = argument_names(f, args)
    path = [path for p in positions for path in tree.paths(args[p], names[p])][number]
    what = f"{path} of {_name(f)} is {_describe(value)}"
    if kind is bool or (hasattr(value, "dtype") and value.dtype.kind == "b"):
        raise InputError(f"{what}: a truth value has no derivative", "x.astype(float), or another argnums")
    raise InputError(f"{what}: it can't be differentiated with respect to",
                     "an array or number of floats, or nested tuples, lists and dicts of them",
                     "argnums names the wrong argument; options and labels are not differentiated")


def argument_names(f: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    """How f calls its positional arguments (``args[i]`` where that can't be known)."""
    names = []
    try:
        for parameter in inspect.signature(f).parameters.values():
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                names.append(parameter.name)
            elif parameter.kind is parameter.VAR_POSITIONAL:
                names += [f"{parameter.name}[{i}]" for i in range(len(args) - len(names))]
    except (TypeError, ValueError):
        pass
    # A wrapper such as grad(f) is called (*args): its arguments go by f's own names.
    return names[:len(args)] + [f"args[{i}]" for i in range(len(names), len(args))]


def _name(f: Callable[..., Any]) -> str:
    return getattr(f, "__qualname__", None) or repr(f)


def _describe(value: Any) -> str:
    if hasattr(value, "dtype"):
        return f"an array of dtype {value.dtype}"
    text = repr(value)
    return f"{text if len(text) < 40 else text[:37] + '...'} ({type(value).__name__})"
