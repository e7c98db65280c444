"""No wrong derivative: points at which libraries print something else, each with its right value.

The values are worked out by hand beside the case, or by mpmath, in forward and reverse mode,
and where a second derivative exists in the four pairs of modes.  What has no derivative is
refused by name.  (Eigenvalues, determinants and norms have more in tests/rules/test_linalg.py,
dead branches in test_masked.py, writes and views in test_buffers.py, creation in test_creation.py.)
"""

import dataclasses
import functools
import itertools
import math
import threading
import warnings
from collections import namedtuple
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special

import diffkit as dk
import diffkit.numpy
from diffkit.errors import DegenerateError, DiffkitError, LeakedTracerError, LostDerivativeError, MutationError

L = np.linalg
MODES = ("forward", "reverse")
PAIRS = list(itertools.product(MODES, repeat=2))
PI = math.pi


def hessian(f, x, pair):
    inner, outer = pair
    return dk.jacobian(dk.grad(f, method=inner), method=outer)(x)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


# name: function, point, gradient, and the Hessian (None: it does not exist, or is a convention)
Z2, Z3, ONES3 = np.zeros(2), np.zeros(3), np.ones(3)
X3 = np.array([3.0, 1.0, 3.0])
POINTS: dict[str, tuple[Any, Any, Any, Any]] = {
    "prod with one zero": (np.prod, np.array([0.0, 2.0, 3.0]), [6, 0, 0], [[0, 3, 2], [3, 0, 0], [2, 0, 0]]),
    "prod with two zeros": (np.prod, np.array([0.0, 0.0, 3.0]), [0, 0, 0], [[0, 3, 0], [3, 0, 0], [0, 0, 0]]),
    "norm at 0": (L.norm, Z3, [0, 0, 0], None),
    "std of equal entries": (np.std, ONES3, [0, 0, 0], None),
    "norm squared": (lambda x: L.norm(x) ** 2, Z2, [0, 0], 2 * np.eye(2)),
    "multiple of a norm, squared": (lambda x: (2 * L.norm(x)) ** 2, Z2, [0, 0], 8 * np.eye(2)),
    "negated norm over a number, squared": (lambda x: np.square(-L.norm(x) / 2), Z2, [0, 0], 0.5 * np.eye(2)),
    "norm over what depends on x, squared": (lambda x: (L.norm(x) / np.exp(x[0])) ** 2, Z2, [0, 0], 2 * np.eye(2)),
    "two equal multiples": (lambda x: (3.0 * L.norm(x)) * (3.0 * L.norm(x)), Z2, [0, 0], 18 * np.eye(2)),
    "two different multiples of abs": (lambda x: np.sum(np.multiply([1.0, 3.0], np.abs(x)) ** 2), Z2, [0, 0],
                                       np.diag([2.0, 18.0])),
    "norm times norm": (lambda x: L.norm(x) * L.norm(x), Z2, [0, 0], 2 * np.eye(2)),
    "np.square of norm": (lambda x: np.square(L.norm(x)), Z2, [0, 0], 2 * np.eye(2)),
    "norms of rows, squared": (lambda x: np.sum(L.norm(x.reshape(2, 2), axis=1, keepdims=True) ** 2),
                               np.array([0.0, 0.0, 3.0, 4.0]), [0, 0, 6, 8], 2 * np.eye(4)),
    "norm to the fourth": (lambda x: L.norm(x) ** 4, Z2, [0, 0], np.zeros((2, 2))),
    "root of a sum of squares, squared": (lambda x: np.sqrt(np.sum(x**2)) ** 2, Z2, [0, 0], 2 * np.eye(2)),
    "power one half, squared": (lambda x: (np.sum(x**2) ** 0.5) ** 2, Z2, [0, 0], 2 * np.eye(2)),
    "hypot squared": (lambda x: np.hypot(x[0], x[1]) ** 2, Z2, [0, 0], 2 * np.eye(2)),
    "abs squared": (lambda x: np.sum(np.abs(x) ** 2), np.array([0.0, 2.0]), [0, 4], 2 * np.eye(2)),
    "complex modulus squared": (lambda x: np.abs(x[0] + 1j * x[1]) ** 2, Z2, [0, 0], 2 * np.eye(2)),
    "squares of chosen and reshaped roots": (
        lambda x: (sum(v**2 for v in np.abs(x)) + np.sum(np.abs(x).reshape(2, 1).T ** 2)
                   + np.sum(np.sqrt(x * x)[::-1] ** 2)),
        np.array([0.0, 2.0]), [0, 12], 6 * np.eye(2)),
    "std squared": (lambda x: np.std(x) ** 2, np.full(2, 0.1), [0, 0], [[0.5, -0.5], [-0.5, 0.5]]),
    "sqrt squared": (lambda x: np.sum(np.sqrt(x) ** 2), np.array([0.0, 4.0]), [1, 1], np.zeros((2, 2))),
    "root that was written to": (lambda x: _replaced(np.abs(x), 3 * x[1]), np.array([0.0, 2.0]), [0, 40],
                                 [[0, 0], [0, 20]]),
    "dead sqrt": (lambda x: np.sum(np.where(x > 0, np.sqrt(x), x**2)), Z2, [0, 0], 2 * np.eye(2)),
    "dead log": (lambda x: np.sum(np.where(x > 0, np.log(np.where(x > 0, x, x)), 3 * x)), -ONES3, [3, 3, 3],
                 np.zeros((3, 3))),
    "dead division": (lambda x: np.sum(np.where(x != 0, np.sin(x) / x, 1 - x**2 / 6)), Z2, [0, 0], -np.eye(2) / 3),
    "dead overflow": (lambda x: np.sum(np.select([x > 500], [x], np.exp(x))), np.array([1000.0, 0.0]), [1, 1],
                      [[0, 0], [0, 1]]),
    "clipped root": (lambda x: np.sum(np.clip(np.sqrt(x), 1.0, 3.0)), np.array([0.0, 4.0]), [0, 0.25],
                     [[0, 0], [0, -1 / 32]]),
    "sinc": (lambda x: np.sum(np.sinc(x)), Z2, [0, 0], -PI**2 / 3 * np.eye(2)),
    "x**0": (lambda x: np.sum(np.power(x, 0.0)), Z2, [0, 0], np.zeros((2, 2))),
    "x**1": (lambda x: np.sum(np.power(x, 1.0)), Z2, [1, 1], np.zeros((2, 2))),
    "x**2": (lambda x: np.sum(np.power(x, 2.0)), Z2, [0, 0], 2 * np.eye(2)),
    "abs": (lambda x: np.sum(np.abs(x)), Z2, [0, 0], np.zeros((2, 2))),
    "relu": (lambda x: np.sum(np.maximum(x, 0)), np.array([0.0, 1.0]), [0.5, 1], np.zeros((2, 2))),
    "relu by where": (lambda x: np.sum(np.where(x > 0, x, 0)), np.array([0.0, 1.0]), [0, 1], np.zeros((2, 2))),
    "tied max": (np.max, X3, [0.5, 0, 0.5], np.zeros((3, 3))),
    "tied clip": (lambda x: np.sum(np.clip(x, 1.0, 3.0)), X3, [0.5, 0.5, 0.5], np.zeros((3, 3))),
    "max norm with a tie": (lambda x: L.norm(x, np.inf), np.array([-2.0, 1.0, 2.0]), [-0.5, 0, 0.5],
                            np.zeros((3, 3))),
    "1-norm with zeros": (lambda x: L.norm(x, 1), np.array([0.0, -1.0, 2.0]), [0, -1, 1], np.zeros((3, 3))),
    "logaddexp with -inf": (lambda x: np.logaddexp(x[0], -np.inf), np.array([1.0]), [1], [[0]]),
    "logsumexp by reduce": (np.logaddexp.reduce, np.array([-np.inf, 1.0]), [0, 1], np.zeros((2, 2))),
    "logsumexp by hand": (lambda x: np.max(x) + np.log(np.sum(np.exp(x - np.max(x)))), np.array([0.0, -np.inf]),
                          [1, 0], np.zeros((2, 2))),
    "singular determinant": (L.det, np.array([[1.0, 2.0], [2.0, 4.0]]), [[4, -2], [-2, 1]], None),
    "sum of selected": (lambda x: np.sum(1 / x, where=np.array([False, True])), np.array([0.0, 2.0]), [0, -0.25],
                        [[0, 0], [0, 0.25]]),
    "mean of selected": (lambda x: np.mean(x**2, where=np.array([True, False, True])), X3, [3, 0, 3],
                         np.diag([1.0, 0, 1])),
    "product of selected": (lambda x: np.prod(x, where=np.array([True, True, False])), X3, [1, 3, 0],
                            [[0, 1, 0], [1, 0, 0], [0, 0, 0]]),
    "variance with correction": (lambda x: np.var(x, correction=1), np.array([0.0, 2.0]), [-2, 2],
                                 [[1, -1], [-1, 1]]),
    "max with initial": (lambda x: np.max(x, initial=5.0), X3, [0, 0, 0], np.zeros((3, 3))),
    "sort along axis 0": (lambda x: np.sum(np.sort(x.reshape(2, 2), axis=0)[0] ** 2), np.array([3.0, 1.0, 2.0, 5.0]),
                          [0, 2, 4, 0], np.diag([0.0, 2, 2, 0])),
    "full_like": (lambda x: np.sum(np.full_like(x, x[0] ** 2)), X3, [18, 0, 0], np.diag([6.0, 0, 0])),
    "astype": (lambda x: np.sum(x.astype(np.float64) ** 2 + x.astype(int) * x), X3, 2 * X3 + X3, 2 * np.eye(3)),
    "copy": (lambda x: np.sum(np.copy(x) * x.copy()), X3, 2 * X3, 2 * np.eye(3)),
    "unique": (lambda x: np.sum(np.unique(x) ** 2), np.array([3.0, 1.0, 2.0]), [6, 2, 4], 2 * np.eye(3)),
    "sum of eigenvalues of 0": (lambda a: np.sum(L.eigvalsh(a)), np.zeros((2, 2)), np.eye(2), np.zeros((2, 2, 2, 2))),
}


def _replaced(y, value):
    y[0] = value
    return np.sum(y**2)


@pytest.mark.parametrize("method", MODES)
@pytest.mark.parametrize("name", POINTS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, of the branch not taken
def test_gradient(name, method):
    f, x, expected, _ = POINTS[name]
    close(dk.grad(f, method=method)(x), expected)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("name", [name for name, case in POINTS.items() if case[3] is not None])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_hessian(name, pair):
    f, x, _, expected = POINTS[name]
    close(hessian(f, x, pair), expected)


@pytest.mark.parametrize("method", MODES)
def test_small_slopes_keep_their_digits(method):
    with mpmath.workdps(50):
        logistic = mpmath.exp(-40) / (1 + mpmath.exp(-40)) ** 2
        hyperbolic = 1 / mpmath.cosh(20) ** 2
    assert dk.grad(lambda x: 1 / (1 + np.exp(-x)), method=method)(40.0) == pytest.approx(float(logistic), rel=1e-14)
    assert dk.grad(np.tanh, method=method)(20.0) == pytest.approx(float(hyperbolic), rel=1e-14)


@pytest.mark.parametrize("outer", [dk.grad, lambda f: lambda x: dk.jvp(f, (x,), (1.0,))[1]])
def test_fourth_derivative_of_an_even_power_of_abs(outer):
    f = lambda x: np.abs(x) ** 4
    for _ in range(4):
        f = outer(f)
    assert f(0.0) == 24.0


def test_third_derivatives_of_powers_at_zero():
    for p, expected in ((0, 0.0), (1, 0.0), (2, 0.0), (2.0, 0.0), (3, 6.0), (3.0, 6.0), (4.0, 0.0)):
        assert dk.derivative(lambda x, p=p: np.power(x, p), 3)(0.0) == expected
        for order in itertools.product(MODES, repeat=3):
            f = lambda x, p=p: np.power(x, p)
            for mode in order:
                f = dk.grad(f, method=mode)
            assert f(0.0) == expected


@pytest.mark.parametrize("method", MODES)
def test_one_triangle(method):
    """eigh and cholesky read the lower triangle; at I the rebuilt matrix moves as that does."""
    lower = [[1, 0], [2, 1]]
    close(dk.grad(lambda a: (lambda w, v: np.sum((v * w) @ v.T))(*L.eigh(a)), method=method)(np.eye(2)), lower)
    rebuilt = lambda a: np.sum((lambda c: c @ c.T)(L.cholesky(a)))
    close(dk.grad(rebuilt, method=method)(np.array([[2.0, 9.9], [0.3, 1.0]])), lower)
    close(dk.grad(lambda a: (lambda u, s, vh: np.sum((u * s) @ vh))(*L.svd(a)), method=method)(np.eye(2)),
          np.ones((2, 2)))
    with pytest.raises(DegenerateError, match="repeated values"):
        dk.grad(lambda a: L.eigh(a)[1][0, 0], method=method)(np.eye(2))


@pytest.mark.parametrize("method", MODES)
def test_values_and_vectors_of_two_calls(method):
    """log A = v diag(log w) v^T has the derivative of A at I, whichever calls w and v come from."""
    for values in (lambda a: L.eigh(a)[0], L.eigvalsh):
        f = lambda a, values=values: (lambda v: np.sum((v * np.log(values(a))) @ v.T))(L.eigh(a)[1])
        close(dk.grad(f, method=method)(np.eye(3)), np.tril(2 * np.ones((3, 3))) - np.eye(3))


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_second_order_of_a_solve_by_cholesky(pair):
    """b^T A^-1 b by two triangular solves; its Hessian along T is 2 y^T T A^-1 T y with y = A^-1 b."""
    b, t = np.array([1.0, -2.0]), np.array([[0.5, 0.3], [0.3, -0.2]])
    a = np.array([[3.0, 1.0], [1.0, 2.0]])

    def f(s):
        c = L.cholesky(a + s * t)
        return np.sum(L.solve(c, b) ** 2)

    y = L.solve(a, b)
    inner, outer = pair
    second = dk.grad(dk.grad(f, method=inner), method=outer)(0.0)
    assert second == pytest.approx(2 * y @ t @ L.solve(a, t @ y), rel=1e-12)


def test_bessel_function_by_its_order():
    with mpmath.workdps(30):
        expected = float(mpmath.diff(lambda v: mpmath.besselj(v, 2.3), 1.4))
    for method in MODES:
        try:
            found = dk.grad(lambda v: special.jv(v, 2.3), method=method)(1.4)
        except DiffkitError as error:
            assert "jv" in str(error)
        else:
            assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("f", [np.mean, np.std, lambda x: np.sum(np.where(x > 1, x, 0.0)), L.norm, np.var, np.median,
                               lambda x: np.sum(x * 2.0 + 1.0), lambda x: np.sum(np.sqrt(x) ** 2)])
def test_single_precision_stays(f):
    x = np.array([0.0, 1.5, 2.5], np.float32)
    for method in MODES:
        assert dk.grad(f, method=method)(x).dtype == np.float32
    assert dk.hessian(f)(x).dtype == np.float32


@pytest.mark.parametrize("method", MODES)
def test_conversions_are_refused_with_line_and_rewrite(method):
    for convert in (lambda x: x.item(), float, math.sin, complex):
        with pytest.raises(LostDerivativeError, match=r"test_no_wrong_derivative\.py[\s\S]*Probably wanted"):
            dk.grad(lambda x, convert=convert: convert(x) * x, method=method)(1.0)
    assert dk.grad(lambda x: int(x) * x, method=method)(2.5) == 2.0


# --- arrays that change, and values that stay ----------------------------------------------------------

SIZES = (4, 10_000)


def _base(b):
    return b[::2], lambda: b.__setitem__(slice(None), 0.0)


def _sibling(b):
    view, other = b[: b.size // 2], b[:]
    return view, lambda: other.__setitem__(slice(None), 0.0)


def _read_only_view(b):
    view = b[: b.size // 2].view()
    view.flags.writeable = False
    return view, lambda: b.__setitem__(slice(None), 0.0)


def _read_only_broadcast(b):
    return np.broadcast_to(b[:1], (b.size // 2,)), lambda: b.__setitem__(0, 0.0)


def _foreign_memory(b):
    memory = bytearray(b.tobytes())
    return np.frombuffer(memory)[: b.size // 2], lambda: memory.__setitem__(slice(None), bytes(len(memory)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("alias", [_base, _sibling, _read_only_view, _read_only_broadcast, _foreign_memory])
def test_a_captured_array_written_to_by_another_name(alias, size):
    """y = x * b has the slope that b had; so has its second reading, and the pullback kept for later."""
    b = np.full(2 * size, 3.0)
    view, clear = alias(b)

    def f(x):
        y = x * view + np.dot(view, x) + np.sum(x / view)
        clear()
        return np.sum(y + x * (view + 1))

    x = np.ones(size)
    expected = 3 + size * 3 + size / 3 + 1
    np.testing.assert_allclose(dk.grad(f)(x), np.full(size, expected), rtol=1e-12)
    b = np.full(2 * size, 3.0)
    view, clear = alias(b)
    np.testing.assert_allclose(dk.grad(f, method="forward")(x[:4]) if size == 4 else 0.0,
                               np.full(4, expected) if size == 4 else 0.0, rtol=1e-12)
    b = np.full(2 * size, 3.0)
    view, clear = alias(b)
    _, pullback = dk.vjp(lambda x: np.sum(x * view), x)
    clear()
    np.testing.assert_array_equal(pullback(1.0)[0], np.full(size, 3.0))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("run", [lambda f, x: dk.grad(f)(x), lambda f, x: dk.jvp(f, (x,), (np.ones_like(x),)),
                                 lambda f, x: dk.vjp(f, x), lambda f, x: dk.hvp(f, x, np.ones_like(x))])
def test_the_argument_written_to_by_another_name(run, size):
    whole = np.full(size, 2.0)
    view = whole[:]

    def f(x):
        y = x * x
        view[:] = 0.0
        return np.sum(y * x)

    with pytest.raises(MutationError, match="another name"):
        run(f, whole)
    g = dk.grad(f)(np.full(size, 2.0))  # another array
    np.testing.assert_array_equal(g, np.full(size, 12.0))


@pytest.mark.parametrize("method", MODES)
def test_an_array_reused_in_a_loop(method):
    buffer = np.empty(5000)

    def f(x):
        total = 0.0
        for k in range(1, 4):
            buffer[:] = k
            total = total + np.sum(buffer * x) * x[0]
        return total

    # sum_k k (sum x) x_0 = 6 x_0 sum(x)
    x = np.linspace(0.0, 1.0, 5000)
    if method == "reverse":
        found = dk.grad(f)(x)
        np.testing.assert_allclose(found[:2], [6 * np.sum(x) + 6 * x[0], 6 * x[0]], atol=1e-9)
    else:
        found = dk.jvp(f, (x,), (np.eye(1, 5000)[0],))[1]
        assert found == pytest.approx(6 * np.sum(x) + 6 * x[0], rel=1e-12)


def test_leaks_and_caches():
    kept, cache = [], {}

    def remember(x):
        kept.append(x)
        return x * x

    dk.grad(remember)(1.0)
    with pytest.raises(LeakedTracerError):
        dk.grad(lambda x: x * kept[0])(1.0)
    with pytest.raises(LeakedTracerError):
        _ = kept[0] + 1

    def memo(x):
        if "square" not in cache:
            cache["square"] = x * x
        return cache["square"] * x

    assert dk.grad(memo)(2.0) == 12.0
    with pytest.raises(LeakedTracerError):
        dk.grad(memo)(2.0)
    with pytest.raises(LostDerivativeError, match="cache"):
        dk.grad(functools.cache(lambda x: x * x))(2.0)

    def lazily(x):
        return (t * t for t in x)
    with pytest.raises(DiffkitError):
        dk.grad(lambda x: lazily(x))(ONES3)


def test_a_loop_that_stops_on_the_primal_is_differentiated_as_it_ran():
    """Newton's root of y^2 = x, stopped by its value, has the derivative 1 / (2 sqrt(x)) to the loop's accuracy."""
    def root(x):
        y = x
        while abs(y * y - x) > 1e-12:
            y = (y + x / y) / 2
        return y

    for method in MODES:
        assert dk.grad(root, method=method)(2.0) == pytest.approx(0.5 / math.sqrt(2), rel=1e-9)
    # Where it stops at once, what ran is y = x (as far as the loop's tolerance goes).
    assert dk.grad(root)(1.0) == 1.0


def test_a_branch_on_equality():
    """x == 1 holds at one point alone: the branch's own slope is no derivative of f, and compare says so."""
    f = lambda x: x**2 if x == 1.0 else 5 * x
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        g = dk.grad(f)(1.0)
        kink, = dk.kinks(f, 1.0)
    assert g == 2.0
    assert (kink.operation, kink.reason) == ("equal", "branch")
    assert {one.category for one in caught} == {dk.errors.EqualityBranchWarning}
    assert not dk.compare(f, 1.0).agree


# --- late pullbacks --------------------------------------------------------------------------------------

def test_a_late_pullback_through_dead_branches():
    f = lambda x: np.sum(np.where(x > 0, x**1.5, 0.0))
    _, pullback = dk.vjp(dk.grad(f), Z2)
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [0, 0])
    state = [1.0]
    _, pullback = dk.vjp(lambda x: state[0] * dk.grad(f)(x) + state[0], Z2)
    state[0] = 2.0
    with pytest.raises(DiffkitError, match="another one now"):
        pullback(np.ones(2))
    _, pullback = dk.vjp(lambda a: (lambda w, v: (v * w) @ v.T)(*L.eigh(a)), np.eye(2))
    close(pullback(np.ones((2, 2)))[0], [[1, 0], [2, 1]])


# --- programs as they stand ---------------------------------------------------------------------------------

early_zeros = np.zeros
TABLE = np.array([2.0, 3.0, 5.0])


@dataclasses.dataclass
class Model:
    weights: Any
    scale: float = 2.0

    def __call__(self, x):
        return np.sum(self.weights * x) * self.scale


Pair = namedtuple("Pair", "left right")


def filled(x):
    z = np.zeros(3)
    for i in range(3):
        z[i] = x[i] ** 2
    return np.sum(z * TABLE)


def accumulated(x):
    z = early_zeros(3)
    z += x
    z *= x
    z -= 1.0
    return np.sum(z * TABLE)


def sliced(x):
    z = np.zeros(4)
    v = z[1:]
    v += x
    v *= 2
    return np.sum(z[1:] * v)


def masked_out(x):
    y = x * x
    y[np.array([True, False, False])] = 0
    return np.sum(y)


def added_at(x):
    z = np.zeros(2)
    np.add.at(z, [0, 1, 0], x)
    return z[0] * z[1]


def outed(x):
    z = np.empty(3)
    np.multiply(x, x, out=z)
    np.add(z, x, out=z)
    return np.sum(z)


def diagonal_filled(x):
    m = np.ones((3, 3))
    np.fill_diagonal(m, x)
    return np.sum(m @ m)


def rearranged(x):
    y = np.asarray(x) * 1.0
    z = np.empty_like(y)
    np.copyto(z, y)
    z.sort()
    w = np.zeros(2)
    w.fill(z[-1])
    w.flat[0] = z[0]
    return w[0] * w[1] + np.sum([1 * row for row in z])


def listed(x):
    rows = []
    for value in x:
        rows.append(np.stack([value, value**2]))
    return np.sum(np.stack(rows)[:, 1])


def recursive(x, n=3):
    return x[0] if n == 0 else x[1] * recursive(x, n - 1)


def generated(x):
    def squares():
        for value in x:
            yield value * value
    return sum(squares()) + max(x) * min(x)


def results(x):
    pair = Pair(x[0] * x[1], Model(x, 3.0))
    return pair.left + pair.right(TABLE)


# name: program, gradient at (a, b, c)
PROGRAMS = {
    "zeros filled": (filled, lambda a, b, c: [4 * a, 6 * b, 10 * c]),
    "zeros bound early, +=": (accumulated, lambda a, b, c: [4 * a, 6 * b, 10 * c]),
    "views": (sliced, lambda a, b, c: [8 * a, 8 * b, 8 * c]),
    "mask": (masked_out, lambda a, b, c: [0, 2 * b, 2 * c]),
    "add.at": (added_at, lambda a, b, c: [b, a + c, b]),
    "out=": (outed, lambda a, b, c: [2 * a + 1, 2 * b + 1, 2 * c + 1]),
    "fill_diagonal": (diagonal_filled, lambda a, b, c: [2 * a + 4, 2 * b + 4, 2 * c + 4]),
    "asarray, copyto, sort, fill, flat": (rearranged, lambda a, b, c: [1 + c, 1, 1 + a]),
    "rows appended": (listed, lambda a, b, c: [2 * a, 2 * b, 2 * c]),
    "array of scalars": (lambda x: L.det(np.array([[x[0], x[1]], [x[1], x[2]]])), lambda a, b, c: [c, -2 * b, a]),
    "vectorize": (lambda x: np.sum(np.vectorize(lambda t: t**2 if t > 0 else -t)(x)),
                  lambda a, b, c: [2 * a, 2 * b, 2 * c]),
    "reduce": (lambda x: functools.reduce(lambda p, q: p * q, x), lambda a, b, c: [b * c, a * c, a * b]),
    "recursion": (recursive, lambda a, b, c: [b**3, 3 * a * b**2, 0]),
    "generator, sum, max": (generated, lambda a, b, c: [2 * a + c, 2 * b, 2 * c + a]),
    "namedtuple, dataclass, class": (results, lambda a, b, c: [b + 6, a + 9, 15]),
    "global": (lambda x: TABLE @ x, lambda a, b, c: [2, 3, 5]),
    "diffkit.numpy": (lambda x: diffkit.numpy.sum(diffkit.numpy.array([x[0], x[1] * x[2]])),
                      lambda a, b, c: [1, c, b]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_as_it_stands(name):
    f, by_hand = PROGRAMS[name]
    x = np.array([0.7, 1.3, 2.9])
    plain = f(x)
    expected = np.array(by_hand(*x), float)
    second = np.stack([(np.array(by_hand(*(x + h)), float) - np.array(by_hand(*(x - h)), float)) / 2e-6
                       for h in 1e-6 * np.eye(3)], axis=1)
    for method in MODES:
        value, g = dk.value_and_grad(f, method=method)(x)
        assert value == plain
        close(g, expected)
    for pair in PAIRS:
        np.testing.assert_allclose(hessian(f, x, pair), second, atol=1e-8)


def test_z_plus_equals_is_followed_only_where_nobody_else_looks():
    def alias(x):
        z = early_zeros(3)
        other = z
        z += x
        return np.sum(other)

    def view(x):
        z = early_zeros(3)
        part = z[1:]
        z += x
        return np.sum(part)

    def listed(x):
        z = early_zeros(3)
        holder = [z]
        z += x
        return np.sum(holder[0])

    def passed(x):
        def inside(z):
            z += x
        z = early_zeros(3)
        inside(z)
        return np.sum(z)

    def called(x):
        z = early_zeros(3)
        np.add(z, x, out=z)
        return np.sum(z)

    def attribute(x):
        model = Model(early_zeros(3))
        model.weights += x
        return np.sum(model.weights)

    def memory(x):
        z = early_zeros(3)
        raw = memoryview(z)
        z += x
        return np.sum(early_zeros(3) + raw[0])

    def exported(x):
        z = TABLE
        z += x
        return np.sum(z)

    for f in (alias, view, listed, passed, called, attribute, memory, exported):
        for method in MODES:
            with pytest.raises(MutationError, match=r"plain array[\s\S]*test_no_wrong_derivative\.py"):
                dk.grad(f, method=method)(ONES3)
    np.testing.assert_array_equal(TABLE, [2, 3, 5])

    def wrong(x):
        z = early_zeros(2)
        z += x
        return z

    with pytest.raises(ValueError, match="could not be broadcast"):
        dk.grad(wrong)(ONES3)

    def whole(x):
        z = np.arange(3)
        z += x
        return z

    with pytest.raises(TypeError, match="cast"):
        dk.grad(whole)(ONES3)


def test_programs_in_threads_at_once():
    found, barrier = {}, threading.Barrier(3)

    def work(k):
        barrier.wait(10)
        x = np.array([0.7, 1.3, 2.9]) + k
        found[k] = [(dk.grad(f)(x), np.array(by_hand(*x), float)) for f, by_hand in PROGRAMS.values()]
        found[k].append((dk.grad(lambda a: (lambda w, v: np.sum((v * np.exp(w)) @ v.T))(*L.eigh(a)))(np.eye(2)),
                         np.exp(1) * np.array([[1, 0], [2, 1]])))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    for pairs in found.values():
        for g, expected in pairs:
            close(g, expected)
