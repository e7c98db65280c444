"""Every function of NumPy's that shares memory with its argument does so for traced values: written to, both change.

What a program does is what NumPy does with plain arrays; its derivative is a plain central
difference, which is exact up to rounding since no program is more than quadratic.
"""

import warnings

import numpy as np
import pytest

import diffkit as dk
from diffkit.buffers.functions import LIKES, VIEWS
from diffkit.errors import MutationError, UnsupportedArgumentError

X = np.array([[0.5, -1.1, 0.3], [1.2, 0.8, -0.6], [0.1, 1.7, 0.9]])
V = np.cos(np.arange(9.0)).reshape(3, 3)
windows = np.lib.stride_tricks.sliding_window_view

#: name -> (the call, and whether it may be written to)
SHARED = {
    "einsum_transposed": (lambda z: np.einsum("ij->ji", z), True),
    "einsum_diagonal": (lambda z: np.einsum("ii->i", z), True),
    "einsum_lists": (lambda z: np.einsum(z, [0, 0], [0]), True),
    "einsum_one_list": (lambda z: np.einsum(z, [1, 0]), True),
    "einsum_implicit": (lambda z: np.einsum("ba", z), True),
    "einsum_ellipsis": (lambda z: np.einsum("... i -> i ...", z), True),
    "einsum_optimized": (lambda z: np.einsum("ij->ji", z, optimize=True), True),
    "broadcast_arrays": (lambda z: np.broadcast_arrays(z, z[0])[0], True),
    "broadcast_arrays_row": (lambda z: np.broadcast_arrays(z, z[0])[1], False),
    "meshgrid_sparse": (lambda z: np.meshgrid(z[0], z[1], copy=False, sparse=True)[0], True),
    "meshgrid": (lambda z: np.meshgrid(z[0], z[1], copy=False)[1], False),
    "atleast_1d_of_two": (lambda z: np.atleast_1d(z, z[1])[1], True),
    "atleast_3d_of_two": (lambda z: np.atleast_3d(z, z[0])[0], True),
    "astype_function": (lambda z: np.astype(z, z.dtype, copy=False), True),
    "astype_method": (lambda z: z.astype(float, copy=False), True),
    "trim_zeros": (lambda z: np.trim_zeros(z[0]), True),
    "sliding_window_view": (lambda z: windows(z, 2, axis=0), False),
    "view": (lambda z: z.view(), True),
    "view_of_type": (lambda z: z.view(np.ndarray), True),
    "view_of_dtype": (lambda z: z.view(float), True),
    "diff_of_order_0": (lambda z: np.diff(z, 0), True),
    "polyder_of_order_0": (lambda z: np.polyder(z[0], 0), True),
    "polyint_of_order_0": (lambda z: np.polyint(z[0], m=0), True),
    "matrix_power_1": (lambda z: np.linalg.matrix_power(z, 1), True),
    "nan_to_num": (lambda z: np.nan_to_num(z, copy=False), True),
    "diagonal": (lambda z: np.linalg.diagonal(z), False),
    "broadcast_to": (lambda z: np.broadcast_to(z, (2, 3, 3)), False),
    "reshape": (lambda z: z.reshape(-1), True),
    "reshape_of_transposed": (lambda z: z.T.reshape(-1), True),
    "ravel_in_memory_order": (lambda z: z.T.ravel(order="K"), True),
    "moveaxis": (lambda z: np.moveaxis(z[None], 0, 1), True),
    "rot90": (lambda z: np.rot90(z), True),
    "array_without_copy": (lambda z: np.array(z, copy=None, ndmin=3), True),
    "hsplit": (lambda z: np.hsplit(z, [1])[1], True),
    "real": (lambda z: np.real(z), True),
    "copies": (lambda z: np.einsum("ij->i", z), True),
    "delete": (lambda z: np.delete(z, 1, 0), True),
    "diff": (lambda z: np.diff(z), True),
}
WRITEABLE = [name for name, (_, writeable) in SHARED.items() if writeable]


def view_written(call, z, x):
    w = call(z)
    w *= 2.0
    w[...] = w + x[0, 0]
    return z


def base_written(call, z, x):
    w = call(z)
    z *= x[0, 0]
    z[1] = x[2]
    return w * 1.0


def check(program, name, make):
    call = SHARED[name][0]

    def f(x):
        return program(call, make(x), x)

    step = 2.0 ** -10
    expected = (f(X + step * V) - f(X - step * V)) / (2 * step)
    value, tangent = dk.jvp(f, (X,), (V,))
    np.testing.assert_allclose(value, f(X), rtol=1e-13)
    np.testing.assert_allclose(tangent, expected, rtol=1e-9, atol=1e-9)
    value, pull = dk.vjp(f, X)
    np.testing.assert_allclose(value, f(X), rtol=1e-13)
    weights = np.sin(np.arange(1.0, value.size + 1)).reshape(value.shape)
    np.testing.assert_allclose(np.sum(pull(weights)[0] * V), np.sum(weights * expected), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", WRITEABLE)
def test_what_is_written_to_a_view_is_in_the_array(name):
    check(view_written, name, lambda x: x * 1.5)
    check(view_written, name, lambda x: np.ones((3, 3)))


@pytest.mark.parametrize("name", SHARED)
def test_what_is_written_to_the_array_is_in_its_view(name):
    check(base_written, name, lambda x: x * 1.5)
    check(base_written, name, lambda x: np.ones((3, 3)))


@pytest.mark.parametrize("name", [name for name in SHARED if name not in WRITEABLE])
def test_views_that_repeat_entries_are_not_written_to(name):
    for make in (lambda x: x * 1.5, lambda x: np.ones((3, 3))):
        with pytest.raises(ValueError, match="read-only"):
            dk.jvp(lambda x, make=make: view_written(SHARED[name][0], make(x), x), (X,), (V,))


def test_a_function_of_lanes_may_write_to_them():
    def f(x):
        z = np.full((3, 3), 0.5)
        np.apply_along_axis(lambda lane: lane.__imul__(x[0, 0]).sum(), 0, z[:2])
        return z * x

    step = 2.0 ** -10
    expected = (f(X + step * V) - f(X - step * V)) / (2 * step)
    np.testing.assert_allclose(dk.jvp(f, (X,), (V,))[1], expected, rtol=1e-9, atol=1e-9)


def test_bits_and_windows_that_would_not_follow_are_refused():
    with pytest.raises(UnsupportedArgumentError, match="writeable=True"):
        dk.grad(lambda x: np.sum(windows(np.zeros(4) + x, 2, writeable=True)))(1.0)

    def bits(x):
        z = np.zeros(3)
        w = z.view(np.int64)
        z[0] = x
        return np.sum(z) + w[0]

    with pytest.raises(MutationError, match="plain array is still in use"):
        dk.grad(bits)(1.0)


def test_no_function_that_shares_memory_is_forgotten(tmp_path, monkeypatch):
    """NumPy's functions are called in a few ways each; those whose results share memory are known here."""
    monkeypatch.chdir(tmp_path)  # some of them write files
    ways = [(), (1,), (0,), ((1, 0),), (0, 1), (float,), (1, 0), ((3, 3),)]
    forgotten, seen = set(), 0
    for module in (np, np.linalg, np.lib.stride_tricks):
        for name in dir(module):
            function = getattr(module, name)
            if (not hasattr(function, "_implementation") or name.startswith("save")  # (which would write files)
                    or function in VIEWS or function in LIKES):
                continue  # (what no traced value is asked about is created, or refused)
            seen += 1
            for first in ((X,), ([X],), ("ij->ji", X), (X, X), (lambda lane: lane, 0, X)):
                if any(shares(function, (*first, *way)) for way in ways):
                    forgotten.add(name)
    assert seen > 150 and not forgotten


def shares(function, args):
    """Whether the result of a call, if it is one, shares memory with X."""
    kept = X.copy()
    X.flags.writeable = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function(*args)
    except Exception:
        return False
    finally:
        X.flags.writeable = True
        assert np.array_equal(X, kept)
    parts = result if isinstance(result, (list, tuple)) else [result]
    return any(isinstance(part, np.ndarray) and np.may_share_memory(part, X) for part in parts)
