"""Points where there is no derivative, or where f is rough: each is named, none is passed over."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diffkit.numeric import derivative, gradient

KINKS = [
    (abs, 0.0, -1, 1),
    (lambda x: max(x, 0.0), 0.0, 0, 1),
    (lambda x: abs(x - 1), 1.0, -1, 1),
    (lambda x: max(x, x * x), 1.0, 1, 2),
    (lambda x: min(np.sin(x), np.cos(x)), np.pi / 4, math.sqrt(0.5), -math.sqrt(0.5)),
    (lambda x: np.exp(-abs(x)), 0.0, 1, -1),
    (lambda x: x + 1e-3 * abs(x - 2), 2.0, 0.999, 1.001),
    (lambda x: np.sin(x) + 1e-6 * abs(x - 1), 1.0, math.cos(1) - 1e-6, math.cos(1) + 1e-6),
    (lambda x: x if x > 0 else 0.01 * x, 0.0, 0.01, 1),
    (lambda x: 1e6 * abs(x - 3), 3.0, -1e6, 1e6),
    (lambda x: abs(x - 1e-5), 1e-5, -1, 1),
    (lambda x: float(np.clip(x, -1, 1)), 1.0, 1, 0),
]


@pytest.mark.parametrize("f, x, left, right", KINKS)
def test_kinks_are_owned(f, x, left, right):
    result = derivative(f, x)
    assert result.status == "kink"
    assert not result.ok
    assert result.error >= abs(right - left) / 2
    assert abs(result.left - left) <= 1e-9 * max(abs(left), abs(right))
    assert abs(result.right - right) <= 1e-9 * max(abs(left), abs(right))
    assert result.value - result.error <= min(left, right) <= max(left, right) <= result.value + result.error


@pytest.mark.parametrize("gap", [1e-9, 1e-7, 1e-3, 1.0, 1e3])
def test_kinks_of_every_size_are_in_the_claim(gap):
    result = derivative(lambda x: np.sin(x) + gap / 2 * abs(x - 1.3), 1.3)
    assert result.error >= gap / 2 * 0.99
    assert abs(result.value - math.cos(1.3)) <= result.error


@pytest.mark.parametrize("distance", [1e-9, 1e-7, 1e-5, 1e-3, 0.1])
@pytest.mark.parametrize("side", [-1, 1])
def test_beside_a_kink_the_slope_is_that_of_this_side(distance, side):
    result = derivative(lambda x: abs(x - 1), 1 + side * distance)
    assert abs(result.value - side) <= result.error < 0.1
    assert result.status == "ok"


@pytest.mark.parametrize("f, x, value", [
    (np.cbrt, 0.0, np.inf), (lambda x: -np.cbrt(x), 0.0, -np.inf), (np.sqrt, 0.0, np.inf),
    (lambda x: x * np.log(abs(x)) if x else 0.0, 0.0, -np.inf), (np.arcsin, 1.0, np.inf),
    (lambda x: np.sqrt(abs(x)), 0.0, np.nan)])
def test_vertical_tangents(f, x, value):
    result = derivative(f, x)
    assert result.status == "vertical"
    assert result.error == np.inf
    np.testing.assert_equal(float(result.value), value)


@pytest.mark.parametrize("f, x", [(lambda x: float(x >= 0), 0.0), (np.sign, 0.0), (np.floor, 3.0),
                                  (lambda x: x * x + (x > 1), 1.0)])
def test_jumps(f, x):
    result = derivative(f, x)
    assert result.status == "jump"
    assert np.isnan(result.value)
    assert result.error == np.inf


@pytest.mark.parametrize("distance", [1e-6, 1e-2])
def test_beside_a_jump(distance):
    result = derivative(lambda x: x * x + (x > 1 + distance), 1.0)
    assert abs(result.value - 2) <= result.error < 1e-3


@pytest.mark.parametrize("level", [1e-10, 1e-6, 1e-3])
def test_noise_is_in_the_claim(level):
    for x in (0.4, 1.1, 2.7):
        result = derivative(lambda t: np.sin(t) + level * np.sin(1e15 * t), x)
        assert abs(result.value - math.cos(x)) <= result.error <= 1e4 * level
        assert result.status == "noisy"
        assert level / 10 <= result.noise <= 30 * level


@pytest.mark.parametrize("x", [1e-2, 1e-3, 1e-4, 1e-5, 1e-6])
def test_cancellation_inside_f_is_in_the_claim(x):
    result = derivative(lambda t: (1 - np.cos(t)) / t**2, x)
    exact = (x * math.sin(x) - 2 * (1 - math.cos(x))) / x**3 if x > 0.1 else -x / 12 + x**3 / 180
    assert abs(result.value - exact) <= result.error


@pytest.mark.parametrize("x", [0.6, 1.0, 2.0])
def test_float32_inside_f_is_a_staircase(x):
    result = derivative(lambda t: float(np.sin(np.float32(t))), x)
    assert result.status in ("staircase", "noisy")
    assert abs(result.value - math.cos(x)) <= result.error < 1e-2


@pytest.mark.parametrize("f, x", [(np.floor, 2.5), (np.floor, 2.01), (lambda x: np.round(x, 2), 2.503),
                                  (np.sign, -3.0)])
def test_piecewise_constant_functions_have_slope_zero(f, x):
    result = derivative(f, x)
    assert result.value == 0
    assert result.status in ("ok", "staircase")


def test_constants_and_dead_entries():
    result = gradient(lambda x: 3.0 + 0 * x[0], np.array([1.0, -2.0]))
    assert np.all(result.value == 0)
    assert np.all(result.error < 1e-11)
    assert derivative(lambda x: max(x, 0.0), -1.0).value == 0


def test_stationary_points_claim_little():
    for f, x in ((np.cos, 0.0), (lambda x: (x - 1) ** 2, 1.0), (lambda x: x**4, 0.0)):
        result = derivative(f, x)
        assert abs(result.value) <= result.error < 1e-9
