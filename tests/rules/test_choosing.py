"""Choosing by bits gives what np.where gives, bit for bit, and takes over only where it may."""

import numpy as np
import pytest

import diffkit as dk
from diffkit.rules import choosing

SPECIAL = [np.nan, np.inf, -np.inf, -0.0, 0.0, 5e-324, -1e308, 1.0]


def bits(array):
    return array.dtype, array.shape, array.view(f"u{array.dtype.itemsize}").tolist()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(600,), (16, 40), (5, 8, 20)])
def test_the_same_bits_as_where(dtype, shape):
    rng = np.random.default_rng(0)
    with np.errstate(over="ignore"):
        array = rng.choice(SPECIAL, shape).astype(dtype)
    condition = rng.random(shape) < 0.5
    for zero in (0, 0.0):
        for a, c in ((array, condition), (array.T, condition.T), (array[::-1], condition), (array, condition[::-1])):
            assert bits(choosing.choose(c, zero, a)) == bits(np.where(c, zero, a))
            assert bits(choosing.choose(c, a, zero)) == bits(np.where(c, a, zero))


@pytest.mark.parametrize(("x", "y"), [
    (-0.0, np.ones(600)), (1.0, np.ones(600)), (False, np.ones(600)), (0.0, np.ones(600, complex)),
    (0, np.arange(600)), (0.0, np.ones((3, 600))), (0.0, np.ones(1)), (0.0, np.ones(600, np.float16)),
    (np.ones(600), np.zeros(600)), (0.0, 2.0),
])
def test_anything_else_is_wheres(x, y):
    condition = np.arange(600) % 3 == 0
    for found, wanted in ((choosing.choose(condition, x, y), np.where(condition, x, y)),
                          (choosing.choose(condition, y, x), np.where(condition, y, x)),
                          (choosing.choose(condition.astype(int), x, y), np.where(condition, x, y))):
        assert found.dtype == wanted.dtype and found.shape == wanted.shape
        assert found.tobytes() == wanted.tobytes()


def test_what_is_not_chosen_does_not_poison_a_long_gradient():
    x = np.linspace(-1.0, 1.0, 1001)
    x[500] = 0.0
    found = dk.grad(lambda x: np.sum(np.where(x > 0, np.sqrt(np.abs(x)), 0.0)))(x)
    positive = x > 0
    np.testing.assert_array_equal(found[~positive], 0.0)
    np.testing.assert_allclose(found[positive], 0.5 / np.sqrt(x[positive]), rtol=1e-15)
    second = dk.derivative(lambda x: np.where(x <= 0, 0.0, x**3), 2)(x)
    np.testing.assert_allclose(second, np.where(positive, 6 * x, 0), rtol=1e-15)
