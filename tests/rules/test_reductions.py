"""Sums, products, means, spreads and extrema: every argument, first and second order."""

import inspect

import numpy as np
import pytest
from array_checks import check

import diffkit as dk
from diffkit.rules import FUNCTIONS

RNG = np.random.default_rng(3)
A = RNG.normal(size=(2, 3, 4))
B = RNG.normal(size=(3, 4)) + 0.3
V = np.array([0.7, -1.3, 0.4, 2.1, -0.6])
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, True, True]])
NANS = np.where(MASK, B, np.nan)
PARTIAL_ZERO = np.array([[1.5, 0.0, 2.0], [0.0, -1.2, 0.0], [0.3, 0.4, 0.5]])


def each_axis(fun, **more):
    """The cases that every reduction takes: None, one, negative, several axes, keepdims."""
    for keywords in ({}, {"axis": 0}, {"axis": -1}, {"axis": (0, 2)}, {"axis": (-1, 1), "keepdims": True},
                     {"axis": None, "keepdims": True}, {"axis": ()}):
        yield lambda x, k=keywords: fun(x, **k, **more)


REDUCTIONS = [np.sum, np.mean, np.prod, np.var, np.std, np.max, np.min, np.amax, np.amin, np.ptp,
              np.nansum, np.nanmean, np.nanprod, np.nanmax, np.nanmin, np.nanvar, np.nanstd]


@pytest.mark.parametrize("fun", REDUCTIONS, ids=lambda fun: fun.__name__)
def test_axes(fun):
    for i, f in enumerate(each_axis(fun)):
        if i == 6 and fun in (np.std, np.nanstd, np.var, np.nanvar):
            continue  # of one number each: a test of its own
        check(f, A, second=i in (0, 2, 3))


@pytest.mark.parametrize("f", [
    lambda x: np.sum(x, 1, initial=2.5), lambda x: np.sum(x, where=MASK),
    lambda x: np.sum(x, 0, where=MASK, initial=1),
    lambda x: np.mean(x, 1, where=MASK), lambda x: np.mean(x, (0, 1), where=MASK[:, :1], keepdims=True),
    lambda x: np.prod(x, 0, where=MASK), lambda x: np.prod(x, initial=2.5), lambda x: np.prod(x, -1, initial=2.5),
    lambda x: np.var(x, 1, ddof=1), lambda x: np.var(x, correction=1), lambda x: np.var(x, 0, where=MASK),
    lambda x: np.var(x, 1, where=MASK, ddof=0.5, keepdims=True),
    lambda x: np.var(x, 0, mean=np.mean(x, 0, keepdims=True)), lambda x: np.var(x, mean=0.25),
    lambda x: np.std(x, 1, ddof=1), lambda x: np.std(x, correction=0.5), lambda x: np.std(x, 1, where=MASK),
    lambda x: np.std(x, 0, mean=np.mean(x, 0, keepdims=True)), lambda x: np.std(x, mean=0.0),
    lambda x: np.max(x, 1, initial=0.1), lambda x: np.max(x, where=MASK, initial=-9.0),
    lambda x: np.min(x, (0, 1), keepdims=True, where=MASK, initial=0.2),
    lambda x: np.nanmax(x, 1, where=MASK, initial=-5.0), lambda x: np.nansum(x, 0, where=MASK, initial=3.0),
    lambda x: np.nanmean(x, 1, where=MASK), lambda x: np.nanvar(x, 1, ddof=1, where=MASK),
    lambda x: np.nanstd(x, 0, correction=0.5),
    lambda x: np.average(x), lambda x: np.average(x, 1, keepdims=True),
    lambda x: np.average(x, weights=np.exp(x)), lambda x: np.average(x, 0, weights=[1.0, 2.0, 0.5]),
    lambda x: np.average(x, -1, weights=x[0] ** 2, keepdims=True),
    lambda x: np.average(x, (1, 0), weights=x.T ** 2 + 1),
    lambda x: np.average(x, 1, weights=np.abs(x), returned=True),
    lambda x: x.sum(1), lambda x: x.mean(axis=0, keepdims=True), lambda x: x.prod(-1), lambda x: x.var(0, ddof=1),
    lambda x: x.std(), lambda x: x.max(0), lambda x: x.min(), lambda x: x.cumsum(1), lambda x: x.cumprod(0),
    lambda x: np.sum(x, dtype=np.longdouble).astype(float),
])
def test_keywords(f):
    check(f, B)


@pytest.mark.parametrize("fun", [np.nansum, np.nanmean, np.nanprod, np.nanmax, np.nanmin, np.nanvar, np.nanstd,
                                 np.nancumsum, np.nancumprod], ids=lambda fun: fun.__name__)
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_nan_is_left_out(fun, axis):
    # The NaN are constants here, and the moving entries all others.
    check(lambda x: fun(np.where(MASK, x, np.nan), axis), B)


CUMULATIVE = [np.cumsum, np.cumprod, np.nancumsum, np.nancumprod]


@pytest.mark.parametrize("fun", CUMULATIVE, ids=lambda fun: fun.__name__)
def test_cumulative(fun):
    for axis in (None, 0, 1, -1):
        check(lambda x, axis=axis: fun(x, axis), A, second=axis == 1)
    check(lambda x: fun(x, dtype=np.longdouble).astype(float), V)


@pytest.mark.parametrize("name", ["cumulative_sum", "cumulative_prod"])
def test_cumulative_functions_of_the_array_standard(name):
    fun = getattr(np, name)
    check(lambda x: fun(x), V)
    check(lambda x: fun(x, axis=1, include_initial=True), B)
    with pytest.raises(ValueError, match="axis"):
        dk.grad(lambda x: np.sum(fun(x)))(B)


# --- products at zeros -------------------------------------------------------------------------

def test_prod_at_zeros_by_hand():
    gradient, hessian = dk.grad(np.prod), dk.hessian(np.prod)
    assert np.array_equal(gradient(np.array([2.0, 0.0, 5.0])), [0.0, 10.0, 0.0])
    assert np.array_equal(gradient(np.array([0.0, 0.0, 5.0])), [0.0, 0.0, 0.0])
    # d2/dx0dx1 of x0 x1 x2 is x2, and so on.
    assert np.array_equal(hessian(np.array([0.0, 0.0, 5.0])), [[0, 5, 0], [5, 0, 0], [0, 0, 0]])
    assert np.array_equal(hessian(np.array([0.0, 3.0, 5.0])), [[0, 5, 3], [5, 0, 0], [3, 0, 0]])


@pytest.mark.parametrize("f", [
    np.prod, lambda x: np.prod(x, 0), lambda x: np.prod(x, 1), lambda x: np.prod(x, (0, 1)),
    lambda x: np.cumprod(x, 1), lambda x: np.cumprod(x), lambda x: np.multiply.reduce(x, 1),
    lambda x: np.multiply.accumulate(x, 0), lambda x: np.nanprod(x, 1)])
def test_products_at_zeros(f):
    check(f, PARTIAL_ZERO)


def test_third_derivative_of_a_product_of_zeros():
    third = dk.jacobian(dk.hessian(np.prod))(np.zeros(3))
    for i, j, k in np.ndindex(3, 3, 3):
        assert third[i, j, k] == (1.0 if len({i, j, k}) == 3 else 0.0)


# --- ties --------------------------------------------------------------------------------------

TIED = np.array([1.0, 3.0, 3.0, 2.0, 3.0])


@pytest.mark.parametrize("f", [
    np.max, np.amax, np.nanmax, lambda x: np.maximum.reduce(x), lambda x: np.fmax.reduce(x), lambda x: np.sort(x)[-1],
    lambda x: np.partition(x, 2)[-1], lambda x: np.maximum.accumulate(x)[-1], lambda x: np.quantile(x, 1.0),
    lambda x: x.max(), lambda x: -np.min(-x), lambda x: np.unique(x)[-1], lambda x: np.max(x, initial=0.0)])
def test_ties_share_equally_in_every_spelling(f):
    third = 1 / 3
    for found in (dk.grad(f)(TIED), dk.jacobian(f, method="forward")(TIED)):
        assert np.allclose(found, [0, third, third, 0, third], rtol=1e-15, atol=0)
    assert np.array_equal(dk.hessian(f)(TIED), np.zeros((5, 5)))


def test_tie_with_the_start_and_running_ties():
    assert np.array_equal(dk.grad(lambda x: np.max(x, initial=3.0))(TIED), [0, 0.25, 0.25, 0, 0.25])
    jacobian = dk.jacobian(np.maximum.accumulate)(TIED)
    assert np.allclose(jacobian, [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0, 0],
                                  [0, 1 / 3, 1 / 3, 0, 1 / 3]], rtol=1e-15, atol=0)


def test_extremum_of_nan_is_nan():
    x = np.array([1.0, np.nan, 2.0])
    assert np.array_equal(dk.grad(np.max)(x), [0, 1, 0])


# --- spreads at constant data ----------------------------------------------------------------------

@pytest.mark.parametrize("x", [np.full(3, 0.1), np.full(4, 1e8 + 0.3), np.zeros(2), np.array([7.3]),
                               np.full((2, 2), 0.1, np.float32)])
def test_std_of_constant_data_has_derivative_zero(x):
    for f in (np.std, np.nanstd, lambda x: np.std(x, where=np.ones(x.shape, bool))):
        assert np.array_equal(dk.grad(f)(x), np.zeros_like(x))
        assert np.array_equal(dk.jvp(f, (x,), (np.arange(x.size, dtype=x.dtype).reshape(x.shape),))[1], 0.0)
        assert np.array_equal(dk.hessian(f)(x), np.zeros(x.shape * 2))


def test_a_constant_lane_does_not_touch_another():
    x = np.array([[0.1, 0.1, 0.1], [1.0, 2.0, 4.0]])
    found = dk.jacobian(lambda x: np.std(x, 1))(x)
    assert np.array_equal(found[0], np.zeros((2, 3))) and np.array_equal(found[1, 0], np.zeros(3))
    # (x - mean) / (n std), by hand: mean 7/3, variance 14/9.
    assert np.allclose(found[1, 1], (np.array([1, 2, 4]) - 7 / 3) / (3 * np.sqrt(14 / 9)), rtol=1e-14)


def test_variance_of_constant_data_keeps_its_second_derivative():
    # var = |x|^2/n - mean^2: Hessian 2/n (I - 1/n) everywhere.
    expected = 2 / 3 * (np.eye(3) - 1 / 3)
    assert np.allclose(dk.hessian(np.var)(np.full(3, 0.5)), expected, rtol=0, atol=1e-15)


# --- masks hide, also what is not finite --------------------------------------------------------------

def test_hidden_entries_do_not_poison():
    x = np.array([1.0, 0.0, 4.0])
    seen = np.array([True, False, True])
    expected = [-1.0, 0.0, -1 / 16]
    assert np.array_equal(dk.grad(lambda x: np.sum(1 / np.where(seen, x, 1), where=seen))(x), expected)
    for hidden in (np.inf, np.nan):
        y = np.array([1.0, hidden, 4.0])
        for f in (np.sum, np.prod, lambda x, where: np.max(x, where=where, initial=-1)):
            expected = dk.grad(lambda x, f=f: f(x, where=np.array([True, True])))(y[::2])
            assert np.array_equal(dk.grad(lambda x, f=f: f(x * x, where=seen))(y)[::2],
                                  dk.grad(lambda x, f=f: f(x * x, where=np.array([True, True])))(y[::2]))
            assert np.array_equal(dk.grad(lambda x, f=f: f(x, where=seen))(y), [expected[0], 0, expected[1]])
    assert np.array_equal(dk.grad(lambda x: np.mean(x, where=seen))(x), [0.5, 0, 0.5])


# --- dtypes, shapes, Fortran order -----------------------------------------------------------------

DTYPE_FUNCTIONS = [np.sum, np.mean, np.prod, np.var, np.std, np.max, np.min, np.ptp, np.cumsum, np.cumprod, np.median,
                   np.nanmean, np.nanvar, np.nanstd, np.sort, lambda x: np.quantile(x, 0.3),
                   lambda x: np.sum(x, where=x > 0), lambda x: np.mean(x, where=np.array([True, False] * 2)),
                   lambda x: np.average(x, weights=x * x), np.logaddexp.reduce, np.maximum.accumulate]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_precision_is_kept(dtype):
    x = np.array([0.5, -1.25, 2.0, 0.75])
    for f in DTYPE_FUNCTIONS:
        expected = dk.grad(lambda x, f=f: np.sum(f(x)))(x)
        y, pullback = dk.vjp(f, x.astype(dtype))
        assert y.dtype == f(x.astype(dtype)).dtype == dtype
        (found,) = pullback(np.ones_like(y))
        assert found.dtype == dtype
        tolerance = 30 * float(np.finfo(dtype).eps) if dtype != np.longdouble else 1e-15
        assert np.allclose(found.astype(float), expected, rtol=tolerance, atol=tolerance)
        out, t = dk.jvp(f, (x.astype(dtype),), (np.ones(4, dtype),))
        assert out.dtype == t.dtype == dtype


def test_longdouble_uses_its_digits():
    x = np.array([1, 3, 7], np.longdouble) / 10
    found = dk.grad(np.std)(x)
    mean = np.sum(x) / 3
    expected = (x - mean) / (3 * np.sqrt(np.sum((x - mean) ** 2) / 3))
    assert np.max(np.abs(found - expected)) < 4 * np.finfo(np.longdouble).eps


@pytest.mark.parametrize("f", [
    np.sum, np.mean, np.prod, np.cumsum, np.cumprod, lambda x: np.sum(x, where=MASK[0, :3]),
    lambda x: np.average(x, weights=x * x), lambda x: np.cumsum(x)[::2]])
def test_holomorphic_functions_of_complex_arrays(f):
    z = np.array([1 + 2j, -0.5j, 0.3 - 1j])
    t = np.array([0.2 - 1j, 1.1, 0.7j])
    y, moved = dk.jvp(f, (z,), (t,))
    h = 1e-3
    expected = (8 * (f(z + h * t) - f(z - h * t)) - (f(z + 2 * h * t) - f(z - 2 * h * t))) / (12 * h)
    assert np.allclose(moved, expected, rtol=1e-9, atol=1e-10)
    g = np.ones_like(y) * (1 - 0.5j)
    assert np.allclose(np.sum(g * moved), np.sum(dk.vjp(f, z)[1](g)[0] * t), rtol=1e-13)


@pytest.mark.parametrize("f", [np.var, np.std, np.nanvar, lambda z: np.var(z, ddof=1)])
def test_spread_of_complex_arrays(f):
    z = np.array([1 + 2j, -0.5j, 0.3 - 1j])
    t = np.array([0.2 - 1j, 1.1, 0.7j])
    y, moved = dk.jvp(f, (z,), (t,))
    assert y == f(z) and moved.dtype == np.float64
    h = 1e-3
    expected = (8 * (f(z + h * t) - f(z - h * t)) - (f(z + 2 * h * t) - f(z - 2 * h * t))) / (12 * h)
    assert abs(moved - expected) < 1e-10
    assert abs(np.sum(dk.grad(f)(z) * t).real - expected) < 1e-10


@pytest.mark.parametrize("f", [np.sum, np.mean, np.prod, np.max, np.std, np.cumsum, np.sort, np.median])
def test_zero_dimensional_and_fortran_order(f):
    if f is not np.sort:
        check(lambda x: f(np.reshape(x, ())) + x, np.float64(1.7))
    check(f, np.asfortranarray(B), second=False)
    check(f, B[::-1, ::2], second=False)


@pytest.mark.parametrize("f", [np.sum, np.prod, np.cumsum, np.cumprod, lambda x: np.sort(x),
                               lambda x: np.max(x, initial=1.0), lambda x: np.sum(x, 0, keepdims=True)])
def test_empty_arrays(f):
    x = np.zeros((0,))
    y, pullback = dk.vjp(f, x)
    assert np.array_equal(y, f(x)) and y.dtype == float
    assert pullback(np.ones_like(y))[0].shape == (0,)
    assert dk.jvp(f, (x,), (x,))[1].shape == np.shape(y)


# --- the ways to call wrongly --------------------------------------------------------------------------

@pytest.mark.parametrize("fun", [f for f in FUNCTIONS if callable(f) and not isinstance(f, np.ufunc)
                                 and getattr(FUNCTIONS[f], "__module__", "").split(".")[-1] in (
                                     "reductions", "extrema", "statistics", "cumulative", "sorting", "quantiles",
                                     "shapes", "rearranging", "joining", "selection", "padding", "differences",
                                     "counting", "indexing") and getattr(f, "__name__", "") != "astype"],
                         ids=lambda f: f.__name__)
def test_signatures_are_numpys(fun):
    def shape(f):
        return [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()]
    ours = shape(FUNCTIONS[fun])
    if np.lib.NumpyVersion(np.__version__) < "2.5.0":  # which added it to sort
        ours = [one for one in ours if one[0] != "descending"]
    assert ours == shape(fun)


@pytest.mark.parametrize("fun", [*REDUCTIONS, np.median, np.cumsum, np.sort])
def test_wrong_axis_is_numpys_error(fun):
    with pytest.raises(np.exceptions.AxisError):
        dk.grad(lambda x: np.sum(fun(x, axis=3)))(B)
    with pytest.raises(np.exceptions.AxisError):
        dk.jvp(lambda x: fun(x, axis=-3), (B,), (B,))


@pytest.mark.parametrize("fun", [*REDUCTIONS, np.median, np.cumsum, np.sort, np.average])
def test_unknown_keyword_is_refused(fun):
    with pytest.raises(TypeError):
        dk.grad(lambda x: fun(x, nonsense=1))(V)


@pytest.mark.parametrize("fun", [*REDUCTIONS, np.median, np.cumsum, np.take, np.choose, np.compress, np.concatenate])
def test_a_definition_never_ignores_out(fun):
    # Writing into an array is the buffers' part; a definition that is given one does not drop it.
    args = {np.take: (V, 0), np.choose: ([0], [V]), np.compress: ([True], V), np.concatenate: ([V],)}.get(fun, (V,))
    with pytest.raises(TypeError, match="out"):
        FUNCTIONS[fun](*args, out=np.zeros(5))


def test_numpys_own_complaints():
    with pytest.raises(ValueError, match="correction"):
        dk.grad(lambda x: np.var(x, ddof=1, correction=1))(V)
    with pytest.raises(ValueError, match="zero-size"):
        dk.jvp(np.max, (np.zeros(0),), (np.zeros(0),))
    with pytest.raises(ValueError, match="initial"):
        dk.grad(lambda x: np.max(x, where=x > 0))(V)
    with pytest.raises(ZeroDivisionError):
        dk.grad(lambda x: np.average(x, weights=np.zeros(5)))(V)
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"), np.errstate(all="ignore"):
        assert np.isnan(dk.value_and_grad(lambda x: np.var(x, ddof=1))(np.array([1.0]))[0])
    with pytest.warns(RuntimeWarning, match="Mean of empty slice"), np.errstate(all="ignore"):
        dk.jvp(np.mean, (np.zeros(0),), (np.zeros(0),))


@pytest.mark.parametrize("method", ["reverse", "forward"])
def test_an_axis_of_a_number_where_numpy_takes_one(method):
    for fun in (np.nanstd, np.nanvar, np.nanmean, np.nansum, np.sum, np.max, np.ptp):
        for axis in (0, -1):
            slope = dk.grad(lambda x, f=fun, k=axis: f(x, axis=k) + 0 * x, method=method)(2.0)
            assert slope == (0 if fun in (np.nanstd, np.nanvar, np.ptp) else 1), (fun, axis)
    for fun in (np.std, np.var, np.mean):
        with pytest.raises(np.exceptions.AxisError):
            fun(np.float64(2.0), axis=0)
        with pytest.raises(np.exceptions.AxisError):
            dk.grad(lambda x, f=fun: f(x, axis=0), method=method)(2.0)
