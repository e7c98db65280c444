"""kinks: the points of a run at which the program has no derivative.

diffkit answers there by convention (the shortest subgradient), which is what an
optimizer wants and what a user should know.  The recorded run has every operand, so a
kink is an entry at which an operation's operands sit on its edge: abs at 0, two equal
arguments of maximum, a comparison of two numbers that are equal up to rounding (another
summation order would take the other branch).  One-sided derivatives come from
``diffkit.numeric``, which knows nothing of the rules.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import Argnums
from diffkit.blame.running import Run, at, look, operands, place, shown
from diffkit.tape import Node

#: How many roundings apart two numbers may be and still count as equal.
ROUNDINGS = 4


@dataclasses.dataclass(frozen=True)
class Kink:
    """One operation that sits on its edge.

    Attributes
    ----------
    operation : str
        The rule's name.
    reason : str
        ``"zero"`` (abs, a norm), ``"tie"`` (equal entries), ``"jump"`` (a step), ``"branch"``
        (a comparison of equal numbers), ``"vertical"`` (an infinite slope).
    line : str
        ``file:line`` of the user's program.
    index : tuple of int
        The first such entry of the operation's result.
    count : int
        How many such entries there are.
    operands : tuple
        The operands behind that entry.
    """

    operation: str
    reason: str
    line: str
    index: tuple[int, ...]
    count: int
    operands: tuple[Any, ...]

    def __str__(self) -> str:
        more = f" and {self.count - 1} more" if self.count > 1 else ""
        entry = f" at entry {self.index}{more}" if self.index else ""
        return f"{self.reason}: {self.operation}({', '.join(map(shown, self.operands))}){entry}\n{place(self.line)}"


@dataclasses.dataclass(frozen=True)
class Kinks:
    """The answer of :func:`kinks`: the points, and derivatives from both sides.

    ``left`` and ``right`` are the one-sided derivatives of f by the arguments asked for
    (out.shape + in.shape, in their containers) and ``status`` numeric's word for each;
    all three None where there is no kink.
    """

    points: tuple[Kink, ...]
    left: Any = None
    right: Any = None
    status: Any = None

    def __iter__(self) -> Iterator[Kink]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def __str__(self) -> str:
        if not self.points:
            return "No kinks: the program is differentiable at this point."
        sides = f"\nfrom the left:  {_compact(self.left)}\nfrom the right: {_compact(self.right)}"
        return "\n".join(map(str, self.points)) + sides


def _compact(container: Any) -> str:
    leaves, _ = tree.flatten(container)
    return ", ".join(shown(leaf) for leaf in leaves)


def kinks(f: Callable[..., Any], *args: Any, argnums: Argnums = 0) -> Kinks:
    """The non-differentiable points that f hits at its arguments, with one-sided derivatives.

    Parameters
    ----------
    f : callable
        Any function that diffkit can record.
    *args
        Its arguments: plain real arrays, numbers, containers.
    argnums : int or tuple of int
        Which are differentiated.

    Returns
    -------
    Kinks
        A sequence of :class:`Kink`, empty at a smooth point.  Branches that the result does
        not depend on have no kinks.

    Raises
    ------
    InputError
        (a TypeError) an argument can't be differentiated, or belongs to a running transform.

    Examples
    --------
    >>> import numpy as np, diffkit as dk
    >>> found = dk.kinks(lambda x: np.sum(np.maximum(x, 1.0)), np.array([0.0, 1.0]))
    >>> [(kink.operation, kink.reason, kink.index) for kink in found]
    [('maximum', 'tie', (1,))]
    >>> print(np.round(found.left, 6), np.round(found.right, 6))
    [0. 0.] [0. 1.]
    """
    run = look(f, args, argnums)
    found = tuple(kink for _, kink in edges(run))
    return Kinks(found, *_sides(f, run)) if found else Kinks(())


def edges(run: Run) -> list[tuple[Node, Kink]]:
    """The operations of a run that sit on their edge, in the order of the run."""
    used = _used(run)
    with np.errstate(all="ignore"):
        found = [(node, _kink(node, run.live(node))) for node in run.tape.nodes if node.index in used]
    return [(node, kink) for node, kink in found if kink is not None]


def _used(run: Run) -> set[int]:
    """Nodes that the result depends on, by derivatives or by decisions."""
    used = {node.index for node in run.tape.nodes if run.live(node) is not None}
    used |= {guard.node.index for guard in run.tape.guards}
    used |= {out.index for out in run.outs if isinstance(out, Node)}
    for node in reversed(run.tape.nodes):
        if node.index in used:  # flat operations have no cotangent: they count if what they decide does
            used |= {given.index for given in node.inputs
                     if isinstance(given, Node) and given.rule is not None and given.rule.is_flat}
            if node.rule is not None and node.rule.is_flat and node.rule.name in _LOGIC:
                used |= {given.index for given in node.inputs if isinstance(given, Node)}
    return used


def _kink(node: Node, live: Any) -> Kink | None:
    """The kink of one node, if it has one among its live entries."""
    if node.rule is None or node.rule.name not in _EDGES:
        return None
    reason, test = _EDGES[node.rule.name]
    given = operands(node)
    hits = np.asarray(test(node, *given))
    if live is not None and np.shape(live) == hits.shape and not node.rule.is_flat:
        hits = hits & live
    if not hits.any():
        return None
    index = tuple(int(i) for i in np.argwhere(hits)[0])
    shape = hits.shape
    return Kink(node.rule.name, reason, node.line, index, int(hits.sum()),
                tuple(at(value, index, shape) if reason != "tie" or node.rule.kind == "elementwise" else value
                      for value in given))


def _close(a: Any, b: Any) -> Any:
    """Equal up to a few roundings."""
    real = np.result_type(a, b, np.float16)
    size = np.maximum(np.abs(a), np.abs(b)).astype(real)
    return np.abs(np.subtract(a, b, dtype=real)) <= ROUNDINGS * np.finfo(real).eps * size


def _several_extrema(node: Node, a: Any) -> Any:
    """Reductions along axes in which more than one entry is the extremum."""
    axis, y = node.params.get("axis"), node.value
    if axis is not None and not node.params.get("keepdims"):
        y = np.expand_dims(y, axis)
    return np.sum(_close(a, y), axis=axis, keepdims=bool(node.params.get("keepdims"))) > 1


def _neighbours(node: Node, a: Any) -> Any:
    """Entries of a sorted or partitioned array that have an equal one in their lane."""
    axis, y = node.params.get("axis", -1), node.value
    order = np.argsort(y, axis=axis)
    lanes = np.moveaxis(np.take_along_axis(y, order, axis), axis, -1)
    same = _close(lanes[..., 1:], lanes[..., :-1])
    hits = np.zeros(lanes.shape, bool)
    hits[..., 1:] |= same
    hits[..., :-1] |= same
    result = np.empty(y.shape, bool)
    np.put_along_axis(result, order, np.moveaxis(hits, -1, axis), axis)
    return result


def _whole(shift: float) -> Callable[..., Any]:
    return lambda node, x, *rest: _close(x - shift, np.rint(x - shift))


_LOGIC = ("logical_and", "logical_or", "logical_not", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor",
          "invert", "all", "any")
_zero = ("zero", lambda node, x: x == 0)
_tie = ("tie", lambda node, a, b: _close(a, b))
_branch = ("branch", lambda node, a, b: _close(a, b))
_vertical = ("vertical", lambda node, x: x == 0)
_ends = ("vertical", lambda node, x: np.abs(x) == 1)
#: For each row that has edges, what they are called and which entries of its result sit on one.
_EDGES: dict[str, tuple[str, Callable[..., Any]]] = {
    **dict.fromkeys(["absolute", "fabs"], _zero),
    **dict.fromkeys(["maximum", "minimum", "fmax", "fmin"], _tie),
    **dict.fromkeys(["max", "min"], ("tie", _several_extrema)),
    **dict.fromkeys(["sort", "partition"], ("tie", _neighbours)),
    **dict.fromkeys(["greater", "greater_equal", "less", "less_equal", "equal", "not_equal"], _branch),
    **dict.fromkeys(["floor", "ceil", "trunc", "fix"], ("jump", _whole(0.0))),
    "rint": ("jump", _whole(0.5)),
    "round": ("jump", lambda node, x: _whole(0.5)(node, x * 10.0 ** node.params.get("decimals", 0))),
    "sign": ("jump", lambda node, x: x == 0),
    "heaviside": ("jump", lambda node, x, h: x == 0),
    "hypot": ("zero", lambda node, a, b: (a == 0) & (b == 0)),
    "norm2": ("zero", lambda node, x: node.value == 0),
    "norm_p": ("zero", lambda node, x: node.value == 0),
    **dict.fromkeys(["sqrt", "cbrt"], _vertical),
    **dict.fromkeys(["arcsin", "arccos"], _ends),
    "power": ("vertical", lambda node, a, b: (np.asarray(a) == 0) & (np.asarray(b) > 0) & (np.asarray(b) < 1)),
}


def _sides(f: Callable[..., Any], run: Run) -> tuple[Any, Any, Any]:
    """One-sided derivatives by each moving leaf, and their statuses."""
    from diffkit import numeric
    moving = run.moving
    zeros = [np.shape(value) for value in run.values]

    def laid(leaves: Any) -> Any:
        found, _ = tree.flatten(f(*moving.merge(list(leaves))))
        return np.concatenate([np.ravel(value) for value in found])

    result = numeric.jacobian(laid, tuple(moving.leaves))
    shape = zeros[0] if len(zeros) == 1 else (sum(int(np.prod(one)) for one in zeros),)
    return tuple(moving.answer([np.reshape(block, shape + leaf.shape)[()]
                                for block, leaf in zip(side, moving.leaves)])
                 for side in (result.left, result.right, result.status))
