"""check_gradients, check_rule, assert_gradients_agree: right passes, wrong raises with the report."""

import json
import re
import warnings

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import GradientMismatchError, InputError
from diffkit.testing import GradientWarning, assert_gradients_agree, check_gradients, check_rule, checked, checks_of
from diffkit.testing.collecting import collecting

X = np.array([0.3, 1.2, -0.7])
W = np.array([[1.0, 2.0, -1.0], [0.5, -0.3, 0.8]])


def smooth(x):
    return np.sum(np.sin(x) * x)


def layer(params, n, y):
    return {"out": np.tanh(params["w"] @ y) ** n + params["b"], "penalty": np.sum(params["w"] ** 2)}


RIGHT = {
    "scalar": (lambda x: x**3, (2.0,)),
    "vector": (smooth, (X,)),
    "jacobian": (lambda x: np.exp(W @ x), (X,)),
    "containers and constants": (layer, ({"w": W, "b": np.ones(2)}, 3, X)),
    "float32": (smooth, (X.astype(np.float32),)),
    "complex": (lambda z: np.real(np.sum(z**3)), (X + 1j,)),
    "constant": (lambda x: 3.0, (X,)),
    "linear": (lambda x: np.sum(W @ x), (X,)),
    "many inputs": (lambda x: np.sum(np.sin(x)), (np.linspace(0.1, 3.0, 40),)),
    "kink": (lambda x: np.sum(np.abs(x)), (np.array([0.0, 1.0]),)),
    "ill-conditioned": (lambda b: np.sum(np.linalg.solve(1 / np.add.outer(np.arange(1.0, 6), np.arange(5.0)), b)),
                        (np.ones(5),)),
    "large": (lambda x: 1e12 * np.sum(x**2), (X,)),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("order", [1, 2])
def test_right_derivatives_pass(name, order):
    f, args = RIGHT[name]
    report = check_gradients(f, *args, order=order)
    assert report.agree is True and not report.failures


def test_third_order_is_compared_with_differences_of_the_second():
    report = check_gradients(smooth, X, order=3)
    assert [name for name, _ in report.comparisons] == ["first order", "second order",
                                                        "third order, along a direction"]
    assert all(c.agree for _, c in report.comparisons)


def test_all_floating_arguments_move_by_default():
    report = check_gradients(layer, {"w": W, "b": np.ones(2)}, 3, X)
    assert report.comparisons[0][1].shape == (3, 6 + 2 + 3)
    only = check_gradients(layer, {"w": W, "b": np.ones(2)}, 3, X, argnums=2)
    assert only.comparisons[0][1].shape == (3, 3)


def test_a_wrong_candidate_raises_with_the_report_as_text():
    def mine(x):
        return np.sin(x)

    with pytest.raises(AssertionError) as caught:
        check_gradients(smooth, X, methods=[mine])
    text = str(caught.value)
    assert isinstance(caught.value, GradientMismatchError)
    assert "wrong: first order" in text and "mine is wrong" in text and "referee" in text


def test_an_error_of_second_order_only_is_caught():
    """The first derivative is right as a number; its dependence on x was cut."""
    def f(x):
        return dk.stop_gradient(np.cos(x)) * x + np.sin(x)

    @dk.custom_vjp
    def sine(x):
        return np.sin(x)

    sine.defvjp(lambda x: (np.sin(x), dk.stop_gradient(x)), lambda x, g: (np.cos(x) * g,))
    assert check_rule(sine, 0.4, order=1).agree is True
    with pytest.raises(AssertionError, match="wrong: second order"):
        check_rule(sine, 0.4, order=2)
    with pytest.raises(AssertionError, match="wrong: first order"):
        check_gradients(f, 0.4)


def cube(backward, forward=lambda x: (x**3, x)):
    @dk.custom_vjp
    def cube(x):
        return x**3

    cube.defvjp(forward, backward)
    return cube


RULES = {
    "factor": (cube(lambda x, g: (2 * x**2 * g,)), "first order"),
    "not linear": (cube(lambda x, g: (3 * x**2 * np.clip(g, -1, 1),)), "forward mode"),
    "quadratic": (cube(lambda x, g: (3 * x**2 * g * g,)), "pullback is linear"),
    "another result": (cube(lambda x, g: (3 * x**2 * g,), lambda x: (1.001 * x**3, x)), "the rule's result"),
    "second order": (cube(lambda x, g: (3 * x**2 * g,), lambda x: (x**3, dk.stop_gradient(x))), "second order"),
}


@pytest.mark.parametrize("name", RULES)
def test_a_wrong_rule_is_named(name):
    rule, said = RULES[name]
    with pytest.raises(AssertionError) as caught:
        check_rule(rule, 2.0)
    assert said in str(caught.value).splitlines()[0]


def test_a_right_rule_passes_in_both_modes():
    assert check_rule(cube(lambda x, g: (3 * x**2 * g,)), 2.0).agree is True

    @dk.custom_jvp
    def stable(x):
        return np.log1p(np.exp(x))

    stable.defjvp(lambda primals, tangents: (stable(primals[0]), tangents[0] / (1 + np.exp(-primals[0]))))
    report = check_rule(stable, np.array([0.3, -2.0]))
    assert report.agree is True
    assert {p.name for p in report.properties} >= {"adjoint <w, Jv> = <Jᵀw, v>", "pushforward is linear",
                                                   "pullback is linear", "second order in every pair of modes"}


def test_check_rule_wants_a_rule():
    with pytest.raises(InputError, match="no custom rule"):
        check_rule(np.sin, 1.0)


def stairs(x):
    return np.floor(x * 1000) / 1000


def test_what_cannot_be_said_warns_and_strict_raises():
    with pytest.warns(GradientWarning, match="PIECEWISE-CONSTANT"):
        assert check_gradients(stairs, 1.2345).agree is None
    with pytest.raises(AssertionError, match="PIECEWISE-CONSTANT"):
        check_gradients(stairs, 1.2345, strict=True)
    with pytest.raises(AssertionError, match="can't be said"):
        assert_gradients_agree(stairs, 1.2345, strict=True)


def test_a_mode_that_does_not_run_is_not_passed_over():
    only_reverse = cube(lambda x, g: (3 * x**2 * np.sign(g) * np.abs(g),))
    with pytest.warns(GradientWarning, match="forward mode did not answer"):
        check_gradients(only_reverse, 2.0)
    assert check_gradients(only_reverse, 2.0, modes="reverse", order=1).agree is True


def test_a_second_derivative_is_not_asked_where_there_is_none():
    report = check_gradients(lambda x: np.sum(np.abs(x)), np.array([0.0, 1.0]))
    assert len(report.comparisons) == 1 and "KINK" in report.notes[0]


def test_taylor_slopes_are_one_two_three():
    found = {p.name: p for p in check_gradients(smooth, X).properties}["Taylor remainders"]
    slopes = [float(said) for said in re.findall(r"slope ([\d.]+) after", found.text)]
    assert np.allclose(slopes, [1, 2, 3], atol=0.05)


@pytest.mark.parametrize(("f", "x"), [(np.tanh, 30.0), (np.tanh, 57.3), (lambda x: np.tanh(x) * x, 57.0),
                                      (lambda x: np.sqrt(x * x + 1e-9), 57.0),
                                      (lambda x: 1 / (1 + np.exp(-x)), 57.0),
                                      (lambda x: np.mean(np.log10(0.5 + np.log1p(np.sinc(x)**2)**2)),
                                       np.array([-990.11424084, 1309.224966, -464.48021285]))])
def test_a_function_that_is_nearly_homogeneous_breaks_no_identity(f, x):
    """tanh(60) is tanh(30) in all digits; its derivative is no rounding of 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GradientWarning)
        assert check_gradients(f, x, order=1).agree is not False


def test_a_constant_has_exact_remainders():
    found = {p.name: p for p in check_gradients(lambda x: 3.0 + 0 * x, 2.0).properties}["Taylor remainders"]
    assert found.text == ("exact after f (1 expected), exact after its gradient (2 expected), "
                          "exact after its Hessian (3 expected)")


def test_assert_gradients_agree_returns_the_comparison():
    comparison = assert_gradients_agree(smooth, X, methods=("reverse", lambda x: np.sin(x) + x * np.cos(x)))
    assert comparison.kind == "AGREE"
    with pytest.raises(AssertionError, match="2 times the right value"):
        assert_gradients_agree(smooth, X, methods=("reverse", lambda x: 2 * (np.sin(x) + x * np.cos(x))))


def test_the_report_as_json_and_html():
    report = check_gradients(smooth, X)
    data = json.loads(report.to_json())
    assert data["agree"] is True and set(data["comparisons"]) == {"first order", "second order"}
    assert len(data["properties"]) == 7
    assert report.to_html().startswith("<!DOCTYPE html>") and 'class="verdict right"' in report.to_html()
    assert report.to_html().count("<style>") == 1 and "<svg" not in report.to_html()
    with pytest.raises(TypeError):
        bool(report)


@pytest.mark.parametrize("call, error", [
    (lambda: check_gradients(smooth, 3), InputError), (lambda: check_gradients(smooth, X, order=0), InputError),
    (lambda: check_gradients(smooth, X, order=4), InputError),
    (lambda: check_gradients(smooth, X, modes=("symbolic",)), InputError),
    (lambda: check_gradients(smooth, X, modes=()), InputError),
])
def test_calls_that_make_no_sense(call, error):
    with pytest.raises(error):
        call()


def test_the_users_exception_comes_through():
    def broken(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        check_gradients(broken, X)


def test_reports_are_collected_only_inside():
    with collecting() as reports:
        check_gradients(smooth, X, order=1)
        with pytest.raises(AssertionError):
            check_gradients(smooth, X, order=1, methods=[np.cos])
    check_gradients(smooth, X, order=1)
    assert [report.agree for report in reports] == [True, False]


def test_marks_are_data_and_the_function_stays():
    def f(x):
        return x

    assert checked(at=2.0, order=1)(checked(at=lambda: (1.0, 2.0))(f)) is f
    first, second = checks_of(f)
    assert first.arguments == (1.0, 2.0) and second.arguments == (2.0,)
    assert (first.order, second.order) == (2, 1)
    assert checks_of(len) == ()
    f.point = 5.0
    assert len(checks_of(f)) == 2

    def pointed(x):
        return x

    pointed.point = (5.0,)
    assert checks_of(pointed)[0].arguments == (5.0,)


def test_no_warning_escapes_from_a_right_check():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_gradients(lambda x: np.sum(np.where(x > 0, np.log(np.maximum(x, 1e-300)), 0.0)), np.array([2.0, -1.0]))


@pytest.mark.parametrize("f, x", [
    (lambda x: abs(x), 1.0),
    (lambda w: np.sum(np.maximum(0.0, 1 - w @ np.array([[1.0, 2.0], [0.5, -1.0]]))), np.array([0.3, 0.2])),
    (lambda w: np.maximum(w[0], 0) + w[1] ** 2, np.array([1.0, 0.4])),
])
def test_a_function_that_is_linear_in_pieces_has_a_second_derivative(f, x):
    """check_gradients(abs, 1.0) warned that its second order could not be said."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = check_gradients(f, x)
    assert [name for name, _ in report.comparisons] == ["first order", "second order"]
