"""Flat around x: a dead relu's flat piece is no stair, and many small kinks are neither jumps nor errors.

Truth: gradients of small networks written out by hand, and slopes known by construction.
"""

from __future__ import annotations

import numpy as np
import pytest

from diffkit.numeric import derivative, gradient, jacobian

# f, x: constant around x, and left by a slope further out.
FLAT = [
    (lambda x: 1 + max(x - 1.1, 0) + max(0.97 - x, 0), 1.0),
    (lambda x: max(abs(x) - 1e-9, 0.0), 0.0),
    (lambda x: np.maximum(x - 1.05, 0) ** 2 - np.minimum(x - 0.95, 0) ** 2, 1.0),
    (lambda x: np.interp(x, [0, 0.999, 1.0005, 3], [0, 1, 1, 0.0]), 1.0),
    (lambda x: -1e6 * np.clip(x, 3.9, 4.2), 5.0),
]
# f, x, the height of a stair: left by a jump.
STAIRS = [
    (lambda x: round(x, 3), 1.0003, 1e-3),
    (lambda x: round(float(np.sin(x)), 2), 0.7, 1e-2),
    (lambda x: np.floor(10 * x), 0.55, 1.0),
    (lambda x: float(np.sum(np.linspace(0, 1, 37) < x)) / 37, 0.41, 1 / 37),
    (lambda x: round(max(x - 0.9, 0), 2) + max(x - 1.2, 0), 1.0, 1e-2),
]


@pytest.mark.parametrize("f, x", FLAT)
def test_a_flat_piece_between_slopes_has_the_derivative_zero(f, x):
    result = derivative(f, x)
    assert result.status == "ok" and result.value == 0 and result.error < 1e-5
    assert (result.left, result.right) == (0, 0)
    assert result.evaluations < 120


@pytest.mark.parametrize("f, x, height", STAIRS)
def test_a_stair_stays_a_stair(f, x, height):
    result = derivative(f, x)
    assert result.status == "staircase" and result.noise >= height * 0.99
    assert result.error > height


def test_outputs_and_entries_that_differ():
    # Four outputs along one line, each flat up to another place, one of them a stair.
    def outputs(x):
        return np.stack([max(x - 1.3, 0) + max(0.9 - x, 0), max(x - 1.05, 0) + max(0.8 - x, 0), round(x, 1), x * x])

    result = jacobian(outputs, 1.02)
    assert result.status.tolist() == ["ok", "ok", "staircase", "ok"]
    np.testing.assert_allclose(result.value, [0, 0, 0, 2.04], atol=1e-9)
    wide = derivative(lambda x: np.maximum(x - 1.1, 0) + np.maximum(0.97 - x, 0), np.array([1.0, 1.01, 1.5, 0.2]))
    np.testing.assert_allclose(wide.value, [0, 0, 1, -1], atol=1e-9)
    assert np.all(wide.status == "ok") and np.all(wide.error < 1e-6)


def network(seed, examples=20, inputs=2, hidden=6):
    """The logistic loss of a relu network as a function of its flat parameters, and its gradient by hand."""
    rng = np.random.default_rng(seed)
    x, target = rng.normal(size=(examples, inputs)), rng.integers(0, 2, examples)
    sizes = np.cumsum([inputs * hidden, hidden, hidden, 1])
    parameters = rng.normal(size=sizes[-1])

    def parts(flat):
        w, b, v, c = np.split(flat, sizes[:-1])
        before = x @ w.reshape(inputs, hidden) + b
        return before, np.maximum(before, 0) @ v + c[0], v

    def loss(flat):
        logit = parts(flat)[1]
        return np.mean(np.logaddexp(0, logit) - target * logit)

    def exact(flat):
        before, logit, v = parts(flat)
        back = (1 / (1 + np.exp(-logit)) - target) / examples
        inner = back[:, None] * v * (before > 0)
        return np.concatenate([(x.T @ inner).reshape(-1), inner.sum(axis=0), np.maximum(before, 0).T @ back,
                               [back.sum()]])

    return loss, exact, parameters


@pytest.mark.parametrize("seed", [7, 16, 31, 37, 51, 52, 101, 212, 217])
def test_relu_networks_are_smooth_where_no_unit_turns(seed):
    loss, exact, parameters = network(seed)
    result = gradient(loss, parameters)
    assert np.all(result.status == "ok")
    assert np.all(np.abs(result.value - exact(parameters)) <= result.error + 1e-16)
    assert np.all(result.error <= 1e-6 * np.abs(exact(parameters)).max())
