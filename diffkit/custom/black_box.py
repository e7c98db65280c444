"""black_box: a function that no rule can reach, differentiated by finite differences.

For C extensions, subprocesses, lookup tables.  The Jacobian comes from ``diffkit.numeric``
with its error bar; a claim that is too wide for the tolerance is refused, never used.  A
nested derivative differentiates the Jacobian in the same way, with wider error bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.buffers import plainly
from diffkit.custom.calls import Callee, Function, Operation
from diffkit.custom.leaves import cut, end_to_end
from diffkit.errors import NumericError
from diffkit.traced import is_traced, primal


class _BlackBoxed(Operation):
    opaque = True
    __slots__ = ("tolerance",)
    tolerance: float

    def _vector(self, args: Sequence[Any], active: Sequence[int]) -> Function:
        """All arrays of f's result end to end, as a function of the active leaves."""
        def function(leaves: Sequence[Any]) -> Any:
            values = list(args)
            for i, leaf in zip(active, leaves):
                values[i] = leaf
            found, _ = tree.flatten(plainly(self.function, *self.unpack(values)))
            return end_to_end([value for value, other in zip(found, self.rest) if other is None])

        return function

    def _checked(self, found: Any, y: Sequence[Any]) -> Any:
        """The value of a numeric result whose claim is narrow enough."""
        values, errors = tree.flatten(found.value)[0], tree.flatten(found.error)[0]
        size = max((float(np.max(np.abs(v), initial=0)) for v in (*values, *map(primal, y))), default=0.0)
        worst = max((float(np.max(e, initial=0)) for e in errors), default=0.0)
        if not worst <= self.tolerance * size and worst > 0:
            statuses = sorted({str(s) for leaf in tree.flatten(found.status)[0] for s in np.ravel(leaf)})
            raise NumericError(
                f"the derivative of {self.name} by differences has an error bar of {worst:.1e} "
                f"(status {', '.join(statuses)}), more than tolerance={self.tolerance:g} of its size allows",
                "black_box(f, tolerance=…) if that is good enough, or a rule by custom_jvp",
                "f has a kink or a jump here, is noisy, or is evaluated outside its domain")
        return found.value

    def _jacobian(self, y: Sequence[Any], args: Sequence[Any], active: Sequence[int]) -> list[Any]:
        """For each active leaf a matrix (results, entries of the leaf)."""
        from diffkit import numeric

        def matrices(*args: Any) -> tuple[Any, ...]:
            found = self._checked(numeric.jacobian(self._vector(args, active), tuple(args[i] for i in active)), y)
            return tuple(np.reshape(block, (len(block), -1)) for block in found)

        if any(is_traced(arg) for arg in args):
            matrices = black_box(matrices, self.tolerance * 100)
        return list(matrices(*args))

    def _refuse_complex(self, values: Sequence[Any]) -> None:
        if any(value.dtype.kind == "c" for value in values):
            raise NumericError(f"{self.name} has complex arguments or results",
                               "a function of the real and the imaginary part")

    def push(self, y: Any, args: Sequence[Any], tangents: Sequence[Any], params: Any) -> Any:
        from diffkit import numeric
        active = [i for i, t in enumerate(tangents) if t is not None]
        self._refuse_complex([*y, *(args[i] for i in active)])
        if not any(is_traced(value) for value in (*args, *tangents)):
            moving, along = tuple(args[i] for i in active), tuple(tangents[i] for i in active)
            total = self._checked(numeric.directional(self._vector(args, active), moving, along), y)
        else:
            total = sum(block @ np.reshape(tangents[i], (-1,))
                        for i, block in zip(active, self._jacobian(y, args, active)))
        return tuple(cut(total, y))

    def pull_filled(self, g: Any, y: Any, args: Sequence[Any], active: tuple[int, ...]) -> Sequence[Any]:
        self._refuse_complex([*y, *(args[i] for i in active)])
        whole = end_to_end(g)
        return [cut(whole @ block, [args[i]])[0]
                for i, block in zip(active, self._jacobian(y, args, active))]


class black_box(Callee):
    """f with a derivative by finite differences, in both modes.

    Parameters
    ----------
    f : callable
        Gets and returns plain real arrays, numbers or containers of them.  It is never
        looked into, so it may do anything that gives the same result for the same
        arguments.
    tolerance : float
        The largest error bar, relative to the largest derivative or result.

    Returns
    -------
    callable
        The same function, differentiable.  ``jacobian(*args)`` of it is the
        :class:`diffkit.numeric.Result` by all arguments: values, error bars, statuses.

    Raises
    ------
    NumericError
        (a ValueError) the error bar is wider than the tolerance: a kink, a jump, noise, the
        edge of a domain; or a complex number.

    Notes
    -----
    Reverse mode evaluates f some 10 times for each entry of the arguments, forward mode
    some 10 times for each tangent.  A second derivative takes differences of differences,
    with a tolerance 100 times as wide.

    Examples
    --------
    >>> import math, numpy as np, diffkit as dk
    >>> gamma = dk.black_box(lambda x: math.gamma(x))     # the math module refuses traced values
    >>> print(round(dk.grad(gamma)(3.0), 9))              # gamma(3) digamma(3) = 2 (3/2 - 0.5772…)
    1.84556867
    """

    word = "black_box"

    def __init__(self, f: Function, tolerance: float = 1e-5) -> None:
        super().__init__(f)
        self.tolerance = tolerance

    def operation(self, structure: tree.Structure, leaves: Sequence[Any]) -> Operation:
        operation = _BlackBoxed(self.name, self.function, structure, leaves)
        operation.tolerance = self.tolerance
        return operation

    def jacobian(self, *args: Any) -> Any:
        """The numeric result behind the derivative: out.shape + in.shape, with error bars."""
        from diffkit import numeric
        moving = args[0] if len(args) == 1 else args
        return numeric.jacobian(self.function if len(args) == 1 else lambda x: self.function(*x), moving)
