"""Dead branches do not poison: structural zeros in both modes, at first and second order.

Each right value is the derivative of the branch that is taken, worked out by hand; a
zero that is a number (sqrt(x)**2 at 0) must stay a NaN or become right, never a 0.
"""

import itertools
import warnings

import numpy as np
import pytest

import diffkit as dk
from diffkit import masked
from diffkit.masked import careful

MODES = {"forward": lambda f: lambda x: dk.jvp(f, (x,), (1.0,))[1], "reverse": dk.grad}
FIRST, SECOND = list(itertools.product(MODES)), list(itertools.product(MODES, repeat=2))

def _written(z, x):
    z[0] = np.sqrt(x)
    z[1] = x + 1
    z[2] += np.log(x + 1)
    return z


def _overwritten(y, value):
    y[np.array([True, False])] = value
    return y


# name: function, point, first and second derivative of what is chosen there
DEAD = {
    "where-sqrt": (lambda x: np.where(x > 0, np.sqrt(x), 3 * x), 0.0, 3.0, 0.0),
    "where-power": (lambda x: np.where(x > 0, x**0.5, x * x), 0.0, 0.0, 2.0),
    "where-second-order-only": (lambda x: np.where(x > 0, x**1.5, x * x), 0.0, 0.0, 2.0),
    "where-division": (lambda x: np.where(x != 0, 1 / (x * x + (x == 0) * 0.0 + np.abs(x)), 2 * x), 0.0, 2.0, 0.0),
    "where-log": (lambda x: np.where(x > 0, np.log(x), x * x), 0.0, 0.0, 2.0),
    "where-overflow": (lambda x: np.where(x < 500, np.exp(x), x * x), 800.0, 1600.0, 2.0),
    "where-overflow-of-both": (lambda x: np.where(x < 500, np.exp(x) / (1 + np.exp(x)), x * x), 800.0, 1600.0, 2.0),
    "where-nested": (lambda x: np.where(x > 0, np.where(x > 1, np.log(x - 1), np.sqrt(x)), x**3), 0.0, 0.0, 0.0),
    "where-inside-a-chain": (lambda x: np.sin(np.where(x > 0, np.sqrt(x), 2 * x)), 0.0, 2.0, 0.0),
    "select": (lambda x: np.select([x > 0, x < -1], [np.sqrt(x), np.log(-1 - x)], default=x * x), 0.0, 0.0, 2.0),
    "piecewise": (lambda x: np.piecewise(x + np.zeros(2), [x + np.zeros(2) > 0],
                                         [np.sqrt, lambda t: t * t])[0], 0.0, 0.0, 2.0),
    "clip": (lambda x: np.clip(np.sqrt(x), 0.5, 2.0) + x * x, 0.0, 0.0, 2.0),
    "maximum": (lambda x: np.maximum(np.sqrt(x), 1 + x * x), 0.0, 0.0, 2.0),
    "minimum": (lambda x: np.minimum(x * x - 1, np.sqrt(x)), 0.0, 0.0, 2.0),
    "fmax": (lambda x: np.fmax(x * x + 1, np.sqrt(x)), 0.0, 0.0, 2.0),
    "max": (lambda x: np.max(np.stack([np.sqrt(x), 1 + x * x])), 0.0, 0.0, 2.0),
    "min": (lambda x: np.min(np.stack([np.sqrt(x), x * x - 1])), 0.0, 0.0, 2.0),
    "sort": (lambda x: np.sort(np.stack([np.sqrt(x), 1 + x * x]))[1], 0.0, 0.0, 2.0),
    "index": (lambda x: np.sqrt(np.stack([x, 1 + x]))[1] ** 4, 0.0, 2.0, 2.0),
    "slice": (lambda x: np.sum(np.sqrt(np.stack([x, 1 + x, 2 + x]))[1:] ** 2), 0.0, 2.0, 0.0),
    "take": (lambda x: np.sum(np.take(np.sqrt(np.stack([x, 4 + x])), [1, 1]) ** 2), 0.0, 2.0, 0.0),
    "reshaped": (lambda x: np.sqrt(np.stack([x, 4 + x])).reshape(1, 2).T[1, 0] ** 2, 0.0, 1.0, 0.0),
    "summed-where": (lambda x: np.sum(np.log(np.stack([x, x + 1])), where=np.array([False, True])), 0.0, 1.0, -1.0),
    "boolean-factor": (lambda x: (x > 0) * np.sqrt(x) + x * x, 0.0, 0.0, 2.0),
    "matrix-product": (lambda x: (np.ones((2, 2)) @ np.where(np.stack([x, x + 1]) > 0.5,
                                                             np.sqrt(np.stack([x, x + 1])), 0.0))[0] ** 2,
                       0.0, 1.0, 0.0),
    "writes": (lambda x: _written(np.zeros(3), x)[1] ** 3, 0.0, 3.0, 6.0),
    "overwritten": (lambda x: np.sum(_overwritten(np.sqrt(x + np.array([0.0, 1.0])), 2 * x) ** 2), 0.0, 1.0, 8.0),
    "broadcast": (lambda x: np.sum(np.where(np.array([True, False]), np.sqrt(x) + np.zeros(2), x * x)[1:]),
                  0.0, 0.0, 2.0),
    "scan": (lambda x: np.cumsum(np.where(np.stack([x, x + 1]) > 0.5, np.log(np.stack([x, x + 1])), 0.0))[1],
             0.0, 1.0, -1.0),
}


def derived(f, order):
    for mode in order:
        f = MODES[mode](f)
    return f


@pytest.mark.parametrize("order", FIRST + SECOND, ids="-".join)
@pytest.mark.parametrize("name", DEAD)
def test_the_branch_not_taken_is_silent(name, order):
    f, x, first, second = DEAD[name]
    with np.errstate(all="ignore"):  # of the primal: its warnings are NumPy's
        found = derived(f, order)(x)
    assert found == pytest.approx((first, second)[len(order) - 1], abs=1e-13)


# Functions whose value gives no warning, while a partial divides by zero.
QUIET = {
    "where-sqrt": (lambda x: np.where(x > 0, np.sqrt(x), 3 * x), 3.0),
    "sqrt": (np.sqrt, np.inf),
    "cbrt": (np.cbrt, np.inf),
    "both-infinities": (lambda x: np.sum(np.sqrt(x + np.zeros((2, 2))) * np.array([[1.0, 1.0], [1.0, 0.5]])), np.inf),
    "arcsin": (lambda x: np.arcsin(1 + x), np.inf),
    "power": (lambda x: x**0.5, np.inf),
}


@pytest.mark.parametrize("order", FIRST + SECOND, ids="-".join)
@pytest.mark.parametrize("name", QUIET)
def test_no_warning_that_the_value_did_not_give(name, order):
    f, expected = QUIET[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = derived(f, order)(0.0)
    if len(order) == 1:
        assert found == expected


def test_warnings_of_the_value_are_still_given():
    for mode in MODES.values():
        with pytest.warns(RuntimeWarning, match="divide by zero encountered in log"):
            mode(np.log)(0.0)
        with pytest.raises(FloatingPointError), np.errstate(all="raise"):
            mode(np.log)(0.0)


@pytest.mark.parametrize("order", FIRST, ids="-".join)
def test_a_zero_that_is_a_number_is_no_structural_zero(order):
    """sqrt(x)**2 is x, with slope 1: the factors 0 and inf must not be called 0."""
    assert derived(lambda x: np.sqrt(x)**2, order)(0.0) == 1
    assert derived(lambda x: np.sqrt(x) * np.sqrt(x), order)(0.0) == 1
    assert derived(lambda x: np.abs(np.sqrt(x)) ** 2, order)(0.0) == 1
    assert derived(lambda x: np.sqrt(np.stack([x]))[0] ** 2, order)(0.0) == 1
    assert derived(lambda x: np.stack([np.sqrt(x)])[0] ** 2, order)(0.0) == 1
    assert np.isnan(derived(lambda x: 0.0 * np.sqrt(x), order)(0.0))
    matrix = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert np.isnan(derived(lambda x: (matrix @ np.sqrt(np.stack([x, x + 4])))[0], order)(0.0))
    row = np.array([[0.0, 0.0], [1.0, 0.0]])
    assert np.isnan(derived(lambda x: (row @ np.sqrt(np.stack([x, x + 4])))[0], order)(0.0))
    assert np.isnan(derived(lambda x: np.prod(np.stack([np.sqrt(x), 0 * x])), order)(0.0))


@pytest.mark.parametrize("order", FIRST + SECOND, ids="-".join)
def test_a_true_infinity_stays(order):
    f = lambda x: np.where(x >= 0, np.sqrt(x), 0.0) + np.where(x > 0, np.sqrt(x), 0.0)
    assert derived(f, order[:1])(0.0) == np.inf


@pytest.mark.parametrize("method", ["forward", "reverse"])
def test_rows_and_columns_of_a_jacobian(method):
    x = np.array([0.0, 4.0])
    np.testing.assert_array_equal(dk.jacobian(np.sqrt, method=method)(x), [[np.inf, 0.0], [0.0, 0.25]])
    np.testing.assert_array_equal(dk.grad(lambda x: np.sum(np.sqrt(x)), method=method)(x), [np.inf, 0.25])
    f = lambda x: np.sum(np.sqrt(x)[1:])
    np.testing.assert_array_equal(dk.grad(f, method=method)(x), [0.0, 0.25])
    for inner in ("forward", "reverse"):
        hessian = dk.jacobian(dk.grad(f, method=inner), method=method)(x)
        np.testing.assert_array_equal(hessian, [[0.0, 0.0], [0.0, -0.03125]])
    np.testing.assert_array_equal(dk.hvp(f, x, np.array([1.0, 1.0])), [0.0, -0.03125])


@pytest.mark.parametrize("method", ["forward", "reverse"])
@pytest.mark.parametrize("inner", ["forward", "reverse"])
def test_a_hessian_of_independent_entries(method, inner):
    # d2/dx2 x^1.5 = 0.75 / sqrt(x): infinite at 0, and zero beside the diagonal
    f = lambda x: np.sum(x ** 1.5)
    found = dk.jacobian(dk.grad(f, method=inner), method=method)(np.array([0.0, 4.0]))
    np.testing.assert_array_equal(found, [[np.inf, 0.0], [0.0, 0.375]])


def test_zeros_of_a_callers_own_vectors_are_numbers():
    """Chaining by hand: the pullback of sqrt at 0 meets the cotangent 2 sqrt(0) = 0."""
    out, first = dk.vjp(np.sqrt, 0.0)
    _, second = dk.vjp(np.square, out)
    assert np.isnan(first(second(1.0)[0])[0])
    assert np.isnan(dk.jvp(np.cbrt, (0.0,), dk.jvp(lambda x: x**3, (0.0,), (1.0,))[1:])[1])
    # The same inside a function whose sweep is one of its own.
    assert np.isnan(dk.grad(lambda x: dk.checkpoint(np.sqrt)(x) ** 2)(0.0))
    root = dk.custom_jvp(np.sqrt)
    root.defjvp(lambda p, t: (root(p[0]), t[0] * (0.5 / np.sqrt(p[0]))))
    with np.errstate(all="ignore"):
        assert np.isnan(dk.grad(lambda x: root(x) ** 2)(0.0))
    # d/ds of s / (2 sqrt(x)) at s = 0, x = 4 is 1/4.
    f = lambda s, x: dk.jvp(np.sqrt, (x,), (s,))[1]
    assert dk.grad(f)(0.0, 4.0) == 0.25
    assert dk.grad(f)(0.0, 0.0) == np.inf


def test_containers_and_float32():
    f = lambda p: np.sum(np.where(p["a"] > 0, np.sqrt(p["a"]), p["b"]))
    p = {"a": np.array([0.0, 4.0], np.float32), "b": np.array([1.0, 1.0], np.float32)}
    g = dk.grad(f)(p)
    np.testing.assert_array_equal(g["a"], [0.0, 0.25])
    np.testing.assert_array_equal(g["b"], [1.0, 0.0])
    assert g["a"].dtype == g["b"].dtype == np.float32
    t = dk.jvp(f, (p,), ({"a": p["a"] * 0 + 1, "b": p["b"]},))[1]
    assert t == 1.25
    assert t.dtype == np.float32


@pytest.mark.parametrize("mode", MODES)
def test_f_runs_again_only_where_it_can_help(mode):
    runs = []

    def f(x):
        runs.append(1)
        return np.maximum(np.sqrt(x), 0.5 + x)

    assert MODES[mode](f)(9.0) == 1.0
    assert len(runs) == 1
    runs.clear()
    assert MODES[mode](f)(0.0) == 1.0
    assert len(runs) == (1 if mode == "reverse" else 2)


SMOOTH = {
    "chain": lambda x: np.sin(x) * np.exp(-x) / (1 + x * x) + np.tanh(x) ** 3,
    "reductions": lambda x: np.sum(x, keepdims=True) * x / np.sqrt(np.sum(x * x)) + np.mean(x) - np.prod(x),
    "shapes": lambda x: np.concatenate([x[::-1], x[1:]]).reshape(-1, 1)[:3, 0] * np.cumsum(x),
    "products": lambda x: np.outer(x, x) @ np.sin(x) + np.einsum("i,j->i", x, x * x),
    "choices": lambda x: np.where(x > 0.8, x**2, np.maximum(x, 0.5 + x * x)) + np.sort(x) * np.max(x),
    "indices": lambda x: x[[0, 0, 2]] * np.take(x, [2, 1, 1]) - np.diff(x, append=0.0) + np.clip(x, 0.0, 1.0),
    "solve": lambda x: np.linalg.solve(np.eye(3) * 3 + np.outer(x, x), x),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_masked_derivatives_equal_plain_ones(name):
    f = SMOOTH[name]
    x = np.array([0.4, 0.9, 1.3])
    total = lambda x: np.sum(f(x) * np.array([1.0, -2.0, 0.5]))
    plain = [dk.jacobian(f, method="forward")(x), dk.jacobian(f, method="reverse")(x), dk.hessian(total)(x)]
    before = masked.attempts[0]
    with careful():
        again = [dk.jacobian(f, method="forward")(x), dk.jacobian(f, method="reverse")(x), dk.hessian(total)(x)]
    assert masked.attempts[0] > before
    for one, other in zip(plain, again):
        assert np.abs(one).max() > 0
        np.testing.assert_allclose(other, one, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("method", ["forward", "reverse"])
def test_looking_for_a_nan_gives_no_warning(method):
    signs = np.array([[1.0, -1.0], [1.0, 1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = dk.grad(lambda x: np.sum(signs * np.sqrt(x)), method=method)(np.zeros((2, 2)))
    np.testing.assert_array_equal(found, signs * np.inf)
