"""Every kind of verdict has a planted case, and the control matrix: the kind, the answer and the reason."""

import time

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison.verdict import KINDS
from diffkit.errors import ArgnumsError, ComparisonError, InputError, RefereeError

RULES = ("forward", "reverse", "central")


def cubes(x):
    return np.sum(x**3)


def right(x):
    return 3 * x**2


def wrong(x):
    return 2 * x**2


class Counter:
    """A function that answers differently the second, or the n-th, time."""

    def __init__(self, turn):
        self.turn, self.calls = turn, 0

    def __call__(self, x):
        self.calls += 1
        return np.sum(x**2) + (self.calls >= self.turn)


def jump(x):
    return 1.0 + x if x >= 2 else x


def stairs(x):
    return np.floor(x * 1000) / 1000


def chaotic(x):
    for _ in range(100):
        x = 3.9 * x * (1 - x)
    return x


def noisy(x):
    """Sine with noise of 3e-4 that no trace sees."""
    x = float(x)
    return np.sin(x) + 1e-3 * ((x * 1e13) % 1)


def cancelling(x):
    return (1 - np.cos(x)) / x**2


X = np.array([1.0, -2.0, 0.5])

CASES = {
    "AGREE": (cubes, (X,), (*RULES, right), True, "agree with the 50-digit referee in all 3 entries"),
    "DISAGREE": (cubes, (X,), (*RULES, wrong), False, "wrong is wrong"),
    "KINK": (lambda x: np.sum(np.abs(x)), (np.array([0.0, 1.0]),), RULES, True, "slopes are -1 and 1"),
    "JUMP": (jump, (2.0,), RULES, None, "discontinuous"),
    "VERTICAL": (np.sqrt, (0.0,), RULES, True, "slope is infinite"),
    "PIECEWISE-CONSTANT": (stairs, (1.2345,), RULES, None, "moves in steps"),
    "ILL-CONDITIONED": (cancelling, (1e-8,), RULES, None, "the code cancels"),
    "CHAOTIC": (chaotic, (0.3,), RULES, None, "tangents grow along the 301 operations"),
    "NOISY": (noisy, (1.3,), (np.cos,), None, "f itself has noise at level"),
    "NONDETERMINISTIC": (Counter(2), (X,), RULES, None, "not deterministic"),
    "REFUSED": (lambda x: "text", (X,), RULES, None, "which is not a number"),
    "INCONCLUSIVE": (cubes, (X,), ("forward", "reverse"), None, "one family"),
    "AGREE-BUT-UNRESOLVED": (lambda x: 1e6 + 1e-9 * np.sum(x**2), (X,), ("reverse", "central"), True,
                             "not confirmed by two independent families"),
}


@pytest.mark.parametrize("kind", CASES)
def test_each_kind_has_its_verdict_and_its_reason(kind):
    f, args, methods, agree, reason = CASES[kind]
    alone = kind in ("INCONCLUSIVE", "AGREE-BUT-UNRESOLVED")
    result = dk.compare(f, *args, methods=methods, referee=False if alone else "auto")
    assert (result.kind, result.agree) == (kind, agree)
    assert reason in result.verdict


def test_no_kind_is_without_a_case():
    assert set(CASES) == set(KINDS)


def test_a_function_that_changes_later_is_caught_after_the_methods():
    state = {"bias": 0.0}

    def meddler(x):
        state["bias"] += 1.0
        return 2 * x

    result = dk.compare(lambda x: np.sum(x**2) + state["bias"], X, methods=("reverse", "central", meddler))
    assert (result.kind, result.agree) == ("NONDETERMINISTIC", None)
    assert "after being differentiated" in result.verdict


@pytest.mark.parametrize("value, reason", [
    (None, "None"), ("text", "'text'"), (True, "truth value"), (np.array([1, 2]), "integers"),
    (np.array([True]), "truth values"), ([], "empty container"), (np.zeros(0), "nothing to compare"),
    (object(), "object"), (np.nan, "nan"), (np.array([np.inf, np.nan]), "inf"),
])
def test_a_result_without_a_derivative_is_refused_by_name(value, reason):
    result = dk.compare(lambda x: value, 1.0)
    assert (result.kind, result.agree) == ("REFUSED", None)
    assert reason in result.verdict


@pytest.mark.parametrize("point", [np.nan, np.array([1.0, np.inf])])
def test_a_point_that_is_not_finite_is_refused(point):
    result = dk.compare(lambda x: 1.0, point)
    assert result.kind == "REFUSED" and "NaN or infinity" in result.verdict


def test_an_empty_argument_is_refused():
    assert dk.compare(lambda x: np.sum(x), np.zeros(0)).kind == "REFUSED"


@pytest.mark.parametrize("args, kwargs, error", [
    (("text",), {}, InputError), ((None,), {}, InputError), ((True,), {}, InputError),
    ((1.0,), {"argnums": 1}, ArgnumsError), ((1.0,), {"methods": ("sideways",)}, ComparisonError),
    ((1.0,), {"methods": (3,)}, ComparisonError), ((1.0,), {"methods": ()}, ComparisonError),
    ((1.0,), {"referee": "video"}, ComparisonError),
])
def test_a_call_that_makes_no_sense_raises(args, kwargs, error):
    with pytest.raises(error):
        dk.compare(lambda x: x * 1.0, *args, **kwargs)


def test_the_users_own_exception_reaches_the_caller():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        dk.compare(f, 1.0)


def test_a_function_that_changes_its_shape_is_told_from_the_rest():
    def ragged(x):
        return x[x > 0.99999999]

    result = dk.compare(ragged, np.array([1.0, 2.0]), methods=RULES)
    central = result.row("central")
    assert central.status == "skipped" and "shape" in central.note


def test_a_forced_referee_that_cannot_run_raises():
    with pytest.raises(RefereeError):
        dk.compare(lambda z: np.real(z * z), 1 + 2j, methods=("reverse", "central"), referee=True)
    result = dk.compare(lambda z: np.real(z * z), 1 + 2j, methods=("reverse", "central"))
    assert result.agree is True and result.row("referee").status == "skipped"


def test_a_function_that_depends_on_nothing_has_derivative_zero_and_it_is_said():
    result = dk.compare(lambda x: 3.0, X)
    assert result.agree is True and "does not depend on x" in result.verdict
    assert np.array_equal(result.row("reverse").value, np.zeros(3))


def test_an_argument_without_influence_is_named():
    result = dk.compare(lambda x, y: np.sum(x**2), X, X, argnums=(0, 1), methods=RULES)
    assert result.agree is True
    assert [finding.entries for finding in result.findings if finding.kind == "constant"] == [("y",)]


def test_a_function_that_writes_to_its_argument_is_told_and_its_argument_is_kept():
    def doubling(x, scale):
        scale *= 2
        return np.sum(x * scale)

    x, scale = X.copy(), np.ones(3)
    result = dk.compare(doubling, x, scale, methods=("reverse", "central"))
    assert np.array_equal(x, X) and np.array_equal(scale, np.ones(3))
    assert any("changes its arguments" in note for note in result.notes)
    assert result.agree is True


def test_a_candidate_cannot_change_the_arguments_of_the_others():
    def vandal(x):
        g = 3 * x**2
        x[:] = 0
        return g

    x = X.copy()
    assert dk.compare(cubes, x, methods=(vandal, "reverse", "central")).agree is True
    assert np.array_equal(x, X)


def test_one_family_is_no_verdict_and_a_witness_is_added_by_default():
    assert dk.compare(cubes, X, methods=("reverse",), referee=False).agree is None
    result = dk.compare(cubes, X, methods=("reverse",))
    assert result.agree is True
    assert {row.method for row in result.rows} == {"reverse", "central", "referee"}


def test_without_a_referee_two_of_three_families_decide():
    result = dk.compare(cubes, X, methods=("reverse", "central", wrong), referee=False)
    assert result.agree is False
    assert [row.method for row in result.rows if row.status == "wrong"] == ["wrong"]


def test_without_a_third_family_nobody_is_named():
    result = dk.compare(cubes, X, methods=("reverse", wrong), referee=False)
    assert result.agree is False and "no third family decides" in result.verdict


def test_a_vertical_tangent_that_a_method_misses_is_no_agreement():
    result = dk.compare(np.sqrt, 0.0, methods=(*RULES, lambda x: 0.0))
    assert (result.kind, result.agree) == ("VERTICAL", None)


def test_at_a_kink_values_outside_the_slopes_are_wrong():
    x = np.array([0.0, 1.0])
    f = lambda x: np.sum(np.maximum(x, 0))
    for slope, agree in ((0.0, True), (0.3, True), (1.0, True), (-0.1, False), (1.5, False)):
        result = dk.compare(f, x, methods=("reverse", "central", lambda x, s=slope: np.array([s, 1.0])))
        assert (result.agree, result.kind) == (agree, "KINK" if agree else "DISAGREE"), slope
    assert "kink" in result.verdict and "0 and 1" in result.verdict


def test_an_equality_branch_is_not_excused():
    """At exactly x = 2 the code takes a constant: every reading of the program says 0, f's slope is 4."""
    def trap(x):
        return 4.0 if x == 2 else x * x

    result = dk.compare(trap, 2.0, methods=RULES)
    assert result.agree is False
    assert "evaluations of f contradict the recorded program" in result.verdict


def test_a_ratio_of_time_and_evaluations_are_counted():
    calls = []

    def f(x):
        calls.append(1)
        return np.sum(x**2)

    result = dk.compare(f, X, methods=("forward", "reverse", "central"), referee=False)
    assert result.row("reverse").evaluations == 1
    assert result.row("forward").evaluations == 3
    assert 3 * 8 < result.row("central").evaluations < 3 * 80
    assert all(row.time > 0 for row in result.rows)


def test_a_method_beyond_the_budget_is_skipped_with_its_reason():
    def f(x):
        time.sleep(0.04)
        return cubes(x)

    result = dk.compare(f, X, methods=("reverse", "central"), budget=1.0)  # central would take 35 times 0.04
    assert result.row("central").status == "skipped" and "not begun: about" in result.row("central").note
    assert result.row("reverse").status == "ok"


def test_a_partial_that_is_measured_is_no_witness_beside_differences():
    from scipy import special

    def by_order(v):
        return special.jv(v, 2.3)

    result = dk.compare(by_order, 1.4, methods=("forward", "reverse", "central"), referee=False)
    assert (result.kind, result.agree) == ("INCONCLUSIVE", None) and "one family" in result.verdict
    assert "measured by differences" in result.row("reverse").note
    assert dk.compare(by_order, 1.4, methods=("reverse", "central")).agree is True  # with the referee
    by_argument = dk.compare(lambda z: special.jv(1.4, z), 2.3, methods=("reverse", "central"), referee=False)
    assert by_argument.kind == "AGREE"


def test_a_formula_that_is_not_defined_at_a_kink_accuses_nobody():
    result = dk.compare(lambda x: np.hypot(x[0], x[1]), np.zeros(2))
    assert (result.kind, result.agree) == ("KINK", True) and np.isnan(result.row("symbolic").value).all()
    assert "and 0 is accepted between them" in result.verdict and "holds for no other" in result.proof.sentence


def test_several_accepted_values_are_told_in_good_grammar():
    result = dk.compare(lambda x: np.interp(x, [0, 1, 2], [0, 1, 0]), 1.0)
    assert result.kind == "KINK" and "-1 and 0 are accepted between them" in result.verdict


def test_agreement_on_a_derivative_of_chaos_says_so():
    """x -> 2.9 x mod 1: every step multiplies by 2.9, exactly, so that all agree on 2.9^80."""
    def doubling(x):
        for _ in range(80):
            x = np.mod(2.9 * x, 1.0)
        return x

    result = dk.compare(doubling, 0.317, methods=("forward", "reverse"))
    assert result.agree is True and abs(result.row("reverse").value / 2.9**80 - 1) < 1e-12
    (found,) = (finding for finding in result.findings if finding.kind == "chaotic")
    assert "the derivative is that of this one run" in found.text
    assert not any(f.kind == "chaotic" for f in dk.compare(lambda x: np.exp(x) * x, 700.0).findings)


def test_digits_are_not_counted_in_what_is_zero_but_for_rounding():
    """The middle entry is at the mean: its derivative is 4e-17 in 50 digits, and 0 for whoever rounds."""
    result = dk.compare(np.var, np.array([0.2, 0.575, 0.95, 1.325, 1.7]), methods=("forward", "reverse"))
    assert result.kind == "AGREE" and result.row("reverse").digits > 15
