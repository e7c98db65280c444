"""Plain numbers in compiled programs are Python's floats: same bits in arithmetic, f itself where Python raises."""

import math
import warnings

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk

OPERATIONS = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: -a,
              lambda a, b: abs(b), lambda a, b: 2 * a - 0.1, lambda a, b: np.sqrt(a * a + b * b),
              lambda a, b: a**3, lambda a, b: np.square(b), lambda a, b: a if a > b else b]


def bits(value):
    assert type(value) is np.float64
    return value.tobytes()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(OPERATIONS) - 1), st.integers(0, 30), st.integers(0, 30)),
                min_size=6, max_size=20),
       st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3))
def test_arithmetic_has_numpys_bits(program, point):
    def f(a, b):
        values = [np.float64(a), b]
        for which, i, j in program:
            values.append(OPERATIONS[which](values[i % len(values)], values[j % len(values)]))
        return values[-1] * 1.0

    compiled = dk.compile(f)
    with np.errstate(all="ignore"):
        for a, b in ((point[0], point[1]), (point[1], point[2]), (0.0, -0.0)):
            expected = f(np.float64(a), np.float64(b))
            found = compiled(np.float64(a), np.float64(b))
            assert bits(np.float64(found)) == bits(np.float64(expected)) or (found != found and expected != expected)


def test_expressions_are_nested_with_the_parentheses_that_they_need():
    shapes = [lambda a, b, c: a - (b - c), lambda a, b, c: a - (b + c), lambda a, b, c: (a + b) * (c - a),
              lambda a, b, c: a / (b / c), lambda a, b, c: a / (b * c), lambda a, b, c: -(a - b) * c,
              lambda a, b, c: -(a * b) - c, lambda a, b, c: a * (b / c), lambda a, b, c: a - -(b * c),
              lambda a, b, c: abs(a - b) / -c, lambda a, b, c: np.square(a - b) / np.square(c),
              lambda a, b, c: (a - b) * (a - b) - (a + c if a - c > b - a else b)]

    def f(a, b, c):
        return [shape(a, b, c) + shape(c, a, 0.1) for shape in shapes]

    compiled = dk.compile(f)
    for point in ((0.3, -1.7, 2.9), (1e-3, 1 / 3, -1e5), (-0.7, 0.1, 0.2)):
        found, expected = (g(*map(np.float64, point)) for g in (compiled, f))
        assert [bits(value) for value in found] == [bits(value) for value in expected]
    assert len([line for line in compiled.source.splitlines() if line.startswith("    v")]) < 40


def test_a_long_expression_gets_names():
    def f(x):
        y = x
        for i in range(300):
            y = (y + 0.5) * (x - 1 / (i + 1.0))
        return y / 1e9

    compiled = dk.compile(f)
    x = np.float64(0.7)
    compiled(x)
    assert bits(compiled(x)) == bits(f(x)) and not compiled.reason
    assert max(len(line.split("#")[0].rstrip()) for line in compiled.source.splitlines()) < 120


def test_an_entry_is_read_before_it_is_written():
    def f(x):
        z = x * 2.0
        first = z[0]
        z[0] = x[1]
        y = first - x[2] * z[1] + x[2] / x[1] * z[2]
        return y * y - y / x[2], z

    compiled = dk.compile(f)
    x = np.array([0.3, -1.7, 2.9])
    for _ in range(3):
        found, expected = compiled(x), f(x)
        assert bits(found[0]) == bits(expected[0]) and np.array_equal(found[1], expected[1])
    assert ".item(" in compiled.source


def long_chain(x):
    y = np.exp(x) * x
    for _ in range(5):
        y = np.log(1.0 + y * y) + np.tanh(y) * np.sin(x) - np.cos(y) / (2.0 + x)
    return y


def test_functions_are_the_c_librarys_and_right():
    compiled = dk.compile(long_chain)
    compiled(0.3)
    assert "float64(" in compiled.source and "math" not in compiled.source
    with mpmath.workdps(40):
        for x in (0.1, 0.7, 1.9):
            m = mpmath.mpf(x)
            y = mpmath.exp(m) * m
            for _ in range(5):
                y = mpmath.log(1 + y * y) + mpmath.tanh(y) * mpmath.sin(m) - mpmath.cos(y) / (2 + m)
            assert abs(float((compiled(x) - y) / y)) < 1e-14
            assert abs(compiled(x) - long_chain(x)) <= 64 * np.spacing(abs(long_chain(x)))


def test_an_array_of_few_numbers_is_read_as_floats_and_keeps_its_dtype():
    def f(x):
        y = x[0] * x[1] + x[-1] / (1.0 + x[0] * x[0]) - x[1]
        return np.float32(2) * y, y * np.ones(2, np.float32), x * y

    x = np.array([1.5, -0.25, 3.0])
    compiled = dk.compile(f)
    compiled(x)
    assert ".item(0)" in compiled.source
    for a, b in zip(compiled(x), f(x)):
        assert type(a) is type(b) and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def test_float32_numbers_stay_numpys():
    def f(x):
        return (x * x + x) * x / (x + np.float32(1)) - x * x * x

    compiled = dk.compile(f)
    for _ in range(2):
        found = compiled(np.float32(1.3))
        assert type(found) is np.float32 and found == f(np.float32(1.3))
    assert "float64(" not in compiled.source


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_what_python_refuses_is_numpys_to_answer(bad):
    def f(x):
        y = x * x * x + x
        return np.sqrt(x) + 1.0 / x + y * y - y

    compiled = dk.compile(f)
    compiled(np.float64(2.0))
    with np.errstate(all="ignore"):
        expected = f(np.float64(bad))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        np.testing.assert_equal(compiled(np.float64(bad)), expected)
    assert seen and "program failed" in compiled.reason


def test_a_first_run_through_infinity_is_a_program_of_numpys_numbers():
    def f(x):
        y = 1.0 / (x - x)
        return x * x * x + x / y + x * x - x

    compiled = dk.compile(f)
    with np.errstate(all="ignore"):
        expected = f(np.float64(1.5))
        for _ in range(2):
            assert compiled(np.float64(1.5)) == expected
    assert compiled.reason == "" and "float64(" not in compiled.source


def test_a_gradient_through_a_while_loop():
    def root(a):
        x, change = a / (1.0 + a * a), 1.0
        while abs(change) > 1e-13:
            change = (x * x * x + x - a) / (3.0 * x * x + 1.0)
            x = x - change
        return x

    compiled = dk.compile(dk.grad(root))
    for a in (1.7, 0.2, 30.0, 1.7):
        x = float(mpmath.findroot(lambda x, a=a: x**3 + x - a, a ** (1 / 3)))
        assert math.isclose(compiled(a), 1 / (3 * x * x + 1), rel_tol=1e-12)
        assert bits(compiled(a)) == bits(dk.grad(root)(a))
