"""Linear algebra: values to the last bit, derivatives in every mode, and the places where a formula ends."""

import numpy as np
import pytest
import sympy
from array_checks import central, check

import diffkit as dk
from diffkit.errors import DegenerateError

L = np.linalg
rng = np.random.default_rng(11)
SQUARE = rng.normal(size=(3, 3))
STACK = rng.normal(size=(2, 3, 3))
TALL, WIDE = rng.normal(size=(4, 2)), rng.normal(size=(2, 4))
#: Eigenvectors and factors far from a change of sign.
NEAR = np.diag([1.0, 3.0, 6.0]) + 0.3 * rng.normal(size=(3, 3))
POSITIVE = SQUARE @ SQUARE.T + np.eye(3)


def several(f):
    """A function with a named tuple as result, for the judge."""
    return lambda *args: tuple(f(*args))


SQUARE_CASES = {
    "inv": L.inv, "det": L.det, "slogdet": lambda a: L.slogdet(a)[1], "pinv": L.pinv,
    "solve vector": lambda a: L.solve(a, np.arange(3.0)), "solve matrix": lambda a: L.solve(a, np.eye(3)[:, :2]),
    "cond": L.cond, "cond 1": lambda a: L.cond(a, 1), "cond fro": lambda a: L.cond(a, "fro"),
    "cond -2": lambda a: L.cond(a, -2), "power 3": lambda a: L.matrix_power(a, 3),
    "power -2": lambda a: L.matrix_power(a, -2), "power 0": lambda a: L.matrix_power(a, 0) + 0 * a,
    "power 5": lambda a: L.matrix_power(a, 5), "trace": L.trace, "trace 1": lambda a: L.trace(a, offset=1),
    "diagonal -1": lambda a: L.diagonal(a, offset=-1), "matrix_transpose": L.matrix_transpose,
    "eigvalsh": L.eigvalsh, "eigvalsh U": lambda a: L.eigvalsh(a, "U"), "svdvals": L.svdvals,
    "eigh": several(L.eigh), "eigh U": several(lambda a: L.eigh(a, UPLO="U")), "svd": several(L.svd),
    "svd values": lambda a: L.svd(a, compute_uv=False), "svd hermitian": several(lambda a: L.svd(a, hermitian=True)),
    "svd hermitian values": lambda a: L.svd(a, compute_uv=False, hermitian=True),
    "qr": several(L.qr), "qr r": lambda a: L.qr(a, "r"), "pinv hermitian": lambda a: L.pinv(a, hermitian=True),
}


@pytest.mark.parametrize("name", SQUARE_CASES)
def test_square(name):
    check(SQUARE_CASES[name], NEAR if name.startswith(("eigh", "pinv")) else SQUARE)
    if "solve" not in name:
        check(SQUARE_CASES[name], STACK, second=False)


@pytest.mark.parametrize(("f", "args"), [
    (L.cholesky, (POSITIVE,)), (lambda a: L.cholesky(a, upper=True), (POSITIVE,)),
    (several(L.qr), (TALL,)), (several(L.qr), (WIDE,)), (several(lambda a: L.qr(a, "complete")), (WIDE,)),
    (several(lambda a: L.svd(a, full_matrices=False)), (TALL,)),
    (several(lambda a: L.svd(a, full_matrices=False)), (WIDE,)),
    (lambda a, b: L.lstsq(a, b), (TALL, rng.normal(size=4))),
    (lambda a, b: L.lstsq(a, b), (TALL, rng.normal(size=(4, 3)))),
    (lambda a, b: L.lstsq(a, b), (WIDE, rng.normal(size=2))),
    (L.solve, (STACK, rng.normal(size=(3, 2)))), (L.solve, (SQUARE, rng.normal(size=(2, 3, 1)))),
    (L.tensorsolve, (np.reshape(np.eye(6), (2, 3, 6)) + 0.2 * rng.normal(size=(2, 3, 6)), rng.normal(size=(2, 3)))),
    (lambda a, b: L.tensorsolve(a, b, axes=(0, 2)), (rng.normal(size=(2, 6, 3)), rng.normal(size=6))),
    (L.tensorinv, (np.reshape(np.eye(6), (2, 3, 6)) + 0.2 * rng.normal(size=(2, 3, 6)),)),
    (lambda a: L.tensorinv(a, ind=1), (np.reshape(np.eye(6), (6, 2, 3)) + 0.2 * rng.normal(size=(6, 2, 3)),)),
], ids=[str(number) for number in range(16)])
def test_other_shapes(f, args):
    check(f, *args)


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf], ids=str)
def test_matrix_norms(ord):
    check(lambda a: L.norm(a, ord), TALL)
    check(lambda a: L.norm(a, ord, (2, 0), True), STACK)
    check(lambda a: L.matrix_norm(a, ord=ord or "fro", keepdims=True), STACK, second=False)


@pytest.mark.parametrize("ord", [None, 0, 1, 2, 3, 0.5, -1, -2, np.inf, -np.inf, 2.5], ids=str)
def test_vector_norms(ord):
    x = np.array([[1.2, -0.7, 0.4, -2.0], [0.3, 0.9, -1.1, 0.6]])
    check(lambda a: L.norm(a, ord), x[0])
    check(lambda a: L.norm(a, ord, 0, True), x)
    if ord is not None:
        check(lambda a: L.vector_norm(a, ord=ord, axis=(0, 2)), np.stack([x, x + 3]), second=False)
        check(lambda a: L.vector_norm(a, ord=ord, keepdims=True), x, second=False)


def test_norm_of_everything():
    check(L.norm, rng.normal(size=(2, 2, 2)))


def test_norms_at_zero():
    zero = np.zeros(3)
    for ord in (None, 1, 2, 3, 0.5, np.inf):
        assert np.array_equal(dk.grad(lambda x, o=ord: L.norm(x, o))(zero), zero)
    for ord in ("fro", "nuc", 2):
        assert np.array_equal(dk.grad(lambda x, o=ord: L.norm(x, o))(np.zeros((2, 2))), np.zeros((2, 2)))
    assert np.array_equal(dk.grad(lambda x: L.norm(x) ** 2)(zero), zero)
    rows = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert np.array_equal(dk.grad(lambda x: np.sum(L.norm(x, axis=1)))(rows), [[0, 0], [0.6, 0.8]])


# --- determinants ---------------------------------------------------------------------------------

@pytest.mark.parametrize("rank", [0, 1, 2])
def test_determinant_of_singular_matrices(rank):
    """Gradient and Hessian of a 3x3 determinant, from its six terms written out."""
    a = sum((np.outer(rng.integers(-3, 4, 3), rng.integers(-3, 4, 3)) for _ in range(rank)), np.zeros((3, 3)))

    def six(a):
        return (a[0, 0] * (a[1, 1] * a[2, 2] - a[1, 2] * a[2, 1]) - a[0, 1] * (a[1, 0] * a[2, 2] - a[1, 2] * a[2, 0])
                + a[0, 2] * (a[1, 0] * a[2, 1] - a[1, 1] * a[2, 0]))

    assert np.allclose(dk.grad(L.det)(a), dk.grad(six)(a), atol=1e-12)
    assert np.allclose(dk.hessian(L.det)(a), dk.hessian(six)(a), atol=1e-12)


def test_determinant_third_order():
    a, t = SQUARE, rng.normal(size=(3, 3))
    third = dk.derivative(lambda s: L.det(a + s * t), 3)(0.3)
    assert abs(third - 6 * L.det(t)) < 1e-11


@pytest.mark.parametrize("a", [np.ones((3, 3)), np.zeros((3, 3)), np.ones((4, 4)), np.diag([1.0, 2.0, 0.0, 0.0]),
                               np.diag([1.0, 2.0, 3.0, 0.0]), np.diag([3.0, -1.0, 2.0, 5.0])], ids=str)
def test_third_derivative_of_any_determinant(a):
    """Of the polynomial det(a + x t + y r + z q): the coefficient of x y z, by SymPy in whole numbers."""
    t, r, q = (rng.integers(-2, 3, a.shape).astype(float) for _ in range(3))
    x = sympy.symbols("x:3")
    matrix = sum((s * sympy.Matrix(m.astype(int)) for s, m in zip(x, (t, r, q))), sympy.Matrix(a.astype(int)))
    expected = float(sympy.expand(matrix.det(method="berkowitz")).coeff(x[0]).coeff(x[1]).coeff(x[2]).subs(
        dict.fromkeys(x, 0)))

    def slope(a):
        return np.sum(dk.grad(L.det)(a) * t)

    found = (dk.jvp(lambda a: dk.jvp(slope, (a,), (r,))[1], (a,), (q,))[1],
             np.sum(dk.grad(lambda a: np.sum(dk.grad(slope)(a) * r))(a) * q),
             np.sum(dk.grad(lambda a: dk.jvp(slope, (a,), (r,))[1])(a) * q))
    assert np.max(np.abs(np.array(found) - expected)) <= 1e-12 * max(1, abs(expected))


def test_log_determinant_of_a_singular_matrix_is_nan():
    with np.errstate(all="ignore"):
        assert np.all(np.isnan(dk.grad(lambda a: L.slogdet(a)[1])(np.ones((2, 2)))))
        stack = np.stack([np.ones((2, 2)), np.diag([2.0, 4.0])])
        assert np.array_equal(dk.grad(lambda a: L.slogdet(a)[1][1])(stack)[1], np.diag([0.5, 0.25]))


# --- one triangle ------------------------------------------------------------------------------------

def test_only_the_triangle_that_is_read_moves():
    for f, lower in ((lambda a: L.eigh(a)[0][0], True), (lambda a: L.eigvalsh(a, "U")[0], False),
                     (lambda a: np.sum(L.cholesky(a)), True), (lambda a: np.sum(L.cholesky(a, upper=True)), False)):
        g = dk.grad(f)(POSITIVE)
        unread = np.triu(g, 1) if lower else np.tril(g, -1)
        assert not unread.any() and np.all(np.abs(g[np.tril_indices(3) if lower else np.triu_indices(3)]) > 0)
        t = rng.normal(size=(3, 3))
        assert abs(np.sum(g * t) - central(f, (POSITIVE,), (t,))) < 1e-8


# --- complex matrices, along x and iy ------------------------------------------------------------------

COMPLEX_CASES = {
    "inv": lambda a: np.sum(np.abs(L.inv(a)) ** 2), "det": lambda a: np.real(L.det(a) * (1 + 2j)),
    "slogdet": lambda a: L.slogdet(a)[1] + np.imag(L.slogdet(a)[0]),
    "solve": lambda a: np.real(np.sum(L.solve(a, a[:, :1] ** 2))),
    "eigvalsh": lambda a: np.sum(L.eigvalsh(a) * np.arange(3)),
    "eigvalsh U": lambda a: np.sum(L.eigvalsh(a, "U") ** 3),
    "eigh": lambda a: np.sum(np.abs(L.eigh(a)[1][0]) ** 2 * np.arange(3)),
    "eigh phase": lambda a: np.real(np.sum(L.eigh(a)[1] * np.arange(9).reshape(3, 3))),
    "eigh phase U": lambda a: np.imag(np.sum(L.eigh(a, "U")[1] * np.arange(9).reshape(3, 3))),
    "eig": lambda a: np.real(np.sum(L.eig(a)[1] * np.arange(9).reshape(3, 3)) + np.sum(L.eig(a)[0] ** 2)),
    "eigvals": lambda a: np.imag(np.sum(L.eigvals(a) * np.arange(3))),
    "svdvals": lambda a: np.sum(L.svdvals(a) * np.arange(3)),
    "svd": lambda a: (lambda u, s, vh: np.real(np.sum((u @ vh) * np.arange(9).reshape(3, 3))))(*L.svd(a)),
    "cholesky": lambda a: np.real(np.sum(L.cholesky(a @ np.conj(a.T) + np.eye(3)) * (1 + 1j))),
    "qr": lambda a: np.real(np.sum(L.qr(a)[0] * np.arange(9).reshape(3, 3) * (1 - 2j)) + np.sum(L.qr(a)[1] * 1j)),
    "pinv": lambda a: np.imag(np.sum(L.pinv(a[:, :2]) * np.arange(6).reshape(2, 3))),
    "norm": lambda a: L.norm(a) + L.norm(a, "nuc") + L.norm(a, 1) + L.norm(a[0], 3) + L.norm(a[1], np.inf),
}


@pytest.mark.parametrize("name", COMPLEX_CASES)
def test_complex(name):
    f = COMPLEX_CASES[name]
    a = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    g = dk.grad(f)(a)
    for t in (rng.normal(size=(3, 3)) + 0j, 1j * rng.normal(size=(3, 3))):
        # df/dx - i df/dy pairs with a direction t as Re(g t)
        assert abs(np.sum(g * t).real - central(f, (a,), (t,))) < 2e-8 * max(1, np.max(np.abs(g)))
        assert abs(dk.jvp(f, (a,), (t,))[1] - np.sum(g * t).real) < 1e-11 * max(1, np.max(np.abs(g)))


# --- repeated values --------------------------------------------------------------------------------------

REPEATED = np.array([[2.0, 0, 0], [0, 2.0, 0], [0, 0, 5.0]])
TURN = L.qr(rng.normal(size=(3, 3)))[0]


@pytest.mark.parametrize("a", [REPEATED, (TURN @ REPEATED @ TURN.T + (TURN @ REPEATED @ TURN.T).T) / 2])
def test_functions_of_repeated_eigenvalues(a):
    """Sums over all eigenvalues are traces of powers: 2A and, on the lower triangle, its double."""
    both = np.tril(2 * a) + np.tril(2 * a, -1)
    assert np.allclose(dk.grad(lambda a: np.sum(L.eigvalsh(a) ** 2))(a), both, atol=1e-13)
    assert np.allclose(dk.grad(lambda a: np.sum(L.eigh(a)[0] ** 2))(a), both, atol=1e-13)
    assert np.allclose(dk.grad(lambda a: np.real(np.sum(L.eigvals(a) ** 2)))(a), 2 * a.T, atol=1e-12)
    assert np.allclose(dk.grad(lambda a: np.sum(L.svdvals(a) ** 2))(a), 2 * a, atol=1e-12)
    # The smallest alone: its two candidates share, as ties of min do.
    t = rng.normal(size=(3, 3))
    t = t + t.T
    _, v = L.eigh(a)
    assert abs(dk.jvp(lambda a: L.eigvalsh(a)[0], (a,), (t,))[1] - np.trace(v[:, :2].T @ t @ v[:, :2]) / 2) < 1e-13


def test_an_eigenvector_beside_a_repeated_eigenvalue():
    def f(a):
        return L.eigh(a)[1][0, 2] ** 2

    t = rng.normal(size=(3, 3))
    a = TURN @ REPEATED @ TURN.T
    assert abs(dk.jvp(f, (a,), (t,))[1] - central(f, (a,), (t,))) < 1e-8
    assert abs(np.sum(dk.grad(f)(a) * t) - central(f, (a,), (t,))) < 1e-8


@pytest.mark.parametrize("f", [
    lambda a: L.eigh(a)[1][0, 0], lambda a: np.real(L.eig(a)[1][0, 0]), lambda a: L.svd(a)[0][0, 2],
    # Values one by one have no derivative beside vectors, nor has the choice of a basis.
    lambda a: (lambda w, v: w[0] + np.sum((v * w) @ v.T))(*L.eigh(a)),
    lambda a: np.sum(np.abs(L.eigh(a)[1])), lambda a: np.sum(L.eigh(a)[1][:, :1] @ L.eigh(a)[1][:, :1].T)])
@pytest.mark.parametrize("a", [np.eye(3), REPEATED])
def test_what_leans_on_the_basis_of_a_repeated_value_is_refused(f, a):
    with pytest.raises(DegenerateError, match="repeated values"):
        dk.grad(f)(a)
    t = rng.normal(size=(3, 3))
    with pytest.raises(DegenerateError, match="repeated values"):
        dk.jvp(f, (a,), (t + t.T,))


def daleckii_krein(w, v, h, slope, t):
    """The derivative of the matrix function h along t: divided differences in the basis of eigenvectors."""
    with np.errstate(all="ignore"):
        table = (h(w)[:, None] - h(w)) / (w[:, None] - w)
    same = np.abs(w[:, None] - w) < 1e-9
    table[same] = slope((w[:, None] + 0 * w)[same])
    return v @ (table * (v.T @ t @ v)) @ v.T


SPECTRAL = {"identity": (lambda w: w, np.ones_like), "exp": (np.exp, np.exp), "log": (np.log, lambda w: 1 / w),
            "cube": (lambda w: w**3, lambda w: 3 * w**2), "log squared": (lambda w: np.log(w)**2,
                                                                         lambda w: 2 * np.log(w) / w)}
BASIS = L.qr(np.random.default_rng(3).normal(size=(4, 4)))[0]


@pytest.mark.parametrize("values", [[1.0, 1, 1, 1], [2.0, 2, 2, 5], [1.0, 1, 3, 3]], ids=str)
@pytest.mark.parametrize("name", SPECTRAL)
def test_matrix_functions_at_repeated_eigenvalues(name, values):
    h, slope = SPECTRAL[name]
    w = np.array(values)
    a = BASIS @ np.diag(w) @ BASIS.T
    a = (a + a.T) / 2
    weights, t = np.random.default_rng(5).normal(size=(2, 4, 4))
    t = t + t.T
    expected = np.sum(weights * daleckii_krein(w, BASIS, h, slope, t))

    def one_call(a):
        w, v = L.eigh(a)
        return np.sum(weights * ((v * h(w)) @ v.T))

    def two_calls(a):
        v = L.eigh(a).eigenvectors
        return np.sum(weights * ((v * h(L.eigvalsh(a))) @ v.T))

    for f in (one_call, two_calls):
        assert abs(dk.jvp(f, (a,), (t,))[1] - expected) < 1e-12 * np.max(np.abs(weights)) * 100
        assert abs(np.sum(dk.grad(f)(a) * np.tril(t)) - expected) < 1e-11  # eigh reads the lower triangle
        assert abs(np.sum(dk.jacobian(f, method="forward")(a) * np.tril(t)) - expected) < 1e-11
    with pytest.raises(DegenerateError, match="second derivative"):
        dk.hessian(one_call)(a)


def test_singular_vectors_of_repeated_values():
    """f(A) = U f(S) V^H for odd f = s^3: A A^H A, whose derivative is a sum of products."""
    a, weights, t = 1.5 * BASIS, *np.random.default_rng(6).normal(size=(2, 4, 4))
    along = t @ a.T @ a + a @ t.T @ a + a @ a.T @ t

    def cube(a):
        u, s, vh = L.svd(a)
        return np.sum(weights * ((u * s**3) @ vh))

    assert abs(np.sum(dk.grad(cube)(a) * t) - np.sum(weights * along)) < 1e-11
    assert abs(dk.jvp(cube, (a,), (t,))[1] - np.sum(weights * along)) < 1e-11
    z, zt = (BASIS + 0j) * np.exp(0.3j), t + 1j * weights

    def complex_cube(a):
        u, s, vh = L.svd(a)
        return np.real(np.sum((weights - 2j * t) * ((u * s**3) @ vh)))

    along = zt @ z.conj().T @ z + z @ zt.conj().T @ z + z @ z.conj().T @ zt
    assert abs(np.sum(dk.grad(complex_cube)(z) * zt).real - np.real(np.sum((weights - 2j * t) * along))) < 1e-11


@pytest.mark.parametrize("inner", ["forward", "reverse"])
@pytest.mark.parametrize("outer", ["forward", "reverse"])
def test_hessians_of_functions_of_repeated_values(inner, outer):
    def hessian(f, a):
        return dk.jacobian(dk.grad(f, method=inner), method=outer)(a)

    t = np.tril(rng.normal(size=(3, 3)))
    full = t + np.tril(t, -1).T
    for a in (np.zeros((3, 3)), np.eye(3), REPEATED):
        assert np.array_equal(np.round(hessian(lambda a: np.sum(L.eigvalsh(a)), a), 12), np.zeros((3, 3, 3, 3)))
        found = hessian(lambda a: np.sum(L.eigvalsh(a) ** 2), a)  # the sum of the squares of all entries
        assert abs(np.sum(found * t[:, :, None, None] * t) - 2 * np.sum(full**2)) < 1e-11
    found = hessian(lambda a: np.sum(L.svdvals(a) ** 2), 1.5 * np.eye(3))
    assert np.allclose(found.reshape(9, 9), 2 * np.eye(9), atol=1e-12)
    # |I + t W|_* = 3 + O(t^3) for symmetric W of trace 0; for a turn W in a plane it is 1 + 2 sqrt(1 + t^2)
    turn = np.zeros((3, 3))
    turn[0, 1], turn[1, 0] = 1.0, -1.0
    found = hessian(lambda a: L.norm(a, "nuc"), np.eye(3))
    assert abs(np.sum(found * turn[:, :, None, None] * turn) - 2) < 1e-12
    assert abs(np.sum(found * full[:, :, None, None] * full)) < 1e-11


def test_arbitrary_bases_and_phases_are_refused():
    with pytest.raises(DegenerateError, match="null vectors"):
        dk.grad(lambda a: L.svd(a)[0][0, 3])(TALL)
    a = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
    with pytest.raises(DegenerateError, match="phases"):
        dk.grad(lambda a: np.imag(L.svd(a)[0][0, 0]))(a)
    with pytest.raises(DegenerateError, match="complete"):
        dk.grad(lambda a: np.sum(L.qr(a, "complete")[0]))(TALL)
    with pytest.raises(DegenerateError, match="too few eigenvectors"):
        dk.grad(lambda a: np.real(L.eigvals(a)[0]))(np.array([[1.0, 1.0], [0.0, 1.0]]))


def test_invariants_of_arbitrary_bases():
    """The projection on the null space is well defined, whatever basis NumPy returns of it."""
    weights = rng.normal(size=(4, 4))

    def f(a):
        u = L.svd(a)[0]
        return np.sum(weights * (u[:, 2:] @ u[:, 2:].T))

    def same(a):
        return np.sum(weights * (np.eye(4) - a @ L.inv(a.T @ a) @ a.T))

    assert np.allclose(dk.grad(f)(TALL), dk.grad(same)(TALL), atol=1e-12)
    t = rng.normal(size=(4, 2))
    assert abs(dk.jvp(f, (TALL,), (t,))[1] - dk.jvp(same, (TALL,), (t,))[1]) < 1e-12


def test_the_added_columns_of_a_complete_qr():
    """They span what is orthogonal to A: Q2 Q2^H = 1 - A A^+ whatever basis LAPACK takes, of one column or more."""
    for a, more in ((TALL, 0), (rng.normal(size=(3, 2)), 0), (TALL + 1j * rng.normal(size=TALL.shape), 1j)):
        n, k = a.shape
        weights = rng.normal(size=(n, n)) + more * rng.normal(size=(n, n))

        def f(a, k=k, weights=weights):
            q, r = L.qr(a, "complete")
            assert q.shape == (len(a), len(a)) and r.shape == a.shape
            return np.sum(np.real(weights * (q[:, k:] @ np.conjugate(q[:, k:]).T))) + np.sum(np.abs(r) ** 2)

        def same(a, n=n, weights=weights):
            adjoint = np.conjugate(a).T
            return np.sum(np.real(weights * (np.eye(n) - a @ L.inv(adjoint @ a) @ adjoint))) + np.sum(np.abs(a) ** 2)

        t = rng.normal(size=a.shape) + more * rng.normal(size=a.shape)
        assert np.allclose(dk.grad(f)(a), dk.grad(same)(a), atol=1e-12)
        assert abs(dk.jvp(f, (a,), (t,))[1] - dk.jvp(same, (a,), (t,))[1]) < 1e-12
        if not more:
            assert np.allclose(dk.hessian(f)(a), dk.hessian(same)(a), atol=1e-10)
    for method in ("reverse", "forward"):
        with pytest.raises(DegenerateError, match="added columns"):
            dk.grad(lambda a: L.qr(a, "complete")[0][0, 2], method=method)(TALL)
        with pytest.raises(DegenerateError, match="raw"):
            dk.grad(lambda a: np.sum(L.qr(a, "raw")[0]), method=method)(TALL)
        with pytest.raises(DegenerateError, match="dependent"):
            dk.grad(lambda a: np.sum(L.qr(a, "complete")[0][:, 1:] ** 2), method=method)(np.ones((3, 2)))
    one = rng.normal(size=(3, 2))  # a single column is determined but for its sign
    h = 1e-6
    for i, j in np.ndindex(one.shape):
        e = np.zeros((3, 2))
        e[i, j] = h
        slope = (L.qr(one + e, "complete")[0][:, 2] - L.qr(one - e, "complete")[0][:, 2]) / (2 * h)
        assert np.allclose(dk.jacobian(lambda a: L.qr(a, "complete")[0][:, 2])(one)[:, i, j], slope, atol=1e-8)


def test_singular_values_at_zero():
    """A singular value 0 is a kink: the nuclear norm's minimum-norm subgradient is u v^T."""
    u, v = np.array([0.6, 0.8]), np.array([0.8, -0.6])
    assert np.allclose(dk.grad(lambda a: L.norm(a, "nuc"))(np.outer(u, v)), np.outer(u, v), atol=1e-15)
    with pytest.raises(DegenerateError, match="svd"):
        dk.grad(lambda a: (lambda u, s, vh: np.sum((u * s) @ vh))(*L.svd(a)))(np.outer(u, v))


@pytest.mark.parametrize("method", ["reverse", "forward"])
def test_singular_values_at_zero_and_vectors_of_two_calls(method):
    """(u * s) @ vh is a itself, of derivative 1; the zeros of s hide that its vectors count where s is exactly 0."""
    a = np.array([[2.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    weights = np.arange(6.0).reshape(3, 2)

    def product(s, parts):
        return np.sum(weights * ((parts[0] * s) @ parts[2]))

    for f in (lambda a: product(L.svdvals(a), L.svd(a, False)),
              lambda a: product(L.svd(a, False)[1], L.svd(a, False)),
              lambda a: (lambda parts: product(L.svd(a, compute_uv=False), parts))(L.svd(a, False))):
        with pytest.raises(DegenerateError, match="svd"):
            dk.grad(f, method=method)(a)
    # What needs the vectors of the other values alone, or the zeros alone, has its derivative: again and again.
    top = lambda a: L.svdvals(a)[0] * L.svd(a, False)[0][0, 0] ** 2
    for _ in range(2):
        for f in (top, lambda a: np.sum(L.svdvals(a))):
            assert np.allclose(dk.grad(f, method=method)(a), [[1, 0], [0, 0], [0, 0]], atol=1e-15)


# --- the rest ---------------------------------------------------------------------------------------------

def test_named_results_stay_named():
    seen = []

    def f(a):
        seen.extend([L.eigh(a), L.eig(a), L.svd(a), L.qr(a), L.slogdet(a)])
        return np.sum(L.eigh(a).eigenvalues) + L.slogdet(a).logabsdet

    dk.grad(f)(POSITIVE)
    assert [type(x).__name__ for x in seen] == ["EighResult", "EigResult", "SVDResult", "QRResult", "SlogdetResult"]


def test_eigenvalues_in_the_order_of_eigvals():
    for seed in range(20):
        a = np.random.default_rng(seed).normal(size=(5, 5))
        t = np.random.default_rng(seed + 100).normal(size=(5, 5))
        found = dk.jvp(L.eigvals, (a.astype(complex),), (t.astype(complex),))[1]
        h = 1e-6
        expected = (L.eigvals((a + h * t).astype(complex)) - L.eigvals((a - h * t).astype(complex))) / (2 * h)
        assert np.allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_single_precision_stays():
    a = POSITIVE.astype(np.float32)
    for f in (L.inv, L.det, L.cholesky, L.eigvalsh, L.svdvals, L.norm, L.pinv, lambda a: L.solve(a, a), L.cond,
              lambda a: L.slogdet(a)[1], lambda a: L.eigh(a)[1], lambda a: L.svd(a)[0], lambda a: L.qr(a)[0],
              lambda a: L.norm(a, 3, axis=0), lambda a: L.norm(a, "nuc"), lambda a: np.real(L.eig(a)[0]),
              lambda a: L.lstsq(a, a)[0], lambda a: L.matrix_power(a, -2)):
        assert dk.grad(lambda a, f=f: np.sum(f(a)))(a).dtype == np.float32
        assert dk.jvp(f, (a,), (a,))[1].dtype == np.float32


def test_rank_is_flat():
    assert dk.grad(lambda a: L.matrix_rank(a) * a[0, 0])(np.eye(2))[0, 0] == 2.0


def test_errors_are_numpys():
    for call in (L.inv, L.det, L.eigh, lambda a: L.solve(a, np.ones(2)), L.cholesky):
        with pytest.raises(L.LinAlgError):
            dk.grad(lambda a, call=call: np.sum(call(a)[0]))(np.ones((2, 3)))
    with pytest.raises(ValueError, match="Invalid norm order"):
        dk.grad(lambda a: L.norm(a, 7))(np.eye(2))
