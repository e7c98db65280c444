"""implicit: roots and fixed points by any solver have the derivatives of the function they define."""

import importlib
import itertools

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import ImplicitError, InputError, ShapeError

MODES = {"forward": lambda f: lambda x: dk.jvp(f, (x,), (1.0,))[1], "reverse": dk.grad}


def bisect(a):
    """cube root by halving, with comparisons and plain floats only."""
    low, high = 0.0, max(1.0, float(a))
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if middle**3 < float(a) else (low, middle)
    return high


cube_root = dk.implicit(bisect, lambda x, a: x**3 - a)


@pytest.mark.parametrize("order", list(itertools.product(MODES, repeat=3)), ids="-".join)
def test_any_order(order):
    # a^(1/3): derivatives at 8: 1/12, -1/144, 5/3456
    f = cube_root
    for mode, expected in zip(order, (1 / 12, -1 / 144, 5 / 3456)):
        f = MODES[mode](f)
        assert f(8.0) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_a_loop_that_stops_at_once(mode):
    """A fixed point whose start is the solution: differentiating the loop would give zero."""
    def iterate(a):
        x, a = 2.0, float(a)
        while abs(x - 0.5 * (x + a / x)) > 1e-15:
            x = 0.5 * (x + a / x)
        return x

    f = dk.implicit(iterate, lambda x, a: 0.5 * (x + a / x) - x)
    assert MODES[mode](f)(4.0) == pytest.approx(0.25, rel=1e-15)
    assert dk.grad(dk.grad(f))(4.0) == pytest.approx(-1 / 32, rel=1e-14)


@pytest.mark.parametrize("method", ["forward", "reverse"])
def test_several_unknowns_in_containers(method):
    # u + v = p, u v = q with p = 5, q = 6: u = (p + sqrt(p^2 - 4q)) / 2 = 3, v = 2
    def solver(p, q):
        root = np.sqrt(p["sum"]**2 - 4 * q)
        return {"u": (p["sum"] + root) / 2, "v": (p["sum"] - root) / 2}

    def residual(x, p, q):
        return {"sum": x["u"] + x["v"] - p["sum"], "product": x["u"] * x["v"] - q}

    f = dk.implicit(solver, residual)
    jacobian = dk.jacobian(lambda p, q: f(p, q), argnums=(0, 1), method=method)({"sum": 5.0}, 6.0)
    # du/dp = (1 + p/root)/2 = 3, du/dq = -1/root = -1
    assert jacobian["u"][0]["sum"] == pytest.approx(3.0, rel=1e-14)
    assert jacobian["v"][0]["sum"] == pytest.approx(-2.0, rel=1e-14)
    assert jacobian["u"][1] == pytest.approx(-1.0, rel=1e-14)
    assert jacobian["v"][1] == pytest.approx(1.0, rel=1e-14)


def test_a_linear_system_and_its_hessian():
    # x = A^-1 b, s = sum x; d2 s/db2 = 0 and ds/db = A^-T 1
    a = np.array([[3.0, 1.0], [0.0, 2.0]])
    f = dk.implicit(lambda a, b: np.linalg.solve(a, b), lambda x, a, b: a @ x - b)
    b = np.array([1.0, 4.0])
    total = lambda a, b: np.sum(f(a, b)**2)
    x = np.linalg.solve(a, b)
    inverse = np.linalg.inv(a)
    np.testing.assert_allclose(dk.grad(total, argnums=1)(a, b), 2 * inverse.T @ x, rtol=1e-13)
    np.testing.assert_allclose(dk.grad(total)(a, b), -np.outer(2 * inverse.T @ x, x), rtol=1e-13)
    np.testing.assert_allclose(dk.hessian(total, argnums=1)(a, b), 2 * inverse.T @ inverse, rtol=1e-13)


def test_closures_of_the_residual_are_differentiated_by_outer_transforms():
    # d/dc of d/da (a c)^(1/1): root x = a c
    def outer(c):
        f = dk.implicit(lambda a: float(a) * dk.value(c), lambda x, a: x - a * c)
        return dk.grad(f)(3.0)

    assert dk.grad(outer)(2.0) == 1.0


@pytest.mark.parametrize("mode", MODES)
def test_what_is_no_root(mode):
    f = dk.implicit(lambda a: float(a), lambda x, a: x * x - a)
    with pytest.raises(ImplicitError, match=r"no root: a Newton step would move it by 1\.5"):
        MODES[mode](f)(4.0)
    double = dk.implicit(lambda a: 0.0 * float(a), lambda x, a: x * x * a)
    with pytest.raises(ImplicitError, match="singular"):
        MODES[mode](double)(4.0)
    with pytest.raises(ShapeError, match="2 entries for 1 unknowns"):
        MODES[mode](dk.implicit(lambda a: float(a), lambda x, a: np.stack([x - a, x])))(4.0)
    with pytest.raises(InputError, match="more than floating arrays"):
        MODES[mode](lambda a: dk.implicit(lambda a: (float(a), "done"), lambda x, a: x[0] - a)(a)[0])(4.0)


def test_scipy_as_a_solver():
    optimize = importlib.import_module("scipy.optimize")
    f = dk.implicit(lambda a: optimize.brentq(lambda x: x * np.exp(x) - a, 0.0, 10.0, xtol=1e-14),
                    lambda x, a: x * np.exp(x) - a)
    # Lambert's W: W' = W / (a (1 + W))
    w = f(2.0)
    assert dk.grad(f)(2.0) == pytest.approx(w / (2.0 * (1 + w)), rel=1e-12)
