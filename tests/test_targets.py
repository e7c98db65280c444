"""Targets: files, modules and expressions, with their points."""

import sys

import numpy as np
import pytest

from diffkit.errors import ExpressionError
from diffkit.targets import TargetError, load

SOURCE = """
import numpy as np

def f(x, n=2):
    return np.sum(x ** n)

def g(x, y):
    return np.sum(x * y)

g.point = lambda: (np.array([1.0, 2.0]), 3.0)
g.argnums = (1, 0)

class Model:
    @staticmethod
    def loss(x):
        return x * x

Model.loss.point = 2.0
number = 3
"""


@pytest.fixture()
def file(tmp_path, monkeypatch):
    path = tmp_path / "a_model_file.py"
    path.write_text(SOURCE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    yield path
    sys.modules.pop("a_model_file", None)


def test_a_function_in_a_file_with_its_arguments(file):
    target = load(f"{file}:f", ["[[1, 2], 3]"])
    assert np.array_equal(target.arguments[0], [1.0, 2.0]) and target.arguments[1] == 3
    assert target.argnums == 0 and target.function(*target.arguments) == 9.0


def test_arguments_by_name(file):
    target = load(f"{file}:g", ["x=[1, 2]", "y=2*pi"], "y")
    assert target.argnums == 1 and target.arguments[1] == 2 * np.pi


def test_a_point_of_its_own(file):
    target = load(f"{file}:g")
    assert target.arguments[1] == 3.0 and target.argnums == (1, 0)
    assert load(f"{file}:g", None, "0").argnums == 0
    assert load(f"{file}:Model.loss").arguments == (2.0,)


def test_a_module_in_the_current_folder(file):
    assert load("a_model_file:g").arguments[1] == 3.0


def test_an_expression_with_its_variables():
    target = load("x*y + z", ["y=2", "x=[1, 2]", "z=0.5"])
    assert target.function.variables == ("x", "y", "z") and target.argnums == (0, 1, 2)
    assert load("x*y", ["x=1", "y=2"], "y").argnums == 1
    assert load("x*y", ["x=1", "y=2"], "1,0").argnums == (1, 0)
    assert load("sin(x)", ["x=1"]).argnums == 0


@pytest.mark.parametrize("text, at, wrt, reason", [
    ("{file}:nothing", None, None, "it has f, g"),
    ("{file}:number", None, None, "not a function"),
    ("{file}:f", None, None, "has no point"),
    ("{file}:", None, None, "name the function"),
    ("{file}", None, None, "name the function"),
    ("{folder}/a_modle_file.py:f", None, None, "did you mean a_model_file.py"),
    ("{file}:f", ["1", "2"], None, "write one list"),
    ("{file}:g", ["y=1"], None, "x has no value"),
    ("{file}:g", None, "z", "neither a number"),
    ("no_such_module_here:f", None, None, "no module"),
    ("a_model_file.deeper:f", None, None, "no module"),
    ("x + y", ["x=1"], None, "y has no value"),
    ("x + y", ["x=1", "y=2", "z=3"], None, "does not occur"),
    ("x + y", ["x=1", "x=2", "y=3"], None, "given twice"),
    ("x + e", ["e=1", "x=2"], None, "is NumPy's"),
    ("x + y", ["[1, 2]"], None, "name=value"),
    ("1 + 2", None, None, "no variables"),
    ("x", ["x=1"], "y", "neither a number"),
])
def test_what_can_be_wrong_is_said(file, text, at, wrt, reason):
    with pytest.raises(TargetError, match=reason):
        load(text.format(file=file, folder=file.parent), at, wrt)


def test_refused_values_and_expressions_are_expression_errors(file):
    with pytest.raises(ExpressionError):
        load(f"{file}:f", ["[__import__('os')]"])
    with pytest.raises(ExpressionError):
        load("x[:1", None)


def test_an_error_in_the_file_is_the_users(tmp_path):
    path = tmp_path / "broken_model_file.py"
    path.write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        load(f"{path}:f")
    sys.modules.pop("broken_model_file", None)
