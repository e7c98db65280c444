"""A method that has no derivative to give is named with its reason; a gradient that breaks is an error."""

import sys
import types
import warnings

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import GradientMismatchError, MissingPackageError, NoAnswerError
from diffkit.testing import GradientWarning, assert_gradients_agree, check_gradients

X = np.array([0.3, -1.2, 0.8])


def f(x):
    return np.sum(np.sin(x) * x)


def right(x):
    return np.sin(x) + x * np.cos(x)


def todo(x):
    raise NotImplementedError("the backward pass is not written yet")


def broken(x):
    raise ZeroDivisionError("mine")


def g(x):
    return f(x)


@pytest.fixture(params=[NotImplementedError("VJP of sinc wrt argnums (0,) not defined"),
                        TypeError("float() argument must be a string or a real number, not 'ArrayBox'")], ids=type)
def candidate(request, monkeypatch):
    """An autograd that can't differentiate anything."""
    def make_vjp(*args):
        raise request.param

    module = types.ModuleType("autograd")
    module.make_vjp = make_vjp
    monkeypatch.setitem(sys.modules, "autograd", module)
    return dk.candidates.autograd(g)


def test_a_library_without_a_rule_raises_by_name(candidate):
    with pytest.raises(NoAnswerError, match=r"autograd gives no derivative here: \w+Error: (VJP|float)"):
        candidate(X)


def test_the_others_are_judged_and_the_reason_is_named(candidate):
    result = dk.compare(f, X, methods=("reverse", candidate))
    assert (result.kind, result.agree) == ("AGREE", True)
    assert "; autograd:g has no answer (autograd gives no derivative here: " in result.verdict
    row = result.row("autograd:g")
    assert (row.status, row.value) == ("no answer", None) and "no answer" in str(result)
    assert [finding.method for finding in result.findings if finding.kind == "unanswered"] == ["autograd:g"]
    assert dk.Comparison.from_json(result.to_json()).row("autograd:g").status == "no answer"


@pytest.mark.parametrize("size", [3, 2000])
def test_asked_alone_it_leaves_the_question_open(candidate, size):
    result = dk.compare(f, np.linspace(0.5, 1.5, size), methods=(candidate,))
    assert (result.kind, result.agree) == ("INCONCLUSIVE", None)
    assert result.verdict.startswith("autograd:g has no answer (")
    assert "no other method was to be judged" in result.verdict


@pytest.mark.parametrize("size", [3, 2000])
def test_beside_a_wrong_gradient_that_is_what_is_said(candidate, size):
    wrong = lambda x: 2 * right(x)
    result = dk.compare(f, np.linspace(0.5, 1.5, size), methods=("reverse", candidate, wrong))
    assert result.agree is False and "<lambda> is wrong" in result.verdict and "autograd:g is" not in result.verdict


@pytest.mark.parametrize("size", [3, 2000])
def test_beside_a_right_one_that_is_judged(candidate, size):
    result = dk.compare(f, np.linspace(0.5, 1.5, size), methods=(candidate, right))
    assert result.agree is True and "autograd:g has no answer" in result.verdict


def test_a_check_warns_of_a_library_and_is_strict_when_asked(candidate):
    with pytest.warns(GradientWarning, match="autograd:g has no answer"):
        assert check_gradients(f, X, methods=[candidate]).agree is None
    with pytest.raises(GradientMismatchError, match="autograd:g has no answer"):
        check_gradients(f, X, methods=[candidate], strict=True)
    with pytest.warns(GradientWarning, match="autograd:g has no answer"):
        assert_gradients_agree(f, X, methods=("reverse", candidate))


@pytest.mark.parametrize("mine, message", [(todo, "todo answers"), (broken, "first order")])
def test_a_gradient_of_ones_own_that_raises_fails_every_check(mine, message):
    for check in (check_gradients, assert_gradients_agree):
        with pytest.raises(GradientMismatchError, match=f"wrong: .*{message}"):
            check(f, X, methods=("reverse", mine))


def test_compare_tells_what_is_not_written_from_what_breaks():
    open_, wrong = (dk.compare(f, X, methods=("reverse", mine)) for mine in (todo, broken))
    assert open_.agree is True and "todo has no answer (NotImplementedError: the backward pass is" in open_.verdict
    assert wrong.agree is False and "broken raised ZeroDivisionError: mine" in wrong.verdict


def test_a_function_that_the_library_cannot_even_evaluate_is_broken(candidate):
    def g(x):
        raise ValueError("unknown layer")

    theirs = dk.candidates.autograd(g)
    with pytest.raises(ValueError, match="unknown layer"):
        theirs(X)
    assert "raised ValueError: unknown layer" in dk.compare(f, X, methods=("reverse", theirs)).verdict


def test_a_library_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    theirs = dk.candidates.torch(g)
    with pytest.raises(MissingPackageError):
        theirs(X)
    result = dk.compare(f, X, methods=("reverse", theirs))
    assert result.agree is True and "torch:g has no answer (a candidate of torch needs the package" in result.verdict


@pytest.mark.parametrize("nothing", [lambda x: None, lambda x: np.full(3, np.nan), lambda x: []])
def test_nothing_in_silence_is_wrong(nothing):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert dk.compare(f, X, methods=("reverse", nothing)).agree is False
