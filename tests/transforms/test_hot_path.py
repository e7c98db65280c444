"""The written-out path of an eager gradient: the same numbers by every way into it."""

import tracemalloc

import numpy as np
import pytest

from diffkit import grad
from diffkit.levels import Level
from diffkit.recording import RecordLevel, TapeLevel
from diffkit.rules.kinds import NEGATED, NOTHING, OVER, PRODUCT, QUOTIENT, SAME, TIMES, elementwise, over
from diffkit.rules.table import FUNCTIONS, TABLE

A, B = np.array([0.5, -1.5, 2.0]), np.array([3.0, 0.25, -4.0])


def added(fun, partials):
    """An elementwise row for one test."""
    row = elementwise(fun, partials, None)
    del TABLE[row.name], FUNCTIONS[fun]
    return row


@pytest.fixture
def rule(request):
    def shifted(x):
        return 3 * x
    return added(shifted, request.param)


@pytest.mark.parametrize("rule", [lambda y, x: 3.0, lambda y, *rest: 3.0 + 0 * rest[0]], indirect=True)
def test_a_partial_may_read_nothing_or_all(rule):
    assert np.array_equal(grad(lambda x: np.sum(rule(x)))(A), [3.0, 3.0, 3.0])


def test_a_partial_that_is_a_saved_value_is_known_as_one():
    def second_of_three(a, b):
        return a * b
    row = added(second_of_three, (lambda y, a, b: b, over(lambda y, a, b: a)))
    assert row.steps == ((PRODUCT, 2), (QUOTIENT, 1))
    row = added(second_of_three, (lambda y, a, b: -b, over(lambda y, a, b: a + b)))
    assert [how for how, _ in row.steps] == [TIMES, OVER]
    row = added(second_of_three, (1, -1))
    assert [how for how, _ in row.steps] == [SAME, NEGATED]
    elsewhere = 2.0
    row = added(second_of_three, (None, lambda y, a, b: elsewhere))
    assert [how for how, _ in row.steps] == [NOTHING, TIMES]


# f, and its two derivatives by hand
BINARY = {
    "add": (lambda a, b: a + b, lambda a, b: 1 + 0 * a, lambda a, b: 1 + 0 * a),
    "subtract": (lambda a, b: a - b, lambda a, b: 1 + 0 * a, lambda a, b: -1 + 0 * a),
    "multiply": (lambda a, b: a * b, lambda a, b: b + 0 * a, lambda a, b: a + 0 * b),
    "divide": (lambda a, b: a / b, lambda a, b: 1 / b + 0 * a, lambda a, b: -(a / b) / b),
}


@pytest.mark.parametrize("name", BINARY)
def test_both_or_either_operand_moves(name):
    f, by_a, by_b = BINARY[name]
    for a, b in ((A, B), (A, 2.0), (2.0, B), (A, np.float64(2)), (A[:, None], B), (A, np.array(2.0)), (2, B)):
        whole = np.broadcast_shapes(np.shape(a), np.shape(b))
        want_a, want_b = by_a(a, b), by_b(a, b)
        for position, want in ((0, want_a), (1, want_b)):
            got = grad(lambda a, b: np.sum(f(a, b)), position)(a, b)
            want = np.broadcast_to(want, whole)
            shape = np.shape((a, b)[position])
            extra = tuple(range(len(whole) - len(shape)))
            want = want.sum(axis=extra)
            want = want.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)
            assert got.shape == shape
            np.testing.assert_allclose(got, want, rtol=1e-15)


def test_a_captured_array_keeps_its_values_until_the_pull():
    def f(x, reflected):
        b = B.copy()
        y = b * x if reflected else x * b
        b[:] = 0
        return np.sum(y)
    for reflected in (False, True):
        assert np.array_equal(grad(f)(A, reflected), B)


@pytest.mark.parametrize("parent", [Level, TapeLevel, RecordLevel])
def test_nothing_goes_past_a_binary_of_a_level_s_own(parent):
    class Counting(parent):
        def binary(self, rule, a, b):
            return rule.name

    level = Counting()
    assert level.both(FUNCTIONS[np.add], 1, 2) == level.first(FUNCTIONS[np.add], 1, 2) == "add"
    assert level.second(FUNCTIONS[np.multiply], 1, 2) == "multiply"


def test_the_slope_of_roots_and_squares_is_doubled_without_rounding():
    x = np.array([0.1, 3.7, 1e150])
    assert np.array_equal(grad(lambda x: np.sum(np.square(x)))(x), 2 * x)
    assert np.array_equal(grad(lambda x: np.sum(np.sqrt(x)))(x), 1 / (2 * np.sqrt(x)))


@pytest.mark.parametrize("name, arrays", [("sin", 0), ("expm1", 0), ("log1p", 0), ("square", 0), ("arctan", 0),
                                          ("exp", 20), ("sqrt", 20)])
def test_the_tape_holds_what_pulls_need_and_no_more(name, arrays):
    """Twenty results of one x: their pulls read x (which is there once), or each its own result."""
    held = []

    def f(x):
        total = 0.0
        for _ in range(20):
            total = total + np.sum(getattr(np, name)(x))
        held.append(tracemalloc.get_traced_memory()[0] - before)
        return total

    x = np.linspace(0.1, 0.9, 20_000)
    grad(lambda x: np.sum(getattr(np, name)(x)))(x)  # what is loaded at first use
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        grad(f)(x)
    finally:
        tracemalloc.stop()
    assert arrays - 0.5 < held[-1] / x.nbytes < arrays + 1.5  # one for the last term, or a copy of x
