"""Every optimizer against torch, optax and scikit-learn at every one of 200 steps, and against
loops written here from the published formulas (the lecture notes, Keras)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diffkit import optim, schedules

from .references import REFERENCES, START, STEPS, gradient, path, rate

AGREEMENT = 1e-11
MASK = {"w": True, "b": False}

TORCH = {
    "sgd": optim.SGD(0.1, like="torch"),
    "sgd_l2": optim.SGD(0.1, weight_decay=0.05, like="torch"),
    "momentum": optim.Momentum(0.05, like="torch"),
    "momentum_scheduled": optim.Momentum(rate, like="torch"),
    "nesterov": optim.Nesterov(0.05, like="torch"),
    "adagrad": optim.AdaGrad(0.5, like="torch"),
    "rmsprop": optim.RMSProp(0.02, like="torch"),
    "adam": optim.Adam(0.05, like="torch"),
    "adam_l2": optim.Adam(0.05, weight_decay=0.1, like="torch"),
    "adam_scheduled": optim.Adam(rate, like="torch"),
    "adamw": optim.AdamW(0.05, like="torch"),
    "adamw_masked": optim.AdamW(0.05, weight_decay=0.2, mask=MASK),
    "sgd_clip_value": optim.chain(optim.ClipValue(0.25), optim.SGD(0.1)),
}
OPTAX = {
    "sgd": optim.SGD(0.1, like="optax"),
    "momentum": optim.Momentum(0.05, like="optax"),
    "momentum_scheduled": optim.Momentum(schedules.cosine(0.1, 150, 0.01), form="trace"),
    "nesterov": optim.Nesterov(0.05, like="optax"),
    "adagrad": optim.AdaGrad(0.5, like="optax"),
    "rmsprop": optim.RMSProp(0.02, like="optax"),
    "adam": optim.Adam(0.05, like="optax"),
    "adam_seed": optim.Adam(0.05, like="seed"),
    "adamw": optim.AdamW(0.05, like="optax"),
    "adamw_masked": optim.AdamW(0.05, weight_decay=0.2, like="optax", mask=lambda params: MASK),
    "clip_adam": optim.chain(optim.ClipGlobalNorm(0.5), optim.Adam(0.05)),
}
SKLEARN = {
    "momentum_scheduled": optim.Momentum(rate),
    "nesterov": optim.Nesterov(0.05, form="velocity"),
    "nesterov_scheduled": optim.Nesterov(rate, like="keras"),
    "adam": optim.Adam(0.05, eps_hat=True),
}


@pytest.mark.parametrize(("library", "name", "opt"), [
    (library, name, opt)
    for library, table in (("torch", TORCH), ("optax", OPTAX), ("sklearn", SKLEARN))
    for name, opt in table.items()
])
def test_equals_the_library(library, name, opt):
    np.testing.assert_allclose(path(opt), REFERENCES["trajectories"][library][name], rtol=0, atol=AGREEMENT)


def test_every_stored_trajectory_is_used():
    for library, table in (("torch", TORCH), ("optax", OPTAX), ("sklearn", SKLEARN)):
        assert set(table) == set(REFERENCES["trajectories"][library])


# The formulas of the notes and of Keras, as loops of their own: theta, memory -> theta, memory.

def seed_sgd(theta, m, g, t, lr):
    return theta - lr * g(theta), m


def seed_sgd_decay(theta, m, g, t, lr):
    return theta - lr * g(theta) - 0.01 * theta, m


def seed_momentum(theta, m, g, t, lr):
    v = 0.9 * m.get("v", 0) - lr * g(theta)
    return theta + v, {"v": v}


def seed_nesterov(theta, m, g, t, lr):
    shifted = theta + 0.9 * m.get("v", 0)
    slope = g(shifted)
    return shifted - lr * slope, {"v": 0.9 * m.get("v", 0) - lr * slope}


def seed_adagrad(theta, m, g, t, lr):
    slope = g(theta)
    r = m.get("r", 0) + slope**2
    return theta - lr / np.sqrt(r + 1e-7) * slope, {"r": r}


def seed_rmsprop(theta, m, g, t, lr):
    slope = g(theta)
    r = 0.9 * m.get("r", 0) + 0.1 * slope**2
    return theta - lr / np.sqrt(r + 1e-7) * slope, {"r": r}


def seed_adam(theta, m, g, t, lr):
    slope = g(theta)
    s, r = 0.9 * m.get("s", 0) + 0.1 * slope, 0.999 * m.get("r", 0) + 0.001 * slope**2
    return theta - lr / np.sqrt(r / (1 - 0.999**t) + 1e-7) * (s / (1 - 0.9**t)), {"s": s, "r": r}


def seed_adamw(theta, m, g, t, lr):
    moved, m = seed_adam(theta, m, g, t, lr)
    return moved - 0.01 * theta, m


def keras_adam(theta, m, g, t, lr):
    slope = g(theta)
    s, r = 0.9 * m.get("s", 0) + 0.1 * slope, 0.999 * m.get("r", 0) + 0.001 * slope**2
    return theta - lr * math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * s / (np.sqrt(r) + 1e-7), {"s": s, "r": r}


def keras_adamw(theta, m, g, t, lr):
    moved, m = keras_adam(theta, m, g, t, lr)
    return moved - 0.004 * lr * theta, m


def keras_adagrad(theta, m, g, t, lr):
    slope = g(theta)
    r = m.get("r", 0.1) + slope**2
    return theta - lr * slope / np.sqrt(r + 1e-7), {"r": r}


def keras_nesterov(theta, m, g, t, lr):
    slope = g(theta)
    v = 0.9 * m.get("v", 0) - lr * slope
    return theta + 0.9 * v - lr * slope, {"v": v}


FORMULAS = [
    (seed_sgd, optim.SGD(0.1, like="seed"), 0.1), (seed_sgd, optim.SGD(rate), rate),
    (seed_sgd_decay, optim.SGD(0.1, weight_decay=0.01, like="seed"), 0.1),
    (seed_momentum, optim.Momentum(0.05), 0.05), (seed_momentum, optim.Momentum(rate, like="seed"), rate),
    (seed_momentum, optim.Momentum(0.05, like="keras"), 0.05),
    (seed_nesterov, optim.Nesterov(0.05), 0.05), (seed_nesterov, optim.Nesterov(rate, like="seed"), rate),
    (seed_adagrad, optim.AdaGrad(0.5), 0.5), (seed_adagrad, optim.AdaGrad(0.5, like="seed"), 0.5),
    (seed_rmsprop, optim.RMSProp(0.02), 0.02), (seed_rmsprop, optim.RMSProp(rate, like="keras"), rate),
    (seed_adam, optim.Adam(0.05, like="seed"), 0.05), (seed_adam, optim.Adam(rate, like="seed"), rate),
    (seed_adamw, optim.AdamW(0.05, like="seed"), 0.05),
    (keras_adam, optim.Adam(0.05, like="keras"), 0.05), (keras_adamw, optim.AdamW(rate, like="keras"), rate),
    (keras_adagrad, optim.AdaGrad(0.5, like="keras"), 0.5),
    (keras_nesterov, optim.Nesterov(rate, like="keras"), rate),
]


@pytest.mark.parametrize(("formula", "opt", "lr"), FORMULAS)
def test_equals_the_published_formula(formula, opt, lr):
    theta, memory, points = START, {}, []
    for step in range(STEPS):
        theta, memory = formula(theta, memory, lambda at, step=step: gradient(at, step), step + 1,
                                lr(step) if callable(lr) else lr)
        points.append(theta)
    np.testing.assert_allclose(path(opt), points, rtol=0, atol=AGREEMENT)


@pytest.mark.parametrize(("kind", "decay"), [("polyak", 0.5), ("ema", 0.9)])
def test_average_equals_torch(kind, decay):
    opt = optim.average(optim.SGD(0.1), kind, decay)
    theta, points = START, []
    state = opt.init(theta)
    assert opt.averaged_params(theta, state) is theta
    for step in range(STEPS):
        theta, state = opt.step(theta, gradient(theta, step), state)
        points.append(opt.averaged_params(theta, state))
    np.testing.assert_allclose(points, REFERENCES["trajectories"]["average"][kind], rtol=0, atol=AGREEMENT)


def test_a_planted_error_is_seen():
    wrong = path(optim.Adam(0.05, eps=1.1e-8, like="torch"))
    stored = np.array(REFERENCES["trajectories"]["torch"]["adam"])
    assert np.abs(wrong - stored).max() > AGREEMENT
