"""SymPy's derivative, operation by operation: the symbolic route for programs of any size.

For each elementwise operation SymPy differentiates the table's column (once a rule), and the
partial is evaluated at the recorded operands: at 30 digits while there are few entries, else in
float64 with 30 digits where that is not finite.  Tangents are carried forward in the tape's order:

    elementwise   sum of partial times tangent
    linear        the function itself, applied to the tangents
    multilinear   the function itself, an operand at a time replaced by its tangent
    general       a textbook's formula (``textbook``), or refusal by name

Second derivatives carry a second tangent, with SymPy's second partials.  Neither the table's partials
and adjoints nor its push and pull are used.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import sympy

from diffkit.exact import columns
from diffkit.exact.expressions import Expressions
from diffkit.exact.machine import ancestors, spelled
from diffkit.exact.recording import Recording
from diffkit.exact.registry import NotExact, check_parameters
from diffkit.rules.kinds import Rule
from diffkit.symbolic.calculus import differentiate
from diffkit.symbolic.evaluation import Evaluator, plain
from diffkit.symbolic.textbook import FIRST, SECOND
from diffkit.tape import PICK, Node

#: Entries of partials that are evaluated at 30 digits.
_PRECISE = 20_000
_DIGITS = 30
#: Longest second-order run: pairs of inputs times entries of the tape.
_SECOND_LIMIT = 100_000_000


class Operations:
    """A recording, and the partials of its operations by SymPy."""

    def __init__(self, found: Recording) -> None:
        self.found = found
        self.order = ancestors([out for out in found.outs if isinstance(out, Node)])
        self._partials: dict[Any, Any] = {}
        self._precise = _PRECISE
        self._evaluator = Evaluator({}, _DIGITS)

    # --- first order ----------------------------------------------------------------------------
    def jacobian(self) -> list[list[Any]]:
        """``blocks[out][leaf]``."""
        columns_of: list[list[list[Any]]] = []
        for number, node in enumerate(self.found.tape.inputs):
            columns_of.append([self._out_tangents(self.tangents(number, entry))
                               for entry in np.ndindex(*node.shape)])
        blocks = []
        for k, value in enumerate(self.found.values):
            row = []
            for node, entries in zip(self.found.tape.inputs, columns_of):
                shape = np.shape(value) + tuple(node.shape)
                row.append(np.stack([column[k] for column in entries], axis=-1).reshape(shape) if entries
                           else np.zeros(shape))
            blocks.append(row)
        return blocks

    def _out_tangents(self, tangents: dict[int, Any]) -> list[Any]:
        answer = []
        for out, value in zip(self.found.outs, self.found.values):
            tangent = tangents.get(out.index) if isinstance(out, Node) else None
            answer.append(np.zeros(np.shape(value)) if tangent is None else np.broadcast_to(tangent, np.shape(value)))
        return answer

    def tangents(self, number: int, entry: tuple[int, ...]) -> dict[int, Any]:
        """Tangents of the nodes that move with one entry of input ``number``."""
        moving = self.found.tape.inputs[number]
        seed = np.zeros(moving.shape)
        seed[entry] = 1
        tangents: dict[int, Any] = {moving.index: seed}
        with np.errstate(all="ignore"):
            for node in self.order:
                if node.rule is None or node.rule.is_flat:
                    continue
                own = [tangents.get(given.index) if isinstance(given, Node) else None for given in node.inputs]
                if any(t is not None for t in own):
                    tangent = self.tangent(node, own)
                    if tangent is not None:
                        tangents[node.index] = tangent
        return tangents

    def tangent(self, node: Node, own: list[Any]) -> Any:
        """One operation's tangent from those of its operands (None: it does not move).

        Raises NotExact where there is no formula.
        """
        rule = node.rule
        assert rule is not None
        if rule is PICK:
            return own[0][node.params["position"]]
        if rule.name in FIRST:
            check_parameters(FIRST[rule.name], spelled(rule.name), node.params)
            return _spread(FIRST[rule.name](node, values_of(node), own, **node.params), node)
        if rule.kind == "elementwise":
            return _spread(_sum(t * self.partial(node, (k,)) for k, t in enumerate(own) if t is not None), node)
        if rule.kind == "linear":
            return _linear(node, own)
        if rule.kind == "multilinear":
            values = values_of(node)
            return _sum(rule.fun(*values[:k], t, *values[k + 1:], **node.params)
                        for k, t in enumerate(own) if t is not None)
        raise NotExact(f"{spelled(rule.name)} (at {node.line}) has no formula for its derivative here")

    # --- second order ------------------------------------------------------------------------------
    def hessian(self) -> list[list[Any]]:
        """``blocks[i][j]`` of the one result."""
        inputs = self.found.tape.inputs
        entries = [(number, entry) for number, node in enumerate(inputs) for entry in np.ndindex(*node.shape)]
        work = len(entries) * (len(entries) + 1) // 2 * self.found.tape.elements
        if work > _SECOND_LIMIT:
            raise NotExact(f"second derivatives would take {work:.1e} operations, and the limit is "
                           f"{_SECOND_LIMIT:.1e}")
        first = [self.tangents(number, entry) for number, entry in entries]
        table = np.zeros((len(entries), len(entries)))
        out = self.found.outs[0]
        if isinstance(out, Node):
            for i, one in enumerate(first):
                for j in range(i + 1):
                    found = self._second_tangents(one, first[j]).get(out.index)
                    if found is not None:
                        table[i, j] = table[j, i] = np.ravel(found)[0]
        ends = np.cumsum([0, *(int(np.prod(node.shape)) for node in inputs)])
        return [[table[ends[i]:ends[i + 1], ends[j]:ends[j + 1]].reshape(tuple(a.shape) + tuple(b.shape))
                 for j, b in enumerate(inputs)] for i, a in enumerate(inputs)]

    def _second_tangents(self, one: dict[int, Any], other: dict[int, Any]) -> dict[int, Any]:
        second: dict[int, Any] = {}
        with np.errstate(all="ignore"):
            for node in self.order:
                if node.rule is None or node.rule.is_flat:
                    continue
                a, b, both = ([source.get(given.index) if isinstance(given, Node) else None
                               for given in node.inputs] for source in (one, other, second))
                found = self._second(node, a, b, both)
                if found is not None:
                    second[node.index] = found
        return second

    def _second(self, node: Node, a: list[Any], b: list[Any], both: list[Any]) -> Any:
        rule = node.rule
        assert rule is not None
        moved = any(t is not None for t in both)
        crossed = any(t is not None for t in a) and any(t is not None for t in b)
        if not moved and not crossed:
            return None
        if rule is PICK:
            return both[0][node.params["position"]] if moved else None
        if rule.kind == "linear":
            return _linear(node, both) if moved else None
        if rule.name in SECOND:
            check_parameters(SECOND[rule.name], spelled(rule.name), node.params)
            return _spread(SECOND[rule.name](node, values_of(node), a, b, both, **node.params), node)
        if rule.kind == "elementwise" and rule.name not in FIRST:
            terms = [t * self.partial(node, (k,)) for k, t in enumerate(both) if t is not None]
            terms += [s * t * self.partial(node, (k, m)) for k, s in enumerate(a) if s is not None
                      for m, t in enumerate(b) if t is not None]
            return _spread(_sum(terms), node)
        if rule.kind == "multilinear":
            values = values_of(node)
            terms = [rule.fun(*values[:k], t, *values[k + 1:], **node.params)
                     for k, t in enumerate(both) if t is not None]
            for k, s in enumerate(a):
                for m, t in enumerate(b):
                    if s is not None and t is not None and k != m:
                        exchanged = list(values)
                        exchanged[k], exchanged[m] = s, t
                        terms.append(rule.fun(*exchanged, **node.params))
            return _sum(terms)
        raise NotExact(f"{spelled(rule.name)} (at {node.line}) has no formula for its second derivative here")

    # --- partials -------------------------------------------------------------------------------------
    def partial(self, node: Node, positions: tuple[int, ...]) -> Any:
        """SymPy's partial of an elementwise node by its operands ``positions``, at the recorded values."""
        key = node.index, tuple(sorted(positions))
        if key not in self._partials:
            assert node.rule is not None
            # A constant operand goes in first: of x**2 SymPy knows more than of x**y.
            constants = tuple(_number(given) for given in node.inputs)
            self._partials[key] = self._evaluated(node, derivative(node.rule, constants, key[1]))
        return self._partials[key]

    def _evaluated(self, node: Node, expression: Any) -> Any:
        symbols = columns.arguments(len(node.inputs), real=True)
        values = values_of(node)
        if expression.is_Rational:
            return float(expression)
        size = int(np.prod(np.broadcast_shapes(*(np.shape(value) for value in values))))
        if size <= self._precise:
            self._precise -= size
            return _precise(expression, symbols, values, self._evaluator)
        with np.errstate(all="ignore"):
            found = np.array(np.broadcast_to(_numpy(expression, len(symbols))(*values), node.shape))
            odd = ~np.isfinite(found)
            if odd.any():
                few = [np.broadcast_to(value, found.shape)[odd] for value in values]
                found[odd] = _precise(expression, symbols, few, self._evaluator)
        return found


@functools.cache
def derivative(rule: Rule, constants: tuple[Any, ...], positions: tuple[int, ...]) -> Any:
    """SymPy's derivative of a rule's column by its arguments ``positions``.

    ``constants`` has a number for each argument that is one, and None for the others.
    """
    expression = columns.column(rule, real=True)
    if expression is None:
        raise NotExact(f"{spelled(rule.name)} has no SymPy column")
    symbols = columns.arguments(len(constants), real=True)
    for symbol, constant in zip(symbols, constants):
        if constant is not None:
            expression = expression.subs(symbol, constant)
    for position in positions:
        expression = differentiate(expression, symbols[position])
    return sympy.powsimp(expression)  # y*x**(y - 1), which is defined at x = 0, for x**y*y/x


def _number(given: Any) -> Any:
    """A constant scalar as SymPy's number of the same value, None for anything else."""
    if isinstance(given, Node) or np.ndim(given) or np.asarray(given).dtype.kind not in "if":
        return None
    return Expressions(1, readable=False).scalar(given) if np.isfinite(given) else None


@functools.cache
def _numpy(expression: Any, count: int) -> Any:
    return sympy.lambdify(columns.arguments(count, real=True), expression, modules=["numpy", "scipy"])


def _precise(expression: Any, symbols: list[Any], values: list[Any], evaluate: Evaluator) -> Any:
    """Entry by entry at the digits of ``evaluate``; equal operands are computed once."""
    entries = np.broadcast_arrays(*values)
    known: dict[Any, Any] = {}
    found = []
    for row in zip(*(entry.ravel().tolist() for entry in entries)):
        if row not in known:
            evaluate.move(dict(zip(symbols, row)))
            known[row] = plain(evaluate(expression))
        found.append(known[row])
    return np.array(found if found else np.zeros(0)).reshape(entries[0].shape)


def values_of(node: Node) -> list[Any]:
    """The recorded operands of a node, as plain arrays."""
    return [given.value if isinstance(given, Node) else given for given in node.inputs]


def _linear(node: Node, tangents: list[Any]) -> Any:
    """A linear function of its tangents; an operand that does not move contributes zeros."""
    assert node.rule is not None
    moved = [np.zeros(np.shape(value)) if t is None else t for t, value in zip(tangents, values_of(node))]
    return node.rule.fun(*moved, **node.params)


def _spread(tangent: Any, node: Node) -> Any:
    """A tangent in the shape of its node: an operand that was broadcast moves all of the result."""
    if tangent is None or node.shape is None or type(tangent) is tuple:
        return tangent
    return np.broadcast_to(tangent, node.shape)


def _sum(terms: Any) -> Any:
    total = None
    for term in terms:
        total = term if total is None else total + term
    return total
