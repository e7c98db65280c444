"""Losses against torch's values and gradients, against identities, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diffkit import nn
from diffkit.errors import InputError, ShapeError
from diffkit.transforms import grad

from .references import REFERENCES

STORED = REFERENCES["losses"]["table"]
CLASS_WEIGHT = REFERENCES["losses"]["class_weight"]
VARIANCE = np.array(REFERENCES["losses"]["variance"])
CASES = {
    "mse": nn.mse, "mae": nn.mae, "bce": nn.bce, "bce_with_logits": nn.bce_with_logits,
    "huber": lambda p, y, **k: nn.huber(p, y, 0.5, **k),
    "nll": nn.nll, "cross_entropy": nn.cross_entropy, "cross_entropy_soft": nn.cross_entropy,
    "cross_entropy_smooth": lambda p, y, **k: nn.cross_entropy(p, y, 0.1, **k),
    "cross_entropy_weighted": lambda p, y, **k: nn.cross_entropy(p, y, class_weight=CLASS_WEIGHT, **k),
    "cross_entropy_weighted_smooth": lambda p, y, **k: nn.cross_entropy(p, y, 0.2, CLASS_WEIGHT, **k),
    "cross_entropy_weighted_soft": lambda p, y, **k: nn.cross_entropy(p, y, class_weight=CLASS_WEIGHT, **k),
    "kl_div": nn.kl_div, "gaussian_nll": lambda p, y, **k: nn.gaussian_nll(p, y, VARIANCE, **k),
    "poisson_nll": nn.poisson_nll, "hinge": nn.hinge,
}


def case(name):
    return np.array(STORED[name]["pred"]), np.array(STORED[name]["target"])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", CASES)
def test_value_equals_torch(name, reduction):
    pred, target = case(name)
    found = CASES[name](pred, target, reduction=reduction)
    wanted = np.array(STORED[name][reduction]["value"])
    if name == "kl_div" and reduction == "none":
        wanted = wanted.sum(axis=-1)
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-13)


# torch's own gradient of the binary cross-entropy is not the derivative where p is 0 or 1, or nearer
# to them than 1e-12; those points are held against the derivative in a test of their own.
INNER = np.array([[1, 1], [0, 0], [1, 1], [0, 1]], bool)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", CASES)
def test_gradient_equals_torch(name, reduction):
    pred, target = case(name)
    found = grad(lambda p: np.sum(CASES[name](p, target, reduction=reduction)))(pred)
    wanted = np.array(STORED[name][reduction]["gradient"])
    assert np.isfinite(found).all()
    if name == "bce":
        found, wanted = found[INNER], wanted[INNER]
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)


def test_kinks_have_derivative_zero():
    at_margin = grad(lambda score: nn.hinge(score, np.array([1.0, -1.0]), reduction="sum"))(np.array([1.0, -1.0]))
    equal = grad(lambda p: nn.mae(p, np.ones(2), reduction="sum"))(np.ones(2))
    np.testing.assert_array_equal([at_margin, equal], 0)


def test_every_stored_loss_is_used():
    assert set(CASES) == set(STORED)


def test_bce_at_the_ends():
    slope = grad(lambda p, y: nn.bce(p, y, reduction="sum"))
    ends = np.array([0.0, 1.0])
    np.testing.assert_array_equal(nn.bce(ends, ends, reduction="none"), [0, 0])
    np.testing.assert_array_equal(nn.bce(ends, 1 - ends, reduction="none"), [100, 100])
    np.testing.assert_array_equal(slope(ends, ends), [1, -1])
    np.testing.assert_array_equal(slope(ends, 1 - ends), [-1e12, 1e12])  # torch's slope, not 0: it pushes back


def test_mse_and_its_half():  # rows 24, 25
    pred, target = case("mse")
    assert nn.half_mse(pred, target) == pytest.approx(0.5 * STORED["mse"]["mean"]["value"], rel=1e-15)
    np.testing.assert_allclose(grad(lambda p: nn.half_mse(p, target, reduction="sum"))(pred), pred - target)


def test_cross_entropy_gradient_is_softmax_minus_one_hot():  # row 28
    logits = np.random.default_rng(0).standard_normal((6, 4))
    labels = np.array([0, 1, 2, 3, 3, 0])
    found = grad(lambda z: nn.cross_entropy(z, labels, reduction="sum"))(logits)
    np.testing.assert_allclose(found, nn.softmax(logits) - np.eye(4)[labels], atol=1e-15)
    assert nn.cross_entropy(logits, labels) == pytest.approx(nn.cross_entropy(logits, np.eye(4)[labels]), rel=1e-15)


def test_entropies():  # row 32: H(p, q) = KL(p, q) + H(p)
    rng = np.random.default_rng(1)
    p, q = rng.dirichlet(np.ones(5), 3), rng.dirichlet(np.ones(5), 3)
    entropy = -np.sum(p * np.log(p), axis=1)
    np.testing.assert_allclose(nn.nll(np.log(q), p, reduction="none"),
                               nn.kl_div(np.log(q), p, reduction="none") + entropy, rtol=1e-14)


def test_minimising_the_seeds_sign_diverges():  # row 26
    seed = lambda p, y: y * math.log(p) + (1 - y) * math.log(1 - p)
    assert seed(0.9, 1) > seed(0.1, 1)  # it prefers the wrong answer
    assert float(nn.bce(np.array([0.9]), np.array([1.0]))) == pytest.approx(-seed(0.9, 1))


def test_gaussian_nll_with_fixed_variance_has_the_gradient_of_mse():  # row 33
    pred, target = case("mse")
    slope = grad(lambda p: nn.gaussian_nll(p, target, 2.0))(pred)
    np.testing.assert_allclose(slope, grad(lambda p: nn.half_mse(p, target))(pred) / 2.0, rtol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_a_weight_of_two_is_the_row_twice(name):
    if name == "gaussian_nll" or name == "cross_entropy_weighted_soft":
        return  # a table of variances; torch's mean over soft targets ignores class weights
    pred, target = case(name)
    weighted = CASES[name](pred, target, sample_weight=[1, 2, 0, 1])
    rows = [0, 1, 1, 3]
    assert weighted == pytest.approx(CASES[name](pred[rows], target[rows]), rel=1e-13)
    assert CASES[name](pred, target, sample_weight=[3, 6, 0, 3]) == pytest.approx(weighted, rel=1e-14)
    total = CASES[name](pred, target, sample_weight=[1, 2, 0, 1], reduction="sum")
    assert total == pytest.approx(CASES[name](pred[rows], target[rows], reduction="sum"), rel=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_float32_stays(name):
    pred, target = case(name)
    pred = np.clip(pred, -50, 50).astype(np.float32)
    target = target.astype(np.float32) if target.dtype.kind == "f" else target
    if name in ("gaussian_nll",):
        loss = lambda p: nn.gaussian_nll(p, target, VARIANCE.astype(np.float32))
    elif "weighted" in name:
        loss = lambda p: nn.cross_entropy(p, target, 0.1, CLASS_WEIGHT, sample_weight=np.ones(4))
    else:
        loss = lambda p: CASES[name](p, target, sample_weight=np.ones(4))
    assert loss(pred).dtype == np.float32
    assert grad(loss)(pred).dtype == np.float32


def test_l2_penalty():  # row 29
    params = [{"W": np.array([[3.0, 4.0]]), "b": np.array([2.0])}]
    assert nn.l2_penalty(params, 0.5) == 0.25 * 29
    slope = grad(lambda p: nn.l2_penalty(p, 0.5))(params)
    np.testing.assert_array_equal(slope[0]["W"], [[1.5, 2.0]])
    assert nn.l2_penalty([], 0.5) == 0


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: nn.mse(np.ones((4, 1)), np.ones(4)), ShapeError, r"pred has shape \(4, 1\), target \(4,\)"),
    (lambda: nn.mse(np.ones((0, 2)), np.ones((0, 2))), ShapeError, "mean of no examples"),
    (lambda: nn.mse(np.ones(3), np.ones(3), reduction="avg"), nn.LayerError, "reduction='avg'"),
    (lambda: nn.mse(np.ones(3), np.ones(3), sample_weight=np.ones(2)), ShapeError, r"sample_weight has shape \(2,\)"),
    (lambda: nn.mse(1.0, 1.0, sample_weight=1.0), ShapeError, "sample_weight"),
    (lambda: nn.huber(np.ones(3), np.ones(3), 0.0), nn.LayerError, "delta"),
    (lambda: nn.bce(np.array([1.5]), np.array([1.0])), nn.LayerError, r"pred is not within \[0, 1\]"),
    (lambda: nn.bce(np.array([np.nan]), np.array([1.0])), nn.LayerError, "pred"),
    (lambda: nn.bce_with_logits(np.array([1.5]), np.array([-1.0])), nn.LayerError, "target is not within"),
    (lambda: nn.hinge(np.ones(2), np.array([0, 1])), nn.LayerError, r"-1 and \+1"),
    (lambda: nn.gaussian_nll(np.ones(2), np.ones(2), np.array([1.0, -1.0])), nn.LayerError, "var is negative"),
    (lambda: nn.gaussian_nll(np.ones(2), np.ones(2), np.ones(3)), ShapeError, r"var \(3,\)"),
    (lambda: nn.cross_entropy(np.ones((3, 2)), np.array([0, 1, 2])), nn.LayerError, "label 2, pred has 2 columns"),
    (lambda: nn.cross_entropy(np.ones((3, 2)), np.array([0, -1, 1])), nn.LayerError, "the label -1"),
    (lambda: nn.cross_entropy(np.ones((3, 2)), np.array([0.0, 1.0, 1.0])), InputError, "dtype float64"),
    (lambda: nn.cross_entropy(np.ones((3, 2)), np.array([[0], [1], [1]])), ShapeError, r"target \(3, 1\)"),
    (lambda: nn.cross_entropy(np.ones((3, 2)), np.full((3, 2), 2.0)), nn.LayerError, "target is not within"),
    (lambda: nn.cross_entropy(1.0, 0), ShapeError, "single number"),
    (lambda: nn.nll(1.0, 0), ShapeError, "single number"),
    (lambda: nn.cross_entropy(np.ones((3, 2)), np.array([0, 1, 1]), 1.0), nn.LayerError, "label_smoothing"),
    (lambda: nn.cross_entropy(np.ones((3, 2)), np.array([0, 1, 1]), class_weight=[1.0]), ShapeError, "class_weight"),
    (lambda: nn.kl_div(np.zeros((3, 2)), np.zeros((3, 1))), ShapeError, "kl_div"),
])
def test_refusals(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert caught.value.want


def test_labels_may_be_traced():
    # A compiled step traces its data: labels must not steer Python.
    logits = np.random.default_rng(0).standard_normal((4, 3))
    labels = np.array([0, 2, 1, 1])
    loss = lambda z, y: nn.cross_entropy(z, y)
    assert grad(loss, argnums=(0, 1))(logits, np.eye(3)[labels])[0].shape == (4, 3)


def test_likelihood_and_least_squares_fit_the_same_line():  # row 33
    rng = np.random.default_rng(3)
    x = np.column_stack([rng.standard_normal((50, 2)), np.ones(50)])
    y = x @ [1.0, -2.0, 0.5] + 0.1 * rng.standard_normal(50)
    fits = []
    for loss in (nn.mse, lambda p, t: nn.gaussian_nll(p, t, 0.7)):
        w, slope = np.zeros(3), grad(lambda w, loss=loss: loss(x @ w, y))
        for _ in range(400):
            w = w - 0.2 * slope(w)
        fits.append(w)
    np.testing.assert_allclose(fits[0], np.linalg.lstsq(x, y)[0], atol=1e-8)
    np.testing.assert_allclose(fits[1], fits[0], atol=1e-8)
