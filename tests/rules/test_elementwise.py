"""Elementwise rows to the last digits over their whole domains, against mpmath on 50 digits."""

import mpmath as mp
import numpy as np
import pytest
from array_checks import check

import diffkit as dk
from diffkit.errors import UnknownFunctionError

EPS = np.finfo(float).eps
TINY, HUGE = 5e-324, 1.7e308


def near(point, *, below=True, above=True):
    """Floats next to a point, and at growing distance."""
    steps = (1e-15, 1e-10, 1e-5, 0.01)
    return ([float(np.nextafter(point, -np.inf))] + [point - s for s in steps]) * below + (
        [float(np.nextafter(point, np.inf))] + [point + s for s in steps]) * above


ENDS = [*near(1.0, above=False), *near(-1.0, below=False)]
LINE = [-700.0, -30.0, -3.0, -0.5, -1e-5, -1e-200, 1e-200, 1e-9, 0.3, 2.0, 25.0, 700.0]
RAYS = [TINY, 1e-300, 1e-10, 0.5, 1.0, 3.0, 1e10, 1e300, HUGE]

# The exact derivative in mpmath, and the points: interior, tails, next to every end.
EXACT = {
    "exp": (mp.exp, LINE), "exp2": (lambda x: mp.log(2) * mp.mpf(2) ** x, LINE), "expm1": (mp.exp, LINE),
    "log": (lambda x: 1 / x, RAYS), "log2": (lambda x: 1 / (x * mp.log(2)), RAYS),
    "log10": (lambda x: 1 / (x * mp.log(10)), RAYS),
    "log1p": (lambda x: 1 / (1 + x), [*near(-1.0, below=False), -1e-20, 1e-20, 1.0, 1e300]),
    "sqrt": (lambda x: 1 / (2 * mp.sqrt(x)), RAYS),
    "cbrt": (lambda x: 1 / (3 * mp.cbrt(x) ** 2), [1e-300, 1e-10, 0.5, 3.0, 1e300]),
    "square": (lambda x: 2 * x, LINE), "reciprocal": (lambda x: -1 / x**2, [1e-150, -0.3, 2.0, 1e150]),
    "sin": (mp.cos, [0.0, 1e-9, 1.5, 1.5707963267948966, -3.0, 1e6, 1e15]),
    "cos": (lambda x: -mp.sin(x), [1e-300, 1e-9, 1.5, 3.141592653589793, -3.0, 1e6, 1e15]),
    "tan": (lambda x: 1 / mp.cos(x) ** 2, [0.0, 1e-9, 0.5, 1.5, 1.5707963267948966, -2.0]),
    "arcsin": (lambda x: 1 / mp.sqrt(1 - x * x), [0.0, 1e-9, 0.5, *ENDS]),
    "arccos": (lambda x: -1 / mp.sqrt(1 - x * x), [0.0, 1e-9, 0.5, *ENDS]),
    "arctan": (lambda x: 1 / (1 + x * x), [0.0, 1e-200, 0.5, -3.0, 1e10, 1e150]),
    "sinh": (mp.cosh, LINE), "cosh": (mp.sinh, LINE),
    "tanh": (lambda x: mp.sech(x) ** 2, [0.0, 1e-9, 0.5, -2.0, 15.0, 19.5, -40.0, 300.0]),
    "arcsinh": (lambda x: 1 / mp.sqrt(1 + x * x), [0.0, 1e-9, -0.5, 3.0, 1e10, 1e200]),
    "arccosh": (lambda x: 1 / mp.sqrt(x * x - 1), [*near(1.0, below=False), 1.5, 10.0, 1e10, 1e200]),
    "arctanh": (lambda x: 1 / (1 - x * x), [0.0, 1e-9, 0.5, *ENDS]),
    "sinc": (lambda x: mp.pi * (mp.cospi(x) - mp.sinpi(x) / (mp.pi * x)) / (mp.pi * x),
             [1e-300, 1e-9, 0.01, 0.3, 0.45, 0.5, 0.8, 1.0, 2.5, 10.25, 1000.125]),
    "i0": (lambda x: mp.besseli(1, x), [1e-300, 1e-9, 0.3, -2.0, 10.0, -100.0, 700.0]),
    "deg2rad": (lambda x: mp.pi / 180, [0.3]), "rad2deg": (lambda x: 180 / mp.pi, [0.3]),
    "fabs": (mp.sign, LINE), "absolute": (mp.sign, LINE),
}
# Rounding in the argument of an exponential, or three roundings of a quotient: a few units more.
SLACK = {"sinc": 60, "i0": 40, "tanh": 12, "arccosh": 8, "tan": 8}


@pytest.mark.parametrize("name", EXACT)
def test_partials_on_50_digits(name):
    exact, points = EXACT[name]
    function = getattr(np, name)
    for x in points:
        with mp.workdps(50 if abs(x) > 1e-200 else 1000), np.errstate(all="ignore"):
            want = exact(mp.mpf(x))
            pulled, pushed = dk.grad(function)(x), dk.jvp(function, (x,), (1.0,))[1]
            for found in (pulled, pushed):
                if abs(want) > HUGE:
                    assert found == np.copysign(np.inf, float(mp.sign(want))), (x, found)
                else:
                    allowed = SLACK.get(name, 4) * EPS * abs(want) + mp.mpf(2) ** -1074
                    assert abs(mp.mpf(float(found)) - want) <= allowed, (x, found, want)


BINARY = {
    "hypot": (lambda a, b: (a / mp.hypot(a, b), b / mp.hypot(a, b)),
              [(3.0, 4.0), (1e300, 1e300), (1e-300, 2e-300), (1e200, 1.0), (-1e-9, 2.0), (1e308, -1.0)]),
    "arctan2": (lambda a, b: (b / (a * a + b * b), -a / (a * a + b * b)),
                [(3.0, 4.0), (1e200, 1e200), (1e-200, 2e-200), (1e200, 1.0), (-1e-9, -2.0), (2.0, -1e-300)]),
    "logaddexp": (lambda a, b: (1 / (1 + mp.exp(b - a)), 1 / (1 + mp.exp(a - b))),
                  [(0.0, 0.0), (1.0, 2.0), (700.0, 0.0), (-740.0, 0.0), (1000.0, 999.0), (-3000.0, -3001.0),
                   (800.0, 1.0)]),
    "logaddexp2": (lambda a, b: (1 / (1 + mp.mpf(2) ** (b - a)), 1 / (1 + mp.mpf(2) ** (a - b))),
                   [(0.0, 0.0), (1.0, 2.0), (1000.0, 999.0), (-3000.0, -3001.0), (5.0, 0.0)]),
    "power": (lambda a, b: (b * a ** (b - 1), a**b * mp.log(a)),
              [(2.0, 3.0), (0.5, -2.5), (1e-100, 2.0), (1e150, 2.0), (1.0 + 1e-15, 1e10), (3.0, 0.5)]),
    "divide": (lambda a, b: (1 / b, -a / b**2), [(1.0, 3.0), (1e200, 1e200), (1e-300, 1e-200), (-2.0, 1e-100)]),
}


@pytest.mark.parametrize("name", BINARY)
def test_two_arguments_on_50_digits(name):
    exact, points = BINARY[name]
    slack = {"logaddexp2": 20, "power": 12}.get(name, 6)
    for a, b in points:
        with mp.workdps(50), np.errstate(all="ignore"):
            wants = exact(mp.mpf(a), mp.mpf(b))
            for found, want in zip(dk.grad(getattr(np, name), (0, 1))(a, b), wants):
                allowed = slack * EPS * abs(want) + mp.mpf(2) ** -1070
                assert abs(mp.mpf(float(found)) - want) <= allowed, (a, b, found, want)


def test_remainders_on_exact_fractions():
    for name, a, b, quotient in [
            ("remainder", 7.5, 2.0, 3), ("remainder", -7.5, 2.0, -4), ("remainder", 7.5, -2.0, -4),
            ("remainder", 1e15 + 0.5, 1.0, 10**15), ("fmod", 7.5, 2.0, 3), ("fmod", -7.5, 2.0, -3),
            ("fmod", 7.5, -2.0, -3), ("fmod", 0.9999999999999999, 0.1, 9)]:
        assert dk.grad(getattr(np, name), (0, 1))(a, b) == (1.0, -quotient)


# --- several derivatives at the points where formulas break ------------------------------------------

def derivatives(f, x, count):
    with np.errstate(all="ignore"):
        return [float(dk.derivative(f, n)(x)) for n in range(1, count + 1)]


def test_powers_at_zero():
    for exponent, expected in ((0, [0, 0, 0]), (1, [1, 0, 0]), (2, [0, 2, 0])):
        assert derivatives(lambda x, n=exponent: x**n, 0.0, 3) == expected
        assert derivatives(lambda x, n=exponent: x ** float(n), 0.0, 3) == expected
    assert derivatives(lambda x: x**3, 0.0, 4) == [0, 0, 6, 0]
    exponents = np.array([0.0, 1.0, 2.0, 3.0])
    at_zero = [dk.derivative(lambda x: x**exponents, n)(np.zeros(4)) for n in (1, 2, 3)]
    assert np.array_equal(at_zero, [[0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 6]])


def test_negative_bases_with_whole_exponents_are_exact():
    assert derivatives(lambda x: x**3, -2.0, 3) == [12, -12, 6]
    assert derivatives(lambda x: x**-2, -2.0, 2) == [0.25, 0.375]
    assert derivatives(lambda x: np.power(x, 5), -3.0, 2) == [405, -540]


def test_a_constant_exponent_costs_two_operations():
    from diffkit.rules.arithmetic import POWER

    class Counted(np.ndarray):
        calls = 0

        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            Counted.calls += 1
            return getattr(ufunc, method)(*(np.asarray(x) for x in inputs), **kwargs)

    a = np.array([1.0, 2.0]).view(Counted)
    assert np.array_equal(POWER.partials[0](None, a, 2), [2.0, 4.0]) and Counted.calls == 1


def test_sinc_at_zero():
    assert derivatives(np.sinc, 0.0, 4) == pytest.approx([0, -np.pi**2 / 3, 0, np.pi**4 / 5], rel=1e-15, abs=0)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_higher_derivatives_of_the_special_functions(n):
    for x in (0.0, 0.1, 0.7, -1.3, 2.5, 6.0):
        with mp.workdps(50):
            exact = mp.pi**n * mp.quad(lambda t, x=x: t**n * mp.cos(mp.pi * x * t + n * mp.pi / 2),
                                       [0, 0.25, 0.5, 0.75, 1])
            found = float(dk.derivative(np.sinc, n)(x))
            assert abs(found - exact) <= 1e-12 * mp.pi**n / (n + 1), (x, found)
            exact = mp.diff(lambda t: mp.besseli(0, t), x, n)
            assert abs(float(dk.derivative(np.i0, n)(x)) - exact) <= 1e-14 * mp.besseli(0, x)


def test_tails_of_higher_order_are_finite():
    assert derivatives(np.tanh, 800.0, 3) == [0, 0, 0]
    for n, want in ((1, 1.0), (2, 0.0), (3, 0.0)):
        assert float(dk.derivative(lambda a: np.logaddexp(a, 0.0), n)(800.0)) == want
    with mp.workdps(50):
        s = 1 / (1 + mp.exp(40))
        assert abs(float(dk.derivative(lambda a: np.logaddexp(a, 0.0), 2)(-40.0)) - s * (1 - s)) <= 4 * EPS * s
    assert np.array_equal(dk.hessian(lambda x: np.hypot(x[0], x[1]))(np.zeros(2)), np.zeros((2, 2)))


def test_minus_infinity_is_dead():
    for f in (np.logaddexp, np.logaddexp2):
        assert dk.grad(f, (0, 1))(-np.inf, 0.0) == (0.0, 1.0)
        assert dk.grad(f, (0, 1))(-np.inf, -np.inf) == (0.0, 0.0)
        assert dk.grad(f, (0, 1))(np.inf, 0.0) == (1.0, 0.0)
        assert dk.derivative(lambda a, f=f: f(a, -np.inf), 2)(1.0) == 0.0


def test_logaddexp_with_a_number_and_with_an_array():
    x = np.array([-np.inf, -800.0, 0.0, 800.0, np.inf])
    for n, want in ((1, [0, 0, 0.5, 1, 1]), (2, [0, 0, 0.25, 0, 0]), (3, [0] * 5), (4, [0, 0, -0.125, 0, 0])):
        for other in (0.0, np.zeros(5)):
            for f in (lambda v, other=other: np.logaddexp(v, other), lambda v, other=other: np.logaddexp(other, v)):
                assert np.array_equal(dk.derivative(f, n)(x), want)
    for dtype in (np.float32, np.float16):
        g = dk.derivative(lambda v: np.logaddexp(v, 0.5))(np.array([0.5, np.inf, -np.inf], dtype))
        assert g.dtype == dtype and np.array_equal(g, [0.5, 1, 0])
    a, b = np.array([np.inf, np.inf, -np.inf, -np.inf]), np.array([np.inf, -np.inf, -np.inf, np.inf])
    assert np.array_equal(dk.vjp(np.logaddexp, a, b)[1](np.ones(4)), [[0.5, 1, 0, 0], [0.5, 0, 0, 1]])


# --- definitions -----------------------------------------------------------------------------------------

X = np.array([0.33, -1.71, 2.62, -0.43, 1.23])


@pytest.mark.parametrize("f", [
    np.modf, np.frexp, lambda x: np.divmod(x, 0.7), lambda x: np.ldexp(x, np.int8(20)), lambda x: np.ldexp(x, 3),
    lambda x: np.float_power(x, 3), lambda x: np.round(x, 1) + x, lambda x: np.round(x, -1) * x,
    np.sign, np.sinc, np.i0,
    lambda x: np.heaviside(x, 2 * x), lambda x: x % 0.7, lambda x: x // 0.7 * x, lambda x: np.copysign(x, -x),
    lambda x: np.angle(x), np.real, np.imag, np.conjugate, lambda x: np.fmax(x, 0.5) * np.minimum(x, 1.0)])
def test_definitions(f):
    check(f, X)


def test_a_small_integer_exponent_does_not_overflow():
    assert dk.grad(lambda x: np.ldexp(x, np.int8(100)))(1.0) == 2.0**100


def test_heaviside_at_its_step():
    assert dk.grad(np.heaviside, (0, 1))(0.0, 0.3) == (0.0, 1.0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_precision_stays(dtype):
    x = dtype(0.75)
    for f in (lambda x: x**2, lambda x: 2**x, lambda x: x**x, np.log2, np.log10, np.exp2, np.deg2rad, np.tanh,
              np.sinc, lambda x: np.logaddexp(x, 0.5), lambda x: np.maximum(x, 0.5), lambda x: np.ldexp(x, 3),
              np.abs, lambda x: np.frexp(x)[0], lambda x: np.modf(x)[0], lambda x: x % 0.5, lambda x: 1 / x, np.i0):
        assert dk.grad(f)(x).dtype == dtype and dk.jvp(f, (x,), (x,))[1].dtype == f(x).dtype == dtype
    assert dk.grad(lambda x: np.float_power(x, 2))(x).dtype == dtype


def test_longdouble_keeps_its_digits():
    x = np.longdouble("0.3")
    with mp.workdps(50):
        exact = mp.mpf(repr(x).split("'")[1])
        for f, want in ((np.exp2, mp.log(2) * 2**exact), (np.log10, 1 / (exact * mp.log(10))),
                        (np.tanh, mp.sech(exact) ** 2)):
            found = mp.mpf(repr(dk.grad(f)(x)).split("'")[1])
            assert abs(found - want) < 4 * float(np.finfo(np.longdouble).eps) * abs(want)


def test_refusals_state_the_reason():
    with pytest.raises(UnknownFunctionError, match="neighbouring floating-point number"):
        dk.grad(lambda x: np.nextafter(x, 2.0))(1.0)
