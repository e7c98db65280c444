"""diffkit.scipy.linalg: rows by the self-test, everything against differences of SciPy's own functions."""

import numpy as np
import pytest
import scipy.linalg as original

import diffkit as dk
from diffkit.scipy import linalg
from diffkit.selftest import check_rule

rng = np.random.default_rng(3)
M = rng.normal(size=(3, 3)) + 3 * np.eye(3)
P = M @ M.T
V, W = rng.normal(size=3), rng.normal(size=(3, 2))
C = M + 1j * rng.normal(size=(3, 3))


def differences(f, args, tangents, h=1e-3):
    at = lambda s: f(*(a + s * h * t for a, t in zip(args, tangents)))
    return (45 * (at(1) - at(-1)) - 9 * (at(2) - at(-2)) + (at(3) - at(-3))) / (60 * h)


CASES = {
    "solve": (lambda m: lambda a, b: m.solve(a, b), (M, W)),
    "solve vector": (lambda m: lambda a, b: m.solve(a, b, transposed=True), (M, V)),
    "solve pos": (lambda m: lambda a, b: m.solve(a, b, assume_a="pos"), (P, V)),
    "solve pos lower": (lambda m: lambda a, b: m.solve(a, b, lower=True, assume_a="pos"), (P, W)),
    "solve sym": (lambda m: lambda a, b: m.solve(a, b, assume_a="sym"), (M, V)),
    "solve upper": (lambda m: lambda a, b: m.solve(a, b, assume_a="upper triangular"), (M, V)),
    "solve diagonal": (lambda m: lambda a, b: m.solve(a, b, assume_a="diagonal"), (np.diag(V), V)),
    "triangular": (lambda m: lambda a, b: m.solve_triangular(a, b), (M, W)),
    "triangular lower": (lambda m: lambda a, b: m.solve_triangular(a, b, lower=True, trans="T"), (M, V)),
    "triangular unit": (lambda m: lambda a, b: m.solve_triangular(a, b, trans=1, unit_diagonal=True), (M, V)),
    "cholesky": (lambda m: lambda a: m.cholesky(a), (P,)),
    "cholesky lower": (lambda m: lambda a: m.cholesky(a, lower=True), (P,)),
    "cho_solve": (lambda m: lambda a, b: m.cho_solve(m.cho_factor(a), b), (P, V)),
    "cho_solve lower": (lambda m: lambda a, b: m.cho_solve(m.cho_factor(a, lower=True), b), (P, W)),
    "expm": (lambda m: lambda a: m.expm(a), (M / 3,)),
    "logm": (lambda m: lambda a: m.logm(a), (P,)),
    "sqrtm": (lambda m: lambda a: m.sqrtm(a), (P,)),
    "sylvester": (lambda m: lambda a, b, q: m.solve_sylvester(a, b, q), (M, P[:2, :2], W)),
    "inv": (lambda m: lambda a: m.inv(a), (M,)), "det": (lambda m: lambda a: m.det(a), (M,)),
    "lstsq": (lambda m: lambda a, b: m.lstsq(a, b)[0], (W, V)),
    "block_diag": (lambda m: lambda a, b: m.block_diag(a, b, [1.0, 2.0]), (M, V)),
}


@pytest.mark.filterwarnings("ignore:logm result may be inaccurate")  # SciPy's own, at 2e-13
@pytest.mark.parametrize("name", CASES)
def test_value_and_derivatives(name):
    make, args = CASES[name]
    ours, theirs = make(linalg), make(original)
    draw = np.random.default_rng(1)
    tangents = tuple(draw.normal(size=a.shape) for a in args)
    other = tuple(draw.normal(size=a.shape) for a in args)
    y, moved = dk.jvp(ours, args, tangents)
    np.testing.assert_allclose(y, theirs(*args), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(moved, differences(theirs, args, tangents), rtol=1e-8, atol=1e-8)
    g = draw.normal(size=np.shape(y))
    pulled = dk.vjp(ours, *args)[1](g)
    assert np.sum(g * moved) == pytest.approx(sum(np.sum(c * t) for c, t in zip(pulled, tangents)), rel=1e-10)
    # Second order: reverse over forward and forward over reverse, against differences of the tangent.
    along = lambda *args: np.sum(g * dk.jvp(ours, args, tangents)[1])
    expected = differences(along, args, other)
    by = tuple(range(len(args)))
    assert sum(np.sum(c * t) for c, t in zip(dk.grad(along, by)(*args), other)) == pytest.approx(expected, rel=1e-6,
                                                                                               abs=1e-8)
    across = lambda *args: sum(np.sum(c * t) for c, t in zip(dk.vjp(ours, *args)[1](g), tangents))
    assert dk.jvp(across, args, other)[1] == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", ["EXPM", "LOGM", "SQRTM"])
def test_complex_matrices(name):
    assert check_rule(getattr(linalg, name), (C @ C / 10,)) == []


def test_complex_solvers():
    assert check_rule(linalg.SYLVESTER, (C, C.T + 1, C)) == []
    assert check_rule(linalg.TRIANGULAR, (C, C), {"lower": True, "unit": False}) == []
    hermitian = C @ C.conj().T
    f = lambda a: np.sum(np.abs(linalg.cho_solve(linalg.cho_factor(a), V + 0j)) ** 2)
    t = hermitian / 3
    g = dk.grad(f)(hermitian)
    assert np.real(np.sum(g * t)) == pytest.approx(differences(f, (hermitian,), (t,)), rel=1e-8)


def test_the_triangle_that_is_not_read_has_no_derivative():
    slope = dk.grad(lambda a: np.sum(linalg.solve(a, V, assume_a="pos")))(P)
    assert np.all(slope[np.tril_indices(3, -1)] == 0) and np.all(slope[np.triu_indices(3)] != 0)
    garbage = P + np.tril(np.full((3, 3), 9.0), -1)
    found = dk.grad(lambda a: np.sum(linalg.solve(a, V, assume_a="pos")))(garbage)
    np.testing.assert_allclose(found, slope, rtol=1e-12)


def test_expm_derivative_does_not_depend_on_the_size_of_the_direction():
    a = np.array([[0.0, 1.0], [-1.0, 0.0]])
    one = dk.jvp(linalg.expm, (a,), (np.eye(2),))[1]
    for size in (1e-200, 1e200):
        np.testing.assert_allclose(dk.jvp(linalg.expm, (a,), (size * np.eye(2),))[1] / size, one, rtol=1e-13)
    np.testing.assert_allclose(one, original.expm(a), rtol=1e-14)


def test_dtypes_faults_and_keywords():
    single = P.astype(np.float32)
    for f in (linalg.expm, linalg.sqrtm, linalg.inv, lambda a: linalg.solve_triangular(a, V.astype(np.float32)),
              linalg.logm):
        assert dk.grad(lambda a, f=f: np.sum(f(a)))(single).dtype == np.float32
    with pytest.raises(TypeError, match="unexpected keyword"):
        dk.grad(lambda a: np.sum(linalg.expm(a, order=3)))(M)
    with pytest.raises(TypeError, match="unexpected keyword"):
        linalg.expm(M, order=3)
    with pytest.raises(ValueError, match="matrix structure"):
        dk.grad(lambda a: np.sum(linalg.solve(a, V, assume_a="odd")))(M)
    np.testing.assert_array_equal(linalg.solve(M, V), original.solve(M, V))
