"""Complex arguments with complex results: differences along both axes are a witness where Cauchy-Riemann holds."""

import numpy as np
import pytest

import diffkit as dk

Z = np.array([1 + 2j, 0.5 - 1j, -0.3 + 0.1j])


@pytest.mark.parametrize("f, derivative", [
    (np.sin, np.cos), (lambda z: z * z * 1j, lambda z: 2j * z), (lambda z: np.exp(z) / z, lambda z: np.exp(z) *
                                                                 (z - 1) / z**2),
])
def test_a_holomorphic_function_is_confirmed_by_evaluations(f, derivative):
    result = dk.compare(f, Z, methods=("forward", "reverse", lambda z: np.diag(derivative(z)), "central"))
    assert (result.kind, result.agree) == ("AGREE", True)
    assert np.max(np.abs(result.row("central").value - np.diag(derivative(Z)))) < 1e-8


@pytest.mark.parametrize("error", [np.conj, lambda d: -d, lambda d: 1j * d, lambda d: d * (1 + 1e-6)])
def test_a_wrong_complex_derivative_is_caught(error):
    def mine(z):
        return np.diag(error(np.cos(z)))

    result = dk.compare(np.sin, Z, methods=("reverse", mine))
    assert result.agree is False and result.row("mine").status == "wrong"


def test_the_conjugate_is_named():
    result = dk.compare(np.sin, Z, methods=("reverse", lambda z: np.diag(np.conj(np.cos(z)))))
    assert "the complex conjugate" in result.verdict


def test_where_there_is_no_one_derivative_differences_say_so():
    row = dk.compare(lambda z: z + np.conj(z), Z, methods=("central",), referee=False).row("central")
    assert row.status == "skipped" and "not holomorphic" in row.note
