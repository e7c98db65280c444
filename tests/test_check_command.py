"""diffkit check: exit codes, text, JSON and JUnit."""

import argparse
import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from diffkit.testing.command import add_parser

HEAD = "import numpy as np\nimport diffkit as dk\nchecked = dk.testing.checked\n"
RIGHT = HEAD + """
@checked(at=np.array([0.3, 1.2]))
@checked(at=lambda: (np.ones(2),), order=1)
def energy(x):
    return np.sum(x**3)

def pointed(x):
    return np.sin(x)
pointed.point = 0.5

def unmarked(x):
    raise RuntimeError
"""
WRONG = RIGHT + """
@checked(at=np.array([0.3, 1.2]), methods=[lambda x: 2 * x**2], order=1)
def planted(x):
    return np.sum(x**3)
"""
OPEN = HEAD + """
@checked(at=1.2345)
def stairs(x):
    return np.floor(x * 1000)

@checked(at=0.0)
def raising(x):
    raise KeyError("mine <&>")
"""


@pytest.fixture
def check(tmp_path, capsys):
    def run(text, *options, name="model_under_check.py"):
        path = tmp_path / name
        path.write_text(text)
        parser = argparse.ArgumentParser()
        add_parser(parser.add_subparsers())
        chosen = parser.parse_args(["check", str(path), *options])
        code = chosen.run(chosen)
        out, err = capsys.readouterr()
        return code, out, err
    return run


def test_all_right_is_zero(check):
    code, out, err = check(RIGHT)
    assert code == 0 and not err
    assert out.count("right  ") == 3 and "energy #1" in out and "pointed" in out and "unmarked" not in out
    assert out.splitlines()[-1] == "3 checked: 3 right, 0 wrong, 0 open"
    assert check(RIGHT, "--quiet")[1].splitlines() == ["3 checked: 3 right, 0 wrong, 0 open"]


def test_a_wrong_gradient_is_one_and_printed(check):
    code, out, _ = check(WRONG)
    assert code == 1 and "WRONG" in out and "where the referee says" in out


def test_what_cannot_be_said_is_two_and_strict_is_one(check):
    code, out, _ = check(OPEN)
    assert code == 2 and "PIECEWISE-CONSTANT" in out and "raised KeyError: 'mine <&>'" in out
    assert check(OPEN, "--strict")[0] == 1


@pytest.mark.parametrize("text, said", [
    ("x = 1\n", "no function is marked"), ("def f(:\n", "SyntaxError"),
    ("import nothing_of_this_name\n", "No module"),
])
def test_nothing_to_check_is_two(check, text, said):
    code, _, err = check(text)
    assert code == 2 and said in err


def test_json_and_junit(check, tmp_path):
    code, _, _ = check(WRONG + OPEN.removeprefix(HEAD), "--json", str(tmp_path / "r.json"), "--junit",
                       str(tmp_path / "r.xml"))
    assert code == 1
    checks = json.loads((tmp_path / "r.json").read_text())["checks"]
    assert [c["agree"] for c in checks] == [True, True, True, False, None, None]
    assert checks[3]["data"]["comparisons"]["first order"]["agree"] is False
    suite = ElementTree.parse(tmp_path / "r.xml").getroot()
    assert suite.attrib["tests"] == "6" and suite.attrib["failures"] == "1" and suite.attrib["errors"] == "2"
    assert len(suite.findall("testcase/failure")) == 1 and len(suite.findall("testcase/error")) == 2
    assert "mine <&>" in suite.findall("testcase/error")[1].text


def test_a_page_for_people(check, tmp_path):
    code, _, _ = check(WRONG + OPEN.removeprefix(HEAD), "--html", str(tmp_path / "r.html"), "--json",
                       str(tmp_path / "r.json"))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert code == 1 and page.startswith("<!DOCTYPE html>") and "<script" not in page
    names = re.findall(r"<summary>.*?<code>[^<]*:(\w+)", page)
    assert names[0] == "planted" and set(names[1:3]) == {"stairs", "raising"} and len(names) == 6
    assert "mine &lt;&amp;&gt;" in page and "<svg" in page
    assert "html" not in json.loads((tmp_path / "r.json").read_text())["checks"][0]


def test_json_alone_on_stdout(check):
    code, out, _ = check(RIGHT, "--json", "-")
    assert code == 0 and len(json.loads(out)["checks"]) == 3


def test_one_function_and_an_order(check, tmp_path, capsys):
    check(RIGHT)
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    path = tmp_path / "model_under_check.py"
    chosen = parser.parse_args(["check", f"{path}:pointed", "--order", "3"])
    assert chosen.run(chosen) == 0 and "third order" in capsys.readouterr().out
    missing = parser.parse_args(["check", f"{path}:nothing"])
    assert missing.run(missing) == 2


def test_it_is_a_command_of_diffkit(tmp_path, capsys):
    from diffkit.cli import main

    path = tmp_path / "another_model_under_check.py"
    path.write_text(WRONG)
    assert main(["check", str(path), "--quiet"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("WRONG") and "4 checked: 3 right, 1 wrong, 0 open" in out
    assert main(["check"]) == 2
    assert main(["check", "--help"]) == 0
    assert "exit codes: 0 all right" in capsys.readouterr().out


def test_a_script_that_exits_at_import_is_not_checked(check):
    """sys.exit(0) at the end of a script ended the check with 0: nothing checked, all green."""
    code, _, err = check(RIGHT + "\nimport sys\nsys.exit(0)\n")
    assert code == 2 and "sys.exit(0)" in err and "__main__" in err


def test_a_function_that_exits_is_open_and_the_others_have_their_turn(check):
    code, out, _ = check(HEAD + "@checked(at=1.0)\ndef leaving(x):\n    raise SystemExit(0)\n" + RIGHT)
    assert code == 2 and "raised SystemExit: 0" in out and "3 right" in out


def test_a_syntax_error_is_shown_where_it_is(check):
    code, _, err = check("def f(x: return\n")
    assert code == 2 and "model_under_check.py:1" in err and "frozen" not in err


def test_a_budget_ends_what_never_returns(check):
    code, out, *_ = check(HEAD + "import time\n\n@checked(at=1.0)\ndef endless(x):\n    time.sleep(1000)\n",
                          "--budget", "0.2", name="endless_model.py")
    assert code == 2 and "f did not return within 0.2 s" in out
