"""The command line: ``diffkit compare TARGET`` puts every method on one function and judges them,
``diffkit check FILE`` (``testing.command``) checks every function that is marked for it.

Exit codes, for scripts: 0 the methods agree, 1 one of them is wrong, 2 they cannot be
compared (the reason goes to stderr), which includes a target that can't be found, an
option that can't be read, and an exception in the function itself.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import diffkit
from diffkit.errors import DiffkitError
from diffkit.lectures.command import add_parser as add_lectures
from diffkit.targets import Target, TargetError, load, where
from diffkit.testing.command import Outcome, as_junit
from diffkit.testing.command import add_parser as add_check
from diffkit.train.command import add_parser as add_train

if TYPE_CHECKING:
    from diffkit.comparison import Comparison

AGREE, DISAGREE, CANNOT = 0, 1, 2

_DESCRIPTION = """\
Differentiate a function by several methods (forward, reverse, symbolic, central differences,
complex step), compare them with a 50-digit referee, and say which are right."""

_EXAMPLES = """\
examples:
  diffkit compare "sin(x*y) + exp(x)/y" --at x=1.2 y=0.7
  diffkit compare model.py:loss --at "[[-1.2, 1.0], 3]" --wrt 0
  diffkit compare package.module:loss --json report.json --html report.html
  diffkit compare model.py:loss --methods reverse,central,my_gradient

TARGET is file.py:function, package.module:function, or an expression in NumPy's function
names. A function may carry its own point, so that --at can be left out:
  loss.point = (np.array([-1.2, 1.0]), 3)     # its arguments, or a function that returns them
  loss.argnums = 0                            # optional: which of them to differentiate
or the mark that diffkit check reads: @dk.testing.checked(at=(…)).

--at takes the list of f's arguments: "[[-1.2, 1.0], 3]" calls f(array([-1.2, 1.0]), 3).
Inner lists become float arrays; tuples and dicts stay containers; 2*pi and 1/3 are read.
For an expression it takes one value for each variable: x=1.2 "z=[1, 2, 3]".

exit codes: 0 the methods agree, 1 one of them is wrong, 2 they cannot be compared"""


def parser() -> argparse.ArgumentParser:
    """The command line's grammar and help."""
    top = argparse.ArgumentParser(prog="diffkit", description="Differentiate plain NumPy code four ways, and know "
                                  "that the answer is right.", formatter_class=argparse.RawDescriptionHelpFormatter,
                                  epilog='example:\n  diffkit compare "sin(x*y) + exp(x)/y" --at x=1.2 y=0.7')
    top.add_argument("--version", action="version", version=f"diffkit {diffkit.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    compare = commands.add_parser("compare", help="differentiate a function by several methods and judge them",
                                  description=_DESCRIPTION, epilog=_EXAMPLES,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    compare.add_argument("target", metavar="TARGET", help="file.py:function, module:function or an expression")
    compare.add_argument("--at", nargs="+", metavar="VALUE", default=None,
                         help='the point: "[[-1.2, 1.0], 3]" (f\'s arguments), or x=1.2 y=0.7 for an expression')
    compare.add_argument("--wrt", metavar="N[,M]", help="which arguments move: numbers from 0, or names "
                         "(default: the first; all variables of an expression)")
    compare.add_argument("--methods", metavar="A,B",
                         help="forward, reverse, symbolic, central, numeric, forward-difference, "
                         "backward-difference, complex-step, or a gradient function in the target's file")
    compare.add_argument("--digits", type=int, default=50, metavar="N", help="digits of the referee (default: 50)")
    compare.add_argument("--budget", type=float, default=60.0, metavar="S",
                         help="seconds for the whole comparison (default: 60)")
    compare.add_argument("--no-referee", action="store_true", help="no referee, and no witness that was not named")
    compare.add_argument("--json", metavar="FILE", help="write the comparison as JSON ('-': to stdout, alone)")
    compare.add_argument("--markdown", metavar="FILE", help="write it as Markdown ('-': to stdout, alone)")
    compare.add_argument("--html", metavar="FILE", help="write it as a self-contained page")
    compare.add_argument("--junit", metavar="FILE", help="write the outcome as JUnit XML ('-': to stdout, alone)")
    compare.set_defaults(run=_compare)
    add_check(commands)
    add_lectures(commands)
    add_train(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = parser()
    try:
        options = arguments.parse_args(argv)
    except SystemExit as leave:  # --help and --version leave with 0, a wrong option with 2
        return int(leave.code or 0)
    if options.command is None:
        arguments.print_help()
        return CANNOT
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        _complain("stopped")
        return CANNOT
    except BrokenPipeError:  # the reader of a pipe has left (| head)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CANNOT


def _compare(options: argparse.Namespace) -> int:
    from diffkit.comparison import compare
    from diffkit.comparison.methods import DEFAULT

    try:
        if options.digits < 20 or options.digits > 1000:
            raise TargetError(f"--digits {options.digits}: the referee takes 20 to 1000 digits")
        target = load(options.target, options.at, options.wrt)
        start = time.perf_counter()
        methods = _methods(options.methods, target) or DEFAULT
        with warnings.catch_warnings():
            if target.module is None:  # an expression has no line of the user's to warn of: the report says NaN
                warnings.simplefilter("ignore", RuntimeWarning)
            comparison = compare(target.function, *target.arguments, argnums=target.argnums, methods=methods,
                                 digits=options.digits, referee=False if options.no_referee else "auto",
                                 budget=options.budget)
        written = _write(comparison, options, time.perf_counter() - start)
    except TargetError as error:
        _complain(str(error))
        return CANNOT
    except DiffkitError as error:
        _complain(error.what, error.want, error.causes)
        return CANNOT
    except (Exception, SystemExit) as error:  # the user's function raised: its type, message and line, no traceback
        _complain(f"{options.target} raised {type(error).__name__}: {error}{where(error)}")
        return CANNOT
    if not written:
        _print(comparison)
    if comparison.agree is None:
        # On a terminal the reason stands right above.
        said = "" if sys.stdout.isatty() and not written else f": {comparison.verdict}"
        _complain(f"cannot be compared ({comparison.kind}){said}")
        return CANNOT
    return AGREE if comparison.agree else DISAGREE


def _methods(text: str | None, target: Target) -> list[Any]:
    """Names of methods, and functions of the target's module."""
    from diffkit.comparison.methods import FAMILIES

    methods: list[Any] = []
    for name in (part.strip() for part in (text or "").split(",")):
        if not name:
            continue
        found = getattr(target.module, name, None) if name not in FAMILIES else None
        if name not in FAMILIES and not callable(found):
            place = f"and {target.module.__name__} has no function of that name" if target.module else ""
            raise TargetError(f"--methods: {name!r} is not one of {', '.join(FAMILIES)} {place}".rstrip())
        methods.append(found or name)
    return methods


def _write(comparison: Comparison, options: argparse.Namespace, seconds: float) -> bool:
    """Write the files asked for; True if the report itself went to stdout."""
    def to_junit() -> str:
        name = options.target if ":" in options.target else f":{options.target}"
        return as_junit([Outcome(name, comparison.agree, comparison.verdict, str(comparison), seconds)],
                        "diffkit compare")

    alone = False
    for path, form in ((options.json, comparison.to_json), (options.markdown, comparison.to_markdown),
                       (options.html, comparison.to_html), (options.junit, to_junit)):
        if path is None:
            continue
        text = form()
        if path == "-":
            sys.stdout.write(text if text.endswith("\n") else text + "\n")
            alone = True
            continue
        try:
            Path(path).write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
        except OSError as error:
            raise TargetError(f"{path} can't be written: {error.strerror}") from None
    return alone


def _print(comparison: Comparison) -> None:
    """The report: coloured on a terminal, plain and complete in a pipe."""
    from rich.console import Console

    from diffkit.comparison.report import draw, text

    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        # A narrow terminal breaks lines better than a table breaks its cells.
        draw(comparison, Console(highlight=False, width=max(columns, 100)), width=min(columns, 100))
    else:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        sys.stdout.write(text(comparison).encode(encoding, "replace").decode(encoding) + "\n")


def _complain(what: str, want: str = "", causes: str = "") -> None:
    lines = [f"diffkit: {what}"]
    if want:
        lines.append(f"  Probably wanted: {want}")
    if causes:
        lines.append(f"  Other causes: {causes}")
    print("\n".join(lines), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
