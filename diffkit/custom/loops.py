"""Long recurrences in little memory: checkpoints in checkpoints, placed by the binomial rule.

With s states kept and no step run more than r times, binomial(s + r, s) steps can be
reversed, and no schedule reaches more (Griewank 1992, theorem 6.1; Griewank and Walther,
Algorithm 799: revolve, 2000).  That optimum has a recursive form: the steps are cut into
s + 1 segments, where segment k is reversed with s - k states (k are taken by the beginnings of
the segments before it) and one run less,

    binomial(s + r, s) = sum over k of binomial(s - k + r - 1, s - k),

and a segment is a ``checkpoint`` whose own steps are cut in the same way.  Nothing else is
needed: the derivatives of all orders are those of ``checkpoint``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.buffers import settle
from diffkit.custom.checkpoint import checkpoint
from diffkit.errors import InputError
from diffkit.traced import Traced

_MOST_RUNS = 50  # as deep are checkpoints nested, each several Python calls
_RUNS = 3  # how often a step is run forward, where the number of states is not given


def checkpointed_loop(step: Callable[..., Any], state: Any, steps: Any, *args: Any,
                      snapshots: int | None = None) -> Any:
    """A loop of ``state = step(state, x, *args)`` whose gradient holds few states.

    Parameters
    ----------
    step : callable
        ``step(state, x, *args)`` gives the next state, a container like the one before.  Pure; what it
        uses of differentiated values must be among its arguments.
    state : array, number or container
    steps : int, or arrays in a container
        A number n of steps, for which x counts 0 to n - 1; or what x runs through: the entries of the
        arrays' first axis.
    *args : arrays, numbers or containers
        The same at each step (the weights of a network, the constants of an equation).
    snapshots : int, optional
        States to hold at a time.  Without it as few as are needed to run no step more than three times.

    Returns
    -------
    The last state.

    Raises
    ------
    InputError (a TypeError) for a number of steps that is none, arrays of different lengths, or a differentiated
    value that step takes from elsewhere.

    Notes
    -----
    n steps with s snapshots run each step at most r times forward, r being the least number with
    binomial(s + r, s) >= n, and once more for its derivative: 100 000 steps with 84 snapshots are run three times
    (Griewank and Walther, Algorithm 799, ACM TOMS 26, 2000).  A second reverse sweep over the first holds
    as much as the first computes; ``hvp`` (forward over reverse) keeps the bound.

    Examples
    --------
    >>> import numpy as np, diffkit as dk
    >>> def last(rate):
    ...     return dk.checkpointed_loop(lambda x, i, rate: rate * x * (1 - x), 0.3, 1000, rate, snapshots=10)
    >>> def plain(rate):
    ...     x = 0.3
    ...     for i in range(1000):
    ...         x = rate * x * (1 - x)
    ...     return x
    >>> bool(abs(dk.grad(last)(2.9) / dk.grad(plain)(2.9) - 1) < 1e-14)  # another order of the sums
    True
    """
    inputs, length = _inputs(steps)
    if snapshots is None:
        snapshots = _least(_RUNS, length)
    elif isinstance(snapshots, bool) or not isinstance(snapshots, (int, np.integer)) or snapshots < 1:
        raise InputError(f"snapshots is a number of states, at least 1, not {snapshots!r}")
    runs = 1
    while math.comb(snapshots + runs, runs) < length:
        runs += 1
    if runs > _MOST_RUNS:
        raise InputError(f"with snapshots={snapshots} some of {length} steps would run {runs} times, at most "
                         f"{_MOST_RUNS} are supported", f"snapshots={_least(_MOST_RUNS, length)} or more")
    return _segments(step, state, inputs, 0, length, args, int(snapshots), runs)


def _least(runs: int, length: int) -> int:
    """The least number of states with which ``length`` steps need no more than so many runs."""
    snapshots = 1
    while math.comb(snapshots + runs, runs) < length:
        snapshots += 1
    return snapshots


def _inputs(steps: Any) -> tuple[Any, int]:
    """What x runs through (None for a count), and how many steps there are."""
    if isinstance(steps, (int, np.integer)) and not isinstance(steps, bool):
        if steps < 0:
            raise InputError(f"checkpointed_loop takes a number of steps, not {steps}")
        return None, int(steps)
    inputs = tree.map(lambda leaf: leaf if hasattr(leaf, "dtype") else np.asarray(leaf), settle(steps))
    leaves = tree.flatten(inputs)[0]
    lengths = {leaf.shape[0] if leaf.ndim else -1 for leaf in leaves}
    if len(lengths) != 1 or -1 in lengths:
        raise InputError("checkpointed_loop takes a whole number of steps or arrays of one length, not "
                         f"{tree.describe(steps)}", "arrays whose first axis counts the steps")
    return inputs, lengths.pop()


def _each(inputs: Any, start: int, length: int) -> Any:
    if inputs is None:
        return range(start, start + length)
    return (tree.map(lambda leaf, i=i: leaf[i], inputs) for i in range(length))


def _segments(step: Callable[..., Any], state: Any, inputs: Any, start: int, length: int, args: tuple[Any, ...],
              snapshots: int, runs: int) -> Any:
    """``length`` steps, each segment of them a checkpoint if there is something to differentiate."""
    if not any(type(leaf) is Traced for leaf in tree.flatten((settle(state), inputs, settle(args)))[0]):
        for x in _each(inputs, start, length):
            state = step(state, x, *args)
        return state
    done = 0
    for left in range(snapshots, -1, -1):
        size = min(math.comb(left + runs - 1, left), length - done)
        if size <= 0:
            break
        own = None if inputs is None else tree.map(lambda leaf, a=done, b=done + size: leaf[a:b], inputs)

        def segment(state: Any, own: Any, args: Any, start: int = start + done, size: int = size,
                    left: int = left) -> Any:
            if size == 1:
                return step(state, *_each(own, start, 1), *args)
            return _segments(step, state, own, start, size, args, left, runs - 1)

        state = checkpoint(segment)(state, own, args)
        done += size
    return state
