"""The schemes by name, what every public function does before its first step, and who answers which question.

``auto`` looks at both sides and does with one where it must; ``central`` insists on both;
``forward`` and ``backward`` never look at the other side; ``richardson`` extrapolates central
quotients at halved steps; ``complex-step`` leaves the real line.  Each answers every question:
any order along a line, and mixed second derivatives in a plane.  With ``step=`` the middle four
are the classical formulas.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.errors import InputError, NumericError
from diffkit.numeric.adaptive import first_derivative
from diffkit.numeric.complex_step import complex_steps
from diffkit.numeric.evaluation import Evaluator
from diffkit.numeric.fixed import classical, read_step
from diffkit.numeric.higher import mixed_derivative, nth_derivative
from diffkit.numeric.inputs import Entries, read
from diffkit.numeric.lines import Line, Scheme, run
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

    def estimates(self, lines: Sequence[Line], order: int = 1) -> list[Estimate]:
        """The derivative of ``order`` along every line, in every plane the mixed one; each estimate (m,)."""
        evaluator = self.evaluator
        nothing = [Estimate.blank(evaluator.base.size, evaluator.dtype) for _ in lines]
        if evaluator.base.size == 0:
            return nothing
        if self.scheme == "complex-step":
            return complex_steps(evaluator, lines, order)
        if not bool(np.isfinite(evaluator.base).any()):
            return nothing
        side = {"forward": 1, "backward": -1}.get(self.scheme, 0)
        halves = [line.towards(side) for line in lines]
        return run([(line, self._along(line, order)) for line in halves], evaluator)

    def _along(self, line: Line, order: int) -> Scheme[Estimate]:
        base, bits = self.evaluator.base, self.evaluator.bits
        if self.step is not None:
            return classical(line, base, bits, order, self.scheme, self.step)
        return adaptive(line, base, bits, order, self.scheme)


def adaptive(line: Line, base: Any, bits: int, order: int, scheme: str) -> Scheme[Estimate]:
    """A derivative along a line or in a plane by a scheme of ``SIDES``, its steps chosen from what f shows."""
    if line.plane:
        return mixed_derivative(line, base, bits, scheme)
    if order == 1 and scheme != "richardson":
        return first_derivative(line, base, bits, one_sided=scheme != "central")
    return nth_derivative(line, base, bits, order, scheme)


def read_order(n: Any) -> int:
    """A whole number of at least 1, or NumericError."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise NumericError(f"n={n!r} is not an order", "a whole number, at least 1")
    return int(n)


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
    return Setup(entries, Evaluator(f, entries, vectorized, workers), scheme, step)
