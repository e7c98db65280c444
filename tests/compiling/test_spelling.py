"""Rows that are spelled out as ufuncs have the same bits, and warn no more than the row."""

import warnings

import numpy as np
import pytest

import diffkit as dk
from diffkit import tree


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_the_derivative_of_tanh(dtype):
    x = np.array([-800.0, -20.5, -1.25, -0.0, 0.0, 1e-5, 0.5, 11.5, 360.0, 712.0], dtype)
    gradient = dk.grad(lambda x: np.sum(np.tanh(x) * x))
    compiled = dk.compile(gradient)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for point in (x, x[::-1].copy(), x):
            assert compiled(point).tobytes() == gradient(point).tobytes() and compiled.reason == ""
    assert "cosh(" in compiled.source and "sech2(" not in compiled.source
    expected = np.tanh(x.astype(float)) + x.astype(float) * (1.0 - np.tanh(x.astype(float)) ** 2)
    np.testing.assert_allclose(compiled(x).astype(float), expected, rtol=20 * np.finfo(dtype).eps, atol=1e-300)


@pytest.mark.parametrize("transform", [
    lambda f: dk.hessian(f), lambda f: lambda x: dk.jvp(dk.grad(f), (x,), (x,)), lambda f: lambda x: dk.hvp(f, x, x)])
def test_second_derivatives(transform):
    derivative = transform(lambda x: np.sum(np.tanh(x * x) * x))
    compiled = dk.compile(derivative)
    for x in (np.array([0.3, -1.5, 2.0, -700.0]), np.array([1.0, 0.0, -0.0, 30.0])):
        for _ in range(2):
            found, expected = (tree.flatten(g(x))[0] for g in (compiled, derivative))
            assert all(a.tobytes() == b.tobytes() for a, b in zip(found, expected, strict=True))
    assert compiled.reason == ""


def test_where_warnings_are_heard_the_row_stays():
    compiled = dk.compile(lambda x: dk.jvp(np.tanh, (x,), (np.cosh(x),))[1])
    x = np.array([0.5, 300.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compiled(x).tobytes() == compiled(x).tobytes() and compiled.reason == ""
        numbers = dk.compile(dk.grad(np.tanh))
        assert numbers(0.5) == numbers(0.5) == pytest.approx(1.0 - np.tanh(0.5) ** 2, rel=1e-15)
