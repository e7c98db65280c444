"""The command line: what it prints, where, and its exit codes."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import diffkit
from diffkit.cli import main

ROOT = Path(__file__).parent.parent
SOURCE = """
import numpy as np

def rosen(x):
    return np.sum(100 * (x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)

rosen.point = (np.array([-1.2, 1.0]),)

def mine(x):
    return np.array([-215.6, 88.0])

def broken(x):
    if x > 0:
        raise RuntimeError("the sensor is off")
    return x

def text(x):
    return "text"
"""


@pytest.fixture()
def file(tmp_path, monkeypatch):
    path = tmp_path / "cli_model_file.py"
    path.write_text(SOURCE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield str(path)
    sys.modules.pop("cli_model_file", None)


def test_agreement_is_0_and_shows_the_formulas(capsys):
    assert main(["compare", "sin(x*y) + exp(x)/y", "--at", "x=1.2", "y=0.7"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for method in ("forward", "reverse", "symbolic", "central", "complex-step", "referee"):
        assert method in out
    assert "AGREE:" in out and "df/dy = x*cos(x*y) - exp(x)/y**2" in out and "\x1b" not in out


def test_disagreement_is_1_and_names_the_culprit(file, capsys):
    assert main(["compare", f"{file}:rosen", "--methods", "reverse,central,mine"]) == 1
    out, _ = capsys.readouterr()
    assert "DISAGREE: mine is wrong" in out and "the sign" in out and "x[1]" in out


@pytest.mark.parametrize("arguments, reason", [
    (["floor(x)", "--at", "x=2", "--methods", "reverse,central"], "JUMP"),
    (["x**2", "--at", "x=2", "--methods", "reverse", "--no-referee"], "one family"),
    (["log(x)", "--at", "x=nan"], "REFUSED"),
    (["(1-cos(x))/x**2", "--at", "x=1e-8", "--methods", "reverse,central"], "ILL-CONDITIONED"),
])
def test_what_cannot_be_compared_is_2_with_the_reason_on_stderr(arguments, reason, capsys):
    assert main(["compare", *arguments]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("arguments, reason", [
    (["nowhere.py:f"], "no file nowhere.py"),
    (["x + y", "--at", "x=1"], "y has no value"),
    (["__import__('os').getcwd()"], "attributes are not allowed"),
    (["x**2", "--at", "x=(lambda: 1)()"], "lambdas"),
    (["x**2", "--at", "x=1", "--methods", "reverse,sideways"], "'sideways' is not one of"),
    (["x**2", "--at", "x=1", "--wrt", "7"], "argnums=7"),
    (["x**2", "--at", "x=1", "--digits", "3"], "20 to 1000"),
    (["x**2", "--at", "x='a'"], "can't be differentiated"),
    (["x**2", "--at", "x=1", "--html", "/nowhere/at/all.html", "--methods", "reverse,central"], "can't be written"),
    (["x**2", "--at", "x=1", "--digits", "many"], "invalid int"),
    (["x**2", "--at", "x=1", "--budget", "0"], "leaves no time"),
    (["x**2", "--sideways"], "unrecognized"),
    ([], "TARGET"),
])
def test_what_a_user_gets_wrong_is_2_in_one_message(arguments, reason, capsys):
    assert main(["compare", *arguments]) == 2
    out, err = capsys.readouterr()
    assert reason in err and "Traceback" not in err and out == ""


def test_an_exception_of_the_users_shows_type_message_and_line(file, capsys):
    assert main(["compare", f"{file}:broken", "--at", "[1.0]"]) == 2
    err = capsys.readouterr().err
    assert "RuntimeError: the sensor is off" in err
    assert f"{file}:14" in err and 'raise RuntimeError("the sensor is off")' in err and "Traceback" not in err


def test_a_file_that_does_not_parse_shows_its_line(tmp_path, capsys):
    path = tmp_path / "unparsable_file.py"
    path.write_text("x = 1\ndef f(:\n")
    assert main(["compare", f"{path}:f", "--at", "1"]) == 2
    err = capsys.readouterr().err
    assert "SyntaxError" in err and f"{path}:2" in err
    sys.modules.pop("unparsable_file", None)


def test_text_is_refused_by_name(file, capsys):
    assert main(["compare", f"{file}:text", "--at", "1.0"]) == 2
    assert "'text' (str), which is not a number" in capsys.readouterr().err


def test_files_are_written(file, tmp_path, capsys):
    paths = [tmp_path / name for name in ("out.json", "out.md", "out.html")]
    assert main(["compare", f"{file}:rosen", "--methods", "reverse,central", "--json", str(paths[0]), "--markdown",
                 str(paths[1]), "--html", str(paths[2])]) == 0
    data = json.loads(paths[0].read_text())
    assert data["kind"] == "AGREE" and data["function"] == "rosen" and data["agree"] is True
    assert paths[1].read_text().startswith("### rosen at") and paths[2].read_text().startswith("<!DOCTYPE html>")
    assert "reverse" in capsys.readouterr().out


def test_json_alone_on_stdout(capsys):
    assert main(["compare", "x**2", "--at", "x=3", "--methods", "reverse,central", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "AGREE"


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"diffkit {diffkit.__version__}\n"
    assert main(["compare", "--help"]) == 0
    out = capsys.readouterr().out
    assert "exit codes" in out and 'diffkit compare "sin(x*y) + exp(x)/y" --at x=1.2 y=0.7' in out
    assert main([]) == 2


def test_as_a_command_in_a_pipe_of_eighty_columns():
    """Plain, complete and not cropped; the exit code reaches the shell."""
    run = subprocess.run(
        [sys.executable, "-m", "diffkit", "compare", "comparisons/scenarios.py:max_pool", "--methods",
         "forward,reverse,central"],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=60,
        env={"COLUMNS": "80", "PYTHONPATH": str(ROOT), "PATH": "", "PYTHONIOENCODING": "utf-8"})
    assert run.returncode == 0, run.stderr
    assert "\x1b" not in run.stdout and "KINK" in run.stdout and "x[2], x[3]" in run.stdout
    assert "time / f" in run.stdout and "…" not in run.stdout.replace("… -", "").replace("… (", "")


def test_junit_says_what_a_ci_needs(file, tmp_path, capsys):
    path = tmp_path / "outcome.xml"
    assert main(["compare", "sin(x*y)", "--at", "x=1", "y=2", "--junit", str(path)]) == 0
    suite = ElementTree.parse(path).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "0", "0")
    assert suite.find("testcase").get("name") == "sin(x*y)"
    capsys.readouterr()
    assert main(["compare", f"{file}:rosen", "--at", "[[-1.2, 1.0]]", "--methods", "reverse,central,mine",
                 "--junit", "-"]) == 1
    alone = ElementTree.fromstring(capsys.readouterr().out)
    assert alone.get("failures") == "1" and "mine" in alone.find("testcase/failure").get("message")


def test_compare_reads_the_mark_of_check(tmp_path, capsys):
    path = tmp_path / "marked.py"
    path.write_text("import numpy as np\nimport diffkit as dk\n\n\n@dk.testing.checked(at=(2.0, 3), argnums=0)\n"
                    "def power(x, n):\n    return x**n\n")
    assert main(["compare", f"{path}:power", "--methods", "reverse,central"]) == 0
    assert "power at x = 2 is 8" in capsys.readouterr().out


def test_an_expression_outside_its_domain_says_so_once(capsys):
    assert main(["compare", "log(x)", "--at", "x=-1"]) == 2  # a warning would be an error here, and another text
    assert "f is nan at this point" in capsys.readouterr().err
