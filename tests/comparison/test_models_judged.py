"""Models as people write them: right gradients stay unaccused, wrong ones are caught, also in float32."""

import numpy as np
import pytest

import diffkit as dk

RNG = np.random.default_rng(5)
X = RNG.normal(size=(16, 5))
Y = RNG.normal(size=(16, 2))
LAYERS = {"W": RNG.normal(size=(5, 8)) / 2, "b": np.zeros(8), "V": RNG.normal(size=(8, 2)) / 2}


def single(tree):
    return {name: leaf.astype(np.float32) for name, leaf in tree.items()}


def network(p, x, y):
    return np.mean((np.tanh(x @ p["W"] + p["b"]) @ p["V"] - y) ** 2)


def network_gradient(p, x, y):
    h = np.tanh(x @ p["W"] + p["b"])
    d = 2 * (h @ p["V"] - y) / y.dtype.type(y.size)
    a = (d @ p["V"].T) * (1 - h * h)
    return {"W": x.T @ a, "b": a.sum(0), "V": h.T @ d}


def spoilt(share):
    """One entry of the first layer is off by a share of the largest."""
    def gradient(p, x, y):
        g = network_gradient(p, x, y)
        g["W"][0, 0] += share * np.max(np.abs(g["W"]))
        return g
    return gradient


@pytest.mark.parametrize("share, agree", [(0, True), (1e-2, False), (1e-4, False)])
def test_a_network_in_single_precision_is_judged_by_its_own_rounding(share, agree):
    """An excuse of a hundred times what rounding was seen to do hid 1e-4 of the largest entry."""
    result = dk.compare(network, single(LAYERS), X.astype(np.float32), Y.astype(np.float32),
                        methods=("reverse", spoilt(share)))
    assert result.agree is agree, result.verdict


def test_a_derivative_below_the_smallest_float_accuses_nobody():
    """tanh far out: its derivative is 1e-169, and single precision has 0 for it."""
    w = np.array([990.0, -240.0, 370.0, 610.0])
    for kind in (np.float64, np.float32):
        columns = X[:10, :4].astype(kind)
        result = dk.compare(lambda w: np.sum(np.tanh(columns @ w)), w.astype(kind))  # noqa: B023
        assert result.agree is True, result.verdict
    wrong = dk.compare(lambda w: np.sum(np.tanh(X[:10, :4] @ w)), w, methods=("reverse", lambda w: 0 * w + 1e-9))
    assert wrong.agree is False


def test_the_flat_point_of_a_curve_is_no_staircase():
    """Rounding shows steps there; the referee sees f move."""
    result = dk.compare(lambda x: (np.sqrt(np.sum(x**2)) - 1) ** 2, np.array([0.0, 1.0, 0.0]))
    assert result.agree is True, result.verdict
    logits = np.array([[300.0, -600.0, 20.0], [-900.0, 400.0, 401.0]])
    shifted = lambda z: z - np.max(z, axis=1, keepdims=True)
    entropy = dk.compare(lambda z: np.sum(np.log(np.sum(np.exp(shifted(z)), axis=1))), logits)
    assert entropy.agree is True, entropy.verdict


def test_stairs_beside_a_curve_stay_stairs():
    result = dk.compare(lambda x: np.round(3 * x[0]) + (x[1] - 0.5) ** 2, np.array([0.6, 0.5]))
    assert result.kind == "PIECEWISE-CONSTANT" and "x[0]" in result.verdict and "x[1]" not in result.verdict


@pytest.mark.parametrize("n", [3, 700])
@pytest.mark.parametrize("factor, agree", [(1.0, True), (1.01, False), (-1.0, False)])
def test_a_large_loss_in_single_precision_hides_no_error(n, factor, agree):
    """f = 1e6 + ... resolves 0.06 in float32; a gradient that is as wrong in float64 is not excused by that."""
    f = lambda x: x.dtype.type(1e6) + np.sum(np.sin(x) * x)
    x = np.linspace(0.3, 1.7, n).astype(np.float32)
    result = dk.compare(f, x, methods=("reverse", lambda x: factor * (np.sin(x) + x * np.cos(x))))
    assert result.agree is agree, result.verdict


@pytest.mark.parametrize("right", [True, False])
def test_the_jump_of_a_candidate_at_a_kink_is_no_excuse(right):
    """A hinge loss with margins of 0: beside the point the candidate jumps, and that had excused any value."""
    rows = np.array([[1.0, 0], [0, 1], [1, 1], [2, -1], [0.5, 0.5]])
    side = np.array([1.0, -1, 1, 1, -1])
    hinge = lambda w: np.sum(np.maximum(0.0, 1 - side * (rows @ w)))
    gradient = lambda w: -(rows * side[:, None]).T @ (1 - side * (rows @ w) > 0) * (1.0 if right else -1.0)
    result = dk.compare(hinge, np.array([1.0, -1.0]), methods=("reverse", gradient))
    assert result.kind == ("KINK" if right else "DISAGREE")


def test_the_noise_of_a_candidate_is_no_rounding():
    rng = np.random.default_rng(0)
    noisy = lambda x: 2 * x * (1 + 0.01 * rng.normal())
    result = dk.compare(lambda x: np.sum(x**2), np.array([1.0, -1.0]), methods=("reverse", noisy))
    assert result.agree is False and "not deterministic" in result.row("<lambda>").note


def test_a_bias_before_a_normalisation_moves_nothing_and_is_no_staircase():
    """f is constant in it, up to rounding that differences take for steps."""
    rows, target = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 4))
    params = {"W": RNG.normal(size=(3, 4)), "b": RNG.normal(size=4)}

    def normalised(p):
        z = rows @ p["W"] + p["b"]
        y = (z - np.mean(z, axis=0)) / np.sqrt(np.var(z, axis=0) + 1e-5)
        return np.mean((np.tanh(y) - target) ** 2)

    result = dk.compare(normalised, params, methods=("forward", "reverse"))
    assert result.agree is True, result.verdict


@pytest.mark.parametrize("agree", [True, False])
def test_an_exact_fit_of_a_black_box_is_no_kink(agree):
    """Squared residuals that are all zero: rounding is in the root, and looked like slopes of 1e-17 on two sides."""
    t = np.linspace(0, 1, 9)

    def misfit(p):
        a, b = float(p[0]), float(p[1])
        return float(np.sum((a * np.exp(-b * t) - 2 * np.exp(-0.7 * t)) ** 2))

    wrong = 0.0 if agree else 1e-9
    result = dk.compare(misfit, np.array([2.0, 0.7]), methods=(lambda p: 0 * p + wrong,))
    assert result.agree is agree and result.kind != "KINK", result.verdict
    length = dk.compare(lambda x: float((np.hypot(float(x[0]), float(x[1])) - 1) ** 2), np.array([0.6, 0.8]),
                        methods=(np.zeros_like,))
    assert length.agree is not False and length.kind != "KINK", length.verdict


@pytest.mark.parametrize("kind, pattern", [(np.float32, "right to the digits of float32"),
                                           (np.float16, "right to the digits of float16")])
def test_a_candidate_in_lower_precision_is_named_as_that(kind, pattern):
    """It was said to be off by one number in every entry, which it was not."""
    gradient = lambda x: (np.sin(x) + x * np.cos(x)).astype(kind)
    result = dk.compare(lambda x: np.sum(np.sin(x) * x), np.array([0.3, 1.2, -2.0]), methods=("reverse", gradient))
    assert result.agree is False and pattern in result.findings[0].pattern


def test_errors_of_different_size_are_no_shift():
    off = np.array([1e-4, -3e-4, 2e-4])
    gradient = lambda x: np.cos(x) + off
    result = dk.compare(lambda x: np.sum(np.sin(x)), np.array([0.3, 1.2, -2.0]), methods=("reverse", gradient))
    assert result.agree is False and "in every entry" not in result.verdict
    shifted = dk.compare(lambda x: np.sum(np.sin(x)), np.array([0.3, 1.2, -2.0]),
                         methods=("reverse", lambda x: np.cos(x) + 1e-4))
    assert "off by 0.0001 in every entry" in shifted.verdict


def test_a_candidate_that_leaves_python_is_a_finding():
    def leaving(x):
        raise SystemExit(0)

    result = dk.compare(lambda x: np.sum(x**2), np.ones(2), methods=("reverse", leaving))
    assert result.agree is False and "raised SystemExit" in result.verdict
