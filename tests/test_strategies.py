"""Strategies: what they draw lies where they say, and shrinks to what is minimal."""

import doctest
import math
import os
import pathlib
import subprocess
import sys
import tomllib

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import Phase, find, given, settings

import diffkit as dk
from diffkit.errors import InputError
from diffkit.rules import TABLE
from diffkit.rules.domains import NONZERO, POSITIVE, REAL, UNIT, Domain, above, except_every
from diffkit.strategies import Program, arguments, arrays, dtypes, numbers, programs, shapes
from diffkit.strategies.drawn_programs import operations

quick = settings(max_examples=40, deadline=None, derandomize=True, database=None)
# One example is enough: making it smaller may take Hypothesis minutes, depending on what else is imported.
some = settings(quick, max_examples=500, phases=[Phase.generate])
DOMAINS = [REAL, POSITIVE, NONZERO, UNIT, above(1), Domain("x < 2", high=2.0),
           except_every(math.pi, math.pi / 2, "off the poles")]


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numbers_keep_their_distance(domain, dtype):
    @quick
    @given(numbers(domain, dtype=dtype, margin=0.05))
    def inside(x):
        assert dtype(x) == x and abs(x) <= 100
        assert domain.low + 0.049 <= x <= domain.high - 0.049
        for point in domain.avoid:
            if isinstance(point, tuple):
                assert abs(math.remainder(x - point[2], point[1])) >= 0.049
            else:
                assert abs(x - point) >= 0.05

    inside()


def test_kinks_are_hit_and_approached():
    exact = find(numbers(NONZERO, kinks=True), lambda x: x == 0.0, settings=some)
    near = find(numbers(NONZERO, kinks=True), lambda x: 0 < abs(x) < 1e-6, settings=some)
    assert exact == 0.0 and near != 0.0


def test_signed_zeros_are_drawn():
    assert math.copysign(1, find(numbers(zeros=True), lambda x: x == 0 and math.copysign(1, x) < 0,
                                 settings=some)) == -1
    @quick
    @given(numbers(POSITIVE, zeros=True))
    def never_outside(x):
        assert x > 0
    never_outside()


@quick
@given(arrays(dtype=dtypes(half=True), shape=shapes(max_side=2)))
def test_arrays_have_the_shape_and_type(x):
    assert isinstance(x, np.ndarray) and x.dtype in (np.float16, np.float32, np.float64)
    assert np.isfinite(x).all() and all(side in (1, 2) for side in x.shape)


def test_ties_repeat():
    @quick
    @given(arrays((6,), ties=True))
    def tied(x):
        assert len(np.unique(x)) <= 3
    tied()


@pytest.mark.parametrize("name", ["log", "arctan2", "arccosh", "power", "tan"])
def test_arguments_lie_in_the_rows_domains(name):
    @quick
    @given(arguments(name))
    def inside(args):
        assert len(args) == len(TABLE[name].domain)
        assert len({arg.shape for arg in args}) == 1
        assert all(np.all(domain.contains(arg)) for domain, arg in zip(TABLE[name].domain, args))
        assert np.isfinite(TABLE[name].fun(*(np.asarray(arg) / 50 if name == "power" else arg for arg in args))).all()

    inside()
    assert str(arguments(getattr(np, name)))


@pytest.mark.parametrize("what", [np.sum, "no such row", np.linalg.inv])
def test_arguments_of_what_has_no_domain_are_refused(what):
    with pytest.raises(InputError, match="no elementwise row"):
        arguments(what)


@pytest.mark.parametrize("ask, said", [
    (lambda: numbers("positive"), "domain='positive' is no domain"),
    (lambda: arrays((2,), np.log), "is no domain"),
    (lambda: arrays(dtype=int), "is no real floating type"),
    (lambda: numbers(dtype="floot"), "is no real floating type"),
    (lambda: numbers(dtype=complex), "the parts: two arrays"),
    (lambda: programs(names=["sinn"]), "no smooth operation 'sinn'"),
    (lambda: programs(names=["absolute"]), "kinks=True"),
    (lambda: programs(names=[]), "no operation is left"),
])
def test_what_cannot_be_drawn_is_refused_where_it_is_asked(ask, said):
    """Not when the first example is drawn, by an error from inside Hypothesis."""
    with pytest.raises(InputError) as caught:
        ask()
    assert said in str(caught.value)


def test_an_impossible_domain_is_refused():
    with pytest.raises(InputError, match="no number lies in"):
        numbers(UNIT, margin=2.0)


@quick
@given(programs(kinks=True))
def test_a_programs_source_is_what_it_computes(program):
    found = eval(program.source, {"np": np, "x": program.point})
    assert np.array_equal(found, program(program.point)) and np.isfinite(found)


@settings(quick, max_examples=30)
@given(programs())
def test_random_programs_are_differentiated_rightly(program):
    result = dk.compare(program, program.point, methods=("forward", "reverse"))
    assert result.agree is True, result.verdict


@settings(quick, max_examples=10)
@given(programs(max_steps=3, max_size=2))
def test_random_programs_have_right_second_derivatives(program):
    assert dk.testing.check_gradients(program, program.point).agree is True


def test_operations_come_from_the_table():
    smooth, rough = {o.name for o in operations()}, {o.name for o in operations(kinks=True)}
    assert {"sin", "log", "arctan2", "logaddexp"} <= smooth and len(smooth) >= 35
    assert {"absolute", "maximum", "sort"} <= rough - smooth


def test_a_planted_error_shrinks_to_one_operation_and_one_number():
    """A program is 'differentiated' with cos'(x) = sin(x): the smallest counterexample has one cos.

    In a process of its own: how long Hypothesis takes depends on all that is imported beside it.
    """
    code = """
import numpy as np, diffkit as dk
from hypothesis import find, settings
from diffkit.strategies import programs

def fails(program):
    x = program.point
    right = dk.grad(program)(x)
    with_error = right * (-1 if "np.cos(" in program.source else 1)
    return not np.allclose(with_error, right)

once = settings(max_examples=2000, deadline=None, derandomize=True, database=None)
smallest = find(programs(), fails, settings=once)
print(smallest.source.count("np."), "np.cos(x)" in smallest.source, smallest.point)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "True", "[1.]"]


def test_hypothesis_finds_the_strategy_by_type():
    @quick
    @given(st.from_type(Program))
    def drawn(program):
        assert isinstance(program, Program) and program.source in repr(program)
    drawn()


def test_hypothesis_loads_the_registration_by_its_entry_point_and_nothing_heavy(tmp_path):
    root = pathlib.Path(__file__).parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = project["entry-points"]["hypothesis"]
    folder = tmp_path / "diffkit-0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: diffkit\nVersion: 0\n")
    (folder / "entry_points.txt").write_text("[hypothesis]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))
    code = """
import sys, hypothesis, hypothesis.strategies as st
print("diffkit.strategies" in sys.modules, "numpy" in sys.modules, "diffkit.rules" in sys.modules)
program = sys.modules["diffkit.strategies"].Program
print(hypothesis.find(st.from_type(program), lambda p: True, settings=hypothesis.settings(database=None)))
"""
    path = os.pathsep.join([str(tmp_path), str(root), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True,
                          text=True)
    first, second = done.stdout.splitlines()
    assert first == "True False False", done.stderr
    assert second.startswith("Program(lambda x: ")


def test_the_page_on_property_tests_runs():
    page = pathlib.Path(__file__).parent.parent / "docs" / "property_tests.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried > 15 and failed == 0


def test_strategies_may_be_imported_before_hypothesis(tmp_path):
    """Hypothesis runs the entry point while it is imported, here by the very module that the entry point names."""
    installed = tmp_path / "diffkit_as_installed-0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: diffkit\nVersion: 0\n")
    (installed / "entry_points.txt").write_text("[hypothesis]\ndiffkit = diffkit.strategies:register\n")
    program = f"import sys; sys.path.append({str(tmp_path)!r}); from diffkit import strategies"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
