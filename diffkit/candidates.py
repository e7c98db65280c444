"""Another library's derivative as a candidate for ``compare``: jax(g), torch(g), autograd(g).

``g`` is the function written in that library; what comes back is called with f's own
arguments, NumPy's, and returns ``out.shape + in.shape`` in NumPy, in f's containers, as
``methods=`` wants it.  The library is imported when the candidate is first called.

>>> import numpy as np, diffkit as dk
>>> def mine(x):                                # what compare is to judge
...     return np.sum(np.sin(x) * x)
>>> def theirs(x):                              # the same in PyTorch
...     import torch
...     return torch.sum(torch.sin(x) * x)
>>> candidate = dk.candidates.torch(theirs)     # dk.compare(mine, x, methods=("reverse", candidate))
>>> candidate.__name__
'torch:theirs'

What the library has no derivative for (an operation without a rule, an ``if`` on a traced value) raises
:class:`~diffkit.errors.NoAnswerError`: ``compare`` names it and judges the others.  A ``g`` that the library can't
even evaluate raises what it raises.

Conventions differ and are reconciled here: PyTorch's gradient by a complex number is the
conjugate of JAX's, autograd's and diffkit's.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import Argnums, split
from diffkit.errors import InputError, MissingPackageError, NoAnswerError

Function = Callable[..., Any]


def jax(g: Function, argnums: Argnums | None = None) -> Function:
    """The Jacobian of a JAX function, by ``jax.jacrev`` in double precision.

    Parameters
    ----------
    g : callable
        Takes f's arguments (arrays as ``jax.Array``), returns numbers, arrays or containers.
    argnums : int, tuple of int, or None
        Which arguments move; None: those that ``compare`` or ``check_gradients`` asks about (the first one, where
        the candidate is called by itself).

    Returns
    -------
    callable
        Of NumPy arguments (and keyword arguments, which ``g`` is given); the result is NumPy in f's containers.

    Raises
    ------
    MissingPackageError
        (an ImportError) at the first call, when JAX is not installed.

    Notes
    -----
    JAX computes in single precision unless it is told otherwise; while the candidate runs,
    64-bit numbers are switched on (``jax.enable_x64``), so that float64 stays float64.
    """
    def blocks(leaves: list[Any], call: Function) -> tuple[list[Any], Any]:
        library = _import("jax")

        def flat(moving: Any) -> Any:
            outs, known["structure"] = tree.flatten(call(moving))
            return outs

        known: dict[str, Any] = {}
        with _jax_in_double(library):
            moving = [library.numpy.asarray(leaf) for leaf in leaves]
            complex_in = [np.iscomplexobj(leaf) for leaf in leaves]
            outs = flat(moving)
            if any(complex_in):
                found = [_pulled_rows(out, functools.partial(_jax_pull, library, flat, moving, k))
                         for k, out in enumerate(outs)]
            else:
                found = [[_numpy(block) for block in row] for row in library.jacrev(flat)(moving)]
        return found, known["structure"]

    def plain(leaves: list[Any], call: Function) -> None:
        library = _import("jax")
        with _jax_in_double(library):
            call([library.numpy.asarray(leaf) for leaf in leaves])

    return _candidate("jax", g, argnums, blocks, plain)


def _jax_in_double(library: Any) -> Any:
    """A context in which JAX computes in double precision."""
    # Where the switch lives, in newer and older releases (it can't be asked whether it is true).
    place = library if hasattr(library, "enable_x64") else _import("jax.experimental", "jax")
    return place.enable_x64(True)


def _jax_pull(library: Any, flat: Function, moving: Any, which: int, seed: Any) -> list[Any]:
    out, pullback = library.vjp(lambda m: flat(m)[which], moving)
    return [_numpy(leaf) for leaf in pullback(library.numpy.asarray(seed).astype(out.dtype))[0]]


def torch(g: Function, argnums: Argnums | None = None) -> Function:
    """The Jacobian of a PyTorch function, by ``torch.autograd.grad`` row by row.

    ``g`` takes f's arguments with arrays as tensors (numbers become tensors of no axes), and
    returns tensors, in f's containers.  Parameters, result and errors as for :func:`jax`.
    """
    def blocks(leaves: list[Any], call: Function) -> tuple[list[Any], Any]:
        library = _import("torch")
        moving = [library.tensor(np.array(leaf), requires_grad=True) for leaf in leaves]
        outs, structure = tree.flatten(call(moving))

        def pull(out: Any, seed: Any) -> list[Any]:
            if not getattr(out, "requires_grad", False):
                return [np.zeros(np.shape(leaf), np.asarray(leaf).dtype) for leaf in leaves]
            weights = library.as_tensor(np.array(seed)).to(out.dtype)
            found = library.autograd.grad(out, moving, weights, retain_graph=True, allow_unused=True)
            return [np.zeros(np.shape(leaf), np.asarray(leaf).dtype) if one is None else np.conj(_numpy(one))
                    for one, leaf in zip(found, leaves)]

        return [_pulled_rows(out, functools.partial(pull, out)) for out in outs], structure

    def plain(leaves: list[Any], call: Function) -> None:
        call([_import("torch").tensor(np.array(leaf)) for leaf in leaves])

    return _candidate("torch", g, argnums, blocks, plain, _to_tensor)


def _to_tensor(leaf: Any) -> Any:
    """Constants are tensors too: torch mixes badly with NumPy arrays."""
    if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fciub":
        return _import("torch").tensor(leaf)
    return leaf


def autograd(g: Function, argnums: Argnums | None = None) -> Function:
    """The Jacobian of a function written with ``autograd.numpy``, by ``autograd.make_vjp``.

    Parameters, result and errors as for :func:`jax`.
    """
    def blocks(leaves: list[Any], call: Function) -> tuple[list[Any], Any]:
        library = _import("autograd")
        known: dict[str, Any] = {}

        def flat(moving: Any, which: int) -> Any:
            outs, known["structure"] = tree.flatten(call(list(moving)))
            known["count"] = len(outs)
            return outs[which]

        moving = tuple(np.array(leaf)[()] for leaf in leaves)
        found, which = [], 0
        while which == 0 or which < known["count"]:
            pullback, out = library.make_vjp(functools.partial(flat, which=which))(moving)
            found.append(_pulled_rows(out, functools.partial(_all_numpy, pullback)))
            which += 1
        return found, known["structure"]

    return _candidate("autograd", g, argnums, blocks,
                      lambda leaves, call: call([np.array(leaf)[()] for leaf in leaves]))


def _candidate(library: str, g: Function, argnums: Argnums | None,
               blocks: Callable[[list[Any], Function], tuple[list[Any], Any]],
               plain: Callable[[list[Any], Function], object],
               constant: Callable[[Any], Any] = lambda leaf: leaf) -> Function:
    """A function of NumPy arguments that answers in f's containers.

    ``blocks`` differentiates g in the library, and ``plain`` evaluates it there; both get a call of g as a function
    of what moves.
    """
    if not callable(g):
        raise InputError(f"candidates.{library} takes a function, not {type(g).__name__}")

    def candidate(*args: Any, **kwargs: Any) -> Any:
        moving = split(args, 0 if argnums is None else argnums, g)
        leaves = [np.asarray(leaf) for leaf in moving.leaves]
        held = tuple(arg if i in moving.positions else tree.map(constant, arg) for i, arg in enumerate(args))

        options = tree.map(constant, kwargs)

        def call(values: list[Any]) -> Any:
            merged = moving.merge(values)
            return g(*(merged[i] if i in moving.positions else held[i] for i in range(len(args))), **options)

        try:
            found, structure = blocks(leaves, call)
        except MissingPackageError:
            raise
        except Exception as error:
            plain(leaves, call)  # what g itself raises there is its own error
            raise NoAnswerError(f"{library} gives no derivative here: {type(error).__name__}: {_first_line(error)}",
                                f"a rule for it in {library}", "compare without this candidate") from error
        return tree.unflatten(structure, [moving.answer(row) for row in found])

    candidate.__name__ = candidate.__qualname__ = f"{library}:{getattr(g, '__name__', type(g).__name__)}"
    candidate.library = library  # type: ignore[attr-defined]
    if argnums is None:  # ``compare`` says which
        candidate.with_argnums = lambda asked: _candidate(  # type: ignore[attr-defined]
            library, g, asked, blocks, plain, constant)
    candidate.__doc__ = f"The derivative of {getattr(g, '__name__', 'g')} by {library}."
    return candidate


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]


def _pulled_rows(out: Any, pull: Callable[[Any], list[Any]]) -> list[Any]:
    """One pullback for each entry of a result, put together to out.shape + in.shape blocks."""
    shape = tuple(np.shape(out))
    size = int(np.prod(shape, dtype=int))
    dtype = np.float64 if not hasattr(out, "dtype") or "complex" not in str(out.dtype) else np.complex128
    rows = []
    for entry in range(size):
        seed = np.zeros(size, dtype)
        seed[entry] = 1
        rows.append(pull(seed.reshape(shape)[()]))
    return [np.stack(column).reshape(shape + np.shape(column[0]))[()] for column in zip(*rows)]


def _all_numpy(pullback: Callable[[Any], Any], seed: Any) -> list[Any]:
    return [_numpy(one) for one in pullback(seed)]


def _numpy(value: Any) -> Any:
    """A tensor or array of another library as NumPy's."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().resolve_conj().numpy()
    return np.asarray(value)


def _import(name: str, package: str = "") -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = package or name
        raise MissingPackageError(f"a candidate of {package} needs the package {package!r}: {error}",
                                  f"pip install {package}") from error
