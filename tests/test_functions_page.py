"""docs/functions.md is what the table says, and its marks are what a run finds."""

import importlib

import numpy as np
import pytest

PAGE = importlib.import_module("comparisons.functions_page")
MARKS = importlib.import_module("comparisons.function_marks")
WRITTEN = PAGE.PAGE.read_text()


def sections():
    """The page's lines: place -> name -> cells."""
    found = {}
    for part in WRITTEN.split("\n## ")[1:]:
        title, *lines = part.splitlines()
        rows = [[cell.strip() for cell in line.replace("\\|", "¦").strip("|").split(" | ")]
                for line in lines if line.startswith("| ") and not line.startswith("| function")]
        found[title.split()[0]] = {row[0]: row[1:] for row in rows}
    return found


LINES = sections()


def test_the_page_names_every_function_and_how_it_is_answered():
    total = 0
    for place in PAGE.PLACES:
        names = PAGE.names_of(place)
        if f"NumPy {PAGE.VERSION};" in WRITTEN:
            assert sorted(LINES[place]) == sorted(names), "run python -m comparisons.functions_page"
        for name in names:
            if name not in LINES[place]:
                continue  # another NumPy has other names
            kind, symbol, domain = PAGE.answer_for(getattr(getattr(np, place[6:], np), name))
            cells = LINES[place][name]
            assert cells[0] in (kind, "question") and (cells[0] == kind or kind == "rows"), name
            assert len(cells) == 9 and cells[7] == symbol.replace("|", "¦") and cells[8] == domain, name
            total += 1
    assert total > 350


def test_no_function_is_wrong():
    assert "✗" not in WRITTEN


@pytest.mark.parametrize("place", PAGE.PLACES)
def test_marks_are_what_a_run_finds(place):
    """Every fifteenth function; ``python -m comparisons.functions_page --check`` runs them all."""
    for name in PAGE.names_of(place)[::15]:
        cells = LINES[place].get(name)
        if cells is not None and cells[0] not in ("flat", "question"):
            line = PAGE.line_of(place, name)
            assert [cell.strip() for cell in line.strip("|").split(" | ")][2:8] == cells[1:7], name


def test_marks_of_polynomials():
    for operation in ("val", "line"):
        line = PAGE.polynomial_line(operation)
        assert line in WRITTEN.splitlines()


def test_a_wrong_rule_gets_its_mark(monkeypatch):
    """A planted error: the derivative of sinh as that of cosh is seen in every mode that reads the rule."""
    rule = MARKS.FUNCTIONS[np.sinh]
    monkeypatch.setattr(rule, "partials", (lambda y, x: np.sinh(x),))
    monkeypatch.setattr(rule, "_read", {})
    found = MARKS.marks(*MARKS.example_of("sinh", np.sinh))
    assert found["forward"] == found["reverse"] == found["second"] == found["compiled"] == "✗"


def test_the_page_knows_known_cases():
    assert LINES["numpy"]["sin"] == ["elementwise", *"✓✓✓✓✓✓", "`sin(x)`", "real"]
    assert LINES["numpy"]["floor"][:7] == ["flat", *"000000"]
    assert LINES["numpy"]["nextafter"][0].startswith("refused") and set(LINES["numpy"]["nextafter"][1:7]) == {"–"}
    assert LINES["numpy"]["cbrt"][1:7] == list("✓✓✓✓–✓")  # NumPy has no complex one
    assert LINES["numpy.linalg"]["svd"][4] == "–"  # no symbols
    assert LINES["numpy"]["shape"][0] == "question"
