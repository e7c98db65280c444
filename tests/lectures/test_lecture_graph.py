"""The drawn graph: values forward, gradients on every edge, and the command that shows it."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot

from diffkit.cli import main
from diffkit.lectures import EXAMPLES, draw, graph, plot

NINE = next(example for example in EXAMPLES if example.name == "nine-weights")
DRAWN = graph(NINE.steps, *NINE.steps_point)


def test_values_and_gradients_of_the_slide():
    values = {"i1": 4, "i2": -3, "i3": 5, "h1": 4, "h2": 0, "h3": 5, "o": 6, "L": 9}
    slopes = {"o": 6, "w7": 24, "w8": 0, "w9": 30, "w1": -6, "w2": -12, "w3": 0, "w4": 0, "w5": 12, "w6": 24,
              "h1": -6, "h2": 18, "h3": 12, "i1": -6, "i2": 0, "i3": 12, "x1": 0, "x2": 18}
    assert {name: float(DRAWN[name].value) for name in values} == values
    assert {name: float(DRAWN[name].gradient) for name in slopes} == slopes


def test_branches_add():
    box = DRAWN["x1"]
    edges = [float(gradient) for user in DRAWN.boxes for parent, gradient in zip(user.parents, user.along)
             if parent is box]
    assert box.users == 3 and sorted(edges) == [-12.0, 0.0, 12.0]


def test_every_input_of_every_example_gets_its_gradient():
    for example in EXAMPLES:
        boxes = graph(example.function, *example.point).boxes
        found = [box.gradient for box in boxes if not box.parents]
        for gradient, expected in zip(found, example.gradient):
            np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-14 if example.digits is None else
                                       0.51 * 10.0**-example.digits, err_msg=example.name)


def test_text():
    example = next(example for example in EXAMPLES if example.name == "sum-times")
    assert draw(graph(example.steps, *example.steps_point)).splitlines() == [
        "f = ×", "│ −12 ┊ 1", "├─ 3 ┊ −4 ── q = +", "│  ├─ −2 ┊ −4 ── x", "│  └─ 5 ┊ −4 ── y", "└─ −4 ┊ 3 ── z"]


def test_plot_returns_its_axes():
    pyplot.switch_backend("agg")
    ax = pyplot.figure().add_subplot()
    assert plot(DRAWN, ax) is ax
    drawn = [text.get_text() for text in ax.texts]
    assert "w9" in drawn and "30" in drawn
    assert [text for text in drawn if text.startswith("Σ")] == ["Σ 0", "Σ 18"]  # x1 and x2: the slide's numbers
    pyplot.close("all")


def test_command_lists_and_shows(capsys):
    assert main(["lectures"]) == 0
    listed = capsys.readouterr().out
    assert all(example.name in listed for example in EXAMPLES)
    assert main(["lectures", "straka"]) == 0
    shown = capsys.readouterr().out
    assert "w9  30     30       30       30        30" in shown and "5 ┊ 12 ── h3 = max" in shown
    assert main(["lectures", "nobody"]) == 2
    assert "nine-weights" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_command_plots(ending, tmp_path, capsys):
    pyplot.switch_backend("agg")
    target = tmp_path / f"graph.{ending}"
    assert main(["lectures", "dw", "--plot", str(target)]) == 0 and target.stat().st_size > 5000
    assert main(["lectures", "dw", "--plot", str(tmp_path / "graph.nothing")]) == 2
    assert "can't be drawn" in capsys.readouterr().err
