"""Machine code for ``dk.compile(f, backend="numba")``.

``lowering``    rows in simpler terms
``stages``      what becomes machine code, and which loops it shares; ``layout`` where operands lie
``routine``     a group of stages as one function; ``nest`` a stage as loops; ``code`` the assembly's text
``operations``  instructions for each row; ``kernels`` exp, log, sin, … for vectors, ``normal`` erf and the normal
                distribution, ``rounding`` what their sums and products lose
``machine``     LLVM and the cache on disk; ``calls`` the result as a Python function
``emit``        the program around it
"""

from diffkit.compiling.native.emit import NativeEmitter
from diffkit.compiling.native.lowering import lower
from diffkit.compiling.native.machine import engine

__all__ = ["NativeEmitter", "engine", "lower"]
