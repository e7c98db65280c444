"""grad and value_and_grad: one recorded run, one sweep."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from diffkit.arguments import Argnums, Moving, split
from diffkit.buffers import is_running
from diffkit.errors import HolomorphicError, InputError
from diffkit.masked import attempts, careful
from diffkit.recording import TapeLevel
from diffkit.reverse import sweep
from diffkit.rules.repeated import SPLITTING, RepeatedValuesError
from diffkit.tape import Node
from diffkit.traced import primal
from diffkit.transforms.methods import gradient_by
from diffkit.transforms.products import Linearized, push
from diffkit.transforms.running import Function, call, finish, is_worth_care, name_of, scalar_result, split_aux


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
    if holomorphic:
        raise InputError(f"holomorphic=True goes with the reverse method, not {method!r}")
    return gradient_by(method, f, argnums, has_aux, has_error)


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False, method: str = "reverse",
                   holomorphic: bool = False) -> Function:
    """The value of f and its gradient, from one run (see :func:`grad`).

    Returns ``(value, gradient)``, with ``has_aux`` ``((value, aux), gradient)``.

    >>> value_and_grad(lambda x: x * x)(3.0)
    (np.float64(9.0), np.float64(6.0))
    """
    if method != "reverse":
        gradient = grad(f, argnums, has_aux, method, holomorphic)

        @functools.wraps(f)
        def evaluate(*args: Any, **kwargs: Any) -> Any:
            g = gradient(*args, **kwargs)
            return f(*args, **kwargs), g[0] if has_aux else g

        return evaluate

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        before = attempts[0]
        moving = split(args, argnums, f, holomorphic)
        level = TapeLevel()
        leaves: list[Any] | None
        try:
            traced = [level.lift(leaf) for leaf in moving.leaves]
            wanted = [t.mark for t in traced]  # now: f may write into its arguments
            result = call(f, moving.merge(traced), kwargs, level)
            result, aux = split_aux(result, has_aux, level)
            value, out = scalar_result(f, result, level, holomorphic)
            if out is None:
                leaves = [np.zeros(leaf.shape, leaf.dtype) for leaf in moving.leaves]
            else:
                leaves = finish(sweep(level.nodes, [(out, _one(out))], wanted), moving.leaves)
        except RepeatedValuesError:
            if is_running() or SPLITTING.get() is not None:
                raise
            leaves = None
        finally:
            level.close()
        if leaves is None:
            run = Linearized(f, moving, kwargs, has_aux)
            aux = run.aux
            value, out = scalar_result(f, run.value, None, holomorphic)[0], run.marks[0]
            leaves = run.pull_seeds([(out, _one(out))] if out else [])
        if attempts[0] != before and is_worth_care(level.depth, value, leaves):
            with careful():
                return value_and_gradient(*args, **kwargs)
        if holomorphic:
            _check_cauchy_riemann(f, moving, kwargs, leaves, has_aux)
        g = moving.answer(leaves)
        return ((value, aux), g) if has_aux else (value, g)

    return value_and_gradient


def _one(node: Node) -> Any:
    return np.ones(node.shape, node.dtype) if node.shape else node.dtype.type(1)


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
    _, found = push(run, moving, moving.leaves, tangents, {})
    scale = sum(float(np.sum(np.abs(primal(g)))) for g in leaves)
    resolution = 1e4 * float(np.finfo(moving.leaves[0].dtype).eps)
    found, expected = primal(found), primal(expected)  # of many examples, inside a vmap
    if np.max(np.abs(found - expected)) > resolution * max(scale, np.max(np.abs(expected))):
        raise HolomorphicError(
            f"{name_of(f)} is not holomorphic here: its derivatives along x and along iy break the "
            "Cauchy-Riemann equations",
            "grad of a real function of z (df/dx - i df/dy), or jacobian of the real and imaginary part",
            "abs, conj, real, imag or a comparison inside f")
