"""The report as a real browser draws it: labels inside their figures, formulas drawn, nothing over the edge."""

import dataclasses

import numpy as np
import pytest
from browser import measure

import diffkit as dk
from diffkit.comparison.evidence import Graph, Operation
from diffkit.comparison.page import document, fragment


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def a_gradient_with_a_rather_long_name(x):
    return dk.grad(rosenbrock)(x) * np.where(np.arange(x.size) == 1, -1.0, 1.0)


def layers(x):
    for scale in (1.0, 2.0, 3.0):
        x = np.tanh(scale * x + np.sum(x**2))
    return np.maximum(x, 0.1) * np.array([1e-7, 1.0, 1e9])


def reports():
    x = np.array([-1.2, 1.0])
    yield dk.compare(rosenbrock, x)
    yield dk.compare(rosenbrock, np.linspace(0.5, 2, 60), methods=("forward", "reverse", "central",
                                                                    a_gradient_with_a_rather_long_name))
    yield dk.compare(lambda x: np.sum(np.abs(x)), np.array([0.0, 1.0]), methods=("reverse", "central"))
    yield dk.compare(lambda x: np.where(x > 1.0, x + 1, x**2), 1.0)
    yield dk.compare(layers, np.array([0.1, -0.2, 0.3]), methods=("forward", "reverse", "central"))
    yield dk.compare(lambda x: (1 - np.cos(x)) / x**2, 1e-8)
    yield dk.compare(np.sqrt, 0.0, methods=("reverse", "central"))
    yield dk.compare(lambda x: "text", 1.0)
    wrong = dk.compare(lambda x: np.sum(np.sin(x)), x, methods=("reverse", "central", lambda x: np.sin(x)))
    graph = Graph((Operation(0, "x", (), "1", "", "", "", "input"), Operation(1, "sin", (0,), "0.8", "2", "m.py:3",
                                                                              "y = np.sin(x)", "blamed")))
    evidence = dataclasses.replace(wrong.evidence, graph=graph)
    yield dataclasses.replace(wrong, measure=lambda: evidence)


@pytest.fixture(scope="module")
def everything():
    return [*reports()]


@pytest.fixture(scope="module")
def all_on_one_page(everything):
    return document("reports", "".join(fragment(report, "page", style=False) for report in everything))


def test_a_wide_page_in_the_light(everything, all_on_one_page, tmp_path):
    seen, console = measure(all_on_one_page, tmp_path)
    assert console == []
    assert seen["outside"] == [] and seen["overlaps"] == [] and seen["wide"] == [] and seen["flat"] == []
    assert seen["charts"] > 25 and seen["maths"] == seen["drawn"] > 6
    assert seen["over"] <= 0
    assert seen["background"] == "rgb(255, 255, 255)"
    colours = {True: "rgb(26, 127, 55)", False: "rgb(207, 34, 46)", None: "rgb(154, 103, 0)"}
    assert seen["tones"] == [colours[report.agree] for report in everything]
    assert seen["blamed"] == ["rgb(207, 34, 46)"]
    flat = " ".join(seen["text"].split())
    for report in everything:
        assert " ".join(report.verdict.split()) in flat
        assert all(row.method in flat for row in report.rows)


def test_a_phone_in_the_dark(all_on_one_page, tmp_path):
    seen, console = measure(all_on_one_page, tmp_path, width=500, dark=True)
    assert console == []
    assert seen["over"] <= 0 and seen["outside"] == [] and seen["overlaps"] == []
    assert seen["background"] == "rgb(13, 17, 23)" and seen["ink"] == "rgb(230, 237, 243)"


def test_what_is_measured_can_fail(tmp_path):
    page = document("bad", '<div class="diffkit"><svg viewBox="0 0 100 60" width="200"><text x="90" y="20">too long'
                    '</text><text x="95" y="24">over it</text></svg><p style="width: 3000px">wide</p></div>'
                    '<script>console.error("planted")</script>')
    seen, console = measure(page, tmp_path)
    assert seen["outside"] and seen["overlaps"] and seen["over"] > 0
    assert len(console) == 1 and "planted" in console[0]
