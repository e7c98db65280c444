"""The rule table tests itself: every claim of a row, against something that shares no code with it.

``check_rule(rule, args)`` holds, at these arguments,

* push to central differences of the function, along a random direction,
* pull to push, by ``<push t, g> = <t, pull g>`` at roundoff, for each argument and all together,
* the second derivative in four pairs of modes to each other and to differences of the gradient,
* shapes and dtypes of tangents and cotangents to those of the values.

``check_elementwise(rule)`` needs no arguments, the row has a domain: it adds the SymPy column's own
derivative on 50 digits, the pinned points, and ladders of shapes and dtypes.

Both return faults as sentences; no fault, an empty list.  A row that is wrong by a sign, by a
factor, with swapped arguments or on one branch must not pass; ``tests/test_planted_errors.py``
plants such rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.rules.kinds import Elementwise, Params, Rule
from diffkit.transforms import grad, jvp, vjp

#: Digits that the methods can be held to in double precision.
_ROUNDOFF, _DIFFERENCES, _SECOND = 1e-12, 1e-8, 1e-6
_SHAPES: tuple[tuple[int, ...], ...] = ((), (1,), (3,), (2, 3), (0,))
_PAIRS: tuple[tuple[tuple[int, ...], ...], ...] = (((3,), (2, 1)), ((), (2,)), ((2, 1, 2), (3, 1)), ((0,), (1,)))


def check_rule(rule: Rule, args: Sequence[Any], params: Params | None = None, *, differences: bool = True,
               second: bool = True, seed: int = 0) -> list[str]:
    """The faults of a row at the given arguments (floating arrays move, the rest are constants).

    ``differences=False`` spares the comparison with central differences, for a function whose value is
    not smooth to them (a cast to single precision); ``second=False`` the second order.

    >>> import numpy as np
    >>> from diffkit.rules import TABLE
    >>> check_rule(TABLE["matmul"], (np.ones((2, 3)), np.arange(3.0)))
    []
    """
    rng = np.random.default_rng(seed)
    f, moving = _function(rule, args, params or {})
    tangents = tuple(_direction(rng, x) for x in moving)
    with np.errstate(all="ignore"):
        faults = _check_first(rule, f, moving, tangents, rng, differences)
        if not faults and second and rule.kind != "flat":
            faults = _check_second(f, moving, tangents, rng, differences)
    return [f"{rule.name}: {fault}" for fault in faults]


def _function(rule: Rule, args: Sequence[Any], params: Params) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The row as a function of its moving arguments, with one vector of all its inexact results."""
    places = [i for i, arg in enumerate(args) if hasattr(arg, "dtype") and arg.dtype.kind in "fc"]

    def f(*moving: Any) -> Any:
        filled = list(args)
        for i, x in zip(places, moving):
            filled[i] = x
        y = rule(*filled, **params)
        pieces = [np.reshape(part, (-1,)) for part in (y if rule.outputs else (y,)) if part.dtype.kind in "fc"]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    return f, tuple(args[i] for i in places)


def _direction(rng: np.random.Generator, like: Any) -> Any:
    """A random direction in the shape and dtype of a value."""
    t = rng.uniform(0.5, 1.5, like.shape) * rng.choice([-1, 1], like.shape)
    if like.dtype.kind == "c":
        t = t + 1j * rng.uniform(-1.0, 1.0, like.shape)
    return np.asarray(t).astype(like.dtype)[()]


def pairing(g: Any, y: Any) -> float:
    """Re(sum of g * y), the pairing under which pull is push's transpose."""
    return float(np.sum(np.real(g * y)))


def central(f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any], h: float = 2e-3) -> Any:
    """A directional derivative by the sixth-order central difference."""
    def at(step: float) -> Any:
        return f(*(x + step * t for x, t in zip(args, tangents)))
    return (45 * (at(h) - at(-h)) - 9 * (at(2 * h) - at(-2 * h)) + (at(3 * h) - at(-3 * h))) / (60 * h)


def _nearest(claimed: Any, f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Differences with three steps, in each entry the one nearest to the claim.

    A sample may lie so near a pole or a jump that the longest step reaches across; no step
    helps a claim that is wrong.
    """
    best = central(f, args, tangents)
    for h in (2e-4, 2e-5):
        other = central(f, args, tangents, h)
        best = np.where(np.abs(other - claimed) < np.abs(best - claimed), other, best)
    return best


def _apart(a: Any, b: Any, tolerance: float, scale: float = 0.0) -> bool:
    """Whether two arrays differ, entry by entry, by more than the tolerance times their size."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return True
    size = max(scale, float(np.max(np.abs(b), initial=0.0)))
    return not bool(np.all(np.abs(a - b) <= tolerance * size + 1e-20))


def _check_first(rule: Rule, f: Callable[..., Any], moving: Sequence[Any], tangents: Sequence[Any],
                 rng: np.random.Generator, differences: bool) -> list[str]:
    faults = []
    y, dy = jvp(f, moving, tangents)
    if dy.dtype != y.dtype or dy.shape != y.shape:
        faults.append(f"a tangent of shape {dy.shape} and dtype {dy.dtype} for a value of {y.shape}, {y.dtype}")
    plain = np.asarray(f(*moving))
    if not np.array_equal(plain, y, equal_nan=True):
        faults.append("the value under a transform is not the value")
    if differences:
        expected = _nearest(dy, f, moving, tangents)
        size = float(np.max(np.abs(y), initial=0.0))
        if _apart(dy, expected, _DIFFERENCES, size):
            faults.append(f"push gives {_short(dy)}, differences {_short(expected)}")
    g = _direction(rng, y)
    _, pullback = vjp(f, *moving)
    cotangents = pullback(g)
    for number, (x, c) in enumerate(zip(moving, cotangents)):
        if c.dtype != x.dtype or c.shape != x.shape:
            faults.append(f"a cotangent of shape {c.shape} and dtype {c.dtype} for argument {number} of "
                          f"{x.shape}, {x.dtype}")
    eps = max(float(np.finfo(y.dtype).eps), *(float(np.finfo(x.dtype).eps) for x in moving))
    for active in {*((i,) for i in range(len(moving))), tuple(range(len(moving)))}:
        alone = _only(f, moving, active)
        inner = [moving[i] for i in active]
        t = [tangents[i] for i in active]
        _, pushed = jvp(alone, inner, t)
        pulled = vjp(alone, *inner)[1](g)
        left, right = pairing(g, pushed), sum(pairing(c, d) for c, d in zip(pulled, t))
        size = float(np.sum(np.abs(g * pushed))) + sum(float(np.sum(np.abs(c * d))) for c, d in zip(pulled, t))
        size += float(np.sum(np.abs(g)) * np.max(np.abs(y), initial=0.0))
        if not abs(left - right) <= max(_ROUNDOFF, 50 * eps) * size:
            faults.append(f"<push t, g> = {left:.12g} but <t, pull g> = {right:.12g} for arguments {active}")
    return faults


def _only(f: Callable[..., Any], moving: Sequence[Any], active: tuple[int, ...]) -> Callable[..., Any]:
    """f as a function of some of its arguments."""
    def alone(*some: Any) -> Any:
        filled = list(moving)
        for i, x in zip(active, some):
            filled[i] = x
        return f(*filled)
    return alone


def second_orders(f: Callable[..., Any], moving: Sequence[Any], t: Sequence[Any], u: Sequence[Any],
                  g: Any) -> dict[str, float]:
    """The second derivative of <g, f> along t and u, in the four pairs of modes."""
    places = tuple(range(len(moving)))

    def weighed(*args: Any) -> Any:
        return np.sum(np.real(g * f(*args)))

    def along(*args: Any) -> Any:
        return jvp(weighed, args, tuple(t))[1]

    def across(*args: Any) -> Any:
        total = 0.0
        for c, d in zip(grad(weighed, places)(*args), t):
            total = total + np.sum(np.real(c * d))
        return total

    def pulled(function: Callable[..., Any]) -> float:
        return sum(pairing(c, d) for c, d in zip(grad(function, places)(*moving), u))

    return {"forward over forward": float(jvp(along, moving, u)[1]), "reverse over forward": pulled(along),
            "forward over reverse": float(jvp(across, moving, u)[1]), "reverse over reverse": pulled(across)}


def _check_second(f: Callable[..., Any], moving: Sequence[Any], t: Sequence[Any], rng: np.random.Generator,
                  differences: bool) -> list[str]:
    u = tuple(_direction(rng, x) for x in moving)
    g = _direction(rng, f(*moving))
    found = second_orders(f, moving, t, u, g)
    first, pulled = jvp(f, moving, t)[1], grad(lambda *args: np.sum(np.real(g * f(*args))), tuple(range(len(moving))))
    size = (float(np.sum(np.abs(g * first))) + max(abs(v) for v in found.values())
            + sum(float(np.sum(np.abs(c))) for c in pulled(*moving)))
    eps = max(float(np.finfo(x.dtype).eps) for x in moving)
    values = list(found.values())
    faults = []
    if not max(values) - min(values) <= max(1e-10, 1e4 * eps) * size + 1e-300:
        faults.append("second order: " + ", ".join(f"{name} {value:.10g}" for name, value in found.items()))
    if differences:
        expected = float(_nearest(values[0], lambda *args: np.asarray(pairing(g, jvp(f, args, t)[1])), moving, u))
        if not abs(values[0] - expected) <= _SECOND * size + 1e-300:
            faults.append(f"second order: {values[0]:.10g}, differences of the tangent {expected:.10g}")
    return faults


def _short(values: Any) -> str:
    text = np.array2string(np.asarray(values).reshape(-1)[:4], precision=10)
    return text if np.size(values) <= 4 else text[:-1] + " ...]"


# --- elementwise rows --------------------------------------------------------------------------

def check_elementwise(rule: Elementwise, *, samples: int = 5, seed: int = 0) -> list[str]:
    """The faults of an elementwise row with a domain, over shapes, dtypes and pinned points.

    >>> import numpy as np
    >>> from diffkit.rules import TABLE
    >>> check_elementwise(TABLE["sin"])
    []
    """
    rng = np.random.default_rng(seed)
    faults = check_pinned(rule)
    if len(rule.domain) < len(rule.partials):
        return faults
    if rule.symbol is not None:
        faults += check_column(rule, [sample(rule, (), rng) for _ in range(samples)])
    faults += check_rule(rule, sample(rule, (samples,), rng), seed=seed)
    shapes: list[tuple[tuple[int, ...], ...]] = [(shape,) * len(rule.partials) for shape in _SHAPES]
    if len(rule.partials) == 2:
        shapes += list(_PAIRS) + [pair[::-1] for pair in _PAIRS]
    for shape in shapes:
        args = [domain.sample(rng, one) for domain, one in zip(rule.domain, shape)]
        faults += check_rule(rule, [np.asarray(a)[()] for a in args], second=False, seed=seed)
    faults += _check_dtypes(rule, rng)
    return faults


def sample(rule: Rule, shape: tuple[int, ...], rng: np.random.Generator) -> list[Any]:
    """Arguments from the row's domains."""
    return [np.asarray(domain.sample(rng, shape))[()] for domain in rule.domain[:len(getattr(rule, "partials", ()))]]


def _partials(rule: Rule, args: Sequence[Any]) -> list[float]:
    """The derivative with respect to each argument of a scalar call, by reverse mode."""
    return [float(c) for c in vjp(lambda *a: rule(*a), *args)[1](1.0)]


def check_pinned(rule: Elementwise) -> list[str]:
    """The promised partials at the promised points, forward and reverse."""
    faults = []
    for point, promised in rule.pinned.items():
        values = point if isinstance(point, tuple) else (point,)
        args = [np.float64(v) if isinstance(v, float) else v for v in values]
        wanted = promised if isinstance(promised, tuple) else (promised,)
        for i, want in enumerate(wanted):
            if rule.partials[i] is None:
                continue
            alone = _only(lambda *a: rule(*a), args, (i,))
            with np.errstate(all="ignore"):
                pushed = jvp(alone, (args[i],), (np.float64(1),))[1]
                pulled = vjp(alone, args[i])[1](1.0)[0]
            for way, found in (("push", pushed), ("pull", pulled)):
                if not (found == want or abs(found - want) <= 1e-15 * abs(want)):
                    faults.append(f"{rule.name}: at {point} {way} gives {found} for argument {i}, "
                                  f"the row promises {want}")
    return faults


def exact_partials(rule: Rule, args: Sequence[Any], digits: int = 50) -> list[Any]:
    """The derivatives of the row's SymPy column at a point, as SymPy takes them, on mpmath numbers.

    Steps (floor, sign, Heaviside) have derivative zero off their jumps.
    """
    import mpmath
    import sympy

    from diffkit.exact.columns import arguments, column

    symbols = arguments(len(args), real=True)
    steps = (sympy.Derivative, sympy.Subs, sympy.DiracDelta)
    result = []
    for symbol in symbols:
        derivative = sympy.diff(column(rule, real=True), symbol)
        derivative = derivative.replace(lambda e: isinstance(e, steps), lambda e: sympy.Integer(0))
        with mpmath.workdps(digits):
            function = sympy.lambdify(symbols, derivative, modules="mpmath")
            result.append(mpmath.mpf(function(*(mpmath.mpf(float(a)) for a in args))))
    return result


def check_column(rule: Elementwise, points: Sequence[Sequence[Any]], tolerance: float = 2e-15) -> list[str]:
    """The row's partials against its SymPy column's derivatives on 50 digits, relative to each."""
    faults = []
    for args in points:
        with np.errstate(all="ignore"):
            found = _partials(rule, args)
        for i, (value, want) in enumerate(zip(found, exact_partials(rule, args))):
            if rule.partials[i] is not None and not abs(value - want) <= tolerance * abs(want):
                faults.append(f"{rule.name}: partial {i} at {tuple(float(a) for a in args)} is {value!r}, "
                              f"SymPy's derivative of the column {float(want)!r}")
    return faults


def _check_dtypes(rule: Elementwise, rng: np.random.Generator) -> list[str]:
    """Every precision that the function takes keeps it, and complex numbers where it is holomorphic."""
    faults: list[str] = []
    plain = sample(rule, (3,), rng)
    for dtype in map(np.dtype, (np.float16, np.float32, np.longdouble, np.complex64, np.complex128)):
        args = [np.asarray(a).astype(dtype) for a in plain]
        if dtype.kind == "c":
            args = [a * np.asarray(1 + 0.2j, dtype) for a in args]
        try:
            y = rule(*args)
        except TypeError:
            continue  # the function itself does not take this precision
        if y.dtype not in (dtype, np.real(np.zeros(1, dtype)).dtype):
            continue
        exact = dtype == np.complex128
        faults += [f"{fault} ({dtype.name})"
                   for fault in check_rule(rule, args, differences=exact, second=exact)]
    return faults
