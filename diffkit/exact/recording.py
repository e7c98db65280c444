"""Record a call for the exact readers: once, with what is not part of the program checked off."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from diffkit import tree
from diffkit.arguments import Moving, argument_names
from diffkit.recording import record
from diffkit.tape import Node, Tape
from diffkit.traced import is_traced, primal


@dataclasses.dataclass(frozen=True, slots=True)
class Recording:
    """A tape, its output's leaves (nodes or constants), their container, and the extra result."""

    tape: Tape
    outs: list[Any]
    structure: tree.Structure
    aux: Any

    @property
    def values(self) -> list[Any]:
        """The output's plain leaves."""
        return [out.value if isinstance(out, Node) else out for out in self.outs]


def recording(f: Callable[..., Any], moving: Moving, kwargs: dict[str, Any], has_aux: bool = False) -> Recording:
    """Record ``f`` at the call that ``moving`` describes.

    Raises ValueError when a value belongs to a transform that is still running: an exact
    reader has no derivative to hand on to it.
    """
    if any(is_traced(leaf) for leaf in moving.leaves):
        raise ValueError("its argument is being differentiated by another transform")
    names = leaf_names(f, moving)
    tape = record(f, list(moving.leaves), lambda leaves: (moving.merge(leaves), kwargs), names)
    if any(is_traced(given) or is_traced(getattr(given, "value", None))
           for node in tape.nodes for given in (node, *node.inputs)):
        raise ValueError("it uses a value that is being differentiated by another transform")
    output, aux = tape.output, None
    if has_aux:
        output, aux = output
        aux = tree.map(lambda leaf: leaf.value if isinstance(leaf, Node) else primal(leaf), aux)
    outs, structure = tree.flatten(output)
    return Recording(tape, outs, structure, aux)


def leaf_names(f: Callable[..., Any], moving: Moving) -> list[str]:
    """How the user would write each moving leaf: ``x``, ``params[0]["W"]``."""
    names = argument_names(f, moving.args)
    return [path for position in moving.positions
            for path in tree.paths(moving.args[position], names[position])]
