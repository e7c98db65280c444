"""The symbolic method's two routes, against hand derivations, mpmath and each other."""

import mpmath
import numpy as np
import pytest

import diffkit as dk
from diffkit.arguments import split
from diffkit.errors import SymbolicError
from diffkit.symbolic import hessian_leaves, jacobian_leaves, leaves
from diffkit.symbolic.operations import Operations


def first(f, *args, **kwargs):
    return jacobian_leaves(f, split(args, tuple(range(len(args))), f), kwargs)


def second(f, *args):
    return hessian_leaves(f, split(args, tuple(range(len(args))), f), {})


def by_operation(f, *args):
    found = leaves._recorded(f, split(args, tuple(range(len(args))), f), {}, False)
    return Operations(found)


def test_outs_structure_blocks_and_aux():
    def f(x, scale=1.0):
        return {"s": scale * np.sum(x**2), "c": 2.0}, ("extra", x)

    moving = split((np.array([1.0, 2.0]),), 0, f)
    found = jacobian_leaves(f, moving, {"scale": 3.0}, has_aux=True)
    outs, structure, blocks, aux = found
    assert [float(out) for out in outs] == [15.0, 2.0]
    assert dk.tree.unflatten(structure, outs) == {"s": 15.0, "c": 2.0}
    assert blocks[0][0].tolist() == [6.0, 12.0] and blocks[1][0].tolist() == [0.0, 0.0]
    assert aux[0] == "extra" and aux[1].tolist() == [1.0, 2.0]
    assert found.route == "expanded"


def test_correct_to_the_last_bit_where_float64_cancels():
    # d/dx (1 - cos x)/x^2 = -x/12 + O(x^3); at 1e-8 plain float64 has no digit.
    found = first(lambda x: (1 - np.cos(x)) / x**2, 1e-8)
    with mpmath.workdps(60):
        exact = float(mpmath.diff(lambda t: (1 - mpmath.cos(t)) / t**2, mpmath.mpf(1e-8), h=mpmath.mpf(10) ** -25))
    assert float(found[2][0][0]) == exact


def test_floats_enter_with_their_binary_value():
    f = lambda x: (x - 0.1) * 1e17
    assert float(first(lambda x: f(x) ** 2, 0.1)[2][0][0]) == 0.0


def test_large_programs_go_operation_by_operation():
    generator = np.random.default_rng(0)
    data, labels = generator.normal(size=(200, 5)), generator.integers(0, 2, 200)

    def loss(w):
        z = data @ w
        return np.sum(np.logaddexp(0, z) - labels * z)

    w = generator.normal(size=5)
    found = first(loss, w)
    p = 1 / (1 + np.exp(-data @ w))
    assert found.route == "operation by operation"
    np.testing.assert_allclose(found[2][0][0], data.T @ (p - labels), rtol=1e-13)
    hessian = second(loss, w)
    assert hessian.route == "operation by operation"
    np.testing.assert_allclose(hessian[0][0], (data.T * (p * (1 - p))) @ data, rtol=1e-12)


def test_saturated_functions_keep_their_digits():
    found = by_operation(lambda x: np.tanh(x) + np.log1p(np.exp(-x)), np.array([15.0, 300.0])).jacobian()[0][0]
    for entry, value in zip(np.diagonal(found), (15.0, 300.0)):
        with mpmath.workdps(400):
            exact = 1 / mpmath.cosh(value) ** 2 - 1 / (1 + mpmath.exp(value))
        assert entry == pytest.approx(float(exact), rel=1e-15)


PROGRAMS = [
    (lambda x: np.sum(x**3 * np.sin(x)), (np.array([0.3, 0.9]),)),
    (lambda x, y: np.sum(np.arctan2(x, y) * np.hypot(x, y)), (np.array([0.3, 0.9]), np.array([0.5, 0.2]))),
    (lambda x: np.linalg.solve(np.array([[2.0, 0.3], [0.1, 1.0]]) * x[0], x)[1], (np.array([0.3, 0.9]),)),
    (lambda x: np.sum(np.linalg.inv(np.outer(x, x) + np.eye(2)) ** 2), (np.array([0.3, 0.9]),)),
    (lambda x: np.where(x > 0.5, x**2, np.exp(x)) @ np.sort(x)[::-1], (np.array([0.3, 0.9]),)),
    (lambda x: np.max(x) * np.min(x) + np.maximum(x[0], x[1] ** 2), (np.array([0.3, 0.9]),)),
    (lambda x: np.einsum("i,j,ij->", x, x, np.array([[1.0, 2.0], [0.5, 1.0]])), (np.array([0.3, 0.9]),)),
    (lambda x: np.linalg.norm(x) * np.std(x), (np.array([0.3, 0.9, 0.4]),)),
    (lambda x: np.abs(np.exp(1j * x[0]) * x[1] + x[0]) ** 2, (np.array([0.3, 0.9]),)),
    (lambda x: np.logaddexp.reduce(x**2), (np.array([0.3, 0.9]),)),
]


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_the_two_routes_agree_in_first_and_second_order(number):
    f, args = PROGRAMS[number]
    expanded, operations = first(f, *args), by_operation(f, *args)
    assert expanded.route == "expanded"
    for a, b in zip(expanded[2][0], operations.jacobian()[0]):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-14)
    curved = second(f, *args)
    assert curved.route == "expanded"
    for row, other in zip(curved, operations.hessian()):
        for a, b in zip(row, other):
            np.testing.assert_allclose(b, a, rtol=1e-11, atol=1e-12)


def test_textbook_formulas_against_the_complex_step():
    # f(x + i h) with a tiny h: the derivative of a holomorphic function without a rule.
    generator = np.random.default_rng(1)
    a = generator.normal(size=(3, 3)) + 3 * np.eye(3)

    def check(f, x):
        found = by_operation(f, x).jacobian()[0][0]
        for entry in np.ndindex(*x.shape):
            moved = x.astype(complex)
            moved[entry] += 1e-30j
            np.testing.assert_allclose(found[(..., *entry)], np.imag(f(moved)) / 1e-30, rtol=1e-11, atol=1e-13)

    check(np.linalg.inv, a)
    check(np.linalg.det, a)
    check(lambda m: np.linalg.solve(m, np.arange(3.0) + m[0]), a)
    check(np.prod, a[0])
    check(np.cumprod, a[0])
    check(lambda m: m @ np.diag(m[0]) @ m, a)
    check(lambda v: np.fft.fft(v).real if v.dtype != complex else np.fft.fft(v.imag).real * 1j, a[0])


def test_factors_against_finite_differences_of_their_own():
    generator = np.random.default_rng(2)
    square = generator.normal(size=(3, 3))
    for f, a in [(np.linalg.cholesky, square @ square.T + np.eye(3)), (np.linalg.eigvalsh, square + square.T),
                 (np.linalg.svdvals, square), (np.linalg.pinv, square[:, :2]),
                 (lambda m: np.linalg.slogdet(m)[1], square), (lambda v: np.linalg.norm(v, 3, axis=0), square)]:
        found = by_operation(f, a).jacobian()[0][0]
        for entry in np.ndindex(*a.shape):
            moved = np.zeros(a.shape)
            moved[entry] = 1e-5
            slope = (8 * (f(a + moved) - f(a - moved)) - f(a + 2 * moved) + f(a - 2 * moved)) / 12e-5
            np.testing.assert_allclose(found[(..., *entry)], slope, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("f, x, slope", [
    (np.abs, 0.0, 0.0),
    (lambda x: np.maximum(x, 0), 0.0, 0.5),
    (lambda x: x**2, 0.0, 0.0),
    (lambda x: x**0.0, 0.0, 0.0),
    (np.max, np.ones(3), [1 / 3] * 3),
    (np.median, np.ones(3), [1 / 3] * 3),
    (np.linalg.norm, np.zeros(2), [0.0, 0.0]),
    (np.std, np.ones(3), [0.0] * 3),
    (lambda x: np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), x), 0.0, 1.0),
    (lambda x: np.sum(np.array([[1.0, 0.0], [2.0, 1.0]]) @ x) + np.sum(x**2), np.zeros(2), [3.0, 1.0]),
])
def test_kinks_follow_the_conventions(f, x, slope):
    assert first(f, x)[2][0][0].tolist() == slope
    assert by_operation(f, x).jacobian()[0][0].tolist() == slope


def test_precision_of_the_result():
    found = first(lambda x: np.sum(x**2), np.ones(2, np.float32))
    assert found[2][0][0].dtype == np.float32


def test_refusals():
    with pytest.raises(SymbolicError, match="complex"):
        first(np.abs, np.array([1 + 1j]))
    with pytest.raises(SymbolicError, match=r"np\.linalg\.svd .*has no formula"):
        first(lambda a: np.linalg.svd(a)[0], np.eye(2) + 0.1)
    with pytest.raises(SymbolicError, match="several"):
        second(lambda x: x, np.ones(2))
    with pytest.raises(SymbolicError, match="another transform"):
        dk.grad(lambda x: np.sum(first(lambda y: y**2, x)[2][0][0]))(np.ones(2))


def test_the_users_own_error_comes_through():
    def f(x):
        raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        first(f, 1.0)


def test_through_the_public_transforms():
    f = lambda x: np.sum(x**3)
    x = np.array([1.0, 2.0])
    assert dk.grad(f, method="symbolic")(x).tolist() == [3.0, 12.0]
    assert dk.hessian(f, method="symbolic")(x).tolist() == [[6.0, 0.0], [0.0, 12.0]]
    assert dk.jacobian(lambda x: x**2, method="symbolic")(x).tolist() == [[2.0, 0.0], [0.0, 4.0]]


def test_thousands_of_entries_share_one_precision(monkeypatch):
    """A context of mpmath's for every entry took nine tenths of the time."""
    made = []
    monkeypatch.setattr(mpmath, "MPContext", lambda real=mpmath.MPContext: made.append(1) or real())
    x = np.linspace(1.0, 2.0, 300)
    found = first(lambda x, n: np.sum(np.sin(x) ** n), x, np.full(300, 2.5))
    exact = [float(5 * mpmath.sin(t) ** 1.5 * mpmath.cos(t) / 2) for t in x]
    assert len(made) < 20
    np.testing.assert_allclose(found[2][0][0], exact, rtol=1e-14)
