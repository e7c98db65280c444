"""The report in each form holds the same things: text, Markdown, HTML, JSON and back."""

import dataclasses
import html
import json
import re
from html.parser import HTMLParser
from typing import NamedTuple

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison import Comparison
from diffkit.errors import ComparisonError


class Pair(NamedTuple):
    left: object
    right: object


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def flipped(x):
    return dk.grad(rosenbrock)(x) * np.array([1.0, -1.0])


X = np.array([-1.2, 1.0])


def comparisons():
    yield "agree", dk.compare(rosenbrock, X)
    yield "wrong", dk.compare(rosenbrock, X, methods=("reverse", flipped, lambda x: np.zeros(3)))
    yield "kink", dk.compare(lambda x: np.sum(np.abs(x)), np.array([0.0, 1.0]), methods=("reverse", "central"))
    yield "vertical", dk.compare(np.sqrt, 0.0, methods=("reverse", "central"))
    yield "refused", dk.compare(lambda x: "<b>text</b> | `x`", 1.0)
    yield "containers", dk.compare(lambda p: (np.sum(p["w"] * 1j), p["b"] ** 2),
                                   {"w": np.ones((2, 2)), "b": 3.0}, methods=("forward", "central"))
    yield "named", dk.compare(lambda p: p.left * p.right, Pair(2.0, 3.0), methods=("reverse", "central"))
    yield "half", dk.compare(lambda x: np.sum(x**2), X.astype(np.float16), methods=("reverse", "central"))


ALL = dict(comparisons())


def plain_json(value):
    raise AssertionError(f"{value} is not strict JSON")


@pytest.mark.parametrize("name", ALL)
def test_json_is_strict_and_comes_back(name):
    comparison = ALL[name]
    text = comparison.to_json()
    data = json.loads(text, parse_constant=plain_json)
    assert data["kind"] == comparison.kind and data["agree"] is comparison.agree
    assert len(data["rows"]) == len(comparison.rows)
    again = Comparison.from_json(text)
    assert again.to_json() == text
    assert str(again) == str(comparison)
    assert again.findings == comparison.findings


def test_values_survive_json():
    again = Comparison.from_json(ALL["agree"].to_json())
    for row, original in zip(again.rows, ALL["agree"].rows):
        assert np.array_equal(row.value, original.value) and row.value.dtype == original.value.dtype
        assert dataclasses.replace(row, value=None) == dataclasses.replace(original, value=None)
    assert Comparison.from_json(ALL["vertical"].to_json()).row("central").error == np.inf
    half = Comparison.from_json(ALL["half"].to_json()).row("reverse").value
    assert half.dtype == np.float16


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": "diffkit comparison 1"}', '{"format": 3}'])
def test_other_json_is_refused(text):
    with pytest.raises(ComparisonError):
        Comparison.from_json(text)


@pytest.mark.parametrize("name", ALL)
def test_every_form_holds_verdict_and_rows(name):
    comparison = ALL[name]
    flat = " ".join(str(comparison).split())
    assert " ".join(comparison.verdict.split()) in flat
    page = comparison.to_html()
    assert html.escape(comparison.verdict) in page
    for row in comparison.rows:
        assert row.method in flat and html.escape(row.method) in page
        assert row.method.replace("<", "&lt;") in comparison.to_markdown()
        if row.note:
            assert " ".join(row.note.split()) in flat
    assert comparison.kind in repr(comparison)


def test_the_table_is_aligned_and_fits_eighty_columns():
    lines = ALL["agree"].table.splitlines()
    assert lines[0].split() == ["method", "derivative", "digits", "error", "f", "runs", "time", "/", "f"]
    assert max(map(len, lines)) <= 80
    ends = {len(line) for line in lines[2:]}
    assert len(ends) == 1, "the last column is right-aligned"
    column = lines[0].index("derivative")
    assert all(line[column - 2:column].strip() == "" and line[column] == "[" for line in lines[2:])


def test_text_has_no_escape_sequences():
    assert "\x1b" not in "".join(str(comparison) for comparison in ALL.values())


class Checker(HTMLParser):
    """Every tag is closed, and nothing points elsewhere."""

    def __init__(self):
        super().__init__()
        self.open, self.tags = [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not {"href", "src", "srcset", "onclick", "onload", "data", "action"} & {name for name, _ in attrs}
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", ALL)
def test_html_is_well_formed_and_stands_alone(name):
    for text in (ALL[name].to_html(), ALL[name]._repr_html_()):
        checker = Checker()
        checker.feed(text)
        assert checker.open == []
        assert not {"script", "link", "img", "iframe", "object"} & checker.tags
        assert not re.search(r"https?:|url\(|@import", text)
    assert ALL[name].to_html().startswith("<!DOCTYPE html>")


def test_html_and_markdown_escape_what_users_name():
    assert "<b>text" not in ALL["refused"].to_html() and "&lt;b&gt;text" in ALL["refused"].to_html()
    assert "<b>text" not in ALL["refused"].to_markdown()
    assert "<lambda>" not in ALL["wrong"].to_html()


def test_a_markdown_table_has_as_many_cells_in_every_row():
    rows = [line for line in ALL["wrong"].to_markdown().splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(ALL["wrong"].rows)
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}


def test_formulas_are_shown_for_small_programs():
    comparison = ALL["agree"]
    assert comparison.derivatives[1] == "df/dx1 = -200*x0**2 + 200*x1"
    assert "<math" in comparison.to_html() and comparison.latex[0]
    assert "df/dx1" in str(comparison)


def test_a_comparison_is_no_truth_value():
    with pytest.raises(TypeError, match=r"\.agree"):
        bool(ALL["agree"])
    with pytest.raises(KeyError):
        ALL["agree"].row("nobody")


def test_long_points_and_values_are_abridged():
    comparison = dk.compare(lambda x: np.sum(x**2), np.arange(1000.0), methods=("reverse",), referee=False)
    assert "array of shape (1000,)" in str(comparison) and len(str(comparison)) < 1500
    many = {f"layer{i}": np.ones(8) for i in range(9)}
    comparison = dk.compare(lambda p: sum(np.sum(v) for v in p.values()), many, methods=("reverse",), referee=False)
    assert "(9 arrays)" in str(comparison).splitlines()[0]


def test_digits_stand_below_each_other():
    """A sign, or a digit before the point, is seen at once."""
    result = dk.compare(lambda x: np.sum(x**3), np.array([0.5, 2.0]),
                        methods=("reverse", lambda x: -3 * x**2, lambda x: 30 * x**2))
    drawn = [re.search(r"\[.*\]", line)[0] for line in result.table.splitlines() if "[" in line]
    assert drawn == ["[ 0.75,  12]", "[-0.75, -12]", "[ 7.5,  120]", "[ 0.75,  12]", "[ 0.75,  12]"]
    assert "[0.75, 12]" in result.to_markdown() and result.row("reverse").abridged == "[0.75, 12]"
    assert result.to_html().count("[ 0.75,  12]") == 3
