"""Products of matrices and vectors: values to the last bit, derivatives in every mode, all spellings."""

import numpy as np
import pytest
from array_checks import check

import diffkit as dk
from diffkit.errors import UnsupportedArgumentError

rng = np.random.default_rng(3)


def real(*shape):
    return rng.normal(size=shape)


CASES = {
    **{f"dot {a} {b}": (np.dot, a, b) for a, b in [
        ((3,), (3,)), ((), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((2, 2, 3), (4, 3, 2)),
        ((2, 3), (4, 3, 2)), ((2, 2, 3), (3,))]},
    **{f"inner {a} {b}": (np.inner, a, b) for a, b in [((3,), (3,)), ((2, 3), (4, 3)), ((2, 2, 3), (3,)),
                                                        ((), (2,))]},
    **{f"kron {a} {b}": (np.kron, a, b) for a, b in [
        ((2,), (3,)), ((2, 3), (3, 2)), ((2,), (3, 2)), ((2, 1, 2), (3, 2)), ((), (2,))]},
    "vdot": (np.vdot, (2, 2), (2, 2)),
    "outer": (np.outer, (2, 2), (3,)),
    "linalg.outer": (np.linalg.outer, (2,), (3,)),
    "tensordot": (np.tensordot, (2, 3, 4), (3, 4, 2)),
    "tensordot 0": (lambda a, b: np.tensordot(a, b, 0), (2, 3), (2,)),
    "tensordot pairs": (lambda a, b: np.tensordot(a, b, ((0, -1), (1, 0))), (2, 3, 4), (4, 2, 2)),
    "tensordot ints": (lambda a, b: np.tensordot(a, b, (0, 1)), (2, 3), (4, 2)),
    "linalg.tensordot": (lambda a, b: np.linalg.tensordot(a, b, axes=1), (2, 3), (3, 2)),
    "cross": (np.cross, (2, 3), (3,)),
    "cross axis": (lambda a, b: np.cross(a, b, axis=0), (3, 2), (3, 2)),
    "cross axisa axisc": (lambda a, b: np.cross(a, b, axisa=0, axisc=0), (3, 2), (2, 3)),
    "linalg.cross": (np.linalg.cross, (2, 3), (2, 3)),
    "vecdot": (np.vecdot, (2, 3), (3,)),
    "linalg.vecdot": (lambda a, b: np.linalg.vecdot(a, b, axis=0), (3, 2), (3, 2)),
    "matvec": (np.matvec, (4, 2, 3), (4, 3)),
    "vecmat": (np.vecmat, (4, 2), (4, 2, 3)),
    "linalg.matmul": (np.linalg.matmul, (2, 3), (3, 2)),
    "matmul stacks": (np.matmul, (4, 1, 2, 3), (5, 3, 2)),
    "multi_dot": (lambda *a: np.linalg.multi_dot(a), (2, 3), (3, 4), (4, 5), (5, 2)),
    "multi_dot vectors": (lambda *a: np.linalg.multi_dot(a), (3,), (3, 4), (4, 2), (2,)),
    "einsum implicit": (lambda a, b: np.einsum("ij,jk", a, b), (2, 3), (3, 2)),
    "einsum ellipsis": (lambda a, b: np.einsum("...ij,jk->...ik", a, b), (4, 2, 3), (3, 2)),
    "einsum ellipses": (lambda a, b: np.einsum("i...,i...", a, b), (3, 4, 2), (3, 2)),
    "einsum lists": (lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [0, 2]), (2, 3), (3, 2)),
    "einsum lists ellipsis": (lambda a, b: np.einsum(a, [Ellipsis, 1], b, [1, 2]), (2, 3), (3, 2)),
    "einsum optimize": (lambda a, b, c: np.einsum("ij,jk,kl", a, b, c, optimize=True), (2, 3), (3, 2), (2, 2)),
    "einsum trace": (lambda a: np.einsum("ii", a), (3, 3)),
    "einsum diagonal": (lambda a: np.einsum("iji->ji", a), (2, 3, 2)),
    "einsum sorted output": (lambda a: np.einsum("ba", a), (3, 2)),
    "einsum unsummed": (lambda a, b: np.einsum("ij,k->ki", a, b), (2, 3), (2,)),
}


@pytest.mark.parametrize("name", CASES)
def test_value_and_derivatives(name):
    f, *shapes = CASES[name]
    check(f, *(real(*shape) for shape in shapes))


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("sizes", [(5, 3), (3, 5), (4, 4), (6, 2), (2, 6), (5, 4), (4, 1)], ids=str)
def test_sliding_products(sizes, mode):
    a, v = real(sizes[0]), real(sizes[1])
    check(lambda a, v: np.convolve(a, v, mode), a, v)
    check(lambda a, v: np.correlate(a, v, mode), a, v, second=False)


def test_complex_operands_by_hand():
    """d sum(w * vdot(a, b)) needs conj on the left operand only."""
    a, b = real(3) + 1j * real(3), real(3) + 1j * real(3)
    ga, gb = dk.grad(lambda a, b: np.real(np.vdot(a, b)), (0, 1))(a, b)
    # Re sum conj(a) b: along a = x + iy the slopes are Re b and Im b, so df/dx - i df/dy = conj(b).
    assert np.allclose(ga, np.conj(b), atol=1e-15) and np.allclose(gb, np.conj(a), atol=1e-15)
    ga, gb = dk.grad(lambda a, b: np.real(np.sum(np.correlate(a, b, "full") * np.arange(5))), (0, 1))(a, b)
    h = 1e-6
    for g, which in ((ga, 0), (gb, 1)):
        for k in range(3):
            e = np.eye(3)[k]
            def f(t, which=which, e=e):
                pair = [a, b]
                pair[which] = pair[which] + t * e
                return np.sum(np.correlate(*pair, "full") * np.arange(5)).real
            assert abs((f(h) - f(-h)) / (2 * h) - 1j * (f(1j * h) - f(-1j * h)) / (2 * h) - g[k]) < 1e-7


def test_a_pull_of_matmul_is_two_products(monkeypatch):
    from diffkit.rules.contractions import MATMUL
    calls = []
    monkeypatch.setattr(np, "swapaxes", lambda *args: calls.append(args))
    monkeypatch.setattr(np, "sum", lambda *args: calls.append(args))
    a, b, g = real(2, 3), real(3, 4), real(2, 4)
    ga, gb = MATMUL.pull(g, (a, b), {}, (0, 1))
    assert np.array_equal(ga, g @ b.T) and np.array_equal(gb, a.T @ g) and not calls


@pytest.mark.parametrize("sizes", [(2, 2), (2, 3), (3, 2)], ids=str)
@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
def test_cross_in_the_plane(sizes):
    """Taken until NumPy 2.5 took it away."""
    a, b = real(4, sizes[0]), real(sizes[1])
    if np.lib.NumpyVersion(np.__version__) < "2.5.0":
        check(np.cross, a, b)
        return
    with pytest.raises(ValueError, match="3-dimensional"):
        np.cross(a, b)
    with pytest.raises(ValueError, match="3-dimensional"):
        dk.grad(lambda a: np.sum(np.cross(a, b)))(a)


def test_single_precision_stays():
    a, b = real(2, 3).astype(np.float32), real(3, 2).astype(np.float32)
    for f in (np.matmul, np.dot, lambda a, b: np.einsum("ij,jk", a, b), lambda a, b: np.tensordot(a, b, 1), np.kron):
        ga, gb = dk.grad(lambda a, b, f=f: np.sum(f(a, b)), (0, 1))(a, b)
        assert ga.dtype == gb.dtype == np.float32


def test_lists_that_hold_traced_values():
    g = dk.grad(lambda x: np.sum(np.outer(x, [x[0], 2.0])))(np.array([2.0, 5.0]))
    assert np.array_equal(g, [2 * 2 + 5 + 2, 2 + 2])  # of (x0 + x1) (x0 + 2)


OUTSIDE = np.zeros((4, 4))  # an output made inside the trace takes the derivative


@pytest.mark.parametrize("call", [
    lambda x: np.dot(x, x, out=OUTSIDE[:2, :2]), lambda x: np.outer(x, x, out=OUTSIDE)])
def test_keywords_are_refused_by_name(call):
    with pytest.raises(UnsupportedArgumentError, match="out="):
        dk.grad(lambda x: np.sum(call(x)))(np.eye(2))


def test_wrong_shapes_raise_as_in_numpy():
    for call in (lambda x: np.tensordot(x, np.ones((3, 2)), 1), lambda x: x @ np.ones(3),
                 lambda x: np.linalg.cross(x, x), lambda x: np.convolve(x, x), lambda x: np.einsum("ij,jk,kl", x, x)):
        with pytest.raises(ValueError):
            call(np.eye(2))
        with pytest.raises(ValueError):
            dk.grad(lambda x, call=call: np.sum(call(x)))(np.eye(2))
