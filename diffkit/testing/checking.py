"""check_gradients, check_rule and assert_gradients_agree: ask, and raise with the report.

The judging is ``compare``'s; here it is asked for every order, the free properties are
added, and the answer becomes an exception (wrong), a warning (can't be said) or a report.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import Argnums
from diffkit.comparison import Comparison, compare
from diffkit.comparison.allowance import Allowance
from diffkit.comparison.guard import Overtime, Watch, patience
from diffkit.comparison.methods import DEFAULT, SILENT, resolve
from diffkit.comparison.second_order import asked_elsewhere
from diffkit.custom.calls import Callee
from diffkit.errors import DiffkitError, GradientMismatchError, InputError
from diffkit.testing.collecting import collect
from diffkit.testing.directions import Flat, direction
from diffkit.testing.properties import EULER, TAYLOR, Property, properties, taylor
from diffkit.testing.report import Report
from diffkit.transforms import grad, jvp, vjp

Function = Callable[..., Any]
_MODES = ("forward", "reverse")
#: Above this many inputs second order is judged along random directions.
_WHOLE_HESSIAN = 12


class GradientWarning(UserWarning):
    """A gradient could not be judged: neither right nor wrong was shown."""


def check_gradients(f: Function, *args: Any, order: int = 2, modes: Sequence[str] = _MODES,
                    methods: Sequence[str | Function] = (), argnums: Argnums | None = None,
                    kwargs: Mapping[str, Any] | None = None, strict: bool = False, seed: int = 0,
                    budget: float = 60.0) -> Report:
    """Check f's derivatives by diffkit, and by ``methods``, up to an order; raise if one is wrong.

    Parameters
    ----------
    f : callable
        Plain NumPy code, with a number, an array or containers as its result.
    *args
        The point.
    order : int
        1, 2 or 3.
    modes : sequence of str
        "forward", "reverse" or both.
    methods : sequence of str or callable
        More to be judged at first order, as in :func:`diffkit.compare`: a gradient of your own.  One that raises
        fails the check, NotImplementedError too; a library (``dk.candidates``) that has no derivative for its
        function, or is not installed, is named in a warning.
    argnums : int, tuple of int, or None
        Which arguments move; None: all that hold nothing but floating numbers.
    kwargs : dict
        f's keyword arguments.
    strict : bool
        Whether a verdict of "can't be said" raises too, instead of warning.
    seed : int
        Of the random directions.
    budget : float
        Seconds for all of it, as in :func:`diffkit.compare`; what they don't suffice for is named in the report.

    Returns
    -------
    Report

    Raises
    ------
    GradientMismatchError
        (an AssertionError) a derivative is wrong; its text is the report.
    InputError
        No argument can move.  What f itself raises comes through.

    Examples
    --------
    >>> import numpy as np
    >>> def f(x, n):
    ...     return np.sum(np.exp(x) ** n)
    >>> check_gradients(f, np.array([0.1, 0.2]), 3).agree
    True
    >>> def mine(x, n):
    ...     return np.exp(x) ** n
    >>> try:
    ...     check_gradients(f, np.array([0.1, 0.2]), 3, methods=[mine])
    ... except AssertionError as error:
    ...     print(str(error).splitlines()[0])
    f at x = [0.1, 0.2]: wrong: first order
    """
    __tracebackhide__ = True
    report = examine(f, args, order, modes, methods, argnums, dict(kwargs or {}), seed, budget)
    return _settle(report, strict)


def check_rule(function: Function, *args: Any, order: int = 2, argnums: Argnums | None = None,
               kwargs: Mapping[str, Any] | None = None, strict: bool = False, seed: int = 0,
               budget: float = 60.0) -> Report:
    """Check a custom rule at a point: values, both modes, linearity, every order; raise if it is wrong.

    ``function`` is what ``custom_vjp``, ``custom_jvp``, ``black_box`` or ``implicit`` made.
    Besides what :func:`check_gradients` checks: the rule's own result must be f's, and a mode
    that the rule does not serve (bwd is not linear in g, so forward mode can't transpose it)
    is a failure here, not a row that was skipped.

    Raises as :func:`check_gradients`; InputError when ``function`` has no custom rule.

    Examples
    --------
    >>> import numpy as np, diffkit as dk
    >>> @dk.custom_vjp
    ... def cube(x):
    ...     return x**3
    >>> cube.defvjp(lambda x: (x**3, x), lambda x, g: (2 * x**2 * g,))
    >>> try:
    ...     check_rule(cube, 2.0)
    ... except AssertionError as error:
    ...     print(str(error).splitlines()[0])
    rule of cube at x = 2: wrong: first order, Euler: J x = d f
    """
    __tracebackhide__ = True
    if not isinstance(function, Callee):
        raise InputError(f"{function!r} has no custom rule", "check_gradients(f, …) for a plain function")
    options = dict(kwargs or {})
    report = examine(function, args, order, _MODES, (), argnums, options, seed, budget)
    flat = Flat(function, args, _argnums(function, args, argnums), options)
    found = [*_results(function, flat, seed), *(_refused(p) for p in report.properties)]
    report = Report(f"rule of {report.title}", report.comparisons, tuple(found), report.notes,
                    report.unanswered)
    return _settle(report, strict)


def assert_gradients_agree(f: Function, *args: Any, methods: Sequence[str | Function] = DEFAULT, argnums: Argnums = 0,
                           kwargs: Mapping[str, Any] | None = None, strict: bool = False,
                           **options: Any) -> Comparison:
    """:func:`diffkit.compare`, raising when a method is wrong.

    ``options`` are compare's (``referee``, ``seed``, ``digits``, ``budget``).  Returns the comparison.

    Raises GradientMismatchError (an AssertionError) whose text is the report; where nothing
    can be said a :class:`GradientWarning` is given, or raised with ``strict``.

    >>> import numpy as np
    >>> assert_gradients_agree(np.sin, 1.0, methods=("reverse", np.cos)).kind
    'AGREE'
    """
    __tracebackhide__ = True
    methods = (methods,) if isinstance(methods, str) or callable(methods) else tuple(methods)
    comparison = compare(f, *args, methods=methods, argnums=argnums, kwargs=kwargs, **options)
    title = f"{comparison.function} at {comparison.point}"
    broken, peers = _without_answer(comparison, methods)
    return _settle(Report(title, (("first order", comparison),), tuple(broken), (), peers), strict).comparisons[0][1]


def _settle(report: Report, strict: bool) -> Report:
    """Raise, warn, or hand back."""
    __tracebackhide__ = True
    collect(report)
    if report.agree is False or (report.agree is None and strict):
        raise GradientMismatchError(str(report))
    if report.agree is None:
        warnings.warn(str(report), GradientWarning, stacklevel=3)
    return report


@asked_elsewhere()
def examine(f: Function, args: tuple[Any, ...], order: int, modes: Sequence[str],
            methods: Sequence[str | Function], argnums: Argnums | None, kwargs: dict[str, Any],
            seed: int, budget: float = 60.0) -> Report:
    """All that :func:`check_gradients` asks, without raising."""
    if order not in (1, 2, 3):
        raise InputError(f"order={order!r} is not checked", "order=1, 2 or 3")
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    if not modes or not set(modes) <= set(_MODES):
        raise InputError(f"modes={modes!r}", 'modes=("forward", "reverse"), or one of them; other methods go to '
                                             'methods=')
    methods = (methods,) if isinstance(methods, str) or callable(methods) else tuple(methods)
    argnums = _argnums(f, args, argnums)
    allowance = Allowance(budget)
    first = compare(f, *args, methods=(*modes, *methods), argnums=argnums, kwargs=kwargs, seed=seed, budget=budget)
    comparisons, notes = [("first order", first)], []
    found: list[Property] = []
    unanswered = tuple(f"{row.method} mode did not answer ({row.note})" for row in first.rows
                       if row.method in modes and row.value is None)
    broken, peers = _without_answer(first, methods)
    found += broken
    unanswered += peers
    if first.rows:
        try:
            with Watch(patience(first.seconds), allowance.left()) as watch:
                flat = Flat(watch.timed(f), args, argnums, kwargs)
                reason = _no_second(first, flat) if order >= 2 else ""
                if reason:
                    notes.append(f"second order was not asked: {reason}")
                    order = 1
                found += properties(flat, order, modes, seed)
                if order >= 2:
                    comparisons += _higher(flat, order, modes, seed, allowance)
                slopes = taylor(flat, min(order, 2), modes, seed)
                found += [slopes] if slopes is not None else []
        except Overtime as alarm:
            unanswered += (f"not everything could be asked: {alarm.what}",)
    return Report(f"{first.function} at {first.point}", tuple(comparisons), tuple(found), tuple(notes),
                  unanswered)


def _without_answer(comparison: Comparison,
                    methods: Sequence[str | Function]) -> tuple[list[Property], tuple[str, ...]]:
    """Candidates that had no answer: the caller's own is broken, another library's leaves the question open."""
    named = dict(resolve(methods)) if methods else {}
    silent = [(row, named[row.method]) for row in comparison.rows if row.status == SILENT]
    return ([Property(f"{row.method} answers", False, np.nan, np.nan, row.note) for row, method in silent
             if not hasattr(method, "library")],
            tuple(f"{row.method} has no answer ({row.note})" for row, method in silent if hasattr(method, "library")))


def _argnums(f: Function, args: tuple[Any, ...], argnums: Argnums | None) -> Argnums:
    """The arguments that hold nothing but floating numbers, when none are named."""
    if argnums is not None:
        return argnums
    found = tuple(i for i, arg in enumerate(args) if _floating(arg))
    if not found:
        name = getattr(f, "__name__", "f")
        raise InputError(f"no argument of {name} holds floating numbers: there is nothing to differentiate",
                         "floats (1.0, not 1) and floating arrays, or argnums=")
    return found[0] if len(found) == 1 else found


def _floating(arg: Any) -> bool:
    leaves = tree.flatten(arg)[0]
    kinds = [getattr(getattr(leaf, "dtype", None), "kind", "f" if isinstance(leaf, (float, complex)) else "")
             for leaf in leaves]
    return bool(leaves) and all(kind in ("f", "c") for kind in kinds)


def _no_second(first: Comparison, flat: Flat) -> str:
    """Why a second derivative makes no sense here."""
    if first.agree is False:
        return "the first is wrong"
    if first.kind in ("KINK", "JUMP", "VERTICAL", "PIECEWISE-CONSTANT"):
        return f"f has none here ({first.kind})"
    return "" if flat.is_real else "complex numbers"


def _higher(flat: Flat, order: int, modes: Sequence[str], seed: int,
            allowance: Allowance) -> list[tuple[str, Comparison]]:
    """The Jacobian of the gradient (along directions where it is large), and the third derivative along one."""
    rng = np.random.default_rng(seed)
    weights = direction(rng, flat.outs)
    f = flat.projected(weights)
    everything = tuple(range(len(flat.leaves)))
    inner = "reverse" if "reverse" in modes else "forward"
    found = []
    if flat.size <= _WHOLE_HESSIAN:
        def gradient(*leaves: Any) -> Any:
            return grad(f, everything, method=inner)(*leaves)

        gradient.__name__ = f"gradient of {f.__name__}"
        found.append(("second order", _by_pieces(compare(gradient, *flat.leaves, methods=modes, argnums=everything,
                                                         seed=seed, budget=max(allowance.left(), 0.01)))))
    else:
        u = direction(rng, flat.leaves, relative=True)
        found.append(("second order, along a direction",
                      _by_pieces(compare(_line(f, flat, u, 1, inner), 1.0, methods=modes, seed=seed,
                                           budget=max(allowance.left(), 0.01)))))
    if order >= 3:
        u = direction(rng, flat.leaves, relative=True)
        found.append(("third order, along a direction",
                      _by_pieces(compare(_line(f, flat, u, 2, inner), 1.0, methods=modes, seed=seed,
                                           budget=max(allowance.left(), 0.01)))))
    return found


def _by_pieces(higher: Comparison) -> Comparison:
    """A hinge loss is linear in pieces: that its slope jumps far from the point leaves a second derivative of 0.

    Steps with a slope of their own (differences see it further out) stay what they are.
    """
    if higher.kind != "PIECEWISE-CONSTANT":
        return higher
    answers = [[np.asarray(leaf) for leaf in tree.flatten(row.value)[0]] for row in higher.rows
               if row.value is not None]
    if not all(np.array_equal(part == 0, first == 0) for own in answers[1:] for part, first in zip(own, answers[0])):
        return higher
    verdict = "the methods agree: f's derivative is constant in pieces around the point, and the next one is 0"
    return dataclasses.replace(higher, kind="AGREE", agree=True, verdict=verdict)


def _line(f: Function, flat: Flat, u: Sequence[Any], times: int, mode: str) -> Function:
    """f's derivative along u, taken ``times`` times, as a function of the place t (the point is at 1)."""
    def derivative(t: Any) -> Any:
        return f(*(leaf + (t - 1.0) * step for leaf, step in zip(flat.leaves, u)))

    for _ in range(times):
        derivative = grad(derivative, method=mode)
    derivative.__name__ = f"{f.__name__} along a line, derivative {times}"
    return derivative


def _results(function: Callee, flat: Flat, seed: int) -> list[Property]:
    """The rule's own result against the function's."""
    rng = np.random.default_rng(seed)
    found = []
    zero = tuple(direction(rng, flat.leaves))
    runs: dict[str, Callable[[], Any]] = {"forward": lambda: jvp(flat, tuple(flat.leaves), zero)[0],
                                          "reverse": lambda: vjp(flat, *flat.leaves)[0]}
    for name, run in runs.items():
        try:
            values = run()
        except DiffkitError as error:
            found.append(Property(f"{name} mode", False, np.nan, np.nan, str(error.what).splitlines()[0]))
            continue
        gap = max((float(np.max(np.abs(a - b), initial=0.0)) for a, b in zip(values, flat.outs)), default=0.0)
        size = max((float(np.max(np.abs(b), initial=0.0)) for b in flat.outs), default=0.0)
        found.append(Property(f"{name}: the rule's result is the function's",
                              bool(gap <= 16 * flat.epsilon * size),
                              gap, 16 * flat.epsilon * size, f"size {size:.6g}"))
    return found


def _refused(found: Property) -> Property:
    """A mode that a rule does not serve is an error of the rule."""
    if found.ok is None and np.isnan(found.gap) and found.name not in (EULER, TAYLOR):
        return Property(found.name, False, found.gap, found.allowed, found.text)
    return found


__all__ = ["GradientWarning", "assert_gradients_agree", "check_gradients", "check_rule", "examine"]
