"""Random in-place programs: whatever is written through whichever view, diffkit and NumPy agree.

A program is a sequence of random operations on a pool of arrays (views of each other, copies,
buffers): indexing, writes, in-place operators, ``out=``, ``np.put``, ``np.add.at``, sorting.
NumPy runs it on plain arrays; forward and reverse must take the same path (the same errors
too), give the same value, and the central difference as derivative.
"""

import random

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import DiffkitError

# No sum or difference of these is one of them: sorting meets no ties.
X = np.array([0.71343, -0.42571, 1.273914, 0.35726])
DIRECTION = np.array([0.3, -0.8, 0.5, 0.9])
START = [
    lambda x: [], lambda x: [np.zeros((2, 3), order="F")], lambda x: [x.reshape(2, 2).T * 1.0],
    lambda x: [np.full((2, 2), x[0])], lambda x: [np.outer(x, x)[::2]], lambda x: [np.full((2, 3), 0.2)]]


def some_index(draw, a):
    """An index of any kind."""
    n = a.shape[0]
    return [draw.randrange(n), slice(*sorted((draw.randrange(n + 1), draw.randrange(n + 1)))), slice(None, None, -1),
            [draw.randrange(n) for _ in range(draw.randrange(1, 4))],
            np.array([bool(draw.randrange(2)) for _ in range(n)]), tuple(draw.randrange(m) for m in a.shape),
            (Ellipsis, draw.randrange(a.shape[-1]))][draw.randrange(7)]


def assign(a, index, value):
    a[index] = value


def add(a, index, value):
    a[index] += value


def scale(a, factor):
    a *= factor


def join(a, b):
    a += b


def center(a):
    a -= a.mean()


def set_flat(a, k, value):
    a.flat[k] = value


def write_rows(a, value):
    for row in a:
        row[...] = row * 0.5 + value


#: Each takes the generator, the pool's array a, another b, and x; an array that it returns joins the pool.
STEPS = [
    lambda r, a, b, x: np.zeros(r.choice([(4,), (2, 2), (2, 3), (6,)])),
    lambda r, a, b, x: a[some_index(r, a)], lambda r, a, b, x: a.T, lambda r, a, b, x: a.reshape(-1),
    lambda r, a, b, x: a.ravel(), lambda r, a, b, x: np.sin(a), lambda r, a, b, x: a.copy(),
    lambda r, a, b, x: np.flip(a), lambda r, a, b, x: a.reshape(2, -1),
    lambda r, a, b, x: a.reshape(2, -1, order="F"), lambda r, a, b, x: np.split(a, 2)[r.randrange(2)],
    lambda r, a, b, x: np.array([a.sum(), x[3], 1.0]), lambda r, a, b, x: a + b, lambda r, a, b, x: a[None],
    lambda r, a, b, x: np.squeeze(a), lambda r, a, b, x: np.asarray(a), lambda r, a, b, x: np.atleast_2d(a),
    lambda r, a, b, x: np.ascontiguousarray(a), lambda r, a, b, x: np.diagonal(a),
    lambda r, a, b, x: assign(a, some_index(r, a), r.choice([0.5, x[r.randrange(4)]])),
    lambda r, a, b, x: assign(a, i := some_index(r, a), b[i] * 0.5), lambda r, a, b, x: assign(a, Ellipsis, b),
    lambda r, a, b, x: add(a, some_index(r, a), x[0]), lambda r, a, b, x: scale(a, r.choice([0.7, 1.3])),
    lambda r, a, b, x: join(a, b), lambda r, a, b, x: center(a), lambda r, a, b, x: write_rows(a, x[0]),
    lambda r, a, b, x: set_flat(a, r.randrange(a.size), x[2]), lambda r, a, b, x: a.fill(x[1]),
    lambda r, a, b, x: a.sort() if len(set(dk.value(a).ravel().tolist())) == a.size else None,
    lambda r, a, b, x: None if np.multiply(a, 0.9, out=b) is b else pytest.fail("out= gives another array"),
    lambda r, a, b, x: np.copyto(a, b), lambda r, a, b, x: np.put(a, [0, 1], x[:2], mode="wrap"),
    # (np.add.at writes into read-only views too, in NumPy)
    lambda r, a, b, x: np.add.at(a, some_index(r, a), x[1]) if a.flags.writeable else None,
]


def program(seed, length=14):
    def run(x):
        draw = random.Random(seed)
        path.clear()
        pool = [x, x * 1.0, *draw.choice(START)(x)]
        for _ in range(length):
            a, b = draw.choice(pool), draw.choice(pool)
            number = draw.randrange(len(STEPS))
            try:
                made = STEPS[number](draw, a, b, x)
                path.append(number)
            except (ValueError, IndexError, TypeError) as error:
                assert not isinstance(error, DiffkitError), error
                path.append((number, "refused by NumPy"))
                made = None
            if isinstance(made, np.ndarray) and made.ndim and made.size:
                pool.append(made)
            if len(pool) > 7:
                del pool[draw.randrange(1, len(pool))]
        return sum(np.sum(np.tanh(a)) * (k + 1.3) for k, a in enumerate(pool))
    path = run.path = []
    return run


@pytest.mark.parametrize("first", range(0, 300, 20))
def test_random_programs(first):
    for seed in range(first, first + 20):
        f = program(seed)

        def start(v, seed=seed):
            return v[::-1].copy()[::-1] if seed % 3 == 0 else v.copy()  # reversed memory for one in three
        value, path = f(start(X)), list(f.path)
        difference = (f(start(X + 1e-6 * DIRECTION)) - f(start(X - 1e-6 * DIRECTION))) / 2e-6
        found, gradient = dk.value_and_grad(f)(start(X))
        assert f.path == path, seed
        again, tangent = dk.jvp(f, (start(X),), (DIRECTION,))
        assert f.path == path, seed
        assert np.allclose([found, again], value, rtol=1e-12, atol=1e-12), seed
        assert np.allclose(gradient @ DIRECTION, tangent, rtol=1e-9, atol=1e-10), seed
        assert np.allclose(tangent, difference, rtol=1e-5, atol=1e-6), seed
