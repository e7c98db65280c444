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

from diffkit.testing.collecting import collecting

_KEY = "diffkit_gradients"
_STYLE = """body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem;
  color: #1f2328; } h2 { font-size: 1.1rem; } h3 { font-size: 1rem; }
details { border: 1px solid #d0d7de; border-left: 5px solid var(--tone); border-radius: 4px; margin: .6rem 0;
  padding: .5rem 1rem; } summary { cursor: pointer; } code { overflow-wrap: anywhere; }
.right { --tone: #1a7f37; } .wrong { --tone: #cf222e; } .open { --tone: #9a6700; }
td { padding: .2rem .8rem .2rem 0; vertical-align: top; }"""
_TONES = {True: "right", False: "wrong", None: "open"}


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
        with collecting() as reports:
            yield
        self.entries += [{"test": item.nodeid, "agree": report.agree, "title": report.title,
                          "html": report.to_html()} for report in reports]

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
    """A self-contained page, what is wrong first and open."""
    order = {False: 0, None: 1, True: 2}
    parts = ['<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
             '<meta name="viewport" content="width=device-width, initial-scale=1">',
             f"<title>Gradients: {escape(summary(entries))}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
             f"<h1>Gradients</h1>\n<p>{escape(summary(entries))}</p>"]
    for entry in sorted(entries, key=lambda entry: order[entry["agree"]]):
        opened = " open" if entry["agree"] is False else ""
        parts.append(f'<details class="{_TONES[entry["agree"]]}"{opened}><summary><code>{escape(entry["test"])}'
                     f'</code> {escape(entry["title"])}</summary>\n{entry["html"]}\n</details>')
    return "\n".join([*parts, "</body>\n</html>\n"])
