"""Minus signs leave loops where no bit changes, and stay where one would."""

import numpy as np
import pytest

import diffkit as dk
from diffkit.compiling.rolling import periods

RNG = np.random.default_rng(12)
X, ROWS = RNG.normal(size=5), RNG.normal(size=(40, 5))
W, B = RNG.normal(size=(2, 5))


@pytest.fixture(autouse=True)
def short_loops(monkeypatch):
    monkeypatch.setattr(periods, "FEWEST_OPERATIONS", 30)


def loop_of(f, *calls):
    """The source of the loops of f, which has f's bits."""
    compiled = dk.compile(f)
    with np.errstate(all="ignore"):
        for args in (*calls, *calls):
            found, expected = compiled(*args), f(*args)
            assert np.array_equal(np.isnan(found), np.isnan(expected)) and compiled.reason == ""
            assert np.nan_to_num(found).tobytes() == np.nan_to_num(expected).tobytes()  # whatever sign NaN has
    return compiled.source.split("def program")[0]


def recurrence(step):
    def f(x, w, b, rows):
        found = []
        for row in rows:
            x = step(x, w, b, row)
            found.append(x)
        return np.stack(found)
    return f


#: Sums that are zero: of x w + b at w = 0, b = 0, and at x w = -b.
CALLS = [(X, W, B, ROWS), (X, 0 * W, 0 * B, ROWS), (X, -0.0 * W, 0.0 * B, ROWS),
         (X, 0 * W, -0.0 * np.abs(B), 0 * ROWS), (np.ones(5), np.ones(5), -np.ones(5), ROWS * 0 - 0.0)]


@pytest.mark.parametrize("step", [
    lambda x, w, b, row: 1.0 / (1.0 + np.exp(-(x * w + b))), lambda x, w, b, row: np.exp(-(x * w + row)) * x,
    lambda x, w, b, row: x + np.cos(-(b - x)), lambda x, w, b, row: np.cosh(-(x - b)) * 0.1,
    lambda x, w, b, row: np.sin(-(x * w)), lambda x, w, b, row: np.tanh(-(x / w)) + row,
    lambda x, w, b, row: np.exp(-((x - b) * (x * w))), lambda x, w, b, row: np.abs(-((x * w + b) / row)),
    lambda x, w, b, row: np.exp(-(w / (x * w + b))),
    lambda x, w, b, row: -(np.tanh(x) * 2.0) * row, lambda x, w, b, row: np.exp(-(x * w + np.tanh(row) * b))])
def test_signs_that_leave(step):
    assert "negative(" not in loop_of(recurrence(step), *CALLS)


@pytest.mark.parametrize("step", [
    lambda x, w, b, row: np.arctan2(-(x * w + b), -1.0),
    lambda x, w, b, row: np.copysign(row, -(x - b)), lambda x, w, b, row: np.exp(-(np.tanh(x) / (x - b))),
    lambda x, w, b, row: np.exp(-(np.tanh(x) / (x * w + b))),
    lambda x, w, b, row: np.tanh(-(np.tanh(x) * np.tanh(x * 2.0))),
    lambda x, w, b, row: np.sqrt(np.exp(-np.tanh(x * w)))])
def test_signs_that_stay(step):
    assert "negative(" in loop_of(recurrence(step), *CALLS)


def test_what_others_see_keeps_its_sign():
    def f(x, w, b, rows):
        found, sums = [], []
        for row in rows:
            inner = x * w + b
            other = np.exp(-inner)
            product = x * row
            x = other / (1.0 + other) - np.exp(-(product * w))
            found += [inner, other, product]
            sums.append(-(x * b))
        return np.stack([*found, *sums])

    loop = loop_of(f, *CALLS)
    assert loop.count("negative(") == 1


@pytest.mark.parametrize("convert", [np.float32, np.complex128])
def test_other_dtypes(convert):
    args = [a.astype(convert) for a in (X, W, B, ROWS)]
    loop = loop_of(recurrence(lambda x, w, b, row: 1.0 / (1.0 + np.exp(-(x * w + b)))), args)
    assert ("negative(" in loop) == (convert is np.complex128)
