"""The five kinds of rule, and the table they fill.

A rule is one row: a function, what is known of its derivative, and how SymPy spells
it.  The *kind* says what the row states and turns it into the two linear maps that
every reader of the table uses:

    push   tangents of the arguments   ->  tangent of the result      (forward, J t)
    pull   cotangent of the result     ->  cotangents of the arguments (reverse, g J)

============ ============================= =====================================
kind         the row states                examples
============ ============================= =====================================
elementwise  a partial for each argument   sin, multiply, power, arctan2
linear       the adjoint                   sum, transpose, getitem, concatenate
multilinear  one adjoint for each argument matmul, einsum, kron
flat         nothing: derivative zero      floor, sign, greater, argmax
general      jvp, vjp or both              inv, solve, cholesky, sort, max
============ ============================= =====================================

Rules are plain NumPy on values that may themselves be traced; that alone makes every
nesting of modes work.  So a rule never calls ``np.asarray`` on a value and never
assigns in place.  This package knows no tracing: ``Rule.__call__`` is ``table.apply``, in
whose place ``diffkit.traced`` puts its own.

Complex numbers follow JAX and autograd: ``Re(cotangent * d value)`` is the pairing, so
adjoints are transposes without conjugation, and the derivative of a real-valued
function of z = x + iy comes out as df/dx - i df/dy.
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from diffkit.rules.table import FUNCTIONS, REFUSED, TABLE, Array, Params, Rule, conform

__all__ = [
    "FUNCTIONS", "KEEP_FIRST", "KEEP_RESULT", "KEEP_SECOND", "REFUSED", "TABLE", "Array", "Elementwise", "Flat",
    "General", "Linear", "Multilinear", "Params", "Partial", "Rule", "answers", "conform", "elementwise", "flat",
    "general", "linear", "multilinear", "over", "transpose", "with_originals",
]

Partial = Callable[..., Array] | int | None


def with_originals(f: Callable[[], None]) -> None:
    """Call f where NumPy's names mean NumPy's functions; ``diffkit.buffers`` puts its own in place of this."""
    f()


#: Set by ``diffkit.reverse``: transposes a linear function, for a general row that
#: states only one of its two maps.
transpose: Callable[..., Any] | None = None

#: Flags in ``Elementwise.keep_first`` and its kin: what a pull reads, in the cases that recording writes out.
KEEP_RESULT, KEEP_FIRST, KEEP_SECOND = 1, 2, 4


def _names_read(function: Callable[..., Any]) -> set[str]:
    """Names of the parameters that a plain function reads (a starred one counts as all)."""
    code = function.__code__
    names = set(code.co_varnames[:code.co_argcount]) | set(code.co_cellvars)
    if code.co_flags & 0x0C:  # *args or **kwargs
        return names | {"*"}
    read: set[Any] = set()
    for step in dis.get_instructions(code):
        if "LOAD_" in step.opname:  # one instruction may load two names (Python 3.13)
            read.update(step.argval if isinstance(step.argval, tuple) else (step.argval,))
    return names & read


class over:
    """A partial stated as one over something: ``over(lambda y, x: x)`` for 1/x.

    The cotangent is divided, in one operation and with one rounding, instead of
    multiplied by a reciprocal.
    """

    __slots__ = ("denominator",)

    def __init__(self, denominator: Callable[..., Array]) -> None:
        self.denominator = denominator

    def __call__(self, *args: Any) -> Array:
        return 1 / self.denominator(*args)


#: How a pull makes its cotangent of the result's, g: g itself, times or over one of the saved values or a function of
#: them, −g, or nothing (``Elementwise.steps``).
SAME, PRODUCT, QUOTIENT, TIMES, OVER, NEGATED, NOTHING = range(7)


def _step(partial: Partial) -> tuple[int, Any]:
    """A partial as the sweep reads it: with the function to call, or with the place of the value that it is."""
    if partial is None:
        return NOTHING, None
    if isinstance(partial, int):
        return (SAME if partial == 1 else NEGATED), None
    divides = isinstance(partial, over)
    function: Any = partial.denominator if isinstance(partial, over) else partial
    code = [(step.opname, step.argval) for step in dis.get_instructions(function) if step.opname != "RESUME"]
    if len(code) == 2 and code[0][0].startswith("LOAD_FAST") and code[1][0] == "RETURN_VALUE":  # lambda y, a, b: b
        return (QUOTIENT if divides else PRODUCT), function.__code__.co_varnames.index(code[0][1])
    return (OVER if divides else TIMES), function


class Elementwise(Rule):
    """A function applied entry by entry, with broadcasting; the row states its partials.

    A partial is called as ``partial(y, *args)``; the constants 1 and -1 spare a
    multiplication, ``over(...)`` states a reciprocal, ``None`` says that the argument has
    no derivative (a condition).
    """

    kind = "elementwise"
    __slots__ = ("_read", "keep_both", "keep_first", "keep_second", "partials", "steps")

    def __init__(self, fun: Callable[..., Any], partials: Sequence[Partial], symbol: str | None,
                 domain: Sequence[Any] = (), pinned: Mapping[Any, Any] | None = None, *, name: str = "",
                 call: Callable[..., Any] | None = None) -> None:
        super().__init__(fun, name, symbol, domain, pinned,
                         call or (fun if isinstance(fun, np.ufunc) else None))
        self.partials = tuple(partials)
        for partial in self.partials:
            # The sweep tells these cases apart by type; anything else it would take for -1.
            if not (type(partial) in (FunctionType, over) or partial is None
                    or (type(partial) is int and partial in (1, -1))):
                raise TypeError(f"a partial of {self.name} is {partial!r}: a plain function, over(…), 1, -1 or None")
        # What recording keeps when the first, the second or both of one or two arguments are
        # active: ``save`` in the form of flags.
        self._read: dict[tuple[int, ...], tuple[bool, tuple[bool, ...]]] = {}
        self.keep_first, self.keep_second, self.keep_both = self._flags((0,)), self._flags((1,)), self._flags((0, 1))

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "partials":  # also when a test plants an error
            self.steps = tuple(_step(partial) for partial in value)

    def _flags(self, active: tuple[int, ...]) -> int:
        if max(active) >= len(self.partials) or len(self.partials) > 2:
            return 0
        needs_y, needs = self._reads(active)
        return needs_y * KEEP_RESULT + needs[0] * KEEP_FIRST + any(needs[1:]) * KEEP_SECOND

    def _reads(self, active: tuple[int, ...]) -> tuple[bool, tuple[bool, ...]]:
        """Whether the partials of the active arguments read y, and which arguments."""
        known = self._read.get(active)
        if known is not None:
            return known
        needs_y, needs = False, [False] * len(self.partials)
        for i in active:
            partial = self.partials[i]
            if callable(partial):
                function = partial.denominator if isinstance(partial, over) else partial
                read = _names_read(function)
                code = function.__code__
                if "*" in read:
                    needs_y, needs = True, [True] * len(needs)
                for position, name in enumerate(code.co_varnames[:code.co_argcount]):
                    if name in read:
                        if position == 0:
                            needs_y = True
                        else:
                            needs[position - 1] = True
        self._read[active] = needs_y, tuple(needs)
        return self._read[active]

    def save(self, y: Any, args: Sequence[Any], active: tuple[int, ...]) -> Any:
        needs_y, needs = self._reads(active)
        return (y if needs_y else None, *(a if keep else None for a, keep in zip(args, needs)))

    def reads(self, position: int, active: tuple[int, ...]) -> bool:
        return self._reads(active)[1][position]

    def push(self, y: Any, args: Sequence[Any], tangents: Sequence[Any], params: Params) -> Any:
        total = None
        for partial, tangent in zip(self.partials, tangents):
            if tangent is None or partial is None:
                continue
            if partial.__class__ is int:
                term = tangent if partial == 1 else -tangent
            elif partial.__class__ is over:
                term = tangent / partial.denominator(y, *args)
            else:
                term = tangent * partial(y, *args)  # type: ignore[operator]
            total = term if total is None else total + term
        return total

    def pull(self, g: Any, saved: Any, params: Params, active: tuple[int, ...]) -> Sequence[Any]:
        result = []
        for i in active:
            partial = self.partials[i]
            if partial.__class__ is int:
                result.append(g if partial == 1 else -g)
            elif partial is None:
                result.append(None)
            elif partial.__class__ is over:
                result.append(g / partial.denominator(*saved))
            else:
                result.append(g * partial(*saved))  # type: ignore[operator]
        return result


class Linear(Rule):
    """Linear in all its operands at once; the row states the adjoint.

    ``adjoint(g, shapes, i, **params)`` is the cotangent of operand ``i``, given the
    shapes of all operands: a linear map needs no values.
    """

    kind = "linear"
    __slots__ = ("adjoint",)

    def __init__(self, fun: Callable[..., Any], adjoint: Callable[..., Any], *, name: str = "",
                 call: Callable[..., Any] | None = None, outputs: int | None = None) -> None:
        super().__init__(fun, name, call=call, outputs=outputs)
        self.adjoint = adjoint

    def reads(self, position: int, active: tuple[int, ...]) -> bool:
        return False

    def save(self, y: Any, args: Sequence[Any], active: tuple[int, ...]) -> Any:
        if len(args) == 1 and type(args[0]) is _ndarray:
            return (args[0].shape,)
        return [np.shape(arg) if type(arg) in _PLAIN else arg.shape for arg in args]

    def push(self, y: Any, args: Sequence[Any], tangents: Sequence[Any], params: Params) -> Any:
        if None in map(_none_only, tangents):
            tangents = [np.zeros_like(a) if t is None else t for t, a in zip(tangents, args)]
        return self.call(*tangents, **params)

    def pull(self, g: Any, saved: Any, params: Params, active: tuple[int, ...]) -> Sequence[Any]:
        if len(active) == 1:
            return (self.adjoint(g, saved, active[0], **params),)
        return [self.adjoint(g, saved, i, **params) for i in active]


_PLAIN = (int, float, complex, bool, list, tuple)
_ndarray = np.ndarray


def _none_only(value: Any) -> Any:
    """None for None, True for anything else: ``in`` must not compare arrays."""
    return None if value is None else True


class Multilinear(Rule):
    """Linear in each argument apart; ``adjoints[i](g, *args, **params)`` for each."""

    kind = "multilinear"
    __slots__ = ("adjoints",)

    def __init__(self, fun: Callable[..., Any], adjoints: Sequence[Callable[..., Any]] | Callable[..., Any],
                 *, name: str = "", call: Callable[..., Any] | None = None) -> None:
        super().__init__(fun, name, call=call)
        # Either one function an argument, or one function of the position (einsum).
        self.adjoints = adjoints

    def save(self, y: Any, args: Sequence[Any], active: tuple[int, ...]) -> Any:
        return args

    def push(self, y: Any, args: Sequence[Any], tangents: Sequence[Any], params: Params) -> Any:
        total = None
        for i, tangent in enumerate(tangents):
            if tangent is not None:
                term = self.call(*args[:i], tangent, *args[i + 1:], **params)
                total = term if total is None else total + term
        return total

    def pull(self, g: Any, saved: Any, params: Params, active: tuple[int, ...]) -> Sequence[Any]:
        adjoints = self.adjoints
        if callable(adjoints):
            return [adjoints(i, g, *saved, **params) for i in active]
        if len(active) == 1:
            return (adjoints[active[0]](g, *saved, **params),)
        return [adjoints[i](g, *saved, **params) for i in active]


class Flat(Rule):
    """Derivative zero by definition (steps, comparisons, indices)."""

    kind = "flat"
    is_flat = True
    __slots__ = ()

    def push(self, y: Any, args: Sequence[Any], tangents: Sequence[Any], params: Params) -> Any:
        return None

    def pull(self, g: Any, saved: Any, params: Params, active: tuple[int, ...]) -> Sequence[Any]:
        return ()


class General(Rule):
    """Anything else: the row states ``jvp``, ``vjp`` or both.

    ``jvp(y, args, tangents, **params)`` gives the result's tangent (``None`` among the
    tangents is zero); ``vjp(g, y, args, **params)`` gives a sequence with one cotangent
    for each argument.  The one that is missing is the transpose of the other.
    For several outputs y, g and the result's tangent are tuples; an entry of g may be
    None (that output is not used).
    """

    kind = "general"
    __slots__ = ("jvp", "vjp")

    def __init__(self, fun: Callable[..., Any], *, jvp: Callable[..., Any] | None = None,
                 vjp: Callable[..., Any] | None = None, name: str = "", symbol: str | None = None,
                 domain: Sequence[Any] = (), pinned: Mapping[Any, Any] | None = None,
                 call: Callable[..., Any] | None = None, outputs: int | None = None) -> None:
        super().__init__(fun, name, symbol, domain, pinned, call, outputs)
        if jvp is None and vjp is None:
            raise ValueError(f"the general rule {self.name} states neither jvp nor vjp")
        self.jvp = jvp
        self.vjp = vjp

    def push(self, y: Any, args: Sequence[Any], tangents: Sequence[Any], params: Params) -> Any:
        if self.jvp is not None:
            return self.jvp(y, args, tangents, **params)
        assert transpose is not None and self.vjp is not None
        active = [i for i, t in enumerate(tangents) if t is not None]
        vjp = self.vjp

        def pullback(*g: Any) -> Any:
            cotangents = vjp(g if self.outputs else g[0], y, args, **params)
            return [conform(cotangents[i], np.shape(args[i]), args[i].dtype) for i in active]

        return transpose(pullback, y if self.outputs else (y,), [tangents[i] for i in active],
                         bool(self.outputs))

    def pull(self, g: Any, saved: Any, params: Params, active: tuple[int, ...]) -> Sequence[Any]:
        y, args = saved
        if self.vjp is not None:
            cotangents = self.vjp(g, y, args, **params)
            return (cotangents[active[0]],) if len(active) == 1 else [cotangents[i] for i in active]
        assert transpose is not None and self.jvp is not None
        jvp = self.jvp

        def pushforward(*moving: Any) -> Any:
            tangents: list[Any] = [None] * len(args)
            for i, t in zip(active, moving):
                tangents[i] = t
            out = jvp(y, args, tangents, **params)
            return list(out) if self.outputs else [out]

        result: Sequence[Any] = transpose(pushforward, [args[i] for i in active],
                                          list(g) if self.outputs else [g], True)
        return result


# --- the words in which rulebooks are written -------------------------------------------

def elementwise(fun: Callable[..., Any], partials: Partial | Sequence[Partial], symbol: str | None,
                *domain: Any, pinned: Mapping[Any, Any] | None = None, name: str = "",
                call: Callable[..., Any] | None = None) -> Elementwise:
    """A row of kind elementwise; ``partials`` is one partial or one for each argument."""
    columns = partials if isinstance(partials, (tuple, list)) else (partials,)
    rule = Elementwise(fun, columns, symbol, domain, pinned, name=name, call=call)
    FUNCTIONS.setdefault(fun, rule)
    return rule


def linear(fun: Callable[..., Any], adjoint: Callable[..., Any], *, name: str = "",
           call: Callable[..., Any] | None = None, outputs: int | None = None) -> Linear:
    """A row of kind linear."""
    return Linear(fun, adjoint, name=name, call=call, outputs=outputs)


def multilinear(fun: Callable[..., Any], adjoints: Sequence[Callable[..., Any]] | Callable[..., Any], *,
                name: str = "", call: Callable[..., Any] | None = None) -> Multilinear:
    """A row of kind multilinear."""
    return Multilinear(fun, adjoints, name=name, call=call)


def flat(*functions: Callable[..., Any]) -> None:
    """Rows of kind flat, answered under the functions' own names."""
    for fun in functions:
        FUNCTIONS[fun] = Flat(fun, call=fun)


def general(fun: Callable[..., Any], *, jvp: Callable[..., Any] | None = None,
            vjp: Callable[..., Any] | None = None, name: str = "", symbol: str | None = None,
            domain: Sequence[Any] = (), pinned: Mapping[Any, Any] | None = None,
            call: Callable[..., Any] | None = None, outputs: int | None = None) -> General:
    """A row of kind general."""
    return General(fun, jvp=jvp, vjp=vjp, name=name, symbol=symbol, domain=domain, pinned=pinned,
                   call=call, outputs=outputs)


def answers(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a definition (NumPy's signature, written with rows) for NumPy's functions."""
    def register(definition: Callable[..., Any]) -> Callable[..., Any]:
        for fun in functions:
            FUNCTIONS[fun] = definition
        return definition
    return register
