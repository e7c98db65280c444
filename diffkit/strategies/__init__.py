"""Hypothesis strategies for functions that are to be differentiated.

    values     numbers and arrays inside a domain, away from kinks or at them; shapes, dtypes
    programs   whole random differentiable programs from the rule table, with a point

Everything shrinks: arrays to few small entries, programs to the one operation that fails.
``st.from_type(Program)`` works as soon as this package is imported.  Nothing is registered with
Hypothesis before that: its entry point would make every user of Hypothesis import diffkit.

>>> from hypothesis import find, settings
>>> some = programs(names=["sin", "log", "multiply"])
>>> print(find(some, lambda p: "np.log(" in p.source, settings=settings(database=None, derandomize=True)).source)
np.sum(np.log((0.5 + x**2)))
"""

from __future__ import annotations

from diffkit.errors import require

try:
    import hypothesis  # noqa: F401
except ImportError as error:
    raise require("hypothesis", "test", "diffkit.strategies") from error

from diffkit.strategies.programs import Program, programs
from diffkit.strategies.values import arguments, arrays, dtypes, numbers, shapes

__all__ = ["Program", "arguments", "arrays", "dtypes", "numbers", "programs", "shapes"]
