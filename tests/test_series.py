"""Taylor mode against mpmath at 40 digits, hand derivations, and nested dual numbers."""

import dataclasses
import math

import mpmath as mp
import numpy as np
import pytest
import sympy
from rule_examples import EXAMPLES

import diffkit as dk
from diffkit.errors import InputError, ShapeError
from diffkit.rules import TABLE
from diffkit.rules.kinds import Elementwise
from diffkit.series import SeriesLevel

ORDER = 8
SYMBOLIC = [name for name, rule in TABLE.items() if isinstance(rule, Elementwise) and rule.symbol
            and len(rule.domain) == len(rule.partials) and not name.startswith(("special.", "scipy."))]
X = sympy.Symbol("x")


def reference(f, x, order):
    with mp.workdps(40):
        return np.array([float(c) for c in mp.taylor(f, mp.mpf(x), order)])


def digits(found, expected):
    """Correct digits, relative to the largest coefficient."""
    assert np.all(np.isfinite(found)) and found.shape == expected.shape
    return -np.log10(np.max(np.abs(found - expected)) / np.max(np.abs(expected)) + 1e-17)


@pytest.mark.parametrize("name", SYMBOLIC)
def test_every_elementwise_row_with_a_symbol(name):
    """Along the path x(t) = x0 + t d each argument moves."""
    rule = TABLE[name]
    rng = np.random.default_rng(3)
    at = [float(domain.sample(rng, ())) for domain in rule.domain]
    pace = rng.uniform(0.3, 1.0, size=len(at))
    symbols = sympy.symbols("x y z")[:len(at)]
    expression = sympy.sympify(rule.symbol, locals={str(s): s for s in symbols})
    path = expression.subs({s: sympy.Float(a, 40) + X * sympy.Float(d, 40) for s, a, d in zip(symbols, at, pace)},
                           simultaneous=True)
    plain = sympy.lambdify(X, path, "mpmath")
    found = dk.taylor(lambda t: rule(*(a + t * d for a, d in zip(at, pace))), 0.0, ORDER)
    assert digits(found, reference(plain, 0.0, ORDER)) > 11


def nested(f, x, direction, order):
    """k-th directional derivatives by dual numbers in dual numbers."""
    result = []
    for k in range(order + 1):
        g = f
        for _ in range(k):
            g = lambda x, g=g: dk.jvp(g, (x,), (direction,))[1]
        result.append(g(x))
    return result


@pytest.mark.parametrize("name", [name for name in EXAMPLES if TABLE[name].kind != "flat"])
def test_every_other_row_by_nested_dual_numbers(name):
    args, params = EXAMPLES[name][0]
    rule = TABLE[name]
    moving = [i for i, a in enumerate(args) if hasattr(a, "dtype") and a.dtype.kind in "fc" and a.size]
    rng = np.random.default_rng(5)
    x = tuple(args[i] for i in moving)
    direction = tuple(0.3 * rng.normal(size=a.shape) for a in x)

    def f(x):
        full = list(args)
        for i, a in zip(moving, x):
            full[i] = a
        return rule(*full, **params)

    found = dk.tree.flatten(dk.taylor(f, x, 3, direction))[0]
    for k, level in enumerate(nested(f, x, tuple(d.astype(a.dtype) for d, a in zip(direction, x)), 3)):
        for series, derivative in zip(found, dk.tree.flatten(level)[0]):
            if np.asarray(derivative).dtype.kind in "fc":
                np.testing.assert_allclose(series[k] * math.factorial(k), derivative, rtol=1e-9, atol=1e-9)


PROGRAMS = {
    "quotient": (lambda x: np.sin(x) / (1 + x * x), lambda x: mp.sin(x) / (1 + x * x)),
    "power of itself": (lambda x: x ** x, lambda x: x ** x),
    "inverse": (lambda x: np.sum(np.linalg.inv(np.array([[2.0, x], [x * x, 3.0]]))),
                lambda x: (5 - x - x * x) / (6 - x**3)),
    "eigenvalue": (lambda x: np.linalg.eigvalsh(np.array([[1.0, x], [x, 2.0]]))[1],
                   lambda x: (3 + mp.sqrt(1 + 4 * x * x)) / 2),
    "determinant": (lambda x: np.linalg.det(np.array([[2.0, x], [x * x, 3.0]])), lambda x: 6 - x**3),
    "norm": (lambda x: np.linalg.norm(np.stack([x, x * x])), lambda x: mp.sqrt(x * x + x**4)),
    "three factors": (lambda x: np.einsum("i,i,i->", *(np.stack([x, x * x]),) * 3), lambda x: x**3 + x**6),
    "sinc": (np.sinc, mp.sincpi),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_twenty_orders(name):
    f, exact = PROGRAMS[name]
    assert digits(dk.taylor(f, 0.7, 20), reference(exact, 0.7, 20)) > 13


def test_a_program_with_a_loop_a_branch_and_writes():
    def f(x):
        z = np.zeros(3)
        z[0] = x
        for i in range(2):
            z[i + 1] = z[i] * x if z[i] > 0 else -z[i]
        z += x
        return np.sum(z)           # 4x + x^2 + x^3

    assert np.array_equal(dk.taylor(f, 2.0, 4), [20.0, 20.0, 7.0, 1.0, 0.0])


def test_containers_and_a_direction():
    @dataclasses.dataclass
    class Pair:
        a: object
        b: object

    found = dk.taylor(lambda p: {"product": p.a * p.b, "constant": 5.0}, Pair(2.0, np.array([3.0, 4.0])), 2,
                      Pair(1.0, np.array([0.0, 10.0])))
    assert np.array_equal(found["product"], [[6.0, 8.0], [3.0, 24.0], [0.0, 10.0]])
    assert np.array_equal(found["constant"], [5.0, 0.0, 0.0])


def test_nesting_with_the_other_modes():
    # f(x, a) = sin(a x): the second coefficient in x is -a^2 sin(a x) / 2.
    second = lambda a: dk.taylor(lambda x: np.sin(a * x), 0.4, 2)[2]
    a = 1.3
    by_hand = -a * np.sin(0.4 * a) - a * a * 0.4 * np.cos(0.4 * a) / 2
    assert dk.grad(second)(a) == pytest.approx(by_hand, rel=1e-14)
    assert dk.jvp(second, (a,), (1.0,))[1] == pytest.approx(by_hand, rel=1e-14)
    inner = dk.taylor(dk.grad(lambda x: np.sum(np.exp(2 * x))), np.array([0.0, 0.1]), 3)
    expected = [[2 * 2**k / math.factorial(k) * math.exp(2 * x) for x in (0.0, 0.1)] for k in range(4)]
    np.testing.assert_allclose(inner, expected, rtol=1e-14)
    # Series in series: d/ds of the coefficients of exp(s t) at s = 2, t = 1.
    both = dk.taylor(lambda s: dk.taylor(lambda t: np.exp(s * t), 1.0, 2), 2.0, 1)
    np.testing.assert_allclose(both[1], [math.e**2, 3 * math.e**2, 4 * math.e**2], rtol=1e-14)


def test_compiled():
    f = dk.compile(lambda x: dk.taylor(lambda t: np.tanh(t) * np.exp(t), x, 5))
    assert np.array_equal(f(0.3), dk.taylor(lambda t: np.tanh(t) * np.exp(t), 0.3, 5)) and f.reason == ""
    assert digits(f(0.7), reference(lambda t: mp.tanh(t) * mp.exp(t), 0.7, 5)) > 14


def test_operations_of_a_partial_are_shared_by_series_not_by_value():
    one, level = np.ones(1), SeriesLevel(1)
    a, b = level.lift(one, np.ones(1)), level.lift(one, np.zeros(1))
    moving, again, still = level.evaluate(0, lambda: (np.exp(a), np.exp(a), np.exp(b)))
    assert moving is again and moving.mark.at(1) == np.exp(1.0) and still.mark.at(1) == 0.0
    level.close()


def test_dtypes():
    found = dk.taylor(lambda x: np.exp(x) / (1 + x), np.float32(0.5), 4)
    assert found.dtype == np.float32
    assert digits(found, reference(lambda x: mp.exp(x) / (1 + x), 0.5, 4)) > 6
    # d/dt of |z + t|^2 for complex z: 2 Re z, 2/2
    assert np.allclose(dk.taylor(lambda z: np.abs(z)**2, 3 + 4j, 2, 1.0), [25.0, 6.0, 1.0], rtol=1e-14)
    # exp(z) along the direction i: coefficients i^k e^z / k!
    z = 0.3 - 0.2j
    np.testing.assert_allclose(dk.taylor(np.exp, z, 3, 1j), [np.exp(z) * 1j**k / math.factorial(k) for k in range(4)],
                               rtol=1e-14)


def test_high_derivatives():
    # Tangent numbers: tan has derivatives 1, 2, 16, 272, 7936 at 0 for the odd orders.
    for n, number in ((3, 2), (5, 16), (7, 272), (9, 7936)):
        assert dk.derivative(np.tan, n)(0.0) == pytest.approx(number, rel=1e-13)
    # 1/(1 - x): n! (1 - x)^-(n+1), at an order where 2^n evaluations would not end, beyond 170! of a float's range
    for n, x in ((40, 0.0), (60, -1.0), (171, -3.0)):
        exact = float(mp.factorial(n) / mp.mpf(1 - x)**(n + 1))
        assert dk.derivative(lambda x: 1 / (1 - x), n)(x) == pytest.approx(exact, rel=1e-12)
    found = dk.derivative(lambda x: np.tanh(np.sin(x)), 30)(np.array([0.2, -0.4]))
    with mp.workdps(60):
        exact = [float(mp.diff(lambda x: mp.tanh(mp.sin(x)), mp.mpf(x), 30)) for x in (0.2, -0.4)]
    np.testing.assert_allclose(found, exact, rtol=1e-9)


def test_a_dead_branch_does_not_spoil_a_high_derivative():
    # For x < 0 the root is not taken; x^3 has third derivative 6.
    f = lambda x: np.where(x > 0, np.sqrt(np.where(x > 0, x, 0.0)), x**3)
    assert dk.derivative(f, 3)(-1.0) == 6.0


def test_a_kink_by_the_convention():
    assert np.array_equal(dk.taylor(np.abs, 0.0, 3), np.zeros(4))
    assert np.array_equal(dk.taylor(lambda x: np.maximum(x, 0), 0.0, 2), [0.0, 0.5, 0.0])


def test_bad_input():
    with pytest.raises(InputError, match="whole number"):
        dk.taylor(np.sin, 1.0, 1.5)
    with pytest.raises(InputError, match="whole number"):
        dk.taylor(np.sin, 1.0, -1)
    with pytest.raises(ShapeError, match="direction has shape"):
        dk.taylor(np.sin, np.ones(2), 1, np.ones(3))
    with pytest.raises(InputError, match="whole number"):
        dk.derivative(np.sin, True)


# --- repeated values, which series can't tell apart -----------------------------------------------------------

SYMMETRIC = np.array([[2.0, 0.3], [0.3, 1.0]])


def test_symmetric_functions_of_repeated_values():
    """Singular values of I + tA (A positive definite) add up to its trace, squared eigenvalues to its square's."""
    found = dk.taylor(lambda t: np.sum(np.linalg.svd(np.eye(2) + t * SYMMETRIC, compute_uv=False)), 0.0, 2)
    assert np.allclose(found, [2.0, 3.0, 0.0], atol=1e-14)
    found = dk.taylor(lambda t: {"s": np.sum(np.linalg.eigvalsh(np.eye(2) + t * SYMMETRIC) ** 2), "n": 3}, 0.0, 2)
    assert np.allclose(found["s"], [2.0, 6.0, np.sum(SYMMETRIC**2)], atol=1e-13)
    assert np.array_equal(found["n"], [3.0, 0.0, 0.0])


def test_repeated_values_one_by_one_are_refused_not_nan():
    with pytest.raises(dk.errors.DegenerateError, match="repeated"):
        dk.taylor(lambda t: np.linalg.eigvalsh(np.eye(2) + t * SYMMETRIC), 0.0, 2)
