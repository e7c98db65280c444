"""dk.compile as a whole: f runs once for each signature and path, and the answer is always f's."""

import dataclasses
import threading
import warnings
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.compiling import CompileError
from diffkit.errors import InputError

RNG = np.random.default_rng(5)


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_by_hand(x):
    g = np.zeros_like(x)
    d = x[1:] - x[:-1] ** 2
    g[1:] += 200 * d
    g[:-1] += -400 * d * x[:-1] - 2 * (1 - x[:-1])
    return g


def counted(f):
    def g(*args, **kwargs):
        g.runs.append(1)  # a list that only grows: what f counts in a number, it might read
        return f(*args, **kwargs)
    g.runs = []
    return g


def same(a, b):
    """Equal bit for bit, in kind, dtype and container."""
    left, structure = dk.tree.flatten(a)
    right, other = dk.tree.flatten(b)
    assert structure == other
    for x, y in zip(left, right):
        assert type(x) is type(y)
        if isinstance(x, (np.ndarray, np.generic)):
            assert x.dtype == y.dtype and x.shape == y.shape
            if x.dtype.char in "gG":  # padded: its bytes are more than the number
                np.testing.assert_array_equal(x, y)
            else:
                assert x.tobytes() == y.tobytes(), (x, y)
        else:
            assert repr(x) == repr(y)


# --- once for each signature and path ------------------------------------------------------------

def test_a_gradient_is_recorded_once_and_right():
    f = counted(rosenbrock)
    g = dk.compile(dk.grad(f))
    for _ in range(5):
        x = RNG.normal(size=8)
        np.testing.assert_allclose(g(x), rosenbrock_by_hand(x), rtol=1e-12)
    assert len(f.runs) == 1 and g.reason == ""
    g(RNG.normal(size=9))
    g(RNG.normal(size=9).astype(np.float32))
    assert len(f.runs) == 3
    g(RNG.normal(size=9))
    assert len(f.runs) == 3


def test_a_loop_on_the_value_is_recorded_once_a_path():
    @counted
    def f(x):
        while np.abs(x) > 5:
            x = x / 2
        return x ** 2

    g = dk.compile(dk.value_and_grad(f))
    paths = {3.0: (9.0, 6.0), 6.0: (9.0, 3.0), -7.0: (12.25, -3.5), 20.0: (25.0, 2.5), 5.0: (25.0, 10.0)}
    for _ in range(3):
        for x, (value, slope) in paths.items():
            assert g(x) == (value, slope)
    assert len(f.runs) == 3  # 0, 1 and 2 halvings
    assert g.reason == ""
    assert len(g.sources) == 3


def test_a_grad_inside_runs_f_once():
    @counted
    def f(x):
        return np.sum(x ** 3)

    @counted
    def step(x, rate):
        value, g = dk.value_and_grad(f)(x)
        return {"x": x - rate * g, "value": value}

    c = dk.compile(step)
    for rate in (0.1, 0.2, 0.3):
        x = RNG.normal(size=3)
        out = c(x, rate)
        np.testing.assert_allclose(out["x"], x - rate * 3 * x ** 2, rtol=1e-14)
        np.testing.assert_allclose(out["value"], np.sum(x ** 3), rtol=1e-14)
    assert len(f.runs) == len(step.runs) == 1


def test_ints_are_static_until_they_vary():
    @counted
    def f(x, n):
        return np.sum(x) * 0.5 ** n

    c = dk.compile(f)
    x = np.arange(3.0)
    for n in range(20):
        assert c(x, n) == 3 * 0.5 ** n
    assert len(f.runs) <= 6

    @counted
    def sized(x, n):
        return np.zeros(n) + x

    c = dk.compile(sized)
    for n in (1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7):
        same(c(1.5, n), np.zeros(n) + 1.5)


def test_static_values_are_part_of_the_signature():
    def f(x, mode, scale=1, flag=False, fun=np.sin):
        y = fun(x) if mode == "a" else x * 2
        return -y * scale if flag else y * scale

    c = dk.compile(f)
    for args in ((0.5, "a"), (0.5, "b"), (0.5, "a", 3), (0.5, "a", 3, True), (0.5, "a", 1, False, np.cos),
                 (0.5, "a")):
        same(c(np.array([args[0]]), *args[1:]), f(np.array([args[0]]), *args[1:]))


# --- containers and numbers ------------------------------------------------------------------------

Pair = namedtuple("Pair", "a b")


@dataclasses.dataclass
class Layer:
    weight: object
    label: str


def test_containers_in_and_out():
    def f(params, extra=None, **more):
        g = {"pair": Pair(params[0]["w"] * 2, params[1].a + 1), "none": None,
             "layer": Layer(params[2].weight * 3, params[2].label), "list": [params[0]["w"], (1, "x")]}
        return g, more["k"] * 2, extra

    args = ([{"w": np.arange(3.0)}, Pair(np.float32(2.0), 4), Layer(np.ones((2, 2)), "l")],)
    c = dk.compile(f)
    for k in (1.5, 2.5):
        for _ in range(2):
            found = c(*args, k=k, extra="e")
            same(found, f(*args, k=k, extra="e"))
            assert found[0]["list"][0] is not args[0][0]["w"]
    assert c.reason == ""


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128,
                                   np.int8, np.int64, np.bool_])
def test_dtypes_are_numpys_own(dtype):
    def f(x, rate):
        return x * rate, x + 1, np.sqrt(np.abs(x)) * rate, x > 0 if x.dtype.kind != "c" else x, x @ x

    x = np.array([1, 0, 1]).astype(dtype)
    c = dk.compile(f)
    for rate in (0.1, 0.3):
        same(c(x, rate), f(x, rate))
    assert c.reason == ""


def test_python_numbers_stay_python_numbers():
    def f(a, b):
        return a * b, a / 3, (a + 1) ** 2, a > b, np.float32(2) * a

    c = dk.compile(f)
    for a in (0.1, 0.7):
        found, expected = c(a, 0.3), f(a, 0.3)
        assert found[:3] == expected[:3] and [type(v) for v in found[:3]] == [float] * 3
        assert bool(found[3]) == expected[3]
        assert found[4] == expected[4] and found[4].dtype == np.float32


def test_results_are_the_callers_own():
    k = np.arange(3.0)

    def f(x):
        y = x + 1
        return x, y, y, y[1:], np.broadcast_to(y, (2, 3)), k, y.reshape(3, 1).T

    c = dk.compile(f)
    x = np.ones(3)
    expected = f(x)
    for _ in range(3):
        found = c(x)
        same(found, tuple(np.array(e) for e in expected))
        for i, a in enumerate(found):
            a += 100 + i  # writable, and shared with nothing
        same((x, k), (np.ones(3), np.arange(3.0)))
    assert [a[0].max() for a in c(x)] == [e[0].max() for e in expected]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("f", [
    lambda x: np.broadcast_to((x * 2)[0], (2, 2)), lambda x: np.broadcast_to((x * 2)[:1], (4, 2))[::2],
    lambda x: np.broadcast_to(x * 2, (2, 2)), lambda x: np.reshape(x * 2, (4,)), lambda x: (x * 2).T,
])
def test_views_of_fresh_memory_can_be_written_to(f, backend):
    compiled = dk.compile(f, backend=backend)
    x = np.arange(4.0).reshape(2, 2)
    for _ in range(3):
        found = compiled(x)
        assert np.array_equal(found, f(x))
        found[...] = np.arange(4.0).reshape(found.shape)  # each entry has a place of its own
        assert np.array_equal(found, np.arange(4.0).reshape(found.shape))


def test_memory_order_is_part_of_the_signature():
    def f(x):
        return np.ravel(x, order="K") * 1.5, x.T @ x, np.sum(x, axis=0)

    c = dk.compile(f)
    a = RNG.normal(size=(3, 4))
    for x in (a, np.asfortranarray(a), a[::-1], np.zeros((6, 4))[::2] + a, a[:, ::2], a):
        same(c(x), f(x))


# --- what is not replayed ----------------------------------------------------------------------------

def test_a_new_array_in_a_closure_is_seen():
    state = {"k": np.arange(3.0)}
    k = state["k"]

    @counted
    def f(x):
        return np.sum(x * k) + np.sum(state["k"])

    g = dk.compile(dk.grad(f))
    x = np.ones(3)
    same(g(x), k.copy())
    same(g(x), k.copy())
    assert len(f.runs) == 1
    k[1] = 10
    same(g(x), np.array([0.0, 10.0, 2.0]))
    assert len(f.runs) == 2


def test_writes_into_an_argument_happen():
    def f(x):
        x += 1
        return np.sum(x)

    c = dk.compile(f)
    x = np.zeros(3)
    for n in (1, 2, 3):
        assert c(x) == 3 * n
        same(x, np.full(3, float(n)))
    assert "writes into its arguments" in c.reason


def test_random_numbers_are_drawn_at_each_call():
    for draw in (lambda rng: np.random.rand(3), lambda rng: rng.normal(size=3)):
        rng = np.random.default_rng(0)
        c = dk.compile(lambda x, draw=draw, rng=rng: x * draw(rng))
        x = np.ones(3)
        a, b = c(x), c(x)
        assert not np.array_equal(a, b)
        assert "random" in c.reason


def test_a_generator_among_the_arguments_is_watched():
    c = dk.compile(lambda x, rng: x * rng.normal())
    rng = np.random.default_rng(0)
    assert c(np.float64(1.0), rng) != c(np.float64(1.0), rng)


def test_a_value_taken_out_of_the_program_is_refused():
    def f(x):
        return x * float(dk.value(np.sum(x)))

    c = dk.compile(f)
    for x in (np.ones(2), np.arange(2.0)):
        same(c(x), f(x))
    assert "looked at" in c.reason
    c = dk.compile(lambda x: x * float(x[0]))
    for x in (np.ones(2), np.arange(2.0) + 2):
        same(c(x), x * x[0])
    assert "float(x)" in c.reason


def test_math_functions_of_a_python_float_make_it_static():
    import math
    c = dk.compile(lambda x, t: x * math.sqrt(t))
    for t in (1.0, 4.0, 9.0, 4.0):
        same(c(np.ones(2), t), np.ones(2) * math.sqrt(t))
    assert c.reason == "" and len(c.sources) == 3


def test_an_error_of_fs_own_comes_through():
    def f(x):
        if np.sum(x) > 3:
            raise KeyError("mine")
        return np.linalg.inv(x)

    c = dk.compile(f)
    same(c(np.eye(2)), np.eye(2))
    with pytest.raises(KeyError, match="mine"):
        c(np.eye(2) * 4)
    with pytest.raises(np.linalg.LinAlgError):
        c(np.zeros((2, 2)))
    same(c(np.eye(2)), np.eye(2))


def test_a_program_that_is_too_long_is_refused():
    def f(x):
        for _ in range(50):
            x = x * 1.01
        return np.sum(x)

    c = dk.compile(f, limit=20)
    same(c(np.ones(2)), f(np.ones(2)))
    same(c(np.ones(2)), f(np.ones(2)))
    assert "more than 20 operations" in c.reason and c.source == ""
    assert dk.compile(f, limit=200)(np.ones(2)) == f(np.ones(2))


def test_a_caught_refusal_changes_no_result():
    def f(x):
        try:
            for _ in range(50):
                x = x + 1
        except Exception:
            return x * 0
        return x

    c = dk.compile(f, limit=20)
    same(c(np.zeros(1)), np.array([50.0]))
    same(c(np.zeros(1)), np.array([50.0]))


def test_too_many_paths_end_in_f_itself():
    def f(x):
        return x * int(x[0])

    c = dk.compile(f)
    for i in range(100):
        same(c(np.array([float(i), 2.0])), np.array([float(i), 2.0]) * i)
    assert "paths" in c.reason


def test_a_nan_in_a_derivative_goes_to_f():
    def f(x):
        return np.sum(np.where(x > 0, np.sqrt(x), 0.0))

    g = dk.compile(dk.grad(f))
    e = dk.grad(f)
    with np.errstate(invalid="ignore"):
        for x in (np.array([1.0, 4.0]), np.array([0.0, 4.0]), np.array([-1.0, 4.0]), np.array([4.0, 1.0])):
            same(g(x), e(x))
            np.testing.assert_allclose(g(x), [0.5 / np.sqrt(v) if v > 0 else 0.0 for v in x], rtol=1e-15)
    assert g.source

    hidden = dk.compile(lambda x: np.nan_to_num(dk.grad(f)(x), nan=7.0))
    for x in (np.array([1.0, 4.0]), np.array([0.0, 4.0])):
        same(hidden(x), np.nan_to_num(e(x), nan=7.0))


def test_warnings_are_fs_own():
    def f(x):
        return np.sum(np.where(x > 0, np.log(np.abs(x) + (x == 0)), 0.0)) + np.sqrt(np.sum(x * x))

    g = dk.compile(dk.grad(f))
    g(np.array([1.0, 2.0]))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        g(np.zeros(2))
        compiled = [str(w.message) for w in seen]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        dk.grad(f)(np.zeros(2))
    assert compiled == [str(w.message) for w in seen]
    c = dk.compile(lambda x: 1 / x)
    c(np.ones(2))
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        c(np.zeros(2))


def test_recorded_in_silence_and_called_aloud():
    f = dk.grad(lambda x: np.sum(np.where(x > 0, 1 / x, x)))
    loud = dk.compile(lambda x: 1 / x)
    quiet = dk.compile(f)
    with np.errstate(all="ignore"):
        quiet(np.ones(2))
        loud(np.ones(2))
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        loud(np.zeros(2))
    half = np.array([1e-160, 1.0])  # only the derivative overflows
    np.testing.assert_array_equal(quiet(half), [-np.inf, -1.0])


def test_unknown_backends_and_non_functions():
    with pytest.raises(CompileError, match="backend"):
        dk.compile(rosenbrock, backend="fortran")
    with pytest.raises(InputError):
        dk.compile(3)


# --- inside other transforms, and threads ------------------------------------------------------------

def test_on_traced_values_f_itself_runs():
    c = dk.compile(lambda x: np.sum(np.sin(x)))
    x = np.linspace(0, 1, 4)
    c(x)
    np.testing.assert_allclose(dk.grad(c)(x), np.cos(x), rtol=1e-15)
    np.testing.assert_allclose(dk.hessian(c)(x), -np.diag(np.sin(x)), rtol=1e-15)
    np.testing.assert_allclose(dk.compile(dk.grad(c))(x), np.cos(x), rtol=1e-15)
    np.testing.assert_allclose(dk.jvp(lambda y: y * c(x), (2.0,), (1.0,))[1], np.sum(np.sin(x)), rtol=1e-15)


def test_threads_share_no_temporaries():
    c = dk.compile(dk.grad(rosenbrock))
    errors = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(60):
            x = rng.normal(size=int(rng.integers(2, 6)))
            try:
                np.testing.assert_allclose(c(x), rosenbrock_by_hand(x), rtol=1e-10)
            except BaseException as error:
                errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors and len(c.sources) == 4


def test_two_compiled_functions_that_call_each_other_in_two_threads():
    def f(x, n):
        return x * 2 if n == 0 else b(x, n - 1) + 1

    def g(x, n):
        return x * 3 if n == 0 else a(x, n - 1) + 1

    a, b = dk.compile(f), dk.compile(g)
    results = []
    threads = [threading.Thread(target=lambda c=c, n=n: results.append((c is a, n, c(2.0, n))), daemon=True)
               for n in range(4) for c in (a, b)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
        assert not t.is_alive()
    expected = {(True, 0): 4, (False, 0): 6, (True, 1): 7, (False, 1): 5, (True, 2): 6, (False, 2): 8,
                (True, 3): 9, (False, 3): 7}
    assert {(is_a, n): value for is_a, n, value in results} == expected


# --- random programs ------------------------------------------------------------------------------------

OPERATIONS = [
    lambda x, k: np.sin(x) + k, lambda x, k: x * x - x, lambda x, k: -x * k, lambda x, k: x[::-1] * x,
    lambda x, k: np.where(x > k, x, -x), lambda x, k: x + np.sum(x), lambda x, k: np.cumsum(x) / 3,
    lambda x, k: x if np.sum(x) > k else x * 2.5, lambda x, k: np.concatenate([x[1:], x[:1] * k]),
    lambda x, k: np.exp(-x * x), lambda x, k: x * 1 - 0.0, lambda x, k: x.reshape(1, -1).T[:, 0] + (-x) * 0.5,
    lambda x, k: np.maximum(x, k), lambda x, k: (np.outer(x, x) @ x) / (1 + x @ x), lambda x, k: 2 * (3 * (2 * x)),
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(OPERATIONS) - 1), min_size=1, max_size=8), st.sampled_from([2, 3, 5]),
       st.sampled_from([np.float64, np.float32]), st.lists(st.floats(-2, 2, width=32), min_size=3, max_size=3),
       st.integers(0, 2 ** 30))
def test_random_programs_equal_eager_bit_for_bit(chosen, n, dtype, captured, seed):
    rng = np.random.default_rng(seed)
    k = np.array(captured[0], dtype)

    def f(x):
        for i in chosen:
            x = OPERATIONS[i](x, k)
        return np.sum(x * x)

    eager = dk.value_and_grad(f)
    compiled = dk.compile(eager)
    with np.errstate(all="ignore"):
        for value in captured:
            k[...] = value  # the captured array changes between calls
            for _ in range(2):
                x = rng.normal(size=n).astype(dtype)
                same(compiled(x), eager(x))
                same(compiled(x), eager(x))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([(), (1,), (3,), (2, 3), (0,)]), st.sampled_from("fdFDi"),
                          st.floats(-3, 3, width=32)), min_size=1, max_size=8))
def test_random_signatures_and_branches(calls):
    def f(x):
        y = x * 2 if np.all(np.abs(x) < 2) else x / 2
        while np.sum(np.abs(y)) > 3:
            y = y * 0.5
        return y, np.sum(y)

    compiled = dk.compile(f)
    for shape, code, value in calls:
        x = np.full(shape, value).astype(code)
        for argument in (x, x[()]):
            same(compiled(argument), f(argument))
