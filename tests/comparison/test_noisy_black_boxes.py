"""A function that diffkit can't record, under noise: wrong gradients are refuted, right ones never accused."""

import math
import struct

import numpy as np
import pytest

import diffkit as dk

X = np.array([0.3, -1.2, 0.8, 1.7])


def white(t):
    """A number in -1/2 to 1/2 that looks random, and another for the next float."""
    bits = struct.unpack("Q", struct.pack("d", float(t)))[0] * 0x9E3779B97F4A7C15 % 2**64
    bits = (bits ^ bits >> 29) * 0xBF58476D1CE4E5B9 % 2**64
    return (bits ^ bits >> 32) / 2**64 - 0.5


def grained(t):
    """Constant on intervals of 1e-13, as a result of fixed precision is."""
    return math.floor(t * 1e13) % 97 / 97 - 0.5


def box(grain, level):
    """The sum of sines with noise; ``float`` refuses to be traced."""
    def f(x):
        return sum(math.sin(float(t)) + level * grain(float(t)) for t in np.ravel(x))
    return f


def times(factor):
    return lambda x: factor * np.cos(x)


@pytest.mark.parametrize("grain, level, factor", [
    (white, 1e-9, -1.0), (white, 1e-6, 3.6), (white, 1e-2, 3.6), (grained, 1e-9, 3.6), (grained, 1e-3, 10.0)])
def test_noise_that_cannot_explain_it_excuses_nothing(grain, level, factor):
    result = dk.compare(box(grain, level), X, methods=("reverse", times(factor)))
    assert (result.kind, result.agree) == ("DISAGREE", False)
    assert result.row("<lambda>").status == "wrong" and result.row("central").status == "ok"


@pytest.mark.parametrize("grain", [white, grained])
@pytest.mark.parametrize("level", [1e-12, 1e-6, 1e-2, 1.0])
def test_the_right_gradient_is_not_accused(grain, level):
    result = dk.compare(box(grain, level), X, methods=("reverse", times(1.0)))
    assert result.kind in ("AGREE", "NOISY") and result.agree is not False


def test_what_noise_can_explain_is_called_noisy():
    assert dk.compare(box(white, 1e-2), X, methods=("central", times(1.01))).kind == "NOISY"
    assert dk.compare(box(white, 3.0), X, methods=("central", times(3.6))).kind == "NOISY"


def test_the_noise_and_the_factor_are_told():
    verdict = dk.compare(box(white, 1e-4), 0.3, methods=("central", times(3.6))).verdict
    assert "evaluations of f say 0.95" in verdict
    assert "about 3.6 times the right value" in verdict and "noise of its level, " in verdict


def test_where_differences_give_up_the_trend_decides():
    f = box(grained, 1e-9)  # 0.3 is the edge of an interval: the mean of both sides is not f
    assert np.isnan(dk.compare(f, 0.3, methods=("central",), referee=False).row("central").value)
    assert dk.compare(f, 0.3, methods=("central", times(3.6))).agree is False
    assert dk.compare(f, 0.3, methods=("central", times(1.0))).agree is not False


def rounded(x):
    return round(math.sin(float(x)), 3)


def ripple(x):
    return math.sin(float(x)) + 1e-9 * math.sin(float(x) / 1e-10)


def ripple_gradient(x):
    return np.cos(x) + 10 * np.cos(x / 1e-10)


def weierstrass(x):
    return sum(0.5**k * math.cos(3**k * float(x)) for k in range(30))


def weierstrass_gradient(x):
    return -sum(1.5**k * np.sin(3**k * x) for k in range(30))


def logistic(x):
    z = 0.5 + 0.2 * math.tanh(float(x))
    for _ in range(80):
        z = 3.9 * z * (1 - z)
    return z


def logistic_gradient(x):
    z, d = 0.5 + 0.2 * np.tanh(x), 0.2 * (1 - np.tanh(x) ** 2)
    for _ in range(80):
        z, d = 3.9 * z * (1 - z), 3.9 * (1 - 2 * z) * d
    return d


@pytest.mark.parametrize("x", [0.3, 0.7351])
@pytest.mark.parametrize("f, gradient", [
    (rounded, lambda x: 0.0 * x), (rounded, np.cos), (ripple, ripple_gradient),
    (weierstrass, weierstrass_gradient), (logistic, logistic_gradient),
], ids=["rounded, 0", "rounded, its trend", "ripple", "Weierstrass", "chaos"])
def test_a_slope_that_hides_in_the_grain_is_not_accused(f, gradient, x):
    assert dk.compare(f, x, methods=("central", gradient)).agree is not False


@pytest.mark.parametrize("x", [0.3, -1.2, 3.3])
def test_a_slope_that_stairs_do_not_have_is_accused(x):
    assert dk.compare(rounded, x, methods=("central", lambda x: 3.6 * np.cos(x))).agree is False


@pytest.mark.parametrize("slope, right", [(-1.0, True), (0.4, True), (1.0, True), (2.0, False), (-3.0, False)])
def test_a_kink_under_noise_accepts_what_lies_between_the_slopes(slope, right):
    f = lambda x: abs(float(x) - 0.7) + 1e-6 * white(x)
    result = dk.compare(f, 0.7, methods=("central", lambda x: slope + 0 * x))
    assert (result.agree is not False) is right


def test_a_ripple_that_looks_like_a_kink_accuses_nobody():
    """Both slopes that differences see lie to one side of the central one, by less than its claim."""
    f = lambda x: math.sin(float(x)) + 1e-12 * math.sin(float(x) / 1e-5)
    gradient = lambda x: np.cos(x) + 1e-7 * np.cos(x / 1e-5)
    assert dk.compare(f, 1000.0, methods=("central", gradient)).agree is not False
    assert dk.compare(f, 1000.0, methods=("central", lambda x: 1.001 * gradient(x))).agree is False


@pytest.mark.parametrize("scale", [1e-8, 1e-12])
def test_a_tiny_gradient_that_is_twice_too_large_is_caught_in_a_black_box(scale):
    f = lambda x: scale * sum(math.sin(float(t)) for t in x)
    assert dk.compare(f, X, methods=("central", lambda x: 2 * scale * np.cos(x)), referee=False).agree is False
    assert dk.compare(f, X, methods=("central", lambda x: scale * np.cos(x)), referee=False).agree is True


def test_a_wrong_rule_for_a_noisy_function_is_refuted():
    @dk.custom_vjp
    def noisy(x):
        return math.sin(dk.value(x)) + 1e-6 * white(dk.value(x))

    noisy.defvjp(lambda x: (noisy.function(x), x), lambda x, g: (3.6 * np.cos(x) * g,))
    assert dk.compare(noisy, 0.8, methods=("reverse", "central"), referee=False).agree is False


def test_differences_that_claim_nothing_are_no_second_family():
    def f(x):
        if float(x) != 2.0:
            raise ValueError("only at 2")
        return float(x) ** 2

    result = dk.compare(f, 2.0, methods=("central", lambda x: 2 * x), referee=False)
    assert (result.kind, result.agree) == ("INCONCLUSIVE", None)
