"""In-place programs: values as plain NumPy gives them, derivatives as differences give them.

Every program below is ordinary NumPy.  Run on plain arrays it is the expected value; its
fourth-order central difference is the expected derivative.  Forward, reverse and recording
must agree with both, a second derivative with the difference of the first.
"""

import copy
import dataclasses
import functools
from collections import namedtuple

import numpy as np
import pytest
from numpy import copy as early_copy

import diffkit as dk
from diffkit import buffers
from diffkit.errors import LeakedTracerError, LostDerivativeError, MutationError
from diffkit.recording import record

X = np.array([0.7, -1.3, 2.1, 0.4])
M = np.array([[0.7, -1.3, 2.1], [0.4, 1.9, -0.6]])
PROGRAMS = []


def program(f):
    PROGRAMS.append(f)
    return f


def slope(f, x, direction, h=1e-3):
    """The directional derivative by differences of a function of plain arrays."""
    at = [np.asarray(f(x + k * h * direction)) for k in (-2, -1, 1, 2)]
    return (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * h)


# --- filling -----------------------------------------------------------------------------------

@program
def entries(x):
    z = np.zeros(4)
    for i in range(4):
        z[i] = x[i] ** 2
    return np.sum(z * np.arange(1.0, 5.0))


@program
def recurrence(x):
    z = np.empty(6)
    z[0], z[1] = x[0], x[1]
    for i in range(2, 6):
        z[i] = z[i - 1] * x[2] + np.sin(z[i - 2])
    return z[5] * z[4]


@program
def overwritten(x):
    z = np.zeros(3)
    z[0] = x[0] ** 2
    y = z * z
    z[0] = 5 * x[1]
    return np.sum(y) + np.sum(z**3)


@program
def saved_operand_is_the_old_one(x):
    y = x * x
    w = y * y
    y[0] = 5.0
    return np.sum(w) + np.sum(y**2)


@program
def slices(x):
    z = np.ones(8)
    z[2:6] = x
    z[::4] = x[1] * x[2]
    z[-1:] = x[3]
    return np.sum(z**3)


@program
def masks(x):
    z = np.zeros(4)
    z[x > 0.5] = x[x > 0.5] ** 2
    z[x < 0] = x[0]
    return np.sum(z * z * np.arange(1.0, 5.0))


@program
def index_arrays(x):
    z = np.zeros(5)
    z[[3, 1]] = x[:2] * x[2:]
    z[np.array([0, 4])] = x[3]
    return np.sum(np.exp(z))


@program
def repeated_index_the_last_one_wins(x):
    z = np.zeros(3)
    z[[0, 2, 0, 2, 0]] = np.array([x[0], x[1], x[2], x[3], 2 * x[0]]) ** 2
    return np.sum(z**2)


@program
def two_dimensional(x):
    z = np.zeros((3, 4))
    z[1] = x
    z[:, 2] = x[0] * x[1]
    z[2, 1:3] += x[2:]
    z[np.array([0, 1]), np.array([3, 3])] = x[:2] ** 2
    z[..., 0] = x[3]
    return np.sum(z**2 * np.arange(12.0).reshape(3, 4))


@program
def ellipsis_and_new_axes(x):
    z = np.zeros((2, 4))
    z[...] = x
    z[:, None, 1] = x[2]
    z[(1,)] *= x
    return np.sum(z**2)


@program
def augmented_items(x):
    z = np.ones(4)
    for k in range(6):
        z[k % 4] += x[k % 3] ** 2
        z[k % 4] *= x[3]
        z[(k + 1) % 4] -= np.sin(x[k % 4])
    z[1:] /= 1 + x[1:] ** 2
    z[:2] **= 2
    return np.sum(z)


@program
def full_of_traced(x):
    z = np.full((2, 3), x[0])
    z[0] = x[1:]
    w = np.full_like(z, 2.0)
    w[1, 1] = x[1]
    return np.sum(z * w)


@program
def like_functions(x):
    z = np.zeros_like(x)
    z[1:] = x[:-1] ** 2
    w = np.ones_like(x)
    w[0] = x[3]
    v = np.empty_like(x)
    v[:] = x * z
    return np.sum(z * w * v)


@program
def lists_are_assigned(x):
    z = np.zeros((2, 2))
    z[0] = [x[0], 2.0]
    z[1] = x[1], x[2] * x[3]
    return np.linalg.det(z)


@program
def zero_dimensional(x):
    z = np.zeros(())
    z[()] = x[0]
    z[...] += x[1]
    w = z
    w += x[2]
    return z * z


# --- views ---------------------------------------------------------------------------------------

@program
def view_of_a_buffer(x):
    z = np.zeros(4)
    z[:] = x
    v = z[1:]
    v *= 2
    return np.sum(z**2)


@program
def view_sees_the_write(x):
    y = x * 2
    v = y[:2]
    y[0] = x[3] ** 2
    return np.sum(v**3) + np.sum(y)


@program
def view_of_an_ordinary_value(x):
    y = x**2
    v = y[1:3]
    v += x[0]
    v[0] *= 3
    return np.sum(y**2)


@program
def views_of_views(x):
    y = np.sin(x)
    a = y.reshape(2, 2)
    b = a.T
    c = b[0]
    c[1] = x[0] * x[1]
    a[0] *= x[3]
    return np.sum(y**2) + c[0] * b[1, 1]


@program
def siblings(x):
    y = x * x
    a, b = y[:3], y[1:]
    del y
    a[1:] = x[3]
    return np.sum(b**2) + np.sum(a)


@program
def the_same_object(x):
    y = x * 2
    w = y
    w += 1
    w *= x
    return np.sum(y**2)


@program
def reshape_ravel_transpose(x):
    z = np.zeros((2, 2))
    z.reshape(-1)[3] = x[0]
    z.ravel()[1] = x[1]
    z.T[0, 1] = x[2]
    np.swapaxes(z, 0, 1)[0, 0] += x[3]
    return np.sum(np.exp(z) * np.array([[1.0, 2.0], [3.0, 4.0]]))


@program
def a_copy_is_no_view(x):
    y = x * x
    a, b, c, d = y.copy(), np.array(y), y.flatten(), y[[0, 1]]
    for w in (a, b, c, d):
        w[0] = 7.0
    e = y.T.reshape(2, 2).T.ravel()  # NumPy has to copy
    e[:] = 0.0
    return np.sum(y**2) + np.sum(a + b + c) + np.sum(d)


@program
def copies_of_buffers(x):
    z = np.zeros(4)
    z[:] = x
    a, b, c = z.copy(), copy.copy(z), copy.deepcopy(z)
    z[0] = 3.0
    a[1] = x[2]
    b *= 2
    return np.sum(z**2) + np.sum(a**2) + np.sum(b**3) + np.sum(c**2)


@program
def functions_that_copy(x):
    y = x * x
    for w in (np.clip(y, -9, 9), np.concatenate([y]), np.where(True, y, 0), np.roll(y, 0), np.sort(y),
              y.astype(float), np.positive(y), np.nan_to_num(y), np.tile(y, 1), np.atleast_2d(y)[[0]],
              np.take(y, [0, 1]), y.repeat(1), early_copy(y), np.round(y, 9), np.resize(y, 4), np.delete(y, [])):
        w[...] = 0.0
    return np.sum(y**2)


@program
def flipped_and_split(x):
    y = x + 0.5
    f = np.flip(y)
    f[0] = x[0] ** 2
    a, b = np.split(y, 2)
    a *= 3
    b[1:] = a[:1]
    return np.sum(y**3)


@program
def rows(x):
    z = np.zeros((3, 4))
    for k, row in enumerate(z):
        row[:] = x * (k + 1)
        row[k] = 0.0
    for row in z:
        row -= np.mean(row)
    return np.sum(z**3)


@program
def rows_of_an_ordinary_value(x):
    y = np.outer(x, x)
    for row in y:
        row /= 1 + np.sum(row**2)
    return np.sum(y * np.arange(16.0).reshape(4, 4))


@program
def flat(x):
    y = np.outer(x[:2], x[2:])
    y.flat[2] = x[0]
    y.T.flat[1:3] = [x[1], 2.0]
    total = np.sum(y**2)
    g = y.flat[0:2]  # a copy
    g[0] = 100.0
    y.flat = x
    return total + np.sum(y**3) + sum(v * v for v in y.flat)


@program
def diagonal_sees_writes(x):
    y = np.outer(x, x)
    d = np.diagonal(y)
    y[1, 1] = x[0] ** 3
    return np.sum(d**2)


@program
def overlapping(x):
    z = x * 1.0
    z[1:] = z[:-1]
    z[:2] += z[1:3]
    return np.sum(z**2 * np.arange(1.0, 5.0))


@program
def fortran_order(x):
    z = np.zeros((2, 2), order="F")
    z[0] = x[:2]
    v = z.ravel("K")
    v[1] = x[3]
    w = z.ravel()  # a copy
    w[:] = 9.0
    return np.sum(z**2 * np.array([[1.0, 2.0], [3.0, 4.0]]))


# --- operators ---------------------------------------------------------------------------------

@program
def numbers_are_rebound(x):
    t = x[0]
    s = t
    t += x[1]
    t *= t
    return t * s


@program
def in_place_operators(x):
    y = x * 1.0
    y += x
    y -= 0.5
    y *= y
    y /= 2 + x**2
    y **= 2
    y %= 7.0
    m = y.reshape(2, 2) * 1.0
    m @= np.array([[1.0, 2.0], [0.5, 1.0]])
    return np.sum(m**2)


@program
def accumulation(x):
    total = np.zeros(4)
    alias = total
    for k in range(3):
        total += x**k
    return np.sum(alias**2)


@program
def plain_then_traced(x):
    z = np.array([1.0, 2.0, 3.0, 4.0])
    z += 1
    z[0] = 10
    z *= x
    z[1] = x[0]
    return np.sum(z**2)


@program
def arithmetic_of_plain_buffers(x):
    z = np.linspace(0, 1, 4) * 2 + np.eye(4)[1]
    z[2] = x[1]
    return np.sum(z * x)


@program
def argument_is_written(x):
    x[0] = 3.0
    x[1:] *= x[:-1]
    return np.sum(x**2)


# --- methods and functions ---------------------------------------------------------------------

@program
def methods(x):
    y = x * x
    y.fill(x[0])
    z = x * 2
    z.sort()
    z[::-1].sort()
    w = x * 3
    w.put([0, 5], [x[1] ** 2, x[2]], mode="wrap")
    p = x + 1
    p.partition(2)
    return np.sum(y**2) + np.sum(z * np.arange(4.0)) + np.sum(w**2) + p[2] ** 2


@program
def writing_functions(x):
    z = np.zeros((3, 3))
    np.fill_diagonal(z, x[0] ** 2)
    np.put(z, [1, 2], x[:2])
    np.copyto(z[2], x[1:])
    np.copyto(z, x[3], where=z > 1.5)
    np.place(z, z == 0, [x[1], 1.0])
    np.putmask(z, z < -1, z * x[2])
    np.put_along_axis(z, np.array([[0], [1], [0]]), x[:3, None] ** 2, axis=1)
    return np.sum(z**2 * np.arange(1.0, 10.0).reshape(3, 3))


@program
def add_at(x):
    z = np.zeros(3)
    np.add.at(z, [0, 1, 0, 2], x**2)
    np.subtract.at(z, np.array([0, 0]), x[:2])
    np.add.at(z, 1, x[3])
    y = x * 1.0
    np.add.at(y[1:], [0, 0], x[0])
    np.multiply.at(z, [0, 0, 1], x[1:])
    np.maximum.at(z, [2], x[2] * 3)
    np.negative.at(z, [1, 1, 0])
    return np.sum(z**2) + np.sum(y**3)


@program
def outputs(x):
    z = np.zeros(4)
    np.multiply(x, 2, out=z)
    np.exp(z, out=z)
    np.add(z, x, z)
    w = np.zeros(2)
    np.sum(z.reshape(2, 2), axis=0, out=w)
    np.cumsum(w, out=w)
    y = x * 1.0
    np.clip(y, -1, 1, out=y)
    np.add.accumulate(y, out=y)
    return np.sum(w**2) + np.sum(y**2) + np.sum(z)


@program
def masked_output(x):
    y = np.where(x > 0, x, 0.0)
    ratio = np.divide(x, y, out=np.zeros_like(x), where=y != 0)
    root = np.sqrt(x, out=np.ones(4), where=x > 0)
    return np.sum(ratio * root * x)


@program
def real_and_imaginary(x):
    z = np.zeros(4, complex)
    z.real = x
    z.imag[1:] = x[:-1] ** 2
    z.real[0] *= x[1]
    v = z[2:].imag
    v += 1
    w = (x + 1j * x**2) * 1.0
    w.imag[0] = x[3]
    return np.sum(np.abs(z) ** 2) + np.sum((z**2).imag) + np.sum(np.real(w**2))


# --- Python --------------------------------------------------------------------------------------

class Model:
    def __init__(self, n):
        self.state = np.zeros(n)

    def step(self, u):
        self.state[1:] = self.state[:-1]
        self.state[0] = u * u


@program
def classes(x):
    model = Model(3)
    for u in x:
        model.step(u)
    return np.sum(model.state**2)


@program
def lists_and_builtins(x):
    parts = []
    for v in x:
        parts.append(v * v)
    a = np.stack(parts)
    b = np.array(parts[1:])
    product = functools.reduce(lambda p, q: p * q, parts)
    return np.sum(a) * sum(parts) + max(parts) * min(b) + product


@program
def recursion(x):
    def power(t, n):
        return np.ones_like(t) if n == 0 else t * power(t, n - 1)
    return np.sum(power(x, 3))


@program
def generators(x):
    z = np.fromiter((v * x[0] for v in x), float)
    z[0] = 1.0
    return np.sum(z**2)


@program
def vectorized(x):
    clip = np.vectorize(lambda a, b: a * a if a > b else b * np.sin(a))
    return np.sum(clip(x, 0.5) * clip(x[0], np.array([0.1, 0.2, 0.3, 0.4])))


@program
def integers_and_masks_stay_plain(x):
    order = np.zeros(4, int)
    order[:] = np.argsort(np.array([3, 1, 0, 2]))
    chosen = np.ones(4, bool)
    chosen[1] = False
    count = np.array([0, 2])
    return np.sum(x[order] * X) + np.sum(x[chosen] ** 2) + np.sum(X[count] * x[count]) + x[np.arange(4)[2]]


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_program(f):
    expected = f(X.copy())
    direction = np.array([0.3, -0.8, 0.5, 0.9])
    first = slope(lambda x: f(x.copy()), X, direction)
    value, gradient = dk.value_and_grad(f)(X)
    assert np.allclose(value, expected, rtol=1e-14, atol=0)
    assert gradient @ direction == pytest.approx(first, rel=1e-8, abs=1e-8)
    value, tangent = dk.jvp(f, (X,), (direction,))
    assert np.allclose(value, expected, rtol=1e-14, atol=0)
    assert tangent == pytest.approx(first, rel=1e-8, abs=1e-8)
    tape = record(f, [X], lambda leaves: (tuple(leaves), {}), ["x"])
    assert np.allclose(tape.output.value, expected, rtol=1e-14, atol=0)
    second = slope(dk.grad(f), X, direction)
    for way in (lambda x: dk.jvp(dk.grad(f), (x,), (direction,))[1],
                lambda x: dk.grad(lambda x: np.sum(dk.grad(f)(x) * direction))(x),
                lambda x: dk.grad(lambda x: dk.jvp(f, (x,), (direction,))[1])(x)):
        assert np.allclose(way(X), second, rtol=1e-7, atol=1e-7)
    assert np.array_equal(X, [0.7, -1.3, 2.1, 0.4])


# --- counted, not timed ---------------------------------------------------------------------------

def fill_by_items(x):
    z = np.zeros(len(x))
    z[0] = x[0]
    for i in range(1, len(x)):
        z[i] = z[i - 1] * x[i]
        z[i] += x[i]
    return z[-1]


def fill_through_a_view(x):
    z = np.zeros(len(x))
    v = z[1:]
    for i in range(len(x) - 1):
        v[i] = z[i] * x[i]
        z[i] += x[i]
    return np.sum(z)


def fill_by_rows(x):
    z = np.zeros((len(x) // 4, 4))
    for k, row in enumerate(z):
        row[:] = x[4 * k:4 * k + 4]
        row *= 2
    return np.sum(z**2)


MODES = {
    "reverse": lambda f, x: dk.grad(f)(x),
    "forward": lambda f, x: dk.jvp(f, (x,), (np.ones_like(x),))[1],
    "forward over reverse": lambda f, x: dk.hvp(f, x, np.ones_like(x)),
    "reverse over reverse": lambda f, x: dk.grad(lambda x: np.sum(dk.grad(f)(x)))(x),
}


@pytest.mark.parametrize("f", [fill_by_items, fill_through_a_view, fill_by_rows])
@pytest.mark.parametrize("mode", MODES)
def test_the_entries_copied_grow_with_the_number_of_writes(monkeypatch, f, mode):
    """Entries allocated by np.array, zeros and copy in diffkit: for n writes O(n), not O(n²)."""
    entries = []

    class Counting:
        def __getattr__(self, name):
            original = buffers.ORIGINALS.get(name) or getattr(np, name)
            if name not in ("array", "zeros", "zeros_like", "empty", "empty_like", "arange", "full"):
                return original

            def counted(*args, **kwargs):
                result = original(*args, **kwargs)
                entries.append(getattr(result, "size", 0))
                return result
            return counted

    from diffkit import reverse
    from diffkit.buffers import handles, store
    from diffkit.rules import indexing, kinds, writing
    for module in (store, handles, reverse, writing, indexing, kinds):
        monkeypatch.setattr(module, "np", Counting())
    counts = []
    for n in (64, 128, 256):
        entries.clear()
        MODES[mode](f, np.linspace(0.5, 1.0, n))
        counts.append(sum(entries))
    assert counts[2] - counts[1] < 2.2 * (counts[1] - counts[0]) + 64, counts


# --- nesting and what outlives a run --------------------------------------------------------------

def test_a_write_inside_an_inner_function_does_not_reach_what_was_saved_before():
    def f(x):
        y = x * 2

        def inner(t):
            product = t * y       # inner's tape keeps y as it is now
            y[0] = 5.0
            return np.sum(product * y)
        return np.sum(dk.grad(inner)(x * 1.0)) + np.sum(y**2)

    def functional(x):
        before, after = x * 2, np.concatenate([[5.0], 2 * x[1:]])
        return np.sum(before * after) + np.sum(after**2)
    assert dk.grad(f)(X) == pytest.approx(dk.grad(functional)(X), rel=1e-14)
    assert dk.grad(f, method="forward")(X) == pytest.approx(dk.grad(functional)(X), rel=1e-14)


def test_the_argument_of_an_inner_transform_is_another_array():
    def f(x):
        y = x * 2

        def inner(t):
            y[0] = 7.0
            t[1] = 1.0
            return np.sum(t**2 * y)
        return np.sum(dk.grad(inner)(y)) + np.sum(y)

    def functional(x):
        after = np.concatenate([[7.0], 2 * x[1:]])
        gradient = 4 * x * after * np.array([1.0, 0.0, 1.0, 1.0])
        return np.sum(gradient) + np.sum(after)
    assert dk.grad(f)(X) == pytest.approx(dk.grad(functional)(X), rel=1e-14)


def test_writing_to_a_result_of_vjp_does_not_change_its_pullback():
    out, pullback = dk.vjp(np.exp, X)
    out[:] = 0.0
    assert np.array_equal(pullback(np.ones(4))[0], np.exp(X))

    def f(x):
        out, pullback = dk.vjp(np.exp, x)
        out *= 3.0
        return np.sum(pullback(out)[0])       # 3 exp(2 x)
    assert dk.grad(f)(X) == pytest.approx(6 * np.exp(2 * X), rel=1e-14)


def test_buffers_as_arguments_tangents_and_cotangents_of_inner_transforms():
    def f(x):
        z = np.zeros(4)
        z[:] = x**2
        v = z[::-1]
        tangent = dk.jvp(np.sin, (z,), (v,))[1]
        (cotangent,) = dk.vjp(np.exp, v)[1](z)
        return np.sum(tangent) + np.sum(cotangent) + np.sum(dk.grad(lambda t: np.sum(t**3))(z))
    check_first_order(f)


def check_first_order(f):
    direction = np.array([0.3, -0.8, 0.5, 0.9])
    expected = slope(lambda x: f(x.copy()), X, direction)
    assert dk.grad(f)(X) @ direction == pytest.approx(expected, rel=1e-8)
    assert dk.jvp(f, (X,), (direction,))[1] == pytest.approx(expected, rel=1e-8)


def test_an_inner_value_in_an_outer_buffer_ends_with_the_inner_run():
    def f(x):
        z = np.zeros(2)
        z[0] = x[0] * x[1]

        def inner(t):
            z[1] = t[0] ** 2
            return z[0] * z[1]
        return dk.grad(inner)(x)[0] + z[0]
    with pytest.raises(LeakedTracerError):
        dk.grad(f)(X)

    def fits(x):
        z = np.zeros(2)

        def inner(t):
            w = z.copy()
            w[1] = t[0] ** 2
            return (x[0] * x[1] + w[0]) * w[1]
        slope = dk.grad(inner)(x)[0]
        z[0] = slope
        return z[0] + z[1]
    assert dk.grad(fits)(X)[1] == pytest.approx(2 * X[0] ** 2, rel=1e-14)


def test_a_buffer_that_outlives_its_run_is_a_leak():
    kept = []

    def f(x):
        z = np.zeros(4)
        z[:] = x
        kept.append(z)
        return np.sum(z)
    dk.grad(f)(X)
    for use in (lambda z: z + 1, lambda z: z[0], lambda z: z.__setitem__(0, 1.0)):
        with pytest.raises(LeakedTracerError):
            use(kept[0])


def test_a_plain_table_may_outlive_the_run():
    cache = {}

    def f(x):
        if "table" not in cache:
            cache["table"] = np.linspace(0.0, 1.0, 4)
        return np.sum(cache["table"] * x)
    for _ in range(2):
        assert np.allclose(dk.grad(f)(X), [0, 1 / 3, 2 / 3, 1])
    assert type(cache["table"] * 2) is np.ndarray
    assert np.array_equal(np.asarray(cache["table"]), np.linspace(0, 1, 4))


def test_the_callers_arrays_are_untouched():
    x, other = X.copy(), np.ones(4)

    def f(x, other):
        x *= other
        x[:2] = 0.0
        x.sort()
        y = np.array(other)
        y += x
        return np.sum(x**2) + np.sum(y)
    g = dk.grad(f)(x, other)
    assert np.array_equal(x, X) and np.array_equal(other, np.ones(4))
    assert np.allclose(g, [0, 0, 2 * X[2] + 1, 2 * X[3] + 1])


Point = namedtuple("Point", "position velocity")


@dataclasses.dataclass
class Body:
    position: np.ndarray
    velocity: np.ndarray


@pytest.mark.parametrize("kind", [Point, Body])
def test_containers_of_arrays_that_are_written_to(kind):
    def step(body):
        for k in range(3):
            body.velocity[k % 2] -= 0.1 * body.position[k % 2]
            np.add(body.position, body.velocity, out=body.position)
        return kind(body.position, body.velocity[::-1])

    def energy(body):
        return np.sum(body.position**2) + body.velocity[0]

    def plain(v):
        return energy(step(kind(v[:2].copy(), v[2:].copy())))
    g = dk.grad(lambda body: energy(step(body)))(kind(X[:2], X[2:]))
    assert type(g) is kind
    expected = [slope(plain, X, e) for e in np.eye(4)]
    assert np.allclose(np.concatenate([g.position, g.velocity]), expected, rtol=1e-9)
    out, tangent = dk.jvp(step, (kind(X[:2], X[2:]),), (kind(X[:2], X[2:]),))
    assert type(out) is type(tangent) is kind and type(out.position) is np.ndarray


# --- refusals -------------------------------------------------------------------------------------

PLAIN = np.zeros(4)


def plus_equals(x):
    z = PLAIN
    z += x
    return np.sum(z)


def slice_of_plain(x):
    PLAIN[1:3] = x[1:3]
    return np.sum(PLAIN)


def item_of_plain(x):
    PLAIN[0] = x[0]
    return np.sum(PLAIN)


def mask_of_plain(x):
    PLAIN[PLAIN == 0] = x[0]
    return np.sum(PLAIN)


@pytest.mark.parametrize("f", [
    plus_equals, slice_of_plain, item_of_plain, mask_of_plain, lambda x: np.add.at(PLAIN, [0], x[:1]),
    lambda x: np.multiply(x, 2, out=PLAIN), lambda x: np.copyto(PLAIN, x), lambda x: np.put(PLAIN, [0], x[0]),
    lambda x: np.place(PLAIN, PLAIN == 0, x), lambda x: np.putmask(PLAIN, PLAIN == 0, x),
    lambda x: np.put_along_axis(PLAIN, np.array([0]), x[:1], 0), lambda x: np.sum(x, axis=0, out=PLAIN[0:1]),
    lambda x: np.fill_diagonal(PLAIN.reshape(2, 2), x[0]), lambda x: PLAIN.fill(x[0]),
    lambda x: setattr(PLAIN, "flat", x)], ids=range(15))
def test_a_plain_array_made_outside_refuses_traced_values(f):
    for method in ("reverse", "forward"):
        with pytest.raises(dk.errors.DiffkitError, match=r"[\s\S]*at .*test_buffers.py:\d+") as caught:
            dk.grad(f, method=method)(X)
        assert isinstance(caught.value, (MutationError, LostDerivativeError, TypeError))
    assert np.array_equal(PLAIN, np.zeros(4))


def test_the_refusal_names_line_rewrite_and_causes():
    with pytest.raises(MutationError) as caught:
        dk.grad(plus_equals)(X)
    message = str(caught.value)
    line = plus_equals.__code__.co_firstlineno + 2
    assert f"test_buffers.py:{line}" in message
    assert "z = z + x" in message and "np.zeros" in message and "from numpy import zeros" in message


def test_numpys_own_errors_come_through():
    def diagonal(x):
        np.diagonal(np.outer(x, x))[0] = 1.0

    def number(x):
        x[0][0] = 1.0

    def too_large(x):
        x += np.ones((2, 4))

    def casting(x):
        x += 1j

    def outside(x):
        np.zeros(3)[5] = x[0]

    def mismatch(x):
        np.zeros(3)[:] = x

    def empty(x):
        np.place(x * 1.0, X > 0, [])
    for f in (diagonal, number, too_large, casting, outside, mismatch, empty):
        with pytest.raises((ValueError, TypeError, IndexError)) as expected:
            f(X.copy())
        with pytest.raises(type(expected.value).__mro__[-3]) as found:
            dk.grad(f)(X)
        assert not isinstance(found.value, dk.errors.DiffkitError)


def test_numbers_that_would_lose_the_derivative_are_refused():
    import math
    for f in (lambda x: math.sin(x[0]), lambda x: float(x[0]), lambda x: x[0].item(), lambda x: complex(x[0]),
              lambda x: math.fsum([x[0]]), lambda x: {x[0]: 1}, lambda x: (x * 2).view(np.int64)):
        with pytest.raises(LostDerivativeError, match=r"test_buffers.py"):
            dk.grad(f)(X)
    # What has none to lose is answered.
    assert dk.grad(lambda x: x[int(np.argmax(x))] * float(np.argmax(x)) * np.ones(2)[1].item())(X)[2] == 2.0
    assert dk.grad(lambda x: x[0] * math.sin(np.full(3, 0.5)[0]))(X)[0] == math.sin(0.5)


def test_integers_truncate_as_in_numpy():
    def f(x):
        z = np.zeros(2, int)
        z[0] = x[2]
        return z[0] * x[0]
    assert f(X) == 2 * 0.7
    assert np.array_equal(dk.grad(f)(X), [2, 0, 0, 0])
