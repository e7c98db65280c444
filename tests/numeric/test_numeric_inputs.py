"""What goes in and what comes out: dtypes, shapes, containers, batches, and functions that misbehave."""

from __future__ import annotations

import collections
import math

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError, NotScalarError, NumericError, ShapeError
from diffkit.numeric import STATUSES, derivative, directional, gradient, jacobian


@pytest.mark.parametrize("dtype, tolerance", [(np.float16, 5e-2), (np.float32, 5e-5), (np.float64, 1e-11),
                                              (np.longdouble, 1e-12)])
def test_precisions_are_kept(dtype, tolerance):
    for x in (1.5, -0.3, 3.0):
        result = derivative(np.exp, dtype(x))
        assert result.value.dtype == dtype
        exact = np.exp(np.longdouble(dtype(x)))
        assert abs(np.longdouble(result.value) - exact) <= result.error
        assert result.error <= 40 * tolerance * exact
    array = gradient(lambda t: np.sum(t * t), np.array([1.0, 2.0], dtype))
    assert array.value.dtype == dtype


def test_float32_noise_is_that_of_float32_and_upcast_removes_it():
    assert derivative(np.exp, np.float32(1.5)).noise > 1e-8
    upcast = derivative(np.exp, np.float32(1.5), dtype=np.float64)
    assert upcast.value.dtype == np.float64 and abs(upcast.value - math.exp(1.5)) <= upcast.error < 1e-9


def test_integers_are_taken_as_float64():
    assert derivative(lambda x: x**2, 3).value == pytest.approx(6.0, abs=1e-10)
    result = gradient(lambda x: np.sum(x**2), np.arange(3))
    assert result.value.dtype == np.float64


@pytest.mark.parametrize("x", [2.0, np.float64(2.0), np.float32(2.0), 2])
def test_f_gets_the_kind_of_number_that_was_given(x):
    kinds = set()
    derivative(lambda t: kinds.add(type(t)) or t * t, x)
    assert kinds == {float if type(x) in (float, int) else type(x)}


def test_shapes():
    assert derivative(np.sin, np.array(1.0)).value.shape == ()
    assert derivative(np.sin, np.zeros((2, 0))).value.shape == (2, 0)
    assert gradient(lambda x: np.sum(x) + 1, np.zeros((0, 3))).value.shape == (0, 3)
    assert jacobian(lambda x: x[:0], np.ones(3)).value.shape == (0, 3)
    assert jacobian(lambda x: np.outer(x, x)[None], np.ones(3)).value.shape == (1, 3, 3, 3)
    assert derivative(lambda x: np.array([x, x * x]), 2.0).value.shape == (2,)
    for field in ("error", "status", "left", "right", "noise", "steps"):
        assert getattr(jacobian(lambda x: x * x, np.ones(2)), field).shape == (2, 2)


Point = collections.namedtuple("Point", "x y")


def test_containers_keep_their_kind():
    at = Point(np.array([1.0, 2.0]), [3.0, {"deep": np.array([[4.0]])}])
    result = gradient(lambda p: np.sum(p.x) * p.y[0] * p.y[1]["deep"][0, 0], at)
    assert type(result.value) is Point
    np.testing.assert_allclose(result.value.x, [12, 12])
    assert result.value.y[0] == pytest.approx(12)
    assert result.value.y[1]["deep"].shape == (1, 1)
    assert result.status.y[0] == "ok" and result.ok
    assert gradient(lambda p: 1.0, ()).value == ()
    blocks = jacobian(lambda p: p["a"] * p["b"], {"a": 2.0, "b": np.ones(3)})
    assert blocks.value["a"].shape == (3,) and blocks.value["b"].shape == (3, 3)


def test_complex_input_has_autograds_convention():
    z = np.array([1 + 2j, -0.5j])
    # f = |z|²: df/dx - i df/dy = 2x - 2iy = 2 conj(z)
    result = gradient(lambda w: np.sum(np.abs(w) ** 2), z)
    assert np.all(np.abs(result.value - 2 * np.conj(z)) <= result.error)
    # f = Re(z²) is the real part of a holomorphic function: the gradient is its derivative 2z
    assert abs(gradient(lambda w: (w * w).real, 1 + 2j).value - (2 + 4j)) < 1e-10
    along = directional(lambda w: w**2, 1 + 1j, 1j)
    assert abs(along.value - (2j * (1 + 1j))) <= along.error


def test_complex_results():
    result = derivative(lambda x: np.exp(1j * x), 1.0)
    assert abs(result.value - 1j * np.exp(1j)) <= result.error
    assert jacobian(lambda x: x * 1j, np.ones(2)).value.dtype == np.complex128
    with pytest.raises(NotScalarError, match="complex"):
        gradient(lambda x: 1j * x, 1.0)
    with pytest.raises(InputError, match="complex"):
        jacobian(lambda z: z**2, 1j)


def test_directional():
    x, v = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.0, -1e-3])
    matrix = np.arange(6.0).reshape(2, 3)
    result = directional(lambda t: matrix @ t**2, x, v)
    assert np.all(np.abs(result.value - matrix @ (2 * x * v)) <= result.error + 1e-14)
    assert directional(np.sum, x, np.zeros(3)).value == 0
    for wrong in (np.ones(2), 1.0, [1.0], np.ones(3) * 1j):
        with pytest.raises(ShapeError):
            directional(np.sum, x, wrong)
    with pytest.raises(NumericError):
        directional(np.sum, x, np.full(3, np.inf))


def f_batch(points):
    return np.sum(np.sin(points) * points, axis=-1)


@pytest.mark.parametrize("options", [{"vectorized": True}, {"workers": 2}, {"workers": map}, {"workers": 1}])
def test_batches_and_workers_give_the_same(options):
    x = np.array([0.3, 0.0, -2.0, 1e-7])
    one = gradient(f_batch, x)
    many = gradient(f_batch, x, **options)
    assert np.array_equal(one.value, many.value) and np.array_equal(one.error, many.error)
    assert one.evaluations == many.evaluations


def test_a_batch_is_one_call():
    calls = []
    result = gradient(lambda p: calls.append(p["a"].shape) or p["a"] ** 2 * np.sum(p["b"], axis=-1),
                      {"a": 2.0, "b": np.array([1.0, 3.0])}, vectorized=True)
    assert calls == [(1,), (24,)]
    np.testing.assert_allclose(result.value["b"], [4.0, 4.0])


def test_a_batch_with_points_outside_the_domain():
    def strict(points):
        if np.any(points <= 0):
            raise ValueError("outside")
        return np.log(points)

    result = derivative(strict, 1e-3, vectorized=True)
    assert abs(result.value - 1e3) <= result.error
    with pytest.raises(NumericError, match="batch"):
        gradient(lambda x: np.sum(x), np.ones(3), vectorized=True)


def test_f_may_change_its_argument_and_reuse_its_result():
    def mutates(x):
        x *= 2
        return np.sum(x**2)

    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(gradient(mutates, x).value, 8 * x)
    assert np.array_equal(x, [1.0, 2.0])
    buffer = np.zeros(2)

    def reuses(t):
        buffer[:] = t**2
        return buffer

    np.testing.assert_allclose(jacobian(reuses, x).value, np.diag(2 * x))


@pytest.mark.parametrize("f", [lambda x: None, lambda x: "text", lambda x: x > 0, lambda x: [1.0, [2.0, 3.0]],
                               lambda x: {"a": 1.0}, lambda x: np.array([None])])
def test_results_that_are_not_numbers(f):
    with pytest.raises(InputError, match="not a number"):
        derivative(f, 1.0)
    assert issubclass(InputError, TypeError)


def test_a_result_that_changes_its_shape_or_kind():
    with pytest.raises(NumericError, match="shape"):
        jacobian(lambda x: x[x < 1], np.array([0.5, 1.0]))
    with pytest.raises(InputError):
        derivative(lambda x: x if x == 1 else None, 1.0)


@pytest.mark.parametrize("x", ["text", None, True, np.array([True]), np.array([None]), object(), b"1"])
def test_x_that_is_not_a_number(x):
    with pytest.raises(InputError):
        gradient(lambda t: 1.0, x)


def test_functions_of_another_kind():
    with pytest.raises(NotScalarError, match="jacobian"):
        gradient(lambda x: x, np.ones(2))
    with pytest.raises(NumericError, match="elementwise"):
        derivative(np.sum, np.ones(2))
    with pytest.raises(InputError):
        derivative(np.sin, {"a": 1.0})
    with pytest.raises(InputError, match="called"):
        derivative(3.0, 1.0)


def test_evaluations_are_counted_and_bounded():
    calls = []

    def f(x):
        calls.append(1)
        return np.sum(np.abs(x)) + np.sum(np.sqrt(np.abs(x - 1)))

    result = gradient(f, np.array([0.0, 1.0]))
    assert result.evaluations == len(calls) <= 2 * 120 + 1


def test_result_is_readable():
    assert "ok; 9 evaluations" in repr(derivative(np.sin, 1.0))
    assert "1 kink, 1 ok" in repr(derivative(np.abs, np.array([0.0, 1.0])))
    assert "'a'" in repr(gradient(lambda p: p["a"], {"a": 1.0}))
    result = derivative(np.abs, 0.0)
    assert str(result.status) in STATUSES and not result.ok
    with pytest.raises(AttributeError):
        result.value = 1


def strange(kind, seed):
    """A function that misbehaves in one way, by a generator of its own."""
    generator = np.random.default_rng(seed)

    def f(x):
        y, chance = np.sin(np.asarray(x) * 3), generator.random()
        table = {"nan": y * (np.nan if chance < 0.3 else 1), "random": y + generator.normal(size=np.shape(y)),
                 "huge": y * 10.0 ** generator.integers(-300, 300), "half": np.where(np.asarray(x) > 0.5, y, np.nan),
                 "integer": np.round(y * 100).astype(int), "tiny": y * 1e-320, "float32": np.float32(y), "plain": y}
        return table[kind]

    return f


@pytest.mark.parametrize("kind", ["nan", "random", "huge", "half", "integer", "tiny", "float32", "plain"])
@pytest.mark.parametrize("x", [0.0, 5e-324, 1e-300, 0.3, 0.500001, 1e8, 1e308])
@pytest.mark.parametrize("n", [1, 2])
def test_no_function_and_no_point_leads_astray(kind, x, n):
    for seed, at in enumerate((x, np.array([x, 0.7]), np.longdouble(x))):
        f = strange(kind, seed)

        def quiet(t, f=f):
            with np.errstate(all="ignore"):
                return f(t)

        with np.errstate(all="raise"):
            result = derivative(quiet, at, n)
        assert result.evaluations < 700
        assert not np.any(np.isnan(result.error))
        assert np.all(np.isinf(result.error) | np.isfinite(result.value))
        assert np.all(np.isin(result.status, STATUSES))


@pytest.mark.parametrize("method, each", [("numeric", 8), ("complex-step", 5)])
def test_a_transform_evaluates_f_once_at_x(method, each):
    calls = []

    def f(p, scale):
        calls.append(p)
        return scale * np.sum(np.sin(p["a"])) * np.exp(p["b"])

    p = {"a": np.array([0.3, 1.1]), "b": 0.7}
    found = dk.grad(f, method=method)(p, 2.0)
    assert len(calls) == 1 + 3 * each
    assert np.allclose(found["a"], 2 * np.cos(p["a"]) * np.exp(0.7), rtol=1e-10)
    calls.clear()
    with pytest.raises(NotScalarError):
        dk.grad(lambda x: (calls.append(x), np.sin(x))[1], method=method)(np.ones(3))
    assert len(calls) == 1
