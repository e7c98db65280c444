"""QR, eigenvalues and singular values on exact scalars.

Vectors are free up to a phase: they are given the recorded run's, so that small moves of the input
move them smoothly as NumPy's own.  QR has a closed form (Gram-Schmidt); the others are mpmath's
iterations, and are refused in symbols by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.exact.arrays import collect, each
from diffkit.exact.matrices import stacked
from diffkit.exact.registry import NotExact, exact


def _numbers_only(algebra: Any, node: Any) -> Any:
    if algebra.symbolic:
        raise NotExact(f"np.linalg.{node.rule.name} has no closed form in symbols")
    return algebra.context


def _mpmath(context: Any, a: Any) -> Any:
    return context.matrix([list(row) for row in a])


def _from_mpmath(matrix: Any) -> Any:
    return collect([matrix[i, j] for i in range(matrix.rows) for j in range(matrix.cols)],
                   (matrix.rows, matrix.cols))


def _is_complex(node: Any) -> bool:
    return bool(node.inputs[0].dtype.kind == "c")


def _aligned(algebra: Any, columns: Any, recorded: Any, row: int | None = None) -> tuple[Any, list[Any]]:
    """Columns turned to the phase of the recorded ones in one row (each column's largest without it)."""
    columns, phases = columns.copy(), []
    for k in range(columns.shape[1]):
        place = int(np.argmax(np.abs(recorded[:, k]))) if row is None or recorded[row, k] == 0 else row
        ours, theirs = columns[place, k], algebra.scalar(recorded[place, k])
        phase = algebra.one
        if ours != 0 and theirs != 0:
            phase = (theirs / abs(theirs)) / (ours / abs(ours))
        columns[:, k] = [entry * phase for entry in columns[:, k]]
        phases.append(phase)
    return columns, phases


def _recorded(value: Any) -> Any:
    """The recorded matrices of a stack, one after the other."""
    value = np.asarray(value)
    return iter(value.reshape(-1, *value.shape[-2:]))


def hermitian(algebra: Any, m: Any, uplo: str, is_complex: bool) -> Any:
    """The matrix of which one triangle is read."""
    full = m.copy()
    conj = algebra.function("conj") if is_complex else lambda x: x
    real = algebra.function("re") if is_complex else lambda x: x
    for i in range(len(m)):
        full[i, i] = real(m[i, i])
        for j in range(i):
            if uplo.upper() == "L":
                full[j, i] = conj(m[i, j])
            else:
                full[i, j] = conj(m[j, i])
    return full


@exact("eigvalsh", "eigh")
def _eigh(algebra: Any, node: Any, a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues in ascending order, and vectors."""
    context, is_complex = _numbers_only(algebra, node), _is_complex(node)
    wants_vectors = node.rule.name == "eigh"
    recorded = _recorded(node.value[1]) if wants_vectors else None

    def one(m: Any) -> Any:
        full = _mpmath(context, hermitian(algebra, m, UPLO, is_complex))
        values, vectors = (context.eighe if is_complex else context.eigsy)(full)
        order = sorted(range(len(m)), key=lambda k: values[k])
        found = collect([values[k] for k in order], (len(m),))
        if recorded is None:
            return found
        # LAPACK makes the first or last component real: that row tells the phase.
        row = (0 if UPLO.upper() == "L" else len(m) - 1) if is_complex else None
        return found, _aligned(algebra, _from_mpmath(vectors)[:, order], next(recorded), row)[0]

    return stacked(one, a)


@exact("eig", "eigvals")
def _eig(algebra: Any, node: Any, a: Any) -> Any:
    """Eigenvalues in the recorded order, and vectors of length one."""
    context = _numbers_only(algebra, node)
    wants_vectors = node.rule.name == "eig"
    values_of = iter(np.asarray(node.value[0] if wants_vectors else node.value).reshape(-1, a.shape[-1]))
    recorded = _recorded(node.value[1]) if wants_vectors else None

    def one(m: Any) -> Any:
        values, vectors = context.eig(_mpmath(context, m))
        left, order = list(range(len(m))), []
        shown = next(values_of)
        for target in shown.tolist():
            best = min(left, key=lambda k: abs(values[k] - target))
            left.remove(best)
            order.append(best)
        real = shown.dtype.kind != "c"
        found = collect([context.re(values[k]) if real else values[k] for k in order], (len(m),))
        if recorded is None:
            return found
        columns = _from_mpmath(vectors)[:, order]
        for k in range(len(m)):
            length = context.sqrt(sum(abs(entry) ** 2 for entry in columns[:, k]))
            columns[:, k] = [entry / length for entry in columns[:, k]]
        columns, _phases = _aligned(algebra, columns, next(recorded))
        return found, each(context.re, columns) if real else columns

    return stacked(one, a)


@exact("svdvals")
def _svdvals(algebra: Any, node: Any, a: Any) -> Any:
    context = _numbers_only(algebra, node)
    svd = context.svd_c if _is_complex(node) else context.svd_r
    return stacked(lambda m: collect(sorted(svd(_mpmath(context, m), compute_uv=False), reverse=True),
                                     (min(m.shape),)), a)


@exact("svd")
def _svd(algebra: Any, node: Any, a: Any, full: bool = False) -> Any:
    """Singular values in descending order, and vectors."""
    context = _numbers_only(algebra, node)
    if full and a.shape[-1] != a.shape[-2]:
        raise NotExact("np.linalg.svd with full_matrices=True of a matrix that is not square returns an arbitrary "
                       "basis: it has no exact form")
    svd = context.svd_c if _is_complex(node) else context.svd_r
    recorded = _recorded(node.value[0])

    def one(m: Any) -> Any:
        u, s, vh = svd(_mpmath(context, m))
        order = sorted(range(len(s)), key=lambda k: -s[k])
        values = collect([s[k] for k in order], (len(s),))
        left, phases = _aligned(algebra, _from_mpmath(u)[:, order], next(recorded))
        right = _from_mpmath(vh)[order, :]
        for k, phase in enumerate(phases):
            right[k, :] = [entry / phase for entry in right[k, :]]
        return left, values, right

    return stacked(one, a)


@exact("qr")
def _qr(algebra: Any, node: Any, a: Any) -> Any:
    """Gram-Schmidt (twice, against rounding it is not needed here), with the recorded signs of R's diagonal."""
    if _is_complex(node) and algebra.symbolic:
        raise NotExact("np.linalg.qr of a complex matrix has no form in symbols here")
    conj = algebra.function("conj") if _is_complex(node) else lambda x: x
    sqrt = algebra.function("sqrt")
    recorded = _recorded(node.value[1])

    def one(m: Any) -> Any:
        rows, n = m.shape
        diagonal = np.diagonal(next(recorded))
        q, r = np.empty((rows, n), object), np.empty((n, n), object)
        r.fill(algebra.zero)
        for j in range(n):
            rest = list(m[:, j])
            for i in range(j):
                r[i, j] = algebra.total([conj(p) * v for p, v in zip(q[:, i], m[:, j])])
                rest = [v - r[i, j] * p for p, v in zip(q[:, i], rest)]
            length = sqrt(algebra.total([v * conj(v) for v in rest]))
            if diagonal[j].real < 0:
                length = -length
            r[j, j] = length
            q[:, j] = [v / length for v in rest]
        return q, r

    return stacked(one, a)
