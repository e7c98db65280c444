"""The one class that speaks NumPy, and the one place where a call is dispatched.

A ``Traced`` stands for an array inside a running transform.  It has three parts: the
*level* (the transform's interpreter), the *value* one level below, and a *mark* that
only its level understands (a dual number's tangent, a tape's node).  Levels are
numbered in the order of their birth, so an inner transform is always deeper than the
ones around it.

Whatever NumPy or Python does with a traced value ends in ``apply(rule, args, params)``:

    find the deepest level among the arguments; let it act; it unwraps its own values
    and calls the rule on what is inside, which is again such a call one level below.

That is all there is to nesting.  A comparison, ``bool``, ``int`` or an index of a traced
value is answered (and recorded as a path condition by levels that record); ``float``,
``item`` and conversion to a plain array would lose the derivative and are refused.
"""

from __future__ import annotations

import collections
import importlib
import math
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from diffkit.errors import LeakedTracerError, UnknownFunctionError, UnsupportedArgumentError
from diffkit.levels import Level
from diffkit.printed import plain, printed
from diffkit.refusals import check_ufunc_keywords, is_assignment, lost_derivative, unknown
from diffkit.rules import ROWS, table, ufunc_keywords
from diffkit.rules.arithmetic import (
    ABSOLUTE,
    ADD,
    DIVIDE,
    FLOOR_DIVIDE,
    MULTIPLY,
    NEGATIVE,
    POSITIVE,
    POWER,
    REMAINDER,
    SUBTRACT,
)
from diffkit.rules.contractions import MATMUL
from diffkit.rules.indexing import GETITEM
from diffkit.rules.indexing import _is_basic as is_basic
from diffkit.rules.kinds import FUNCTIONS, Elementwise, Rule
from diffkit.rules.roots import carry, note, scaled, squared, through

#: ``diffkit.buffers``, which imports this module: what a program does to arrays in place.
buffers: Any = None


def gather(x: Any, index: Any) -> Any:
    """``x[index]`` where examples differ in the index: ``diffkit.batching`` puts its own in place of this."""
    return NotImplemented


def check_equality(x: Any, other: Any) -> None:
    """``diffkit.transforms.dropped`` puts its own in place of this: it knows which equalities lose a derivative."""


def equality_held(x: Any, other: Any, answer: Any, equal: bool) -> None:
    """``diffkit.transforms.equalities`` puts its own in place of this, and of the next: they warn of branches."""


def truth_asked(x: Any) -> None:
    """Python asks for the truth of a floating number."""


_NOTHING: dict[str, Any] = {}
#: What NumPy makes an array of, entry by entry.
SEQUENCES = (list, tuple, collections.deque, collections.UserList)
# Operand types that need no second look.  Lists are converted, other types may bring
# protocols of their own, and Python's complex takes over from a NumPy float on its right.
_PLAIN = frozenset([int, float, bool, np.ndarray, np.memmap, np.float64, np.float32, np.float16,
                    np.longdouble, np.complex128, np.complex64, np.clongdouble, np.bool_]
                   + [np.dtype(c).type for c in "bBhHiIlLqQ"])


def apply(rule: Rule, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Call ``rule``, letting the deepest level among the arguments act."""
    level = root = None
    for arg in args:
        if type(arg) is Traced:
            root = root or arg.root
            other = arg.level
            if level is None or other.depth > level.depth:
                level = other
    if level is None:
        return (rule.fun if rule.call is rule else rule.call)(*args, **params)
    result = level.process(rule, args, params)
    return through(rule, args, params, result) if root else result


table.apply = apply


def primal(value: Any) -> Any:
    """The plain array or number at the bottom of a traced value (or the value itself)."""
    while type(value) is Traced:
        value = value.level.below(value)
    return value


def sample(value: Any) -> Any:
    """``primal`` for a check of a program's structure, which holds at other values too: no use of the value."""
    while type(value) is Traced:
        value = value.level.below(value) if value.level.is_buffers else value.value
    return value


def layout(value: Any) -> Any:
    """An array of the value's type, shape, dtype and memory order; a handle's entries may be out of date."""
    while type(value) is Traced:
        value = value.value
    return value


def is_traced(value: Any) -> bool:
    """Whether ``value`` belongs to a running transform.

    ``type(value) is Traced``, not isinstance: a traced value answers isinstance with
    the type of the array it stands for, so that user code takes its usual path.
    """
    return type(value) is Traced


def operand(value: Any) -> Any:
    """What an operator or ufunc may be given: lists become arrays, odd types are refused."""
    kind = type(value)
    if kind in _PLAIN or kind is Traced or kind is complex:
        return value
    if issubclass(kind, SEQUENCES):
        return array(value)
    if issubclass(kind, (np.matrix, np.ma.MaskedArray)):
        raise UnsupportedArgumentError(
            f"{kind.__name__} does not mix with differentiated values: its operators mean something else",
            "convert it with np.asarray, and write masks with np.where")
    return value


def array(value: Any) -> Any:
    """``np.array`` for (nested) lists that may hold traced values."""
    if type(value) is not Traced and isinstance(value, SEQUENCES):
        return buffers.pack(value) if holds_traced(value) else np.asarray(value)
    return value


def holds_traced(value: Any) -> bool:
    """Whether a value, or anything in nested lists (namedtuples, deques), is traced."""
    kind = type(value)
    if kind is list or kind is tuple:
        return any(map(holds_traced, value))
    if kind is Traced:
        return True
    return kind not in _PLAIN and isinstance(value, SEQUENCES) and any(map(holds_traced, value))


def _is_foreign(kind: type) -> bool:
    """A type that speaks NumPy's ufunc protocol itself (xarray, pint…) goes first."""
    # A class that says None, as numpy.polynomial's, wants its own operators called.
    return hasattr(kind, "__array_ufunc__") and not issubclass(kind, (np.ndarray, np.generic, Traced))


def _binary(rule: Rule) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The two spellings of an operator that is no elementwise row, ``t @ other`` and ``other @ t``."""

    def forward(self: Traced, other: Any) -> Any:
        kind = type(other)
        if kind in _PLAIN:
            return self.level.process(rule, (self, other), _NOTHING)
        if kind is Traced:
            return apply(rule, (self, other), _NOTHING)
        if _is_foreign(kind):
            return NotImplemented
        return apply(rule, (self, operand(other)), _NOTHING)

    def reflected(self: Traced, other: Any) -> Any:
        if type(other) in _PLAIN:
            return self.level.process(rule, (other, self), _NOTHING)
        if _is_foreign(type(other)):
            return NotImplemented
        return apply(rule, (operand(other), self), _NOTHING)

    return forward, reflected


def _arithmetic(rule: Elementwise) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The two spellings of an elementwise operator, ``t * other`` and ``other * t``: the hot path."""
    divides = rule is DIVIDE
    scales = divides or rule is MULTIPLY  # what keeps the note of a root

    def forward(self: Traced, other: Any) -> Any:
        level = self.level
        kind = type(other)
        if kind is Traced:
            if scales and (self.root or other.root):
                return _rooted(rule, self, other)
            if other.level is level:
                return level.both(rule, self, other)
            if other.level.depth > level.depth:
                level = other.level
            return level.binary(rule, self, other)
        if kind in _PLAIN:
            if scales and self.root:
                return scaled(level.first(rule, self, other), self, other, divides)
            return level.first(rule, self, other)
        if _is_foreign(kind):
            return NotImplemented
        return apply(rule, (self, operand(other)), _NOTHING)

    def reflected(self: Traced, other: Any) -> Any:
        if type(other) not in _PLAIN:
            if _is_foreign(type(other)):
                return NotImplemented
            if type(other) is complex:
                other = np.result_type(self.dtype, other).type(other)
            other = operand(other)
            return apply(rule, (other, self), _NOTHING)
        if scales and self.root and not divides:
            return scaled(self.level.second(rule, other, self), self, other)
        return self.level.second(rule, other, self)

    return forward, reflected


def _rooted(rule: Elementwise, a: Traced, b: Traced) -> Any:
    """A product or quotient of which one operand, or both, are roots."""
    def plain() -> Any:
        return apply(rule, (a, b), _NOTHING)
    if rule is DIVIDE:
        return plain() if b.root or not a.root else scaled(plain(), a, b, divides=True)
    if a.root and b.root:
        return squared(a, b, plain)
    return scaled(plain(), a, b) if a.root else scaled(plain(), b, a)


def _power(forward: Callable[..., Any]) -> Callable[..., Any]:
    """``t ** other``, which makes square roots and squares them."""
    def power(self: Traced, other: Any) -> Any:
        if self.root:
            half = _half_of_even(buffers.contents(other), self.shape)
            if half:
                return squared(self, self, lambda: forward(self, other), half)
        if type(other) is float and other == 0.5:
            return note(forward(self, other), "sqrt", lambda x: x, self)
        return forward(self, other)
    return power


def _half_of_even(exponent: Any, shape: tuple[int, ...]) -> int:
    """Half of an even exponent, for all entries the same; else 0."""
    if type(exponent) is Traced or not np.size(exponent) or np.shape(exponent) not in ((), shape):
        return 0
    largest = np.max(exponent)
    return int(largest) // 2 if largest >= 2 and largest % 2 == 0 and np.all(np.equal(exponent, largest)) else 0


def _unary(rule: Elementwise) -> Callable[..., Any]:
    return rule.special or (lambda self: self.level.unary(rule, self))


def _comparison(ufunc: np.ufunc) -> Callable[..., Any]:
    return _binary(FUNCTIONS[ufunc])[0]  # type: ignore[arg-type]


def _equality(ufunc: np.ufunc) -> Callable[..., Any]:
    compare = _comparison(ufunc)
    equal = ufunc is np.equal
    differs = np.bool(not equal)

    def method(self: Traced, other: Any) -> Any:
        check_equality(self, other)
        answer = compare(self, other)
        if answer is not differs and answer is not NotImplemented:
            equality_held(self, other, answer, equal)
        return answer
    return method


def _method(fun: Callable[..., Any]) -> Callable[..., Any]:
    """An ndarray method that is the function of the same name with self in front."""
    return lambda self, *args, **kwargs: buffers.call_function(fun, (self, *args), kwargs)


def _in_place(forward: Callable[..., Any]) -> Callable[..., Any]:
    """``t += other``: an array takes over the result, for a number there is a new one."""
    def method(self: Traced, other: Any) -> Any:
        result = forward(self, other)
        if result is NotImplemented or not buffers.has_identity(self):
            return result
        return buffers.overwrite(self, result)
    return method


def _late(ufunc: np.ufunc) -> Any:
    """The answer for a ufunc of SciPy's: its rulebook is imported when a program that has SciPy first needs it."""
    if "scipy.special" not in sys.modules:
        return None
    buffers.plainly(importlib.import_module, "diffkit.scipy.rules")
    return FUNCTIONS.get(ufunc)


def _conversion(convert: Callable[..., Any], spelling: str, rewrite: str) -> Callable[..., Any]:
    """A conversion to plain numbers: answered where there is no derivative to lose, else refused."""
    def method(self: Traced, *args: Any, **kwargs: Any) -> Any:
        if self.level.is_buffers or self.value.dtype.kind in "biu":
            return self.level.concrete(self, lambda value: convert(value, *args, **kwargs))
        if is_assignment():
            buffers.refuse_plain("z[…] = x")
        raise lost_derivative(spelling, rewrite)
    return method


def _as_plain(value: Any, dtype: Any = None, copy: Any = None) -> Any:
    """What ``__array__`` gives."""
    if type(value) is Traced:
        return value.__array__(dtype, copy=copy)
    return np.array(value, dtype=dtype, copy=copy)


class Traced:
    """An array (or number) inside a running transform.  Made by transforms, never by users."""

    # source and views are unset until a view is made: what this is a view of, and what is one of this.
    # root is None but for square roots and their kin: what the square of this is (see rules.roots).
    __slots__ = ("__weakref__", "level", "mark", "root", "source", "value", "views")
    root: Any
    source: Any
    views: Any
    __array_priority__ = 1000.0

    def __init__(self, level: Level, value: Any, mark: Any) -> None:
        self.level = level
        self.value = value
        self.mark = mark
        self.root = None

    _apply_rule = staticmethod(apply)

    def _concrete(self) -> Any:
        """The value as a plain index, mask or count; a level that records notes a path condition."""
        return plain_index(self)

    # --- NumPy's protocols ---------------------------------------------------------------
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs:
            rule = ROWS.get(ufunc)
            if rule is not None:  # the hot path: a function of one array
                return self.level.unary(rule, self) if rule.special is None else rule.special(self)
        if method == "at":
            return buffers.ufunc_at(ufunc, *inputs)
        if "out" in kwargs and any(out is not None for out in kwargs["out"]):
            return buffers.ufunc_out(ufunc, method, inputs, kwargs)
        for value in inputs:
            if type(value) is Traced and value.level.is_buffers:
                return buffers.call_ufunc(ufunc, method, inputs, kwargs)
        answer = FUNCTIONS.get(ufunc if method == "__call__" else (ufunc, method))
        if answer is None and method == "__call__":
            answer = _late(ufunc)
        if answer is None:
            if buffers.is_python(ufunc):
                return buffers.python_call(ufunc, method, inputs, kwargs)
            if method == "__call__":
                return unknown(ufunc)
            raise UnknownFunctionError(f"np.{ufunc.__name__}.{method} has no derivative rule in diffkit",
                                       f"a loop over np.{ufunc.__name__}, or the function that does the same")
        for value in inputs:
            kind = type(value)
            if kind not in _PLAIN and kind is not Traced:
                if _is_foreign(kind):
                    return NotImplemented
                inputs = tuple(operand(value) for value in inputs)
                break
        if method != "__call__":
            if kwargs.get("out") in (None, (None,)):
                kwargs.pop("out", None)
            return answer(*inputs, **kwargs)
        if kwargs:
            check_ufunc_keywords(ufunc, kwargs)
            if not ufunc_keywords.KEYWORDS.isdisjoint(kwargs):
                plain_inputs, finish = ufunc_keywords.prepared(ufunc, inputs, kwargs)
                return finish(ufunc(*plain_inputs))
        if isinstance(answer, Rule):
            return apply(answer, inputs, _NOTHING) if answer.special is None else answer.special(*inputs)
        try:
            return answer(*inputs)
        except buffers.KINDS as error:
            buffers.raise_numpys_own(ufunc, inputs, _NOTHING, error)
            raise

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        return buffers.call_function(func, args, kwargs)

    _to_array = _conversion(_as_plain, "np.asarray(x), or code that calls it,",
                            "np.stack([...]) or np.array([...]) of the values; zeros that are filled "
                            "must be made inside the differentiated function by np.zeros")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return buffers.lend(self, dtype, copy) if self.level.is_buffers else self._to_array(dtype, copy)

    __float__ = _conversion(float, "float(x) or a function of the math module",
                            "NumPy's function: np.sin(x) for math.sin(x), x itself for float(x)")
    __complex__ = _conversion(complex, "complex(x) or a function of the cmath module", "NumPy's function, or x + 0j")
    item = _conversion(operator.methodcaller("item"), "x.item()",
                       "x[0], or x.reshape(()) for an array of one element")
    tobytes = _conversion(operator.methodcaller("tobytes"), "x.tobytes()", "dk.value(x).tobytes()")

    def view(self, dtype: Any = None, type: Any = None) -> Any:
        """The same array by another name; as another type its bits would be looked at."""
        if type in (None, np.ndarray) and (dtype in (None, np.ndarray) or np.dtype(dtype) == self.dtype):
            return self[...]
        if self.level.is_buffers or self.dtype.kind in "biu":
            return np.asarray(self.__array__()).view(dtype)
        raise lost_derivative(f"x.view({dtype})", "x.astype(dtype), x.real, x.imag or x.reshape(shape)")

    # --- questions of shape and dtype: answered, never recorded ---------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    @property
    def ndim(self) -> int:
        return len(self.value.shape)

    @property
    def size(self) -> int:
        return self.value.size  # type: ignore[no-any-return]

    @property
    def itemsize(self) -> int:
        return self.value.itemsize  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        return self.value.nbytes  # type: ignore[no-any-return]

    @property
    def flags(self) -> Any:
        return buffers.flags(self)

    @property
    def strides(self) -> Any:
        return layout(self).strides

    def __len__(self) -> int:
        if not self.value.shape:
            raise TypeError("len() of unsized object")
        return self.value.shape[0]  # type: ignore[no-any-return]

    # Programs ask isinstance(x, np.ndarray) or isinstance(x, float): the answer is the one
    # that the untraced program would get.  type(x) still says Traced.
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(layout(self))

    # --- questions about the value ---------------------------------------------------------
    def __bool__(self) -> bool:
        if self.value.dtype.kind in "fc":
            truth_asked(self)
        return self.level.concrete(self, bool)  # type: ignore[no-any-return]

    def __int__(self) -> int:
        return self.level.concrete(self, int)  # type: ignore[no-any-return]

    def __index__(self) -> int:
        return self.level.concrete(self, operator.index)  # type: ignore[no-any-return]

    def __round__(self, digits: int | None = None) -> Any:
        rounded = FUNCTIONS[np.round](self, digits or 0)
        return int(rounded) if digits is None else rounded

    def __floor__(self) -> int:
        return self.level.concrete(self, math.floor)  # type: ignore[no-any-return]

    def __ceil__(self) -> int:
        return self.level.concrete(self, math.ceil)  # type: ignore[no-any-return]

    def __trunc__(self) -> int:
        return self.level.concrete(self, math.trunc)  # type: ignore[no-any-return]

    def is_integer(self) -> bool:
        return self.level.concrete(self, operator.methodcaller("is_integer"))  # type: ignore[no-any-return]

    def __contains__(self, item: Any) -> bool:
        return bool(FUNCTIONS[np.any](np.equal(self, item)))

    __hash__ = _conversion(hash, "hash(x), as a dict, a set or a cache does,",
                           "key the cache by something that is not differentiated")

    def __repr__(self) -> str:
        return f"Traced({primal(self)!r})"

    def __str__(self) -> str:
        return self.__format__("")

    def __format__(self, spec: str) -> str:
        if self.value.dtype.kind in "fc":
            return printed(primal(self), spec, self.ndim)
        if self.level.is_batch:
            return plain(primal(self), spec, self.ndim)
        return self.level.concrete(self, lambda value: format(value, spec))  # type: ignore[no-any-return]

    def __copy__(self) -> Traced:
        return buffers.copied(self)  # type: ignore[no-any-return]

    def __deepcopy__(self, memo: Any) -> Traced:
        return self.__copy__()

    def __reduce__(self) -> Any:
        raise LeakedTracerError("a traced value can't be pickled or sent to another process",
                                "dk.value(x), a plain array")

    # --- operators -------------------------------------------------------------------------
    __add__, __radd__ = _arithmetic(ADD)
    __sub__, __rsub__ = _arithmetic(SUBTRACT)
    __mul__, __rmul__ = _arithmetic(MULTIPLY)
    __truediv__, __rtruediv__ = _arithmetic(DIVIDE)
    __pow__, __rpow__ = _power(_arithmetic(POWER)[0]), _arithmetic(POWER)[1]
    __matmul__, __rmatmul__ = _binary(MATMUL)
    __mod__, __rmod__ = _arithmetic(REMAINDER)
    __floordiv__, __rfloordiv__ = _binary(FLOOR_DIVIDE)
    __neg__, __pos__ = _unary(NEGATIVE), _unary(POSITIVE)
    __abs__ = ABSOLUTE.special
    __lt__, __le__ = _comparison(np.less), _comparison(np.less_equal)
    __gt__, __ge__ = _comparison(np.greater), _comparison(np.greater_equal)
    __eq__, __ne__ = _equality(np.equal), _equality(np.not_equal)
    __and__, __rand__ = _binary(FUNCTIONS[np.bitwise_and])  # type: ignore[arg-type]
    __or__, __ror__ = _binary(FUNCTIONS[np.bitwise_or])  # type: ignore[arg-type]
    __xor__, __rxor__ = _binary(FUNCTIONS[np.bitwise_xor])  # type: ignore[arg-type]
    __invert__ = _method(np.invert)

    __iadd__, __isub__, __imul__ = _in_place(__add__), _in_place(__sub__), _in_place(__mul__)
    __itruediv__, __ifloordiv__, __imod__ = _in_place(__truediv__), _in_place(__floordiv__), _in_place(__mod__)
    __ipow__, __imatmul__ = _in_place(__pow__), _in_place(__matmul__)
    __iand__, __ior__, __ixor__ = _in_place(__and__), _in_place(__or__), _in_place(__xor__)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __getitem__(self, index: Any) -> Any:
        if type(index) not in (int, slice):
            found = gather(self, index)
            if found is not NotImplemented:
                return found
            index = plain_index(index)
        result = self.level.process(GETITEM, (self,), {"index": index})
        if self.root:
            carry(result, self, lambda y: y[index])
        # A basic index gives a view (a number if it names one entry); handles know that themselves.
        if type(result) is Traced and (result.value.shape or type(index) is tuple) and not self.level.is_buffers:
            self._note_view(result, index)
        return result

    def _note_view(self, result: Traced, index: Any) -> None:
        if is_basic(index) and (result.value.shape or isinstance(layout(result), np.ndarray)):
            buffers.link(result, self, operator.getitem, (index,), _NOTHING)

    def __setitem__(self, index: Any, value: Any) -> None:
        buffers.setitem(self, index, value)

    def __iter__(self) -> Iterator[Any]:
        if not self.value.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.value.shape[0]))

    # --- ndarray's methods, by the functions of the same names -------------------------------
    sum, mean, prod = _method(np.sum), _method(np.mean), _method(np.prod)
    var, std = _method(np.var), _method(np.std)
    max, min = _method(np.max), _method(np.min)
    cumsum, cumprod = _method(np.cumsum), _method(np.cumprod)
    argmax, argmin, argsort = _method(np.argmax), _method(np.argmin), _method(np.argsort)
    argpartition, searchsorted = _method(np.argpartition), _method(np.searchsorted)
    all, any, nonzero = _method(np.all), _method(np.any), _method(np.nonzero)
    round = _method(np.round)
    dot, trace, diagonal = _method(np.dot), _method(np.trace), _method(np.diagonal)
    ravel, squeeze, swapaxes = _method(np.ravel), _method(np.squeeze), _method(np.swapaxes)
    repeat, take, choose = _method(np.repeat), _method(np.take), _method(np.choose)
    put = _method(np.put)

    def copy(self, order: Any = "C") -> Any:
        return buffers.copied(self, order)

    def clip(self, min: Any = None, max: Any = None, out: Any = None, **kwargs: Any) -> Any:
        return buffers.call_function(np.clip, (self, min, max, out), kwargs)

    def compress(self, condition: Any, axis: Any = None, out: Any = None) -> Any:
        return buffers.call_function(np.compress, (condition, self, axis, out), _NOTHING)

    def flatten(self, order: Any = "C") -> Any:
        return buffers.copied(FUNCTIONS[np.ravel](buffers.contents(self), order))

    def fill(self, value: Any) -> None:
        buffers.setitem(self, Ellipsis, value)

    def sort(self, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None,
             descending: Any = None) -> None:
        given = {"kind": kind, "order": order, "stable": stable}
        buffers.overwrite(self, buffers.call_function(
            np.sort, (self, axis), given if descending is None else {**given, "descending": descending}))

    def partition(self, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> None:
        buffers.overwrite(self, buffers.call_function(
            np.partition, (self, kth, axis), {"kind": kind, "order": order}))

    def reshape(self, *shape: Any, order: Any = "C", copy: Any = None) -> Any:
        target = shape[0] if len(shape) == 1 else shape
        result = buffers.call_function(np.reshape, (self, target), {"order": order})
        return buffers.copied(result) if copy else result

    def transpose(self, *axes: Any) -> Any:
        order = axes[0] if len(axes) == 1 else (axes or None)
        return buffers.call_function(np.transpose, (self, order), _NOTHING)

    def astype(self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True,
               copy: bool = True) -> Any:
        if np.dtype(dtype) == self.dtype:
            return buffers.copied(self) if copy else self
        np.copyto(np.empty(0, dtype), np.empty(0, self.dtype), casting=casting)  # type: ignore[arg-type]
        return buffers.fresh(FUNCTIONS["astype"](buffers.contents(self), dtype))

    def resize(self, *shape: Any, refcheck: bool = True) -> Any:
        raise UnsupportedArgumentError("x.resize(…) of a differentiated array", "x = np.resize(x, shape)")

    def tolist(self) -> Any:
        return [row.tolist() if row.shape else row for row in self] if self.shape else self

    @property
    def T(self) -> Any:
        return buffers.call_function(np.transpose, (self,), _NOTHING)

    @property
    def mT(self) -> Any:
        return buffers.call_function(np.matrix_transpose, (self,), _NOTHING)

    def conjugate(self) -> Any:
        return FUNCTIONS[np.conjugate](self) if self.dtype.kind == "c" else self

    conj = conjugate

    @property
    def real(self) -> Any:
        return buffers.call_function(np.real, (self,), _NOTHING) if self.dtype.kind == "c" else self

    @real.setter
    def real(self, value: Any) -> None:
        buffers.setitem(self.real, Ellipsis, value)

    @property
    def imag(self) -> Any:
        return buffers.call_function(np.imag, (self,), _NOTHING)

    @imag.setter
    def imag(self, value: Any) -> None:
        buffers.setitem(self.imag, Ellipsis, value)

    @property
    def flat(self) -> Any:
        return buffers.flat(self)

    @flat.setter
    def flat(self, value: Any) -> None:
        buffers.setitem(self.flat, Ellipsis, value)


def plain_index(index: Any) -> Any:
    """An index without traced values, safe against later changes by the user.

    Traced entries (a mask ``x > 0``, an ``argmax``) are path conditions: their level is
    asked.  Arrays are copied, because the adjoint needs them after the user's code ran on.
    """
    if type(index) is tuple:
        return tuple(plain_index(item) for item in index)
    if type(index) is Traced:
        return index.level.concrete(index, lambda value: plain_index(value) if type(value) is Traced
                                    else np.array(value))
    if type(index) in (list, np.ndarray):
        if type(index) is list and holds_traced(index):
            index = [plain_index(item) for item in index]
        return np.array(index, dtype=np.intp) if type(index) is list and not index else np.array(index)
    return index
