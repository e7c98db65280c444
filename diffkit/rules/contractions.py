"""Products of matrices and vectors: matmul, and the functions that are matmul in disguise.

``matmul`` is the row; dot, inner, tensordot and their kin bring their operands to it by
the reshapes that NumPy itself makes, so that values agree to the last bit.  The adjoint
of g = a @ b is  g b^T  for a and  a^T g  for b, without conjugation (see ``kinds``).
Contractions over named indices are in ``einsum``, sliding products in ``convolution``.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from diffkit.rules.calls import NUMPY_2_5, as_array, normal_axis, refuse_out
from diffkit.rules.kinds import FUNCTIONS, answers, multilinear


def _swap(a: Any) -> Any:
    return a.T if a.ndim == 2 else np.swapaxes(a, -1, -2)


def _matmul_left(g: Any, a: Any, b: Any) -> Any:
    """g_ij b_kj, for vectors and stacks of matrices too."""
    if b.ndim == 2 and a.ndim > 1:
        return g @ b.T
    if b.ndim == 1:
        return g[..., None] * b
    if a.ndim == 1 and b.ndim == 2:
        return b @ g
    if a.ndim == 1:  # summed over b's stack
        return np.sum(np.reshape(_times_vector(b, g), (-1, b.shape[-2])), axis=0)
    return g @ _swap(b)


def _matmul_right(g: Any, a: Any, b: Any) -> Any:
    """a_ki g_kj, for vectors and stacks of matrices too."""
    if a.ndim == 2 and b.ndim > 1:
        return a.T @ g
    if a.ndim == 1:
        return a[:, None] * g[..., None, :] if b.ndim > 1 else g * a
    if b.ndim == 1 and a.ndim == 2:
        return a.T @ g
    if b.ndim == 1:
        return np.sum(np.reshape(_times_vector(_swap(a), g), (-1, a.shape[-1])), axis=0)
    return _swap(a) @ g


def _times_vector(a: Any, x: Any) -> Any:
    """Matrix times vector, stack by stack."""
    return (a @ x[..., None])[..., 0]


MATMUL = multilinear(np.matmul, (_matmul_left, _matmul_right), name="matmul", call=operator.matmul)
FUNCTIONS[np.matmul] = MATMUL


@answers(np.linalg.matmul)
def matmul(x1: Any, x2: Any, /) -> Any:
    """Matrix product, stack by stack."""
    return MATMUL(as_array(x1), as_array(x2))


@answers(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum over pairs of axes: both operands as matrices, one product, and the axes back."""
    a, b = as_array(a), as_array(b)
    try:
        left, right = axes
    except TypeError:
        left, right = range(-int(axes), 0), range(int(axes))
    left, right = ([int(i) for i in np.atleast_1d(np.asarray(side, dtype=np.intp))] for side in (left, right))
    left = [normal_axis(i, a.ndim) for i in left]
    right = [normal_axis(i, b.ndim) for i in right]
    if [a.shape[i] for i in left] != [b.shape[i] for i in right]:
        raise ValueError("shape-mismatch for sum")
    rest_a = [i for i in range(a.ndim) if i not in left]
    rest_b = [i for i in range(b.ndim) if i not in right]
    shape_a, shape_b = [a.shape[i] for i in rest_a], [b.shape[i] for i in rest_b]
    count = math.prod(a.shape[i] for i in left)
    matrix_a = np.reshape(np.transpose(a, rest_a + left), (math.prod(shape_a), count))
    matrix_b = np.reshape(np.transpose(b, right + rest_b), (count, math.prod(shape_b)))
    return np.reshape(matrix_a @ matrix_b, (*shape_a, *shape_b))


@answers(np.linalg.tensordot)
def _linalg_tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return tensordot(x1, x2, axes)


def _own(g: Any, a: Any, b: Any) -> tuple[list[int], list[int]]:
    """The axes of g that came from a, and those that came from b."""
    return list(range(a.ndim - 1)), list(range(a.ndim - 1, g.ndim))


def _dot_left(g: Any, a: Any, b: Any) -> Any:
    return tensordot(g, b, (_own(g, a, b)[1], [i for i in range(b.ndim) if i != max(b.ndim - 2, 0)]))


def _dot_right(g: Any, a: Any, b: Any) -> Any:
    left = _own(g, a, b)[0]
    return np.moveaxis(tensordot(a, g, (left, left)), 0, max(b.ndim - 2, 0))


# For more than two axes; values as NumPy sums them, adjoints by tensordot.
DOT = multilinear(lambda a, b: np.dot(a, b), (_dot_left, _dot_right), name="dot")
INNER = multilinear(lambda a, b: np.inner(a, b),
                    (lambda g, a, b: tensordot(g, b, (_own(g, a, b)[1], list(range(b.ndim - 1)))),
                     lambda g, a, b: tensordot(g, a, (_own(g, a, b)[0], list(range(a.ndim - 1))))), name="inner")


@answers(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """Sum over a's last axis and b's last but one (its only one, if it is a vector)."""
    refuse_out("dot", out)
    a, b = as_array(a), as_array(b)
    if not a.ndim or not b.ndim:
        return a * b
    return MATMUL(a, b) if a.ndim <= 2 and b.ndim <= 2 else DOT(a, b)


@answers(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """Sum over the last axes of both."""
    a, b = as_array(a), as_array(b)
    return INNER(a, b) if a.ndim and b.ndim else a * b


@answers(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """Sum of conj(a) * b over all entries."""
    return MATMUL(np.reshape(_conjugate(as_array(a)), (-1,)), np.reshape(as_array(b), (-1,)))


def _conjugate(a: Any) -> Any:
    return np.conjugate(a) if a.dtype.kind == "c" else a


@answers(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """All products of an entry of a and one of b."""
    refuse_out("outer", out)
    return np.reshape(as_array(a), (-1, 1)) * np.reshape(as_array(b), (1, -1))


@answers(np.linalg.outer)
def _linalg_outer(x1: Any, x2: Any, /) -> Any:
    x1, x2 = as_array(x1), as_array(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"Input arrays must be one-dimensional, but they are {x1.ndim=} and {x2.ndim=}.")
    return outer(x1, x2)


@answers(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Blocks a_ij * b."""
    a, b = as_array(a), as_array(b)
    ndim = max(a.ndim, b.ndim)
    shape_a = (1,) * (ndim - a.ndim) + tuple(a.shape)
    shape_b = (1,) * (ndim - b.ndim) + tuple(b.shape)
    left = np.reshape(a, tuple(n for size in shape_a for n in (size, 1)))
    right = np.reshape(b, tuple(n for size in shape_b for n in (1, size)))
    return np.reshape(left * right, tuple(m * n for m, n in zip(shape_a, shape_b)))


@answers(np.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Sum of conj(x1) * x2 over one axis."""
    x1, x2 = as_array(x1), as_array(x2)
    if axis != -1:
        x1, x2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    return (_conjugate(x1)[..., None, :] @ x2[..., None])[..., 0, 0]


FUNCTIONS[np.linalg.vecdot] = vecdot


@answers(np.matvec)
def matvec(x1: Any, x2: Any, /) -> Any:
    """Matrices times vectors, stack by stack."""
    return _times_vector(as_array(x1), as_array(x2))


@answers(np.vecmat)
def vecmat(x1: Any, x2: Any, /) -> Any:
    """Conjugated vectors times matrices, stack by stack."""
    return (_conjugate(as_array(x1))[..., None, :] @ as_array(x2))[..., 0, :]


@answers(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    """Vector product in three dimensions; before NumPy 2.5 a vector of two lies in their plane."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(as_array(a), axisa, -1), np.moveaxis(as_array(b), axisb, -1)
    if not {a.shape[-1], b.shape[-1]} <= ({3} if NUMPY_2_5 else {2, 3}):
        raise ValueError("Both input arrays must be (arrays of) 3-dimensional vectors, "
                         f"but they are {a.shape[-1]} and {b.shape[-1]} dimensional instead.")
    if a.shape[-1] == b.shape[-1] == 2:
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    a, b = (np.concatenate([x, np.zeros((*x.shape[:-1], 1), x.dtype)], axis=-1) if x.shape[-1] == 2 else x
            for x in (a, b))
    ahead, behind = np.array([1, 2, 0]), np.array([2, 0, 1])
    return np.moveaxis(a[..., ahead] * b[..., behind] - a[..., behind] * b[..., ahead], -1, axisc)


@answers(np.linalg.cross)
def _linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    x1, x2 = as_array(x1), as_array(x2)
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ValueError("Both input arrays must be (arrays of) 3-dimensional vectors, "
                         f"but they are {x1.shape[axis]} and {x2.shape[axis]} dimensional instead.")
    return cross(x1, x2, axis=axis)


@answers(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    """A product of several matrices, in the order that costs the fewest multiplications."""
    refuse_out("linalg.multi_dot", out)
    arrays = [as_array(a) for a in arrays]
    if len(arrays) < 2:
        raise ValueError("Expecting at least two arrays.")
    first, last = arrays[0].ndim == 1, arrays[-1].ndim == 1
    if first:
        arrays[0] = arrays[0][None, :]
    if last:
        arrays[-1] = arrays[-1][:, None]
    sizes = [arrays[0].shape[0]] + [a.shape[1] for a in arrays]
    product = _chain(arrays, _cheapest(sizes), 0, len(arrays))
    return product[(0 if first else slice(None), 0 if last else slice(None))] if first or last else product


def _cheapest(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to split each run of matrices i..j (dynamic programming over run lengths)."""
    count = len(sizes) - 1
    cost = {(i, i + 1): 0 for i in range(count)}
    split: dict[tuple[int, int], int] = {}
    for length in range(2, count + 1):
        for i in range(count - length + 1):
            j = i + length
            options = {k: cost[i, k] + cost[k, j] + sizes[i] * sizes[k] * sizes[j] for k in range(i + 1, j)}
            split[i, j] = min(options, key=options.__getitem__)
            cost[i, j] = options[split[i, j]]
    return split


def _chain(arrays: list[Any], split: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if j == i + 1:
        return arrays[i]
    k = split[i, j]
    return _chain(arrays, split, i, k) @ _chain(arrays, split, k, j)
