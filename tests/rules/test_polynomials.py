"""Polynomials: np.polyval and its kin, and numpy.polynomial, whose own code runs under every transform."""

import numpy as np
import pytest
from array_checks import check
from numpy.polynomial import Chebyshev, Legendre, Polynomial, chebyshev, hermite, hermite_e, laguerre, legendre
from numpy.polynomial import polynomial as power

import diffkit as dk
from diffkit.errors import DegenerateError, LostDerivativeError
from diffkit.rules.polynomials import polyvalnd

FAMILIES = {"poly": power, "cheb": chebyshev, "leg": legendre, "herm": hermite, "herme": hermite_e, "lag": laguerre}
C = np.array([0.7, -1.3, 0.4, 2.1])
D = np.array([1.2, 0.5])
X = np.array([0.31, -0.72, 0.55])
GRID = np.array([[0.3, -0.5], [0.2, 0.9], [-1.1, 0.4]])
T = np.array([-0.9, -0.4, 0.05, 0.3, 0.62, 0.97])
WEIGHTS = np.array([1.0, 0.7, 1.2, 0.4, 0.9, 1.1])



def two(y):
    """Real and imaginary part as one vector (NumPy 2.5 gives roots as complex numbers always)."""
    return np.concatenate([np.ravel(np.real(y)), np.ravel(np.imag(y))])


#: name -> (the function of a family's functions, its arguments)
OPERATIONS = {
    "val": (lambda f: f("val"), (X, C)),
    "val_columns": (lambda f: lambda x, c: f("val")(x, c, tensor=True), (X, GRID)),
    "val_pairs": (lambda f: lambda x, c: f("val")(x, c, tensor=False), (X[:2], GRID)),
    "val2d": (lambda f: lambda x, y, c: f("val2d")(x, y, c), (X, X * X, GRID)),
    "grid2d": (lambda f: lambda x, y, c: f("grid2d")(x, y, c), (X, D, GRID)),
    "val3d": (lambda f: lambda x, c: f("val3d")(x, x * x, x + 1, c), (X[:2], np.stack([GRID, GRID - 1]))),
    "grid3d": (lambda f: lambda x, c: f("grid3d")(x, D, x[:1], c), (X[:2], np.stack([GRID, GRID - 1]))),
    "vander": (lambda f: lambda x: f("vander")(x, 3), (X,)),
    "vander2d": (lambda f: lambda x: f("vander2d")(x, x * x, (2, 1)), (X,)),
    "vander3d": (lambda f: lambda x: f("vander3d")(x, x * x, x + 1, (1, 0, 2)), (X,)),
    "der": (lambda f: lambda c: f("der")(c, 2, scl=1.5), (C,)),
    "int": (lambda f: lambda c, b: f("int")(c, 2, k=[b[0], 0.5], lbnd=0.3, scl=b[1]), (C, D)),
    "add": (lambda f: f("add"), (C, D)), "sub": (lambda f: f("sub"), (D, C)), "mul": (lambda f: f("mul"), (C, D)),
    "div": (lambda f: f("div"), (C, D)), "pow": (lambda f: lambda c: f("pow")(c, 3), (D,)),
    "mulx": (lambda f: f("mulx"), (C,)), "line": (lambda f: lambda c: f("line")(c[0], c[1]), (D,)),
    "fit": (lambda f: lambda x, y, w: f("fit")(x, y, [0, 2], w=w), (T, np.exp(T), WEIGHTS)),
    "roots": (lambda f: lambda c: two(f("roots")(c)), (C,)), "fromroots": (lambda f: f("fromroots"), (X,)),
    "companion": (lambda f: f("companion"), (C,)),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("family", FAMILIES)
def test_module(family, operation):
    function, args = OPERATIONS[operation]
    check(function(lambda name: getattr(FAMILIES[family], family + name)), *args,
          second=family in ("poly", "leg") and operation not in ("companion", "vander3d"))


CLASSES = {
    "evaluate": (lambda c, x: Polynomial(c)(x), (C, X)),
    "domain": (lambda c, x: Chebyshev(c, domain=[x[0] - 2, x[2] + 1])(x), (C, X)),
    "arithmetic": (lambda c, d: (Legendre(c) * Legendre(d) + Legendre(d) - c[0]).deriv().integ(k=d[0])(0.3), (C, D)),
    "division": (lambda c, d: (Polynomial(c) // Polynomial(d))(0.3) + (Polynomial(c) % Polynomial(d)).coef, (C, D)),
    "power": (lambda c: (Polynomial(c) ** 2).coef, (C,)),
    "basis": (lambda c: (Legendre.basis(3) * Legendre(c)).coef, (C,)),
    "convert": (lambda c: Chebyshev(c).convert(kind=Polynomial).coef, (C,)),
    "inside": (lambda c, d: Polynomial(c)(Polynomial(d)).coef, (C, D)),
    "roots": (lambda c: two(Polynomial(c).roots()), (C,)),
    "fromroots": (lambda r: Polynomial.fromroots(r).coef, (X,)),
    "fit": (lambda y: Polynomial.fit(T, y, 2)(0.2), (np.exp(T),)),
    "linspace": (lambda c: Polynomial(c).linspace(5)[1], (C,)),
    "quadrature": (lambda c: np.sum(legendre.leggauss(4)[1] * Polynomial(c)(legendre.leggauss(4)[0])), (C,)),
    "weights": (lambda x: chebyshev.chebweight(x) + hermite.hermweight(x) + laguerre.lagweight(x), (X,)),
}


@pytest.mark.parametrize("case", CLASSES.values(), ids=CLASSES.keys())
def test_class(case):
    check(case[0], *case[1])


NUMPY = {
    "polyval": (np.polyval, (C, X)), "polyval_matrix": (lambda p: np.polyval(p, GRID), (C,)),
    "polyval_point": (lambda p: np.polyval(p, 0.3), (C,)),
    "polyval_complex": (lambda c, x: two(np.polyval(c, x + 0.5j)), (C, X)),
    "polyadd": (np.polyadd, (C, D)), "polysub": (np.polysub, (D, C)), "polymul": (np.polymul, (C, D)),
    "polydiv": (np.polydiv, (C, D)), "polydiv_short": (np.polydiv, (D, C)),
    "polyder": (lambda p: np.polyder(p, 2), (C,)), "polyder_all": (lambda p: np.polyder(p, 0), (C,)),
    "polyint": (lambda p, k: np.polyint(p, 2, k), (C, D)), "polyint_plain": (lambda p: np.polyint(p), (C,)),
    "polyint_one": (lambda p: np.polyint(p, 3, p[0]), (D,)),
    "poly": (np.poly, (X,)), "poly_matrix": (np.poly, (np.array([[1.0, 0.4], [-0.3, 2.0]]),)),
    "poly_pairs": (lambda x: np.poly(np.stack([x[0] + 1j * x[1], x[0] - 1j * x[1]])), (X,)),
    "poly_complex": (lambda x: two(np.poly(x + 1j * x ** 2)), (X,)),
    "roots": (lambda p: two(np.roots(p)), (C,)), "roots_line": (lambda p: two(np.roots(p)), (D,)),
    "roots_real": (lambda p: np.real(np.roots(p)), (np.array([1.0, -0.4, -1.1, 0.2]),)),
    "roots_float": (lambda p: np.roots(p).imag, (np.array([1.0, 0.5, 2.0]),)),
    "polyfit": (lambda x, y: np.polyfit(x, y, 2), (T, np.exp(T))),
    "polyfit_weights": (lambda y, w: np.polyfit(T, y, 1, w=w), (np.exp(T), WEIGHTS)),
    "polyfit_columns": (lambda y, w: np.polyfit(T, y, 1, w=w), (np.stack([np.exp(T), T ** 3], 1), WEIGHTS)),
    "polyfit_full": (lambda y: np.polyfit(T, y, 2, full=True)[:2], (np.exp(T),)),
    "polyfit_cov": (lambda x, y: np.polyfit(x, y, 2, cov=True), (T, np.exp(T))),
    "polyfit_unscaled": (lambda x: np.polyfit(x, np.stack([x, x ** 3], 1), 1, cov="unscaled")[1], (T,)),
    "poly1d": (lambda c, x: (np.poly1d(c) * np.poly1d(D)).deriv()(x), (C, X)),
    "poly1d_arithmetic": (lambda c: (np.poly1d(c) ** 2 - 3 * np.poly1d(c) + 1).integ(k=c[0]).coeffs, (C,)),
    "poly1d_inside": (lambda c: np.poly1d(c)(np.poly1d(D)).coeffs, (C,)),
    "poly1d_division": (lambda c: [p.coeffs for p in np.polydiv(c, np.poly1d(D))], (C,)),
}


@pytest.mark.parametrize("case", NUMPY.values(), ids=NUMPY.keys())
def test_numpys_own(case):
    check(case[0], *case[1])


def test_poly1d_for_poly1d():
    b = np.poly1d(D)
    for f in (np.polyadd, np.polysub, np.polymul):
        check(lambda c, f=f: f(c, b)(0.5), C)
        with pytest.raises(LostDerivativeError):  # np.asarray(poly1d) in NumPy's own code, which never asks
            dk.grad(lambda c, f=f: f(np.poly1d(c), b)(0.5))(C)


def test_roots_at_the_ends():
    """A zero coefficient at either end still moves the roots: (x² - 1)(x + e), e x³ + x² - 1 around e = 0."""
    last = dk.jacobian(np.roots)(np.array([1.0, 0.0, -1.0, 0.0]))
    assert np.allclose(last[:, 3], [-0.5, -0.5, 1.0], atol=1e-14)
    for root, row in zip(np.roots([0.0, 1.0, 0.0, -1.0]), dk.jacobian(np.roots)(np.array([0.0, 1.0, 0.0, -1.0]))):
        assert abs(row[0] + root ** 3 / (2 * root)) < 1e-14


def test_a_repeated_root_is_refused():
    for method in ("reverse", "forward"):
        with pytest.raises(DegenerateError, match="repeated root"):
            dk.grad(lambda p: np.sum(np.real(np.roots(p))), method=method)(np.array([1.0, -2.0, 1.0]))


DROPPED = [
    lambda c: power.polyval(2.0, power.polyadd(c, c)), lambda c: power.polymul(c, D),
    lambda c: legendre.legmulx(c[2:]), lambda c: laguerre.lagint(c[2:], k=1.0), lambda c: np.poly1d(c[::-1])(2.0),
    lambda c: hermite.hermline(c[0], c[2]), lambda c: power.polypow(c - c * c[0], 2),
]


@pytest.mark.parametrize("f", DROPPED)
@pytest.mark.parametrize("method", ["forward", "reverse"])
def test_a_dropped_coefficient_that_moves_is_refused(f, method):
    """NumPy drops a coefficient that is 0: its derivative would be lost without a word."""
    c = np.array([1.0, 2.0, 0.0])
    with pytest.raises(LostDerivativeError, match="drop a coefficient"):
        dk.grad(lambda c: np.sum(f(c)), method=method)(c)
    with pytest.raises(LostDerivativeError, match="drop a coefficient"):
        dk.hessian(lambda c: np.sum(f(c)))(c)
    assert np.all(f(c) == f(c.tolist()) if f is DROPPED[1] else True)


def test_taylor_series_of_dropped_coefficients():
    basis, c = [0.0, 0.0, 0.0, 1.0], np.array([1.0, 2.0, 3.0])

    def f(t):
        return legendre.legval(0.3, legendre.legmul(t * c, basis))

    found = dk.taylor(f, 2.0, 2)
    assert np.allclose(found, [f(2.0), f(1.0), 0.0], atol=1e-14)
    with pytest.raises(LostDerivativeError, match="drop a coefficient"):
        dk.taylor(lambda t: power.polyval(2.0, power.polymul(t * c, D)), 0.0, 2)


def test_what_stays_zero_is_dropped_as_numpy_drops_it():
    c = np.array([1.0, 2.0, 3.0])
    basis = [0.0, 0.0, 0.0, 1.0]
    for f in (lambda c: legendre.legmul(c, basis), lambda c: power.polymul(c, [1.0, 0.0]),
              lambda c: power.polyadd(c, 0 * np.arange(5)), lambda c: power.polyval(c, [1.0, 0.0])):
        check(f, c)
    # A zero that moves only in the second derivative moves.
    with pytest.raises(LostDerivativeError):
        dk.hessian(lambda c: np.sum(power.polyadd([1.0], np.stack([c[0], c[1] * c[2]]))))(np.array([1.0, 0.0, 0.0]))
    # Nothing differentiates in a compiled function: the zero is a guard, and another signature later.
    add = dk.compile(lambda c: power.polyadd(c, c))
    for c in (np.array([1.0, 2.0, 0.0]), np.array([1.0, 2.0, 3.0])):
        assert np.array_equal(add(c), power.polyadd(c, c))
    assert np.array_equal(np.trim_zeros(c), dk.value_and_grad(lambda c: (np.sum(np.trim_zeros(c)), dk.value(
        np.trim_zeros(c))), has_aux=True)(c)[0][1])


def test_polynomials_compiled():
    f = dk.compile(dk.grad(lambda c: np.sum(Chebyshev(c)(X) ** 2)))
    expected = 2 * chebyshev.chebvander(X, 3).T @ chebyshev.chebval(X, C)
    assert np.allclose(f(C), expected, atol=1e-13) and np.allclose(f(C), expected, atol=1e-13)


def test_symbols_of_a_polynomial():
    found = dk.grad(lambda c: np.polyval(c, 0.5), method="symbolic")(C)
    assert np.allclose(found, [0.125, 0.25, 0.5, 1.0], atol=1e-15)
    found = dk.grad(lambda x: legendre.legval(x, [0.0, 0.0, 1.0]), method="symbolic")(0.4)
    assert abs(found - 1.2) < 1e-15


def test_values_of_a_polynomial_of_three_variables():
    # 2 + 3 x y^2 z at (0.5, -2, 4); NumPy 2.5 has it as polyvalnd, and asks this definition.
    c = np.zeros((2, 3, 2))
    c[0, 0, 0], c[1, 2, 1] = 2.0, 3.0
    numpys = getattr(power, "polyvalnd", polyvalnd)
    for f in (lambda p, c: numpys((p[0], p[1], p[2]), c), lambda p, c: polyvalnd((p[0], p[1], p[2]), c)):
        for method in ("forward", "reverse"):
            by_point, by_c = dk.grad(f, (0, 1), method=method)(np.array([0.5, -2.0, 4.0]), c)
            assert np.allclose(by_point, [48.0, -24.0, 6.0], rtol=1e-14)
            assert np.allclose(by_c, np.einsum("i,j,k", [1, 0.5], [1, -2, 4], [1, 4]), rtol=1e-14)
    with pytest.raises(ValueError, match="ordinates are incompatible"):
        polyvalnd((np.ones(2), np.ones(3), 1.0, 1.0), c)


def test_directions_in_batches_drop_as_one_direction_does():
    """A matrix of coefficients has so many directions that forward mode takes them together."""
    x = np.array([[0.5, 1.0, 2.0], [1.0, 3.0, 4.0]])
    expected = np.zeros((5, 2, 3))  # the derivative of a product of polynomials: shifted copies of the other factor
    for row in range(2):
        for k in range(3):
            expected[k:k + 3, row, k] = x[1 - row]
    for method in ("forward", "reverse"):
        found = dk.jacobian(lambda x: np.polymul(x[0], x[1]), method=method)(x)
        np.testing.assert_allclose(found, expected, rtol=1e-14)
        with pytest.raises(LostDerivativeError, match="polynomials drop"):
            dk.jacobian(lambda x: np.polymul(x[0], x[1]), method=method)(x * [[0.0, 1, 1], [1, 1, 1]])
