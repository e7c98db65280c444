"""The training loop: epochs of steps, with a position that can be left and taken up again.

A step is: take the rows, loss and gradient, look whether both are numbers, clip, let the
optimizer move.  The loop owns its copies of parameters (:mod:`diffkit.train.holding`) and
state and lets the optimizer write over them, so nothing of the caller's is touched and
nothing is allocated twice.

After every whole epoch the loop takes a *snapshot*, copies of parameters and state.  What
goes wrong in the middle of an epoch (a NaN, Ctrl-C in the middle of an update) is as if that
epoch had never begun: the last snapshot, or the best one, is what comes out.

Two random streams come from one seed, one for the order of the rows, one for what the loss
draws (dropout), so that dropout does not change the minibatches.  Their states belong to the
position, as do the counters of early stopping and of plateaus: a run that is resumed makes
the same numbers, to the last bit, as one that was never interrupted.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import numpy as np

from diffkit.errors import DiffkitError
from diffkit.optim import ClipGlobalNorm, Optimizer, clip_global_norm
from diffkit.train.faults import TrainingError, check_count
from diffkit.train.finite import diverged, norm_of
from diffkit.train.history import History, counted, measured, record
from diffkit.train.holding import Holding
from diffkit.train.minibatches import Rows, minibatches
from diffkit.train.plateaus import own_copy, plateaus_of
from diffkit.train.position import Snapshot, as_dict, copied, from_dict
from diffkit.train.progress import Progress
from diffkit.train.stopping import EarlyStopping
from diffkit.transforms import value_and_grad

__all__ = ["Epoch", "Loop", "accepts_rng"]

#: Steps from which ``compile="auto"`` compiles: recording costs as much as some hundred eager steps.
WORTH_COMPILING = 1000

Loss = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Epoch:
    """What a callback gets to see after an epoch.

    ``row`` is this epoch's line of the history; what a callback adds to it is recorded and shown.
    ``params`` and ``state`` are copies that may be kept.
    """

    epoch: int
    epochs: int
    params: Any
    state: dict[str, Any]
    row: dict[str, Any]
    history: History


def accepts_rng(loss: Loss) -> bool:
    """Whether a loss has a parameter called ``rng``, and so wants random numbers while training."""
    try:
        return "rng" in inspect.signature(loss).parameters
    except (TypeError, ValueError):
        return False


class Loop:
    """One training run; :func:`diffkit.train.fit` is its public face and documents the settings."""

    def __init__(self, loss: Loss, params: Any, data: Any, optimizer: Optimizer, *, epochs: int,
                 batch_size: int | None, validation: Any, early_stopping: EarlyStopping | None,
                 callbacks: Iterable[Callable[[Epoch], Any]], clip: float | None, check: bool,
                 compile: bool | Literal["auto"], seed: np.random.Generator | int, progress: Progress,
                 after_epoch: Iterable[Callable[[Loop], Any]] = ()) -> None:
        self.epochs = check_count("epochs", epochs, 0)
        self.data = Rows(data)
        self.batch_size = self.data.count if batch_size is None else check_count("batch_size", batch_size, 1)
        self.steps_per_epoch = -(-self.data.count // self.batch_size)
        self.loss, self.draws = loss, accepts_rng(loss)
        self.gradient = value_and_grad(loss)
        if compile is True or (compile == "auto" and self.epochs * self.steps_per_epoch >= WORTH_COMPILING):
            from diffkit.compiling import compile as compiled

            self.gradient = compiled(self.gradient)
        self.optimizer = own_copy(optimizer)
        self.plateaus = plateaus_of(self.optimizer)
        self.measure = self._measure(validation)
        self.stopping = None
        if early_stopping is not None:
            if not isinstance(early_stopping, EarlyStopping):
                raise TrainingError(f"early_stopping={early_stopping!r}", "train.EarlyStopping(patience=20), or None")
            self.stopping = EarlyStopping(early_stopping.patience, early_stopping.min_delta,
                                          early_stopping.restore_best)
        self.callbacks, self.after_epoch = tuple(callbacks), tuple(after_epoch)
        self.clip, self.check, self.progress = clip, check, progress
        if clip is not None:
            ClipGlobalNorm(clip)  # raises for a bound that is not positive
        self.rng = np.random.default_rng(seed)
        self.noise = self.rng.spawn(1)[0] if self.draws else None
        self.optimizer.init(params)  # looks at params, and names a leaf that it can't move
        self.holding = Holding(params, self.optimizer)
        self.state: dict[str, Any] = self.optimizer.init(self.holding.held)
        self.rows: History = {}
        self.standing = [plateau.memory() for plateau in self.plateaus]
        self.last = self._snapshot(0)
        self.best: Snapshot | None = None
        self.best_value = math.inf

    @property
    def history(self) -> History:
        """The numbers of the epochs that count."""
        return counted(self.rows, self.last.epoch)

    def _snapshot(self, epoch: int) -> Snapshot:
        noise = None if self.noise is None else self.noise.bit_generator.state
        return Snapshot(copied(self.holding.params), copied(self.state), epoch, self.rng.bit_generator.state, noise)

    def _measure(self, validation: Any) -> Callable[[Any], Any] | None:
        """From parameters to validation numbers: a dict of metrics, or the loss."""
        if validation is None:
            return None
        if callable(validation):
            return lambda params: validation(params)
        arguments = Rows(validation, "validation").all()
        quiet: dict[str, Any] = {"rng": None} if self.draws else {}
        return lambda params: self.loss(params, *arguments, **quiet)

    def check_schedule(self) -> None:
        """Ask the learning rate of the last step: a schedule that ends early is better known now."""
        last = self.epochs * self.steps_per_epoch - 1
        if last >= 0 and self.stopping is None:
            self.optimizer.current_lr({"step": last})

    def run(self) -> str | None:
        """Train until the end; returns why it ended early ("early_stopping", "callback") or None."""
        if self.stopping is not None and self.stopping.exhausted:
            return "early_stopping"
        while self.last.epoch < self.epochs:
            loss, norm = self._epoch(self.last.epoch + 1)
            why = self._close_epoch(loss, norm)
            if why is not None:
                return why
        return None

    def _batches(self) -> Iterable[tuple[int, tuple[Any, ...]]]:
        if self.batch_size >= self.data.count:
            # All rows in their own order: nothing to draw, nothing to copy.
            yield self.data.count, self.data.all()
            return
        for rows in minibatches(self.data.count, self.batch_size, self.rng):
            yield len(rows), self.data.take(rows)

    def _epoch(self, epoch: int) -> tuple[float, float]:
        """All steps of an epoch: the mean of the losses (by rows) and of the gradient norms."""
        optimizer, gradient, check, clip = self.optimizer, self.gradient, self.check, self.clip
        holding = self.holding
        watches = self.progress.watches_steps
        noise = {"rng": self.noise} if self.draws else {}
        total = norms = 0.0
        for rows, batch in self._batches():
            held = holding.held
            point = optimizer.grad_point(held, self.state)
            value, grads = gradient(holding.params if point is held else holding.spread(point), *batch, **noise)
            joined = holding.join(grads)
            value, norm = float(value), norm_of(joined)
            if check and not (math.isfinite(value) and math.isfinite(norm)):
                raise diverged(value, grads, holding.params, self.data, self.state["step"], epoch)
            if clip is not None and norm > clip:
                joined, _ = clip_global_norm(joined, clip)
            self.state = holding.step(joined, self.state)
            total += value * rows
            norms += norm
            if watches:
                self.progress.step()
        return total / self.data.count, norms / self.steps_per_epoch

    def _close_epoch(self, loss: float, norm: float) -> str | None:
        """Measure, call back, remember, adapt: all that happens between epochs."""
        now = self._snapshot(self.last.epoch + 1)
        row: dict[str, Any] = {"loss": loss}
        if self.measure is not None:
            row.update(measured(self.measure(now.params)))
        watched = float(row["val_loss"] if self.measure is not None else loss)
        row["lr"] = self.optimizer.current_lr({"step": self.state["step"] - 1})
        row["grad_norm"] = norm
        stop = False
        for callback in self.callbacks:
            stop = bool(callback(Epoch(now.epoch, self.epochs, now.params, now.state, row, self.history))) or stop
        stopped = self._count(now, row, watched)
        self.progress.epoch(now.epoch, row)
        for function in self.after_epoch:
            function(self)
        return "early_stopping" if stopped else "callback" if stop else None

    def _count(self, now: Snapshot, row: Mapping[str, Any], watched: float) -> bool:
        """Make it count, wholly or not at all: Ctrl-C may come between any two lines.  Whether to stop early."""
        record(self.rows, self.last.epoch, row)
        stopping, plateaus = copy.copy(self.stopping), [copy.copy(plateau) for plateau in self.plateaus]
        for plateau in plateaus:
            plateau.step(watched)
        stopped = stopping is not None and stopping.update(watched, now.epoch)
        after: dict[str, Any] = {"last": now, "stopping": stopping,
                                 "standing": [plateau.memory() for plateau in plateaus]}
        if self.best is None or watched < self.best_value:
            after.update(best=now, best_value=watched if watched == watched else math.inf)
        self.__dict__.update(after)
        for plateau, memory in zip(self.plateaus, self.standing):
            plateau.restore(memory)
        return stopped

    def position(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on, as plain data (what a checkpoint holds)."""
        return {
            **as_dict(self.last),
            "best": None if self.best is None else as_dict(self.best), "best_value": self.best_value,
            "stopping": None if self.stopping is None else self.stopping.memory(),
            "plateaus": self.standing, "history": self.history,
        }

    def take_up(self, position: Mapping[str, Any]) -> None:
        """Continue from a position.  Raises TrainingError if it belongs to another training."""
        try:
            self.last = from_dict(position, self.holding.params, self.optimizer)
            best = position["best"]
            self.best = None if best is None else from_dict(best, self.holding.params, self.optimizer)
            self.best_value = float(position["best_value"])
            self.rng.bit_generator.state = self.last.rng
            if self.noise is not None:
                self.noise.bit_generator.state = self.last.noise
            if self.stopping is not None and position["stopping"] is not None:
                self.stopping.restore(position["stopping"])
            for plateau, memory in zip(self.plateaus, position["plateaus"], strict=True):
                plateau.restore(memory)
            self.standing = [plateau.memory() for plateau in self.plateaus]
            self.rows = {name: list(values) for name, values in position["history"].items()}
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, DiffkitError):
                raise
            raise TrainingError(f"resume: this position does not belong to this training ({error})",
                                "a checkpoint of fit with the same loss, optimizer and kind of seed",
                                "a file of another program; a loss that draws now and did not then") from None
        self.holding, self.state = Holding(self.last.params, self.optimizer), copied(self.last.state)
