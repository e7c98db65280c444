"""Values of turns stand in tables and buffers that live from call to call, and never in a caller's hands."""

import re
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit import tree
from diffkit.compiling.rolling import distribution, periods, split

RNG = np.random.default_rng(11)
X, ROWS = RNG.normal(size=5), RNG.normal(size=(40, 5))


@pytest.fixture(autouse=True)
def short_loops(monkeypatch):
    monkeypatch.setattr(periods, "FEWEST_OPERATIONS", 30)


def leaves(result):
    return tree.flatten(result)[0]


def held(f, *calls):
    """Compile f, and hold its bits on each call, with what the calls before gave written over or kept."""
    compiled = dk.compile(f)
    kept = []
    for k, args in enumerate((*calls, *calls, *calls)):
        expected = leaves(f(*args))
        found = leaves(compiled(*args))
        assert compiled.reason == ""
        for a, b in zip(found, expected, strict=True):
            assert type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
            assert not any(np.shares_memory(a, arg) for arg in leaves(args))
            assert not isinstance(a, np.ndarray) or a.flags.writeable
        for a, b in kept:
            assert a.tobytes() == b.tobytes()
        if k % 2:
            kept += zip(found, expected)
        else:
            for a in found:
                if isinstance(a, np.ndarray):
                    a[...] = -7
    return compiled


def loop_of(compiled):
    return compiled.source.split("def program")[0]


def states(x, rows):
    found = []
    for row in rows:
        x = np.sin(x * 0.7 + row)
        found.append(x)
    return found


@pytest.mark.parametrize("result", [
    lambda s: s[3], lambda s: s[-1], lambda s: (s[-1], s[-1], s[-2]), np.stack, lambda s: np.stack(s)[:, 1:3],
    lambda s: (np.stack(s).T, s[7][::2]), lambda s: np.concatenate(s),
    lambda s: (np.concatenate(s).reshape(20, 10), s[5]),
    lambda s: tuple(s), lambda s: {"all": list(s), "last": s[-1][1:]}, lambda s: np.stack(s[::-1])])
def test_results_are_the_callers_own(result):
    held(lambda x, rows: result(states(x, rows)), (X, ROWS), (-X, ROWS * 2))
    held(lambda x, rows: result(states(x * 2.0, rows * 0.5)), (X, ROWS), (-X, ROWS * 2))
    held(dk.jacobian(lambda x: np.sum(np.stack(leaves(result(states(x, ROWS)))[:1]))), (X,), (2 * X,))


@pytest.mark.parametrize("result", [lambda s: s[3], lambda s: (s[4], s[-1]), tuple])
def test_results_of_a_loop_that_reads_nothing_else(result):
    def f(x):
        x, found = x * 2.0, []
        for _ in range(40):
            x = np.sin(x * 0.7) + 0.1
            found.append(x)
        return result(found)

    held(f, (X,), (-X,))


def test_what_a_loop_leaves_is_not_what_it_writes_into_next():
    def f(x, rows):
        one, two, three = x, x * 2.0, x * 3.0
        for row in rows:
            one, two, three = np.cos(one * row) + three, one, two
        return one, two, three, two[1:], three.reshape(5, 1)

    held(f, (X, ROWS), (ROWS[3], ROWS))


def test_what_only_the_next_turn_reads_stands_in_two_buffers():
    def f(x, rows):
        slope = x
        for row in rows:
            x = np.tanh(x * slope + row)
            slope = slope * 0.9 + np.sin(x) * row
        return np.sum(x * slope), x

    compiled = held(f, (X, ROWS), (-X, ROWS))
    assert loop_of(compiled).count("cycle(") == 2


def test_what_is_read_two_turns_later_stands_in_three_buffers():
    def f(x, rows):
        one, two = x, x * 2.0
        for row in rows:
            one, two = np.cos(one * row) + two, one
        return np.sum(one)

    assert re.search(r"cycle\(\(b\d+, b\d+, b\d+\)\)", loop_of(held(f, (X, ROWS), (ROWS[3], ROWS))))


def test_parts_that_are_read_two_turns_later():
    def f(x, rows):
        one = two = x[1:]
        for row in rows:
            x = np.cos(np.sin(x) * row + np.sum(two))
            one, two = x[1:], one
        return np.sum(x)

    held(f, (X, ROWS), (ROWS[3], ROWS))


def test_values_that_swap_places():
    def f(x, y, rows):
        for row in rows:
            x, y = y, np.tanh(x) * row + y
        return x, y, x - y

    held(f, (X, -X, ROWS), (X, X, ROWS))


def test_a_ring_of_values():
    def f(x, rows):
        a, b, c, d = x, x + 1.0, x + 2.0, x
        for row in rows:
            a, b, c = b, c, a
            d = np.sin(d + a * row) - b
        return a, b, c, d

    held(f, (X, ROWS), (ROWS[0], ROWS))


def test_parts_of_carried_values():
    def f(x, rows):
        part, kept = x[1:], []
        for row in rows:
            y = np.tanh(x * row)
            x = y + np.sum(part)
            part = y[1:]
            kept.append(part[::2])
        return x, part, np.stack(kept), kept[4], kept[-1]

    held(f, (X, ROWS), (-X, ROWS))


def test_results_that_are_written_into_in_every_turn():
    def f(x, rows):
        z = np.zeros((40, 5))
        total = np.zeros(5)
        for i, row in enumerate(rows):
            x = np.sin(x + row)
            z[i] = x * 2.0
            total[1:] += x[:-1]
        return z, total, x

    held(f, (X, ROWS), (2 * X, ROWS))


@pytest.mark.parametrize("operation", [
    lambda x, row, m: m @ x, lambda x, row, m: np.sum(m * x, axis=1), lambda x, row, m: np.sum(m * x, 0) ** 2,
    lambda x, row, m: np.abs(x) ** 1.5, lambda x, row, m: np.abs(x) ** 0.5, lambda x, row, m: np.maximum(x, row),
    lambda x, row, m: x ** -1, lambda x, row, m: np.sum(m * x, axis=1, keepdims=True)[:, 0],
    lambda x, row, m: np.where(x > row, x, row), lambda x, row, m: np.sort(x), lambda x, row, m: x.copy()])
def test_what_is_written_into_tables(operation):
    m = RNG.normal(size=(5, 5)) * 0.3

    def f(x, rows):
        found = []
        for row in rows:
            y = operation(x, row, m)
            x = np.tanh(y + row) * 1.1
            found.append(y)
        return np.stack(found), x

    held(f, (X, ROWS), (-X, ROWS))
    held(dk.grad(lambda x, rows: np.sum(f(x, rows)[0] ** 2), (0, 1)), (X, ROWS))


@pytest.mark.parametrize(("name", "limit"), [("MOST_TABLES", 5000), ("MOST_TABLES", 0)])
def test_few_tables(monkeypatch, name, limit):
    monkeypatch.setattr(distribution, name, limit)
    compiled = held(lambda x, rows: np.stack(states(x, rows)), (X, ROWS))
    assert bool(re.search(r"\bt[0-9]", loop_of(compiled))) == (limit >= ROWS.nbytes)


def test_rows_that_are_too_large_for_tables(monkeypatch):
    monkeypatch.setattr(split, "MOST_ROW", 39)
    held(lambda x, rows: (np.stack(states(x, rows)), states(x, rows)[3]), (X, ROWS))
    held(dk.grad(lambda x, rows: np.sum(np.stack(states(x, rows)) ** 2), (0, 1)), (X, ROWS))


def test_threads_share_no_table():
    def f(x, rows):
        return dk.grad(lambda x: np.sum(np.stack(states(x, rows)) ** 2))(x), np.stack(states(x, rows))

    compiled = dk.compile(f)
    compiled(X, ROWS)
    expected = {k: [leaf.tobytes() for leaf in f(X * k, ROWS)] for k in range(1, 5)}
    wrong = []

    def work(k):
        for _ in range(60):
            if [leaf.tobytes() for leaf in compiled(X * k, ROWS)] != expected[k]:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and compiled.reason == ""


OPERATIONS = [lambda a, b, r: np.sin(a + r), lambda a, b, r: a * b, lambda a, b, r: a - b * 0.5,
              lambda a, b, r: a / (2.0 + b * b),
              lambda a, b, r: np.exp(-(a * 0.3 + r)), lambda a, b, r: np.concatenate([a[2:], b[:2]]),
              lambda a, b, r: np.where(a > b, a, r), lambda a, b, r: np.tanh(-(a * r))]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=8),
       st.integers(1, 3), st.integers(14, 20), st.lists(st.integers(0, 9), min_size=1, max_size=3),
       st.sampled_from(["last", "some", "all", "gradient"]))
def test_random_loops(body, width, turns, listed, result):
    def f(x, rows):
        values, kept = [x * (k + 1.0) for k in range(width)], []
        for i in range(turns):
            made = list(values)
            for which, a, b in body:
                one, two = made[a % len(made)], made[b % len(made)]
                made.append(one[::-1] if which == 8 else np.cos(OPERATIONS[which](one, two, rows[i])))
            values = made[-width:]
            kept.append([made[k % len(made)] for k in listed])
        if result == "last":
            return tuple(values)
        if result == "some":
            return kept[3], kept[-1], kept[-2], values[0][1:]
        if result == "all":
            return [np.stack(column) for column in zip(*kept)], values
        return sum(np.sum(part * part) for parts in kept for part in parts) + np.sum(values[0])

    before = periods.FEWEST_OPERATIONS
    periods.FEWEST_OPERATIONS = 30
    try:
        held(dk.grad(f, (0, 1)) if result == "gradient" else f, (X, ROWS[:turns]), (X * 0.1, ROWS[20:20 + turns]))
    finally:
        periods.FEWEST_OPERATIONS = before


@pytest.mark.parametrize("exponent", [0.5, -1, 1.5, 2, 0, 1])
def test_rows_of_powers(exponent):
    def f(x, rows):
        for row in rows:
            x = np.sin(x * np.abs(row) ** exponent)
        return x

    held(f, (X, ROWS), (-X, ROWS * 2.0))
