"""Creation while a transform runs: traced values in lists, and NumPy's own arrays for plain arguments."""

import importlib
import threading

import numpy as np
import pytest
from numpy import asarray as early_asarray
from numpy import zeros as early_zeros
from numpy import zeros_like as early_zeros_like

import diffkit as dk
from diffkit import buffers
from diffkit.errors import LostDerivativeError, MutationError, UnsupportedArgumentError
from diffkit.traced import Traced, primal

ORIGINALS = {name: getattr(np, name) for name in buffers.REPLACED}
NORM, VECTORIZE = np.linalg.norm, np.vectorize.__call__
X = np.array([0.7, -1.3, 2.1])


def untouched():
    return (all(getattr(np, name) is original for name, original in ORIGINALS.items())
            and np.linalg.norm is NORM and np.vectorize.__call__ is VECTORIZE)


class Marked(np.ndarray):
    """A subclass."""


PLAIN = [
    lambda: np.zeros(3), lambda: np.zeros((2, 3), np.float32, "F"), lambda: np.zeros((), complex),
    lambda: np.zeros(2, int), lambda: np.ones((2, 0)), lambda: np.ones(3, bool), lambda: np.ones((2, 2), np.float16),
    lambda: np.eye(3, 4, k=-1),
    lambda: np.identity(2, np.longdouble), lambda: np.full((2, 2), 3), lambda: np.full(2, 0.1, np.float32),
    lambda: np.full((2, 2), [1.0, 2.0]), lambda: np.array([1, 2.5]), lambda: np.array([[1, 2], [3, 4]]),
    lambda: np.array(2.5), lambda: np.array([1j, 2]), lambda: np.array([0.1], dtype=np.float32, ndmin=3),
    lambda: np.array(np.ones((2, 3)).T, order="C"), lambda: np.array(np.asfortranarray(np.ones((2, 3)))),
    lambda: np.array(OUTSIDE.view(Marked), subok=True), lambda: np.array(OUTSIDE.view(Marked)),
    lambda: np.asanyarray(OUTSIDE.view(Marked)), lambda: np.asarray([1, 2], float), lambda: np.asarray(["a", "bc"]),
    lambda: np.array([None, 1], dtype=object), lambda: np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
    lambda: np.arange(3), lambda: np.arange(0.0, 1.0, 0.3), lambda: np.arange(3, dtype=np.float32),
    lambda: np.linspace(0, 1, 7), lambda: np.linspace(0, 1, 5, endpoint=False),
    lambda: np.linspace([0, 1], 2, 3, axis=1), lambda: np.zeros_like(OUTSIDE.T),
    lambda: np.ones_like(OUTSIDE, dtype=np.float32), lambda: np.full_like(OUTSIDE, 7),
    lambda: np.zeros_like([1, 2]), lambda: np.zeros_like(OUTSIDE.view(Marked)), lambda: np.copy(OUTSIDE.T),
    lambda: np.ascontiguousarray(OUTSIDE.T), lambda: np.asfortranarray(OUTSIDE), lambda: np.diag([1.0, 2.0]),
    lambda: np.fromiter((k * 0.5 for k in range(3)), float), lambda: np.r_[1:4, 0.5],
    lambda: np.r_["0,2", [1, 2], [3, 4]],
    lambda: np.c_[[1.0, 2], [3, 4]], lambda: np.sum([1.0, 2]), lambda: np.mean([[1, 2], [3, 5]], axis=0),
    lambda: np.linalg.norm([3, 4]), lambda: np.vectorize(lambda a: 2 * a)([1.0, 2.0]), lambda: np.median([3, 1, 2]),
    lambda: np.tile(0.5, 3), lambda: np.max([1, 2.5]),
]
OUTSIDE = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("make", PLAIN, ids=range(len(PLAIN)))
def test_plain_arguments_give_numpys_own_array(make):
    expected, found = make(), []

    def f(x):
        made = make()
        assert isinstance(made, type(expected))
        found.append(primal(made))
        return x[0]

    dk.grad(f)(X)
    got = found[0]
    assert type(got) is type(expected)
    assert np.shape(got) == np.shape(expected)
    if hasattr(expected, "dtype"):
        assert got.dtype == expected.dtype
    if isinstance(expected, np.ndarray):
        for flag in ("c_contiguous", "f_contiguous"):
            assert getattr(got.flags, flag) == getattr(expected.flags, flag)
        assert got.tolist() == expected.tolist()
        if expected.dtype != object:
            assert got.tobytes("K") == expected.tobytes("K")
    else:
        assert got == expected


@pytest.mark.parametrize("make", [
    lambda: np.zeros(3, int), lambda: np.arange(4), lambda: np.array([True, False]), lambda: np.array(["a"]),
    lambda: np.array([None]), lambda: np.asarray(OUTSIDE), lambda: np.asanyarray(OUTSIDE)], ids=range(7))
def test_what_carries_no_derivative_is_no_handle(make):
    dk.grad(lambda x: (pytest.fail("a handle") if type(make()) is not np.ndarray else x[0]))(X)


def test_asarray_of_a_plain_array_is_that_array():
    def f(x):
        assert np.asarray(OUTSIDE) is OUTSIDE and np.asanyarray(OUTSIDE) is OUTSIDE
        assert np.asarray(x) is x and np.ascontiguousarray(x) is x
        assert np.array(x) is not x and np.array(OUTSIDE) is not OUTSIDE
        z = np.zeros(2)
        assert np.asarray(z) is z and np.array(z, copy=False) is z
        return x[0]
    dk.grad(f)(X)


def test_wrong_arguments_raise_as_in_numpy():
    for call in (lambda x: np.zeros(-1), lambda x: np.zeros(2, "no such type"),
                 lambda x: np.array([x[0], [1.0, 2.0]]),
                 lambda x: np.zeros(2, shape=3), lambda x: np.array([x, [1.0]]), lambda x: np.full(2, [x[0]] * 3),
                 lambda x: np.array(x, dtype=np.float32, copy=False), lambda x: np.linspace(x[0], 1, -2)):
        with pytest.raises((ValueError, TypeError)):
            call(X)
        with pytest.raises((ValueError, TypeError)):
            dk.grad(lambda x, call=call: np.sum(call(x)))(X)
        assert untouched()


# --- traced values -------------------------------------------------------------------------------

# Programs with their gradients by hand, at x = (a, b, c).
A, B, C = X
BY_HAND = {
    "array": (lambda x: np.sum(np.array([x[0], 1.0, x[1] * x[2]]) ** 2), [2 * A, 2 * B * C**2, 2 * C * B**2]),
    "matrix": (lambda x: np.linalg.det(np.array([[x[0], x[1]], [x[1], x[2]]])), [C, -2 * B, A]),
    "arrays and numbers": (lambda x: np.sum(np.array([x, [1.0, 2.0, x[0]]])[:, 2] * [3.0, 5.0]), [5, 0, 3]),
    "deep": (lambda x: np.array([[[x[0]]], [[x[1] ** 2]]]).ravel()[1], [0, 2 * B, 0]),
    "asarray": (lambda x: np.sum(np.asarray([x[0], x[0]]) * np.asarray(x[1])), [2 * B, 2 * A, 0]),
    "ndmin": (lambda x: (np.array(x, ndmin=2) @ x)[0], [2 * A, 2 * B, 2 * C]),
    "dtype": (lambda x: np.sum(np.array([x[0] * 2, x[1]], dtype=np.float64) * np.array(x[2], float)),
              [2 * C, C, 2 * A + B]),
    "complex": (lambda x: np.sum(np.abs(np.array([x[0] + 1j * x[1], 2j])) ** 2), [2 * A, 2 * B, 0]),
    "full": (lambda x: np.sum(np.full((2, 3), x[0]) * x), [2 * (A + B + C) + 2 * A, 2 * A, 2 * A]),
    "full of a row": (lambda x: np.sum(np.full((2, 2), [x[0], x[1] ** 2])), [2, 4 * B, 0]),
    "full_like": (lambda x: np.sum(np.full_like(OUTSIDE, x[2]) * OUTSIDE), [0, 0, 15]),
    "r_": (lambda x: np.sum(np.r_[x[0], x, 1:3, [x[2], 4.0]] * np.arange(8.0)), [1, 2, 3 + 6]),
    "c_": (lambda x: np.sum(np.c_[x, x**2, np.ones(3)] * [1.0, 2.0, 5.0]), [1 + 4 * A, 1 + 4 * B, 1 + 4 * C]),
    "r_ with directive": (lambda x: np.r_["1,2,0", x, x * x][2] @ [3.0, 1.0], [0, 0, 3 + 2 * C]),
    "linspace": (lambda x: np.linspace(x[0], x[2], 5) @ [0, 1, 0, 0, 2], [0.75, 0, 0.25 + 2]),
    "linspace open": (lambda x: np.linspace(x[0], x[2], 4, endpoint=False)[3], [0.25, 0, 0.75]),
    "linspace step": (lambda x: np.linspace(x[0], x[2], 5, retstep=True)[1], [-0.25, 0, 0.25]),
    "linspace axis": (lambda x: np.linspace(x[:2], x[1:], 3, axis=-1)[1, 1], [0, 0.5, 0.5]),
    "geomspace": (lambda x: np.geomspace(x[0], x[2], 3)[1], [0.5 * (C / A) ** 0.5, 0, 0.5 * (A / C) ** 0.5]),
    "logspace": (lambda x: np.logspace(x[0], 1.0, 3, base=np.e)[1], [0.5 * np.exp((A + 1) / 2), 0, 0]),
    "arange": (lambda x: np.arange(x[0], 2.0, x[2] / 3)[1], [1, 0, 1 / 3]),
    "mean": (lambda x: np.mean([x[0], x[1], 4.0]), [1 / 3, 1 / 3, 0]),
    "var": (lambda x: np.var([x[0], x[1]]), [(A - B) / 2, (B - A) / 2, 0]),
    "std": (lambda x: np.std([x[0], x[1]]), [0.5, -0.5, 0]),
    "sum": (lambda x: np.sum([x, x * x], axis=0)[1], [0, 1 + 2 * B, 0]),
    "sum by name": (lambda x: np.sum(a=[x[0], x[1]]), [1, 1, 0]),
    "max and min": (lambda x: np.max([x[0], x[2]]) * np.min([x[0], x[1]]), [0, C, B]),
    "prod": (lambda x: np.prod([x[0], x[1], 3.0]), [3 * B, 3 * A, 0]),
    "norm": (lambda x: np.linalg.norm([3 * x[0], 4 * x[0]]), [5, 0, 0]),
    "dot": (lambda x: np.dot([x[0], x[1]], [5.0, 7.0]), [5, 7, 0]),
    "median": (lambda x: np.median([x[0], x[1], x[2]]), [1, 0, 0]),
    "cumsum": (lambda x: np.cumsum([x[0], x[1]])[1], [1, 1, 0]),
    "outer": (lambda x: np.outer([x[0], 1.0], x)[0, 2], [C, 0, A]),
    "diag": (lambda x: np.linalg.det(np.diag([x[0], x[1]])), [B, A, 0]),
    "vectorize": (lambda x: np.sum(np.vectorize(lambda t, k: t**k)(x, 2)), [2 * A, 2 * B, 2 * C]),
    "vectorize two results": (lambda x: np.vectorize(lambda t: (t * t, -t))(x)[0][2], [0, 0, 2 * C]),
    "vectorize excluded": (lambda x: np.vectorize(lambda p, t: p[0] * t + p[1], excluded=[0])([1.0, x[0]], x)[1],
                           [1, 1, 0]),
    "fromiter": (lambda x: np.fromiter((t * t for t in x), float)[2], [0, 0, 2 * C]),
    "list in an operator": (lambda x: np.sum(x * [x[1], 2.0, 3.0]), [B, A + 2, 3]),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_lists_of_traced_values(name):
    f, expected = BY_HAND[name]
    assert np.allclose(dk.grad(f)(X), expected, rtol=1e-13, atol=1e-13)
    assert np.allclose(dk.grad(f, method="forward")(X), expected, rtol=1e-13, atol=1e-13)
    value, _ = dk.value_and_grad(f)(X)
    assert np.allclose(value, f(X), rtol=1e-15, atol=0)


def test_values_of_ranges_are_numpys_to_the_last_bit():
    for f in (lambda x: np.linspace(x[0], x[2], 11), lambda x: np.linspace(x, 2 * x, 4, endpoint=False, axis=1),
              lambda x: np.linspace(x[0], x[0], 3), lambda x: np.arange(x[0], 9.0, x[2])):
        assert np.array_equal(dk.jvp(f, (X,), (X,))[0], f(X))


def test_single_precision_stays():
    x = X.astype(np.float32)
    for f in (lambda x: np.array([x[0], x[1]]), lambda x: np.zeros_like(x) + x, lambda x: np.full_like(x, x[0]),
              lambda x: np.full(3, x[0])):
        assert f(x).dtype == np.float32 == dk.jvp(f, (x,), (x,))[1].dtype
        assert dk.grad(lambda x, f=f: np.sum(f(x)))(x).dtype == np.float32


# --- where it must not reach ----------------------------------------------------------------------

def test_names_are_restored_after_success_errors_and_leaks():
    assert untouched()
    with pytest.raises(ZeroDivisionError):
        dk.grad(lambda x: 1 // 0)(X)
    assert untouched()
    assert dk.grad(lambda x: dk.grad(lambda y: np.sum(np.array([y[0], 1.0])) * y[1])(x)[1])(X)[0] == 1
    assert untouched()
    inside = []

    def nested(x):
        inside.append(untouched())
        dk.grad(lambda y: y[0])(x)
        inside.append(untouched())
        return x[0]

    dk.grad(nested)(X)
    assert inside == [False, False] and untouched()
    with pytest.raises(KeyboardInterrupt):
        dk.jvp(lambda x: (_ for _ in ()).throw(KeyboardInterrupt), (X,), (X,))
    assert untouched()


def test_other_threads_get_numpys_answers():
    entered, done, seen = threading.Event(), threading.Event(), []

    def other():
        entered.wait(10)
        seen.extend([type(np.zeros(3)), type(np.array([1.0])), type(np.linspace(0, 1, 3)), type(np.r_[1.0, 2.0])])
        done.set()

    def f(x):
        entered.set()
        assert done.wait(10)
        return np.sum(np.array([x[0], 2.0]))

    thread = threading.Thread(target=other)
    thread.start()
    assert np.array_equal(dk.grad(f)(X), [1, 0, 0])
    thread.join()
    assert seen == [np.ndarray] * 4 and untouched()


def test_several_threads_trace_at_once():
    barrier, results, errors = threading.Barrier(4), {}, []

    def f(x):
        z = np.zeros(3)
        for i in range(3):
            z[i] = x[i] ** 2
            barrier.wait(10)
        return np.sum(z * np.array([x[0], 1.0, 1.0]))

    def work(k):
        try:
            for _ in range(5):
                results[k] = dk.grad(f)(X + k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and untouched()
    for k in range(4):
        x = X + k
        assert np.allclose(results[k], [3 * x[0] ** 2, 2 * x[1], 2 * x[2]], rtol=1e-14)


def test_a_generator_of_one_run_does_not_leave_the_names_replaced():
    def f(x):
        return sum(v * np.zeros(1)[0] + v for v in (t for t in x))
    dk.grad(f)(X)
    assert untouched()


def test_names_bound_before_are_refused_with_their_cause():
    def slices(x):
        z = early_zeros(3)
        z[1:] = x[1:]
        return np.sum(z)

    def items(x):
        z = early_zeros(3)
        z[0] = x[0]
        return np.sum(z)

    message = r"plain array[\s\S]*test_creation.py[\s\S]*from numpy import zeros"
    for f in (slices, items):
        for method in ("reverse", "forward"):
            with pytest.raises(MutationError, match=message):
                dk.grad(f, method=method)(X)
    with pytest.raises(LostDerivativeError, match="asarray"):
        dk.grad(lambda x: np.sum(early_asarray(x)))(X)
    with pytest.raises(LostDerivativeError, match="asarray"):
        dk.grad(lambda x: np.sum(early_asarray([x[0], 1.0])))(X)


def test_like_functions_bound_before_still_work():
    def f(x):
        z = early_zeros_like(x)
        z[0] = x[1] ** 2
        return np.sum(z)
    assert np.array_equal(dk.grad(f)(X), [0, 2 * B, 0])


def test_a_plain_copy_in_use_refuses_the_write_it_would_miss():
    def f(x):
        z = np.ones(3)
        seen = early_asarray(z)
        z[0] = x[0]
        return np.sum(z) + seen[0]
    with pytest.raises(MutationError, match="still in use"):
        dk.grad(f)(X)

    def passing(x):
        z = np.ones(3)
        total = early_asarray(z).sum()
        z[0] = x[0]
        return np.sum(z) * total
    assert np.array_equal(dk.grad(passing)(X), [3, 0, 0])


def test_what_no_array_of_numbers_can_hold_is_refused():
    for make in (lambda x: np.array([x[0], None]), lambda x: np.array([x[0]], dtype=object),
                 lambda x: np.array([x[0], "a"])):
        with pytest.raises(UnsupportedArgumentError):
            dk.grad(lambda x, make=make: make(x)[0])(X)
    with pytest.raises(LostDerivativeError):
        dk.grad(lambda x: np.sum(np.zeros(x[0])))(X)


def test_plain_arrays_made_inside_work_with_code_that_wants_arrays():
    scipy_special = importlib.import_module("scipy.special")

    def f(x):
        table = np.linspace(0.0, 1.0, 5)
        weights = np.ones(3)
        counts = np.histogram(table, bins=2)[0]
        order = np.lexsort((np.array([3.0, 1.0, 2.0]),))
        total = float(weights.sum()) + memoryview(early_asarray(weights))[0] + scipy_special.gamma(weights)[0]
        chosen = OUTSIDE[np.array([1, 0]), order[:2]].sum()
        return np.interp(x[0], table, table**2) + x[order[0]] * total + chosen * x[2] + counts[0] * x[0]
    # interp between 0.5 and 0.75 has slope 1.25; 5 x[1]; OUTSIDE[1, 1] + OUTSIDE[0, 2] = 4 + 2; counts 2
    assert np.allclose(dk.grad(f)(X), [1.25 + 2, 5, 6], rtol=1e-14)


def test_results_are_plain_arrays():
    def f(x):
        z = np.ones(3)
        return {"plain": z, "traced": np.array([x[0], 2.0]), "view": z[1:]}
    value, tangent = dk.jvp(f, (X,), (X,))
    for part in (*value.values(), *tangent.values()):
        assert type(part) is np.ndarray and part.flags.writeable
    aux = dk.grad(lambda x: (x[0], [np.ones(2), np.zeros(2) + x[0]]), has_aux=True)(X)[1]
    assert [type(part) for part in aux] == [np.ndarray, np.ndarray]
    assert type(dk.value(np.ones(2))) is np.ndarray
    assert Traced is not np.ndarray
