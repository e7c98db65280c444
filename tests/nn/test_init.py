"""Initialisers: spread, shapes, dtypes, seeds; and what the spread does to ten layers (row 65)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from diffkit import nn
from diffkit.errors import ShapeError

FAN_IN, FAN_OUT = 300, 200
VARIANCE = {"glorot": 2 / (FAN_IN + FAN_OUT), "he": 2 / FAN_IN, "lecun": 1 / FAN_IN}
NAMES = ["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal"]


@pytest.mark.parametrize("name", NAMES)
def test_spread(name):
    weights = getattr(nn.init, name)(0, (FAN_IN, FAN_OUT))
    std = math.sqrt(VARIANCE[name.split("_")[0]])
    assert weights.std() == pytest.approx(std, rel=0.01)
    law = (stats.uniform(-math.sqrt(3) * std, 2 * math.sqrt(3) * std) if name.endswith("uniform")
           else stats.norm(0, std))
    assert stats.kstest(weights.ravel(), law.cdf).pvalue > 0.001


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("normal")])
def test_truncated(name):
    weights = getattr(nn.init, name)(0, (FAN_IN, FAN_OUT), truncated=True)
    std = math.sqrt(VARIANCE[name.split("_")[0]])
    assert weights.std() == pytest.approx(std, rel=0.01)
    assert np.abs(weights).max() <= 2 * std / 0.8796256610342398


@pytest.mark.parametrize("name", [*NAMES, "normal", "constant", "orthogonal"])
def test_seeds_shapes_dtypes(name):
    draw = getattr(nn.init, name)
    first = draw(3, (5, 4))
    np.testing.assert_array_equal(first, draw(np.random.default_rng(3), (5, 4)))
    single = draw(3, (5, 4), dtype=np.float32)
    assert first.dtype == np.float64 and single.dtype == np.float32
    np.testing.assert_array_equal(single, first.astype(np.float32))
    assert name == "constant" or not np.array_equal(first, draw(4, (5, 4)))
    assert draw(0, (3, 3, 5, 4)).shape == (3, 3, 5, 4)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)])
def test_orthogonal(shape):
    weights = nn.init.orthogonal(0, shape, gain=2.0)
    small = weights.T @ weights if shape[0] >= shape[1] else weights @ weights.T
    np.testing.assert_allclose(small, 4 * np.eye(min(shape)), atol=1e-14)


def test_orthogonal_is_uniform():
    # LAPACK's own signs would make the first diagonal entry of one sign.
    signs = [np.sign(nn.init.orthogonal(seed, (4, 4))[0, 0]) for seed in range(200)]
    assert abs(np.mean(signs)) < 0.3


def test_constant_and_normal():
    np.testing.assert_array_equal(nn.init.constant(0, (2, 3), value=0.5), np.full((2, 3), 0.5))
    assert nn.init.normal(0, (200, 200), std=0.01).std() == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize("name", [*NAMES, "orthogonal"])
def test_a_vector_has_no_fans(name):
    with pytest.raises(ShapeError, match=r"shape \(5,\)"):
        getattr(nn.init, name)(0, (5,))


@pytest.mark.parametrize(("function", "draw", "first", "last"), [
    (np.tanh, lambda rng, shape: nn.init.normal(rng, shape, std=0.01), 0.157, 1.1e-8),
    (np.tanh, nn.init.glorot_normal, 0.629, 0.235),
    (nn.relu, nn.init.glorot_normal, 0.588, 0.028),
    (nn.relu, nn.init.he_normal, 0.831, 0.883),
])
def test_activations_through_ten_layers(function, draw, first, last):  # row 65
    # 256 units a layer and standard normal inputs give the listed numbers up to the draw.
    rng = np.random.default_rng(0)
    h, sizes = rng.standard_normal((1000, 256)), []
    for _ in range(10):
        h = function(h @ draw(rng, (256, 256)))
        sizes.append(h.std())
    assert sizes[0] == pytest.approx(first, rel=0.1)
    assert math.log(sizes[-1]) == pytest.approx(math.log(last), abs=0.35)
