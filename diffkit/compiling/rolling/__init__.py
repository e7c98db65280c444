"""Repeated parts of a program as loops.

A Python loop of a thousand steps is recorded as a thousand times the same operations.

``periods``       where a sequence of operations repeats itself
``regions``       what each operand of a repeated part is: carried over, fixed, one of a list, …
``loops``         the program with loops in place of the repeated parts
``signs``         minus signs leave a turn where they can
``split``         which of a turn's operations can be done for all turns at once
``turns``         one loop taken apart so
``distribution``  the program with its loops taken apart
``storage``       where values of turns stand: rows of tables, buffers that take turns
``packs``         two operations of a turn as one call on twice the numbers
``search``        which ones; ``layout`` the turn in their order
``source``        a loop as Python source; ``calling`` what the program does around its call
"""

from diffkit.compiling.rolling.distribution import with_loops

__all__ = ["with_loops"]
