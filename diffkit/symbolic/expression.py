"""A recorded program as SymPy expressions, with the path condition they hold under."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy

from diffkit import tree
from diffkit.arguments import Argnums, Moving, split
from diffkit.errors import NotScalarError, SymbolicError
from diffkit.exact.arrays import collect, wrap
from diffkit.exact.expressions import Expressions, StopGradient, TooLarge
from diffkit.exact.machine import Machine, NotExact
from diffkit.exact.recording import Recording, leaf_names, recording
from diffkit.exact.sizes import expected_size
from diffkit.symbolic.calculus import differentiate
from diffkit.symbolic.naming import symbols as symbols_for
from diffkit.tape import Guard, Node

#: Largest expression, in nodes of its tree.
LIMIT = 10_000
#: All expressions made on the way may have this many times the limit.
TOTAL = 5
#: SymPy walks expressions recursively: they may be nested this deep.
DEEPEST = 120
#: Derivatives are taken while size times symbols stays below this multiple of the limit.
_DERIVATIVES = 20


@dataclasses.dataclass(frozen=True)
class Condition:
    """One question that the run asked, as a relation, and the user's line that asked it."""

    relation: Any
    line: str

    def __str__(self) -> str:
        return f"{self.relation}  ({self.line})"


@dataclasses.dataclass(frozen=True)
class Expression:
    """SymPy expressions of a recorded program.

    Attributes
    ----------
    expressions : SymPy expression, object ndarray, or container
        In the form of f's result.
    symbols : SymPy symbol, object ndarray, or container
        In the form of the differentiated arguments (a tuple of several).
    conditions : tuple of Condition
        The path condition: the expressions are f where all of these hold.
    point : dict
        The recorded arguments by symbol: ``expression.subs(e.point)``.
    """

    expressions: Any
    symbols: Any
    conditions: tuple[Condition, ...]
    point: Mapping[Any, Any]
    limit: int = dataclasses.field(default=LIMIT, repr=False)
    _leaves: tuple[Any, ...] = dataclasses.field(default=(), repr=False)
    _moving: Moving | None = dataclasses.field(default=None, repr=False, compare=False)

    # --- derivatives -----------------------------------------------------------------------------
    def gradient(self) -> Expression:
        """SymPy's gradient of one expression, in the form of the arguments.

        Raises NotScalarError when there are several expressions.
        """
        found, _ = tree.flatten(self.expressions)
        if len(found) != 1 or np.size(found[0]) != 1:
            raise NotScalarError("the gradient is of one expression, and this program has several",
                                 "e.jacobian()")
        return self._with(self._blocks(wrap(found[0]).ravel(), ()))

    def jacobian(self) -> Expression:
        """SymPy's derivatives of all expressions: ``out.shape + in.shape`` for each of them."""
        found, structure = tree.flatten(self.expressions)
        return self._with(tree.unflatten(structure, [
            self._blocks(wrap(out).ravel(), np.shape(out)) for out in found]))

    def hessian(self) -> Expression:
        """SymPy's second derivatives of one expression."""
        return self.gradient().jacobian()

    def _blocks(self, outs: Any, shape: tuple[int, ...]) -> Any:
        """Derivatives of the expressions ``outs`` (of this shape) by all leaves, in the caller's containers."""
        assert self._moving is not None
        _check_work(list(outs), self.limit)
        blocks = []
        for leaf in self._leaves:
            entries = [differentiate(out, symbol) for out in outs for symbol in leaf.ravel()]
            blocks.append(_unwrapped(collect(entries, shape + leaf.shape)))
        return self._moving.answer(blocks)

    def _with(self, expressions: Any) -> Expression:
        return dataclasses.replace(self, expressions=expressions)

    # --- use ---------------------------------------------------------------------------------------
    def lambdify(self, modules: Any = "numpy") -> Callable[..., Any]:
        """A function of the differentiated arguments (arrays and containers as f takes them).

        Sound where the path condition holds; elsewhere f may be another formula.
        """
        flat = [symbol for leaf in self._leaves for symbol in leaf.ravel()]
        found, structure = tree.flatten(self.expressions)
        entries = [entry.replace(StopGradient, lambda a: a) for out in found for entry in wrap(out).ravel()]
        function = sympy.lambdify(flat, entries, modules=modules, cse=True)
        shapes = [np.shape(out) for out in found]

        def evaluate(*args: Any) -> Any:
            leaves, _ = tree.flatten(tuple(args))
            with np.errstate(all="ignore"):
                values = iter(function(*(entry for leaf in leaves for entry in np.asarray(leaf).ravel())))
            return tree.unflatten(structure, [
                np.array([next(values) for _ in range(int(np.prod(shape)))]).reshape(shape)[()]
                for shape in shapes])

        return evaluate

    def latex(self) -> str:
        """LaTeX of the expressions: one formula, a matrix for an array, several joined by commas."""
        return ", ".join(_latex(out) for out in tree.flatten(self.expressions)[0])

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __str__(self) -> str:
        text = str(tree.unflatten(tree.flatten(self.expressions)[1], [
            _Shown(out) for out in tree.flatten(self.expressions)[0]]))
        if not self.conditions:
            return text
        return "\n".join([text, "where", *(f"  {condition}" for condition in self.conditions)])

    __repr__ = __str__


class _Shown:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return str(self.value.tolist() if isinstance(self.value, np.ndarray) else self.value)

    __str__ = __repr__


def expression(f: Callable[..., Any], *args: Any, argnums: Argnums | None = None, limit: int = LIMIT,
               **kwargs: Any) -> Expression:
    """Record ``f(*args)`` and read it as SymPy expressions.

    Parameters
    ----------
    f : callable
        Plain NumPy code; ``grad(f)`` and other transforms of it too.
    argnums : int or tuple of int, optional
        The arguments that become symbols.  Without it all those that hold numbers.
    limit : int
        Largest size of an expression, in nodes of its tree.

    Raises
    ------
    SymbolicError
        The program is too large to expand, or uses a function that has no SymPy form.

    Examples
    --------
    >>> def halve(x):
    ...     while abs(x) > 5:
    ...         x = x / 2
    ...     return x
    >>> e = expression(halve, 37.0)
    >>> e.expressions, e.gradient().expressions
    (x/8, 1/8)
    >>> [condition.relation for condition in e.conditions]
    [Abs(x) > 5, Abs(x)/2 > 5, Abs(x)/4 > 5, Abs(x)/8 <= 5]
    """
    moving = split(args, _numeric(args) if argnums is None else argnums, f)
    if argnums is None and len(moving.positions) == 1:
        moving = dataclasses.replace(moving, single=True)
    try:
        found = recording(f, moving, kwargs)
    except ValueError as error:
        if "another transform" not in str(error):
            raise
        raise SymbolicError(f"the program can't be read as a formula: {error}") from None
    leaves = symbols_for(leaf_names(f, moving), [leaf.shape for leaf in moving.leaves])
    outs, conditions = expand(found, leaves, Expressions(limit), f)
    point = {symbol: value for leaf, values in zip(leaves, moving.leaves)
             for symbol, value in zip(leaf.ravel(), np.ravel(values).tolist())}
    return Expression(tree.unflatten(found.structure, [_unwrapped(out) for out in outs]),
                      moving.answer([_unwrapped(leaf) for leaf in leaves]), conditions, point, limit,
                      tuple(leaves), moving)


def expand(found: Recording, leaves: list[Any], algebra: Expressions,
           f: Callable[..., Any]) -> tuple[list[Any], tuple[Condition, ...]]:
    """The output leaves as arrays of expressions, and the path condition.

    Raises SymbolicError.
    """
    name = getattr(f, "__qualname__", None) or repr(f)
    machine = Machine(found.tape, algebra)
    largest = total = deepest = 0
    try:
        if found.tape.elements > 10 * algebra.limit:
            raise TooLarge
        largest, total, deepest = expected_size(found)
        if largest > algebra.limit or total > TOTAL * algebra.limit or deepest > DEEPEST:
            raise TooLarge
        values = machine.run(leaves)
        outs = [values[out.index] if isinstance(out, Node) else algebra.array(out) for out in found.outs]
    except (TooLarge, RecursionError):
        expanded = (f", which expand to {_shown(total)} parts, {_shown(largest)} in the largest expression, nested "
                    f"{deepest} deep" if total else "")
        raise SymbolicError(
            f"{name} is too large to expand: its recording has {len(found.tape.nodes)} operations on "
            f"{found.tape.elements} entries{expanded}; the limit is {algebra.limit} for one expression, "
            f"{TOTAL * algebra.limit} for all on the way and {DEEPEST} levels",
            'a smaller example, a larger limit=, or grad(f, method="symbolic"), which differentiates '
            "operation by operation") from None
    except NotExact as error:
        raise SymbolicError(f"{name} has no symbolic form: {error.reason}",
                            "a function that SymPy knows, or another method") from None
    asked = [(relation, guard.line) for guard in found.tape.guards
             for relation in _relations(algebra, guard, values[guard.node.index])]
    conditions = dict.fromkeys((relation, line) for relation, line in asked + algebra.assumptions
                               if relation != sympy.true)
    return outs, tuple(Condition(relation, line) for relation, line in conditions)


def _shown(count: int) -> str:
    return str(count) if count < 10 ** 7 else f"about 10**{len(str(count)) - 1}"


def _relations(algebra: Expressions, guard: Guard, value: Any) -> list[Any]:
    """A guard's answer in SymPy's terms, entry by entry."""
    answers = np.broadcast_to(np.asarray(guard.answer), value.shape).ravel()
    relations = []
    for entry, answer in zip(value.ravel(), answers.tolist()):
        if algebra.is_truth(entry):
            relations.append(entry if answer else sympy.Not(entry))
        elif isinstance(answer, bool):
            relations.append(algebra.compare("not_equal" if answer else "equal")(entry, algebra.zero))
        else:
            whole = entry if entry.is_integer else (
                sympy.floor(entry) if answer >= 0 else sympy.ceiling(entry))
            relations.append(sympy.Eq(whole, algebra.scalar(answer)))
    return relations


def _check_work(outs: list[Any], limit: int) -> None:
    """Refuse to differentiate what would take too long."""
    algebra = Expressions(10 ** 9)
    work = sum(algebra.size(out) * len(out.free_symbols) for out in outs)
    if work > _DERIVATIVES * limit:
        raise SymbolicError(f"the derivatives would take {work} steps, and the limit is {_DERIVATIVES * limit}",
                            "fewer symbols (argnums), or a larger limit")


def _numeric(args: tuple[Any, ...]) -> tuple[int, ...]:
    """The positions of the arguments that hold numbers and nothing else."""
    positions = []
    for position, arg in enumerate(args):
        leaves, _ = tree.flatten(arg)
        if leaves and all(isinstance(leaf, (int, float, np.ndarray, np.generic)) and not isinstance(leaf, bool)
                          and np.asarray(leaf).dtype.kind in "iuf" for leaf in leaves):
            positions.append(position)
    return tuple(positions) or (0,)


def _unwrapped(array: Any) -> Any:
    return array[()] if array.shape == () else array


def _latex(out: Any) -> str:
    if not isinstance(out, np.ndarray):
        return str(sympy.latex(out))
    if out.ndim <= 2:
        return str(sympy.latex(sympy.Matrix(out.tolist())))
    return str(sympy.latex(sympy.Array(out.tolist())))
