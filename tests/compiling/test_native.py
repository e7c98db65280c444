"""``backend="numba"``: machine code gives f's values to a few roundings, and keeps compile's promises."""

import functools
import subprocess
import sys
import threading

import mpmath
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit import tree
from diffkit.compiling.native import machine as engines
from diffkit.compiling.native import operations

pytestmark = pytest.mark.usefixtures("own_cache")
compile_ = functools.partial(dk.compile, backend="numba")


def close(found, expected, roundings=100, precision=float):
    """Same containers, types and shapes; numbers to so many roundings of the largest entry."""
    left, structure = tree.flatten(found)
    right, other = tree.flatten(expected)
    assert structure == other
    for a, b in zip(left, right):
        assert type(a) is type(b) and np.shape(a) == np.shape(b)
        if hasattr(b, "dtype"):
            assert a.dtype == b.dtype
        if getattr(b, "dtype", np.dtype(float)).kind not in "fc":
            np.testing.assert_array_equal(a, b)
            continue
        size = np.max(np.abs(b), initial=0, where=np.isfinite(b))
        room = roundings * max(np.finfo(kind).eps for kind in (getattr(b, "dtype", float), precision)) * size
        np.testing.assert_allclose(a, b, rtol=0, atol=room)


def same_twice(f, *calls, precision=float):
    c = compile_(f)
    for args in calls:
        for _ in range(2):
            close(c(*args), f(*args), precision=precision)
    assert c.reason == "" and "native0" in c.source
    return c


# --- what it computes ----------------------------------------------------------------------------------

SMOOTH = np.linspace(0.1, 1.9, 12).reshape(3, 4)
PROGRAMS = {
    "elementwise": lambda x: np.exp(-x) * np.sin(3 * x) + np.log1p(x) / np.sqrt(x + 1) - np.tanh(x) ** 3,
    "numbers": lambda x: np.sum(np.cos(x[0, 0] * x[1, 2]) * np.exp(x[2, 3]) - x[0, 1] ** 4 / x[1, 1]),
    "sums": lambda x: np.sum(x * x, axis=0) @ np.arange(4.0) + np.sum(np.sum(x, axis=1, keepdims=True) * x),
    "slices": lambda x: np.sum(x[:, 1:] * x[:, :-1] - x[::-1, 1:] ** 2 * x[1:2, :0:-1]),
    "transposed": lambda x: np.sum(x.T * np.arange(12.0).reshape(4, 3) - x.reshape(4, 3) / 2),
    "broadcast": lambda x: np.sum((x[:, None, :] - x[None, :, :]) ** 2 * np.array([1.0, 2.0, 3.0])[:, None, None]),
    "extrema": lambda x: np.max(x * np.sin(5 * x), axis=1) + np.min(x, axis=1) * np.max(x),
    "selected": lambda x: np.where(x > 1, x ** 2, np.abs(x - 0.5)) + np.maximum(x, 0.7) * np.sign(x - 1.2),
    "product": lambda x: x @ x.T @ x[:, 0] + np.exp(x[:, 1]),
    "packed": lambda x: np.array([x[0, 0] * x[0, 1], np.sin(x[1, 1]), x[2, 2] ** 2]) @ x,
    "joined": lambda x: np.concatenate([x[0] * 2, x[1]]) ** 2 + np.stack([x[2], x[0]]).reshape(-1),
    "softmax": lambda x: np.exp(x - np.max(x, axis=1, keepdims=True)) / np.sum(np.exp(x), axis=1, keepdims=True),
    "numpy in between": lambda x: (np.exp(np.cumsum(np.sin(x), axis=1) * 0.1)
                                   + np.linalg.inv(x[:, :3] + 3 * np.eye(3))[0, 0]),
    "logistic": lambda x: 1 / (1 + np.exp(-x)) + np.expm1(x) * np.hypot(x, 2.0)}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", PROGRAMS)
def test_values_and_derivatives(name, dtype):
    f = PROGRAMS[name]
    x = SMOOTH.astype(dtype)
    same_twice(f, (x,), (x * dtype(0.7),), precision=dtype)
    same_twice(dk.value_and_grad(lambda x: np.sum(f(x) * f(x))), (x,), (x[:, ::-1].copy(),), precision=dtype)


def test_the_error_function():
    x = np.array([0.0, 0.3, -0.9, 1.1, 2.0, -3.5, 5.9, 12.3, 26.0, 27.5, 1e5, -1e200, np.inf, -np.inf])

    def f(x):
        return np.sum(scipy.special.erf(x) * np.arange(1.0, 15.0))

    c = same_twice(dk.grad(f), (x,), (x * 0.5,))
    assert "erf" not in c.source and "exp_square" in c.source
    found = c(x)
    with mpmath.workdps(40):
        for i, a in enumerate(x[:10].tolist()):
            true = (i + 1) * 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-mpmath.mpf(a) ** 2)
            assert abs(found[i] - true) <= 4e-16 * abs(true) + 5e-324


IN_ONE_LOOP = {
    "expit": (lambda x: 1 / (1 + mpmath.exp(-x)), lambda x: mpmath.sech(x / 2) ** 2 / 4),
    "log_expit": (lambda x: -mpmath.log1p(mpmath.exp(-x)), lambda x: 1 / (1 + mpmath.exp(x))),
    "erfc": (lambda x: mpmath.erfc(x), lambda x: -2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x)),
    "ndtr": (lambda x: mpmath.ncdf(x), lambda x: mpmath.npdf(x)),
    "log_ndtr": (lambda x: mpmath.log(mpmath.ncdf(x)) if x < 0 else mpmath.log1p(-mpmath.ncdf(-x)),
                 lambda x: mpmath.npdf(x) / mpmath.ncdf(x))}


@pytest.mark.parametrize("name", IN_ONE_LOOP)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_special_functions_are_one_loop(name, dtype):
    """Value and derivative, down to the ends of the tails (where SciPy's ndtr loses three digits)."""
    function = getattr(scipy.special, name)
    x = np.array([0.0, -0.0, 0.4, -0.7, 1.3, -2.9, 5.0, -9.1, 12.5, -12.7] * 8, dtype)
    if dtype is np.float64:
        x = np.concatenate([x, [-37.0, -38.2, 26.1, 26.4]])

    def f(x):
        y = function(x)
        return y, dk.grad(lambda x: np.sum(function(x)))(x)

    c = same_twice(f, (x,), (x * dtype(0.9),), precision=dtype)
    assert "native1" not in c.source and f"{name}(" in c.source
    assert not any(line.lstrip().startswith("v") and f" {name}(" in line for line in c.source.splitlines())
    epsilon = float(np.finfo(dtype).eps)
    with mpmath.workdps(60):
        for found, exact in zip(c(x), IN_ONE_LOOP[name], strict=True):
            assert found.dtype == dtype
            for y, a in zip(found.tolist(), x.tolist()):
                true = exact(mpmath.mpf(a))
                least = float(np.finfo(dtype).smallest_subnormal)
                assert abs(y - true) <= 4 * epsilon * abs(true) + 2 * least, (a, y)


def test_second_derivatives():
    def f(x):
        return np.sum(np.tanh(x[1:] * x[:-1]) ** 2) + np.exp(x[0])

    x, v = np.linspace(-1, 1, 6), np.arange(6.0)
    same_twice(dk.hessian(f), (x,), (v,))
    same_twice(lambda x, v: dk.hvp(f, x, v), (x, v), (v, x))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 16, 31, 513, 1024, 1025, 2500, 9000])
def test_every_length_of_a_row(size):
    def f(x):
        left, right = x[:-1], x[1:]
        return np.sum(100.0 * (right - left ** 2) ** 2 + (1.0 - left) ** 2)

    x = np.sin(np.arange(size) * 0.7) * 2
    same_twice(lambda x: (np.sum(x * x), np.max(x * x), np.exp(x) - x), (x,))
    if size > 1:
        same_twice(dk.grad(f), (x,), (x[::-1].copy(),))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [1, 3, 8, 33])
def test_of_two_zeros_the_largest_is_numpys(size, dtype):
    """Whose sign decides which infinity a division gives."""
    zeros = np.zeros(size, dtype)
    for a, b in ((zeros, -zeros), (-zeros, zeros), (zeros, zeros), (-zeros, -zeros)):
        for f in (np.maximum, np.minimum):
            run = compile_(lambda a, b, f=f: f(a, b) * 2.0)
            run(a, b)
            assert not run.reason
            assert np.array_equal(np.signbit(run(a, b)), np.signbit(f(a, b)))
        sided = compile_(lambda a: 1 / np.maximum(a * 1.0, 0))
        with np.errstate(divide="ignore"):
            assert np.array_equal(sided(a), 1 / np.maximum(a * 1.0, 0))
            assert np.array_equal(sided(b), 1 / np.maximum(b * 1.0, 0))


def test_a_long_sum_keeps_its_digits():
    x = np.full(10 ** 6, 0.1)
    assert abs(same_twice(lambda x: np.sum(x * 1.0), (x,))(x) - 1e5) <= 1e-8


def test_memory_orders_and_strides_of_inputs():
    def f(x):
        return np.exp(x) * x.T, np.sum(x, axis=0)

    x = np.linspace(-1, 1, 16).reshape(4, 4)
    wide = np.zeros((8, 12))
    wide[::2, ::3] = x
    for argument in (x, np.asfortranarray(x), x.T, x[::-1], wide[::2, ::3], np.broadcast_to(x[0], (4, 4))):
        c = same_twice(f, (argument,))
        assert c(argument)[0].strides == f(argument)[0].strides
    raw = np.frombuffer(b"-" + x.tobytes(), np.uint8)[1:].view(float).reshape(4, 4)
    assert not raw.flags.aligned
    same_twice(f, (raw,))


def test_results_are_the_callers_own():
    c = compile_(lambda x: (x * 2, (x * 2)[1:], x))
    x = np.arange(4.0)
    c(x)
    first = c(x)
    again = c(x)
    first[0][:] = 9
    assert again[0].tolist() == [0, 2, 4, 6] and first[1].tolist() == [2, 4, 6] and first[2] is not x


def test_types_of_results():
    def f(x, t):
        y = np.sin(x)
        return y[0], t * 2.0, np.float32(2) * x[0], y[0] > t, {"a": [t, x > 0, (y.astype(np.float32),)]}

    same_twice(f, (np.linspace(0, 1, 3), 0.5), (np.linspace(1, 0, 3), -0.5))


def test_pythons_floats():
    def f(t, s):
        for _ in range(5):
            t = np.tanh(t * s) + abs(s) - 1.5 * t
        return t

    c = same_twice(dk.grad(f, (0, 1)), (0.3, 0.7), (2.0, -0.1))
    assert "over numbers" in c.source
    divide = compile_(lambda a, b: a / b)
    assert divide(1.0, 2.0) == 0.5
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            divide(1.0, 0.0)


# --- promises ------------------------------------------------------------------------------------------

def test_branches_and_loops_on_values():
    def f(x):
        y = x
        while y * y > 2.0:
            y = y * 0.5 + 0.1
        return np.exp(y) if y > 0 else y * 3.0 - np.sin(x)

    c = compile_(dk.value_and_grad(f))
    for x in (0.5, 100.0, -0.3, 7.0, -50.0, 0.5, 100.0, -3.0):
        for _ in range(2):
            close(c(x), dk.value_and_grad(f)(x))
    assert c.reason == "" and any("leave if" in source for source in c.sources)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-4, 4, width=16), min_size=1, max_size=6))
def test_many_questions_in_any_order(values):
    def f(x):
        y = x
        for k in range(4):
            y = y * 2.0 - k if y > k - 2 else 1.0 - y
            if abs(y) > 3:
                y = y / 4.0
        return y

    c = compile_(dk.value_and_grad(f))
    for value in values:
        close(c(np.float64(value)), dk.value_and_grad(f)(np.float64(value)))


def test_captured_arrays_are_compared():
    scale = np.array([1.0, 2.0, 3.0])
    c = compile_(dk.grad(lambda x: np.sum(np.sin(x) * scale)))
    x = np.arange(3.0)
    for _ in range(2):
        close(c(x), np.cos(x) * scale)
    scale[1] = -5.0
    for _ in range(2):
        close(c(x), np.cos(x) * scale)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_nan_in_a_derivative_goes_to_f():
    def f(x):
        return np.sum(np.where(x > 0, np.sqrt(x), 0.0))

    c = compile_(dk.grad(f))
    close(c(np.array([1.0, 4.0])), np.array([0.5, 0.25]))
    for _ in range(2):
        np.testing.assert_array_equal(c(np.array([-1.0, 4.0])), [0.0, 0.25])
    rosenbrock = compile_(dk.grad(lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2)))
    x = np.linspace(0, 1, 3000)
    rosenbrock(x)
    for at in (0, 1023, 1024, 1025, 2999):
        bad = x.copy()
        bad[at] = np.nan
        assert np.isnan(rosenbrock(bad)).sum() and rosenbrock.reason.startswith("a derivative came out as NaN")


def test_threads():
    c = compile_(dk.grad(lambda x: np.sum(np.exp(np.cumsum(x)) * np.sin(x[::-1]))))
    results = {}

    def work(n):
        x = np.linspace(0, 1, n)
        results[n] = [c(x) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(n,)) for n in (3, 5, 8, 13)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for n, found in results.items():
        x = np.linspace(0, 1, n)
        expected = dk.grad(lambda x: np.sum(np.exp(np.cumsum(x)) * np.sin(x[::-1])))(x)
        for y in found:
            close(y, expected)


def test_a_planted_error_is_refused(monkeypatch):
    monkeypatch.setitem(operations._SIMPLE, "multiply",
                        lambda c, a, b: c.mul(a, c.mul(b, c.number(1 + 1e-13, a.kind))))
    c = compile_(lambda x: np.sin(x) * x)
    x = np.linspace(0, 3, 9)
    for _ in range(2):
        np.testing.assert_array_equal(c(x), np.sin(x) * x)
    assert c.reason == "runs as NumPy source: the program's result differs from f's by more than roundings"
    assert "native0" not in c.source


def test_magnified_roundings_are_no_error():
    def f(x):  # the logistic map: each turn doubles a rounding
        for _ in range(30):
            x = 3.9 * x * (1.0 - x) + 1e-9 * np.sin(x)
        return x

    c = compile_(f)
    c(np.linspace(0.1, 0.9, 9))
    assert c.reason == "" and "native0" in c.source


def test_what_is_nothing_for_machine_code_stays_with_numpy():
    c = compile_(lambda z: np.exp(z) * 2)
    z = np.array([1 + 1j, 2.0])
    for _ in range(2):
        np.testing.assert_array_equal(c(z), np.exp(z) * 2)
    assert c.reason == "runs as NumPy source: nothing in it is for machine code"


def short_stretches(monkeypatch):
    for name, value in {"emit.WHOLE": 300, "chunks.WHOLE": 300, "chunks.LENGTH": 60}.items():
        monkeypatch.setattr(f"diffkit.compiling.native.{name}", value)


def test_long_loops_over_small_arrays_are_cut_where_they_repeat(monkeypatch):
    def f(weights, xs):
        hidden, total = xs[0] * 0.0, 0.0
        for i in range(len(xs) - 1):
            gate = 1.0 / (1.0 + np.exp(-(hidden * weights[1] + xs[i][::-1])))
            hidden = gate * np.tanh(hidden[0] * weights[0]) + (1.0 - gate) * hidden
            total = total + np.sum((hidden - xs[i + 1]) ** 2)
        return total, hidden

    short_stretches(monkeypatch)
    for dtype in (np.float64, np.float32):
        args = np.linspace(-1, 1, 14, dtype=dtype).reshape(2, 7), np.sin(np.arange(280, dtype=dtype)).reshape(40, 7)
        gradient = dk.value_and_grad(lambda *args: f(*args)[0], (0, 1))
        c = same_twice(f, args, (args[0] * dtype(0.5), args[1] * dtype(1.5)), precision=dtype)
        assert c.source.count("r = native") > 3
        c = same_twice(gradient, args, (args[0] * dtype(0.5), args[1] * dtype(1.5)), precision=dtype)
        assert c.source.count("r = native") > 10


def test_long_loops_are_cut_where_they_repeat(monkeypatch):
    short_stretches(monkeypatch)

    def f(x, v, k):
        for step in range(60):
            x, v = x + 0.01 * v, v - 0.01 * (k * np.sin(x) + 0.1 * v * abs(v)) + (1e-3 if step % 20 == 7 else 0.0)
        return x * v + np.float32(2.0)

    gradient = dk.value_and_grad(f, (0, 1, 2))
    c = compile_(gradient)
    calls = (0.5, -0.2, 1.3), (1.5, 0.3, 0.7)
    for args in calls:
        close(c(*args), gradient(*args))
    assert c.reason == "" and c.source.count("\n") > 1000


def test_long_programs_stay_with_numpy(monkeypatch):
    monkeypatch.setattr("diffkit.compiling.native.emit.MOST_OPERATIONS", 50)

    def f(x):
        for k in range(100):
            x = np.sin(x) + 0.1 * k
        return x

    c = compile_(f)
    assert [c(0.5), c(0.5)] == [f(0.5)] * 2
    assert c.reason.startswith("runs as NumPy source: machine code would have ")


def test_the_source_lists_the_loops():
    c = compile_(dk.grad(lambda x: np.sum(np.sin(x[1:]) * x[:-1])))
    c(np.arange(4.0))
    assert "# native0, over 3:" in c.source and "test_native.py:" in c.source
    assert 0 < c.compile_seconds < 60


# --- the cache, and what must be installed -----------------------------------------------------------------

def test_code_is_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("DIFFKIT_CACHE", str(tmp_path / "kept"))
    monkeypatch.setattr(engines, "_engines", [])
    f = dk.grad(lambda x: np.sum(np.exp(x) * 1.25))
    x = np.linspace(0, 1, 5)
    expected = compile_(f)(x)
    kept, = (tmp_path / "kept").glob("*.o")
    content = kept.read_bytes()

    def compiles(monkeypatch):
        count = []
        monkeypatch.setattr(engines, "_engines", [])
        with monkeypatch.context() as patch:
            patch.setattr(engines.Engine, "_optimise", lambda self, module: count.append(module))
            c = compile_(f)
            c(x)
            close(c(x), expected)
        return len(count)

    assert compiles(monkeypatch) == 0
    kept.write_bytes(content[:-7])  # half a file is none
    assert compiles(monkeypatch) == 1 and kept.read_bytes() != content[:-7]


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIFFKIT_CACHE", str(tmp_path / "file" / "folder"))
    monkeypatch.setattr(engines, "_engines", [])
    c = compile_(lambda x: np.exp(x) * 1.75)
    c(1.0)
    close(c(1.0), np.exp(1.0) * 1.75)
    assert c.reason == ""


def test_processes_share_the_cache(tmp_path):
    program = ("import numpy as np, diffkit as dk; c = dk.compile(dk.grad(lambda x: np.sum(np.tanh(x) * x)), "
               "backend='numba'); x = np.arange(5.0); c(x); assert c.reason == '' and np.array_equal(c(x), c(x))")
    environment = {**__import__("os").environ, "DIFFKIT_CACHE": str(tmp_path)}
    running = [subprocess.Popen([sys.executable, "-c", program], env=environment) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    assert [path.suffix for path in tmp_path.iterdir()] == [".o"]


def test_without_llvmlite(monkeypatch):
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    monkeypatch.setattr(engines, "_engines", [])
    with pytest.raises(ImportError, match=r'pip install "diffkit\[numba\]"'):
        dk.compile(np.sin, backend="numba")
    assert dk.compile(np.sin)(0.0) == 0


def test_unknown_backends():
    with pytest.raises(ValueError, match="no backend 'llvm'"):
        dk.compile(np.sin, backend="llvm")


# --- random programs -----------------------------------------------------------------------------------------

OPERATIONS = [
    lambda x, k: np.sin(x) + k, lambda x, k: x * x - x, lambda x, k: -x * k, lambda x, k: x[::-1] * x,
    lambda x, k: np.where(x > k, x, -x), lambda x, k: x + np.sum(x), lambda x, k: np.cumsum(x) / 3,
    lambda x, k: x if np.sum(x) > k else x * 2.5, lambda x, k: np.concatenate([x[1:], x[:1] * k]),
    lambda x, k: np.exp(-x * x), lambda x, k: x * 1 - 0.0, lambda x, k: x.reshape(1, -1).T[:, 0] + (-x) * 0.5,
    lambda x, k: np.maximum(x, k), lambda x, k: (np.outer(x, x) @ x) / (1 + x @ x), lambda x, k: 2 * (3 * (2 * x)),
    lambda x, k: x - np.max(x), lambda x, k: np.tanh(x[0]) * x, lambda x, k: written(x, k),
    lambda x, k: np.sum(x[:, None] * x[None, :] + k, axis=0) / 9, lambda x, k: np.log1p(x * x) + np.cos(x),
    lambda x, k: np.array([x[0] * k, *x[1:]]), lambda x, k: np.sum(np.stack([x, x[::-1] * k, x]), axis=(0,)),
]


def written(x, k):
    y = np.zeros(x.shape, x.dtype)
    y[1:] = x[:-1]
    y[0] = k
    y[:-1] += x[1:] * k
    return y


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, len(OPERATIONS) - 1), min_size=1, max_size=7), st.sampled_from([2, 3, 5, 17]),
       st.sampled_from([np.float64, np.float32]), st.floats(-2, 2, width=32), st.integers(0, 2 ** 30))
def test_random_programs(chosen, n, dtype, captured, seed):
    eps = np.finfo(dtype).eps

    def f(x, noise=None):
        for i, which in enumerate(chosen):
            x = OPERATIONS[which](x, captured)
            x = x if noise is None else x * noise[i]
        return np.sum(x * x) / (1 + np.sum(np.abs(x)))

    rng = np.random.default_rng(seed)
    program, eager = compile_(dk.value_and_grad(f)), dk.value_and_grad(f)
    for _ in range(3):
        x = rng.normal(size=n).astype(dtype)
        found, expected = program(x), eager(x)
        # Both round; how much a program magnifies roundings, it says itself when one more is made at each operation.
        noises = [(1 + eps * rng.choice([-1, 1], (len(chosen), n))).astype(dtype) for _ in range(4)]
        moved = [eager((x * noise[0]).astype(dtype), noise) for noise in noises]
        for i, (a, b) in enumerate(zip(found, expected)):
            change = max(np.max(np.abs(m[i] - b)) for m in moved)
            room = 64 * eps * np.max(np.abs(b)) + 64 * change
            assert type(a) is type(b) and np.all(np.abs(a - b) <= room), (a, b, room)
