"""``dk.compile``: a recorded program as NumPy source.

``signature``   what calls must have in common; ``captured`` what f reads besides its arguments
``recording``   the interpreter that records a run with all its questions
``program``     operations in order, each distinct one once; ``optimise`` what is cheaper and equal;
              ``spelling`` rows as the ufuncs they are made of
``rolling``     repeated parts as loops; ``plan`` order and storage; ``numbers`` what Python's floats compute
``naming``      what the source calls its values; ``wording`` one operation; ``nesting``, ``steps`` lines of them
``emit``        the source of the whole; ``native`` machine code; ``programs`` a recording as a program, compared
``branches``    the paths of one signature; ``specialise`` puts it together
"""

from diffkit.compiling.specialise import Compiled, CompileError, compile

__all__ = ["CompileError", "Compiled", "compile"]
