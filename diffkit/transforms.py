"""The public transforms: derivatives of functions as functions.

Each is a thin arrangement of the interpreters: split the arguments into leaves that
move and the rest, run the function once on traced leaves, sweep, and put the answers
back into the caller's containers.  A level is closed in ``finally``, whatever happens in
the user's function, and the user's own exception comes through unchanged.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import Argnums, Moving, split
from diffkit.dual import DualLevel
from diffkit.errors import (
    DiffkitError,
    HolomorphicError,
    InputError,
    MutationError,
    NotScalarError,
    ShapeError,
)
from diffkit.reverse import sweep
from diffkit.rules.flat import STOP_GRADIENT
from diffkit.rules.kinds import conform
from diffkit.tape import Node, TapeLevel
from diffkit.traced import Level, Traced, is_traced, primal

Function = Callable[..., Any]
METHODS = ("reverse", "forward", "symbolic", "numeric", "complex-step")


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False, method: str = "reverse",
         holomorphic: bool = False, has_error: bool = False) -> Function:
    """The gradient of a function with one real result.

    Parameters
    ----------
    f : callable
        Returns one number (an array of size one counts); with ``has_aux`` a pair
        ``(number, aux)``.
    argnums : int or tuple of int
        Which positional arguments to differentiate.
    method : {"reverse", "forward", "symbolic", "numeric", "complex-step"}
        Who computes it; all give the same answer in the same shape.
    holomorphic : bool
        f is a holomorphic function of complex arguments: its complex derivative is wanted.
        The Cauchy-Riemann equations are checked.
    has_error : bool
        Only with ``method="numeric"``: return ``(gradient, error)``.

    Returns
    -------
    callable
        Takes f's arguments; returns the gradient in the shape (and containers) of the
        arguments named by argnums, with ``has_aux`` the pair ``(gradient, aux)``.

    Raises
    ------
    NotScalarError
        (a TypeError) the result has several entries, or is boolean, integer or complex.
    InputError
        (a TypeError) an argument can't be differentiated.

    Notes
    -----
    Of a real function of complex z = x + iy the gradient is df/dx - i df/dy, as in
    autograd and JAX.

    Examples
    --------
    >>> import numpy as np
    >>> grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    >>> grad(lambda x, y: x * y, argnums=(1, 0))(2.0, 5.0)
    (np.float64(2.0), np.float64(5.0))
    """
    if method == "reverse" and not has_error:
        run = value_and_grad(f, argnums, has_aux, holomorphic=holomorphic)

        @functools.wraps(f)
        def gradient(*args: Any, **kwargs: Any) -> Any:
            value, g = run(*args, **kwargs)
            return (g, value[1]) if has_aux else g

        return gradient
    return _other_gradient(f, argnums, has_aux, method, holomorphic, has_error)


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False, method: str = "reverse",
                   holomorphic: bool = False) -> Function:
    """The value of f and its gradient, from one run (see :func:`grad`).

    Returns ``(value, gradient)``, with ``has_aux`` ``((value, aux), gradient)``.

    >>> value_and_grad(lambda x: x * x)(3.0)
    (np.float64(9.0), np.float64(6.0))
    """
    if method != "reverse":
        gradient = _other_gradient(f, argnums, has_aux, method, holomorphic, False)

        @functools.wraps(f)
        def evaluate(*args: Any, **kwargs: Any) -> Any:
            return f(*args, **kwargs), gradient(*args, **kwargs)[0] if has_aux else gradient(*args, **kwargs)

        return evaluate

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        moving = split(args, argnums, f, holomorphic)
        level = TapeLevel()
        try:
            traced = [level.lift(leaf) for leaf in moving.leaves]
            result = _call(f, moving.merge(traced), kwargs, level)
            result, aux = _split_aux(result, has_aux, level)
            value, out = _scalar_result(f, result, level, holomorphic)
            wanted = [t.mark for t in traced]
            if out is None:
                leaves = [np.zeros(leaf.shape, leaf.dtype) for leaf in moving.leaves]
            else:
                seed = np.ones(out.shape, out.dtype) if out.shape else out.dtype.type(1)
                leaves = _finish(sweep(level.nodes, [(out, seed)], wanted), moving.leaves)
        finally:
            level.close()
        if holomorphic:
            _check_cauchy_riemann(f, moving, kwargs, leaves, has_aux)
        g = moving.answer(leaves)
        return ((value, aux), g) if has_aux else (value, g)

    return value_and_gradient


def _call(f: Function, args: tuple[Any, ...], kwargs: dict[str, Any], level: TapeLevel) -> Any:
    """Run f; a write to an array that was locked for the pulls is explained."""
    try:
        return f(*args, **kwargs)
    except ValueError as error:
        if level.locked and "read-only" in str(error) and not isinstance(error, DiffkitError):
            raise MutationError(
                "an array that the derivative still needs was written to inside the differentiated function",
                "a copy for the computation (y = x * b.copy()), or a new array instead of the write") from error
        raise


def _finish(cotangents: Sequence[Any], leaves: Sequence[Any]) -> list[Any]:
    """Cotangents as results: zeros for no dependence, writable arrays of the user's own."""
    result = []
    for c, leaf in zip(cotangents, leaves):
        if c is None:
            c = np.zeros(leaf.shape, leaf.dtype) if leaf.shape or is_traced(leaf) else leaf.dtype.type(0)
        elif type(c) is np.ndarray and (not c.flags.writeable or c.base is not None):
            c = c.copy()
        result.append(c)
    return result


def _split_aux(result: Any, has_aux: bool, level: Level) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise InputError(f"has_aux=True expects f to return a pair (value, aux), not {type(result).__name__}",
                         "return value, aux")
    return result[0], strip(result[1], level)


def strip(value: Any, level: Level) -> Any:
    """Results in containers as they are one level below ``level``."""
    if type(value) is Traced:
        return value.value if value.level is level else value
    leaves, structure = tree.flatten(value)
    if structure is tree.LEAF:
        return value
    return tree.unflatten(structure, [strip(leaf, level) for leaf in leaves])


def _scalar_result(f: Function, result: Any, level: Level, holomorphic: bool) -> tuple[Any, Node | None]:
    """The plain value and the node of grad's result, or None if it depends on nothing."""
    traced = type(result) is Traced and result.level is level
    value = result.value if traced else result
    if not hasattr(value, "dtype"):
        if isinstance(value, (bool, int, float, complex)):
            value = np.asarray(value)[()]
        else:
            raise NotScalarError(
                f"grad needs a function that returns one number, but {_name(f)} returned {_kind(result)}",
                "jacobian(f), which takes any result, or vjp" if isinstance(value, (tuple, list, dict))
                else "return the value that is to be differentiated",
                "a missing return statement" if value is None else
                "grad(f, has_aux=True) if f returns (value, extra)" if isinstance(value, tuple) else "")
    if value.size != 1:
        raise NotScalarError(
            f"grad needs a function that returns one number, but {_name(f)} returned an array of shape "
            f"{value.shape}",
            "jacobian(f) for all its derivatives, or grad of a sum or mean of the result",
            "dk.derivative(f) differentiates an elementwise function entry by entry")
    kind = value.dtype.kind
    if kind == "c" and not holomorphic:
        raise NotScalarError(f"grad needs a real result, but {_name(f)} returned a complex number",
                             "grad(f, holomorphic=True) for a holomorphic function, otherwise grad of its "
                             "real part, imaginary part or abs(...)**2, or jacobian(f)")
    if kind not in "fc":
        raise NotScalarError(
            f"grad needs a real result, but {_name(f)} returned {_kind(value)} ({value.dtype})",
            "a floating result: a step function has derivative zero wherever it has one")
    if holomorphic and kind != "c":
        raise HolomorphicError(f"holomorphic=True was given, but {_name(f)} returned a real number",
                               "holomorphic=False")
    return value, result.mark if traced else None


def _name(f: Function) -> str:
    return getattr(f, "__qualname__", None) or repr(f)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if hasattr(value, "dtype") and value.dtype.kind in "biu":
        return "a boolean" if value.dtype.kind == "b" else "an integer"
    return f"a {type(value).__name__}"


def _check_cauchy_riemann(f: Function, moving: Moving, kwargs: dict[str, Any], leaves: list[Any],
                          has_aux: bool) -> None:
    """d f(z + i t) must be i times d f(z + t): one forward run in an imaginary direction."""
    rng = np.random.default_rng(0)
    tangents, expected = [], 0
    for leaf, g in zip(moving.leaves, leaves):
        if leaf.dtype.kind != "c":
            raise HolomorphicError("holomorphic=True needs complex arguments", "x.astype(complex)")
        t = rng.choice([1.0, -1.0, 0.5], leaf.shape) * (1 + 1j)
        tangents.append(np.conjugate(t) * leaf.dtype.type(1))
        expected = expected + np.sum(g * tangents[-1])
    run = (lambda *args: f(*args, **kwargs)[0]) if has_aux else (lambda *args: f(*args, **kwargs))
    _, found = _push(run, moving, moving.leaves, tangents, {})
    scale = sum(float(np.sum(np.abs(primal(g)))) for g in leaves)
    resolution = 1e4 * float(np.finfo(moving.leaves[0].dtype).eps)
    if abs(primal(found) - primal(expected)) > resolution * max(scale, abs(primal(expected))):
        raise HolomorphicError(
            f"{_name(f)} is not holomorphic here: its derivatives along x and along iy break the "
            "Cauchy-Riemann equations",
            "grad of a real function of z (df/dx - i df/dy), or jacobian of the real and imaginary part",
            "abs, conj, real, imag or a comparison inside f")


# --- forward --------------------------------------------------------------------------------

def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """Jacobian times vector: ``(f(*primals), J @ tangents)`` by one run on dual numbers.

    ``primals`` and ``tangents`` are tuples of f's arguments, in equal containers and
    shapes.  Returns ``(out, tangent)``, with ``has_aux`` ``(out, tangent, aux)``.

    Raises ShapeError (a ValueError) when a tangent does not fit its primal.

    >>> import numpy as np
    >>> jvp(lambda x, y: np.sin(x) * y, (0.0, 2.0), (1.0, 0.0))
    (np.float64(0.0), np.float64(2.0))
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise InputError("jvp takes tuples of primals and tangents", "jvp(f, (x,), (v,))")
    primals = tuple(primals)
    if len(primals) != len(tangents):
        raise ShapeError(f"jvp got {len(primals)} primals and {len(tangents)} tangents")
    moving = split(primals, tuple(range(len(primals))), f)
    return _push(f, moving, moving.leaves, _matching(tuple(tangents), moving), {}, has_aux)


def _matching(tangents: Any, moving: Moving, what: str = "tangent") -> list[Any]:
    """Tangents as leaves that fit the moving leaves in structure, shape and dtype."""
    leaves, structure = tree.flatten(tangents)
    if structure != moving.structure:
        raise ShapeError(f"the {what}'s container {tree.describe(tangents)} differs from the primal's",
                         f"a {what} in the container of the arguments")
    result = []
    for t, leaf in zip(leaves, moving.leaves):
        t = t if hasattr(t, "dtype") else np.asarray(t)[()]
        if t.shape != leaf.shape:
            raise ShapeError(f"a {what} has shape {t.shape}, its primal {leaf.shape}",
                             f"a {what} of shape {leaf.shape}")
        if t.dtype.kind == "c" and leaf.dtype.kind != "c":
            raise ShapeError(f"a {what} is complex, its primal real")
        if t.dtype.kind not in "fciu":
            raise InputError(f"a {what} has dtype {t.dtype}", "floats")
        result.append(t if t.dtype == leaf.dtype else t.astype(leaf.dtype))
    return result


def _push(f: Function, moving: Moving, leaves: list[Any], tangents: list[Any], kwargs: dict[str, Any],
          has_aux: bool = False) -> Any:
    level = DualLevel()
    try:
        result = f(*moving.merge([level.lift(x, t) for x, t in zip(leaves, tangents)]), **kwargs)
        result, aux = _split_aux(result, has_aux, level)
        outs, structure = tree.flatten(result)
        values, moves = [], []
        for out in outs:
            if type(out) is Traced and out.level is level:
                values.append(out.value)
                moves.append(out.mark)
            else:
                values.append(out)
                moves.append(zero_of(out))
        pair = tree.unflatten(structure, values), tree.unflatten(structure, moves)
        return (*pair, aux) if has_aux else pair
    finally:
        level.close()


def zero_of(value: Any) -> Any:
    """The zero tangent of a result that nothing moves."""
    if type(value) is not Traced and not hasattr(value, "dtype"):
        try:
            value = np.asarray(value)[()]
        except (TypeError, ValueError):
            value = np.asarray(None)
    kind = value.dtype.kind
    if kind not in "fciub":
        raise NotScalarError(f"a result is {_kind(value)}, which has no derivative",
                             "return arrays or numbers (in containers), and the rest by has_aux=True")
    dtype = value.dtype if kind in "fc" else np.dtype(np.float64)
    return np.zeros(value.shape, dtype) if value.shape else dtype.type(0)


# --- reverse --------------------------------------------------------------------------------

def vjp(f: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Vector times Jacobian: ``(f(*primals), pullback)``.

    ``pullback(g)`` takes a cotangent in the container and shape of f's result and returns
    the tuple of the arguments' cotangents; it may be called any number of times, also
    after arrays of the caller's have changed (what it needs was copied).

    >>> out, pullback = vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> pullback(1.0)
    (np.float64(4.0), np.float64(3.0))
    """
    moving = split(primals, tuple(range(len(primals))), f)
    run = Linearized(f, moving, {}, has_aux)

    def pullback(g: Any) -> Any:
        return moving.answer(run.pull(run.cotangents(g)))

    return (run.value, pullback, run.aux) if has_aux else (run.value, pullback)


class Linearized:
    """A finished run whose tape may be swept many times (vjp, the rows of a Jacobian)."""

    def __init__(self, f: Function, moving: Moving, kwargs: dict[str, Any], has_aux: bool = False) -> None:
        level = TapeLevel(copy_captured=True)
        try:
            self.leaves = [leaf.copy() if type(leaf) is np.ndarray else leaf for leaf in moving.leaves]
            traced = [level.lift(leaf) for leaf in self.leaves]
            result = _call(f, moving.merge(traced), kwargs, level)
            result, self.aux = _split_aux(result, has_aux, level)
            self.outs, self.structure = tree.flatten(result)
            self.value = tree.unflatten(self.structure, [strip(out, level) for out in self.outs])
            self.marks = [out.mark if type(out) is Traced and out.level is level else None
                          for out in self.outs]
            self.nodes = level.nodes
            self.wanted = [t.mark for t in traced]
        finally:
            level.close()

    def cotangents(self, g: Any) -> list[Any]:
        """A cotangent's leaves, checked against the result's."""
        leaves, structure = tree.flatten(g)
        if structure != self.structure:
            raise ShapeError(f"the cotangent's container {tree.describe(g)} differs from the result's",
                             "a cotangent in the container of f's result")
        result = []
        for c, out in zip(leaves, self.outs):
            shape = np.shape(out) if type(out) is not Traced else out.shape
            c = c if hasattr(c, "dtype") else np.asarray(c)[()]
            if c.shape != shape:
                raise ShapeError(f"a cotangent has shape {c.shape}, its result {shape}",
                                 f"a cotangent of shape {shape}")
            if c.dtype.kind not in "fciub":
                raise InputError(f"a cotangent has dtype {c.dtype}", "floats")
            result.append(c)
        return result

    def pull(self, cotangents: Sequence[Any]) -> list[Any]:
        """One sweep."""
        seeds = [(node, conform(c, node.shape, node.dtype)) for node, c in zip(self.marks, cotangents)
                 if node is not None]
        return self.pull_seeds(seeds)

    def pull_seeds(self, seeds: Sequence[tuple[Node, Any]]) -> list[Any]:
        """The leaves' cotangents, from those of some of the results' nodes."""
        return _finish(sweep(self.nodes, seeds, self.wanted), self.leaves)


# --- matrices of derivatives -----------------------------------------------------------------

def jacobian(f: Function, argnums: Argnums = 0, method: str = "auto", has_aux: bool = False) -> Function:
    """All derivatives of all results: arrays of shape ``out.shape + in.shape``.

    ``method`` is "reverse" (a sweep for each entry of the result), "forward" (a run for
    each entry of the argument), "auto" (whichever is fewer), "symbolic", "numeric" or
    "complex-step".  Containers: the result's container, each leaf holding the argument's.

    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    if method not in ("auto", "reverse", "forward"):
        return _other_gradient(f, argnums, has_aux, method, False, False, jacobian=True)

    @functools.wraps(f)
    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        moving = split(args, argnums, f)
        aux = None
        if method != "forward":
            run = Linearized(f, moving, kwargs, has_aux)
            aux = run.aux
            shapes = [zero_of(out) for out in run.outs]
            n_out = sum(zero.size for zero in shapes)
            n_in = sum(leaf.size for leaf in moving.leaves)
            if method == "reverse" or n_out <= 2 * n_in:
                rows = _rows(run, shapes, moving)
                result = tree.unflatten(run.structure, [moving.answer(row) for row in rows])
                return (result, aux) if has_aux else result
        result, aux = _columns(f, moving, kwargs, has_aux)
        return (result, aux) if has_aux else result

    return jacobian_of_f


def _rows(run: Linearized, outs: Sequence[Any], moving: Moving) -> list[list[Any]]:
    """For each result the blocks of its Jacobian, a sweep an entry."""
    blocks = []
    for out, node in zip(outs, run.marks):
        rows = []
        for entry in range(out.size):
            seeds = []
            if node is not None:
                seed = np.zeros(out.size, node.dtype)
                seed[entry] = 1
                seeds = [(node, seed.reshape(out.shape)[()])]
            rows.append(run.pull_seeds(seeds))
        blocks.append([_stack([row[i] for row in rows], out.shape, leaf)
                       for i, leaf in enumerate(moving.leaves)])
    return blocks


def _stack(rows: list[Any], front: tuple[int, ...], leaf: Any) -> Any:
    if not rows:
        return np.zeros(front + tuple(leaf.shape), leaf.dtype)
    return np.reshape(np.stack(rows), front + tuple(leaf.shape))


def _columns(f: Function, moving: Moving, kwargs: dict[str, Any], has_aux: bool) -> tuple[Any, Any]:
    """The Jacobian by forward runs, one for each entry of the arguments."""
    columns: list[list[list[Any]]] = []       # [leaf][entry][result]
    structure = None
    aux = None
    for number, leaf in enumerate(moving.leaves):
        columns.append([])
        for entry in range(leaf.size):
            tangents = [np.zeros(x.shape, x.dtype) for x in moving.leaves]
            seed = np.zeros(leaf.size, leaf.dtype)
            seed[entry] = 1
            tangents[number] = seed.reshape(leaf.shape)[()]
            out = _push(f, moving, moving.leaves, tangents, kwargs, has_aux)
            aux = out[2] if has_aux else None
            moves, structure = tree.flatten(out[1])
            columns[-1].append(moves)
    if structure is None:  # nothing moves: the result's shapes are still needed
        result = f(*moving.args, **kwargs)
        outs, structure = tree.flatten(result[0] if has_aux else result)
        aux = result[1] if has_aux else None
        samples = [zero_of(out) for out in outs]
    else:
        samples = next(c[0] for c in columns if c)
    answers = []
    for k, sample in enumerate(samples):
        blocks = []
        for leaf, entries in zip(moving.leaves, columns):
            if not entries:
                blocks.append(np.zeros(sample.shape + tuple(leaf.shape), sample.dtype))
            else:
                stacked = np.stack([moves[k] for moves in entries], axis=-1)
                blocks.append(np.reshape(stacked, sample.shape + tuple(leaf.shape)))
        answers.append(moving.answer(blocks))
    return tree.unflatten(structure, answers), aux


def hessian(f: Function, argnums: Argnums = 0, method: str = "auto") -> Function:
    """Second derivatives of a function with one real result: ``in.shape + in.shape``.

    The gradient is recorded once and swept for each of its entries; ``method="forward"``
    pushes dual numbers through the reverse sweep instead.

    >>> import numpy as np
    >>> hessian(lambda x: x[0]**2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    if method not in ("auto", "forward", "reverse"):
        return _other_gradient(f, argnums, False, method, False, False, hessian=True)
    return jacobian(grad(f, argnums), argnums, method)


def hvp(f: Function, x: Any, v: Any) -> Any:
    """Hessian times vector, by one forward run through the gradient.

    ``x`` and ``v`` are arrays or equal containers; for a function of several arguments
    they are tuples of these.

    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    if type(x) is tuple and _takes(f, len(x)):
        return jvp(grad(f, tuple(range(len(x)))), x, v)[1]
    return jvp(grad(f), (x,), (v,))[1]


def _takes(f: Function, count: int) -> bool:
    """Whether f asks for ``count`` positional arguments (rather than one tuple)."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return False
    needed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
              and p.default is p.empty]
    starred = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return (len(needed) == count and count > 1) or (starred and len(needed) <= count)


def derivative(f: Function, n: int = 1) -> Function:
    """The nth derivative of a function of one number, or of an elementwise function.

    For an array argument the derivative is taken entry by entry; a function that mixes
    entries (a sum, a cumulative sum, a matrix product) is refused.

    >>> import numpy as np
    >>> derivative(np.sin, 3)(0.0)
    np.float64(-1.0)
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0:
        raise InputError(f"the order of a derivative is a whole number, not {n!r}")
    if n == 0:
        return f

    @functools.wraps(f)
    def nth(x: Any, *args: Any, **kwargs: Any) -> Any:
        moving = split((x,), 0, f)
        if tree.flatten(x)[1] is not tree.LEAF:
            raise InputError("derivative takes one array or number", "jacobian(f), for containers")
        leaf = moving.leaves[0]

        def order(k: int) -> Function:
            if k == 0:
                return lambda t: f(t, *args, **kwargs)
            below = order(k - 1)
            return lambda t: jvp(below, (t,), (np.ones(t.shape, t.dtype) if t.shape else t.dtype.type(1),))[1]

        result = order(int(n))(leaf)
        if result.shape != leaf.shape:
            raise NotScalarError(
                f"derivative needs an elementwise function, but {_name(f)} made shape {result.shape} "
                f"of shape {leaf.shape}", "grad(f) for one number, jacobian(f) for any shape")
        if leaf.size > 1:
            _check_elementwise(lambda t: f(t, *args, **kwargs), leaf)
        return result

    return nth


def _check_elementwise(f: Function, x: Any) -> None:
    """J w must be w * (J 1) for an elementwise function; weights of mixed size show it."""
    weights = (1 + np.arange(x.size, dtype=float) % 7).reshape(x.shape).astype(x.dtype)
    ones = np.ones(x.shape, x.dtype)
    plain = primal(jvp(f, (x,), (ones,))[1])
    mixed = primal(jvp(f, (x,), (weights,))[1])
    resolution = 1e3 * float(np.finfo(x.dtype).eps)
    with np.errstate(all="ignore"):
        differs = np.abs(mixed - weights * plain) > resolution * (np.abs(mixed) + np.abs(plain))
    if np.any(differs & np.isfinite(mixed) & np.isfinite(plain)):
        raise NotScalarError(f"derivative needs an elementwise function, but {_name(f)} mixes entries",
                             "jacobian(f), which has every pair of entries")


# --- leaving the trace -------------------------------------------------------------------------

def value(x: Any) -> Any:
    """The plain value of a traced array or container: for printing, storing, plotting.

    Arrays are copied, so that writing to them can't change a derivative.  Plain values come
    back as they are.

    >>> seen = []
    >>> def f(x):
    ...     seen.append(value(x))
    ...     return x * x
    >>> grad(f)(3.0), seen
    (np.float64(6.0), [np.float64(3.0)])
    """
    def plain(leaf: Any) -> Any:
        if not is_traced(leaf):
            return leaf
        bottom = primal(leaf)
        return bottom.copy() if type(bottom) is np.ndarray else bottom

    return tree.map(plain, x)


def stop_gradient(x: Any) -> Any:
    """x as a constant of every transform that is running: its derivative is zero.

    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    return tree.map(lambda leaf: STOP_GRADIENT(leaf) if is_traced(leaf) else leaf, x)


# --- other methods ---------------------------------------------------------------------------

def _other_gradient(f: Function, argnums: Argnums, has_aux: bool, method: str, holomorphic: bool,
                    has_error: bool, jacobian: bool = False, hessian: bool = False) -> Function:
    """grad, jacobian and hessian by the methods that are not the reverse sweep."""
    raise NotImplementedError
