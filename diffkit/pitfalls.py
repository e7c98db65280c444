"""Programs whose derivative is a trap, each with the verdict that ``compare`` must give.

A derivative of the code is not always a derivative of what the code stands for.  Where
evaluations of f can show that, the verdict says so; where they can't (an iteration stopped
early is a smooth function of its own), a candidate from the model does: ``model`` is the
derivative of what was meant.

>>> from diffkit import pitfalls
>>> trap = pitfalls.PITFALLS["equality branch"]
>>> print(trap.story)
A special case for one value of x, right in value: the branch taken has another derivative.
>>> trap.compare().kind == trap.kind == "DISAGREE"
True

Sources: Hückelheim, Menon, Moses, Christianson, Hovland and Hascoët, "A taxonomy of automatic
differentiation pitfalls" (2024); Griewank and Walther, "Evaluating Derivatives" (2008), ch. 14-15.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.transforms import stop_gradient

if TYPE_CHECKING:
    from diffkit.comparison import Comparison

Function = Callable[..., Any]
_METHODS = ("forward", "reverse", "central")


@dataclasses.dataclass(frozen=True)
class Pitfall:
    """A trap.

    Attributes
    ----------
    name, story : str
        What it is called, and what goes wrong.
    f : callable
        The program.
    at : tuple
        Its arguments.
    kind, agree : str, bool or None
        The verdict of ``compare(f, *at)``.
    model : callable or None
        The derivative of what the program stands for.
    model_agrees : bool or None
        compare's answer with ``model`` among the methods.
    cure : str
        What to write instead.
    """

    name: str
    story: str
    f: Function
    at: tuple[Any, ...]
    kind: str
    agree: bool | None
    cure: str
    model: Function | None = None
    model_agrees: bool | None = None

    def compare(self, *, with_model: bool = False) -> Comparison:
        """Put forward, reverse, differences and the referee (and the model's derivative) on it."""
        from diffkit.comparison import compare
        methods = (*_METHODS, self.model) if with_model and self.model is not None else _METHODS
        return compare(self.f, *self.at, methods=methods)


def heron(x: Any) -> Any:
    """Square root by iteration, stopped as soon as the value is good."""
    y = 1.0 + 0 * x
    while abs(y * y - x) > 1e-2:
        y = (y + x / y) / 2
    return y


def settled(x: Any) -> Any:
    """The same, asked where its first guess is already right."""
    y = 1.0
    while abs(y * y - x) > 1e-3:
        y = (y + x / y) / 2
    return y + 0 * x


def fixed_point(x: Any) -> Any:
    """y = cos(x y), five steps of it."""
    y = 1.0
    for _ in range(5):
        y = np.cos(x * y)
    return y


def fixed_point_model(x: Any) -> Any:
    """By the implicit function theorem at the true fixed point."""
    y = 1.0
    for _ in range(500):
        y = np.cos(x * y)
    s = np.sin(x * y)
    return -s * y / (1 + s * x)


def special_case(x: Any) -> Any:
    """sin(x)/x with its limit at 0, as a constant."""
    return 1.0 + 0 * x if x == 0.5 else np.sin(x - 0.5) / np.where(x == 0.5, 1.0, x - 0.5) + x - 0.5


_TABLE = (np.arange(400) / 100) ** 2


def lookup(x: Any) -> Any:
    """A table of squares, read at the hundredth below."""
    return _TABLE[int(100 * x)] + 0 * x


def discretised(x: Any) -> Any:
    """A solver that prints three digits."""
    return np.round(np.exp(x), 3)


def chaotic(x: Any) -> Any:
    """The logistic map, 200 times."""
    for _ in range(200):
        x = 3.9 * x * (1 - x)
    return x


def impact_time(v: Any) -> Any:
    """When a ball comes down, counted in time steps."""
    t, height = 0.0, 1.0
    while height > 0:
        t = t + 1e-3
        height = 1 + v * t - 4.905 * t * t
    return t + 0 * v


def acceptance(p: Any) -> Any:
    """A Monte Carlo estimate with fixed random numbers: how many of them lie below p."""
    u = np.random.default_rng(0).random(1000)
    return np.mean(np.where(u < p, 1.0, 0.0)) + 0 * p


def cancelling(x: Any) -> Any:
    """(1 - cos x)/x², which is near 1/2."""
    return (1 - np.cos(x)) / x**2


def dead_branch(x: Any) -> Any:
    """Softplus, with an overflow in the branch that is not taken."""
    with np.errstate(over="ignore"):
        return np.where(x > 30, x, np.log(1 + np.exp(x)))


def naive_dead_branch(x: Any) -> Any:
    """Both branches differentiated and multiplied by a mask: inf/inf times 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        taken = np.where(x > 30, 1.0, 0.0)
        return taken * 1.0 + (1 - taken) * (np.exp(x) / (1 + np.exp(x)))


def frozen(x: Any) -> Any:
    """A factor that was detached and forgotten."""
    return stop_gradient(np.exp(x)) * x


def converted(x: Any) -> Any:
    """The value is taken out of the trace: math.sin takes a float."""
    return math.sin(x) * x


class _Counting:
    """A function that keeps a state from call to call."""

    __name__ = "stateful"

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        return x * self.calls


def noisy(x: Any) -> Any:
    """Fresh random numbers in every call."""
    return x**2 + 1e-3 * np.random.default_rng().normal()


def normalised(x: Any) -> Any:
    """The length of a vector, asked at the zero vector."""
    return np.sqrt(np.sum(x * x))


_CASES = [
    Pitfall("loop that stops on the primal",
            "The loop ends when the value has converged; its derivative comes behind and is not yet right.",
            heron, (1.9,), "AGREE", True,
            "implicit, or a stop that waits for the derivative too", lambda x: 0.5 / np.sqrt(x), False),
    Pitfall("loop that never ran",
            "At the first guess's own value the loop does not run: the code is constant there.",
            settled, (1.0,), "PIECEWISE-CONSTANT", None, "implicit", lambda x: 0.5 / np.sqrt(x), None),
    Pitfall("fixed point stopped early", "Five steps of an iteration are a smooth function, but not the fixed point.",
            fixed_point, (0.9,), "AGREE", True, "implicit", fixed_point_model, False),
    Pitfall("equality branch",
            "A special case for one value of x, right in value: the branch taken has another derivative.",
            special_case, (0.5,), "DISAGREE", False, "a series around the point, or a where with both slopes right",
            lambda x: 1.0, False),
    Pitfall("lookup by integer cast", "int(100 x) picks a table's entry: the code is constant between them.",
            lookup, (2.4023,), "PIECEWISE-CONSTANT", None, "np.interp", lambda x: 2 * x, None),
    Pitfall("discretised output", "A rounded result moves in steps: its derivative is 0 wherever it has one.",
            discretised, (0.7,), "PIECEWISE-CONSTANT", None, "round what is printed, not what is differentiated",
            np.exp, None),
    Pitfall("event counted in steps", "A time measured in whole steps does not move with the parameter.",
            impact_time, (3.0,), "PIECEWISE-CONSTANT", None, "interpolate the event, or solve for it"),
    Pitfall("counting random numbers", "An estimate that counts hits is a staircase in its parameter.",
            acceptance, (0.4,), "PIECEWISE-CONSTANT", None, "a reparameterised estimate", lambda p: 1.0, None),
    Pitfall("chaotic map", "Tangents grow without bound: every digit of the derivative is lost.",
            chaotic, (0.3,), "CHAOTIC", None, "a shorter window, or averages and their response"),
    Pitfall("cancellation", "1 - cos x loses all digits: nobody's derivative of this code is right.",
            cancelling, (1e-8,), "ILL-CONDITIONED", None, "2 sin²(x/2)/x²",
            lambda x: -x / 12, None),
    Pitfall("overflow in a dead branch",
            "The branch not taken overflows; a rule that multiplies by a mask gives NaN.",
            dead_branch, (np.array([800.0, 1.0]),), "AGREE", True, "nothing with diffkit; elsewhere a second where",
            lambda x: np.diag(naive_dead_branch(x)), False),
    Pitfall("forgotten stop_gradient", "A detached factor is missing from the derivative.",
            frozen, (0.5,), "DISAGREE", False, "take the stop_gradient out, or mean it",
            lambda x: np.exp(x) * (1 + x), False),
    Pitfall("value taken out of the trace", "math.sin needs a float and would drop the derivative: it is refused.",
            converted, (0.5,), "INCONCLUSIVE", None, "np.sin"),
    Pitfall("kink", "Two slopes meet; any number between them is a subgradient, and 0 is what diffkit takes.",
            np.abs, (0.0,), "KINK", True, "nothing, or a smooth function"),
    Pitfall("tied maximum", "Several entries are the largest: they share the derivative, or one takes it all.",
            np.max, (np.array([1.0, 3.0, 3.0]),), "KINK", True, "nothing", lambda x: np.array([0.0, 1.0, 0.0]), True),
    Pitfall("length of the zero vector", "Infinite slope of the root times zero slope of the square: NaN, at a kink.",
            normalised, (np.zeros(2),), "DISAGREE", False, "np.linalg.norm, or the square"),
    Pitfall("vertical tangent", "The square root's slope at 0 is infinite.",
            np.sqrt, (0.0,), "VERTICAL", True, "a small constant under the root"),
    Pitfall("jump", "A condition moves f itself: there is no derivative at the threshold.",
            lambda x: x + 1.0 if x >= 2 else x, (2.0,), "JUMP", None, "a smooth step"),
    Pitfall("state from call to call", "f answers differently the second time: no difference of it means anything.",
            _Counting(), (2.0,), "NONDETERMINISTIC", None, "pass the state as an argument"),
    Pitfall("fresh random numbers", "Every call draws anew.",
            noisy, (2.0,), "NONDETERMINISTIC", None, "a seeded generator, or the noise as an argument"),
    Pitfall("nothing to differentiate", "f returns whole numbers.",
            lambda x: np.sum(np.array([1, 2]) > x), (1.5,), "REFUSED", None, "a result of floats"),
]

#: Every pitfall by name.
PITFALLS = {pitfall.name: pitfall for pitfall in _CASES}



def markdown() -> str:
    """All pitfalls as a Markdown table: the page in the documentation is made of it."""
    lines = ["| pitfall | what happens | compare says | what to write instead |", "|:--|:--|:--|:--|"]
    for trap in PITFALLS.values():
        refused = "; the model's derivative is refused" if trap.model_agrees is False and trap.agree else ""
        lines.append(f"| {trap.name} | {trap.story} | {trap.kind}{refused} | {trap.cure} |")
    return "\n".join(lines) + "\n"


__all__ = ["PITFALLS", "Pitfall", "markdown"]
