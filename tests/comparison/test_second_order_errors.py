"""Rules that are right at first order and whose own derivative is wrong are caught with default settings."""

import numpy as np
import pytest

import diffkit as dk
from comparisons.gradient_cases import rules_right_at_first_order

X = np.array([0.3, -1.2, 0.8])


def right_rule():
    rule = dk.custom_vjp(lambda x: x**3)
    rule.defvjp(lambda x: (x**3, x), lambda x, g: (3 * x**2 * g,))
    return rule


def by_value():
    """``dk.value`` leaves every transform, the outer ones too."""
    rule = dk.custom_vjp(lambda x: x**3)
    rule.defvjp(lambda x: (x**3, dk.value(x)), lambda x, g: (3 * x**2 * g,))
    return rule


WRONG = {**dict(rules_right_at_first_order()), "residuals as plain values": by_value()}


def of(rule):
    return lambda x: np.sum(np.sin(rule(x)))


@pytest.mark.parametrize("name", WRONG)
def test_the_first_order_is_right(name):
    assert np.allclose(dk.grad(of(WRONG[name]))(X), 3 * X**2 * np.cos(X**3), rtol=1e-14)


@pytest.mark.parametrize("name", WRONG)
def test_check_gradients_looks_at_the_second_order(name):
    with pytest.raises(dk.errors.GradientMismatchError, match="wrong: second order"):
        dk.testing.check_gradients(of(WRONG[name]), X)


@pytest.mark.parametrize("name", WRONG)
def test_check_rule_says_so_of_the_rule_alone(name):
    with pytest.raises(dk.errors.GradientMismatchError):
        dk.testing.check_rule(WRONG[name], X)


@pytest.mark.parametrize("name", WRONG)
def test_compare_on_the_gradient_is_a_verdict_on_the_second_order(name):
    result = dk.compare(dk.grad(of(WRONG[name])), X)
    assert result.agree is False
    assert "wrong" in {row.status for row in result.rows}


@pytest.mark.parametrize("name", ["rule detached", "rule half detached", "cotangent detached"])
def test_the_operation_inside_the_rule_is_to_blame(name):
    result = dk.compare(dk.grad(of(WRONG[name])), X)
    blame = [finding for finding in result.findings if finding.kind == "blame"]
    assert [finding.operation for finding in blame] == ["stop_gradient"] and "gradient_cases.py" in blame[0].line


def test_a_wrong_rule_inside_the_rule_is_to_blame():
    result = dk.compare(dk.grad(of(WRONG["wrong rule inside the rule"])), X)
    assert [f.operation.partition("(")[0] for f in result.findings if f.kind == "blame"] == ["custom_vjp"]


def test_the_right_rule_passes_everywhere():
    rule = right_rule()
    assert dk.testing.check_gradients(of(rule), X).agree is True and dk.testing.check_rule(rule, X).agree is True
    assert dk.compare(dk.grad(of(rule)), X).agree is True


@pytest.mark.parametrize("error", [lambda h: -h, lambda h: 2 * h, lambda h: 0 * h, lambda h: h * (1 + 1e-6),
                                   lambda h: np.diag(np.diag(h)), lambda h: h + np.triu(h, 1)])
def test_a_callers_hessian_is_judged_on_the_gradient(error):
    f = lambda x: np.prod(x) + np.sum(x**3)

    def hessian(x):
        h = np.prod(x) / np.outer(x, x)
        return h - np.diag(np.diag(h)) + np.diag(6 * x)

    assert dk.compare(dk.grad(f), X, methods=("reverse", hessian)).agree is True
    assert dk.compare(dk.grad(f), X, methods=("reverse", lambda x: error(hessian(x)))).agree is False


@pytest.mark.parametrize("name", rule_names := [name for name in WRONG if name != "residuals as plain values"])
def test_compare_at_first_order_says_so_too(name):
    """The gradient is right, and nobody asked for a Hessian: it is asked because f has a rule of its own."""
    result = dk.compare(of(WRONG[name]), X)
    assert (result.kind, result.agree) == ("DISAGREE", False)
    assert result.verdict.startswith("right at first order and wrong at second, through custom_")
    assert "by differences of the gradient" in result.verdict
    assert "wrong" not in {row.status for row in result.rows}
    assert [f.operation.partition("(")[0] for f in result.findings if f.kind == "blame"] == \
        ["custom_vjp" if name == "wrong rule inside the rule" else "stop_gradient"]


def test_compare_notes_the_second_order_of_a_right_rule():
    result = dk.compare(of(right_rule()), X)
    (note,) = (note for note in result.notes if "second order" in note)
    assert result.agree is True and note.startswith("second order through custom_vjp(<lambda>), vᵀ H u along random")
    assert note.endswith("by forward and reverse over reverse, and by differences of the gradient")


def test_compare_notes_a_rule_that_has_no_second_order():
    """What leaves for plain numbers is refused at second order, and right at first."""
    rule = dk.custom_vjp(lambda x: x**3)
    rule.defvjp(lambda x: (x**3, x), lambda x, g: (np.array([3 * float(v)**2 for v in x]) * g,))
    result = dk.compare(lambda x: np.sum(rule(x)), X, methods=("reverse", "central"))
    assert result.agree is True
    assert any("forward and reverse over reverse did not answer (float(x)" in note for note in result.notes)


def test_an_order_that_is_asked_by_itself_is_not_asked_twice():
    report = dk.testing.check_gradients(of(WRONG["rule detached"]), X, order=1)
    assert report.agree is True and not any("second order" in note for note in report.comparisons[0][1].notes)


@pytest.mark.parametrize("f", [lambda x: np.sum(np.sin(x)), lambda x: np.sum(dk.checkpoint(np.sin)(x)),
                               lambda x: np.sum(np.abs(right_rule()(x - X) + x - X))])
def test_nothing_more_is_asked_of_programs_without_rules_or_derivatives(f):
    assert not any("second order" in note for note in dk.compare(f, X).notes)


@pytest.mark.parametrize("f, x, operation, truth", [
    (lambda x: np.cos(np.linalg.norm(x)), np.zeros(3), "norm2", -np.eye(3)),
    (lambda x: np.prod(np.sort(x**2) + 1), np.array([-0.8, 0.2, 0.8]), "sort", None),
    (lambda x: np.sum(np.cos(np.abs(x))), np.array([0.0, 1.0]), "absolute", -np.diag([1, np.cos(1.0)])),
])
def test_a_second_derivative_through_a_convention_is_caught_and_explained(f, x, operation, truth):
    result = dk.compare(dk.grad(f), x, methods=("forward", "reverse", "central"))
    assert result.agree is False
    (blame,) = (finding for finding in result.findings if finding.kind == "blame")
    assert blame.operation == operation and __file__ in blame.line
    assert "evaluations of f are right; differentiate beside this point" in blame.text
    assert blame.text in result.verdict
    with pytest.raises(dk.errors.GradientMismatchError) as raised:
        dk.testing.check_gradients(f, x)
    assert f"{operation} at " in " ".join(str(raised.value).split())
    assert "has no derivative at its operands" in " ".join(str(raised.value).split())
    if truth is not None:
        assert np.allclose(result.row("central").value, truth, atol=1e-9)


@pytest.mark.parametrize("f, x, truth", [
    (lambda x: np.min(np.maximum.accumulate(x)), np.array([-1.0, -1.0, 1.0]), [1, 0, 0]),
    (lambda x: np.max(np.clip(x, 0, 1)), np.array([2.0, 0.5, 1.0]), [0, 0, 0]),
])
def test_a_first_derivative_of_two_conventions_is_caught_too(f, x, truth):
    """The least of running maxima is the first number: f has no kink, and its parts have."""
    result = dk.compare(f, x, methods=("forward", "reverse", "central"))
    assert result.agree is False and np.allclose(result.row("central").value, truth, atol=1e-9)
    assert "need not be f's derivative: evaluations of f are right" in result.verdict
