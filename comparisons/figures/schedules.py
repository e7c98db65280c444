"""Learning rates over the steps: Straka's three decays under Keras's names, and what is only named there.

PolynomialDecay, ExponentialDecay and CosineDecay from 0.1 to 0.001 in 1000 steps; warm-up, cycles and restarts.

    python -m comparisons.figures.schedules [FILE]
"""

from __future__ import annotations

import sys
from typing import Any

from comparisons.figures.shared import new_axes, report
from diffkit import schedules

STEPS = 1000
#: Schedule, and its rate at steps 0, 500 and 1000.
DECAYS = {"PolynomialDecay": (schedules.polynomial(0.1, STEPS, 0.001), (0.1, 0.0505, 0.001)),
          "PolynomialDecay, power 2": (schedules.polynomial(0.1, STEPS, 0.001, 2.0), (0.1, 0.02575, 0.001)),
          "ExponentialDecay": (schedules.exponential(0.1, 0.01, STEPS), (0.1, 0.01, 0.001)),
          "CosineDecay": (schedules.cosine(0.1, STEPS, 0.001), (0.1, 0.0505, 0.001))}
OTHERS = {"warm-up, then cosine": schedules.warmup_cosine(0.1, 100, STEPS),
          "cosine with restarts, each twice as long": schedules.cosine_restarts(0.1, 143, 2),
          "cyclic, triangular2": schedules.cyclic(0.001, 0.1, 120, mode="triangular2"),
          "one cycle": schedules.one_cycle(0.1, STEPS),
          "inverse square root": schedules.inverse_sqrt(0.1)}


def run() -> Any:
    """Print the three decays at three steps; the rates of all at every step."""
    report("learning rate", [(f"{name}, step {step}", schedule(step), expected)
                             for name, (schedule, rates) in DECAYS.items()
                             for step, expected in zip((0, 500, 1000), rates)])
    made = {**{name: schedule for name, (schedule, _) in DECAYS.items()}, **OTHERS}
    return {name: [schedule(step) for step in range(STEPS)] for name, schedule in made.items()}


def plot(rates: Any, ax: Any = None) -> Any:
    """One line for each schedule."""
    ax = ax or new_axes()
    for name, values in rates.items():
        ax.plot(values, label=name)
    ax.set(xlabel="step", ylabel="learning rate", ylim=(0, 0.15))
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8, loc="upper right", ncol=2)
    return ax


if __name__ == "__main__":
    found = run()
    if len(sys.argv) > 1:
        from matplotlib import pyplot

        figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
        plot({name: found[name] for name in DECAYS}, left)
        plot({name: found[name] for name in OTHERS}, right)
        figure.savefig(sys.argv[1], dpi=100)
