"""diffkit.scipy.linalg: rows by the self-test, everything against differences of SciPy's own functions."""

import inspect

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
N, R, T, I2 = rng.normal(size=(3, 3)), rng.normal(size=(4, 2)), np.triu(np.tril(M, 1), -1), np.eye(2)
E = np.eye(3) + N / 9
BANDS, W5 = rng.normal(size=(4, 5)) + 5 * np.eye(4)[1][:, None], rng.normal(size=(5, 2))


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
    "solve tridiagonal": (lambda m: lambda a, b: m.solve(a, b, assume_a="tridiagonal"), (T, V)),
    "lu": (lambda m: lambda a: np.concatenate([m.lu(a)[1], m.lu(a)[2]]), (M,)),
    "lu tall": (lambda m: lambda a: np.concatenate(m.lu(a, permute_l=True)), (R,)),
    "lu wide": (lambda m: lambda a: np.concatenate(m.lu(a, p_indices=True)[1:], axis=1), (R.T,)),
    "lu_factor": (lambda m: lambda a: m.lu_factor(a)[0], (N,)),
    "lu_factor tall": (lambda m: lambda a: m.lu_factor(a)[0], (R,)),
    "lu_solve": (lambda m: lambda a, b: m.lu_solve(m.lu_factor(a), b), (N, W)),
    "lu_solve transposed": (lambda m: lambda a, b: m.lu_solve(m.lu_factor(a), b, trans=1), (N, V)),
    "banded": (lambda m: lambda ab, b: m.solve_banded((1, 2), ab, b), (BANDS, W5)),
    "banded positive": (lambda m: lambda ab, b: m.solveh_banded(ab, b), (0.2 * BANDS[[0, 2]] + [[0], [9]], W5)),
    "banded positive lower": (lambda m: lambda ab, b: m.solveh_banded(ab, b, lower=True),
                              (0.2 * BANDS[:3] + [[9], [0], [0]], W5[:, 0])),
    "qr": (lambda m: lambda a: np.concatenate(m.qr(a, mode="economic")), (R,)),
    "qr full": (lambda m: lambda a: np.concatenate([m.qr(a)[0][:, :2], (lambda q: q @ q.T)(m.qr(a)[0][:, 2:])],
                                                   axis=1), (R,)),
    "qr square": (lambda m: lambda a: np.concatenate(m.qr(a)), (M,)),
    "qr r": (lambda m: lambda a: m.qr(a, mode="r")[0], (R,)),
    "qr pivoting": (lambda m: lambda a: np.concatenate(m.qr(a, mode="economic", pivoting=True)[:2]), (R,)),
    "svd": (lambda m: lambda a: np.concatenate([part.ravel() for part in m.svd(a, full_matrices=False)]), (R,)),
    "svdvals": (lambda m: lambda a: m.svdvals(a), (R,)),
    "orth": (lambda m: lambda a: m.orth(a) @ m.orth(a).T, (R,)),
    "polar": (lambda m: lambda a: np.concatenate(m.polar(a)), (R,)),
    "polar left": (lambda m: lambda a: np.concatenate(m.polar(a, side="left")), (M,)),
    "pinv": (lambda m: lambda a: m.pinv(a), (R,)),
    "pinvh": (lambda m: lambda a: m.pinvh(a), (P,)),
    "pinvh upper": (lambda m: lambda a: m.pinvh(a, lower=False, return_rank=True)[0], (P,)),
    "eigh": (lambda m: lambda a: np.concatenate([m.eigh(a)[0], m.eigh(a)[1].ravel()]), (P,)),
    "eigh upper": (lambda m: lambda a: m.eigh(a, lower=False, subset_by_index=(1, 2))[1], (P,)),
    **{f"eigh pencil {kind}": (lambda m, kind=kind: lambda a, b: np.concatenate([part.ravel() for part in m.eigh(
        a, b, type=kind)]), (M + M.T, P)) for kind in (1, 2, 3)},
    "eigvalsh": (lambda m: lambda a, b: m.eigvalsh(a, b, lower=False), (M + M.T, P)),
    "eigvals": (lambda m: lambda a: np.sort(np.abs(m.eigvals(a))), (M,)),
    "eig": (lambda m: lambda a: np.real(m.eig(a)[1] @ np.diag(m.eig(a)[0]**2) @ np.linalg.inv(m.eig(a)[1])), (M,)),
    "lyapunov": (lambda m: lambda a, q: m.solve_continuous_lyapunov(a, q), (M, N)),
    "discrete lyapunov": (lambda m: lambda a, q: m.solve_discrete_lyapunov(a, q), (M / 9, N)),
    "discrete lyapunov bilinear": (lambda m: lambda a, q: m.solve_discrete_lyapunov(a, q, "bilinear"), (M / 9, N)),
    "riccati": (lambda m: lambda a, b, q, r: m.solve_continuous_are(a, b, q @ q.T, r @ r.T),
                (M / 3, W, N, W[:2] + 2 * I2)),
    "riccati descriptor": (
        lambda m: lambda a, e, s: m.solve_continuous_are(a, W, P, I2, e, s, False), (M / 3, E, W / 9)),
    "discrete riccati": (lambda m: lambda a, b: m.solve_discrete_are(a, b, P, I2), (M / 9, W)),
    "discrete riccati descriptor": (
        lambda m: lambda e, s: m.solve_discrete_are(M / 9, W, P, I2, e, s, False), (E, W / 9)),
    "signm": (lambda m: lambda a: m.signm(a), (M - 3 * np.eye(3),)),
    "fractional power": (lambda m: lambda a: m.fractional_matrix_power(a, 0.3), (P,)),
    "power": (lambda m: lambda t: m.fractional_matrix_power(P, t[0]), (np.array([0.3]),)),
    "expm_frechet": (lambda m: lambda a, e: np.concatenate(m.expm_frechet(a, e)), (M / 3, N)),
    **{name: (lambda m, name=name: lambda a: getattr(m, name)(a), (M / 4,))
       for name in ("cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")},
    "toeplitz": (lambda m: lambda c, r: m.toeplitz(c, r) @ m.toeplitz(r), (V, W5[:3, 0])),
    "circulant": (lambda m: lambda c: m.circulant(c), (V,)),
    "hankel": (lambda m: lambda c, r: m.hankel(c, r) @ m.hankel(r), (V, W5[:, 0])),
    "companion": (lambda m: lambda c: m.companion(c), (V,)),
    "leslie": (lambda m: lambda f, s: m.leslie(f, s), (V, V[:2])),
    "khatri_rao": (lambda m: lambda a, b: m.khatri_rao(a, b), (R, W)),
    **{f"convolution_matrix {mode}": (lambda m, mode=mode: lambda a: m.convolution_matrix(a, 5, mode), (V,))
       for mode in ("full", "same", "valid")},
    "matmul_toeplitz": (lambda m: lambda c, r, x: m.matmul_toeplitz((c, r), x), (V, W5[:, 0], W5)),
    "solve_toeplitz": (lambda m: lambda c, r, b: m.solve_toeplitz((c, r), b), (V + 3 * np.eye(3)[0], V, W)),
    "solve_circulant": (lambda m: lambda c, b: m.solve_circulant(c, b), (V + 3 * np.eye(3)[0], W)),
    "norm": (lambda m: lambda a: m.norm(a, 1, axis=0) + m.norm(a), (R,)),
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


def test_null_space_and_what_is_refused():
    """The projector on the null space of a moves by -(a^+ da P + transposed)."""
    a, t, g = R.T, rng.normal(size=(2, 4)), rng.normal(size=(4, 4))
    square = lambda n: n @ n.T  # one call: two would be two bases
    f = lambda a: np.sum(g * square(linalg.null_space(a)))
    projector = square(original.null_space(a))
    moved = -(original.pinv(a) @ t @ projector)
    assert np.sum(dk.grad(f)(a) * t) == pytest.approx(np.sum(g * (moved + moved.T)), rel=1e-10)
    refused = [(lambda a: linalg.null_space(a)[0, 0], a), (lambda a: linalg.qr(a)[0][0, 3], R),
               (lambda a: linalg.qr(a, mode="raw")[1][0, 0], M),
               (lambda a: linalg.eigh(a)[1][0, 0].real, C + C.conj().T),
               (lambda a: linalg.eig(a, left=True)[1][0, 0].real, M), (lambda a: linalg.eigvals(a, M)[0].real, M),
               (lambda a: linalg.svd(a, lapack_driver="gesvd")[1][0], M),
               (lambda a: linalg.lu(a)[1][0], M[None]),
               (lambda c: linalg.solve_circulant(c, V, singular="lstsq")[0], V)]
    for f, at in refused:
        with pytest.raises(dk.errors.DiffkitError, match=r"null|qr|eig|svd|lu|solve_circulant"):
            dk.grad(f)(at)


def test_rows_of_factorisations_complex_too():
    assert check_rule(linalg.BANDED, (BANDS + 1j * BANDS[::-1] / 9, W5 + 0j), {"lower": 1, "upper": 2}) == []
    for f in (lambda a: linalg.lu_solve(linalg.lu_factor(a), V + 0j, trans=2),
              lambda a: linalg.solve(a, V, assume_a="her"),
              lambda a: linalg.eigvalsh(a @ a.conj().T), lambda a: linalg.toeplitz(a[0]), linalg.cosm,
              lambda a: linalg.signm(a - 3 * np.eye(3)),
              lambda a: linalg.solve_continuous_lyapunov(a, C), lambda a: linalg.solveh_banded(
                  np.stack([a[0], 9 + np.real(a[1])]), V)):
        total = lambda a, f=f: np.sum((np.abs(f(a)) ** 2).ravel() * np.arange(1, f(a).size + 1))
        t = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
        assert np.real(np.sum(dk.grad(total)(C) * t)) == pytest.approx(differences(total, (C,), (t,)), rel=1e-7)


def test_every_definition_has_scipys_signature():
    for name in linalg.__all__:
        if not name.isupper():
            ours, theirs = (list(inspect.signature(getattr(m, name)).parameters) for m in (linalg, original))
            assert [p for p in theirs if p not in _OF_SOME] == [p for p in ours if p not in _OF_SOME], name


# In one version of SciPy or another, without a meaning for the result.
_OF_SOME = ("disp", "blocksize", "overwrite_b")
