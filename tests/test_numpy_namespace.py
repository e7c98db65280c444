"""``import diffkit.numpy as np`` is NumPy, and needs no replacing of NumPy's names."""

import numpy
import pytest

import diffkit as dk
import diffkit.numpy as np
from diffkit.buffers import running
from diffkit.numpy import zeros


def test_every_name_is_there():
    for name in numpy.__all__:
        if name != "test":
            assert hasattr(np, name), name
    assert set(np.__all__) <= set(dir(np))


def test_missing_names_raise_as_numpy_does():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = np.no_such_name


def test_ufuncs_types_and_constants_are_numpys():
    for name in ("sin", "add", "ndarray", "float64", "dtype", "pi", "newaxis", "errstate", "generic"):
        assert getattr(np, name) is getattr(numpy, name)


@pytest.mark.parametrize("call", [
    lambda np: np.zeros((2, 3), order="F"), lambda np: np.array([[1, 2], [3, 4.5]]), lambda np: np.eye(3, k=1),
    lambda np: np.mean([1, 2, 4]), lambda np: np.linalg.norm([3.0, 4.0]), lambda np: np.fft.fft([1.0, 2.0, 0.0]),
    lambda np: np.r_[1:3, 5.0], lambda np: np.c_[[1, 2], [3, 4]], lambda np: np.arange(3),
    lambda np: np.sum([[1, 2]], axis=0),
    lambda np: np.vectorize(lambda a: a + 1)([1, 2]), lambda np: np.random.default_rng(3).normal(size=2),
    lambda np: np.stack([[1, 2], [3, 4]]), lambda np: np.full((2,), 7)], ids=range(14))
def test_plain_answers_are_numpys(call):
    found, expected = call(np), call(numpy)
    assert type(found) is type(expected)
    assert numpy.array_equal(found, expected)
    if type(found) is numpy.ndarray:
        assert found.dtype == expected.dtype and found.flags.f_contiguous == expected.flags.f_contiguous


def f(x):
    z = zeros(3)  # bound before the trace, from diffkit.numpy
    z[0] = x[0] ** 2
    z[1:] = np.array([x[1], x[0] * x[1]])
    m = np.array([[x[0], 1.0], [x[1], 2.0]])
    return (np.sum(z) + np.mean([x[0], x[1]]) + np.linalg.det(m) + np.linalg.norm([3 * x[0], 4 * x[0]])
            + np.sum(np.r_[x, x[0]]) + np.sum(np.vectorize(lambda t: t * t)(x)))


# d/dx0: 2 x0 + x1 | 1/2 | 2 | 5 | 2 | 2 x0;   d/dx1: 1 + x0 | 1/2 | -1 | 0 | 1 | 2 x1
EXPECTED = [2 * 1.5 + 0.7 + 0.5 + 2 + 5 + 2 + 2 * 1.5, 1 + 1.5 + 0.5 - 1 + 1 + 2 * 0.7]


@pytest.mark.parametrize("method", ["reverse", "forward"])
def test_traced_answers_without_the_replacing(monkeypatch, method):
    monkeypatch.setattr(running, "_names", {})
    monkeypatch.setattr(running, "_linalg", {})
    untouched = numpy.zeros
    seen = []

    def watched(x):
        seen.append(numpy.zeros is untouched)
        return f(x)

    assert numpy.allclose(dk.grad(watched, method=method)(numpy.array([1.5, 0.7])), EXPECTED, rtol=1e-14)
    assert seen and all(seen)


@pytest.mark.parametrize("call", [
    lambda np, x: np.block([[x, x], [2 * x, x]]), lambda np, x: np.block([x, x]),
    lambda np, x: np.block([[x, x], [np.ones((1, 4))]]), lambda np, x: np.hstack([x, x[:, :1]]),
    lambda np, x: np.concatenate([x[0], [1.0, 2.0, x[0, 0]]]), lambda np, x: np.vstack([[x[0, 0], 1.0], x]),
    lambda np, x: np.column_stack([x[0], x]), lambda np, x: np.dstack([x, x[:, :, None]]),
    lambda np, x: np.stack([x, [[1.0, x[0, 0]], [2.0, 3.0]]]), lambda np, x: np.linalg.multi_dot([x[:1], x, x]),
    lambda np, x: np.select([x > 1, x > 2], [x, x[0]], 5.0), lambda np, x: np.choose([0, 1], [x[0], 7.0]),
    lambda np, x: x[0][np.lexsort((x[0], x[1]))], lambda np, x: np.append(x[0], [x[1, 1], 3.0])], ids=range(14))
@pytest.mark.parametrize("method", ["reverse", "forward"])
def test_lists_of_arrays_are_not_one_array(call, method):
    """They may have different shapes, and to ``block`` a list says where its arrays stand."""
    x, weights = numpy.arange(1.1, 5.0).reshape(2, 2), numpy.sin(numpy.arange(1.0, 40.0))
    expected = call(numpy, x)

    def weighed(np, x):
        return np.sum(np.reshape(call(np, x), (-1,)) * weights[:expected.size])

    numpy.testing.assert_array_equal(dk.vjp(lambda x: call(np, x), x)[0], expected)
    slopes = [(weighed(numpy, x + unit) - weighed(numpy, x - unit)) / 2e-5
              for unit in numpy.eye(4).reshape(4, 2, 2) * 1e-5]
    numpy.testing.assert_allclose(dk.grad(lambda x: weighed(np, x), method=method)(x).reshape(-1), slopes, rtol=1e-8)
