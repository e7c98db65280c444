"""Namedtuples, deques and other sequences of traced values are arrays where lists are."""

import collections
import typing

import numpy as np
import pytest

import diffkit as dk

X = np.array([0.7, -1.2, 0.4])


class Point(typing.NamedTuple):
    a: object
    b: object


class Own(list):
    pass


MAKERS = {
    "namedtuple": lambda x: Point(x[0], x[1] * 2), "deque": lambda x: collections.deque([x[0], x[1] * 2], maxlen=2),
    "list of its own kind": lambda x: Own([x[0], x[1] * 2]), "UserList": lambda x: collections.UserList(list(x)),
    "namedtuple of arrays": lambda x: Point(x, x * x), "namedtuples": lambda x: [Point(x[0], 1.0), Point(2.0, x[1])],
    "buffer beside a list": lambda x: Point(np.zeros(2) + x[0], [x[1], x[2]]),
}
USES = {
    "array": lambda s: np.array(s), "asarray": lambda s: np.asarray(s, dtype=float) * 2, "sum": lambda s: np.sum(s),
    "mean over an axis": lambda s: np.mean(s, axis=0), "norm": lambda s: np.linalg.norm(s),
    "max": lambda s: np.max(s), "outer": lambda s: np.outer(s, s), "assigned": lambda s: assigned(s),
}


def assigned(s):
    z = np.zeros((2, *np.shape(np.array(s))))
    z[1] = s
    return z


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("method", ["forward", "reverse"])
def test_sequences_are_arrays_where_lists_are(make, use, method):
    def f(x):
        return USES[use](MAKERS[make](x))

    columns = []
    for unit in np.eye(3) * 2.0 ** -10:
        near, far = ((f(X + k * unit) - f(X - k * unit)) / (k * 2.0 ** -9) for k in (1, 2))
        columns.append((4 * near - far) / 3)
    found = dk.jacobian(f, method=method)(X)
    np.testing.assert_allclose(found, np.stack(columns, axis=-1), rtol=1e-9, atol=1e-9)
