"""Many examples (or directions) at once: the batching interpreter.

A value of a ``BatchLevel`` shows the shape of one example and holds the arrays of all of
them, the batch axis in front.  An operation on such values is the same operation on the
whole arrays, if it is told how its axes moved: that is what ``rows`` states for each row of
the table.  The table itself is the one that every mode reads, so derivatives of batched
programs and batches of derivatives need nothing more.

``level``     the interpreter: dispatch, questions about values, writes in place
``operands``  bringing operands with and without the batch axis to one form
``rows``      for each row of the table: how it is done for all examples at once
``units``     batches of unit vectors, which stay sparse while nothing mixes their entries
``gathering`` an index that differs between the examples

A row that is not stated runs example by example (``BatchLevel.looped`` counts them).  What
can't be done by rows at all, a function with a rule of the user's own or an index whose
result has another size in each example, ends the run with ``NotBatched``: the transform then
runs the function example by example.  Slower, never wrong.
"""

from diffkit.batching.gathering import gather
from diffkit.batching.level import BatchLevel, NotBatched
from diffkit.batching.units import UnitLevel

__all__ = ["BatchLevel", "NotBatched", "UnitLevel", "gather"]
