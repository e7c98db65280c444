"""The public transforms: derivatives of functions as functions.

Each is a thin arrangement of the interpreters: split the arguments into leaves that
move and the rest, run the function once on traced leaves, sweep, and put the answers
back into the caller's containers.  A level is closed in ``finally``, whatever happens in
the user's function, and the user's own exception comes through unchanged.
"""

from diffkit.transforms.expansions import taylor
from diffkit.transforms.gradient import grad, value_and_grad
from diffkit.transforms.leaving import stop_gradient, value
from diffkit.transforms.matrices import derivative, hessian, hvp, jacobian
from diffkit.transforms.products import jvp, vjp

__all__ = [
    "derivative",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "stop_gradient",
    "taylor",
    "value",
    "value_and_grad",
    "vjp",
]
