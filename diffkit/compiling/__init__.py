"""``dk.compile``: a recorded program as NumPy source.

``signature``   what calls must have in common; ``captured`` what f reads besides its arguments
``recording``   the interpreter that records a run with all its questions
``program``     operations in order, each distinct one once; ``optimise`` what is cheaper and equal;
              ``spelling`` rows as the ufuncs they are made of
``layouts``     which arrays to copy into another memory order, at what price (``strides``), with products of matrices
              for sums of products (``contractions``)
``rolling``     repeated parts as loops; ``plan`` order and storage, with large arrays in pieces (``tiles``);
              ``numbers`` what Python's floats compute
``naming``      what the source calls its values; ``wording`` one operation; ``nesting``, ``steps`` lines of them
``emit``        the source of the whole; ``native`` machine code; ``programs`` a recording as a program,
              whose first result is compared (``agreement``)
``branches``    the paths of one signature; ``specialise`` puts it together
"""

from diffkit.compiling.specialise import Compiled, CompileError, compile

__all__ = ["CompileError", "Compiled", "compile"]
