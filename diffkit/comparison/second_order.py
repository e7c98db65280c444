"""Rules of the caller's own at second order: right gradients whose derivatives are wrong.

A custom rule may give the right gradient and hide from transforms what it is made of (``stop_gradient``, a residual
as plain values, a wrong rule inside the rule): then Hessians and their products are wrong without a word.  So where
f's tape holds such rules and the first order agrees, one number of second order is asked as well, vᵀ H u along
random directions: forward and reverse over the gradient against differences of the gradient, which is known to be
right.  It costs a dozen gradients.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import numpy as np

from diffkit.comparison.culprit import culprit
from diffkit.comparison.finding import Finding, Verdict, join, number
from diffkit.comparison.guard import within
from diffkit.comparison.judge import judge
from diffkit.comparison.methods import Witness, witness
from diffkit.comparison.posing import pose
from diffkit.comparison.problem import Array, Problem
from diffkit.comparison.refereeing import referee_witness
from diffkit.comparison.shaking import loss_by_rounding
from diffkit.comparison.tolerance import agree_closely
from diffkit.comparison.verdict import blamed, pronounce

#: Kinds of verdicts after which there is a second order to ask for.
_SMOOTH = ("AGREE", "AGREE-BUT-UNRESOLVED")
_METHODS, _DIGITS = ("forward", "reverse", "central"), 50


#: Whether somebody asks for the second order by itself.
_ELSEWHERE: contextvars.ContextVar[bool] = contextvars.ContextVar("diffkit_second_order_elsewhere", default=False)


@contextlib.contextmanager
def asked_elsewhere() -> Iterator[None]:
    """Comparisons inside are of one order, each."""
    token = _ELSEWHERE.set(True)
    try:
        yield
    finally:
        _ELSEWHERE.reset(token)


def beyond_first(problem: Problem, verdict: Verdict, budget: float, seed: int) -> tuple[Verdict, list[str]]:
    """The verdict of the second order too, and what is noted of it; nothing where f has no rules of its own."""
    plain = not any(map(np.iscomplexobj, (*problem.moving.leaves, *problem.outs)))
    if verdict.kind not in _SMOOTH or not problem.own_rules or problem.astray or not plain or _ELSEWHERE.get():
        return verdict, []
    names = join([_short(name) for name in problem.own_rules])
    said = within(problem, lambda at: _asked(at, budget, seed), lambda why: f"not asked: {why}", budget)
    if isinstance(said, str):
        return verdict, [f"second order through {names}, vᵀ H u along random directions: {said}"]
    found = Finding("second order", "", (), 1, said[0])
    second = Verdict("DISAGREE", False, f"right at first order and wrong at second, through {names}: vᵀ H u along "
                     f"random directions is {said[0]}", (*verdict.findings, found))
    return blamed(second, said[1]), []


def _short(name: str) -> str:
    """``custom_vjp(module.<locals>.cube)`` without the way to it."""
    kind, _, function = name.partition("(")
    return f"{kind}({function.rpartition('.')[2]}" if function else kind


def _asked(problem: Problem, budget: float, seed: int) -> tuple[str, Finding | None] | str:
    """What is wrong and what is to blame, else what there is to note."""
    at = problem.raised() if problem.low_precision else problem
    question = pose(_derivative(at, np.random.default_rng(seed)), (1.0,), {}, 0)
    if question.refusal is not None:
        return f"not asked: {question.refusal[1]}"
    witnesses = [witness(question, name, name, budget, seed) for name in _METHODS]

    def judged(referee: Witness | None) -> Verdict:
        found = judge(question, witnesses, referee, lambda: loss_by_rounding(question, seed))
        return pronounce(question, witnesses, found, {}, _DIGITS)

    verdict = judged(None)
    if verdict.agree is False:  # fifty digits before anybody is accused
        verdict = judged(referee_witness(question, _DIGITS, budget, force=False))
    over = {w.method: np.asarray(w.value).item() for w in witnesses if w.value is not None}
    measured = over.pop("central", np.nan)
    if verdict.agree is False:
        said = join([f"{number(value)} by {name} over reverse" for name, value in over.items()])
        return f"{said}, and {number(measured)} by differences of the gradient", culprit(question, seed)
    silent = [w for w in witnesses if not w.ran]
    if silent:
        return f"{join([w.method for w in silent])} over reverse did not answer ({silent[0].note})"
    if verdict.kind not in _SMOOTH or not all(agree_closely(value, measured) for value in over.values()):
        return f"not resolved ({verdict.kind})"
    return f"{number(measured)} by forward and reverse over reverse, and by differences of the gradient"


def _derivative(problem: Problem, rng: np.random.Generator) -> Any:
    """v · f'(x + (t - 1) u), a number that depends on the number t."""
    from diffkit.transforms import grad

    leaves = list(problem.moving.leaves)
    everything = tuple(range(len(leaves)))
    weights = rng.uniform(0.5, 1.5, problem.rows) * rng.choice((-1.0, 1.0), problem.rows)
    u, v = ([_moves(rng, np.asarray(leaf)) for leaf in leaves] for _ in range(2))

    def weighted(*moving: Any) -> Any:
        return np.sum(weights * np.reshape(problem.flat_call(moving), -1))

    def derivative(t: Any) -> Any:
        gradient = grad(weighted, everything)(*(leaf + (t - 1.0) * step for leaf, step in zip(leaves, u)))
        total = np.sum(gradient[0] * v[0])
        for part, way in zip(gradient[1:], v[1:]):
            total = total + np.sum(part * way)
        return total

    return derivative


def _moves(rng: np.random.Generator, leaf: Array) -> Array:
    size = np.abs(leaf)
    typical = float(np.max(size, initial=0.0)) or 1.0
    signs = rng.uniform(0.5, 1.5, leaf.shape) * rng.choice((-1.0, 1.0), leaf.shape)
    return np.asarray(signs * np.where(size > 0, size, typical))[()]
