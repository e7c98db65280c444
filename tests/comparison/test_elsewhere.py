"""Errors that the point hides are found beside it; answers for the point alone are left in peace."""

import numpy as np
import pytest

import diffkit as dk


def cubes(x):
    return np.sum(x**3)


HIDDEN = {
    "at ones": (cubes, lambda x: 3 * x, np.ones(3)),
    "at zeros": (cubes, lambda x: 2 * x, np.zeros(3)),
    "constant at zeros": (lambda x: np.sum(np.sin(x) ** 2 + x), lambda x: np.ones(3), np.zeros(3)),
    "a branch not taken": (lambda x: np.sum(np.where(np.abs(x) < 1, x**2, np.abs(x))), lambda x: 2 * x,
                           np.array([0.8, -0.2])),
    "a scalar": (lambda x: x**2, lambda x: 2 * x**2, 1.0),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_hidden_error_is_found_and_not_called_one_at_the_point(name):
    f, wrong, x = HIDDEN[name]
    result = dk.compare(f, x, methods=("reverse", wrong))
    assert (result.kind, result.agree) == ("DISAGREE", False)
    assert "is right at this point and wrong beside it" in result.verdict
    assert result.row("<lambda>").status == "wrong"
    finding = next(f for f in result.findings if f.kind == "elsewhere")
    assert finding.method == "<lambda>" and finding.pattern == "hidden at this point"


def test_what_is_said_elsewhere_is_true():
    result = dk.compare(lambda x: x**3, 1.0, methods=("reverse", lambda x: 3 * x))
    words = result.verdict.split()
    x = float(words[words.index("=") + 1])
    said, right = float(words[words.index("says") + 1]), float(words[-1])
    assert x != 1.0 and said == pytest.approx(3 * x, rel=1e-5) and right == pytest.approx(3 * x**2, rel=1e-5)


def test_a_value_computed_before_is_judged_at_the_point_only():
    x = np.array([0.3, 1.2])
    value = 3 * x**2
    assert dk.compare(cubes, x, methods=("reverse", lambda x: value)).agree is True
    assert dk.compare(cubes, x, methods=("reverse", lambda x: np.array(value))).agree is True
    ones = 3 * np.ones(2)
    assert dk.compare(cubes, np.ones(2), methods=("reverse", lambda x: ones)).agree is True
    assert dk.compare(cubes, x, methods=("reverse", lambda x: 1.01 * value)).agree is False


def test_a_subgradient_is_no_formula():
    assert dk.compare(np.abs, 0.0, methods=("reverse", lambda x: 0.3)).kind == "KINK"


def test_a_candidate_or_f_that_ends_beside_the_point_is_left_in_peace():
    def only_here(x):
        if not np.array_equal(x, np.ones(2)):
            raise ValueError("not here")
        return 3 * np.ones(2)

    assert dk.compare(cubes, np.ones(2), methods=("reverse", only_here)).agree is True

    def inside(x):
        if np.any(x != 1.0):
            raise ValueError("not here")
        return np.sum(x**2)

    assert dk.compare(inside, np.ones(2), methods=("forward", lambda x: 2 * np.ones(2))).agree is not False


def test_a_right_formula_is_right_beside_zero_one_and_symmetry():
    a = np.eye(3) + 0.1
    assert dk.compare(lambda a: np.sum(np.linalg.inv(a)), a, methods=(
        "reverse", lambda a: -np.linalg.inv(a).T @ np.ones((3, 3)) @ np.linalg.inv(a).T)).agree is True
    result = dk.compare(lambda a: np.sum(np.linalg.inv(a)), a, methods=(
        "reverse", lambda a: -np.linalg.inv(a) @ np.ones((3, 3)) @ np.linalg.inv(a)))
    assert result.agree is False


def test_differences_alone_against_everybody_give_way_where_f_takes_the_other_side():
    """An ill-conditioned system by its matrix: the pole is nearer than the steps of differences."""
    n = 7
    i = np.arange(1.0, n + 1)
    hilbert, b = 1 / (i[:, None] + i - 1), np.linspace(1, 2, n)
    result = dk.compare(lambda a: np.sum(np.linalg.solve(a, b)), hilbert, methods=("reverse",))
    assert result.agree is not False, result.verdict


def test_differences_keep_the_last_word_against_a_trace_that_misses_something():
    result = dk.compare(lambda x: dk.stop_gradient(np.exp(x)) * x, 0.5, methods=("forward", "reverse"))
    assert result.agree is False and "evaluations of f contradict" in result.verdict


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_saturated_formula_is_excused_by_what_f_resolves_and_not_confirmed(dtype):
    """1 - tanh² is 0 where the derivative is 8e-19."""
    x = np.array([21.0, 0.4], dtype)
    result = dk.compare(np.tanh, x, methods=("reverse", lambda x: np.diag(1 - np.tanh(x) ** 2)))
    assert result.agree is True and result.kind == "AGREE-BUT-UNRESOLVED"


def test_the_excuse_ends_where_f_resolves_more():
    x = np.array([1e-9, 2e-9])
    for size in (1.0, 1e-12):
        f = lambda x, s=size: s * np.sum(np.sin(x))
        assert dk.compare(f, x, methods=("reverse", lambda x, s=size: 1.001 * s * np.cos(x))).agree is False
    shifted = lambda x: 1.0 + np.sum(x**2)
    assert dk.compare(shifted, x, methods=("reverse", lambda x: 2.01 * x)).agree is False


def test_single_precision_without_a_referee_may_cancel_as_f_does():
    """p (1 - p) as p - p²: off by an eps of p, in an entry of 0.0026."""
    def softmax(x):
        e = np.exp(x - np.max(x))
        return e / np.sum(e)

    x = np.array([5.0, -7.0, 11.0, 2.0], np.float32)
    jacobian = lambda x: np.diag(softmax(x)) - np.outer(softmax(x), softmax(x))
    result = dk.compare(softmax, x, methods=("reverse", "central", jacobian), referee=False)
    assert result.agree is not False, result.verdict
