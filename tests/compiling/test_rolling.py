"""Repeated parts of a program become loops that compute the same, bit for bit."""

import re
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit import tree
from diffkit.compiling.rolling import periods
from diffkit.compiling.rolling.regions import Affine


@pytest.fixture(autouse=True)
def short_loops(monkeypatch):
    """Loops are made of far shorter programs than a user's."""
    monkeypatch.setattr(periods, "FEWEST_OPERATIONS", 40)


def same_bits(found, expected):
    left, structure = tree.flatten(found)
    right, other = tree.flatten(expected)
    assert structure == other
    for a, b in zip(left, right):
        assert type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def flat(result):
    return np.concatenate([np.ravel(leaf) for leaf in tree.flatten(result)[0]])


def rolled(f, *calls, loops=1, is_exact=True):
    """Compile f, and hold its results on each call (again and again) against f's own."""
    compiled = dk.compile(f)
    for args in (*calls, *calls):
        if is_exact:
            same_bits(compiled(*args), f(*args))
        else:  # sin and cos of plain numbers are C's
            np.testing.assert_allclose(flat(compiled(*args)), flat(f(*args)), rtol=1e-11)
        assert compiled.reason == ""
    assert len(TURNS.findall(compiled.source)) >= loops, compiled.source
    return compiled


#: The line that steps through a loop's turns.
TURNS = re.compile(r"^ +for .* in .*: *#", re.MULTILINE)
RNG = np.random.default_rng(3)
VECTOR = RNG.normal(size=5)
ROWS = RNG.normal(size=(30, 5))


def recurrence(x, rows):
    """Reads a row a turn, writes nothing, carries two values."""
    state, slope = x * 0.5, x
    for row in rows:
        state = np.tanh(state * slope + row)
        slope = slope * 0.9 + np.sin(state) * row
    return np.sum(state * slope)


@pytest.mark.parametrize("f", [recurrence, dk.grad(recurrence), dk.value_and_grad(recurrence),
                               dk.grad(recurrence, (0, 1))], ids=["value", "gradient", "both", "of_both"])
def test_arrays_are_carried_and_rows_read(f):
    rolled(f, (VECTOR, ROWS), (VECTOR * -2, ROWS[::-1].copy()))


def test_forward_over_reverse():
    rolled(lambda x, v: dk.hvp(lambda x: recurrence(x, ROWS), x, v), (VECTOR, VECTOR + 1))


def oscillator(x, v, damping):
    for _ in range(40):
        k, push = v, damping * (1.0 - x * x) * v - x
        a, b = x + 0.05 * k, v + 0.05 * push
        x, v = x + 0.1 * b, v + 0.1 * (damping * (1.0 - a * a) * b - a)
    return x * v


def test_numbers_are_carried_as_floats():
    compiled = rolled(dk.grad(oscillator, (0, 1, 2)), (1.2, 0.3, 0.8), (0.1, -0.4, 1.5), loops=2)
    for loop in compiled.source.split("def loop")[1:]:
        turn = loop[TURNS.search(loop).start():loop.index("return")]
        assert "float64" not in turn and "= float(" not in turn
    assert len(compiled.source.splitlines()) < 300


def test_a_gradient_against_its_derivation():
    def f(x):  # x_{n+1} = r x (1 - x): dx_n = product of r (1 - 2 x_i)
        for _ in range(30):
            x = 2.5 * x * (1.0 - x)
        return x

    compiled = rolled(dk.grad(f), (0.3,), loops=2)
    for x in (0.3, 0.35):
        slope, y = 1.0, x
        for _ in range(30):
            slope, y = slope * 2.5 * (1.0 - 2.0 * y), 2.5 * y * (1.0 - y)
        assert compiled(x) == pytest.approx(slope, rel=1e-12, abs=1e-300)


def test_turns_of_many_like_parts():
    def f(*states):
        for _ in range(20):
            states = [a * 0.9 + b * c * 0.1 for a, b, c in
                      zip(states, states[1:] + states[:1], states[2:] + states[:2])]
        return sum(np.sum(state) for state in states)

    args = [VECTOR * 0.02 * k for k in range(16)]
    assert len(rolled(f, args, args[::-1]).source.splitlines()) < 250


def test_constants_that_differ_by_turn():
    weights = [0.1, -0.7, 1.3, 0.4, 2.2, -0.1, 0.9, 3.1, 0.2, -1.7, 0.6, 0.3, 1.1, -0.2, 0.8, 0.5]

    def f(x):
        y = x
        for weight in weights:
            y = np.sin(y * weight + x) - weight * np.cos(y) + x * y
        return y

    rolled(f, (VECTOR,))
    rolled(dk.grad(lambda x: np.sum(f(x))), (VECTOR,))
    rolled(dk.grad(f), (0.4,), is_exact=False)


def test_arrays_that_differ_by_turn():
    matrices = [RNG.normal(size=(5, 5)) * 0.4 for _ in range(16)]

    def f(x):
        for matrix in matrices:
            x = np.tanh(matrix @ x) * 1.1 + np.cos(x)
        return np.sum(x * x)

    compiled = rolled(dk.grad(f), (VECTOR,))
    matrices[3][0, 0] += 1.0  # captured arrays are watched in loops too
    same_bits(compiled(VECTOR), dk.grad(f)(VECTOR))


def test_entries_written_in_place():
    def f(x):
        z = np.zeros(20)
        for i in range(20):
            z[i] = x[i] ** 2 * x[19 - i] + np.sin(x[i])
        return np.sum(z * x)

    x = RNG.normal(size=20)
    compiled = rolled(dk.grad(f), (x,), (x * 3,))
    assert "+=" in compiled.source
    assert rolled(f, (x,))


def test_an_array_whose_earlier_states_are_needed_is_not_written_in_place():
    def f(x):
        z, total = np.zeros(20), 0.0
        for i in range(20):
            z[2] = z[2] * 0.5 + x[i] ** 2
            total = total + np.sum(np.sin(z) * x)
        return total

    rolled(dk.grad(f), (RNG.normal(size=20),))


def test_slices_move_along():
    def f(x):
        total = 0.0
        for i in range(2, 26):
            total = total + np.sum(x[i:i + 3] * x[i - 2:i + 1]) * np.cos(x[i])
        return total

    x = RNG.normal(size=30)
    compiled = rolled(f, (x,))
    assert "v0[i + 4:i + 7]" in compiled.source
    rolled(dk.grad(f), (x,))


def test_values_of_turns_before_the_last():
    def f(x):  # three terms: x_{n+1} from x_n, x_{n-1}, x_{n-2}
        a, b, c = x, x * 0.5, x * 0.25
        for _ in range(30):
            a, b, c = b, c, np.sin(a) + 0.5 * b - c * 0.3
        return a * b + c

    rolled(f, (VECTOR,), (VECTOR * 2,))
    rolled(dk.grad(lambda x: np.sum(f(x))), (VECTOR,))
    rolled(dk.grad(f), (0.3,), is_exact=False)


def test_all_turns_are_results():
    def f(x):
        states = [x]
        for _ in range(20):
            states.append(np.cos(states[-1]) * x + 0.1 * states[-1] - np.tanh(states[-1]))
        return states

    compiled = rolled(f, (VECTOR,))
    found = compiled(VECTOR)
    found[7][:] = 0.0  # what is returned is the caller's own
    same_bits(compiled(VECTOR), f(VECTOR))
    rolled(lambda x: np.stack(f(x)), (VECTOR,))


def test_nested_loops():
    def f(x, weights):
        for i in range(16):
            y = x
            for _ in range(3):
                y = np.tanh(y * weights + x[::-1]) - 0.1 * y
            x = x + 0.3 * y * weights[i % 5 * 0]
        return np.sum(x**2)

    rolled(dk.grad(f, (0, 1)), (VECTOR, VECTOR + 1), loops=2)


def test_a_loop_that_stops_on_a_value_is_a_path_for_each_number_of_turns():
    def f(x):
        n = 0
        while np.sum(x * x) > 1e-3:
            x = x * 0.8 - 0.05 * np.sin(x) * x + 0.01 * x * np.cos(x)
            n += 1
        return x * n

    compiled = dk.compile(dk.grad(lambda x: np.sum(f(x))))
    for scale in (1.0, 3.0, 0.1, 1.0, 0.3):
        same_bits(compiled(VECTOR * scale), dk.grad(lambda x: np.sum(f(x)))(VECTOR * scale))
        assert compiled.reason == ""


def test_a_branch_within_leaves_with_its_number():
    def f(x):
        y = x
        for i in range(24):
            y = np.sin(y) * 1.1 + x if y > 0.0 else y * y + 0.3 * x - 0.1
            if i == 12:
                y = y * 1.0001
        return y

    compiled = dk.compile(dk.grad(f))
    for x in (0.7, -0.6, 0.2, -0.1, 0.7, -1.2):
        assert compiled(x) == pytest.approx(dk.grad(f)(x), rel=1e-11)
        assert compiled.reason == ""


def test_a_nan_in_a_loop_is_f_s_to_look_into():
    def f(x):
        for _ in range(20):
            x = np.where(x > 0, np.sqrt(x), x * 0.5) + 0.1 * x * x
        return np.sum(x)

    compiled = dk.compile(dk.grad(f))
    with np.errstate(all="ignore"):
        for x in (np.array([0.5, 1.5]), np.array([0.0, 1.0]), np.array([-0.5, np.nan])):
            np.testing.assert_array_equal(compiled(x), dk.grad(f)(x))


def test_float32_and_complex_stay():
    def f(x):
        for _ in range(20):
            x = x * x * 0.3 + np.exp(-x) * 0.1 - x / 3
        return x

    rolled(f, (VECTOR.astype(np.float32),))
    rolled(dk.grad(lambda x: np.sum(f(x))), (VECTOR.astype(np.float32),))
    rolled(f, (VECTOR + 0.2j,))
    rolled(f, (np.float32(0.3),))


def test_long_arrays_stay_in_a_straight_line():
    def f(x):
        for _ in range(12):
            x = np.sin(x) * 0.5 + x * x - 0.1 * x
        return np.sum(x)

    compiled = dk.compile(f)
    compiled(np.linspace(0.0, 0.3, 20_000))
    assert not TURNS.search(compiled.source)


def test_threads_share_a_loop():
    f = dk.grad(recurrence)
    compiled = dk.compile(f)
    points = [VECTOR * (0.1 * k + 1) for k in range(6)]
    expected = [f(x, ROWS) for x in points]
    compiled(VECTOR, ROWS)
    wrong = []

    def work(k):
        for _ in range(20):
            if compiled(points[k], ROWS).tobytes() != expected[k].tobytes():
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


NUMBERS = [lambda s, x, r, w: s[0] * x[0] + r[1], lambda s, x, r, w: np.sin(s[-1]) * w,
           lambda s, x, r, w: s[0] - s[-1] * x[2], lambda s, x, r, w: s[1 % len(s)] / (1.5 + s[-1] * s[-1]),
           lambda s, x, r, w: 2 * s[0] + w * s[-1] * s[-1]]
TERMS = [lambda s, x, r, w: s[0] * x + r, lambda s, x, r, w: np.sin(s[-1]) * w, lambda s, x, r, w: s[0] - s[-1] * 0.5,
         lambda s, x, r, w: np.tanh(s[1 % len(s)] + x), lambda s, x, r, w: s[0] / (1.5 + s[-1] * s[-1]),
         lambda s, x, r, w: r * s[-1] - w, lambda s, x, r, w: np.sum(s[0]) * x, lambda s, x, r, w: s[0][::-1] * 0.9]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=3, max_size=8), st.integers(1, 3), st.integers(14, 22),
       st.booleans(), st.sampled_from([1, -1]), st.booleans(), st.booleans())
def test_random_loops(body, width, turns, is_gradient, direction, writes, is_number):
    terms = NUMBERS if is_number else TERMS

    def f(x, rows):
        states = [(x[k] if is_number else x) * (k + 1.0) for k in range(width)]
        kept = np.zeros(turns)
        for i in range(turns):
            for which in body:
                new = terms[which % len(terms)](states, x, rows[i * direction], 0.1 * i)
                states = [*states[1:], np.cos(new)]
            if writes:
                kept[i] = states[-1] if is_number else states[-1][0]
        return np.sum(states[0] * states[-1]) + np.sum(kept * kept)

    rows = ROWS[:turns + 1]
    g = dk.grad(f, (0, 1)) if is_gradient else f
    before = periods.FEWEST_OPERATIONS, periods.FEWEST_LEAVING
    try:
        periods.FEWEST_OPERATIONS = 40
        loops = dk.compile(g)
        found = [loops(x, rows) for x in (VECTOR, VECTOR, VECTOR * 0.1)]
        periods.FEWEST_OPERATIONS = periods.FEWEST_LEAVING = 10**9
        line = dk.compile(g)
        for x, one in zip((VECTOR, VECTOR, VECTOR * 0.1), found):
            same_bits(one, line(x, rows))
            if is_number:  # whose sin and cos are C's
                np.testing.assert_allclose(flat(one), flat(g(x, rows)), rtol=1e-9, atol=1e-9)
            else:
                same_bits(one, g(x, rows))
    finally:
        periods.FEWEST_OPERATIONS, periods.FEWEST_LEAVING = before
    assert loops.reason == line.reason == "" and not TURNS.search(line.source)


@pytest.mark.parametrize(("start", "step"), [(0, 1), (3, 1), (-2, 1), (7, -1), (0, -1), (4, 3), (-1, -2), (0, 2)])
def test_affine_text_is_its_number(start, step):
    for i in (0, 1, 5):
        text = str(Affine(start, step, i))
        assert eval(text, {"i": i}) == start + step * i == int(Affine(start, step, i))  # the text is ours
