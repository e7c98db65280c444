"""The run of a tape on exact scalars, and its repetition where only a few entries changed.

``Machine.run`` computes the nodes that the outputs and the guards need, in the tape's order.
``Machine.rerun`` starts from an earlier run's values: an operation whose operands are the very same
objects is not repeated, an elementwise one is repeated for the changed entries only.  A
perturbation of one weight then costs what depends on that weight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.exact.arrays import changed, each, wrap
from diffkit.exact.registry import EXACT, NotExact, check_parameters
from diffkit.exact.steps import as_recorded
from diffkit.tape import PICK, Guard, Node, Tape

__all__ = ["Machine", "NotExact"]

Values = list[Any]


class Machine:
    """A tape, prepared for one algebra.

    Parameters
    ----------
    tape : Tape
        A recording (``recording.record``).
    algebra : Numbers or Expressions
        What the entries are.
    """

    def __init__(self, tape: Tape, algebra: Any) -> None:
        self.tape = tape
        self.algebra = algebra
        outputs = [leaf for leaf in tree.flatten(tape.output)[0] if isinstance(leaf, Node)]
        self.order = ancestors([*outputs, *(guard.node for guard in tape.guards)])
        #: Operations on entries so far, as ``cost`` counts them.
        self.work = 0
        self._constants: dict[tuple[int, int], Any] = {}
        self._costs: dict[int, int] = {}

    # --- runs -------------------------------------------------------------------------------
    def run(self, inputs: Sequence[Any]) -> Values:
        """The value of every needed node (by its index; None for the others) at ``inputs``."""
        values: Values = [None] * len(self.tape.nodes)
        for node, array in zip(self.tape.inputs, inputs):
            values[node.index] = array
        with np.errstate(all="ignore"):
            for node in self.order:
                if node.rule is not None:
                    values[node.index] = self._evaluate(node, self._operands(node, values))
        return values

    def rerun(self, base: Values, number: int, array: Any) -> Values:
        """The values when input ``number`` is ``array``, given those of an earlier run."""
        values = list(base)
        values[self.tape.inputs[number].index] = array
        moved = {self.tape.inputs[number].index}
        with np.errstate(all="ignore"):
            for node in self.order:
                if node.rule is None or not any(parent.index in moved for parent in node.parents):
                    continue
                if node.rule.name == "stop_gradient":
                    continue  # frozen: that is what it means
                new = self._update(node, values, base, moved)
                if new is not None:
                    values[node.index] = new
                    moved.add(node.index)
        return values

    def full_cost(self) -> int:
        """The operations on entries that one run takes, an addition being one (an estimate)."""
        return sum(self._cost(node) for node in self.order)

    def _cost(self, node: Node) -> int:
        found = self._costs.get(node.index)
        if found is None:
            found = self._costs[node.index] = cost(node)
        return found

    def guard_answers(self, values: Values) -> list[Guard]:
        """The guards whose question has another answer on these values (of a numeric run)."""
        different = []
        for guard in self.tape.guards:
            found = values[guard.node.index]
            expected: Any = np.asarray(guard.answer)
            if expected.shape != found.shape:
                expected = expected.reshape(found.shape) if expected.size == found.size else None
            if expected is None or not all(_same(a, b) for a, b in zip(found.ravel(), expected.ravel())):
                different.append(guard)
        return different

    # --- one node -----------------------------------------------------------------------------
    def operand(self, node: Node, position: int, values: Values) -> Any:
        """Operand ``position`` of a node: a parent's value, or a constant of the program."""
        given = node.inputs[position]
        if isinstance(given, Node):
            return values[given.index]
        key = node.index, position
        if key not in self._constants:
            self._constants[key] = given if _not_numeric(given) else self.algebra.array(given)
        return self._constants[key]

    def _operands(self, node: Node, values: Values) -> list[Any]:
        return [self.operand(node, position, values) for position in range(len(node.inputs))]

    def _evaluate(self, node: Node, operands: list[Any]) -> Any:
        rule = node.rule
        assert rule is not None
        if rule is PICK:
            return operands[0][node.params["position"]]
        self.work += self._cost(node)
        entry = EXACT.get(rule.name)
        if entry is not None:
            check_parameters(entry, spelled(rule.name), node.params)
            result = entry(self.algebra, node, *operands, **node.params)
        elif rule.symbol is not None and not node.params:
            result = self.algebra.elementwise(rule, node, self._numbers(node, operands))
        elif rule.is_flat:
            result = as_recorded(self.algebra, node, *operands, **node.params)
        else:
            result = plain(self.algebra, node, *operands)
        if rule.outputs is not None or node.shape is None:
            return tuple(wrap(part) for part in result)
        result = wrap(result)
        if result.shape != node.shape:
            raise NotExact(f"{spelled(rule.name)} gave shape {result.shape} on exact numbers, {node.shape} when "
                           "recorded")
        return result

    def _numbers(self, node: Node, operands: list[Any]) -> tuple[Any, ...]:
        """Operands of an arithmetic operation: truth values count as 0 and 1."""
        return tuple(each(self.algebra.number, value) if _kind(given) == "b" else value
                     for given, value in zip(node.inputs, operands))

    def _update(self, node: Node, values: Values, base: Values, moved: set[int]) -> Any:
        """The node's new value, or None if no entry is another object than before."""
        rule = node.rule
        assert rule is not None
        operands = self._operands(node, values)
        old = base[node.index]
        if rule.kind == "elementwise" and rule.name not in EXACT and rule.symbol is not None:
            mask = np.zeros(node.shape, bool)
            for given in node.inputs:
                if isinstance(given, Node) and given.index in moved:
                    mask |= changed(values[given.index], base[given.index])
            if not mask.all():
                if not mask.any():
                    return None
                self.work += self._cost(node) * int(np.count_nonzero(mask)) // mask.size + mask.size // 20
                few = tuple(np.broadcast_to(value, node.shape)[mask] for value in self._numbers(node, operands))
                new = old.copy()
                new[mask] = self.algebra.elementwise(rule, node, few)
                return new
        elif rule.name == "matmul" and operands[0].ndim == 2 and operands[1].ndim in (1, 2):
            return self._matmul_update(base, node, operands)
        new = self._evaluate(node, operands)
        if type(new) is tuple:
            return new if any(changed(a, b).any() for a, b in zip(new, old)) else None
        return new if changed(new, old).any() else None


    def _matmul_update(self, base: Values, node: Node, operands: list[Any]) -> Any:
        """``a @ b`` where few terms of the inner sums changed: the old result, these terms exchanged."""
        old = [base[given.index] if isinstance(given, Node) else value
               for given, value in zip(node.inputs, operands)]
        (a, b), (a0, b0) = operands, old
        if b.ndim == 1:
            b, b0 = b[:, None], b0[:, None]
        moved_a, moved_b = changed(a, a0), changed(b, b0)
        in_a, in_b = moved_a.any(), moved_b.any()
        inner = moved_a.any(axis=0) | moved_b.any(axis=1)
        rows = np.ones(a.shape[0], bool) if in_b else moved_a.any(axis=1)
        columns = np.ones(b.shape[1], bool) if in_a else moved_b.any(axis=0)
        few = int(np.count_nonzero(inner))
        if not few:
            return None
        new = base[node.index].copy()
        place = np.ix_(rows, columns) if new.ndim == 2 else rows
        self.work += 2 * int(np.count_nonzero(rows)) * few * int(np.count_nonzero(columns))
        if 3 * few > inner.size:
            part = a[rows] @ b[:, columns]
            new[place] = part if new.ndim == 2 else part[:, 0]
            return new
        left, right = a0[rows][:, inner], b[inner][:, columns]
        part = new[place] if new.ndim == 2 else new[rows][:, None]
        if in_a:
            part = part + (a[rows][:, inner] - left) @ right
        if in_b:
            part = part + left @ (right - b0[inner][:, columns])
        new[place] = part if new.ndim == 2 else part[:, 0]
        return new


#: What an entry of a function costs, in additions.
_FUNCTION_COST = 20
_CHEAP = {"add", "subtract", "multiply", "negative", "positive", "divide", "square", "where", "maximum", "minimum",
          "absolute", "reciprocal"}


def cost(node: Node) -> int:
    """Additions of numbers that a node takes, roughly."""
    rule = node.rule
    if rule is None or rule is PICK:
        return 0
    size = _entries(node)
    sizes = [_entries(given) if isinstance(given, Node) else int(np.size(given)) for given in node.inputs]
    if rule.kind == "elementwise":
        cheap = rule.name in _CHEAP or (rule.name == "power" and not isinstance(node.inputs[1], Node))
        return size * (2 if cheap else _FUNCTION_COST)
    if rule.kind == "multilinear":
        # A sum over shared axes: sqrt(|a| |b| / |y|) terms, if each axis is in two of the three.
        terms = (float(np.prod([float(s) for s in sizes])) / max(size, 1)) ** 0.5
        return int(size * max(1.0, terms))
    if rule.kind == "general":
        return sum(sizes) * (1 + max(given.shape[-1] if given.shape else 1 for given in node.parents))
    return max([size, *sizes]) // 4 + 1


def _entries(node: Node) -> int:
    return math.prod(node.shape) if node.shape is not None else 1


def ancestors(nodes: Sequence[Node]) -> list[Node]:
    """The nodes that these depend on, themselves included, in the order of the tape."""
    found = {node.index: node for node in nodes}
    todo = list(found.values())
    while todo:
        for parent in todo.pop().parents:
            if parent.index not in found:
                found[parent.index] = parent
                todo.append(parent)
    return [found[index] for index in sorted(found)]


def plain(algebra: Any, node: Node, *operands: Any) -> Any:
    """A rule by NumPy's own function, on object arrays.

    A function that only moves, adds and multiplies entries keeps them exact; one that goes
    through floats on the way shows it in its result's dtype, and is refused.
    """
    assert node.rule is not None
    name = spelled(node.rule.name)
    try:
        result = node.rule.fun(*operands, **node.params)
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, NotImplementedError) as error:
        raise NotExact(f"{name} has no exact form") from error

    def entry(value: Any) -> Any:
        # NumPy fills gaps (a scatter, an empty sum) with the integer 0.
        if isinstance(value, (float, complex, np.inexact)):
            raise NotExact(f"{name} has no exact form: it computes in floats")
        return algebra.scalar(value)

    if type(result) in (tuple, list):
        return tuple(each(entry, _exact_dtype(part, name)) for part in result)
    return each(entry, _exact_dtype(result, name))


def _exact_dtype(result: Any, name: str) -> Any:
    if isinstance(result, (np.ndarray, np.generic)) and result.dtype.kind in "fc":
        raise NotExact(f"{name} has no exact form: it computes in floats")
    return wrap(result)


def spelled(name: str) -> str:
    """A rule's name as the user would recognise it."""
    return f"np.{name}" if hasattr(np, name) else f"np.linalg.{name}" if hasattr(np.linalg, name) else name


def _not_numeric(given: Any) -> bool:
    return given is None or isinstance(given, (str, slice, type)) or np.asarray(given).dtype.kind not in "biufc"


def _kind(given: Any) -> str:
    dtype = given.dtype if hasattr(given, "dtype") else np.asarray(given).dtype
    return dtype.kind if dtype is not None else "f"


def _same(a: Any, b: Any) -> bool:
    return bool(a) == bool(b) if isinstance(b, (bool, np.bool_)) else bool(a == b.item())
