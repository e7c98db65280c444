"""Activations against torch (values, gradients) and against 400-digit formulas (all digits, both tails)."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from diffkit import nn
from diffkit.transforms import grad

from .references import REFERENCES

POINTS = np.array(REFERENCES["activations"]["points"])
ROWS = np.array(REFERENCES["activations"]["rows"])
WEIGHTS = np.array([1.0, 2.0, -1.0])
FUNCTIONS = {
    "relu": nn.relu, "leaky_relu": nn.leaky_relu, "elu": nn.elu, "selu": nn.selu, "gelu": nn.gelu,
    "gelu_approximate": lambda x: nn.gelu(x, approximate=True), "sigmoid": nn.sigmoid, "silu": nn.silu,
    "tanh": nn.tanh, "softplus": nn.softplus, "log_sigmoid": nn.log_sigmoid,
    "softmax": lambda x: WEIGHTS * nn.softmax(x), "log_softmax": lambda x: WEIGHTS * nn.log_softmax(x),
}

with mpmath.workdps(60):
    ALPHA, SCALE = mpmath.mpf("1.6732632423543772848170429916717"), mpmath.mpf("1.0507009873554804934193349852946")


def _mp_sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


EXACT = {
    "elu": lambda x: x if x > 0 else mpmath.expm1(x),
    "selu": lambda x: SCALE * (x if x > 0 else ALPHA * mpmath.expm1(x)),
    "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "sigmoid": _mp_sigmoid,
    "silu": lambda x: x * _mp_sigmoid(x),
    "tanh": mpmath.tanh,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "log_sigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
}


def slope(function, x):
    return grad(lambda x: np.sum(function(x)))(x)


def inputs(name):
    return ROWS if "softmax" in name else POINTS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_value_equals_torch(name):
    found = FUNCTIONS[name](inputs(name))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, REFERENCES["activations"]["table"][name]["value"], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_equals_torch(name):
    found = slope(FUNCTIONS[name], inputs(name))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, REFERENCES["activations"]["table"][name]["gradient"], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", EXACT)
def test_value_and_slope_are_right_to_the_last_digits(name):
    # Relative accuracy also in the tails, where torch and the textbook formula have no digit left.
    points = np.array([-700.0, -300.0, -40.0, -12.0, -5.0, -1.0, -1e-3, 1e-3, 0.5, 2.0, 12.0, 30.0])
    if name == "gelu":
        points = points[points > -38]  # beyond, Φ itself is below the smallest float
    values = FUNCTIONS[name](points)
    with mpmath.workdps(400):  # e⁻⁷⁰⁰ beside 1 has its first digit at the 304th place
        exact = np.array([float(EXACT[name](mpmath.mpf(x))) for x in points])
        slopes = np.array([float(mpmath.diff(EXACT[name], mpmath.mpf(x))) for x in points])
    # The argument of erfc is squared and exponentiated: its rounding grows with x².
    scale = np.maximum(1, points**2 / 4) if name == "gelu" else 1
    assert (np.abs(values / exact - 1) < 4e-15 * scale).all()
    if name == "tanh":
        return
    found = slope(FUNCTIONS[name], points)
    assert (np.abs(found - slopes) < 1e-14 * scale * np.abs(slopes) + 1e-300).all()


def test_sigmoid_numbers():  # rows 2 and 4 of the notes
    assert nn.sigmoid(np.float64(1.0)) == pytest.approx(0.731059, abs=5e-7)
    np.testing.assert_allclose(slope(nn.sigmoid, np.array([0.0, 5.0, 10.0])), [0.25, 0.0066481, 4.5396e-5], rtol=1e-5)
    np.testing.assert_array_equal(nn.sigmoid(np.array([-1000.0, 1000.0])), [0, 1])
    assert np.isfinite(slope(nn.sigmoid, np.array([-1000.0, 1000.0]))).all()
    x = np.array([-1.0, -2.0])
    dot = lambda x: nn.sigmoid(np.sum(np.array([2.0, -3.0]) * x) - 3.0)
    np.testing.assert_allclose(grad(dot)(x), [0.393224, -0.589836], atol=5e-7)


def test_relu_at_its_kink():  # row 22
    np.testing.assert_array_equal(slope(nn.relu, np.array([-0.0, 0.0])), [0, 0])
    assert np.isnan(nn.relu(np.nan))


def test_softmax_does_not_see_a_shift():  # row 27
    x = np.random.default_rng(0).standard_normal((4, 5))
    np.testing.assert_allclose(nn.softmax(x + 1e4), nn.softmax(x), atol=1e-12)
    np.testing.assert_allclose(nn.softmax(x, axis=0).sum(axis=0), 1, rtol=1e-15)
    np.testing.assert_allclose(np.exp(nn.log_softmax(x, axis=0)), nn.softmax(x, axis=0), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_dtype_is_kept(name, dtype):
    function = {"softmax": nn.softmax, "log_softmax": nn.log_softmax}.get(name, FUNCTIONS[name])
    x = np.array([-50.0, -1.0, 0.0, 3.0, 50.0], dtype)
    assert function(x).dtype == dtype
    assert slope(function, x).dtype == dtype
    assert function([1.0, 2.0]).shape == (2,)


@pytest.mark.parametrize("name", ["sigmoid", "silu", "softplus", "log_sigmoid", "tanh"])
def test_second_derivatives(name):
    # Also at 0, where the two branches of a formula meet.
    points = np.array([-30.0, -1.0, 0.0, 0.5, 3.0])
    found = grad(lambda x: np.sum(slope(FUNCTIONS[name], x)))(points)
    with mpmath.workdps(60):
        exact = [float(mpmath.diff(EXACT[name], mpmath.mpf(x), 2)) for x in points]
    np.testing.assert_allclose(found, exact, rtol=2e-12, atol=2e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_forward_mode_gives_the_same(name):
    x = inputs(name)[1] if "softmax" in name else inputs(name)[2:12]
    reverse = slope(FUNCTIONS[name], x)
    forward = grad(lambda x: np.sum(FUNCTIONS[name](x)), method="forward")(x)
    np.testing.assert_allclose(forward, reverse, rtol=1e-13, atol=1e-16)
