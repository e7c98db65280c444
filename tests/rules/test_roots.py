"""Squares of roots that are 0, however the roots got there: the Hessian of what is sum(x*x) is 2 I."""

import numpy as np
import pytest

import diffkit as dk

norm = np.linalg.norm
POINT = np.array([0.0, 0.0, 1.0, 2.0])


def rows(x):
    return np.reshape(x, (2, 2))


def pair(x):
    return norm(x[:2]), norm(x[2:])


def lengths(x):
    return norm(rows(x), axis=1)


def filled(x):
    z = np.zeros(2)
    for i in range(2):
        z[i] = norm(x[2 * i:2 * i + 2])
    return z


def overwritten(x):
    z = lengths(x)
    z[1] = 3.0
    z[1:] = norm(x[2:])
    return z


def entries(x):
    z, total = filled(x), 0.0
    for i in range(2):
        total = total + z[i] ** 2
    return total


def halves(x):
    a, b = pair(x)
    return 2 * (0.5 * a * a) + b * 2 * b / 2


PROGRAMS = {
    "np.array": lambda x: np.sum(np.array(pair(x)) ** 2),
    "np.stack": lambda x: np.sum(np.stack(pair(x)) ** 2),
    "hstack": lambda x: np.sum(np.hstack(pair(x)) ** 2),
    "append": lambda x: np.sum(np.append(*pair(x)) ** 2),
    "concatenate": lambda x: np.sum(np.concatenate([norm(rows(x)[:1], axis=1), norm(rows(x)[1:], axis=1)]) ** 2),
    "beside a number": lambda x: np.sum(np.array([*pair(x), 0.0]) ** 2),
    "axis": lambda x: np.sum(lengths(x) ** 2),
    "sqrt of sums": lambda x: np.sum(np.sqrt(np.sum(rows(x) ** 2, axis=1)) ** 2),
    "keepdims": lambda x: np.sum(norm(rows(x), axis=1, keepdims=True) ** 2),
    "square": lambda x: np.sum(np.square(np.array(pair(x)))),
    "matmul": lambda x: (lambda v: v @ v)(lengths(x)),
    "dot": lambda x: (lambda v: np.dot(v, v))(np.array(pair(x))),
    "vdot": lambda x: (lambda v: np.vdot(v, v))(lengths(x)),
    "inner": lambda x: (lambda v: np.inner(v, 2 * v) / 2)(lengths(x)),
    "norm of norms": lambda x: norm(lengths(x)) ** 2,
    "norm of a list": lambda x: norm(np.array(pair(x))) ** 2,
    "where": lambda x: np.sum(np.where([True, True], lengths(x), 1.0) ** 2),
    "take": lambda x: np.sum(np.take(lengths(x), [1, 0]) ** 2),
    "reversed": lambda x: np.sum(lengths(x)[::-1] ** 2),
    "repeat": lambda x: np.sum(np.repeat(lengths(x), 2) ** 2) / 2,
    "tile": lambda x: np.sum(np.tile(lengths(x), 2) ** 2) / 2,
    "broadcast": lambda x: np.sum(np.broadcast_to(lengths(x), (2, 2)) ** 2) / 2,
    "copy": lambda x: np.sum(lengths(x).copy() ** 2),
    "astype": lambda x: np.sum(lengths(x).astype(float) ** 2),
    "float_power": lambda x: np.sum(np.float_power(lengths(x), 2)),
    "array exponent": lambda x: np.sum(lengths(x) ** np.array([2.0, 2.0])),
    "NumPy exponent": lambda x: np.sum(lengths(x) ** np.float64(2)),
    "filled": lambda x: np.sum(filled(x) ** 2),
    "filled, dot": lambda x: (lambda z: z @ z)(filled(x)),
    "filled, view": lambda x: np.sum(filled(x)[:2] ** 2),
    "entries": entries,
    "overwritten": lambda x: np.sum(overwritten(x) ** 2),
    "vectorize": lambda x: np.sum(np.vectorize(np.hypot)(x[::2][::-1], x[1::2][::-1]) ** 2),
    "along an axis": lambda x: np.sum(np.apply_along_axis(norm, 1, rows(x)) ** 2),
    "halves": halves,
}
ORDERS = {
    "reverse, forward": lambda f: dk.jacobian(dk.grad(f), method="forward"),
    "reverse, reverse": lambda f: dk.jacobian(dk.grad(f)),
    "forward, forward": lambda f: dk.jacobian(dk.jacobian(f, method="forward"), method="forward"),
    "forward, reverse": lambda f: dk.jacobian(dk.jacobian(f, method="forward")),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_hessian_of_a_sum_of_squares(name):
    f = PROGRAMS[name]
    for x in (POINT, np.zeros(4), np.array([0.5, -1.0, 1.0, 2.0])):
        assert f(x) == pytest.approx(np.sum(x * x), rel=1e-15)
        np.testing.assert_allclose(dk.grad(f)(x), 2 * x, rtol=1e-14)
        for order in ORDERS.values():
            np.testing.assert_allclose(order(f)(x), 2 * np.eye(4), rtol=1e-13, atol=1e-13)


def test_a_note_does_not_outlive_what_it_is_of():
    """An entry that is overwritten by something else that is 0 has its own derivatives."""
    def f(x):
        z = lengths(x)
        z[0] = 3 * x[2] - 3
        return np.sum(z ** 2)

    def g(x):
        z = np.ones(2) * x[0]
        z[0] = norm(x[:2])
        y = z ** 2
        z[0] = 3 * x[2] - 3
        return np.sum(z[:1] ** 2) + y[0]

    def h(x):
        z = filled(x)
        z += x[:2]
        return np.sum(z ** 2) + z[0] ** 2

    for order in ORDERS.values():
        np.testing.assert_allclose(np.diag(order(f)(POINT)), [0, 0, 20, 2], atol=1e-13)
        np.testing.assert_allclose(np.diag(order(g)(POINT)), [2, 2, 18, 0], atol=1e-13)
        np.testing.assert_allclose(np.diag(order(lambda x: np.sum(np.array([norm(x[:2]), x[0]])[1:] ** 2))(POINT)),
                                   [2, 0, 0, 0], atol=1e-13)
        assert np.isfinite(order(h)(POINT)).all()


def test_values_are_numpys_to_the_last_bit():
    x = np.array([0.0, 0.0, 0.1, 0.3])
    for name, f in PROGRAMS.items():
        assert dk.value_and_grad(f)(x)[0] == f(x), name


def test_filling_costs_one_write_each():
    """A thousand roots written and squared: the squares are written in place, too."""
    def f(x):
        z = np.zeros(1000)
        for i in range(1000):
            z[i] = norm(x[i:i + 2])
        return np.sum(z ** 2)

    gradient = dk.grad(f)(np.zeros(1001))
    assert not gradient.any()


def test_float32_is_kept():
    f = lambda x: np.sum(np.array(pair(x)) ** 2)
    hessian = dk.hessian(f)(POINT.astype(np.float32))
    assert hessian.dtype == np.float32
    np.testing.assert_array_equal(hessian, 2 * np.eye(4, dtype=np.float32))


def test_the_compiled_gradient():
    for name in ("np.array", "axis", "matmul", "filled", "norm of norms"):
        np.testing.assert_allclose(dk.compile(dk.hessian(PROGRAMS[name]))(POINT), 2 * np.eye(4), atol=1e-13)
