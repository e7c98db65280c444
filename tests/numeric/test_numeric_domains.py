"""Edges of domains: bounds are never crossed, and one side alone is said to be one side alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diffkit.errors import NumericError, ShapeError
from diffkit.numeric import derivative, gradient, hessian, jacobian


def spy(f):
    seen = []

    def spied(x):
        seen.append(np.array(x, dtype=float))
        return f(x)

    return spied, seen


@pytest.mark.parametrize("x", [0.0, 1e-12, 1e-3, 0.5, 0.999, 1.0])
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("scheme", ["auto", "central"])
def test_bounds_hold(x, n, scheme):
    f, seen = spy(np.exp)
    result = derivative(f, x, n, scheme=scheme, bounds=(0, 1))
    assert min(seen) >= 0 and max(seen) <= 1
    if scheme == "auto":
        assert abs(result.value - math.exp(x)) <= result.error
        assert result.status == ("one-sided" if x in (0.0, 1.0) else result.status)


def test_bounds_of_each_entry_hold():
    low, high = np.array([0.0, -1.0, 2.0]), np.array([1.0, 1.0, 2.5])
    f, seen = spy(lambda x: np.sum(np.exp(x)))
    x = np.array([0.0, 1.0, 2.0 + 1e-9])
    result = gradient(f, x, bounds=(low, high))
    assert np.all(np.min(seen, axis=0) >= low) and np.all(np.max(seen, axis=0) <= high)
    assert np.all(np.abs(result.value - np.exp(x)) <= result.error)
    f, seen = spy(np.exp)
    result = derivative(f, x, bounds=(low, high))
    assert np.all(np.min(seen, axis=0) >= low) and np.all(np.max(seen, axis=0) <= high)
    assert np.all(np.abs(result.value - np.exp(x)) <= result.error)
    f, seen = spy(lambda x: np.sum(np.exp(x)) * x[0])
    hessian(f, x, bounds=(low, high))
    assert np.all(np.min(seen, axis=0) >= low) and np.all(np.max(seen, axis=0) <= high)


def test_bounds_in_containers():
    result = gradient(lambda p: p["a"] * np.sum(np.sqrt(p["b"])), {"a": 2.0, "b": np.array([1.0, 4.0])},
                      bounds=({"a": None or -np.inf, "b": 0.0}, {"a": 2.0, "b": 4.0}))
    assert result.status["a"] == "one-sided"
    np.testing.assert_allclose(result.value["b"], [1.0, 0.5], rtol=1e-9)
    with pytest.raises(ShapeError, match="structure"):
        gradient(lambda p: p["a"], {"a": 2.0}, bounds=([0], [1]))


@pytest.mark.parametrize("bounds", [3, (0, 1, 2), "ab", (1.5, 2), (np.zeros(3), 1)])
def test_bad_bounds(bounds):
    with pytest.raises((NumericError, ShapeError)):
        derivative(np.exp, 1.0, bounds=bounds)


@pytest.mark.parametrize("f", [lambda x: math.sqrt(x) * x, lambda x: np.sqrt(x) * x, lambda x: x**1.5])
def test_a_domain_that_ends_at_x(f):
    result = derivative(f, 0.0)  # ValueError, NaN, and a complex number of Python on the other side
    assert result.status == "one-sided"
    assert abs(result.value) <= result.error < 1e-6
    assert derivative(f, 0.0, scheme="central").status == "nonfinite"


def test_entries_outside_their_domain_do_not_spoil_others():
    result = derivative(lambda x: np.sqrt(x) * x, np.array([0.0, 1.0, 4.0]))
    assert list(result.status) == ["one-sided", "ok", "ok"]
    np.testing.assert_allclose(result.value, [0, 1.5, 3], atol=1e-6)


def test_a_neighbourhood_without_values():
    def lonely(x):
        if x != 1.0:
            raise ZeroDivisionError
        return x

    result = derivative(lonely, 1.0)
    assert result.status == "nonfinite" and np.isnan(result.value) and result.error == np.inf


def test_other_exceptions_pass():
    def broken(x):
        if x != 1.0:
            raise KeyError("mine")
        return x

    with pytest.raises(KeyError, match="mine"):
        derivative(broken, 1.0)
    with pytest.raises(ZeroDivisionError):
        derivative(lambda x: x / 0, 1.0)


def test_warnings_beside_x_are_silent_and_those_at_x_are_not():
    assert derivative(lambda x: np.log(x) * x, 1e-3).status == "ok"
    with pytest.warns(RuntimeWarning, match="invalid"):
        derivative(np.log, np.float64(-1.0))


@pytest.mark.parametrize("x", [math.nan, np.array([math.nan, math.nan])])
def test_nan(x):
    for n in (1, 2):
        result = derivative(np.sin, x, n)
        assert np.all(np.isnan(result.value)) and np.all(np.equal(result.status, "nonfinite"))
        assert np.all(np.isinf(result.error))


def test_nan_and_infinity_in_some_entries():
    result = gradient(lambda x: np.exp(x[0]) + np.nansum(x[1:] * 0), np.array([1.0, math.nan, 2.0]))
    assert list(result.status) == ["ok", "nonfinite", "ok"]
    result = jacobian(lambda x: np.array([x[0], np.nan, x[0] ** 2]), np.array([3.0]))
    assert [str(word) for word in result.status[:, 0]] == ["ok", "nonfinite", "ok"]
    result = derivative(np.tanh, np.array([0.5, np.inf]))
    assert list(result.status) == ["ok", "nonfinite"]


@pytest.mark.parametrize("x", [1e300, 1e-300, -1e200])
def test_the_ends_of_the_number_line(x):
    result = derivative(lambda t: 3 * t, x)
    assert abs(result.value - 3) <= result.error < 1e-6


@pytest.mark.parametrize("size", [1e300, 1e-300, 1e-310])
def test_the_ends_of_the_number_line_of_f(size):
    result = derivative(lambda t: size * np.sin(t), 1.0)
    assert abs(result.value / size - math.cos(1)) < 1e-9
