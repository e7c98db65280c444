"""Large arrays are taken in pieces: the same bits as small ones, in any layout."""

import math

import numpy as np
import pytest
from scipy import special

import diffkit as dk
from diffkit.rules import pieces
from diffkit.rules.pieces import in_pieces

SIZE = 3 * 8192 + 8192 + 77  # some pieces and a shorter one


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(SIZE,), (7, 5000), (0,), (3,)])
def test_pieces_give_the_bits_of_the_whole(dtype, shape):
    x = np.random.default_rng(1).normal(size=shape).astype(dtype) * 30
    sizes = []

    def f(x, k):
        sizes.append(x.size)
        return np.tanh(x * k) / (1 + x * x)

    expected = f(x, 2.0)
    sizes.clear()
    found = in_pieces(f)(x, 2.0)
    assert found.dtype == expected.dtype
    assert found.shape == shape
    assert found.tobytes() == expected.tobytes()
    assert max(sizes, default=0) <= max(pieces._PIECE, 3)
    assert sum(sizes) == x.size


def test_other_layouts_are_taken_whole():
    x = np.random.default_rng(2).normal(size=(200, 300))
    double = in_pieces(lambda x, k: x * k)
    assert np.array_equal(double(x.T, 2.0), 2.0 * x.T)
    assert double(x.T, 2.0).flags.f_contiguous
    assert np.array_equal(double(x, np.arange(300.0)), x * np.arange(300.0))
    assert np.array_equal(double(x[:, ::2], 2.0), 2.0 * x[:, ::2])


def test_derivatives_of_large_arrays_are_those_of_each_entry():
    x = np.random.default_rng(3).normal(size=SIZE) * 4
    x[:6] = [np.inf, -np.inf, 1e300, -1e5, 0.0, 26.0]
    density = dk.grad(lambda x: np.sum(special.erf(x)))(x)
    share = dk.grad(lambda x: np.sum(np.logaddexp(0.0, x)))(x)
    for i in (*range(6), 8191, 8192, 20000, SIZE - 1):
        v = float(x[i])
        assert density[i] == pytest.approx(2 / math.sqrt(math.pi) * math.exp(-min(v * v, 1e9)), rel=1e-12, abs=0)
        assert share[i] == pytest.approx(1 / (1 + math.exp(-v)) if v > -700 else 0.0, rel=1e-14, abs=0)
