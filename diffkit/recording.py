"""Recording: the two interpreters that write tapes.

``TapeLevel``    for an eager gradient: keeps what the pulls need and nothing else.
``RecordLevel``  for the other readers (symbols, referee, blame, …): keeps every operand,
                 every value, the user's line, and the answers that the run gave to Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.buffers import run, snapshot
from diffkit.errors import user_line
from diffkit.keeping import Kept, apart, check_untouched, keep
from diffkit.levels import Level
from diffkit.rules.kinds import KEEP_FIRST, KEEP_RESULT, KEEP_SECOND, Elementwise, Rule
from diffkit.tape import PICK, Guard, Node, Tape
from diffkit.traced import Traced

_new: Any = object.__new__
_NOTHING: dict[str, Any] = {}
_NEITHER_SAVED = (None, None)
_NOTHING_SAVED = (None, None, None)
_KEEP_ARGS = KEEP_FIRST | KEEP_SECOND
_FIRST: tuple[int, ...] = (0,)
_SECOND: tuple[int, ...] = (1,)
_BOTH: tuple[int, ...] = (0, 1)
#: What a node must not keep as it is, because the program may write to it.
_MUTABLE = frozenset([np.ndarray, Traced])


class TapeLevel(Level):
    """The lean recording interpreter of one reverse run; a value's mark is its node."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self.kept: Kept = {}
        self.lifted: list[tuple[Any, Any]] = []

    def lift(self, value: Any) -> Traced:
        """An input of the run, as an array of its own."""
        own = apart(value)
        if own is not value:
            self.lifted.append((value, own))
        return self._noted(None, None, _NOTHING, (), (), own)

    def check_untouched(self) -> None:
        """Refuse a program that wrote to an input by another name than the argument's."""
        if self.lifted:
            check_untouched([value for value, _ in self.lifted], [own for _, own in self.lifted])

    def _noted(self, rule: Rule | None, saved: Any, params: dict[str, Any], active: tuple[int, ...],
               parents: Sequence[Node], y: Any) -> Traced:
        """A value of the run, with its node on the tape."""
        nodes = self.nodes
        node = _new(Node)
        node.rule = rule
        node.saved = saved
        node.params = params
        node.active = active
        node.parents = parents
        node.index = len(nodes)
        node.shape = y.shape
        node.dtype = y.dtype
        nodes.append(node)
        traced = _new(Traced)
        traced.level = self
        traced.value = y
        traced.mark = node
        traced.root = None
        return traced  # type: ignore[no-any-return]

    # These are the hot path of an eager gradient.  They are written out, without a question
    # that their caller has answered, and fill their objects without a call of __init__: together
    # half of an operation's cost.
    def unary(self, rule: Elementwise, x: Traced) -> Any:
        value = x.value
        parent = x.mark
        y = rule.call(value)
        nodes = self.nodes
        node = _new(Node)
        keep = rule.keep_first
        if keep == KEEP_FIRST:
            node.saved = (None, value)
        elif keep == KEEP_RESULT:
            node.saved = (y, None)
        else:
            node.saved = (y, value) if keep else _NEITHER_SAVED
        node.rule = rule
        node.params = _NOTHING
        node.active = _FIRST
        node.parents = (parent,)
        node.index = len(nodes)
        node.shape = parent.shape
        node.dtype = y.dtype
        nodes.append(node)
        traced = _new(Traced)
        traced.level = self
        traced.value = y
        traced.mark = node
        traced.root = None
        return traced

    def binary(self, rule: Elementwise, a: Any, b: Any) -> Any:
        if type(a) is Traced and a.level is self:
            if type(b) is Traced and b.level is self:
                return TapeLevel.both(self, rule, a, b)
            return TapeLevel.first(self, rule, a, b)
        return TapeLevel.second(self, rule, a, b)

    def both(self, rule: Elementwise, a: Any, b: Any) -> Any:
        left = a.value
        right = b.value
        first = a.mark
        second = b.mark
        y = rule.call(left, right)
        nodes = self.nodes
        node = _new(Node)
        keep = rule.keep_both
        if not keep:
            node.saved = _NOTHING_SAVED
        elif keep == _KEEP_ARGS:
            node.saved = (None, left, right)
        else:
            node.saved = (y if keep & KEEP_RESULT else None, left if keep & KEEP_FIRST else None,
                          right if keep & KEEP_SECOND else None)
        node.rule = rule
        node.params = _NOTHING
        node.active = _BOTH
        node.parents = (first, second)
        node.index = len(nodes)
        # One shape tuple for a chain of operations: fewer objects, and equal by identity.
        node.shape = first.shape if first.shape is second.shape else y.shape
        node.dtype = y.dtype
        nodes.append(node)
        traced = _new(Traced)
        traced.level = self
        traced.value = y
        traced.mark = node
        traced.root = None
        return traced

    def first(self, rule: Elementwise, a: Any, b: Any) -> Any:
        left = a.value
        parent = a.mark
        y = rule.call(left, b)
        nodes = self.nodes
        node = _new(Node)
        keep = rule.keep_first
        if not keep:
            node.saved = _NOTHING_SAVED
        else:
            if keep & KEEP_SECOND and type(b) in _MUTABLE:  # it must keep its values until the pull
                b = self._protect(b)
            node.saved = (y if keep & KEEP_RESULT else None, left if keep & KEEP_FIRST else None,
                          b if keep & KEEP_SECOND else None)
        node.rule = rule
        node.params = _NOTHING
        node.active = _FIRST
        node.parents = (parent,)
        node.index = len(nodes)
        node.shape = parent.shape if type(b) is float else y.shape
        node.dtype = y.dtype
        nodes.append(node)
        traced = _new(Traced)
        traced.level = self
        traced.value = y
        traced.mark = node
        traced.root = None
        return traced

    def second(self, rule: Elementwise, a: Any, b: Any) -> Any:
        right = b.value
        parent = b.mark
        y = rule.call(a, right)
        nodes = self.nodes
        node = _new(Node)
        keep = rule.keep_second
        if not keep:
            node.saved = _NOTHING_SAVED
        else:
            if keep & KEEP_FIRST and type(a) in _MUTABLE:
                a = self._protect(a)
            node.saved = (y if keep & KEEP_RESULT else None, a if keep & KEEP_FIRST else None,
                          right if keep & KEEP_SECOND else None)
        node.rule = rule
        node.params = _NOTHING
        node.active = _SECOND
        node.parents = (parent,)
        node.index = len(nodes)
        node.shape = parent.shape if type(a) is float else y.shape
        node.dtype = y.dtype
        nodes.append(node)
        traced = _new(Traced)
        traced.level = self
        traced.value = y
        traced.mark = node
        traced.root = None
        return traced

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if type(rule) is Elementwise and len(args) <= 2:
            return self.unary(rule, *args) if len(args) == 1 else self.binary(rule, *args)
        if rule.is_flat:
            return rule.call(*[arg.value if type(arg) is Traced and arg.level is self else arg for arg in args],
                             **params)
        values = list(args)
        parents = []
        active = []
        captured = []
        for position, arg in enumerate(args):
            kind = type(arg)
            if kind is Traced and arg.level is self:
                active.append(position)
                parents.append(arg.mark)
                values[position] = arg.value
            elif kind in _MUTABLE:
                captured.append(position)
        y = rule.call(*values, **params)
        where = tuple(active)
        for position in captured:  # what the pull reads must keep its values until then
            if rule.reads(position, where):
                values[position] = self._protect(values[position])
        saved = rule.save(y, values, where)
        if rule.outputs is None:
            return self._noted(rule, saved, params, where, parents, y)
        node = Node(rule, saved, params, where, parents, len(self.nodes), None, None)
        self.nodes.append(node)
        return self._several(node, y)

    def write(self, rule: Rule, a: Any, index: Any, value: Any, write: Callable[..., Any]) -> Any:
        """A write to an array that its buffer owns: in place, because no node keeps the entries."""
        own = type(value) is Traced and value.level is self
        v = value.value if own else value
        a.value = write(a.value, index, v, rule)
        active = _BOTH if own else _FIRST
        node = Node(rule, rule.save(None, (a.value, v), active), {"index": index}, active,
                    (a.mark, value.mark) if own else (a.mark,), len(self.nodes), a.mark.shape, a.mark.dtype)
        self.nodes.append(node)
        a.mark = node
        return a

    def apart(self, a: Any, apart: Callable[[Any], Any]) -> Any:
        a.value = apart(a.value)
        return a

    def _protect(self, array: Any) -> Any:
        """One of the user's own arrays, as it is now until the pulls have read it."""
        if type(array) is Traced:  # of a level around this one: the program may write to it
            return Traced(array.level, array.value, array.mark)
        return keep(array, self.kept)

    def close(self) -> None:
        super().close()
        self.nodes, self.kept, self.lifted = [], {}, []

    def _several(self, whole: Node, y: Any) -> Any:
        results = []
        for position, value in enumerate(y):
            if value.dtype.kind in "fc":
                value = Traced(self, value, self._pick(whole, position, value))
            results.append(value)
        return tuple(results)

    def _pick(self, whole: Node, position: int, value: Any) -> Node:
        node = Node(PICK, None, {"position": position}, _FIRST, (whole,), len(self.nodes),
                    value.shape, value.dtype)
        self.nodes.append(node)
        return node


class RecordLevel(TapeLevel):
    """The recording interpreter that keeps everything, flat operations and guards too."""

    #: Whether a function with a derivative of its own is recorded by its own operations.
    looks_inside = True

    def __init__(self) -> None:
        super().__init__()
        self.guards: list[Guard] = []

    def lift(self, value: Any) -> Traced:
        traced = super().lift(value)
        node = traced.mark
        node.inputs, node.value, node.line = (), traced.value, ""
        return traced

    def unary(self, rule: Elementwise, x: Traced) -> Any:
        return self.process(rule, (x,), _NOTHING)

    def binary(self, rule: Elementwise, a: Any, b: Any) -> Any:
        return self.process(rule, (a, b), _NOTHING)

    # Every value is kept for the readers of the tape, so nothing is written in place.
    write = Level.write
    apart = Level.apart

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        inputs = tuple(arg.mark if type(arg) is Traced and arg.level is self
                       else arg.copy("K") if type(arg) is np.ndarray
                       else snapshot(arg) for arg in args)
        first = len(self.nodes)
        if type(rule) is Elementwise and len(args) <= 2:
            result = super().unary(rule, *args) if len(args) == 1 else super().binary(rule, *args)
        else:
            result = super().process(rule, args, params)
        if rule.is_flat:
            result = self._flat(rule, inputs, params, result)
        self._describe(first, inputs, result)
        return result

    def _flat(self, rule: Rule, inputs: tuple[Any, ...], params: dict[str, Any], y: Any) -> Any:
        """Record a flat operation; its result is traced so that its users are recorded too."""
        several = type(y) is tuple
        values = y if several else (y,)
        if not all(hasattr(value, "dtype") for value in values):
            values = tuple(np.asarray(value)[()] for value in values)
        active = tuple(i for i, arg in enumerate(inputs) if type(arg) is Node)
        parents = [inputs[i] for i in active]
        if several:
            whole = Node(rule, None, params, active, parents, len(self.nodes), None, None)
            self.nodes.append(whole)
            return tuple(Traced(self, value, self._pick(whole, position, value))
                         for position, value in enumerate(values))
        node = Node(rule, None, params, active, parents, len(self.nodes), values[0].shape, values[0].dtype)
        self.nodes.append(node)
        return Traced(self, values[0], node)

    def _describe(self, first: int, inputs: tuple[Any, ...], result: Any) -> None:
        """Complete the nodes written since ``first``: operands, values, the user's line."""
        line = user_line()
        results = result if type(result) is tuple else (result,)
        for node in self.nodes[first:]:
            node.line = line
            node.inputs = tuple(node.parents) if node.rule is PICK else inputs
            node.value = None
        for traced in results:
            if type(traced) is Traced and traced.level is self:
                traced.mark.value = traced.value
        if len(self.nodes) > first and self.nodes[first].shape is None:
            self.nodes[first].value = tuple(
                t.value if type(t) is Traced and t.level is self else t for t in results)

    def concrete(self, traced: Traced, ask: Callable[[Any], Any]) -> Any:
        answer = ask(traced.value)
        self.guards.append(Guard(traced.mark, answer, user_line()))
        return answer


def record(f: Callable[..., Any], leaves: list[Any], call: Callable[[list[Any]], tuple[Any, Any]],
           names: list[str], level: RecordLevel | None = None) -> Tape:
    """Run ``f`` once and return its tape.

    ``call(leaves)`` gives the positional and keyword arguments of f from the (traced)
    leaves, so that this module needs to know nothing of argnums and containers.  A ``level``
    of the caller's may record in its own way.
    """
    level = level or RecordLevel()
    try:
        traced = [level.lift(leaf) for leaf in leaves]
        args, kwargs = call(traced)
        inputs = [t.mark for t in traced]  # now: f may write into its arguments
        result = run(f, args, kwargs)
        level.check_untouched()
        leaves_out, structure = tree.flatten(result)
        marks = [leaf.mark if type(leaf) is Traced and leaf.level is level else leaf for leaf in leaves_out]
        return Tape(level.nodes, inputs, names, tree.unflatten(structure, marks), level.guards)
    finally:
        level.close()
