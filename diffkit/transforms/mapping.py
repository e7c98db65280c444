"""vmap: a function of one example as a function of many.

The function runs once, on values that show one example and hold all of them (see
``batching``).  Where that can't be done, it runs once for each example; for the examples in
which a derivative met a NaN, too, because a sweep with structural zeros is made for one.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.batching import BatchLevel, NotBatched
from diffkit.buffers import run, snapshot
from diffkit.errors import InputError, ShapeError
from diffkit.masked import CAREFUL
from diffkit.rules.indexing import GETITEM
from diffkit.rules.kinds import FUNCTIONS
from diffkit.rules.repeated import RepeatedValuesError
from diffkit.rules.writing import PACK, SETITEM
from diffkit.traced import is_traced
from diffkit.transforms.running import Function, name_of

_NOT_MAPPED: Any = None


def vmap(f: Function, in_axes: Any = 0, out_axes: Any = 0) -> Function:
    """``f``, a function of one example, for a batch of them.

    Parameters
    ----------
    f : callable
        Takes and returns arrays and numbers, in containers too.
    in_axes : int, None, or tuple or list of these
        Which axis of each positional argument counts the examples; None: the argument is
        the same for all.  An entry may be a container like the argument (or the outer part of
        one).  Keyword arguments count along their first axis.
    out_axes : int, None, or container of these
        Where that axis goes in the results; None for a result that is the same in all examples.

    Returns
    -------
    callable
        Takes f's arguments with one more axis where in_axes says so.  Its attribute
        ``looped`` says, after a call, which operations ran example by example, and how
        often (under the name of f itself, if all of f did).

    Raises
    ------
    ShapeError
        (a ValueError) the arguments have different numbers of examples, or lack the axis.
    BatchedBranchError
        (a TypeError) f takes a branch on a value that differs between the examples.

    Notes
    -----
    The meaning is that of ``jax.vmap``: ``vmap(f)(x)[i]`` is ``f(x[i])``, up to the rounding of
    matrix products.  Composes with every other transform in any order.

    Examples
    --------
    >>> import numpy as np
    >>> from diffkit import grad
    >>> def loss(w, x, y):
    ...     return (w @ x - y) ** 2
    >>> w, xs, ys = np.array([1.0, 2.0]), np.eye(2), np.array([0.0, 1.0])
    >>> vmap(grad(loss), in_axes=(None, 0, 0))(w, xs, ys)      # a gradient for each example
    array([[2., 0.],
           [0., 2.]])
    """
    @functools.wraps(f)
    def vectorised(*args: Any, **kwargs: Any) -> Any:
        batch = _Batch(f, args, kwargs, in_axes)
        outs, structure, looped = batch.results()
        vectorised.looped = looped  # type: ignore[attr-defined]
        places = _spread(out_axes, tree.unflatten(structure, list(outs)), "out_axes")
        own = [_owned(_placed(out, place), batch.leaves) for out, place in zip(outs, places)]
        return tree.unflatten(structure, own)

    vectorised.looped = {}  # type: ignore[attr-defined]
    return vectorised


class _Batch:
    """One call: the leaves of the arguments, and where each one's examples lie."""

    def __init__(self, f: Function, args: tuple[Any, ...], kwargs: dict[str, Any], in_axes: Any) -> None:
        self.f = f
        axes = _by_argument(in_axes, args, f)
        self.leaves, self.structure = tree.flatten((args, kwargs))
        places = [place for arg, axis in zip(args, axes) for place in _spread(axis, arg, "in_axes")]
        places += [0] * (len(self.leaves) - len(places))
        self.mapped = [place is not _NOT_MAPPED for place in places]
        names = _names(args, kwargs)
        sizes = {}
        for i, (leaf, place) in enumerate(zip(self.leaves, places)):
            if place is not _NOT_MAPPED:
                self.leaves[i] = leaf = _in_front(leaf, place, names[i], f)
                sizes[names[i]] = leaf.shape[0]
        if not sizes:
            raise InputError(f"vmap of {name_of(f)} has no argument with an axis of examples",
                             "an in_axes that is not None for at least one argument")
        if len(set(sizes.values())) > 1:
            raise ShapeError(f"the arguments of {name_of(f)} have different numbers of examples: "
                             + ", ".join(f"{name} has {size}" for name, size in sizes.items()),
                             "in_axes=None for an argument that is the same for all examples")
        self.size = next(iter(sizes.values()))

    def results(self) -> tuple[list[Any], tree.Structure, dict[str, int]]:
        """The leaves of f's result with the axis of examples in front."""
        if self.size == 0:  # one example of ones says what shapes the results have
            self.leaves = [np.ones((1, *leaf.shape[1:]), leaf.dtype) if mapped else leaf
                           for leaf, mapped in zip(self.leaves, self.mapped)]
            self.size = 1
            rows, structure, looped = self.results()
            return [GETITEM(row, index=slice(0, 0)) for row in rows], structure, looped
        if CAREFUL.get():
            return self._one_by_one()
        level = BatchLevel(self.size)
        outs: list[Any] | None = None
        try:
            result = run(self.f, *self._arguments(level.lift))
            if level.refusal is None:  # f may have swallowed it
                found, structure = tree.flatten(result)
                outs = [_numeric(level.lower(out), self.f) for out in found]
        except NotBatched as refusal:
            if refusal.level is not level:
                raise
        except RepeatedValuesError:
            pass  # of one example the transforms inside f can say more
        finally:
            level.close()
        if outs is None:
            return self._one_by_one()
        if level.suspects is not None and level.suspects.any():
            outs = self._again(outs, np.flatnonzero(level.suspects))
        return outs, structure, dict(level.looped)

    def _arguments(self, of_mapped: Callable[[Any], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        leaves = [of_mapped(leaf) if mapped else leaf for leaf, mapped in zip(self.leaves, self.mapped)]
        args, kwargs = tree.unflatten(self.structure, leaves)
        return args, kwargs

    def _example(self, number: int) -> tuple[list[Any], tree.Structure]:
        """The leaves of f's result for one example."""
        args, kwargs = self._arguments(lambda leaf: _apart(GETITEM(leaf, index=number)))
        # Of plain arguments it is the user's own call, in which a transform may do what it does at the top.
        result = run(self.f, args, kwargs) if any(map(is_traced, self.leaves)) else self.f(*args, **kwargs)
        leaves, structure = tree.flatten(result)
        leaves = [leaf if hasattr(leaf, "dtype") else np.asarray(leaf)[()] for leaf in leaves]
        return [_numeric(leaf, self.f) for leaf in leaves], structure

    def _one_by_one(self) -> tuple[list[Any], tree.Structure, dict[str, int]]:
        """f for each example by itself."""
        rows, structure = [], None
        for number in range(self.size):
            row, found = self._example(number)
            if structure is not None and (found != structure or [r.shape for r in row] != [r.shape for r in rows[0]]):
                raise ShapeError(f"{name_of(self.f)} has results of different shapes in the examples of a vmap",
                                 "results of one shape: a mask instead of a selection, np.where(mask, x, 0)")
            rows.append(row)
            structure = found
        assert structure is not None
        outs = [PACK(*column, shape=(self.size,)) for column in zip(*rows)]
        return outs, structure, {name_of(self.f): self.size}

    def _again(self, outs: list[Any], numbers: Any) -> list[Any]:
        """The results with these examples run by themselves."""
        rows = [self._example(int(number))[0] for number in numbers]
        return [SETITEM(out, PACK(*column, shape=(len(rows),)), index=numbers)
                for out, column in zip(outs, zip(*rows))]


def _apart(value: Any) -> Any:
    """A number as it is, a view of the caller's array as one of the function's own."""
    return value.copy("K") if type(value) is np.ndarray else value


def _by_argument(in_axes: Any, args: tuple[Any, ...], f: Function) -> tuple[Any, ...]:
    """One entry of in_axes for each positional argument."""
    if in_axes is None or _is_axis(in_axes):
        return (in_axes,) * len(args)
    if not isinstance(in_axes, (tuple, list)):
        raise InputError(f"in_axes is {in_axes!r}", "an int, None, or a tuple with one entry for each argument")
    if len(in_axes) != len(args):
        raise InputError(f"in_axes has {len(in_axes)} entries, and {name_of(f)} was called with {len(args)} "
                         "positional arguments", "one entry for each argument",
                         "keyword arguments count along their first axis and have no entry")
    return tuple(in_axes)


def _is_axis(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _spread(axes: Any, value: Any, what: str) -> list[Any]:
    """An axis for each leaf of a container, from the axes for (the outer part of) a container like it."""
    if axes is None or _is_axis(axes):
        return [axes] * len(tree.flatten(value)[0])
    pairs = _pairs(axes, value)
    if pairs is None:
        raise InputError(f"{what} holds {axes!r} where there is {tree.describe(value)}",
                         "an int, None, or a container like it")
    return [place for axis, part in pairs for place in _spread(axis, part, what)]


def _pairs(axes: Any, value: Any) -> list[tuple[Any, Any]] | None:
    """The entries of two containers of one kind, in the order of ``value``'s leaves; else None."""
    if isinstance(axes, dict) and isinstance(value, dict):
        return [(axes[key], value[key]) for key in value] if axes.keys() == value.keys() else None
    if isinstance(axes, (tuple, list)) and isinstance(value, (tuple, list)):
        return list(zip(axes, value)) if len(axes) == len(value) else None
    if dataclasses.is_dataclass(axes) and type(axes) is type(value):
        return [(getattr(axes, field.name), getattr(value, field.name)) for field in dataclasses.fields(axes)]
    return None


def _in_front(leaf: Any, axis: int, name: str, f: Function) -> Any:
    """A leaf with its axis of examples in front."""
    if not is_traced(leaf) and not isinstance(leaf, np.ndarray):
        raise ShapeError(f"{name} of {name_of(f)} is {leaf!r}, which has no axis of examples",
                         "in_axes=None for an argument that is the same for all examples",
                         "a list is a container of numbers here; np.array(…) makes an array of it")
    leaf = snapshot(leaf) if is_traced(leaf) else np.asarray(leaf)
    rank = len(leaf.shape)
    if not -rank <= axis < rank:
        raise ShapeError(f"{name} of {name_of(f)} has shape {tuple(leaf.shape)}: there is no axis {axis} of examples",
                         "in_axes=None for an argument that is the same for all examples")
    return leaf if axis % rank == 0 else FUNCTIONS[np.moveaxis](leaf, axis, 0)


def _placed(out: Any, axis: Any) -> Any:
    """A result with its axis of examples where out_axes wants it."""
    if axis is None:
        same = GETITEM(out, index=0)
        if not is_traced(out) and not np.array_equal(out, np.broadcast_to(same, out.shape), equal_nan=True):
            raise InputError("out_axes is None for a result that differs between the examples", "out_axes=0")
        return same
    return out if axis == 0 else FUNCTIONS[np.moveaxis](out, 0, axis)


def _owned(out: Any, leaves: list[Any]) -> Any:
    """A result that the caller may write to without changing an argument."""
    if type(out) is np.ndarray and (out.base is not None or any(out is leaf for leaf in leaves)):
        return out.copy()
    return out


def _numeric(value: Any, f: Function) -> Any:
    if not is_traced(value) and value.dtype.kind not in "fciub":
        raise InputError(f"a result of {name_of(f)} is no array of numbers", "arrays and numbers, in containers")
    return value


def _names(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    return [path for i, arg in enumerate(args) for path in tree.paths(arg, f"argument {i}")] + [
        path for name, value in kwargs.items() for path in tree.paths(value, f"argument {name}")]
