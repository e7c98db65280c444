"""grad, value_and_grad, and what they make of arguments and results."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import ArgnumsError, HolomorphicError, InputError, NotScalarError

METHODS = ("reverse", "forward", "symbolic", "numeric", "complex-step")


class Pair(NamedTuple):
    a: object
    b: object


@dataclasses.dataclass
class Layer:
    weight: object
    bias: object


@pytest.mark.parametrize("method", METHODS)
def test_all_methods_agree_with_a_hand_derivative(method):
    # f = sum(x^2 sin y): df/dx = 2 x sin y, df/dy = x^2 cos y
    x, y = np.array([0.5, -1.5]), np.array([0.3, 2.0])
    f = lambda x, y: np.sum(x**2 * np.sin(y))
    gy, gx = dk.grad(f, argnums=(1, 0), method=method)(x, y)
    np.testing.assert_allclose(gx, 2 * x * np.sin(y), rtol=1e-9)
    np.testing.assert_allclose(gy, x**2 * np.cos(y), rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_scalars_stay_scalars(method):
    g = dk.grad(lambda x: x**3, method=method)(2.0)
    assert np.shape(g) == ()
    assert g == pytest.approx(12.0, rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_aux_and_keywords_pass_through(method):
    f = lambda x, *, scale: (np.sum(x) * scale, {"seen": "yes"})
    g, aux = dk.grad(f, has_aux=True, method=method)(np.ones(2), scale=3.0)
    np.testing.assert_allclose(g, [3.0, 3.0], rtol=1e-9)
    assert aux == {"seen": "yes"}


def test_aux_comes_out_plain():
    _, aux = dk.grad(lambda x: (x * x, [x, {"y": x * 2}]), has_aux=True)(3.0)
    assert aux == [3.0, {"y": 6.0}]
    assert type(aux[0]) is np.float64


def test_value_and_grad():
    value, g = dk.value_and_grad(lambda x: np.sum(x * x))(np.array([1.0, 2.0]))
    assert value == 5.0
    assert type(value) is np.float64
    np.testing.assert_array_equal(g, [2.0, 4.0])
    (value, aux), g = dk.value_and_grad(lambda x: (x * x, "aux"), has_aux=True)(3.0)
    assert (value, aux, g) == (9.0, "aux", 6.0)


@pytest.mark.parametrize("method", METHODS)
def test_containers_keep_their_kind(method):
    params = {"layers": [Layer(np.array([1.0, 2.0]), 0.5)], "pair": Pair(2.0, (np.ones((2, 1)),)), "none": None}

    def f(p):
        layer = p["layers"][0]
        return np.sum(layer.weight**2) * layer.bias + p["pair"].a * np.sum(p["pair"].b[0])

    g = dk.grad(f, method=method)(params)
    assert list(g) == ["layers", "pair", "none"]
    assert g["none"] is None
    assert type(g["layers"][0]) is Layer
    assert type(g["pair"]) is Pair
    np.testing.assert_allclose(g["layers"][0].weight, [1.0, 2.0], rtol=1e-9)
    np.testing.assert_allclose(g["layers"][0].bias, 5.0, rtol=1e-9)
    np.testing.assert_allclose(g["pair"].a, 2.0, rtol=1e-9)
    np.testing.assert_allclose(g["pair"].b[0], np.full((2, 1), 2.0), rtol=1e-9)


def test_argnums_answer_in_the_order_asked():
    f = lambda a, b, c, d: a + 2 * b + 3 * c + 4 * d
    assert dk.grad(f, argnums=(3, 1))(1.0, 1.0, 1.0, 1.0) == (4.0, 2.0)
    assert dk.grad(f, argnums=(0,))(1.0, 1.0, 1.0, 1.0) == (1.0,)
    assert dk.grad(f, argnums=-1)(1.0, 1.0, 1.0, 1.0) == 4.0


def test_f_may_have_keywords_with_any_name():
    assert dk.grad(lambda x, f, argnums: x * f * argnums)(2.0, f=3.0, argnums=5.0) == 15.0


@pytest.mark.parametrize("method", ["reverse", "forward", "numeric"])
@pytest.mark.parametrize("result", [7.5, np.float64(2.0), np.array([1.0])])
def test_a_result_that_does_not_depend_on_the_input_has_derivative_zero(method, result):
    np.testing.assert_array_equal(dk.grad(lambda x: result, method=method)(np.ones(3)), np.zeros(3))


def test_unused_leaves_get_zero_arrays():
    g = dk.grad(lambda p: p["used"] * 2)({"used": 1.0, "unused": np.ones((2, 3), np.float32)})
    assert g["used"] == 2.0
    np.testing.assert_array_equal(g["unused"], np.zeros((2, 3)))
    assert g["unused"].dtype == np.float32


def test_integers_are_taken_as_float64():
    assert dk.grad(lambda x: x / 2)(3) == 0.5
    g = dk.grad(lambda x: np.sum(x**2))(np.array([1, 2, 3]))
    assert g.dtype == np.float64
    np.testing.assert_array_equal(g, [2.0, 4.0, 6.0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_precision_is_kept(dtype):
    x = np.array([0.5, 2.0], dtype)
    for method in ("reverse", "forward"):
        g = dk.grad(lambda x: np.sum(np.sin(x) * 0.5 + x**2 / 3), method=method)(x)
        assert g.dtype == dtype
        np.testing.assert_allclose(g, (np.cos(x) * 0.5 + 2 * x / 3), rtol=4 * float(np.finfo(dtype).eps))


def test_mixed_precision_returns_to_each_argument():
    x, y = np.ones(2, np.float32), np.ones(2)
    gx, gy = dk.grad(lambda x, y: np.sum(x * y * y), argnums=(0, 1))(x, y)
    assert (gx.dtype, gy.dtype) == (np.float32, np.float64)


def test_empty_and_zero_dimensional_arrays():
    assert dk.grad(lambda x: np.sum(x * x))(np.zeros((0, 3))).shape == (0, 3)
    g = dk.grad(lambda x: np.sin(x) * 2)(np.array(0.0))
    assert isinstance(g, (np.ndarray, np.float64))
    assert g == 2.0


def test_a_size_one_result_counts_as_a_number():
    np.testing.assert_array_equal(dk.grad(lambda x: x[:1] * 3)(np.array([1.0, 2.0])), [3.0, 0.0])


def test_empty_containers_come_back_empty():
    assert dk.grad(lambda p, x: x)([], 1.0) == []
    assert dk.grad(lambda p: 1.0)([None, ({}, ())]) == [None, ({}, ())]


def test_nan_and_inf_pass_through():
    assert np.isnan(dk.grad(lambda x: x * x)(np.nan))
    assert dk.grad(lambda x: x * x)(np.inf) == np.inf


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("result", [np.ones(2), np.zeros(0), (1.0, 2.0), None, "text", True, np.bool_(True), 3, 1j],
                         ids=repr)
def test_grad_of_what_is_not_one_real_number_raises(method, result):
    with pytest.raises(NotScalarError) as caught:
        dk.grad(lambda x: result, method=method)(1.0)
    assert isinstance(caught.value, TypeError)
    assert __file__ in str(caught.value)


def test_the_message_for_an_array_suggests_jacobian():
    with pytest.raises(NotScalarError, match=r"shape \(3,\)(?s:.*)jacobian"):
        dk.grad(lambda x: x * 2)(np.ones(3))


@pytest.mark.parametrize("value", ["text", None, True, np.array([True]), np.array(["a"]), object(), ["a"],
                                   np.array([None])], ids=repr)
@pytest.mark.parametrize("method", METHODS)
def test_arguments_that_cannot_move_are_refused_by_name(method, value):
    with pytest.raises(InputError) as caught:
        dk.grad(lambda weights: 1.0, method=method)(value)
    assert isinstance(caught.value, TypeError)


def test_the_refusal_names_the_leaf():
    with pytest.raises(InputError, match=r'params\[1\]\["name"\] of .* is \'x\' \(str\)'):
        dk.grad(lambda params: 1.0)([1.0, {"name": "x"}])


def test_a_function_without_array_arguments():
    with pytest.raises(ArgnumsError, match="called with 0 positional arguments"):
        dk.grad(lambda: 1.0)()
    with pytest.raises(ArgnumsError, match="passed by keyword"):
        dk.grad(lambda x: x)(x=1.0)


@pytest.mark.parametrize("argnums", [2, -3, (0, 5), "x", 1.5, None, (0, 0), (True,)], ids=repr)
def test_argnums_out_of_range_or_odd(argnums):
    with pytest.raises(ArgnumsError) as caught:
        dk.grad(lambda x, y: x * y, argnums=argnums)(1.0, 2.0)
    assert isinstance(caught.value, IndexError)


def test_an_unknown_method_lists_the_known_ones():
    with pytest.raises(InputError, match="'reverse', 'forward'"):
        dk.grad(lambda x: x, method="backward")
    with pytest.raises(InputError, match="has_error"):
        dk.grad(lambda x: x, method="forward", has_error=True)


def test_the_error_of_the_numeric_method():
    g, error = dk.grad(lambda x: np.sum(np.exp(x)), method="numeric", has_error=True)(np.array([0.5, 1.0]))
    assert error.shape == g.shape
    assert np.all(np.abs(g - np.exp([0.5, 1.0])) <= error)
    assert np.all(error < 1e-8)


def test_the_gradient_is_the_callers_own_array():
    x = np.ones(3)
    g = dk.grad(lambda x: np.sum(x))(x)
    g += 1  # a broadcast view would refuse this
    f = lambda x: np.sum(x * x)
    first = dk.grad(f)(x)
    first[:] = 0
    np.testing.assert_array_equal(dk.grad(f)(x), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(x, np.ones(3))


# --- arrays that change while a derivative still needs them ----------------------------------

@pytest.mark.parametrize("size", [3, 100_000])
@pytest.mark.parametrize("swap", [False, True])
def test_a_captured_array_written_to_inside_f(size, swap):
    b = np.full(size, 3.0)

    def f(x):
        y = b * x if swap else x * b
        b[:] = 0.0
        return np.sum(y)

    np.testing.assert_array_equal(dk.grad(f)(np.ones(size)), np.full(size, 3.0))


def test_a_pullback_keeps_its_values_when_arrays_change_later():
    b, x = np.full(9000, 3.0), np.full(9000, 2.0)
    _, pullback = dk.vjp(lambda x: np.sum(x * x * b), x)
    b[:] = 0.0
    x[:] = 0.0
    np.testing.assert_array_equal(pullback(1.0)[0], np.full(9000, 12.0))


# --- complex ----------------------------------------------------------------------------------

def test_the_gradient_of_a_real_function_of_complex_numbers():
    # |z|^2 = x^2 + y^2: df/dx - i df/dy = 2x - 2iy
    for f in (lambda z: np.abs(z)**2, lambda z: np.real(z * np.conj(z)), lambda z: z.real**2 + z.imag**2):
        for g in (dk.grad(f)(3.0 + 4.0j), dk.grad(lambda z, f=f: np.sum(f(z)))(np.array([3.0 + 4.0j]))[0]):
            assert g == pytest.approx(6.0 - 8.0j, rel=1e-14)


def test_holomorphic_functions():
    f = lambda z: np.exp(z) * z**2
    z = 0.3 - 1.1j
    assert dk.grad(f, holomorphic=True)(z) == pytest.approx(np.exp(z) * (z**2 + 2 * z), rel=1e-13)


@pytest.mark.parametrize("f", [lambda z: np.conj(z) * 1j, lambda z: np.abs(z) + 0j, lambda z: z.real * z], ids=repr)
def test_holomorphic_is_checked(f):
    with pytest.raises(HolomorphicError):
        dk.grad(f, holomorphic=True)(1.0 + 2.0j)


def test_a_real_argument_of_a_complex_computation_has_a_real_gradient():
    # |exp(i x) + 1|^2 = 2 + 2 cos x
    g = dk.grad(lambda x: np.abs(np.exp(1j * x) + 1)**2)(0.7)
    assert g.dtype == np.float64
    assert g == pytest.approx(-2 * np.sin(0.7), rel=1e-13)


NUMBERS = {
    "reshape": lambda x: np.reshape(x, (1,))[0] ** 2,
    "array": lambda x: np.array([x, x * x])[1],
    "atleast": lambda x: np.atleast_1d(x)[0] ** 2,
    "where": lambda x: np.where(x > 0, x * x, 0.0),
    "expand": lambda x: np.expand_dims(x * x, 0)[0],
    "join": lambda x: np.sum(np.concatenate([np.reshape(x * x, 1), [1.0]])),
    "ravel": lambda x: np.ravel(x)[0] * x,
}
BY_A_NUMBER = {
    "reverse": lambda f: dk.grad(f)(2.0),
    "forward": lambda f: dk.grad(f, method="forward")(2.0),
    "numeric": lambda f: dk.grad(f, method="numeric")(2.0),
    "value_and_grad": lambda f: dk.value_and_grad(f)(2.0)[1],
    "vjp": lambda f: dk.vjp(f, 2.0)[1](1.0)[0],
    "jacobian": lambda f: dk.jacobian(f)(2.0),
    "columns": lambda f: dk.jacobian(f, method="forward")(2.0),
    "derivative": lambda f: dk.derivative(f)(2.0),
    "compiled": lambda f: dk.compile(dk.grad(f))(2.0),
    "in a container": lambda f: dk.grad(lambda p: f(p["x"]))({"x": 2.0})["x"],
}


@pytest.mark.parametrize("f", NUMBERS)
@pytest.mark.parametrize("how", BY_A_NUMBER)
def test_a_derivative_by_a_number_is_a_number(f, how):
    found = BY_A_NUMBER[how](NUMBERS[f])
    assert type(found) is np.float64 and abs(found - 4.0) < 1e-9


@pytest.mark.parametrize("f", NUMBERS)
def test_second_derivatives_by_a_number_too(f):
    for found in (dk.hessian(NUMBERS[f])(2.0), dk.hvp(NUMBERS[f], 2.0, 1.0), dk.grad(dk.grad(NUMBERS[f]))(2.0)):
        assert type(found) is np.float64 and found == 2.0
    assert type(dk.grad(lambda x: 3.0)(2.0)) is np.float64
