"""What a rule means on exact scalars, by the rule's name.

An entry is ``function(algebra, node, *operands, **params)``: operands are object arrays, the answer is
an object array (or a tuple of them for a rule with several results).  ``algebra`` is
``numbers.Numbers`` or ``expressions.Expressions``; ``node`` tells the recorded run's value, dtype
and line.  A rule without an entry is run by its SymPy column if it has one, by NumPy's own
function if it is linear or multilinear, and otherwise refused by name.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

Exact = Callable[..., Any]

#: Entries for every algebra.
EXACT: dict[str, Exact] = {}


def exact(*names: str) -> Callable[[Exact], Exact]:
    """Register a definition under the names of rules."""
    def register(definition: Exact) -> Exact:
        for name in names:
            EXACT[name] = definition
        return definition
    return register


@functools.cache
def _accepted(definition: Exact) -> frozenset[str] | None:
    """The parameters a definition names (None: any)."""
    parameters = inspect.signature(definition).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters)


def check_parameters(definition: Exact, name: str, params: Mapping[str, Any]) -> None:
    """Refuse a parameter that the definition does not know: it is never ignored."""
    known = _accepted(definition)
    if known is not None:
        for parameter in params:
            if parameter not in known:
                raise NotExact(f"{name} with {parameter}= has no exact form")


class NotExact(Exception):
    """A rule has no meaning on exact scalars: the reader turns this into its own error, with a line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
