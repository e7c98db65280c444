"""docs/conventions.md, a test for each line."""

import dataclasses
import math

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError, LostDerivativeError, NotScalarError, UnknownFunctionError

MODES = ("reverse", "forward")


@pytest.mark.parametrize("method", MODES)
@pytest.mark.parametrize(("f", "at", "expected"), [
    (np.abs, 0.0, 0.0),
    (np.fabs, 0.0, 0.0),
    (abs, -2.0, -1.0),
    (lambda x: np.where(x > 0, x, 0.0), 0.0, 0.0),
    (lambda x: np.maximum(x, x), 3.0, 1.0),
    (lambda x: np.maximum(x, 3.0), 3.0, 0.5),
    (lambda x: np.fmin(x, 3.0), 3.0, 0.5),
    (np.sqrt, 0.0, np.inf),
    (lambda x: x**0.0, 0.0, 0.0),
    (lambda x: x**0, 0.0, 0.0),
    (lambda x: x**1, 0.0, 1.0),
    (lambda x: x**2, 0.0, 0.0),
    (np.floor, 1.5, 0.0),
])
def test_kinks_and_edges(method, f, at, expected):
    with np.errstate(all="ignore"):
        assert dk.grad(f, method=method)(at) == expected


@pytest.mark.parametrize("method", MODES)
def test_a_branch_not_taken_is_silent_and_a_zero_that_is_a_number_is_not(method):
    dead = lambda x: np.sum(np.maximum(np.sqrt(x), 1 + x))
    np.testing.assert_array_equal(dk.grad(dead, method=method)(np.array([0.0, 0.25])), [1.0, 1.0])
    assert np.isnan(dk.grad(lambda x: np.sqrt(x) * np.sin(x), method=method)(0.0))
    assert dk.grad(lambda x: np.sqrt(x)**2, method=method)(0.0) == 1.0  # the square of a root is known


@pytest.mark.parametrize("method", MODES)
def test_derivatives_add_no_warnings(method):
    assert dk.grad(np.sqrt, method=method)(0.0) == np.inf  # warnings are errors here
    with pytest.warns(RuntimeWarning, match="encountered in log"):
        dk.grad(np.log, method=method)(0.0)


@pytest.mark.parametrize("method", MODES)
@pytest.mark.parametrize("f", [np.max, np.amax, lambda x: x.max(), np.maximum.reduce, lambda x: -np.min(-x)])
def test_ties_of_max_share_equally_in_every_spelling(method, f):
    np.testing.assert_allclose(dk.grad(f, method=method)(np.array([1.0, 4.0, 4.0, 4.0])), [0, 1 / 3, 1 / 3, 1 / 3])


@pytest.mark.parametrize("method", MODES)
def test_std_of_a_constant_has_derivative_zero(method):
    np.testing.assert_array_equal(dk.grad(np.std, method=method)(np.full(3, 2.0)), np.zeros(3))


def test_second_derivative_of_a_constant_power():
    assert dk.grad(dk.grad(lambda x: x**0.0))(0.0) == 0.0


def test_python_numbers_become_numpy_scalars():
    kinds = []
    dk.grad(lambda x: kinds.append(isinstance(x, float)) or x * 1.0)(2.0)
    assert kinds == [True]
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert dk.grad(lambda x: 1.0 / x)(0.0) == -np.inf


def test_isinstance_answers_as_the_untraced_program():
    seen = {}

    def f(x):
        y = np.sum(x)
        seen.update(array=isinstance(x, np.ndarray), number=isinstance(y, np.ndarray), float=isinstance(y, float))
        return y

    dk.grad(f)(np.ones(3))
    assert seen == {"array": True, "number": False, "float": True}
    f(np.ones(3))
    assert seen == {"array": True, "number": False, "float": True}


@pytest.mark.parametrize("method", MODES)
def test_questions_are_answered_and_flat(method):
    table = np.array([10.0, 20.0, 30.0])
    f = lambda x: x * table[int(x)] if x > 1 else x * np.floor(x)
    assert dk.grad(f, method=method)(2.5) == 30.0
    assert dk.grad(f, method=method)(0.5) == 0.0


@pytest.mark.parametrize("method", MODES)
@pytest.mark.parametrize("convert", [float, math.sin, lambda x: x.item(), complex, hash, lambda x: len({x: 1})],
                         ids=str)
def test_conversions_that_lose_the_derivative_are_refused_with_the_line(method, convert):
    with pytest.raises(LostDerivativeError) as caught:
        dk.grad(lambda x: convert(x) * x, method=method)(1.0)
    assert isinstance(caught.value, TypeError)
    assert __file__ in str(caught.value)
    assert "Probably wanted" in str(caught.value)


@pytest.mark.parametrize("method", [*MODES, "auto"])
def test_each_block_of_a_jacobian_has_the_dtype_of_its_argument(method):
    single, double = np.ones(2, np.float32), np.ones(2)
    rows = dk.jacobian(lambda a, b: (a * 2, b * 3, np.sum(a) * b), (0, 1), method=method)(single, double)
    assert all(by_a.dtype == np.float32 and by_b.dtype == np.float64 for by_a, by_b in rows)
    np.testing.assert_array_equal(rows[2][0], np.ones((2, 2)))
    assert dk.jacobian(lambda x: x.astype(np.float64), method=method)(single).dtype == np.float32
    assert dk.jacobian(lambda x: x.astype(np.float32), method=method)(double).dtype == np.float64
    assert dk.jacobian(lambda x: x * np.complex64(1j), method=method)(single).dtype == np.complex64


def test_what_is_printed_is_no_number_again():
    texts = []
    dk.grad(lambda x: [x * x, texts.append((f"{x:.3f}", str(x), f"{np.argmax(np.stack([0, x]))}"))][0])(0.7)
    assert texts == [("0.700~", "0.7~", "1")]
    with pytest.raises(LostDerivativeError):
        dk.grad(lambda x: float(f"{x:.3f}") * x)(0.7)


def test_a_swallowed_refusal_that_changes_f_is_raised_after_all():
    def kept(x):
        try:
            return float(x) * 2
        except TypeError:
            return x * 2

    def changed(x):
        try:
            return float(x) * 2
        except TypeError:
            return x * 0

    assert dk.grad(kept)(1.5) == 2.0
    with pytest.raises(dk.errors.LostDerivativeError):
        dk.grad(changed)(1.5)


def test_an_unknown_function_is_refused_by_name():
    with pytest.raises(UnknownFunctionError, match=r"numpy\.packbits") as caught:
        dk.grad(lambda x: np.sum(np.packbits(x)))(np.ones(8))
    assert isinstance(caught.value, NotImplementedError)
    assert __file__ in str(caught.value)


@pytest.mark.parametrize("call", [
    lambda x: np.sum(x, axes=0), lambda x: np.sin(x, wheer=True), lambda x: np.reshape(x, (3,), ordre="C"),
    lambda x: x.sum(axiss=0)])
def test_an_unknown_keyword_is_a_type_error(call):
    with pytest.raises(TypeError):
        dk.grad(lambda x: np.sum(call(x)))(np.ones(3))


@dataclasses.dataclass(frozen=True)
class Frozen:
    second: object
    first: object


def test_containers_keep_their_own_order():
    assert list(dk.grad(lambda p: p["b"] * p["a"])({"b": 2.0, "a": 3.0})) == ["b", "a"]
    assert dk.grad(lambda p: p.first * p.second)(Frozen(2.0, 5.0)) == Frozen(5.0, 2.0)


def test_value_and_stop_gradient():
    assert dk.grad(lambda x: x * dk.stop_gradient(x) + dk.value(x) * 0)(3.0) == 3.0
    assert dk.value({"a": 1.0, "b": [np.ones(2)]})["a"] == 1.0
    # A constant for every level that runs, inner and outer.
    assert dk.grad(lambda x: dk.grad(lambda y: y * y * dk.stop_gradient(x))(x))(3.0) == 6.0


def test_a_value_can_be_changed_without_harm():
    def f(x):
        y = x * x
        dk.value(y)[:] = 0
        return np.sum(y * y)

    np.testing.assert_array_equal(dk.grad(f)(np.full(2, 2.0)), [32.0, 32.0])


def test_booleans_and_integers():
    with pytest.raises(InputError):
        dk.grad(lambda x: x * 1.0)(True)
    with pytest.raises(NotScalarError):
        dk.grad(lambda x: 3)(1.0)
    assert dk.grad(lambda x: x**2)(np.int32(3)) == 6.0


@pytest.mark.parametrize("size", [10, 10_000])
def test_captured_arrays_are_copied(size):
    b = np.ones(size)

    def f(x):
        y = x * b
        b[0] = 7.0
        return np.sum(y)

    np.testing.assert_array_equal(dk.grad(f)(np.ones(size)), np.ones(size))
    assert b[0] == 7.0


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("masked", [np.ma.array([1.0, 2.0], mask=[0, 1]), np.ones((1, 2)).view(np.matrix)],
                         ids=["masked", "matrix"])
def test_arrays_whose_operators_mean_something_else_are_refused(masked):
    for f in (lambda x: np.sum(x * masked), lambda x: np.sum(masked * x), lambda x: np.sum(np.add(x, masked))):
        with pytest.raises(TypeError):
            dk.grad(f)(np.ones(2))


class Foreign:
    """A type with its own ufunc protocol, as xarray's and pint's."""

    def __init__(self, inner):
        self.inner = inner

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return Foreign(getattr(ufunc, method)(*[i.inner if isinstance(i, Foreign) else i for i in inputs], **kwargs))

    def __rmul__(self, other):
        return np.multiply(other, self)

    __mul__ = __rmul__


def test_types_with_their_own_protocol_go_first():
    found = []

    def f(x):
        for product in (x * Foreign(np.full(2, 3.0)), np.multiply(x, Foreign(np.full(2, 3.0)))):
            assert type(product) is Foreign
            found.append(product)
        return np.sum(product.inner)

    np.testing.assert_array_equal(dk.grad(f)(np.ones(2)), [3.0, 3.0])
