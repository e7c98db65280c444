"""The question that is put to every method: f, a point, and what moves.

Every derivative is one matrix: a row for each entry of the result, a column for each entry of the moving
arguments, whatever containers they live in; ``matrix`` and ``blocks`` translate, and names say how a user would
write an entry.  ``posing`` makes a problem by calling f.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import Argnums, Moving, argument_names, split
from diffkit.comparison.allowance import Allowance
from diffkit.comparison.copies import copied, in_order_of
from diffkit.errors import ShapeError

Function = Callable[..., Any]
Array = Any


@dataclasses.dataclass
class Problem:
    """A call of f with its moving part, and the one plain result."""

    f: Function
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    argnums: Argnums
    moving: Moving
    value: Any
    outs: list[Array]
    structure: tree.Structure
    refusal: tuple[str, str] | None
    seconds: float
    again: Any = None
    deterministic: bool = True
    notes: list[str] = dataclasses.field(default_factory=list)
    #: Whether the result was computed from what moves, as far as a trace can tell.
    depends: bool = True
    #: Why the program that a trace sees is not f ("" if it is): then nothing recorded is a witness.
    astray: str = ""
    #: What was said when f, or a method, was stopped; shared by all copies of this question.
    hung: list[str] = dataclasses.field(default_factory=list)
    #: Lines where f branches on an equality that holds at the point; shared likewise.
    equalities: list[str] = dataclasses.field(default_factory=list)
    #: The time that the whole comparison may take; one clock for all copies of this question.
    allowance: Allowance = dataclasses.field(default_factory=Allowance)
    #: Seconds of one traced run (0 before there was one).
    traced_seconds: float = 0.0
    #: Names of the rules of the caller's own that a traced run met; shared likewise.
    own_rules: list[str] = dataclasses.field(default_factory=list)
    #: How many terms a derivative is the sum of: the inputs that a direction moves.
    terms: int = 1
    #: What one of its derivatives is called.
    unit: str = "entries"

    @functools.cached_property
    def name(self) -> str:
        """f's name as reports write it."""
        return str(getattr(self.f, "__name__", None) or type(self.f).__name__)

    @functools.cached_property
    def rows(self) -> int:
        """How many numbers the result has."""
        return sum(out.size for out in self.outs)

    @functools.cached_property
    def columns(self) -> int:
        """How many numbers move."""
        return sum(int(leaf.size) for leaf in self.moving.leaves)

    @functools.cached_property
    def input_leaves(self) -> list[str]:
        """How the user would write each moving leaf."""
        names = argument_names(self.f, self.args)
        return [path for p in self.moving.positions for path in tree.paths(self.args[p], names[p])]

    @functools.cached_property
    def inputs(self) -> list[str]:
        """How the user would write each column: ``x[0]``, ``params["W"][1, 2]``."""
        return _entries(self.input_leaves, [np.shape(leaf) for leaf in self.moving.leaves])

    @functools.cached_property
    def outputs(self) -> list[str]:
        """How the user would write each row; empty for one number."""
        return _entries(tree.paths(self.value), [out.shape for out in self.outs])

    def input_name(self, column: int) -> str:
        """How the user would write one column, without writing them all."""
        if "inputs" in self.__dict__:
            return self.inputs[column]
        return _one_entry(self.input_leaves, [np.shape(leaf) for leaf in self.moving.leaves], column)

    def output_name(self, row: int) -> str:
        """How the user would write one row."""
        if "outputs" in self.__dict__:
            return self.outputs[row]
        return _one_entry(tree.paths(self.value), [out.shape for out in self.outs], row)

    def entry(self, row: int, column: int) -> str:
        """A derivative's name: ``x[1]``, or ``[0] by x[1]`` for a result with several entries."""
        name = self.input_name(column)
        return f"result{self.output_name(row)} by {name}" if self.rows > 1 else name

    @functools.cached_property
    def point(self) -> Array:
        """The moving numbers, in columns."""
        return _flat(self.moving.leaves)

    @functools.cached_property
    def epsilon(self) -> float:
        """The rounding unit of the coarsest floating type among arguments and result."""
        kinds = [np.asarray(leaf).dtype for leaf in (*self.moving.leaves, *self.outs)]
        return max(float(np.finfo(kind).eps) for kind in kinds if kind.kind in "fc")

    @property
    def low_precision(self) -> bool:
        """float32 or float16: judged against a float64 run."""
        return self.epsilon > 1e-15

    def fresh(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments of one's own, so that nobody can change anybody else's."""
        return copied(self.args), copied(self.kwargs)

    def isolated(self) -> Problem:
        """The same question on copies of all arguments."""
        args = copied(self.args)
        moving = dataclasses.replace(self.moving, args=args, leaves=[leaf.copy() for leaf in self.moving.leaves])
        return dataclasses.replace(self, args=args, kwargs=copied(self.kwargs), moving=moving)

    def with_leaves(self, leaves: Sequence[Any]) -> Problem:
        """The same question at another point (nothing is evaluated)."""
        moving = dataclasses.replace(self.moving, leaves=list(leaves))
        args = list(self.args)
        merged = moving.merge(leaves)
        for position in moving.positions:
            args[position] = merged[position]
        return dataclasses.replace(self, args=tuple(args), moving=dataclasses.replace(moving, args=tuple(args)))

    def leaves_with(self, column: int, value: float) -> list[Array]:
        """The moving leaves with one number changed."""
        leaves, start = [], 0
        for leaf in self.moving.leaves:
            stop = start + int(np.size(leaf))
            if start <= column < stop:
                moved = np.array(leaf)
                moved.reshape(-1)[column - start] = value
                leaf = moved[()]
            leaves.append(leaf)
            start = stop
        return leaves

    def raised(self) -> Problem:
        """The same question with every float32 or float16 array taken to float64."""
        args, kwargs = tree.map(_raise_leaf, self.args), tree.map(_raise_leaf, self.kwargs)
        moving = split(args, self.argnums, self.f)
        return dataclasses.replace(self, args=args, kwargs=kwargs, moving=moving)

    # --- between containers and one matrix ------------------------------------------------------
    def blocks(self, jacobian: Any) -> list[list[Array]]:
        """A Jacobian's blocks by result leaf and argument leaf, checked to be exactly as they should.

        Raises ShapeError when the container or a shape is another than out.shape + in.shape.
        """
        expected = tree.unflatten(self.structure, [
            self.moving.answer([_Block(out.shape + np.shape(leaf)) for leaf in self.moving.leaves])
            for out in self.outs])
        wanted, structure = tree.flatten(expected)
        found, other = tree.flatten(in_order_of(expected, jacobian))
        if other != structure:
            raise ShapeError(f"returned {_describe(jacobian)} where {_describe(expected)} is expected")
        arrays = [_array(leaf) for leaf in found]
        for array, block in zip(arrays, wanted):
            if array.shape != block.shape:
                raise ShapeError(f"returned shape {array.shape} where {block.shape} is expected")
        width = len(self.moving.leaves)
        return [arrays[start:start + width] for start in range(0, len(arrays), width)] if width else []

    def matrix(self, jacobian: Any) -> Array:
        """A Jacobian in containers as one matrix of (rows, columns)."""
        rows = [np.concatenate([block.reshape(out.size, -1) for block in blocks], axis=1)
                for out, blocks in zip(self.outs, self.blocks(jacobian))]
        return np.concatenate(rows, axis=0)

    def containers(self, matrix: Array) -> Any:
        """The matrix in the containers that a method would have returned."""
        answers, row = [], 0
        for out in self.outs:
            column, blocks = 0, []
            for leaf in self.moving.leaves:
                size = int(np.size(leaf))
                block = matrix[row:row + out.size, column:column + size]
                blocks.append(block.reshape(out.shape + np.shape(leaf))[()])
                column += size
            answers.append(self.moving.answer(blocks))
            row += out.size
        return tree.unflatten(self.structure, answers)

    def flat_call(self, leaves: Any) -> Any:
        """f's whole result as one array, as a function of the moving leaves only."""
        args = self.moving.merge(list(leaves))
        kwargs = self.kwargs
        if self.notes:  # f is known to write to its arguments
            args, kwargs = copied(args), copied(kwargs)
        outs = tree.flatten(self.f(*args, **kwargs))[0]
        if len(outs) == 1:
            return outs[0]
        return np.concatenate([np.reshape(np.asanyarray(out), -1) for out in outs])


class _Block:
    """A place holder with the shape that a block must have."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def __repr__(self) -> str:
        return f"an array of shape {self.shape}" if self.shape else "a number"


def _describe(value: Any) -> str:
    leaves, structure = tree.flatten(value)
    words = [leaf if isinstance(leaf, _Block) else _Block(np.shape(_array(leaf))) for leaf in leaves]
    text = repr(tree.unflatten(structure, words))
    return text if len(text) < 120 else text[:117] + "..."


def _array(leaf: Any) -> Array:
    array = np.asarray(leaf)
    if array.dtype.kind not in "fciu":
        raise ShapeError(f"returned {type(leaf).__name__} ({array.dtype}), which is not numbers")
    return array


def _flat(leaves: Sequence[Any]) -> Array:
    return np.concatenate([np.reshape(leaf, -1) for leaf in leaves]) if leaves else np.empty(0)


def _entries(names: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> list[str]:
    result = []
    for name, shape in zip(names, shapes):
        result += [f"{name}[{', '.join(map(str, index))}]" if shape else name for index in np.ndindex(*shape)]
    return result


def _one_entry(names: Sequence[str], shapes: Sequence[tuple[int, ...]], number: int) -> str:
    for name, shape in zip(names, shapes):
        size = int(np.prod(shape))
        if number < size:
            return f"{name}[{', '.join(map(str, np.unravel_index(number, shape)))}]" if shape else name
        number -= size
    raise IndexError(number)


def _raise_leaf(leaf: Any) -> Any:
    kind = getattr(getattr(leaf, "dtype", None), "kind", "")
    if kind == "f" and leaf.dtype.itemsize < 8:
        return leaf.astype(np.float64)
    if kind == "c" and leaf.dtype.itemsize < 16:
        return leaf.astype(np.complex128)
    return leaf
