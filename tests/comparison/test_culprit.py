"""On disagreement the operation, its line, operands and entry are named; right programs have nobody to blame."""

import numpy as np
import pytest

import diffkit as dk
from comparisons.gradient_problems import PROBLEMS
from diffkit.comparison.culprit import culprit
from diffkit.comparison.problem import pose
from diffkit.rules.kinds import TABLE, Elementwise, General

X = np.array([0.3, 0.7])
HERE = __file__


@dk.custom_vjp
def cube(x):
    return x**3


cube.defvjp(lambda x: (x**3, x), lambda x, g: (2 * x**2 * g,))


@dk.custom_jvp
def sine(x):
    return np.sin(x)


sine.defjvp(lambda x, t: (np.sin(x[0]), -np.cos(x[0]) * t[0]))


@dk.custom_vjp
def second_entry(x):
    return x * 2


second_entry.defvjp(lambda x: (x * 2, None), lambda _, g: (2 * g * np.array([1.0, 1.001]),))


def middle(x):
    y = np.exp(x) * 2
    z = cube(y)  # the line
    return np.sum(np.tanh(z * 1e-3))


def loop(p):
    total = 0.0
    for i in range(1, 5):
        total = total + np.sum(sine(p["a"] * i)) * p["b"][0]  # the line
    return total


def inner(x):
    return cube(x) + 1  # the line


def nested(x):
    return np.sum(np.sqrt(inner(x)))


def one_entry(x):
    return np.sum(np.log(second_entry(x)))  # the line


def detached(x):
    return np.sum(x * dk.stop_gradient(np.sin(x)))  # the line


PLANTED = {
    "in the middle": (middle, X, "custom_vjp(cube)"),
    "in a loop, in a container": (loop, {"a": X, "b": (2.0,)}, "custom_jvp(sine)"),
    "in a nested call": (nested, X, "custom_vjp(cube)"),
    "one entry, by a thousandth": (one_entry, X, "custom_vjp(second_entry)"),
    "a derivative that was dropped": (detached, X, "stop_gradient"),
}


def line_of(f):
    """The number of the line that is marked in f's text."""
    with open(HERE, encoding="utf-8") as file:
        lines = file.read().splitlines()
    start = f.__code__.co_firstlineno
    return next(n for n in range(start, start + 9) if "# the line" in lines[n - 1])


@pytest.mark.parametrize("name", PLANTED)
def test_the_operation_and_its_line_are_named(name):
    f, x, operation = PLANTED[name]
    result = dk.compare(f, x)
    blame = next(finding for finding in result.findings if finding.kind == "blame")
    assert result.agree is False and blame.text in result.verdict
    assert blame.operation == operation
    assert blame.line == f"{HERE}:{line_of(inner if f is nested else f)}"


def test_operands_and_entry_are_shown():
    blame = dk.compare(one_entry, X).findings[-1]
    assert "[0.3, 0.7]" in blame.text and blame.entries == ("[1]",)


@pytest.fixture
def table():
    before = dict(TABLE)
    yield
    TABLE.clear()
    TABLE.update(before)


def test_a_wrong_row_of_the_table_is_named(table):
    wrong = Elementwise(np.cos, (lambda y, x: np.sin(x),), None, name="planted")
    result = dk.compare(lambda x: np.sum(np.exp(wrong(np.sin(x)))), X)
    assert result.agree is False
    assert next(f for f in result.findings if f.kind == "blame").operation == "planted"


def test_a_wrong_pull_beside_a_right_push_is_named(table):
    a = np.array([[2.0, 1.0], [0.0, 3.0]])
    wrong = General(np.linalg.inv, jvp=lambda y, args, t: -(y @ t[0] @ y),
                    vjp=lambda g, y, args: (-(y @ g @ y),), name="planted inverse")
    found = culprit(pose(lambda x: np.sum(wrong(x) ** 2), (a,), {}, 0), 0)
    assert found.operation == "planted inverse" and "pullback" in found.text


def test_an_operation_that_gets_wrong_operands_is_not_accused():
    found = culprit(pose(lambda x: np.sum(np.tanh(cube(np.exp(x)))), (X,), {}, 0), 0)
    assert found.operation == "custom_vjp(cube)"


@pytest.mark.parametrize("problem", PROBLEMS)
def test_right_programs_have_nobody_to_blame(problem):
    known = PROBLEMS[problem]
    assert all(culprit(pose(known.f, (x,), {}, 0), 0) is None for x in known.points[:1])
