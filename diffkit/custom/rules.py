"""custom_jvp and custom_vjp: a function with a derivative that its author states.

The author states one direction; the other is its transpose (``linearity``), and higher
orders differentiate the rule itself, which is plain NumPy.  So one statement gives both
modes at any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from diffkit import tree
from diffkit.buffers import plainly, settle
from diffkit.custom.calls import Callee, Function, Operation
from diffkit.custom.leaves import laid_out, shape_of, zero_like
from diffkit.custom.linearity import transposed
from diffkit.errors import InputError, ShapeError, UnknownFunctionError
from diffkit.rules.kinds import conform


class _JvpOperation(Operation):
    """A call with a rule for tangents."""

    __slots__ = ("rule",)
    rule: Function

    def push(self, y: Any, args: Sequence[Any], tangents: Sequence[Any], params: Any) -> Any:
        moving = [zero_like(arg) if t is None else t for arg, t in zip(args, tangents)]
        found = settle(self.rule(self.unpack(args), self.unpack(moving)))
        wanted = "return out, tangent: the function's result, and its tangent in the same container and shapes"
        if not isinstance(found, tuple) or len(found) != 2:
            raise ShapeError(f"the rule of {self.name} returned {_several(found)}, not a pair", wanted)
        out = laid_out(found[0], self.out_structure, self._shapes(y), f"the out of {self.name}'s rule", wanted)
        if any(a is None and b is not None for a, b in zip(out, self._shapes(y))):
            raise ShapeError(f"the out of {self.name}'s rule holds None", wanted)
        tangent = laid_out(found[1], self.out_structure, self._shapes(y), f"the tangent of {self.name}'s rule",
                           wanted)
        return tuple(t for t, rest in zip(tangent, self.rest) if rest is None)

    def _shapes(self, y: Sequence[Any]) -> list[Any]:
        arrays = iter(y)
        return [next(arrays).shape if rest is None else None for rest in self.rest]

    def pull_filled(self, g: Any, y: Any, args: Sequence[Any], active: tuple[int, ...]) -> Sequence[Any]:
        def pushforward(*moving: Any) -> Any:
            tangents: list[Any] = [None] * len(args)
            for i, t in zip(active, moving):
                tangents[i] = t
            return self.push(y, args, tangents, {})

        return transposed(self.name, pushforward, [args[i] for i in active], g)  # type: ignore[no-any-return]


class _VjpOperation(Operation):
    """A call with a rule for cotangents."""

    __slots__ = ("backward", "forward", "residuals")
    forward: Function
    backward: Function
    residuals: Any

    def evaluate(self, args: tuple[Any, ...]) -> Any:
        # With one transform running, forward's result serves it; with several, the outer
        # ones need the custom rule for the result, and forward runs again for residuals.
        if len(self.levels) > 1:
            return plainly(self.function, *args)
        result, self.residuals = self._forward(args)
        return result

    def _forward(self, args: tuple[Any, ...]) -> tuple[Any, Any]:
        found = settle(self.forward(*args))
        if not isinstance(found, tuple) or len(found) != 2:
            raise ShapeError(f"fwd of {self.name} returned {_several(found)}, not a pair",
                             "return out, residuals: the function's result, and what bwd needs (None if nothing)")
        return found

    def _pullback(self, g: Sequence[Any], args: Sequence[Any]) -> list[Any]:
        """Cotangents of all leaves of the arguments, by the user's bwd."""
        arguments = self.unpack(args)
        if not hasattr(self, "residuals"):
            residuals = self._forward(arguments)[1]
        else:
            residuals = self.residuals
        found = settle(self.backward(residuals, self._cotangent(g)))
        wanted = (f"a tuple of {len(arguments)} cotangent{'s' * (len(arguments) != 1)}, one for each argument, in "
                  "the argument's container and shapes (None for zero)")
        if not isinstance(found, (tuple, list)) or len(found) != len(arguments):
            raise ShapeError(f"bwd of {self.name} returned {_several(found)} for {len(arguments)} "
                             f"argument{'s' * (len(arguments) != 1)}", wanted)
        leaves = []
        start = 0
        for number, (one, child) in enumerate(zip(found, self.structure.children)):
            shapes = [shape_of(arg) for arg in args[start:start + child.size]]
            leaves += laid_out(one, child, shapes, f"cotangent {number} of {self.name}'s bwd", wanted)
            start += child.size
        return leaves

    def _cotangent(self, g: Sequence[Any]) -> Any:
        """g in the result's container; None for results that are no arrays."""
        source = iter(g)
        return tree.unflatten(self.out_structure, [next(source) if rest is None else None for rest in self.rest])

    def pull_filled(self, g: Any, y: Any, args: Sequence[Any], active: tuple[int, ...]) -> Sequence[Any]:
        leaves = self._pullback(g, args)
        return [leaves[i] for i in active]

    def push(self, y: Any, args: Sequence[Any], tangents: Sequence[Any], params: Any) -> Any:
        active = [i for i, t in enumerate(tangents) if t is not None]

        def pullback(*g: Any) -> Any:
            leaves = self._pullback(g, args)
            return [None if leaves[i] is None else conform(leaves[i], args[i].shape, args[i].dtype) for i in active]

        return tuple(transposed(self.name, pullback, y, [tangents[i] for i in active]))


def _several(found: Any) -> str:
    return f"{len(found)} values" if isinstance(found, (tuple, list)) else f"one {type(found).__name__}"


class custom_jvp(Callee):
    """A function whose tangent rule its author states; it serves both modes at any order.

    Parameters
    ----------
    f : callable
        Of positional arguments (keywords are put in their places): arrays, containers, and
        anything else, which is not differentiated.

    Methods
    -------
    defjvp(rule)
        ``rule(primals, tangents) -> (out, tangent)``, both arguments tuples like f's
        arguments.  A tangent is zero (None for what is no number) where nothing moves.
        The rule must be linear in the tangents for reverse mode, which transposes it.
        Usable as a decorator; returns the rule.

    Raises
    ------
    UnknownFunctionError
        (a NotImplementedError) differentiated before a rule was stated.
    ShapeError
        (a ValueError) the rule returned the wrong number of values, containers or shapes.
    UnsupportedArgumentError
        (a TypeError) reverse mode of a rule that is not linear in its tangents.
    InputError
        (a TypeError) f uses a differentiated value that is not among its arguments.

    Notes
    -----
    The names and forms are JAX's.  An error raised in f or the rule comes through as it is.

    Examples
    --------
    >>> import numpy as np, diffkit as dk
    >>> @dk.custom_jvp
    ... def log1pexp(x):
    ...     return np.log1p(np.exp(x))
    >>> @log1pexp.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return log1pexp(x), t * (1 - 1 / (1 + np.exp(x)))
    >>> dk.grad(log1pexp)(0.0), dk.grad(dk.grad(log1pexp))(0.0)
    (np.float64(0.5), np.float64(0.25))
    """

    word = "custom_jvp"

    def __init__(self, f: Function) -> None:
        super().__init__(f)
        self._rule: Function | None = None

    def defjvp(self, rule: Function) -> Function:
        """State the rule; see the class."""
        if not callable(rule):
            raise InputError(f"defjvp of {self.name} takes a function, not {type(rule).__name__}")
        self._rule = rule
        return rule

    def operation(self, structure: tree.Structure, leaves: Sequence[Any]) -> Operation:
        operation = _JvpOperation(self.name, self.function, structure, leaves)
        if self._rule is None:
            raise _no_rule(self.name, "defjvp(rule), with rule(primals, tangents) -> (out, tangent)")
        operation.rule = self._rule
        return operation


class custom_vjp(Callee):
    """A function whose cotangent rule its author states; it serves both modes at any order.

    Parameters
    ----------
    f : callable
        Of positional arguments (keywords are put in their places): arrays, containers, and
        anything else, which is not differentiated.

    Methods
    -------
    defvjp(fwd, bwd)
        ``fwd(*args) -> (out, residuals)`` and ``bwd(residuals, g) -> tuple``, one cotangent
        for each argument of f, None for zero.  bwd must be linear in g for forward mode,
        which transposes it.  ``defvjp(fwd)`` alone is a decorator for bwd.

    Raises
    ------
    UnknownFunctionError
        (a NotImplementedError) differentiated before a rule was stated.
    ShapeError
        (a ValueError) fwd or bwd returned the wrong number of values, containers or shapes.
    UnsupportedArgumentError
        (a TypeError) forward mode of a rule that is not linear in g (gradient clipping).
    InputError
        (a TypeError) f uses a differentiated value that is not among its arguments.

    Notes
    -----
    The names and forms are JAX's.  In a nested derivative fwd runs once for each transform,
    on values that the outer ones trace, so it is NumPy code like any other.  An error
    raised in f, fwd or bwd comes through as it is.

    Examples
    --------
    >>> import numpy as np, diffkit as dk
    >>> @dk.custom_vjp
    ... def cube(x):
    ...     return x**3
    >>> cube.defvjp(lambda x: (x**3, x), lambda x, g: (3 * x**2 * g,))
    >>> dk.grad(cube)(2.0), dk.grad(dk.grad(cube))(2.0)
    (np.float64(12.0), np.float64(12.0))
    >>> dk.jvp(cube, (2.0,), (1.0,))
    (np.float64(8.0), np.float64(12.0))
    """

    word = "custom_vjp"

    def __init__(self, f: Function) -> None:
        super().__init__(f)
        self._rules: tuple[Function, Function] | None = None

    def defvjp(self, fwd: Function, bwd: Function | None = None) -> Callable[[Function], Function] | None:
        """State the rule; see the class."""
        if bwd is None:
            def state(bwd: Function) -> Function:
                self.defvjp(fwd, bwd)
                return bwd
            return state
        if not callable(fwd) or not callable(bwd):
            raise InputError(f"defvjp of {self.name} takes two functions")
        self._rules = fwd, bwd
        return None

    def operation(self, structure: tree.Structure, leaves: Sequence[Any]) -> Operation:
        operation = _VjpOperation(self.name, self.function, structure, leaves)
        if self._rules is None:
            raise _no_rule(self.name, "defvjp(fwd, bwd), with fwd(*args) -> (out, residuals) and "
                                      "bwd(residuals, g) -> tuple")
        operation.forward, operation.backward = self._rules
        return operation


def _no_rule(name: str, want: str) -> UnknownFunctionError:
    return UnknownFunctionError(f"{name} is differentiated, and no rule was stated for it", want)
