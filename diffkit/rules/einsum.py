"""Einstein sums: one multilinear row for every contraction over named indices.

Whatever the caller wrote (a string or lists of labels, an ellipsis, no output) is first
brought to one explicit string.  Then the adjoint for operand i is an Einstein sum
again: the cotangent times the other operands, summed to operand i's own labels.  Two
cases need a word.  A label that stands in operand i alone was summed over: its cotangent
is constant along it.  A label that stands twice (a diagonal) has a cotangent on the
diagonal only, which is scattered there.
"""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from diffkit.rules.calls import as_array, refuse_out
from diffkit.rules.indexing import SCATTER
from diffkit.rules.kinds import answers, multilinear


def _einsum(*operands: Any, subscripts: str, optimize: Any = False) -> Any:
    return np.einsum(subscripts, *operands, optimize=optimize)


def _adjoint(i: int, g: Any, *operands: Any, subscripts: str, optimize: Any = False) -> Any:
    sources, result = subscripts.split("->")
    inputs = sources.split(",")
    own = "".join(dict.fromkeys(inputs[i]))
    others = inputs[:i] + inputs[i + 1:]
    known = "".join(label for label in own if label in result or any(label in other for other in others))
    c = EINSUM(g, *operands[:i], *operands[i + 1:], subscripts=",".join([result, *others]) + "->" + known,
               optimize=optimize)
    shape = tuple(operands[i].shape)
    sizes = dict(zip(inputs[i], shape))
    if known != own:
        c = np.reshape(c, [c.shape[known.index(label)] if label in known else 1 for label in own])
    if own == inputs[i]:
        return c if known == own else np.broadcast_to(c, _broadcast(c.shape, shape))
    # A diagonal: entry (i, i) of the operand is entry i of the cotangent.
    c = np.broadcast_to(c, tuple(sizes[label] for label in own))
    index = tuple(np.reshape(np.arange(sizes[label]), [-1 if other == label else 1 for other in own])
                  for label in inputs[i])
    return SCATTER(c, index=index, shape=shape)


def _broadcast(found: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...]:
    # Longer than wanted where a label of size one met a longer one: the sweep sums there.
    return tuple(max(m, n) if 0 not in (m, n) else 0 for m, n in zip(found, wanted))


EINSUM = multilinear(_einsum, _adjoint, name="einsum")


@answers(np.einsum)
def einsum(*operands: Any, out: Any = None, optimize: Any = False, dtype: Any = None, order: str = "K",
           casting: Any = "safe") -> Any:
    """The sum over products that the subscripts describe."""
    refuse_out("einsum", out)
    subscripts, arrays = explicit(operands)
    if dtype is not None:
        if not all(np.can_cast(a.dtype, dtype, casting) for a in arrays):
            raise TypeError(f"einsum can't cast its operands to {np.dtype(dtype)} by the rule {casting!r}")
        arrays = [a.astype(dtype) for a in arrays]
    return EINSUM(*arrays, subscripts=subscripts, optimize=optimize)


@answers(np.einsum_path)
def einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: Any = False) -> Any:
    """A question of shapes only."""
    subscripts, arrays = explicit(operands)
    return np.einsum_path(subscripts, *(np.zeros(a.shape) for a in arrays), optimize=optimize)


def explicit(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Subscripts without ellipsis and with an output, and the operands.

    >>> import numpy as np
    >>> explicit(("...i,ij", np.ones((5, 3)), np.ones((3, 4))))[0]
    'ai,ij->aj'
    """
    if isinstance(operands[0], str):
        text, arrays = operands[0].replace(" ", ""), [as_array(a) for a in operands[1:]]
    else:
        text, arrays = _from_lists(operands)
    sources, arrow, result = text.partition("->")
    inputs = sources.split(",")
    if len(inputs) != len(arrays):
        raise ValueError(f"einsum names {len(inputs)} operands in {text!r}, and {len(arrays)} are given")
    spare = [label for label in string.ascii_letters if label not in text]
    counts = [a.ndim - len(labels.replace("...", "")) if "..." in labels else 0 for a, labels in zip(arrays, inputs)]
    if min(counts) < 0 or max(counts) > len(spare):
        raise ValueError(f"einsum's subscripts {text!r} don't fit the operands' numbers of axes")
    dots = "".join(spare[:max(counts)])
    inputs = [labels.replace("...", dots[len(dots) - count:]) for labels, count in zip(inputs, counts)]
    if not arrow:
        every = "".join(inputs)
        result = "..." + "".join(sorted(label for label in set(every) - set(dots) if every.count(label) == 1))
    return ",".join(inputs) + "->" + result.replace("...", dots), arrays


def _from_lists(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Operand, labels, operand, labels, …, perhaps the result's labels: as one string."""
    arrays = [as_array(a) for a in operands[:len(operands) // 2 * 2:2]]
    lists = [_letters(labels) for labels in operands[1::2]]
    result = "->" + _letters(operands[-1]) if len(operands) % 2 else ""
    return ",".join(lists) + result, arrays


def _letters(labels: Any) -> str:
    return "".join("..." if label is Ellipsis else string.ascii_letters[label] for label in labels)
