"""The referee's digits, against mpmath's own differentiation of functions typed by hand."""

import mpmath
import numpy as np
import pytest

import diffkit as dk
from diffkit.arguments import split
from diffkit.comparison.referee import RefereeResult, referee
from diffkit.errors import RefereeError


def ask(f, *args, argnums=0, **options):
    return referee(f, split(args, argnums, f), options.pop("kwargs", {}), **options)


def agree(found, expected, digits):
    with mpmath.workdps(digits + 20):
        assert abs(mpmath.mpf(found) - expected) <= mpmath.mpf(10) ** (2 - digits) * abs(expected)


SCALARS = [
    (lambda x: np.sin(x) * np.exp(x), lambda t: mpmath.sin(t) * mpmath.exp(t), 0.7),
    (lambda x: (1 - np.cos(x)) / x**2, lambda t: (1 - mpmath.cos(t)) / t**2, 1e-8),
    (lambda x: np.log1p(np.exp(-800 * x)), lambda t: mpmath.log1p(mpmath.exp(-800 * t)), 1.0),
    (lambda x: np.tanh(x) ** 3, lambda t: mpmath.tanh(t) ** 3, 30.0),
    (lambda x: np.sqrt(x) / (1 + x**2), lambda t: mpmath.sqrt(t) / (1 + t**2), 1e-12),
    (lambda x: x**2.5 * 0.1, lambda t: t ** mpmath.mpf(2.5) * mpmath.mpf(0.1), 1e6),
    (lambda x: np.arctan2(x, 2.0) ** 2, lambda t: mpmath.atan2(t, 2) ** 2, -0.4),
]


@pytest.mark.parametrize("number", range(len(SCALARS)))
@pytest.mark.parametrize("digits", [50, 90])
def test_scalars_to_all_digits(number, digits):
    f, by_hand, x = SCALARS[number]
    found = ask(f, x, digits=digits)
    with mpmath.workdps(3 * digits + 400):
        exact = mpmath.mpf(x)
        value = by_hand(exact)
        slope = mpmath.diff(by_hand, exact, h=exact * mpmath.mpf(10) ** -(digits + 5), relative=False)
    agree(found.values[0][()], value, digits)
    agree(found.blocks[0][0][()], slope, digits)
    assert not found.kink[0][0] and found.digits == digits


def test_rounded_to_floats():
    found = ask(np.sin, 1.0)
    assert RefereeResult.float_value(found.blocks[0][0]) == np.cos(1.0)
    assert RefereeResult.float_value(np.array([mpmath.mpf("1e400"), mpmath.mpf("-1e-400")], object)).tolist() == [
        np.inf, 0.0]


def test_two_evaluations_an_entry_and_one():
    assert ask(lambda x: np.sum(np.exp(x)), np.arange(1.0, 8.0)).evaluations == 15


def test_shapes_containers_and_constants():
    def f(p, scale):
        return {"a": scale * p["w"] @ p["v"], "b": 3.0, "c": p["v"][0]}, "aux"

    p = {"w": np.arange(6.0).reshape(2, 3), "v": np.ones(3)}
    found = ask(f, p, 2.0, argnums=(0, 1), has_aux=True)
    assert dk.tree.unflatten(found.structure, [1, 2, 3]) == {"a": 1, "b": 2, "c": 3}
    assert [[block.shape for block in row] for row in found.blocks] == [
        [(2, 2, 3), (2, 3), (2,)], [(2, 3), (3,), ()], [(2, 3), (3,), ()]]
    floats = RefereeResult.float_value
    assert floats(found.blocks[0][1]).tolist() == (2 * p["w"]).tolist()
    assert floats(found.blocks[0][2]).tolist() == [3.0, 12.0]
    assert floats(found.blocks[2][1]).tolist() == [1.0, 0.0, 0.0] and floats(found.blocks[1][0]).sum() == 0


def test_logistic_regression():
    generator = np.random.default_rng(0)
    data, labels = generator.normal(size=(60, 4)), generator.integers(0, 2, 60)

    def loss(p):
        z = data @ p[:-1] + p[-1]
        return np.sum(np.logaddexp(0, z) - labels * z)

    p = generator.normal(size=5)
    found = ask(loss, p).blocks[0][0]
    with mpmath.workdps(70):
        rows = [[mpmath.mpf(v) for v in row] + [1] for row in data]
        weights = [mpmath.mpf(v) for v in p]
        shares = [1 / (1 + mpmath.exp(-sum(a * b for a, b in zip(row, weights)))) - int(label)
                  for row, label in zip(rows, labels)]
        for j in range(5):
            agree(found[j], sum(row[j] * share for row, share in zip(rows, shares)), 50)


@pytest.mark.parametrize("f, x, left, right", [
    (np.abs, 0.0, -1.0, 1.0),
    (lambda x: np.maximum(x, 0), 0.0, 0.0, 1.0),
    (lambda x: np.sqrt(np.abs(x)), 0.0, -np.inf, np.inf),
    (np.floor, 2.0, np.inf, 0.0),
    (np.cbrt, 0.0, np.inf, np.inf),
    (lambda x: np.where(x > 1, x**2, x), 1.0, 1.0, 2.0),
])
def test_kinks_report_both_slopes(f, x, left, right):
    found = ask(f, x)
    assert found.kink[0][0]
    assert float(found.left[0][0][()]) == left and float(found.right[0][0][()]) == right


def test_a_kink_in_one_entry_only():
    found = ask(lambda x: np.sum(np.abs(x)), np.array([0.0, -2.0]))
    assert found.kink[0][0].tolist() == [True, False]
    assert RefereeResult.float_value(found.blocks[0][0]).tolist() == [0.0, -1.0]


@pytest.mark.parametrize("f, x", [(lambda x: x**2, 0.0), (lambda x: x**3, 0.0), (lambda x: (x - 1) ** 4, 1.0),
                                  (lambda x: np.cos(x), 0.0), (lambda x: np.abs(x) ** 1.5, 0.0),
                                  (lambda x: np.maximum(x, 0) ** 2, 0.0)])
def test_zeros_are_zeros_and_not_kinks(f, x):
    found = ask(f, x)
    assert found.blocks[0][0][()] == 0 and not found.kink[0][0]


def test_near_an_optimum_two_looks_are_enough():
    # The slopes differ by the curvature, which goes with the step.
    x = 1 + 1e-14
    found = ask(lambda x: (x - 1) ** 2 + (x - 1) ** 4, x)
    assert found.evaluations == 6
    with mpmath.workdps(80):
        offset = mpmath.mpf(x) - 1
        agree(found.blocks[0][0][()], 2 * offset + 4 * offset**3, 50)


def test_tiny_derivatives_are_not_zeros():
    # Above 1, 130 digits see nothing of exp(-800): the referee looks closer by itself.
    found = ask(lambda x: np.log(1 + np.exp(x - 700)), 0.0)
    with mpmath.workdps(80):
        agree(found.blocks[0][0][()], 1 / (1 + mpmath.exp(700)), 17)


def test_one_side_of_a_domain():
    with np.errstate(all="ignore"):
        found = ask(lambda x: np.maximum(x, 0.5) + np.sqrt(x) ** 3, 0.0)
    assert np.isnan(float(found.left[0][0][()])) and float(found.right[0][0][()]) == 0 and found.kink[0][0]


def test_outside_the_domain_is_nan():
    with np.errstate(all="ignore"):
        found = ask(lambda x: np.log(x), -1.0)
    assert np.isnan(float(found.values[0][()])) and np.isnan(float(found.blocks[0][0][()]))


def test_guards_on_the_edge_are_reported():
    def halve(x):
        while abs(x) > 5:
            x = x / 2
        return x

    assert ask(halve, 37.0).guards_changed == ()
    edge = ask(halve, 40.0)
    assert float(edge.blocks[0][0][()]) == 1 / 8
    assert len(edge.guards_changed) == 1 and edge.guards_changed[0].startswith(__file__)


def test_float_constants_are_exact_and_rounding_is_seen():
    # 0.1 + 0.2 > 0.3 in float64, and not in the numbers that these floats are ... it is: both by 5.6e-17.
    found = ask(lambda x: x + 0.1 + 0.2, 0.0)
    with mpmath.workdps(60):
        assert found.values[0][()] == mpmath.mpf(0.1) + mpmath.mpf(0.2)


def test_stop_gradient_stays_where_it_is():
    found = ask(lambda x: x * dk.stop_gradient(x), 3.0)
    assert float(found.blocks[0][0][()]) == 3.0


def test_it_contradicts_a_wrong_rule():
    def wrong(x):
        return np.exp(x)

    bent = dk.custom_jvp(wrong)
    bent.defjvp(lambda primals, tangents: (np.exp(primals[0]), 1.001 * np.exp(primals[0]) * tangents[0]))
    assert dk.grad(bent)(0.5) != pytest.approx(np.exp(0.5), rel=1e-5)
    assert RefereeResult.float_value(ask(wrong, 0.5).blocks[0][0]) == pytest.approx(np.exp(0.5), rel=1e-15)


def test_integers_and_float32_enter_exactly():
    found = ask(lambda x: np.sum(x**2), np.array([0.1, 3.0], np.float32))
    assert RefereeResult.float_value(found.blocks[0][0])[0] == 2 * float(np.float32(0.1))


def test_empty_arguments():
    assert ask(lambda x: np.sum(x), np.zeros(0)).blocks[0][0].shape == (0,)


def test_refusals():
    with pytest.raises(RefereeError, match=r"would take about .* operations"):
        ask(lambda x: np.sum(np.exp(x @ x)), np.ones((20, 20)), limit=10_000)
    with pytest.raises(RefereeError, match=r"for 41 runs .*limit"):
        ask(lambda x: np.sum(np.exp(np.outer(x, x))), np.ones(20), limit=30_000)
    with pytest.raises(RefereeError, match="complex"):
        ask(np.abs, 1 + 1j)
    with pytest.raises(RefereeError, match="do not settle"):
        ask(lambda x: np.where(x == 0, 0.0, x * np.sin(1 / np.where(x == 0, 1.0, x))), 0.0)
    with pytest.raises(RefereeError, match=r"str"):
        ask(lambda x: (x, "text"), 1.0)
    with pytest.raises(RefereeError, match="another transform"):
        dk.grad(lambda t: ask(lambda x: x * t, 1.0).values[0][()] * t)(2.0)


def test_no_form_on_exact_numbers_is_refused_by_name():
    with pytest.raises(RefereeError, match=r"np\.linalg\.pinv .*full rank"):
        ask(np.linalg.pinv, np.ones((3, 2)))


def test_the_users_own_error_comes_through():
    def f(x):
        raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        ask(f, 1.0)
