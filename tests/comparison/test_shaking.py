"""Rounding that no neighbour of x shows: runs with other roundings see it, and excuse no wrong rule."""

import mpmath
import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison.posing import pose
from diffkit.comparison.shaking import loss_by_rounding
from diffkit.testing import check_gradients


def loss(f, x):
    found = loss_by_rounding(pose(f, (x,), {}, 0), 0)
    assert found is not None
    return found


def test_a_cancellation_to_an_exact_zero_shows_its_full_size():
    assert loss(lambda x: (1 - np.cos(x)) / x**2, 1e-8) > 1e7


def test_a_solve_by_a_constant_matrix_shows_its_condition():
    hilbert = 1 / (np.arange(6)[:, None] + np.arange(6) + 1)
    f = lambda x: np.sum(np.linalg.solve(hilbert, x))
    with mpmath.workdps(50):
        inverse = mpmath.matrix(hilbert.tolist()) ** -1
        truth = np.array([float(sum(inverse[:, j])) for j in range(6)])
    lost = np.abs(dk.grad(f)(np.ones(6)) - truth)
    assert (lost <= 10 * loss(f, np.ones(6))[0]).all() and lost.max() > 1e-12


def test_what_the_sweep_itself_cancels_is_seen():
    """Cotangents of a linear f, 1 - (w + w + w): numbers that no value of f shows."""
    f = lambda x: np.sum(x) - np.sum(np.dot(np.full(3, 0.1), x) * np.array([1.0, 2.0, 7.0]))
    assert 1e-17 < loss(f, np.arange(1.0, 4)).max() < 1e-14


@pytest.mark.parametrize("f", [
    np.median, np.max, lambda x: np.sort(x)[7], lambda x: np.max(x / 3 + 1e6), lambda x: np.ptp(np.sin(x) * x),
    lambda x: np.sum(np.where(x == 0.7, x**2, 5 * x)), lambda x: np.sum(x) if np.sum(x) == np.sum(x + 0) else x[0],
])
def test_equal_numbers_that_are_computed_alike_stay_equal(f):
    assert loss(f, np.full(20, 0.7)).max() < 1e-13


def test_a_tie_that_rounding_made_is_broken():
    assert loss(lambda x: np.max(0.5 + x), np.array([1e-18, 2e-18])).max() > 0.4


@pytest.mark.parametrize("f, x", [
    (lambda x: np.exp(-(x[1] - np.log(np.sum(np.exp(x))))**2), np.array([-40.0, 38.0])),
    (lambda x: (x[0] + x[1]) - x[0], np.array([1.0, 1e-20])),
    (lambda x: np.sum(x - np.sin(x))**2, np.array([1e-9, 2e-9])),
])
def test_what_is_absorbed_is_rounded(f, x):
    """1 + 1e-34 is 1, a number that was there before; 1e-9 is its own sine."""
    from diffkit.comparison.shaking import RoundingLevel

    level = RoundingLevel(1)
    moved = f(level.lift(x, x))
    assert moved.value == f(x) and moved.mark != moved.value


def test_what_is_exact_is_not_rounded():
    from diffkit.comparison.shaking import RoundingLevel

    x, level = np.array([1.0, 2.0, 0.5, -3.0]), RoundingLevel(1)
    for f in (lambda x: x + 3 - x[::-1], lambda x: np.clip(-x, -1, 2.5), lambda x: np.sort(np.abs(x)) * 1.0,
              lambda x: np.where(x > 0, x * 0.0, x), lambda x: np.stack([x, x]).T[1:].ravel(),
              lambda x: np.max(x - 1)):
        moved = f(level.lift(x, x))
        assert np.array_equal(moved.mark, f(x)) and np.array_equal(moved.value, f(x))


def test_python_takes_the_branch_that_f_takes():
    assert loss(lambda x: x**2 if 0.1 + x == 0.30000000000000004 else 5 * x, 0.2) < 1e-15


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16])
def test_the_loss_is_in_the_type_of_f(kind):
    x = np.array([0.3, 0.7], kind)
    found = loss(lambda x: np.sum(np.exp(x) / 3), x).max()
    assert 0.2 * np.finfo(kind).eps < found < 8 * np.finfo(kind).eps


def test_a_wrong_rule_shows_no_loss():
    @dk.custom_vjp
    def cube(x):
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, g: (2.99 * x**2 * g,))
    assert loss(lambda x: np.sum(cube(x) * x), np.array([0.5, 2.0])).max() < 1e-13
    assert dk.compare(lambda x: np.sum(cube(x) * x), np.array([0.5, 2.0])).agree is False


def log_sum_exp(x):
    largest = x.max()
    return largest + np.log(np.sum(np.exp(x - largest)))


def shifted(x):
    """The mantissa's last third is lost on the way; the derivative's rounding is that of the values."""
    x = x * np.var(x)
    x = np.linalg.solve(np.eye(2) + 0.5 * np.outer(x, x) / (1 + np.sum(x * x)), x)
    return log_sum_exp((x + 1e6) - 1e6)


def tied_by_rounding(x):
    """log10(1/2 + 1e-29) is that of 1/2: the smallest two are one number here, and two in 50 digits."""
    return np.ptp(np.log10(0.5 + np.sort(1 / (1 + np.exp(-np.degrees(x))))**2))


@pytest.mark.parametrize("f, x, seed", [
    (shifted, np.array([-0.7, -0.6]), 1096),
    (tied_by_rounding, np.array([0.5800527, -0.58481336, -0.6438206, 1.3810172, 1.3867642], np.float32), 1207),
])
@pytest.mark.filterwarnings("ignore::diffkit.testing.GradientWarning")
def test_a_right_gradient_is_not_accused_of_its_rounding(f, x, seed):
    assert check_gradients(f, x, seed=seed).agree is not False
