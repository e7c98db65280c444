"""ndarray's methods take what NumPy's take, and questions of whole numbers are answered as for plain numbers."""

import math

import numpy as np
import pytest

import diffkit as dk

A = np.array([[3.0, 1.5, 2.25], [1.25, 4.5, 0.5]])
MASK = A > 1

CALLS = [
    ("sum", (0, None, None, True, 2.0, MASK), {}), ("sum", (), {"axis": (0, 1), "keepdims": True}),
    ("mean", (0, None, None, True), {}), ("mean", (), {"where": MASK}), ("prod", (0, None, None, True, 2.0), {}),
    ("var", (0, None, None, 1, True), {}), ("std", (1, None, None, 0), {"where": MASK}),
    ("max", (0, None, True, 2.0), {}), ("min", (), {"initial": 1.0, "where": MASK}),
    ("cumsum", (1, None, None), {}), ("cumprod", (0, None), {}), ("argsort", (), {"axis": 0, "kind": "stable"}),
    ("clip", (1,), {}), ("clip", (1, 2), {}), ("clip", (None, 2), {}), ("clip", (), {"min": 1}),
    ("clip", (), {"max": 2}), ("clip", (), {}), ("round", (1,), {}), ("dot", (A.T,), {}), ("trace", (1,), {}),
    ("diagonal", (0, 1, 0), {}), ("ravel", ("F",), {}), ("repeat", ([1, 2], 0), {}),
    ("take", ([1, 4], 0, None, "wrap"), {}), ("compress", ([1, 0, 1],), {}), ("flatten", ("F",), {}),
    ("reshape", (3, -1), {"order": "F"}), ("reshape", ([3, 2],), {}), ("transpose", ((1, 0),), {}),
    ("astype", ("f4",), {}), ("astype", (complex,), {"casting": "safe"}), ("copy", ("F",), {}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS, ids=lambda value: str(value)[:30])
def test_arguments_of_methods_are_numpys(name, args, kwargs):
    def f(x):
        return getattr(x, name)(*args, **kwargs)

    expected = f(A)
    for found in (dk.jvp(f, (A,), (A,))[0], dk.vjp(f, A)[0]):
        np.testing.assert_allclose(found, expected, rtol=1e-15)
        assert found.dtype == expected.dtype and found.shape == expected.shape


@pytest.mark.parametrize("ask", [math.floor, math.ceil, math.trunc, round, int])
@pytest.mark.parametrize("method", ["forward", "reverse"])
def test_whole_numbers_are_flat_and_recorded(ask, method):
    def f(x):
        whole = ask(x)
        assert type(whole) is int
        return (x - whole) * sum(x ** k for k in range(whole))

    compiled = dk.compile(dk.grad(f, method=method))
    for x in (2.3, 3.7, 2.6, 2.3):
        n = ask(x)
        expected = sum(x ** k for k in range(n)) + (x - n) * sum(k * x ** (k - 1) for k in range(1, n))
        np.testing.assert_allclose(dk.grad(f, method=method)(x), expected, rtol=1e-14)
        np.testing.assert_allclose(compiled(x), expected, rtol=1e-14)
    np.testing.assert_allclose(dk.grad(dk.grad(f))(2.3), second(ask(2.3)), rtol=1e-14)


def second(n, x=2.3):
    """Second derivative of (x - n) (1 + x + … + x**(n - 1))."""
    return (2 * sum(k * x ** (k - 1) for k in range(1, n))
            + (x - n) * sum(k * (k - 1) * x ** (k - 2) for k in range(2, n)))


def test_whether_a_number_is_whole():
    f = lambda x: x ** 2 if x.is_integer() else x ** 3
    assert dk.grad(f)(2.0) == 4.0 and dk.grad(f)(0.5) == 0.75
    compiled = dk.compile(dk.grad(f))
    assert [compiled(x) for x in (2.0, 0.5, 3.0)] == [4.0, 0.75, 6.0]
