"""What each row of the rule table is in machine code: instructions on operands of one kind.

``operation(item)`` answers with a function that writes them, or None where an item is no work for machine
code (complex numbers, integers, functions without a row here): it then stays a NumPy call.

Arithmetic, comparisons, selections and roundings give NumPy's bits.  The functions with a kernel
(``kernels``) may differ from NumPy's by 2 units in the last place; others call the C library for each number,
which pays for a few numbers only, so that on larger arrays they stay with NumPy.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import math
import sys
from collections.abc import Callable

import numpy as np

from diffkit.compiling.native.code import Code, Value
from diffkit.compiling.native.kernels import cos, expit, expm1, log, log1p, log_expit, sech2, sin, tanh
from diffkit.compiling.native.kernels import exp as exp_kernel
from diffkit.compiling.native.normal import erf, erfc, erfcx, exp_square, log_ndtr, ndtr
from diffkit.compiling.program import Item, plain, ufunc_of
from diffkit.rules.kinds import TABLE, Elementwise

Write = Callable[[Code, list[Value]], Value]
#: On arrays up to this size the C library may be called for each entry.
LIBRARY_SIZE = 64
_KINDS = {np.dtype(np.float64): "d", np.dtype(np.float32): "f", np.dtype(np.bool_): "b"}
#: NumPy's names and C's.
LIBRARY = {"exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p", "sin": "sin", "cos": "cos", "tanh": "tanh",
           "erf": "erf", "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "sinh": "sinh",
           "cosh": "cosh", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "exp2": "exp2", "log2": "log2",
           "log10": "log10", "cbrt": "cbrt", "power": "pow", "arctan2": "atan2", "hypot": "hypot"}
Kernel = Callable[[Code, Value], Value]
#: NumPy's (and SciPy's) name of a function, its kernel, and the largest size of an argument that it takes.
KERNELS: dict[str, tuple[Kernel, float]] = {
    "exp": (exp_kernel, math.inf), "expm1": (expm1, math.inf), "log": (log, math.inf), "log1p": (log1p, math.inf),
    "sin": (sin, 1e5), "cos": (cos, 1e5), "tanh": (tanh, math.inf), "erf": (erf, math.inf), "erfc": (erfc, math.inf),
    "erfcx": (erfcx, math.inf), "ndtr": (ndtr, math.inf), "log_ndtr": (log_ndtr, math.inf),
    "expit": (expit, math.inf), "log_expit": (log_expit, math.inf)}
_TAILS = ("erfc", "erfcx", "ndtr", "log_ndtr")
#: What is a kernel for plain numbers too: it shares work with its derivative, or has no good one in the C library.
_ALWAYS = ("exp", "expm1", "tanh", "expit", "log_expit", *_TAILS)


def library_addresses() -> dict[str, int]:
    """The C library's functions of doubles."""
    name = None if sys.platform != "win32" else ctypes.util.find_msvcrt() or "ucrtbase"  # type: ignore[attr-defined]
    library = ctypes.CDLL(name or ctypes.util.find_library("m"))
    return {call: ctypes.cast(getattr(library, call), ctypes.c_void_p).value or 0 for call in LIBRARY.values()}


def kind_of(item: Item) -> str:
    """The kind of an item's numbers in machine code, or "" if it has none."""
    if item.kind == "weak":
        value = plain(item.value)
        if item.source == "constant":
            is_exact = type(value) is float or (type(value) is int and abs(value) <= 2 ** 53)
            return "d" if is_exact else "b" if type(value) is bool else ""
        return "d" if type(value) is float else ""
    if item.kind in ("number", "array"):
        return _KINDS.get(item.value.dtype, "")
    return ""


def _loop_kind(item: Item) -> str:
    """The kind in which NumPy would compute: that of the result, or for questions that of the operands."""
    own = kind_of(item)
    if own != "b" or item.rule.name in _LOGICAL:
        return own
    kinds = {kind_of(arg) for arg in item.args if arg.kind != "weak"}
    return "d" if "d" in kinds or not kinds - {"b"} else "f"


def _weak_rules(item: Item) -> bool:
    """Whether an operation of Python's floats is as NumPy's: Python raises where NumPy gives inf."""
    return item.kind != "weak" or item.rule.name in ("add", "subtract", "multiply", "negative", "absolute")


def operation(item: Item) -> Write | None:
    """The instructions of an elementwise item, or None."""
    rule = item.rule
    if rule is None or item.boxed or not kind_of(item) or not all(map(kind_of, item.args)) or not _weak_rules(item):
        return None
    name: str = rule.name
    if name == "special.exp_square" and type(rule) is Elementwise:  # which erf's derivative is, no row by name
        return _exp_square(item)
    if TABLE.get(name) is not rule:
        name = "astype" if name == "float64" else ""
    if name == "power":
        return _power(item)
    if item.params and name not in ("astype", "special.erf"):
        return None
    size = np.size(item.value)
    kind = _loop_kind(item)
    if name in ("astype", "stop_gradient", "positive"):
        own = kind_of(item)
        return lambda c, args: c.convert(args[0], own)
    if name == "where":
        own = kind_of(item)
        return lambda c, args: c.select(c.convert(args[0], "b"), c.convert(args[1], own), c.convert(args[2], own))
    simple = _SIMPLE.get(name)
    if simple is not None and (ufunc_of(rule) is not None or name in _COMPOSED):
        return lambda c, args: simple(c, *(c.convert(arg, kind) for arg in args))
    short = name.removeprefix("special.")
    if kind in "df" and (short in KERNELS or (short in LIBRARY and size <= LIBRARY_SIZE)):
        return lambda c, args: function(c, short, [c.convert(arg, kind) for arg in args])
    return None


def instructions(item: Item) -> int:
    """How many an operation takes, about."""
    name = item.rule.name.removeprefix("special.")
    return 90 if name in _TAILS else 30 if name in KERNELS or name in ("sech2", "exp_square") else 1


def function(c: Code, name: str, args: list[Value]) -> Value:
    """A transcendental function: its kernel, or the C library for each number."""
    kind = args[0].kind
    wide = [c.convert(arg, "d") for arg in args]
    if name not in KERNELS or not (c.width or name in _ALWAYS):
        return c.convert(_by_lane(c, name, wide), kind)
    kernel, limit = KERNELS[name]
    if limit == math.inf:
        return c.convert(kernel(c, wide[0]), kind)
    fits = c.compare("<=", c.intrinsic("fabs", wide[0]), c.number(limit))
    beyond = c.any_lane(c.integer("xor", fits, c.number(1, "b")))
    fast, slow, joined = c.fresh("fast"), c.fresh("slow"), c.fresh("joined")
    c.put(f"br i1 {beyond.text}, label {slow}, label {fast}")
    c.start(fast)
    quick = kernel(c, wide[0])
    c.put(f"br label {joined}")
    c.start(slow)
    exact = _by_lane(c, name, wide)
    c.put(f"br label {joined}")
    c.start(joined)
    y = c.give("d", f"phi {c.type('d')} [{quick.text}, {fast}], [{exact.text}, {slow}]")
    return c.convert(y, kind)


def _by_lane(c: Code, name: str, args: list[Value]) -> Value:
    call = LIBRARY[name]
    if not c.width:
        return c.outside(call, args)
    parts = [c.outside(call, [c.lane(arg, i) for arg in args]) for i in range(c.width)]
    return c.gather(parts)


def _power(item: Item) -> Write | None:
    """Small whole powers by multiplication, square roots, and the C library's pow for a few numbers."""
    exponent = item.args[1]
    kind = kind_of(item)
    if kind not in ("d", "f") or item.kind == "weak":
        return None
    number = plain(exponent.value) if exponent.source == "constant" and exponent.kind != "array" else None
    if number is not None and number in (1, 2, 3, 4, 5, -1, 0.5):
        return lambda c, args: _small_power(c, c.convert(args[0], kind), float(number))
    if np.size(item.value) > LIBRARY_SIZE:
        return None
    return lambda c, args: function(c, "power", [c.convert(arg, kind) for arg in args])


def _small_power(c: Code, x: Value, number: float) -> Value:
    if number == 0.5:
        return c.intrinsic("sqrt", x)
    if number == -1:
        return c.div(c.number(1.0, x.kind), x)
    if number == 1:
        return x
    square = c.mul(x, x)
    if number == 2:
        return square
    if number == 3:
        return c.mul(square, x)
    fourth = c.mul(square, square)
    return fourth if number == 4 else c.mul(fourth, x)


# --- rows -----------------------------------------------------------------------------------------

def maximum(c: Code, a: Value, b: Value) -> Value:
    """NumPy's: a NaN in either comes out, and of two zeros the second, as x86's instruction has it."""
    return c.select(c.integer("or", c.compare(">", a, b), c.is_nan(a)), a, b)


def minimum(c: Code, a: Value, b: Value) -> Value:
    """As ``maximum``."""
    return c.select(c.integer("or", c.compare("<", a, b), c.is_nan(a)), a, b)


def _sign(c: Code, a: Value) -> Value:
    zero = c.number(0.0, a.kind)
    y = c.select(c.compare(">", a, zero), c.number(1.0, a.kind), zero)
    y = c.select(c.compare("<", a, zero), c.number(-1.0, a.kind), y)
    return c.select(c.is_nan(a), a, y)


def _in_doubles(kernel: Kernel) -> Callable[[Code, Value], Value]:
    return lambda c, x: c.convert(kernel(c, c.convert(x, "d")), x.kind)


def _exp_square(item: Item) -> Write | None:
    """exp(s x^2) for s = -1, -1/2, 1."""
    factor = item.args[1]
    s = plain(factor.value) if factor.source == "constant" and factor.kind != "array" else None
    if s not in (-1, -0.5, 1):
        return None
    own = kind_of(item)
    return lambda c, args: c.convert(exp_square(c, c.convert(args[0], "d"), float(s)), own)


def _compare(sign: str) -> Callable[..., Value]:
    return lambda c, a, b: c.compare(sign, a, b)


def _logical(operation: str) -> Callable[..., Value]:
    return lambda c, a, b: c.integer(operation, c.convert(a, "b"), c.convert(b, "b"))


def _intrinsic(name: str) -> Callable[..., Value]:
    return lambda c, a: c.intrinsic(name, a)


_LOGICAL = ("logical_and", "logical_or", "logical_xor", "logical_not", "bitwise_and", "bitwise_or", "bitwise_xor",
            "invert")
_COMPOSED = ("sech2", "logistic")
_SIMPLE: dict[str, Callable[..., Value]] = {
    "add": lambda c, a, b: c.add(a, b), "subtract": lambda c, a, b: c.sub(a, b),
    "multiply": lambda c, a, b: c.mul(a, b), "divide": lambda c, a, b: c.div(a, b),
    "negative": lambda c, a: c.neg(a), "absolute": _intrinsic("fabs"), "fabs": _intrinsic("fabs"),
    "square": lambda c, a: c.mul(a, a), "sqrt": _intrinsic("sqrt"),
    "reciprocal": lambda c, a: c.div(c.number(1.0, a.kind), a),
    "floor": _intrinsic("floor"), "ceil": _intrinsic("ceil"), "trunc": _intrinsic("trunc"),
    "rint": _intrinsic("rint"),
    "copysign": lambda c, a, b: c.intrinsic("copysign", a, b),
    "maximum": maximum, "minimum": minimum, "sign": _sign,
    "sech2": _in_doubles(sech2), "logistic": _in_doubles(expit),
    "less": _compare("<"), "less_equal": _compare("<="), "greater": _compare(">"), "greater_equal": _compare(">="),
    "equal": _compare("=="), "not_equal": _compare("!="),
    "isnan": lambda c, a: c.is_nan(a),
    "isinf": lambda c, a: c.compare("==", c.intrinsic("fabs", a), c.number(math.inf, a.kind)),
    "isfinite": lambda c, a: c.compare("one", c.intrinsic("fabs", a), c.number(math.inf, a.kind)),
    "logical_and": _logical("and"), "logical_or": _logical("or"), "logical_xor": _logical("xor"),
    "bitwise_and": _logical("and"), "bitwise_or": _logical("or"), "bitwise_xor": _logical("xor"),
    "logical_not": lambda c, a: c.integer("xor", c.convert(a, "b"), c.number(1, "b")),
    "invert": lambda c, a: c.integer("xor", c.convert(a, "b"), c.number(1, "b")),
}
