"""Whole programs as people write them: loops, buffers, classes, views, branches; nothing is written for diffkit.

    diffkit compare comparisons/programs/filters.py:kalman_filter

Each is a function of one array (``point``) that computes with what a textbook or a script
would: arrays filled in place, rows swapped, ``out=``, generators, dataclasses, recursion.
The test suite differentiates all of them in every mode, twice, and compiled, against plain
differences of the same code.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from comparisons.programs import algebra, curves, filters, mechanics, searching, statistics

PROGRAMS: dict[str, Callable[[Any], Any]] = {
    name: program for module in (filters, mechanics, algebra, statistics, curves, searching)
    for name, program in vars(module).items() if type(program) is FunctionType and hasattr(program, "point")}
