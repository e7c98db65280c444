"""The symbolic method: SymPy's own calculus on the recorded program.

``expression(f, *args)`` runs f once, and reads the recording as SymPy expressions in symbols named
after f's parameters.  Loops and branches were followed on the branch taken; the answers that
Python got on the way are the *path condition*, stated with the line that asked.

    expression(f, 37.0)                the program as a formula
    expression(dk.grad(f), 37.0)       its reverse-mode gradient as a formula
    expression(f, 37.0).gradient()     SymPy's derivative of the program
    prove_equal(a, b)                  whether SymPy proves two of them equal: True, False, or None

``jacobian_leaves`` and ``hessian_leaves`` are what ``grad(f, method="symbolic")`` calls.  No rule of
diffkit's table is used anywhere here but its name and its SymPy column.
"""

from diffkit.symbolic.expression import Condition, Expression, expression
from diffkit.symbolic.leaves import hessian_leaves, jacobian_leaves
from diffkit.symbolic.proof import prove_equal

__all__ = ["Condition", "Expression", "expression", "hessian_leaves", "jacobian_leaves", "prove_equal"]
