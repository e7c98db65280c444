"""The notes' claims about estimators and convexity, measured (rows 30, 31, 35-38 of the inventory)."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk
from diffkit import nn, optim, train


def test_a_summed_risk_takes_a_rate_n_times_smaller():  # row 30
    x, y = np.random.default_rng(0).standard_normal((2, 20))
    slope = {way: dk.grad(lambda w, way=way: nn.mse(w * x, y, reduction=way))(0.3) for way in ("sum", "mean")}
    np.testing.assert_allclose(slope["sum"], 20 * slope["mean"], rtol=1e-14)


@pytest.mark.parametrize(("n", "bias"), [(2, 0.5), (5, 0.8), (20, 0.95)])
def test_bias_of_the_variance(n, bias):  # row 35: E[σ̂²] = (1 − 1/N) σ²
    draws = np.random.default_rng(0).standard_normal((200_000, n))
    assert np.mean(draws.var(axis=1)) == pytest.approx(bias, abs=0.005)


def test_maximum_likelihood_is_consistent():  # row 36: the error falls as 1/√m
    rng, truth = np.random.default_rng(0), np.array([1.0, -0.5])
    sizes, errors = (100, 400, 1600, 6400), []
    for size in sizes:
        squares = []
        for _ in range(30):
            x = rng.standard_normal((size, 2))
            y = (rng.random(size) < 1 / (1 + np.exp(-x @ truth))).astype(float)
            loss = lambda w, x=x, y=y: nn.bce_with_logits(x @ w, y)
            w = np.zeros(2)
            for _ in range(6):  # Newton's method, with diffkit's derivatives
                w = w - np.linalg.solve(dk.hessian(loss)(w), dk.grad(loss)(w))
            squares.append(np.sum((w - truth)**2))
        errors.append(np.sqrt(np.mean(squares)))
    assert np.polyfit(np.log(sizes), np.log(errors), 1)[0] == pytest.approx(-0.5, abs=0.1)


def test_convex_functions_have_second_derivatives_that_are_not_negative():  # row 37
    grid = np.linspace(0.1, 5, 50)
    for function in (np.square, np.exp, lambda x: -np.log(x)):
        assert np.all(dk.derivative(function, 2)(grid) > 0)
        chord = 0.3 * function(grid[0]) + 0.7 * function(grid[-1])
        assert function(0.3 * grid[0] + 0.7 * grid[-1]) <= chord


def test_a_minimum_of_a_convex_function_need_not_be_unique():  # row 37, the slip: a flat bottom
    flat = lambda x: np.maximum(np.abs(x) - 1, 0)**2
    ends = []
    for start in (3.0, -3.0):
        x, opt = np.array(start), optim.SGD(0.4)
        state = opt.init(x)
        for _ in range(100):
            x, state = opt.step(x, dk.grad(flat)(x), state)
        ends.append(float(x))
    np.testing.assert_allclose(ends, [1, -1], rtol=1e-9)
    assert flat(ends[0]) < 1e-18 and flat(ends[1]) < 1e-18


def test_the_loss_of_a_network_is_not_convex():  # row 38: a Hessian with eigenvalues of both signs
    x, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0.0, 1, 1, 0])

    def loss(w):
        hidden = np.tanh(x @ w[:4].reshape(2, 2) + w[4:6])
        return np.mean((hidden @ w[6:8] + w[8] - y)**2)

    w = np.random.default_rng(0).standard_normal(9)
    values = np.linalg.eigvalsh(dk.hessian(loss)(w))
    assert values[0] < -1e-3 and values[-1] > 1e-3
    step, down = 1e-3, np.linalg.eigh(dk.hessian(loss)(w))[1][:, 0]
    curvature = (loss(w + step * down) - 2 * loss(w) + loss(w - step * down)) / step**2
    assert curvature == pytest.approx(values[0], rel=1e-4)


def test_maximum_likelihood_is_minimal_cross_entropy_and_divergence():  # row 32: seven of ten coins
    y, grid = np.array([1.0] * 7 + [0.0] * 3), np.linspace(0.001, 0.999, 999)
    likelihood = [np.prod(np.where(y == 1, p, 1 - p)) for p in grid]
    summed = [nn.bce(np.full(10, p), y, reduction="sum") for p in grid]
    mean = [nn.bce(np.full(10, p), y) for p in grid]
    two = [np.log([[p, 1 - p]]) for p in grid]
    divergence = [nn.kl_div(logs, np.array([[0.7, 0.3]])) for logs in two]
    crossed = [nn.nll(logs, np.array([[0.7, 0.3]])) for logs in two]
    places = [int(np.argmax(likelihood)), *(int(np.argmin(values)) for values in (summed, mean, divergence, crossed))]
    assert places == [699] * 5 and grid[699] == pytest.approx(0.7)


def test_a_normal_head_of_fixed_width_fits_as_least_squares():  # rows 33, 34
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 3)), rng.standard_normal(50)
    exact = np.linalg.lstsq(x, y, rcond=None)[0]
    for loss in (lambda w: nn.mse(x @ w, y), lambda w: nn.gaussian_nll(x @ w, y, 2.5)):
        w = -np.linalg.solve(dk.hessian(loss)(np.zeros(3)), dk.grad(loss)(np.zeros(3)))
        np.testing.assert_allclose(w, exact, rtol=1e-8)


def test_heads_learn_frequencies():  # row 34: with nothing but a bias, Bernoulli and categorical heads count
    y = np.array([0, 0, 0, 1, 2, 2, 2, 2])
    logits = np.zeros(3)
    for _ in range(30):  # Newton's method; one direction of logits is free
        loss = lambda z: nn.cross_entropy(np.ones((8, 1)) * z, y)
        logits = logits - np.linalg.pinv(dk.hessian(loss)(logits)) @ dk.grad(loss)(logits)
    np.testing.assert_allclose(nn.softmax(logits), [3 / 8, 1 / 8, 4 / 8], rtol=1e-12)
    logit = np.zeros(())
    for _ in range(10):
        loss = lambda z: nn.bce_with_logits(np.ones(8) * z, (y == 0).astype(float))
        logit = logit - dk.grad(loss)(logit) / dk.derivative(loss, 2)(logit)
    assert nn.sigmoid(logit) == pytest.approx(3 / 8, rel=1e-12)


def test_descent_is_not_stuck_above_zero_training_error():  # row 52, the claim that says too much
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((60, 4)), rng.integers(0, 2, 60)  # labels without any pattern
    model = nn.MLP((4, 64, 2))
    loss = lambda params: nn.cross_entropy(model.apply(params, x), y)
    for seed in range(3):
        params = train.fit(loss, model.init(seed), None, optim.SGD(0.5), epochs=3000, progress=False).params
        assert np.all(model.apply(params, x).argmax(axis=1) == y)


def test_the_estimator_has_every_hyper_parameter_of_the_list():  # row 67
    settings = set(train.MLPClassifier().get_params())
    assert settings >= {"hidden_layer_sizes", "activation", "learning_rate", "optimizer", "batch_size", "max_epochs",
                        "weight_decay", "dropout", "early_stopping"}
