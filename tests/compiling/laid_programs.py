"""Random programs of broadcasts, reductions, views and writes, on arrays in all memory orders."""

import numpy as np
from hypothesis import strategies as st

SIZES = {"a": 4, "b": 3, "c": 5}
SHAPES = ["abc", "a1c", "ab1", "bc", "1bc", "c", "ac", "a", "ba"]


def laid(rng, shape, kind):
    """An array in one of many memory orders."""
    axes = rng.permutation(len(shape))
    values = rng.uniform(-1, 1, [shape[i] * (2 if kind == "gaps" else 1) for i in axes])
    if kind == "gaps":
        values = values[tuple(slice(None, None, 2) for _ in shape)]
    if kind == "backwards":
        values = values[(slice(None, None, -1),) * len(shape)]
    values = values.transpose(np.argsort(axes))
    return np.ascontiguousarray(values) if kind == "plain" else values


@st.composite
def instructions(draw):
    """Lines of a program on a stack of values."""
    lines = []
    names = draw(st.sampled_from([NAMES, ["add", "subtract", "multiply", "two sums", "sum of product", "transpose"]]))
    for _ in range(draw(st.integers(3, 12))):
        lines.append((draw(st.sampled_from(names)), draw(st.integers(0, 50)), draw(st.integers(0, 50)),
                      draw(st.integers(0, 5))))
    return lines


def fitting(x, values, choice):
    """One of the values that broadcasts with x to no more than three axes of the usual sizes."""
    found = []
    for value in values:
        try:
            shape = np.broadcast_shapes(x.shape, value.shape)
        except ValueError:
            continue
        if len(shape) <= 3:
            found.append(value)
    return found[choice % len(found)]


def written(x, y):
    z = x * 1.0
    z[..., -1] += np.sum(y)
    z[:1] = z[:1] * 0.5
    return z


OPERATIONS = {
    "add": lambda x, y, n: x + y, "subtract": lambda x, y, n: x - y, "multiply": lambda x, y, n: x * y,
    "twice": lambda x, y, n: x * y + x * y, "divide": lambda x, y, n: x / (2.0 + np.tanh(y)),
    "square": lambda x, y, n: x ** 2, "negative": lambda x, y, n: -x, "exp": lambda x, y, n: np.exp(-x * x),
    "sum": lambda x, y, n: np.sum(x, axis=n % x.ndim) if x.ndim else x,
    "kept sum": lambda x, y, n: np.sum(x, axis=n % x.ndim, keepdims=True) if x.ndim else x,
    "sum of product": lambda x, y, n: np.sum(x * y * y, axis=n % x.ndim, keepdims=True) if x.ndim else x,
    "two sums": lambda x, y, n: np.sum(-0.5 * (x * y), axis=0) + np.sum((x - y) * y, axis=0) if x.ndim else x,
    "max": lambda x, y, n: np.max(x, axis=n % x.ndim, keepdims=True) if x.ndim else x,
    "where": lambda x, y, n: np.where(y > 0, x, y),
    "transpose": lambda x, y, n: x.T, "reshape": lambda x, y, n: x.reshape(x.shape[::-1]),
    "flat": lambda x, y, n: x.reshape(-1), "reversed": lambda x, y, n: x[::-1] if x.ndim else x,
    "row": lambda x, y, n: x[0] if x.ndim else x, "product": lambda x, y, n: np.tanh(x @ x.swapaxes(-1, -2))
    if x.ndim > 1 else x,
    "cumulative": lambda x, y, n: np.cumsum(x, axis=n % x.ndim) / 5 if x.ndim else x,
    "written": lambda x, y, n: written(x, y) if x.ndim else x,
}
NAMES = sorted(OPERATIONS)


def program(lines):
    def f(*inputs):
        values = list(inputs)
        for name, i, j, n in lines:
            x = values[i % len(values)]
            values.append(OPERATIONS[name](x, fitting(x, values, j), n))
        return [values[-1], values[len(inputs)], np.tanh(values[-2])]
    return f


def close(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        room = 1e-12 * max(1.0, np.max(np.abs(b), initial=0))
        np.testing.assert_allclose(a, b, rtol=0, atol=room)


def memory_order(a):
    return [stride for stride, size in zip(np.asarray(a).strides, np.shape(a)) if size > 1]
