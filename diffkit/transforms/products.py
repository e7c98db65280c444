"""Products with the Jacobian: jvp and vjp.

A jvp is one run on dual numbers.  A vjp is a recorded run (``Linearized``), whose tape may
be swept any number of times.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit import keeping, tree
from diffkit.arguments import Moving, split
from diffkit.buffers import apart, run, snapshot
from diffkit.dual import dual_level
from diffkit.errors import InputError, ShapeError
from diffkit.masked import CAREFUL, careful, holds_nan
from diffkit.recording import TapeLevel
from diffkit.reverse import sweep
from diffkit.rules.kinds import conform
from diffkit.tape import Node
from diffkit.traced import Traced
from diffkit.transforms.running import Function, call, finish, has_numbers, split_aux, strip, zero_of


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """Jacobian times vector: ``(f(*primals), J @ tangents)`` by one run on dual numbers.

    ``primals`` and ``tangents`` are tuples of f's arguments, in equal containers and
    shapes.  Returns ``(out, tangent)``, with ``has_aux`` ``(out, tangent, aux)``.

    Raises ShapeError (a ValueError) when a tangent does not fit its primal.

    >>> import numpy as np
    >>> jvp(lambda x, y: np.sin(x) * y, (0.0, 2.0), (1.0, 0.0))
    (np.float64(0.0), np.float64(2.0))
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise InputError("jvp takes tuples of primals and tangents", "jvp(f, (x,), (v,))")
    primals = tuple(primals)
    if len(primals) != len(tangents):
        raise ShapeError(f"jvp got {len(primals)} primals and {len(tangents)} tangents")
    moving = split(primals, tuple(range(len(primals))), f)
    return push(f, moving, moving.leaves, matching(tuple(tangents), moving), {}, has_aux)


def matching(tangents: Any, moving: Moving, what: str = "tangent") -> list[Any]:
    """Tangents as leaves that fit the moving leaves in structure, shape and dtype."""
    leaves, structure = tree.flatten(tangents)
    if structure != moving.structure:
        raise ShapeError(f"the {what}'s container {tree.describe(tangents)} differs from the primal's",
                         f"a {what} in the container of the arguments")
    result = []
    for t, leaf in zip(leaves, moving.leaves):
        t = snapshot(t) if hasattr(t, "dtype") else np.asarray(t)[()]
        if t.shape != leaf.shape:
            raise ShapeError(f"a {what} has shape {t.shape}, its primal {leaf.shape}",
                             f"a {what} of shape {leaf.shape}")
        if t.dtype.kind == "c" and leaf.dtype.kind != "c":
            raise ShapeError(f"a {what} is complex, its primal real")
        if t.dtype.kind not in "fciu":
            raise InputError(f"a {what} has dtype {t.dtype}", "floats")
        result.append(t if t.dtype == leaf.dtype else t.astype(leaf.dtype))
    return result


def push(f: Function, moving: Moving, leaves: list[Any], tangents: list[Any], kwargs: dict[str, Any],
          has_aux: bool = False, structural: bool = False) -> Any:
    """One run on dual numbers; a NaN may come from a branch not taken, then a masked one.

    ``structural`` says that zeros in the tangents are those of a column of the identity.
    """
    found = _push(f, moving, leaves, tangents, kwargs, has_aux, structural)
    if not CAREFUL.get() and any(map(holds_nan, tree.flatten(found[1])[0])) and has_numbers(found[0]):
        with careful():
            return _push(f, moving, leaves, tangents, kwargs, has_aux, structural)
    return found


def _push(f: Function, moving: Moving, leaves: list[Any], tangents: list[Any], kwargs: dict[str, Any],
          has_aux: bool, structural: bool) -> Any:
    level = dual_level(structural)
    try:
        own = [keeping.apart(leaf) for leaf in leaves]
        result = run(f, moving.merge([level.lift(x, t) for x, t in zip(own, tangents)]), kwargs)
        keeping.check_untouched(leaves, own)
        result, aux = split_aux(result, has_aux, level)
        outs, structure = tree.flatten(result)
        values, moves = [], []
        for out in outs:
            if type(out) is Traced and out.level is level:
                values.append(out.value)
                moves.append(level.tangent(out))
            else:
                values.append(out)
                moves.append(zero_of(out))
        pair = tree.unflatten(structure, values), tree.unflatten(structure, moves)
        return (*pair, aux) if has_aux else pair
    finally:
        level.close()


def vjp(f: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Vector times Jacobian: ``(f(*primals), pullback)``.

    ``pullback(g)`` takes a cotangent in the container and shape of f's result and returns
    the tuple of the arguments' cotangents; it may be called any number of times, also
    after arrays of the caller's have changed (what it needs was copied).

    >>> out, pullback = vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> pullback(1.0)
    (np.float64(4.0), np.float64(3.0))
    """
    moving = split(primals, tuple(range(len(primals))), f)
    run = Linearized(f, moving, {}, has_aux)

    def pullback(g: Any) -> Any:
        return moving.answer(run.pull(run.cotangents(g)))

    return (run.value, pullback, run.aux) if has_aux else (run.value, pullback)


class Linearized:
    """A finished run whose tape may be swept many times (vjp, the rows of a Jacobian)."""

    def __init__(self, f: Function, moving: Moving, kwargs: dict[str, Any], has_aux: bool = False,
                 level: TapeLevel | None = None) -> None:
        level = level or TapeLevel()
        self.depth = level.depth
        try:
            traced = [level.lift(leaf) for leaf in moving.leaves]
            self.leaves = [t.value for t in traced]
            self.wanted = [t.mark for t in traced]  # now: f may write into its arguments
            result = call(f, moving.merge(traced), kwargs, level)
            result, aux = split_aux(result, has_aux, level)
            self.aux = tree.map(apart, aux)
            self.outs, self.structure = tree.flatten(result)
            # The caller's own: writing to it must not change what the pulls read.
            self.value = tree.unflatten(self.structure, [apart(strip(out, level)) for out in self.outs])
            self.marks = [out.mark if type(out) is Traced and out.level is level else None
                          for out in self.outs]
            self.nodes = level.nodes
        finally:
            level.close()

    def cotangents(self, g: Any) -> list[Any]:
        """A cotangent's leaves, checked against the result's."""
        leaves, structure = tree.flatten(g)
        if structure != self.structure:
            raise ShapeError(f"the cotangent's container {tree.describe(g)} differs from the result's",
                             "a cotangent in the container of f's result")
        result = []
        for c, out in zip(leaves, self.outs):
            shape = np.shape(out) if type(out) is not Traced else out.shape
            c = snapshot(c) if hasattr(c, "dtype") else np.asarray(c)[()]
            if c.shape != shape:
                raise ShapeError(f"a cotangent has shape {c.shape}, its result {shape}",
                                 f"a cotangent of shape {shape}")
            if c.dtype.kind not in "fciub":
                raise InputError(f"a cotangent has dtype {c.dtype}", "floats")
            result.append(c)
        return result

    def pull(self, cotangents: Sequence[Any]) -> list[Any]:
        """One sweep."""
        seeds = [(node, conform(c, node.shape, node.dtype)) for node, c in zip(self.marks, cotangents)
                 if node is not None]
        return self.pull_seeds(seeds)

    def pull_seeds(self, seeds: Sequence[tuple[Node, Any]], structural: bool = False) -> list[Any]:
        """The leaves' cotangents, from those of some of the results' nodes."""
        return finish(sweep(self.nodes, seeds, self.wanted, structural), self.leaves)


