"""Claims that a hunt over random functions found false, one of each kind, reduced; and a short hunt.

Truth: slopes by hand, and mpmath's Taylor series for the random ones.
"""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from diffkit.errors import ComplexStepError
from diffkit.numeric import derivative, hessian


@pytest.mark.parametrize("amplitude, pace, x", [(1e-5, 1e5, 0.3), (6e-5, 2e5, 3.6), (3e-5, 4e4, 1.4)])
def test_a_fine_ripple_is_no_noise(amplitude, pace, x):
    result = derivative(lambda t: t + amplitude * np.sin(pace * t), x)
    exact = 1 + amplitude * pace * math.cos(pace * x)
    assert abs(result.value - exact) <= result.error


@pytest.mark.parametrize("scheme", ["forward", "backward"])
@pytest.mark.parametrize("f", [lambda t: round(math.sin(t), 7), lambda t: (math.sin(t) + 1e6) - 1e6,
                               lambda t: float(np.float32(math.sin(t)))])
def test_stairs_are_seen_from_one_side(f, scheme):
    for x in (0.3, 0.7, 1.1):
        first, second = derivative(f, x, scheme=scheme), derivative(f, x, 2, scheme)
        assert abs(first.value - math.cos(x)) <= first.error
        assert not abs(second.value + math.sin(x)) > second.error


@pytest.mark.parametrize("scheme", ["auto", "forward"])
def test_what_only_a_few_levels_see_is_no_noise(scheme):
    # Curvature changes its sign at 1e-6 beside x: between that and the noise three levels tell.
    x, kink = -0.25, -0.25 + 1.7e-6
    result = derivative(lambda t: 0.75 + 1e-3 * (t - kink) * abs(t - kink), x, scheme=scheme)
    assert abs(result.value - 2e-3 * abs(x - kink)) <= result.error


def test_x_just_below_one_in_every_precision():
    # The widest step is that of max(|x|, 1), next to that of |x| itself.
    for dtype in (np.float32, np.float64):
        for x in (0.9649, 0.9964, 0.99):
            for order in (2, 3):
                result = derivative(lambda t: t * 0 + 3, dtype(x), order)
                assert result.value == 0 and result.error >= 0
    mixed = hessian(lambda t: t[0] * t[1] * t[2], np.array([0.99, 1.2, 0.4]))
    assert np.all(mixed.error >= 0) and abs(mixed.value[1, 0] - 0.4) <= mixed.error[1, 0]


def test_a_forward_direction_may_lead_down():
    from diffkit.numeric import directional

    for scheme in ("forward", "backward"):
        result = directional(lambda t: np.exp(t[0] * t[1]), np.array([1.0, 0.5]), np.array([1.0, -1.0]), scheme)
        assert abs(result.value + 0.5 * math.exp(0.5)) <= result.error < 1e-6


@pytest.mark.parametrize("order", [1, 2])
def test_casts_to_real_numbers_are_refused_by_name(order):
    def cast(t):
        return np.float64(np.tanh(t)) * 1.0

    with pytest.raises(ComplexStepError, match="casts"):
        derivative(cast, 9.0, order, "complex-step")


ONE = ["sin", "cos", "tanh", "exp", "atan", "asinh", "sinh"]
NUMPY_NAMES = {"atan": "arctan", "asinh": "arcsinh"}


def random_function(rng):
    """A few operations on a scaled argument, readable with NumPy's names or mpmath's."""
    names = [str(name) for name in rng.choice(ONE[:3] + ONE[4:6], rng.integers(1, 4))]
    scale, shift, height = 10.0 ** rng.uniform(-1, 1), rng.uniform(-1, 1), 10.0 ** rng.integers(-8, 9)

    def read(one):
        def f(t):
            value = t * scale + shift
            for name in names:
                value = one(name)(value) + value * value / 4
            return value * height
        return f

    return read(lambda name: getattr(np, NUMPY_NAMES.get(name, name))), read(lambda name: getattr(mpmath, name))


@pytest.mark.parametrize("seed", range(4))
def test_claims_of_random_functions_hold_in_every_order(seed):
    rng = np.random.default_rng(seed)
    false = []
    for _ in range(5):
        f, exact = random_function(rng)
        x = float(rng.normal())
        with mpmath.workdps(50):
            series = mpmath.taylor(exact, x, 4)
        for order in (1, 2, 3, 4):
            truth = float(series[order] * math.factorial(order))
            for scheme in ("auto", "forward", "richardson", "complex-step"):
                result = derivative(f, x, order, scheme)
                if not abs(result.value - truth) <= result.error + 4e-16 * abs(truth):
                    false.append((order, scheme, x, float(result.value), float(result.error), truth))
    assert false == []
