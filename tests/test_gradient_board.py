"""The board: every planted error is caught with default settings, no right gradient is called wrong."""

import warnings

import numpy as np
import pytest

import diffkit as dk
from comparisons.gradient_cases import NAMED, wrong
from comparisons.gradient_problems import PROBLEMS
from comparisons.gradient_right import right

WRONG, RIGHT = wrong(), right()
HARD = [case for case in RIGHT if case.group not in ("float64", "float32")]
#: Problems at ordinary points, in groups, so that a run stays short.
PLAIN = sorted({case.name.rpartition(" ")[0] for case in RIGHT if case.group in ("float64", "float32")})


def judged(case):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result = dk.compare(case.f, case.x, methods=("reverse", case.gradient))
    row = next(row for row in result.rows if row.family == "user")
    return result, row


def names(cases):
    return [f"{case.group}, {case.name}" for case in cases]


def test_the_board_is_large_enough_and_no_case_is_there_twice():
    assert len(WRONG) >= 60 and len(RIGHT) >= 200
    assert len(set(names(WRONG))) == len(WRONG) and len(set(names(RIGHT))) == len(RIGHT)


def test_the_kinds_of_errors_are_many_and_the_usual_ones_are_among_them():
    """That each is caught is ``test_a_planted_error_is_caught``, by name."""
    assert len({case.kind for case in WRONG}) >= 60
    present = {(case.group, case.name) for case in WRONG}
    assert len(NAMED) >= 18 and all(NAMED.values())
    assert {name: set(cases) - present for name, cases in NAMED.items() if set(cases) - present} == {}


@pytest.mark.parametrize("case", WRONG, ids=names(WRONG))
def test_a_planted_error_is_caught(case):
    result, row = judged(case)
    assert result.agree is False, result.verdict
    assert row.status in ("wrong", "wrong shape", "raised")


@pytest.mark.parametrize("case", HARD, ids=names(HARD))
def test_a_hard_right_gradient_is_not_accused(case):
    result, row = judged(case)
    assert row.status == "ok", result.verdict
    assert result.agree is not False, result.verdict


@pytest.mark.parametrize("problem", PLAIN)
def test_a_right_gradient_is_confirmed(problem):
    for case in RIGHT:
        if case.group in ("float64", "float32") and case.name.rpartition(" ")[0] == problem:
            result, row = judged(case)
            assert row.status == "ok" and result.agree is True, f"{case.group} {case.name}: {result.verdict}"


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_backend_that_returns_zeros_fails_everywhere(name):
    problem = PROBLEMS[name]
    x = problem.points[0]
    result = dk.compare(problem.f, x, methods=("reverse", lambda x: np.zeros_like(problem.gradient(x))))
    assert result.agree is False and "zero everywhere" in result.verdict
