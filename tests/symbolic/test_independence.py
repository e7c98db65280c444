"""The symbolic method and the referee must not lean on the rules they are there to judge."""

import ast
import pathlib

import numpy as np
import pytest

import diffkit as dk
from diffkit.arguments import split
from diffkit.comparison.referee import RefereeResult, referee
from diffkit.rules import kinds
from diffkit.symbolic import expression, jacobian_leaves, leaves
from diffkit.symbolic.operations import Operations

ROOT = pathlib.Path(dk.__file__).parent
FILES = [*sorted((ROOT / "exact").glob("*.py")), *sorted((ROOT / "symbolic").glob("*.py")),
         ROOT / "comparison" / "referee.py"]
DERIVATIVES = {"push", "pull", "partials", "adjoint", "adjoints", "jvp", "vjp", "transpose"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_touches_a_rules_derivative(path):
    used = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)
            and not (isinstance(node.value, ast.Name) and node.value.id == "np")}
    assert not used & DERIVATIVES


def program(x):
    y = np.tanh(np.array([[1.0, 2.0], [0.5, -1.0]]) @ x) * np.linalg.norm(x)
    return np.sum(np.where(y > 0, y**2, np.sin(y))) + np.max(x) * np.linalg.det(np.outer(x, x) + np.eye(2))


def test_right_answers_from_a_table_whose_derivatives_all_raise(monkeypatch):
    x = np.array([0.3, 0.8])
    expected = dk.grad(program)(x)

    def poisoned(*args, **kwargs):
        raise AssertionError("a rule's derivative was used")

    for kind in (kinds.Elementwise, kinds.Linear, kinds.Multilinear, kinds.General):
        monkeypatch.setattr(kind, "push", poisoned)
        monkeypatch.setattr(kind, "pull", poisoned)
    moving = split((x,), 0, program)
    np.testing.assert_allclose(jacobian_leaves(program, moving, {})[2][0][0], expected, rtol=1e-13)
    found = leaves._recorded(program, moving, {}, False)
    np.testing.assert_allclose(Operations(found).jacobian()[0][0], expected, rtol=1e-13)
    exact = referee(program, moving)
    np.testing.assert_allclose(RefereeResult.float_value(exact.blocks[0][0]), expected, rtol=1e-13)
    by_formula = expression(program, x).gradient().lambdify()(x)
    np.testing.assert_allclose(by_formula, expected, rtol=1e-12)
