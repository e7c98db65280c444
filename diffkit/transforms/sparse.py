"""Sparse Jacobians and Hessians: their cost grows with the number of colours, not of inputs.

The pattern is read from the tape of one run (``diffkit.sparsity``), rows or columns are
coloured, and each colour is one direction of a batched sweep.  For a band of width w this
is w directions, whatever the size of the matrix.

``prepare`` gives pattern and colours for use at other points.  They belong to the path that the
run took; at another point the function may take another.  So a prepared derivative pushes one
more direction, a random one, and compares: where the matrix does not fit, it is
prepared anew.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import Argnums, Moving, split
from diffkit.errors import InputError, UnsupportedArgumentError, require
from diffkit.rules.indexing import GETITEM
from diffkit.rules.shapes import RESHAPE
from diffkit.rules.writing import SETITEM
from diffkit.sparsity import Rows, TooDenseError, colour_columns, colour_symmetric, pattern_of
from diffkit.sparsity.colouring import readable
from diffkit.traced import is_traced
from diffkit.transforms.directions import along
from diffkit.transforms.gradient import grad
from diffkit.transforms.products import Linearized, push
from diffkit.transforms.running import Function, name_of, zero_of

#: How far, relative to the sizes in its row, a prepared matrix may be from the function in a random direction.
_AGREES = 1e-6
#: Jacobians with fewer rows are not worth a pattern.
_WORTH = 8


class SparseDerivative:
    """A sparse Jacobian or Hessian whose pattern and colours are known.

    Calling it gives the matrix at a point as a ``scipy.sparse.csr_array``, one row for each
    entry of the results, one column for each entry of the arguments, both laid end to end.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns.
    rows, columns : array of int
        Where the entries are that may be different from zero, row by row.
    colours : array of int
        The colour of each column (of each row, if ``by_rows``).
    count : int
        The number of colours: the directions that one evaluation takes.
    by_rows : bool
        Whether a direction is a pull (reverse mode) and not a push.
    """

    def __init__(self, f: Function, argnums: Argnums, symmetric: bool, method: str) -> None:
        self.f = f
        self.argnums = argnums
        self.symmetric = symmetric
        self.method = method

    # --- pattern and colours -------------------------------------------------------------------------
    def find(self, run: Linearized, moving: Moving) -> SparseDerivative:
        """Read the pattern from the tape of a run, and colour it."""
        outs = [zero_of(out) for out in run.outs]
        for value in [*moving.leaves, *outs]:
            if value.dtype.kind == "c":
                raise InputError(f"{name_of(self.f)} has complex arguments or results, and a sparse derivative real "
                                 "ones", "the real and imaginary parts as arrays of their own")
        pattern = pattern_of(run.nodes, run.wanted, run.marks, [out.shape for out in outs])
        self.leaf_shapes = [tuple(leaf.shape) for leaf in moving.leaves]
        self.out_shapes = [tuple(out.shape) for out in outs]
        leaf_sizes = [math.prod(shape) for shape in self.leaf_shapes]
        out_sizes = [math.prod(shape) for shape in self.out_shapes]
        if self.symmetric:
            pattern = pattern.union(pattern.transposed())
            self.colours, self.by_rows = colour_symmetric(pattern, leaf_sizes), False
        else:
            self._colour(pattern, leaf_sizes, out_sizes)
        self.shape = pattern.count, pattern.width
        self.starts, self.rows, self.columns = pattern.starts, pattern.numbers, pattern.indices
        self.count = int(self.colours.max(initial=-1)) + 1 if pattern.size else 0
        self._places(pattern)
        return self

    def _colour(self, pattern: Rows, leaf_sizes: Sequence[int], out_sizes: Sequence[int]) -> None:
        """The fewer of the columns' and the rows' colours, or those that ``method`` asks for."""
        columns = rows = None
        if self.method != "reverse":
            columns = colour_columns(pattern, leaf_sizes)
        other = pattern.transposed()
        fewest = int(other.lengths.max(initial=0))  # rows take at least as many colours
        if self.method != "forward" and (columns is None or fewest <= columns.max(initial=-1)):
            rows = colour_columns(other, out_sizes)
        self.by_rows = rows is not None and (columns is None or rows.max(initial=0) < columns.max(initial=0))
        self.colours = rows if self.by_rows else columns

    def _places(self, pattern: Rows) -> None:
        """Where each entry stands in the compressed matrix, of one line for each colour, laid end to end."""
        if self.by_rows:
            line, entry = self.colours[self.rows], self.columns
        else:
            line, entry = self.colours[self.columns], self.rows
            if self.symmetric:
                other = ~readable(pattern, self.colours)
                line = np.where(other, self.colours[self.rows], line)
                entry = np.where(other, self.columns, entry)
        length = self.shape[1 if self.by_rows else 0]
        self.places = line * length + entry

    # --- values ----------------------------------------------------------------------------------------
    def _directions(self, dtype: Any, extra: Any = None) -> Any:
        """One line for each colour: ones at its columns (or rows)."""
        size = len(self.colours)
        found = np.zeros((self.count + (extra is not None), size), dtype)
        found[self.colours, np.arange(size)] = 1
        if extra is not None:
            found[-1] = extra
        return found

    def _pushed(self, moving: Moving, kwargs: dict[str, Any]) -> Callable[[Any], list[Any]]:
        def linear(direction: Any) -> list[Any]:
            tangents = cut(direction, self.leaf_shapes, [leaf.dtype for leaf in moving.leaves])
            _, moves = push(self.f, moving, moving.leaves, tangents, kwargs, structural=True)
            return [laid(tree.flatten(moves)[0])]
        return linear

    def _pulled(self, run: Linearized) -> Callable[[Any], list[Any]]:
        def linear(direction: Any) -> list[Any]:
            parts = cut(direction, self.out_shapes, [zero_of(out).dtype for out in run.outs])
            seeds = [(node, part) for node, part in zip(run.marks, parts) if node is not None]
            return [laid(run.pull_seeds(seeds, structural=True))]
        return linear

    def compressed(self, linear: Callable[[Any], list[Any]], dtype: Any, extra: Any = None) -> Any:
        """The image of each colour's direction, and of one more."""
        return along(linear, self._directions(dtype, extra), few=2)[0]

    def _dtype(self, values: Sequence[Any]) -> Any:
        return np.result_type(*(value.dtype for value in values)) if values else np.dtype(float)

    def _evaluate(self, moving: Moving, kwargs: dict[str, Any], run: Linearized | None, extra: Any) -> Any:
        if self.by_rows or run is not None:
            run = run or Linearized(self.f, moving, kwargs)
            return self.compressed(self._pulled(run), self._dtype([zero_of(out) for out in run.outs]), extra)
        return self.compressed(self._pushed(moving, kwargs), self._dtype(moving.leaves), extra)

    def values(self, *args: Any, **kwargs: Any) -> Any:
        """The entries alone, in the order of ``rows`` and ``columns``: an array, so that it compiles.

        No check is made that the pattern still fits.
        """
        if not self.count:
            return np.zeros(0)
        moving = split(args, self.argnums, self.f)
        return self._read_off(self._evaluate(moving, kwargs, None, None))

    def _read_off(self, compressed: Any) -> Any:
        """The entries from the compressed matrix."""
        return GETITEM(laid([compressed]), index=self.places)

    def matrix(self, values: Any) -> Any:
        """The matrix with these entries."""
        return _scipy().csr_array((values, self.columns, self.starts), shape=self.shape)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The matrix at a point."""
        moving = split(args, self.argnums, self.f)
        _refuse_traced(moving, self.f)
        shapes = [tuple(leaf.shape) for leaf in moving.leaves]
        if shapes != self.leaf_shapes:
            return prepared_at(self, moving, kwargs)[1]
        if not self.count:
            return self.matrix(np.zeros(0))
        extra = np.random.default_rng(0).uniform(0.5, 1.5, len(self.colours))
        found = self._evaluate(moving, kwargs, None, extra)
        matrix = self.matrix(self._read_off(found))
        matrix_or_transpose = matrix.T if self.by_rows else matrix
        expected = found[-1]
        sizes = abs(matrix_or_transpose) @ extra
        with np.errstate(invalid="ignore"):
            fits = np.abs(matrix_or_transpose @ extra - expected) <= _AGREES * max(sizes.max(initial=0), 1e-300)
        if np.all(fits | ~np.isfinite(expected)):
            return matrix
        return prepared_at(self, moving, kwargs)[1]


def prepared_at(like: SparseDerivative, moving: Moving, kwargs: dict[str, Any]) -> tuple[SparseDerivative, Any]:
    """Pattern, colours and matrix at a point."""
    run = Linearized(like.f, moving, kwargs)
    found = SparseDerivative(like.f, like.argnums, like.symmetric, like.method).find(run, moving)
    if not found.count:
        return found, found.matrix(np.zeros(0))
    tape = run if found.by_rows or found.symmetric else None
    return found, found.matrix(found._read_off(found._evaluate(moving, kwargs, tape, None)))


def dense_by_colours(run: Linearized, moving: Moving) -> list[list[Any]] | None:
    """The blocks of a run's Jacobian by as many pulls as it has colours, or None where that spares little.

    Reading the pattern costs more than most sweeps, so this is for programs that are
    recorded once and run often.
    """
    outs = [zero_of(out) for out in run.outs]
    total = sum(out.size for out in outs)
    if total < _WORTH or any(value.dtype.kind == "c" for value in [*moving.leaves, *outs]):
        return None
    try:
        found = SparseDerivative(run.pull, 0, False, "reverse").find(run, moving)
    except TooDenseError:
        return None
    if found.count * 3 > total:
        return None
    values = np.zeros(0)
    if found.count:
        values = found._read_off(found.compressed(found._pulled(run), found._dtype(outs)))
    blocks = []
    first = 0
    for out in outs:
        row = []
        left = 0
        for leaf in moving.leaves:
            inside = ((found.rows >= first) & (found.rows < first + out.size)
                      & (found.columns >= left) & (found.columns < left + leaf.size))
            place = found.rows[inside] - first, found.columns[inside] - left
            entries = values if inside.all() else GETITEM(values, index=np.flatnonzero(inside))
            block = SETITEM(np.zeros((out.size, leaf.size), leaf.dtype), entries, index=place)
            shape = out.shape + tuple(leaf.shape)
            row.append(block if block.shape == shape else RESHAPE(block, shape=shape))
            left += leaf.size
        blocks.append(row)
        first += out.size
    return blocks


def cut(direction: Any, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[Any]) -> list[Any]:
    """A direction as arrays of these shapes."""
    parts = []
    first = 0
    for shape, dtype in zip(shapes, dtypes):
        size = math.prod(shape)
        part = RESHAPE(GETITEM(direction, index=slice(first, first + size)), shape=shape)
        parts.append(part if part.dtype == dtype else part.astype(dtype))
        first += size
    return parts


def laid(values: Sequence[Any]) -> Any:
    """Arrays laid end to end."""
    if len(values) == 1:
        return RESHAPE(values[0], shape=(-1,))
    return np.concatenate([RESHAPE(value, shape=(-1,)) for value in values])


def _refuse_traced(moving: Moving, f: Function) -> None:
    if any(is_traced(leaf) for leaf in moving.leaves):
        raise UnsupportedArgumentError(
            f"a sparse matrix of derivatives of {name_of(f)} can't hold values that are compiled or differentiated",
            "the entries alone: prepared = dk.sparse_jacobian(f).prepare(x), then dk.compile(prepared.values)")


def _scipy() -> Any:
    try:
        import scipy.sparse
    except ImportError as error:
        raise require("scipy", "scipy", "a sparse matrix") from error
    return scipy.sparse


def _transform(f: Function, argnums: Argnums, symmetric: bool, method: str) -> Function:
    template = SparseDerivative(f, argnums, symmetric, method)

    def at(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[SparseDerivative, Any]:
        _scipy()
        moving = split(args, argnums, f)
        _refuse_traced(moving, f)
        return prepared_at(template, moving, kwargs)

    @functools.wraps(f)
    def sparse_of_f(*args: Any, **kwargs: Any) -> Any:
        return at(args, kwargs)[1]

    def prepare(*args: Any, **kwargs: Any) -> SparseDerivative:
        """Pattern and colours at a point, for use at others."""
        moving = split(args, argnums, f)
        _refuse_traced(moving, f)
        return SparseDerivative(f, argnums, symmetric, method).find(Linearized(f, moving, kwargs), moving)

    sparse_of_f.prepare = prepare  # type: ignore[attr-defined]
    return sparse_of_f


def sparse_jacobian(f: Function, argnums: Argnums = 0, method: str = "auto") -> Function:
    """The Jacobian as a sparse matrix, at the cost of as many directions as it has colours.

    Parameters
    ----------
    f : callable
        Takes and returns real arrays, in containers too.
    argnums : int or tuple of int
        Which positional arguments to differentiate.
    method : {"auto", "reverse", "forward"}
        Whether directions are pulls (rows are coloured) or pushes (columns); "auto" takes the
        one with fewer colours.

    Returns
    -------
    callable
        Takes f's arguments, gives a ``scipy.sparse.csr_array``: one row for each entry of the
        results, one column for each entry of the arguments, each laid end to end in
        the order of ``dk.tree.flatten``.  Its ``prepare(*args)`` gives a
        :class:`SparseDerivative`, which keeps pattern and colours for other points.

    Raises
    ------
    TooDenseError
        (a ValueError) the pattern has so many entries that a dense Jacobian is better.
    MissingPackageError
        (an ImportError) SciPy is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> J = sparse_jacobian(lambda x: x[1:] * x[:-1])
    >>> J(np.array([1.0, 2.0, 3.0])).toarray()
    array([[2., 1., 0.],
           [0., 3., 2.]])
    >>> J.prepare(np.ones(1000)).count              # two directions, not a thousand
    2
    """
    if method not in ("auto", "reverse", "forward"):
        raise InputError(f"there is no method {method!r} here", "one of 'auto', 'reverse', 'forward'")
    return _transform(f, argnums, False, method)


def sparse_hessian(f: Function, argnums: Argnums = 0) -> Function:
    """The Hessian of a function with one real result, as a sparse matrix.

    Arguments, results and errors are those of :func:`sparse_jacobian`; each direction is a
    product of the Hessian with a vector, and symmetry spares some of them.

    >>> import numpy as np
    >>> H = sparse_hessian(lambda x: np.sum(x[1:] * x[:-1] ** 2))
    >>> H(np.array([1.0, 2.0, 3.0])).toarray()
    array([[4., 2., 0.],
           [2., 6., 4.],
           [0., 4., 0.]])
    """
    return _transform(grad(f, argnums), argnums, True, "auto")
