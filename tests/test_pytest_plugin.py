"""The pytest plugin, run inside pytest on small suites of its own."""

import importlib.metadata
import os
import pathlib
import re
import subprocess
import sys

import hypothesis.extra.pytestplugin  # noqa: F401  like NumPy, below: loaded once
import pytest
from browser import measure

import diffkit
import diffkit.testing.page  # NumPy too is loaded before pytester takes its snapshot: it can't be loaded twice

pytest_plugins = ["pytester"]

#: Where diffkit is installed, pytest has found the plugin by itself.
INSTALLED = any(entry.value == "diffkit.pytest_plugin" for entry in importlib.metadata.entry_points(group="pytest11"))
PLUGIN = ("-p", "no:cacheprovider", *(() if INSTALLED else ("-p", "diffkit.pytest_plugin")))
ROOT = str(pathlib.Path(diffkit.__file__).parent.parent)


@pytest.fixture(autouse=True)
def _in_the_path_of_subprocesses(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")])))


def suite(pytester, text):
    pytester.makepyfile("import numpy as np, diffkit as dk\nfrom diffkit.testing import check_gradients as check\n"
                        + text)


MIXED = """
def f(x):
    return np.sum(np.sin(x))

def test_right(check_gradients):
    check_gradients(f, np.array([0.5, 1.0]), order=1)

def test_wrong(assert_gradients_agree):
    assert_gradients_agree(f, np.array([0.5, 1.0]), methods=("reverse", np.sin))

def test_imported():
    check(f, 0.3, order=1)

def test_other():
    assert True
"""


def test_a_failure_prints_the_report(pytester):
    suite(pytester, MIXED)
    result = pytester.runpytest(*PLUGIN)
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*GradientMismatchError: f at x = *0.5, 1]: wrong: first order",
                                 "*sin is wrong (reverse and central agree with the referee)*"])
    # The traceback ends in the user's test, not inside diffkit.
    assert "checking.py" not in result.stdout.str().split("short test summary")[0].split("report")[0]


def test_the_page_collects_every_check_of_the_run(pytester):
    suite(pytester, MIXED)
    result = pytester.runpytest(*PLUGIN, "--gradients=out/report.html")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["gradients: 3 checks, 2 right, 1 wrong, 0 open, written to out*report.html"])
    page = (pytester.path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and page.count("<details") == 3
    assert page.index("::test_wrong") < page.index("::test_right")
    assert "::test_imported" in page and "::test_other" not in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "<script" not in page


def test_the_page_in_a_browser(pytester, tmp_path):
    suite(pytester, MIXED)
    pytester.runpytest(*PLUGIN, "--gradients=report.html")
    seen, console = measure((pytester.path / "report.html").read_text(encoding="utf-8"), tmp_path)
    assert console == [] and seen["over"] <= 0
    assert seen["outside"] == [] and seen["overlaps"] == [] and seen["flat"] == []
    assert seen["open"] == 1 and seen["charts"] >= 3  # what is wrong is open, and drawn
    assert "3 checks" in " ".join(seen["text"].split()) and "DISAGREE" in seen["text"]


PROPERTIES = """
from hypothesis import given, settings, strategies as st
few = settings(derandomize=True, database=None, deadline=None, max_examples=25)

def cube(x):
    return x**3

@few
@given(st.floats(-100.0, 100.0))
def test_shrinks(x):
    dk.testing.assert_gradients_agree(cube, x, methods=("reverse", lambda x: 3 * x**2 + (x > 5)))

class TestGroup:
    @few
    @given(st.floats(1.0, 2.0))
    def test_holds(self, x):
        check(cube, x, order=1)

def test_a_loop():
    for x in (1.0, 2.0):
        check(cube, x, order=1)
"""


def test_of_a_property_the_smallest_failure_stands_on_the_page(pytester):
    """Shrinking makes hundreds of wrong reports, of which the last is the one to read."""
    suite(pytester, PROPERTIES)
    result = pytester.runpytest(*PLUGIN, "--gradients=report.html")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["gradients: 4 checks, 3 right, 1 wrong, 0 open, written to *"])
    page = (pytester.path / "report.html").read_text(encoding="utf-8")
    wrong, right, *loop = re.findall("<summary>.*?</summary>", page)
    # At 4 it is right, and wrong at 5.53, which is asked as well.
    assert "::test_shrinks" in wrong and "cube at x = 4<br>" in wrong
    count = re.search(r"(\d+) of (\d+) examples wrong, this the last and smallest", wrong)
    assert 1 < int(count[1]) < int(count[2])
    assert "::TestGroup::test_holds" in right and "<br>the last of 25 examples" in right
    assert len(loop) == 2 and all("::test_a_loop" in one and "examples" not in one for one in loop)


def test_fixtures_may_be_used_under_given(pytester):
    """Hypothesis refuses fixtures that are made anew for each test: it runs one test many times."""
    suite(pytester, """
from hypothesis import given, settings, strategies as st

@settings(derandomize=True, database=None, deadline=None, max_examples=3)
@given(x=st.floats(0.5, 2.0))
def test_log(check_gradients, assert_gradients_agree, x):
    check_gradients(np.log, x, order=1)
    assert_gradients_agree(np.log, x, methods=("reverse", "central"))
""")
    pytester.runpytest(*PLUGIN).assert_outcomes(passed=1)


def test_an_empty_run_writes_an_empty_page(pytester):
    suite(pytester, "def test_nothing():\n    pass\n")
    pytester.runpytest(*PLUGIN, "--gradients=report.html").assert_outcomes(passed=1)
    assert "0 checks" in (pytester.path / "report.html").read_text()


def test_without_use_nothing_is_imported(pytester):
    pytester.makepyfile("import sys\n\ndef test_light():\n    assert 'diffkit.transforms' not in sys.modules\n"
                        "    assert 'numpy' not in sys.modules\n")
    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)


def test_loading_the_plugin_imports_pytest_alone():
    code = ("import sys, pytest; before = set(sys.modules); import diffkit.pytest_plugin; "
            "print(*sorted(set(sys.modules) - before))")
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.split() == ["diffkit", "diffkit.pytest_plugin"]


def test_a_check_under_warnings_as_errors_says_so(pytester):
    suite(pytester, "def test_open(check_gradients):\n    check_gradients(lambda x: np.floor(x * 1000), 1.2345)\n")
    result = pytester.runpytest(*PLUGIN, "-W", "error::diffkit.testing.GradientWarning")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*GradientWarning: *can't be said: first order PIECEWISE-CONSTANT*"])


def test_reports_of_workers_reach_the_controller():
    """What pytest-xdist would do, without it: a worker hands over, the controller gathers."""
    from diffkit.testing.page import Collector

    class Config:
        def getoption(self, name):
            return "unused.html"

    class Node:
        workeroutput = {"diffkit_gradients": [{"agree": True}]}  # noqa: RUF012

    worker, controller = Collector(Config()), Collector(Config())
    worker.config.workeroutput = {}
    worker.entries = [{"agree": True}]
    worker.pytest_sessionfinish(None)
    assert worker.config.workeroutput == {"diffkit_gradients": [{"agree": True}]}
    controller.pytest_testnodedown(Node(), None)
    controller.pytest_testnodedown(object(), "crashed")
    assert controller.entries == [{"agree": True}]


@pytest.mark.parametrize("name", ["check_gradients", "assert_gradients_agree"])
def test_fixtures_are_the_functions(pytester, name):
    suite(pytester, f"def test_same({name}):\n    assert {name} is dk.testing.{name}\n")
    pytester.runpytest(*PLUGIN).assert_outcomes(passed=1)
