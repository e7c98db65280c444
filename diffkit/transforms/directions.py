"""Many directions at once: the rows and columns of a Jacobian as batched sweeps.

A row of a Jacobian is the pull of a unit cotangent, a column the push of a unit tangent.
They are linear, so a chunk of them is one sweep (one run on dual numbers) on values that
carry a batch axis.  What the rules compute of f itself, their partials, has no such axis
and is computed once a chunk.

A chunk has as many directions as keep the largest array of the sweep below ``CHUNK`` bytes,
which is about what a processor's cache holds; a Jacobian takes that times the number of
arrays alive at once, besides itself.  Where a sweep can't be batched, and for the
directions in which it met a NaN (see ``masked``), each direction has a sweep of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.masked import CAREFUL
from diffkit.rules.repeated import RepeatedValuesError
from diffkit.rules.shapes import RESHAPE
from diffkit.rules.writing import PACK
from diffkit.tape import Node
from diffkit.traced import is_traced
from diffkit.transforms.products import Linearized

#: Bytes that the largest array of a batched sweep may take.
CHUNK = 1 << 22
#: Fewer directions than this are swept one by one: a batched operation has a price of its own.
FEW = 4

#: From an array of directions (the batch axis in front), or one direction, to results of f's linear map.
Linear = Callable[[Any], Sequence[Any]]


def basis(shape: tuple[int, ...], dtype: Any, start: int, stop: int, value: complex = 1) -> Any:
    """Unit vectors number ``start`` to ``stop`` of the arrays of a shape, along a new first axis."""
    size = math.prod(shape)
    found = np.zeros((stop - start, size), dtype)
    found[np.arange(stop - start), np.arange(start, stop)] = value
    return found.reshape((stop - start, *shape))


def images(linear: Linear, shape: tuple[int, ...], dtype: Any, width: int, value: complex = 1) -> list[Any]:
    """The images of all unit vectors: for each result of ``linear`` an array with a first axis that counts them.

    ``width`` is how many directions one chunk has.
    """
    size = math.prod(shape)
    chunks = []
    for start in range(0, size, max(width, 1)):
        stop = min(start + max(width, 1), size)
        chunks.append(along(linear, basis(shape, dtype, start, stop, value), unit=(start, value)))
    if len(chunks) == 1:
        return chunks[0]
    return [np.concatenate(parts) for parts in zip(*chunks)]


def along(linear: Linear, directions: Any, few: int | None = None,
          unit: tuple[int, complex] | None = None) -> list[Any]:
    """The images of an array of directions (the first axis counts them), batched if they are not ``few``.

    ``unit`` says that they are unit vectors, from which number on, and times what.
    """
    count = directions.shape[0]
    if count < (FEW if few is None else few) or CAREFUL.get():
        return _one_by_one(linear, directions)
    from diffkit.batching import NotBatched, UnitLevel  # not for a gradient alone
    level = UnitLevel(count)
    found: list[Any] | None = None
    try:
        if unit is None:
            start = level.lift(directions)
        else:
            start = level.unit(np.full(count, unit[1], directions.dtype), unit[0], directions.shape[1:])
        found = [level.lower(image) for image in linear(start)]
    except NotBatched as refusal:
        if refusal.level is not level:
            raise
    except RepeatedValuesError:
        pass  # of one direction the sweep can say more
    finally:
        level.close()
    if found is None:
        return _one_by_one(linear, directions)
    if level.suspects is not None and level.suspects.any():
        numbers = np.flatnonzero(level.suspects)
        again = _one_by_one(linear, directions[numbers])
        chosen = np.zeros(count, np.intp)
        chosen[numbers] = np.arange(len(numbers))
        found = [np.where(np.reshape(level.suspects, (-1,) + (1,) * (len(image.shape) - 1)), alone[chosen], image)
                 for image, alone in zip(found, again)]
    return found


def _one_by_one(linear: Linear, directions: Any) -> list[Any]:
    rows = [linear(direction) for direction in directions]
    return [PACK(*column, shape=(len(rows),)) for column in zip(*rows)]


def chunk_width(nodes: Sequence[Node] | Sequence[Any]) -> int:
    """How many directions fit a chunk, given the nodes (or arrays) that a sweep goes through."""
    sizes = [math.prod(node.shape) * node.dtype.itemsize for node in nodes if node.shape is not None]
    return max(CHUNK // max(sizes, default=8), 1) if max(sizes, default=0) else CHUNK


def pulled(run: Linearized, node: Node) -> Linear:
    """The pull of cotangents of one result of a run: the leaves' cotangents."""
    return lambda direction: run.pull_seeds([(node, direction)], structural=True)


def rows_of(run: Linearized, node: Node | None, shape: tuple[int, ...], value: complex = 1) -> list[Any] | None:
    """For each leaf the rows of a result's Jacobian, ``(size, *leaf.shape)``; None: the result depends on nothing."""
    if node is None or math.prod(shape) == 0:
        return None
    return images(pulled(run, node), shape, node.dtype, chunk_width(run.nodes), value)


def reshaped(value: Any, shape: tuple[int, ...]) -> Any:
    """``value`` in another shape of the same size, as an array of its own memory order."""
    return RESHAPE(value, shape=shape) if is_traced(value) else np.reshape(value, shape)

