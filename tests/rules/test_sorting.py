"""Sorting, order statistics, differences, interpolation, ufunc methods and weighted counts."""

import numpy as np
import pytest
from array_checks import check, same_values

import diffkit as dk

RNG = np.random.default_rng(2)
# No two entries are closer than the steps of the differences that check the derivatives.
A = (RNG.permutation(24) - 11.3).reshape(2, 3, 4) / 8 + RNG.uniform(0, 0.05, (2, 3, 4))
B = (RNG.permutation(15) - 7.2).reshape(3, 5) / 5 + RNG.uniform(0, 0.1, (3, 5))
V = np.array([0.7, -1.3, 0.4, 2.1, -0.6, 1.1])
P = np.abs(B) + 0.5
NANS = np.array([[True, True, False, True, True], [True] * 5, [False, True, False, False, True]])


def hide(x):
    return np.where(NANS, x, np.nan)


SORTING = {
    "sort": (np.sort, A), "sort_first": (lambda x: np.sort(x, axis=0), A),
    "sort_flat": (lambda x: np.sort(x, None), A),
    "sort_stable": (lambda x: np.sort(x, 1, stable=True), A), "sort_kind": (lambda x: np.sort(x, kind="heapsort"), B),
    "partition": (lambda x: np.partition(x, 2), B), "partition_first": (lambda x: np.partition(x, 1, axis=0), A),
    "partition_flat": (lambda x: np.partition(x, (2, 7), axis=None), B),
    "partition_negative": (lambda x: np.partition(x, -2, axis=-1), B),
    "sort_complex": (lambda x: np.sort_complex(x).real, V),
    "unique": (np.unique, V), "unique_inverse": (lambda x: np.unique(x, return_inverse=True, return_counts=True), V),
    "unique_axis": (lambda x: np.unique(x, axis=0), B), "unique_values": (lambda x: np.sort(np.unique_values(x)), V),
    "median": (np.median, A), "median_axis": (lambda x: np.median(x, 1), A),
    "median_odd": (lambda x: np.median(x, -1), B),
    "median_axes": (lambda x: np.median(x, (0, -1), keepdims=True), A),
    "nanmedian": (lambda x: np.nanmedian(hide(x), 1), B), "nanmedian_flat": (lambda x: np.nanmedian(hide(x)), B),
    "nanmedian_keep": (lambda x: np.nanmedian(hide(x), (0, 1), keepdims=True), B),
    "nanmedian_all": (lambda x: np.nanmedian(x, 1), A),
    "quantile": (lambda x: np.quantile(x, 0.3), B),
    "quantile_several": (lambda x: np.quantile(x, [0.1, 0.5, 1.0], 1), B),
    "quantile_matrix": (lambda x: np.quantile(x, [[0.1, 0.6], [0.0, 0.9]], axis=(0, 2), keepdims=True), A),
    "quantile_integer": (lambda x: np.quantile(x, 1, axis=0) + np.quantile(x, [0, 1], axis=0), B),
    "percentile": (lambda x: np.percentile(x, 37, axis=-1), A), "percentile_keep": (
        lambda x: np.percentile(x, [20.0, 63.0], keepdims=True), A),
    "nanquantile": (lambda x: np.nanquantile(hide(x), [0.2, 0.9], axis=1), B),
    "nanquantile_flat": (lambda x: np.nanquantile(hide(x), 0.4), B),
    "nanpercentile": (lambda x: np.nanpercentile(hide(x), 55, axis=0, keepdims=True), B),
    "weighted": (lambda x: np.quantile(x, [0.3, 0.8], axis=1, weights=[1.0, 2, 0, 3, 1], method="inverted_cdf"), B),
    "weighted_all": (lambda x: np.percentile(x, 40, weights=P, method="inverted_cdf"), B),
    "nan_weighted": (lambda x: np.nanquantile(hide(x), 0.6, axis=1, weights=P, method="inverted_cdf"), B),
}
METHODS = ["inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen",
           "weibull", "linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest"]


@pytest.mark.parametrize("case", SORTING.values(), ids=SORTING.keys())
def test_case(case):
    check(*case)


def test_descending_order():
    """NumPy 2.5's keyword, by the function and the method; earlier ones refuse it by name."""
    def method(x):
        y = x.copy()
        y.sort(axis=0, descending=True)
        return y

    if np.lib.NumpyVersion(np.__version__) < "2.5.0":
        for f in (method, lambda x: np.sort(x, descending=True)):
            with pytest.raises(TypeError, match="descending"):
                dk.grad(lambda x, f=f: np.sum(f(x)))(B)
        return
    check(lambda x: np.sort(x, axis=0, descending=True), A)
    check(lambda x: np.sort(x, None, stable=True, descending=True), B)
    check(lambda x: x[np.argsort(x, descending=True)], V)
    check(method, B)
    tied = np.array([2.0, np.nan, 1.0, 2.0, -0.0])
    same_values(lambda x: np.sort(x, descending=True), (tied,))
    assert np.array_equal(dk.grad(lambda x: np.sort(x, descending=True)[0])(tied), [0.5, 0, 0, 0.5, 0])
    for whole in (np.array([3, 0, 250], np.uint8), np.array([True, False])):
        same_values(lambda x, whole=whole: np.sort(whole * (x > -9), descending=True) * x, (V[:len(whole)],))
    with pytest.raises(ValueError, match="kind"):
        dk.grad(lambda x: np.sum(np.sort(x, kind="stable", descending=True)))(V)


@pytest.mark.parametrize("method", METHODS)
def test_methods_of_quantile(method):
    q = np.array([0.0, 0.05, 0.2, 0.25, 0.4, 0.5, 0.6, 0.73, 0.8, 0.99, 1.0])
    for x in (B, V, V[:1], V[:2], V[:5]):
        check(lambda x: np.quantile(x, q, axis=-1, method=method), x, second=False)
        for dtype in (np.float32, np.longdouble):
            for p in (0.37, q, np.float32(0.37)):
                same_values(lambda x, p=p: np.quantile(x, p, axis=-1, method=method), (x.astype(dtype),))
                same_values(lambda x, p=p: np.nanquantile(x, p, axis=-1, method=method), (x.astype(dtype),))
    check(lambda x: np.nanquantile(hide(x), q, axis=1, method=method), B, second=False)


def test_quantile_in_its_probability():
    for method in METHODS:
        check(lambda q, method=method: np.quantile(V, q, method=method) * q, np.array([0.11, 0.47, 0.83]))
    check(lambda x, q: np.quantile(x, q), V, np.float64(0.33))
    check(lambda q: np.percentile(V, q), np.float64(41.0))


def test_quantile_of_nan_is_nan():
    x = np.array([[1.0, np.nan, 2.0], [1.0, 4.0, 2.0]])
    for f in (lambda x: np.quantile(x, 0.4, axis=1), lambda x: np.median(x, axis=1)):
        value, _ = dk.jvp(f, (x,), (np.ones_like(x),))
        assert np.isnan(value[0]) and value[1] == f(x)[1]
        assert np.all(np.isfinite(dk.grad(lambda x, f=f: f(x)[1])(x)))
    with pytest.warns(RuntimeWarning, match="All-NaN"):
        dk.jvp(lambda x: np.nanmedian(x, 0), (x * [1, np.nan, 1],), (np.ones_like(x),))


def test_ties_share_in_order_statistics():
    x = np.array([2.0, 1.0, 2.0, 0.0, 2.0])
    third = 1 / 3
    assert np.allclose(dk.grad(np.median)(x), [third, 0, third, 0, third], rtol=1e-15)
    assert np.allclose(dk.jacobian(np.sort)(x)[2:], [[third, 0, third, 0, third]] * 3, rtol=1e-15)
    assert np.allclose(dk.grad(lambda x: np.quantile(x, 0.6))(x), [third, 0, third, 0, third], rtol=1e-15)
    assert np.allclose(dk.grad(lambda x: np.sum(np.unique(x) * np.array([1, 10, 100])))(x),
                       [100 / 3, 10, 100 / 3, 1, 100 / 3], rtol=1e-15)
    # Sorting loses nothing: a weight of one on every place is a weight of one on every entry.
    assert np.allclose(dk.grad(lambda x: np.sum(np.partition(x, 1)))(x), np.ones(5), rtol=1e-15)
    jacobian = dk.jacobian(lambda x: np.partition(x, 3))(x)
    assert np.allclose(jacobian @ x, np.partition(x, 3)) and np.allclose(jacobian.sum(0), 1)
    assert np.array_equal(dk.hessian(lambda x: np.sum(np.sort(x) * np.arange(5)))(x), np.zeros((5, 5)))


def test_sorting_of_complex_numbers_and_nan():
    z = np.array([1 + 1j, 1 - 1j, 0 + 3j])
    y, t = dk.jvp(np.sort, (z,), (np.array([1j, 2.0, 3.0]),))
    assert np.array_equal(y, np.sort(z)) and np.array_equal(t, [3, 2, 1j])
    x = np.array([2.0, np.nan, 1.0, np.nan])
    assert np.array_equal(dk.jvp(np.sort, (x,), (np.arange(4.0),))[1], [2, 0, 1, 3])


DIFFERENCES = {
    "diff": (np.diff, V), "diff_n": (lambda x: np.diff(x, 2, axis=0), B),
    "diff_zero": (lambda x: np.diff(x, 0) * 1, V),
    "diff_ends": (lambda x: np.diff(x, prepend=0.0, append=x[:, :2]), B),
    "diff_append": (lambda x: np.diff(x, append=x[0], axis=-1), V),
    "ediff1d": (np.ediff1d, B), "ediff1d_ends": (lambda x: np.ediff1d(x, to_end=[1.0, 2.0], to_begin=x[0]), V),
    "trapezoid": (np.trapezoid, V), "trapezoid_axis": (lambda x: np.trapezoid(x, dx=0.3, axis=0), B),
    "trapezoid_places": (lambda y, x: np.trapezoid(y, x), V, np.cumsum(np.abs(V))),
    "trapezoid_each": (lambda y, x: np.trapezoid(y, x, axis=0), B, np.cumsum(P, 0)),
    "trapezoid_step": (lambda y, h: np.trapezoid(y, dx=h), B, np.float64(0.4)),
    "gradient": (np.gradient, V), "gradient_all": (lambda x: np.gradient(x), B),
    "gradient_axis": (lambda x: np.gradient(x, 0.5, axis=1), B),
    "gradient_two": (lambda x: np.gradient(x, 0.5, [0.0, 1, 3, 4, 7]), B),
    "gradient_edges": (lambda x: np.gradient(x, 2, axis=(1, 0), edge_order=2), B),
    "gradient_places": (lambda f, x: np.gradient(f, x), V, np.cumsum(np.abs(V))),
    "gradient_places_edges": (lambda f, x: np.gradient(f, x, edge_order=2, axis=1), B, np.cumsum(P[0])),
    "gradient_step": (lambda f, h: np.gradient(f, h, edge_order=2), V, np.float64(0.3)),
    "interp": (lambda x, xp, fp: np.interp(x, xp, fp), np.array([0.2, 1.7, -3.0, 9.0, 2.5]), np.array([0, 1.0, 2, 4]),
               np.array([1.0, -1, 0.5, 3])),
    "interp_ends": (
        lambda x, xp, fp: np.interp(x, xp, fp, left=-1.0, right=fp[0] ** 2), np.array([[0.2, 1.7], [-3, 9]]),
                    np.array([0, 1.0, 2, 4]), np.array([1.0, -1, 0.5, 3])),
    "interp_period": (lambda x, xp, fp: np.interp(x, xp, fp, period=360), np.array([-180.0, 171, 185, 11, -5, 365]),
                      np.array([190.0, -190, 350, -350]), np.array([5.0, 10, 3, 4])),
    "interp_one": (lambda x, xp, fp: np.interp(x, xp, fp), np.array([0.5, 2.0]), np.array([1.0]), np.array([3.0])),
    "interp_values": (lambda fp: np.interp([0.0, 1.0, 1.5, 2.0], [0.0, 1.0, 2.0], fp), np.array([1.0, -1, 4])),
    "unwrap": (np.unwrap, np.array([0.0, 2.5, -2.5, 0.1, 6.0])),
    "unwrap_axis": (lambda x: np.unwrap(x, discont=4.0, axis=0, period=5.0), 4 * B),
    "bincount": (lambda w: np.bincount([0, 3, 1, 1, 0, 5], w), V),
    "bincount_long": (lambda w: np.bincount([0, 3, 1, 1, 0, 5], w, minlength=9), V),
    "histogram": (lambda w: np.histogram([0.1, 0.9, 2.0, 3.0, 3.5, -1.0], 4, (0, 3), weights=w)[0], V),
    "histogram_edges": (lambda w: np.histogram([0.1, 0.9, 2.0, 3.0, 3.5, 1.0], [0.0, 0.5, 2, 3], weights=w)[0], V),
    "histogram_density": (
        lambda w: np.histogram([0.1, 0.9, 2.0, 3.0, 3.5, 1.0], 3, density=True, weights=w)[0], V * V),
}


@pytest.mark.parametrize("case", DIFFERENCES.values(), ids=DIFFERENCES.keys())
def test_differences(case):
    check(*case, values=case[0] is not None and "histogram" not in case[0].__code__.co_names
          if hasattr(case[0], "__code__") else True)


W = np.array([0.4, 1.1, 0.3, 2.1, 0.8, 1.6])
DATA = np.array([0.1, 0.9, 2.0, 3.0, 3.5, 1.3])


HISTOGRAMS = {  # of data, weights and two ends
    "counts": lambda x, w, r: np.histogram(x, 4, weights=w),
    "range": lambda x, w, r: np.histogram(x, 4, r, weights=w),
    "density": lambda x, w, r: np.histogram(x, 3, density=True),
    "sturges": lambda x, w, r: np.histogram(x, "sturges"),
    "weighted": lambda x, w, r: np.histogram(x, 3, r, True, w),
    "given": lambda x, w, r: np.histogram(x, [r[0], 0.7, r[1]], density=True, weights=w),
    "complex": lambda x, w, r: np.histogram(x, 3, density=True, weights=w + 1j * w ** 2)[0].imag,
    "edges": lambda x, w, r: np.histogram_bin_edges(x, 5),
    "edges_range": lambda x, w, r: np.histogram_bin_edges(x, 2, r),
    "one_value": lambda x, w, r: np.histogram(x[:1], 2),
    "empty": lambda x, w, r: (np.histogram(x[:0], 2, r)[1], x * w),
    "2d": lambda x, w, r: np.histogram2d(x, w, [2, 3], [r, [0, 2]], weights=w),
    "2d_density": lambda x, w, r: np.histogram2d(x, w, 2, density=True, weights=w * x),
    "2d_edges": lambda x, w, r: np.histogram2d(x, x * w, [r[0], 0.7, 1.1, r[1]], density=True),
    "dd": lambda x, w, r: (lambda h, e: (h, *e))(*np.histogramdd(
        np.stack([x, w, x * w], 1), (2, [r[0], 1, r[1]], 1), density=True, weights=w)),
    "dd_list": lambda x, w, r: (lambda h, e: (h, *e))(*np.histogramdd([x, w], 2, [None, r])),
}


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_histograms(name):
    """The edges move with the data that they are made from, and a density with the edges."""
    f = HISTOGRAMS[name]
    # A count may differ from NumPy's, which takes differences of running sums, in its last digit.
    check(f, DATA, W, np.array([-0.3, 3.7]), values=False)
    args = DATA, W, np.array([-0.3, 3.7])
    for want, found in zip(f(*args), dk.jvp(f, args, args)[0]):
        np.testing.assert_allclose(found, want, rtol=1e-15)
        assert np.asarray(found).dtype == np.asarray(want).dtype


def test_histograms_in_single_and_extended_precision():
    for dtype in (np.float32, np.longdouble):
        x, w = DATA.astype(dtype), W.astype(dtype)
        for f in (lambda x, w: np.histogram(x, 3, weights=w, density=True), lambda x, w: np.histogram2d(x, w, 3)[2],
                  lambda x, w: np.histogram(x, 4, weights=w)):
            want, found = f(x, w), dk.jvp(f, (x, w), (x, w))
            for plain, value, tangent in zip(want, *found):
                assert plain.dtype == value.dtype == tangent.dtype
                np.testing.assert_allclose(value, plain, rtol=4 * np.finfo(plain.dtype).eps)


@pytest.mark.parametrize("call", [
    lambda x: np.histogram(x, 0), lambda x: np.histogram(x, [2.0, 1.0]), lambda x: np.histogram(x, 2.5),
    lambda x: np.histogram(x, 3, weights=x[:2]), lambda x: np.histogram(x, 3, (2.0, 1.0)),
    lambda x: np.histogram(x, "auto", weights=x), lambda x: np.histogramdd(x[:, None], (2, 3)),
    lambda x: np.histogramdd(x[:, None], 2, [(0, 1), (0, 1)]), lambda x: np.histogram2d(x, x[:2]),
    lambda x: np.histogram(x * np.nan, 3)])
def test_histograms_called_wrongly(call):
    with pytest.raises((TypeError, ValueError)) as plain:
        call(DATA)
    with pytest.raises(type(plain.value)) as traced:
        dk.grad(lambda x: np.sum(call(x)[0]))(DATA)
    assert str(traced.value) == str(plain.value)


def test_a_compiled_histogram_is_recorded_once():
    """What the bins are is no condition of the path as long as the data fall into the same ones."""
    seen = []

    def f(x):
        seen.append(1)
        counts, edges = np.histogram(x, 3, density=True)
        return np.sum(counts ** 2 * edges[1:])

    run = dk.compile(dk.grad(f))
    found = [run(DATA * scale) for scale in (1.0, 1.1, 0.7)]
    recorded = len(seen)
    for scale, g in zip((1.0, 1.1, 0.7), found):
        assert np.allclose(g, dk.grad(f)(DATA * scale), atol=1e-13)
    assert recorded <= 2, recorded  # once, and once to check the program


def test_histogram_values():
    x = np.array([0.1, 0.9, 2.0, 3.0, 3.5, 1.0])
    found, edges = dk.jvp(lambda w: np.histogram(x, 5, weights=w)[0], (V,), (V,))
    expected = np.histogram(x, 5, weights=V)[0]
    assert np.allclose(found, expected, rtol=1e-15) and np.allclose(edges, expected, rtol=1e-15)
    assert np.array_equal(dk.jvp(lambda x: np.histogram(x, 3)[0] * 1.0, (x,), (x,))[0], np.histogram(x, 3)[0])


def test_interp_at_a_knot():
    # Slopes -1 and 1 meet at 0 (as abs), 0 and 1 at 1 (as relu): the shortest subgradient, 0; 1 and 2 meet at 2.
    slope = lambda x, fp: dk.grad(lambda x: np.interp(x, [-1.0, 0.0, 1.0], fp))(x)
    assert slope(0.0, [1.0, 0.0, 1.0]) == 0.0 and slope(0.0, [0.0, 0.0, 1.0]) == 0.0
    assert slope(0.0, [0.0, 1.0, 3.0]) == 1.0 and slope(0.0, [0.0, -2.0, -3.0]) == -1.0
    values = np.array([1.0, 5.0, 2.0])
    assert np.array_equal(dk.grad(lambda fp: np.interp(0.0, [-1.0, 0.0, 1.0], fp))(values), [0, 1, 0])


def test_interp_of_complex_values():
    xp, fp = np.array([0.0, 1.0, 3.0]), np.array([1 + 1j, -2j, 0.5])
    x = np.array([0.25, 2.0, 5.0])
    y, t = dk.jvp(lambda fp: np.interp(x, xp, fp), (fp,), (fp * 1j,))
    assert np.array_equal(y, np.interp(x, xp, fp)) and np.allclose(t, 1j * y)


BINARY = {"multiply": V, "add": V, "maximum": V, "minimum": V, "fmax": V, "logaddexp": V, "logaddexp2": V, "hypot": V,
          "subtract": V, "divide": V + 3, "power": np.array([1.7, 0.8, 1.3, 0.6]), "arctan2": V + 3, "copysign": V}


@pytest.mark.parametrize("name", BINARY)
def test_methods_of_ufuncs(name):
    ufunc, x = getattr(np, name), BINARY[name]
    check(lambda a, b: ufunc.outer(a, b), x + 4, x[:3] + 3.5)
    check(lambda x: ufunc.accumulate(x), x)
    exact = name not in ("add", "multiply")  # NumPy's own sums are pairwise
    matrix = np.stack([x, x[::-1] + 0.1])
    check(lambda x: ufunc.accumulate(x, axis=0), matrix)
    if name in ("power", "arctan2", "copysign"):
        with pytest.raises(NotImplementedError, match="reduce"):
            dk.grad(ufunc.reduce)(x)
        return
    check(lambda x: ufunc.reduce(x), x, values=not exact or name not in ("logaddexp", "logaddexp2"))
    check(lambda x: ufunc.reduce(x, axis=1, keepdims=True), matrix)
    if name in ("multiply", "add", "maximum", "minimum", "logaddexp", "hypot"):
        check(lambda x: ufunc.reduce(x, axis=(0, 1)), matrix)
        check(lambda x: ufunc.reduce(x, axis=None, initial=0.25), matrix, values=False)
        check(lambda x: ufunc.reduce(x, axis=1, initial=0.25, where=matrix > -1), matrix)


def test_flat_ufuncs_have_outer_and_logical_reductions():
    assert np.array_equal(dk.grad(lambda x: np.sum(np.greater.outer(x, x) * x))(V), np.sum(np.greater.outer(V, V), 0))
    assert dk.grad(lambda x: x[0] * np.logical_and.reduce(x > -5))(V)[0] == 1


def test_logaddexp_reduce_far_out():
    x = np.array([-np.inf, 800.0, 801.0])
    found = dk.grad(np.logaddexp.reduce)(x)
    assert np.allclose(found, [0, 1 / (1 + np.e), 1 / (1 + 1 / np.e)], rtol=1e-15)
    assert np.array_equal(dk.grad(np.logaddexp.reduce)(np.array([-np.inf, -np.inf])), [0, 0])


@pytest.mark.parametrize("indices", [[0, 3, 1], [4, 2], [1, 1, 5], [0]])
def test_reduceat(indices):
    check(lambda x: np.add.reduceat(x, indices), V)
    check(lambda x: np.add.reduceat(x, [0, 2], axis=1), B)
    for ufunc in (np.multiply, np.maximum, np.fmin, np.subtract, np.hypot, np.logaddexp):
        check(lambda x, ufunc=ufunc: ufunc.reduceat(x, [0, 2, 1, 4], axis=1), B, values=ufunc is not np.logaddexp)
        with pytest.raises(IndexError):
            dk.grad(lambda x, ufunc=ufunc: np.sum(ufunc.reduceat(x, [0, 9])))(V)


def test_lexsort():
    check(lambda x: x[np.lexsort((x, [1, 0, 1, 0, 0, 1]))], V)
    check(lambda x: x[1, np.lexsort(x[::-1])], B)


def test_long_products_stay_linear_in_time_and_exact():
    # A recurrence over 20 000 entries with a zero inside: only the zero's derivative is not 0.
    x = np.full(20_000, 1.0001)
    x[7] = 0.0
    g = dk.grad(lambda x: np.cumprod(x)[-1])(x)
    assert np.count_nonzero(g) == 1 and abs(g[7] / np.exp(19_999 * np.log(1.0001)) - 1) < 1e-11
