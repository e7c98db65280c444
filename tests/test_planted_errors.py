"""The tester is tested: rows that are wrong in one way each must be reported, and right ones must not."""

import contextlib

import numpy as np
import pytest

from diffkit.rules import kinds
from diffkit.rules.domains import NONZERO, POSITIVE, REAL
from diffkit.rules.kinds import TABLE, Elementwise, General, Linear, Multilinear, over
from diffkit.selftest import check_elementwise, check_rule

rng = np.random.default_rng(0)


@contextlib.contextmanager
def planted(make):
    """A row that is in the table for the length of a test."""
    before = dict(TABLE)
    try:
        yield make()
    finally:
        TABLE.clear()
        TABLE.update(before)


def row(function, partials, symbol=None, *domain, pinned=None):
    columns = partials if isinstance(partials, tuple) else (partials,)
    return lambda: Elementwise(function, columns, symbol, domain, pinned, name="planted")


# Wrong by a sign, a factor, swapped arguments, on one branch, in digits, in a dtype, in a shape.
WRONG_ELEMENTWISE = {
    "sign": row(np.cos, lambda y, x: np.sin(x), "cos(x)", REAL),
    "sign, no column": row(np.cos, lambda y, x: np.sin(x), None, REAL),
    "factor": row(np.exp2, lambda y, x: y, "2**x", REAL),
    "small factor": row(np.sin, lambda y, x: np.cos(x) * (1 + 1e-6), None, REAL),
    "forgotten square": row(np.tanh, lambda y, x: 1 - y, "tanh(x)", REAL),
    "reciprocal": row(np.log, over(lambda y, x: x * x), "log(x)", POSITIVE),
    "swapped partials": row(np.divide, (lambda y, a, b: -y / b, lambda y, a, b: 1 / b), "x/y", REAL, NONZERO),
    "swapped arguments": row(np.arctan2, (lambda y, a, b: a / (a * a + b * b), lambda y, a, b: -b / (a * a + b * b)),
                             "atan2(x, y)", NONZERO, NONZERO),
    "one partial constant": row(np.subtract, (1, 1), "x - y", REAL, REAL),
    "missing partial": row(np.multiply, (lambda y, a, b: b, None), "x*y", REAL, REAL),
    "one branch": row(np.abs, lambda y, x: np.where(x < 0, 1.0, np.sign(x)), "Abs(x)", NONZERO),
    "the branch of the other": row(np.maximum, (lambda y, a, b: np.where(a > b, 1.0, 0.0) * np.ones_like(y),
                                                lambda y, a, b: np.where(a > b, 1.0, 0.0) * np.ones_like(y)),
                                   "Max(x, y)", REAL, REAL),
    "digits": row(np.tanh, lambda y, x: 1 - y * y * (1 + 1e-14), "tanh(x)", REAL),
    "wrong column": row(np.sin, lambda y, x: np.cos(x), "sin(2*x)", REAL),
    "double precision leaks": row(np.square, lambda y, x: 2 * x * np.float64(1), None, REAL),
    "pinned point": row(np.abs, lambda y, x: np.where(x >= 0, 1.0, -1.0).astype(y.dtype), "Abs(x)", NONZERO,
                        pinned={0.0: 0.0}),
    "second order": row(np.sin, lambda y, x: np.cos(TABLE["stop_gradient"](x)), None, REAL),
}


@pytest.mark.parametrize("name", WRONG_ELEMENTWISE)
def test_wrong_elementwise_rows_are_reported(name):
    with planted(WRONG_ELEMENTWISE[name]) as rule:
        faults = check_elementwise(rule)
        assert faults and all(fault.startswith("planted: ") for fault in faults)


RIGHT_ELEMENTWISE = {
    "cos": row(np.cos, lambda y, x: -np.sin(x), "cos(x)", REAL),
    "divide": row(np.divide, (lambda y, a, b: 1 / b, lambda y, a, b: -y / b), "x/y", REAL, NONZERO),
    "fabs": row(np.fabs, lambda y, x: np.sign(x), "Abs(x)", NONZERO, pinned={0.0: 0.0}),
    "log": row(np.log, over(lambda y, x: x), "log(x)", POSITIVE, pinned={0.0: np.inf}),
}


@pytest.mark.parametrize("name", RIGHT_ELEMENTWISE)
def test_right_elementwise_rows_are_not(name):
    with planted(RIGHT_ELEMENTWISE[name]) as rule:
        assert check_elementwise(rule) == []


def _matmul_adjoints(left, right):
    return lambda: Multilinear(np.matmul, (left, right), name="planted")


A, B = rng.normal(size=(2, 3)), rng.normal(size=(3, 3))
SQUARE = rng.normal(size=(3, 3))
X = rng.normal(size=4)

RIGHT = {
    "matmul": (_matmul_adjoints(lambda g, a, b: g @ b.T, lambda g, a, b: a.T @ g), (A, B)),
    "reverse": (lambda: Linear(lambda a: a[::-1], lambda g, shapes, i: g[::-1], name="planted"), (X,)),
    "inv, jvp alone": (lambda: General(np.linalg.inv, jvp=lambda y, a, t: -(y @ t[0] @ y), name="planted"),
                       (SQUARE,)),
    "inv, vjp alone": (lambda: General(np.linalg.inv, vjp=lambda g, y, a: (-(y.T @ g @ y.T),), name="planted"),
                       (SQUARE,)),
    "max": (lambda: General(lambda a: np.max(a), jvp=lambda y, a, t: np.sum(t[0] * (a[0] == y)), name="planted"),
            (X,)),
}
WRONG = {
    "untransposed": (_matmul_adjoints(lambda g, a, b: g @ b, lambda g, a, b: a.T @ g), (A, B)),
    "swapped adjoints": (_matmul_adjoints(lambda g, a, b: a.T @ g, lambda g, a, b: g @ b.T), (SQUARE, B)),
    "conjugated": (_matmul_adjoints(lambda g, a, b: g @ np.conjugate(b.T), lambda g, a, b: a.T @ g),
                   (A + 1j, B - 2j)),
    "factor in an adjoint": (_matmul_adjoints(lambda g, a, b: g @ b.T, lambda g, a, b: 2 * (a.T @ g)), (A, B)),
    "adjoint of another map": (lambda: Linear(lambda a: np.roll(a, 1), lambda g, shapes, i: np.roll(g, 1),
                                              name="planted"), (X,)),
    "not linear": (lambda: Linear(lambda a: a * a, lambda g, shapes, i: g, name="planted"), (X,)),
    "affine": (lambda: Linear(lambda a: a + 1, lambda g, shapes, i: g, name="planted"), (X,)),
    "sign in a jvp": (lambda: General(np.linalg.inv, jvp=lambda y, a, t: y @ t[0] @ y, name="planted"), (SQUARE,)),
    "sign in both": (lambda: General(np.linalg.inv, jvp=lambda y, a, t: y @ t[0] @ y,
                                     vjp=lambda g, y, a: (y.T @ g @ y.T,), name="planted"), (SQUARE,)),
    "vjp against jvp": (lambda: General(np.linalg.inv, jvp=lambda y, a, t: -(y @ t[0] @ y),
                                        vjp=lambda g, y, a: (-(y @ g @ y),), name="planted"), (SQUARE,)),
    "right at first order only": (lambda: General(
        np.linalg.inv, jvp=lambda y, a, t: -(y @ t[0] @ np.linalg.inv(kinds.TABLE["stop_gradient"](a[0]))),
        name="planted"), (SQUARE,)),
    "a forgotten argument": (lambda: General(np.linalg.solve, jvp=lambda y, a, t: np.linalg.solve(a[0], t[1])
                                             if t[1] is not None else 0 * y, name="planted"), (SQUARE, B)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_rows_pass(name):
    make, args = RIGHT[name]
    with planted(make) as rule:
        assert check_rule(rule, args) == []


@pytest.mark.parametrize("name", WRONG)
def test_wrong_rows_are_reported(name):
    make, args = WRONG[name]
    with planted(make) as rule:
        faults = check_rule(rule, args)
        assert faults and all(fault.startswith("planted: ") for fault in faults)


def test_the_table_is_as_it_was():
    assert "planted" not in TABLE
