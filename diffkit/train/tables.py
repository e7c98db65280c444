"""Tables to train on: a CSV file, or one of scikit-learn's small data sets by name.

Every column becomes numbers.  A column in which all values are numbers is taken as it is,
another one becomes a column of zeros and ones for each of its values (``colour=red``).
Nothing is guessed about what is missing: an empty cell is an error that names line and
column, because every way of filling it is a decision.
"""

from __future__ import annotations

import csv
import dataclasses
import math
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


def read_table(path: str | Path, target: str | None, task: Task = "auto", drop: Sequence[str] = ()) -> Table:
    """Read a CSV file with a header line; the delimiter is one of comma, semicolon, tab.

    ``task``: "classify" and "regress" say what the target column is; "auto" takes text, and whole
    numbers of at most 20 different values, as classes.  Raises TrainingError naming line and column,
    and OSError.
    """
    path = Path(path)
    names, rows = _cells(path)
    for name in (*drop, *([] if target is None else [target])):
        if name not in names:
            raise TrainingError(f"{path} has no column {name!r}", f"one of {', '.join(names)}")
    if target is None:
        raise TrainingError(f"{path}: which column is to be learned?", f"--target with one of {', '.join(names)}")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names) if name not in drop}
    wanted = columns.pop(target, None)
    if wanted is None or not columns:
        raise TrainingError(f"{path}: no column is left to learn {'' if wanted is None else 'from'}".rstrip(),
                            "fewer columns in --drop")
    features: list[str] = []
    inputs: list[NDArray[Any]] = []
    for name, cells in columns.items():
        labels, values = _numbers(path, name, cells)
        features += labels
        inputs.append(values)
    y, classes = _target(path, target, wanted, task)
    return Table(path.stem, np.concatenate(inputs, axis=1), y, features, classes)


def _cells(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            delimiter = max(",;\t", key=first.count)
            rows = [[cell.strip() for cell in row] for row in csv.reader(file, delimiter=delimiter) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{path} can't be read as a table: {error}", "a CSV file in UTF-8") from None
    if len(rows) < 2:
        raise TrainingError(f"{path} has no rows", "a header line and a line for each example")
    names = rows[0]
    if len(set(names)) != len(names) or "" in names:
        raise TrainingError(f"{path}: column names are missing or repeated: {names}", "one name for each column")
    if all(_is_number(name) for name in names):
        raise TrainingError(f"{path}: the first line holds numbers", "a first line with the columns' names")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise TrainingError(f"{path}, row {number}: {len(row)} cells, the header has {len(names)}",
                                "the same number in every line", "a comma inside a cell without quotes")
        for name, cell in zip(names, row):
            if cell.lower() in _MISSING:
                raise TrainingError(f"{path}, row {number}, column {name!r}: nothing is there ({cell!r})",
                                    "a table without gaps: leave the row out, or --drop the column")
    return names, rows[1:]


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _numbers(path: Path, name: str, cells: list[str]) -> tuple[list[str], NDArray[Any]]:
    """A column as numbers: names and values (n, columns)."""
    if all(_is_number(cell) for cell in cells):
        return [name], np.array([[float(cell)] for cell in cells])
    values = sorted(set(cells))
    if len(values) > _MOST_VALUES:
        bad = next(cell for cell in cells if not _is_number(cell))
        raise TrainingError(f"{path}: column {name!r} holds {len(values)} different texts, such as {bad!r}",
                            f"numbers, or at most {_MOST_VALUES} different values",
                            f"a name or an identifier: --drop {name}; a typing error in a column of numbers")
    places = np.searchsorted(values, cells)
    return [f"{name}={value}" for value in values], np.eye(len(values))[places]


def _target(path: Path, name: str, cells: list[str], task: Task) -> tuple[NDArray[Any], list[str] | None]:
    numeric = all(_is_number(cell) for cell in cells)
    if task == "auto":
        values = {float(cell) for cell in cells} if numeric else set()
        few = len(values) <= _MOST_CLASSES and all(value.is_integer() for value in values)
        task = "classify" if not numeric or few else "regress"
    if task == "regress":
        if not numeric:
            bad = next(cell for cell in cells if not _is_number(cell))
            raise TrainingError(f"{path}: the target {name!r} holds {bad!r}", "numbers, or --task classify")
        return np.array([float(cell) for cell in cells]), None
    classes = sorted(set(cells), key=(lambda cell: (float(cell), cell)) if numeric else str)
    if len(classes) < 2:
        raise TrainingError(f"{path}: the target {name!r} is {classes[0]!r} in every row", "at least two classes")
    number = {label: place for place, label in enumerate(classes)}
    return np.array([number[cell] for cell in cells]), classes
