"""A complex question as a real one: real and imaginary parts beside each other.

Random projections, bundles and bisection are about real numbers.  A function of complex arrays is one of
their parts, z = x + iy, and so is its result, w = u + iv.  A complex derivative says what the parts do:

    real result, complex argument      g = du/dx - i du/dy (``docs/conventions.md``), so  du = Re g dx - Im g dy
    complex result, complex argument   dw = J dz, which has one J only where f is holomorphic (Cauchy-Riemann):
                                       du = Re J dx - Im J dy,  dv = Im J dx + Re J dy
    complex result, real argument      du = Re J dx,  dv = Im J dx

So whoever gives complex derivatives is read as a real Jacobian of twice the rows and columns, and f is asked
along real directions like any other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from diffkit import tree
from diffkit.arguments import split
from diffkit.comparison.bundles import Direction
from diffkit.comparison.copies import copied
from diffkit.comparison.methods import Witness
from diffkit.comparison.problem import Array, Problem

#: Beyond its claim, by how much of the slope the imaginary axis may differ from i times the real one.
_CLOSE = 1e-6


class Parts(NamedTuple):
    """A complex result."""

    real: Any
    imag: Any


class _InParts:
    """f as a function of the parts of what moves, with the parts of its result."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.__name__ = problem.name

    def __call__(self, *parts: Any) -> list[Any]:
        problem, given, leaves = self.problem, iter(parts), []
        for leaf in problem.moving.leaves:
            re = next(given)
            leaves.append(re + 1j * next(given) if np.iscomplexobj(leaf) else re)
        args, kwargs = problem.moving.merge(leaves), problem.kwargs
        if problem.notes:  # f is known to write to its arguments
            args, kwargs = copied(args), copied(kwargs)
        outs = tree.flatten(problem.f(*args, **kwargs))[0]
        return [Parts(np.real(out), np.imag(out)) if np.iscomplexobj(known) else out
                for out, known in zip(outs, problem.outs)]


def is_complex(problem: Problem) -> bool:
    """Whether something that moves, or comes out, is complex."""
    return any(np.iscomplexobj(part) for part in (*problem.moving.leaves, *problem.outs))


def in_parts(problem: Problem) -> Problem:
    """The same question about real numbers."""
    args, names = [], []
    for leaf, name in zip(problem.moving.leaves, problem.input_leaves):
        if np.iscomplexobj(leaf):
            args += [np.array(leaf.real)[()], np.array(leaf.imag)[()]]
            names += [f"{name}.real", f"{name}.imag"]
        else:
            args.append(leaf)
            names.append(name)
    f = _InParts(problem)
    argnums = tuple(range(len(args)))
    value = [Parts(out.real, out.imag) if np.iscomplexobj(out) else out for out in problem.outs]
    outs, structure = tree.flatten(value)
    found = dataclasses.replace(problem, f=f, args=tuple(args), kwargs={}, argnums=argnums, value=value,
                                moving=split(tuple(args), argnums, f), outs=[np.asarray(out) for out in outs],
                                structure=structure, notes=[])
    found.__dict__["input_leaves"] = names
    return found


def real_jacobian(problem: Problem, matrix: Array) -> Array:
    """A complex Jacobian (rows, columns) of ``problem`` as the real one of its parts."""
    columns: list[tuple[complex, Array]] = []
    start = 0
    for leaf in problem.moving.leaves:
        block = matrix[:, start:start + leaf.size]
        start += int(leaf.size)
        columns += [(1, block), (1j, block)] if np.iscomplexobj(leaf) else [(0, block)]
    rows, start = [], 0
    for out in problem.outs:
        part = slice(start, start + out.size)
        start += out.size
        for imaginary in (False, True)[:1 + np.iscomplexobj(out)]:
            rows.append(np.concatenate([_moved(factor, block[part], imaginary, np.iscomplexobj(out))
                                        for factor, block in columns], axis=1))
    return np.concatenate(rows, axis=0)


def _moved(factor: complex, block: Array, imaginary: bool, complex_out: bool) -> Array:
    """What one part of a result does when a real (0), or the real or imaginary part of a complex number moves."""
    along = block * (factor or 1)
    if factor == 0 and not complex_out:  # a real number by a real one: an imaginary part is an error
        return np.where(np.imag(block) == 0, np.real(block), np.nan)
    return np.asarray(np.imag(along) if imaginary else np.real(along))


def witness_in_parts(problem: Problem, w: Witness) -> Witness:
    """A witness with complex derivatives, as one about the parts."""
    if w.value is None:
        return w
    spread = None
    if w.spread is not None:  # that of both parts: 1 + i spreads it over them, and a real one has no other
        both = (real_jacobian(problem, w.spread * part) for part in (1 + 1j, 1 + 0j))
        spread = np.fmax(*(np.abs(one) for one in both))
    return dataclasses.replace(w, value=real_jacobian(problem, np.asarray(w.value)), spread=spread)


def axes(problem: Problem, seed: int) -> tuple[Direction, Direction]:
    """A random direction u of all complex inputs, and i u, in the coordinates of the parts."""
    rng = np.random.default_rng(seed)
    along, across = [], []
    for leaf in problem.moving.leaves:
        size = int(leaf.size)
        if not np.iscomplexobj(leaf):
            along.append(np.zeros(size))
            across.append(np.zeros(size))
            continue
        length = np.ravel(np.abs(leaf))
        typical = float(np.median(length[length > 0])) if length.any() else 1.0
        u = np.where(length > 0, length, typical) * np.exp(2j * np.pi * rng.uniform(size=size))
        along += [u.real, u.imag]
        across += [-u.imag, u.real]
    u, v = np.concatenate(along), np.concatenate(across)
    return Direction("u", np.arange(len(u)), u), Direction("i u", np.arange(len(v)), v)


def breaks_cauchy_riemann(outs: Sequence[Array], along: Witness, across: Witness) -> bool:
    """Whether f's slopes along u and along i u (differences, one column each) are not J u and i J u."""
    assert along.value is not None and across.value is not None
    claim = np.asarray(along.claim)[:, 0] + np.asarray(across.claim)[:, 0]
    one, other, start = along.value[:, 0], across.value[:, 0], 0
    for out in outs:
        if not np.iscomplexobj(out):
            start += out.size
            continue
        re, im = slice(start, start + out.size), slice(start + out.size, start + 2 * out.size)
        start += 2 * out.size
        gap = np.abs((other[re] + 1j * other[im]) - 1j * (one[re] + 1j * one[im]))
        allowed = 4 * (claim[re] + claim[im]) + _CLOSE * np.abs(one[re] + 1j * one[im])
        with np.errstate(all="ignore"):
            if (gap > allowed).any():
                return True
    return False


def is_conjugate(problem: Problem, value: Array, reference: Array, wrong: Array) -> bool:
    """Whether a derivative of the parts is the complex conjugate of the right one."""
    def imaginary(arrays: Sequence[Array], names: Sequence[str]) -> Array:
        return np.concatenate([np.full(int(np.size(array)), name.endswith(".imag"))
                               for array, name in zip(arrays, names)])

    columns = imaginary(problem.moving.leaves, problem.input_leaves)
    crossed = imaginary(problem.outs, tree.paths(problem.value))[:, None] ^ columns
    if not crossed.any() or value.shape != crossed.shape or (wrong & ~crossed).any():
        return False
    if not np.isfinite(reference).all():
        return False
    size = float(np.max(np.abs(reference), initial=0.0))
    return bool(np.allclose(value[crossed], -reference[crossed], rtol=_CLOSE, atol=_CLOSE * size))
