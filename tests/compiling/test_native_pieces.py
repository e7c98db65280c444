"""Arrays put together from pieces in machine code: f's values, whatever is read or written in between."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit import tree

pytestmark = pytest.mark.usefixtures("own_cache")
compile_ = functools.partial(dk.compile, backend="numba")
X = np.sin(np.arange(12.0)).reshape(4, 3)


def agrees(f, *calls):
    """Machine code without the check of the first result, which would leave a wrong program to NumPy."""
    run = compile_(f, check=False)
    for x in (calls[0], *calls):
        found, expected = tree.flatten(run(x)), tree.flatten(f(x))
        assert found[1] == expected[1]
        for a, b in zip(found[0], expected[0]):
            assert np.shape(a) == np.shape(b) and a.dtype == b.dtype
            room = 100 * np.finfo(b.dtype).eps * np.max(np.abs(b), initial=0)
            np.testing.assert_allclose(a, b, rtol=0, atol=room)
    assert run.reason == "" and "native0" in run.source
    return run


def filled(x, *writes, start=0.0):
    y = np.full_like(x, start)
    for index, value in writes:
        y[index] = value
    return y


def overwritten(x):
    """Read first, written into later, used again."""
    y = x * 2.0
    first = y[0, 0]
    y[0, 0] = 5.0
    return np.cumsum(y, axis=0) + first, y * first


def changed_later(x):
    a, b = np.exp(x[0]), np.tanh(x[1])
    y = np.stack([a, b])
    before = np.sum(y * y)
    y[0] = y[0] * 0.5
    return y, a[::-1] * np.sum(y) - b, before


def read_between(x):
    y = np.zeros_like(x)
    y[0] = x[0] * x[1]
    seen = y * 1.0
    y[1:] = x[1:] * 3.0
    return seen, y


def used_elsewhere(x):
    a = x[0] * x[1]
    y = np.stack([a, x[2] + 1.0])
    return np.sum(np.sin(y), axis=0) * a, y, np.cumsum(a)


def seen_otherwise(x):
    a = np.tanh(x)
    y = np.stack([a, x * 2.0], axis=-1)
    return y, np.sum(a[::-1, 1:] * np.sum(y), axis=0), a.T * 2.0


def within(x):
    """Pieces of a piece of another memory order."""
    inner = np.stack([x * 2.0, np.sin(x)])
    return np.stack([inner, inner * 3.0], axis=-1)


def again(x):
    y = np.zeros_like(x)
    y[0:2] = x[0:2] * 3.0
    y[1:3] += x[2:4] * 5.0
    y[0:2] = np.sin(x[1:3])
    return y


def twice(x):
    y = np.zeros_like(x)
    y[:, 0] += x[:, 1] * 2.0
    y[:, 2] -= x[:, 0]
    y[:, 1] = x[:, 2]
    y[:, 0] += np.sin(x[:, 2])
    return y


PROGRAMS = {
    "stacked": lambda x: np.stack([x * 2.0, np.exp(x)]),
    "stacked inside": lambda x: np.stack([x * 2.0, np.exp(x), x - 1.0], axis=1),
    "stacked at the end": lambda x: np.stack([x * 2.0, np.exp(x)], axis=-1) * 1.5,
    "stacked twice": lambda x: np.stack([np.stack([x * 2.0, x * 3.0], 1), np.stack([x + 1.0, x * x], 1)], axis=2),
    "stacked again": lambda x: (lambda a: np.stack([np.stack([a, x + 1.0]), np.stack([a, x * x])]))(x * 2.0),
    "joined": lambda x: np.concatenate([x[:2] * x[2:], np.sin(x)], axis=0),
    "one value in two places": lambda x: (lambda a: np.stack([a, a]))(np.exp(x)),
    "all columns": lambda x: filled(x, *(((..., i), np.sin(x[:, 2 - i])) for i in range(3))),
    "two columns": lambda x: filled(x, *(((..., i), np.sin(x[:, i])) for i in (2, 0)), start=7.0),
    "halves": lambda x: filled(x, (slice(0, 4, 2), x[1::2] * 2.0), (slice(1, None, 2), x[::2] + 1.0)),
    "backwards": lambda x: filled(x, (slice(None, None, -1), x * x)),
    "written over": lambda x: filled(x, (0, x[1] * 2.0), (slice(0, 2), x[2:] * x[:2]), (slice(2, 4), x[:2])),
    "twice at one place": lambda x: filled(
        x, (0, x[1] * np.sum(np.cos(x[2]))), (slice(1, 4), x[:3] * 2.0), (0, np.cos(x[2]))),
    "turned": lambda x: (lambda a: np.stack([a[::-1], x * 2.0, a]))(np.exp(x)),
    "repeated": lambda x: filled(x, (slice(0, 2), x[0] * x[1]), (slice(2, 4), np.sin(x[2:]))),
    "sums": lambda x: np.stack([np.sum(x * x, axis=0), np.max(np.exp(x), axis=0)]),
    "overwritten": overwritten, "changed later": changed_later, "read between": read_between,
    "used elsewhere": used_elsewhere, "seen otherwise": seen_otherwise, "within": within, "again": again,
    "twice": twice,
    "two widths": lambda x: (x[0] * np.sum(x), x * np.sum(x)),
    "equal numbers": lambda x: filled(np.copy(np.broadcast_to(np.sum(x), (4, 3))), (0, x[0])) + np.sum(x),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", PROGRAMS)
def test_values_and_derivatives(name, dtype):
    f, x = PROGRAMS[name], X.astype(dtype)
    agrees(f, x, x[::-1].copy())
    weights = [np.cos(np.arange(np.size(y))).reshape(np.shape(y)).astype(dtype) for y in tree.flatten(f(x))[0]]
    agrees(dk.grad(lambda x: sum(np.sum(w * y * y) for w, y in zip(weights, tree.flatten(f(x))[0]))), x, x * dtype(2))


@pytest.mark.parametrize("count", [1, 7, 8, 1030])
def test_a_jacobian_is_written_once(count):
    """By the loop that computes it: no temporaries, no zeros, no copy."""
    def f(p, t):
        a, b, c = (p[i] for i in range(3))
        return np.stack([a * np.exp(b * t) + c, a / (1.0 + b * b) - c * t])

    each = dk.vmap(dk.jacobian(f))
    p, t = np.cos(np.arange(3.0 * count)).reshape(count, 3), np.linspace(0.0, 1.0, count)
    run = compile_(each)
    run(p, t)
    np.testing.assert_allclose(run(p, t), each(p, t), rtol=1e-13, atol=1e-14)
    assert run.reason == ""
    if count > 8:
        assert "take()" not in run.source and run.source.count("# native0, over") == 1


def test_entries_of_a_sparse_matrix_are_written_once():
    places = np.arange(6) * 9 + np.arange(500)[:, None] % 9

    def residuals(x):
        a, b, c, d, e, weight = x[places].T
        return np.stack([weight * (np.exp(a) * b - c * d + e), weight * (a * d + e * b * c)]).T

    x = np.linspace(0.5, 1.5, 54)
    values = dk.sparse_jacobian(residuals).prepare(x).values
    run = compile_(values)
    run(x)
    np.testing.assert_allclose(run(x + 0.1), values(x + 0.1), rtol=1e-13)
    assert run.reason == "" and "concatenate" not in run.source and "take()" not in run.source
    assert run.source.count("# native0, over") == 1


def test_columns_that_are_joined_are_written_in_one_loop():
    def f(x):
        columns = [np.sin(x), x, x * x, x[::-1], np.cumsum(x)]
        return np.concatenate([column.reshape(-1, 1) for column in columns], axis=1)

    run = agrees(f, np.linspace(0.0, 1.0, 700))
    assert "take()" not in run.source and run.source.count("# native0, over") == 1


def test_a_nan_in_a_piece_is_seen():
    """What is made at its place is looked at there: f itself then answers."""
    each = dk.vmap(dk.jacobian(lambda x: np.stack([np.sqrt(x[0] - 1.0) * x[1], x[1] * 3.0])))
    run = compile_(each)
    rows = np.full((20, 2), 2.0)
    run(rows)
    assert np.array_equal(run(rows)[3], [[1.0, 1.0], [0.0, 3.0]]) and run.reason == ""
    rows[3, 0] = 0.5
    with np.errstate(invalid="ignore"):
        assert np.isnan(run(rows)[3, 0]).all()
    assert "NaN" in run.reason


@st.composite
def programs(draw):
    """Arrays from arrays of the same shape: stacked, joined, assigned by parts; and what comes out."""
    steps = draw(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 20), st.integers(0, 20), st.integers(0, 2)),
                          min_size=2, max_size=7))
    outs = draw(st.lists(st.integers(0, 20), min_size=1, max_size=3))

    def f(x):
        made = [x, np.tanh(x) * 2.0]
        larger = []
        for kind, i, j, k in steps:
            a, b = made[i % len(made)], made[j % len(made)]
            if kind == 0:
                larger.append(np.stack([a * 1.5, b + a], axis=k))
            elif kind == 1 and larger:
                made.append(np.tanh(np.sum(larger[i % len(larger)] * 2.0, axis=0) * np.ones(x.shape)[:1, :1])[:1] + a
                            if k else a * larger[i % len(larger)].reshape(-1)[j])
            elif kind == 2:
                made.append(filled(x, (slice(k, None), a[k:] * b[k:]), (slice(0, k), b[:k] - a[:k])))
            elif kind == 3:
                made.append(filled(x, *(((..., c), np.sin(a[:, c] + c)) for c in range(k, 3))))
            elif kind == 4:
                y = np.ones_like(x)
                y[::2] += a[::2]
                y[1::2] -= b[1::2]
                if k:
                    y[0] += a[1] * 2.0
                made.append(y)
            elif kind == 5:
                y = a * 2.0
                first = y[i % 4, k]
                y[i % 4] = b[j % 4] * first
                made.append(np.tanh(y) + first)
            elif kind == 6:
                made.append(np.concatenate([a[:2], b[2:] * 2.0]))
            else:
                made.append(np.tanh(a * b) + 1.0)
        pool = [*made[2:], *larger] or made
        return [pool[i % len(pool)] * 1.0 if i % 2 else pool[i % len(pool)] for i in outs]
    return f


@settings(max_examples=40, deadline=None)
@given(programs(), st.integers(0, 3))
def test_any_program(f, seed):
    x = np.random.default_rng(seed).normal(size=(4, 3))
    try:
        f(x)
    except ValueError:  # shapes that do not fit
        return
    agrees(lambda x: [y * 1.0 for y in f(x)], x, x + 0.1)
    agrees(dk.grad(lambda x: sum(np.sum(np.sin(y)) for y in f(x))), x, x + 0.1)
