"""Sparse Jacobians and Hessians: their cost grows with the number of colours, not of inputs.

The pattern is read from the tape of one run (``diffkit.sparsity``), rows or columns are
coloured, and each colour is one direction of a batched sweep.  For a band of width w this
is w directions, whatever the size of the matrix.  Directions go through the whole
program (``compressed``), or from what adds up its results to what gathers its inputs
(``between``, ``chained``), where that takes less (``choosing``).

``prepare`` gives pattern and colours for use at other points.  They belong to the path that the
run took; at another point the function may take another.  So a prepared derivative takes one
more direction, a random one, and compares: where the matrix does not fit, it is
prepared anew.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from diffkit.arguments import Argnums, Moving, split
from diffkit.errors import InputError, UnsupportedArgumentError, require
from diffkit.sparsity import fixed
from diffkit.traced import is_traced
from diffkit.transforms.between import NotBetween
from diffkit.transforms.choosing import chosen
from diffkit.transforms.compressed import WholeSweeps
from diffkit.transforms.gradient import grad
from diffkit.transforms.products import Linearized
from diffkit.transforms.running import Function, name_of, zero_of

#: How far, relative to the sizes in its row, a prepared matrix may be from the function in a random direction.
_AGREES = 1e-6


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
        The colour of each column (of each row, if ``by_rows``; of each entry of what is added up to results,
        if ``between``).
    count : int
        The number of colours: the directions that one evaluation takes.
    by_rows : bool
        Whether a direction is a pull (reverse mode) and not a push.
    between : bool
        Whether a direction goes from what is added up to results to what was gathered from arguments.
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
        self.leaf_shapes = [tuple(leaf.shape) for leaf in moving.leaves]
        self.out_shapes = [tuple(out.shape) for out in outs]
        self.pattern, self.sweeps = chosen(run, self.symmetric, self.method, self.leaf_shapes, self.out_shapes)
        self.shape = self.pattern.count, self.pattern.width
        self.rows, self.columns = fixed(self.pattern.numbers), self.pattern.indices
        self.colours, self.count = self.sweeps.colours, self.sweeps.count
        self.by_rows = self.sweeps.by_rows
        self.between = type(self.sweeps) is not WholeSweeps
        return self

    # --- values ----------------------------------------------------------------------------------------
    def values(self, *args: Any, **kwargs: Any) -> Any:
        """The entries alone, in the order of ``rows`` and ``columns``: an array, so that it compiles.

        No check is made that the pattern still fits.
        """
        if not self.count:
            return np.zeros(0)
        return self.entries(split(args, self.argnums, self.f), kwargs)

    def entries(self, moving: Moving, kwargs: dict[str, Any], run: Linearized | None = None) -> Any:
        """The entries; a ``run`` at the point, if there is one, is swept."""
        try:
            return self.sweeps.entries(self.f, moving, kwargs, run)
        except NotBetween:
            whole = WholeSweeps(self.pattern, self.symmetric, self.method, self.leaf_shapes, self.out_shapes)
            return whole.entries(self.f, moving, kwargs, run)

    def matrix(self, values: Any) -> Any:
        """The matrix with these entries."""
        return _scipy().csr_array((values, self.columns, self.pattern.starts), shape=self.shape)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The matrix at a point."""
        moving = split(args, self.argnums, self.f)
        _refuse_traced(moving, self.f)
        shapes = [tuple(leaf.shape) for leaf in moving.leaves]
        if shapes != self.leaf_shapes:
            return prepared_at(self, moving, kwargs)[1]
        if not self.count:
            return self.matrix(np.zeros(0))
        try:
            values, extra, expected, is_pull = self.sweeps.checked(self.f, moving, kwargs, _random)
        except NotBetween:
            return prepared_at(self, moving, kwargs)[1]
        matrix = self.matrix(values)
        if is_pull and extra.size != self.shape[0]:  # results of other shapes
            return prepared_at(self, moving, kwargs)[1]
        matrix_or_transpose = matrix.T if is_pull else matrix
        sizes = abs(matrix_or_transpose) @ extra
        with np.errstate(invalid="ignore"):
            fits = np.abs(matrix_or_transpose @ extra - expected) <= _AGREES * max(sizes.max(initial=0), 1e-300)
        if np.all(fits | ~np.isfinite(expected)):
            return matrix
        return prepared_at(self, moving, kwargs)[1]


def _random(size: int) -> Any:
    return np.random.default_rng(0).uniform(0.5, 1.5, size)


def prepared_at(like: SparseDerivative, moving: Moving, kwargs: dict[str, Any]) -> tuple[SparseDerivative, Any]:
    """Pattern, colours and matrix at a point."""
    run = Linearized(like.f, moving, kwargs)
    found = SparseDerivative(like.f, like.argnums, like.symmetric, like.method).find(run, moving)
    if not found.count:
        return found, found.matrix(np.zeros(0))
    tape = run if found.by_rows or found.symmetric else None
    return found, found.matrix(found.entries(moving, kwargs, tape))


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
