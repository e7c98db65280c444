"""black_box: functions that refuse traced values, by differences with a claim that is checked."""

import itertools
import math

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import NumericError, SymbolicError

MODES = {"forward": lambda f: lambda x: dk.jvp(f, (x,), (1.0,))[1], "reverse": dk.grad}


@pytest.mark.parametrize("mode", MODES)
def test_a_scalar_function_of_the_math_module(mode):
    f = dk.black_box(math.atan)
    assert MODES[mode](lambda x: 2 * f(x * x))(0.7) == pytest.approx(4 * 0.7 / (1 + 0.7**4), rel=1e-9)
    assert f(0.0) == 0.0


@pytest.mark.parametrize("order", list(itertools.product(MODES, repeat=2)), ids="-".join)
def test_second_order(order):
    f = dk.black_box(math.sin)
    for mode in order:
        f = MODES[mode](f)
    assert f(0.7) == pytest.approx(-math.sin(0.7), abs=1e-5)


@pytest.mark.parametrize("method", ["forward", "reverse"])
def test_containers_and_shapes(method):
    def f(p, k):
        a, b = np.array(p["a"].tolist()), float(p["b"])
        return [np.array([[a[0] * b, a[1]**2]]), k * b]

    box = dk.black_box(f)
    p = {"a": np.array([2.0, 3.0]), "b": 5.0}
    first, second = dk.jacobian(lambda p: box(p, 10), method=method)(p)
    np.testing.assert_allclose(first["a"], [[[5.0, 0.0], [0.0, 6.0]]], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(first["b"], [[2.0, 0.0]], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(second["b"], 10.0, rtol=1e-9)
    np.testing.assert_allclose(second["a"], [0.0, 0.0], atol=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_a_claim_that_is_too_wide_is_refused(mode):
    kink = dk.black_box(lambda x: abs(float(x)))
    with pytest.raises(NumericError, match=r"kink.*tolerance=1e-05"):
        MODES[mode](kink)(0.0)
    jump = dk.black_box(lambda x: math.floor(float(x)) * 1.0)
    with pytest.raises(NumericError, match="jump"):
        MODES[mode](jump)(1.0)


def test_the_error_bar_can_be_read():
    result = dk.black_box(math.exp).jacobian(1.0)
    assert abs(result.value - math.e) <= result.error < 1e-8


def test_complex_values_are_refused():
    with pytest.raises(NumericError, match="complex"):
        dk.grad(lambda x: dk.black_box(lambda x: x * 1j)(x).real)(1.0)


def test_recorded_as_one_operation():
    f = dk.black_box(lambda x: np.sin(x))
    with pytest.raises(SymbolicError, match="black_box"):
        dk.grad(f, method="symbolic")(1.0)
