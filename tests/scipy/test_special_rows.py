"""Every ufunc of scipy.special: it has one place, its derivative is mpmath's, and push, pull and order two agree."""

from __future__ import annotations

import subprocess
import sys
import zlib

import mpmath
import numpy as np
import pytest
from scipy import special
from special_arguments import ARGUMENTS

import diffkit as dk
from comparisons.special_accuracy import call, error_at
from comparisons.special_functions import REFERENCES, sample
from diffkit.errors import NumericError, SymbolicError, UnknownFunctionError, UnsupportedArgumentError
from diffkit.rules import FUNCTIONS
from diffkit.rules.kinds import REFUSED
from diffkit.selftest import check_rule
from diffkit.selftest import sample as domain_sample

UFUNCS = sorted({name for name in dir(special) if isinstance(getattr(special, name), np.ufunc)} - {"jn", "digamma"})
FLAT = {"gammasgn", "round"}
NONE = {"pro_rad2", "pro_rad2_cv", "obl_rad2", "obl_rad2_cv"}
ROWS = [name for name in UFUNCS if name not in FLAT | NONE]
# SciPy's own routine has fewer digits than differences could be compared with.
ROUGH = {"itairy": 1e-6, "ncfdtridfd": 1e-4, "ncfdtridfn": 1e-4, "ncfdtrinc": 1e-4}


def row(name):
    import diffkit.scipy.rules  # noqa: F401  (here: rows that exist while tests are collected are tested elsewhere)
    return FUNCTIONS[getattr(special, name)]


def measured(name):
    from diffkit.scipy.rules import numeric_arguments
    return (0,) if name == "zeta" else numeric_arguments(row(name))


def arguments(name):
    if name in ARGUMENTS:
        return list(ARGUMENTS[name])
    return domain_sample(row(name), (2,), np.random.default_rng(1))


def test_the_rulebook_waits_for_its_first_question():
    code = ("import sys, numpy as np, diffkit as dk; from scipy import special; name = 'diffkit.scipy.rules'; "
            "print(name in sys.modules, dk.grad(special.erf)(0.0), name in sys.modules)")
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out.split() == ["False", "1.1283791670955126", "True"]


def test_every_ufunc_has_one_place():
    import diffkit.scipy.rules  # noqa: F401
    functions = {name: getattr(special, name) for name in UFUNCS}
    rows = {name for name, f in functions.items() if f in FUNCTIONS and not FUNCTIONS[f].is_flat}
    flat = {name for name, f in functions.items() if f in FUNCTIONS and FUNCTIONS[f].is_flat}
    refused = {name for name, f in functions.items() if f in REFUSED}
    assert (flat, refused) == (FLAT, NONE)
    assert rows == set(ROWS) and not rows & refused
    assert special.jn is special.jv and special.digamma is special.psi


@pytest.mark.parametrize("name", sorted(NONE))
def test_a_function_that_scipy_computes_wrongly_is_refused(name):
    y, slope = getattr(special, name)(1, 2, 0.7, *((special.obl_cv(1, 2, 0.7),) if "_cv" in name else ()), 1.3)
    with pytest.raises(UnknownFunctionError, match="percents"):
        dk.grad(lambda x: getattr(special, name)(1, 2, 0.7, *((3.0,) if "_cv" in name else ()), x)[0])(1.3)
    assert np.isfinite([y, slope]).all()


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_derivatives_have_mpmaths_digits(name):
    """Closed forms to 2e-13 (or what SciPy's own value has), measured partials to 1e-9."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    f = REFERENCES[name][0]
    results = [k for k, one in enumerate(f) if one is not None] if isinstance(f, list) else [None]
    for _ in range(2):
        args = sample(name, rng)
        for k in results:
            for position, arg in enumerate(args):
                if not isinstance(arg, int):
                    slope, value = error_at(name, args, position, k)
                    allowed = 1e-9 if position in measured(name) else max(2e-13, 100 * value)
                    assert slope <= allowed, (args, position, slope, value)


@pytest.mark.parametrize("name", ROWS)
def test_push_pull_and_second_order(name):
    """Forward against differences of SciPy's function, reverse against forward; order two where all is closed."""
    rule, args = row(name), arguments(name)
    moving = [i for i, arg in enumerate(args) if hasattr(arg, "dtype")]
    closed = not set(measured(name)) & set(moving)
    faults = check_rule(rule, args, differences=name not in ROUGH, second=closed)
    assert faults == []
    if not closed and name not in ROUGH:  # the closed arguments alone, to second order
        args = [arg if i not in measured(name) or not hasattr(arg, "dtype") else float(arg[0])
                for i, arg in enumerate(args)]
        if any(hasattr(arg, "dtype") for arg in args):
            assert check_rule(rule, args) == []


@pytest.mark.parametrize("name", sorted(ROUGH))
def test_rough_functions_to_their_own_digits(name):
    args = [float(arg[0]) for arg in ARGUMENTS[name]]
    f = getattr(special, name)
    results = range(f.nout) if f.nout > 1 else [None]
    for position in range(len(args)):
        for k in results:
            def along(x, position=position, k=k):
                y = f(*args[:position], x, *args[position + 1:])
                return y if k is None else y[k]
            h = 1e-3
            expected = (8 * (along(args[position] + h) - along(args[position] - h))
                        - along(args[position] + 2 * h) + along(args[position] - 2 * h)) / (12 * h)
            found = dk.grad(along)(args[position])
            assert abs(found - expected) <= 20 * ROUGH[name] * max(abs(expected), 0.1), (position, k)


@pytest.mark.parametrize("name", ROWS)
def test_strict_refuses_exactly_what_is_measured(name):
    from diffkit.scipy import strict
    rule, args = row(name), arguments(name)
    for position, arg in enumerate(args):
        if not hasattr(arg, "dtype"):
            continue

        def along(x, position=position):
            y = rule(*args[:position], x, *args[position + 1:])
            return np.sum(np.real(y[0] if isinstance(y, tuple) else y))

        with strict():
            if position in measured(name):
                with pytest.raises(NumericError, match="no closed form"):
                    dk.grad(along)(arg)
            else:
                assert np.isfinite(dk.grad(along)(arg)).all()


@pytest.mark.filterwarnings("ignore:non-integer arg n is deprecated")  # SciPy's own, of a count that moves
@pytest.mark.parametrize("name", sorted(UFUNCS))
def test_no_argument_has_a_silent_zero(name):
    """By every argument, counts too: a derivative that differences confirm, a step, or a refusal by name."""
    f = getattr(special, name)
    if name in ROWS:
        args = [arg if isinstance(arg, int) else np.ravel(arg)[0] for arg in arguments(name)]
    else:  # flat or refused: any point
        args = [np.float64(v) for v in (1, 2, 0.7, 1.3)[:f.nin]] if "cv" not in name else [1.0, 2.0, 0.7, 1.2, 1.3]
    first = lambda y: np.real(y[0] if isinstance(y, tuple) else y)
    outcomes = []
    for position in range(f.nin):
        along = lambda x, position=position: first(f(*args[:position], x, *args[position + 1:]))
        x = args[position] * np.float64(1)
        try:
            slope = dk.jvp(along, (x,), (np.ones_like(x),))[1]
        except (dk.errors.DiffkitError, TypeError) as refusal:  # SciPy's own TypeError: it takes integers alone
            assert name in str(refusal)
            outcomes.append("refused")
            continue
        h = 1e-4 * max(1.0, abs(x))
        with np.errstate(all="ignore"):
            near = [along(x + step * h) for step in (-2, -1, 1, 2)]
        if slope == 0 and not (near[0] == near[1] and near[2] == near[3]):
            # Not a step: zero must be the derivative's value here.
            assert abs(near[2] - near[1]) <= 1e-9 * max(abs(y) for y in near), (position, near)
        if name in FLAT:
            assert slope == 0
        outcomes.append("zero" if slope == 0 else "derivative")
    assert outcomes.count("refused") == f.nin if name in NONE else "derivative" in outcomes or name in FLAT


SECOND = {"erfcx": 30.0, "dawsn": 20.0, "psi": 3.3, "gammaln": 0.7, "rgamma": -2.0, "exprel": 1e-3, "i0e": 60.0,
          "expit": 38.0, "log_ndtr": -30.0, "ellipk": 1e-4, "ellipe": 1e-4, "spence": 0.9, "kolmogorov": 0.7,
          "ndtri": 1e-3, "k0": 2.0, "j0": 0.1, "wrightomega": 1.0, "erfcinv": 1e-6}


@pytest.mark.parametrize("name", sorted(SECOND))
def test_second_derivatives_where_formulas_cancel(name):
    f, x = getattr(special, name), np.float64(SECOND[name])
    with mpmath.workdps(60):
        exact = mpmath.diff(REFERENCES[name][0], mpmath.mpf(float(x)), 2)
    for found in (dk.grad(dk.grad(f))(x), dk.jvp(dk.grad(f), (x,), (np.float64(1),))[1],
                  dk.derivative(f, n=2)(x)):
        assert abs(found - exact) <= 3e-12 * abs(exact)


def test_second_derivative_by_an_order():
    """Both by the order, and mixed: measured, to the digits of their claims."""
    f = lambda v, x: special.jv(v, x)
    hessian = dk.hessian(lambda p: f(p[0], p[1]))(np.array([0.7, 2.3]))
    with mpmath.workdps(40):
        exact = [[float(mpmath.diff(mpmath.besselj, (0.7, 2.3), orders)) for orders in row]
                 for row in (((2, 0), (1, 1)), ((1, 1), (0, 2)))]
    np.testing.assert_allclose(hessian, exact, rtol=1e-7)


def test_what_counts_is_refused():
    with pytest.raises(SymbolicError, match=r"no closed form of Derivative\(besselj\(v, 2\), v\)"):
        dk.grad(lambda v: special.jv(v, 2.0), method="symbolic")(1.0)
    with pytest.raises(UnsupportedArgumentError, match="certain values"):
        dk.grad(lambda n: special.expn(n, 1.0))(2.0)
    with pytest.raises(UnsupportedArgumentError, match="not holomorphic"):
        dk.grad(lambda x: np.real(special.jve(1.0, x + 1j)))(0.5)
    with pytest.raises(UnsupportedArgumentError, match="principal value"):
        dk.grad(lambda y: special.elliprc(1.0, y))(-0.5)
    assert dk.grad(lambda k: special.pdtr(k, 1.5))(2.3) == 0.0  # SciPy rounds k down


def test_quantiles_beyond_the_search_interval_are_nan():
    """SciPy answers 0 where no k has so small a probability: no derivative is made of that."""
    assert special.pdtrik(0.01, 1.0) == 0
    assert np.isnan(dk.grad(lambda p: special.pdtrik(p, 1.0))(0.01))


@pytest.mark.parametrize("x", [-1e5, -300.0, -38.0, -20.0, -1.0, -0.1, 0.0, 0.1, 3.0, 8.0, 20.7, 26.1, 37.3])
def test_derivatives_of_log_ndtr_keep_their_digits_in_both_tails(x):
    def exact(x):
        if x > -1000:
            first = mpmath.npdf(x) / mpmath.ncdf(x)
            return first, -first * (x + first)
        w = 1 / (x * x)
        return -x * (1 + w - 2 * w ** 2), -1 + w - 6 * w ** 2

    with mpmath.workdps(60):
        first, second = exact(mpmath.mpf(x))
        for f in (dk.grad(special.log_ndtr), lambda x: dk.jvp(special.log_ndtr, (x,), (np.float64(1),))[1]):
            assert abs(f(np.float64(x)) - first) <= 4e-15 * first
            assert abs(dk.grad(f)(np.float64(x)) - second) <= 1e-14 * abs(second)


@pytest.mark.parametrize("y", [-1e-300, -1e-100, -1e-10, -0.1, -0.69, -0.7, -1.0, -10.0, -1e3])
def test_derivatives_of_ndtri_exp_keep_their_digits_in_both_tails(y):
    """x solves log(ndtr(x)) = y, here to 60 digits by Newton's method from SciPy's."""
    with mpmath.workdps(60):
        x = mpmath.mpf(float(special.ndtri_exp(y)))
        for _ in range(4):
            value = mpmath.log(mpmath.ncdf(x)) if x < 0 else mpmath.log1p(-mpmath.ncdf(-x))
            first = mpmath.ncdf(x) / mpmath.npdf(x)
            x -= (value - mpmath.mpf(y)) * first
        first = mpmath.ncdf(x) / mpmath.npdf(x)
        second = first * (1 + x * first)
        for f in (dk.grad(special.ndtri_exp), lambda y: dk.jvp(special.ndtri_exp, (y,), (np.float64(1),))[1]):
            assert abs(f(np.float64(y)) - first) <= 4e-15 * first
            assert not np.isfinite(float(second)) or abs(dk.grad(f)(np.float64(y)) - second) <= 1e-14 * abs(second)


@pytest.mark.parametrize("name", ["erf", "gammaln", "jv", "gammainc", "ellipk", "log_ndtr", "boxcox", "fresnel"])
def test_single_precision_is_kept(name):
    f, nin = getattr(special, name), getattr(special, name).nin
    args = tuple(np.array([0.4, 0.6], np.float32) for _ in range(nin))

    def total(*args):
        y = f(*args)
        return np.sum(y[0] if isinstance(y, tuple) else y)

    wide = dk.grad(total, tuple(range(nin)))(*(a.astype(float) for a in args))
    for method in ("reverse", "forward"):
        for single, double in zip(dk.grad(total, tuple(range(nin)), method=method)(*args), wide):
            assert single.dtype == np.float32
            np.testing.assert_allclose(single, double, rtol=2e-6)


def test_complex_arguments():
    z = np.array([0.4 + 0.3j, 8 + 9j, -2.5 + 1j])
    for name in ("erf", "gamma", "loggamma", "psi", "wofz", "erfcx", "exp1", "dawsn"):
        f, h = getattr(special, name), 1e-5
        found = dk.jvp(f, (z,), (np.ones_like(z),))[1]
        expected = (f(z + h) - f(z - h)) / (2 * h)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_call_knows_fixed_counts():
    assert call("bdtr", [2, 0.5], None) == special.bdtr(2.0, 6, 0.5)
