"""diffkit.scipy.interpolate: SciPy's values, and derivatives by data, nodes and points, of every kind."""

import numpy as np
import pytest
import scipy.interpolate as original
import scipy.sparse.linalg
from against_scipy import check, check_signatures

import diffkit as dk
from diffkit.scipy import interpolate

rng = np.random.default_rng(0)
X = np.array([0.2, 0.9, 1.3, 2.4, 3.1, 4.0, 4.6])
Y = rng.normal(size=(7, 2))
T = np.array([0.4, 1.15, 2.7, 2.2, 3.9, 4.25])
FAR = np.array([*T, -0.1, 5.0])
BOTH = ((1, np.array([0.3, 0.1])), (2, np.array([1.0, 2.0])))
close = lambda y: np.concatenate([y[:-1], y[:1]])
G = np.array([0.0, 0.3, 0.7, 0.8, 1.1, 1.5])
V = rng.normal(size=(7, 6, 2))
P = np.stack([rng.uniform(X[0], X[-1], 4), rng.uniform(0.1, 1.4, 4)], axis=-1)


def spline(bc, nu=0, n=7):
    periodic = bc == "periodic"
    make = lambda m: lambda x, y, t: m.CubicSpline(x, close(y) if periodic else y, bc_type=bc)(t, nu)
    return make, (X[:n], Y[:n], T)


CASES = {
    **{f"CubicSpline {bc} nu={nu}": spline(bc, nu) for bc in ("not-a-knot", "natural", "clamped", "periodic", BOTH)
       for nu in (0, 2)},
    **{f"CubicSpline {bc} of {n}": spline(bc, 1, n) for bc in ("not-a-knot", "clamped", "periodic")
       for n in (2, 3, 4)},
    "CubicSpline axis": (lambda m: lambda x, y, t: m.CubicSpline(x, y, axis=1)(np.reshape(t, (2, 3))), (X, Y.T, T)),
    "CubicSpline beyond": (lambda m: lambda x, y: m.CubicSpline(x, y, extrapolate=False)(FAR), (X, Y)),
    "CubicSpline periodic beyond": (
        lambda m: lambda x, y: m.CubicSpline(x, close(y), bc_type="periodic")(FAR), (X, Y)),
    "CubicSpline end values": (
        lambda m: lambda v: m.CubicSpline(X, Y[:, 0], bc_type=((1, v[0]), (2, v[1])))(T), (np.array([0.3, 0.7]),)),
    "integrate": (lambda m: lambda x, y, a, b: m.CubicSpline(x, y).integrate(a, b), (X, Y, 0.3, 7.0)),
    "integrate periodic": (
        lambda m: lambda x, y: m.CubicSpline(x, close(y), bc_type="periodic").integrate(0.3, 17.0), (X, Y)),
    "derivative": (lambda m: lambda x, y, t: m.CubicSpline(x, y).derivative()(t), (X, Y, T)),
    "antiderivative": (lambda m: lambda x, y, t: m.CubicSpline(x, y).antiderivative(2)(t), (X, Y, T)),
    "PPoly": (lambda m: lambda c, x, t: m.PPoly(c, x)(t), (rng.normal(size=(3, 6)), X, T)),
    "Hermite": (lambda m: lambda x, y, s, t: m.CubicHermiteSpline(x, y, s)(t), (X, Y, rng.normal(size=(7, 2)), T)),
    "Pchip": (lambda m: lambda x, y, t: m.PchipInterpolator(x, y)(t), (X, Y, T)),
    "Pchip rising": (lambda m: lambda x, y, t: m.PchipInterpolator(x, y)(t), (X, np.cumsum(np.abs(Y), axis=0), T)),
    "Akima": (lambda m: lambda x, y, t: m.Akima1DInterpolator(x, y)(t), (X, Y, T)),
    "makima": (
        lambda m: lambda x, y, t: m.Akima1DInterpolator(x, y, method="makima", extrapolate=True)(t), (X, Y, T)),
    **{f"spline of degree {k}": (lambda m, k=k: lambda x, y, t: m.make_interp_spline(x, y, k)(t), (X, Y, T))
       for k in (1, 2, 3, 4, 5)},
    **{f"spline {bc}": (lambda m, bc=bc: lambda x, y, t: m.make_interp_spline(x, y, bc_type=bc)(t), (X, Y, T))
       for bc in ("natural", "clamped")},
    "spline axis nu": (lambda m: lambda x, y, t: m.make_interp_spline(x, y, axis=1)(t, 1), (X, Y.T, T)),
    "BSpline": (lambda m: lambda t, c, x: m.BSpline(t, c, 2)(x, 1), (
        np.array([-0.1, 0.1, 0.2, 1.3, 2.0, 3.1, 4.5, 5.0, 5.5]), rng.normal(size=(6, 2)), T)),
    **{f"interp1d {kind}": (lambda m, kind=kind: lambda x, y: m.interp1d(
        x, y, kind, axis=0, bounds_error=False, fill_value=(-1.0, 2.0))(FAR), (X, Y))
       for kind in ("linear", "slinear", "nearest", "nearest-up", "previous", "next", "zero", "cubic", 2)},
    **{f"interp1d beyond {kind}": (lambda m, kind=kind: lambda x, y: m.interp1d(
        x, y, kind, fill_value="extrapolate")(FAR), (X, Y.T)) for kind in ("linear", "previous", "next", "cubic")},
    "interp1d points": (lambda m: lambda x, y, t: m.interp1d(x, y, axis=0)(np.reshape(t, (3, 2))), (X, Y, T)),
    "interp1d unsorted": (lambda m: lambda x, y: m.interp1d(x, y, axis=0)(T), (X[::-1], Y)),
    **{f"grid {method}": (lambda m, method=method: lambda x, v, p: m.RegularGridInterpolator(
        (x, G), v, method=method)(p), (X, V, P)) for method in ("linear", "slinear", "pchip")},
    "grid nearest": (lambda m: lambda v, p: m.RegularGridInterpolator((X, G), v, method="nearest")(p), (V, P)),
    **{f"grid {method}": (lambda m, method=method: lambda v, p: m.RegularGridInterpolator(
        (X, G), v, method=method, solver=scipy.sparse.linalg.spsolve)(p), (V[..., 0], P))
       for method in ("cubic", "quintic")},
    "grid beyond": (lambda m: lambda v: m.RegularGridInterpolator((X, G), v, bounds_error=False, fill_value=3.0)(
        np.array([[-9.0, 0.2], [1.5, 0.35]])), (V,)),
    "grid extrapolated": (lambda m: lambda v, p: m.RegularGridInterpolator(
        (X, G), v, bounds_error=False, fill_value=None)(p), (V, np.array([[-9.0, 0.2], [1.5, 0.35]]))),
    "interpn": (lambda m: lambda v, p: m.interpn((X, G), v, p), (V, P)),
}


@pytest.mark.parametrize("name", CASES)
def test_interpolation(name):
    make, args = CASES[name]
    check(make(interpolate), make(original), args, size=0.02, tolerance=1e-7)


def test_polynomials_are_reproduced_and_their_derivatives():
    """Of x^3 the spline is x^3 itself: derivatives by hand, to the last digits."""
    assert dk.grad(interpolate.CubicSpline(X, X**3))(1.7) == pytest.approx(3 * 1.7**2, rel=1e-13)
    assert dk.derivative(interpolate.CubicSpline(X, X**3), n=2)(1.7) == pytest.approx(6 * 1.7, rel=1e-12)
    scaled = lambda s: interpolate.CubicSpline(X, (s * X) ** 3)(1.7)
    assert dk.grad(scaled)(1.0) == pytest.approx(3 * 1.7**3, rel=1e-13)
    # Nodes that move along the curve leave the polynomial where it is.
    moved = lambda s: interpolate.CubicSpline(X + s * X, (X + s * X) ** 3)(1.7)
    assert dk.grad(moved)(0.0) == pytest.approx(0, abs=1e-12)
    f = interpolate.RegularGridInterpolator((X, G), X[:, None] * G)
    np.testing.assert_allclose(dk.grad(lambda p: f(p)[0])(np.array([1.2, 0.5])), [0.5, 1.2], rtol=1e-13)


def test_many_nodes_cost_their_number():
    """A banded system: 2000 nodes in one solve, where a dense one would hold 32 MB."""
    x = np.linspace(0, 1, 2000)
    slope = dk.grad(lambda y: interpolate.CubicSpline(x, y)(0.51234))(np.sin(x))
    assert np.sum(slope) == pytest.approx(1, rel=1e-12)  # a constant is reproduced
    assert np.sum(slope * x) == pytest.approx(0.51234, rel=1e-12)


def test_objects_of_plain_values_are_scipys_and_others_refuse_what_they_lack():
    plain = interpolate.CubicSpline(X, X - 2)
    np.testing.assert_allclose(plain.roots(), original.CubicSpline(X, X - 2).roots())
    np.testing.assert_array_equal(plain(T), original.CubicSpline(X, X - 2)(T))
    for use in (lambda s: interpolate.CubicSpline(X, s * X).roots()[0],
                lambda s: interpolate.BSpline(X, s * Y[:4, 0], 2).integrate(0, 1),
                lambda s: interpolate.make_interp_spline(X, s * X, 3, bc_type="periodic")(1.0),
                lambda s: interpolate.interpn((X, G), s * V[..., 0], P, method="splinef2d")[0],
                lambda s: interpolate.RegularGridInterpolator((X, G), s * V[..., 0])(P, nu=(1, 0))[0]):
        with pytest.raises(dk.errors.UnsupportedArgumentError, match=r"roots|integrate|bc_type|splinef2d|nu="):
            dk.grad(use)(1.0)
    with pytest.raises(AttributeError):
        interpolate.CubicSpline(X, X).nothing  # noqa: B018
    for wrong, message in ((lambda s: interpolate.CubicSpline(X[::-1], s * X), "increasing"),
                           (lambda s: interpolate.CubicSpline(X, s * X[:3]), "length"),
                           (lambda s: interpolate.interp1d(X, s * X)(9.0), "above"),
                           (lambda s: interpolate.RegularGridInterpolator((X, G), s * V)(np.array([9.0, 9.0]))[0, 0],
                            "out of bounds")):
        with pytest.raises(ValueError, match=message):
            dk.grad(wrong)(1.0)


def test_signatures_are_scipys():
    check_signatures(interpolate, original, interpolate.__all__)
    assert dk.grad(lambda y: interpolate.CubicSpline(X, y)(1.0)[0])(Y.astype(np.float32)).dtype == np.float32
