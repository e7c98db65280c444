"""Every scheme answers every question: any order, directions, Hessians; at edges, in containers, in float32.

Truth is SymPy's calculus, mpmath's Taylor series at 50 digits, or a derivative by hand.
"""

from __future__ import annotations

import importlib
import math

import mpmath
import numpy as np
import pytest
import sympy

import diffkit as dk
from diffkit.errors import ComplexStepError
from diffkit.numeric import SCHEMES, derivative, directional, gradient, hessian, jacobian

REAL = sorted(set(SCHEMES) - {"complex-step"})
# How many digits the claim must leave, by order; one side has half as many levels of extrapolation.
DIGITS = {"complex-step": (0, 8, 9, 6, 4), "one": (0, 9, 4, 2, 0), "both": (0, 9, 7, 5, 3)}


def digits(scheme, order):
    return DIGITS.get(scheme, DIGITS["one" if scheme in ("forward", "backward") else "both"])[order]


FUNCTIONS = [
    (lambda m, x: m.exp(m.sin(2 * x)), 0.7),
    (lambda m, x: m.exp(m.sin(2e6 * x)), 3.5e-7),
    (lambda m, x: m.exp(m.sin(2e-6 * x)), 4e5),
    (lambda m, x: m.log(x) * x, 1e-5),
    (lambda m, x: 1e8 / (1 + x * x), -0.6),
    (lambda m, x: m.sqrt(1 - x), 0.999),
]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_every_order_by_every_scheme(scheme, order):
    for f, x in FUNCTIONS:
        with mpmath.workdps(50):
            exact = float(mpmath.taylor(lambda t, f=f: f(mpmath, t), x, order)[order] * math.factorial(order))
        result = derivative(lambda t, f=f: f(np, t), x, order, scheme)
        assert abs(result.value - exact) <= result.error + 4e-16 * abs(exact), (x, result)
        assert result.error <= 10.0 ** -digits(scheme, order) * abs(exact), (x, result)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_hessians_by_every_scheme(scheme):
    symbols = sympy.symbols("a b c", positive=True)
    expression = sympy.sin(symbols[0] * symbols[1]) * sympy.exp(symbols[2]) + symbols[1] ** 3 / symbols[2]
    x = np.array([0.4, 1.3, 2.1])
    exact = np.array(sympy.hessian(expression, symbols).subs(dict(zip(symbols, x))).evalf(30), float)
    result = hessian(lambda t: np.sin(t[0] * t[1]) * np.exp(t[2]) + t[1] ** 3 / t[2], x, scheme)
    assert np.all(np.abs(result.value - exact) <= result.error)
    assert np.all(result.error <= (1e-4 if scheme in ("forward", "backward") else 1e-6) * np.abs(exact).max())
    assert np.array_equal(result.value, result.value.T)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_directions_in_containers(scheme, order):
    # f(t) = sin(a + t p) e^(b + t q): the nth derivative is Im e^b e^(ia) (q + ip)^n.
    x, v = {"a": np.array([0.4, 0.9]), "b": 0.3}, {"a": np.array([0.7, -1.1]), "b": 0.5}
    exact = (np.exp(x["b"] + 1j * x["a"]) * (v["b"] + 1j * v["a"]) ** order).imag
    result = directional(lambda t: np.sin(t["a"]) * np.exp(t["b"]), x, v, scheme, n=order)
    assert np.all(np.abs(result.value - exact) <= result.error + 1e-15)
    assert np.all(result.error <= 10.0 ** -digits(scheme, order))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_vector_valued_and_elementwise(scheme):
    result = derivative(lambda t: np.stack([np.sin(t), t**3, t * 0 + 2]), 0.8, 2, scheme)
    exact = np.array([-math.sin(0.8), 4.8, 0.0])
    assert result.value.shape == (3,)
    assert np.all(np.abs(result.value - exact) <= result.error) and np.all(result.error < 1e-4)
    x = np.array([[0.0, 0.5], [2.0, 40.0]])
    wide = derivative(np.sin, x, 2, scheme)
    assert np.all(np.abs(wide.value + np.sin(x)) <= wide.error) and np.all(wide.error < 1e-3)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("order", [1, 2])
def test_float32(scheme, order):
    x = np.float32(0.7)
    result = derivative(np.exp, x, order, scheme)
    assert result.value.dtype == np.float32
    assert abs(float(result.value) - math.exp(float(x))) <= result.error <= (2e-1 if order == 2 else 1e-2)
    point = np.array([0.4, 1.3], np.float32)
    found = hessian(lambda t: np.sin(t[0]) * t[1] ** 2, point, scheme)
    a, b = map(float, point)
    exact = np.array([[-math.sin(a) * b * b, 2 * b * math.cos(a)], [2 * b * math.cos(a), 2 * math.sin(a)]])
    assert found.value.dtype == np.float32
    assert np.all(np.abs(found.value - exact) <= found.error) and np.all(found.error < 0.3)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("away", [0.0, 1e-7, 0.02])
def test_bounds_are_never_crossed(scheme, away):
    """Real parts inside the bounds at every evaluation; claims hold; central schemes claim nothing on the bound."""
    low, high = np.array([1.0, -1.0]), np.array([3.0, 2.0])
    seen = []

    def f(t):
        seen.append(np.array([np.real(np.asarray(t[k]).view(np.ndarray)) for k in range(2)], float))
        return np.exp(t[0]) * np.sin(t[1]) + t[0] ** 2

    x = np.array([1.0 + away, 2.0 - away])
    a, b = x
    exact = np.array([[math.exp(a) * math.sin(b) + 2, math.exp(a) * math.cos(b)],
                      [math.exp(a) * math.cos(b), -math.exp(a) * math.sin(b)]])
    slope = np.array([math.exp(a) * math.sin(b) + 2 * a, math.exp(a) * math.cos(b)])
    found, first = hessian(f, x, scheme, bounds=(low, high)), gradient(f, x, scheme, bounds=(low, high))
    points = np.array(seen)
    assert np.all((low <= points) & (points <= high))
    for result, truth in ((found, exact), (first, slope)):
        claimed = np.isfinite(result.error)
        assert np.all(np.abs(result.value - truth)[claimed] <= result.error[claimed])
    if away == 0.02:
        assert np.all(found.error < 0.1) and np.all(first.error < 1e-4)
    if away == 0 and scheme == "auto":
        assert np.all(np.diag(found.error) < 0.1) and found.error[0, 1] < 0.1
    if away == 0 and scheme in ("central", "richardson"):
        assert np.all(np.isinf(found.error)) and np.all(np.isnan(found.value))


@pytest.mark.parametrize("scheme, value", [("auto", None), ("central", None), ("richardson", None),
                                           ("forward", 2.0), ("backward", -2.0)])
def test_a_kink_of_second_order(scheme, value):
    result = derivative(lambda t: t * abs(t) + 3 * t, 0.0, 2, scheme)
    if value is None:
        assert result.status == "kink" and result.error >= 2
    else:
        assert result.status == "one-sided" and abs(result.value - value) <= result.error < 1e-6


@pytest.mark.parametrize("f, corners", [(lambda t: t[0] * abs(t[1]), (-1, 1)),
                                        (lambda t: max(t[0] * t[1], 0.0), (0, 1)),
                                        (lambda t: abs(t[0]) * abs(t[1]), (-1, 1))])
def test_a_kink_of_the_mixed_derivative(f, corners):
    # The four corners cancel, or are halved: the quotients on the four sides of x do not agree.
    for scheme in ("auto", "central", "richardson"):
        result = hessian(f, np.zeros(2), scheme)
        low, high = result.value[0, 1] - result.error[0, 1], result.value[0, 1] + result.error[0, 1]
        assert low <= corners[0] and corners[1] <= high, scheme
        assert result.status[0, 1] == "kink"
    one = hessian(f, np.zeros(2), "forward")
    assert abs(one.value[0, 1] - 1) <= one.error[0, 1] < 1e-6


@pytest.mark.parametrize("scheme", REAL)
def test_noise_is_in_the_claim(scheme):
    result = derivative(lambda t: np.sin(t) + 1e-8 * np.sin(1e15 * t), 1.0, 2, scheme)
    assert abs(result.value + math.sin(1)) <= result.error < 0.5


def test_classical_formulas_of_higher_order():
    h = 0.125
    # (x + h)^4 and so on, by hand: x^4 at 1.
    assert derivative(lambda x: x**4, 1.0, 2, "central", step=h).value == pytest.approx(12 + 2 * h * h, rel=1e-12)
    assert derivative(lambda x: x**4, 1.0, 3, "central", step=h).value == pytest.approx(24, rel=1e-12)
    assert derivative(lambda x: x**4, 1.0, 2, "forward", step=h).value == pytest.approx(
        12 + 24 * h + 14 * h * h, rel=1e-12)
    assert derivative(lambda x: x**4, 1.0, 2, "backward", step=h).value == pytest.approx(
        12 - 24 * h + 14 * h * h, rel=1e-12)
    # f = x²y²: the corners give 4xy exactly, the quadrant 4xy + 2h(x + y) + h².
    x = np.array([1.0, 2.0])
    assert hessian(lambda t: t[0] ** 2 * t[1] ** 2, x, "central", step=h).value[0, 1] == pytest.approx(8, rel=1e-12)
    assert hessian(lambda t: t[0] ** 2 * t[1] ** 2, x, "forward", step=h).value[0, 1] == pytest.approx(
        8 + 6 * h + h * h, rel=1e-12)
    for scheme in ("forward", "backward", "central", "richardson"):
        for order in (2, 3, 4):
            result = derivative(np.exp, 0.5, order, scheme, step=0.05)
            assert abs(result.value - math.exp(0.5)) <= result.error < 1
        along = directional(np.prod, np.array([2.0, 3.0]), np.array([1.0, -1.0]), scheme, n=2, step=0.1)
        assert abs(along.value + 2) <= along.error


@pytest.mark.parametrize("f, name", [(abs, "abs"), (np.abs, "absolute"), (lambda t: t if t > 0 else -t, "gt"),
                                     (lambda t: np.conj(t) * t, "conj"), (lambda t: np.maximum(t, 0), "maximum")])
def test_the_complex_step_refuses_by_name_in_every_order(f, name):
    for order in (2, 3):
        with pytest.raises(ComplexStepError, match=name):
            derivative(f, 0.5, order, "complex-step")
        with pytest.raises(ComplexStepError, match=name):
            directional(f, 0.5, 1.0, "complex-step", n=order)
    with pytest.raises(ComplexStepError, match=name):
        hessian(f, 0.5, "complex-step")


def test_the_complex_step_refuses_what_drops_the_imaginary_part():
    with pytest.raises(ComplexStepError):
        derivative(lambda t: np.asarray(t).view(np.ndarray).real ** 3, 0.5, 2, "complex-step")
    with pytest.raises(ComplexStepError, match="batches"):
        derivative(np.sin, 0.5, 2, "complex-step", vectorized=True)
    with pytest.raises(ComplexStepError, match="real function"):
        derivative(lambda t: np.exp(1j * t), 0.5, 2, "complex-step")


def test_complex_steps_beside_the_domain():
    # sqrt leaves the real numbers at 0: its imaginary part there is no slope.
    for x in (1e-9, 1e-3):
        result = derivative(np.sqrt, x, 2, "complex-step")
        assert abs(result.value + x**-1.5 / 4) <= result.error < 1e-6 * x**-1.5
    at_edge = derivative(lambda t: np.sqrt(t) * t**3, 0.0, 2, "complex-step")
    assert abs(at_edge.value) <= at_edge.error < 1e-6


def test_planted_coarse_claims_are_seen(monkeypatch):
    """What the tests above would say if noise went unmeasured."""
    from diffkit.numeric import descent

    monkeypatch.setattr(descent, "_noise", lambda rungs, stencil: 0 * rungs.size[0])
    monkeypatch.setattr(descent, "from_table", lambda values, base: np.zeros(base.shape))
    result = derivative(lambda t: np.sin(t) + 1e-8 * np.sin(1e15 * t), 1.0, 2)
    assert not abs(result.value + math.sin(1)) <= result.error < 0.5


def test_jacobians_by_every_scheme():
    x = np.array([0.5, 2.0])
    exact = np.array([[math.cos(0.5) * 2.0, math.sin(0.5)], [2 * 0.5, 0.0]])
    for scheme in SCHEMES:
        result = jacobian(lambda t: np.stack([np.sin(t[0]) * t[1], t[0] ** 2]), x, scheme)
        assert np.all(np.abs(result.value - exact) <= result.error + 1e-15) and np.all(result.error < 1e-8)


def test_the_board_of_schemes(capsys, monkeypatch):
    """The table of docs/numeric.md on a part of its functions."""
    schemes = importlib.import_module("comparisons.numeric_schemes")
    some = list(schemes.functions())[::20]
    monkeypatch.setattr(schemes, "functions", lambda: iter(some))
    monkeypatch.setattr(schemes, "VECTORS", {"norm": schemes.VECTORS["norm"]})
    monkeypatch.setattr("sys.argv", ["numeric_schemes", "--orders", "1,2"])
    schemes.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("order", "Hessian"))]
    assert len(rows) == 3 * len(SCHEMES)
    assert all("100.0%" in line for line in rows), rows


@pytest.mark.parametrize("method", ["numeric", "complex-step"])
def test_the_transform_hessian_takes_both_methods(method):
    # (sum w · b)²: 2 b² for two entries of w, 4 b s for one and b, 2 s² for b twice.
    point = {"w": np.array([0.3, 1.2]), "b": 0.5}
    found = dk.hessian(lambda p: np.sum(p["w"] * p["b"]) ** 2, method=method)(point)
    np.testing.assert_allclose(found["w"]["w"], np.full((2, 2), 0.5), atol=1e-9)
    np.testing.assert_allclose(found["w"]["b"], [3.0, 3.0], atol=1e-9)
    np.testing.assert_allclose(found["b"]["b"], 4.5, atol=1e-9)
