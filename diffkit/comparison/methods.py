"""Running a method: from a question to a witness with its own measured error.

A witness is one matrix of derivatives with an error for each entry.  The error is
*measured*, never assumed: finite differences and the complex step claim theirs; an exact
method and a caller's own function are run again at x(1 + k eps), and what that moves is
their rounding.  A method that can't run says why, and the comparison goes on without it.

Witnesses come in families, and a verdict counts families, not methods: forward and
reverse read one table of rules, so they are one.

============ ================================================================
rules        forward, reverse
symbolic     symbolic: SymPy's calculus on the recorded program
numeric      central, numeric, forward-difference, backward-difference,
             complex-step: evaluations of f and nothing else
referee      the recorded program in 50-digit arithmetic
user         every callable of the caller's is a family of its own
============ ================================================================
"""

from __future__ import annotations

import dataclasses
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.comparison.allowance import of
from diffkit.comparison.copies import Counted
from diffkit.comparison.guard import Overtime, within
from diffkit.comparison.problem import Array, Function, Problem
from diffkit.errors import ComparisonError, DiffkitError, MissingPackageError, NumericError, ShapeError

RULES, SYMBOLIC, NUMERIC, REFEREE, USER = "rules", "symbolic", "numeric", "referee", "user"
FAMILIES = {
    "forward": RULES, "reverse": RULES, "symbolic": SYMBOLIC, "central": NUMERIC, "numeric": NUMERIC,
    "forward-difference": NUMERIC, "backward-difference": NUMERIC, "complex-step": NUMERIC, "referee": REFEREE,
}
SCHEMES = {"central": "central", "numeric": "auto", "forward-difference": "forward",
           "backward-difference": "backward", "complex-step": "complex-step"}
#: Methods whose error is rounding alone.
EXACT = ("forward", "reverse", "symbolic", "complex-step")
DEFAULT = ("forward", "reverse", "symbolic", "central", "complex-step")

#: ``SILENT``: a candidate that has no derivative to give, and says so (NotImplementedError, a missing package).
OK, SKIPPED, RAISED, MISSHAPEN, SILENT = "ok", "skipped", "raised", "wrong shape", "no answer"
_MOVES = (1, -2, 3)


@dataclasses.dataclass
class Witness:
    """What one method said.

    ``value``, ``spread`` (how far rounding alone moves it), ``claim`` (a numeric method's
    own error), ``shape_of_point`` (numeric's word for each entry), ``left`` and ``right``
    have the shape (rows, columns); ``answer`` is the derivative in f's containers.
    """

    method: str
    family: str
    state: str = OK
    note: str = ""
    value: Array | None = None
    answer: Any = None
    spread: Array | None = None
    claim: Array | None = None
    words: Array | None = None
    left: Array | None = None
    right: Array | None = None
    evaluations: int | None = None
    seconds: float | None = None
    exact: bool = True
    #: A caller's answer in double precision, where the question is in single: what it differs by is its rounding.
    raised: Array | None = None
    #: Whether the rules measured a partial that has no closed form: then this is no witness beside differences.
    measured: bool = False
    #: Whether a caller's function answered differently when it was asked again.
    unsteady: bool = False
    #: A referee's: whether a branch of the program would go the other way a hair beside the point.
    branches: bool = False
    #: A referee's: where f is not constant beside the point, be its derivative 0 or not.
    moves: Array | None = None

    @property
    def ran(self) -> bool:
        """Whether there is a value to compare."""
        return self.value is not None


def resolve(methods: Sequence[str | Function]) -> list[tuple[str, str | Function]]:
    """Names for the rows, each once; raises ComparisonError for an unknown method."""
    if isinstance(methods, str) or callable(methods):
        methods = (methods,)
    rows: list[tuple[str, str | Function]] = []
    taken: set[str] = set()
    for method in methods:
        if isinstance(method, str):
            if method not in FAMILIES:
                raise ComparisonError(f"there is no method {method!r}",
                                      f"one of {', '.join(FAMILIES)}, or a function of your own")
            name = method
            if name in taken:
                continue
        elif callable(method):
            base = str(getattr(method, "__name__", None) or type(method).__name__)
            name, count = base, 1
            while name in taken or name in FAMILIES:
                count += 1
                name = f"{base}#{count}"
        else:
            raise ComparisonError(f"a method is {method!r}, which is neither a name nor a function",
                                  f"one of {', '.join(FAMILIES)}, or a function of f's arguments")
        taken.add(name)
        rows.append((name, method))
    if not rows:
        raise ComparisonError("no method was named", 'methods=("reverse", my_gradient)')
    return rows


def expected_seconds(problem: Problem, method: str | Function) -> float:
    """What a method is expected to take: its evaluations of f, plain or traced; one where they can't be counted."""
    n, m, once = problem.columns, problem.rows, problem.seconds
    # A traced operation on small arrays costs about five plain ones; who takes long works on large ones, or waits.
    traced = max(problem.traced_seconds, once) if problem.traced_seconds else 5 * once if once < 0.1 else once
    if not isinstance(method, str):
        return once
    runs = {"forward": n * traced, "reverse": (1 + min(m, 2 * n)) * traced, "complex-step": 8 * n * once}
    return runs.get(method, 12 * n * once if method in SCHEMES else traced)


def too_costly(problem: Problem, method: str) -> str:
    """Why a method is not even begun: its expected seconds are more than there are left ("" if they are not)."""
    expected, allowance = expected_seconds(problem, method), problem.allowance
    if expected <= allowance.for_methods():
        return ""
    n = problem.columns
    return (f"not begun: about {of(expected)} expected for {n} input{'s' * (n > 1)}, more than is left of the "
            f"budget of {of(allowance.seconds)}")


def witness(problem: Problem, name: str, method: str | Function, budget: float, seed: int) -> Witness:
    """Run one method on the problem, within twice its share of the budget, or of what it is expected to take."""
    family = FAMILIES[method] if isinstance(method, str) else USER
    reason = too_costly(problem, method) if isinstance(method, str) else ""
    if family in (RULES, SYMBOLIC) and problem.astray:
        reason = problem.astray
    if reason:
        return Witness(name, family, SKIPPED, reason)
    longest = min(2 * max(budget, expected_seconds(problem, method)), max(problem.allowance.for_methods(), budget))
    return within(problem, lambda at: _asked(at, name, method, budget, seed),
                  lambda why: Witness(name, family, SKIPPED, why), longest)


def _asked(problem: Problem, name: str, method: str | Function, budget: float, seed: int) -> Witness:
    if not isinstance(method, str):
        return _user(problem, name, method, budget, seed)
    try:
        if method in SCHEMES:
            return _numeric(problem, method)
        return _exact(problem, method, budget, seed)
    except DiffkitError as error:
        return Witness(name, FAMILIES[method], SKIPPED, first_line(error.what))
    except RecursionError:
        return Witness(name, FAMILIES[method], SKIPPED, "the program is nested too deeply")
    except Exception as error:  # a method's failure is a row, not the end of the comparison
        return Witness(name, FAMILIES[method], RAISED, worded(error))


def worded(error: BaseException) -> str:
    """An exception's type, and the first line of its text."""
    return f"{type(error).__name__}: {first_line(error)}"


def first_line(text: object) -> str:
    """The first line of a text or of what an exception says."""
    try:
        lines = str(text).strip().splitlines()
    except Exception:  # an exception may fail to say what it is
        return "no message"
    return lines[0] if lines else ""


def _exact(problem: Problem, method: str, budget: float, seed: int) -> Witness:
    """forward, reverse, symbolic: diffkit's own, their rounding measured."""
    from diffkit.transforms import jacobian

    counted = Counted(problem.f)
    if method == "symbolic":
        import sympy  # noqa: F401  its import is not this method's time

    route = ""

    def run(at: Problem) -> Any:
        nonlocal route
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            if method != "symbolic":
                args, kwargs = at.fresh()
                return jacobian(counted, problem.argnums, method=method)(*args, **kwargs)
            from diffkit import symbolic
            own = at.isolated()
            found = symbolic.jacobian_leaves(counted, own.moving, own.kwargs)
            route = found.route
            return tree.unflatten(found[1], [own.moving.answer(row) for row in found[2]])

    answer, seconds = _timed(lambda: run(problem))
    evaluations = counted.count
    value = problem.matrix(answer)
    if seconds < 0.3:  # the first call pays for what is imported and cached
        seconds = min(seconds, _timed(lambda: run(problem))[1])
    result = Witness(method, FAMILIES[method], value=value, answer=answer, evaluations=evaluations, seconds=seconds,
                     note="" if route in ("", "expanded") else route)
    # Where SymPy is slow, its rounding is that of the rules, which walk the same program (``run``).
    if 3 * seconds < min(budget, 1.0 if method == "symbolic" else 4.0):
        result.spread = _spread(problem, lambda at: at.matrix(run(at)), seed)
    if method != "symbolic" and _measures(lambda: run(problem)):
        result.family, result.measured = NUMERIC, True
        result.note = "through a partial that has no closed form and is measured by differences"
    return result


def _measures(ask: Callable[[], Any]) -> bool:
    """Whether an answer holds partials that were measured by differences."""
    if "diffkit.scipy.rules.differences" not in sys.modules:  # no such rule was ever used
        return False
    from diffkit.scipy.rules.differences import strict

    try:
        with strict():
            ask()
    except NumericError:
        return True
    return False


def _user(problem: Problem, name: str, method: Function, budget: float, seed: int) -> Witness:
    """The caller's own derivative: called as f is, judged as it comes."""

    def run(at: Problem) -> Any:
        args, kwargs = at.fresh()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return method(*args, **kwargs)

    try:
        answer, seconds = _timed(lambda: run(problem))
    except (NotImplementedError, MissingPackageError) as error:
        why = first_line(error.what) if isinstance(error, DiffkitError) else worded(error)
        return Witness(name, USER, SILENT, why)
    except (Exception, SystemExit) as error:  # the candidate's failure is a finding
        return Witness(name, USER, RAISED, worded(error))
    try:
        value = problem.matrix(answer)
    except (ShapeError, ValueError) as error:
        what = error.what if isinstance(error, ShapeError) else first_line(error)
        return Witness(name, USER, MISSHAPEN, what, answer=answer, seconds=seconds)
    result = Witness(name, USER, value=value, answer=answer, seconds=seconds)
    if 3 * seconds > budget:
        return result
    try:
        again, twice = _timed(lambda: problem.matrix(run(problem)))
    except (Exception, SystemExit) as error:
        return Witness(name, USER, RAISED, f"it worked once, and then raised {worded(error)}")
    result.seconds = min(seconds, twice)
    slack = 1e3 * problem.epsilon
    largest = float(np.max(np.abs(value[np.isfinite(value)]), initial=0.0))
    if not np.allclose(again, value, rtol=slack, atol=slack * largest, equal_nan=True):
        result.note, result.unsteady = "it is not deterministic: asked again, it gave another answer", True
        return result  # what it moves by is no rounding
    result.spread = _spread(problem, lambda at: at.matrix(run(at)), seed)
    if problem.low_precision:
        result.raised = _in_double(problem, run)
    return result


def _in_double(problem: Problem, run: Callable[[Problem], Any]) -> Array | None:
    """A candidate's answer for the same point in float64, if it is more than float32 numbers in another type."""
    at = problem.isolated().raised()
    try:
        value = at.matrix(run(at))
    except (Exception, SystemExit):  # it takes no double precision
        return None
    with np.errstate(all="ignore"):
        single = value.dtype not in (np.float64, np.complex128) or np.array_equal(value.astype(np.complex64), value)
    return None if single else value


def _spread(problem: Problem, run: Callable[[Problem], Array], seed: int) -> Array | None:
    """How far a value moves when the last digits of x do: its rounding, entry by entry.

    The value at x itself has no part in it: a program that treats exactly this x in
    another way (``if x == 2``) must not be excused by its own jump.
    """
    rng = np.random.default_rng(seed)
    values = []
    for number, move in enumerate(_MOVES):
        leaves = []
        for leaf in problem.moving.leaves:
            signs = rng.choice((-1.0, 1.0), np.shape(leaf)) if number else np.ones(np.shape(leaf))
            step = np.asarray(move * np.finfo(leaf.dtype).eps * signs, leaf.dtype)
            leaves.append((leaf + leaf * step)[()] if np.shape(leaf) else leaf + leaf * step[()])
        try:
            values.append(run(problem.with_leaves(leaves)))
        except Overtime as alarm:  # beside x f may never end; what was said at x stands
            problem.hung.append(alarm.what)
            return None
        except Exception:  # beside x the method may not exist; then nothing is excused
            return None
    with np.errstate(all="ignore"):
        stack = np.stack(values)
        if stack.dtype.kind == "c":
            return np.maximum(np.ptp(stack.real, axis=0), np.ptp(stack.imag, axis=0))
        return np.ptp(stack, axis=0)


def _numeric(problem: Problem, method: str) -> Witness:
    """Finite differences and the complex step; float32 is measured in float64."""
    from diffkit import numeric

    at = problem.raised() if problem.low_precision else problem
    counted = Counted(at.f)
    at = dataclasses.replace(at, f=counted)
    complex_in = any(np.iscomplexobj(leaf) for leaf in at.moving.leaves)
    if complex_in and any(np.iscomplexobj(out) for out in problem.outs) and method != "complex-step":
        return _holomorphic(problem, at, method, counted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found, seconds = _timed(
            lambda: numeric.jacobian(at.flat_call, tuple(at.moving.leaves), scheme=SCHEMES[method]))

    def matrix(field: Any) -> Array:
        return np.concatenate([np.reshape(block, (problem.rows, -1)) for block in tree.flatten(field)[0]], axis=1)

    value = matrix(found.value)
    words = matrix(found.status)
    result = Witness(method, NUMERIC, value=value, answer=problem.containers(value), claim=matrix(found.error),
                     words=words, left=matrix(found.left), right=matrix(found.right),
                     evaluations=counted.count, seconds=seconds, exact=method == "complex-step")
    seen = [str(word) for word in np.unique(words) if word != "ok"]
    result.note = ", ".join(f"{np.sum(words == word)} of {words.size} entries: {word}" if words.size > 1 else word
                            for word in seen)
    return result


def _holomorphic(problem: Problem, at: Problem, method: str, counted: Counted) -> Witness:
    """Differences along the real and the imaginary axis, which are one derivative where Cauchy-Riemann holds."""
    from diffkit import numeric

    leaves = [np.asarray(leaf) for leaf in at.moving.leaves]

    def parts(both: tuple[list[Array], list[Array]]) -> Any:
        moved = [np.asarray(re if im is None else re + 1j * im).astype(leaf.dtype)[()]
                 for re, im, leaf in zip(*both, leaves)]
        return at.flat_call(moved)

    given = [leaf.real.copy() for leaf in leaves], [leaf.imag.copy() for leaf in leaves]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found, seconds = _timed(lambda: numeric.jacobian(parts, given, scheme=SCHEMES[method]))

    def halves(field: Any) -> tuple[Array, Array]:
        blocks = [np.reshape(block, (problem.rows, -1)) for block in tree.flatten(field)[0]]
        middle = len(blocks) // 2
        return np.concatenate(blocks[:middle], axis=1), np.concatenate(blocks[middle:], axis=1)

    (real, imaginary), (claim, other) = halves(found.value), halves(found.error)
    words, beside = halves(found.status)
    gap = np.abs(real + 1j * imaginary)
    if (gap > 4 * (claim + other) + 1e-6 * np.abs(real)).any():
        return Witness(method, NUMERIC, SKIPPED, "the derivatives along the real and the imaginary axis differ: f is "
                                                 "not holomorphic here, and has no one complex derivative")
    words = np.where(words == "ok", beside, words)
    return Witness(method, NUMERIC, value=real, answer=problem.containers(real), claim=claim + other, words=words,
                   left=real, right=real, evaluations=counted.count, seconds=seconds, exact=False)


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    answer = call()
    return answer, time.perf_counter() - start
