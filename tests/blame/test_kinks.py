"""kinks lists what sits on an edge, with one-sided derivatives that are measured."""

import inspect

import numpy as np
import pytest

import diffkit as dk

# name: function, point, (operation, reason, index, count), left, right
EDGES = {
    "abs": (lambda x: np.sum(np.abs(x)), [1.0, 0.0, 0.0], ("absolute", "zero", (1,), 2), [1, -1, -1], [1, 1, 1]),
    "relu": (lambda x: np.sum(np.maximum(x, 0)), [-1.0, 0.0], ("maximum", "tie", (1,), 1), [0, 0], [0, 1]),
    "minimum": (lambda x: np.minimum(x[0], x[1]), [2.0, 2.0], ("minimum", "tie", (), 1), [1, 1], [0, 0]),
    "max": (lambda x: np.max(x), [2.0, 1.0, 2.0], ("max", "tie", (), 1), [0, 0, 0], [1, 0, 1]),
    "sort": (lambda x: np.sort(x)[0], [2.0, 2.0, 3.0], ("sort", "tie", (0,), 1), [1, 1, 0], [0, 0, 0]),
    "norm": (lambda x: np.linalg.norm(x), [0.0, 0.0], ("norm2", "zero", (), 1), [-1, -1], [1, 1]),
    "clip": (lambda x: np.sum(np.clip(x, 0, 1)), [1.0, 0.5], ("minimum", "tie", (0,), 1), [1, 1], [0, 1]),
    "where": (lambda x: np.sum(np.where(x > 1, 3 * x - 2, x)), [0.0, 1.0], ("greater", "branch", (1,), 1),
              [1, 1], [1, 3]),
    "if": (lambda x: 2 * x[0] if x[0] >= 1 else x[0] + 1, [1.0], ("greater_equal", "branch", (), 1), [1], [2]),
}


@pytest.mark.parametrize("name", EDGES)
def test_an_edge(name):
    f, x, expected, left, right = EDGES[name]
    found = dk.kinks(f, np.array(x))
    assert [(k.operation, k.reason, k.index, k.count) for k in found] == [expected]
    np.testing.assert_allclose(found.left, left, atol=1e-6)
    np.testing.assert_allclose(found.right, right, atol=1e-6)
    assert len(found) == 1
    assert expected[1] in str(found)
    assert "from the left" in str(found)


@pytest.mark.parametrize("name", EDGES)
def test_next_to_it_there_is_none(name):
    f, x, *_ = EDGES[name]
    found = dk.kinks(f, np.array(x) + 0.01 * np.arange(1, len(x) + 1) ** 2)
    assert not found
    assert len(found) == 0
    assert found.left is None
    assert str(found).startswith("No kinks")


def test_a_comparison_that_flips_within_rounding():
    f = lambda x: np.where(x > 0.1 + 0.2, 3.0 * x, x)
    assert 0.3 < 0.1 + 0.2
    found, = dk.kinks(f, 0.3)
    assert found.reason == "branch"
    assert found.operands == (0.3, 0.1 + 0.2)
    assert not dk.kinks(f, 0.3 - 1e-13)


@pytest.mark.parametrize(("f", "x"), [(np.floor, 2.0), (np.ceil, -1.0), (np.rint, 0.5), (np.sign, 0.0),
                                      (lambda x: np.round(x, 1), 0.25), (lambda x: np.heaviside(x, 0.5), 0.0)])
def test_steps(f, x):
    found, = dk.kinks(lambda x: f(x) + x, x)
    assert found.reason == "jump"
    assert not dk.kinks(lambda x: f(x) + x, x + 0.03)


def test_vertical_slopes():
    for f in (np.sqrt, np.cbrt, lambda x: x**0.5, lambda x: np.arcsin(x + 1)):
        found, = dk.kinks(f, 0.0)
        assert found.reason == "vertical"
    assert not dk.kinks(lambda x: x**2.0, 0.0)


def test_what_does_not_matter_is_not_listed():
    assert not dk.kinks(lambda x: np.where(x > -1, x * x, np.abs(x)), 0.0)        # the branch not taken
    assert not dk.kinks(lambda x: np.stack([np.abs(x), x * x])[1], 0.0)
    assert not dk.kinks(lambda x: np.sort(x)[2], np.array([2.0, 2.0, 3.0]))       # the tie is elsewhere
    assert not dk.kinks(lambda x: (np.abs(x), x * x)[1], 0.0)


def test_containers_lines_and_several_results():
    def f(p):
        low = np.abs(p["a"])
        return low, np.maximum(p["b"], p["c"])
    line = inspect.currentframe().f_lineno - 2

    found = dk.kinks(f, {"a": 0.0, "b": 1.0, "c": 1.0})
    assert [k.operation for k in found] == ["absolute", "maximum"]
    assert found.points[0].line == f"{__file__}:{line}"
    assert 'low = np.abs(p["a"])' in str(found)
    np.testing.assert_allclose(found.left["a"], [-1, 0], atol=1e-6)
    np.testing.assert_allclose(found.right["b"], [0, 1], atol=1e-6)
    assert found.status["a"][0] == "kink"
