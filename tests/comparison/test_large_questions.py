"""10^4 and more inputs: the planted entry is found, right gradients are not accused, f is asked but a few times."""

import math

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison.bundles import bundles, directions
from diffkit.comparison.posing import pose

N = 10_000
X = np.linspace(0.5, 2.0, N)


def f(x):
    return np.sum(np.sin(x) * x)


def gradient(x):
    return np.sin(x) + x * np.cos(x)


def spoilt(index, factor):
    def mine(x):
        g = gradient(x)
        g[index] *= factor
        return g
    return mine


class Counted:
    def __init__(self, f):
        self.f, self.calls = f, 0

    def __call__(self, x):
        self.calls += 1
        return self.f(x)


@pytest.mark.parametrize("methods", [("forward", "reverse"), ("reverse", gradient), (gradient,)])
def test_right_gradients_are_confirmed(methods):
    result = dk.compare(f, X, methods=methods)
    assert (result.kind, result.agree) == ("AGREE", True)
    assert "projections of 10000 inputs" in result.verdict


@pytest.mark.parametrize("others", [("reverse",), ()])
@pytest.mark.parametrize("factor, word", [(2.0, "2 times the right value"), (-1.0, "the sign"), (0.0, "zero"),
                                          (1.001, "1.001 times the right value")])
def test_one_wrong_entry_of_ten_thousand_is_named(others, factor, word):
    result = dk.compare(f, X, methods=(*others, spoilt(3141, factor)))
    assert result.agree is False and "x[3141]" in result.verdict
    assert word in result.verdict
    assert result.findings[0].entries == ("x[3141]",)


def test_bisection_costs_fourteen_halvings_and_not_ten_thousand_evaluations():
    counted = Counted(f)
    assert "x[7]" in dk.compare(counted, X, methods=(spoilt(7, 2.0),), referee="auto").verdict
    assert counted.calls < 3000  # 10^4 coordinates would take twenty times that


def test_several_wrong_entries_are_named_and_more_are_owned():
    result = dk.compare(f, X, methods=(lambda x: -gradient(x),))
    assert result.agree is False and "the sign" in result.verdict and "and more" in result.verdict
    assert result.findings[0].count == 3


def test_a_wrong_leaf_among_large_ones_is_not_swamped():
    p = {"large": np.linspace(1e3, 2e3, N), "small": np.linspace(1e-2, 3e-2, 40)}

    def loss(p):
        return np.sum(p["large"]) + np.sum(p["small"] ** 2)

    def right(p):
        return {"large": np.ones(N), "small": 2 * p["small"]}

    def wrong(p):
        return {"large": np.ones(N), "small": 0 * p["small"]}

    assert dk.compare(loss, p, methods=("reverse", right)).agree is True
    result = dk.compare(loss, p, methods=("reverse", wrong))
    assert result.agree is False and 'p["small"]' in result.verdict and "zero" in result.verdict


def test_a_leaf_below_what_f_resolves_is_owned_and_not_certified():
    p = {"large": np.linspace(1e6, 2e6, N), "small": np.full(40, 1e-6)}

    def loss(p):
        return np.sum(p["large"] ** 2) + np.sum(p["small"] ** 2)

    result = dk.compare(loss, p, methods=(lambda p: {"large": 2 * p["large"], "small": 0 * p["small"] + 1e-9},))
    assert result.kind == "AGREE-BUT-UNRESOLVED" and "f does not resolve 40 inputs" in result.verdict


def network(shape):
    rng = np.random.default_rng(0)
    w = [rng.normal(size=(40, 64)) / 8, rng.normal(size=(10, 40)) / 6]
    x, y = rng.normal(size=(64, 16)), rng.normal(size=(10, 16))

    def loss(w):
        return np.mean((w[1] @ np.maximum(w[0] @ x.astype(shape), 0) - y.astype(shape)) ** 2)

    return loss, [leaf.astype(shape) for leaf in w]


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_a_network_with_kinks_is_judged_in_both_precisions(kind):
    loss, w = network(kind)
    assert dk.compare(loss, w).kind == "AGREE"
    answer = dk.grad(loss)(w)
    spoilt = [answer[0].copy(), answer[1].copy()]
    spoilt[1][3, 4] *= 1.1
    result = dk.compare(loss, w, methods=("reverse", lambda w: spoilt))
    assert result.agree is False and "at w[1][3, 4]: 1.1 times the right value" in result.verdict


def test_a_trace_that_misses_part_of_f_is_named_by_its_entry():
    def missing(x):
        held = np.where(np.arange(N) == 777, dk.stop_gradient(x), x)
        return np.sum(np.sin(x) * held)

    result = dk.compare(missing, X, methods=("reverse",))
    assert result.agree is False and "x[777]" in result.verdict


A = np.random.default_rng(1).normal(size=(120, 600)) / 30
Z = np.random.default_rng(2).normal(size=600)


def layer(x):
    return np.tanh(A @ x)


def jacobian(x):
    return (1 - np.tanh(A @ x) ** 2)[:, None] * A


def test_many_results_are_weighted_for_reverse_and_whole_for_forward():
    result = dk.compare(layer, Z, methods=("forward", "reverse", jacobian))
    assert (result.kind, result.agree) == ("AGREE", True)
    assert result.row("reverse").evaluations == 1


@pytest.mark.parametrize("others", [("forward", "reverse"), ()])
def test_a_wrong_entry_of_a_large_jacobian_is_named(others):
    def wrong(x):
        j = jacobian(x)
        j[33, 44] *= 1.01
        return j

    result = dk.compare(layer, Z, methods=(*others, wrong))
    assert result.agree is False and "result[33] by x[44]: 1.01 times the right value" in result.verdict


def test_few_inputs_of_very_many_results_are_judged():
    steps = np.arange(1.0, 60_001)
    assert dk.compare(lambda a: np.sin(a / steps), 0.3, methods=("forward", "reverse")).agree is True


def test_a_black_box_is_judged_by_evaluations_alone():
    def black(x):
        return math.fsum(math.sin(v) for v in x)

    x = X[:1000]
    result = dk.compare(black, x, methods=("reverse", np.cos))
    assert result.agree is True and result.row("reverse").status == "skipped"
    assert dk.compare(black, x, methods=(np.sin,)).agree is False


@pytest.mark.parametrize("x, mine", [(np.zeros(1000), lambda x: 2 * x), (np.ones(1000), lambda x: 3 * x)])
def test_errors_that_the_point_hides_are_looked_for_beside_it(x, mine):
    result = dk.compare(lambda x: np.sum(x**3), x, methods=("reverse", mine))
    assert result.agree is False and "right at this point and wrong beside it" in result.verdict


def test_cost_and_seed_are_stated_and_the_answer_repeats():
    first, again = (dk.compare(f, X, methods=("reverse",), seed=5) for _ in range(2))
    note = next(note for note in first.notes if "projections" in note)
    assert "seed 5" in note and "evaluations of f" in note and "expected" in note
    assert first.verdict == again.verdict
    assert first.row("central").value.tolist() == again.row("central").value.tolist()
    other = dk.compare(f, X, methods=("reverse",), seed=6)
    assert other.row("central").value.tolist() != first.row("central").value.tolist()


def test_a_function_that_writes_to_its_argument_is_given_copies():
    def greedy(x):
        x *= 2
        return np.sum(x**2)

    kept = X.copy()
    assert dk.compare(greedy, kept, methods=(lambda x: 8 * X,)).agree is True
    assert np.array_equal(kept, X)


def test_noise_is_not_called_an_error_and_a_referee_is_refused_by_name():
    result = dk.compare(lambda x: f(x) + 1e-6 * np.sin(1e9 * np.sum(x)), X, methods=(gradient,))
    assert result.agree is not False
    with pytest.raises(dk.errors.RefereeError, match="projections"):
        dk.compare(f, X, referee=True)


def test_bundles_hold_every_input_once_and_by_decade():
    sizes = np.array([1.0, 0.5, 0.02, 0.0, 1e-30, np.nan, 3e-5])
    groups = bundles(sizes)
    assert sorted(np.concatenate([members for _, members in groups]).tolist()) == list(range(7))
    assert [members.tolist() for _, members in groups] == [[0, 1, 5], [2], [6], [4], [3]]
    assert "do not move f" in groups[-1][0]


def test_directions_move_every_input_by_its_own_size():
    x = np.concatenate([[0.0], np.geomspace(1e-6, 1e6, 99)])
    ways = directions(pose(np.sum, (x,), {}, 0), None, (), 0)
    assert len(ways) == 3
    for way in ways:
        assert np.array_equal(way.members, np.arange(100))
        ratio = np.abs(way.steps[1:]) / x[1:]
        assert np.all((ratio >= 0.5) & (ratio <= 1.5)) and way.steps[0] != 0


@pytest.mark.parametrize("f", [lambda x: np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x))), np.sort, np.var,
                               lambda x: (x - np.mean(x)) / np.std(x), lambda x: np.sum(np.maximum(x - 0.2, 0))])
@pytest.mark.parametrize("scale, kind", [(1.0, np.float64), (1e-9, np.float64), (1.0, np.float32)])
def test_right_rules_are_not_accused_at_any_scale_and_precision(f, scale, kind):
    x = (scale * np.random.default_rng(7).normal(size=700)).astype(kind)
    assert dk.compare(f, x, methods=("forward", "reverse", "central")).agree is not False


def test_inputs_of_dead_units_have_derivative_zero_and_are_no_staircase():
    rng = np.random.default_rng(0)
    pixels = np.where(rng.uniform(size=(32, 64)) < 0.5, 0.0, rng.uniform(size=(32, 64)))
    labels = rng.integers(0, 10, 32)
    model = dk.nn.MLP((64, 64, 32, 10))

    def loss(params, x, y):
        return dk.nn.cross_entropy(model.apply(params, x), y)

    result = dk.compare(loss, model.init(0), pixels, labels)
    assert (result.kind, result.agree) == ("AGREE", True), str(result)


@pytest.mark.parametrize("broken, says", [
    (lambda x: 1 / 0, "raised ZeroDivisionError"), (lambda x: np.cos(x)[None], r"returned shape (1, 2000)"),
    (lambda x: None, "returned None"),
])
@pytest.mark.parametrize("methods", [("reverse",), ()])
def test_a_candidate_that_breaks_is_wrong_in_a_large_question_too(broken, says, methods):
    result = dk.compare(lambda x: np.sum(np.sin(x)), np.linspace(0.5, 1.5, 2000), methods=(*methods, broken))
    assert (result.kind, result.agree) == ("DISAGREE", False) and says in result.verdict


def test_who_is_asked_along_directions_shows_no_numbers_in_their_place():
    """Ten projections stood where the others had their derivatives."""
    x = np.linspace(0.5, 2.0, 1000)
    result = dk.compare(lambda x: np.sum(np.sin(x) * x), x, methods=("reverse", "central"))
    assert result.row("central").abridged.startswith("along ") and result.row("reverse").abridged.startswith("[0.918")
