"""The checks of what f captured, as one expression.

A name, an attribute of a module or a cell must hold the object that it held; a small array the
same bytes.  Asked one by one in source made for them, each costs some 20 ns:

    def unchanged():
        try:
            return g0('scale') is e0 and c1.cell_contents is e1 and a2.tobytes() == e2 and …
        except ValueError:
            return False

False means no more than that one of them is another object: whether it is equal is looked
at slowly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def unchanged_of(checks: Sequence[tuple[str, Any, Any, Any]], others: Callable[[], bool]) -> Callable[[], bool]:
    """A function that says whether all checks surely hold; ``others`` looks at those of other kinds."""
    namespace: dict[str, Any] = {"others": others}
    terms = []
    rest = False
    for i, (kind, container, key, expected) in enumerate(checks):
        namespace[f"e{i}"] = expected
        if kind == "name" or (kind == "attribute" and isinstance(container, type)):
            namespace[f"g{i}"] = container.get if kind == "name" else container.__dict__.get
            namespace[f"k{i}"] = key
            terms.append(f"g{i}(k{i}{', others' if expected is None else ''}) is e{i}")
        elif kind == "cell":
            namespace[f"c{i}"] = container
            terms.append(f"c{i}.cell_contents is e{i}")
        elif kind == "small":
            namespace[f"a{i}"] = container
            namespace[f"s{i}"], namespace[f"d{i}"], namespace[f"t{i}"] = key
            terms.append(f"a{i}.tobytes() == e{i} and a{i}.shape == s{i} and a{i}.dtype == d{i} "
                         f"and a{i}.strides == t{i}")
        else:
            rest = True
    if rest:
        terms.append("others()")
    source = f"def unchanged():\n    try:\n        return {' and '.join(terms) or True}\n" \
             "    except ValueError:\n        return False\n"  # an empty cell
    exec(compile(source, "<diffkit checks>", "exec"), namespace)
    return namespace["unchanged"]  # type: ignore[no-any-return]
