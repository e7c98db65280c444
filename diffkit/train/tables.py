"""Tables to train on: a CSV file, or one of scikit-learn's small data sets by name.

Every column becomes numbers.  A column in which all values are numbers is taken as it is,
one of texts becomes a column of zeros and ones for each of its values (``colour=red``).
Nothing is guessed: an empty cell, a text among numbers (a typing error?  a decimal comma?) and
a first line that looks like an example are errors that name line and column, because every
way of going on is a decision.
"""

from __future__ import annotations

import csv
import dataclasses
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from diffkit.errors import require
from diffkit.train.faults import TrainingError

__all__ = ["KNOWN", "Table", "known_table", "read_table"]

KNOWN = ("breast_cancer", "diabetes", "digits", "iris", "wine")
Task = Literal["auto", "classify", "regress"]
_MISSING = frozenset(["", "na", "n/a", "nan", "null", "none", "?"])
_MOST_VALUES = 50
_MOST_CLASSES = 20
_DELIMITERS = ",;\t|"
_LIKE_A_NUMBER = re.compile(r"[+-]?(\d[\d.,' ]*%?|inf(inity)?)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Table:
    """Inputs (n, features) and targets (n,): class numbers with their labels in ``classes``, or numbers (None)."""

    name: str
    X: NDArray[Any]
    y: NDArray[Any]
    features: list[str]
    classes: list[str] | None


def known_table(name: str) -> Table:
    """One of scikit-learn's data sets.  Raises MissingPackageError without scikit-learn."""
    try:
        from sklearn import datasets
    except ImportError:
        raise require("scikit-learn", "learn", f"the data set {name!r}") from None
    found = getattr(datasets, f"load_{name}")()
    features = [str(feature) for feature in found.feature_names]
    if name == "diabetes":
        return Table(name, found.data, found.target.astype(float), features, None)
    return Table(name, found.data, found.target, features, [str(label) for label in found.target_names])


@dataclasses.dataclass(frozen=True)
class _Column:
    """A column's cells, and where in the file they stand."""

    path: Path
    name: str
    cells: list[str]
    lines: list[int]

    @property
    def is_numeric(self) -> bool:
        return all(_is_number(cell) for cell in self.cells)

    def refuse_mixture(self, want: str) -> None:
        """Raise TrainingError where texts stand among numbers."""
        if any(_is_number(cell) or _LIKE_A_NUMBER.fullmatch(cell) for cell in self.cells):
            place = next(i for i, cell in enumerate(self.cells) if not _is_number(cell))
            raise TrainingError(f"{self.path}, line {self.lines[place]}, column {self.name!r}: {self.cells[place]!r} "
                                "is no number, though the column looks like numbers", want,
                                "a typing error; a decimal comma, or marks between thousands: write 1234.5")


def read_table(path: str | Path, target: str | None, task: Task = "auto", drop: Sequence[str] = (),
               category: Sequence[str] = ()) -> Table:
    """Read a CSV file with a header line; the delimiter is one of comma, semicolon, tab, bar.

    ``task``: "classify" and "regress" say what the target column is; "auto" takes text, and whole
    numbers of at most 20 different values, as classes.  ``category``: columns of which every value is
    a name, though some or all look like numbers.  Raises TrainingError naming line and column, and
    OSError.
    """
    path = Path(path)
    names, rows, lines = _cells(path)
    for name in (*drop, *category, *([] if target is None else [target])):
        if name not in names:
            raise TrainingError(f"{path} has no column {name!r}", f"one of {', '.join(names)}")
    if target is None:
        raise TrainingError(f"{path}: which column is to be learned?", f"--target with one of {', '.join(names)}")
    columns = {name: _Column(path, name, [row[i] for row in rows], lines) for i, name in enumerate(names)
               if name not in drop}
    wanted = columns.pop(target, None)
    if wanted is None or not columns:
        raise TrainingError(f"{path}: no column is left to learn {'' if wanted is None else 'from'}".rstrip(),
                            "fewer columns in --drop")
    features: list[str] = []
    inputs: list[NDArray[Any]] = []
    for name, column in columns.items():
        labels, values = _indicators(column) if name in category else _numbers(column)
        features += labels
        inputs.append(values)
    y, classes = _target(wanted, task)
    X = np.concatenate(inputs, axis=1)
    if not np.ptp(X, axis=0).any():
        raise TrainingError(f"{path}: every column but {target!r} holds one value only", "columns that vary")
    return Table(path.stem, X, y, features, classes)


def _cells(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Column names, the other rows, and the lines they stand in."""
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(_DELIMITERS, key=first.count))
            for row in reader:
                if row:
                    rows.append([cell.strip() for cell in row])
                    lines.append(reader.line_num)
    except (UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{path} can't be read as a table: {error}", "a CSV file in UTF-8") from None
    if len(rows) < 2:
        raise TrainingError(f"{path} has no rows", "a header line and a line for each example")
    names = rows[0]
    if len(set(names)) != len(names) or "" in names:
        raise TrainingError(f"{path}: column names are missing or repeated: {names}", "one name for each column")
    if all(_is_number(name) for name in names) or any(_is_number(name) and "." in name for name in names):
        raise TrainingError(f"{path}: the first line holds numbers: {names}", "a first line with the columns' names")
    for number, row in zip(lines[1:], rows[1:]):
        if len(row) != len(names):
            raise TrainingError(f"{path}, line {number}: {len(row)} cells, the header has {len(names)}",
                                "the same number in every line", "a comma inside a cell without quotes")
        for name, cell in zip(names, row):
            if cell.lower() in _MISSING:
                raise TrainingError(f"{path}, line {number}, column {name!r}: nothing is there ({cell!r})",
                                    "a table without gaps: leave the row out, or --drop the column")
    return names, rows[1:], lines[1:]


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _numbers(column: _Column) -> tuple[list[str], NDArray[Any]]:
    """A column as numbers: names and values (n, columns)."""
    if column.is_numeric:
        return [column.name], np.array([[float(cell)] for cell in column.cells])
    column.refuse_mixture(f"numbers in every line; for a column of names --category {column.name}")
    return _indicators(column)


def _indicators(column: _Column) -> tuple[list[str], NDArray[Any]]:
    """A zero or one for each of the column's values."""
    values = sorted(set(column.cells))
    if len(values) > _MOST_VALUES:
        raise TrainingError(f"{column.path}: column {column.name!r} holds {len(values)} different texts, such as "
                            f"{column.cells[0]!r}", f"numbers, or at most {_MOST_VALUES} different values",
                            f"a name or an identifier: --drop {column.name}")
    return [f"{column.name}={value}" for value in values], np.eye(len(values))[np.searchsorted(values, column.cells)]


def _target(column: _Column, task: Task) -> tuple[NDArray[Any], list[str] | None]:
    numeric, cells = column.is_numeric, column.cells
    where = f"{column.path}: the target {column.name!r}"
    if len({float(cell) for cell in cells} if numeric else set(cells)) == 1:
        raise TrainingError(f"{where} is {cells[0]!r} in every row", "at least two classes, or numbers that vary")
    if task == "auto":
        if not numeric:
            column.refuse_mixture("numbers in every line, or --task classify")
        values = {float(cell) for cell in cells} if numeric else set()
        few = len(values) <= _MOST_CLASSES and all(value.is_integer() for value in values)
        task = "classify" if not numeric or few else "regress"
    if task == "regress":
        if not numeric:
            place = next(i for i, cell in enumerate(cells) if not _is_number(cell))
            raise TrainingError(f"{where} holds {cells[place]!r} in line {column.lines[place]}",
                                "numbers, or --task classify")
        return np.array([float(cell) for cell in cells]), None
    # 1 and 1.0 are one class, called by the shorter of its names.
    keys: list[Any] = [float(cell) for cell in cells] if numeric else cells
    names: dict[Any, str] = {}
    for key, cell in zip(keys, cells):
        names[key] = min(names.get(key, cell), cell, key=len)
    order = sorted(names)
    if len(order) == len(cells):
        raise TrainingError(f"{where} is different in every row", "classes with several rows each",
                            "a name or an identifier; numbers to be predicted: --task regress")
    places = {key: place for place, key in enumerate(order)}
    return np.array([places[key] for key in keys]), [names[key] for key in order]
