"""Whole matrices of derivatives (jacobian, hessian), and elementwise derivatives.

A Jacobian is the pull of a unit cotangent for each entry of the result or the push of a
unit tangent for each entry of the argument, whichever is fewer, in chunks (``directions``).
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.arguments import Argnums, Moving, as_its_leaf, split
from diffkit.errors import InputError, NotScalarError
from diffkit.masked import attempts, careful
from diffkit.traced import sample
from diffkit.transforms.complexes import from_pulls
from diffkit.transforms.directions import reshaped, rows_of
from diffkit.transforms.expansions import nth_by_series, whole_order
from diffkit.transforms.gradient import grad
from diffkit.transforms.leaving import is_recorded
from diffkit.transforms.methods import forward_blocks, hessian_by, jacobian_by
from diffkit.transforms.products import Linearized, jvp
from diffkit.transforms.running import Function, is_worth_care, name_of, zero_of


def jacobian(f: Function, argnums: Argnums = 0, method: str = "auto", has_aux: bool = False) -> Function:
    """All derivatives of all results: arrays of shape ``out.shape + in.shape``.

    ``method`` is "reverse" (rows, by batched sweeps), "forward" (columns, by batched runs on
    dual numbers), "auto" (whichever are fewer), "symbolic", "numeric" or "complex-step".
    Containers: the result's container, each leaf holding the argument's.

    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    if method not in ("auto", "reverse", "forward"):
        return jacobian_by(method, f, argnums, has_aux)

    @functools.wraps(f)
    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        before = attempts[0]
        moving = split(args, argnums, f)
        if method != "forward":
            run = Linearized(f, moving, kwargs, has_aux)
            n_out = sum(zero_of(out).size for out in run.outs)
            n_in = sum(leaf.size for leaf in moving.leaves)
            if method == "reverse" or n_out <= 2 * n_in:
                rows = _recorded_rows(run, moving) or jacobian_rows(run, moving)
                result = tree.unflatten(run.structure, [moving.answer(row) for row in rows])
                if attempts[0] != before and is_worth_care(run.depth, run.value, result):
                    with careful():
                        return jacobian_of_f(*args, **kwargs)
                return (result, run.aux) if has_aux else result
        blocks = forward_blocks(f, moving, kwargs, has_aux)
        result = tree.unflatten(blocks.structure, [moving.answer(row) for row in blocks.values])
        return (result, blocks.aux) if has_aux else result

    return jacobian_of_f


def _recorded_rows(run: Linearized, moving: Moving) -> list[list[Any]] | None:
    """The blocks by the pattern's colours, in a program that is recorded once to run often."""
    if not any(map(is_recorded, moving.leaves)):
        return None
    from diffkit.transforms.compressed import dense_by_colours
    return dense_by_colours(run, moving)


def jacobian_rows(run: Linearized, moving: Moving) -> list[list[Any]]:
    """For each result of a run the blocks of its Jacobian, swept in chunks of rows."""
    blocks = []
    for out, node in zip([zero_of(out) for out in run.outs], run.marks):
        rows = rows_of(run, node, out.shape)
        if rows is None:
            rows = [np.zeros((out.size, *leaf.shape), leaf.dtype) for leaf in moving.leaves]
        elif node is not None and node.dtype.kind == "c":
            others = rows_of(run, node, out.shape, -1j)
            rows = [np.stack([from_pulls(a, b, leaf) for a, b in zip(one, other)])
                    for one, other, leaf in zip(rows, others or [], moving.leaves)]
        blocks.append([reshaped(row, out.shape + tuple(leaf.shape)) for row, leaf in zip(rows, moving.leaves)])
    return blocks


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
        return hessian_by(method, f, argnums)
    return jacobian(grad(f, argnums), argnums, method)


def hvp(f: Function, x: Any, v: Any) -> Any:
    """Hessian times vector, by one forward run through the gradient.

    ``x`` and ``v`` are arrays or equal containers; for a function of several arguments
    they are tuples of these.

    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    several = type(x) is tuple and takes_several(f, len(x))
    along = jvp(grad(f, tuple(range(len(x)))), x, v)[1] if several else jvp(grad(f), (x,), (v,))[1]
    return tree.map(as_its_leaf, along, x)


def takes_several(f: Function, count: int) -> bool:
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
    entries (a sum, a cumulative sum, a matrix product) is refused.  From the third order on
    one run on power series gives it (see ``taylor``): the cost grows like a power of n.

    >>> import numpy as np
    >>> derivative(np.sin, 3)(0.0)
    np.float64(-1.0)
    """
    if whole_order(n) == 0:
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

        result = nth_by_series(order(0), leaf, int(n)) if n > 2 else None
        if result is None:
            result = order(int(n))(leaf)
        if result.shape != leaf.shape:
            raise NotScalarError(
                f"derivative needs an elementwise function, but {name_of(f)} made shape {result.shape} "
                f"of shape {leaf.shape}", "grad(f) for one number, jacobian(f) for any shape")
        if leaf.size > 1:
            _check_elementwise(lambda t: f(t, *args, **kwargs), leaf)
        return as_its_leaf(result, leaf)

    return nth


def _check_elementwise(f: Function, x: Any) -> None:
    """J w must be w * (J 1) for an elementwise function; weights of mixed size show it."""
    weights = (1 + np.arange(x.size, dtype=float) % 7).reshape(x.shape).astype(x.dtype)
    ones = np.ones(x.shape, x.dtype)
    plain = sample(jvp(f, (x,), (ones,))[1])
    mixed = sample(jvp(f, (x,), (weights,))[1])
    resolution = 1e3 * float(np.finfo(x.dtype).eps)
    with np.errstate(all="ignore"):
        differs = np.abs(mixed - weights * plain) > resolution * (np.abs(mixed) + np.abs(plain))
    if np.any(differs & np.isfinite(mixed) & np.isfinite(plain)):
        raise NotScalarError(f"derivative needs an elementwise function, but {name_of(f)} mixes entries",
                             "jacobian(f), which has every pair of entries")
