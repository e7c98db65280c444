"""implicit: the derivative of a root, whoever found it and however.

For residual(x, a) = 0 the root moves with a so that the residual stays zero:

    dF/dx dx + dF/da da = 0      so      dx = -(dF/dx)^-1 (dF/da da)

The solver is never differentiated (its steps may be thousands, or none when it starts at
the solution).  Both directions are one linear system with the Jacobian of the residual;
all of it is written with diffkit's own transforms at the root, which is a function of
the arguments with this very rule, and so any order follows.
Griewank and Walther (2008), "Evaluating Derivatives", section 15.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.buffers import settle
from diffkit.custom.calls import Callee, Function, Operation
from diffkit.custom.leaves import cut, end_to_end
from diffkit.errors import ImplicitError, InputError, ShapeError
from diffkit.traced import primal

#: The most Newton steps from a solver's result to the root.
_POLISH = 6


class _Root(Operation):
    opaque = True
    __slots__ = ("residual", "tolerance")
    residual: Function
    tolerance: float

    def _function(self, y: Sequence[Any], args: Sequence[Any], active: Sequence[int]) -> Function:
        """The residual, end to end, as a function of the unknowns (end to end) and the active leaves."""
        def function(x: Any, *moving: Any) -> Any:
            values = list(args)
            for i, leaf in zip(active, moving):
                values[i] = leaf
            found, _ = tree.flatten(settle(self.residual(self.result(cut(x, y)), *self.unpack(values))))
            return end_to_end(found)

        return function

    def _at_root(self, function: Function, x: Any, moving: Sequence[Any]) -> tuple[Any, Any]:
        """The root and dF/dx there, after a look whether x is one and the theorem holds.

        A solver stops within its tolerance; the derivative is that of the root which it was
        about to reach, so Newton steps (constants: they move with nothing) go the rest.
        """
        from diffkit.transforms import jacobian
        if any(rest is not None for rest in self.rest):
            raise InputError(f"the solver of {self.name} returned more than floating arrays",
                             "a solver that returns the unknowns alone (result.x of a SciPy result)")
        scale = max(1.0, float(np.max(np.abs(primal(x)), initial=0)))
        before = self.tolerance * scale
        best = x, None
        for _ in range(_POLISH):
            matrix = jacobian(function)(x, *moving)
            largest, step = self._step(function, x, moving, matrix)
            if best[1] is not None and not largest <= before / 2:
                return best  # rounding is all that is left
            if best[1] is None and not largest <= before:
                raise ImplicitError(
                    f"what the solver of {self.name} returned is no root: a Newton step would move it by "
                    f"{largest:.1e}",
                    "a solver that converges, or residual and solver of the same equations",
                    "for a fixed point of g the residual is g(x, …) - x; implicit(…, tolerance=…) accepts a rough "
                    "root")
            best, before = (x, matrix), largest
            if largest <= 4 * np.finfo(x.dtype).eps * scale:
                break
            x = x - step
        return best

    def _step(self, function: Function, x: Any, moving: Sequence[Any], matrix: Any) -> tuple[float, Any]:
        """A Newton step from x, and its largest entry."""
        value = primal(function(x, *moving))
        if value.shape != x.shape:
            raise ShapeError(f"the residual of {self.name} has {value.size} entries for {x.size} unknowns",
                             "as many equations as unknowns")
        try:
            step = np.linalg.solve(primal(matrix), value)
        except np.linalg.LinAlgError:
            raise ImplicitError(
                f"the Jacobian of {self.name}'s residual by the unknowns is singular: the root has no derivative",
                "another formulation of the equations",
                "a double root, or an unknown that no equation holds") from None
        return float(np.max(np.abs(step), initial=0)), step

    def push(self, y: Any, args: Sequence[Any], tangents: Sequence[Any], params: Any) -> Any:
        from diffkit.transforms import jvp
        active = [i for i, t in enumerate(tangents) if t is not None]
        moving = tuple(args[i] for i in active)
        function = self._function(y, args, active)
        x, matrix = self._at_root(function, end_to_end(y), moving)
        moved = jvp(lambda *leaves: function(x, *leaves), moving, tuple(tangents[i] for i in active))[1]
        total = -np.linalg.solve(matrix, moved)
        return tuple(cut(total, y))

    def pull_filled(self, g: Any, y: Any, args: Sequence[Any], active: tuple[int, ...]) -> Sequence[Any]:
        from diffkit.transforms import vjp
        moving = tuple(args[i] for i in active)
        function = self._function(y, args, active)
        x, matrix = self._at_root(function, end_to_end(y), moving)
        weights = -np.linalg.solve(np.transpose(matrix), end_to_end(g))
        return vjp(lambda *leaves: function(x, *leaves), *moving)[1](weights)  # type: ignore[no-any-return]


class implicit(Callee):
    """A solver whose result has exact derivatives by its arguments.

    Parameters
    ----------
    solver : callable
        ``solver(*args)`` finds the unknowns x: a floating array or number, or a container
        of them.  It gets plain arrays, and may call anything.
    residual : callable
        ``residual(x, *args)`` is zero at the solution: NumPy code, with as many entries as x.
        For a fixed point of g it is ``g(x, ...) - x``; for a minimum, the gradient by x.
    tolerance : float
        How far from a root (by a Newton step, relative to the largest unknown or 1) the
        solver's result may be.

    Returns
    -------
    callable
        ``solver``, differentiable by its arguments in both modes at any order.

    Raises
    ------
    ImplicitError
        (a ValueError) the result is no root, or the Jacobian there is singular.
    ShapeError
        (a ValueError) there are more or fewer equations than unknowns.
    InputError
        (a TypeError) the solver returns something other than floating arrays.

    Examples
    --------
    >>> import numpy as np, diffkit as dk
    >>> def newton(a):
    ...     x = 1.0
    ...     for _ in range(60):
    ...         x = x - (x * x - a) / (2 * x)
    ...     return x
    >>> root = dk.implicit(newton, lambda x, a: x * x - a)
    >>> dk.grad(root)(4.0)                      # sqrt: 1 / (2 sqrt(4))
    np.float64(0.25)
    """

    word = "implicit"

    def __init__(self, solver: Function, residual: Function, tolerance: float = 1e-4) -> None:
        super().__init__(solver)
        if not callable(residual):
            raise InputError(f"the residual of {self.name} is a {type(residual).__name__}, not a function")
        self.residual = residual
        self.tolerance = tolerance

    def operation(self, structure: tree.Structure, leaves: Sequence[Any]) -> Operation:
        operation = _Root(self.name, self.function, structure, leaves)
        operation.residual, operation.tolerance = self.residual, self.tolerance
        return operation
