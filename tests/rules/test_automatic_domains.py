"""np.emath: complex where the real function ends."""

import numpy as np
import pytest
from array_checks import check, same_values

import diffkit as dk

INSIDE = np.array([0.3, 0.8, 0.45])
OUTSIDE = np.array([0.3, -1.7, 2.2])
FUNCTIONS = [np.emath.sqrt, np.emath.log, np.emath.log2, np.emath.log10, np.emath.arccos, np.emath.arcsin,
             np.emath.arctanh]


def two(y):
    return np.concatenate([np.real(y), np.imag(y)])


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_inside_and_outside(f):
    assert f(INSIDE).dtype == float and f(OUTSIDE).dtype == complex
    check(f, INSIDE)
    check(lambda x: two(f(x)), OUTSIDE)
    for x in (INSIDE, OUTSIDE):
        same_values(f, (x.astype(np.float32),))
    # A real argument of a complex function of a real parameter: d/dx by the function's own complex continuation.
    z = OUTSIDE + 0.4j
    same_values(f, (z,))


def test_two_arguments():
    check(lambda n, x: two(np.emath.logn(n, x)), INSIDE + 2, OUTSIDE)
    check(np.emath.logn, INSIDE + 2, INSIDE)
    check(lambda x, p: two(np.emath.power(x, p)), OUTSIDE, INSIDE)
    check(np.emath.power, INSIDE, OUTSIDE)
    same_values(lambda x: np.emath.power(x, -2), (OUTSIDE,))
    assert dk.grad(lambda x: np.emath.power(x, np.array(-1)))(2.0) == -0.25


def test_the_branch_is_a_path_condition():
    f = dk.compile(lambda x: np.abs(np.emath.sqrt(x)))
    for x in (4.0, -9.0, 16.0):
        assert f(x) == abs(x) ** 0.5
