"""Right gradients are never accused: ill-conditioned, huge, tiny, in float32, at kinks, noisy."""

import numpy as np
import pytest

import diffkit as dk

RNG = np.random.default_rng(11)
X = RNG.normal(size=6)
A = RNG.normal(size=(6, 6)) + 3 * np.eye(6)


def hilbert(n):
    i = np.arange(1.0, n + 1)
    return 1 / (i[:, None] + i - 1)


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def logistic_gradient(x):
    return 1 / (1 + np.exp(-x))


PAIRS = {
    "sum of squares": (lambda x: np.sum(x**2), lambda x: 2 * x, X),
    "size 1e6": (lambda x: 1e6 + np.sum(np.cos(x)), lambda x: -np.sin(x), X),
    "size 1e12": (lambda x: 1e12 * np.sum(np.exp(x)), lambda x: 1e12 * np.exp(x), X),
    "size 1e-200": (lambda x: 1e-200 * np.sum(x**4), lambda x: 4e-200 * x**3, X),
    "quadratic form": (lambda x: x @ A @ x, lambda x: (A + A.T) @ x, X),
    "log of a tiny x": (lambda x: np.sum(np.log(x)), lambda x: 1 / x, np.array([1e-12, 1e-3, 1.0, 1e8])),
    "near a pole": (lambda x: np.sum(1 / (1 - x)), lambda x: 1 / (1 - x) ** 2, np.array([1 - 1e-7, 0.5])),
    "log sum exp": (lambda x: np.log(np.sum(np.exp(x))), softmax, 3 * X),
    "saturated": (lambda x: np.sum(np.log1p(np.exp(x))), logistic_gradient, np.array([-40.0, -3.0, 0.0, 30.0])),
    "at the minimum": (lambda x: np.sum((x - 0.3) ** 2), lambda x: 2 * (x - 0.3), np.array([0.3, 0.1 + 0.2, 0.4])),
    "zero input": (lambda x: np.sum(np.sin(x) * np.exp(x)), lambda x: np.exp(x) * (np.sin(x) + np.cos(x)),
                   np.zeros(3)),
    "mixed scales": (lambda x: np.sum(x**2 * np.array([1e-6, 1.0, 1e6])),
                     lambda x: 2 * x * np.array([1e-6, 1.0, 1e6]), np.array([1e3, 1.0, 1e-3])),
    "oscillating": (lambda x: np.sum(np.sin(50 * x)), lambda x: 50 * np.cos(50 * x), X),
    "determinant": (lambda a: np.linalg.det(a), lambda a: np.linalg.det(a) * np.linalg.inv(a).T, A),
    "norm": (lambda x: np.sqrt(np.sum(x**2)), lambda x: x / np.linalg.norm(x), X),
    "product": (lambda x: np.prod(x), lambda x: np.prod(x) / x, X),
    "cancelled difference": (lambda x: np.sum((x + 1e5) ** 2) - 6e10, lambda x: 2 * (x + 1e5), X),
    "relu at 0": (lambda x: np.sum(np.maximum(x, 0)), lambda x: (x > 0) * 1.0, np.array([0.0, 1.0, -1.0])),
    "relu at 0, other side": (lambda x: np.sum(np.maximum(x, 0)), lambda x: (x >= 0) * 1.0, np.array([0.0, 1.0])),
    "abs at 0": (lambda x: np.sum(np.abs(x)), np.sign, np.array([0.0, 2.0])),
    "max with a tie": (np.max, lambda x: np.array([0.0, 1.0, 0.0]), np.array([1.0, 3.0, 3.0])),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("referee", ["auto", False])
def test_a_right_gradient_is_not_accused(name, referee):
    f, gradient, x = PAIRS[name]
    result = dk.compare(f, x, methods=("forward", "reverse", "central", gradient), referee=referee)
    assert result.agree is not False, result.verdict
    assert all(row.status == "ok" or row.status == "skipped" for row in result.rows)
    assert result.kind in ("AGREE", "AGREE-BUT-UNRESOLVED", "KINK")


@pytest.mark.parametrize("name", ["sum of squares", "size 1e6", "quadratic form", "log sum exp", "oscillating",
                                  "norm", "zero input", "relu at 0"])
def test_a_right_gradient_in_single_precision_is_not_accused(name):
    f, gradient, x = PAIRS[name]
    x = x.astype(np.float32)
    result = dk.compare(f, x, methods=("reverse", "central", gradient))
    assert result.agree is not False, result.verdict
    assert result.row("reverse").value.dtype == np.float32
    assert any("float32" in note for note in result.notes)


@pytest.mark.parametrize("n", [3, 5, 7])
def test_an_ill_conditioned_solve_is_not_accused(n):
    """Condition numbers 5e2 to 5e8; the candidate inverts where f solves."""
    h = hilbert(n)
    b = np.linspace(1.0, 2.0, n)
    f = lambda b: np.sum(np.linalg.solve(h, b) ** 2)
    gradient = lambda b: 2 * np.linalg.inv(h).T @ (np.linalg.inv(h) @ b)
    result = dk.compare(f, b, methods=("reverse", "central", gradient))
    assert result.agree is not False, result.verdict


def test_lost_digits_are_told_from_a_wrong_method():
    f = lambda x: (1 - np.cos(x)) / x**2
    naive = lambda x: np.sin(x) / x**2 - 2 * (1 - np.cos(x)) / x**3
    result = dk.compare(f, 1e-8, methods=("reverse", "central", naive))
    assert (result.kind, result.agree) == ("ILL-CONDITIONED", None)
    assert "f itself loses its digits" in result.row("referee").note
    good = dk.compare(f, 0.5, methods=("reverse", "central", naive))
    assert good.kind == "AGREE"


def test_a_noisy_function_is_not_accused():
    def f(x):
        return np.sum(np.sin(x)) + 1e-7 * np.sin(1e9 * np.sum(x))

    result = dk.compare(lambda x: f(x), X, methods=("reverse", "central"), referee=False)
    assert result.agree is not False or "evaluations of f contradict" in result.verdict


def test_containers_in_and_out():
    def f(p, x):
        hidden = np.tanh(p["w"] @ x + p["b"])
        return {"loss": np.sum(hidden**2), "hidden": (hidden, x[0] * p["b"][0])}

    params = {"w": RNG.normal(size=(2, 3)), "b": np.array([0.1, -0.3])}
    x = np.array([0.5, -1.0, 2.0])
    result = dk.compare(f, params, x, argnums=(0, 1), methods=("forward", "reverse", "central", "complex-step",
                                                               dk.jacobian(f, (0, 1), method="forward")))
    assert result.agree is True and result.shape == (4, 11)
    value = result.row("central").value
    assert value["hidden"][0][0]["w"].shape == (2, 2, 3)
    assert value["loss"][1].shape == (3,)
    assert np.allclose(value["hidden"][0][1], result.row("reverse").value["hidden"][0][1], rtol=1e-9, atol=1e-12)


def test_keyword_arguments_of_f_may_have_any_name():
    f = lambda x, methods=1.0, seed=1.0: np.sum(x**2) * methods * seed
    result = dk.compare(f, X, kwargs={"methods": 3.0, "seed": 2.0}, methods=("reverse", "central"))
    assert result.agree is True and np.allclose(result.row("reverse").value, 12 * X)


def test_python_scalars_and_integers_are_arguments():
    for x in (2, 2.0, np.float64(2.0), np.array(2.0)):
        result = dk.compare(lambda x: x**3, x, methods=("forward", "reverse", "central"))
        assert result.agree is True and float(result.row("reverse").value) == 12.0


def test_complex_results_and_arguments():
    f = lambda x: np.exp(1j * x)
    result = dk.compare(f, np.array([0.3, 1.0]), methods=("forward", "central", lambda x: np.diag(1j * f(x))))
    assert result.agree is True
    wrong = dk.compare(f, np.array([0.3, 1.0]), methods=("forward", "central",
                                                          lambda x: np.diag(-1j * f(x).conj())))
    assert wrong.agree is False and "conjugate" in wrong.verdict


def test_partly_infinite_results_are_judged_where_they_are_finite():
    def f(x):
        with np.errstate(divide="ignore"):
            return np.log(x)

    result = dk.compare(f, np.array([0.0, 2.0]), methods=("forward", "central"), referee=False)
    assert result.agree is True
    wrong = dk.compare(f, np.array([0.0, 2.0]), methods=("forward", "central", lambda x: np.eye(2)), referee=False)
    assert wrong.agree is False and "result[1] by x[1]" in wrong.verdict


@pytest.mark.parametrize("name", [name for name, (_, g, x) in PAIRS.items() if np.all(np.abs(g(x)) > 0)])
def test_the_control_a_method_of_zeros_fails_everywhere(name):
    f, _, x = PAIRS[name]
    result = dk.compare(f, x, methods=("reverse", "central", np.zeros_like))
    assert result.agree is False and "zeros_like is wrong" in result.verdict


def bisection(x):
    """The real root of y^3 + y = x to five digits: stairs in x, though the root is smooth."""
    low, high = 0.0, 10.0
    while high - low > 1e-5:
        middle = (low + high) / 2
        if middle**3 + middle < x:
            low = middle
        else:
            high = middle
    return (low + high) / 2 + 0 * x


@pytest.mark.parametrize("referee", ["auto", False])
def test_the_slope_behind_a_staircase_is_not_accused(referee):
    y = 0.7958703
    slope = 1 / (3 * y**2 + 1)
    result = dk.compare(bisection, 1.3, methods=("reverse", "central", lambda x: slope), referee=referee)
    assert (result.kind, result.agree) == ("PIECEWISE-CONSTANT", None)
    assert f"{slope:.3f}"[:4] in result.verdict
    assert dk.compare(bisection, 1.3, methods=("reverse", "central", lambda x: 7.0), referee=referee).agree is False


def test_a_stationary_point_is_no_missing_dependence():
    stationary = dk.compare(lambda x: x**2, 0.0, methods=("reverse", "central"))
    assert stationary.agree is True and "the derivative is zero" in stationary.verdict
    assert "does not depend" not in stationary.verdict


def test_a_program_too_large_for_the_referee_says_so():
    result = dk.compare(lambda x: np.cumsum(x**2), np.linspace(0.1, 1.0, 150), methods=("reverse", "central"))
    assert result.agree is True and result.row("referee").status == "skipped"
    assert "22500 derivatives" in result.row("referee").note


def test_the_complex_steps_own_failure_is_its_own():
    """At a kink of the real line the complex step is refused, and nobody is accused."""
    result = dk.compare(lambda x: np.abs(x) * x, 2.0)
    assert result.agree is True
    row = result.row("complex-step")
    assert row.status == "skipped" and "analytic" in row.note and row.value is None


def test_rounding_is_told_from_error_without_a_referee():
    f = lambda x: (1 - np.cos(x)) / x**2
    result = dk.compare(f, 1e-6, methods=("reverse", "central", lambda x: -x / 12), referee=False)
    assert result.agree is not False and result.kind == "ILL-CONDITIONED"
