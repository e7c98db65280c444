"""What the source of a program calls its values.

``x`` are inputs, ``c`` constants and functions that have no name of their own, ``v`` results; ``f`` is a
number of NumPy's as Python's float.  Small numbers stand in the text.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from diffkit.compiling import numbers
from diffkit.compiling.plan import WRITES
from diffkit.compiling.program import Item, is_ufunc_call, plain
from diffkit.compiling.rolling.regions import Affine

#: Names that the source uses itself.
RESERVED = ("abs", "int", "float", "inputs", "slots", "token", "n", "a", "r", "take", "give", "silence", "restore",
            "program", "start", "stop")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Names:
    """The names of one program's (or loop's) values, and the namespace in which they mean what they do.

    Attributes
    ----------
    namespace : dict
        What constants and functions are called.
    floats : frozenset of int
        The numbers of the items that are computed as Python's floats.
    """

    def __init__(self, namespace: dict[str, Any], objects: dict[int, str], floats: frozenset[int],
                 names: dict[int, str]) -> None:
        self.namespace = namespace
        self.floats = floats
        self._objects = objects
        self._names = names
        self._raw: dict[int, str] = {}
        self._hold: dict[int, int] = {}
        self._conversions: list[str] = []

    def name(self, item: Item) -> str:
        """How the source calls a value, a number as NumPy's."""
        if item.number in self.floats:
            return f"{self.function('float64', np.float64)}({self.raw(item)})"
        known = self._names.get(item.number)
        if known is None:
            if item.source == "constant":
                known = self._literal_number(plain(item.value)) or self.constant(item.value)
            else:
                known = f"v{item.number}"
            self._names[item.number] = known
        return known

    def raw(self, item: Item) -> str:
        """How the source calls a number as Python's float; what NumPy computed is converted once."""
        if item.kind == "weak" and item.source != "constant":
            return self.name(item)
        known = self._raw.get(item.number)
        if known is None:
            if item.source == "constant":
                known = numbers.literal(plain(item.value)) or self.constant(float(item.value))
            elif item.number in self.floats:
                known = f"v{item.number}"
            else:
                known = f"f{item.number}"
                self._conversions.append(f"{known} = float({self.name(item)})")
            self._raw[item.number] = known
        return known

    def hold(self, item: Item) -> int:
        """How tightly a float's text holds together."""
        return self._hold.get(item.number, numbers.WHOLE)

    def operand(self, arg: Item, item: Item) -> str:
        """An operand of an array's operation, for which a Python float will do beside float64."""
        if arg.number in self.floats and (is_ufunc_call(item) or item.rule in WRITES) and any(
                other.kind == "array" and other.value.dtype == np.float64 for other in item.args):
            return self.raw(arg)
        return self.name(arg)

    @staticmethod
    def _literal_number(value: Any) -> str:
        if type(value) in (int, float) and value == value and abs(value) != float("inf"):
            return repr(value) if str(value)[0] != "-" else f"({value!r})"
        return repr(value) if type(value) is bool else ""

    def constant(self, value: Any) -> str:
        """A name for an object in the namespace."""
        name = self._objects.get(id(value))
        if name is None:
            name = self._objects[id(value)] = f"c{len(self._objects)}"
            self.namespace[name] = value
        return name

    def function(self, name: str, fun: Any) -> str:
        """A name for a function: its own if that is the table's or ours."""
        if not NAME.match(name):
            return self.constant(fun)
        while self.namespace.setdefault(name, fun) is not fun:
            name += "_"
        return name

    def literal(self, value: Any) -> str:
        """Source for a parameter: numbers, slices and tuples of them as text, the rest by name."""
        kind = type(value)
        if kind in (int, bool, Affine) or value is None or value is Ellipsis:
            return repr(value)
        if kind is tuple:
            inner = ", ".join(map(self.literal, value))
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        if kind is slice and all(part is None or type(part) is int for part in (value.start, value.stop, value.step)):
            return repr(value)
        return self.constant(value)

    def index(self, index: Any) -> str:
        """The text between the brackets of ``a[…]``."""
        parts = index if type(index) is tuple else (index,)
        texts = []
        for part in parts:
            if type(part) is slice and all(p is None or type(p) in (int, Affine)
                                           for p in (part.start, part.stop, part.step)):
                start, stop, step = ("" if p is None else str(p) for p in (part.start, part.stop, part.step))
                texts.append(f"{start}:{stop}" + (f":{step}" if step else ""))
            elif type(part) is bool:
                texts.append(self.constant(np.bool_(part)))
            else:
                texts.append(self.literal(part) if not isinstance(part, tuple) else self.constant(part))
        text = ", ".join(texts)
        return text + "," if type(index) is tuple and len(parts) == 1 else text or "()"
