"""Every rewriting is exact on awkward numbers; a wrong one is found by the check and refused."""

import itertools
import re

import numpy as np
import pytest

import diffkit as dk
from diffkit.compiling import programs
from diffkit.compiling.optimise import simplify
from diffkit.rules.arithmetic import ADD, MULTIPLY, SUBTRACT

AWKWARD = np.array([0.0, -0.0, 1.0, -1.5, 1e308, -1e308, 5e-324, -5e-324, np.inf, -np.inf, np.nan, 3e-310, 0.1])

PROGRAMS = {
    "times one": lambda x, y: x * 1 + 1.0 * y, "over one": lambda x, y: (x / 1) * y,
    "minus zero": lambda x, y: (x - 0.0) / y, "plus zero": lambda x, y: _signs(x + 0.0),
    "minus negative zero": lambda x, y: _signs(x - (-0.0)),
    "plus negative zero": lambda x, y: _signs(x + (-0.0)),
    "integer zero": lambda x, y: _signs(x - 0), "plus negated": lambda x, y: x + (-y),
    "negated plus": lambda x, y: -x + y, "minus negated": lambda x, y: x - (-y),
    "negated product": lambda x, y: x + (-x) * y, "product of negated": lambda x, y: _signs((-x) * (-y)),
    "negated quotient": lambda x, y: _signs((-x) / y), "quotient by negated": lambda x, y: x - x / (-y),
    "twice negated": lambda x, y: _signs(np.negative(-x)), "negated constant": lambda x, y: -(3.0 * x) + 0.5,
    "minus a difference": lambda x, y: _signs(-(x - y)),
    "doubled": lambda x, y: 3.0 * (2 * x), "halved": lambda x, y: 3.0 * (0.5 * x),
    "doubled by little": lambda x, y: 0.25 * (2 * x), "tripled": lambda x, y: 0.1 * (3 * x),
    "taken away twice": lambda x, y: _signs(-x - x) + _signs(np.negative(y * x) - x * y),
    "plus negated of negated": lambda x, y: (x * -y) + -(-y * x) - y,
    "sum of negated": lambda x, y: 1.0 + np.sum(-x[:, None] * y, axis=1),
    "sum of negated zeros": lambda x, y: _signs(np.sum(-(np.where(np.isfinite(x), x, y)[:, None] * 0.0), axis=1)),
    "zero and a sum of negated": lambda x, y: _signs(-0.0 + np.sum(-(np.nan_to_num(x)[:, None] * 0.0), 1)),
    "number and a sum of cancelling": lambda x, y: 5e-324 + np.sum(-np.stack([y * 0.1, -y * 0.1]), axis=0),
    "scattered sums of negated": lambda x, y: _signs(dk.grad(lambda v: np.sum(np.ones((3, 1)) - np.stack(
        [v[None] * np.nan_to_num(y * 1e-9), v[None] * np.nan_to_num(y) * 0.0]) * 1.0))(np.nan_to_num(x * 1e-9))),
    "broadcast": lambda x, y: np.broadcast_to(x, (2, x.size)) * y + np.broadcast_to(y[:1], x.shape),
    "ones": lambda x, y: np.ones(x.shape) * x - np.zeros(x.shape) * y + np.full(x.shape, -0.0),
    "transposed twice": lambda x, y: (x.reshape(1, -1).T * 2).T.T.reshape(-1),
    "reshaped twice": lambda x, y: x.reshape(-1, 1).reshape(1, -1).reshape(-1) * 2,
    "squared": lambda x, y: x ** 2 - y ** 0.5 + x ** -1 + x ** 1 + y ** 0 + x ** 3,
    "added to itself": lambda x, y: _added(x, y), "written": lambda x, y: _written(x, y),
    "scattered": lambda x, y: dk.grad(lambda v: np.sum(v[1:] * y[1:] - v[:-1]))(x),
    "repeated": lambda x, y: np.sin(x) * y + np.sin(x) * y - y * np.sin(x),
    "integers": lambda x, y: (x > 0) * 2 - 0 + (y > 0) * 1,
}


def _signs(x):
    """Signs, of zeros too; those of NaN mean nothing."""
    return np.where(np.isnan(x), 0, np.copysign(1.0, x))


def _added(x, y):
    z = x.copy()
    z[1:] = z[1:] + y[1:]
    z[:4] = y[:4] - z[:4]
    z[2:] = y[:-2] + z[2:]
    z[3:] = z[3:] - y[3:]
    z[:5] = z[1:6] + y[:5]
    z[1] += y[2]
    z[:2] = z[:2]
    z[[0, 0]] = z[[0, 0]] + y[:2]
    return z


def _written(x, y):
    z = np.zeros(x.shape)
    z[1:] -= -x[1:]
    z[:-1] += -(y[:-1] * 2)
    w = z
    z = z.copy()
    z[0] = 5
    z[[0, 0, 1]] = y[:3]
    return z * w


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_exact_on_awkward_numbers(name, dtype):
    f = PROGRAMS[name]
    compiled = dk.compile(f)
    pairs = np.array(list(itertools.product(AWKWARD, AWKWARD)))
    with np.errstate(all="ignore"):
        x, y = pairs.T.astype(dtype)
        compiled(np.ones_like(x), np.full_like(y, 2))
        for a, b in ((x.copy(), y.copy()), (y.copy(), x.copy())):
            found, expected = compiled(a, b), f(a, b)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
            if found.dtype.kind == "f":
                numbers = ~np.isnan(expected)
                np.testing.assert_array_equal(np.signbit(found)[numbers], np.signbit(expected)[numbers])
    assert compiled.reason == "" or "NaN" in compiled.reason


def test_common_work_is_done_once_and_dead_work_not_at_all():
    def f(x):
        np.cos(x)
        return np.sin(x) * np.exp(np.sin(x)) + np.sin(x)

    c = dk.compile(f)
    c(np.ones(3))
    assert c.source.count("sin(") == 1 and "cos" not in c.source


def test_what_needs_no_input_is_not_in_the_program():
    k = np.arange(3.0)
    c = dk.compile(dk.grad(lambda x: np.sum(np.exp(k) * x * 1.0)))
    np.testing.assert_array_equal(c(np.ones(3)), np.exp(k))
    assert "exp" not in c.source and "multiply" not in c.source and "*" not in c.source.replace("**", "")


def test_a_sum_is_taken_away_instead_of_negated():
    def share(x):
        return 1.0 + np.sum(-np.exp(x))
    run = dk.compile(share)
    x = np.linspace(-3.0, 0.5, 37)
    for _ in range(2):
        assert run(x) == share(x)
    assert "negative" not in run.source


def test_signs_meet_additions():
    c = dk.compile(lambda x, y: x + (-y) * 3.0)
    c(np.ones(3), np.ones(3))
    assert "negative" not in c.source and " - " in c.source


@pytest.mark.parametrize("rule, planted", [
    (ADD, lambda args: (SUBTRACT, args, {})), (MULTIPLY, lambda args: args[0]),
    (SUBTRACT, lambda args: (SUBTRACT, [args[0], args[0]], {}))])
def test_a_planted_error_is_found_and_refused(monkeypatch, rule, planted):
    def wrong(builder, given, args, params, value):
        return planted(args) if given is rule else simplify(builder, given, args, params, value)

    monkeypatch.setattr(programs, "spell", wrong)
    c = dk.compile(lambda x: (x * 3 - 1) + x * x)
    x = np.array([0.5, 2.0])
    for _ in range(2):
        np.testing.assert_array_equal(c(x), [0.75, 9.0])
    assert "differs" in c.reason and c.source == ""
    unchecked = dk.compile(lambda x: (x * 3 - 1) + x * x, check=False)
    unchecked(x)
    assert not np.array_equal(unchecked(x), [0.75, 9.0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numbers_and_powers_of_two_are_multiplied_once(dtype):
    mask = np.array([[0.0, 1.0, 0.0, 4.0], [-1.0, 0.0, 16.0, -0.0]], dtype)
    tiny = np.finfo(dtype).smallest_subnormal
    points = [np.array(x, dtype) for x in (
        [1.1, -2.3, 0.0, -0.0], [np.inf, 1.0, np.finfo(dtype).max, 1.0], [3 * tiny, -tiny, 7 * tiny, np.nan],
        [np.finfo(dtype).tiny, -np.finfo(dtype).max / 7, 1.7, np.finfo(dtype).tiny * 0.75])]

    def same(f, *numbers):
        def g(x):
            return f(x, *numbers)

        run = dk.compile(g)
        with np.errstate(all="ignore"):
            for x in points * 2:
                found, expected = run(x), g(x)
                assert found.shape == expected.shape and found.dtype == expected.dtype == dtype
                assert np.array_equal(np.isnan(found), np.isnan(expected)) and run.reason == ""
                assert np.nan_to_num(found).tobytes() == np.nan_to_num(expected).tobytes()
        return len(re.findall(r"multiply\(| \* ", run.source))

    for number in (2.0, -3.0, 1.7, dtype(100.0), 1000):
        assert same(lambda x, n: n * (x * mask), number) == 1
        assert same(lambda x, n: -(x * mask * n) + mask, number) == 1
    for number in (0.1, 2000.0):
        assert same(lambda x, n: n * (x * mask), number) == 2
    assert same(lambda x: 3.0 * (x * (mask * 3.0))) == 2
    for two, number in ((2.0, 3.0), (16.0, -1000.0), (1.0, 7.0), (4.0, 2.5)):
        assert same(lambda x, n, p: n * (x * p), number, two) == 1
        assert same(lambda x, n, p: p * (x * n), number, two) == (1 if number != 2.5 or two == 1.0 else 2)
    assert same(lambda x: 2.0 * (x * 0.3)) == 2
    assert same(lambda x: 32.0 * (x * 3.0)) == 2
