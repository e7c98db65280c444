"""``diffkit check file.py``: every function marked for checking, for people and for CI.

Marked are functions under ``checked(at=…)``, and functions with a ``point`` of their own, as
``diffkit compare`` knows it.  Exit codes: 0 all right, 1 a gradient is wrong, 2 something
could not be said: no function is marked, a file can't be imported, a function raised, or
nothing can be shown about a gradient.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from diffkit.errors import DiffkitError
from diffkit.testing.checking import examine
from diffkit.testing.marking import Check, checks_of

RIGHT, WRONG, CANNOT = 0, 1, 2

_EXAMPLES = """\
examples:
  diffkit check model.py
  diffkit check model.py:loss other.py --order 1
  diffkit check model.py --junit gradients.xml --json gradients.json

A function is checked where it says so:
  @dk.testing.checked(at=(np.array([0.3, 1.2]), 3), methods=[my_gradient])
  def loss(x, n): ...
or by loss.point = (np.array([0.3, 1.2]), 3), as for diffkit compare.

exit codes: 0 all right, 1 a gradient is wrong, 2 something could not be said"""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One function at one point."""

    name: str
    agree: bool | None
    verdict: str
    report: str
    seconds: float
    data: dict[str, Any] | None = None
    html: str = ""


def add_parser(commands: Any) -> None:
    """Add ``check`` to the command line's subparsers."""
    parser = commands.add_parser("check", help="check every function of a file that is marked for it",
                                 description=(__doc__ or "").split("\n\n")[1], epilog=_EXAMPLES,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="+", metavar="FILE[:FUNCTION]", help="file.py, a module, or one function")
    parser.add_argument("--order", type=int, choices=(1, 2, 3), help="highest order (default: the mark's, else 2)")
    parser.add_argument("--budget", type=float, default=60.0, metavar="S",
                        help="seconds for each function at each point (default: 60)")
    parser.add_argument("--strict", action="store_true", help="count what can't be said as wrong")
    parser.add_argument("--json", metavar="FILE", help="write all reports as JSON ('-': to stdout, alone)")
    parser.add_argument("--junit", metavar="FILE", help="write the outcomes as JUnit XML ('-': to stdout, alone)")
    parser.add_argument("--html", metavar="FILE", help="write all reports as one self-contained page")
    parser.add_argument("-q", "--quiet", action="store_true", help="only what is not right")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check, print, write, and return the exit code."""
    from diffkit.targets import TargetError, where

    outcomes: list[Outcome] = []
    alone = "-" in (options.json, options.junit)
    try:
        for target in options.targets:
            marked = list(_marked(target))
            if not marked:
                raise TargetError(f"{target}: no function is marked for checking; put "
                                  "@dk.testing.checked(at=(its arguments)) above one")
            for name, function, check in marked:
                outcome = _ask(name, function, check, options)
                outcomes.append(outcome)
                if not alone and (outcome.agree is not True or not options.quiet):
                    _say(outcome)
        for path, text in ((options.json, as_json), (options.junit, as_junit), (options.html, as_html)):
            if path is not None:
                _write(path, text(outcomes))
    except (TargetError, DiffkitError) as error:
        print(f"diffkit: {error}", file=sys.stderr)
        return CANNOT
    except Exception as error:  # the user's module raised while it was imported
        print(f"diffkit: {type(error).__name__}: {error}{where(error)}", file=sys.stderr)
        return CANNOT
    answers = [outcome.agree for outcome in outcomes]
    if not alone:
        print(f"{len(answers)} checked: {answers.count(True)} right, {answers.count(False)} wrong, "
              f"{answers.count(None)} open")
    return WRONG if False in answers else CANNOT if None in answers else RIGHT


def _marked(target: str) -> Iterator[tuple[str, Any, Check]]:
    """Functions with checks, in the order of the file, each point by itself."""
    from diffkit.targets import TargetError, load_module

    place, name = target, ""
    if ":" in target[2:]:  # not the colon of a drive
        place, _, name = target.rpartition(":")
    module: ModuleType = load_module(place)
    if name and not hasattr(module, name):
        raise TargetError(f"{place} has no {name}")
    for key, value in list(vars(module).items()):
        if key.startswith("__") or (name and key != name):
            continue
        checks = checks_of(value) if callable(value) and getattr(value, "__module__", "") == module.__name__ else ()
        for number, check in enumerate(checks, 1):
            yield f"{place}:{key}" + (f" #{number}" if len(checks) > 1 else ""), value, check


def _ask(name: str, function: Any, check: Check, options: argparse.Namespace) -> Outcome:
    from diffkit.targets import where

    start = time.perf_counter()
    try:
        report = examine(function, check.arguments, options.order or check.order, ("forward", "reverse"),
                         check.methods, check.argnums, {}, 0, options.budget)
    except (Exception, SystemExit) as error:  # f raised: an outcome, and the other functions still have their turn
        said = f"{type(error).__name__}: {error}"
        return Outcome(name, False if options.strict else None, f"raised {said.splitlines()[0]}", said + where(error),
                       time.perf_counter() - start)
    agree = False if options.strict and report.agree is None else report.agree
    return Outcome(name, agree, report.verdict, str(report), time.perf_counter() - start,
                   json.loads(report.to_json()), report.section() if options.html else "")


def _say(outcome: Outcome) -> None:
    word = {True: "right", False: "WRONG", None: "open "}[outcome.agree]
    said = outcome.verdict.removeprefix("right: ").removeprefix("wrong: ").removeprefix("can't be said: ")
    print(f"{word}  {outcome.name}: {said}")
    if outcome.agree is not True:
        lines = outcome.report.splitlines()
        # The report opens with the verdict, which has been said.
        print("\n".join("       " + line for line in (lines[1:] if lines[0].endswith(outcome.verdict) else lines)))


def as_json(outcomes: Sequence[Outcome]) -> str:
    """All outcomes with their whole reports."""
    checks = [{key: value for key, value in dataclasses.asdict(outcome).items() if key != "html"}
              for outcome in outcomes]
    return json.dumps({"checks": checks}, indent=2) + "\n"


def as_html(outcomes: Sequence[Outcome]) -> str:
    """One page, what is wrong first and open."""
    from diffkit.testing.page import page

    return page([{"test": outcome.name, "agree": outcome.agree, "title": outcome.verdict,
                  "html": outcome.html or f"<pre>{escape(outcome.report)}</pre>"} for outcome in outcomes])


def as_junit(outcomes: Sequence[Outcome], suite: str = "diffkit check") -> str:
    """JUnit XML: a wrong gradient is a failure, what can't be said an error."""
    failures = sum(outcome.agree is False for outcome in outcomes)
    errors = sum(outcome.agree is None for outcome in outcomes)
    lines = ['<?xml version="1.0" encoding="utf-8"?>',
             f'<testsuite name="{suite}" tests="{len(outcomes)}" failures="{failures}" errors="{errors}" '
             f'skipped="0" time="{sum(outcome.seconds for outcome in outcomes):.3f}">']
    for outcome in outcomes:
        place, _, name = outcome.name.rpartition(":")
        lines.append(f'  <testcase classname={quoteattr(place or "expression")} name={quoteattr(name)} '
                     f'time="{outcome.seconds:.3f}"' + ("/>" if outcome.agree is True else ">"))
        if outcome.agree is not True:
            tag = "failure" if outcome.agree is False else "error"
            lines.append(f"    <{tag} message={quoteattr(_printable(outcome.verdict))}>"
                         f"{escape(_printable(outcome.report))}</{tag}>\n  </testcase>")
    return "\n".join([*lines, "</testsuite>"]) + "\n"


def _printable(text: str) -> str:
    """XML has no other control characters than these."""
    return "".join(c for c in text if c in "\t\n\r" or ord(c) >= 32)


def _write(path: str, text: str) -> None:
    from diffkit.targets import TargetError

    if path == "-":
        sys.stdout.write(text)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise TargetError(f"{path} can't be written: {error.strerror}") from None
