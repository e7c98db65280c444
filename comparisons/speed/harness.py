"""A case of the board: check that all contenders agree, time them in turn, print a row."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import diffkit as dk
from diffkit import tree

ROUNDS, SECONDS = 7, 0.02
OURS = ("eager", "compiled", "numba")
PEERS = ("JAX jit", "torch.compile", "PyTorch", "CasADi", "autograd", "MyGrad", "scikit-learn")
COLUMNS = ("hand numba", *OURS, *PEERS)


@dataclasses.dataclass(frozen=True)
class Case:
    """One derivative: by hand, by diffkit, and how each library makes it.

    ``hand`` is preallocated, in-place NumPy where that pays.  ``diffkit`` is called as it is and compiled.
    ``others`` makes a contender of each name; it may raise ImportError.
    """

    name: str
    hand: Callable[..., Any]
    args: tuple[Any, ...]
    diffkit: Callable[..., Any]
    others: dict[str, Callable[[], Callable[..., Any]]]
    tolerance: float = 1e-8
    eager: bool = True  # whether diffkit without compiling is worth the wait


def contenders(case: Case, skip: Sequence[str]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Everything that is installed."""
    yield "hand", case.hand
    if case.eager:
        yield "eager", case.diffkit
    yield "compiled", dk.compile(case.diffkit)
    makers = dict(case.others)
    with contextlib.suppress(ImportError):
        import numba  # noqa: F401
        makers["numba"] = lambda: dk.compile(case.diffkit, backend="numba")
    for name, make in makers.items():
        if name in skip:
            continue
        try:
            yield name, make()
        except ImportError:
            continue


def checked(case: Case, skip: Sequence[str]) -> tuple[dict[str, Callable[..., Any]], dict[str, str]]:
    """The contenders that give the hand-written result, and why others do not."""
    reference = [np.asarray(leaf) for leaf in tree.flatten(case.hand(*case.args))[0]]
    found, failed = {}, {}
    for name, function in contenders(case, skip):
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                for _ in range(3):  # the second call compiles, the third replays
                    values = tree.flatten(function(*case.args))[0]
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {str(error)[:80]}"
            continue
        worst = max(_distance(value, expected) for value, expected in zip(values, reference, strict=True))
        if worst <= case.tolerance:
            found[name] = function
        else:
            failed[name] = f"differs by {worst:.1e}"
    return found, failed


def _distance(value: Any, expected: Any) -> float:
    if hasattr(value, "todense"):
        value = value.todense()
    value = np.asarray(value).reshape(expected.shape)
    return float(np.max(np.abs(value - expected), initial=0.0) / np.max(np.abs(expected), initial=1e-300))


def fastest(function: Callable[..., Any], args: tuple[Any, ...], calls: int) -> float:
    """Seconds of the fastest of some calls."""
    best = float("inf")
    for _ in range(calls):
        start = time.perf_counter()
        function(*args)
        best = min(best, time.perf_counter() - start)
    return best


def measure(case: Case, skip: Sequence[str] = ()) -> tuple[float, dict[str, float], dict[str, str]]:
    """Microseconds by hand, each contender's time over that, and what could not run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, failed = checked(case, skip)
        calls = {name: max(2, min(2000, int(SECONDS / max(fastest(f, case.args, 2), 1e-7))))
                 for name, f in found.items()}
        rounds = [{name: fastest(f, case.args, calls[name]) for name, f in found.items()} for _ in range(ROUNDS)]
    hand = min(r["hand"] for r in rounds)
    return hand * 1e6, {name: statistics.median(r[name] / r["hand"] for r in rounds) for name in found}, failed


def machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}"


def header() -> str:
    return f"| time over the hand-written | by hand, µs | {' | '.join(COLUMNS)} | best of ours / best peer |\n" \
           f"|---|{'---|' * (len(COLUMNS) + 2)}"


def row(case: Case, hand: float, ratios: dict[str, float]) -> str:
    cells = [_short(ratios[name]) if name in ratios else "-" for name in COLUMNS]
    ours = min(ratios[name] for name in OURS if name in ratios)
    peers = [ratios[name] for name in PEERS if name in ratios]
    best = f"{_short(ours / min(peers))}" if peers else "-"
    return f"| {case.name} | {hand:.4g} | {' | '.join(cells)} | {best} |"


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 9.95 else f"{ratio:.0f}"
