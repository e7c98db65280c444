"""diffkit.scipy.integrate: closed forms, mpmath, SciPy's own functions by differences; what it must refuse."""

import dataclasses
import functools

import mpmath
import numpy as np
import pytest
import scipy.integrate as original
from against_scipy import check, check_signatures

import diffkit as dk
from diffkit.scipy import integrate

rng = np.random.default_rng(0)
X = np.array([0.0, 0.4, 0.7, 1.3, 1.5, 2.2])
Y = rng.normal(size=(2, 6))
CASES = {
    "trapezoid": (lambda m: lambda y, x: m.trapezoid(y, x), (Y, X)),
    "trapezoid dx": (lambda m: lambda y, dx: m.trapezoid(y, dx=dx, axis=0), (Y, 0.3)),
    "simpson": (lambda m: lambda y, x: m.simpson(y, x=x), (Y, X)),
    "simpson odd": (lambda m: lambda y, x: m.simpson(y, x=x), (Y[:, :5], X[:5])),
    "simpson of two": (lambda m: lambda y, x: m.simpson(y, x=x), (Y[:, :2], X[:2])),
    "simpson axis": (lambda m: lambda y, dx: m.simpson(y, dx=dx, axis=0), (Y.T, 0.3)),
    "cumulative": (lambda m: lambda y, x: m.cumulative_trapezoid(y, x, initial=0), (Y, X)),
    "cumulative axis": (lambda m: lambda y, dx: m.cumulative_trapezoid(y, dx=dx, axis=0), (Y, 0.3)),
    "romb": (lambda m: lambda y, dx: m.romb(y, dx), (Y[:, :5], 0.3)),
    "fixed_quad": (
        lambda m: lambda a, b, k: m.fixed_quad(lambda t, k: np.exp(k * t), a, b, (k,), n=4)[0], (0.2, 1.4, 0.7)),
}


@pytest.mark.parametrize("name", CASES)
def test_samples(name):
    make, args = CASES[name]
    check(make(integrate), make(original), args, size=0.1)


def derivatives(f, x):
    """First and second derivative in all combinations of modes."""
    return [dk.grad(f)(x), dk.jvp(f, (x,), (1.0,))[1]], [
        dk.grad(dk.grad(f))(x), dk.jvp(dk.grad(f), (x,), (1.0,))[1], dk.derivative(f, n=2)(x),
        dk.grad(lambda x: dk.jvp(f, (x,), (1.0,))[1])(x)]


QUADRATURES = {  # f(k) by quad, and in mpmath
    "limit": (lambda k: integrate.quad(np.cos, 0, k * k)[0], lambda k: mpmath.sin(k * k)),
    "both limits": (lambda k: integrate.quad(np.exp, -k, k)[0], lambda k: 2 * mpmath.sinh(k)),
    "half line": (lambda k: integrate.quad(lambda t: np.exp(-k * t), 0, np.inf)[0], lambda k: 1 / k),
    "line": (lambda k: integrate.quad(lambda t: np.exp(-k * t * t), -np.inf, np.inf)[0],
             lambda k: mpmath.sqrt(mpmath.pi / k)),
    "args": (lambda k: integrate.quad(lambda t, p, a: a * np.sin(p["w"] * t), 0, k, args=({"w": k}, 2.0))[0],
             lambda k: 2 * (1 - mpmath.cos(k * k)) / k),
    "singular end": (lambda k: integrate.quad(lambda t: t ** (k - 1), 0, 1)[0], lambda k: 1 / k),
    "weight": (lambda k: integrate.quad(lambda t: np.exp(-k * t), 0, np.pi, weight="sin", wvar=1)[0],
               lambda k: (1 + mpmath.exp(-k * mpmath.pi)) / (1 + k * k)),
    "points": (lambda k: integrate.quad(lambda t: np.abs(t - 0.5) * k**3, 0, 1, points=[0.5])[0], lambda k: k**3 / 4),
    "complex": (lambda k: np.real(integrate.quad(lambda t: np.exp(1j * k * t), 0, 1, complex_func=True)[0]),
                lambda k: mpmath.sin(k) / k),
}


@pytest.mark.parametrize("name", QUADRATURES)
def test_quadrature(name):
    f, exact = QUADRATURES[name]
    with mpmath.workdps(30):
        value, first, second = (float(mpmath.diff(exact, 1.2, n)) for n in range(3))
    assert f(1.2) == pytest.approx(value, rel=1e-9)
    ones, twos = derivatives(f, 1.2)
    np.testing.assert_allclose(ones, first, rtol=1e-8)
    np.testing.assert_allclose(twos, second, rtol=1e-7)


def test_an_integral_of_an_integral():
    """The integrand of exp(k s t) over the unit square: by k it is s t exp(k s t)."""
    f = lambda k: integrate.quad(lambda s: integrate.quad(lambda t: np.exp(k * s * t), 0, 1)[0], 0, 1)[0]
    exact = float(mpmath.diff(lambda k: mpmath.quad(lambda s: mpmath.expm1(k * s) / (k * s), [0, 1]), 1.2))
    assert dk.grad(f)(1.2) == pytest.approx(exact, rel=1e-9)
    assert dk.jvp(f, (1.2,), (1.0,))[1] == pytest.approx(exact, rel=1e-9)


def test_quad_gives_its_error_and_takes_vectors_and_containers():
    y, error = integrate.quad(np.exp, 0, 1)
    assert (y, error) == original.quad(np.exp, 0, 1)
    seen = []

    def f(w):
        y, error, info = integrate.quad(lambda t: np.dot(w["a"], np.array([1.0, t, t * t])) + w["b"][0], 0, 2,
                                        full_output=1)
        seen.append((type(error), info["neval"]))
        return y

    slope = dk.grad(f)({"a": np.ones(3), "b": (1.0,)})
    np.testing.assert_allclose(slope["a"], [2, 2, 8 / 3], rtol=1e-13)
    assert slope["b"][0] == pytest.approx(2, rel=1e-14) and seen == [(float, 21)]


JUMPS = {
    "where": lambda k: integrate.quad(lambda t: np.where(t < k, 1.0, 0.0), 0, 1)[0],
    "branch": lambda k: integrate.quad(lambda t: 1.0 if t < k else 2.0, 0, 1)[0],
    "floor": lambda k: integrate.quad(lambda t: np.floor(t + k), 0, 1)[0],
    "infinite": lambda k: integrate.quad(lambda t: np.exp(-t) * (t > k), 0, np.inf)[0],
    "equation": lambda k: integrate.solve_ivp(lambda t, y: np.where(y < k, 1.0, 2.0), (0, 1), [0.0]).y[0, -1],
    "equation by time": lambda k: integrate.solve_ivp(lambda t, y: [1.0 if t < k else 2.0], (0, 1), [0.0]).y[0, -1],
    "odeint": lambda k: integrate.odeint(lambda y, t: np.where(y < k, 1.0, 2.0), 0.0, np.linspace(0, 1, 9))[-1, 0],
}


@pytest.mark.parametrize("name", JUMPS)
def test_a_jump_that_moves_is_refused(name):
    for method in ("reverse", "forward"):
        with pytest.raises(dk.errors.UnsupportedArgumentError, match="jumps at 0"):
            dk.grad(JUMPS[name], method=method)(0.3)


def test_branches_without_a_jump_are_fine():
    assert dk.grad(lambda k: integrate.quad(lambda t: np.maximum(t - k, 0), 0, 1)[0])(0.3) == pytest.approx(-0.7)
    hinge = lambda k: integrate.quad(lambda t: t - k if t > k else 0.0 * k, 0, 1, points=[0.3])[0]
    assert dk.grad(hinge)(0.3) == pytest.approx(-0.7, rel=1e-9)
    fixed = lambda k: integrate.quad(lambda t: k if t < 0.5 else 3 * k, 0, 1, points=[0.5])[0]  # no jump that moves
    assert dk.grad(fixed)(0.3) == pytest.approx(2.0, rel=1e-12)
    split = lambda k: integrate.quad(lambda t: 1.0, 0, k)[0] + integrate.quad(lambda t: 2.0, k, 1)[0]
    assert dk.grad(split)(0.3) == pytest.approx(-1.0, rel=1e-12)


def test_what_quad_refuses():
    for f, message in ((lambda k: integrate.quad(np.exp, 0, k, weight="cos", wvar=1)[0], "weight"),
                       (lambda k: integrate.quad(np.exp, 0, 1, weight="cos", wvar=k)[0], "weight"),
                       (lambda k: integrate.quad(lambda t: np.exp(-t), 0, k + np.inf)[0], "infinite"),
                       (lambda k: integrate.romb(k * np.ones(3), show=True), "show")):
        with pytest.raises(dk.errors.UnsupportedArgumentError, match=message):
            dk.grad(f)(1.0)
    hidden = {}
    def sneaky(k):
        hidden["k"] = k
        return integrate.quad(_reader(hidden), 0, k)[0]
    assert dk.grad(sneaky)(1.0) == pytest.approx(2.0)  # found in the closure's dict
    with pytest.raises(TypeError, match="unexpected keyword"):
        dk.grad(lambda k: integrate.quad(np.exp, 0, k, tolerance=3)[0])(1.0)


def _reader(store):
    return lambda t: store["k"] + 0 * t


METHODS = ("RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA")
A0 = np.array([[0.0, 1.0], [-2.0, -0.3]])


def closed(p, t):
    """y' = A y with A of two parameters: by the exponential, for mpmath."""
    a = mpmath.matrix([[0, 1], [-p[0], -p[1]]]) * t
    return (mpmath.expm(a) * mpmath.matrix([1, p[2]]))[0]


@pytest.mark.parametrize("method", METHODS)
def test_initial_value_problems(method):
    """By parameters, the start, both ends and the times asked for, against the matrix exponential."""
    rtol = 1e-7 if method in ("RK23", "Radau", "BDF") else 1e-9

    def f(p):
        right = lambda t, y, k: [y[1], -k * y[0] - p[1] * y[1]]
        found = integrate.solve_ivp(right, (p[4], 2.0), [1.0, p[2]], method, t_eval=np.stack([p[3], 2.0]),
                                    args=(p[0],), rtol=rtol, atol=rtol / 100)
        return found.y[0, 0] + 3 * found.y[0, 1]

    def exact(*p):
        return closed(p, p[3] - p[4]) + 3 * closed(p, 2 - p[4])

    p = np.array([2.0, 0.3, 0.4, 1.1, 0.2])
    with mpmath.workdps(30):
        unit = lambda i: tuple(int(i == k) for k in range(5))
        expected = [float(mpmath.diff(exact, tuple(p), unit(i))) for i in range(5)]
    loose = 1e-4 if method == "DOP853" else 500 * rtol  # of DOP853 by a time, of the interpolant
    for mode in ("reverse", "forward"):
        np.testing.assert_allclose(dk.grad(f, method=mode)(p), expected, rtol=loose, atol=100 * rtol)
    assert f(p) == pytest.approx(float(exact(*p)), rel=100 * rtol)


@pytest.mark.parametrize("method", METHODS[:3])
def test_explicit_methods_are_differentiated_exactly(method):
    """The derivative of the computed solution, at low accuracy: SciPy's values, all modes to rounding."""
    right = lambda t, y, k: np.array([y[1], -np.sin(k * y[0]) + np.cos(t)])
    times = np.linspace(0.3, 3, 4)

    def f(k, m=integrate):
        return m.solve_ivp(right, (0, 3), [1.0, 0.0], method, times, args=(k,), rtol=1e-3).y

    value, moved = dk.jvp(f, (1.3,), (1.0,))
    np.testing.assert_allclose(value, f(1.3, original), rtol=1e-12, atol=1e-13)
    g = rng.normal(size=value.shape)
    total = lambda k: np.sum(g * f(k))
    assert dk.grad(total)(1.3) == pytest.approx(np.sum(g * moved), rel=1e-12)
    seconds = derivatives(total, 1.3)[1]
    np.testing.assert_allclose(seconds, seconds[0], rtol=1e-10)
    # With the same steps (a fixed length, so that none is chosen) differences see the very same function.
    fixed = lambda k, m: np.sum(m.solve_ivp(right, (0, 3), [1.0, 0.0], method, args=(k,), max_step=0.25,
                                            first_step=0.25, rtol=1e3, atol=1e3).y[:, -1])
    h = 1e-3
    at = lambda s: fixed(1.3 + s * h, original)
    expected = (45 * (at(1) - at(-1)) - 9 * (at(2) - at(-2)) + (at(3) - at(-3))) / (60 * h)
    assert dk.grad(fixed)(1.3, integrate) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("method", ["RK45", "LSODA"])
def test_second_derivative_of_an_equation(method):
    """y' = -k y^2, y = 1/(1 + k t): the second derivative by k is 2 t^2/(1 + k t)^3."""
    accurate = {"rtol": 1e-7, "atol": 1e-9}
    f = lambda k: integrate.solve_ivp(lambda t, y: -k * y * y, (0, 1.5), [1.0], method, **accurate).y[0, -1]
    first, second = derivatives(f, 0.8)
    np.testing.assert_allclose(first, -1.5 / (1 + 1.2) ** 2, rtol=100 * accurate["rtol"])
    np.testing.assert_allclose(second, 2 * 1.5**2 / (1 + 1.2) ** 3, rtol=1000 * accurate["rtol"])


def test_odeint():
    """y = y0 exp(-k t): by all of them, and by the times; second order."""
    f = lambda k, y0, t: integrate.odeint(lambda y, t, k: -k * y, y0, t, args=(k,), rtol=1e-10, atol=1e-12)
    t = np.array([0.0, 0.5, 1.5])
    expected = np.exp(-0.7 * t)
    g = np.array([[0.3], [1.0], [-2.0]])
    by_k, by_start, by_time = dk.grad(lambda *p: np.sum(g * f(*p)), (0, 1, 2))(0.7, 2.0, t)
    assert by_k == pytest.approx(np.sum(g[:, 0] * -t * 2 * expected), rel=1e-7)
    assert by_start == pytest.approx(np.sum(g[:, 0] * expected), rel=1e-8)
    np.testing.assert_allclose(by_time[1:], (g[:, 0] * -0.7 * 2 * expected)[1:], rtol=1e-7)
    assert by_time[0] == pytest.approx(np.sum((g[:, 0] * 0.7 * 2 * expected)[1:]), rel=1e-7)
    np.testing.assert_allclose(dk.jvp(lambda k: f(k, 2.0, t), (0.7,), (1.0,))[1][:, 0], -t * 2 * expected, rtol=1e-7)
    assert dk.grad(dk.grad(lambda k: f(k, 2.0, t)[-1, 0]))(0.7) == pytest.approx(1.5**2 * 2 * expected[-1], rel=1e-6)
    informed = lambda k: integrate.odeint(lambda t, y: -k * y, 1.0, t, full_output=True, tfirst=True)[0]
    with_info = dk.jvp(informed, (0.7,), (1.0,))
    np.testing.assert_allclose(with_info[0][:, 0], expected, rtol=1e-6)
    jac = dk.grad(lambda k: integrate.odeint(lambda y, t: -k * y, 1.0, t, Dfun=lambda y, t: [[-k]])[-1, 0])(0.7)
    assert jac == pytest.approx(-1.5 * expected[-1], rel=1e-6)


@dataclasses.dataclass
class Spring:
    stiffness: float
    damping: float

    def right(self, t, y):
        return np.stack([y[1], -self.stiffness * y[0] - self.damping * y[1]])


def test_what_the_right_hand_side_captured_is_found():
    end = lambda right: integrate.solve_ivp(right, (0, 1), np.array([1.0, 0.0]), rtol=1e-8).y[0, -1]
    expected = dk.grad(lambda k: end(lambda t, y: np.stack([y[1], -k * y[0] - 0.1 * y[1]])))(2.0)
    plain = lambda t, y, k, c=0.1: np.stack([y[1], -k * y[0] - c * y[1]])
    ways = [lambda k: end(Spring(k, 0.1).right), lambda k: end(functools.partial(plain, k=k)),
            lambda k: end(lambda t, y, k=k: plain(t, y, k)), lambda k: (lambda inner: end(lambda t, y: inner(t, y)))(
                lambda t, y: plain(t, y, k))]
    for way in ways:
        assert dk.grad(way)(2.0) == pytest.approx(expected, rel=1e-13)
    start = np.array([1.0, 0.0])
    stiff = lambda k: integrate.solve_ivp(Spring(k, 0.1).right, (0, 1), start, "LSODA", rtol=1e-8).y[0, -1]
    assert dk.grad(stiff)(2.0) == pytest.approx(expected, rel=1e-5)


def test_solutions_as_functions_of_time_and_what_is_refused():
    def f(k, t):
        sol = integrate.solve_ivp(lambda t, y: -k * y, (0, 2), [1.0], dense_output=True, rtol=1e-9, atol=1e-12).sol
        return sol(t)[0]

    by_k, by_t = dk.grad(f, (0, 1))(0.7, 1.1)
    assert by_k == pytest.approx(-1.1 * np.exp(-0.77), rel=1e-6)
    assert by_t == pytest.approx(-0.7 * np.exp(-0.77), rel=1e-5)
    times = np.array([1.5, 0.2, 1.1])  # in any order
    np.testing.assert_allclose(dk.jvp(lambda k: f(k, times), (0.7,), (1.0,))[0], np.exp(-0.7 * times), rtol=1e-7)
    backward = lambda k: integrate.solve_ivp(lambda t, y: -k * y, (2, 0), [1.0], t_eval=[1.5, 0.0], rtol=1e-9).y[0]
    np.testing.assert_allclose(dk.jvp(backward, (0.7,), (1.0,))[1], [0.5 * np.exp(0.35), 2 * np.exp(1.4)], rtol=1e-5)
    stay = lambda k, **more: integrate.solve_ivp(lambda t, y: -k * y, (0, 1), [1.0], **more)
    matrix = lambda k: stay(k, method="Radau", jac=lambda t, y: [[-k]]).y[0, -1]
    assert dk.grad(matrix)(0.7) == pytest.approx(-np.exp(-0.7), rel=1e-2)
    for keywords, message in (({"events": lambda t, y: y[0], "method": "BDF"}, "events"),
                              ({"method": "BDF", "dense_output": True}, "dense")):
        with pytest.raises(dk.errors.UnsupportedArgumentError, match=message):
            dk.grad(lambda k, keywords=keywords: stay(k, **keywords).y[0, -1])(0.7)
    for times, message in (([0.5, 2.0], "within"), ([0.5, 0.2], "sorted")):
        with pytest.raises(ValueError, match=message):
            dk.grad(lambda k, times=times: stay(k, t_eval=times).y[0, -1])(0.7)
    with pytest.raises(ValueError, match="method"):
        dk.grad(lambda k: stay(k, method="Euler").y[0, -1])(0.7)


def test_complex_equations():
    """y' = i k y: y = exp(i k t)."""
    solve = lambda k: integrate.solve_ivp(lambda t, y: 1j * k * y, (0, 1), [1 + 0j], rtol=1e-9, atol=1e-12)
    f = lambda k: np.imag(solve(k).y[0, -1])
    for mode in ("reverse", "forward"):
        assert dk.grad(f, method=mode)(0.7) == pytest.approx(np.cos(0.7), rel=1e-7)


def test_signatures_are_scipys():
    check_signatures(integrate, original, integrate.__all__)
