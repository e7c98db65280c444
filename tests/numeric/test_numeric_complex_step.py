"""The complex step: exact where f is analytic, refused by name where it is not."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

from diffkit.errors import ComplexStepError
from diffkit.numeric import derivative, directional, gradient, jacobian

X = np.array([[2.0, 0.3], [0.4, 1.5]])


@pytest.mark.parametrize("f, x, exact", [
    (np.sin, 1.0, math.cos(1)), (np.exp, -30.0, math.exp(-30)), (np.log, 1e-9, 1e9), (np.sqrt, 1e8, 0.5e-4),
    (lambda x: x**3 / (1 + x), 2.0, 28 / 9), (lambda x: np.arctan(x) * np.tanh(x), 0.5,
                                              math.tanh(0.5) / 1.25 + math.atan(0.5) / math.cosh(0.5) ** 2),
    (lambda x: cmath.exp(complex(x)) if isinstance(x, complex) else np.exp(x), 0.3, math.exp(0.3))])
def test_exact_to_rounding(f, x, exact):
    result = derivative(f, x, scheme="complex-step")
    assert abs(result.value - exact) <= result.error + 4e-16 * abs(exact)
    assert result.error <= 1e-12 * abs(exact)
    assert result.status == "ok" and result.evaluations <= 6


@pytest.mark.parametrize("f", [
    lambda a: np.sum(np.linalg.inv(a)), lambda a: np.linalg.det(a), lambda a: np.sum(np.linalg.solve(a, np.ones(2))),
    lambda a: np.sum(np.linalg.pinv(a) @ a[0]), lambda a: a.T.dot(a).sum() + a.mean() * a.trace(),
    lambda a: sum(v**2 for row in a for v in row), lambda a: np.einsum("ij,jk->", a, a), lambda a: np.prod(a) ** 0.5,
    lambda a: np.concatenate([a[0], a[1] * 2]).sum() + np.stack([a, a]).prod()])
def test_analytic_array_functions(f):
    exact, found = gradient(f, X), gradient(f, X, scheme="complex-step")
    assert np.all(np.abs(found.value - exact.value) <= found.error + exact.error)
    assert np.all(found.error < 1e-11)


@pytest.mark.parametrize("f, name", [
    (lambda a: np.sum(abs(a)), "abs"), (lambda a: np.sum(np.abs(a)), "abs"),
    (lambda a: np.sum(np.conj(a) * a), "conj"),
    (lambda a: np.sum(a.conj() * a), "conj"), (lambda a: a.real.sum(), "real"), (lambda a: np.imag(a).sum(), "imag"),
    (lambda a: np.sum(np.where(a > 0, a, 0)), "g"), (lambda a: np.sum(np.maximum(a, 0)), "maximum"),
    (lambda a: a.max(), "max"), (lambda a: np.max(a), "max"), (lambda a: np.sort(a.ravel())[0], "sort"),
    (lambda a: a[0, 0] if a[0, 0] > 1 else -a[0, 0], "g"), (lambda a: float(a[0, 0]) ** 2, "float"),
    (lambda a: a.astype(float).sum(), "astype"), (lambda a: a[0, 0].item(), "item"), (lambda a: np.std(a), "std"),
    (lambda a: np.linalg.norm(a), "norm"), (lambda a: np.linalg.slogdet(a)[1], "slogdet"),
    (lambda a: np.linalg.cholesky(a @ a.T)[0, 0], "cholesky"), (lambda a: np.linalg.eigh(a + a.T)[0][0], "eigh"),
    (lambda a: np.linalg.svd(a)[1][0], "svd"), (lambda a: np.linalg.qr(a)[1][0, 0], "qr"),
    (lambda a: np.linalg.lstsq(a, np.ones(2), rcond=None)[0][0], "lstsq"), (lambda a: np.vdot(a, a), "vdot"),
    (lambda a: np.clip(a, 0, 1).sum(), "clip"), (lambda a: math.sin(a[0, 0]), "float"),
    (lambda a: np.sum(np.sign(a) * a), "sign"), (lambda a: np.median(a), "median")])
def test_refused_by_name(f, name):
    with pytest.raises(ComplexStepError, match=name):
        gradient(f, X, scheme="complex-step")


@pytest.mark.parametrize("f", [lambda a: np.sum(np.asarray(a).real ** 2),
                               lambda a: np.sum(a.view(np.ndarray).real ** 3),
                               lambda a: np.sum(np.abs(np.asarray(a))), lambda a: np.linalg.norm(np.array(a))])
def test_what_leaves_the_watch_is_caught_by_a_difference(f):
    with pytest.raises(ComplexStepError, match="differences say"):
        gradient(f, X, scheme="complex-step")


def test_needs_real_functions_of_real_numbers():
    for call in (lambda: gradient(lambda z: abs(z), 1j, scheme="complex-step"),
                 lambda: jacobian(lambda x: x * 1j, X, scheme="complex-step"),
                 lambda: gradient(lambda x: np.sum(x, axis=(-1, -2)), X, scheme="complex-step", vectorized=True)):
        with pytest.raises(ComplexStepError):
            call()


def test_cancellation_in_f_is_measured():
    x = 1e-4
    result = derivative(lambda t: (1 - np.cos(t)) / t**2, x, scheme="complex-step")
    assert abs(result.value - (-x / 12)) <= result.error


def test_elementwise_directional_and_containers():
    x = np.array([0.5, 2.0])
    result = derivative(np.sin, x, scheme="complex-step")
    assert np.all(np.abs(result.value - np.cos(x)) <= result.error)
    result = directional(lambda t: np.prod(t), x, np.array([1.0, -2.0]), scheme="complex-step")
    assert abs(result.value - 1.0) <= result.error
    result = gradient(lambda p: p["a"] * np.sum(p["b"] ** 2), {"a": 2.0, "b": x}, scheme="complex-step")
    np.testing.assert_allclose(result.value["b"], 4 * x, rtol=1e-14)


def test_nonfinite_points():
    assert derivative(lambda x: x * np.nan, 1.0, scheme="complex-step").status == "nonfinite"
