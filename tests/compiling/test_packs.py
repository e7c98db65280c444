"""Two operations of a turn in one call: the same bits, whatever else reads what they compute."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit import tree
from diffkit.compiling.rolling import layout, packs, periods, search

RNG = np.random.default_rng(13)
X, Y, Z = RNG.normal(size=(3, 5))
ROWS, OTHERS = RNG.normal(size=(2, 40, 5))


@pytest.fixture(autouse=True)
def many_packs(monkeypatch):
    monkeypatch.setattr(periods, "FEWEST_OPERATIONS", 30)
    for module, name in ((packs, "COPIED_ROW"), (packs, "COPIED"), (search, "LEAST")):
        monkeypatch.setattr(module, name, 0.0)


def held(f, *calls):
    """Hold the bits of f compiled, with what calls before gave kept or written over; how many do two at once."""
    compiled = dk.compile(f)
    kept = []
    with np.errstate(all="ignore"):
        for k, args in enumerate((*calls, *calls, *calls[:1])):
            found, expected = (tree.flatten(g(*args))[0] for g in (compiled, f))
            assert compiled.reason == ""
            kept += zip(found, expected, strict=True)
            for a, b in kept:
                assert type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape
                assert a.tobytes() == b.tobytes()
            if k % 2:
                for a, b in kept:
                    if isinstance(a, np.ndarray):
                        a[...] = b[...] = 7
    return len(re.findall(r"^ +\w+\(.*\bp\d+_\d+\) ", compiled.source, re.MULTILINE))


def test_two_states_of_one_law():
    def f(x, v, rows):
        for row in rows:
            force = np.sin(x) * row
            x, v = x + 0.1 * v, v + 0.1 * force
        return x, v

    assert held(f, (X, Y, ROWS), (Y, Z, OTHERS)) >= 1
    assert held(dk.grad(lambda *args: np.sum(f(*args)[0] ** 2), (0, 1, 2)), (X, Y, ROWS), (Y, Z, OTHERS)) >= 2


def test_an_update_against_its_derivation():
    def f(x, v):  # a rotation by 40 steps of a linear law: dx/dx0 is an entry of the matrix's power
        for _ in range(40):
            x, v = x + 0.1 * v, v - 0.1 * x
        return np.sum(x)

    compiled = dk.compile(dk.grad(f, (0, 1)))
    power = np.linalg.matrix_power(np.array([[1.0, 0.1], [-0.1, 1.0]]), 40)
    for k, found in enumerate(compiled(X, Y)):
        np.testing.assert_allclose(found, np.full(5, power[0, k]), rtol=1e-13)


def test_gates():
    def f(w, u, b, xs):
        h = xs[0] * 0.0
        for x in xs:
            z = 1.0 / (1.0 + np.exp(-(x * w[0] + h * u[0] + b[0])))
            r = 1.0 / (1.0 + np.exp(-(x * w[1] + h * u[1] + b[1])))
            n = np.tanh(x * w[2] + (h * r) * u[2] + b[2])
            h = (1.0 - z) * n + z * h
        return np.sum(h * h)

    args = *RNG.normal(size=(3, 3, 5)), ROWS
    assert held(f, args) >= 4
    assert held(dk.grad(f, (0, 1, 2, 3)), args, tuple(2 * a for a in args)) >= 6


def test_what_is_packed_may_be_a_result():
    def f(x, y, rows):
        kept = []
        for row in rows:
            a, b = np.tanh(x * row), np.tanh(y * row)
            x, y = a - b, b - a * 0.5
            kept.append((a, b, x))
        one, two, three = map(np.stack, zip(*kept))
        return one, two[3], three[-1], kept[-1], kept[4], kept[-2][0][1:], x, y

    held(f, (X, Y, ROWS), (Y, X, OTHERS))
    held(lambda x, y, rows: f(x * 2.0, y * 0.5, rows * 1.5), (X, Y, ROWS), (Y, X, OTHERS))
    held(dk.grad(lambda x, y, rows: sum(np.sum(part ** 2) for part in tree.flatten(f(x, y, rows))[0]), (0, 1, 2)),
         (X, Y, ROWS))


def test_results_of_a_loop_that_reads_nothing_else():
    def f(x):
        x, y, found = x * 2.0, x * 0.5, []
        for _ in range(40):
            x, y = np.sin(x * 0.7) - y, np.sin(y * 0.7) - x
            found += [x, y]
        return found[4], found[7], found[-2], found[-1]

    assert held(f, (X,), (Y,)) >= 1


def test_parts_of_what_is_packed():
    def f(x, y, rows):
        part = x[1:]
        for row in rows:
            a, b = x * row, y * row
            part = np.sin(part + a[1:])
            x, y = np.cos(b) + np.sum(part), a - b
            part = part + y[:-1].copy()
            last = b[1:]
        return x, y, part, last

    held(f, (X, Y, ROWS), (Y, Z, OTHERS))


def test_values_carried_as_parts_of_what_is_packed():
    def f(x, y, rows):
        before = x[1:]
        for row in rows:
            a, b = np.sin(x * row), np.sin(y * row)
            x = a + np.sum(before)
            y = b * 0.3 - x
            before = b[1:]
        return x, y, before

    assert held(f, (X, Y, ROWS), (Y, Z, OTHERS)) >= 1


def test_a_value_of_the_turn_before_is_not_overwritten():
    def f(x, y, z, rows, others):
        for row, other in zip(rows, others):
            a, b = np.sin(y), np.sin(z)
            u, w = x * row, b * other
            x = a * 2.0
            y, z = u - w, w + 0.3
        return x, y, z

    held(f, (X, Y, Z, ROWS, OTHERS), (Y, Z, X, OTHERS, ROWS))


def test_values_of_two_turns():
    def f(x, y, z, rows):
        for row in rows:
            x, y, z = y + np.sin(x), z + np.sin(y), x * row
        return x, y, z

    held(f, (X, Y, Z, ROWS), (Z, X, Y, OTHERS))
    held(dk.grad(lambda *args: np.sum(f(*args)[2]), (0, 1, 2, 3)), (X, Y, Z, ROWS))


@pytest.mark.parametrize("make", [
    lambda a: a.astype(np.float32), lambda a: a + 0.5j, lambda a: a[..., :1].copy(), lambda a: np.stack([a, -a], -1),
    lambda a: np.concatenate([a] * 30, -1), lambda a: np.asfortranarray(np.stack([a, a * 2], -2))])
def test_shapes_and_dtypes(make):
    def f(x, y, rows):
        for row in rows:
            x, y = np.cos(x * row) - y, np.cos(y * row) + 0.5 * x
        return x, y, x > y if x.dtype.kind == "f" else x == y

    held(f, (make(X), make(Y), make(ROWS)), (make(Y), make(X), make(-ROWS)))


def test_packs_have_bounds(monkeypatch):
    def f(x, v, rows):
        for row in rows:
            force = np.sin(x) * row
            x, v = x + 0.1 * v, v + 0.1 * force
        return x, v

    assert held(f, (X, Y, ROWS)) > 0
    monkeypatch.setattr(layout, "MOST_PACKED", 1000)
    assert held(f, (X, Y, ROWS)) == 0
    monkeypatch.undo()
    monkeypatch.setattr(periods, "FEWEST_OPERATIONS", 30)
    long = [RNG.normal(size=200) * 0.1 for _ in range(2)]
    assert held(lambda x, v: f(x, v, ROWS[:, :1]), long) == 0


def test_unlike_operations_are_not_packed():
    def f(x, y, rows):
        for row in rows:
            x, y = np.maximum(x * row, 0.1), np.minimum(y, row) ** 1.5 - np.sum(x)
            y = np.abs(y)
        return x, y

    assert held(f, (X, abs(Y), abs(ROWS))) == 0


def test_what_is_written_into_stays_in_order():
    def f(x, y, rows):
        z = np.zeros((3, 5))
        for row in rows:
            a, b = x * row, y * row
            z[1] += a
            x, y = np.sin(a + z[1]), np.sin(b + z[2])
            z[2] -= x
        return z, x, y

    held(f, (X, Y, ROWS), (Y, Z, OTHERS))


OPERATIONS = [lambda a, b, r: a * r, lambda a, b, r: a + b, lambda a, b, r: a - b, lambda a, b, r: np.sin(a),
              lambda a, b, r: a * 0.5, lambda a, b, r: a * b, lambda a, b, r: np.maximum(a, r),
              lambda a, b, r: a[::-1] + b,
              lambda a, b, r: np.exp(-np.abs(a + r)), lambda a, b, r: np.concatenate([b[1:], a[:1]])]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=10),
       st.integers(1, 4), st.integers(14, 20), st.booleans(), st.lists(st.integers(0, 12), max_size=3))
def test_random_loops(body, width, turns, is_gradient, listed):
    def f(x, rows, others):
        values, kept = [x * (k + 1.0) for k in range(width)], []
        for i in range(turns):
            made = list(values)
            for k, (which, a, b) in enumerate(body):
                row = (rows, others)[k % 2][i]
                made.append(OPERATIONS[which](made[a % len(made)], made[b % len(made)], row))
            values = [np.cos(value) for value in made[-width:]]
            kept.append([made[k % len(made)] for k in listed])
        return values, kept[5], [np.stack(column) for column in zip(*kept)]

    def total(*args):
        return sum(np.sum(leaf * leaf) for leaf in tree.flatten(f(*args))[0])

    before = periods.FEWEST_OPERATIONS, packs.COPIED_ROW, packs.COPIED, search.LEAST
    periods.FEWEST_OPERATIONS, packs.COPIED_ROW, packs.COPIED, search.LEAST = 30, 0.0, 0.0, 0.0
    try:
        held(dk.grad(total, (0, 1, 2)) if is_gradient else f, (X, ROWS[:turns], OTHERS[:turns]),
             (Y, OTHERS[:turns], ROWS[:turns]))
    finally:
        periods.FEWEST_OPERATIONS, packs.COPIED_ROW, packs.COPIED, search.LEAST = before
