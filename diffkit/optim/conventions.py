"""Where libraries differ under the same name, as one table.

"Adam" means four different sequences of numbers in four libraries.  Each row below states
what a library (or the lecture notes, "seed") does by default; ``like=`` selects a row, and
a knob that is given explicitly wins over it.  Without ``like`` the row "" holds: ε inside
the root for AdaGrad and RMSProp (notes, optax, Keras), the paper's Adam (torch, optax).

Sources: torch.optim, optax 0.2, keras.optimizers 3; each is checked over 200 steps in
tests/optim.  The seed's AdamW is the paper's (Loshchilov & Hutter 2019, algorithm 2) with a
constant schedule multiplier, so its decay is not multiplied by the learning rate.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from diffkit.optim.faults import OptimizerError, check_range
from diffkit.optim.parts import AddDecayedWeights, LearningRate, Part

__all__ = ["AUTO", "DecayForm", "Like", "check_choice", "check_lr", "decay_links", "resolve"]

Like = Literal["seed", "torch", "optax", "keras"]
DecayForm = Literal["l2", "decoupled_lr", "decoupled"]

# The default of a knob that a convention fills in: None to the reader, any type to the checker.
AUTO: Any = None

_DECAY = {"": "l2", "seed": "decoupled", "torch": "l2", "optax": "decoupled_lr", "keras": "decoupled_lr"}
_FORM = {"": "velocity", "seed": "velocity", "torch": "trace", "optax": "trace", "keras": "velocity"}

_TABLE: dict[str, dict[str, dict[str, Any]]] = {
    "SGD": {"lr": {"torch": 1e-3, "keras": 1e-2}, "decay_form": _DECAY},
    "Momentum": {"lr": {"torch": 1e-3, "keras": 1e-2}, "decay_form": _DECAY, "form": _FORM},
    "Nesterov": {"lr": {"torch": 1e-3, "keras": 1e-2}, "decay_form": _DECAY,
                 "form": {**_FORM, "": "lookahead", "seed": "lookahead"}},
    "AdaGrad": {"lr": {"torch": 1e-2, "keras": 1e-3},
                "eps": {"": 1e-7, "torch": 1e-10}, "eps_in_sqrt": {"": True, "torch": False},
                "initial_accumulator": {"": 0.0, "optax": 0.1, "keras": 0.1}},
    "RMSProp": {"lr": {"torch": 1e-2, "keras": 1e-3}, "decay": {"": 0.9, "torch": 0.99},
                "eps": {"": 1e-7, "torch": 1e-8, "optax": 1e-8}, "eps_in_sqrt": {"": True, "torch": False}},
    "Adam": {"lr": {"": 1e-3}, "eps": {"": 1e-8, "seed": 1e-7, "keras": 1e-7},
             "eps_in_sqrt": {"": False, "seed": True}, "eps_hat": {"": False, "keras": True},
             "decay_form": _DECAY},
    "AdamW": {"lr": {"": 1e-3}, "eps": {"": 1e-8, "seed": 1e-7, "keras": 1e-7},
              "eps_in_sqrt": {"": False, "seed": True}, "eps_hat": {"": False, "keras": True},
              "weight_decay": {"": 1e-2, "optax": 1e-4, "keras": 4e-3},
              "decay_form": {"": "decoupled_lr", "seed": "decoupled"}},
}


def resolve(optimizer: Any) -> None:
    """Fill the knobs of a frozen dataclass that were left to the convention."""
    owner = type(optimizer).__name__
    like = optimizer.like
    if like not in (None, "seed", "torch", "optax", "keras"):
        raise OptimizerError(f"{owner}: like={like!r}", 'one of "seed", "torch", "optax", "keras"')
    for knob, row in _TABLE[owner].items():
        if getattr(optimizer, knob) is None:
            value = row.get(like or "", row.get(""))
            if value is None:
                raise OptimizerError(f"{owner} needs a learning rate", f"{owner}(0.1), or a schedule")
            object.__setattr__(optimizer, knob, value)
    check_lr(owner, optimizer.lr)
    for field in dataclasses.fields(optimizer):
        value = getattr(optimizer, field.name)
        if field.name in ("b1", "b2", "momentum", "decay"):
            check_range(owner, field.name, value, 0, 1)
        elif field.name in ("eps", "weight_decay", "initial_accumulator"):
            check_range(owner, field.name, value, 0)
        elif field.name == "decay_form":
            check_choice(owner, field.name, value, ("l2", "decoupled_lr", "decoupled"))


def check_lr(owner: str, lr: LearningRate) -> None:
    """A learning rate is a finite number ≥ 0 or a schedule."""
    if not callable(lr):
        check_range(owner, "lr", lr, 0)


def check_choice(owner: str, name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a word that is not one of the choices."""
    if value not in choices:
        raise OptimizerError(f"{owner}: {name}={value!r}", "one of " + ", ".join(map(repr, choices)))


def decay_links(weight: float, form: str, lr: LearningRate,
                mask: Any) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """The parts of weight decay that go before and after the rest of the chain.

    "l2": g + w·θ, before.  "decoupled_lr": −lr·w·θ, after.  "decoupled": −w·θ, after.
    """
    if weight == 0:
        return (), ()
    if form == "l2":
        return (AddDecayedWeights(weight, None, mask),), ()
    return (), (AddDecayedWeights(-weight, lr if form == "decoupled_lr" else None, mask),)
