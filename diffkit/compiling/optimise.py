"""Cheaper operations that are exactly equal, bit for bit.

Floating-point arithmetic keeps few of algebra's laws, and only those are used:

    x * 1, x / 1, x - 0, x + (-0)        x          (not x + 0, which changes -0)
    a + (-b), a - (-b)                   a - b, a + b
    -a - a                               a * -2
    c + sum(-a), c a number but 0        c - sum(a); also 0.0 with sum(-a) added in some places
    (-a) * b, (-a) / b                   -(a * b), …, so that the sign meets an addition
                                         (not sum(-a), whose zeros would change)
    -(-a), x transposed twice, …         x
    reshape of a reshape                 one reshape
    an operand that was broadcast        the operand: an elementwise function broadcasts by itself
    an array of equal numbers            the number, in an elementwise function
    c * (2 * x), 2 any power of two      (2c) * x   (c and 2 no smaller than 1, so that only the same overflow)
    2 * (c * x), c an integer            (2c) * x; 2 may be an array of powers of two and zeros
    a[i] = a[i]; a[i] = a[i] + v         nothing; a[i] += v, for basic indices
    zeros with an index added to         kept as they are; the plan writes into them in place

NaN may get another sign or payload; no other bit moves.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diffkit.compiling.program import SUBTRACT_AT, Builder, Function, Item, freeze, ufunc_of
from diffkit.rules.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATIVE, POSITIVE, POWER, SUBTRACT
from diffkit.rules.flat import STOP_GRADIENT
from diffkit.rules.indexing import GETITEM, SCATTER, _is_basic
from diffkit.rules.reductions import SUM
from diffkit.rules.shapes import ASTYPE, BROADCAST_TO, RESHAPE, TRANSPOSE
from diffkit.rules.writing import ADD_AT, SETITEM

#: Bytes of an array that is multiplied by a number once and for all.
MOST_SPREAD = 1 << 16
Rewritten = tuple[Any, list[Item], dict[str, Any]]


def simplify(builder: Builder, rule: Any, args: list[Item], params: dict[str, Any],
             value: Any) -> Item | Rewritten | None:
    """Another item, another operation, or None where nothing is known to be better."""
    if isinstance(rule, Function):
        return None
    changed = False
    if ufunc_of(rule) is not None and not params:
        changed = _narrow(builder, rule, args, value)
    found = _RULES[rule](builder, args, params, value) if rule in _RULES else None
    return found if found is not None else (rule, args, params) if changed else None


def _narrow(builder: Builder, rule: Any, args: list[Item], value: Any) -> bool:
    """Take operands as they were before they were broadcast, where the others still give the shape."""
    changed = False
    shape = np.shape(value)
    if len(args) < 2 or not shape:
        return False
    for i, arg in enumerate(args):
        if arg.kind != "array":
            continue
        small: Item | None = None
        if arg.rule is BROADCAST_TO and arg.args[0].kind in ("array", "number") and arg.args[0].dtype == arg.dtype:
            small = arg.args[0]
        elif arg.source == "constant" and rule is not POWER and arg.value.size and arg.value.dtype.kind in "fc":
            number = uniform(arg)
            small = None if number is None else builder.constant(number)
        if small is None:
            continue
        others = [other.shape for j, other in enumerate(args) if j != i]
        if np.broadcast_shapes(small.shape, *others) == shape:
            args[i] = small
            changed = True
    return changed


def uniform(item: Item) -> Any:
    """The number that all entries of a constant are, bit for bit, or None."""
    value = item.value
    if item.kind != "array" or not value.size:
        return None
    if any(value.strides[i] for i in range(value.ndim) if value.shape[i] > 1):
        first = value[(slice(0, 1),) * value.ndim].tobytes()
        if value[(-1,) * value.ndim].tobytes() != first or value.tobytes() != first * value.size:
            return None
    return value[(0,) * value.ndim]


def _number(item: Item) -> Any:
    """The number that a constant is (or is full of), else None."""
    if item.source != "constant":
        return None
    if item.kind == "array":
        return uniform(item)
    return item.value if item.kind in ("number", "weak") else None


def _is_one(item: Item) -> bool:
    number = _number(item)
    return number is not None and not isinstance(number, (bool, np.bool_)) and bool(number == 1)


def _is_zero(item: Item, negative: bool) -> bool:
    """Whether a constant is a real 0.0 (or -0.0)."""
    number = _number(item)
    if number is None or isinstance(number, (complex, np.complexfloating, bool, np.bool_)) or number != 0:
        return False
    if isinstance(number, (int, np.integer)):
        return not negative
    return bool(math.copysign(1.0, number) < 0) == negative


def _is_float(item: Item) -> bool:
    return item.kind in ("array", "number") and item.value.dtype.kind in "fc"


def _negated(item: Item) -> Item | None:
    """a, if the item is -a in floating point."""
    return item.args[0] if item.rule is NEGATIVE and _is_float(item) else None


def _negated_sum(builder: Builder, item: Item) -> Item | None:
    """sum(a), if the item is sum(-a): the negative of that but for the sign of a zero."""
    if item.rule is RESHAPE:
        total = _negated_sum(builder, item.args[0])
        return None if total is None else builder.again(RESHAPE, [total], item.params)
    inner = _negated(item.args[0]) if item.rule is SUM else None
    if inner is None or item.value.dtype.kind != "f":
        return None
    return builder.again(SUM, [inner], item.params)


def _add(builder: Builder, args: list[Item], params: Any, value: Any) -> Any:
    a, b = args
    for x, other in ((a, b), (b, a)):
        if _is_zero(other, negative=True) and x.is_like(value):
            return x
    for x, other in ((a, b), (b, a)):
        inner = _negated(other)
        if inner is not None and _is_float(x):
            return SUBTRACT, [x, inner], {}
        if _number(x) and value.dtype.kind == "f" and (total := _negated_sum(builder, other)) is not None \
                and other.dtype == value.dtype:
            return SUBTRACT, [x, total], {}
    return None


def _subtract(builder: Builder, args: list[Item], params: Any, value: Any) -> Any:
    a, b = args
    if _is_zero(b, negative=False) and a.is_like(value) and _is_float(a) and a.value.dtype.kind == "f":
        return a
    inner = _negated(b)
    if inner is not None and _is_float(a):
        return ADD, [a, inner], {}
    if _negated(a) is b and value.dtype.kind == "f":
        return MULTIPLY, [b, builder.constant(-2.0)], {}
    return None


def _multiply(builder: Builder, args: list[Item], params: Any, value: Any) -> Any:
    a, b = args
    for x, other in ((a, b), (b, a)):
        if _is_one(other) and x.is_like(value) and (_is_float(x) and x.value.dtype.kind == "f"):
            return x
    for c, x in ((a, b), (b, a)):
        if x.rule is MULTIPLY and _is_float(x) and x.value.dtype.kind == "f":
            for two, y in (x.args, x.args[::-1]):
                product = _joined(c, two)
                if product is not None and (y.is_like(value) if np.ndim(product) == 0 else _fits(product, y, value)):
                    return MULTIPLY, [builder.constant(product), y], {}
    return _sign_out(builder, MULTIPLY, a, b, value)


def _joined(c: Item, two: Item) -> Any:
    """2c, where c * (2 * y) is exactly (2c) * y: one is a power of two, the other at least 1 (two an integer)."""
    if any(item.source != "constant" or not isinstance(item.value, (float, int, np.floating))
           or isinstance(item.value, bool) for item in (c, two)):
        return _spread(c, two)
    outer, inner = float(c.value), float(two.value)
    if not (_is_power(inner) and 1 <= abs(outer) <= 1000) and not (
            _is_power(outer) and inner.is_integer() and 1 <= abs(inner) <= 1000):
        return None
    strong = next((type(item.value) for item in (c, two) if isinstance(item.value, np.generic)), float)
    return strong(outer * inner)


def _is_power(number: float) -> bool:
    return 1 <= number <= 16 and math.frexp(number)[0] == 0.5


def _spread(c: Item, two: Item) -> Any:
    """The same where 2 is a small array of powers of two and zeros."""
    number = _number(c)
    array = two.value if two.source == "constant" and two.kind == "array" else None
    if array is None or not isinstance(number, (float, int, np.floating)) or isinstance(number, bool):
        return None
    if array.dtype.kind != "f" or array.nbytes > MOST_SPREAD or not 1 <= abs(float(number)) <= 1000 \
            or not np.all(np.isin(np.abs(array), (0, 1, 2, 4, 8, 16))):
        return None
    return array * array.dtype.type(number)


def _fits(product: Any, y: Item, value: Any) -> bool:
    """Whether a constant array and an operand give the result of both and a number."""
    return y.kind == "array" and y.dtype == product.dtype == value.dtype \
        and np.broadcast_shapes(product.shape, y.shape) == value.shape


def _divide(builder: Builder, args: list[Item], params: Any, value: Any) -> Any:
    a, b = args
    if _is_one(b) and a.is_like(value) and _is_float(a) and a.value.dtype.kind == "f":
        return a
    return _sign_out(builder, DIVIDE, a, b, value)


def _sign_out(builder: Builder, rule: Any, a: Item, b: Item, value: Any) -> Any:
    """(-a) b as -(a b), for real numbers."""
    if getattr(value, "dtype", np.dtype(bool)).kind != "f":
        return None
    for position, (x, other) in enumerate(((a, b), (b, a))):
        inner = _negated(x)
        if inner is None:
            continue
        product = builder.again(rule, [inner, other] if position == 0 else [other, inner])
        return NEGATIVE, [product], {}
    return None


def _negative(builder: Builder, args: list[Item], params: Any, value: Any) -> Any:
    inner = _negated(args[0])
    if inner is not None:
        return inner
    return None


def _same(builder: Builder, args: list[Item], params: Any, value: Any) -> Any:
    return args[0] if args[0].is_like(value) else None


def _transpose(builder: Builder, args: list[Item], params: Any, value: Any) -> Any:
    a = args[0]
    axes = _axes(params, len(a.shape))
    if axes == tuple(range(len(axes))):
        return a if a.is_like(value) else None
    if a.rule is TRANSPOSE:
        inner = _axes(a.params, len(axes))
        return TRANSPOSE, [a.args[0]], {"axes": tuple(inner[i] for i in axes)}
    return None


def _axes(params: Any, ndim: int) -> tuple[int, ...]:
    axes = params["axes"]
    return tuple(reversed(range(ndim))) if axes is None else tuple(int(i) % ndim for i in axes)


def _reshape(builder: Builder, args: list[Item], params: Any, value: Any) -> Any:
    a = args[0]
    if a.shape == np.shape(value) and a.is_like(value):
        return a
    if params.get("order", "C") != "C":
        return None
    if a.rule is RESHAPE and a.params.get("order", "C") == "C":
        a = a.args[0]
        return a if a.is_like(value) else (RESHAPE, [a], {"shape": np.shape(value)})
    return (RESHAPE, [a], {"shape": np.shape(value)}) if params != {"shape": np.shape(value)} else None


def _broadcast(builder: Builder, args: list[Item], params: Any, value: Any) -> Any:
    a = args[0]
    if a.is_like(value):
        return a
    return (BROADCAST_TO, [a.args[0]], params) if a.rule is BROADCAST_TO else None


def _getitem(builder: Builder, args: list[Item], params: Any, value: Any) -> Any:
    index = params["index"]
    parts = index if type(index) is tuple else (index,)
    trivial = all(part is Ellipsis or (type(part) is slice and part == slice(None)) for part in parts)
    return args[0] if trivial and args[0].is_like(value) else None


def _add_at(builder: Builder, args: list[Item], params: Any, value: Any) -> Any:
    inner = _negated(args[1])
    if inner is not None and _is_basic(params["index"]):
        return SUBTRACT_AT, [args[0], inner], params
    if _is_zero(args[0], negative=False) and _is_basic(params["index"]) and args[0].value.dtype.kind == "f":
        total = _negated_sum(builder, args[1])
        return None if total is None else (SUBTRACT_AT, [args[0], total], params)
    return None


def _setitem(builder: Builder, args: list[Item], params: dict[str, Any], value: Any) -> Any:
    a, v = args

    def is_old(item: Item) -> bool:
        """Whether an item is what stands at the place that is written to."""
        return item.rule is GETITEM and item.args[0] is a and freeze(item.params["index"]) == freeze(params["index"])

    if v.kind != "array" or v.dtype != a.dtype or not _is_basic(params["index"]):
        return None
    if is_old(v):
        return a
    if v.rule in (ADD, SUBTRACT) and is_old(v.args[0]):
        return (ADD_AT if v.rule is ADD else SUBTRACT_AT), [a, v.args[1]], params
    return (ADD_AT, [a, v.args[0]], params) if v.rule is ADD and is_old(v.args[1]) else None


def _scatter(builder: Builder, args: list[Item], params: Any, value: Any) -> Any:
    zeros = builder.constant(np.broadcast_to(args[0].value.dtype.type(0), params["shape"]))
    params = {"index": params["index"]}
    return _add_at(builder, [zeros, args[0]], params, value) or (ADD_AT, [zeros, args[0]], params)


_RULES = {
    ADD: _add, SUBTRACT: _subtract, MULTIPLY: _multiply, DIVIDE: _divide, NEGATIVE: _negative, POSITIVE: _same,
    STOP_GRADIENT: _same, ASTYPE: _same, TRANSPOSE: _transpose, RESHAPE: _reshape,
    BROADCAST_TO: _broadcast, GETITEM: _getitem, SETITEM: _setitem, SCATTER: _scatter, ADD_AT: _add_at,
}
