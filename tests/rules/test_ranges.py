"""linspace, logspace, geomspace: all keywords, values to the last bit in every precision."""

import numpy as np
import pytest
from array_checks import check, same_values

import diffkit as dk

A = np.array([0.7, -1.3])
B = np.array([[2.0, 5.0], [-0.4, 1.1]])
P = np.array([0.4, 3.1])

CASES = {
    "linspace": (np.linspace, A[0], A[1]), "columns": (lambda a, b: np.linspace(a, b, 4), A, B),
    "axis": (lambda a, b: np.linspace(a, b, 3, axis=-1), A, B), "open": (lambda a: np.linspace(a, 1, 4, False), A),
    "step": (lambda a, b: np.linspace(a, b, 4, retstep=True), A, B),
    "one": (lambda a, b: np.linspace(a, b, 1), A, B), "none": (lambda a, b: (np.linspace(a, b, 0), a * b), A, A),
    "whole_ends": (lambda a: np.linspace(a, np.array([3, 4]), 3), A),
    "logspace": (lambda a, b: np.logspace(a, b, 4, base=2.0), A, B),
    "logspace_base": (lambda a, b, p: np.logspace(a, b, 4, base=p), A, B, P),
    "logspace_bases": (lambda a, p: np.logspace(0.1, a, 3, base=p, axis=-1), A, P + B ** 2),
    "geomspace": (lambda a, b: np.geomspace(a, b, 5), P, P + 1), "geomspace_open": (
        lambda a: np.geomspace(a, 9.0, 4, endpoint=False), P),
    "geomspace_negative": (lambda a: np.geomspace(-a, [-3, -5], 4, axis=1), P),
    "geomspace_one": (lambda a: np.geomspace(a, 2, 1), P),
    "geomspace_spiral": (lambda a, b: (lambda y: (y.real, y.imag))(np.geomspace(a + 1j, 2j - b, 4)), P, P + 1),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_case(case):
    check(*case)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble, np.complex64])
def test_every_precision_is_numpys(dtype):
    a, b = A.astype(dtype), B.astype(dtype)
    for f in (lambda a, b: np.linspace(a, b, 7), lambda a, b: np.linspace(a, 1., 5),
              lambda a, b: np.linspace(2, b, 5),
              lambda a, b: np.linspace(a, b, 5, dtype=np.float64 if dtype != np.complex64 else np.complex128),
              lambda a, b: np.logspace(a, b / 4, 5), lambda a, b: np.geomspace(a, 3 * a, 5),
              lambda a, b: np.linspace(a, a, 3), lambda a, b: np.linspace(a, np.arange(2), 3)):
        same_values(f, (a, b))


def test_a_step_that_underflows():
    same_values(lambda a: np.linspace(a, 5e-324, 5), (np.float64(0.0),))


def test_whole_numbers_are_a_staircase():
    same_values(lambda a: np.linspace(a, 9, 4, dtype=int) * a, (A[0],))
    assert dk.grad(lambda a: np.linspace(a, 9, 4, dtype=int)[1] * a)(0.7) == 3


def test_zero_has_no_logarithm():
    with pytest.raises(ValueError, match="zero"):
        dk.grad(lambda a: np.sum(np.geomspace(a, 2.0)))(0.0)
