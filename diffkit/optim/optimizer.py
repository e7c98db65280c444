"""The engine: an optimizer is a chain of parts, and everything it remembers is plain data.

    state = opt.init(params)                             {"step": 0, "s": [...], "r": [...]}
    params, state = opt.step(params, grads, state)       never writes to what it is given

The state is a dict: the number of steps made (an int) and, for each slot, one vector per
dtype of the parameters.  It can be saved, loaded and resumed with the same bits.  A step
joins the gradients into vectors (:mod:`diffkit.optim.leaves`), lets the parts work in place
on copies, and adds the result to the parameters.

``donate=True`` is the one exception: the caller gives params and state away, and their
memory is written over instead of copied; ``donate_grads=True`` says the same of the gradients.
Training loops use them; nobody else needs to.

Memory of a step, beside params, grads and state: two vectors of the size of the parameters
(the joined gradients and a temporary), a third for weight decay or an average, and without
``donate`` the new parameters and slots.  With ``donate_grads`` gradients that are one vector
need not be joined.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from diffkit.errors import InputError, ShapeError
from diffkit.optim.faults import OptimizerError
from diffkit.optim.leaves import Array, Layout, align, check_finite, joined, layout_of, pack, rebuild, unpack
from diffkit.optim.parts import LearningRate, Now, Part, learning_rate

__all__ = ["Optimizer", "State", "apply_updates"]

State = dict[str, Any]


class Optimizer:
    """Base of all optimizers: ``init``, ``update``, ``step`` over a chain of parts.

    A subclass is a frozen dataclass of knobs with a method ``parts()``.  Parameters are any
    nested dict, list, tuple (or dataclass) of real floating arrays; dtypes and containers are
    kept, and several dtypes may be mixed.
    """

    def parts(self) -> tuple[Part, ...]:
        """The links of the chain, in order."""
        raise NotImplementedError

    @functools.cached_property
    def _links(self) -> tuple[tuple[Part, tuple[str, ...]], ...]:
        """Each part with the state's keys of its slots (numbered when two parts share a name)."""
        counts: dict[str, int] = {}
        links = []
        for part in self.parts():
            keys = []
            for slot in part.slots:
                counts[slot] = counts.get(slot, 0) + 1
                keys.append(slot if counts[slot] == 1 else f"{slot}_{counts[slot]}")
            links.append((part, tuple(keys)))
        return tuple(links)

    @functools.cached_property
    def _needs_params(self) -> bool:
        return any(part.needs_params for part, _ in self._links)

    def init(self, params: Any) -> State:
        """The state before the first step.

        Raises InputError naming a leaf that is not a real floating array.

        >>> import numpy as np
        >>> from diffkit.optim import Adam
        >>> Adam().init({"w": np.ones(2), "b": np.ones(1)})
        {'step': 0, 's': [array([0., 0., 0.])], 'r': [array([0., 0., 0.])]}
        """
        leaves, _ = align(params, params, "params")
        blocks = pack(leaves, leaves, layout_of(leaves, params))
        state: State = {"step": 0}
        for part, keys in self._links:
            for name, key in zip(part.slots, keys):
                state[key] = [part.first(name, block) for block in blocks]
        return state

    def update(self, grads: Any, state: Mapping[str, Any], params: Any, *,
               check: bool = True) -> tuple[Any, State]:
        """What to add to the parameters, and the next state.

        Parameters
        ----------
        grads : container like ``params``, the gradient at ``grad_point(params, state)``.
        state : what ``init``, ``update`` or ``step`` returned.
        params : the parameters.
        check : raise on NaN and infinity in ``grads`` (False lets them through).

        Raises
        ------
        ShapeError for a container or leaf that doesn't fit, NonFiniteGradientError naming leaf and
        step, OptimizerError for a foreign state or a learning rate that isn't a number ≥ 0.

        >>> import numpy as np
        >>> from diffkit.optim import SGD
        >>> SGD(0.5).update({"w": np.array([2.0])}, {"step": 0}, {"w": np.array([1.0])})
        ({'w': array([-1.])}, {'step': 1})
        """
        _, views, state = self._advance(grads, state, params, check, donate=False, donate_grads=False)
        return rebuild(params, iter(views)), state

    def step(self, params: Any, grads: Any, state: Mapping[str, Any], *, check: bool = True,
             donate: bool = False, donate_grads: bool = False) -> tuple[Any, State]:
        """The parameters and the state after one step; arguments and errors as in ``update``.

        With ``donate=True`` the arrays of ``params`` and ``state`` are overwritten and returned;
        with ``donate_grads=True`` those of ``grads`` may be overwritten, too, and share no memory.

        >>> import numpy as np
        >>> from diffkit.optim import SGD
        >>> SGD(0.5).step([np.array([1.0])], [np.array([2.0])], {"step": 0})
        ([array([0.])], {'step': 1})
        """
        leaves, views, state = self._advance(grads, state, params, check, donate, donate_grads)
        if donate:
            for leaf, view in zip(leaves, views):
                leaf += view
        else:
            leaves = [leaf + view for leaf, view in zip(leaves, views)]
        return rebuild(params, iter(leaves)), state

    def _advance(self, grads: Any, state: Mapping[str, Any], params: Any, check: bool, donate: bool,
                 donate_grads: bool) -> tuple[list[Array], list[Array], State]:
        step, slots = self._read(state)
        leaves, gradients = align(params, grads, "grads")
        layout = layout_of(leaves, params)
        self._check_sizes(slots, layout)
        try:
            updates = pack(gradients, leaves, layout, donate_grads)
        except TypeError:
            dtypes = [str(gradient.dtype) for gradient in gradients]
            raise InputError(f"grads are {dtypes}, not of the kind of params", "real gradients",
                             "complex gradients of real parameters: take their real part") from None
        if check:
            check_finite(updates, layout, params, step)
        if not donate:
            slots = [[[block.copy() for block in slot] for slot in own] for own in slots]
        now = Now(step, joined(leaves, layout) if self._needs_params else [], layout, params)
        after: State = {"step": step + 1}
        for (part, keys), own in zip(self._links, slots):
            part.apply(updates, own, now)
            after.update(zip(keys, own))
        return leaves, unpack(updates, layout), after

    def _read(self, state: Mapping[str, Any]) -> tuple[int, list[list[list[Array]]]]:
        try:
            return int(state["step"]), [[state[key] for key in keys] for _, keys in self._links]
        except (KeyError, TypeError, IndexError):
            raise OptimizerError(f"this is not a state of {type(self).__name__}: {_keys(state)}",
                                 "the state that this optimizer's init, update or step returned",
                                 "arguments in the wrong order; the state of another optimizer") from None

    def _check_sizes(self, slots: list[list[list[Array]]], layout: Layout) -> None:
        sizes = [sum([layout.sizes[i] for i in block]) for block in layout.blocks]
        for own, (_, keys) in zip(slots, self._links):
            for slot, key in zip(own, keys):
                held = [block.size for block in slot]
                if held != sizes:
                    raise ShapeError(f'state["{key}"] holds {held} numbers, params {sizes}',
                                     "a state made by init(params) for these params",
                                     "params whose shapes or dtypes changed since")

    def grad_point(self, params: Any, state: Mapping[str, Any]) -> Any:
        """Where the gradient is wanted: ``params``, except for look-ahead Nesterov, θ + β v.

        >>> import numpy as np
        >>> from diffkit.optim import Nesterov
        >>> Nesterov(0.1).grad_point(np.array([1.0]), {"step": 3, "velocity": [np.array([2.0])]})
        array([2.8])
        """
        shift: list[Array] | None = None
        leaves: list[Array] = []
        for part, keys in self._links:
            if getattr(part, "lookahead", False):
                leaves, _ = align(params, params, "params")
                layout = layout_of(leaves, params)
                self._check_sizes(self._read(state)[1], layout)
                ahead = part.look_ahead([state[key] for key in keys])
                shift = None if ahead is None else unpack(ahead, layout)
        if shift is None:
            return params
        return rebuild(params, iter([leaf + view for leaf, view in zip(leaves, shift)]))

    def current_lr(self, state: Mapping[str, Any]) -> float:
        """The learning rate that the next step will use (nan for a chain without one).

        >>> from diffkit import optim, schedules
        >>> optim.SGD(schedules.linear(0.1, 100)).current_lr({"step": 50})
        0.05
        """
        rates: list[LearningRate | None] = [getattr(part, "lr", None) for part, _ in self._links]
        rates = [rate for rate in rates if rate is not None]
        return learning_rate(rates[-1], state["step"]) if rates and rates[-1] is not None else float("nan")

    def slot(self, state: Mapping[str, Any], name: str, params: Any) -> Any:
        """One slot of the state in the container of ``params`` (views), to look at or to plot.

        >>> import numpy as np
        >>> from diffkit.optim import Momentum
        >>> params = {"w": np.ones(2), "b": np.ones(1)}
        >>> Momentum(0.1).slot(Momentum(0.1).init(params), "velocity", params)
        {'w': array([0., 0.]), 'b': array([0.])}
        """
        leaves, _ = align(params, params, "params")
        layout = layout_of(leaves, params)
        self._check_sizes(self._read(state)[1], layout)
        if name == "step" or name not in state:
            raise OptimizerError(f"no slot {name!r}: {_keys(state)}", "one of the state's keys but 'step'")
        return rebuild(params, iter(unpack(state[name], layout)))


def _keys(state: Any) -> str:
    if isinstance(state, Mapping):
        return f"it has the keys {list(state)}"
    return f"it is a {type(state).__name__}"


def apply_updates(params: Any, updates: Any) -> Any:
    """``params + updates``, leaf by leaf, in a new container; dtypes of ``params`` are kept.

    >>> import numpy as np
    >>> apply_updates({"w": np.array([1.0])}, {"w": np.array([-0.25])})
    {'w': array([0.75])}
    """
    leaves, changes = align(params, updates, "updates")

    def added() -> Iterator[Any]:
        for leaf, change in zip(leaves, changes):
            yield (leaf + change).astype(leaf.dtype, copy=False)

    return rebuild(params, added())
