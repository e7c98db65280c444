"""What compare says beyond the point: formulas, the path condition, the proof."""

import numpy as np

import diffkit as dk
from diffkit.rules.kinds import TABLE


def test_a_proof_holds_for_all_inputs():
    result = dk.compare(lambda x, y: np.sin(x * y) + np.exp(x) / y, 1.2, 0.7, argnums=(0, 1))
    assert result.proof.proved is True and "for all inputs" in result.proof.sentence
    assert result.expressions == ("f = sin(x*y) + exp(x)/y",)
    assert result.derivatives == ("df/dx = y*cos(x*y) + exp(x)/y", "df/dy = x*cos(x*y) - exp(x)/y**2")


def test_a_loop_on_the_value_has_its_path_condition():
    def halving(x):
        while abs(x) > 5:
            x = x / 2
        return x**2

    result = dk.compare(halving, 37.0)
    assert result.agree is True and result.proof.proved is True
    assert "on this branch" in result.proof.sentence
    assert result.conditions == ("Abs(x) > 5", "Abs(x)/2 > 5", "Abs(x)/4 > 5", "Abs(x)/8 <= 5")
    assert "holds where" in str(result)


def test_a_large_program_is_skipped_with_its_size():
    a = np.ones((40, 40))
    result = dk.compare(lambda x: np.sum(np.tanh(a @ np.tanh(a @ x)) ** 2), np.linspace(0.001, 0.004, 40))
    assert result.agree is True and result.proof.proved is None
    assert "too large to expand" in result.proof.sentence and "operations on" in result.proof.sentence
    assert result.row("symbolic").status == "ok"


def test_more_derivatives_than_can_be_read_are_not_written_out():
    result = dk.compare(lambda x: x**2, np.arange(1.0, 10.0), methods=("reverse", "symbolic", "central"))
    assert result.proof.proved is None and "81 derivatives" in result.proof.sentence


def test_without_symbolic_there_is_no_proof_and_no_cost():
    result = dk.compare(lambda x: x**2, 3.0, methods=("reverse", "central"))
    assert result.proof.proved is None and result.expressions == () and "proof" not in str(result)


def test_a_rule_that_is_wrong_elsewhere_is_refuted(monkeypatch):
    """Right at x = 1, wrong at any other point: only a proof can tell."""
    monkeypatch.setattr(TABLE["cosh"], "partials", (lambda y, x: np.sinh(x) * x,))
    result = dk.compare(lambda x: np.cosh(x), 1.0, methods=("reverse", "symbolic", "central"))
    assert (result.kind, result.agree) == ("DISAGREE", False)
    assert result.proof.proved is False and "elsewhere" in result.verdict


def test_conventions_at_a_kink_refute_nothing():
    result = dk.compare(np.max, np.ones(4))
    assert (result.kind, result.agree) == ("KINK", True) and result.proof.proved is not False
    assert dk.compare(np.std, np.ones(3)).agree is True


def test_constants_rounded_to_single_precision_refute_nothing():
    """1e-12 and float32(1e-12) differ by 4e-9; a right gradient was called wrong elsewhere for it."""
    x = np.array([-0.4, 0.9], np.float32)
    scaled = dk.compare(lambda x: 1e-12 * np.sum(np.sin(x) * x), x)
    assert scaled.agree is True and scaled.proof.proved is True
    columns = np.array([[1.0, 0.3], [1.0, -1.7], [1.0, 0.9]], np.float32)
    likelihood = dk.compare(lambda w: np.sum(np.exp(columns @ w) - 0.7 * (columns @ w)), x)
    assert likelihood.agree is True and likelihood.proof.proved is not False


def test_a_program_that_rounds_to_single_precision_is_not_proved():
    weights = np.array([0.1, 0.7], np.float32)
    result = dk.compare(lambda x: 0.1 * np.sum(np.sin(x.astype(np.float32) * weights)), weights)
    assert result.agree is True and result.proof.proved is None and "single precision" in result.proof.sentence
