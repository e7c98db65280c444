"""grad, jacobian and hessian by the methods that are not the reverse sweep.

Every method answers one question, the blocks d out / d leaf of a call, so each is a
function from the moving leaves to ``blocks[out][leaf]``, arrays of shape
``out.shape + leaf.shape``.  What the caller sees (containers, one number or many,
auxiliary results) is arranged here once for all of them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import Argnums, Moving, split
from diffkit.errors import ChangingFunctionError, InputError
from diffkit.traced import is_traced
from diffkit.transforms.complexes import from_pushes
from diffkit.transforms.directions import Linear, chunk_width, images, reshaped
from diffkit.transforms.products import push
from diffkit.transforms.running import Function, scalar_result, split_aux, zero_of

METHODS = ("reverse", "forward", "symbolic", "numeric", "complex-step")


@dataclasses.dataclass(frozen=True, slots=True)
class Blocks:
    """Derivatives of one call: ``values[out][leaf]``, and the claimed ``errors`` of a numeric method."""

    outs: list[Any]
    structure: tree.Structure
    values: list[list[Any]]
    aux: Any = None
    errors: list[list[Any]] | None = None


def gradient_by(method: str, f: Function, argnums: Argnums, has_aux: bool, has_error: bool = False) -> Function:
    """``grad(f)`` by a method that has no reverse sweep."""
    blocks_of = _choose(method, has_error, scalar=True)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        moving = split(args, argnums, f)
        if method == "symbolic":  # it would stumble over a result that is no number
            result, _ = split_aux(f(*moving.merge(moving.leaves), **kwargs), has_aux, None)
            scalar_result(f, result, None, False)
        blocks = blocks_of(f, moving, kwargs, has_aux)
        scalar_result(f, tree.unflatten(blocks.structure, blocks.outs), None, False)
        g = moving.answer([_of_dtype(_of_shape(block, leaf), leaf)
                           for block, leaf in zip(blocks.values[0], moving.leaves)])
        if has_error:
            assert blocks.errors is not None
            g = g, moving.answer([_of_shape(e, leaf) for e, leaf in zip(blocks.errors[0], moving.leaves)])
        return (g, blocks.aux) if has_aux else g

    return gradient


def jacobian_by(method: str, f: Function, argnums: Argnums, has_aux: bool) -> Function:
    """``jacobian(f)`` by a method that has no reverse sweep."""
    blocks_of = _choose(method, False)

    @functools.wraps(f)
    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        moving = split(args, argnums, f)
        blocks = blocks_of(f, moving, kwargs, has_aux)
        result = tree.unflatten(blocks.structure, [moving.answer(row) for row in blocks.values])
        return (result, blocks.aux) if has_aux else result

    return jacobian_of_f


def hessian_by(method: str, f: Function, argnums: Argnums) -> Function:
    """``hessian(f)`` by SymPy or by finite differences."""
    if method not in ("symbolic", "numeric", "complex-step"):
        _refuse(method, ("auto", *METHODS))

    @functools.wraps(f)
    def hessian_of_f(*args: Any, **kwargs: Any) -> Any:
        moving = split(args, argnums, f)
        scalar_result(f, f(*moving.merge(moving.leaves), **kwargs), None, False)
        if method == "symbolic":
            from diffkit import symbolic
            rows: list[Any] = symbolic.hessian_leaves(f, moving, kwargs)
        else:
            rows = _numeric_hessian(f, moving, kwargs, "auto" if method == "numeric" else method)
        return moving.answer([moving.answer(row) for row in rows])

    return hessian_of_f


def _of_shape(block: Any, leaf: Any) -> Any:
    """A gradient's block in the leaf's own shape (the result may have had shape (1,))."""
    return np.reshape(block, leaf.shape)[()] if not leaf.shape or block.shape != leaf.shape else block


def _of_dtype(block: Any, leaf: Any) -> Any:
    """A gradient's block in the leaf's own precision (f may have computed in another)."""
    same_kind = block.dtype.kind == leaf.dtype.kind
    return block.astype(leaf.dtype) if same_kind and block.dtype != leaf.dtype else block


def _choose(method: str, has_error: bool, scalar: bool = False) -> Callable[..., Blocks]:
    if has_error and method != "numeric":
        raise InputError(f'has_error=True goes with method="numeric", not {method!r}',
                         'grad(f, method="numeric", has_error=True)')
    table: dict[str, Callable[..., Blocks]] = {
        "forward": forward_blocks,
        "symbolic": _symbolic_blocks,
        "numeric": functools.partial(_numeric_blocks, scheme="auto", scalar=scalar),
        "complex-step": functools.partial(_numeric_blocks, scheme="complex-step", scalar=scalar),
    }
    if method not in table:
        _refuse(method, METHODS)
    return table[method]


def _refuse(method: str, known: tuple[str, ...]) -> None:
    raise InputError(f"there is no method {method!r} here", f"one of {', '.join(map(repr, known))}")


def forward_blocks(f: Function, moving: Moving, kwargs: dict[str, Any], has_aux: bool) -> Blocks:
    """By dual numbers: a run for each chunk of the arguments' entries."""
    result: Any = None
    widest = moving.leaves

    def pushed(number: int) -> Linear:
        def along(direction: Any) -> Any:
            nonlocal result
            tangents = [np.zeros(x.shape, x.dtype) for x in moving.leaves]
            tangents[number] = direction
            before, result = result, push(f, moving, moving.leaves, tangents, kwargs, has_aux, structural=True)
            if before is not None:
                _check_same(before[0], result[0])
            return tree.flatten(result[1])[0]
        return along

    def columns(number: int, value: complex) -> list[Any]:
        leaf = moving.leaves[number]
        return images(pushed(number), tuple(leaf.shape), leaf.dtype, chunk_width(widest), value)

    found: list[Any] = []                      # [leaf][out], the leaf's entries along the first axis
    for number, leaf in enumerate(moving.leaves):
        found.append(None)
        if not leaf.size:
            continue
        moves = columns(number, 1)
        outs, _ = tree.flatten(result[0])
        if leaf.dtype.kind == "c":
            moves = [np.stack([from_pushes(a, b, np.iscomplexobj(out)) for a, b in zip(one, other)])
                     for one, other, out in zip(moves, columns(number, 1j), outs)]
        found[-1] = moves
    if result is None:  # nothing moves: one plain run tells the result's shapes
        out, aux = split_aux(f(*moving.merge(moving.leaves), **kwargs), has_aux, None)
    else:
        out, aux = result[0], result[2] if has_aux else None
    outs, structure = tree.flatten(out)
    values = []
    for k, one in enumerate(outs):
        zero = zero_of(one)
        values.append([_in_the_dtype_of(leaf, np.zeros(zero.shape + tuple(leaf.shape), zero.dtype) if moves is None
                                        else reshaped(np.moveaxis(moves[k], 0, -1), zero.shape + tuple(leaf.shape)))
                       for leaf, moves in zip(moving.leaves, found)])
    return Blocks(outs, structure, values, aux)


def _in_the_dtype_of(leaf: Any, block: Any) -> Any:
    """A derivative with respect to x has x's precision, by columns as by rows; complex where the result is."""
    dtype = leaf.dtype
    if block.dtype.kind == "c" and dtype.kind != "c":
        dtype = np.result_type(dtype, np.complex64)
    return block if block.dtype == dtype else block.astype(dtype)


def _check_same(first: Any, other: Any) -> None:
    """Refuse columns of different functions: f draws random numbers, or changes what it reads."""
    if type(first) is np.float64 is type(other) and first == other:
        return
    values, again = tree.flatten(first)[0], tree.flatten(other)[0]
    if len(values) == len(again) and all(map(_is_same, values, again)):
        return
    raise ChangingFunctionError(
        "f gave another value when it ran again, and forward mode runs it once for every few inputs",
        'method="reverse", which runs f once; or a seed and buffers made inside f',
        "f draws random numbers, or writes into an array or an attribute that it reads in the next run")


def _is_same(value: Any, other: Any) -> bool:
    """Whether two runs gave the same numbers, but for rounding."""
    a, b = np.asarray(_bottom(value)), np.asarray(_bottom(other))
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.tobytes() == b.tobytes() or a.dtype.kind not in "fc":
        return a.dtype.kind in "fc" or bool(np.all(a == b))
    scale = np.max(np.abs(a), initial=0.0, where=np.isfinite(a))
    return np.allclose(a, b, rtol=0, atol=scale * np.finfo(a.dtype).eps ** 0.5, equal_nan=True)


def _bottom(value: Any) -> Any:
    """The numbers of a traced value, of all examples where there are many."""
    while is_traced(value):
        value = value.level.below(value) if value.level.is_batch else value.value
    return value


def _symbolic_blocks(f: Function, moving: Moving, kwargs: dict[str, Any], has_aux: bool) -> Blocks:
    """By SymPy's own calculus on the recorded program."""
    from diffkit import symbolic
    outs, structure, values, aux = symbolic.jacobian_leaves(f, moving, kwargs, has_aux)
    return Blocks(outs, structure, values, aux)


def _plain(f: Function, moving: Moving, method: str) -> None:
    if any(is_traced(leaf) for leaf in moving.leaves):
        raise InputError(f"the method {method!r} can't be differentiated again: it only evaluates f",
                         'method="forward" or "reverse" inside another transform')


def _numeric_blocks(f: Function, moving: Moving, kwargs: dict[str, Any], has_aux: bool, scheme: str,
                    scalar: bool = False) -> Blocks:
    """By finite differences (or the complex step); their first evaluation is the plain call that others make.

    With ``scalar`` a result that is not one real number is refused before anything moves.
    """
    from diffkit import numeric
    _plain(f, moving, "numeric")
    at_x: list[tuple[Any, Any]] = []

    def vector(leaves: Any) -> Any:
        result, aux = split_aux(f(*moving.merge(list(leaves)), **kwargs), has_aux, None)
        if not at_x:
            if scalar:
                scalar_result(f, result, None, False)
            at_x.append((result, aux))
        parts, _ = tree.flatten(result)
        return np.concatenate([np.ravel(part) for part in parts]) if parts else np.zeros(0)

    found = numeric.jacobian(vector, tuple(moving.leaves), scheme=scheme)
    outs, structure = tree.flatten(at_x[0][0])
    values: list[list[Any]] = []
    errors: list[list[Any]] = []
    start = 0
    for zero in map(zero_of, outs):
        rows = slice(start, start + zero.size)
        shapes = [zero.shape + tuple(leaf.shape) for leaf in moving.leaves]
        values.append([np.reshape(block[rows], shape) for block, shape in zip(found.value, shapes)])
        errors.append([np.reshape(block[rows], shape) for block, shape in zip(found.error, shapes)])
        start += zero.size
    return Blocks(outs, structure, values, at_x[0][1], errors)


def _numeric_hessian(f: Function, moving: Moving, kwargs: dict[str, Any], scheme: str) -> list[list[Any]]:
    """All second differences over the leaves laid end to end, cut into blocks."""
    from diffkit import numeric
    _plain(f, moving, "numeric")
    sizes = [leaf.size for leaf in moving.leaves]
    ends = np.cumsum([0, *sizes])

    def laid(x: Any) -> Any:
        parts = [np.reshape(x[a:b], leaf.shape)[()] for a, b, leaf in zip(ends[:-1], ends[1:], moving.leaves)]
        return np.reshape(f(*moving.merge(parts), **kwargs), ())[()]

    whole = numeric.hessian(laid, np.concatenate([np.ravel(leaf) for leaf in moving.leaves]), scheme).value
    return [[np.reshape(whole[a:b, c:d], tuple(one.shape) + tuple(other.shape))
             for c, d, other in zip(ends[:-1], ends[1:], moving.leaves)]
            for a, b, one in zip(ends[:-1], ends[1:], moving.leaves)]
