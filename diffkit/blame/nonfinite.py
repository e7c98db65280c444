"""explain: where a NaN or an infinity comes from.

A number that is not finite spreads: what is seen in the result says little of its origin.
The recorded run lists the operations in order, with their operands, so the origin is the
first whose value or whose slope is not finite although its operands are.  Entries that the
result does not depend on are passed over: a NaN in the branch of a ``where`` that is not
taken is nobody's concern (the live masks of ``masked`` tell).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.arguments import Argnums
from diffkit.blame.running import Run, at, look, operands, place, shown
from diffkit.rules.kinds import Elementwise
from diffkit.tape import Node


@dataclasses.dataclass(frozen=True)
class Explanation:
    """The answer of :func:`explain`; ``str`` of it is for reading.

    Attributes
    ----------
    cause : str
        ``"none"`` (value and derivative are finite), ``"input"`` (an argument is not
        finite), ``"constant"`` (a number or array that f uses is not), ``"value"`` (an operation's
        result is not), ``"slope"`` (an operation's derivative is not), ``"product"`` (finite
        slopes whose product overflows), or ``"unknown"``.
    value_is_finite, derivative_is_finite : bool
        Of f's result, and of its derivative by the arguments asked for.
    operation : str
        The rule's name, or the argument's name for ``"input"``.
    line : str
        ``file:line`` of the user's program.
    index : tuple of int
        The first such entry of the operation's result.
    count, size : int
        How many such entries there are, of how many.
    operands : tuple
        The operands behind that entry (whole arrays where the operation mixes entries).
    result : Any
        The operation's value there.
    slope : Any
        For ``"slope"`` and ``"product"`` the derivative by operand number ``argument``.
    """

    cause: str
    value_is_finite: bool
    derivative_is_finite: bool
    operation: str = ""
    line: str = ""
    index: tuple[int, ...] = ()
    count: int = 0
    size: int = 0
    operands: tuple[Any, ...] = ()
    result: Any = None
    slope: Any = None
    argument: int | None = None

    def __bool__(self) -> bool:
        """Whether there was anything to explain."""
        return self.cause != "none"

    def __str__(self) -> str:
        if self.cause == "none":
            return "The value and the derivative are finite."
        what = "value" if not self.value_is_finite else "derivative"
        head = f"The {what} is not finite."
        if self.cause == "unknown":
            return head + " No single operation can be named: every value and every slope on the way is finite."
        entry = f" at entry {self.index}" if self.index else ""
        counted = f" ({self.count} of {self.size} entries)" if self.size > 1 else ""
        if self.cause == "input":
            return f"{head} The argument {self.operation} is {shown(self.result)}{entry}{counted}."
        call = f"{self.operation}({', '.join(map(shown, self.operands))})"
        if self.cause == "constant":
            if not self.operation:
                return f"{head} f returns a constant that is not finite."
            return f"{head} A constant that is used in {call} is not finite{counted}.\n{place(self.line)}"
        lines = [head]
        if self.cause == "value":
            lines.append(f"First cause: {call} = {shown(self.result)}{entry}{counted}")
        else:
            of = f" by argument {self.argument}" if len(self.operands) > 1 else ""
            why = "is" if self.cause == "slope" else "is finite, but times what comes after it overflows:"
            lines.append(f"First cause: the derivative of {call} = {shown(self.result)}{of} {why} "
                         f"{shown(self.slope)}{entry}{counted}")
        return "\n".join([*lines, place(self.line)])


def explain(f: Callable[..., Any], *args: Any, argnums: Argnums = 0) -> Explanation:
    """Where the NaN or infinity in f's value or derivative comes from.

    Parameters
    ----------
    f : callable
        Any function that diffkit can record; with several results, their sum is looked at.
    *args
        Its arguments: plain arrays, numbers, containers.
    argnums : int or tuple of int
        Which are differentiated.

    Returns
    -------
    Explanation
        The first operation whose value or derivative is not finite, with its line and its
        operands; false in ``if`` when all is finite.

    Raises
    ------
    InputError
        (a TypeError) an argument can't be differentiated, or belongs to a running transform.

    Examples
    --------
    >>> import numpy as np, diffkit as dk
    >>> found = dk.explain(lambda x: np.sum(np.sqrt(x - np.min(x))), np.array([3.0, 2.0, 5.0]))
    >>> found.cause, found.operation, found.index, found.operands, found.slope
    ('slope', 'sqrt', (1,), (np.float64(0.0),), np.float64(inf))
    >>> print(dk.explain(np.sum, np.array([1.0, np.nan])))
    The value is not finite. The argument a is nan at entry (1,) (1 of 2 entries).
    """
    run = look(f, args, argnums)
    value = all(_finite(v) for v in run.values)
    derivative = all(_finite(g) for g in run.gradient)
    if value and derivative:
        return Explanation("none", True, True)
    for name, node in zip(run.tape.names, run.tape.inputs):
        if not _finite(node.value):
            return _entry(Explanation("input", value, derivative, name), node.value)
    if any(not isinstance(out, Node) and not _finite(out) for out in run.outs):
        return Explanation("constant", value, derivative)
    with np.errstate(all="ignore"):
        return (_first(run, value, derivative, only_live=True)
                or (None if value else _first(run, value, derivative, only_live=False))
                or _overflow(run, value, derivative)
                or Explanation("unknown", value, derivative))


def _finite(value: Any) -> bool:
    return not _bad(value).any()


def _bad(value: Any) -> Any:
    """Which entries are not finite (numbers and arrays of numbers can be)."""
    if isinstance(value, tuple):
        return np.array([not _finite(v) for v in value])
    if isinstance(value, (float, complex)) or (hasattr(value, "dtype") and value.dtype.kind in "fc"):
        return np.asarray(~np.isfinite(value))
    return np.zeros(np.shape(value) if hasattr(value, "dtype") else (), bool)


def _entry(found: Explanation, value: Any, bad: Any = None) -> Explanation:
    """The explanation with the first entry that is not finite filled in."""
    bad = _bad(value) if bad is None else bad
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    return dataclasses.replace(found, index=index, count=int(bad.sum()), size=int(bad.size),
                               result=at(value, index, bad.shape))


def _first(run: Run, value: bool, derivative: bool, only_live: bool) -> Explanation | None:
    """The first node whose value or slope is not finite, among live entries."""
    for node in run.tape.nodes:
        if node.rule is None or node.rule.kind == "pick":
            continue
        live = run.live(node) if only_live else True
        if live is None:
            continue
        given = operands(node)
        bad = _bad(node.value)
        if bad.shape == np.shape(live):
            bad = bad & live
        if bad.any():
            if any(isinstance(v, Node) and not _finite(v.value) for v in node.inputs):
                continue  # it passes on what an earlier one made
            cause = "constant" if any(not _finite(v) for v in given) else "value"
            found = _entry(Explanation(cause, value, derivative, node.rule.name, node.line), node.value, bad)
            return _with_operands(found, given, bad.shape)
        if value:  # else a slope that is not finite is no origin
            slope = _slope(node, given, live, value, derivative)
            if slope is not None:
                return slope
    return None


def _with_operands(found: Explanation, given: list[Any], shape: tuple[int, ...]) -> Explanation:
    return dataclasses.replace(found, operands=tuple(at(v, found.index, shape) for v in given))


def _slope(node: Node, given: list[Any], live: Any, value: bool, derivative: bool) -> Explanation | None:
    """The explanation of a node with a slope that is not finite."""
    rule = node.rule
    if not node.active or rule is None or rule.is_flat:
        return None
    if rule.outputs:
        one: Any = tuple(np.ones(v.shape, v.dtype) for v in node.value)
    else:
        one = np.ones(node.shape, node.dtype)
    for argument, slope in zip(node.active, rule.pull(one, node.saved, node.params, node.active)):
        if slope is None:
            continue
        bad = _bad(slope)
        if bad.shape == np.shape(live):
            bad = bad & live
        if bad.any():
            found = Explanation("slope", value, derivative, rule.name, node.line, argument=argument)
            filled = _entry(found, slope, bad)
            result = at(node.value, filled.index, bad.shape) if isinstance(rule, Elementwise) else node.value
            shape = bad.shape if isinstance(rule, Elementwise) else (-1,)
            found = dataclasses.replace(filled, slope=filled.result, result=result)
            return dataclasses.replace(found, operands=tuple(
                at(v, found.index, shape) if isinstance(rule, Elementwise) else v for v in given))
    return None


def _overflow(run: Run, value: bool, derivative: bool) -> Explanation | None:
    """Backwards: the first node that makes a cotangent infinite out of a finite one and finite slopes."""
    for node in reversed(run.tape.nodes):
        masked = run.cotangents[node.index]
        if node.rule is None or masked is None or isinstance(masked, dict) or not _finite(masked[0]):
            continue
        for argument, parent in zip(node.active, node.parents):
            above = run.cotangents[parent.index]
            if above is not None and not isinstance(above, dict) and not _finite(above[0]):
                found = Explanation("product", value, derivative, node.rule.name, node.line, argument=argument)
                found = _entry(found, above[0])
                result = at(node.value, found.index, parent.shape)
                found = dataclasses.replace(found, slope=found.result, result=result)
                return _with_operands(found, operands(node), parent.shape)
    return None
