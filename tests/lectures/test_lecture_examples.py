"""Every worked example of the lecture notes gives its number, by every method (rows 1-22 of the inventory)."""

from __future__ import annotations

import numpy as np
import pytest

import diffkit as dk
from diffkit import nn
from diffkit.lectures import EXAMPLES, METHODS, answers
from diffkit.lectures.backpropagation import backward, forward
from diffkit.lectures.ewing import LOOPS, halve, nested, one, simplified
from diffkit.lectures.graph import graph

NAMES = [example.name for example in EXAMPLES]


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_value(example):
    assert float(example.function(*example.point)) == pytest.approx(
        example.value, rel=1e-15, abs=0 if example.digits is None else 0.51 * 10.0**-example.digits)


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_every_method_gives_the_number(example):
    for answer in answers(example):
        wrong = {method for method in METHODS if not answer.agrees(method, example.digits)}
        assert wrong == set(example.without), (answer.name, answer.found, answer.expected)


def test_a_wrong_number_is_seen():
    answer = answers(EXAMPLES[0])[0]
    off = type(answer)(answer.name, answer.expected, {**answer.found, "reverse": np.array([2.5 + 1e-13])})
    assert off.agrees("forward", None) and not off.agrees("reverse", None)


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("method", ["forward", "reverse"])
def test_nine_weights_are_exact(method):  # row 6: the 18 numbers of the slide
    example = EXAMPLES[NAMES.index("nine-weights")]
    found = dk.grad(example.function, argnums=(0, 1), method=method)(*example.point)
    np.testing.assert_array_equal(found[0], [0, 18])
    np.testing.assert_array_equal(found[1], [-6, -12, 0, 0, 12, 24, 24, 0, 30])
    for inner, exact in zip(example.inner, ([-6, 0, 12], [-6, 18, 12], 6)):
        np.testing.assert_array_equal(dk.grad(inner.function, method=method)(inner.point), exact)


@pytest.mark.parametrize("w6", [-1.5, 0.0, 2.0, 3.25])
def test_the_slide_leaves_the_first_layer_open(w6):  # row 1b: a family of networks with the same numbers
    function = EXAMPLES[NAMES.index("nine-weights")].function
    w = np.array([10 - 4 * w6, 2 * w6 - 3, 1.0, -2.0, 5 - 2 * w6, w6, -1.0, 3.0, 2.0])
    at_x, at_w = dk.grad(function, argnums=(0, 1))(np.array([1.0, 2.0]), w)
    np.testing.assert_array_equal(at_x, [0, 18])
    np.testing.assert_array_equal(at_w, [-6, -12, 0, 0, 12, 24, 24, 0, 30])


@pytest.mark.parametrize("x", [-1000.0, 1000.0])
def test_sigmoid_far_out(x):  # row 4
    value, slope = dk.value_and_grad(nn.sigmoid)(x)
    assert value == (x > 0) and slope == 0.0


@pytest.mark.parametrize("method", ["forward", "reverse"])
@pytest.mark.parametrize(("x", "end", "times", "slope"), LOOPS)
def test_loop(method, x, end, times, slope):  # row 14: also 0 and 100 times
    assert halve(x) == end and dk.grad(halve, method=method)(x) == slope == 2.0**-times


def test_compile_follows_the_loop():  # row 14
    compiled = dk.compile(dk.grad(halve))
    assert [float(compiled(x)) for x, _, _, _ in LOOPS] == [slope for *_, slope in LOOPS]


def test_what_symbolic_simplifies_and_automatic_does_not():  # rows 12, 13
    import sympy

    found = dk.symbolic.expression(simplified, 1.5)
    x = found.symbols
    assert sympy.simplify(found.gradient().expressions - 6 * (x + 1)) == 0
    assert sympy.expand(found.expressions) == 6 * x + 3 * x**2
    assert dk.derivative(simplified, 2)(1.5) == 6
    assert sympy.simplify(dk.symbolic.expression(one, 0.7).expressions) == 1
    assert dk.grad(one)(0.7) == 0.0


def test_automatic_differentiation_keeps_every_operation():  # row 13: five of them, where symbols need none
    import sympy

    kept = graph(lambda x: {"f": one(x)}, 0.7)
    assert [box.operation for box in kept.boxes if box.parents] == ["sin", "^ 2", "cos", "^ 2", "+"]
    assert sympy.count_ops(sympy.simplify(dk.symbolic.expression(one, 0.7).expressions)) == 0


def test_the_derivative_that_is_not_printed():  # row 8
    import sympy

    found = dk.symbolic.expression(nested, 1.5)
    x = found.symbols
    assert sympy.expand(found.gradient().expressions - (16 * x**3 + 8 * x)) == 0


# Comparisons of complex numbers mean nothing: the branches that are taken, written out.
TAKEN = {"gate-max": lambda x, y: 2 * x, **{f"sigmoid-{x}": lambda x: 1 / (1 + np.exp(-x)) for x in (0, 5, 10)},
         "nine-weights": lambda x, w: (w[6] * (w[:2] @ x) + w[8] * (w[4:6] @ x) - 3)**2}


@pytest.mark.parametrize("example", [e for e in EXAMPLES if int(e.row) < 14], ids=lambda example: example.name)
def test_automatic_differentiation_is_exact_up_to_rounding(example):  # row 16: beside the complex step
    function = TAKEN.get(example.name, example.function)
    found = dk.grad(example.function, example.argnums)(*example.point)
    for position, gradient in enumerate(found):
        for index in np.ndindex(np.shape(gradient)):
            point = [np.array(value, complex) for value in example.point]
            point[position][index] += 1e-30j
            expected = function(*point).imag / 1e-30
            assert np.asarray(gradient)[index] == pytest.approx(expected, rel=1e-15, abs=1e-15), (position, index)


def test_numeric_error_has_two_sides():  # row 11
    f = simplified
    errors = {h: (f(1.5 + h) - f(1.5)) / h - 15 for h in (1e-1, 1e-4, 1e-8, 1e-12, 1e-16)}
    expected = {1e-1: 0.3, 1e-4: 3e-4, 1e-8: -1.8e-7, 1e-12: 1.3e-3, 1e-16: -15}
    for h, error in expected.items():
        assert errors[h] == pytest.approx(error, rel=0.05), h


def test_chain_rule():  # row 7: a vector-Jacobian product is Jᵀv
    rng = np.random.default_rng(0)
    matrix, x, v = rng.standard_normal((4, 3)), rng.standard_normal(3), rng.standard_normal(4)
    jacobian = (1 - np.tanh(matrix @ x)**2)[:, None] * matrix
    np.testing.assert_allclose(dk.vjp(lambda x: np.tanh(matrix @ x), x)[1](v)[0], jacobian.T @ v, rtol=0, atol=1e-14)


def test_jacobian_of_a_tensor():  # row 17: the shape is that of the result and then of the argument
    w = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(dk.jacobian(lambda x: w @ x)(np.ones(3)), w)
    assert dk.jacobian(lambda x: w @ x)(np.ones((3, 4))).shape == (2, 4, 3, 4)


# Scalar functions for random programs, with their partials by hand.
STEPS = [(lambda a, b: a + b, lambda a, b: [1, 1]), (lambda a, b: a * b, lambda a, b: [b, a]),
         (lambda a, b: a - b, lambda a, b: [1, -1]), (lambda a: np.sin(a), lambda a: [np.cos(a)]),
         (lambda a: np.tanh(a), lambda a: [1 - np.tanh(a)**2]), (lambda a: 0.5 * a, lambda a: [0.5])]


ADD, MULTIPLY = STEPS[0][:2], STEPS[1][:2]


def test_fifteen_lines_of_back_propagation_do_the_worked_examples():  # row 18: rows 1, 3 and 6
    gradient = backward([-2.0, 5.0, -4.0], [(*ADD, [0, 1]), (*MULTIPLY, [3, 2])])
    assert gradient == [-4, -4, 3, -4, 1]
    sigmoid = (lambda a: 1 / (1 + np.exp(-a)), lambda a: [np.exp(-a) / (1 + np.exp(-a))**2])
    times = lambda c: (lambda a: c * a, lambda a: [c])
    gradient = backward([2.0, -3.0, -3.0], [(*times(-1.0), [0]), (*times(-2.0), [1]), (*ADD, [3, 4]), (*ADD, [5, 2]),
                                            (*sigmoid, [6])])
    np.testing.assert_allclose(gradient[:3], [-0.1966119, -0.3932239, 0.1966119], atol=5e-8)
    steps = []  # x1 x2 w1 … w9, then six products, i, h, three products, o, o − 3 and its square
    for unit in range(3):
        steps += [(*MULTIPLY, [2 + 2 * unit, 0]), (*MULTIPLY, [3 + 2 * unit, 1])]
    steps += [(*ADD, [11 + 2 * unit, 12 + 2 * unit]) for unit in range(3)]
    steps += [(lambda a: max(a, 0.0), lambda a: [float(a > 0)], [17 + unit]) for unit in range(3)]
    steps += [(*MULTIPLY, [8 + unit, 20 + unit]) for unit in range(3)]
    steps += [(*ADD, [23, 24]), (*ADD, [26, 25]), (lambda o: (o - 3)**2, lambda o: [2 * (o - 3)], [27])]
    gradient = backward([1.0, 2.0, 2, 1, 1, -2, 1, 2, -1, 3, 2], steps)
    assert gradient[:11] == [0, 18, -6, -12, 0, 0, 12, 24, 24, 0, 30]
    assert gradient[17:23] == [-6, 0, 12, -6, 18, 12] and gradient[27] == 6


def test_back_propagation_of_the_notes_equals_grad():  # rows 15, 18, 19, 20: random programs
    rng = np.random.default_rng(0)
    for _ in range(1000):
        inputs, steps = rng.standard_normal(2), []
        for number in range(2, 2 + rng.integers(1, 8)):
            function, local = STEPS[rng.integers(len(STEPS))]
            parents = rng.integers(0, number, 2 if (function, local) in STEPS[:3] else 1)
            steps.append((function, local, [int(j) for j in parents]))

        def program(x, y, steps=steps):
            values = [x, y]
            for function, _, parents in steps:
                values.append(function(*(values[j] for j in parents)))
            return values[-1] + 0 * x + 0 * y

        assert program(*inputs) == forward(inputs, steps)[-1]
        expected = backward(inputs, steps)[:2]
        np.testing.assert_allclose(dk.grad(program, (0, 1))(*inputs), expected, rtol=1e-13, atol=1e-13)
        forward_mode = [dk.jvp(program, tuple(inputs), direction)[1] for direction in ((1.0, 0.0), (0.0, 1.0))]
        np.testing.assert_allclose(forward_mode, expected, rtol=1e-13, atol=1e-13)
