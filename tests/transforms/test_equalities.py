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
