"""Batches of unit vectors: the same numbers as full ones, and full only where entries mix."""

import numpy as np
import pytest

import diffkit as dk
from diffkit.batching import BatchLevel, UnitLevel
from diffkit.batching.units import Unit
from diffkit.buffers import run

RNG = np.random.default_rng(0)
V, S, M = RNG.normal(size=6), RNG.normal(size=(2, 3)), RNG.normal(size=(6, 6))

#: Of one argument of six entries: (function, the kind of mark that its result has).
VECTORS = [
    (lambda g: g * V, Unit), (lambda g: V * g, Unit), (lambda g: g / V, Unit), (lambda g: -g * 2.0, Unit),
    (lambda g: g * V + g * 3, Unit), (lambda g: g * V - g, Unit), (lambda g: g[:, None], Unit),
    (lambda g: np.reshape(g, (2, 3)) * S, Unit), (lambda g: np.reshape(g, (2, 3)) * S[0], np.ndarray),
    (lambda g: M @ g, np.ndarray), (lambda g: g @ M[:, :4], np.ndarray),
    (lambda g: (M[:2] @ g[:, None])[:, 0], np.ndarray),
    (lambda g: g + M @ g, np.ndarray), (lambda g: M @ g + g * V, np.ndarray), (lambda g: M @ g - g, np.ndarray),
    (lambda g: g - M @ g, np.ndarray), (lambda g: g[::-1], np.ndarray), (lambda g: np.sum(g), np.ndarray),
    (lambda g: g * np.sum(g), np.ndarray), (lambda g: np.reshape(g, (2, 3), order="F"), np.ndarray),
    (lambda g: g[2:5] * 2, np.ndarray), (lambda g: g + 1.0, np.ndarray), (lambda g: 2.0 / (g + 2), np.ndarray),
    (lambda g: np.sin(g) * V, np.ndarray), (lambda g: g * g, np.ndarray), (lambda g: g * M, np.ndarray),
    (lambda g: np.where(V > 0, g, g[0]), np.ndarray), (lambda g: np.outer(g, V), np.ndarray),
]


@pytest.mark.parametrize("number", range(len(VECTORS)))
@pytest.mark.parametrize(("start", "stop", "value"), [(0, 6, 1.0), (1, 5, -2.5)])
def test_the_same_as_an_ordinary_batch(number, start, stop, value):
    f, kind = VECTORS[number]
    level, plain = UnitLevel(stop - start), BatchLevel(stop - start)
    values = np.full(stop - start, value)
    found = run(f, (level.unit(values, start, (6,)),), {})
    assert type(found.mark) is kind
    expected = run(f, (plain.lift(np.eye(6)[start:stop] * value),), {})
    assert found.shape == expected.shape and found.dtype == expected.dtype
    assert np.allclose(level.lower(found), plain.lower(expected), rtol=1e-15, atol=1e-15)
    level.close()
    plain.close()


def test_an_infinite_partial_touches_its_own_entry_only():
    x = np.array([0.0, 1.0, 4.0, 9.0, 0.0])
    with np.errstate(all="ignore"):
        for method in ("reverse", "forward"):
            found = dk.jacobian(lambda x: np.sqrt(x), method=method)(x)
            assert np.array_equal(found, np.diag([np.inf, 0.5, 0.25, 1 / 6, np.inf]))


def test_a_layer_costs_no_product_of_matrices():
    """Of its Jacobian's rows each is a row of the matrix, scaled."""
    n = 40
    a, x = RNG.normal(size=(n, n)), RNG.normal(size=n)
    t = np.tanh(a @ np.sin(x))
    expected = ((1 - t * t) * x)[:, None] * a * np.cos(x) + np.diag(t)
    for method in ("reverse", "forward"):
        compiled = dk.compile(dk.jacobian(lambda x: np.tanh(a @ np.sin(x)) * x, method=method))
        assert np.allclose(compiled(x), expected, rtol=1e-13, atol=1e-14)
        assert compiled.source.count("= matmul(") == 1  # the function's own
