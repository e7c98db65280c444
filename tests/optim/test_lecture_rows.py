"""The numbers that the lecture notes' optimizer rows are checked by (rows 40-51, 73, 74)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diffkit import optim


def run(opt, theta, slope, steps):
    theta = np.array(theta, dtype=float)
    state, points = opt.init(theta), []
    for step in range(steps):
        theta, state = opt.step(theta, slope(opt.grad_point(theta, state), step), state)
        points.append(theta)
    return np.array(points)


def constant(value):
    return lambda theta, step: np.full_like(theta, value)


@pytest.mark.parametrize(("lr", "size"), [(0.1, 0.010308), (1.0, 0.0), (1.9, 0.010308), (2.0, 2.0), (2.1, 234.8)])
def test_gradient_descent_on_half_x_squared(lr, size):  # row 40
    end = run(optim.SGD(lr), [2.0], lambda theta, step: theta, 50)[-1]
    assert abs(end[0]) == pytest.approx(size, rel=1e-4)


def test_averaging_beats_noise():  # row 42: the variance of the average falls as 1/t
    rng = np.random.default_rng(0)
    opt = optim.average(optim.SGD(0.1))
    theta, squares = np.zeros(2000), {}
    state = opt.init(theta)
    for step in range(1, 1601):
        theta, state = opt.step(theta, theta + rng.standard_normal(theta.size), state)
        if step in (100, 400, 1600):
            squares[step] = float(np.mean(opt.averaged_params(theta, state)**2))
    assert squares[100] / squares[400] == pytest.approx(4, rel=0.15)
    assert squares[400] / squares[1600] == pytest.approx(4, rel=0.15)
    assert squares[1600] < 0.05 * np.mean(theta**2)


def test_momentum_forms_agree_for_a_constant_rate_only():  # row 43
    slope = lambda theta, step: 3 * theta
    forms = [run(optim.Momentum(0.05, form=form), [1.0], slope, 50) for form in ("velocity", "trace")]
    np.testing.assert_allclose(*forms, rtol=0, atol=1e-14)
    falling = [run(optim.Momentum(lambda t: 0.05 / (t + 1), form=form), [1.0], slope, 50)
               for form in ("velocity", "trace")]
    assert np.abs(falling[0] - falling[1]).max() > 1e-3


def test_look_ahead_points_are_the_iterates_of_the_shifted_form():  # row 44
    slope = lambda theta: 3 * theta + np.sin(theta)
    ahead, shifted = optim.Nesterov(0.05), optim.Nesterov(0.05, form="trace")
    theta = other = np.array([1.0, -2.0])
    state, other_state = ahead.init(theta), shifted.init(other)
    for _ in range(100):
        point = ahead.grad_point(theta, state)
        np.testing.assert_allclose(point, other, rtol=0, atol=1e-13)
        theta, state = ahead.step(theta, slope(point), state)
        other, other_state = shifted.step(other, slope(other), other_state)


def test_adagrad_steps_shrink_like_one_over_root_t():  # row 45
    steps = -np.diff(run(optim.AdaGrad(0.3, eps=0.0), [0.0], constant(2.0), 50)[:, 0], prepend=0.0)
    np.testing.assert_allclose(steps, 0.3 / np.sqrt(np.arange(1, 51)), rtol=1e-12)


def test_rmsprop_first_step():  # row 46
    assert run(optim.RMSProp(1.0, eps=0.0), [0.0], constant(5.0), 1)[0, 0] == pytest.approx(-1 / math.sqrt(0.1))


def test_adam_moves_by_the_rate_for_a_constant_gradient():  # row 47
    steps = np.diff(run(optim.Adam(0.01, eps=0.0), [0.0], constant(7.0), 100)[:, 0], prepend=0.0)
    np.testing.assert_allclose(steps, -0.01, rtol=1e-12)


def test_adam_moments_in_closed_form():  # row 48
    opt, theta = optim.Adam(), np.zeros(1)
    state, slopes = opt.init(theta), np.random.default_rng(1).standard_normal(40)
    for slope in slopes:
        theta, state = opt.step(theta, np.array([slope]), state)
    ages = np.arange(40)[::-1]
    np.testing.assert_allclose(state["s"][0], [0.1 * np.sum(0.9**ages * slopes)], rtol=0, atol=1e-14)
    np.testing.assert_allclose(state["r"][0], [0.001 * np.sum(0.999**ages * slopes**2)], rtol=0, atol=1e-14)
    assert 0.1 * np.sum(0.9**ages) == pytest.approx(1 - 0.9**40, abs=1e-14)


def test_adam_without_bias_correction():  # row 48
    opt = optim.Adam(1.0, eps=0.0, bias_correction=False)
    steps = -np.diff(run(opt, [0.0], constant(1.0), 3)[:, 0], prepend=0.0)
    np.testing.assert_allclose(steps, [3.162, 4.250, 4.950], atol=5e-4)


def test_adam_without_first_moment_is_rmsprop():  # row 49
    slope = lambda theta, step: 2 * theta + np.cos(step)
    adam = optim.Adam(0.01, b1=0.0, b2=0.9, eps=1e-7, eps_in_sqrt=True, bias_correction=False)
    np.testing.assert_allclose(run(adam, [1.0, -3.0], slope, 200),
                               run(optim.RMSProp(0.01), [1.0, -3.0], slope, 200), rtol=0, atol=1e-14)


def test_robbins_monro():  # row 50: 1/t forgets the noise, a constant rate keeps a floor
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((4000, 500))
    falling = run(optim.SGD(lambda t: 1 / (t + 1)), np.ones(500), lambda th, t: th + noise[t], 4000)
    constant_rate = run(optim.SGD(0.1), np.ones(500), lambda th, t: th + noise[t], 4000)
    assert np.mean(falling[-1]**2) == pytest.approx(1 / 4000, rel=0.2)
    assert np.mean(constant_rate[-1]**2) == pytest.approx(0.1 / (2 - 0.1), rel=0.2)


@pytest.mark.parametrize(("form", "end"), [("l2", 1 - 0.5 * (2 + 0.1)), ("decoupled_lr", 1 - 0.5 * 2 - 0.5 * 0.1),
                                           ("decoupled", 1 - 0.5 * 2 - 0.1)])
def test_three_forms_of_weight_decay(form, end):  # row 51
    opt = optim.SGD(0.5, weight_decay=0.1, decay_form=form)
    assert run(opt, [1.0], constant(2.0), 1)[0, 0] == pytest.approx(end, abs=1e-15)


@pytest.mark.parametrize(("opt", "steps"), [(optim.SGD(0.018), 488), (optim.Momentum(0.018), 160)])
def test_ravine(opt, steps):  # row 73
    scale = np.array([1.0, 100.0])
    points = run(opt, [10.0, 1.0], lambda theta, step: scale * theta, 600)
    values = 0.5 * np.sum(scale * points**2, axis=1)
    assert int(np.argmax(values < 1e-6)) + 1 == steps


def beale_slope(theta, step):
    x, y = theta
    terms = [(1.5, y, 1.0), (2.25, y**2, 2 * y), (2.625, y**3, 3 * y**2)]
    return np.array([sum(2 * (c - x + x * p) * (p - 1) for c, p, _ in terms),
                     sum(2 * (c - x + x * p) * x * d for c, p, d in terms)])


@pytest.mark.parametrize(("opt", "value"), [(optim.SGD(0.01), 5e-5), (optim.AdaGrad(0.5), 3e-5),
                                            (optim.Adam(0.05), 1e-6)])
def test_beale(opt, value):  # row 74: the value after 1000 steps, one digit
    x, y = run(opt, [1.0, 1.5], beale_slope, 1000)[-1]
    found = (1.5 - x + x * y)**2 + (2.25 - x + x * y**2)**2 + (2.625 - x + x * y**3)**2
    assert value / 2 < found < value * 2


def test_momentum_needs_a_smaller_rate_on_beale():  # row 74
    diverging = pytest.raises(optim.NonFiniteGradientError, match="at step 10")
    with np.errstate(over="ignore", invalid="ignore"), diverging:
        run(optim.Momentum(0.01), [1.0, 1.5], beale_slope, 1000)
    x, y = run(optim.Momentum(0.001), [1.0, 1.5], beale_slope, 1000)[-1]
    assert (1.5 - x + x * y)**2 + (2.25 - x + x * y**2)**2 + (2.625 - x + x * y**3)**2 < 1e-4


@pytest.mark.parametrize(("opt", "steps"), [
    (optim.SGD(0.01), 698), (optim.Momentum(0.01), 140), (optim.RMSProp(0.01, eps=1e-8, eps_in_sqrt=False), 75),
    (optim.Adam(0.01), 81), (optim.AdaGrad(0.1, like="torch"), 19),
])
def test_saddle(opt, steps):  # row 74: x² − y² from (1, 1e-6), steps until it is below −1
    points = run(opt, [1.0, 1e-6], lambda theta, step: np.array([2.0, -2.0]) * theta, 700)
    assert int(np.argmax(points[:, 0]**2 - points[:, 1]**2 < -1)) + 1 == steps
