"""One worked example of the lecture notes: the function, the point, and the numbers to find there.

The function is plain NumPy, as the notes write it.  ``gradient`` holds the derivatives that
the notes (or, where they slip, a hand derivation) promise by every argument; ``inner`` asks
for derivatives by quantities in between, each as a function of that quantity alone.
``steps`` is the same computation one operation at a time, with names, for the drawn graph.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.errors import DiffkitError
from diffkit.transforms import grad

#: The four methods that answer for every example.
METHODS = ("forward", "reverse", "symbolic", "numeric")


@dataclasses.dataclass(frozen=True)
class Inner:
    """The rest of the computation as a function of one quantity on the way, and its gradient there."""

    name: str
    function: Callable[..., Any]
    point: Any
    gradient: Any


@dataclasses.dataclass(frozen=True)
class Example:
    """A worked example.

    Attributes
    ----------
    name, author, row : the command line's name, whose notes, and the row in the inventory of them.
    formula : the function as text.
    function, point : plain NumPy with one real result, and its arguments.
    value, gradient : the numbers to find; the gradient is a tuple with one entry for each argument.
    digits : how the notes give them; None where they are exact.
    erratum : where the notes slip, and what is right.
    inner : derivatives by quantities on the way.
    without : methods that can't give the number here, and why.
    steps, steps_point : a function that returns ``{name: value}`` in the order of the computation.
    first : the number of a vector's first entry in the notes.
    """

    name: str
    author: str
    row: str
    formula: str
    function: Callable[..., Any]
    point: tuple[Any, ...]
    value: float
    gradient: tuple[Any, ...]
    digits: int | None = None
    erratum: str = ""
    inner: tuple[Inner, ...] = ()
    without: Mapping[str, str] = dataclasses.field(default_factory=dict)
    steps: Callable[..., dict[str, Any]] | None = None
    steps_point: tuple[Any, ...] = ()
    first: int = 1

    @property
    def argnums(self) -> tuple[int, ...]:
        """All arguments move."""
        return tuple(range(len(self.point)))


@dataclasses.dataclass(frozen=True)
class Answer:
    """One quantity's gradient: what is expected, and what each method found (or why it refused)."""

    name: str
    expected: Any
    found: dict[str, Any]

    def agrees(self, method: str, digits: int | None) -> bool:
        """Whether a method's answer is the expected one, to the digits the notes give.

        Numeric differentiation is held to eight digits, the other methods to the last but one.
        """
        if isinstance(self.found[method], str):
            return False
        tight = 1e-8 if method == "numeric" else 1e-14
        loose = 0.0 if digits is None else 0.51 * 10.0 ** -digits
        found, expected = np.asarray(self.found[method]), np.asarray(self.expected, float)
        close = np.abs(found - expected) <= loose + tight * np.maximum(1, np.abs(expected))
        return bool(found.shape == expected.shape and np.all(close))


def answers(example: Example) -> list[Answer]:
    """The gradient by every argument and inner quantity, by all four methods.

    A method that refuses (symbolic, where there is no formula) is quoted instead of left out.
    """
    from diffkit.arguments import argument_names

    names = argument_names(example.function, example.point)
    whole = {method: _ask(example.function, example.point, example.argnums, method) for method in METHODS}
    rows = []
    for position, name in enumerate(names):
        found = {method: all_ if isinstance(all_, str) else all_[position] for method, all_ in whole.items()}
        rows += _by_leaf(name, example.gradient[position], found)
    for inner in example.inner:
        found = {method: _ask(inner.function, (inner.point,), 0, method) for method in METHODS}
        rows.append(Answer(inner.name, inner.gradient, found))
    return rows


def _ask(function: Callable[..., Any], point: tuple[Any, ...], argnums: Any, method: str) -> Any:
    try:
        return grad(function, argnums, method=method)(*point)
    except DiffkitError as error:
        return error.what


def _by_leaf(name: str, expected: Any, found: dict[str, Any]) -> list[Answer]:
    paths, leaves = tree.paths(expected, name), tree.flatten(expected)[0]
    return [Answer(path, leaf, {method: answer if isinstance(answer, str) else tree.flatten(answer)[0][k]
                                for method, answer in found.items()})
            for k, (path, leaf) in enumerate(zip(paths, leaves))]
