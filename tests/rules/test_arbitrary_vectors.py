"""Phases and null vectors of an SVD are LAPACK's choice: forward mode, too, refuses what leans on them.

What does not lean on them keeps its derivative, of both orders; the reference is a plain difference.
"""

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import DegenerateError

BASE = np.array([[1 + 1j, 2, 0.3], [0.2j, 1.5, 1 - 1j], [0.4, 0.6, 2j], [1, 0, 0.1j]])
FIRST = np.cos(np.arange(12.0)).reshape(4, 3) + 1j * np.sin(2 * np.arange(12.0)).reshape(4, 3)
SECOND = 1j * np.sin(np.arange(12.0)).reshape(4, 3)
X = np.array([0.1, 0.2])


def matrix(x):
    return BASE + x[0] * FIRST + x[1] * SECOND


def of_phases(x):
    return np.real(np.linalg.svd(matrix(x), full_matrices=False)[0])


def of_null_vectors(x):
    return np.linalg.svd(np.real(matrix(x))[:, :2])[0]


def of_complex_null_vector(x):
    return np.real(np.linalg.svd(matrix(x))[0][:, 3])


def without_phases(x):
    u, s, v = np.linalg.svd(matrix(x), full_matrices=False)
    return np.real((u * s ** 2) @ v)


def null_projector(x):
    u, _, _ = np.linalg.svd(np.real(matrix(x))[:, :2])
    return u[:, 2:] @ u[:, 2:].T


def one_null_vector(x):  # real: only its sign is free, and stays
    return np.linalg.svd(np.real(matrix(x)))[0]


@pytest.mark.parametrize("f", [of_phases, of_null_vectors, of_complex_null_vector])
@pytest.mark.parametrize("method", ["forward", "reverse"])
def test_what_leans_on_a_choice_is_refused(f, method):
    with pytest.raises(DegenerateError, match=r"phases|null vectors"):
        dk.jacobian(f, method=method)(X)


@pytest.mark.parametrize("f", [without_phases, null_projector, one_null_vector])
def test_what_does_not_has_its_derivatives(f):
    weights = np.cos(np.arange(f(X).size)).reshape(f(X).shape)
    v, h = np.array([0.7, -0.4]), 2.0 ** -11

    def number(x):
        return np.sum(weights * f(x))

    def central(t):
        ahead, behind = number(X + t * v), number(X - t * v)
        return np.array([(ahead - behind) / (2 * t), (ahead - 2 * number(X) + behind) / t ** 2])

    slope, bend = (4 * central(h) - central(2 * h)) / 3

    def forward(x):
        return dk.jvp(number, (x,), (v,))[1]

    def reverse(x):
        return dk.grad(number)(x) @ v

    np.testing.assert_allclose([forward(X), reverse(X)], slope, rtol=1e-9)
    found = [dk.jvp(forward, (X,), (v,))[1], dk.jvp(reverse, (X,), (v,))[1], dk.grad(forward)(X) @ v,
             dk.grad(reverse)(X) @ v]
    np.testing.assert_allclose(found, bend, rtol=1e-5, atol=1e-7)
