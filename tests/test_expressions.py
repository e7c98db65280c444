"""Expressions: what they mean, and what is refused, with the column."""

import math
import time

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import ExpressionError
from diffkit.expressions import FUNCTIONS, parse, parse_arguments, parse_value

REFUSED = {
    "__import__('os').system('true')": "attributes",
    "__import__('os')": "unknown",
    "x.__class__.__bases__": "attributes",
    "().__class__": "attributes",
    "lambda: 1": "lambdas",
    "(lambda y: y)(x)": "lambdas",
    "[i for i in x]": "comprehensions",
    "sum(i for i in x)": "comprehensions",
    "{i: i for i in x}": "comprehensions",
    "f'{x}'": "f-strings",
    "(y := x)": "assignments",
    "sin(*x)": "starred",
    "sin(**x)": "starred",
    "eval('x')": "unknown",
    "exec(x)": "unknown",
    "open('file')": "unknown",
    "getattr(x, 'T')": "unknown",
    "np.sin(x)": "attributes",
    "'text'": "strings",
    "x['a']": "strings",
    "b'x'": "strings",
    "1j * x": "complex",
    "True + x": "True and False",
    "None": "None",
    "...": "...",
    "x and y": "'and' and 'or'",
    "not x": "'not'",
    "0 < x < 1": "chained",
    "x is y": "'in' and 'is'",
    "x in y": "'in' and 'is'",
    "x ^ 2": "not a power",
    "x << 3": "shifts",
    "{1, 2}": "sets",
    "{'a': x}": "dicts",
    "__builtins__": "not allowed",
    "x.y": "attributes",
    "_private": "not allowed",
    "sin": "needs an argument",
    "x[cos]": "needs an argument",
    "sinn(x)": "unknown",
    "sum(x)(1)": "only functions",
    "sum(x, out=y)": "out=",
    "sum(x, dtype=y)": "dtype=",
    "sum(x, axis=y)": "keyword's value",
    "sum(x, axis=sin(1))": "keyword's value",
    "x; y": "syntax",
    "import os": "syntax",
    "x = 1": "syntax",
    "sin(x": "never closed",
    "": "empty",
    "   ": "empty",
    "await x": "await",
    "yield": "syntax",
    "x\0": "",
    "-" * 400 + "x": "nested",
    "(" * 400: "",
    "x" * 30_000: "characters",
    "abs(" * 200 + "x" + ")" * 200: "nested",
    "einsum(x, 'i->')": "strings",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_allowed_is_refused_by_name(text):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert REFUSED[text] in caught.value.what


def test_a_refusal_points_at_the_column():
    with pytest.raises(ExpressionError) as caught:
        parse("sin(x) + (lambda: 1)()")
    first, shown, pointer = caught.value.what.splitlines()
    assert "column 11" in first
    assert shown[pointer.index("^"):].startswith("lambda")


def test_a_misspelt_function_gets_a_hint():
    with pytest.raises(ExpressionError) as caught:
        parse("sqrtt(x)")
    assert "sqrt" in caught.value.want


VALUES = {
    "sin(x*y) + exp(x)/y": lambda x, y: math.sin(x * y) + math.exp(x) / y,
    "x**2 - 3*x*y + 2": lambda x, y: x * x - 3 * x * y + 2,
    "-x**-2 // y": lambda x, y: (-(x**-2)) // y,
    "pi*x + e*y": lambda x, y: math.pi * x + math.e * y,
    "x if x > y else y": max,
    "where(x > y, x, 0) % y": lambda x, y: (x if x > y else 0) % y,
    "abs(x - y)*(x < y)": lambda x, y: abs(x - y) * (x < y),
    "sum(array([x, y, 2]))": lambda x, y: x + y + 2,
    "array([[x, y], [1, 2]])[1, 0] + array([x, y])[-1]": lambda x, y: 1 + y,
    "norm(array([x, y]), ord=1)": lambda x, y: abs(x) + abs(y),
    "einsum('i,i->', array([x, y]), [1, 2])": lambda x, y: x + 2 * y,
    "1/3*x + y*0": lambda x, y: x / 3,
}


@pytest.mark.parametrize("text", VALUES)
def test_values_are_pythons(text):
    f = parse(text)
    assert f.variables == ("x", "y")
    assert float(f(1.2, 0.7)) == pytest.approx(VALUES[text](1.2, 0.7), rel=1e-15)


def test_expressions_are_differentiated():
    f = parse("sum(sqrt(x[:2] + 1) * x[-1]) + (x[0] if x[1] > 0 else 0)")
    x = np.array([0.3, 1.7, 2.0])
    expected = [1 / math.sqrt(1.3) + 1, 1 / math.sqrt(2.7), math.sqrt(1.3) + math.sqrt(2.7)]
    assert np.allclose(dk.grad(f)(x), expected, rtol=1e-14)
    assert np.allclose(dk.jacobian(f, method="forward")(x), expected, rtol=1e-14)


@pytest.mark.parametrize("text, value", [
    ("9**9**9 + 0*x", math.inf), ("9**9**9**9 * x", math.inf), ("10**400 + x", math.inf),
    ("-10**400*x", -math.inf),
    ("(1/0)*x", math.inf), ("10**10*10**10*x", 1e20), ("x**10**10", 1.0),
])
def test_huge_numbers_cost_nothing(text, value):
    start = time.process_time()
    assert float(parse(text)(1.0)) == value
    assert time.process_time() - start < 0.5


def test_arrays_are_bounded():
    f = parse("outer(x, x)")
    with pytest.raises(ExpressionError, match="numbers"):
        f(np.ones(4000))
    with pytest.raises(ExpressionError, match="too large"):
        parse("reshape(x, (4000, 1)) + x")(np.ones(4000))
    assert isinstance(parse("[1] * 3 + x")(np.zeros(1)), np.ndarray)


def test_no_function_makes_things_of_a_size_that_is_asked_for():
    assert not {"zeros", "ones", "empty", "arange", "linspace", "eye", "repeat", "tile", "pad", "full", "load",
                "save", "fromfile", "memmap", "vectorize", "apply_along_axis", "frompyfunc",
                "genfromtxt"} & set(FUNCTIONS)


def test_a_function_is_called_like_any_other():
    f = parse("x - y")
    assert f(3.0, y=1.0) == 2.0
    with pytest.raises(TypeError):
        f(1.0)
    assert f.__name__ == "x - y" and repr(f) == "<expression x - y>"


@pytest.mark.parametrize("text, value", [
    ("1.5", 1.5), ("-3", -3), ("2*pi", 2 * math.pi), ("'name'", "name"), ("True", True), ("None", None),
    ("(1, 2.5)", (1, 2.5)), ("-inf", -math.inf), ("sqrt(2)", math.sqrt(2)), ("1/4", 0.25),
])
def test_plain_values(text, value):
    found = parse_value(text)
    assert found == value and type(found) is type(value)


def test_lists_become_arrays_and_containers_stay():
    value = parse_value("{'w': [[1, 2], [3, 4]], 'b': ([1, 2], 3), 5: [1, [2]]}")
    assert value["w"].dtype == float and value["w"].shape == (2, 2)
    assert isinstance(value["b"], tuple) and value["b"][1] == 3
    assert isinstance(value[5], list)
    (x, n) = parse_arguments("[[-1.2, 1.0], 3]")
    assert np.array_equal(x, [-1.2, 1.0]) and n == 3 and type(n) is int
    assert parse_arguments("2.5") == (2.5,)


@pytest.mark.parametrize("text", ["x", "[x]", "__import__('os')", "{x: 1}", "[i for i in 'abc']", "1j", "b'a'", "...",
                                  "lambda: 1", "{(1, 2): 3}", "[*[1]]", "{**{}}", "f'{1}'", "[" * 300 + "]" * 300])
def test_other_values_are_refused(text):
    with pytest.raises(ExpressionError):
        parse_arguments(text)
