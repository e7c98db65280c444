"""A function that is flat at x: a constant, a saturated slope or a staircase whose edge is far away?"""

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison import sorts
from diffkit.comparison import stairs as steps
from diffkit.comparison.methods import Witness
from diffkit.comparison.posing import pose

TABLE = np.arange(10.0) ** 2

STAIRS = {
    "rounded": (np.round, 2.3),
    "cast": (lambda x: int(x) * 1.0, 2.5),
    "lookup": (lambda x: TABLE[int(x)] * 1.0, 2.5),
    "sum of rounded": (lambda x: np.sum(np.round(x)), np.array([1.2, 3.4])),
    "sign": (np.sign, 2.0),
    "condition": (lambda x: 1.0 if x > 0 else 2.0, 1.0),
    "mask": (lambda x: np.where(x > 0, 1.0, 0.0), 3.0),
    "index of the largest": (lambda x: np.argmax(x) * 1.0, np.array([1.0, 3.0])),
    "large numbers": (lambda x: np.floor(x / 1e7), 2.53e8),
}
FLAT = {
    "a constant": (lambda x: 3.0, 1.0),
    "a difference": (lambda x: x - x, 1.0),
    "a power of zero": (lambda x: np.sum(x) ** 0, np.ones(2)),
    "below a rectifier": (lambda x: np.maximum(x, 0.0), -3.0),
    "above a clip": (lambda x: np.clip(x, 0, 1), 5.0),
    "not the largest": (np.max, np.array([3.0])),
    "saturated": (lambda x: np.tanh(x), 40.0),
    "single precision": (np.max, np.array([3.0, 1.0, -2.0], np.float32)),
    "far into saturation": (lambda x: np.sum(1 / (1 + np.exp(-x))), np.array([45.0, 60.0])),
    "outside a window": (lambda x: np.where(abs(x) < 1, 1 - x * x, 0.0), 4.0),
}


@pytest.mark.parametrize("name", STAIRS)
def test_far_from_an_edge_it_is_still_a_staircase(name):
    f, x = STAIRS[name]
    result = dk.compare(f, x, methods=("forward", "reverse", "central"))
    assert (result.kind, result.agree) == ("PIECEWISE-CONSTANT", None)
    assert "piecewise constant" in result.verdict


@pytest.mark.parametrize("name", FLAT)
def test_what_is_only_flat_here_agrees(name):
    f, x = FLAT[name]
    result = dk.compare(f, x, methods=("forward", "reverse", "central"))
    assert result.agree is True and result.kind != "PIECEWISE-CONSTANT"


def test_a_slope_for_a_staircase_is_not_agreed_with():
    result = dk.compare(np.round, 2.3, methods=("reverse", "central", lambda x: 1.0))
    assert result.agree is not True


def told(f, x):
    found, smooth = steps.stairs(pose(f, (x,), {}, 0), np.ones((1, np.size(x)), bool))
    return found.tolist(), smooth.tolist()


def only_here(x):
    if x != 2.0:
        raise ValueError("elsewhere")
    return x * 0


def test_a_step_a_slope_and_what_was_not_seen_are_three_answers(monkeypatch):
    assert told(np.round, 2.3) == ([[True]], [[False]])
    assert told(lambda x: np.maximum(x, 0.0), -3.0) == ([[False]], [[True]])
    assert told(only_here, 2.0) == ([[False]], [[False]])  # f has no value beside the point
    assert told(lambda x: np.sum(np.round(x)), np.full(25, 1.2)) == ([[False] * 25], [[False] * 25])  # too many
    assert told(lambda z: np.abs(z) * 0, 1 + 1j) == ([[False]], [[False]])
    monkeypatch.setattr(steps, "_LONGEST", 0.0)  # too slow
    assert told(np.round, 2.3) == ([[False]], [[False]])


@pytest.mark.parametrize("count, word", [(3, "ok"), (25, sorts.STAIRCASE)])
def test_stairs_that_were_not_looked_at_keep_their_word(count, word):
    problem = pose(lambda x: np.sum(np.maximum(x[1:], 0)) + x[0], (np.full(count + 1, -3.0),), {}, 0)
    slopes = np.eye(1, count + 1)
    ran = [Witness("reverse", "rules", value=slopes), Witness("central", "numeric", value=slopes, exact=False)]
    words = np.where(slopes == 0, sorts.STAIRCASE, "ok")
    found = sorts.without_saturated(problem, ran, ran[1], None, words)
    assert found.tolist() == [["ok"] + [word] * count]
