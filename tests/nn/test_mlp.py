"""The perceptron against torch.nn.Sequential and a hand-written recursion; dropout; refusals."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from diffkit import nn, optim
from diffkit.errors import ShapeError
from diffkit.transforms import grad, value_and_grad

from .references import REFERENCES

STORED = REFERENCES["network"]
SIZES = tuple(STORED["sizes"])
LABELS = np.array(STORED["labels"])
X = np.sin(np.arange(15.0)).reshape(5, 3)
PARAMS = [{"W": np.cos(np.arange(a * b) + index).reshape(a, b), "b": 0.1 * np.sin(np.arange(b) + index)}
          for index, (a, b) in enumerate(itertools.pairwise(SIZES))]


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_equals_torch(activation):  # row 23
    model = nn.MLP(SIZES, activation)
    stored = STORED[activation]
    np.testing.assert_allclose(model.apply(PARAMS, X), stored["output"], rtol=0, atol=1e-13)
    loss = lambda params: nn.cross_entropy(model.apply(params, X), LABELS)
    value, gradients = value_and_grad(loss)(PARAMS)
    assert value == pytest.approx(stored["loss"], abs=1e-14)
    for found, wanted in zip(gradients, stored["gradients"]):
        for name in ("W", "b"):
            np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=1e-13)


def test_layer_recursion_by_hand():  # row 21: δ_k = δ_{k+1} W' · g'(a_k);  ∂L/∂W = h' δ
    hidden = [X]
    for layer in PARAMS[:-1]:
        hidden.append(np.tanh(hidden[-1] @ layer["W"] + layer["b"]))
    logits = hidden[-1] @ PARAMS[-1]["W"] + PARAMS[-1]["b"]
    powers = np.exp(logits)
    delta = (powers / powers.sum(axis=1, keepdims=True) - np.eye(2)[LABELS]) / len(X)
    model = nn.MLP(SIZES, "tanh")
    gradients = grad(lambda params: nn.cross_entropy(model.apply(params, X), LABELS))(PARAMS)
    for index in reversed(range(len(PARAMS))):
        np.testing.assert_allclose(gradients[index]["W"], hidden[index].T @ delta, atol=1e-14)
        np.testing.assert_allclose(gradients[index]["b"], delta.sum(axis=0), atol=1e-14)
        delta = (delta @ PARAMS[index]["W"].T) * (1 - hidden[index]**2)


def test_nine_weights():  # row 6, all numbers exact
    params = [{"W": np.array([[2.0, 1, 1], [1, -2, 2]]), "b": np.zeros(3)},
              {"W": np.array([[-1.0], [3], [2]]), "b": np.zeros(1)}]
    model, x = nn.MLP((2, 3, 1)), np.array([[1.0, 2.0]])
    loss = lambda params, x: nn.mse(model.apply(params, x), np.array([[3.0]]))
    assert model.apply(params, x)[0, 0] == 6 and loss(params, x) == 9
    slopes, at_x = grad(loss, argnums=(0, 1))(params, x)
    np.testing.assert_array_equal(slopes[1]["W"][:, 0], [24, 0, 30])
    np.testing.assert_array_equal(slopes[0]["W"], [[-6, 0, 12], [-12, 0, 24]])
    np.testing.assert_array_equal(at_x, [[0, 18]])


def test_init_reproduces_the_protocol():
    # Section 3 of the training notes: one generator, layer after layer, Glorot uniform, zero biases.
    params = nn.MLP((4, 8, 3), init="glorot_uniform").init(5)
    rng = np.random.default_rng(5)
    for layer, (a, b) in zip(params, [(4, 8), (8, 3)]):
        limit = np.sqrt(6 / (a + b))
        np.testing.assert_array_equal(layer["W"], rng.uniform(-limit, limit, (a, b)))
        np.testing.assert_array_equal(layer["b"], np.zeros(b))


@pytest.mark.parametrize(("activation", "variance"), [("relu", 2 / 200), ("selu", 1 / 200), ("tanh", 2 / 400),
                                                      (np.sin, 2 / 400)])
def test_auto_init(activation, variance):
    params = nn.MLP((200, 200, 200), activation).init(0)
    assert params[0]["W"].var() == pytest.approx(variance, rel=0.03)
    assert params[1]["W"].var() == pytest.approx(2 / 400, rel=0.03)


def test_own_functions():
    model = nn.MLP((2, 3, 3, 1), [np.sin, "tanh"], output=np.exp, init=lambda rng, shape: np.full(shape, 0.5))
    params = model.init(0)
    h = np.tanh(np.sin(np.ones((1, 2)) @ params[0]["W"]) @ params[1]["W"])
    np.testing.assert_allclose(model.apply(params, np.ones((1, 2))), np.exp(h @ params[2]["W"]))
    assert "sin" in model.summary() and "exp" in model.summary()
    assert nn.MLP((2, 1), output="sigmoid").apply([{"W": np.zeros((2, 1)), "b": np.zeros(1)}], np.ones(2))[0] == 0.5


def test_float32():
    model = nn.MLP((3, 4, 2), dtype=np.float32)
    params = model.init(0)
    double = nn.MLP((3, 4, 2)).init(0)
    np.testing.assert_array_equal(params[0]["W"], double[0]["W"].astype(np.float32))
    x = np.ones((5, 3), np.float32)
    assert model.apply(params, x).dtype == np.float32
    slopes = grad(lambda p: nn.cross_entropy(model.apply(p, x), np.zeros(5, int)))(params)
    assert {leaf.dtype for layer in slopes for leaf in layer.values()} == {np.dtype(np.float32)}


def test_the_model_is_a_value():
    model = nn.MLP((2, 3, 1))
    assert model == nn.MLP([2, 3, 1]) and hash(model) == hash(nn.MLP((2, 3, 1)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.dropout = 0.5
    assert not any(isinstance(value, np.ndarray) for value in vars(model).values())


def test_dropout():  # row 61
    x = np.ones((1000, 100))
    dropped = nn.dropout(x, 0.3, np.random.default_rng(0))
    assert set(np.unique(dropped)) == {0.0, 1 / 0.7}
    assert (dropped == 0).mean() == pytest.approx(0.3, abs=0.005)
    assert dropped.mean() == pytest.approx(1, abs=0.01)
    assert nn.dropout(x, 0.3, None, training=False) is x and nn.dropout(x, 0.0, None) is x
    np.testing.assert_array_equal(nn.dropout(x, 0.3, 7), nn.dropout(x, 0.3, 7))
    assert nn.dropout(x.astype(np.float32), 0.3, 0).dtype == np.float32
    assert nn.dropout([1, 2], 0.5, 0).dtype == np.float64
    slope = grad(lambda x: np.sum(nn.dropout(x, 0.3, 7) * 2.0))(x)
    np.testing.assert_array_equal(slope, 2.0 * nn.dropout(x, 0.3, 7))


def test_dropout_in_a_network():
    model = nn.MLP((3, 50, 2), dropout=0.5)
    params = model.init(0)
    quiet = model.apply(params, X)
    np.testing.assert_array_equal(quiet, model.apply(params, X, rng=1))
    noisy = model.apply(params, X, rng=1, training=True)
    assert not np.allclose(noisy, quiet)
    np.testing.assert_array_equal(noisy, model.apply(params, X, rng=1, training=True))
    mean = np.mean([model.apply(params, X, rng=k, training=True) for k in range(2000)], axis=0)
    np.testing.assert_allclose(mean, quiet, atol=0.1)
    with pytest.raises(nn.LayerError, match="needs rng"):
        model.apply(params, X, training=True)
    assert "dropout 0.5" in model.summary()


@pytest.mark.parametrize("make", [
    lambda: nn.MLP((3,)), lambda: nn.MLP((3, 0)), lambda: nn.MLP((3, 2.5)), lambda: nn.MLP((3, 4, 2), "relux"),
    lambda: nn.MLP((3, 4, 2), ["relu", "relu"]), lambda: nn.MLP((3, 2), output="softmx"),
    lambda: nn.MLP((3, 2), init="xavier"), lambda: nn.MLP((3, 2), dtype=int), lambda: nn.MLP((3, 2), dropout=1.0),
    lambda: nn.dropout(np.ones(2), -0.1, 0), lambda: nn.dropout(np.ones(2), 0.5, None),
])
def test_bad_settings(make):
    with pytest.raises(nn.LayerError) as caught:
        make()
    assert caught.value.want


def test_shapes_that_do_not_fit():
    model = nn.MLP(SIZES)
    with pytest.raises(ShapeError, match=r"x has shape \(3, 5\), the network 3 inputs"):
        model.apply(PARAMS, X.T)
    with pytest.raises(ShapeError, match="params has 2 layers, the network 3"):
        model.apply(PARAMS[1:], X)
    wrong = [PARAMS[0], {**PARAMS[1], "W": np.ones((4, 5))}, PARAMS[2]]
    with pytest.raises(ShapeError, match=r'params\[1\]\["W"\] has shape \(4, 5\)'):
        model.apply(wrong, X)
    with pytest.raises(ShapeError, match="init returned shape"):
        nn.MLP((2, 2), init=lambda rng, shape: np.zeros(3)).init(0)


def test_vanishing_gradients():  # row 66: ten sigmoid layers of twelve
    model = nn.MLP((12,) * 11, "sigmoid", init="glorot_uniform")
    params = model.init(0)
    x = np.random.default_rng(1).standard_normal((50, 12))
    slopes = grad(lambda p: nn.mse(model.apply(p, x), np.zeros((50, 12))))(params)
    norms = [np.sqrt(np.sum(layer["W"]**2)) for layer in slopes]
    assert norms[0] / norms[-1] < 1e-4


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_zero_weights_are_stuck(activation):  # row 65: but the output bias moves, and after a sigmoid W too
    model = nn.MLP((3, 4, 2), activation, init="constant")
    slopes = grad(lambda p: nn.cross_entropy(model.apply(p, X), LABELS))(model.init(0))
    assert not slopes[0]["W"].any() and not slopes[0]["b"].any()
    assert slopes[1]["W"].any() == (activation == "sigmoid")
    assert slopes[1]["b"].any()


def test_micrograd_notebook_to_the_last_digit():
    # The demo notebook of micrograd: its weights are drawn neuron by neuron from Python's generator.
    from random import Random

    from sklearn.datasets import make_moons

    x, y = make_moons(n_samples=100, noise=0.1, random_state=np.random.RandomState(1337))
    target, draw = (2.0 * y - 1).reshape(-1, 1), Random(1337)
    params = [{"W": np.array([[draw.uniform(-1, 1) for _ in range(a)] for _ in range(b)]).T, "b": np.zeros(b)}
              for a, b in [(2, 16), (16, 16), (16, 1)]]
    model, opt = nn.MLP((2, 16, 16, 1)), optim.SGD(lambda step: 1.0 - 0.9 * step / 100)
    loss = value_and_grad(lambda p: nn.hinge(model.apply(p, x), target) + nn.l2_penalty(p, 2e-4))
    state, values = opt.init(params), []
    for _ in range(100):
        value, slopes = loss(params)
        values.append(float(value))
        params, state = opt.step(params, slopes, state)
    assert values[0] == pytest.approx(0.8958441028683222, rel=1e-14)
    assert values[-1] == pytest.approx(0.010978370135492717, rel=1e-11)
    assert ((model.apply(params, x) > 0) == (target > 0)).all()
