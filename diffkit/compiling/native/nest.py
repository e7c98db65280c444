"""One stage as a loop nest: outer loops over rows, an inner loop over vectors of lanes.

Dimensions are ordered by stride and joined where all operands walk through both as through one, so
contiguous arrays of any rank are one flat loop.  The inner loop takes 8 entries a turn; what is left
over is one more turn with fewer lanes.  All sizes and strides are constants of the program.

A sum along the inner dimension adds 8 columns, and starts anew every 4096 entries, so that its error
does not grow with the array; along another dimension it adds row to row, as NumPy does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from diffkit.compiling.native.code import WIDTH, Value
from diffkit.compiling.native.layout import Place, aligned, along
from diffkit.compiling.native.operations import instructions, kind_of
from diffkit.compiling.native.stages import Job, Stage
from diffkit.compiling.native.totals import Totals
from diffkit.compiling.native.walks import BYTES, LOADED, Walk, load, store
from diffkit.compiling.program import Item

if TYPE_CHECKING:
    from diffkit.compiling.native.routine import Routine

#: Instructions of a turn, beyond which turns do not overlap any more.
LONG = 300
#: Entries after which a sum starts anew, and after which deferred writes are done.
TILE, DEFERRED = 4096, 1024


class Nest:
    """Writes the loops of one stage."""

    def __init__(self, routine: Routine, stage: Stage) -> None:
        self.routine = routine
        self.code = routine.code
        self.stage = stage
        self.jobs = stage.jobs
        self.sizes = stage.domain
        self.walks: dict[tuple[int, int, tuple[int, ...]], Walk] = {}
        self.reads: dict[tuple[int, int], Walk] = {}
        self.stores: dict[int, Walk] = {}
        self.totals = Totals(self)
        self.starts: dict[int, float] = {}
        self.deferred: dict[int, str] = {}
        self.frontiers: list[tuple[str, int]] = []
        self.checked: dict[Walk, bool] = {}
        self.computed = {job.item.number: job for job in stage.jobs if job.role == "compute"}
        self.checks = ""

    # --- what is walked through -------------------------------------------------------------------
    def _walk(self, place: Place, shape: tuple[int, ...], kind: str, home: int | None = None) -> Walk:
        strides = along(aligned(place, shape), shape)
        number = place.root.number if home is None else home
        key = number, place.offset, strides
        if key not in self.walks:
            self.walks[key] = Walk(self.routine.at(number, place.offset), strides, kind)
        return self.walks[key]

    def write(self) -> None:
        """All loops of the stage."""
        self.code.width = 0
        for job in self.jobs:
            self._find_walks(job)
        self._begin_writes()
        self._run()
        self.totals.finish()

    def _find_walks(self, job: Job) -> None:
        item = job.item
        layout = self.routine.layout
        for arg in item.args[1:] if job.role == "write" else (item,) if job.role == "check" else item.args:
            root = layout.root(arg)
            if self._here(arg, job) or root.kind != "array" or self.routine.constant(arg) is not None:
                continue
            self.reads[id(job), arg.number] = self._walk(layout.place(arg), job.shape, kind_of(arg))
        if job.role == "write":
            place = layout.written(item)
            assert place is not None
            home = self.routine.homes.get(item.number, item.number)
            walk = self.stores[item.number] = self._walk(place, job.shape, kind_of(item), home)
            self.checked[walk] = self.checked.get(walk, False) or job.is_checked
        elif job.role == "compute" and item.number in self.routine.stored:
            self.stores[item.number] = self._walk(layout.place(item), job.shape, kind_of(item))
        elif job.role == "reduce":
            self.totals.begin(item, job)

    def _begin_writes(self) -> None:
        """The arrays that are written into, as they are before, and which writes are deferred.

        Writes into an array that the loop writes into elsewhere wait until the end of a tile: a turn that
        reads what the turn before has written, a few entries away, would have to wait for it.  Pieces that never
        meet need not: they read nothing.
        """
        by_home: dict[int, list[Job]] = {}
        for job in self.jobs:
            if job.role == "write":
                number = job.item.number
                by_home.setdefault(self.routine.homes.get(number, number), []).append(job)
        for jobs in by_home.values():
            walks = [self.stores[job.item.number] for job in jobs]
            pieces = self.routine.pieces.get(jobs[0].item.number)
            if pieces is not None:
                self.starts |= {job.item.number: pieces.start for job in jobs if job.item.number in pieces.firsts}
            for job, walk in zip(jobs, walks):
                if walk is not walks[0] and pieces is None:
                    self.deferred[job.item.number] = self.routine.cell(f"[{DEFERRED} x {LOADED[walk.kind]}]")
            is_apart = pieces is not None and (pieces.is_whole or len(set(walks)) > 1)
            if not jobs[0].in_place and (is_apart or not self._begin_row(jobs, walks)):
                self.routine.prepare(jobs[0])

    def _begin_row(self, jobs: list[Job], walks: list[Walk]) -> bool:
        """Fill only what the first write does not cover; it then need not read.  For zeros in a row."""
        item = jobs[0].item
        step = item.value.itemsize
        number = self.routine.constant_number(item.args[0])
        if number is None or len(self.sizes) != 1 or item.value.ndim != 1 or any(w.strides != (step,) for w in walks):
            return False
        size = self.sizes[0]
        places = [self.routine.layout.written(job.item) for job in jobs]
        starts = [place.offset // step for place in places if place is not None]
        start = starts[0]
        if len(set(starts)) == 1 or size <= DEFERRED:
            self.starts[item.number] = number
        elif float(number).hex() == "0x0.0p+0":
            start = max(starts)  # each tile fills what no earlier one has reached
            self.frontiers.append((self.routine.at(item.number, start * step), step))
        else:
            return False
        self.routine.fill(item, number, 0, start)
        self.routine.fill(item, number, start + size)
        return True

    def _here(self, arg: Item, job: Job) -> bool:
        """Whether an operand was computed in this turn."""
        layout = self.routine.layout
        root = layout.root(arg)
        maker = self.computed.get(root.number)
        if maker is None or root.kind != "array":
            return False
        place = layout.place(arg)
        own = along(root.value.strides, root.shape)
        return place.offset == 0 and along(aligned(place, job.shape), job.shape) == own

    def copy(self, a: Item, item: Item) -> None:
        """All entries of an array into one that is made here."""
        layout = self.routine.layout
        self.copied = (self._walk(layout.place(a), item.shape, kind_of(a)),
                       self._walk(Place(item, 0, item.value.strides, item.shape), item.shape, kind_of(item)))
        self._run()

    copied: tuple[Walk, Walk] | None = None

    # --- loops ---------------------------------------------------------------------------------------
    def _run(self) -> None:
        """Order and join the dimensions, and write the loops."""
        walks = list(self.walks.values())
        order = sorted(range(len(self.sizes)), key=lambda i: -sum(abs(walk.strides[i]) for walk in walks))
        sizes = [self.sizes[i] for i in order]
        for walk in walks:
            walk.strides = tuple(walk.strides[i] for i in order)
        i = 0
        while i + 1 < len(sizes):
            if all(walk.strides[i] == walk.strides[i + 1] * sizes[i + 1] for walk in walks):
                sizes[i:i + 2] = [sizes[i] * sizes[i + 1]]
                for walk in walks:
                    walk.strides = walk.strides[:i] + walk.strides[i + 1:]
            else:
                i += 1
        if any(job.role == "check" or job.is_checked for job in self.jobs):
            self.checks = self.routine.cell("i1")
            self.code.put(f"store i1 false, ptr {self.checks}")
        self._level(sizes, 0, {walk: walk.pointer for walk in walks})
        self.code.width = 0
        if self.checks:
            name = self.code.fresh()
            self.code.put(f"{name} = load i1, ptr {self.checks}")
            self.routine.note_nan(Value(name, "b", 0))

    def _level(self, sizes: list[int], depth: int, pointers: dict[Walk, str]) -> None:
        if depth == len(sizes) - 1:
            self._row(sizes[-1], pointers)
            return
        with self.routine.loop(sizes[depth]) as index:
            self._level(sizes, depth + 1, self._moved(pointers, index, depth))

    def _moved(self, pointers: dict[Walk, str], index: str, depth: int, factor: int = 1) -> dict[Walk, str]:
        """The pointers after ``index`` strides."""
        c = self.code
        found = {}
        for walk, pointer in pointers.items():
            stride = walk.strides[depth] * factor
            if stride:
                offset, moved = c.fresh(), c.fresh()
                c.put(f"{offset} = mul nsw i64 {index}, {stride}")
                c.put(f"{moved} = getelementptr i8, ptr {pointer}, i64 {offset}")
                pointer = moved
            found[walk] = pointer
        return found

    def _row(self, size: int, pointers: dict[Walk, str]) -> None:
        """The inner dimension, in tiles where something is summed along it."""
        most = DEFERRED if self.deferred else TILE if self.totals.inner else size
        if size <= most:
            self._tile(size, pointers)
            return
        with self.routine.loop(size // most) as index:
            self._fill_ahead(index, most, most)
            self._tile(most, self._moved(pointers, index, -1, most))
        if size % most:
            self._fill_ahead(str(size // most), most, size % most)
            self._tile(size % most, self._moved(pointers, str(size // most), -1, most))

    def _fill_ahead(self, index: str, most: int, size: int) -> None:
        """Zeros where this tile is the first to write."""
        c = self.code
        for pointer, step in self.frontiers:
            offset, place = c.fresh(), c.fresh()
            c.declare("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
            c.put(f"{offset} = mul nsw i64 {index}, {most * step}")
            c.put(f"{place} = getelementptr i8, ptr {pointer}, i64 {offset}")
            c.put(f"call void @llvm.memset.p0.i64(ptr {place}, i8 0, i64 {size * step}, i1 false)")

    def _tile(self, size: int, pointers: dict[Walk, str]) -> None:
        c = self.code
        width = c.width = self._width(size)
        self.totals.begin_tile()
        singles = {}
        for walk in dict.fromkeys(self.reads.values()):
            if not walk.strides[-1]:
                singles[walk] = self.routine._load(pointers[walk], walk.kind)
        self._turns(size, pointers, lambda moved, at, lanes: self._turn(moved, at, lanes, singles))
        if self.deferred:
            c.width = WIDTH if size >= WIDTH else width
            late = dict.fromkeys(self.stores[number] for number in self.deferred)
            for walk in late:  # one after the other: they may overlap
                self._turns(size, pointers, functools.partial(self._catch_up, walk))
            c.width = width
        self.totals.end_tile(pointers)

    def _turns(self, size: int, pointers: dict[Walk, str], turn: Callable[[dict[Walk, str], str, int], None]) -> None:
        """As many turns as the row needs, the last one with fewer lanes."""
        width = self.code.width
        turns = size // width
        if turns > 1:
            with self.routine.loop(turns * width, width) as index:
                turn(self._moved(pointers, index, -1), index, width)
        elif turns:
            turn(pointers, "0", width)
        if size % width:
            turn(self._moved(pointers, str(turns * width), -1), str(turns * width), size % width)

    def _width(self, size: int) -> int:
        """Lanes of a turn: more of them where its work is so long a chain that a processor sees no other turn's."""
        width = WIDTH
        work = sum(instructions(job.item) for job in self.jobs if job.role == "compute")
        if work > LONG or all(walk.kind != "d" for walk in self.walks.values()):
            width *= 2
        if work > 4 * LONG and size >= 512:
            width *= 2
        while width > 2 and width // 2 >= size:
            width //= 2
        return width

    # --- one turn --------------------------------------------------------------------------------------
    def _turn(self, pointers: dict[Walk, str], at: str, lanes: int, singles: dict[Walk, Value]) -> None:
        """All jobs, for ``lanes`` entries at a time."""
        self.pointers, self.at, self.lanes, self.singles = pointers, at, lanes, singles
        self.written: dict[Walk, Value] = {}
        self.values: dict[int, Value] = {}
        self.loaded: dict[Walk, Value] = {}
        c = self.code
        if self.copied is not None:
            source, target = self.copied
            self.store(c.convert(self.load(source), target.kind), target)
        for job in self.jobs:
            self._job(job)
        self._store_written()

    def _catch_up(self, walk: Walk, pointers: dict[Walk, str], at: str, lanes: int) -> None:
        """The deferred writes of a tile to one place."""
        self.pointers, self.at, self.lanes = pointers, at, lanes
        self.written = {}
        for job in self.jobs:
            if job.item.number in self.deferred and self.stores[job.item.number] is walk:
                self._write(job, self.load(self._buffer(job)))
        self._store_written()

    def _buffer(self, job: Job) -> Walk:
        """A deferred write's values at this turn."""
        c = self.code
        kind = kind_of(job.item)
        name = c.fresh()
        c.put(f"{name} = getelementptr {LOADED[kind]}, ptr {self.deferred[job.item.number]}, i64 {self.at}")
        walk = Walk(name, (BYTES[kind],), kind)
        self.pointers[walk] = name
        return walk

    def _write(self, job: Job, value: Value) -> None:
        """What an entry is after a write; it is stored when all writes to it are known."""
        c = self.code
        item = job.item
        walk = self.stores[item.number]
        if item.rule.name != "setitem":
            before = self.written.get(walk)
            if before is None:
                start = self.starts.get(item.number)
                before = self.load(walk) if start is None else c.number(start, walk.kind)
            value = (c.add if item.rule.name == "add_at" else c.sub)(before, value)
        self.written[walk] = value

    def _store_written(self) -> None:
        for walk, value in self.written.items():
            self.store(value, walk)
            if self.checked[walk]:
                self._check(value)

    def _check(self, value: Value) -> None:
        c = self.code
        found = c.any_lane(c.is_nan(value))
        before, after = c.fresh(), c.fresh()
        c.put(f"{before} = load i1, ptr {self.checks}")
        c.put(f"{after} = or i1 {before}, {found.text}")
        c.put(f"store i1 {after}, ptr {self.checks}")

    def _job(self, job: Job) -> None:
        c = self.code
        item = job.item
        if job.role == "compute":
            assert job.write is not None
            value = c.convert(job.write(c, [self._operand(arg, job) for arg in item.args]), kind_of(item))
            self.values[item.number] = value
            if item.number in self.stores:
                self.store(value, self.stores[item.number])
        elif job.role == "reduce":
            self.totals.add(item, self._operand(item.args[0], job))
        elif job.role == "check":
            self._check(self._operand(item, job))
        else:
            value = c.convert(self._operand(item.args[1], job), kind_of(item))
            if item.number in self.deferred:
                self.store(value, self._buffer(job))
            else:
                self._write(job, value)

    def _operand(self, arg: Item, job: Job) -> Value:
        c = self.code
        number = self.routine.constant(arg)
        if number is not None:
            return number
        root = self.routine.layout.root(arg)
        if root.kind != "array":
            return c.splat(self.routine.number(root))
        walk = self.reads.get((id(job), arg.number))
        if walk is None:
            return self.values[root.number]
        if not walk.strides[-1]:
            return c.splat(self.singles[walk])
        if walk not in self.loaded:
            self.loaded[walk] = self.load(walk)
        return self.loaded[walk]

    # --- memory -------------------------------------------------------------------------------------
    def load(self, walk: Walk) -> Value:
        """The next entries."""
        return load(self.code, self.pointers[walk], walk, self.lanes)

    def store(self, value: Value, walk: Walk) -> None:
        store(self.code, value, self.pointers[walk], walk, self.lanes)
