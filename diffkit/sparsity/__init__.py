"""Which entries of a Jacobian can be different from zero, and how to get many of them at once.

``rows``       sets of columns, one for each entry of an array: the patterns themselves
``relations``  for each row of the table, which entries of an operand an entry of the result reads
``pattern``    the pattern of a recorded run, a reader of the tape
``colouring``  rows or columns that one sweep can carry together
``cuts``       what is only selected from inputs and only added up to results, where no sweep need go
``waists``     small computed values of which many copies are read
``laying``     how the entries that sweeps find get their places in a matrix

A pattern is structural: it holds for the path that the run took, whatever the values, and may
name an entry that happens to be zero, but never misses one.
"""

from diffkit.sparsity.colouring import colour_columns, colour_symmetric
from diffkit.sparsity.pattern import TooDenseError, pattern_of
from diffkit.sparsity.rows import Rows, fixed

__all__ = ["Rows", "TooDenseError", "colour_columns", "colour_symmetric", "fixed", "pattern_of"]
