"""diffkit.scipy.optimize: solutions as implicit functions, by hand; minimize in containers; what must be refused."""

import dataclasses
import warnings

import mpmath
import numpy as np
import pytest
import scipy.optimize as original
from against_scipy import check_signatures

import diffkit as dk
from diffkit.scipy import optimize

SCALAR = ("brentq", "brenth", "ridder", "bisect", "toms748")
ROOTS = {
    **{name: (lambda a, name=name: getattr(optimize, name)(lambda x: x**3 - a, 0, 9)) for name in SCALAR},
    **{f"{name} args": (lambda a, name=name: getattr(optimize, name)(
        lambda x, p: x**3 - p["a"], 0, 9, args=({"a": a},), full_output=True)[0]) for name in SCALAR},
    "newton": lambda a: optimize.newton(lambda x: x**3 - a, 1.5),
    "newton with slopes": lambda a: optimize.newton(lambda x, a: x**3 - a, 1.5, lambda x, a: 3 * x * x, (a,),
                                                    fprime2=lambda x, a: 6 * x),
    "newton of an array": lambda a: np.sum(optimize.newton(lambda x: x**3 - np.stack([a, 1.0]), np.array([1.5, 2]))),
    "root_scalar": lambda a: optimize.root_scalar(lambda x: x**3 - a, bracket=(0, 9)).root,
    "root_scalar newton": lambda a: optimize.root_scalar(lambda x: x**3 - a, x0=1.5, fprime=lambda x: 3 * x * x).root,
    "fixed_point": lambda a: optimize.fixed_point(lambda x: (2 * x + a / x**2) / 3 + 0.1 * (x - a / x**2), 1.5),
    "fsolve": lambda a: optimize.fsolve(lambda x: x**3 - a, 1.5)[0],
    "fsolve with slope": lambda a: optimize.fsolve(lambda x, a: x**3 - a, 1.5, (a,), lambda x, a: 3 * x * x)[0],
    "starts at the root": lambda a: optimize.root(lambda x: x**3 - a, [8 ** (1 / 3)]).x[0],
    **{f"root {method}": (lambda a, method=method: optimize.root(lambda x: [x[0] ** 3 - a, x[1] - x[0]], [1.9, 1.9],
                                                                 method=method).x[1])
       for method in ("hybr", "lm", "broyden1", "krylov", "df-sane")},
}


@pytest.mark.parametrize("name", ROOTS)
def test_the_cube_root_by_any_solver(name):
    """a^(1/3) at 8: 2, 1/12, -1/144, whatever the solver's tolerance."""
    f = ROOTS[name]
    one = 1.0 if name == "newton of an array" else 0.0
    assert dk.value_and_grad(f)(8.0) == (pytest.approx(2.0 + one, abs=1e-5), pytest.approx(1 / 12, rel=1e-12))
    assert dk.jvp(f, (8.0,), (1.0,))[1] == pytest.approx(1 / 12, rel=1e-12)
    for second in (dk.grad(dk.grad(f))(8.0), dk.jvp(dk.grad(f), (8.0,), (1.0,))[1], dk.derivative(f, n=2)(8.0)):
        assert second == pytest.approx(-1 / 144, rel=1e-11)


def test_a_bracket_and_a_start_have_no_derivative():
    assert dk.grad(lambda b: optimize.brentq(lambda x: x * x - 2, 0, b) + b)(3.0) == 1.0
    assert dk.grad(lambda s: optimize.root(lambda x: x * x - 2, np.stack([s])).x[0] + s)(3.0) == 1.0
    assert optimize.brentq(lambda x: x * x - 2, 0, 3) == original.brentq(lambda x: x * x - 2, 0, 3)


def test_systems_and_refusals():
    """A(p) x = b by root: dx = -A^-1 dA x."""
    rng = np.random.default_rng(0)
    a, b, t = rng.normal(size=(4, 4)) + 4 * np.eye(4), rng.normal(size=4), rng.normal(size=(4, 4))
    x = np.linalg.solve(a, b)
    moved = dk.jvp(lambda a: optimize.root(lambda x: a @ x - b, np.zeros(4)).x, (a,), (t,))[1]
    np.testing.assert_allclose(moved, -np.linalg.solve(a, t @ x), rtol=1e-10)
    for f, message in ((lambda c: optimize.root(lambda x: x * x + c, [1.0]).x[0], "no solution"),
                       (lambda c: optimize.brentq(lambda x: (x - c) ** 3, 0, 2.0), "singular"),
                       (lambda c: optimize.root_scalar(lambda x: x - c, bracket=(0, 3), maxiter=1,
                                                       method="bisect").root, "no solution")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(dk.errors.ImplicitError, match=message):
                dk.grad(f)(1.0)
    result = {}

    def keep(c):
        result["r"] = optimize.root(lambda x: x - c, [0.0])
        return result["r"].x[0]

    dk.grad(keep)(1.0)
    assert result["r"].success and not hasattr(result["r"], "fun")  # what would have no derivative is not there


METHODS = ("BFGS", "CG", "Newton-CG", "trust-ncg", "trust-exact", "trust-krylov", "dogleg", "L-BFGS-B", "SLSQP",
           "TNC", "Nelder-Mead", "Powell", "COBYLA", "COBYQA", "trust-constr")


@pytest.mark.parametrize("method", METHODS)
def test_a_minimum_as_a_function(method):
    """argmin of (x - c)^4 + x^2 + (y - x)^2: 4 (x - c)^3 + 2 x = 0 and y = x, in 30 digits."""
    cost = lambda x, c: (x[0] - c) ** 4 + x[0] ** 2 + (x[1] - x[0]) ** 2
    f = lambda c: optimize.minimize(cost, [0.3, 0.1], (c,), method)
    with mpmath.workdps(30):
        exact = lambda c: mpmath.findroot(lambda x: 4 * (x - c) ** 3 + 2 * x, 0.4)
        first, second = (float(mpmath.diff(exact, 1, n)) for n in (1, 2))
        value = float(4 * (1 - exact(1)) ** 3)
    assert dk.grad(lambda c: f(c).x[1])(1.0) == pytest.approx(first, rel=1e-12)
    assert dk.jvp(lambda c: f(c).x[1], (1.0,), (1.0,))[1] == pytest.approx(first, rel=1e-12)
    assert dk.grad(lambda c: f(c).fun)(1.0) == pytest.approx(value, rel=1e-3 if method.startswith("CO") else 1e-6)
    assert dk.derivative(lambda c: f(c).x[0], n=2)(1.0) == pytest.approx(second, rel=1e-11)


@dataclasses.dataclass
class Parameters:
    w: np.ndarray
    b: float


def bowl(w, b):
    return np.sum((w - np.array([[1.0, 2.0], [3.0, 4.0]])) ** 2) + np.sum((b - np.sum(w)) ** 2)


def split(v):
    return np.reshape(v[:4], (2, 2)), v[4]


STARTS = {
    "dict": ({"w": np.zeros((2, 2)), "b": 0.0}, lambda p: bowl(p["w"], p["b"]), lambda p: (p["w"], p["b"])),
    "tuple": ((np.zeros((2, 2)), [0.0]), lambda p: bowl(p[0], p[1][0]), lambda p: (p[0], p[1][0])),
    "dataclass": (Parameters(np.zeros((2, 2)), 0.0), lambda p: bowl(p.w, p.b), lambda p: (p.w, p.b)),
    "vector": (np.zeros(5), lambda v: bowl(*split(v)), lambda v: split(v)),
    "list of numbers": ([0.0] * 5, lambda v: bowl(*split(v)), lambda v: split(v)),
}


@pytest.mark.parametrize("name", STARTS)
@pytest.mark.parametrize("method", [None, "trust-ncg", "trust-exact", "Nelder-Mead"])
def test_minimize_in_any_container(name, method):
    start, fun, parts = STARTS[name]
    seen = []
    found = optimize.minimize(fun, start, method=method, tol=1e-8, callback=lambda p, *rest: seen.append(type(p)),
                              options={"maxiter": 4000, "maxfev": 8000} if method == "Nelder-Mead" else None)
    w, b = parts(found.x)
    close = {"atol": 2e-3} if method == "Nelder-Mead" else {"atol": 1e-6}
    np.testing.assert_allclose(w, [[1, 2], [3, 4]], **close)
    np.testing.assert_allclose(b, 10, **close)
    expected = np.ndarray if name == "list of numbers" else type(start)
    assert type(found.x) is expected and set(seen) == {expected}
    if method != "Nelder-Mead":
        assert type(found.jac) is expected and found.nfev < 40  # no differences
    if method in ("trust-ncg", "trust-exact"):
        assert found.nhev > 0


def test_derivatives_that_the_caller_gives_are_used():
    counts = dict.fromkeys(("jac", "hess", "hessp"), 0)

    def counted(name, f):
        def g(*args):
            counts[name] += 1
            return f(*args)
        return g

    fun = lambda p, s: np.sum((p["a"] - s) ** 2)
    start = {"a": np.zeros(3)}
    jac = counted("jac", lambda p, s: {"a": 2 * (p["a"] - s)})
    assert optimize.minimize(fun, start, 2.0, jac=jac).x["a"] == pytest.approx(2 * np.ones(3))
    optimize.minimize(fun, start, 2.0, "trust-exact", jac, counted("hess", lambda p, s: 2 * np.eye(3)))
    optimize.minimize(fun, start, 2.0, "trust-ncg", jac, hessp=counted("hessp", lambda p, v, s: {"a": 2 * v["a"]}))
    assert all(counts.values())
    pair = optimize.minimize(lambda p: (np.sum(p["a"] ** 2), {"a": 2 * p["a"]}), {"a": np.ones(2)}, jac=True)
    assert pair.x["a"] == pytest.approx(np.zeros(2), abs=1e-6)
    assert optimize.minimize(lambda x: float(x[0] ** 2), [1.0], jac="2-point").x == pytest.approx([0.0], abs=1e-6)
    with pytest.raises(dk.errors.LostDerivativeError):  # not a program that diffkit can differentiate, and it says so
        optimize.minimize(lambda x: float(x[0] ** 2), [1.0])


def test_bounds_and_constraints():
    cost = lambda x: np.sum((x - 3) ** 2) + x[0] * x[1]
    # b presses x0; x1 is free: 2 (x1 - 3) + b = 0.
    f = lambda b: optimize.minimize(cost, [0.0, 0.0], bounds=[(None, b), (0, None)]).x
    np.testing.assert_allclose(dk.jvp(f, (1.0,), (1.0,)), ([1.0, 2.5], [1.0, -0.5]), rtol=1e-8)
    from_below = lambda b: optimize.minimize(lambda x: np.sum((x + 3) ** 2) + x[0] * x[1], [2.0, 0.0],
                                             bounds=[(b, None), (None, None)]).x  # 2 (x1 + 3) + b = 0
    np.testing.assert_allclose(dk.jvp(from_below, (1.0,), (1.0,)), ([1.0, -3.5], [1.0, -0.5]), rtol=1e-6)
    box = lambda b: optimize.minimize(lambda p: cost(p["x"]), {"x": np.zeros(2)}, bounds=(
        {"x": np.zeros(2)}, {"x": np.stack([b, 9.0])})).x["x"]
    np.testing.assert_allclose(dk.jvp(box, (1.0,), (1.0,))[1], [1.0, -0.5], rtol=1e-10)
    with pytest.raises(dk.errors.ImplicitError, match="does not press"):
        dk.grad(lambda c: optimize.minimize(lambda x: np.sum((x - c) ** 2), [0.0], bounds=[(1, None)]).x[0])(1.0)
    start = {"w": np.zeros((2, 2)), "b": 0.0}
    fun = lambda p: np.sum((p["w"] - 1) ** 2) + (p["b"] - np.sum(p["w"])) ** 2
    for constraint in (original.NonlinearConstraint(lambda p: p["b"], 0, 2),
                       [{"type": "ineq", "fun": lambda p: 2 - p["b"]}]):
        found = optimize.minimize(fun, start, constraints=constraint, method="SLSQP")
        np.testing.assert_allclose(found.x["w"], 0.6 * np.ones((2, 2)), rtol=1e-6)
    with pytest.raises(dk.errors.UnsupportedArgumentError, match="constraints"):
        dk.grad(lambda c: optimize.minimize(lambda x: np.sum((x - c) ** 2), [0.0], constraints=[
            {"type": "ineq", "fun": lambda x: x}]).x[0])(1.0)


def test_minimize_scalar():
    f = lambda a, **how: optimize.minimize_scalar(lambda x: (x - a) ** 4 + x**2, **how).x
    with mpmath.workdps(30):
        exact = float(mpmath.diff(lambda c: mpmath.findroot(lambda x: 4 * (x - c) ** 3 + 2 * x, 0.4), 1))
    for how in ({}, {"bounds": (-1, 2)}, {"method": "golden"}):
        assert dk.grad(f)(1.0, **how) == pytest.approx(exact, rel=1e-11)


T = np.linspace(0, 1, 8)
DATA = 2 * np.exp(-1.3 * T) + 0.1 * np.random.default_rng(0).normal(size=8)


@pytest.mark.parametrize("loss", ["linear", "soft_l1", "huber", "cauchy", "arctan"])
def test_least_squares_by_the_data(loss):
    """The implicit function theorem on the cost itself, in 40 digits."""
    rho = {"linear": lambda z: z, "soft_l1": lambda z: 2 * (mpmath.sqrt(1 + z) - 1), "arctan": mpmath.atan,
           "huber": lambda z: z if z <= 1 else 2 * mpmath.sqrt(z) - 1, "cauchy": lambda z: mpmath.log(1 + z)}[loss]
    residuals = lambda p, y: p[0] * np.exp(-p[1] * T) - y
    fit = lambda y: optimize.least_squares(residuals, [1.0, 1.0], loss=loss, f_scale=0.1, args=(y,)).x
    t = np.cos(np.arange(8.0))
    p, moved = dk.jvp(fit, (DATA,), (t,))

    def cost(a, b, s):
        f = [a * mpmath.exp(-b * mpmath.mpf(u)) - (mpmath.mpf(y) + s * mpmath.mpf(w)) for u, y, w in zip(T, DATA, t)]
        return sum(rho((v / mpmath.mpf("0.1")) ** 2) for v in f)

    with mpmath.workdps(40):
        d = lambda *n: mpmath.diff(cost, (a, b, mpmath.mpf(0)), n)
        gradient = lambda a, b: [mpmath.diff(cost, (a, b, mpmath.mpf(0)), n) for n in ((1, 0, 0), (0, 1, 0))]
        a, b = mpmath.findroot(gradient, (mpmath.mpf(p[0]), mpmath.mpf(p[1])), tol=1e-30)
        hessian = mpmath.matrix([[d(2, 0, 0), d(1, 1, 0)], [d(1, 1, 0), d(0, 2, 0)]])
        exact = mpmath.lu_solve(hessian, -mpmath.matrix([d(1, 0, 1), d(0, 1, 1)]))
    np.testing.assert_allclose(moved, [float(v) for v in exact], rtol=1e-9)
    g = np.array([0.3, -1.0])
    assert np.dot(dk.grad(lambda y: np.dot(g, fit(y)))(DATA), t) == pytest.approx(np.dot(g, moved), rel=1e-12)


def test_least_squares_supplies_its_jacobian_and_keeps_containers():
    calls = []

    def fun(p, factor=1.0):
        calls.append(1)
        return factor * (p["a"] * np.exp(-p["b"] * T) - DATA)

    found = optimize.least_squares(fun, {"a": 1.0, "b": 1.0}, kwargs={"factor": 2.0})
    plain = original.least_squares(lambda p: 2 * (p[0] * np.exp(-p[1] * T) - DATA), [1.0, 1.0], ftol=1e-12)
    np.testing.assert_allclose([found.x["a"], found.x["b"]], plain.x, rtol=1e-6)
    slope = dk.grad(lambda k: optimize.least_squares(fun, {"a": 1.0, "b": 1.0}, kwargs={"factor": k}).cost)(2.0)
    assert slope == pytest.approx(plain.cost, rel=1e-9)  # the cost is quadratic in the factor: 2 cost / factor
    bounded = lambda c: optimize.least_squares(lambda p: p - np.stack([c, 5.0]), [0.5, 0.5],
                                               bounds=(0, np.stack([9.0, c])))
    np.testing.assert_allclose(dk.jvp(lambda c: bounded(c).x, (2.0,), (1.0,))[1], [1.0, 1.0], rtol=1e-9)
    with pytest.raises(dk.errors.UnsupportedArgumentError, match="loss"):
        dk.grad(lambda c: optimize.least_squares(lambda p: p - c, [0.0], loss=lambda z: np.stack([z] * 3)).x[0])(1.0)


def test_curve_fit():
    """A straight line: popt and pcov are rational functions of the data, written out by hand."""
    line = lambda t, a, b: a * t + b
    y, s = np.array([0.1, 1.0, 2.3, 2.9]), np.array([1.0, 2.0, 1.5, 0.7])
    t = np.arange(4.0)

    def by_hand(y, s, absolute):
        j = np.stack([t, 1 + 0 * t], axis=-1) / s[:, None]
        cov = np.linalg.inv(j.T @ j)
        p = cov @ (j.T @ (y / s))
        r = (y - (j * s[:, None]) @ p) / s
        return np.sum(p * np.array([1.0, 3.0])) + np.sum((cov if absolute else cov * np.sum(r * r) / 2) * np.eye(2))

    def fitted(y, s, absolute, m=optimize):
        p, cov = m.curve_fit(line, t, y, sigma=s, absolute_sigma=absolute)
        return np.sum(p * np.array([1.0, 3.0])) + np.sum(cov * np.eye(2))

    for absolute in (False, True):
        assert fitted(y, s, absolute) == pytest.approx(fitted(y, s, absolute, original), rel=1e-7)
        for found, expected in zip(dk.grad(fitted, (0, 1))(y, s, absolute), dk.grad(by_hand, (0, 1))(y, s, absolute)):
            np.testing.assert_allclose(found, expected, rtol=1e-7)
    full = np.diag(s**2)
    slope = dk.grad(lambda y: optimize.curve_fit(line, t, y, sigma=full)[0][0])(y)
    np.testing.assert_allclose(slope, dk.grad(lambda y: optimize.curve_fit(line, t, y, sigma=s)[0][0])(y), rtol=1e-8)
    with pytest.raises(dk.errors.UnsupportedArgumentError, match="nan_policy"):
        dk.grad(lambda y: optimize.curve_fit(line, t, y, nan_policy="omit")[0][0])(y)


def test_signatures_are_scipys():
    check_signatures(optimize, original, optimize.__all__)
