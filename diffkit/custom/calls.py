"""A user's function as one operation: what custom rules, checkpoints and roots share.

A call ``f(*args)`` of containers becomes a rule over their leaves, made for this one call
(so it stands in no table).  Its results are the arrays among the leaves of f's result.
From there on it is an operation like any other: whichever level is deepest unwraps its
values and acts, and what is inside is again such a call one level below.

A level that records for readers (symbols, the referee) looks into f and writes down f's own
operations; where f can't be recorded it writes the call down as one opaque operation,
which a reader refuses by its name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.buffers import plainly, settle
from diffkit.buffers.swallowed import forget
from diffkit.errors import InputError, LostDerivativeError, UnknownFunctionError, UnsupportedArgumentError
from diffkit.levels import Level
from diffkit.recording import RecordLevel
from diffkit.rules.kinds import Rule
from diffkit.traced import Traced

Function = Callable[..., Any]


class Operation(Rule):
    """One call of a user's function, as a rule over the leaves of its arguments.

    Subclasses define ``push`` and ``pull_filled``.

    Attributes
    ----------
    function : callable
        The user's function.
    structure, out_structure : Structure
        The container of the arguments (a tuple), and of the result.
    rest : list
        The result's leaves, None in the place of an array.
    levels : list of Level
        Those of the arguments' leaves, the shallowest first.
    """

    kind = "custom"
    #: Whether readers are shown one operation even where f itself could be recorded.
    opaque = False
    #: Whether its derivative is f's own, so that who looks for a wrong one looks into f.
    transparent = False
    __slots__ = ("function", "levels", "out_structure", "rest", "structure")

    def __init__(self, name: str, function: Function, structure: tree.Structure, leaves: Sequence[Any]) -> None:
        # Not Rule's own: that would enter a row for each call into the table.
        self.name, self.symbol, self.domain, self.pinned = name, None, (), {}
        self.outputs = -1  # several: how many, the call tells
        self.function = function
        self.structure = structure
        self.levels = levels_of(leaves)
        self.out_structure = tree.LEAF
        self.rest: list[Any] = []

    @property
    def is_flat(self) -> bool:  # type: ignore[override]
        """Nothing to differentiate: f returned no floating array (asked after the call)."""
        return self.outputs == 0

    def evaluate(self, args: tuple[Any, ...]) -> Any:
        """The result on plain arguments; a subclass may keep what its derivative needs."""
        return plainly(self.function, *args)

    def pull_filled(self, g: Any, y: Any, args: Sequence[Any], active: tuple[int, ...]) -> Sequence[Any]:
        """``pull`` with a cotangent for every result."""
        raise NotImplementedError

    # A method, not Rule's attribute: an attribute would be a reference to itself, and keep
    # what the call remembers alive until the garbage collector comes.
    def call(self, *leaves: Any) -> Any:
        """The arrays of f's result; a traced leaf takes the call over."""
        levels = levels_of([leaf for leaf in leaves if type(leaf) is Traced])
        if not levels:
            return self._arrays(self.evaluate(self.unpack(leaves)), closed=True)
        level = levels[-1]
        if isinstance(level, RecordLevel) and (level.looks_inside or self.transparent) and not self.opaque:
            nodes, guards = len(level.nodes), len(level.guards)
            try:
                return self._arrays(settle(self.function(*self.unpack(leaves))), closed=False)
            except (LostDerivativeError, UnknownFunctionError, UnsupportedArgumentError):
                forget()
                del level.nodes[nodes:], level.guards[guards:]
        return level.process(self, leaves, {})

    __call__ = call

    def unpack(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments as the user's function wants them."""
        return tree.unflatten(self.structure, list(leaves))  # type: ignore[no-any-return]

    def _arrays(self, result: Any, closed: bool) -> tuple[Any, ...]:
        """The arrays of a result of f; its structure and the rest are noted."""
        found, self.out_structure = tree.flatten(result)
        arrays = []
        self.rest = []
        for value in found:
            if closed and type(value) is Traced and value.level.depth >= self.levels[0].depth:
                raise InputError(
                    f"{self.name} uses a differentiated value that is not among its arguments",
                    "that value as one more argument of the function: closures are not looked into")
            if type(value) in (float, complex):
                value = np.asarray(value)[()]
            moves = hasattr(value, "dtype") and value.dtype.kind in "fc"
            self.rest.append(None if moves else value)
            if moves:
                arrays.append(value)
        self.outputs = len(arrays)
        return tuple(arrays)

    def result(self, arrays: Sequence[Any]) -> Any:
        """A container like f's result with these arrays in it."""
        source = iter(arrays)
        return tree.unflatten(self.out_structure,
                              [next(source) if value is None else value for value in self.rest])

    def pull(self, g: Any, saved: Any, params: Any, active: tuple[int, ...]) -> Sequence[Any]:
        y, args = saved
        filled = tuple(np.zeros(out.shape, out.dtype) if c is None else c for c, out in zip(g, y))
        return self.pull_filled(filled, y, args, active)

    def save(self, y: Any, args: Sequence[Any], active: tuple[int, ...]) -> Any:
        return y, args


class Callee:
    """A user's function whose calls are operations; what the public names return."""

    #: How the name is written in messages and recordings.
    word = ""

    def __init__(self, function: Function) -> None:
        if not callable(function):
            raise InputError(f"dk.{self.word} takes a function, not {type(function).__name__}")
        self.function = function
        self.name = f"{self.word}({getattr(function, '__qualname__', None) or repr(function)})"
        self.__doc__ = getattr(function, "__doc__", None)
        self.__name__ = getattr(function, "__name__", self.word)
        self.__qualname__ = getattr(function, "__qualname__", self.word)
        self.__wrapped__ = function

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def operation(self, structure: tree.Structure, leaves: Sequence[Any]) -> Operation:
        """The rule for one call."""
        raise NotImplementedError

    def plain(self, *args: Any) -> Any:
        """A call that nothing differentiates."""
        return self.function(*args)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            args = self._positional(args, kwargs)
        leaves, structure = tree.flatten(settle(args))
        if not any(type(leaf) is Traced for leaf in leaves):
            return self.plain(*args)
        operation = self.operation(structure, leaves)
        return operation.result(operation.call(*leaves))

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """A decorated method gets its object as the first argument."""
        return self if instance is None else lambda *args, **kwargs: self(instance, *args, **kwargs)

    def _positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Keywords in their places: rules count arguments by position."""
        bound = inspect.signature(self.function).bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            raise InputError(f"{self.name} was given {', '.join(bound.kwargs)} by keyword, which has no position",
                             "a function whose arguments all have positions; rules name arguments by them")
        return bound.args


def levels_of(leaves: Sequence[Any]) -> list[Level]:
    """The levels that the leaves are traced at, the shallowest first."""
    found: dict[int, Level] = {}
    for leaf in leaves:
        while type(leaf) is Traced:
            found[leaf.level.depth] = leaf.level
            leaf = leaf.value
    return [found[depth] for depth in sorted(found)]
