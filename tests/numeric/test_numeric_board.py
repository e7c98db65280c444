"""The goals, on the whole board: some 350 functions and points with truth at 50 digits."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

board = importlib.import_module("comparisons.numeric_board")


@pytest.fixture(scope="module")
def scores():
    return [(case, board.judge(case, board.diffkit_auto)) for case in board.cases()]


def test_claims_are_honest(scores):
    assert len(scores) >= 250
    missed = [(case.group, case.name, case.x, score.line) for case, score in scores if not score.honest]
    assert len(missed) <= 0.005 * len(scores), missed


def test_accuracy(scores):
    digits = [score.digits for case, score in scores if not case.gap]
    assert np.median(digits) >= 13
    assert np.quantile(digits, 0.1) >= 11


def test_cost(scores):
    assert np.median([score.evaluations for _, score in scores]) == 9
    assert max(score.evaluations for _, score in scores) <= 120


def test_kinks_are_owned(scores):
    assert all(score.owned for case, score in scores if case.gap)


def test_claims_are_useful(scores):
    assert np.mean([score.useful for case, score in scores if not case.gap]) >= 0.93


def test_the_board_sees_a_method_that_boasts_and_one_that_is_wrong(scores):
    def boasting(f, x):
        values, claims = board.diffkit_auto(f, x)
        return values, [claim / 1e4 for claim in claims]

    def halved(f, x):
        values, claims = board.diffkit_auto(f, x)
        return [value / 2 for value in values], claims

    some = [case for case, _ in scores[::7] if not case.gap]
    assert np.mean([board.judge(case, boasting).honest for case in some]) < 0.8
    assert np.mean([board.judge(case, halved).honest for case in some]) < 0.2


def test_every_peer_runs_or_is_reported_absent(capsys, monkeypatch):
    monkeypatch.setattr(board, "cases", lambda: CASES)
    monkeypatch.setattr("sys.argv", ["numeric_board"])
    board.main()
    printed = capsys.readouterr().out
    for name in board.METHODS:
        assert name in printed


CASES = [case for case in board.cases() if case.group in ("smooth", "kink")][::25] + board.cases()[-2:]
