"""Measuring the evidence: a few dozen evaluations of f, made when somebody looks.

The differences here are the plainest there are, written out once more: the curve is to show
what *any* difference quotient sees at this entry, so it must not be wiser than that.  The
lines of central, forward and backward differences fall with the step (slopes 2, 1, 1: what the
formula leaves out) and rise again (slope -1: f's rounding over the step); an exact method is
a level below the bottom of that V, and a wrong one a level above it.

Everything is asked of copies of the arguments, and what f raises beside the point is a gap
in a line, never an error of the report.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from diffkit.comparison.evidence import FLOOR, Curve, Entries, Evidence, Graph, Level, Line, Profile, Taylor
from diffkit.comparison.finding import Finding
from diffkit.comparison.judgement import JUMP, KINK, NOISY, STAIRCASE, VERTICAL, Judgement
from diffkit.comparison.methods import REFEREE, RULES, Witness
from diffkit.comparison.problem import Array, Problem

#: Steps of the curve, relative to |x|, and of the Taylor remainders.
_STEPS = 10.0 ** -np.linspace(0.5, 15.5, 46)
_HALVINGS = 0.5 ** np.arange(0, 22)
#: An evaluation of f may take so many seconds for the evidence to be worth its price, and all of it so many.
_SLOW, _LONGEST = 0.03, 3.0
_MOST_ENTRIES = 240


def gather(problem: Problem, witnesses: Sequence[Witness], judged: Judgement, findings: Sequence[Finding],
           seed: int, program: Problem | None = None) -> Evidence:
    """Everything there is to see about a comparison that was made.

    ``program`` is the question whose run is drawn, where ``problem`` is a projection of it.
    """
    from diffkit.comparison.recorded import graph_of

    entry = _worst(judged, witnesses)
    notes, found = [], {}
    ran = [w for w in witnesses if w.ran]
    entries = _by_entry(problem, ran, judged)
    at = problem.isolated()
    at = at.raised() if problem.low_precision else at
    if problem.seconds > _SLOW:
        notes.append(f"no curves: f takes {problem.seconds:.2g} s, and they need about 150 evaluations")
    elif np.iscomplexobj(problem.point):
        notes.append("no curves: they are drawn for real arguments")
    else:
        probe = _Probe(at, problem.entry(*entry))
        rough = judged.words[entry] in (KINK, JUMP, VERTICAL, STAIRCASE, NOISY)
        parts: list[tuple[str, Callable[[], object]]] = [
            ("curve", lambda: _curve(probe, ran, judged, entry)),
            ("taylor", lambda: None if rough else _taylor(probe, ran, judged, seed)),
            ("profile", lambda: _profile(probe, entry) if rough else None)]
        for name, measure in parts:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                found[name] = measure()
    graph: Graph | None = None
    try:
        graph = graph_of(at if program is None else program, findings, judged)
    except Exception as error:  # f can't be recorded: the verdict has said so
        notes.append(f"no graph: {str(getattr(error, 'what', error)).splitlines()[0]}")
    return Evidence(entries=entries, graph=graph, notes=tuple(notes), **found)  # type: ignore[arg-type]


def _worst(judged: Judgement, witnesses: Sequence[Witness]) -> tuple[int, int]:
    """The entry to look at: the one most in error, else one that is not smooth, else the largest derivative."""
    accused = np.zeros(judged.reference.shape)
    for w in witnesses:
        mask = judged.wrong.get(w.method)
        if w.value is not None and mask is not None:
            accused = np.fmax(accused, np.where(mask, _errors(w.value, judged.reference), 0))
    special = ~np.isin(judged.words, ("ok", "one-sided"))
    size = np.nan_to_num(np.abs(judged.reference), nan=0.0, posinf=0.0)
    for score in (accused, special.astype(float), size):
        if score.any():
            row, column = np.unravel_index(int(np.argmax(np.nan_to_num(score, posinf=1e300))), score.shape)
            return int(row), int(column)
    return 0, 0


def _errors(value: Array, reference: Array) -> Array:
    """|value - reference|, relative to the reference where it is not 0."""
    with np.errstate(all="ignore"):
        size = np.where(reference != 0, np.abs(reference), 1.0)
        return np.maximum(np.abs(value - reference) / size, FLOOR)


def _visible(quotients: Array, reference: Array) -> Array:
    """Errors to draw: where rounding hits the reference by luck there is a gap, unless it mostly does."""
    errors = _errors(quotients, reference)
    lucky = errors <= FLOOR
    return np.where(lucky & (lucky.sum() < 0.6 * len(errors)), np.nan, errors)


class _Probe:
    """f's flat result as a function of a move of the flat point; NaN where f fails; out of time, NaN."""

    def __init__(self, problem: Problem, name: str) -> None:
        self.problem, self.name = problem, name
        self.point = np.asarray(problem.point, np.float64)
        self.until = time.perf_counter() + _LONGEST
        self.base = self(np.zeros(self.point.size))

    def __call__(self, move: Array) -> Array:
        nothing = np.full(self.problem.rows, np.nan)
        if time.perf_counter() > self.until:
            return nothing
        leaves, start = [], 0
        for leaf in self.problem.moving.leaves:
            stop = start + int(np.size(leaf))
            moved = (self.point + move)[start:stop].reshape(np.shape(leaf)).astype(np.asarray(leaf).dtype)
            leaves.append(moved[()])
            start = stop
        try:
            out = np.reshape(self.problem.flat_call(leaves), -1)
        except Exception:
            return nothing
        return out if out.shape == nothing.shape else nothing

    def along(self, column: int) -> tuple[Array, float]:
        """A unit move of one input, and its natural scale."""
        move = np.zeros(self.point.size)
        move[column] = 1.0
        return move, float(abs(self.point[column])) or 1.0


def _line(name: str, family: str, x: Array, y: Array, wrong: bool = False) -> Line:
    kept = np.isfinite(y) & np.isfinite(x)
    return Line(name, family, tuple(map(float, x[kept])), tuple(map(float, y[kept])), wrong)


def _curve(probe: _Probe, ran: Sequence[Witness], judged: Judgement, entry: tuple[int, int]) -> Curve | None:
    row, column = entry
    reference = judged.reference[entry]
    if not np.isfinite(reference):
        return None
    move, scale = probe.along(column)
    steps = scale * _STEPS
    x = probe.point[column]
    right = np.array([probe(move * h)[row] for h in steps])
    left = np.array([probe(-move * h)[row] for h in steps])
    ahead, behind = (x + steps) - x, x - (x - steps)
    base = probe.base[row]
    quotients = {"central": (right - left) / (ahead + behind), "forward difference": (right - base) / ahead,
                 "backward difference": (base - left) / behind}
    lines = tuple(_line(name, "numeric", steps, _visible(q, reference)) for name, q in quotients.items())
    levels = tuple(Level(w.method, w.family, float(_errors(w.value[entry], reference)), _accused(judged, w, entry))
                   for w in ran if w.value is not None and np.isfinite(w.value[entry]))
    size = float(abs(reference)) if np.iscomplexobj(reference) else float(reference)
    return Curve(probe.name, size, bool(reference != 0), lines, levels)


def _accused(judged: Judgement, w: Witness, entry: tuple[int, int] | None = None) -> bool:
    mask = judged.wrong.get(w.method)
    return mask is not None and bool(mask.any() if entry is None else mask[entry])


def _by_entry(problem: Problem, ran: Sequence[Witness], judged: Judgement) -> Entries | None:
    count = problem.rows * problem.columns
    if count < 2 or count > 10**7:
        return None
    size = -(-count // _MOST_ENTRIES)
    starts = range(0, count, size)
    lines = []
    for w in ran:
        if w.family == REFEREE or w.value is None or w.value.shape != judged.reference.shape:
            continue
        errors = np.nan_to_num(_errors(w.value, judged.reference), nan=-1.0, posinf=1e300).reshape(-1)
        worst = np.array([errors[s:s + size].max() for s in starts])
        lines.append(_line(w.method, w.family, np.arange(len(worst), dtype=float), np.where(worst < 0, np.nan, worst),
                           _accused(judged, w)))
    names = [problem.entry(*divmod(s, problem.columns)) for s in starts]
    return Entries(tuple(names), tuple(lines), size)


def _taylor(probe: _Probe, ran: Sequence[Witness], judged: Judgement, seed: int) -> Taylor | None:
    """Remainders of the one number w·f along x + h u, with the reference's gradient and every accused one."""
    if not np.isfinite(judged.reference).all() or not np.isfinite(probe.base).all():
        return None
    rng = np.random.default_rng(seed)
    sizes = np.where(probe.point != 0, np.abs(probe.point), 1.0)
    u = rng.choice((-1.0, 1.0), sizes.shape) * rng.uniform(0.5, 1.0, sizes.shape) * sizes / 8
    weights = np.ones(1) if len(probe.base) == 1 else rng.choice((-1.0, 1.0), probe.base.shape)
    values = np.array([np.real(weights @ probe(h * u)) for h in _HALVINGS])
    base = float(np.real(weights @ probe.base))
    floor = 32 * 2.3e-16 * max(abs(base), float(np.nanmax(np.abs(values), initial=0.0)))
    first = float(np.real(weights @ judged.reference @ u))
    rest = [values - base, values - base - first * _HALVINGS]
    names = ["f", "f + gradient"]
    second = _second(probe.problem, u, weights)
    if second is not None:
        rest.append(rest[1] - second * _HALVINGS**2 / 2)
        names.append("f + gradient + Hessian")
    slopes = [slope(_HALVINGS, np.abs(r), floor) for r in rest]
    wanted = list(range(1, len(rest) + 1))
    # The Hessian is read from the rules: where they are accused it may be wrong as well.
    doubted = any(_accused(judged, w) for w in ran if w.family == RULES)
    lines = [_line(name, "order", _HALVINGS, np.maximum(np.abs(r), FLOOR),
                   doubted and order == 3 and found is not None and found < 2.5)
             for name, r, found, order in zip(names, rest, slopes, wanted)]
    said: list[float] = []
    for w in ran:
        gradient = np.asarray(w.value)
        along = float(np.real(weights @ gradient @ u)) if np.isfinite(gradient).all() else np.nan
        if _accused(judged, w) and np.isfinite(along) and along not in said:
            said.append(along)
            own = values - base - along * _HALVINGS
            lines.append(_line(f"f + {w.method}", w.family, _HALVINGS, np.maximum(np.abs(own), FLOOR), True))
            slopes.append(slope(_HALVINGS, np.abs(own), floor))
            wanted.append(2)
    return Taylor("every input at once, by up to 1/8 of its size", tuple(lines), tuple(slopes), tuple(wanted))


def _second(problem: Problem, u: Array, weights: Array) -> float | None:
    """The second derivative along u, by forward mode over itself; None where f can't be traced."""
    from diffkit.transforms import jvp

    leaves = problem.moving.leaves
    ends = np.cumsum([np.size(leaf) for leaf in leaves])[:-1]
    tangents = tuple(part.reshape(np.shape(leaf)).astype(leaf.dtype)[()]
                     for part, leaf in zip(np.split(u, ends), leaves))

    def number(*moved: Array) -> Array:
        out = problem.flat_call(list(moved))
        return np.sum(np.reshape(out, -1) * weights)

    try:
        found = jvp(lambda *x: jvp(number, x, tangents)[1], tuple(leaves), tangents)[1]
    except Exception:
        return None
    return float(found) if np.isrealobj(found) and np.isfinite(found) else None


def slope(steps: Array, rest: Array, floor: float) -> float | None:
    """How fast a remainder falls where it is above f's rounding; None where it is all rounding.

    >>> slope(0.5 ** np.arange(10), 3 * 0.25 ** np.arange(10), 1e-16)
    2.0
    """
    seen = np.flatnonzero(rest > 30 * floor)
    if np.any(np.diff(seen) > 1):
        seen = seen[:int(np.argmax(np.diff(seen) > 1)) + 1]
    if len(seen) < 3:
        return None
    rates = np.log(rest[seen[:-1]] / rest[seen[1:]]) / np.log(steps[seen[:-1]] / steps[seen[1:]])
    return float(np.median(rates[-4:]))


def _profile(probe: _Probe, entry: tuple[int, int]) -> Profile:
    row, column = entry
    move, scale = probe.along(column)
    lines = []
    for name, reach in (("from afar", scale / 4), ("from near", scale / 4 * 2.0**-16)):
        t = reach * np.linspace(-1, 1, 81)
        rise = np.array([np.real(probe(move * step)[row] - probe.base[row]) for step in t])
        lines.append(_line(name, "numeric", t, rise))
    return Profile(probe.name, tuple(lines))
