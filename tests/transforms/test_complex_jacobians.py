"""Jacobians where arguments or results are complex, in both modes, against hand derivations."""

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import HolomorphicError

MODES = ("auto", "reverse", "forward")


@pytest.mark.parametrize("method", MODES)
def test_a_complex_result_of_real_arguments_keeps_both_parts(method):
    x = np.array([0.3, 1.2])
    j = dk.jacobian(lambda x: np.exp(1j * x), method=method)(x)
    np.testing.assert_allclose(j, np.diag(1j * np.exp(1j * x)), rtol=1e-14)
    j = dk.jacobian(lambda x: np.sum(x**2) * (1 + 2j), method=method)(x)
    np.testing.assert_allclose(j, 2 * x * (1 + 2j), rtol=1e-14)


@pytest.mark.parametrize("method", MODES)
def test_a_real_result_of_complex_arguments_is_the_gradient(method):
    # |z|^2: df/dx - i df/dy = 2x - 2iy
    z = np.array([1.0 + 2.0j, -0.5j])
    j = dk.jacobian(lambda z: np.abs(z)**2, method=method)(z)
    np.testing.assert_allclose(j, np.diag(2 * np.conj(z)), rtol=1e-14)


@pytest.mark.parametrize("method", MODES)
def test_a_holomorphic_map_has_its_complex_derivative(method):
    z = np.array([1.0 + 2.0j, 0.3 - 1.0j])
    j = dk.jacobian(lambda z: np.stack([z[0] * z[1], np.exp(z[1])]), method=method)(z)
    np.testing.assert_allclose(j, [[z[1], z[0]], [0, np.exp(z[1])]], rtol=1e-14)


@pytest.mark.parametrize("method", MODES)
@pytest.mark.parametrize("f", [np.conj, lambda z: z * z.real, lambda z: np.abs(z) * z])
def test_a_map_that_is_not_holomorphic_has_no_one_complex_derivative(method, f):
    with pytest.raises(HolomorphicError, match="real and imaginary"):
        dk.jacobian(f, method=method)(np.array([1.0 + 2.0j]))


@pytest.mark.parametrize("method", MODES)
def test_containers_of_real_and_complex_leaves(method):
    j = dk.jacobian(lambda p: p["r"] * p["z"], method=method)({"r": 2.0, "z": 1.0 + 1.0j})
    assert j["r"] == 1.0 + 1.0j
    assert j["z"] == 2.0
