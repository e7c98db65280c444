"""``pytest --gradients=report.html``: every gradient check of a run on one page.

The part of the plugin that pytest loads at start is ``diffkit.pytest_plugin``; this one is
imported when a page was asked for.  Each test runs with a listener, so checks count
whether they come from the fixture or from ``diffkit.testing``.  Under pytest-xdist the workers hand
their reports, as text, to the controller.
"""

from __future__ import annotations

from collections.abc import Generator
from html import escape
from pathlib import Path
from typing import Any

import pytest

from diffkit.testing.collecting import Examples, collecting, listening
from diffkit.testing.report import Report

_KEY = "diffkit_gradients"
_STYLE = """<style>
.diffkit details { border: 1px solid var(--line); border-left: 6px solid var(--tone); border-radius: 6px;
  margin: .6rem 0; padding: .55rem 1rem; } .diffkit details[open] { padding-bottom: 1rem; }
.diffkit summary { cursor: pointer; display: flex; gap: .8rem; align-items: baseline; }
.diffkit summary b { color: var(--tone); } .diffkit summary code { overflow-wrap: anywhere; }
.diffkit summary span { color: var(--soft); margin-left: auto; text-align: right; }
.diffkit .tally { display: flex; gap: 1.6rem; margin: 0 0 1.2rem; color: var(--soft); }
.diffkit .tally b { color: var(--tone); font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.diffkit .check .diffkit { max-width: none; } .diffkit .check footer, .diffkit details .check > h1
  { display: none; }
</style>"""


class Collector:
    """Gathers the reports of all tests, and writes the page when the run ends."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.path = Path(config.getoption("--gradients"))
        #: One for each check: the test, the answer, the title and the report as HTML.
        self.entries: list[dict[str, Any]] = []

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Listen while a test runs."""
        reports: list[tuple[Report, str]]
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            with listening(Examples()) as examples:
                yield
            reports = list(examples)
        else:
            with collecting() as all_of_them:
                yield
            reports = [(report, "") for report in all_of_them]
        self.entries += [{"test": item.nodeid, "agree": report.agree, "title": report.title, "examples": examples,
                          "html": report.section()} for report, examples in reports]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the page; a worker of xdist hands its entries over instead."""
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            output[_KEY] = self.entries
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(page(self.entries), encoding="utf-8")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        """A worker of xdist has finished."""
        self.entries += getattr(node, "workeroutput", {}).get(_KEY, [])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line at the end."""
        if getattr(self.config, "workeroutput", None) is None:
            terminalreporter.write_line(f"gradients: {summary(self.entries)}, written to {self.path}")


def summary(entries: list[dict[str, Any]]) -> str:
    """How many are right, wrong and open.

    >>> summary([{"agree": True}, {"agree": None}])
    '2 checks, 1 right, 0 wrong, 1 open'
    """
    answers = [entry["agree"] for entry in entries]
    count = f"{len(answers)} check{'s' * (len(answers) != 1)}"
    return f"{count}, {answers.count(True)} right, {answers.count(False)} wrong, {answers.count(None)} open"


def page(entries: list[dict[str, Any]]) -> str:
    """A self-contained page: how many, and every check, what is wrong first and open."""
    from diffkit.comparison.page import SIGNS, TONES, document

    order = {False: 0, None: 1, True: 2}
    answers = [entry["agree"] for entry in entries]
    parts = [_STYLE, '<div class="diffkit page"><h1>Gradients</h1>',
             f'<p class="tally"><span><b>{len(answers)}</b> check{"s" * (len(answers) != 1)}</span>']
    parts += [f'<span class="{TONES[answer]}"><b>{answers.count(answer)}</b> {word}</span>'
              for answer, word in ((True, "right"), (False, "wrong"), (None, "open"))]
    parts.append("</p>")
    for entry in sorted(entries, key=lambda entry: order[entry["agree"]]):
        opened = " open" if entry["agree"] is False else ""
        parts.append(f'<details class="{TONES[entry["agree"]]}"{opened}><summary><b>{SIGNS[entry["agree"]]}</b>'
                     f'<code>{escape(entry["test"])}</code><span>{escape(entry["title"])}'
                     + (f'<br>{escape(entry["examples"])}' if entry.get("examples") else "") + "</span></summary>\n"
                     f'{entry["html"]}\n</details>')
    return document(f"Gradients: {summary(entries)}", "\n".join([*parts, "</div>"]))
