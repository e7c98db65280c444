"""Kinks that show only where several entries move together: shared derivatives are accepted, wrong ones are not."""

import types

import numpy as np
import pytest

import diffkit as dk

RULES = ("forward", "reverse", "symbolic", "central")
#: Eight of twelve are zero, and so is the median; alone none of the eight moves it.
TIED = np.where(np.arange(12) % 3 == 0, np.linspace(0.1, 1, 12), 0.0)
ZERO = TIED == 0


def shared(x):
    return np.where(ZERO, 1 / 8, 0.0)


def two_of_them(x):
    """The median of a neighbour of the point, where the second and the eighth zero are in the middle."""
    return np.where(np.isin(np.arange(12), (2, 11)), 0.5, 0.0)


def doubled(x):
    return 2 * shared(x)


def beyond_one(x):
    return np.where(np.arange(12) == 4, 1.0, 0.0)


def untied(x):
    return shared(x) + np.where(np.arange(12) == 3, 0.3, 0.0)


def opposed(x):
    """The sum is right, and two untied entries are not."""
    return shared(x) + np.where(np.arange(12) == 3, 0.1, 0.0) - np.where(np.arange(12) == 6, 0.1, 0.0)


def slightly(x):
    return 1.001 * shared(x)


def scaled_median(x):
    return np.sin(np.median(x) + 0.5) * 3 + np.sum(x**2)


@pytest.mark.parametrize("referee", ["auto", False])
@pytest.mark.parametrize("f, x", [
    (np.median, TIED), (scaled_median, TIED), (np.median, TIED - 2.5), (lambda x: np.sort(x)[5], TIED),
    (lambda x: np.stack([np.median(x), np.sum(x**2)]), TIED), (np.median, TIED.astype(np.float32)),
])
def test_a_shared_derivative_at_a_tie_is_accepted(f, x, referee):
    result = dk.compare(f, x, methods=RULES, referee=referee)
    assert (result.kind, result.agree) == ("KINK", True)
    assert "move together" in result.verdict and all(row.status != "wrong" for row in result.rows)
    assert result.proof.proved is None and "refuted" not in str(result)


@pytest.mark.parametrize("mine", [shared, two_of_them])
def test_a_callers_derivative_that_f_has_beside_the_point_is_accepted(mine):
    assert dk.compare(np.median, TIED, methods=("reverse", mine)).kind == "KINK"


@pytest.mark.parametrize("mine, place", [(doubled, "a["), (beyond_one, "a[4]"), (untied, "a[3]"), (opposed, "a[3]"),
                                         (slightly, "a[")])
@pytest.mark.parametrize("referee", ["auto", False])
def test_a_wrong_derivative_at_a_tie_is_still_wrong(mine, place, referee):
    result = dk.compare(np.median, TIED, methods=(*RULES, mine), referee=referee)
    assert (result.kind, result.agree) == ("DISAGREE", False)
    wrong = {row.method for row in result.rows if row.status == "wrong"}
    assert wrong == {mine.__name__} and place in result.verdict and "refuted" not in str(result)


def test_where_rounding_breaks_the_tie_a_wrong_derivative_is_not_accepted():
    assert dk.compare(np.median, TIED - 2.5, methods=(*RULES, doubled)).agree is not True


@pytest.mark.parametrize("f", [
    lambda x: np.sum(np.sin(x)), lambda x: 1e6 + np.sum(x**2), lambda x: np.sum(x) ** 3 / 7,
    lambda x: np.median(x) if np.ptp(x) < 0 else np.sum(np.exp(x)),
])
def test_where_f_is_smooth_nothing_is_excused(f):
    gradient = dk.grad(f)(TIED + 0.3)
    result = dk.compare(f, TIED + 0.3, methods=("reverse", lambda x: 1.01 * gradient))
    assert result.agree is False and "1.01 times the right value" in result.verdict


@pytest.mark.parametrize("n", [3, 9])
def test_a_tie_of_all_inputs_has_right_and_wrong_answers(n):
    """Shaken operands break the tie; that excuses nobody who is outside."""
    share = lambda x: np.full(n, 1 / n)
    assert dk.compare(np.median, np.ones(n), methods=("reverse", share)).kind == "KINK"
    wrong = dk.compare(np.median, np.ones(n), methods=("reverse", lambda x: 2 * share(x)))
    assert wrong.agree is False and [row.method for row in wrong.rows if row.status == "wrong"] == ["<lambda>"]


class Calls:
    """f, and how often it was called."""

    def __init__(self, f):
        self.f, self.count = f, 0

    def __call__(self, x):
        self.count += 1
        return self.f(x)


def test_a_large_tie_is_looked_at_for_a_bounded_time(monkeypatch):
    """The clock is the test's own: each look at it is 10 ms later."""
    from diffkit.comparison import ties
    from diffkit.comparison.methods import witness
    from diffkit.comparison.posing import pose

    clock = iter(np.arange(0.0, 1e4, 0.01))
    monkeypatch.setattr(ties, "time", types.SimpleNamespace(thread_time=lambda: next(clock)))
    f = Calls(np.median)
    at = pose(f, (np.ones(60),), {}, 0)
    reverse = witness(at, "reverse", "reverse", 10.0, 0)
    every = np.ones((1, 60), bool)
    f.count = 0
    found = ties.ties(at, [reverse], every, {"reverse": every})
    assert not found.found.any() and f.count < 60 * 70 * 4


def test_a_smooth_function_is_glanced_at_only():
    from diffkit.comparison.methods import witness
    from diffkit.comparison.posing import pose
    from diffkit.comparison.ties import ties

    f = Calls(lambda x: np.sum(np.sin(x)))
    at = pose(f, (np.linspace(0.1, 1, 40),), {}, 0)
    every = np.ones((1, 40), bool)
    reverse = witness(at, "reverse", "reverse", 10.0, 0)
    f.count = 0
    assert not ties(at, [reverse], every, {"reverse": every}).found.any()
    assert f.count < 6 * 50


@pytest.mark.parametrize("name, n", [("median", 50), ("median", 450), ("median", 2000), ("a sorted entry", 200),
                                     ("quantile", 200), ("quantile", 2000), ("std", 100)])
def test_a_large_tie_is_a_kink_at_any_size(name, n):
    """Reverse sweeps beside the point, confirmed by differences, take the place of n differences each."""
    steps = np.repeat(np.linspace(0, 1, 5), n // 5)
    f, x = {"median": (np.median, np.ones(n)), "a sorted entry": (lambda x: np.sort(x)[n // 3], np.ones(n)),
            "quantile": (lambda x: np.quantile(x, 0.3), steps), "std": (np.std, np.ones(n))}[name]
    result = dk.compare(f, x, methods=("reverse", "central"))
    assert (result.kind, result.agree) == ("KINK", True), result.verdict


@pytest.mark.parametrize("mine, n", [(lambda x: np.where(np.arange(50) == 4, 0.6, 0.4 / 49), 50),
                                     (lambda x: np.full(50, 1.5 / 50), 50),
                                     (lambda x: np.full(2000, 1.5 / 2000), 2000)])
def test_a_wrong_answer_at_a_large_tie_is_wrong(mine, n):
    result = dk.compare(np.median, np.ones(n), methods=("reverse", "central", mine))
    assert result.agree is False and [row.method for row in result.rows if row.status == "wrong"] == ["<lambda>"]


def test_a_wrong_rule_beside_the_point_is_no_evidence():
    """The sweeps at which a tie is looked at are the rules' own: differences of f must confirm each."""
    @dk.custom_vjp
    def middle(x):
        return np.median(x)

    middle.defvjp(lambda x: (np.median(x), x), lambda x, g: (2 * g * (x == np.sort(x)[len(x) // 2]) /
                                                             np.sum(x == np.sort(x)[len(x) // 2]),))
    assert dk.compare(middle, np.ones(101), methods=("reverse", "central")).agree is not True


@pytest.mark.parametrize("n", [2, 6, 30])
def test_a_kink_that_shows_only_where_all_inputs_go_up(n):
    """The least of n rectified numbers at 0 moves in one of 2^n directions of signs."""
    f = lambda x: np.min(np.maximum(x, 0.0))
    result = dk.compare(f, np.zeros(n), methods=("forward", "reverse", "central"))
    assert (result.kind, result.agree) == ("KINK", True), result.verdict
    wrong = lambda x: np.full(n, 1.5 / n)
    assert dk.compare(f, np.zeros(n), methods=("reverse", "central", wrong)).agree is False
