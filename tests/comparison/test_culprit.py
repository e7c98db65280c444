"""On disagreement the operation, its line, operands and entry are named; right programs have nobody to blame."""

import numpy as np
import pytest

import diffkit as dk
from comparisons.gradient_problems import PROBLEMS
from diffkit.comparison.culprit import culprit
from diffkit.comparison.posing import pose
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


@dk.checkpoint
def block(x):
    y = np.exp(x)
    return cube(y) + 1  # the line


def checkpointed(x):
    return np.sum(np.sqrt(block(x)))


def checkpointed_in_a_loop(x):
    for _ in range(3):
        x = np.tanh(block(x))
    return np.sum(x)


def step(x, i):
    return np.tanh(cube(x) + 0.1 * i)  # the line


def long_loop(x):
    return np.sum(dk.checkpointed_loop(step, x, 6))


def while_loop(x):
    while np.sum(x) > 0.2:
        x = 0.7 * x + 0.01 * cube(x)  # the line
    return np.sum(x)


def comprehension(x):
    rows = [np.exp(x) * i for i in range(30)]
    return np.sum(np.stack([np.sqrt(cube(row)[0]) for row in rows[1:]]))  # the line


def late(x):
    for _ in range(210):
        x = np.sin(x) * 1.001
    return np.sum(cube(x))  # the line


PLANTED = {
    "in the middle": (middle, X, "custom_vjp(cube)"),
    "in a loop, in a container": (loop, {"a": X, "b": (2.0,)}, "custom_jvp(sine)"),
    "in a nested call": (nested, X, "custom_vjp(cube)"),
    "one entry, by a thousandth": (one_entry, X, "custom_vjp(second_entry)"),
    "a derivative that was dropped": (detached, X, "stop_gradient"),
    "inside a checkpoint": (checkpointed, X, "custom_vjp(cube)"),
    "inside a checkpoint in a loop": (checkpointed_in_a_loop, X, "custom_vjp(cube)"),
    "inside a checkpointed loop": (long_loop, X, "custom_vjp(cube)"),
    "in a while": (while_loop, X, "custom_vjp(cube)"),
    "in a comprehension": (comprehension, X, "custom_vjp(cube)"),
    "behind two hundred right turns": (late, X, "custom_vjp(cube)"),
}
#: Where the marked line is in another function than the one that is asked.
LINES = {nested: inner, checkpointed: block, checkpointed_in_a_loop: block, long_loop: step}


def line_of(f):
    """The number of the line that is marked in f's text."""
    with open(HERE, encoding="utf-8") as file:
        lines = file.read().splitlines()
    start = getattr(f, "function", f).__code__.co_firstlineno
    return next(n for n in range(start, start + 9) if "# the line" in lines[n - 1])


@pytest.mark.parametrize("name", PLANTED)
def test_the_operation_and_its_line_are_named(name):
    f, x, operation = PLANTED[name]
    result = dk.compare(f, x)
    blame = next(finding for finding in result.findings if finding.kind == "blame")
    assert result.agree is False and blame.text in result.verdict
    assert blame.operation == operation
    assert blame.line == f"{HERE}:{line_of(LINES.get(f, f))}"


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


def test_sympy_is_heard_beside_differences(table):
    wrong = Elementwise(np.cos, (lambda y, x: np.sin(x),), "cos(x)", name="planted")
    found = culprit(pose(lambda x: np.sum(np.exp(wrong(np.sin(x)))), (X,), {}, 0), 0)
    assert found.operation == "planted" and " and SymPy " in found.text


def test_what_differences_cannot_resolve_sympy_does(table):
    """sin at 3e11: a step of its last digit is 6e-5, and differences claim no more than that."""
    def asked(error, symbol):
        TABLE.pop("planted", None)
        rule = Elementwise(np.sin, (lambda y, x: np.cos(x) * (1 + error),), symbol, name="planted")
        return culprit(pose(lambda x: np.sum(rule(x * 1e12)), (X,), {}, 0), 0)

    assert asked(1e-7, "sin(x)").operation == "planted" and "SymPy" in asked(1e-7, "sin(x)").text
    assert asked(1e-7, None) is None  # differences alone
    assert asked(0.0, "sin(x)") is None


@pytest.mark.parametrize("error, caught", [(1e-8, True), (1e-10, True), (0.0, False)])
def test_push_and_pull_are_adjoint_to_roundoff(table, error, caught):
    matrix = np.array([[2.0, 1.0], [0.5, 3.0]])
    rule = General(lambda x: matrix @ np.sin(x), jvp=lambda y, args, t: matrix @ (np.cos(args[0]) * t[0]),
                   vjp=lambda g, y, args: (np.cos(args[0]) * (matrix.T @ g) * (1 + error),), name="planted")
    found = culprit(pose(lambda x: np.sum(rule(x) ** 2), (X,), {}, 0), 0)
    assert (found is not None) is caught
    if caught:
        assert found.operation == "planted" and "its own pullback" in found.text and "<w, J v>" in found.text


@pytest.mark.parametrize("f, x", [
    (lambda x: np.sum(np.sin(x)) + 1e-9 * np.sum(np.floor(x * 1e13) % 97), X),
    (lambda x: np.sum(np.round(x, 12)), X),
    (lambda a: np.sum(np.linalg.solve(a, np.ones(9))), 1 / (np.arange(1.0, 10)[:, None] + np.arange(9))),
    (lambda x: np.sum(x.astype(np.float32) * np.float32(0.1) - np.float32(1.5)), 100 * X),
], ids=["floor", "round", "ill-conditioned", "single precision"])
def test_stairs_and_rounding_are_nobodys_fault(f, x):
    assert culprit(pose(f, (x,), {}, 0), 0) is None


def test_an_operation_with_complex_results_is_held_to_both_parts():
    """Half of its differences lie along the imaginary axis."""
    at = pose(lambda x: np.sum(np.abs(np.fft.rfft(x))**2), (np.array([1.3, 1.4, -1.8, 0.2, -1.2]),), {}, 0)
    assert culprit(at, 0) is None

    @dk.custom_jvp
    def transform(x):
        return np.fft.rfft(x)

    transform.defjvp(lambda x, t: (np.fft.rfft(x[0]), np.conj(np.fft.rfft(t[0]))))
    at = pose(lambda x: np.sum(np.abs(transform(x) + 1)**2), (np.array([1.3, 1.4, -1.8, 0.2, -1.2]),), {}, 0)
    found = culprit(at, 0)
    assert found is not None and "transform" in found.operation and found.entries[0].endswith(".imag")


def test_a_root_of_zero_is_named_where_the_chain_rule_has_no_answer():
    """The variance of one number is 0, whatever it is, and the root of that is no derivative's business."""
    result = dk.compare(lambda x: np.cbrt(np.var(x)), np.array([0.7]), methods=("reverse",))
    (blame,) = (finding for finding in result.findings if finding.kind == "blame")
    assert result.agree is False and blame.operation == "cbrt"
    assert "has an infinite slope at its operands 0.0, and the chain rule no answer" in blame.text
