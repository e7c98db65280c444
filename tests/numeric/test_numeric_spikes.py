"""Points where wide steps see another function: poles close by, roots of h, rounding that fills the view."""

import math
from fractions import Fraction

import numpy as np
import pytest

from diffkit.numeric import derivative, directional, gradient


def hilbert(size):
    return np.array([[1 / (i + j + 1) for j in range(size)] for i in range(size)])


def inverse(matrix):
    """By Gauss and Jordan on fractions."""
    size = len(matrix)
    rows = [[Fraction(float(v)) for v in row] + [Fraction(int(i == j)) for j in range(size)]
            for i, row in enumerate(matrix)]
    for k in range(size):
        pivot = next(i for i in range(k, size) if rows[i][k])
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [v / rows[k][k] for v in rows[k]]
        for i in range(size):
            if i != k:
                rows[i] = [a - rows[i][k] * b for a, b in zip(rows[i], rows[k])]
    return [row[size:] for row in rows]


@pytest.mark.parametrize("size", [3, 4, 6, 7, 9])
def test_a_solve_by_its_own_ill_conditioned_matrix(size):
    # Each entry is 1e-2 … 1e-11 of itself away from a pole, which wide steps jump over.
    matrix = hilbert(size)
    result = gradient(lambda a: np.sum(np.linalg.solve(a, np.ones(size))), matrix)
    inverted = inverse(matrix)
    solved, weights = [sum(row) for row in inverted], [sum(column) for column in zip(*inverted)]
    for i in range(size):
        for j in range(size):
            # Rounding that all evaluations along a line share can't be seen from any of them: a little more than 1.
            assert abs(result.value[i, j] - float(-weights[i] * solved[j])) <= 1.5 * result.error[i, j]
    assert np.all(result.error <= np.abs(result.value))


@pytest.mark.parametrize("away", [1e-3, 1e-5, 1e-7, 1e-9, 1e-11, 1e-13])
@pytest.mark.parametrize("x", [1.0, 3e-4, -70.0])
def test_beside_a_pole(x, away):
    pole = x * (1 + away)
    exact = -1 / (x - pole) ** 2
    result = derivative(lambda t: 1 / (t - pole) + np.sin(t), x)
    if away < 1e-10 and np.isinf(result.error):
        return  # too few steps fit beside the pole: nothing is claimed
    assert abs(result.value - (exact + math.cos(x))) <= result.error <= abs(exact)


def test_a_value_of_its_own_at_x_is_no_derivative():
    result = derivative(lambda t: 5.0 if t == 1.0 else t * t, 1.0)
    assert result.error == np.inf and result.status == "jump"


@pytest.mark.parametrize("power", [1.05, 1.1, 1.25, 1.4, 1.5, 1.75, 2.5])
def test_a_power_at_the_edge_of_its_domain(power):
    for f in (lambda x: x**power, lambda x: abs(x) ** power, lambda x: np.sign(x) * abs(x) ** power,
              lambda x: 3 * x**power * (1 + x)):
        result = derivative(f, 0.0)
        if np.isfinite(result.error):
            assert abs(result.value) <= result.error
        else:
            assert power < 1.1  # x^1.05 has slopes like x^0.05: not told from a vertical tangent
    assert np.isfinite(derivative(lambda x: x**power, 0.0).error) or power < 1.1


@pytest.mark.parametrize("level", [1e-8, 1e-6, 1e-4])
def test_random_jitter_is_in_the_claim(level):
    def f(t):
        mixed = np.float64(t).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        return math.sin(t) * (1 + level * (float(mixed >> np.uint64(11)) / 2**53 - 0.5))

    with np.errstate(over="ignore"):
        for x in np.linspace(0.2, 3.0, 15):
            result = derivative(f, x)
            assert abs(result.value - math.cos(x)) <= result.error <= 3e3 * level
            assert result.status == "noisy"


def test_noise_and_nothing_else_claims_nothing():
    result = derivative(np.sin, 1e22)  # its neighbours are 2e6 apart
    assert result.status == "noisy" and result.error == np.inf


@pytest.mark.parametrize("f, x, exact", [
    (np.sin, 1e8, math.cos(1e8)), (np.sin, 1e22, math.cos(1e22)), (lambda x: x * x, 1e-200, 2e-200),
    (lambda x: x * x, 1e150, 2e150), (np.exp, -700.0, math.exp(-700.0)), (lambda x: 1 / x, 1e-150, -1e300),
    (lambda x: np.exp(-x / 1e300), 1e300, -1e-300 * math.exp(-1))])
def test_the_complex_step_at_the_ends_of_the_number_line(f, x, exact):
    result = derivative(f, x, scheme="complex-step")
    assert abs(result.value - exact) <= result.error
    if 1e-150 < abs(exact) < 1e307 and abs(x) < 1e10:
        assert result.error <= 1e-11 * abs(exact)


def test_the_complex_step_along_long_and_short_directions():
    x = np.array([1.0, 2.0])
    for size in (1e-30, 1.0, 1e30):
        v = size * np.array([1.0, -2.0])
        result = directional(lambda x: np.sin(x[0]) * x[1], x, v, scheme="complex-step")
        exact = size * (2 * math.cos(1.0) - 2 * math.sin(1.0))
        assert abs(result.value - exact) <= min(result.error, 1e-14 * size * 4)
