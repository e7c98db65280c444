"""One group of stages as one function of machine code.

    PyObject *routine(PyObject *table, PyObject **args, Py_ssize_t count)

is what Python calls directly (``METH_FASTCALL``): no array is converted, no argument looked at; the
program's guards have done so.  An array's data pointer and a float's value stand behind the object
header.  The answer is None, a tuple of numbers, or an int: which question was answered otherwise,
-1 for a NaN in a derivative.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.compiling.native.chunks import Chunk
from diffkit.compiling.native.code import Code, Value
from diffkit.compiling.native.fusing import Chain, Fusible
from diffkit.compiling.native.layout import Layout, Place
from diffkit.compiling.native.loop import Loop
from diffkit.compiling.native.machine import engine
from diffkit.compiling.native.nest import Nest
from diffkit.compiling.native.operations import LIBRARY, kind_of
from diffkit.compiling.native.pieces import Pieces
from diffkit.compiling.native.scratch import Scratch, call_chunk, read
from diffkit.compiling.native.stages import Job, Stage
from diffkit.compiling.native.walks import LOADED
from diffkit.compiling.optimise import uniform
from diffkit.compiling.program import Item, plain
from diffkit.rules.indexing import GETITEM
from diffkit.rules.reductions import SUM

#: What the table that a routine is given holds, in order.
ENTRIES = ("PyFloat_FromDouble", "PyTuple_New", "PyTuple_SetItem", "PyLong_FromLong", "Py_IncRef", "None",
           "PyArray_Scalar", "d", "f", "b", *LIBRARY.values())
#: What is returned for a NaN in a derivative.
MET_NAN = -1
_HEADER = object.__basicsize__


class Routine:
    """Writes the assembly of one group.

    Parameters
    ----------
    stages : list of Stage
    arguments : list of Item
        Arrays (roots) and numbers, in the order in which Python gives them.
    homes : dict
        For each array that is made here, the argument in whose memory it lies.
    stored : set of int
        Items that must be in memory when the group ends (or in between).
    results : list of Item
        Numbers to return.
    pieces : dict
        Of writes that never meet, what is known of all of them.
    placed : dict
        For each array that is made in another one's memory, that one and an offset in bytes.
    """

    def __init__(self, stages: list[Stage], arguments: list[Item], homes: dict[int, int], stored: set[int],
                 results: list[Item], layout: Layout, numbering: dict[int, int], has_fma: bool,
                 scratch: Scratch | None = None, offsets: list[int] | None = None,
                 pieces: dict[int, Pieces] | None = None, placed: dict[int, tuple[int, int]] | None = None,
                 fusible: Fusible | None = None) -> None:
        self.layout = layout
        self.homes = homes
        self.stored = stored
        self.pieces = pieces or {}
        self.chain = Chain(fusible or Fusible())
        self.code = Code(has_fma, ENTRIES, engine().has_scale)
        self.cells: list[str] = []
        self.numbers: dict[int, Value] = {}
        self.pointers: dict[int, str] = {}
        self._exits: list[str] = []
        self._constants: dict[int, Any] = {}
        self.functions: list[str] = []
        self._results = results
        self.scratch = scratch
        self.written = 0
        self.offsets = offsets
        self._given = len(arguments)
        self._numbering = numbering
        self._has_checks = any(
            job.role == "check" or job.is_checked for stage in stages for job in stage.jobs)
        self._open(arguments)
        for number, (home, offset) in reversed((placed or {}).items()):
            self.pointers[number] = self.at(home, offset)
        for stage in stages:
            if stage.domain:
                Nest(self, stage).write()
            else:
                self._plain_stage(stage)
        self._close(results)

    @property
    def assembly(self) -> str:
        return "\n".join([*sorted(self.code.declared), *self.functions,
                          "define ptr @NAME(ptr %self, ptr %args, i64 %count) {", "entry:",
                          *self.cells, *self.code.lines, *self._exits, "}", ""])

    # --- the frame -------------------------------------------------------------------------------
    def _open(self, arguments: list[Item]) -> None:
        c = self.code
        c.put(f"%tables = getelementptr i8, ptr %self, i64 {_HEADER}")
        c.put("%table = load ptr, ptr %tables")
        if self._has_checks:
            self.bad = self.cell("i1", "false")
        for i, item in enumerate(arguments):
            c.put(f"%slot{i} = getelementptr ptr, ptr %args, i64 {i}")
            c.put(f"%object{i} = load ptr, ptr %slot{i}")
            c.put(f"%inside{i} = getelementptr i8, ptr %object{i}, i64 {_HEADER}")
            if item.kind == "array":
                c.put(f"%data{i} = load ptr, ptr %inside{i}")
                self.pointers[item.number] = f"%data{i}"
            else:
                self.numbers[item.number] = self._load(f"%inside{i}", kind_of(item))

        if self.scratch is not None:
            i = len(arguments) + (self.offsets is not None)
            c.put(f"%slot{i} = getelementptr ptr, ptr %args, i64 {i}")
            c.put(f"%object{i} = load ptr, ptr %slot{i}")
            c.put(f"%inside{i} = getelementptr i8, ptr %object{i}, i64 {_HEADER}")
            c.put(f"%scratch = load ptr, ptr %inside{i}")

    def cell(self, kind: str, start: str = "") -> str:
        """A variable of the routine."""
        name = self.code.fresh("cell")
        self.cells.append(f"  {name} = alloca {kind}")
        if start:
            self.cells.append(f"  store {kind} {start}, ptr {name}")
        return name

    def _load(self, pointer: str, kind: str) -> Value:
        c = self.code
        name = c.fresh()
        c.put(f"{name} = load {LOADED[kind]}, ptr {pointer}, align 1")
        return Value(name, kind, 0) if kind != "b" else self._truth(name)

    def _truth(self, byte: str) -> Value:
        name = self.code.fresh()
        self.code.put(f"{name} = icmp ne i8 {byte}, 0")
        return Value(name, "b", 0)

    def leave(self, code: int) -> str:
        """The label of a block that returns this int."""
        c = self.code
        label = c.fresh("leave")
        kept, c.lines = c.lines, []
        c.put(f"{(make := c.fresh())} = getelementptr i64, ptr %table, i64 {ENTRIES.index('PyLong_FromLong')}")
        c.put(f"{(call := c.fresh())} = load ptr, ptr {make}")
        c.put(f"{(result := c.fresh())} = call ptr {call}(i64 {code})")
        c.put(f"ret ptr {result}")
        self._exits += [f"{label[1:]}:", *c.lines]
        c.lines = kept
        return label

    def branch(self, condition: Value, elsewhere: str) -> None:
        """Go on where the condition holds."""
        label = self.code.fresh("on")
        self.code.put(f"br i1 {condition.text}, label {label}, label {elsewhere}")
        self.code.start(label)

    def note_nan(self, condition: Value) -> None:
        c = self.code
        name, both = c.fresh(), c.fresh()
        c.put(f"{name} = load i1, ptr {self.bad}")
        c.put(f"{both} = or i1 {name}, {condition.text}")
        c.put(f"store i1 {both}, ptr {self.bad}")

    def _close(self, results: list[Item]) -> None:
        c = self.code
        if self._has_checks:
            good, name = c.fresh(), c.fresh()
            c.put(f"{name} = load i1, ptr {self.bad}")
            c.put(f"{good} = xor i1 {name}, true")
            self.branch(Value(good, "b", 0), self.leave(MET_NAN))
        if not results:
            none = c.table("None")
            c.put(f"call void {c.table('Py_IncRef')}(ptr {none})")
            c.put(f"ret ptr {none}")
            return
        if len(results) == 1:
            c.put(f"ret ptr {self._object(results[0])}")
            return
        whole = c.fresh()
        c.put(f"{whole} = call ptr {c.table('PyTuple_New')}(i64 {len(results)})")
        for i, item in enumerate(results):
            part = self._object(item)
            c.put(f"{c.fresh()} = call i32 {c.table('PyTuple_SetItem')}(ptr {whole}, i64 {i}, ptr {part})")
        c.put(f"ret ptr {whole}")

    def _object(self, item: Item) -> str:
        """A Python object for a number: Python's float, or NumPy's scalar."""
        c = self.code
        kind = kind_of(item)
        value = c.convert(self.number(item), kind)
        name = c.fresh()
        if item.kind == "weak":
            c.put(f"{name} = call ptr {c.table('PyFloat_FromDouble')}(double {value.text})")
            return name
        text = value.text
        if kind == "b":
            text = c.fresh()
            c.put(f"{text} = zext i1 {value.text} to i8")
        cell = self.cell(LOADED[kind])
        c.put(f"store {LOADED[kind]} {text}, ptr {cell}")
        c.put(f"{name} = call ptr {c.table('PyArray_Scalar')}(ptr {cell}, ptr {c.table(kind)}, ptr null)")
        return name

    # --- plain numbers -----------------------------------------------------------------------------
    def _plain_stage(self, stage: Stage) -> None:
        parts = self.scratch.parts.get(id(stage)) if self.scratch is not None else None
        functions: dict[Any, str] = {}
        for part in parts or stage.jobs:
            if isinstance(part, Chunk):
                call_chunk(self, part, functions)
            else:
                self.written += 1
                self.plain_job(part)

    def plain_job(self, job: Job) -> None:
        c = self.code
        c.width = 0
        item = job.item
        if job.role == "ask":
            assert job.question is not None
            value = c.convert(self.plain_value(item), "b")
            if not job.question.answer:
                value = c.integer("xor", value, c.number(1, "b"))
            self.branch(value, self.leave(self._numbering[id(job.question)]))
        elif job.role == "check":
            self.note_nan(c.is_nan(self.plain_value(item)))
        elif job.role == "write":
            start = self.start(job)
            place = self.layout.written(item)
            assert place is not None
            pointer = self.at(item.number, place.offset)
            value = c.convert(self.plain_value(item.args[1]), kind_of(item))
            if job.item.rule.name != "setitem":
                sign = c.add if item.rule.name == "add_at" else c.sub
                value = sign(self._load(pointer, value.kind) if start is None else start, value)
            self.store(value, pointer)
            if job.is_checked:
                self.note_nan(c.is_nan(value))
        else:
            entry = self.layout.entry(item)
            # One entry of an array is read at its own place.
            args = [self._at(entry, kind_of(item))] if entry is not None else \
                [self.plain_value(arg) for arg in ((item,) if item.rule is GETITEM else item.args)]
            if job.role == "reduce":  # of one entry; a sum starts at 0, which matters to -0
                value = c.add(c.number(0.0, args[0].kind), args[0]) if item.rule is SUM else args[0]
            else:
                assert job.write is not None
                value = self.chain.value(c, item, job.write, args, self.plain_value)
            value = c.convert(value, kind_of(item))
            self.numbers[item.number] = value
            if item.number in self.stored:
                self.store(value, self.at(item.number, 0))

    def plain_value(self, item: Item) -> Value:
        """A number (or the only entry of an array)."""
        number = self.constant(item)
        if number is not None:
            return number
        place = self.layout.place(item)
        if place.root.number not in self.numbers and self.scratch is not None \
                and place.root.number in self.scratch.filled:
            return read(self.code, str(self.scratch.place(place.root)), kind_of(place.root))
        return self._at(place, kind_of(item))

    def _at(self, place: Place, kind: str) -> Value:
        """The number at a place."""
        known = self.numbers.get(place.root.number)
        if known is not None and (place.root.kind != "array" or place.root.value.size == 1):
            return known
        return self._load(self.at(place.root.number, place.offset), kind)

    def number(self, item: Item) -> Value:
        """A number that was computed here or given."""
        known = self.numbers.get(item.number)
        if known is None:
            assert self.scratch is not None
            width, self.code.width = self.code.width, 0
            known = read(self.code, str(self.scratch.place(item)), kind_of(item))
            self.code.width = width
        return known

    def constant_number(self, item: Item) -> Any:
        """The number that a constant is, or is full of."""
        if item.source != "constant":
            return None
        if item.number not in self._constants:
            self._constants[item.number] = uniform(item) if item.kind == "array" else plain(item.value)
        return self._constants[item.number]

    def constant(self, item: Item) -> Value | None:
        """A constant number, or an array of equal ones, in all lanes."""
        number = self.constant_number(item)
        return None if number is None else self.code.number(number, kind_of(item))

    def at(self, number: int, offset: int) -> str:
        """A pointer into an item's memory."""
        base = self.pointers[self.homes.get(number, number)]
        if not offset:
            return base
        name = self.code.fresh()
        if self.offsets is not None:  # by table, so that parts of a program that differ in places alone are one
            self.offsets.append(offset)
            entry = self._entry(len(self.offsets) - 1)
            self.code.put(f"{name} = getelementptr i8, ptr {base}, i64 {entry}")
            return name
        self.code.put(f"{name} = getelementptr i8, ptr {base}, i64 {offset}")
        return name

    def _entry(self, position: int) -> str:
        """An entry of the table of offsets, which is the last argument."""
        c = self.code
        slot, table, inside, place, entry = (c.fresh() for _ in range(5))
        c.put(f"{slot} = getelementptr ptr, ptr %args, i64 {self._given}")
        c.put(f"{table} = load ptr, ptr {slot}")
        c.put(f"{inside} = getelementptr i8, ptr {table}, i64 {_HEADER}")
        c.put(f"{place} = load ptr, ptr {inside}")
        c.put(f"{(where := c.fresh())} = getelementptr i64, ptr {place}, i64 {position}")
        c.put(f"{entry} = load i64, ptr {where}")
        return entry

    def store(self, value: Value, pointer: str) -> None:
        c = self.code
        text = value.text
        if value.kind == "b":
            text = c.fresh()
            c.put(f"{text} = zext i1 {value.text} to i8")
        c.put(f"store {LOADED[value.kind]} {text}, ptr {pointer}, align 1")

    # --- whole arrays --------------------------------------------------------------------------------
    def start(self, job: Job) -> Value | None:
        """What stands at the place of a plain write, if that is known."""
        pieces = self.pieces.get(job.item.number)
        self.prepare(job)
        return self.code.number(pieces.start, kind_of(job.item)) \
            if pieces is not None and job.item.number in pieces.firsts else None

    def prepare(self, job: Job) -> None:
        """The array that a write goes into, as it is before."""
        pieces = self.pieces.get(job.item.number)
        if job.in_place or (pieces is not None and pieces.is_whole):
            return
        a = job.item.args[0]
        number = uniform(a) if a.source == "constant" else None
        root = self.layout.root(a)
        if number is not None:
            self.fill(job.item, float(number))
        elif root.kind != "array":
            self.fill(job.item, self.number(root))
        else:
            Nest(self, Stage(tuple(size for size in a.shape if size != 1), [])).copy(a, job.item)

    def fill(self, item: Item, number: float | Value, start: int = 0, stop: int | None = None) -> None:
        """Entries of an array that is made here, all or those from ``start`` to ``stop`` in memory."""
        c = self.code
        kind = kind_of(item)
        size = (item.value.size if stop is None else stop) - start
        if size <= 0:
            return
        pointer = self.at(item.number, start * item.value.itemsize)
        if not isinstance(number, Value) and np.float64(number).tobytes() == bytes(8):
            c.declare("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
            c.put(f"call void @llvm.memset.p0.i64(ptr {pointer}, i8 0, i64 {size * item.value.itemsize}, i1 false)")
            return
        c.width = 0
        value = c.convert(number, kind) if isinstance(number, Value) else c.number(number, kind)
        with self.loop(size) as i:
            name = c.fresh()
            c.put(f"{name} = getelementptr {LOADED[kind]}, ptr {pointer}, i64 {i}")
            self.store(value, name)

    def loop(self, count: int, step: int = 1) -> Loop:
        return Loop(self, count, step)
