"""What two calls must have in common to share programs: containers, shapes, dtypes, static values.

Every leaf of the arguments is an *input* (arrays, NumPy's and Python's floats, and Python's
ints once they are seen to vary) or *static* (everything else): part of the signature, by value for
numbers and strings, by identity for the rest.

``Unpack`` is the fast way back: source, made for one signature, that takes a call's arguments
apart and answers None at the first difference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.compiling.recording import Refused
from diffkit.traced import is_traced

_BY_VALUE = (int, bool, str, bytes, float, complex)


@dataclasses.dataclass(frozen=True, slots=True)
class Signature:
    """``key`` is equal for calls that share programs; ``positions`` are the leaves that are inputs."""

    key: Any
    leaves: list[Any]
    structure: tree.Structure
    positions: tuple[int, ...]

    @property
    def inputs(self) -> list[Any]:
        return [self.leaves[i] for i in self.positions]

    @property
    def static(self) -> list[Any]:
        """Static leaves that have an inside: functions, models, generators."""
        inputs = set(self.positions)
        return [leaf for i, leaf in enumerate(self.leaves) if i not in inputs and type(leaf) not in _BY_VALUE]


def signature(args: tuple[Any, ...], kwargs: Mapping[str, Any], varying: frozenset[int],
              static_floats: bool) -> Signature:
    """The signature of a call; leaves number ``varying`` are ints that are inputs."""
    leaves, structure = tree.flatten((args, dict(kwargs)))
    keys: list[Any] = []
    positions = []
    for i, leaf in enumerate(leaves):
        kind = type(leaf)
        if kind is np.ndarray:
            if leaf.dtype.kind not in "fcbiu":
                raise Refused(f"an argument is an array of dtype {leaf.dtype}")
            keys.append((leaf.shape, leaf.dtype, None if leaf.flags.c_contiguous else leaf.strides))
        elif (kind is float and not static_floats) or (kind is int and i in varying):
            keys.append(kind)
        elif isinstance(leaf, np.generic) and leaf.dtype.kind in "fcbiu":
            keys.append(leaf.dtype)
        elif isinstance(leaf, np.ndarray):
            raise Refused(f"an argument is a {kind.__name__}, whose operators are its own")
        else:
            keys.append((kind, repr(leaf) if kind in (float, complex) else leaf if kind in _BY_VALUE else id(leaf)))
            continue
        positions.append(i)
    return Signature((structure, tuple(keys)), leaves, structure, tuple(positions))


def ints_aside(found: Signature) -> Any:
    """The key without the values of Python's ints: equal for calls that differ in these alone."""
    structure, keys = found.key
    return structure, tuple(int if type(leaf) is int else key for leaf, key in zip(found.leaves, keys))


def int_positions(found: Signature) -> frozenset[int]:
    return frozenset(i for i, leaf in enumerate(found.leaves) if type(leaf) is int)


def holds_traced(args: Any) -> bool:
    """Whether a value of a running transform is among the arguments."""
    return any(is_traced(leaf) for leaf in tree.flatten(args)[0])


class Unpack:
    """Compiled source that takes the arguments of one signature apart."""

    def __init__(self, found: Signature) -> None:
        self.namespace: dict[str, Any] = {"ndarray": np.ndarray}
        self.lines: list[str] = []
        self._count = 0
        self._leaf = 0
        self._found = found
        self._inputs: list[str] = []
        self._positions = set(found.positions)
        self.is_plain = self._take("args", found.structure.children[0]) and self._take(
            "kwargs", found.structure.children[1])
        body = [*self.lines, f"return [{', '.join(self._inputs)}]"]
        self.source = "\n".join(["def unpack(args, kwargs):", *("    " + line for line in body)]) + "\n"

    def _name(self, value: Any) -> str:
        name = f"k{len(self.namespace)}"
        self.namespace[name] = value
        return name

    def _variable(self) -> str:
        self._count += 1
        return f"a{self._count}"

    def _take(self, name: str, structure: tree.Structure) -> bool:
        """Lines that check and take apart one container; False for a kind that only ``tree`` knows."""
        kind = structure.kind
        if kind is None:
            self._check_leaf(name)
            return True
        if kind is type(None):
            self.lines.append(f"if {name} is not None: return None")
            return True
        if structure.prototype is not None:
            return False
        if name not in ("args", "kwargs"):
            self.lines.append(f"if type({name}) is not {self._name(kind)}: return None")
        count = len(structure.children)
        self.lines.append(f"if len({name}) != {count}: return None")
        parts = [self._variable() for _ in structure.children]
        if kind is dict:
            if count > 1 or (count and name != "kwargs"):
                self.lines.append(f"if tuple({name}) != {self._name(structure.keys)}: return None")
            elif count:
                self.lines.append(f"if {self._name(structure.keys[0])} not in {name}: return None")
            parts_of = f"{name}.values()"
        else:
            parts_of = name
        if parts:
            self.lines.append(f"{', '.join(parts)}{',' * (count == 1)} = {parts_of}")
        return all(self._take(part, child) for part, child in zip(parts, structure.children))

    def _check_leaf(self, name: str) -> None:
        leaf = self._found.leaves[self._leaf]
        kind = type(leaf)
        if kind is np.ndarray:
            self.lines.append(
                f"if type({name}) is not ndarray or {name}.dtype is not {self._name(leaf.dtype)} or {name}.shape != "
                f"{self._name(leaf.shape)} or {name}.strides != {self._name(leaf.strides)}: return None")
        elif self._leaf in self._positions or kind in _BY_VALUE:
            self.lines.append(f"if type({name}) is not {self._name(kind)}: return None")
            if self._leaf not in self._positions:
                same = f"{name} != {self._name(leaf)}" if kind not in (float, complex) else \
                    f"repr({name}) != {self._name(repr(leaf))}"
                self.lines.append(f"if {same}: return None")
        else:
            self.lines.append(f"if {name} is not {self._name(leaf)}: return None")
        if self._leaf in self._positions:
            self._inputs.append(name)
        self._leaf += 1
