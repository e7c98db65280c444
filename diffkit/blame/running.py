"""One recorded run for the readers here: its tape, and which entries the result depends on."""

from __future__ import annotations

import dataclasses
import linecache
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import masked, tree
from diffkit.arguments import Argnums, Moving, argument_names, split
from diffkit.errors import InputError
from diffkit.recording import RecordLevel, record
from diffkit.tape import Node, Tape
from diffkit.traced import is_traced


class _OutsideLevel(RecordLevel):
    """Functions with derivatives of their own are looked at from outside: those are to blame, not their insides."""

    looks_inside = False


@dataclasses.dataclass(frozen=True)
class Run:
    """A tape, the results' leaves, and for each node its ``masked`` cotangent.

    The cotangents are those of the sum of all results, or None where nothing live arrives.
    """

    moving: Moving
    tape: Tape
    outs: list[Any]
    cotangents: list[Any]

    @property
    def values(self) -> list[Any]:
        """The results' plain leaves."""
        return [out.value if isinstance(out, Node) else out for out in self.outs]

    @property
    def gradient(self) -> list[Any]:
        """The derivative of the sum of the results by each moving leaf."""
        found = [self.cotangents[node.index] for node in self.tape.inputs]
        return [np.zeros(node.shape) if c is None else c[0] for c, node in zip(found, self.tape.inputs)]

    def live(self, node: Node) -> Any:
        """Which entries of a node the results depend on, as far as derivatives see; None if on none."""
        found = self.cotangents[node.index]
        if found is None:
            return None
        return True if isinstance(found, dict) else found[1]


def look(f: Callable[..., Any], args: tuple[Any, ...], argnums: Argnums) -> Run:
    """Record f at plain arguments and sweep the tape with structural zeros."""
    moving = split(args, argnums, f)
    if any(is_traced(leaf) for leaf in moving.leaves):
        raise InputError("explain and kinks look at plain values, not inside another transform", "dk.value(x)")
    names = argument_names(f, args)
    paths = [path for position in moving.positions for path in tree.paths(args[position], names[position])]
    with np.errstate(all="ignore"):
        tape = record(f, list(moving.leaves), lambda leaves: (moving.merge(leaves), {}), paths, _OutsideLevel())
        outs, _ = tree.flatten(tape.output)
        seeds = [(out, np.ones(out.shape, out.dtype)) for out in outs
                 if isinstance(out, Node) and out.dtype.kind in "fc"]
        return Run(moving, tape, outs, masked.sweep(tape.nodes, seeds))


def operands(node: Node) -> list[Any]:
    """The plain values a node was computed from."""
    return [given.value if isinstance(given, Node) else given for given in node.inputs]


def at(value: Any, index: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """The entry of an operand behind entry ``index`` of a result of ``shape``; the whole one if there is none."""
    if not hasattr(value, "dtype"):
        return value
    try:
        return np.broadcast_to(value, shape)[index]
    except ValueError:
        return value


def shown(value: Any) -> str:
    """A value in a line of text."""
    if isinstance(value, np.ndarray) and value.ndim:
        body = np.array2string(value.ravel(), threshold=6, edgeitems=2, separator=", ").replace("\n", "")
        return body if value.ndim == 1 else f"array of shape {value.shape}: {body}"
    if isinstance(value, (np.ndarray, np.generic)):
        return str(value.item()) if value.dtype.kind in "fc" else str(value)
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."


def source_of(line: str) -> str:
    """The text of a ``file:number``."""
    name, _, number = line.rpartition(":")
    return linecache.getline(name, int(number)).strip() if number.isdigit() else ""


def place(line: str) -> str:
    """``at file:number``, with the text of the line where it can be read."""
    text = source_of(line)
    return f"  at {line}" + (f"\n     {text}" if text else "")
