"""Many small arrays seen as few long vectors.

A network's parameters are a container of arrays; an optimizer's formula treats every
number alike.  So the gradients are joined into one vector for each dtype (a *block*), the
formula runs once on it, and the result is cut into views again.  For the networks that
this library trains, the cost of a step is the number of NumPy calls, not the numbers in
them: ten calls on one vector instead of ten calls on each of eight arrays.  Elementwise
arithmetic does not notice, so the result is the same to the last bit.

The containers are walked side by side by key, so the order of a gradient's dict does not
matter, and what does not fit is named: ``grads[1]["b"]``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkit import tree
from diffkit.errors import InputError, ShapeError
from diffkit.optim.faults import NonFiniteGradientError, mismatch

__all__ = ["Array", "Layout", "align", "check_finite", "joined", "layout_of", "pack", "pieces", "rebuild",
           "unpack"]

Array = NDArray[Any]
_ndarray = np.ndarray
#: Numbers of a piece: some vectors of this length fit into a processor's second cache.
_PIECE = 32768


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """Where each leaf lies: its shape, its size, and the leaves of each block in order."""

    shapes: tuple[tuple[int, ...], ...]
    sizes: tuple[int, ...]
    blocks: tuple[tuple[int, ...], ...]


def _walk(params: Any, others: Any, left: list[Any], right: list[Any]) -> bool:
    kind = type(params)
    if kind is dict:
        if type(others) is not dict or len(others) != len(params):
            return False
        for key, child in params.items():
            if key not in others or not _walk(child, others[key], left, right):
                return False
        return True
    if kind is list or kind is tuple:
        return (type(others) is kind and len(others) == len(params)
                and all(_walk(a, b, left, right) for a, b in zip(params, others)))
    if kind is _ndarray:
        left.append(params)
        right.append(others)
        return not isinstance(others, (dict, list, tuple))
    leaves, structure = tree.flatten(params)
    values, found = tree.flatten(others)
    left += leaves
    right += values
    return structure == found


def align(params: Any, others: Any, name: str) -> tuple[list[Array], list[Array]]:
    """The leaves of both containers, pairwise of one shape; raises ShapeError naming the leaf."""
    left: list[Any] = []
    right: list[Any] = []
    if not _walk(params, others, left, right):
        raise mismatch(params, others, name)
    for index, (leaf, other) in enumerate(zip(left, right)):
        if type(leaf) is not _ndarray:
            left[index] = leaf = _as_array(leaf, params, "params", index)
        if type(other) is not _ndarray:
            right[index] = other = _as_array(other, params, name, index)
        if leaf.shape != other.shape:
            path = tree.paths(params, name)[index]
            raise ShapeError(f"{path} has shape {other.shape}, the parameter {leaf.shape}",
                             "a gradient of the shape of its parameter",
                             "a loss that broadcasts predictions against targets; a transposed weight matrix")
    return left, right


def _as_array(leaf: Any, params: Any, name: str, index: int) -> Array:
    # By type, not by isinstance: a traced value says that it is an array, and writing in
    # place would lose its derivative.
    if issubclass(type(leaf), (np.ndarray, np.generic, float, int)):
        return np.asarray(leaf)
    raise InputError(f"{tree.paths(params, name)[index]} is a {type(leaf).__name__}, not an array of numbers",
                     "NumPy arrays: np.asarray(x, dtype=float)",
                     "a step inside a function that is being differentiated: optimizers work on plain values")


def rebuild(params: Any, leaves: Iterator[Any]) -> Any:
    """The container of ``params`` filled with new leaves, in the order of :func:`align`."""
    kind = type(params)
    if kind is dict:
        return {key: rebuild(child, leaves) for key, child in params.items()}
    if kind is list:
        return [rebuild(child, leaves) for child in params]
    if kind is tuple:
        return tuple([rebuild(child, leaves) for child in params])
    if kind is _ndarray:
        return next(leaves)
    _, structure = tree.flatten(params)
    return tree.unflatten(structure, [next(leaves) for _ in range(structure.size)])


def layout_of(leaves: list[Array], params: Any) -> Layout:
    """Group the leaves by dtype; raises InputError for a leaf that is not real floating."""
    blocks: dict[np.dtype[Any], list[int]] = {}
    for index, leaf in enumerate(leaves):
        dtype = leaf.dtype
        if dtype.kind != "f":
            raise InputError(f"{tree.paths(params, 'params')[index]} is {dtype}, not a floating-point array",
                             "params of real floats: np.asarray(x, dtype=float)",
                             "complex parameters: keep real and imaginary parts as two arrays")
        if dtype in blocks:
            blocks[dtype].append(index)
        else:
            blocks[dtype] = [index]
    return Layout(tuple([leaf.shape for leaf in leaves]), tuple([leaf.size for leaf in leaves]),
                  tuple([tuple(block) for block in blocks.values()]))


def joined(leaves: list[Array], layout: Layout) -> list[Array]:
    """Leaves as blocks to read: a view where a block is one leaf, else joined."""
    return [leaves[block[0]].reshape(-1) if len(block) == 1
            else np.concatenate([leaves[i].reshape(-1) for i in block]) for block in layout.blocks]


def pack(leaves: list[Array], params: list[Array], layout: Layout, given: bool = False) -> list[Array]:
    """Join leaves into blocks of their parameters' dtype, to be written to.

    They are never views of the leaves, unless these are ``given`` away: then a block that is one leaf is its memory.
    """
    blocks = []
    for block in layout.blocks:
        leaf, dtype = leaves[block[0]], params[block[0]].dtype
        if given and len(block) == 1 and leaf.dtype == dtype and leaf.flags.writeable:
            blocks.append(leaf.reshape(-1))
        else:
            blocks.append(np.concatenate([leaves[i].reshape(-1) for i in block], dtype=dtype, casting="same_kind"))
    return blocks


def unpack(blocks: list[Array], layout: Layout) -> list[Array]:
    """Cut blocks into views, one for each leaf."""
    views: list[Any] = [None] * len(layout.sizes)
    for block, members in zip(blocks, layout.blocks):
        start = 0
        for index in members:
            stop = start + layout.sizes[index]
            views[index] = block[start:stop].reshape(layout.shapes[index])
            start = stop
    return views


def pieces(*blocks: list[Array]) -> Iterator[tuple[Array, ...]]:
    """Blocks side by side, long ones a piece at a time.

    A formula of ten operations passes over its vectors ten times; in pieces it finds them in the
    cache, and its temporaries stay small.  Elementwise, so the result is the same to the last bit.
    """
    for vectors in zip(*blocks):
        size = vectors[0].size
        if size <= _PIECE:
            yield vectors
        else:
            for start in range(0, size, _PIECE):
                yield tuple([vector[start:start + _PIECE] for vector in vectors])


def check_finite(blocks: list[Array], layout: Layout, params: Any, step: int) -> None:
    """Raise NonFiniteGradientError naming the first bad leaf and the step."""
    # One dot product sees NaN and infinity in half the time of isfinite().all(); it may
    # also overflow on finite numbers, so only the exact test below decides.
    with np.errstate(over="ignore", invalid="ignore"):
        if all(np.isfinite(block.dot(block)) for block in blocks):
            return
    for index, leaf in enumerate(unpack(blocks, layout)):
        if not np.isfinite(leaf).all():
            nans, infinities = int(np.isnan(leaf).sum()), int(np.isinf(leaf).sum())
            raise NonFiniteGradientError(
                f"the gradient of {tree.paths(params, 'params')[index]} is not finite at step {step}: "
                f"{nans} NaN and {infinities} infinite of {leaf.size} numbers",
                "a smaller learning rate, clip_global_norm, a loss on logits (cross_entropy)",
                "NaN in the data; a logarithm or a root at zero; exp of a large number")
