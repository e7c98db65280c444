"""Transposing a rule that a user wrote, and noticing when it is not linear.

A custom rule states one direction; the other is its transpose, read off a recording at
zeros.  That is right only if the rule is linear in its (co)tangents.  A rule that clips
gradients, branches on them or adds a constant is fine in its own direction and has no
other: transposed it would give a wrong derivative without a word.  So the recording
looks at each operation, and refuses with the line of the first one that is not linear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from diffkit.errors import UnsupportedArgumentError
from diffkit.recording import TapeLevel
from diffkit.reverse import transpose
from diffkit.rules.kinds import Elementwise, Linear, Multilinear, Rule
from diffkit.traced import Traced, sample

_SUMS = ("add", "subtract", "negative", "positive", "real", "imag")
_SHAPE_ONLY = ("zeros_like", "ones_like", "empty_like")


class LinearLevel(TapeLevel):
    """A recording of something that must be linear in its inputs."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def process(self, rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        active = tuple(i for i, arg in enumerate(args) if type(arg) is Traced and arg.level is self)
        if not _is_linear(rule, args, params, active):
            self.refuse(f"np.{rule.name}")
        return super().process(rule, args, params)

    def unary(self, rule: Elementwise, x: Traced) -> Any:
        if not _is_linear(rule, (x,), {}, (0,)):
            self.refuse(f"np.{rule.name}")
        return super().unary(rule, x)

    def binary(self, rule: Elementwise, a: Any, b: Any) -> Any:
        active = tuple(i for i, arg in enumerate((a, b)) if type(arg) is Traced and arg.level is self)
        if not _is_linear(rule, (a, b), {}, active):
            self.refuse(f"np.{rule.name}")
        return super().binary(rule, a, b)

    def concrete(self, traced: Traced, ask: Callable[[Any], Any]) -> Any:
        self.refuse("a branch or an index that depends on the value")

    def refuse(self, what: str) -> NoReturn:
        raise UnsupportedArgumentError(
            f"{self.name} is needed in the mode that its rule does not state, and can't be transposed: the rule is "
            f"not linear, it has {what} of its tangent or cotangent",
            "a rule that is linear in the tangents (custom_jvp) or in g (custom_vjp), or only the mode that it "
            "states: reverse for custom_vjp, forward for custom_jvp",
            "gradient clipping and rounding, which exist in one mode only")


def _is_linear(rule: Rule, args: Sequence[Any], params: dict[str, Any], active: tuple[int, ...]) -> bool:
    """Whether ``rule`` is linear in its active arguments together."""
    if rule.is_flat:
        return rule.name in _SHAPE_ONLY
    if isinstance(rule, Linear) or rule.name in _SUMS:
        return True
    if isinstance(rule, Multilinear) or rule.name == "multiply":
        return len(active) == 1
    if rule.name == "divide":
        return active == (0,)
    return _behaves_linearly(rule, args, params, active)


def _behaves_linearly(rule: Rule, args: Sequence[Any], params: dict[str, Any], active: tuple[int, ...]) -> bool:
    """The same by trial, for a rule whose kind does not tell: f(u + v) = f(u) + f(v), f(-cu) = -c f(u)."""
    rng = np.random.default_rng(0)
    plain = [sample(arg) for arg in args]
    u, v = ({i: rng.standard_normal(plain[i].shape).astype(plain[i].dtype) for i in active} for _ in range(2))

    def at(*terms: tuple[float, dict[int, Any]]) -> list[Any]:
        moved = [sum(c * w[i] for c, w in terms) if i in active else arg for i, arg in enumerate(plain)]
        found = rule.call(*moved, **params)
        return list(found) if rule.outputs else [found]

    with np.errstate(all="ignore"):
        for fu, fv, both, scaled in zip(at((1, u)), at((1, v)), at((1, u), (1, v)), at((-2.0**20, u))):
            size = np.max(np.abs(fu), initial=0) + np.max(np.abs(fv), initial=0)
            # Not "<=": an entry that is not finite says nothing about linearity.
            if np.any(np.abs(fu + fv - both) > 1e-4 * size) or np.any(np.abs(scaled / -2.0**20 - fu) > 1e-4 * size):
                return False
    return True


def transposed(name: str, function: Callable[..., Any], examples: Sequence[Any], cotangents: Sequence[Any]) -> Any:
    """The transpose of ``function`` (which must be linear) at ``cotangents``: one result an example."""
    level = LinearLevel(name)

    def checked(*inputs: Any) -> Any:
        results = function(*inputs)
        for result in results:
            value = sample(result)
            if value is not None and np.any((value != 0) & ~np.isnan(value)):
                level.refuse("a result at zero that is not zero, or one that does not depend on the value,")
        return results

    return transpose(checked, examples, cotangents, True, level)

