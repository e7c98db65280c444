"""What a loop need not do turn by turn is done for all turns at once: the same bits, and fewer calls."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit import tree
from diffkit.compiling.rolling import periods
from diffkit.compiling.rolling.regions import Affine
from diffkit.compiling.rolling.split import rows_of, slice_of

RNG = np.random.default_rng(8)
X, ROWS = RNG.normal(size=5), RNG.normal(size=(40, 5))


@pytest.fixture(autouse=True)
def short_loops(monkeypatch):
    monkeypatch.setattr(periods, "FEWEST_OPERATIONS", 30)


def held(f, *calls):
    """Compile f, and hold its bits on each call (again and again) against f's own; the source of its turns."""
    compiled = dk.compile(f)
    for args in (*calls, *calls):
        for a, b in zip(*(tree.flatten(g(*args))[0] for g in (compiled, f)), strict=True):
            assert type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        assert compiled.reason == ""
    lines = compiled.source.splitlines()
    turns = []
    for i, line in enumerate(lines):
        if re.match(r" +for .* in .*: *#", line):
            depth = len(line) - len(line.lstrip())
            for inner in lines[i + 1:]:
                if len(inner) - len(inner.lstrip()) <= depth:
                    break
                turns.append(inner.split("#")[0])
    return compiled, "\n".join(turns)


def test_a_loop_whose_turns_are_independent_is_none():
    def f(x, rows):
        total = 0.0 * x
        for row in rows:
            total = total + np.tanh(row * x) * np.exp(-row) / (2.0 + x * x)
        return np.sum(total)

    for g in (f, dk.grad(f), dk.grad(f, (0, 1)), dk.value_and_grad(f, 1)):
        compiled, turns = held(g, (X, ROWS), (-2 * X, ROWS[::-1].copy()))
        assert not turns and compiled.source.count("tanh(") < 10
    expected = sum((1 / np.cosh(row * X) ** 2 * row * (2 + X * X) - np.tanh(row * X) * 2 * X) * np.exp(-row)
                   for row in ROWS) / (2 + X * X) ** 2
    np.testing.assert_allclose(dk.compile(dk.grad(f))(X, ROWS), expected, rtol=1e-12)


def gated(x, rows, weights):
    """Two gates see the rows alone, one the state."""
    state, total = x, 0.0
    for row in rows:
        gate, other = np.tanh(row * weights[0]), np.exp(-row * row)
        state = state * gate + np.tanh(state * weights[1]) * other
        total = total + np.sum((state - row) ** 2)
    return total


def test_what_needs_no_state_moves_before_and_what_no_state_needs_behind():
    weights = RNG.normal(size=(3, 5))
    for g in (gated, dk.grad(gated), dk.grad(gated, (0, 1, 2))):
        compiled, turns = held(g, (X, ROWS, weights), (X / 2, 3 * ROWS, weights[::-1].copy()))
        assert turns.count(" tanh(") == 1 and "exp(" not in turns
    assert "added_up(" in compiled.source and "+= " not in turns and "-= " not in turns


def test_short_programs_have_loops_only_where_much_leaves_them(monkeypatch):
    monkeypatch.setattr(periods, "FEWEST_OPERATIONS", 2000)

    def steady(x, rows):
        for row in rows:
            x = np.tanh(x * 0.5 + np.sin(x) * row)
            x = np.cos(x) * x - x / (2.0 + x * x)
            x = x + np.exp(-x) * np.sin(x * 0.3)
        return np.sum(x)

    weights = RNG.normal(size=(3, 5))
    assert held(dk.grad(gated, (0, 1, 2)), (X, ROWS, weights), (-X, ROWS, weights))[1]
    assert not held(dk.grad(steady), (X, ROWS))[1]
    assert not held(dk.grad(gated), (X, ROWS[:5], weights))[1]


def test_numbers_are_added_up_in_the_loop():
    def f(x, w):
        total, count = x, 0.5
        for i in range(60):
            total, count = total + w * (i + 1.0), count + x
        return total * count

    for args in ((0.3, 0.7), (np.float64(0.3), 0.7), (X, 0.7), (np.float32(2), np.float32(0.1))):
        compiled = dk.compile(f)
        for _ in range(3):
            assert np.array_equal(compiled(*args), f(*args)) and compiled.reason == ""


def test_sums_into_entries_keep_their_order():
    def f(x, rows):
        z = np.zeros((4, 5))
        z[1] = x
        y = x
        for row in rows:
            y = np.sin(y * 0.9 + row)
            z[1] += y * 1e3
            z[2] -= y * y
            z[-1] += row * 0.1
        return z

    compiled, turns = held(f, (X, ROWS), (0 * X, 0 * ROWS), (-0.0 * X, -ROWS))
    assert "z" not in turns and "+=" not in turns and "added_up(" in compiled.source


@pytest.mark.parametrize("f", [
    lambda x, z, y, row: (z[1] * 0.5 + y, z[2]), lambda x, z, y, row: (y * row, z[1] * 1.0)],
    ids=["read by the state", "read by a result"])
def test_a_sum_that_is_read_on_the_way_stays(f):
    def whole(x, rows):
        z = np.zeros((4, 5))
        y, kept = x, []
        for row in rows:
            y, more = f(x, z, y, row)
            z[1] += np.cos(y)
            z[2] += row
            kept.append(more)
        return z, np.stack(kept)

    held(whole, (X, ROWS), (-X, ROWS * 2))


def test_several_additions_to_one_array_keep_their_order():
    def f(x, rows):
        z, total = np.zeros((2, 5)), x
        for row in rows:
            x = np.sin(x + row)
            z[1] += x * 1e8
            z[1] -= row
            total = 1e8 * row + (total - x) - row * x
        return z, total

    compiled, turns = held(f, (X, ROWS), (-0.0 * X, 0 * ROWS))
    assert "+=" not in turns and "multiply" not in turns and compiled.source.count("added_up(") == 2


def test_values_of_turns_before_are_shifted():
    def f(x, rows):
        one = two = three = x
        state, total = x, 0.0 * x
        for row in rows:
            one, two, three = np.exp(row * 0.3), one, two
            state = np.tanh(state * two + three)
            total = total - state * three * one
        return total, state, one, two

    compiled, turns = held(f, (X, ROWS), (2 * X, -ROWS))
    assert "shifted(" in compiled.source and "exp(" not in turns and "multiply(" in turns


def test_all_turns_are_results():
    def f(x, rows):
        states, terms = [], []
        for row in rows:
            x = np.sin(x * 0.5 + row)
            states.append(x)
            terms.append(np.exp(x) * row)
        return np.stack(states), np.stack(terms), terms[7], terms[-1], terms[0]

    held(f, (X, ROWS), (-X, ROWS + 1))
    held(dk.jacobian(lambda x: np.sum(f(x, ROWS)[1], 1)), (X,))


@pytest.mark.parametrize("make", [
    lambda a: a.astype(np.float32), lambda a: a.astype(np.float16), lambda a: a + 0.5j * a,
    lambda a: a[..., :1].copy(), lambda a: a[..., :2].copy(),
    lambda a: np.stack([a, -a], -1), lambda a: np.stack([a, -a], -1)[..., :1].copy(),
    lambda a: np.asfortranarray(np.stack([a, a * 2], -2)), lambda a: np.concatenate([a] * 30, -1)])
def test_shapes_and_dtypes(make):
    def f(x, rows):
        total = x * 0
        for row in rows:
            gate = np.cos(row) * x
            x = np.sin(x * gate) + row * 2
            total = total + x * gate
        return total

    x, rows = make(X), make(ROWS)
    with np.errstate(all="ignore"):
        held(f, (x, rows), (x * 0, rows))
    if x.dtype.kind == "f" and x.dtype.itemsize > 2:
        held(dk.grad(lambda x, rows: np.sum(f(x, rows)), (0, 1)), (x, rows))


def test_parts_of_rows_and_choices():
    def f(x, rows, weights):
        state, total = x[:2], np.zeros((2, 2))
        for row in rows:
            gates = np.tanh(row * weights)
            state = np.where(gates[:2] > 0, state * gates[1:3], gates[3:] - state)
            step = np.where(state > row[::2][:2], state, 0.1 * state)
            total = total + np.exp(step)[:, None] * gates[None, :2]
        return total * state

    args = X, ROWS, RNG.normal(size=5)
    _, turns = held(f, args, (-X, -ROWS, args[2]))
    assert "tanh(" not in turns and "exp(" not in turns and turns.count("where(") == 1
    held(dk.grad(lambda *args: np.sum(f(*args)), (0, 1, 2)), args)


def test_what_is_not_elementwise_stays():
    def f(x, rows, m):
        for row in rows:
            order = np.argsort(np.exp(row))
            gate = np.sort(np.tanh(row)) + np.cumsum(row)
            x = m @ (x * gate) + order
            x = x / np.max(np.abs(x))
        return x

    m = RNG.normal(size=(5, 5))
    held(f, (X, ROWS, m), (X, -ROWS, m))
    held(dk.grad(lambda *args: np.sum(f(*args)), (0, 1, 2)), (X, ROWS, m))


ROW_TERMS = [lambda s, x, r, w: np.exp(r) * x, lambda s, x, r, w: r * w - x, lambda s, x, r, w: np.tanh(r / 2.0)]
STATE_TERMS = [lambda s, x, r, w: s[0] * x + r, lambda s, x, r, w: np.sin(s[-1]) * w, lambda s, x, r, w: s[0] - s[-1],
               lambda s, x, r, w: s[0] / (1.5 + s[-1] * s[-1]), lambda s, x, r, w: s[1 % len(s)] * r]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 7), min_size=3, max_size=8), st.integers(1, 3), st.integers(14, 20), st.booleans(),
       st.sampled_from([1, -1]), st.lists(st.integers(0, 9), max_size=4))
def test_random_loops(body, width, turns, is_gradient, direction, sums):
    def f(x, rows):
        states = [x * (k + 1.0) for k in range(width)]
        z, total = np.zeros((3, x.size)), x * 0.5
        for i in range(turns):
            made = []
            for which in body:
                terms = ROW_TERMS if which % 2 else STATE_TERMS
                new = terms[which % len(terms)]([*states, *made[-2:]], x, rows[i * direction], 0.1 * i)
                made.append(np.cos(new))
            states = [*states, *made][-width:]
            for which in sums:
                part = made[which % len(made)] * 1.5
                if which % 3 == 0:
                    total = total + part
                elif which % 3 == 1:
                    z[which % 2] += part
                else:
                    z[which % 3] -= part
        return np.sum(states[0] * states[-1]) + np.sum(z * z) + np.sum(total * total)

    rows = ROWS[:turns + 1]
    before = periods.FEWEST_OPERATIONS
    periods.FEWEST_OPERATIONS = 30
    try:
        held(dk.grad(f, (0, 1)) if is_gradient else f, (X, rows), (X * 0.1, rows))
    finally:
        periods.FEWEST_OPERATIONS = before


@pytest.mark.parametrize(("start", "step"), [
    (0, 1), (3, 1), (19, -1), (7, -1), (6, -1), (-1, -1), (-8, 1), (-9, 1), (0, 2), (13, -2), (-20, 2), (-14, 1),
    (2, -1), (-3, 1)])
def test_rows_of_all_turns(start, step):
    turns, length = 7, 20
    place = Affine(start, step, 3)
    places = [start + step * i for i in range(turns)]
    found = slice_of(place, turns)
    if found is None:
        assert min(places) < 0 <= max(places)
    else:
        assert np.arange(length)[found].tolist() == [np.arange(length)[place] for place in places]
    assert rows_of((place, 2, slice(1, 3)), turns) == (None if found is None else (found, 2, slice(1, 3)))
    assert rows_of((2, place), turns) is None is rows_of(4, turns)
    assert rows_of((Affine(0, 1, 3), slice(Affine(0, 1, 3), None)), turns) is None
