"""Programs read as formulas, against formulas typed by hand."""

import time

import numpy as np
import pytest
import sympy
from sympy import Abs, Max, Piecewise, cos, exp, pi, sin, sqrt, tanh

import diffkit as dk
from diffkit.errors import NotScalarError, SymbolicError
from diffkit.symbolic import expression

x, y = sympy.symbols("x y", real=True)
x0, x1, x2 = sympy.symbols("x0 x1 x2", real=True)


def relations(e):
    return [condition.relation for condition in e.conditions]


def test_a_loop_is_followed_and_its_condition_stated():
    def halve(x):
        while abs(x) > 5:
            x = x / 2
        return x

    e = expression(halve, 37)
    assert e.expressions == x / 8
    assert relations(e) == [Abs(x) > 5, Abs(x) / 2 > 5, Abs(x) / 4 > 5, Abs(x) / 8 <= 5]
    assert all(condition.line.startswith(__file__) for condition in e.conditions)
    assert e.gradient().expressions == sympy.Rational(1, 8)
    assert "x/8" in str(e) and "Abs(x)/4 > 5" in str(e)
    assert e.expressions.subs(e.point) == 37 / 8


def test_symbols_are_named_after_the_parameters():
    def f(x, w, params):
        return x * w[0, 1] + params["b"][2]

    e = expression(f, 2.0, np.ones((2, 2)), {"b": np.ones(3)})
    w_0_1, b2 = sympy.symbols("w_0_1 params_b_2", real=True)
    assert e.expressions == x * w_0_1 + b2
    assert e.symbols[0] == x and e.symbols[1][0, 1] == w_0_1 and e.symbols[2]["b"][2] == b2


def test_names_do_not_collide():
    e = expression(lambda x, x0: x[0] + x0, np.ones(2), 3.0)
    assert len(e.expressions.free_symbols) == 2


@pytest.mark.parametrize("number, meant", [
    (0.5, sympy.Rational(1, 2)), (0.1, sympy.Rational(1, 10)), (3.0, 3), (np.pi, pi), (np.e, sympy.E),
    (1 / 3, sympy.Rational(1, 3)), (0.1 * np.pi, pi / 10), (float(np.log(2.0)), sympy.log(2)),
    (-2.5e-3, -sympy.Rational(1, 400))])
def test_constants_mean_what_they_say(number, meant):
    assert expression(lambda x: x * number, 1.0).expressions == x * meant


def test_other_constants_keep_their_value():
    number = 0.12345678901234567
    factor, = expression(lambda x: x * number, 1.0).expressions.atoms(sympy.Float)
    assert float(factor) == number


def test_derivatives_of_a_scalar():
    e = expression(lambda x, y: np.sin(x * y) + np.exp(x) / y, 1.2, 0.7)
    assert e.expressions == sin(x * y) + exp(x) / y
    assert e.gradient().expressions == (y * cos(x * y) + exp(x) / y, x * cos(x * y) - exp(x) / y**2)
    second = e.hessian().expressions
    assert sympy.simplify(second[0][1] - (cos(x * y) - x * y * sin(x * y) - exp(x) / y**2)) == 0
    assert second[0][1] == second[1][0]


def test_derivatives_keep_shapes_and_containers():
    e = expression(lambda p: {"s": p["a"] * p["b"][0], "t": p["b"]}, {"a": 2.0, "b": np.ones(2)})
    jacobian = e.jacobian().expressions
    a, b0 = e.symbols["a"], e.symbols["b"][0]
    assert jacobian["s"]["a"] == b0 and list(jacobian["s"]["b"]) == [a, 0]
    assert jacobian["t"]["b"].tolist() == [[1, 0], [0, 1]] and list(jacobian["t"]["a"]) == [0, 0]
    with pytest.raises(NotScalarError, match="several"):
        e.gradient()


def test_matrix_product_and_reduction():
    e = expression(lambda x: np.sum(np.tanh(np.array([[1.0, 2.0], [0.0, 1.0]]) @ x) ** 2), np.ones(2))
    assert sympy.simplify(e.expressions - tanh(x0 + 2 * x1) ** 2 - tanh(x1) ** 2) == 0


def test_small_matrices_have_closed_forms():
    a = np.array([[2.0, 1.0], [0.5, 3.0]])
    e = expression(np.linalg.inv, a, argnums=0)
    matrix = sympy.Matrix(e.symbols.tolist())
    assert sympy.simplify(sympy.Matrix(e.expressions.tolist()) - matrix.inv()) == sympy.zeros(2)
    e = expression(lambda a: np.linalg.slogdet(a)[1], a)
    assert float(e.expressions.subs(e.point)) == pytest.approx(np.log(5.5), rel=1e-15)
    e = expression(np.linalg.cholesky, np.array([[4.0, 1.0], [1.0, 3.0]]))
    assert sympy.simplify(e.expressions[1, 1] - sqrt(e.symbols[1, 1] - e.symbols[1, 0] ** 2 / e.symbols[0, 0])) == 0


def test_choices_stay_choices():
    e = expression(lambda x: np.where(x > 1, x**2, 3 * x), 2.0)
    assert e.expressions == Piecewise((x**2, x > 1), (3 * x, True)) and not e.conditions
    assert expression(lambda x: np.maximum(x, 0), 2.0).expressions == Max(x, 0)
    e = expression(lambda x: np.max(x), np.array([1.0, 3.0, 2.0]))
    assert e.expressions == Max(x0, x1, x2)


def test_the_branch_taken_is_a_condition_where_sympy_has_no_choice():
    e = expression(lambda x: np.sort(x)[0], np.array([2.0, 1.0, 3.0]))
    assert e.expressions == x1
    assert relations(e) == [x1 <= x0, x0 <= x2]
    e = expression(lambda x: x[np.argmax(x)] * 2, np.array([2.0, 1.0]))
    assert e.expressions == 2 * x0 and relations(e) == [x0 >= x1]


def test_a_whole_number_that_python_asked_for():
    e = expression(lambda x: x * int(x), 3.7)
    assert e.expressions == 3 * x and relations(e) == [sympy.Eq(sympy.floor(x), 3)]


def test_stop_gradient_has_no_derivative():
    e = expression(lambda x: x * dk.stop_gradient(x), 3.0)
    slope = e.gradient()
    assert float(slope.lambdify()(3.0)) == 3.0 and float(e.lambdify()(3.0)) == 9.0


def test_abs_of_what_sympy_does_not_know_to_be_real():
    slope = expression(lambda x: np.abs(np.log(x)), 0.5).gradient().expressions
    assert slope.subs(x, sympy.Rational(1, 2)) == -2


def test_a_recorded_gradient_is_a_formula():
    e = expression(dk.grad(lambda x: np.sum(np.abs(x) * x)), np.array([1.0, -2.0]))
    assert list(e.expressions) == [x0 * sympy.sign(x0) + Abs(x0), x1 * sympy.sign(x1) + Abs(x1)]
    e = expression(dk.grad(dk.grad(lambda x: np.sin(x) * x)), 0.3)
    assert sympy.simplify(e.expressions - sympy.diff(sin(x) * x, x, 2)) == 0


def test_an_entry_read_twice_counts_twice():
    e = expression(dk.grad(lambda x: np.sum(x[[0, 0, 1]] ** 2)), np.array([1.0, 2.0]))
    assert list(e.expressions) == [4 * x0, 2 * x1]


def test_writes_into_arrays_are_read():
    def f(x):
        z = np.zeros(3)
        z[0] = x[1]
        z[1:] = x[0] * x
        z[2] += 1.0
        return z

    assert list(expression(f, np.array([2.0, 3.0])).expressions) == [x1, x0**2, x0 * x1 + 1]


def test_lambdify_agrees_with_the_program():
    def f(p):
        return {"a": np.sin(p["w"]) @ p["v"], "b": np.where(p["v"] > 0, p["v"], 0) ** 2}

    p = {"w": np.arange(6.0).reshape(2, 3) / 5, "v": np.array([0.3, -1.0, 2.0])}
    found = expression(f, p).lambdify()(p)
    np.testing.assert_allclose(found["a"], f(p)["a"], rtol=1e-15)
    np.testing.assert_array_equal(found["b"], f(p)["b"])


def test_latex():
    e = expression(lambda x: np.stack([np.sqrt(x), x**2]), 2.0)
    assert e.latex() == r"\left[\begin{matrix}\sqrt{x}\\x^{2}\end{matrix}\right]"
    assert expression(lambda x: x[1] / 2, np.ones(2))._repr_latex_() == r"$\displaystyle \frac{x_{1}}{2}$"


def test_too_large_is_refused_at_once_with_its_size():
    def squares(x):
        for _ in range(60):
            x = x * x - 1
        return x

    start = time.process_time()
    report = r"too large to expand: .*121 operations .*about 10\*\*\d\d parts.*limit is 10000"
    with pytest.raises(SymbolicError, match=report):
        expression(squares, 0.5)
    with pytest.raises(SymbolicError, match="too large"):
        expression(lambda x: np.sum(np.tanh(np.ones((300, 60)) @ x)), np.ones(60))
    assert time.process_time() - start < 3
    assert expression(lambda x: x * x - 1, 0.5, limit=20).expressions == x**2 - 1


def test_what_has_no_formula_is_refused_by_name_and_line():
    with pytest.raises(SymbolicError, match=r"np\.linalg\.eigh has no closed form"):
        expression(lambda a: np.linalg.eigh(a)[0], np.eye(2))


def test_a_formula_inside_a_transform_is_refused():
    def outer(t):
        return expression(lambda x: x * t, 1.0).point[x] * t

    with pytest.raises(SymbolicError, match="another transform"):
        dk.grad(outer)(2.0)
