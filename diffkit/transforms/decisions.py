"""Whether a value that Python has just computed decides a branch: read off the instructions behind it.

``if np.all(x == 0):`` compares, calls and jumps.  The comparison itself can't know what comes of
its answer, and ``np.where(x == 0, …)`` compares too.  So the instructions that follow are walked
with a count of what lies above the answer on Python's stack, until something takes the answer:
``not``, ``&``, ``|``, ``all``, ``any`` and ``bool`` hand it on, a name keeps it until it is loaded,
``return`` hands it to the caller, whose instructions are walked next.  A conditional jump is a
branch, anything else is none.

A jump of which one side only raises (``assert np.allclose(p.sum(), 1)``) checks the program and
is no branch of it.
"""

from __future__ import annotations

import bisect
import dis
import functools
from types import CodeType, FrameType

from diffkit.buffers import callers

RETURNS = "returns"
#: Functions that give on the truth of their argument; the first two reduce an array's.
_REDUCE = ("all", "any")
_HAND_ON = frozenset([*_REDUCE, "bool", "logical_and", "logical_or", "logical_not", "not_", "and_", "or_", "truth"])
#: What makes a truth for a branch to ask.
_MAKES = ("COMPARE_OP", "CONTAINS_OP", "CALL", "CALL_KW", "CALL_FUNCTION_EX")
_PASSED_OVER = frozenset(["CACHE", "EXTENDED_ARG", "NOT_TAKEN", "TO_BOOL", "UNARY_NOT", "KW_NAMES", "PRECALL", "NOP"])
_FARTHEST, _MOST_FRAMES = 400, 8
Steps = tuple[dis.Instruction, ...]


def decides(frame: FrameType | None) -> str | None:
    """How the value that ``frame`` is computing decides a branch of the user's: "all", "any", or "" for by itself.

    None where it decides none.
    """
    reduced = ""
    for _ in range(_MOST_FRAMES):
        if frame is None:
            return None
        end, how = _fate(frame.f_code, frame.f_lasti, "")
        reduced = reduced or how
        if end != RETURNS:
            return reduced if end == "jumps" else None
        frame = frame.f_back
        if frame is None or not _is_at_call(frame):
            return None
        reduced = reduced or next((name for name in _REDUCE if name in _names(frame)), "")  # any(v == 0 for v in x)
    return None


def _is_at_call(frame: FrameType) -> bool:
    return _steps(frame.f_code)[_place(frame.f_code, frame.f_lasti)].opname.startswith("CALL")


def _place(code: CodeType, offset: int) -> int:
    """Which instruction runs: a frame that calls stands at the call, at its PRECALL or at its caches."""
    steps = _steps(code)
    place = max(bisect.bisect_right(steps, offset, key=lambda step: step.offset) - 1, 0)
    return place + (steps[place].opname == "PRECALL")


def _names(frame: FrameType) -> frozenset[str]:
    return callers.names_called(frame.f_code, frame.f_lasti) or frozenset()


@functools.lru_cache(maxsize=256)
def _steps(code: CodeType) -> Steps:
    return tuple(dis.get_instructions(code))


@functools.lru_cache(maxsize=1024)
def _fate(code: CodeType, offset: int, kept_as: str) -> tuple[str, str]:
    """What becomes of the value made (or, by the name ``kept_as``, loaded) at an instruction, and what reduced it."""
    steps = _steps(code)
    at = _place(code, offset)
    if not (kept_as or steps[at].opname in _MAKES):
        return "", ""
    above = copies = 0
    reduced, is_method = "", False
    for i in range(at + 1, min(at + _FARTHEST, len(steps))):
        step = steps[i]
        name, taken, effect = step.opname, _taken(step), _effect(step)
        if name in _PASSED_OVER:
            continue
        if name == "COPY" and step.arg == above + 1:
            copies, above = (copies + 1, above) if not above else (copies, above + 1)
        elif above >= taken:
            if ("JUMP" in name and "_IF_" not in name) or name.startswith(("RETURN", "RAISE")):
                return "", ""
            above += effect
        elif "_IF_" in name:
            return ("" if _raises(code, i + 1) or _raises(code, _target(steps, step)) else "jumps"), reduced
        elif name in ("RETURN_VALUE", "YIELD_VALUE"):
            return RETURNS, reduced
        elif name.startswith("STORE_FAST") or name in ("STORE_NAME", "STORE_DEREF", "STORE_GLOBAL"):
            if not copies:
                return _kept(code, i, reduced)
            copies -= 1
        elif name in ("LOAD_ATTR", "LOAD_METHOD") and step.argval in _REDUCE:
            reduced, above, is_method = reduced or step.argval, effect, True
        elif name.startswith("CALL"):
            found = callers.names_called(code, step.offset) or frozenset()
            if not (is_method or found & _HAND_ON):
                return "", ""
            reduced, above, is_method = reduced or next((one for one in _REDUCE if one in found), ""), 0, False
        elif name == "BINARY_OP" and step.argrepr.strip("=") in ("&", "|", "^"):
            above = 0
        else:
            return "", ""
    return "", ""


def _taken(step: dis.Instruction) -> int:
    """How many values an instruction takes from the stack."""
    name, argument = step.opname, step.arg or 0
    if name == "CALL":
        return argument + 2
    if name == "CALL_KW":
        return argument + 3
    if name in ("LOAD_ATTR", "LOAD_METHOD"):
        return 1
    if name.startswith(("LOAD_", "PUSH_", "COPY", "JUMP_F", "JUMP_B")):
        return 0
    gives = 0 if name.startswith(("STORE_", "POP_", "RETURN_V", "RAISE_")) else 1
    return gives - _effect(step)


def _effect(step: dis.Instruction) -> int:
    if step.opname == "CALL":  # in 3.11 a part of it is PRECALL's
        return -(step.arg or 0) - 1
    return dis.stack_effect(step.opcode, step.arg, jump=False)


def _kept(code: CodeType, at: int, reduced: str) -> tuple[str, str]:
    """The fate of a value that a name keeps: of the first load that decides, until another value is stored."""
    steps = _steps(code)
    name = steps[at].argval
    if type(name) is tuple:  # one instruction that stores and loads
        name = name[0]
    for step in steps[at:]:
        names = step.argval if type(step.argval) is tuple else (step.argval,)
        if step.opname.startswith("STORE_") and name == names[0] and step is not steps[at]:
            break
        if "LOAD_" in step.opname and name == names[-1]:
            end, how = _fate(code, step.offset, name)
            if end:
                return end, reduced or how
    return "", ""


def _target(steps: Steps, jump: dis.Instruction) -> int:
    return next((i for i, step in enumerate(steps) if step.offset == jump.argval), len(steps))


@functools.lru_cache(maxsize=1024)
def _raises(code: CodeType, start: int) -> bool:
    """Whether every way from an instruction on ends in a raise."""
    steps, ways, seen = _steps(code), [start], set()
    while ways:
        at = ways.pop()
        if at in seen:
            continue
        seen.add(at)
        if at >= len(steps) or len(seen) > _FARTHEST:
            return False
        step = steps[at]
        if step.opname == "RAISE_VARARGS":
            continue
        if step.opname.startswith(("RETURN_", "YIELD_", "JUMP_B", "FOR_ITER")):
            return False
        if "JUMP" in step.opname:
            ways.append(_target(steps, step))
        if step.opname != "JUMP_FORWARD":
            ways.append(at + 1)
    return True
