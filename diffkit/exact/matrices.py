"""Linear algebra on exact scalars, by the textbook.

With numbers: Gaussian elimination with partial pivoting, Cholesky's recurrence, and mpmath's own
eigenvalue and singular value iterations.  With expressions: determinants without division
(Berkowitz) and inverses by adjugates, for small matrices; the factor of an eigenvalue problem has
no closed form and is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.exact.arrays import collect, each, filled, wrap
from diffkit.exact.products import matmul
from diffkit.exact.registry import EXACT, NotExact, exact

#: Matrices of unknown entries beyond this size are not expanded.
_SYMBOLIC_SIZE = 5


def stacked(function: Callable[..., Any], *arrays: Any) -> Any:
    """Apply ``function`` to each matrix of stacks with equal leading axes; its results are stacked."""
    stack = np.broadcast_shapes(*(a.shape[:-2] for a in arrays))
    flat = [np.broadcast_to(a, (*stack, *a.shape[-2:])).reshape(-1, *a.shape[-2:]) for a in arrays]
    results = [function(*matrices) for matrices in zip(*flat)]
    if results and type(results[0]) is tuple:
        return tuple(_join(list(parts), stack) for parts in zip(*results))
    return _join(results, stack)


def _join(results: list[Any], stack: tuple[int, ...]) -> Any:
    if not results:
        raise NotExact("an empty stack of matrices has no exact form")
    parts = [wrap(part) for part in results]
    shape = parts[0].shape
    return collect([entry for part in parts for entry in part.ravel()], (*stack, *shape))


def eliminate(algebra: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """``(solution of a x = b, determinant of a)`` by elimination with partial pivoting (numbers).

    Row by row as sums of products (Crout); where all factors are 0 an entry stays the very same object.
    """
    rows, right, n = a.tolist(), b.tolist(), len(a)
    # Of each row the multiples of others that are subtracted from it: which ones, and how often.
    places: list[list[int]] = [[] for _ in range(n)]
    factors: list[list[Any]] = [[] for _ in range(n)]
    determinant = algebra.one

    def reduced(i: int, table: Any, j: int) -> Any:
        return table[i][j] - algebra.dot(factors[i], [table[k][j] for k in places[i]]) if places[i] else table[i][j]

    for k in range(n):
        for i in range(k, n):
            rows[i][k] = reduced(i, rows, k)
        pivot = max(range(k, n), key=lambda i: abs(rows[i][k]))
        if rows[pivot][k] == 0:
            return filled(b.shape, algebra.nan), algebra.zero
        if pivot != k:
            for table in (rows, right, places, factors):
                table[k], table[pivot] = table[pivot], table[k]
            determinant = -determinant
        determinant = determinant * rows[k][k]
        rows[k][k + 1:] = [reduced(k, rows, j) for j in range(k + 1, n)]
        right[k] = [reduced(k, right, j) for j in range(b.shape[1])]
        for i in range(k + 1, n):
            factor = rows[i][k] / rows[k][k]
            if factor != 0:
                places[i].append(k)
                factors[i].append(factor)
    for k in range(n - 1, -1, -1):
        places[k] = [j for j in range(k + 1, n) if rows[k][j] != 0]
        factors[k] = [rows[k][j] for j in places[k]]
        right[k] = [reduced(k, right, j) / rows[k][k] for j in range(b.shape[1])]
    return collect([entry for row in right for entry in row], b.shape), determinant


def identity(algebra: Any, n: int) -> Any:
    """The unit matrix."""
    out = filled((n, n), algebra.zero)
    for i in range(n):
        out[i, i] = algebra.one
    return out


def inverse(algebra: Any, a: Any) -> Any:
    """The inverse of one matrix."""
    if algebra.counting:
        _check_size(a)
        return filled(a.shape, algebra.matrix(a))
    if algebra.symbolic:
        matrix = _sympy(a)
        return each(lambda entry: entry / algebra.determinant(matrix), _numpy(matrix.adjugate("berkowitz")))
    return eliminate(algebra, a, identity(algebra, len(a)))[0]


def determinant(algebra: Any, a: Any) -> Any:
    """The determinant of one matrix."""
    if algebra.counting:
        _check_size(a)
        return algebra.matrix(a)
    if algebra.symbolic:
        return algebra.determinant(_sympy(a))
    return eliminate(algebra, a, identity(algebra, len(a))[:, :0])[1] if len(a) else algebra.one


def solution(algebra: Any, a: Any, b: Any) -> Any:
    """The solution of one system."""
    return matmul(algebra, inverse(algebra, a), b) if algebra.symbolic else eliminate(algebra, a, b)[0]


def _check_size(a: Any) -> None:
    if len(a) > _SYMBOLIC_SIZE:
        raise NotExact(f"a {len(a)} x {len(a)} matrix is not expanded into symbols (the limit is {_SYMBOLIC_SIZE})")


def _sympy(a: Any) -> Any:
    import sympy
    _check_size(a)
    return sympy.Matrix(*a.shape, list(a.ravel()))


def _numpy(matrix: Any) -> Any:
    return collect(list(matrix), matrix.shape)


@exact("inv")
def _inv(algebra: Any, node: Any, a: Any) -> Any:
    return stacked(lambda m: inverse(algebra, m), a)


@exact("det")
def _det(algebra: Any, node: Any, a: Any) -> Any:
    return stacked(lambda m: determinant(algebra, m), a)


@exact("slogdet")
def _slogdet(algebra: Any, node: Any, a: Any) -> Any:
    d = stacked(lambda m: determinant(algebra, m), a)
    log = algebra.function("log")
    return each(algebra.function("sign"), d), each(lambda x: log(algebra.absolute(x)), d)


@exact("logdet", "logabsdet")
def _logdet(algebra: Any, node: Any, a: Any) -> Any:
    return _slogdet(algebra, node, a)[1]


@exact("solve")
def _solve(algebra: Any, node: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return stacked(lambda m, v: solution(algebra, m, v), a, b[:, None])[..., 0]
    return stacked(lambda m, v: solution(algebra, m, v), a, b)


@exact("cholesky")
def _cholesky(algebra: Any, node: Any, a: Any, upper: bool = False) -> Any:
    if algebra.symbolic and a.shape[-1] > _SYMBOLIC_SIZE:
        raise NotExact(f"the Cholesky factor of a {a.shape[-1]} x {a.shape[-1]} matrix is not expanded into symbols")
    complex_entries = node.dtype.kind == "c"
    if upper:  # NumPy reads the upper triangle then
        a = np.swapaxes(a, -1, -2)
    factor = stacked(lambda m: lower_factor(algebra, m, complex_entries), a)
    return np.swapaxes(factor, -1, -2) if upper else factor


def lower_factor(algebra: Any, a: Any, complex_entries: bool = False) -> Any:
    """L with L L^H = a, from the lower triangle of ``a`` alone."""
    conjugate = algebra.function("conj") if complex_entries else lambda x: x
    sqrt = algebra.function("sqrt")
    n = len(a)
    lower = filled((n, n), algebra.zero)
    for i in range(n):
        for j in range(i + 1):
            rest = a[i, j] - algebra.dot(lower[i, :j].tolist(), [conjugate(entry) for entry in lower[j, :j]])
            if i != j:
                lower[i, j] = rest / lower[j, j]
            else:
                if not algebra.symbolic and complex_entries:
                    rest = algebra.context.re(rest)
                lower[i, i] = sqrt(rest)
    return lower


@exact("cofactors")
def _cofactors(algebra: Any, node: Any, a: Any) -> Any:
    """d det / d a, by minors (in a recorded gradient of det)."""
    def one(m: Any) -> Any:
        n = len(m)
        out = np.empty((n, n), object)
        for i in range(n):
            for j in range(n):
                minor = determinant(algebra, np.delete(np.delete(m, i, 0), j, 1)) if n > 1 else algebra.one
                out[i, j] = minor if (i + j) % 2 == 0 else -minor
        return out
    return stacked(one, a)


@exact("pinv")
def _pinv(algebra: Any, node: Any, a: Any, rcond: Any = None, hermitian: bool = False) -> Any:
    """(A^H A)^-1 A^H or A^H (A A^H)^-1, for a matrix of full rank (to the tolerance that was asked for)."""
    given = node.inputs[0]
    values = getattr(given, "value", given)
    if hermitian or np.any(np.linalg.matrix_rank(values, rtol=rcond) < min(a.shape[-2:])):
        raise NotExact("np.linalg.pinv of a matrix without full rank has no exact form here")
    return stacked(lambda m: pseudoinverse(algebra, m), a)


def pseudoinverse(algebra: Any, m: Any) -> Any:
    """Of one matrix of full rank."""
    hermitian = each(algebra.function("conj"), m.T) if any(
        type(x) is getattr(algebra, "complex_type", None) for x in m.ravel()) else m.T
    if m.shape[0] >= m.shape[1]:
        return solution(algebra, matmul(algebra, hermitian, m), hermitian)
    return matmul(algebra, hermitian, inverse(algebra, matmul(algebra, m, hermitian)))


@exact("lstsq")
def _lstsq(algebra: Any, node: Any, a: Any, b: Any, rcond: Any = None) -> Any:
    """Solution, squared residuals, rank and singular values, for a matrix of full rank."""
    _x, squares, rank, *values = node.value
    if int(rank) < min(a.shape):
        raise NotExact("np.linalg.lstsq of a matrix without full rank has no exact form here")
    found = matmul(algebra, pseudoinverse(algebra, a), b)
    rest_of = [EXACT["svdvals"](algebra, node, a) for _values in values]
    if not np.size(squares):
        return found, filled((0,), algebra.zero), algebra.array(rank), *rest_of
    rest = each(lambda p, q: algebra.absolute(p - q), b, matmul(algebra, a, found))
    sums = collect([algebra.total([v * v for v in column]) for column in rest.T], (rest.shape[1],))
    return found, sums, algebra.array(rank), *rest_of
