"""Every pitfall gets the verdict that it is documented with."""

import doctest
import pathlib

import pytest

from diffkit.pitfalls import PITFALLS, markdown


@pytest.mark.parametrize("name", PITFALLS)
def test_the_verdict_is_the_documented_one(name):
    trap = PITFALLS[name]
    result = trap.compare()
    assert (result.kind, result.agree) == (trap.kind, trap.agree), result.verdict


@pytest.mark.parametrize("name", [name for name, trap in PITFALLS.items() if trap.model is not None])
def test_the_model_tells_code_from_what_it_stands_for(name):
    trap = PITFALLS[name]
    result = trap.compare(with_model=True)
    assert result.agree is trap.model_agrees, result.verdict


def test_every_trap_says_what_to_do():
    assert all(trap.story.endswith(".") and trap.cure for trap in PITFALLS.values())
    assert list(PITFALLS) == [trap.name for trap in PITFALLS.values()]
    assert len(PITFALLS) >= 20


def test_the_page_holds_the_table_and_runs():
    page = pathlib.Path(__file__).parent.parent / "docs" / "pitfalls.md"
    assert page.read_text(encoding="utf-8").endswith("\n" + markdown())
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried == 5 and failed == 0
