"""Batched sweeps: Jacobians in chunks equal the ones swept row by row, and the formulas."""

import numpy as np
import pytest

import diffkit as dk
from diffkit import tree
from diffkit.transforms import directions

A = np.random.default_rng(0).normal(size=(7, 6))
X = np.random.default_rng(1).normal(size=6)


def smooth(x):
    return np.tanh(A @ np.sin(x)) * x[0]


def pieces(x):
    """Containers, an unused result, a write, a reduction, a constant."""
    z = np.zeros(5)
    z[1:4] = x["a"][:3] ** 2
    z[:2] += x["b"][0]
    return {"z": z, "s": [np.sum(x["a"]) * x["b"], 3.0], "m": np.max(x["a"]) * np.ones((2, 2))}


CASES = [(smooth, X), (pieces, {"a": X, "b": X[:2] ** 2}), (lambda x: np.cumprod(x[::-1]), X),
         (lambda x: np.linalg.inv(np.outer(x, x) + np.eye(6)), X), (lambda x: np.convolve(x, x[:3]), X),
         (lambda x: np.sort(x)[:, None] * x, X), (lambda x: x.astype(np.float32) ** 2, X)]


@pytest.mark.parametrize("number", range(len(CASES)))
@pytest.mark.parametrize("method", ["reverse", "forward"])
@pytest.mark.parametrize("chunk", [1, 200, 1 << 22])
def test_chunks_equal_single_sweeps(number, method, chunk, monkeypatch):
    f, x = CASES[number]
    monkeypatch.setattr(directions, "FEW", 10 ** 9)
    expected, structure = tree.flatten(dk.jacobian(f, method=method)(x))
    monkeypatch.setattr(directions, "FEW", 2)
    monkeypatch.setattr(directions, "CHUNK", chunk)
    found, other = tree.flatten(dk.jacobian(f, method=method)(x))
    assert structure == other
    for a, b in zip(found, expected):
        assert a.shape == b.shape and a.dtype == b.dtype and np.allclose(a, b, rtol=1e-14, atol=1e-14)


def test_a_jacobian_by_hand():
    expected = (1 - np.tanh(A @ np.sin(X)) ** 2)[:, None] * A * np.cos(X) * X[0]
    expected[:, 0] += np.tanh(A @ np.sin(X))
    for method in ("auto", "reverse", "forward"):
        f = dk.jacobian(smooth, method=method)
        assert np.allclose(f(X), expected, rtol=1e-14, atol=1e-14)
        assert np.allclose(dk.compile(f)(X), expected, rtol=1e-14, atol=1e-14)


def test_rosenbrocks_hessian_by_hand():
    def f(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    x = np.linspace(-1.5, 2, 12)
    expected = np.diag(np.r_[1200 * x[:-1] ** 2 - 400 * x[1:] + 2, 0] + np.r_[0, np.full(11, 200.0)])
    expected += np.diag(-400 * x[:-1], 1) + np.diag(-400 * x[:-1], -1)
    for method in ("auto", "reverse", "forward"):
        h = dk.hessian(f, method=method)
        assert np.allclose(h(x), expected, rtol=1e-14, atol=0)
        assert np.allclose(dk.compile(h)(x), expected, rtol=1e-14, atol=0)


def test_complex_rows_are_checked_one_by_one():
    z = X + 1j * X[::-1]
    assert np.allclose(dk.jacobian(lambda z: z ** 2 * 1j)(z), np.diag(2j * z))
    assert np.allclose(dk.jacobian(lambda z: z ** 2 * 1j, method="forward")(z), np.diag(2j * z))
    with pytest.raises(dk.errors.HolomorphicError):
        dk.jacobian(lambda z: z * np.where(np.arange(6) == 5, np.conj(z), 1e9))(z)


@pytest.mark.parametrize("method", ["reverse", "forward"])
def test_a_dead_branch_in_one_row_leaves_the_others(method):
    def f(x):
        return np.where(x > 0, np.sqrt(x), 0.0) * np.sum(x)

    x = np.array([1.0, 0.0, 4.0, 9.0, 0.0])
    root = np.sqrt(x)
    expected = root[:, None] + np.diag([0.5 * 14, 0, 0.25 * 14, 14 / 6, 0])
    assert np.allclose(dk.jacobian(f, method=method)(x), expected, rtol=1e-15)


@pytest.mark.parametrize("method", ["reverse", "forward"])
def test_a_function_with_its_own_rule_is_swept_row_by_row(method):
    @dk.custom_jvp
    def cube(x):
        return x ** 3

    cube.defjvp(lambda primals, tangents: (primals[0] ** 3, 3 * primals[0] ** 2 * tangents[0]))
    assert np.allclose(dk.jacobian(lambda x: cube(x) * x, method=method)(X), np.diag(4 * X ** 3))


def test_a_jacobian_is_differentiated_again():
    third = dk.jacobian(dk.jacobian(lambda x: x[:3] ** 3))(X)
    expected = np.zeros((3, 6, 6))
    expected[range(3), range(3), range(3)] = 6 * X[:3]
    assert np.allclose(third, expected)
    assert np.allclose(dk.grad(lambda x: np.sum(dk.jacobian(smooth)(x) ** 2))(X),
                       dk.grad(lambda x: np.sum(dk.jacobian(smooth, method="forward")(x) ** 2), method="forward")(X))
