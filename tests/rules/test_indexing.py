"""Indexing of every form, take and its kin, choosing, and the cost of many reads and writes."""

import time

import numpy as np
import pytest
from array_checks import check

import diffkit as dk

RNG = np.random.default_rng(11)
A = RNG.normal(size=(2, 3, 4))
B = RNG.normal(size=(3, 4))
V = np.array([0.7, -1.3, 0.4, 2.1, -0.6])
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, False]])
I = np.array([2, 0, 2, 1, -1])

INDICES = {
    "integer": 1, "negative": -1, "numpy_integer": np.int64(1), "slice": slice(0, 2), "step": slice(None, None, -2),
    "empty_slice": slice(2, 2), "tuple": (1, 2), "full": (0, 1, 3), "ellipsis": (..., 1), "only_ellipsis": ...,
    "newaxis": (None, 0, slice(None), None), "nothing": (), "mixed_basic": (slice(None), -1, slice(1, 3)),
    "list": [1, 0, 1], "array": I % 2, "matrix_of_indices": np.array([[0, 1], [1, 1]]), "empty_list": [],
    "two_arrays": ([0, 1, 1], [2, 0, 0]), "broadcast_arrays": (np.array([[0], [1]]), np.array([0, 2, 2])),
    "array_and_slice": (slice(None), I, slice(1, 3)), "arrays_apart": ([0, 1, 1], slice(None), [3, 0, 0]),
    "array_and_integer": (1, I), "ix": np.ix_([1, 0, 1], [0, 2], [3, 3]), "mask": A > 0, "mask_rows": A[:, 0, 0] > -9,
    "mask_and_slice": (slice(None), np.array([True, False, True])), "mask_and_integer": (0, MASK),
    "mask_all": np.ones((2, 3, 4), bool), "mask_none": np.zeros((2, 3, 4), bool), "true": True, "false": False,
    "array_newaxis": (None, [0, 1], ..., [1, 1]), "unsigned": np.array([0, 1], np.uint8), "zero_d": np.array(1),
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())
def test_every_form_of_index(index):
    check(lambda x: x[index], A)


@pytest.mark.parametrize("index", [I, (I, I), (slice(None), I), (I, slice(1, 3)), [[2, 2], [0, 2]], (0, [1, 1, 1])],
                         ids=str)
def test_repeated_entries_add_up(index):
    # By counting how often an entry is read.
    count = np.zeros((3, 4))
    for place in np.arange(12).reshape(3, 4)[index].ravel():
        count.ravel()[place] += 1
    assert np.array_equal(dk.grad(lambda x: np.sum(x[index]))(B), count)


def test_an_index_changed_afterwards():
    index = np.array([0, 1])
    mask = np.array([True, False, False, False, True])
    counts = np.array([1, 2])

    def f(x):
        y = np.sum(x[index]) + np.sum(x[mask]) + np.sum(np.take(x, index)) + np.sum(np.repeat(x[:2], counts))
        index[:], mask[:], counts[:] = 4, True, 7
        return y

    assert np.array_equal(dk.grad(f)(V), [4.0, 4.0, 0, 0, 1.0])


def test_index_by_traced_values():
    assert np.array_equal(dk.grad(lambda x: x[np.argmax(x)])(V), [0, 0, 0, 1, 0])
    assert np.array_equal(dk.grad(lambda x: np.sum(x[x > 0] ** 2))(V), np.where(V > 0, 2 * V, 0))
    assert np.array_equal(dk.grad(lambda x: np.sum(x[np.argsort(x)][:2]))(V), [0, 1, 0, 0, 1])
    assert np.array_equal(dk.grad(lambda x: np.sum(np.take(x, np.argsort(x)[-2:])))(V), [1, 0, 0, 1, 0])
    check(lambda x: x[np.argsort(x)] * np.arange(5), V)
    check(lambda x: np.take_along_axis(x, np.argsort(x, 0), 0) ** 2, B)


TAKING = {
    "take": (lambda x: np.take(x, [0, 5, 5, -1]), B),
    "take_axis": (lambda x: np.take(x, I, axis=0), B),
    "take_scalar": (lambda x: np.take(x, 2, axis=-1), A),
    "take_wrap": (lambda x: np.take(x, [5, -7, 12], axis=1, mode="wrap"), B),
    "take_clip": (lambda x: np.take(x, [5, -7, 1], axis=1, mode="clip"), B),
    "take_matrix": (lambda x: np.take(x, [[0, 1], [2, 2]], axis=1), A),
    "take_method": (lambda x: x.take([1, 1], 0), B),
    "take_along_axis": (lambda x: np.take_along_axis(x, np.array([[0, 3, 3], [1, 1, -1], [0, 0, 0]]), 1), B),
    "take_along_first": (lambda x: np.take_along_axis(x, np.array([[0, 2, 1, 1]]), axis=0), B),
    "take_along_broadcast": (lambda x: np.take_along_axis(x, np.array([[[2], [0]]]), axis=1), A),
    "take_along_flat": (lambda x: np.take_along_axis(x, np.array([3, 3, 11]), None), B),
    "compress": (lambda x: np.compress([True, False, True], x, axis=0), B),
    "compress_flat": (lambda x: np.compress([0, 1, 1], x), B),
    "compress_method": (lambda x: x.compress([True, False, True, True], 1), B),
    "extract": (lambda x: np.extract(MASK, x), B),
    "choose": (lambda x: np.choose(np.array([0, 2, 1, 1, 0]), [x, x ** 2, 3.0]), V),
    "choose_clip": (lambda x: np.choose(np.array([[7], [-1]]), (x, -x), mode="clip"), V),
    "choose_wrap": (lambda x: np.choose(np.array([4, -1, 1, 0, 2]), [x, x[::-1], x[:1]], mode="wrap"), V),
    "where": (lambda x: np.where(MASK, x, 2 * x[0]), B),
    "where_scalar": (lambda x: np.where(x > 0, x * x, -1.0), B),
    "where_list": (lambda x: np.where([True, False, True, True], x, 0), B),
    "where_indices": (lambda x: x[np.where(x > 0)], B),
    "select": (lambda x: np.select([x > 1, x > 0], [x ** 2, 3 * x], default=-x), V),
    "select_default": (lambda x: np.select([MASK, x > 0], [x, x[0]]), B),
    "piecewise": (lambda x: np.piecewise(x, [x < 0, x >= 1], [lambda t: t ** 2, 5.0, np.sin]), V),
    "piecewise_arguments": (
        lambda x: np.piecewise(x, [x < 0], [lambda t, k, p: k * t ** p, lambda t, k, p: k - t], 3, p=2),
                            B),
    "piecewise_overlap": (lambda x: np.piecewise(x, [x > 0, x > 1], [lambda t: t * t, lambda t: t ** 3]), V),
    "piecewise_scalar": (lambda x: np.piecewise(x, x > 0, [lambda t: t * t, -1.0]), np.float64(1.5)),
    "clip": (lambda x: np.clip(x, -1, 1), V),
    "clip_none": (lambda x: np.clip(x, None, 0.5), V),
    "clip_low": (lambda x: np.clip(x, 0.0, None), V),
    "clip_bounds": (lambda x: np.clip(x, x[::-1] - 0.5, np.linspace(0, 1, 5)), V),
    "clip_keywords": (lambda x: np.clip(x, min=-0.65, max=x[0] + 1), V),
    "clip_method": (lambda x: x.clip(-1, 1), V),
    "clip_crossed": (lambda x: np.clip(x, 1, -1), V),
    "nan_to_num": (
        lambda x: np.nan_to_num(x + np.array([1.0, np.nan, 2, np.inf, -np.inf]), nan=0, posinf=3, neginf=-2), V),
    "real_if_close": (lambda x: np.real_if_close(x + 1e-20j), V),
    "real_if_far": (lambda x: np.real_if_close(x * (1 + 2j)).imag, V),
}


@pytest.mark.parametrize("case", TAKING.values(), ids=TAKING.keys())
def test_taking_and_choosing(case):
    check(*case)


def test_nan_to_num_by_hand():
    x = np.array([1.0, np.nan, np.inf, -np.inf, -2.0])
    value, slope = dk.jvp(lambda x: np.nan_to_num(x, nan=7.0), (x,), (np.ones(5),))
    assert np.array_equal(value, [1, 7, np.finfo(float).max, np.finfo(float).min, -2])
    assert np.array_equal(slope, [1, 0, 0, 0, 1])
    assert np.array_equal(dk.grad(lambda x: np.sum(np.nan_to_num(x)))(x), [1, 0, 0, 0, 1])
    half = np.float16([np.inf, 1])
    assert dk.grad(lambda x: np.sum(np.nan_to_num(x)))(half).dtype == np.float16


def test_clip_shares_ties_like_maximum_and_minimum():
    x = np.array([0.0, 0.5, 1.0, 2.0])
    expected = dk.grad(lambda x: np.sum(np.minimum(np.maximum(x, 0), 1)))(x)
    assert np.array_equal(dk.grad(lambda x: np.sum(np.clip(x, 0, 1)))(x), expected)


@pytest.mark.parametrize("dead", [lambda x: np.sqrt(x), lambda x: np.log(x), lambda x: x ** 0.5])
def test_a_branch_not_taken_is_not_evaluated_by_piecewise(dead):
    x = np.array([-1.0, 0.0, 4.0])
    found = dk.grad(lambda x: np.sum(np.piecewise(x, [x > 0], [dead, 0.0])))(x)
    assert np.array_equal(found[:2], [0, 0])
    assert found[2] == dk.grad(dead)(4.0)


def test_the_type_of_select_is_that_of_all_choices():
    x = np.float32([1, -1])
    f = lambda x: np.select([x > -5], [x], np.float64(0))
    assert dk.vjp(f, x)[0].dtype == f(x).dtype == np.float64
    assert dk.grad(lambda x: np.sum(f(x)))(x).dtype == np.float32


# --- cost: n reads of x[i], and index arrays of any form, stay linear ----------------------------------

def _seconds(f, x):
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        dk.grad(f)(x)
        best = min(best, time.process_time() - start)
    return best


def test_reads_one_by_one_are_linear():
    def f(x):
        total = 0.0
        for i in range(400):
            total = total + x[i] * x[i]
        return total

    small, large = np.ones(400), np.ones(400_000)
    assert np.array_equal(dk.grad(f)(small), 2 * small)
    # The same 400 reads: each must not cost a pass over the array.  400 passes over 400 000 floats
    # take about 0.1 s; one pass under a millisecond.
    assert _seconds(f, large) < _seconds(f, small) + 0.04


@pytest.mark.parametrize("index", [(slice(None), I % 4), (I % 3, I % 4), (I % 3,), (np.ix_(I % 3, I % 4))], ids=str)
def test_scatter_takes_the_quick_and_the_slow_way_alike(index):
    rng = np.random.default_rng(0)
    for a in (B, np.asfortranarray(B), rng.normal(size=(40, 50))):
        g = rng.normal(size=a[index].shape)
        expected = np.zeros(a.shape)
        np.add.at(expected, index, g)
        assert np.allclose(dk.vjp(lambda x: x[index], a)[1](g)[0], expected, rtol=1e-15)
