"""The rule table tests itself: every row, by the checks of ``diffkit.selftest``, at arguments of its own."""

import numpy as np
import pytest
from rule_examples import EXAMPLES

import diffkit as dk
from diffkit.rules import FUNCTIONS, TABLE
from diffkit.rules.kinds import Elementwise
from diffkit.selftest import check_column, check_elementwise, check_rule, sample

# SciPy's rows join the table when another test asks for them; theirs is tests/scipy.
ROWS = {name: rule for name, rule in TABLE.items() if not name.startswith(("special.", "scipy."))}
ELEMENTWISE = [name for name, rule in ROWS.items() if isinstance(rule, Elementwise)]
OTHERS = [name for name, rule in ROWS.items() if rule.kind in ("linear", "multilinear", "general")]
FLAT = [name for name, rule in ROWS.items() if rule.kind == "flat"]

# Elementwise rows whose second argument is a constant or whose argument is complex: they have no domain.
AT = {"ldexp": [(np.array([0.3, -2.0]), np.array([3, -1]))], "imag": [(np.array([0.3 + 1j]),), (np.array([0.5]),)],
      "sinc_derivative": [(np.array([0.0, 0.3, 1.1, -4.0]), n) for n in (1, 2, 3)],
      "i0_derivative": [(np.array([0.0, 0.3, -3.0]), n) for n in (1, 2, 3)]}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_row(name):
    rule = TABLE[name]
    assert check_elementwise(rule) == []
    if len(rule.domain) < len(rule.partials):
        for args in AT[name]:
            assert check_rule(rule, args) == []


@pytest.mark.parametrize("name", OTHERS)
def test_row(name):
    for args, params in EXAMPLES[name]:
        assert check_rule(TABLE[name], args, params) == []


@pytest.mark.parametrize("name", OTHERS)
def test_row_in_single_precision(name):
    """Tangents and cotangents keep float32, and pull stays push's transpose to its digits."""
    for args, params in EXAMPLES[name][:3]:
        if name in ("spread_root", "astype") or "dtype" in params:
            continue
        single = [a.astype({"f": np.float32, "c": np.complex64}[a.dtype.kind])
                  if hasattr(a, "dtype") and a.dtype.kind in "fc" else a for a in args]
        assert check_rule(TABLE[name], single, params, differences=False, second=False) == []


@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if TABLE[name].symbol
                                  and len(TABLE[name].domain) == len(TABLE[name].partials)])
def test_column_far_out(name):
    """The SymPy column again where the samples are large: the partials keep their digits."""
    rule = TABLE[name]
    rng = np.random.default_rng(1)
    points = []
    for _ in range(3):
        args = sample(rule, (), rng)
        points.append([np.float64(a * 8) if np.all(domain.contains(a * 8)) else a
                       for a, domain in zip(args, rule.domain)])
    assert check_column(rule, points, tolerance=2e-14) == []


STEPS = {"floor", "ceil", "trunc", "rint", "sign", "signbit", "fix", "round", "spacing", "binary_exponent",
         "isfinite", "isinf", "isnan", "isreal", "iscomplex", "logical_not", "isposinf", "isneginf"}


@pytest.mark.parametrize("name", sorted(STEPS))
@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated:DeprecationWarning")
def test_steps_are_flat(name):
    """A flat function of real numbers doesn't change in a neighbourhood, and its derivative is zero."""
    rule = TABLE[name]
    x = np.array([0.3, -1.7, 2.6, 1e5 + 0.25])
    assert np.array_equal(rule(x - 1e-9), rule(x)) and np.array_equal(rule(x + 1e-9), rule(x))
    assert np.array_equal(dk.grad(lambda x: np.sum(rule(x) * x))(x), rule(x) * np.ones(4))
    assert np.array_equal(dk.jvp(lambda x: rule(x) * 1.0, (x,), (x,))[1], np.zeros(4))


def test_no_flat_row_hides_a_slope():
    """Every flat ufunc of one or two real numbers, at random points, is constant around them."""
    rng = np.random.default_rng(5)
    checked = 0
    for name in FLAT:
        ufunc = getattr(np, name, None)
        if not isinstance(ufunc, np.ufunc) or not any(t.startswith("d" * ufunc.nin + "->") for t in ufunc.types):
            continue
        args = [rng.normal(size=20) for _ in range(ufunc.nin)]
        for i in range(ufunc.nin):
            moved = list(args)
            moved[i] = args[i] + 1e-11
            assert np.array_equal(ufunc(*args), ufunc(*moved)), name
        checked += 1
    assert checked > 15


def test_every_row_is_reached():
    """A row that no function of NumPy leads to is a part of another row, and named here."""
    parts = {"logistic", "sech2", "sinc_derivative", "i0_derivative", "cofactors", "second_cofactors"}
    assert parts <= set(TABLE) and not any(FUNCTIONS.get(getattr(np, part, None)) for part in parts)
