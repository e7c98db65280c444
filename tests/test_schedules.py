"""Schedules against optax's and torch's rates at every step, and against the notes' numbers."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib

import numpy as np
import pytest

from diffkit import schedules as s
from diffkit.errors import DiffkitError

REFERENCES = json.loads((pathlib.Path(__file__).parent / "data" / "training_references.json")
                        .read_text(encoding="utf-8"))["schedules"]
CYCLE = {"max_lr": 0.1, "step_size_up": 7, "step_size_down": 11}

OPTAX = {
    "linear": s.linear(0.1, 100, 0.01),
    "polynomial": s.polynomial(0.1, 100, 0.01, 2.5),
    "exponential": s.exponential(0.1, 0.5, 30),
    "exponential_staircase": s.exponential(0.1, 0.5, 30, staircase=True),
    "cosine": s.cosine(0.1, 100, 0.01),
    "warmup_cosine": s.warmup_cosine(0.1, 20, 120, 0.01, 0.001),
    "piecewise": s.piecewise(0.1, {30: 0.5, 90: 0.1}),
    "join": s.join([s.constant(0.2), s.linear(0.1, 50)], [40]),
}
TORCH = {
    "polynomial": s.polynomial(0.1, 100, power=2.0),
    "exponential": s.exponential(0.1, 0.97),
    "cosine": s.cosine(0.1, 100, 0.01),
    "cosine_restarts": s.cosine_restarts(0.1, 13, end=0.01),
    "cosine_restarts_mult": s.cosine_restarts(0.1, 13, mult=2),
    "cyclic": s.cyclic(0.01, **CYCLE),
    "cyclic_triangular2": s.cyclic(0.01, mode="triangular2", **CYCLE),
    "cyclic_exp_range": s.cyclic(0.01, mode="exp_range", gamma=0.98, **CYCLE),
    "one_cycle": s.one_cycle(0.1, 100),
    "one_cycle_linear": s.one_cycle(0.1, 90, 0.25, 10.0, 100.0, "linear"),
    "step_decay": s.step_decay(0.1, 30),
    "piecewise": s.piecewise(0.1, {30: 0.5, 90: 0.5}),
}
ALL = [*OPTAX.values(), *TORCH.values(), s.inverse_sqrt(0.1), s.constant(0.1), s.warmup(s.inverse_sqrt(0.1), 5)]


@pytest.mark.parametrize(("library", "name", "schedule"), [
    (library, name, schedule) for library, table in (("optax", OPTAX), ("torch", TORCH))
    for name, schedule in table.items()
])
def test_equals_the_library(library, name, schedule):
    wanted = REFERENCES[library][name]
    np.testing.assert_allclose([schedule(step) for step in range(len(wanted))], wanted, rtol=1e-12, atol=1e-15)


def test_every_stored_schedule_is_used():
    assert set(OPTAX) == set(REFERENCES["optax"]) and set(TORCH) == set(REFERENCES["torch"])


@pytest.mark.parametrize("run", REFERENCES["plateau"]["runs"], ids=lambda run: str(run["knobs"]))
def test_plateau_equals_torch(run):  # row 58
    plateau = s.ReduceOnPlateau(1.0, **run["knobs"])
    found = [plateau.step(metric) for metric in REFERENCES["plateau"]["metrics"]]
    np.testing.assert_allclose(found, run["rates"], rtol=1e-14)
    assert len(set(found)) > 2  # the case says something


def test_plateau_resumes():
    metrics = REFERENCES["plateau"]["metrics"]
    make = lambda: s.ReduceOnPlateau(1.0, patience=3, cooldown=2)
    whole, first, second = make(), make(), make()
    rates = [whole.step(metric) for metric in metrics]
    half = [first.step(metric) for metric in metrics[:17]]
    second.restore(json.loads(json.dumps(first.memory())))
    assert half + [second.step(metric) for metric in metrics[17:]] == rates
    assert second(0) == rates[-1]
    with pytest.raises(s.ScheduleError, match="best"):
        second.restore({"lr": 1.0})


def test_plateau_takes_nan_for_no_improvement():
    plateau = s.ReduceOnPlateau(1.0, patience=1)
    assert [plateau.step(metric) for metric in (1.0, math.nan, math.nan)] == [1.0, 1.0, 0.1]


@pytest.mark.parametrize(("schedule", "rates"), [
    (s.linear(0.1, 100), {0: 0.1, 25: 0.075, 50: 0.05, 75: 0.025, 100: 0.0, 1000: 0.0}),          # row 53
    (s.inverse_sqrt(0.1), {0: 0.1, 3: 0.05, 8: 0.1 / 3}),                                         # row 54
    (s.exponential(0.1, 0.01, 100), {0: 0.1, 25: 0.0316227766, 50: 0.01, 75: 0.00316227766, 100: 0.001}),  # row 55
    (s.exponential(0.1, math.exp(-0.02)), {50: 0.1 * math.exp(-1)}),
    (s.cosine(0.1, 100), {0: 0.1, 25: 0.0853553391, 50: 0.05, 75: 0.0146446609, 100: 0.0, 101: 0.0}),  # row 56
    (s.warmup(s.cosine(0.1, 100), 10), {0: 0.0, 5: 0.05, 10: 0.1, 60: 0.05, 110: 0.0}),           # row 57
    (s.warmup(s.constant(0.1), 0, start=1.0), {0: 0.1}),
    (s.linear(0.1, 1000, 0.001), {0: 0.1, 500: 0.0505, 1000: 0.001}),                             # row 59
    (s.exponential(0.1, 0.01, 1000), {500: 0.01, 1000: 0.001}),
    (s.cosine(0.1, 1000, 0.001), {500: 0.0505, 1000: 0.001}),
    (s.one_cycle(0.1, 100), {99: 0.1 / 25e4, 500: 0.1 / 25e4}),
    (s.one_cycle(0.1, 10, pct_start=0.0), {0: 0.1 * (0.5 + 0.5 * math.cos(math.pi / 10)) + 0.1 / 25e4
                                           * (0.5 - 0.5 * math.cos(math.pi / 10))}),
    (s.one_cycle(0.1, 10, pct_start=1.0), {9: 0.1}),
])
def test_numbers(schedule, rates):
    for step, rate in rates.items():
        assert schedule(step) == pytest.approx(rate, rel=1e-8, abs=1e-16)


@pytest.mark.parametrize("schedule", ALL, ids=str)
def test_a_schedule_is_a_value(schedule):
    assert type(schedule(np.int64(3))) is float and schedule(np.int64(3)) == schedule(3)
    assert eval_like(schedule) == schedule
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.lr = 1.0


def eval_like(schedule):
    """The same schedule made anew from its own fields."""
    return type(schedule)(**{f.name: getattr(schedule, f.name) for f in dataclasses.fields(schedule) if f.init})


@pytest.mark.parametrize("make", [
    lambda: s.constant(-0.1), lambda: s.constant(math.nan), lambda: s.constant("0.1"), lambda: s.linear(0.1, 0),
    lambda: s.linear(0.1, 10.5), lambda: s.linear(0.1, 10, -1.0), lambda: s.polynomial(0.1, 10, power=0.0),
    lambda: s.inverse_sqrt(math.inf), lambda: s.exponential(0.1, 0.0), lambda: s.exponential(0.1, 0.9, 0),
    lambda: s.cosine(0.1, -5), lambda: s.warmup(0.1, 10), lambda: s.warmup(s.constant(0.1), -1),
    lambda: s.warmup_cosine(0.1, 10, 10), lambda: s.cosine_restarts(0.1, 0), lambda: s.cosine_restarts(0.1, 5, 0),
    lambda: s.cyclic(0.1, 0.01, 5), lambda: s.cyclic(0.1, 0.2, 5, mode="saw"), lambda: s.cyclic(0.1, 0.2, 5, 0),
    lambda: s.one_cycle(0.1, 1), lambda: s.one_cycle(0.1, 10, 1.5), lambda: s.one_cycle(0.1, 10, anneal="exp"),
    lambda: s.one_cycle(0.1, 10, div_factor=0.0), lambda: s.step_decay(0.1, 0), lambda: s.step_decay(0.1, 5, -1.0),
    lambda: s.piecewise(0.1, [(3, 0.1)]), lambda: s.piecewise(0.1, {-3: 0.1}), lambda: s.piecewise(0.1, {3: -0.1}),
    lambda: s.join([s.constant(0.1)], [5]), lambda: s.join([s.constant(0.1), 0.2], [5]),
    lambda: s.join([s.constant(0.1)] * 3, [5, 4]),
    lambda: s.ReduceOnPlateau(0.1, factor=1.0), lambda: s.ReduceOnPlateau(0.1, factor=0.0),
    lambda: s.ReduceOnPlateau(0.1, patience=-1), lambda: s.ReduceOnPlateau(0.1, mode="least"),
    lambda: s.ReduceOnPlateau(0.1, threshold_mode="relative"), lambda: s.ReduceOnPlateau(-0.1),
])
def test_bad_arguments(make):
    with pytest.raises(s.ScheduleError) as caught:
        make()
    assert isinstance(caught.value, DiffkitError) and isinstance(caught.value, ValueError)
    assert caught.value.want


def test_unknown_keywords_are_refused():
    with pytest.raises(TypeError, match="steps"):
        s.linear(0.1, steps=10)
