"""Ctrl-C at any moment of a transform leaves NumPy as it was.

Python asks for signals when a function begins and after each call that it makes, so these are the
moments (of the functions that switch NumPy over) at which the tests raise KeyboardInterrupt.
"""

from __future__ import annotations

import dis
import itertools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit import buffers
from diffkit.buffers import running


def moments(function: Callable[..., Any]) -> set[int]:
    """The instructions that follow one at which Python looks for signals."""
    steps = list(dis.get_instructions(function))
    asking = ("CALL", "CALL_FUNCTION_EX", "CALL_KW", "RESUME", "JUMP_BACKWARD")
    return {after.offset for before, after in itertools.pairwise(steps) if before.opname in asking}


class CtrlC:
    """Ctrl-C at the n-th moment in the given functions."""

    def __init__(self, functions: tuple[Callable[..., Any], ...], at: int) -> None:
        self.moments, self.left = {function.__code__: moments(function) for function in functions}, at

    def __call__(self, frame: Any, event: str, argument: Any) -> Any:
        if frame.f_code not in self.moments:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and frame.f_lasti in self.moments[frame.f_code] and self.left >= 0:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
        return self


def interrupted(program: Callable[[], Any], functions: tuple[Callable[..., Any], ...], at: int) -> bool:
    """Whether the n-th moment was reached (and the program was stopped there)."""
    before = sys.gettrace()
    sys.settrace(CtrlC(functions, at))
    try:
        program()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def inner(x: Any) -> Any:
    z = np.zeros(2)
    z[0] = x
    return np.sum(z * z)


@pytest.mark.parametrize("program", [lambda: dk.grad(inner)(3.0), lambda: dk.grad(dk.grad(inner))(3.0),
                                     lambda: dk.jvp(inner, (3.0,), (1.0,)),
                                     lambda: buffers.run(lambda: buffers.plainly(np.zeros, 2), (), {})],
                         ids=["reverse", "nested", "forward", "plainly"])
def test_ctrl_c_leaves_no_run_behind(program: Callable[[], Any]) -> None:
    at = 0
    while interrupted(program, (running.inside, running._set, running.plainly, buffers.run), at):
        assert not buffers.is_running(), at
        assert np.zeros is running.ORIGINALS["zeros"] and type(np.zeros(2)) is np.ndarray, at
        at += 1
    assert at > 9
    assert dk.grad(inner)(3.0) == 6.0
