"""Classical formulas with the caller's step, one-sided schemes, Richardson, and bad options."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diffkit.errors import DiffkitError, NumericError
from diffkit.numeric import SCHEMES, derivative, directional, gradient, hessian, jacobian


def test_forward_difference_has_its_classical_error():
    # f = 2x + 3x²: (f(1 + h) - f(1)) / h = 8 + 3h, by hand.
    for step in (1e-1, 1e-2, 1e-3):
        result = derivative(lambda x: 2 * x + 3 * x * x, 1.0, scheme="forward", step=step)
        assert abs(result.value - (8 + 3 * step)) < 1e-9
        assert abs(result.value - 8) <= result.error < 10 * step
        assert result.evaluations == 3
        assert abs(result.steps - step) < 1e-15
    # f = (2x² + 1)² = 4x⁴ + 4x² + 1: at 1 with h = 0.1 by hand 24 + 28h + 16h² + 4h³.
    result = derivative(lambda x: (2 * x * x + 1) ** 2, 1.0, scheme="forward", step=0.1)
    assert abs(result.value - (24 + 2.8 + 0.16 + 0.004)) < 1e-12


def test_backward_and_central_have_theirs():
    # x³ at 2: backward 12 - 6h + h², central 12 + h².
    h = 0.125
    backward = derivative(lambda x: x**3, 2.0, scheme="backward", step=h)
    central = derivative(lambda x: x**3, 2.0, scheme="central", step=h)
    assert backward.value == 12 - 6 * h + h * h and abs(backward.value - 12) <= backward.error
    assert central.value == 12 + h * h and abs(central.value - 12) <= central.error
    assert central.evaluations == 5 and backward.evaluations == 3


def test_fixed_steps_on_arrays():
    x = np.array([1.0, 2.0, -3.0])
    np.testing.assert_allclose(derivative(lambda t: t * t, x, scheme="forward", step=0.25).value, 2 * x + 0.25)
    np.testing.assert_allclose(gradient(lambda t: np.sum(t * t), x, scheme="backward", step=0.25).value, 2 * x - 0.25)
    along = directional(lambda t: t * t, x, np.ones(3), scheme="forward", step=0.25)
    np.testing.assert_allclose(along.value, 2 * x + 0.25)


@pytest.mark.parametrize("scheme, never", [("forward", -1), ("backward", 1)])
def test_one_sided_schemes_look_at_one_side(scheme, never):
    seen = []
    result = derivative(lambda x: seen.append(x) or math.exp(x), 0.3, scheme=scheme)
    assert all((x - 0.3) * never <= 0 for x in seen)
    assert abs(result.value - math.exp(0.3)) <= result.error < 1e-8
    assert result.status == "one-sided"
    at_kink = derivative(abs, 0.0, scheme=scheme)
    assert abs(at_kink.value + never) <= at_kink.error < 1e-8


@pytest.mark.parametrize("step", [None, 0.3])
def test_richardson(step):
    result = derivative(np.exp, 1.0, scheme="richardson", step=step)
    assert abs(result.value - math.e) <= result.error < 1e-9
    assert result.evaluations == (13 if step else 56)  # six pairs, or what noise and curvature ask


@pytest.mark.parametrize("scheme", sorted(set(SCHEMES) - {"complex-step"}))
def test_schemes_agree(scheme):
    x = np.array([0.3, 2.0, 1.1])
    result = jacobian(lambda t: np.array([np.sin(t[0] * t[1]), t[2] ** 3]), x, scheme=scheme)
    c = math.cos(0.6)
    exact = np.array([[2 * c, 0.3 * c, 0], [0, 0, 3 * 1.1**2]])
    assert np.all(np.abs(result.value - exact) <= result.error + 1e-15)


def test_an_unknown_scheme_names_the_known_ones():
    for function in (derivative, gradient, jacobian):
        with pytest.raises(NumericError, match=r"auto, backward, central, complex-step, forward, richardson"):
            function(np.sum, 1.0, scheme="symmetric")


@pytest.mark.parametrize("options", [{"step": 0.1}, {"scheme": "forward", "step": -1},
                                     {"scheme": "central", "step": "a"}, {"scheme": "central", "step": math.nan},
                                     {"n": 0}, {"n": 1.5}, {"n": True},
                                     {"n": 2, "step": 0.1}, {"n": 2, "scheme": "complex-step", "step": 0.1},
                                     {"workers": 0}, {"workers": "two"}, {"dtype": int},
                                     {"scheme": "complex-step", "step": 0.1}])
def test_options_that_do_not_fit(options):
    with pytest.raises(NumericError) as caught:
        derivative(np.sin, 1.0, **options)
    assert isinstance(caught.value, (DiffkitError, ValueError))
    assert caught.value.want


def test_unknown_keywords_are_pythons_own_error():
    for function in (derivative, gradient, jacobian, hessian):
        with pytest.raises(TypeError, match="unexpected keyword"):
            function(np.sin, 1.0, stepsize=0.1)
    with pytest.raises(NumericError, match="is unknown"):
        hessian(np.sum, np.ones(2), scheme="symmetric")
