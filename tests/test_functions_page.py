"""docs/functions.md is what the table says."""

import importlib


def test_the_page_is_current():
    module = importlib.import_module("comparisons.functions_page")
    written, now = module.PAGE.read_text(), module.page()
    if f"NumPy {module.VERSION};" in written:
        assert written.splitlines() == now.splitlines(), "run python -m comparisons.functions_page"
        return
    # Another NumPy has other names: those that both have must be answered alike.
    lines = {line.split("|")[1]: line for line in written.splitlines() if line.startswith("| ")}
    here = {line.split("|")[1]: line for line in now.splitlines() if line.startswith("| ")}
    both = lines.keys() & here.keys()
    assert len(both) > 250
    assert {name: lines[name] for name in both} == {name: here[name] for name in both}


def test_the_page_knows_known_cases():
    text = importlib.import_module("comparisons.functions_page").page()
    assert "| sin | elementwise | `sin(x)` | real |" in text
    assert "| nextafter | refused" in text
    assert "| floor | flat |" in text
    assert "| std | " in text and "| eigh | " in text
