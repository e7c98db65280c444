"""Recorded programs on exact scalars: SymPy expressions, or numbers of any precision.

A tape (``diffkit.tape``) says which rules a run applied to which operands.  This package runs
it again on NumPy arrays of *objects*:

    arrays       object arrays, and a function applied to each of their entries
    columns      the table's SymPy column, parsed once and compiled
    numbers      the algebra of mpmath numbers              (the referee's)
    expressions  the algebra of SymPy expressions           (the symbolic method's)
    registry     what a rule means on exact scalars, by the rule's name
    structure, placing, products, fourier, choices, steps, matrices, decompositions    its entries
    machine      the run itself

It is a witness against the rule table, so it must not lean on it: of a rule it uses the name,
the SymPy column, and for rules that only move or add entries NumPy's own function.  Nothing here
calls a partial, an adjoint, a push or a pull.
"""

from diffkit.exact import (  # noqa: F401  (they fill the registry)
    choices,
    decompositions,
    fourier,
    matrices,
    placing,
    products,
    steps,
    structure,
)
from diffkit.exact.machine import Machine, NotExact

__all__ = ["Machine", "NotExact"]
