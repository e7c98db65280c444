"""LLVM assembly, written as text: values, arithmetic, and a loop's lanes.

A ``Value`` is a name with a kind: "d" double, "f" float, "b" a truth value, "l" a 64-bit integer.
``Code.width`` is how many of them go together: 0 outside of loops (plain numbers), 8 in a loop
over arrays, where every instruction is one on a vector of 8 lanes.  The same Python function thus
writes the scalar and the vector form of an operation.

Nothing is fused or reordered but what asks for it: ``fma`` is one rounding where the processor
has it, all else rounds as NumPy does.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

#: Lanes of a loop: a vector of 8 doubles is one register with AVX-512, two with AVX, four with SSE2 or NEON.
WIDTH = 8
_TYPES = {"d": "double", "f": "float", "b": "i1", "l": "i64"}
_COMPARE = {"<": "olt", "<=": "ole", ">": "ogt", ">=": "oge", "==": "oeq", "!=": "une"}


class Value(NamedTuple):
    """An SSA value: its text, its kind, and its lanes (0: one number)."""

    text: str
    kind: str
    width: int


class Code:
    """The instructions of one function, in order."""

    def __init__(self, has_fma: bool, entries: Sequence[str] = (), has_scale: bool = False) -> None:
        self.entries = list(entries)
        self.lines: list[str] = []
        self.width = 0
        self.has_fma = has_fma
        self.has_scale = has_scale
        self.mask: Value | None = None
        self.declared: set[str] = set()
        self.block = "entry"
        self._count = 0
        self._splats: dict[tuple[Value, int], Value] = {}

    # --- text ----------------------------------------------------------------------------------
    def fresh(self, stem: str = "t") -> str:
        self._count += 1
        return f"%{stem}{self._count}"

    def put(self, line: str) -> None:
        self.lines.append("  " + line)

    def start(self, label: str) -> None:
        """Begin a block."""
        self.lines.append(f"{label[1:]}:")
        self.block = label
        self._splats.clear()

    def type(self, kind: str, width: int | None = None) -> str:
        width = self.width if width is None else width
        one = _TYPES[kind]
        return f"<{width} x {one}>" if width else one

    def declare(self, line: str) -> None:
        self.declared.add(line)

    def give(self, kind: str, text: str) -> Value:
        name = self.fresh()
        self.put(f"{name} = {text}")
        return Value(name, kind, self.width)

    # --- constants and lanes ---------------------------------------------------------------------
    def number(self, value: float, kind: str = "d") -> Value:
        """A constant, in all lanes."""
        if kind in "df":
            if kind == "f":
                value = struct.unpack("<f", struct.pack("<f", value))[0] if abs(value) <= 3.4028234663852886e38 \
                    or value != value else value
            one = f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
        else:
            one = str(int(value)) if kind != "b" else ("true" if value else "false")
        if not self.width:
            return Value(one, kind, 0)
        return Value("<" + ", ".join([f"{_TYPES[kind]} {one}"] * self.width) + ">", kind, self.width)

    def splat(self, value: Value) -> Value:
        """A number in all lanes of the present width."""
        if value.width == self.width:
            return value
        known = self._splats.get((value, self.width))
        if known is None:
            kind = self.type(value.kind)
            name = self.fresh()
            self.put(f"{name} = insertelement {kind} poison, {_TYPES[value.kind]} {value.text}, i64 0")
            known = self.give(value.kind, f"shufflevector {kind} {name}, {kind} poison, "
                                          f"<{self.width} x i32> zeroinitializer")
            self._splats[value, self.width] = known
        return known

    def lane(self, value: Value, position: int) -> Value:
        name = self.fresh()
        self.put(f"{name} = extractelement {self.type(value.kind, value.width)} {value.text}, i64 {position}")
        return Value(name, value.kind, 0)

    def gather(self, parts: list[Value]) -> Value:
        """Numbers as one vector."""
        kind = parts[0].kind
        whole = "poison"
        for i, part in enumerate(parts):
            name = self.fresh()
            self.put(f"{name} = insertelement {self.type(kind, len(parts))} {whole}, "
                     f"{_TYPES[kind]} {part.text}, i64 {i}")
            whole = name
        return Value(whole, kind, len(parts))

    def turned(self, value: Value, by: int) -> Value:
        """Lanes moved down by ``by``, to combine halves of a vector."""
        order = ", ".join(f"i32 {(i + by) % self.width}" for i in range(self.width))
        kind = self.type(value.kind)
        return self.give(value.kind,
                         f"shufflevector {kind} {value.text}, {kind} poison, <{self.width} x i32> <{order}>")

    # --- arithmetic ------------------------------------------------------------------------------
    def _two(self, operation: str, a: Value, b: Value) -> Value:
        return self.give(a.kind, f"{operation} {self.type(a.kind)} {a.text}, {b.text}")

    def add(self, a: Value, b: Value) -> Value:
        return self._two("fadd", a, b)

    def sub(self, a: Value, b: Value) -> Value:
        return self._two("fsub", a, b)

    def mul(self, a: Value, b: Value) -> Value:
        return self._two("fmul", a, b)

    def div(self, a: Value, b: Value) -> Value:
        return self._two("fdiv", a, b)

    def neg(self, a: Value) -> Value:
        return self.give(a.kind, f"fneg {self.type(a.kind)} {a.text}")

    def integer(self, operation: str, a: Value, b: Value | int) -> Value:
        """``add``, ``sub``, ``shl``, ``lshr``, ``and``, … on integers or truth values."""
        return self._two(operation, a, self.number(b, "l") if isinstance(b, int) else b)

    def intrinsic(self, name: str, *args: Value) -> Value:
        """One of LLVM's functions of values of one kind: fabs, sqrt, fma, floor, …"""
        kind = args[0].kind
        suffix = (f"v{self.width}" if self.width else "") + {"d": "f64", "f": "f32"}[kind]
        whole = self.type(kind)
        self.declare(f"declare {whole} @llvm.{name}.{suffix}({', '.join([whole] * len(args))})")
        return self.give(kind, f"call {whole} @llvm.{name}.{suffix}({', '.join(f'{whole} {a.text}' for a in args)})")

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a b + c, rounded once where the processor can."""
        return self.intrinsic("fma", a, b, c) if self.has_fma else self.add(self.mul(a, b), c)

    def scaled(self, a: Value, bits: Value) -> Value | None:
        """a 2^n in one instruction, where the processor has it; n stands in the low 32 bits of ``bits``."""
        if not self.has_scale or not self.width or self.width % 8:
            return None
        whole, integers = self.type("d"), f"<{self.width} x i32>"
        name = f"@llvm.ldexp.v{self.width}f64.v{self.width}i32"
        self.declare(f"declare {whole} {name}({whole}, {integers})")
        self.put(f"{(power := self.fresh())} = trunc {self.type('l')} {bits.text} to {integers}")
        return self.give("d", f"call {whole} {name}({whole} {a.text}, {integers} {power})")

    def compare(self, sign: str, a: Value, b: Value) -> Value:
        return self.give("b", f"fcmp {_COMPARE.get(sign, sign)} {self.type(a.kind)} {a.text}, {b.text}")

    def compare_integers(self, sign: str, a: Value, b: Value) -> Value:
        return self.give("b", f"icmp {sign} {self.type(a.kind)} {a.text}, {b.text}")

    def is_nan(self, a: Value) -> Value:
        return self.compare("uno", a, a)

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        kind = self.type(a.kind)
        return self.give(a.kind, f"select {self.type('b')} {condition.text}, {kind} {a.text}, {kind} {b.text}")

    def bits(self, a: Value) -> Value:
        """A double's bits as an integer, or back."""
        kind = "l" if a.kind == "d" else "d"
        return self.give(kind, f"bitcast {self.type(a.kind)} {a.text} to {self.type(kind)}")

    def convert(self, a: Value, kind: str) -> Value:
        """A truth value, float or double as another."""
        if a.kind == kind:
            return a
        if kind == "b":
            return self.compare("une", a, self.number(0.0, a.kind))
        operation = "uitofp" if a.kind == "b" else "fpext" if kind == "d" else "fptrunc"
        return self.give(kind, f"{operation} {self.type(a.kind)} {a.text} to {self.type(kind)}")

    def polynomial(self, x: Value, coefficients: tuple[float, ...]) -> Value:
        """c0 + c1 x + …: two chains at a time in a loop, as a tree where nothing else hides the latency."""
        if not self.width:
            return self._tree(x, [self.number(coefficient) for coefficient in coefficients])
        even, odd = coefficients[::2], coefficients[1::2]
        if len(coefficients) < 6:
            return self._horner(x, coefficients)
        square = self.mul(x, x)
        return self.fma(self._horner(square, odd), x, self._horner(square, even))

    def _tree(self, x: Value, terms: list[Value]) -> Value:
        while len(terms) > 1:
            pairs = [self.fma(high, x, low) for low, high in zip(terms[::2], terms[1::2])]
            terms = pairs + terms[2 * len(pairs):]
            x = self.mul(x, x)
        return terms[0]

    def _horner(self, x: Value, coefficients: tuple[float, ...]) -> Value:
        total = self.number(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            total = self.fma(total, x, self.number(coefficient))
        return total

    def outside(self, name: str, args: list[Value]) -> Value:
        """A call of a function of the C library, whose address stands in the table."""
        address = self.table(name)
        result = self.fresh()
        self.put(f"{result} = call double {address}({', '.join(f'double {arg.text}' for arg in args)})")
        return Value(result, "d", 0)

    def table(self, name: str) -> str:
        """An address from the table that the routine is given."""
        self.put(f"{(place := self.fresh())} = getelementptr i64, ptr %table, i64 {self.entries.index(name)}")
        self.put(f"{(address := self.fresh())} = load ptr, ptr {place}")
        return address

    def table_entry(self, table: str, position: int) -> str:
        """An entry of a table of 32-bit integers."""
        self.put(f"{(where := self.fresh())} = getelementptr i32, ptr {table}, i32 {position}")
        self.put(f"{(entry := self.fresh())} = load i32, ptr {where}")
        return entry

    def any_lane(self, condition: Value) -> Value:
        """Whether a truth value holds in any lane, as one number."""
        if not self.width:
            return condition
        integer = self.fresh()
        self.put(f"{integer} = bitcast {self.type('b')} {condition.text} to i{self.width}")
        name = self.fresh()
        self.put(f"{name} = icmp ne i{self.width} {integer}, 0")
        return Value(name, "b", 0)
