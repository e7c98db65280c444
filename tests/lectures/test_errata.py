"""The page of errata proves what it says: its examples run."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_errata_run():
    page = Path(__file__).parents[2] / "docs" / "errata.md"
    failed, tried = doctest.testfile(str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0 and tried > 30
