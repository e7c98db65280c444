"""Entry by entry: ``np.nditer``, ``np.ndenumerate``, ``np.frompyfunc``, and rows that a shuffle would lose.

The reference is a plain central difference, exact for what is quadratic and near enough elsewhere.
"""

import warnings

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import MutationError, UnsupportedArgumentError

X = np.array([[0.5, -1.1, 0.3], [1.2, 0.8, -0.6]])
V = np.cos(np.arange(6.0)).reshape(2, 3)


def read_all(x):
    total = 0.0
    for v in np.nditer(x):
        total = total * 0.5 + v * v  # the order of the entries shows
    return total


def in_memory_order(x):
    total = 0.0
    for v in np.nditer((x * x).T):
        total = total * 0.5 + v
    return total


def in_fortran_order(x):
    return np.stack([v * k for k, v in enumerate(np.nditer(x, order="F"))])


def by_index(x):
    z = np.zeros((3, 2))
    it = np.nditer(x, flags=["multi_index", "c_index"])
    while not it.finished:
        i, j = it.multi_index
        z[j, i] = it[0] ** 2 * it.index
        it.iternext()
    return z


def written(x):
    z = x * 1.0
    with np.nditer(z, op_flags=["readwrite"]) as it:
        for v in it:
            v[...] = v * v + x[0, 0]
    return z


def several(x):
    z = np.empty((2, 3))
    for a, b, out in np.nditer([x, x[0], z], op_flags=[["readonly"], ["readonly"], ["writeonly"]]):
        out[...] = a * b
    return z


def allocated(x):
    it = np.nditer([x, x[:, :1], None])
    for a, b, out in it:
        out[...] = a * b
    return it.operands[2] * 2


def buffer_of_numbers(x):
    z = np.ones((2, 3))
    for v, w in np.nditer([z, x], op_flags=[["readwrite"], ["readonly"]]):
        v *= w
    return z


def enumerated(x):
    z = np.zeros(3)
    for (i, j), v in np.ndenumerate(x):
        z[j] += v * (i + 1) * x[i, 0]
    for (i,), v in np.ndenumerate([x[0, 0], x[1, 1]]):
        z[i] *= v
    return z


def enumerated_while_written(x):
    z = np.zeros((2, 3))
    for index, v in np.ndenumerate(z):
        z[index] = x[index]
        z[1] += v + z[index]
    return z


def entry_function(x):
    f = np.frompyfunc(lambda a, b: a * a + b if a > 0 else b * a, 2, 1)
    return f(x, x[0]).astype(float) * f(x[0, 0], 2.0)


def entry_function_with_two_results(x):
    first, second = np.frompyfunc(lambda a: (a * a, a * 3), 1, 2)(x)
    return first + second.astype(float)


def folded(x):
    f = np.frompyfunc(lambda a, b: a * 0.5 + b * b, 2, 1)
    return np.stack([f.reduce(x[0]), *f.accumulate(x[1]), *f.outer(x[0], x[1]).ravel(), *f.reduce(x, axis=1)])


PROGRAMS = [read_all, in_memory_order, in_fortran_order, by_index, written, several, allocated, buffer_of_numbers,
            enumerated, enumerated_while_written, entry_function, entry_function_with_two_results, folded]


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_entry_by_entry(f):
    plain = np.asarray(f(X), float)
    weights = np.sin(np.arange(1.0, plain.size + 1)).reshape(plain.shape)

    def slope(step):
        ahead, behind = f(X + step * V), f(X - step * V)
        return np.asarray(ahead - behind, float) / (2 * step)

    expected = (4 * slope(2.0 ** -9) - slope(2.0 ** -8)) / 3
    value, tangent = dk.jvp(f, (X,), (V,))
    np.testing.assert_allclose(value, plain, rtol=1e-13)
    np.testing.assert_allclose(tangent, expected, rtol=1e-9, atol=1e-9)
    value, pull = dk.vjp(f, X)
    np.testing.assert_allclose(value, plain, rtol=1e-13)
    np.testing.assert_allclose(np.sum(pull(weights)[0] * V), np.sum(weights * expected), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(dk.compile(lambda x: dk.jvp(f, (x,), (V,))[1])(X), tangent, rtol=1e-13)


def test_plain_arrays_are_numpys_own_business():
    def f(x):
        it = np.nditer([np.arange(3), None])
        assert isinstance(np.ndenumerate(np.ones(2)), np.ndenumerate)
        for a, b in it:
            b[...] = a * 2
        places = [i for (i,), v in np.ndenumerate(np.array([3, 1])) if v == 1]
        return x[places[0]] * it.operands[1].sum()

    np.testing.assert_array_equal(dk.grad(f)(np.array([1.0, 2.0])), [0.0, 6.0])


def test_what_looks_at_memory_is_refused_and_numpys_errors_are_its_own():
    for flag in ("external_loop", "buffered"):
        with pytest.raises(UnsupportedArgumentError, match=flag):
            dk.grad(lambda x, flag=flag: sum(np.sum(v) for v in np.nditer(x, flags=[flag])))(X)
    with pytest.raises(ValueError, match="not tracking a multi-index"):
        dk.grad(lambda x: np.nditer(x).multi_index)(X)
    with pytest.raises(ValueError, match="could not be broadcast"):
        dk.grad(lambda x: np.nditer([x, np.ones(4)]))(X)


def test_shuffled_numbers_are_numpys_and_shuffled_rows_are_refused():
    def shuffled(x):
        z = x * 1.0
        np.random.default_rng(5).shuffle(z)
        return z

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # NumPy's, about what is no ndarray
        np.testing.assert_array_equal(dk.vjp(shuffled, X[0])[0], shuffled(X[0]))
        np.testing.assert_array_equal(dk.jvp(shuffled, (X[0],), (V[0],))[1], shuffled(V[0]))
        with pytest.raises(MutationError, match=r"rng\.permutation"):
            dk.grad(lambda x: np.sum(shuffled(x) * X))(X)

    def named(x):
        shuffle = np.zeros((2, 3))
        shuffle[0] = x[1]
        return np.sum(shuffle)

    np.testing.assert_array_equal(dk.grad(named)(X), [[0, 0, 0], [1, 1, 1]])
