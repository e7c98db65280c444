"""Differences that stand alone are held against f itself, in bounded time."""

import time
import types

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison import second_look
from diffkit.comparison.methods import Witness
from diffkit.comparison.posing import pose
from diffkit.comparison.second_look import confirmed_by_f

N = 40
X = np.linspace(0.5, 2.0, N)


class Counting:
    def __init__(self):
        self.count = 0

    def __call__(self, x):
        self.count += 1
        return np.sum(np.sin(x))


def asked(reference, f):
    """Whether f confirms ``reference`` against differences that claim 3 everywhere."""
    at = pose(f, (X,), {}, 0)
    f.count = 0
    wrong = np.ones((1, N), bool)
    differences = Witness("central", "numeric", value=np.full((1, N), 3.0), claim=np.full((1, N), 1e-9), exact=False)
    return confirmed_by_f(at, wrong, reference[None], differences, ~wrong)


def test_the_right_slope_is_confirmed_everywhere_from_some_inputs():
    f = Counting()
    assert asked(np.cos(X), f).all()
    assert f.count <= 24 * 42 + 6  # and six runs in which f is rounded another way


def test_one_input_that_is_not_confirmed_leaves_the_others_open():
    found = asked(np.where(np.arange(N) == 3, -2.0, np.cos(X)), Counting())
    assert not found[0, 3] and found.any() and not found.all()


def test_a_slow_function_is_asked_for_a_few_inputs(monkeypatch):
    clock = iter(np.arange(0.0, 1e4, 0.9))
    # Its own clock: threads of watches read the common one.
    monkeypatch.setattr(second_look, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
    f = Counting()
    assert asked(np.cos(X), f).all()
    assert f.count == 3 * 42 + 6


def test_a_function_that_hangs_beside_the_point_ends_the_look(monkeypatch):
    """The wrong claim then stands: differences were contradicted by nobody who looked."""
    from diffkit.comparison import guard, judge

    monkeypatch.setattr(guard, "patience", lambda seconds, hung=False: 0.1)

    def f(x):
        if 1e-9 < abs(float(x[3]) / X[3] - 1) < 1e-3:
            while True:
                time.sleep(0.001)
        return np.sum(np.sin(x))

    at = pose(f, (X,), {}, 0)
    rules = [Witness(name, family, value=np.cos(X)[None], spread=np.zeros((1, N)))
             for name, family in (("reverse", "rules"), ("symbolic", "symbolic"))]
    ok = np.full((1, N), "ok")
    claimed = np.where(np.arange(N) == 3, 3.0, np.cos(X))[None]
    differences = Witness("central", "numeric", value=claimed, claim=np.full((1, N), 1e-9), words=ok, left=claimed,
                          right=claimed, exact=False)
    judged = judge.judge(at, [*rules, differences], None, lambda: None)
    assert judged.wrong["central"].sum() == 1 and not judged.wrong["reverse"].any()


def test_a_pole_beside_the_point_still_accuses_nobody():
    hilbert = 1 / (np.arange(1.0, 6)[:, None] + np.arange(5))
    result = dk.compare(lambda a: np.sum(np.linalg.solve(a, np.ones(5))), hilbert,
                        methods=("reverse", "symbolic", "central"), referee=False)
    assert result.agree is not False


@pytest.mark.parametrize("missing", [1.0, 0.01])
def test_a_recording_that_misses_part_of_f_is_still_accused(missing):
    def f(x):
        return np.sum(np.sin(x)) + missing * np.sum(np.cos(dk.value(x)))

    result = dk.compare(f, X, methods=("reverse", "symbolic", "central"), referee=False)
    assert result.agree is False and "evaluations of f contradict the recorded program" in result.verdict


@pytest.mark.parametrize("claims, exact, confirmed", [(3.0, False, True), (30.0, False, False), (3.0, True, True),
                                                      (30.0, True, False)])
def test_a_claim_that_is_too_small_by_a_little_accuses_nobody(claims, exact, confirmed):
    """Differences that are off by 1e-9: too little for plain quotients to say who is right."""
    f = Counting()
    at = pose(f, (X,), {}, 0)
    right, wrong = np.cos(X)[None], np.ones((1, N), bool)
    differences = Witness("central", "numeric", value=right + 1e-9, claim=np.full((1, N), 1e-9 / claims), exact=False)
    assert confirmed_by_f(at, wrong, right, differences, ~wrong, exact).all() == confirmed


def test_a_claim_as_large_as_the_slope_is_trusted_against_all_but_fifty_digits():
    at, wrong = pose(Counting(), (X,), {}, 0), np.ones((1, N), bool)
    doubled = 2 * np.cos(X)[None]
    differences = Witness("central", "numeric", value=doubled / 2, claim=0.2 * np.abs(doubled), exact=False)
    assert not confirmed_by_f(at, wrong, doubled, differences, ~wrong).any()
    assert confirmed_by_f(at, wrong, doubled, differences, ~wrong, exact=True).all()


def test_what_rounding_inside_f_hides_from_differences_is_no_contradiction():
    """f does not move at all when x does: e^-62 is lost beside 0.3, and the slope is e^-62 all the same."""
    f = lambda x: (0.3 + np.exp(-x)) - 0.3
    result = dk.compare(f, 62.0, methods=("reverse", "central"))
    assert result.agree is not False and abs(result.row("reverse").value + np.exp(-62.0)) < 1e-40


def test_differences_in_single_precision_are_looked_at_in_double():
    from diffkit.comparison.judge import confirmed_by_f as confirmed

    at = pose(Counting(), (X.astype(np.float32),), {}, 0)
    right = np.cos(X.astype(np.float32).astype(float))[None]
    differences = Witness("central", "numeric", value=-right, claim=np.full((1, N), 1e-9), exact=False)
    everywhere = np.ones((1, N), bool)
    assert confirmed(at, everywhere, right, differences, ~everywhere).all()


@pytest.mark.parametrize("f, x, truth", [
    (lambda x: np.log(1 + x) - x, 1e-9, -1e-9), (lambda x: (np.exp(x) - 1 - x) / x**2, 1e-7, 1 / 6),
    (lambda x: (x + 1e6) - 1e6 - x, 0.3, 0.0),
])
def test_the_grain_of_rounded_values_is_no_slope(f, x, truth):
    """Between two roundings of 1 + x the first has the slope -1, and differences find it."""
    result = dk.compare(f, x)
    assert result.agree is not False and abs(result.row("referee").value - truth) < 1e-6, result.verdict


def test_a_part_that_a_trace_misses_is_no_grain():
    """1e-6 x, which never reaches the tape: a millionth of the slope, and far above f's rounding."""
    hidden = lambda x: np.sum(np.sin(x)) + 1e-6 * float(np.sum(dk.value(x)))
    result = dk.compare(hidden, np.array([0.3, 0.7]))
    assert result.agree is False and "evaluations of f contradict the recorded program" in result.verdict


def spectrum(x):
    return np.abs(np.fft.rfft(x))**2


def constant_but_for_rounding(x):
    """The first entry is |sum of differences|^2: 0, computed as some 1e-34."""
    y = np.exp(spectrum(x) - np.max(spectrum(x)))
    y = y / np.sum(y)
    return spectrum(y - np.roll(y, 1))


def too_fast_to_be_seen(x):
    """sinc of numbers of 1e5: it turns within every step that differences take."""
    y = np.expm1(spectrum(x))
    return np.prod(np.sinc(np.outer(y, y).ravel()[:6]))


@pytest.mark.parametrize("f, x", [
    (constant_but_for_rounding, np.array([1.30978872, 1.37554173, 1.78206343, -1.77825804, -1.20206126])),
    (too_fast_to_be_seen, np.array([-1.41489961, 0.49728391, 1.28449574, -1.76178173])),
])
def test_differences_of_a_rough_function_are_no_evidence_against_fifty_digits(f, x):
    assert dk.compare(f, x, methods=("forward", "reverse", "central")).agree is not False


def test_the_trend_of_a_rough_function_is_evidence():
    """A half of x goes past the tape, under noise of 1e-7."""
    hidden = lambda x: np.sin(x) + 1e-7 * np.sin(1e9 * dk.value(x)) + 0.5 * float(dk.value(x))
    assert dk.compare(hidden, 0.7, methods=("forward", "reverse", "central")).agree is False
