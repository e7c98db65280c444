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
