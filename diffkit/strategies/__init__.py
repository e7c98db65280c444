"""Hypothesis strategies for functions that are to be differentiated.

    values     numbers and arrays inside a domain, away from kinks or at them; shapes, dtypes
    programs   whole random differentiable programs from the rule table, with a point

Everything shrinks: arrays to few small entries, programs to the one operation that fails.
Hypothesis loads this package wherever diffkit is installed, through the entry point of its own
(``[project.entry-points.hypothesis]``), so ``st.from_type(Program)`` and annotated arguments work by
themselves.  So nothing heavy is imported here: every name is, when it is first asked for.

>>> from hypothesis import find, settings
>>> some = programs(names=["sin", "log", "multiply"])
>>> print(find(some, lambda p: "np.log(" in p.source, settings=settings(database=None, derandomize=True)).source)
np.sum(np.log((0.5 + x**2)))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from diffkit.errors import require
from diffkit.strategies.program import Program


def register() -> None:
    """Tell Hypothesis how a :class:`Program` is drawn; its entry point."""
    import hypothesis.strategies as st

    def draw(kind: type) -> Any:
        return importlib.import_module("diffkit.strategies.drawn_programs").programs()

    st.register_type_strategy(Program, draw)


# After register(): a first import of Hypothesis runs the entry point, which asks this half-made module for it.
try:
    import hypothesis  # noqa: F401
except ImportError as error:
    raise require("hypothesis", "test", "diffkit.strategies") from error

if TYPE_CHECKING:
    from diffkit.strategies.drawn_programs import programs
    from diffkit.strategies.values import arguments, arrays, dtypes, numbers, shapes

__all__ = ["Program", "arguments", "arrays", "dtypes", "numbers", "programs", "shapes"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'diffkit.strategies' has no attribute {name!r}")
    home = "drawn_programs" if name == "programs" else "values"
    globals()[name] = found = getattr(importlib.import_module(f"diffkit.strategies.{home}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register()
