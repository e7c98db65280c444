"""A recording as a program: machine code or NumPy source, whose first result is compared with the recorded one."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.compiling import native
from diffkit.compiling.agreement import ROUNDINGS, differs, differs_beyond_roundings
from diffkit.compiling.branches import slot_pool
from diffkit.compiling.emit import Emitter
from diffkit.compiling.layouts import rearranged
from diffkit.compiling.numbers import floats_of
from diffkit.compiling.plan import plan
from diffkit.compiling.program import Program, build
from diffkit.compiling.recording import CompileLevel, Operation, Refused, frozen_copy
from diffkit.compiling.rolling import with_loops
from diffkit.compiling.spelling import spell
from diffkit.compiling.strides import are_alike
from diffkit.rules.reductions import SUM

compile_text = functools.partial(compile, mode="exec")


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A run of f: what it was given, what it recorded, and what came out.

    ``marks`` are the nodes of the inputs, ``nodes`` those of the result's leaves (or leaves that no input reaches);
    ``inputs`` and ``values`` their values.
    """

    level: CompileLevel
    marks: list[Any]
    inputs: list[Any]
    nodes: list[Any]
    values: list[Any]
    structure: tree.Structure

    @functools.cached_property
    def results(self) -> list[Any]:
        """The result's leaves, of which nobody can change those that are no nodes."""
        return [node if isinstance(node, Operation) else
                frozen_copy(node) if type(node) is np.ndarray else node for node in self.nodes]

    @functools.cached_property
    def program(self) -> Program:
        """What was recorded, for NumPy."""
        return with_loops(build(self.level, self.marks, self.results, spell))


@dataclasses.dataclass(frozen=True)
class Made:
    """A program, or None, and why it is none (or not the machine code that was asked for)."""

    function: Callable[..., Any] | None
    source: str = ""
    reason: str = ""


def program_of(recorded: Recorded, is_native: bool, is_checked: bool, is_exact: bool = False) -> Made:
    """The program of a recording."""
    aside = ""
    if is_native:
        made = _machine_code(recorded, is_checked)
        if not made.reason:
            return made
        aside = f"runs as NumPy source: {made.reason}"
    if not is_exact:
        found = _rearranged(recorded, is_checked)
        if found is not None:
            return dataclasses.replace(found, reason=aside)
    has_floats, has_tiles = not is_exact, True
    while True:
        emitter, function = _numpy_source(recorded, has_floats, has_tiles)
        reason = differs(function, recorded.inputs, recorded.values, recorded.structure) if is_checked else ""
        if reason and emitter.plan.tiles:  # whose results may have another memory order, and so their sums
            has_tiles = False
        elif reason and emitter.floats:  # 1 / 0 is an exception among Python's floats
            has_floats = False
        else:
            return Made(None, reason=reason) if reason else Made(function, emitter.source, aside)


def _machine_code(recorded: Recorded, is_checked: bool, fuses: bool = True) -> Made:
    try:
        program = build(recorded.level, recorded.marks, recorded.results, native.lower)
        emitter = native.NativeEmitter(program, recorded.structure, fuses)
        function = _function_of(emitter)
        reason = differs_beyond_roundings(function, recorded.inputs, recorded.values, recorded.structure,
                                          lambda: _numpy_source(recorded, False, False)[1]) if is_checked else ""
    except Refused as refused:
        return Made(None, reason=str(refused))
    if reason and emitter.fusible.products:
        return _machine_code(recorded, is_checked, fuses=False)
    return Made(function, emitter.source, reason)


def _rearranged(recorded: Recorded, is_checked: bool) -> Made | None:
    """The program with faster sums, if these promise a clear gain and its first result is f's up to roundings."""
    plain = recorded.program
    program = rearranged(plain, recorded.level.stand_ins)
    if program is plain:
        return None
    emitter, function = _source_of(program, recorded.structure, True, True)
    if program.bounded:
        emitter.namespace["otherwise"] = _numpy_source(recorded, False, False)[1]
    return None if is_checked and _is_off(plain, function, recorded) else Made(function, emitter.source)


def _is_off(plain: Program, function: Callable[..., Any], recorded: Recorded) -> bool:
    """Whether a rearranged program's first result is not f's up to roundings, in f's memory orders."""
    terms = max((np.size(item.args[0].value) // max(np.size(item.value), 1) for item in plain.items
                 if item.rule is SUM), default=1)
    if differs_beyond_roundings(function, recorded.inputs, recorded.values, recorded.structure,
                                lambda: _numpy_source(recorded, False, False)[1], max(ROUNDINGS, 2 * terms ** 0.5)):
        return True
    found = tree.flatten(function(recorded.inputs)[1])[0]
    return not all(are_alike(a, b) for a, b in zip(found, recorded.values) if isinstance(b, np.ndarray))


def _numpy_source(recorded: Recorded, has_floats: bool, has_tiles: bool) -> tuple[Emitter, Callable[..., Any]]:
    return _source_of(recorded.program, recorded.structure, has_floats, has_tiles)


def _source_of(program: Program, structure: tree.Structure, has_floats: bool,
               has_tiles: bool) -> tuple[Emitter, Callable[..., Any]]:
    arranged = plan(program, has_tiles=has_tiles)
    floats = floats_of(arranged, program.outs) if has_floats else frozenset()
    emitter = Emitter(program, arranged, structure, floats, has_floats)
    return emitter, _function_of(emitter)


def _function_of(emitter: Emitter) -> Callable[..., Any]:
    """The program that an emitter's source defines."""
    namespace = emitter.namespace
    if emitter.plan.slots:
        namespace["take"], namespace["give"] = slot_pool(emitter.plan.slots)
    exec(compile_text(emitter.source, "<diffkit program>"), namespace)
    return namespace["program"]  # type: ignore[no-any-return]
