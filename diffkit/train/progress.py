"""What a training run shows of itself.

On a terminal one bar with the epoch, the newest numbers and the time left; anywhere else (a
log file, a notebook, a pipe) one plain line an epoch.  Both go to stderr, so that a program's
own output stays clean.  The bar is drawn at most ten times a second and from the loop's own
thread: what is shown costs no more than a clock reading a step.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, Literal

from diffkit.train.faults import TrainingError

__all__ = ["Progress", "make_progress"]

ProgressKind = Literal["auto", "bar", "lines"] | bool
_EVERY = 0.1  # seconds


class Progress:
    """Shows nothing; the others override what they need."""

    #: Whether ``step`` is worth calling after every minibatch.
    watches_steps = False

    def start(self, epoch: int, epochs: int, steps: int) -> None:
        """Training begins after ``epoch`` of ``epochs`` epochs, with ``steps`` steps each."""

    def step(self) -> None:
        """One more step is made."""

    def epoch(self, epoch: int, row: Mapping[str, Any]) -> None:
        """The numbers after ``epoch`` epochs."""

    def stop(self, why: str | None) -> None:
        """Training is over."""


def shown(row: Mapping[str, Any]) -> str:
    """A row of the history in one line.

    >>> shown({"loss": 0.123456, "accuracy": 0.9777, "lr": 1e-3, "grad_norm": 12.0})
    'loss 0.1235  accuracy 0.9777  lr 0.001  grad_norm 12'
    """
    return "  ".join(f"{name} {value:.4g}" if isinstance(value, (int, float)) else f"{name} {value}"
                     for name, value in row.items())


def compact(row: Mapping[str, Any]) -> str:
    """The same for a narrow terminal: training/validation in pairs, no gradient norm.

    >>> compact({"loss": 0.123456, "val_loss": 0.2, "lr": 1e-3, "grad_norm": 12.0, "accuracy": 0.9777})
    'loss 0.123/0.2 accuracy 0.978 lr 0.001'
    """
    def number(value: Any) -> str:
        return f"{value:.3g}" if isinstance(value, (int, float)) else str(value)

    names = [name for name in row if name not in ("grad_norm", "lr") and not
             (name.startswith("val_") and name[4:] in row)] + ["lr"] * ("lr" in row)
    return " ".join(f"{name} {number(row[name])}" + (f"/{number(row[f'val_{name}'])}" if f"val_{name}" in row else "")
                    for name in names)


class Lines(Progress):
    """One line an epoch."""

    def start(self, epoch: int, epochs: int, steps: int) -> None:
        self._epochs = epochs

    def epoch(self, epoch: int, row: Mapping[str, Any]) -> None:
        print(f"epoch {epoch:{len(str(self._epochs))}d}/{self._epochs}  {shown(row)}", file=sys.stderr, flush=True)

    def stop(self, why: str | None) -> None:
        if why:
            print(f"stopped: {why}", file=sys.stderr, flush=True)


class Bar(Progress):
    """A bar on a terminal, drawn by rich."""

    watches_steps = True

    def start(self, epoch: int, epochs: int, steps: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Drawing

        console = Console(stderr=True, highlight=False)
        self._drawing = Drawing(TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
                                BarColumn(24 if console.width >= 100 else 10),
                                TextColumn("{task.fields[numbers]}"), TimeRemainingColumn(compact=True),
                                console=console, auto_refresh=False)
        self._task = self._drawing.add_task("", total=epochs * steps, completed=epoch * steps, epoch=epoch,
                                            epochs=epochs, numbers="")
        self._made, self._per_epoch, self._next = epoch * steps, steps, 0.0
        self._drawing.start()

    def step(self) -> None:
        self._made += 1
        self._draw()

    def epoch(self, epoch: int, row: Mapping[str, Any]) -> None:
        self._made = epoch * self._per_epoch
        self._drawing.update(self._task, epoch=epoch, numbers=compact(row))
        self._draw()

    def _draw(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY
            self._drawing.update(self._task, completed=self._made, refresh=True)

    def stop(self, why: str | None) -> None:
        self._drawing.update(self._task, completed=self._made, refresh=True)
        self._drawing.stop()
        if why:
            self._drawing.console.print(f"stopped: {why}", markup=False)


def make_progress(kind: ProgressKind) -> Progress:
    """The display for ``fit(progress=kind)``: "auto" or True looks whether stderr is a terminal."""
    if kind is False or kind is None:
        return Progress()
    if kind not in (True, "auto", "bar", "lines"):
        raise TrainingError(f"progress={kind!r}", '"auto", "bar", "lines", True or False')
    if kind == "lines" or (kind != "bar" and not sys.stderr.isatty()):
        return Lines()
    return Bar()
