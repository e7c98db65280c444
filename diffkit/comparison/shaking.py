"""How much rounding can do to a program: run it with every operand off by its last digit.

A gradient through an ill-conditioned constant, or through a cancellation that yields an
exact 0, shows no spread when x moves by a few units of its last place.  It does when every
operand of every operation moves by one, at random (stochastic arithmetic: each result is
then exact for slightly other operands, which is all that rounding ever grants).  The
reverse sweep of a few such runs, against the unshaken one, is the loss that ordinary
precision may cause; a wrong rule, being wrong in all runs alike, shows none.
"""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.comparison.problem import Array, Problem
from diffkit.recording import TapeLevel
from diffkit.rules.kinds import Elementwise, Rule
from diffkit.traced import Traced
from diffkit.transforms.matrices import jacobian_rows
from diffkit.transforms.products import Linearized

_RUNS = 4


class _ShakenLevel(TapeLevel):
    """A tape whose operations see operands a rounding error away."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.rng = rng

    def unary(self, rule: Elementwise, x: Traced) -> Any:
        return super().unary(rule, self._shake(x))

    def binary(self, rule: Elementwise, a: Any, b: Any) -> Any:
        # An exponent's last digit is no rounding.
        return super().binary(rule, self._shake(a), b if rule.name == "power" else self._shake(b))

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        # A comparison must see what the program saw; unary and binary shake for themselves.
        if not rule.is_flat and not (type(rule) is Elementwise and len(args) <= 2):
            args = tuple(self._shake(arg) for arg in args)
        return super().process(rule, args, params)

    def _shake(self, arg: Any) -> Any:
        traced = type(arg) is Traced and arg.level is self
        value = arg.value if traced else arg
        if not isinstance(value, (np.ndarray, np.floating)) or value.dtype.kind != "f":
            return arg
        if not traced and not value.shape:
            return arg
        signs = self.rng.choice((-1.0, 1.0), value.shape)
        moved = (value * (1 + np.finfo(value.dtype).eps * signs).astype(value.dtype))[()]
        return Traced(self, moved, arg.mark) if traced else moved


def loss_by_rounding(problem: Problem, seed: int) -> Array | None:
    """The largest change of reverse's Jacobian over a few shaken runs; None where f can't be run so."""
    from diffkit.transforms import jacobian

    rng = np.random.default_rng(seed)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            args, kwargs = problem.fresh()
            steady = problem.matrix(jacobian(problem.f, problem.argnums, method="reverse")(*args, **kwargs))
            runs = [np.abs(_shaken(problem, rng) - steady) for _ in range(_RUNS)]
    except Exception:  # an operation that won't bear it: nothing was seen, nothing is excused
        return None
    return np.nan_to_num(np.max(runs, axis=0), nan=0.0, posinf=0.0)


def _shaken(problem: Problem, rng: np.random.Generator) -> Array:
    """One Jacobian by reverse sweeps over a shaken tape."""
    args, kwargs = problem.fresh()
    moving = dataclasses.replace(problem.with_leaves(problem.moving.leaves).moving, args=args)
    run = Linearized(problem.f, moving, kwargs, level=_ShakenLevel(rng))
    return problem.matrix(tree.unflatten(run.structure, [moving.answer(row) for row in jacobian_rows(run, moving)]))
