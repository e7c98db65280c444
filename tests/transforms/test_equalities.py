"""Branches on an equality that holds: every mode warns with the user's line, and nothing else does."""

import inspect
import warnings

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import EqualityBranchWarning


def special(x):
    if x == 0:
        return 1.0 * x * 0
    return np.sin(x)


def heard(run):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        run()
    assert all(one.category is EqualityBranchWarning for one in found)
    return found


MODES = {
    "reverse": lambda f, x: dk.grad(f)(x),
    "forward": lambda f, x: dk.grad(f, method="forward")(x),
    "symbolic": lambda f, x: dk.grad(f, method="symbolic")(x),
    "jvp": lambda f, x: dk.jvp(f, (x,), (1.0,)),
    "hessian": lambda f, x: dk.hessian(f)(x),
    "hvp": lambda f, x: dk.hvp(f, x, 1.0),
    "series": lambda f, x: dk.taylor(f, x, 3),
    "compiled": lambda f, x: dk.compile(dk.grad(f))(x),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_warns_at_the_users_line(mode):
    found = heard(lambda: MODES[mode](special, 0.0))
    assert found
    first = inspect.getsourcelines(special)[1]
    assert {(one.filename, one.lineno) for one in found} == {(__file__, first + 1)}
    for beat in ("equality", "Probably wanted", "Other causes"):
        assert beat in str(found[0].message)


@pytest.mark.parametrize("mode", MODES)
def test_beside_the_point_nothing_is_said(mode):
    assert not heard(lambda: MODES[mode](special, 0.5))


def differs(x):
    if x != 0:
        return np.sin(x)
    return 0 * x


def truth(x):
    return np.sin(x) if x else 0 * x


def entries(x):
    y = x * np.array([1.0, 2.0])
    if y[0] == y[1] and x < 1:
        return 0 * x
    return np.sum(y)


def both(x):
    return 0 * x if x > -1 and x == 0 else np.sin(x)


def waits(x):
    y = x
    while y != 0:
        y = y * 0
    return y


@pytest.mark.parametrize("f", [differs, truth, entries, both, waits])
def test_other_spellings(f):
    assert heard(lambda: dk.grad(f)(0.0))
    assert heard(lambda: dk.grad(f, method="forward")(0.0))


ZERO = np.zeros(2)
TABLE = [3.0, 0.0]


def is_zero(x):
    return np.all(x == 0)


def helper(x):
    return 0 * x if is_zero(x) else np.sin(x)


def kept(x):
    same = np.array_equal(x, ZERO)
    y = np.sin(x)
    if same:
        return 0 * x
    return y


def until_close(x):
    y = x
    while not np.allclose(y, 0 * x):
        y = y / 2
    return y


SPELLINGS = {
    "np.all": lambda x: 0 * x if np.all(x == 0) else np.sin(x),
    "np.any": lambda x: 0 * x if np.any(x == 0) else np.sin(x),
    "not np.all": lambda x: np.sin(x) if not np.all(x == 0) else 0 * x,
    "method all": lambda x: 0 * x if (x == ZERO).all() else np.sin(x),
    "method any": lambda x: 0 * x if (x == ZERO).any() else np.sin(x),
    "all differ": lambda x: np.sin(x) if np.all(x != 0) else 0 * x,
    "any differs": lambda x: np.sin(x) if (x != 0).any() else 0 * x,
    "bool": lambda x: 0 * x if bool(np.all(x == 0)) else np.sin(x),
    "keyword": lambda x: 0 * x if np.all(a=(x == 0), axis=0) else np.sin(x),
    "beside others": lambda x: 0 * x if np.sum(x) < 1 and np.all(x == 0) else np.sin(x),
    "in brackets": lambda x: 0 * x if (x[0] == 0) & (x[1] == 0) else np.sin(x),
    "np.equal": lambda x: 0 * x if np.all(np.equal(x, 0)) else np.sin(x),
    "np.not_equal": lambda x: np.sin(x) if np.any(np.not_equal(x, 0)) else 0 * x,
    "array_equal": lambda x: 0 * x if np.array_equal(x, ZERO) else np.sin(x),
    "array_equiv": lambda x: 0 * x if np.array_equiv(x, 0.0) else np.sin(x),
    "isclose": lambda x: 0 * x if np.isclose(x, 0).all() else np.sin(x),
    "isclose of a number": lambda x: 0 * x if np.isclose(x[0], 0) else np.sin(x),
    "allclose": lambda x: 0 * x if np.allclose(x, ZERO) else np.sin(x),
    "the other side": lambda x: 0 * x if np.allclose(ZERO, x) else np.sin(x),
    "in a list": lambda x: 0 * x if x[0] in TABLE else np.sin(x),
    "not in a list": lambda x: np.sin(x) if x[0] not in TABLE else 0 * x,
    "in an array": lambda x: 0 * x if 0 in x else np.sin(x),
    "in NumPy numbers": lambda x: 0 * x if x[0] in list(ZERO) else np.sin(x),
    "not any": lambda x: 0 * x if not x.any() else np.sin(x),
    "not np.any": lambda x: 0 * x if not np.any(x) else np.sin(x),
    "all nonzero": lambda x: np.sin(x) if np.all(x) else 0 * x,
    "pair": lambda x: 0 * x if (x[0], x[1]) == (0, 0) else np.sin(x),
    "generator": lambda x: 0 * x if all(v == 0 for v in x) else np.sin(x),
    "conditional list": lambda x: np.sin(x) * len([v for v in x if v != 0]),
    "walrus": lambda x: 0 * x if (same := np.all(x == 0)) else np.sin(x) * (not same),
    "helper": helper,
    "kept": kept,
    "until close": until_close,
    "written": lambda x: 0 * x if np.all(x.copy() * np.ones(2) == 0) else np.sin(x),
}


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("mode", ["reverse", "forward", "symbolic", "compiled"])
def test_every_spelling_of_an_equality_of_arrays(name, mode):
    f = SPELLINGS[name]
    run = {
        "reverse": lambda x: dk.jacobian(f)(x), "forward": lambda x: dk.jacobian(f, method="forward")(x),
        "symbolic": lambda x: dk.jacobian(f, method="symbolic")(x),
        "compiled": lambda x: dk.compile(dk.jacobian(f))(x),
    }[mode]
    found = heard(lambda: run(np.zeros(2)))
    assert found and {one.filename for one in found} == {__file__}
    if name != "until close":
        assert not heard(lambda: run(np.array([0.5, 0.25])))


def checks(x):
    assert np.allclose(x, ZERO), "a check"
    if not np.array_equal(x, ZERO):
        raise ValueError("not zero" if x[0] > 0 else "less")
    if np.any(x != 0):
        raise ValueError
    return np.sin(x)


SILENT = {
    "checks": checks,
    "where": lambda x: np.where(np.isclose(x, 0), x, np.sin(x)),
    "counted": lambda x: np.sin(x) * np.sum(x == 0),
    "kept and used": lambda x: np.sin(x) * len([np.all(x == 0)]),
    "another function": lambda x: np.sin(x) if len([x == 0]) else x,
    "itself": lambda x: np.sin(x) if np.all(x == x) else x,
    "some": lambda x: np.sin(x) if np.all(x * np.array([1.0, 0.0]) + np.array([0.0, 1.0]) == 0) else x,
    "any is sure": lambda x: np.sin(x) if np.any(x + np.array([1.0, 0.0])) else x,
    "steps": lambda x: np.sin(x) if np.all(np.floor(x) == 0) else x,
    "detached": lambda x: np.sin(x) if np.all(dk.stop_gradient(x) == 0) else x,
    "norm": lambda x: np.linalg.norm(x) + np.sin(x),
    "svd": lambda x: np.linalg.svd(np.eye(2) + x, compute_uv=False),
}


@pytest.mark.parametrize("name", SILENT)
@pytest.mark.parametrize("method", ["reverse", "forward"])
def test_what_only_checks_or_counts_says_nothing(name, method):
    assert not heard(lambda: dk.jacobian(SILENT[name], method=method)(np.zeros(2)))


def test_compare_says_it_of_arrays():
    """sum(sin) has the gradient 1 at 0, and the branch says 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = dk.compare(lambda x: np.sum(0 * x if np.all(x == 0) else np.sin(x)), np.zeros(2))
    assert result.agree is False and any("equality" in note for note in result.notes)


def asks_for_nan(x):
    if x != x:
        return 0 * x
    return np.sin(x)


def safe_division(x):
    return np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1.0, x)) + np.sum(x == np.array([0.0, 1.0]))


def keeps_the_answer(x):
    answer = x == 0
    return np.sin(x) * len([answer])


def counts(x):
    n = 0
    while n != 3:
        n += 1
    if np.floor(x) == 0:
        return n * np.sin(x)
    return np.sin(x)


def detached(x):
    return 0 * x if dk.stop_gradient(x) == 0 else np.sin(x)


@pytest.mark.parametrize("f", [asks_for_nan, safe_division, keeps_the_answer, counts, detached])
@pytest.mark.parametrize("method", ["reverse", "forward", "symbolic"])
def test_what_is_no_branch_on_an_equality_says_nothing(f, method):
    assert not heard(lambda: dk.jacobian(f, method=method)(0.0))


def test_without_a_derivative_nothing_is_said():
    assert not heard(lambda: dk.compile(special)(0.0))
    assert not heard(lambda: dk.grad(lambda y: y * special(dk.value(y) * 0))(1.0))
    assert not heard(lambda: dk.grad(special, method="numeric")(0.0))


def test_it_can_be_filtered_or_raised():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EqualityBranchWarning)
        assert dk.grad(special)(0.0) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", EqualityBranchWarning)
        with pytest.raises(EqualityBranchWarning):
            dk.grad(special)(0.0)
        assert dk.grad(np.sin)(0.0) == 1  # levels are restored


def test_compare_says_it():
    """f is sin: its slope at 0 is 1, and the branch says 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = dk.compare(special, 0.0)
    line = f"test_equalities.py:{inspect.getsourcelines(special)[1] + 1}"
    assert result.agree is False and "an equality holds" in result.verdict and line in result.verdict
    assert any("equality" in note and line in note for note in result.notes)
    assert not any("equality" in note for note in dk.compare(special, 0.5).notes)
