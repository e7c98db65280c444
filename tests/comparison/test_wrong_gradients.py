"""Wrong gradients of many kinds are caught, and the error is named."""

import numpy as np
import pytest

import diffkit as dk

RNG = np.random.default_rng(5)
X = RNG.normal(size=7) + 0.1
A = RNG.normal(size=(5, 7))
SQUARE = RNG.normal(size=(4, 4))


def least_squares(x):
    return np.mean((A @ x - 1.0) ** 2) + np.sum(np.sin(x))


def its_gradient(x):
    return 2 / 5 * A.T @ (A @ x - 1.0) + np.cos(x)


def one_entry(x):
    g = its_gradient(x)
    g[4] *= 1.5
    return g


def slightly(x):
    g = its_gradient(x)
    g[2] *= 1 + 1e-6
    return g


def negative_side(x):
    return np.where(x < 0, 0.5, 1.0) * its_gradient(x)


def mean_for_sum(x):
    return 2 * A.T @ (A @ x - 1.0) + np.cos(x)


WRONG = {
    "sign": (lambda x: -its_gradient(x), "the sign"),
    "twice": (lambda x: 2 * its_gradient(x), "2 times the right value"),
    "half": (lambda x: its_gradient(x) / 2, "1/2 of the right value"),
    "n times": (lambda x: 7 * its_gradient(x), "7 times the right value: a sum where a mean is meant"),
    "1/n": (lambda x: its_gradient(x) / 7, "1/7 of the right value: a mean where a sum is meant"),
    "zero": (lambda x: np.zeros(7), "zero everywhere"),
    "not finite": (lambda x: its_gradient(x) * np.where(np.arange(7) == 3, np.nan, 1), "not finite (nan)"),
    "one entry": (one_entry, "1.5 times the right value, 1 of 7 entries"),
    "1e-6": (slightly, "relative error 1.0e-06"),
    "one branch": (negative_side, "only where x < 0"),
    "shifted": (lambda x: np.roll(its_gradient(x), 1), "shifted by one place"),
    "reversed": (lambda x: its_gradient(x)[::-1], "reverse order"),
    "1e-8 everywhere": (lambda x: its_gradient(x) * (1 + 1e-8), "relative error 1.0e-08"),
    "mean for sum inside": (mean_for_sum, ""),
    "forgotten term": (lambda x: 2 / 5 * A.T @ (A @ x - 1.0), ""),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("referee", ["auto", False])
def test_a_wrong_gradient_is_caught_and_named(name, referee):
    candidate, pattern = WRONG[name]
    result = dk.compare(least_squares, X, methods=("reverse", "central", candidate), referee=referee)
    assert (result.kind, result.agree) == ("DISAGREE", False)
    assert [row.family for row in result.rows if row.status == "wrong"] == ["user"]
    accused = [finding for finding in result.findings if finding.kind == "wrong"]
    assert len(accused) == 1 and pattern in accused[0].text


def test_how_many_digits_are_left_is_told():
    result = dk.compare(least_squares, X, methods=("reverse", slightly))
    finding = next(f for f in result.findings if f.kind == "wrong")
    assert finding.digits == pytest.approx(6.0, abs=0.1)
    assert finding.entries == ("x[2]",) and finding.count == 1
    assert result.row("slightly").digits == pytest.approx(6.0, abs=0.1)


def test_a_transposed_jacobian_is_named():
    f = lambda x: np.tanh(SQUARE @ x)
    right = lambda x: (1 - np.tanh(SQUARE @ x) ** 2)[:, None] * SQUARE
    x = X[:4]
    assert dk.compare(f, x, methods=("reverse", right)).agree is True
    result = dk.compare(f, x, methods=("reverse", lambda x: right(x).T))
    assert result.agree is False and "transposed" in result.verdict


def test_a_transposed_gradient_of_a_matrix_is_named():
    f = lambda w: np.sum(np.sin(w) * SQUARE)
    result = dk.compare(f, SQUARE / 2, methods=("reverse", lambda w: (np.cos(w) * SQUARE).T))
    assert result.agree is False and "transposed" in result.verdict


@pytest.mark.parametrize("shape", [(7, 1), (1, 7), (), (6,)])
def test_another_shape_is_a_disagreement(shape):
    result = dk.compare(least_squares, X, methods=("reverse", lambda x: np.zeros(shape)))
    assert result.agree is False
    assert f"returned shape {shape} where (7,) is expected" in result.verdict


@pytest.mark.parametrize("wrap", [lambda g: (g,), lambda g: list(g), lambda g: {"x": g}, lambda g: None])
def test_another_container_is_a_disagreement(wrap):
    result = dk.compare(least_squares, X, methods=("reverse", lambda x: wrap(its_gradient(x))))
    assert result.agree is False and "is expected" in result.verdict


def test_text_is_a_disagreement():
    result = dk.compare(least_squares, X, methods=("reverse", lambda x: "text"))
    assert result.agree is False and "not numbers" in result.verdict


def test_a_candidate_that_raises_is_a_disagreement():
    def broken(x):
        raise ZeroDivisionError("mine")

    result = dk.compare(least_squares, X, methods=("reverse", broken))
    assert result.agree is False and "broken raised ZeroDivisionError: mine" in result.verdict
    assert result.row("broken").status == "raised"


@pytest.mark.parametrize("scale", [1e-8, 1e-12, 1e-100])
def test_a_tiny_gradient_that_is_twice_too_large_is_caught(scale):
    f = lambda x: scale * np.sum(x**3)
    result = dk.compare(f, X, methods=("reverse", lambda x: scale * 6 * x**2))
    assert result.agree is False and "2 times" in result.verdict
    assert dk.compare(f, X, methods=("reverse", lambda x: scale * 3 * x**2)).agree is True


def test_one_tiny_entry_beside_large_ones_is_caught():
    f = lambda x: x[0] ** 2 + 1e-8 * x[1] ** 2
    result = dk.compare(f, np.array([1.0, 1.0]), methods=("reverse", lambda x: np.array([2 * x[0], 4e-8 * x[1]])))
    assert result.agree is False and "x[1]" in result.verdict and "2 times" in result.verdict


def test_one_leaf_of_a_container_is_named():
    params = {"w": np.array([[0.3, -0.2], [0.5, 0.1]]), "b": np.array([0.1, 0.2])}
    f = lambda p: np.sum(np.tanh(p["w"] @ np.array([1.0, 2.0]) + p["b"]))

    def gradient(p):
        s = 1 - np.tanh(p["w"] @ np.array([1.0, 2.0]) + p["b"]) ** 2
        return {"w": np.outer(s, [1.0, 2.0]), "b": 3 * s}

    result = dk.compare(f, params, methods=("reverse", gradient))
    assert result.agree is False
    assert 'p["b"]' in result.verdict and "3 times the right value" in result.verdict


def test_wrong_only_in_single_precision_is_caught():
    x = X.astype(np.float32)
    gradient = lambda x: 3 * x**2 * (1 + 1e-3 * (x.dtype == np.float32))
    assert dk.compare(lambda x: np.sum(x**3), x, methods=("reverse", gradient)).agree is False
    assert dk.compare(lambda x: np.sum(x**3), X, methods=("reverse", gradient)).agree is True


def test_two_wrong_candidates_are_both_named():
    result = dk.compare(least_squares, X, methods=("reverse", "central", one_entry, slightly))
    assert {row.method for row in result.rows if row.status == "wrong"} == {"one_entry", "slightly"}


def test_a_planted_wrong_rule_is_found_by_the_other_families(monkeypatch):
    """forward and reverse read one table: their agreement must not be taken for truth."""
    from diffkit.rules.kinds import TABLE

    rule = TABLE["sin"]
    monkeypatch.setattr(rule, "partials", (lambda y, x: np.cos(x) * (1 + 1e-7),))
    result = dk.compare(lambda x: np.sum(np.sin(x)), X, methods=("forward", "reverse", "central", "complex-step"))
    assert result.agree is False
    assert {row.method for row in result.rows if row.status == "wrong"} == {"forward", "reverse"}


def test_lambdas_and_equal_names_get_rows_of_their_own():
    result = dk.compare(least_squares, X, methods=("reverse", lambda x: its_gradient(x), lambda x: -its_gradient(x)))
    assert [row.method for row in result.rows if row.family == "user"] == ["<lambda>", "<lambda>#2"]
    assert result.row("<lambda>").status == "ok" and result.row("<lambda>#2").status == "wrong"


@pytest.mark.parametrize("size", [3, 1000])
def test_the_order_of_a_dicts_keys_means_nothing(size):
    def f(p):
        return np.sum(p["a"] ** 2) + p["inner"][0]["c"] * p["b"]

    point = {"a": np.linspace(1, 2, size), "b": 3.0, "inner": [{"c": 0.5, "d": 1.0}]}
    right = lambda p: {"inner": [{"d": 0.0, "c": p["b"]}], "b": p["inner"][0]["c"], "a": 2 * p["a"]}
    assert dk.compare(f, point, methods=("reverse", right)).agree is True
    wrong = lambda p: {**right(p), "b": -p["inner"][0]["c"]}
    result = dk.compare(f, point, methods=("reverse", wrong))
    assert result.agree is False and 'p["b"]' in result.verdict
    missing = lambda p: {"b": p["inner"][0]["c"], "a": 2 * p["a"]}
    assert "is expected" in dk.compare(f, point, methods=("reverse", missing)).verdict


@pytest.mark.parametrize("size", [3, 1000])
def test_a_gradient_that_changes_is_wrong_even_if_it_was_right_at_first(size):
    calls = []

    def mine(x):
        calls.append(None)
        return 2 * x * (1 if len(calls) == 1 else 3)

    result = dk.compare(lambda x: np.sum(x**2), np.linspace(1, 2, size), methods=("reverse", mine))
    assert result.agree is False and "mine gave another answer when it was asked again" in result.verdict
    assert result.row("mine").status == "wrong" and "not deterministic" in result.row("mine").note


@pytest.mark.parametrize("error, pattern", [
    (lambda s: -np.outer(s, s), "only on the diagonal"),
    (lambda s: np.diag(s * (1 - s)), "zero, only off the diagonal"),
    (lambda s: (np.diag(s) - np.outer(s, s)) / 20, "1/20 of the right value"),
])
def test_the_pattern_of_a_jacobian_is_named(error, pattern):
    def softmax(z):
        e = np.exp(z - np.max(z))
        return e / np.sum(e)

    result = dk.compare(softmax, np.array([0.2, 1.0, -0.3]), methods=("reverse", lambda z: error(softmax(z))))
    assert result.agree is False and result.findings[0].pattern == pattern
