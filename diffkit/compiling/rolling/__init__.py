"""Repeated parts of a program as loops.

A Python loop of a thousand steps is recorded as a thousand times the same operations.

``periods``   where a sequence of operations repeats itself
``regions``   what each operand of a repeated part is: carried over, fixed, one of a list, …
``loops``     the program with loops in place of the repeated parts
``source``    a loop as Python source
"""

from diffkit.compiling.rolling.loops import roll

__all__ = ["roll"]
