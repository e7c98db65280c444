"""The schemes by name, and what every public function does before its first step.

``auto`` looks at both sides and does with one where it must; ``central`` insists on both;
``forward`` and ``backward`` never look at the other side.  With ``step=`` the last three
are the classical formulas.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from diffkit.errors import InputError, NumericError
from diffkit.numeric.adaptive import first_derivative
from diffkit.numeric.evaluation import Evaluator
from diffkit.numeric.fixed import classical, read_step, richardson
from diffkit.numeric.inputs import Entries, read
from diffkit.numeric.lines import Line, Scheme
from diffkit.numeric.result import Estimate

SCHEMES = ("auto", "backward", "central", "complex-step", "forward", "richardson")
_STEPPED = ("backward", "central", "forward", "richardson")


@dataclasses.dataclass(frozen=True)
class Setup:
    """x taken apart, f ready to be evaluated, and the scheme to use."""

    entries: Entries
    evaluator: Evaluator
    scheme: str
    step: float | None

    def along(self, line: Line) -> tuple[Line, Scheme[Estimate]]:
        """A line with the scheme that will walk it."""
        base, bits = self.evaluator.base, self.evaluator.bits
        if self.scheme == "richardson":
            return line, richardson(line, base, bits, self.step)
        if self.step is not None:
            return line, classical(line, base, bits, self.scheme, self.step)
        return line, first_derivative(line, base, bits, one_sided=self.scheme != "central")


def set_up(f: Callable[[Any], Any], x: Any, scheme: str, step: float | None, bounds: Any, vectorized: bool,
           workers: int | Callable[..., Any] | None, dtype: Any, plain: bool = False) -> Setup:
    """Check the options, take x apart (with ``plain`` only a real number or array will do), evaluate f there once."""
    if scheme not in SCHEMES:
        raise NumericError(f"scheme={scheme!r} is unknown", f"one of {', '.join(SCHEMES)}")
    if step is not None:
        if scheme not in _STEPPED:
            raise NumericError(f"scheme={scheme!r} chooses its own steps, and step={step!r} was given",
                               f"step= with one of {', '.join(_STEPPED)}")
        step = read_step(step)
    entries = read(x, bounds, dtype)
    if plain and (not entries.single or entries.leaves[0].complex):
        raise InputError("x is not a real number or a real array",
                         "gradient(f, x) or jacobian(f, x), which take containers and complex numbers")
    evaluator = Evaluator(f, entries, vectorized, workers)
    if scheme == "forward":
        entries = dataclasses.replace(entries, low=entries.values)
    if scheme == "backward":
        entries = dataclasses.replace(entries, high=entries.values)
    return Setup(entries, evaluator, scheme, step)
