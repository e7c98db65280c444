"""The programs of ``comparisons/programs`` as they stand: every mode, twice, compiled, against plain differences.

The reference is the plain program alone: extrapolated central differences of ``w·f`` along one
direction v, first and second.  A derivative that is wrong in one entry shows, since v and w have no zeros.
"""

import warnings

import numpy as np
import pytest

import diffkit as dk
from comparisons.programs import PROGRAMS

STEP = 2.0 ** -12


def direction(count):
    return np.cos(1.3 * np.arange(count) + 0.4)


def number(f):
    """The program as a function of one number per weight: ``w·f``."""
    def weighed(x):
        result = np.reshape(f(x), (-1,))
        return np.sum(result * direction(result.size))
    return weighed


def differences(f, x, v):
    """First and second derivative of plain ``f(x + t v)`` in t, the errors of order t² extrapolated away."""
    def central(t):
        ahead, behind = f(x + t * v), f(x - t * v)
        return np.array([(ahead - behind) / (2 * t), (ahead - 2 * f(x) + behind) / t ** 2])

    return (4 * central(STEP) - central(2 * STEP)) / 3


@pytest.fixture(params=PROGRAMS)
def program(request):
    f = PROGRAMS[request.param]
    x = f.point[0]
    v = direction(x.size).reshape(x.shape)
    plain = number(f)
    return plain, x, v, plain(x), differences(plain, x, v)


def test_every_mode(program):
    f, x, v, value, (slope, _) = program
    scale = max(abs(slope), np.abs(dk.grad(f)(x)).max())
    found, tangent = dk.jvp(f, (x,), (v,))
    np.testing.assert_allclose(found, value, rtol=1e-13)
    assert abs(tangent - slope) <= 1e-7 * scale
    found, gradient = dk.value_and_grad(f)(x)
    np.testing.assert_allclose(found, value, rtol=1e-13)
    np.testing.assert_allclose(np.sum(gradient * v), tangent, rtol=1e-10)


def test_every_mode_over_every_mode(program):
    f, x, v, _, (_, bend) = program

    def forward(x):
        return dk.jvp(f, (x,), (v,))[1]

    def reverse(x):
        return np.sum(dk.grad(f)(x) * v)

    results = [dk.jvp(forward, (x,), (v,))[1], dk.jvp(reverse, (x,), (v,))[1],
               np.sum(dk.grad(forward)(x) * v), np.sum(dk.grad(reverse)(x) * v)]
    scale = np.abs(dk.hvp(f, x, v)).max() + abs(f(x))
    np.testing.assert_allclose(results, bend, rtol=1e-6, atol=1e-6 * scale)
    np.testing.assert_allclose(results, results[0], rtol=1e-8, atol=1e-10 * scale)


def test_compiled_and_in_single_precision(program):
    f, x, v, _, _ = program
    compiled = dk.compile(dk.value_and_grad(f))
    for point in (x, x + 0.001 * v, x):
        found, gradient = compiled(point)
        expected, eager = dk.value_and_grad(f)(point)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(gradient, eager)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # overflow of what float64 holds
        small = dk.grad(f)(x.astype(np.float32))
    assert small.dtype == np.float32 and small.shape == x.shape
