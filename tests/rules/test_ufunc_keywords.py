"""dtype= of every ufunc; axis=, axes= and keepdims= of those that contract axes."""

import numpy as np
import pytest
from array_checks import check

import diffkit as dk

RNG = np.random.default_rng(4)
A = RNG.normal(size=(2, 3, 4))
B = RNG.normal(size=(3, 4))
S = RNG.normal(size=(3, 2, 3))

CONTRACTIONS = [
    *((np.vecdot, A, A + 1, kw) for kw in (
        {"axis": 1}, {"axis": 1, "keepdims": True}, {"keepdims": True}, {"axes": [0, 0]}, {"axes": [0, 0, ()]},
        {"axes": [0, 0], "keepdims": True}, {"axes": [(0,), (0,), (1,)], "keepdims": True}, {"axes": [2, -1]})),
    (np.matmul, A, A, {"axes": [(0, 1), (1, 0), (1, 2)]}), (np.matmul, A, B[0, :2], {"axes": [(2, 0), (0,), (1,)]}),
    (np.matmul, B[0], A, {"axes": [0, (-1, 0), 0]}), (np.matmul, B[0], B[0], {"axes": [0, 0, ()]}),
    (np.matvec, A, S, {"axes": [(2, 0), 1, 0]}), (np.vecmat, A, RNG.normal(size=(2, 5, 4)), {"axes": [0, (0, 1), 1]}),
]


@pytest.mark.parametrize("case", CONTRACTIONS, ids=lambda case: f"{case[0].__name__} {case[3]}")
def test_axes(case):
    f, x, y, keywords = case
    check(lambda x, y: f(x, y, **keywords), x, y)


@pytest.mark.parametrize("call", [
    lambda x: np.matmul(x, x, axis=0), lambda x: np.matmul(x, x, keepdims=True), lambda x: np.add(x, x, axis=0),
    lambda x: np.matmul(x, x, axes=[(0, 1), (1, 0)]), lambda x: np.vecdot(x, x, axis=5),
    lambda x: np.vecdot(x, x, axes=[0, 0, 0]), lambda x: np.add(x, x, dtype=int),
    lambda x: np.ldexp(x, 2, dtype=np.int8), lambda x: np.einsum("ij,ij", x, x, dtype=np.float32)])
def test_wrong_keywords_raise_as_in_numpy(call):
    x = B[:, :3]
    with pytest.raises((TypeError, ValueError)) as plain:
        call(x)
    with pytest.raises(type(plain.value)) as traced:
        dk.grad(lambda x: np.sum(call(x)))(x)
    assert str(traced.value) == str(plain.value) or "einsum" in str(traced.value)


@pytest.mark.parametrize("call", [
    lambda x: np.add(x, x[0], dtype=np.float32), lambda x: np.multiply(x, 2.5, dtype="f4"),
    lambda x: np.sin(x, dtype=np.float32), lambda x: np.vecdot(x, x, dtype=np.float32, axis=0),
    lambda x: np.power(np.abs(x), 3, dtype=np.longdouble),
    lambda x: np.real(np.multiply(x, np.arange(4), dtype=complex)), lambda x: np.einsum("ij,kj", x, x, dtype="g")])
def test_dtype(call):
    """The value is NumPy's bit for bit, the derivative that of the plain call to single precision."""
    plain = call(B)
    t = RNG.normal(size=B.shape)
    value, tangent = dk.jvp(call, (B,), (t,))
    assert value.dtype == tangent.dtype == plain.dtype and np.array_equal(value, plain)
    found = dk.grad(lambda x: np.sum(call(x)))(B)
    assert found.dtype == B.dtype

    def at(h):
        return np.sum(call(B.astype(np.longdouble) + h * t) if plain.dtype == np.longdouble else call(B + h * t),
                      dtype=np.longdouble)

    expected = (8 * (at(0.05) - at(-0.05)) - (at(0.1) - at(-0.1))) / 0.6
    assert abs(np.sum(found * t) - expected) < 2e-4 * np.sum(np.abs(found * t))
    assert abs(np.sum(tangent) - expected) < 2e-4 * np.sum(np.abs(found * t))


def test_a_staircase_stays_flat():
    found = dk.grad(lambda x: np.sum(np.add(x, x, dtype=int, casting="unsafe") * x))(B)
    assert np.array_equal(found, np.add(B, B, dtype=int, casting="unsafe"))
