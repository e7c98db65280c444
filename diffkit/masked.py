"""Structural zeros: derivatives that know which of their entries are zero by construction.

``where(x > 0, sqrt(x), 0)`` has the derivative 0 at x = 0: the square root was not chosen.
A sweep that knows zeros only by value multiplies the zero that came through ``where`` by
the infinite slope of the root, and has NaN.  Calling every 0 * inf zero would be worse:
sqrt(x)**2 has at 0 the factors 0 and inf too, and its derivative is not 0.

So the rules are applied here to a derivative and to a mask that says which entries
are *live*.  Choosing, indexing and every linear map carry the mask along with
the derivative; a dead entry stays dead through products, whatever it is multiplied by; a
zero that a partial happens to have is a number like any other.

To find which entries of a linear map's result are live, the map itself is applied to
positive random numbers in the live places: a result that is exactly zero got nothing.

This costs some three times as much as the plain sweep, so the transforms come here only
when a derivative came out as NaN.  ``CAREFUL`` says that all sweeps of this context are
to be masked: a second derivative needs the masks of the first.
"""

from __future__ import annotations

import contextlib
import contextvars
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from diffkit.quiet import restore, silence
from diffkit.rules.kinds import Elementwise, Linear, Multilinear, Rule, conform, over
from diffkit.traced import is_traced, primal

#: By a name of its own: NumPy is a module with a ``__getattr__``, in which CPython looks up anew each time.
_ndarray = np.ndarray

CAREFUL: contextvars.ContextVar[bool] = contextvars.ContextVar("diffkit_careful", default=False)

#: Rows that choose among their arguments' entries: where their derivative is zero, nothing was chosen.
CHOOSING = frozenset(["where", "maximum", "minimum", "fmax", "fmin", "max", "min", "sort", "partition",
                      "level_out", "take_along_axis", "put_along_axis", "masked_sum"])

#: What a transform may look at to learn that a NaN was met: the number of masked sweeps so far.
attempts = [0]

Masked = tuple[Any, Any]  #: a derivative and its live mask, of the same shape


@contextlib.contextmanager
def careful() -> Iterator[None]:
    """All derivatives inside are masked from the start."""
    token = CAREFUL.set(True)
    try:
        yield
    finally:
        CAREFUL.reset(token)


def holds_nan(value: Any) -> bool:
    """Whether the bottom of a derivative holds a NaN.  Cheap: one reduction."""
    return one_holds_nan((value,))


def one_holds_nan(values: Iterable[Any]) -> bool:
    """Whether the bottom of any derivative (None: there is none) holds a NaN."""
    quiet = silence()  # inf - inf, or an overflow
    try:
        for value in values:
            if type(value) is _ndarray:
                kind = value.dtype.kind
                if kind == "f" and (value.ndim == 1 or value.flags.c_contiguous):
                    if value.ndim != 1:
                        value = value.reshape(-1)
                    value = value.dot(value)  # the sum of squares: quicker, and without inf - inf
                elif kind in "fc":
                    value = np.add.reduce(value, axis=None)
                else:
                    continue
            elif is_traced(value):
                value = math.nan if value.level.peek(value, holds_nan) else 0.0
            if value != value:
                return True
        return False
    finally:
        restore(quiet)


def seed(value: Any, structural: bool) -> Masked:
    """A (co)tangent from which a run starts.

    The zeros of a column or row of the identity (``structural``: a Jacobian's) say what
    does not move or is not asked for.  A caller's own (co)tangent may be the result of another
    product, and its zeros are numbers: the pullback of sqrt at 0 times that of the square must
    not be 0.
    """
    return value, np.asarray(value != 0) if structural else np.ones(value.shape, bool)


def pull(rule: Rule, masked: Masked, saved: Any, params: Any, active: tuple[int, ...],
         parents: Sequence[Any]) -> list[Masked | None]:
    """``rule.pull`` with masks; ``parents`` have the shapes and dtypes of the active arguments."""
    g, live = masked
    if type(rule) is Elementwise and rule.name not in CHOOSING:
        return [_pull_partial(rule, g, live, saved, i, parent) for i, parent in zip(active, parents)]
    found = rule.pull(g, saved, params, active)
    if not rule.outputs and (rule.name in CHOOSING or isinstance(rule, (Linear, Multilinear))):
        if isinstance(rule, Multilinear):
            saved = [_positive(value) for value in saved]
        reached = rule.pull(_weights(live), saved, params, active)
    else:
        reached = found
    result: list[Masked | None] = []
    for c, w, parent in zip(found, reached, parents):
        if c is None:
            result.append(None)
            continue
        c = conform(c, parent.shape, parent.dtype)
        mask = np.ones(parent.shape, bool) if reached is found else _is_reached(w, parent.shape)
        result.append((_kill(c, mask), mask) if mask.any() else None)
    return result


def _pull_partial(rule: Elementwise, g: Any, live: Any, saved: Any, i: int, parent: Any) -> Masked | None:
    """One argument of an elementwise rule: what is dead stays dead whatever the partial."""
    partial = rule.partials[i]
    if partial is None:
        return None
    if partial.__class__ is int:
        c = g if partial == 1 else -g
    elif partial.__class__ is over:
        c = g / partial.denominator(*saved)
    else:
        c = g * partial(*saved)  # type: ignore[operator]
        live = _through_flags(rule, live, saved[1:], i)
    c = conform(_kill(c, live), parent.shape, parent.dtype)
    return c, _is_reached(live.astype(float), parent.shape)


def _through_flags(rule: Elementwise, live: Any, args: Sequence[Any], i: int) -> Any:
    """Multiplying by a boolean array is choosing."""
    if rule.name == "multiply":
        other = primal(args[1 - i])
        if isinstance(other, (bool, np.bool_)) or (type(other) is np.ndarray and other.dtype == bool):
            return live & other
    return live


def push(rule: Rule, y: Any, primals: Sequence[Any], moving: Sequence[Masked | None], params: Any) -> Any:
    """``rule.push`` with masks: a masked tangent, None, or for several outputs a tuple of these."""
    if type(rule) is Elementwise and rule.name not in CHOOSING:
        return _push_partials(rule, y, primals, moving)
    if rule.name in CHOOSING:
        moving = _chosen(rule, y, primals, moving, params)
    tangents = [None if m is None else m[0] for m in moving]
    found = rule.push(y, primals, tangents, params)
    if rule.outputs:
        return tuple(None if t is None else (t, np.ones(out.shape, bool)) for out, t in zip(y, found))
    if found is None:
        return None
    found = conform(found, y.shape, y.dtype)
    if isinstance(rule, Multilinear):
        arguments: list[Any] = [_positive(value) for value in primals]
    elif rule.name in CHOOSING or isinstance(rule, Linear):
        arguments = [primal(value) for value in primals]
    else:
        return found, np.ones(y.shape, bool)
    weights = [None if m is None else _weights(m[1]) for m in moving]
    mask = _is_reached(rule.push(primal(y), arguments, weights, params), y.shape)
    return (_kill(found, mask), mask) if mask.any() else None


def _push_partials(rule: Elementwise, y: Any, primals: Sequence[Any], moving: Sequence[Masked | None]) -> Any:
    total: Any = None
    alive: Any = None
    for i, (partial, masked) in enumerate(zip(rule.partials, moving)):
        if masked is None or partial is None:
            continue
        t, live = masked
        if partial.__class__ is int:
            term = t if partial == 1 else -t
        elif partial.__class__ is over:
            term = t / partial.denominator(y, *primals)
        else:
            term = t * partial(y, *primals)  # type: ignore[operator]
            live = _through_flags(rule, live, primals, i)
        live = np.broadcast_to(live, y.shape)
        if not live.any():
            continue
        term = _kill(np.broadcast_to(term, y.shape) if term.shape != y.shape else term, live)
        total, alive = (term, live) if total is None else (total + term, alive | live)
    return None if total is None else (total, alive)


def _chosen(rule: Rule, y: Any, primals: Sequence[Any], moving: Sequence[Masked | None],
            params: Any) -> Sequence[Masked | None]:
    """The tangents without the entries that the rule does not choose: they may be infinite."""
    active = tuple(i for i, m in enumerate(moving) if m is not None)
    y, primals = primal(y), [primal(value) for value in primals]
    weights = rule.pull(_weights(np.ones(y.shape, bool)), rule.save(y, primals, active), params, active)
    result = list(moving)
    for i, w in zip(active, weights):
        t, live = moving[i]  # type: ignore[misc]
        live = live & _is_reached(w, live.shape)
        result[i] = (_kill(t, live), live)
    return result


def _kill(value: Any, live: Any) -> Any:
    """Zero in the dead entries; a choice, so that outer transforms see a structural zero too."""
    return value if live.all() else np.where(live, value, 0)


def _weights(live: Any) -> Any:
    """Positive numbers in the live places, zero elsewhere."""
    return np.where(live, np.random.default_rng(0).uniform(1.0, 2.0, np.shape(live)), 0.0)


def _positive(value: Any) -> Any:
    return np.ones(value.shape) if hasattr(value, "dtype") and value.dtype.kind in "fcbiu" else value


def _is_reached(weights: Any, shape: tuple[int, ...]) -> Any:
    """Which entries got anything; a NaN says yes."""
    weights = primal(weights)
    if weights.shape != shape:
        weights = conform(weights, shape, weights.dtype)
    return np.asarray(weights != 0)


def add(previous: Masked | None, other: Masked) -> Masked:
    """Contributions to one cotangent."""
    return other if previous is None else (previous[0] + other[0], previous[1] | other[1])


def sweep(nodes: Sequence[Any], seeds: Sequence[tuple[Any, Any]], structural: bool = False) -> list[Any]:
    """The ``Masked`` cotangent of each node of a tape (None: nothing live arrives).

    Of a rule with several results it is a dict of them by position.
    """
    attempts[0] += 1
    found: list[Any] = [None] * len(nodes)
    for node, g in seeds:
        found[node.index] = add(found[node.index], seed(g, structural))
    with np.errstate(all="ignore"):
        for node in reversed(nodes):
            masked = found[node.index]
            rule = node.rule
            if masked is None or rule is None:
                continue
            if rule.kind == "pick":
                whole = node.parents[0].index
                found[whole] = found[whole] or {}
                found[whole][node.params["position"]] = masked
                continue
            if rule.outputs:
                several = tuple(masked[k][0] if k in masked else None for k in range(rule.outputs))
                masked = several, np.ones((), bool)
            elif not masked[1].any():
                found[node.index] = None
                continue
            for parent, contribution in zip(node.parents, pull(rule, masked, node.saved, node.params, node.active,
                                                               node.parents)):
                if contribution is not None:
                    found[parent.index] = add(found[parent.index], contribution)
    return found
