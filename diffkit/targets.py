"""What a command is aimed at: a function in a file or module, or an expression, and its point.

``load("model.py:loss", at, wrt)`` imports the file (its folder goes to the front of the
import path, as Python does), finds the function and decides the point: ``--at`` if it
was given, else the function's own ``point`` attribute or its first mark (``testing.checked``).
Everything that a user can get wrong here is a ``TargetError`` with one clear sentence.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from diffkit import tree
from diffkit.arguments import argument_names
from diffkit.expressions import CONSTANTS, FUNCTIONS, parse, parse_arguments, parse_value

_PLACE = re.compile(r"(?P<place>.+\.py|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)?")


class TargetError(ValueError):
    """A target, point or option that can't be read; the message is for the user."""


@dataclasses.dataclass(frozen=True)
class Target:
    """A function, the point to ask it at, and which arguments move."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    argnums: int | tuple[int, ...]
    module: ModuleType | None = None


def load(text: str, at: Sequence[str] | None = None, wrt: str | None = None) -> Target:
    """Find the function and its point.

    Raises
    ------
    TargetError
        When there is no such file, module, function or point.  ExpressionError when an
        expression or a value holds what is not allowed.  What importing the user's module
        raises comes through.
    """
    match = _PLACE.fullmatch(text.strip())
    if match is None:
        if text.strip().endswith(".py"):
            raise TargetError(f"{text}: name the function too, as in {text.strip()}:function")
        return _expression(text, at, wrt)
    module = load_module(match["place"])
    if not match["name"]:
        raise TargetError(f"{text}: name the function too; {match['place']} has {_public(module)}")
    function = _function(module, match["name"], match["place"])
    arguments, argnums = _point(function, text, at)
    if wrt is not None:
        argnums = _wrt(wrt, argument_names(function, arguments))
    return Target(function, arguments, argnums, module)


def _expression(text: str, at: Sequence[str] | None, wrt: str | None) -> Target:
    expression = parse(text)
    if not expression.variables:
        raise TargetError(f"{text!r} has no variables to differentiate by")
    values: dict[str, Any] = {}
    for part in at or ():
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise TargetError(f"--at {part}: for an expression, write name=value, as in "
                              f"--at {' '.join(f'{v}=1.5' for v in expression.variables)}")
        if name not in expression.variables:
            reason = "is NumPy's" if name in CONSTANTS or name in FUNCTIONS else "does not occur in the expression"
            raise TargetError(f"--at {part}: {name} {reason}; its variables are {', '.join(expression.variables)}")
        if name in values:
            raise TargetError(f"--at {part}: {name} was given twice")
        # An expression computes in floats: floor(2) is 2.0 here.
        values[name] = tree.map(lambda leaf: float(leaf) if type(leaf) is int else leaf, parse_value(value))
    missing = [name for name in expression.variables if name not in values]
    if missing:
        raise TargetError(f"{', '.join(missing)} has no value: --at "
                          f"{' '.join(f'{name}=…' for name in missing)}")
    arguments = tuple(values[name] for name in expression.variables)
    everything = tuple(range(len(arguments))) if len(arguments) > 1 else 0
    return Target(expression, arguments, everything if wrt is None else _wrt(wrt, list(expression.variables)))


def load_module(place: str) -> ModuleType:
    """The module at ``file.py`` or ``package.module``; TargetError when there is none.

    What importing it raises comes through.
    """
    if not place.endswith(".py"):
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        try:
            return importlib.import_module(place)
        except ModuleNotFoundError as error:
            if error.name is None or not (place == error.name or place.startswith(error.name + ".")):
                raise
            hint = f"; for a file, write {place}.py:…" if Path(place + ".py").exists() else ""
            raise TargetError(f"there is no module {error.name!r}{hint}") from None
    path = Path(place)
    if not path.is_file():
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.py")], 3) \
            if path.parent.is_dir() else []
        raise TargetError(f"there is no file {place}" + (f"; did you mean {' or '.join(near)}?" if near else ""))
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickles look their module up by name; a library's own name is not taken.
    sys.modules.setdefault(path.stem, module)
    try:
        spec.loader.exec_module(module)
    except SystemExit as leave:  # a script without a guard: its exit code is not that of a check
        raise TargetError(f"importing {place} ended in sys.exit({leave.code!r}); put what the script does under "
                          'if __name__ == "__main__":') from None
    return module


def where(error: BaseException) -> str:
    """The last line of the user's own code in a traceback, on a line of its own; "" if there is none."""
    package = os.path.dirname(os.path.abspath(__file__)) + os.sep
    numpy = os.sep + "numpy" + os.sep
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if not frame.filename.startswith((package, "<frozen")) and numpy not in frame.filename]
    if isinstance(error, SyntaxError) and error.filename:
        return f"\n  at {error.filename}:{error.lineno}\n    {(error.text or '').strip()}"
    if not frames:
        return ""
    last = frames[-1]
    return f"\n  at {last.filename}:{last.lineno}" + (f"\n    {last.line}" if last.line else "")


def _public(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")
             and getattr(value, "__module__", None) == module.__name__]
    return ", ".join(names) or "no function"


def _function(module: ModuleType, name: str, place: str) -> Callable[..., Any]:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise TargetError(f"{place} has no {name}; it has {_public(module)}")
        found = getattr(found, part)
    if not callable(found):
        raise TargetError(f"{place}:{name} is a {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]


def _point(function: Callable[..., Any], text: str, at: Sequence[str] | None) -> tuple[tuple[Any, ...], Any]:
    argnums = getattr(function, "argnums", 0)
    if at is not None:
        if len(at) == 1 and not re.match(r"\s*[A-Za-z_]\w*\s*=[^=]", at[0]):
            return parse_arguments(at[0]), argnums
        return _named(function, at), argnums
    from diffkit.testing.marking import checks_of

    marks = checks_of(function)
    if not marks:
        names = argument_names(function, (None,) * 9)
        known = [name for name in names if not name.startswith("args[")]
        raise TargetError(f"{text} has no point of its own: give its arguments, --at \"[…]\""
                          + (f" for ({', '.join(known)})" if known else "")
                          + f", or write {getattr(function, '__name__', 'function')}.point = (…) in its file")
    return marks[0].arguments, argnums if marks[0].argnums is None else marks[0].argnums


def _named(function: Callable[..., Any], at: Sequence[str]) -> tuple[Any, ...]:
    """``--at x=1 y=2`` for a function: by the names of its parameters."""
    names = [name for name in argument_names(function, (None,) * 99) if not name.startswith("args[")]
    values: dict[str, Any] = {}
    for part in at:
        name, equals, value = part.partition("=")
        if not equals or name.strip() not in names:
            raise TargetError(f"--at {part}: write one list of all arguments, \"[…]\", or name=value for "
                              f"{', '.join(names) or 'each argument'}")
        values[name.strip()] = parse_value(value)
    given = [name for name in names if name in values]
    if given != names[:len(given)]:
        missing = next(name for name in names if name not in values)
        raise TargetError(f"--at: {missing} has no value, and a later argument has one")
    return tuple(values[name] for name in given)


def _wrt(text: str, names: Sequence[str]) -> int | tuple[int, ...]:
    """``0``, ``0,2`` or names of arguments, as argnums."""
    numbers = []
    for part in (part.strip() for part in text.split(",")):
        if re.fullmatch(r"-?\d+", part):
            numbers.append(int(part))
        elif part in names:
            numbers.append(list(names).index(part))
        else:
            raise TargetError(f"--wrt {text}: {part!r} is neither a number nor one of {', '.join(names)}")
    return numbers[0] if len(numbers) == 1 else tuple(numbers)
