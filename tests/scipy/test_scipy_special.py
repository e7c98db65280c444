"""diffkit.scipy.special: SciPy's values, derivatives against mpmath and by hand."""

import mpmath
import numpy as np
import pytest
from scipy import special as original

import diffkit as dk
from diffkit.scipy import special

A = np.array([[0.3, -1.2, 2.0], [40.0, 0.0, -40.0]])
B = np.array([[1.0, 2.0, -0.5], [1.0, 3.0, 2.0]])


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1), -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_logsumexp_in_both_modes(axis, keepdims):
    w = np.cos(np.arange(6.0)).reshape(2, 3)
    weigh = lambda y: np.sum(y * (1 + np.arange(y.size).reshape(y.shape)))
    f = lambda a, b: weigh(special.logsumexp(a, axis=axis, b=b, keepdims=keepdims))
    b = np.abs(B)
    values, _ = dk.jvp(f, (A, b), (w, w))
    assert values == weigh(original.logsumexp(A, axis=axis, b=b, keepdims=keepdims))
    total = original.logsumexp(A, axis=axis, b=b, keepdims=True)
    seed = (1 + np.arange(total.size).reshape(total.shape))
    by_a, by_b = dk.grad(f, (0, 1))(A, b)
    np.testing.assert_allclose(by_a, seed * b * np.exp(A - total), rtol=1e-14)
    np.testing.assert_allclose(by_b, seed * np.exp(A - total), rtol=1e-14)
    assert dk.jvp(f, (A, b), (w, w))[1] == pytest.approx(np.sum(by_a * w) + np.sum(by_b * w), rel=1e-13)


def test_logsumexp_second_order_is_the_softmaxs_covariance():
    a = np.array([0.1, 2.0, -1.0])
    p = np.exp(a) / np.exp(a).sum()
    for f in (special.logsumexp, lambda a: np.log(np.sum(np.exp(a)))):
        np.testing.assert_allclose(dk.hessian(f)(a), np.diag(p) - np.outer(p, p), atol=1e-15)
    forward = dk.jvp(lambda a: dk.jvp(special.logsumexp, (a,), (p,))[1], (a,), (p,))[1]
    assert forward == pytest.approx(p @ (np.diag(p) - np.outer(p, p)) @ p, rel=1e-13)


def test_logsumexp_with_infinities_and_signs():
    f = dk.grad(lambda a: special.logsumexp(a))
    np.testing.assert_array_equal(f(np.array([-np.inf, -np.inf])), [0, 0])
    np.testing.assert_array_equal(f(np.array([-np.inf, 3.0])), [0, 1])
    a = np.array([0.0, 1.0])
    def signed(a):
        y, sign = special.logsumexp(a, b=np.array([1.0, -1.0]), return_sign=True)
        assert sign == -1
        return y
    np.testing.assert_allclose(dk.grad(signed)(a), [-1 / (np.e - 1), np.e / (np.e - 1)], rtol=1e-14)
    assert np.isnan(dk.value_and_grad(lambda a: special.logsumexp(a, b=np.array([1.0, -1.0])))(a)[0])
    assert dk.value_and_grad(special.logsumexp)(np.array([0.0, -40.0]))[0] == original.logsumexp([0.0, -40.0])


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_softmax_and_its_logarithm(axis):
    g = np.sin(np.arange(6.0)).reshape(2, 3)
    p = original.softmax(A, axis=axis)
    value, pull = dk.vjp(lambda a: special.softmax(a, axis=axis), A)
    np.testing.assert_allclose(value, p, rtol=1e-15)
    np.testing.assert_allclose(pull(g)[0], p * (g - np.sum(g * p, axis=axis, keepdims=True)), rtol=1e-13, atol=1e-30)
    value, pull = dk.vjp(lambda a: special.log_softmax(a, axis=axis), A)
    # SciPy's own gives 0 where the logarithm is -4e-17.
    np.testing.assert_allclose(value, original.log_softmax(A, axis=axis), rtol=1e-14, atol=1e-16)
    np.testing.assert_allclose(pull(g)[0], g - p * np.sum(g, axis=axis, keepdims=True), rtol=1e-13, atol=1e-30)


@pytest.mark.parametrize("n", [0, 1, 4])
@pytest.mark.parametrize("x", [0.3, 7.5, -1.4])
def test_polygamma(n, x):
    exact = [float(mpmath.psi(n + k, x)) for k in (0, 1, 2)]
    f = lambda x: special.polygamma(n, x)
    np.testing.assert_allclose([special.polygamma(n, x), dk.grad(f)(x), dk.grad(dk.grad(f))(x)], exact, rtol=1e-13)


def test_complex_polygamma():
    z = 0.7 - 2.3j
    found = dk.jvp(dk.grad(original.loggamma, holomorphic=True), (z,), (1.0 + 0j,))[1]
    exact = complex(mpmath.diff(mpmath.loggamma, mpmath.mpc(z), 2))
    assert abs(found - exact) < 1e-14


def test_multigammaln():
    found = dk.grad(lambda a: special.multigammaln(a, 3))(2.5)
    assert found == pytest.approx(sum(original.psi(2.5 - j / 2) for j in range(3)), rel=1e-14)
    with pytest.raises(ValueError, match="not met"):
        dk.grad(lambda a: special.multigammaln(a, 3))(0.5)


def test_lambertw_and_zeta_of_scipy_itself():
    assert dk.grad(lambda x: np.real(original.lambertw(x)))(1.5) == pytest.approx(
        float(mpmath.diff(mpmath.lambertw, 1.5)), rel=1e-14)
    assert dk.grad(lambda q: original.zeta(2.5, q))(1.5) == pytest.approx(-2.5 * original.zeta(3.5, 1.5), rel=1e-14)


def test_single_precision_lists_written_arrays_and_keywords():
    x = np.array([1.0, 2.0], np.float32)
    for f in (special.logsumexp, lambda x: np.sum(special.softmax(x)[0]), lambda x: special.log_softmax(x)[0]):
        assert dk.grad(f)(x).dtype == np.float32
    assert dk.grad(lambda t: special.logsumexp([t, 0.0]))(0.0) == 0.5

    def written(t):
        z = np.zeros(2)
        z[0] = t
        return special.logsumexp(z)

    assert dk.grad(written)(0.0) == 0.5
    for argument in (1.0, np.ones(2)):
        with pytest.raises(TypeError, match="unexpected keyword"):
            special.logsumexp(argument, dtype=float)
    assert special.erf is original.erf
    with pytest.raises(AttributeError):
        special.nothing  # noqa: B018
