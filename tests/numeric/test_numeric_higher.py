"""Orders above one and Hessians, against derivatives known by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diffkit.errors import InputError, NotScalarError
from diffkit.numeric import derivative, hessian

# f, x, and its nth derivative by hand
KNOWN = [
    (np.exp, 0.7, lambda n: math.exp(0.7)),
    (np.exp, 0.0, lambda n: 1.0),
    (np.sin, 1.3, lambda n: math.sin(1.3 + n * math.pi / 2)),
    (lambda x: np.sin(100 * x), 0.3, lambda n: 100.0**n * math.sin(30 + n * math.pi / 2)),
    (lambda x: np.sin(1000 * x), 2.7, lambda n: 1000.0**n * math.sin(2700 + n * math.pi / 2)),
    (np.log, 2.0, lambda n: (-1.0) ** (n - 1) * math.factorial(n - 1) / 2.0**n),
    (np.log, 1e-6, lambda n: (-1.0) ** (n - 1) * math.factorial(n - 1) / 1e-6**n),
    (lambda x: 1 / x, 0.3, lambda n: (-1.0) ** n * math.factorial(n) / 0.3 ** (n + 1)),
    (lambda x: x**5, 1.5, lambda n: math.perm(5, n) * 1.5 ** (5 - n) if n <= 5 else 0.0),
    (lambda x: np.sqrt(x), 3.0, lambda n: math.prod(0.5 - k for k in range(n)) * 3.0 ** (0.5 - n)),
]


@pytest.mark.parametrize("n", [2, 3, 4, 6, 10])
@pytest.mark.parametrize("f, x, exact", KNOWN)
def test_claims_hold_in_every_order(f, x, exact, n):
    result = derivative(f, x, n)
    assert abs(result.value - exact(n)) <= result.error + 1e-12 * abs(exact(n))
    assert result.evaluations < 700


@pytest.mark.parametrize("f, x, exact", KNOWN)
def test_second_derivatives_are_accurate(f, x, exact):
    assert abs(derivative(f, x, 2).value / exact(2) - 1) < 1e-8
    assert abs(derivative(f, x, 3).value / exact(3) - 1) < 1e-6


def test_elementwise_orders():
    x = np.array([0.0, 0.5, 2.0])
    result = derivative(np.exp, x, 3)
    assert result.value.shape == (3,)
    assert np.all(np.abs(result.value - np.exp(x)) <= result.error)


def test_points_without_a_second_derivative():
    result = derivative(lambda x: x * abs(x), 0.0, 2)
    assert result.status == "kink" and result.error >= 2
    assert (result.left, result.right) == pytest.approx((-2, 2))
    for f, word in ((abs, "kink"), (np.sign, "jump"), (np.cbrt, "vertical")):
        result = derivative(f, 0.0, 2)
        assert result.status == word and np.isnan(result.value) and result.error == np.inf


def test_second_derivative_at_an_edge():
    result = derivative(lambda x: np.sqrt(x) * x**3, 0.0, 2)
    assert result.status == "one-sided" and abs(result.value) <= result.error < 1e-6


def test_noise_is_amplified_in_the_claim():
    result = derivative(lambda t: np.sin(t) + 1e-7 * np.sin(1e15 * t), 1.0, 2)
    assert abs(result.value + math.sin(1)) <= result.error < 1e-1


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def test_hessian_by_hand():
    x = np.array([-1.2, 1.0, 0.5])
    exact = np.zeros((3, 3))
    for i in range(2):
        exact[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        exact[i + 1, i + 1] += 200
        exact[i, i + 1] = exact[i + 1, i] = -400 * x[i]
    result = hessian(rosenbrock, x)
    assert np.all(np.abs(result.value - exact) <= result.error)
    assert np.all(result.error < 1e-6)
    assert np.array_equal(result.value, result.value.T)
    assert np.all(result.status == "ok")


def test_hessian_of_mixed_scales():
    x = np.array([2e6, 3e-6])
    result = hessian(lambda t: np.sin(t[0] / 1e6) * np.exp(t[1] * 1e6), x)
    s, c, e = math.sin(2), math.cos(2), math.exp(3)
    exact = np.array([[-s * e * 1e-12, c * e], [c * e, s * e * 1e12]])
    assert np.all(np.abs(result.value - exact) <= result.error)
    np.testing.assert_allclose(result.value, exact, rtol=1e-7)


def test_hessian_shapes():
    assert hessian(np.cos, 0.3).value.shape == ()
    assert hessian(lambda x: np.sum(x[0] * x[1] ** 2), np.ones((2, 2))).value.shape == (2, 2, 2, 2)
    assert hessian(np.sum, np.zeros((0, 2))).value.shape == (0, 2, 0, 2)
    batch = hessian(lambda x: np.prod(x, axis=-1), np.array([2.0, 3.0]), vectorized=True)
    np.testing.assert_allclose(batch.value, [[0, 1], [1, 0]], atol=1e-9)


def test_hessian_bad_input():
    with pytest.raises(NotScalarError):
        hessian(lambda x: x, np.ones(2))
    with pytest.raises(InputError):
        hessian(lambda x: x["a"], {"a": 1.0})
    with pytest.raises(InputError):
        hessian(lambda x: abs(x), 1j)
