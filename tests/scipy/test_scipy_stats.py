"""diffkit.scipy.stats: SciPy's values, differences of SciPy's functions, and mpmath in the tails."""

import mpmath
import numpy as np
import pytest
import scipy.stats as original

import diffkit as dk
from diffkit.scipy import stats

# name -> shapes, and points inside the support for loc 0.3, scale 1.7
CONTINUOUS = {"norm": (), "t": (3.5,), "gamma": (2.5,), "beta": (1.5, 2.5), "chi2": (3.0,), "expon": (),
              "uniform": (), "laplace": (), "cauchy": (), "lognorm": (0.8,), "logistic": (), "gumbel_r": (),
              "gumbel_l": (), "weibull_min": (1.4,), "pareto": (2.5,), "powerlaw": (1.7,), "rayleigh": (),
              "halfnorm": (), "halfcauchy": (), "invgamma": (2.2,), "chi": (2.5,), "f": (3.0, 4.5)}
DISCRETE = {"poisson": (2.5,), "binom": (7.0, 0.4), "bernoulli": (0.3,), "geom": (0.4,), "nbinom": (2.5, 0.4)}
METHODS = ("logpdf", "pdf", "cdf", "logcdf", "sf", "logsf")
QUANTILES = ("ppf", "isf")
X = np.array([0.4, 0.9, 1.6])


def central(f, x, h=1e-3):
    return (45 * (f(x + h) - f(x - h)) - 9 * (f(x + 2 * h) - f(x - 2 * h)) + (f(x + 3 * h) - f(x - 3 * h))) / (60 * h)


@pytest.mark.parametrize("method", METHODS + QUANTILES)
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous(name, method):
    ours, theirs = getattr(getattr(stats, name), method), getattr(getattr(original, name), method)
    parameters = (*CONTINUOUS[name], 0.3, 1.7)
    args = (X / 2 if method in QUANTILES else X + 1.7 * (name == "pareto"), *parameters)
    value = dk.value_and_grad(lambda x: np.sum(ours(x, *parameters)))(args[0])[0]
    assert value == pytest.approx(np.sum(theirs(*args)), rel=1e-13)
    gradients = dk.grad(lambda *args: np.sum(ours(*args)), tuple(range(len(args))))(*args)
    for i, found in enumerate(gradients):
        along = lambda v, i=i: theirs(*args[:i], v, *args[i + 1:])
        expected = central(along, args[i]) if i == 0 else np.sum(central(along, args[i]))
        np.testing.assert_allclose(found, expected, rtol=3e-8, atol=1e-9)
        alone = lambda v, i=i: np.sum(ours(*args[:i], v, *args[i + 1:]))
        forward = dk.jvp(alone, (args[i],), (np.ones_like(args[i]),))[1]
        assert forward == pytest.approx(np.sum(found), rel=1e-12)
    second = dk.grad(lambda x: np.sum(dk.grad(lambda x: np.sum(ours(x, *parameters)))(x)))(args[0])
    slope = dk.grad(lambda x: np.sum(ours(x, *parameters)))
    np.testing.assert_allclose(second, central(slope, args[0]), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("method", ["logpmf", "pmf", "cdf", "logcdf", "sf", "logsf"])
@pytest.mark.parametrize("name", DISCRETE)
def test_discrete(name, method):
    ours, theirs = getattr(getattr(stats, name), method), getattr(getattr(original, name), method)
    shapes, k = DISCRETE[name], np.array([-1.0, 0.0, 3.0, 5.0, 2.5])
    with np.errstate(divide="ignore"):
        plain = theirs(k, *shapes)
    p = shapes[-1]
    along = lambda p: ours(k, *shapes[:-1], p)
    value, moved = dk.jvp(along, (p,), (1.0,))
    np.testing.assert_allclose(value, plain, rtol=1e-12)
    finite = np.isfinite(plain)
    expected = central(lambda p: theirs(k[finite], *shapes[:-1], p), p)
    np.testing.assert_allclose(moved[finite], expected, rtol=1e-8, atol=1e-9)
    assert np.all(moved[~finite] == 0)
    reverse = dk.grad(lambda p: np.sum(np.where(finite, along(p), 0)))(p)
    assert reverse == pytest.approx(np.sum(moved), rel=1e-12)
    assert np.all(dk.grad(lambda k: np.sum(np.where(finite, ours(k, *shapes), 0)) * p)(k) == 0)


TAILS = [
    ("norm", "logcdf", -60.0, (), lambda x: mpmath.log(mpmath.ncdf(x))),
    ("norm", "logsf", 60.0, (), lambda x: mpmath.log(mpmath.ncdf(-x))),
    ("gamma", "logsf", 2000.0, (3.5,), lambda x: mpmath.log(mpmath.gammainc(3.5, x, regularized=True))),
    ("gamma", "logcdf", 1e-130, (3.5,), lambda x: 3.5 * mpmath.log(x) - mpmath.loggamma(4.5)),  # x^a/Gamma(a + 1)
    ("chi2", "logsf", 4000.0, (5.0,), lambda x: mpmath.log(mpmath.gammainc(2.5, x / 2, regularized=True))),
    ("cauchy", "cdf", -1e12, (), lambda x: mpmath.atan(1 / -x) / mpmath.pi),
    ("cauchy", "logpdf", 1e200, (), lambda x: -mpmath.log(mpmath.pi) - 2 * mpmath.log(x)),
    ("laplace", "logcdf", -800.0, (), lambda x: x - mpmath.log(2)),
    ("laplace", "logsf", 800.0, (), lambda x: -x - mpmath.log(2)),
    ("expon", "logcdf", 1e-10, (), lambda x: mpmath.log(-mpmath.expm1(-x))),
    ("expon", "logcdf", 40.0, (), lambda x: mpmath.log1p(-mpmath.exp(-x))),
    ("lognorm", "logcdf", 1e-20, (1.0,), lambda x: mpmath.log(mpmath.ncdf(mpmath.log(x)))),
]


@pytest.mark.parametrize("name, method, x, shapes, exact", TAILS)
def test_tails_keep_their_digits(name, method, x, shapes, exact):
    with mpmath.workdps(60):
        value, slope = float(exact(mpmath.mpf(x))), float(mpmath.diff(lambda s: exact(x * (1 + s)), 0) / x)
    found = dk.value_and_grad(lambda x: getattr(getattr(stats, name), method)(x, *shapes))(x)
    np.testing.assert_allclose(found, (value, slope), rtol=2e-13)


@pytest.mark.parametrize("name", ["gamma", "beta", "uniform", "expon", "lognorm", "chi2"])
def test_outside_the_support_nothing_is_poisoned(name):
    shapes, x = CONTINUOUS[name], np.array([-1.0, 0.5, 0.0])
    d = getattr(stats, name)
    for method, low in (("pdf", 0), ("cdf", 0), ("sf", 1), ("logsf", 0), ("logcdf", -np.inf), ("logpdf", -np.inf)):
        value, slope = dk.value_and_grad(lambda x, m=method: np.sum(getattr(d, m)(x, *shapes)[:1]))(x)
        assert value == low
        assert slope[0] == 0 and np.all(slope[1:] == 0)


def test_multivariate_normal():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(3, 3))
    cov, mean, x = a @ a.T + np.eye(3), rng.normal(size=3), rng.normal(size=(2, 3))
    f = lambda x, m, c: np.sum(stats.multivariate_normal.logpdf(x, m, c))
    value, (by_x, by_mean, by_cov) = dk.value_and_grad(f, (0, 1, 2))(x, mean, cov)
    assert value == pytest.approx(np.sum(original.multivariate_normal.logpdf(x, mean, cov)), rel=1e-13)
    precision = np.linalg.inv(cov)
    d = x - mean
    np.testing.assert_allclose(by_x, -d @ precision, rtol=1e-11)
    np.testing.assert_allclose(by_mean, np.sum(d @ precision, axis=0), rtol=1e-11)
    full = precision @ d.T @ d @ precision / 2 - precision   # by a full symmetric matrix, two points
    np.testing.assert_allclose(by_cov, np.tril(2 * full, -1) + np.diag(np.diag(full)), rtol=1e-10)
    assert dk.grad(lambda s: stats.multivariate_normal.logpdf(0.5, 0.0, s))(2.0) == pytest.approx(
        -0.25 + 0.25 / 8, rel=1e-13)
    assert dk.grad(lambda s: stats.multivariate_normal.pdf(np.zeros(2), cov=np.array([s, s])))(1.0) == pytest.approx(
        -1 / (2 * np.pi), rel=1e-13)


def test_dirichlet():
    alpha, x = np.array([1.5, 2.0, 0.7]), np.array([0.2, 0.5])
    f = lambda x, a: stats.dirichlet.logpdf(x, a)
    value, (by_x, by_alpha) = dk.value_and_grad(f, (0, 1))(x, alpha)
    assert value == pytest.approx(original.dirichlet.logpdf(x, alpha), rel=1e-13)
    assert by_x == pytest.approx([0.5 / 0.2 + 0.3 / 0.3, 1 / 0.5 + 0.3 / 0.3], rel=1e-12)
    expected = [central(lambda v, i=i: original.dirichlet.logpdf(x, np.where(np.arange(3) == i, v, alpha)), alpha[i])
                for i in range(3)]
    np.testing.assert_allclose(by_alpha, expected, rtol=1e-9)


def test_arguments_as_scipys():
    assert dk.grad(lambda s: stats.norm.logpdf(1.0, scale=s))(2.0) == pytest.approx(1 / 8 - 0.5, rel=1e-14)
    for bad in (lambda x: stats.norm.pdf(x, scaled=2.0), lambda x: stats.t.pdf(x),
                lambda x: stats.norm.pdf(x, 1, 2, 3), lambda x: stats.norm.pdf(x, 1.0, loc=1.0)):
        with pytest.raises(TypeError):
            dk.grad(bad)(0.5)
        with pytest.raises(TypeError):
            bad(0.5)
    assert stats.norm.cdf(0.3) == original.norm.cdf(0.3)
    x = np.array([0.2, 0.4], np.float32)
    for name, shapes in CONTINUOUS.items():
        for method in METHODS:
            found = dk.grad(lambda x, n=name, m=method, s=shapes: np.sum(getattr(getattr(stats, n), m)(x, *s)))(x)
            assert found.dtype == np.float32


def test_ends_of_quantiles_and_probabilities_that_are_none():
    q = np.array([0.0, 1.0, -0.1, 0.5])
    for d in ("gamma", "beta", "norm", "pareto"):
        for method in QUANTILES:
            shapes = CONTINUOUS[d]
            ours, theirs = getattr(getattr(stats, d), method), getattr(getattr(original, d), method)
            along = lambda q, s, ours=ours, shapes=shapes: ours(q, *shapes, 1.0, s)
            found = dk.jvp(along, (q, 2.0), (np.ones(4), 1.0))
            np.testing.assert_array_equal(np.isnan(found[0]), [False, False, True, False])
            np.testing.assert_allclose(found[0], theirs(q, *shapes, 1.0, 2.0), rtol=1e-13)
    assert dk.grad(lambda s: stats.pareto.ppf(0.0, 2.0, 0.0, s))(3.0) == 1.0  # the support begins at the scale
    assert np.all(dk.grad(lambda p: stats.poisson.ppf(0.3, p) + stats.binom.isf(0.2, 5, p / 9))(2.5) == 0.0)
    assert dk.value_and_grad(lambda z: dk.grad(stats.logistic.logpdf)(z))(0.0) == (0.0, -0.5)
    assert dk.grad(stats.rayleigh.pdf)(0.0) == 1.0


def test_frozen_distributions_and_other_methods():
    assert dk.grad(lambda m: stats.norm(m, 2.0).logpdf(1.0))(0.0) == pytest.approx(0.25, rel=1e-15)
    assert dk.grad(lambda m: stats.norm(loc=m).cdf(1.0))(0.0) == pytest.approx(-original.norm.pdf(1.0), rel=1e-14)
    mean = dk.grad(lambda m: stats.multivariate_normal(m, np.eye(2)).logpdf(np.ones(2)))(np.zeros(2))
    np.testing.assert_allclose(mean, np.ones(2), rtol=1e-15)
    np.testing.assert_allclose(dk.grad(lambda a: stats.dirichlet(a).pdf(np.array([0.5, 0.5])))(np.ones(2)),
                               [1 - np.log(2)] * 2, rtol=1e-12)
    assert stats.gamma.mean(2.0) == 2.0 and stats.norm.name == "norm"
    with pytest.raises(dk.errors.UnsupportedArgumentError, match=r"norm\.mean"):
        dk.grad(lambda m: stats.norm.mean(m))(1.0)
    with pytest.raises(AttributeError):
        stats.norm.nothing  # noqa: B018
    with pytest.raises(TypeError, match="misses"):
        stats.gamma()
