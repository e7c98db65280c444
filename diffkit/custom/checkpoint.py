"""checkpoint: remember a function's arguments instead of its intermediate results.

The backward sweep runs the function again, recording it this time.  Both directions of a
checkpointed function are functions of the same arguments, and are checkpointed in turn:
so nesting holds at any depth, of checkpoints in checkpoints and of derivatives of
derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diffkit import tree
from diffkit.arguments import split
from diffkit.buffers import settle
from diffkit.custom.calls import Callee, Function, Operation
from diffkit.masked import CAREFUL, holds_nan
from diffkit.reverse import sweep_once
from diffkit.rules.kinds import conform


class _Checkpointed(Operation):
    transparent = True
    __slots__ = ()

    def _moving(self, args: Sequence[Any], active: Sequence[int]) -> Function:
        """f's arrays as a function of the active leaves; the others are constants."""
        rest = [None if i in active else arg for i, arg in enumerate(args)]

        def function(*leaves: Any) -> tuple[Any, ...]:
            values = list(rest)
            for i, leaf in zip(active, leaves):
                values[i] = leaf
            found, _ = tree.flatten(settle(self.function(*self.unpack(values))))
            return tuple(value for value, other in zip(found, self.rest) if other is None)

        return function

    def push(self, y: Any, args: Sequence[Any], tangents: Sequence[Any], params: Any) -> Any:
        from diffkit.transforms import jvp
        active = [i for i, t in enumerate(tangents) if t is not None]
        # The constants are arguments too: an outer transform may be differentiating them.
        def pushed(args: Any, tangents: Any) -> Any:
            return jvp(self._moving(args, active), tuple(args[i] for i in active), tangents)[1]

        return checkpoint(pushed)(list(args), tuple(tangents[i] for i in active))

    def pull_filled(self, g: Any, y: Any, args: Sequence[Any], active: tuple[int, ...]) -> Sequence[Any]:
        def pulled(args: Any, g: Any) -> Any:
            return _pull_once(self._moving(args, active), tuple(args[i] for i in active), g)

        return checkpoint(pulled)(list(args), g)  # type: ignore[no-any-return]


def _pull_once(f: Function, args: tuple[Any, ...], g: Any) -> Any:
    """``vjp(f, *args)[1](g)``, freeing the tape on the way."""
    from diffkit.transforms.products import Linearized, vjp
    from diffkit.transforms.running import finish
    moving = split(args, tuple(range(len(args))), f)
    run = Linearized(f, moving, {})
    if not CAREFUL.get() and not run.split:
        seeds = [(node, conform(c, node.shape, node.dtype)) for node, c in zip(run.marks, run.cotangents(g))
                 if node is not None]
        leaves, nodes, wanted = run.leaves, run.nodes, run.wanted
        del run  # its results too
        found = sweep_once(nodes, seeds, wanted)
        if not any(c is not None and holds_nan(c) for c in found):
            return moving.answer(finish(found, leaves))
    return vjp(f, *args)[1](g)


class checkpoint(Callee):
    """f, differentiated in the reverse mode with little memory: it runs again in the sweep.

    Parameters
    ----------
    f : callable
        Pure: run twice on the same arguments it must do the same.  What it uses of
        differentiated values must be among its arguments.

    Returns
    -------
    callable
        The same function.  A recorded call keeps its arguments and results, and none of
        the intermediate arrays; the sweep computes them once more.

    Raises
    ------
    InputError
        (a TypeError) f uses a differentiated value that is not among its arguments.

    Notes
    -----
    Griewank and Walther (2000), "Algorithm 799: revolve".  For a chain of n steps, one
    checkpoint every sqrt(n) steps needs memory for 2 sqrt(n) of them.

    Examples
    --------
    >>> import numpy as np, diffkit as dk
    >>> block = dk.checkpoint(lambda x: np.sin(np.exp(np.cos(x))))
    >>> plain = lambda x: np.sin(np.exp(np.cos(x)))
    >>> dk.grad(block)(0.3) == dk.grad(plain)(0.3)
    np.True_
    """

    word = "checkpoint"

    def operation(self, structure: tree.Structure, leaves: Sequence[Any]) -> Operation:
        return _Checkpointed(self.name, self.function, structure, leaves)
