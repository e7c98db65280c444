"""A black box and a gradient with one mistake: entries and pattern are named, by evaluations of f alone."""

import numpy as np
import pytest

import diffkit as dk

RNG = np.random.default_rng(3)
X, A = RNG.normal(size=5), RNG.normal(size=(6, 5))
MATRIX, ROWS = RNG.normal(size=(4, 4)), RNG.normal(size=(6, 4))


def plain(value):
    """The same numbers, as C code gives them back: nothing that is traced survives."""
    return np.array([float(entry) for entry in np.ravel(value)]).reshape(np.shape(value))


def squares(x):
    return float(np.sum((A @ plain(x)) ** 2) + np.sum(np.sin(plain(x))))


def its_gradient(x):
    return 2 * A.T @ (A @ x) + np.cos(x)


def layer(x):
    return np.tanh(MATRIX @ plain(x))


def its_jacobian(x):
    return (1 - np.tanh(MATRIX @ x) ** 2)[:, None] * MATRIX


def weights(w):
    return float(np.sum(np.sin(plain(w)) * MATRIX))


def bias(b):
    return float(np.sum(np.tanh(ROWS + plain(b))))


def hinge(x):
    return float(np.sum(np.where(plain(x) < 0, 3 * plain(x) ** 2, plain(x) ** 2)))


def column(b):
    return float(np.sum((ROWS + plain(b)) ** 2))


FOUND = {
    "factor": (squares, X, lambda x: 2 * its_gradient(x), "2 times the right value"),
    "odd factor": (squares, X, lambda x: 3.6 * its_gradient(x), "3.6 times the right value"),
    "mean for sum": (squares, X, lambda x: its_gradient(x) / 5, "a mean where a sum is meant"),
    "sign": (squares, X, lambda x: -its_gradient(x), "the sign"),
    "transposed jacobian": (layer, X[:4], lambda x: its_jacobian(x).T, "transposed"),
    "transposed block": (weights, MATRIX, lambda w: (np.cos(w) * MATRIX).T, "transposed"),
    "missing broadcast sum": (bias, X[:4], lambda b: 1 - np.tanh(ROWS + b) ** 2,
                              "its sum over axis 0 is right: the sum over a broadcast axis is missing"),
    "missing broadcast sum, kept axis": (column, X[:1, None], lambda b: 2 * (ROWS + b),
                                         "its sum over axes 0, 1 is right"),
    "another shape": (bias, X[:4], lambda b: np.sum(1 - np.tanh(ROWS + b) ** 2, axis=0)[:, None],
                      "the right numbers in another shape"),
    "summed too far": (bias, X[:4], lambda b: np.sum(1 - np.tanh(ROWS + b) ** 2), "summed over axis 0"),
    "diagonal": (layer, X[:4], lambda x: np.diag(its_jacobian(x)), "the diagonal alone"),
    "one branch": (hinge, np.array([-1.0, 2.0, -0.5, 1.5]), lambda x: 2 * x, "only where x < 0: one branch"),
    "one entry": (squares, X, lambda x: its_gradient(x) * np.array([1, 1, 1.5, 1, 1]), "1 of 5 entries"),
}


@pytest.mark.parametrize("name", FOUND)
def test_the_pattern_is_named(name):
    f, x, mine, pattern = FOUND[name]
    result = dk.compare(f, x, methods=("reverse", mine))
    assert result.row("reverse").status == "skipped" and result.row("central").status == "ok"
    assert result.agree is False and pattern in result.verdict
    assert pattern in result.findings[0].pattern or pattern in result.findings[0].text


@pytest.mark.parametrize("f, x, mine", [(squares, X, its_gradient), (layer, X[:4], its_jacobian)])
def test_the_right_one_agrees(f, x, mine):
    assert dk.compare(f, x, methods=("reverse", mine)).kind == "AGREE"


def test_an_unsummed_leaf_of_a_container_is_named():
    f = lambda p: float(np.sum(np.tanh(ROWS @ plain(p["w"]) + plain(p["b"]))))
    slope = lambda p: 1 - np.tanh(ROWS @ p["w"] + p["b"]) ** 2
    params = {"w": RNG.normal(size=(4, 2)), "b": RNG.normal(size=2)}
    right = lambda p: {"w": ROWS.T @ slope(p), "b": np.sum(slope(p), axis=0)}
    assert dk.compare(f, params, methods=("central", right)).agree is True
    wrong = dk.compare(f, params, methods=("central", lambda p: {"w": ROWS.T @ slope(p), "b": slope(p)}))
    assert wrong.agree is False and "its sum over axis 0 is right" in wrong.verdict
