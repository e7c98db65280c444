"""Derivatives at a point for ``grad(f, method="symbolic")``, by one of two routes.

*Expanded*: the program as one expression, SymPy's derivative of it, evaluated to the last bit.
For programs that are small enough to be written out.

*Operation by operation*: SymPy differentiates the table's column of each elementwise operation,
and tangents are carried through the recording; any size.

Which one was taken is the ``route`` of the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.arguments import Moving
from diffkit.errors import SymbolicError
from diffkit.exact.expressions import Expressions, TooLarge
from diffkit.exact.machine import Machine, NotExact
from diffkit.exact.recording import Recording, leaf_names, recording
from diffkit.exact.sizes import expected_size
from diffkit.symbolic.calculus import differentiate
from diffkit.symbolic.evaluation import rounded
from diffkit.symbolic.expression import DEEPEST, TOTAL
from diffkit.symbolic.naming import symbols as symbols_for
from diffkit.symbolic.operations import Operations
from diffkit.tape import Node

#: Programs up to this many parts are expanded …
_EXPANDED = 1_500
#: … when size times symbols, a measure of the derivatives' length, is below this.
_DERIVATIVES = 20_000

EXPANDED = "expanded"
BY_OPERATION = "operation by operation"


class JacobianLeaves(tuple[Any, ...]):
    """``(outs, structure, blocks, aux)``, and the route by which the blocks were found."""

    route: str

    def __new__(cls, values: tuple[Any, ...], route: str) -> JacobianLeaves:
        found = super().__new__(cls, values)
        found.route = route
        return found


class HessianLeaves(list[Any]):
    """``blocks[i][j]``, and the route."""

    def __init__(self, blocks: list[Any], route: str) -> None:
        super().__init__(blocks)
        self.route = route


def jacobian_leaves(f: Callable[..., Any], moving: Moving, kwargs: dict[str, Any],
                    has_aux: bool = False) -> JacobianLeaves:
    """First derivatives of the recorded program by SymPy's calculus.

    Returns
    -------
    (outs, structure, blocks, aux)
        The plain results, their container, ``blocks[k][i]`` of shape ``outs[k].shape +
        leaves[i].shape``, and the extra result.  ``.route`` is "expanded" or "operation by operation".

    Raises
    ------
    SymbolicError
        A function has no SymPy form, an argument is complex, or f runs inside another transform.

    >>> from diffkit.arguments import split
    >>> f = lambda x: np.sum(x**3)
    >>> found = jacobian_leaves(f, split((np.array([1.0, 2.0]),), 0, f), {})
    >>> found[2], found.route
    ([[array([ 3., 12.])]], 'expanded')
    """
    found = _recorded(f, moving, kwargs, has_aux)
    try:
        blocks, route = _expanded_jacobian(found, f, moving), EXPANDED
    except (TooLarge, NotExact, RecursionError):
        blocks, route = _by_operation(f, lambda: Operations(found).jacobian()), BY_OPERATION
    return JacobianLeaves((found.values, found.structure, _shaped(blocks, found.values), found.aux), route)


def hessian_leaves(f: Callable[..., Any], moving: Moving, kwargs: dict[str, Any]) -> HessianLeaves:
    """Second derivatives of a program with one real result: ``blocks[i][j]`` of shape
    ``leaves[i].shape + leaves[j].shape`` (see :func:`jacobian_leaves`).

    >>> from diffkit.arguments import split
    >>> f = lambda x: x[0]**2 * x[1]
    >>> hessian_leaves(f, split((np.array([1.0, 2.0]),), 0, f), {})[0][0]
    array([[4., 2.],
           [2., 0.]])
    """
    found = _recorded(f, moving, kwargs, False)
    if len(found.outs) != 1 or np.size(found.values[0]) != 1:
        raise SymbolicError("second derivatives are of one number, and this program returns several",
                            "a sum or one entry of the result")
    try:
        blocks, route = _expanded_hessian(found, f, moving), EXPANDED
    except (TooLarge, NotExact, RecursionError):
        blocks, route = _by_operation(f, lambda: Operations(found).hessian()), BY_OPERATION
    return HessianLeaves(blocks, route)


def _recorded(f: Callable[..., Any], moving: Moving, kwargs: dict[str, Any], has_aux: bool) -> Recording:
    if any(leaf.dtype.kind == "c" for leaf in moving.leaves):
        raise SymbolicError("SymPy's derivative is taken for real inputs only, and an argument is complex",
                            "the real and imaginary part as two arguments, or another method")
    try:
        return recording(f, moving, kwargs, has_aux)
    except ValueError as error:
        if "another transform" not in str(error):
            raise
        raise SymbolicError(f"the method 'symbolic' can't be used inside another transform: {error}",
                            'method="reverse" or "forward" for the inner derivative') from None


def _by_operation(f: Callable[..., Any], run: Callable[[], Any]) -> Any:
    try:
        return run()
    except NotExact as error:
        name = getattr(f, "__qualname__", None) or repr(f)
        raise SymbolicError(f"{name} has no symbolic derivative: {error.reason}",
                            "another method, or a function that SymPy knows") from None


# --- the expanded route ------------------------------------------------------------------------

def _expressions(found: Recording, f: Callable[..., Any], moving: Moving) -> tuple[list[Any], list[Any], Any, Any]:
    """Output entries, symbols by leaf, the point, and the algebra that knows the sizes."""
    if found.tape.elements > TOTAL * _EXPANDED or _has_ties(found):
        raise TooLarge
    largest, total, deepest = expected_size(found)
    if largest > _EXPANDED or total > TOTAL * _EXPANDED or deepest > DEEPEST:
        raise TooLarge
    leaves = symbols_for(leaf_names(f, moving), [leaf.shape for leaf in moving.leaves])
    algebra = Expressions(_EXPANDED, readable=False)
    values = Machine(found.tape, algebra).run(leaves)
    outs = [entry for out in found.outs
            for entry in (values[out.index] if isinstance(out, Node) else algebra.array(out)).ravel()]
    point = {symbol: value for leaf, numbers in zip(leaves, moving.leaves)
             for symbol, value in zip(leaf.ravel(), np.ravel(numbers))}
    return outs, leaves, point, algebra


def _has_ties(found: Recording) -> bool:
    """Whether the run met equal extremes or the norm of a zero vector: there the choice of a
    subgradient is a convention, and ``textbook`` knows it while an expression does not."""
    for node in found.tape.nodes:
        name = node.rule.name if node.rule else ""
        if name in ("max", "min", "sort", "partition"):
            given = node.inputs[0]
            values = given.value if isinstance(given, Node) else given
            if np.unique(values).size < np.size(values):
                return True
        elif name in ("norm2", "norm_p", "spread_root") and np.any(np.asarray(node.value) == 0):
            return True
    return False


def _check(algebra: Any, expressions: list[Any]) -> None:
    if sum(algebra.size(e) * len(e.free_symbols) for e in expressions) > _DERIVATIVES:
        raise TooLarge


def _expanded_jacobian(found: Recording, f: Callable[..., Any], moving: Moving) -> list[list[Any]]:
    outs, leaves, point, algebra = _expressions(found, f, moving)
    _check(algebra, outs)
    flat = [symbol for leaf in leaves for symbol in leaf.ravel()]
    numbers = rounded([differentiate(out, symbol) for out in outs for symbol in flat], point)
    table = np.array(numbers).reshape(len(outs), len(flat)) if numbers else np.zeros((len(outs), len(flat)))
    blocks, row = [], 0
    for value in found.values:
        size, column, parts = int(np.size(value)), 0, []
        for leaf in leaves:
            part = table[row:row + size, column:column + leaf.size]
            parts.append(part.reshape(np.shape(value) + leaf.shape))
            column += leaf.size
        blocks.append(parts)
        row += size
    return blocks


def _expanded_hessian(found: Recording, f: Callable[..., Any], moving: Moving) -> list[list[Any]]:
    outs, leaves, point, algebra = _expressions(found, f, moving)
    _check(algebra, outs)
    flat = [symbol for leaf in leaves for symbol in leaf.ravel()]
    first = [differentiate(outs[0], symbol) for symbol in flat]
    _check(Expressions(10 ** 9), first)
    pairs = [(i, j) for i in range(len(flat)) for j in range(i + 1)]
    numbers = rounded([differentiate(first[i], flat[j]) for i, j in pairs], point)
    table = np.zeros((len(flat), len(flat)))
    for (i, j), number in zip(pairs, numbers):
        table[i, j] = table[j, i] = number
    ends = np.cumsum([0, *(leaf.size for leaf in leaves)])
    return [[table[ends[i]:ends[i + 1], ends[j]:ends[j + 1]].reshape(a.shape + b.shape)
             for j, b in enumerate(leaves)] for i, a in enumerate(leaves)]


def _shaped(blocks: list[list[Any]], values: list[Any]) -> list[list[Any]]:
    """Blocks in the result's precision (float64 for a constant that is not floating)."""
    answer = []
    for row, value in zip(blocks, values):
        dtype = value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
        dtype = dtype if dtype.kind in "fc" else np.dtype(float)
        answer.append([_real_or_nan(np.asarray(block), dtype) for block in row])
    return answer


def _real_or_nan(block: Any, dtype: Any) -> Any:
    """A real program's derivative: what is complex there (the root of a negative number) is NaN."""
    if block.dtype.kind == "c" and dtype.kind != "c":
        block = np.where(block.imag == 0, block.real, np.nan)
    return block.astype(dtype)


