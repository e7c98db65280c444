"""What the figures show: measured here against derivatives by hand, drawn as SVG that stands alone."""

import re
import time
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison import Comparison, figures
from diffkit.comparison.evidence import Graph, Operation, Taylor
from diffkit.comparison.evidence import Line as Drawn
from diffkit.comparison.formulas import mathml
from diffkit.comparison.graph_drawing import draw


def cubes(x):
    return np.sum(x**3)


def off(x):
    return 3 * x**2 * np.array([1.0, 1 + 1e-4])


X = np.array([0.7, 1.9])
WRONG = dk.compare(cubes, X, methods=("forward", "reverse", "central", off))


def line(comparison, name):
    return next(line for line in comparison.evidence.curve.lines if line.name == name)


def texts(svg):
    """What is written in a chart, in order; headings of axes come before the labels at lines."""
    tree = ElementTree.fromstring(svg)
    return [("".join(text.itertext()), text.get("class")) for text in tree.iter("text")]


def test_the_curve_is_the_formula_of_each_difference():
    curve = WRONG.evidence.curve
    assert curve.entry == "x[1]" and curve.relative
    assert abs(curve.reference - 3 * 1.9**2) < 1e-12
    for name, expected in (("central", lambda h: h**2 / (3 * 1.9**2)),
                           ("forward difference", lambda h: (3 * 1.9 * h + h**2) / (3 * 1.9**2)),
                           ("backward difference", lambda h: (3 * 1.9 * h - h**2) / (3 * 1.9**2))):
        seen = [(h, error) for h, error in zip(line(WRONG, name).x, line(WRONG, name).y) if h > 1e-2]
        assert len(seen) > 5
        for h, error in seen:
            assert abs(error / expected(h) - 1) < 1e-3
    fine = [error * h for h, error in zip(line(WRONG, "central").x, line(WRONG, "central").y) if h < 1e-9]
    assert max(fine) < 1e-14  # rounding over the step


def test_each_method_has_its_level():
    levels = {level.method: level for level in WRONG.evidence.curve.levels}
    assert abs(levels["off"].error / 1e-4 - 1) < 1e-6 and levels["off"].wrong
    assert levels["reverse"].error < 1e-15 and not levels["reverse"].wrong
    assert {"forward", "reverse", "central", "off", "referee"} == set(levels)


def test_errors_by_entry_name_the_entry():
    entries = WRONG.evidence.entries
    assert entries.names == ("x[0]", "x[1]") and entries.bin == 1
    wrong = next(line for line in entries.lines if line.name == "off")
    assert wrong.wrong and wrong.y[0] < 1e-15 and abs(wrong.y[1] / 1e-4 - 1) < 1e-6


def test_many_entries_are_drawn_as_the_worst_of_each_group():
    def f(x):
        return np.sum(np.sin(x))

    def g(x):
        found = np.cos(x)
        found[217] *= 2
        return found

    entries = dk.compare(f, np.linspace(0.1, 1, 250), methods=("reverse", "central", g)).evidence.entries
    assert entries.bin == 2 and len(entries.names) == 125 and entries.names[108] == "x[216]"
    worst = next(line for line in entries.lines if line.name == "g")
    assert [k for k, error in enumerate(worst.y) if error > 1e-3] == [108]


def test_taylor_slopes():
    taylor = WRONG.evidence.taylor
    slopes = dict(zip([line.name for line in taylor.lines], taylor.slopes))
    assert taylor.wanted == (1, 2, 3, 2)
    for wanted, slope in zip((1, 2, 3), taylor.slopes):
        assert abs(slope - wanted) < 0.05
    assert abs(slopes["f + off"] - 1) < 0.05
    flat = dk.compare(lambda x: 3 * x, 2.0, methods=("reverse", "central")).evidence.taylor
    assert flat.slopes[1:] == (None, None)


def test_remainders_are_labelled_by_what_they_are():
    """Each line says what was taken away, the slope that it has and the one that it should have."""
    drawn = [text for text, _ in texts(figures.remainders(WRONG.evidence.taylor))]
    for name, slope in (("f", "slope 1.00, expected 1"), ("f + gradient", "slope 2.00, expected 2"),
                        ("f + gradient + Hessian", "slope 3.00, expected 3"), ("f + off", "slope 1.00, expected 2")):
        assert drawn[drawn.index(name) + 1] == slope
    flat = dk.compare(lambda x: 3 * x, 2.0, methods=("reverse", "central")).evidence.taylor
    assert "exact, order 3" in [text for text, _ in texts(figures.remainders(flat))]


def test_a_wrong_rule_leaves_remainders_of_too_low_an_order():
    @dk.custom_vjp
    def cube(x):
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, g: (3.3 * x**2 * g,))
    taylor = dk.compare(lambda x: np.sum(cube(x)), np.array([0.3, 1.2])).evidence.taylor
    seen = {line.name: (line.wrong, wanted) for line, wanted in zip(taylor.lines, taylor.wanted)}
    assert seen == {"f": (False, 1), "f + gradient": (False, 2), "f + gradient + Hessian": (True, 3),
                    "f + forward": (True, 2)}  # reverse says the same


def test_small_numbers_share_a_power_of_ten():
    """-2.5·10⁻⁶ at every tick ran into the name of the axis."""
    profile = dk.compare(lambda x: np.abs(x) * 2, 0.0, methods=("reverse", "central")).evidence.profile
    near = texts(figures.beside(profile)[1])
    assert "f moves by (in 10⁻⁶)" in dict(near) and "x moves by (in 10⁻⁶)" in dict(near)
    assert all(len(text) < 5 for text, kind in near if kind == "tick")


def test_a_kink_is_shown_beside_the_point_and_in_the_graph():
    seen = dk.compare(lambda x: np.abs(x) * 2, 0.0, methods=("reverse", "central")).evidence
    assert seen.taylor is None
    for line_ in seen.profile.lines:
        assert np.allclose(line_.y, 2 * np.abs(line_.x), rtol=1e-12)
    assert [one.name for one in seen.graph.operations if one.mark == "kink"] == ["absolute"]


def test_the_graph_is_the_run():
    graph = dk.compare(cubes, X, methods=("reverse", "central")).evidence.graph
    assert [(one.name, one.mark) for one in graph.operations] == [("x", "input"), ("power", ""), ("sum", "result")]
    assert graph.operations[2].parents == (graph.operations[1].index,) and graph.omitted == 0
    assert graph.operations[1].source == "return np.sum(x**3)"
    assert re.fullmatch(r"test_evidence\.py:\d+", graph.operations[1].line)
    assert graph.operations[0].gradient == "[1.47, 10.83]"


def test_a_long_run_keeps_what_is_near():
    def f(x):
        for _ in range(60):
            x = np.sin(x)
        return np.abs(x)

    def g(x):
        y = np.abs(x)
        for _ in range(60):
            y = np.sin(y + x)
        return y

    last = dk.compare(f, 0.5, methods=("reverse", "central")).evidence.graph
    assert len(last.operations) == 36 and last.omitted == 26 and last.operations[-1].name == "absolute"
    kinked = dk.compare(g, 0.0, methods=("reverse", "central")).evidence.graph
    assert kinked.omitted > 0 and "kink" in {one.mark for one in kinked.operations}


def test_a_blamed_operation_is_red_and_said():
    run = Graph((Operation(0, "x", (), "2", "3", "", "", "input"),
                 Operation(1, "my_rule", (0,), "4", "1", "m.py:3", "y = my_rule(x)", "blamed")))
    drawn = ElementTree.fromstring(draw(run))
    blamed = next(node for node in drawn.iter("g") if node.get("class") == "node blamed")
    assert "m.py:3: y = my_rule(x)" in blamed.find("title").text
    assert any(edge.get("class") == "edge blamed" for edge in drawn.iter("path"))


def boxes(svg):
    return [(float(r.get("x")), float(r.get("y")), float(r.get("width")), float(r.get("height")))
            for r in ElementTree.fromstring(svg).iter("rect")]


def test_boxes_of_random_graphs_do_not_overlap():
    rng = np.random.default_rng(5)
    for _ in range(20):
        size = int(rng.integers(1, 30))
        run = Graph(tuple(Operation(k, f"op{k}", tuple(sorted({int(p) for p in rng.integers(0, k, 2)})) if k else (),
                                    "1", "", "", "") for k in range(size)))
        found = boxes(draw(run))
        assert len(found) == size
        for k, (x, y, width, height) in enumerate(found):
            assert x >= 0 and y >= 0
            for a, b, _, _ in found[:k]:
                assert abs(x - a) >= width or abs(y - b) >= height


def test_nothing_is_measured_until_somebody_looks():
    calls = []

    def f(x):
        calls.append(x)
        return x * x

    found = dk.compare(f, 3.0, methods=("reverse", "central"))
    before = len(calls)
    str(found), found.to_markdown()
    assert len(calls) == before
    first = found.evidence
    assert len(calls) > before and found.evidence is first
    assert all(np.shape(x) == () for x in calls)


def test_an_f_that_lives_at_one_point_only_has_a_page_without_curves():
    def f(x):
        if dk.value(x) != 2.0:
            raise ArithmeticError("only at 2")
        return x * x

    shown = dk.compare(f, 2.0, methods=("forward", "reverse"))
    assert not any(line.x for line in shown.evidence.curve.lines)
    assert "Error against step" not in shown.to_html() and shown.kind in shown.to_html()


def test_a_slow_f_is_not_asked_again():
    def f(x):
        time.sleep(0.04)
        return x * x

    evidence = dk.compare(f, 2.0, methods=("reverse",), referee=False).evidence
    assert evidence.curve is None and "150 evaluations" in evidence.notes[0]


def test_evidence_comes_back_from_json_and_gives_the_same_page():
    again = Comparison.from_json(WRONG.to_json())
    assert again.evidence == WRONG.evidence
    assert again.to_html() == WRONG.to_html()


class Texts(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found.append(tag)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'a"b', "a&b"])
def test_names_of_the_users_stay_text(name):
    page = dk.compare(lambda p: p[name] ** 2, {name: 3.0}).to_html()
    parser = Texts()
    parser.feed(page)
    assert "script" not in parser.found and "math" in parser.found


def test_formulas_with_cases_have_a_brace():
    import sympy
    x = sympy.Symbol("x")
    tree = ElementTree.fromstring(mathml(sympy.Piecewise((x + 1, x < 1), (x**2, True))))
    assert len(list(tree.iter("mtr"))) == 2 and "{" in "".join(tree.itertext())
    assert "".join(tree.itertext()).endswith("otherwise") and "x<1" in "".join(tree.itertext())


def test_an_axis_puts_powers_of_ten_where_they_belong():
    taylor = Taylor("u", (Drawn("f", "order", (1e-4, 1e-2, 1.0), (1e-8, 1e-4, 1.0)),), (2.0,), (2,))
    svg = ElementTree.fromstring(figures.remainders(taylor))
    points = [(float(c.get("cx")), float(c.get("cy"))) for c in svg.iter("circle")]
    along = [t for t in svg.iter("text") if t.get("class") == "tick" and t.get("text-anchor") == "middle"]
    at = {t.text: float(t.get("x")) for t in along}
    assert abs(at["10⁻²"] - points[1][0]) < 0.2 and abs(at["1"] - points[2][0]) < 0.2


def test_a_large_question_shows_its_projections_and_its_own_program():
    def f(x):
        return np.sum(np.sin(x) * x)

    def g(x):
        found = np.sin(x) + x * np.cos(x)
        found[1234] *= 1.01
        return found

    shown = dk.compare(f, np.linspace(0.1, 2, 3000), methods=("reverse", "central", g))
    evidence = shown.evidence
    assert shown.agree is False and evidence.curve.entry == "x[1234]"
    assert [one.name for one in evidence.graph.operations] == ["x", "sin", "multiply", "sum"]
    assert max(next(line for line in evidence.entries.lines if line.name == "g").y) > 5e-3


def test_an_f_that_hangs_beside_the_point_ends():
    def f(x):
        while dk.value(x) not in (2.0,) and not np.isclose(dk.value(x), 2.0, rtol=1e-5):
            pass
        return x * x

    shown = dk.compare(f, 2.0, methods=("reverse",), referee=False, budget=0.3)
    assert "no figures" in shown.evidence.notes[0] and "no figures" in shown.to_html()


def test_the_operation_that_is_blamed_is_marked():
    @dk.custom_vjp
    def soft(x):
        return np.log1p(np.exp(x))

    soft.defvjp(lambda x: (soft(x), x), lambda x, g: (0.9 * g / (1 + np.exp(-x)),))
    shown = dk.compare(lambda x: np.sum(soft(x) * x), np.array([0.3, 1.2]))
    blamed, = (one.name for one in shown.evidence.graph.operations if one.mark == "blamed")
    assert blamed.startswith("custom_vjp(") and blamed.endswith("soft)")
    assert shown.to_html().count('class="node blamed"') == 1
