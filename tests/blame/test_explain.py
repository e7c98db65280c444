"""explain names the origin of a NaN or infinity: operation, line, entry, operands."""

import inspect
import warnings

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError


def line_here(offset):
    frame = inspect.currentframe().f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno + offset}"


def test_a_slope():
    def f(x):
        y = x - np.min(x)
        return np.sum(np.sqrt(y))
    line = line_here(-1)

    found = dk.explain(f, np.array([[3.0, 2.0], [5.0, 7.0]]))
    assert (found.cause, found.operation, found.index, found.count, found.size) == ("slope", "sqrt", (0, 1), 1, 4)
    assert found.operands == (0.0,)
    assert found.slope == np.inf
    assert found.line == line
    assert found.value_is_finite
    assert not found.derivative_is_finite
    assert found
    text = str(found)
    assert "The derivative is not finite." in text
    assert "sqrt(0.0) = 0.0 is inf at entry (0, 1) (1 of 4 entries)" in text
    assert "return np.sum(np.sqrt(y))" in text


def test_a_value_and_not_those_that_pass_it_on():
    found = dk.explain(lambda x: np.sum(np.exp(np.sin(np.log(x)) + x)), np.array([1.0, -2.0]))
    assert (found.cause, found.operation, found.index) == ("value", "log", (1,))
    assert found.operands == (-2.0,)
    assert np.isnan(found.result)
    assert not found.value_is_finite


def test_an_intermediate_infinity_behind_a_finite_value():
    found = dk.explain(lambda x: 1 / (1 + np.exp(x)), 1000.0)
    assert (found.cause, found.operation, found.value_is_finite) == ("value", "exp", True)
    assert dk.explain(lambda x: 1 / (1 + np.exp(x)), 10.0).cause == "none"


def test_inputs_and_constants():
    found = dk.explain(lambda p: p["a"] * np.sum(p["b"]), {"a": 1.0, "b": np.array([0.0, np.inf])})
    assert (found.cause, found.operation, found.index) == ("input", 'p["b"]', (1,))
    weights = np.array([1.0, np.nan])
    found = dk.explain(lambda x: np.sum(np.sin(x) * weights), np.ones(2))
    assert (found.cause, found.operation, found.index) == ("constant", "multiply", (1,))
    assert "A constant that is used in multiply" in str(found)
    assert str(dk.explain(lambda x: np.inf, 1.0)).endswith("f returns a constant that is not finite.")
    assert not dk.explain(lambda x: (3.0, "label", None), 1.0)


def test_a_dead_branch_is_passed_over():
    f = lambda x: np.sum(np.where(x > 0, np.log(x), 0.0))
    assert not dk.explain(f, np.array([-1.0, 2.0]))
    assert str(dk.explain(f, np.array([-1.0, 2.0]))) == "The value and the derivative are finite."
    # One that is taken, behind one that is not.
    found = dk.explain(lambda x: f(x) + np.sum(1 / (x - 4)), np.array([-1.0, 2.0, 4.0]))
    assert (found.operation, found.index, found.operands) == ("divide", (2,), (1, 0.0))


def test_what_derivatives_do_not_see():
    found = dk.explain(lambda x: x + np.floor(np.log(x)), -1.0)
    assert (found.cause, found.operation) == ("value", "log")


def test_an_overflow_of_finite_slopes():
    found = dk.explain(lambda x: 1e200 * (1e200 * x), 1e-200)
    assert (found.cause, found.operation, found.slope) == ("product", "multiply", np.inf)
    assert "overflows" in str(found)


def test_a_matrix_function():
    def f(a):
        return np.sum(np.linalg.inv(a) * 1e308) * 1e10

    found = dk.explain(f, np.eye(2))
    assert found.cause == "value"
    assert found.operation in ("sum", "multiply")


def test_a_custom_rule_is_to_blame_itself():
    f = dk.custom_jvp(lambda x: np.sqrt(x))
    f.defjvp(lambda p, t: (f(p[0]), t[0] * 0.5 / np.maximum(np.sqrt(p[0]), 1e-3)))
    assert not dk.explain(f, 0.0)      # its own slope is finite, sqrt's is not
    bad = dk.custom_vjp(lambda x: x * 2.0)
    bad.defvjp(lambda x: (x * 2.0, None), lambda r, g: (g * np.nan,))
    found = dk.explain(bad, 1.0)
    assert found.cause == "slope"
    assert found.operation.startswith("custom_vjp(")


def test_quiet_and_refused_inside_a_transform():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dk.explain(np.log, 0.0).operation == "log"
    with pytest.raises(InputError, match="plain values"):
        dk.grad(lambda x: x * bool(dk.explain(np.sqrt, x)))(1.0)


def test_other_arguments():
    f = lambda x, y: x / y
    found = dk.explain(f, 1.0, 0.0, argnums=1)
    assert (found.operation, found.operands) == ("divide", (1.0, 0.0))
