"""Expressions typed by a user, without eval: parsed to a tree, checked, and walked.

``parse("sin(x*y) + exp(x)/y")`` gives a function of ``x`` and ``y``.  Allowed are numbers, the
constants pi, e, inf and nan, variables, operators, comparisons, ``a if b else c``,
indexing, and calls of the NumPy functions in ``FUNCTIONS``.  Everything else is refused
with the column where it stands: attributes, lambdas, comprehensions, strings, f-strings,
walrus, starred arguments, names that nobody gave a meaning.  Evaluation calls nothing but
those functions and Python's operators, so it works on traced values as well.  Powers are
taken in floats and sizes are bounded: no expression hangs on ``9**9**9``.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import math
import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.errors import ExpressionError

_NAMES = (
    "absolute abs add arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt ceil clip concatenate conj copysign "
    "cos cosh cross cumprod cumsum deg2rad degrees diag diagonal diff divide dot einsum exp exp2 expm1 fabs fix flip "
    "float_power floor fmax fmin fmod heaviside hstack hypot inner interp log log10 log1p log2 logaddexp logaddexp2 "
    "max maximum mean median min minimum mod multiply negative outer positive power prod ptp rad2deg radians ravel "
    "reciprocal remainder reshape roll round select sign sin sinc sinh sort sqrt square squeeze stack std subtract "
    "sum swapaxes tan tanh tensordot trace transpose trapezoid tril triu trunc var vdot vstack where")
_LINALG = "cholesky det eigh eigvalsh inv matrix_power norm pinv slogdet solve svdvals"


def _stacked(items: Any) -> Any:
    """``array([…])`` of values that may be traced."""
    if type(items) in (list, tuple):
        return np.stack([_stacked(item) for item in items])
    return items


#: What may be called, under NumPy's names (linear algebra without its prefix).
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in _NAMES.split() if hasattr(np, name)},
    **{name: getattr(np.linalg, name) for name in _LINALG.split() if hasattr(np.linalg, name)},
    "array": _stacked,
}
CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
KEYWORDS = ("axis", "axes", "axis1", "axis2", "ddof", "decimals", "keepdims", "n", "offset", "ord")

_LONGEST, _DEEPEST, _LARGEST, _LARGEST_WHOLE = 20_000, 150, 10_000_000, 2 ** 53
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.MatMult: operator.matmul, ast.Mod: operator.mod, ast.FloorDiv: operator.floordiv,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne}
_WHAT = {
    ast.Attribute: ("attributes are not allowed", "the function's bare name: sin(x), norm(x)"),
    ast.Lambda: ("lambdas are not allowed", ""), ast.NamedExpr: ("assignments (:=) are not allowed", ""),
    ast.ListComp: ("comprehensions are not allowed", "array operations"),
    ast.SetComp: ("comprehensions are not allowed", "array operations"),
    ast.DictComp: ("comprehensions are not allowed", "array operations"),
    ast.GeneratorExp: ("comprehensions are not allowed", "array operations"),
    ast.JoinedStr: ("f-strings are not allowed", ""), ast.Starred: ("starred arguments are not allowed", ""),
    ast.Await: ("await is not allowed", ""), ast.Yield: ("yield is not allowed", ""),
    ast.YieldFrom: ("yield is not allowed", ""), ast.Dict: ("dicts are not allowed", ""),
    ast.Set: ("sets are not allowed", ""),
    ast.BoolOp: ("'and' and 'or' are not allowed", "(x > 0) & (y > 0), or a if b else c"),
}


class Expression:
    """A checked expression as a function of its variables, in the order in which they appear.

    Attributes
    ----------
    text : str
    variables : tuple of str

    Examples
    --------
    >>> f = parse("sin(x*y) + exp(x)/y")
    >>> f.variables, round(float(f(1.2, 0.7)), 6)
    (('x', 'y'), 5.487667)
    """

    def __init__(self, text: str, tree: ast.expr, variables: tuple[str, ...]) -> None:
        self.text = text
        self.variables = variables
        self._tree = tree
        self.__name__ = self.__qualname__ = text if len(text) <= 60 else text[:57] + "..."
        self.__signature__ = inspect.Signature([
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in variables])

    def __call__(self, *values: Any, **named: Any) -> Any:
        bound = self.__signature__.bind(*values, **named)
        try:
            result = _Walk(self.text, bound.arguments).value(self._tree)
        except MemoryError:
            raise ExpressionError("the expression makes an array that does not fit in memory") from None
        return float(result) if type(result) is int else result

    def __repr__(self) -> str:
        return f"<expression {self.text}>"


def parse(text: str) -> Expression:
    """Check an expression and make a function of it.

    Raises
    ------
    ExpressionError
        (a ValueError) for anything that is not allowed, with its column.
    """
    text = " ".join(text.split())
    tree = _syntax(text)
    variables: dict[str, None] = {}
    _check(tree, text, variables, 0)
    return Expression(text, tree, tuple(variables))


def _syntax(text: str) -> ast.expr:
    if not text:
        raise ExpressionError("the expression is empty", 'for example "sin(x*y) + exp(x)/y"')
    if len(text) > _LONGEST:
        raise ExpressionError(f"the expression has {len(text)} characters, more than {_LONGEST}")
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        column = (error.offset or 1) - 1
        hint = "x**2 is a power" if "^" in text else ""
        raise _refusal(text, column, error.msg, hint) from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise ExpressionError(f"the expression can't be parsed: {error or type(error).__name__}") from None


def _refusal(text: str, column: int, what: str, want: str = "") -> ExpressionError:
    start = max(0, column - 60)
    shown = text[start:start + 100]
    return ExpressionError(f"{what} (column {column + 1})\n    {shown}\n    {' ' * (column - start)}^", want)


def _refuse(node: ast.AST, text: str, what: str, want: str = "") -> ExpressionError:
    offset = getattr(node, "col_offset", 0)
    return _refusal(text, len(text.encode()[:offset].decode(errors="ignore")), what, want)


def _check(node: ast.AST, text: str, variables: dict[str, None], depth: int) -> None:
    """Refuse what is not allowed; collect the variables."""
    if depth > _DEEPEST:
        raise _refuse(node, text, f"the expression is nested more than {_DEEPEST} deep")

    def down(child: ast.AST) -> None:
        _check(child, text, variables, depth + 1)

    match node:
        case ast.Constant():
            _check_constant(node, text)
        case ast.Name():
            _check_name(node, text, variables)
        case ast.BinOp() if type(node.op) in _BINARY:
            down(node.left)
            down(node.right)
        case ast.UnaryOp() if type(node.op) in _UNARY:
            down(node.operand)
        case ast.Compare():
            if len(node.ops) > 1:
                raise _refuse(node, text, "chained comparisons are not allowed", "(0 < x) & (x < 1)")
            if type(node.ops[0]) not in _COMPARE:
                raise _refuse(node, text, "'in' and 'is' are not allowed", "==, !=, <, <=, >, >=")
            down(node.left)
            down(node.comparators[0])
        case ast.IfExp():
            for child in (node.test, node.body, node.orelse):
                down(child)
        case ast.Call():
            _check_call(node, text, variables, depth)
        case ast.Subscript():
            down(node.value)
            _check_index(node.slice, text, variables, depth + 1)
        case ast.List() | ast.Tuple():
            for child in node.elts:
                down(child)
        case _:
            what, want = _WHAT.get(type(node), (f"{type(node).__name__} is not allowed", ""))
            if isinstance(node, ast.UnaryOp):
                what, want = "'not' is not allowed", "~(x > 0), or x <= 0"
            if isinstance(node, ast.BinOp):
                power = isinstance(node.op, ast.BitXor)
                what, want = ("^ is not a power here", "x**2") if power else (
                    "shifts (<<, >>) are not allowed", "multiply by a power of 2")
            raise _refuse(node, text, what, want)


def _check_constant(node: ast.Constant, text: str) -> None:
    if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
        kind = {str: "strings", bytes: "strings", complex: "complex numbers", bool: "True and False",
                type(None): "None", type(...): "..."}.get(type(node.value), type(node.value).__name__)
        raise _refuse(node, text, f"{kind} are not allowed here" if kind not in ("None", "...") else
                      f"{kind} is not allowed here")


def _check_name(node: ast.Name, text: str, variables: dict[str, None]) -> None:
    name = node.id
    if name in CONSTANTS:
        return
    if name in FUNCTIONS:
        raise _refuse(node, text, f"{name} is a function and needs an argument", f"{name}(x)")
    if not re.fullmatch(r"[^\W\d_]\w*", name) or "__" in name:
        raise _refuse(node, text, f"the name {name} is not allowed", "variables are letters, digits and single _")
    variables.setdefault(name)


def _check_call(node: ast.Call, text: str, variables: dict[str, None], depth: int) -> None:
    if not isinstance(node.func, ast.Name):
        _check(node.func, text, variables, depth + 1)
        raise _refuse(node, text, "only functions can be called", "sin(x)")
    name = node.func.id
    if name not in FUNCTIONS:
        close = difflib.get_close_matches(name, FUNCTIONS, 3)
        raise _refuse(node.func, text, f"the function {name} is unknown", ", ".join(close) or
                      "NumPy's names without prefix: sin, exp, sum, dot, where, norm")
    arguments = list(node.args)
    if name == "einsum" and arguments and isinstance(arguments[0], ast.Constant) and \
            isinstance(arguments[0].value, str):
        arguments = arguments[1:]
    for argument in arguments:
        _check(argument, text, variables, depth + 1)
    for keyword in node.keywords:
        if keyword.arg is None:
            raise _refuse(keyword, text, "starred arguments are not allowed")
        if keyword.arg not in KEYWORDS:
            raise _refuse(keyword, text, f"the keyword {keyword.arg}= is not allowed", ", ".join(KEYWORDS))
        _check_keyword(keyword.value, text)


def _check_keyword(node: ast.expr, text: str) -> None:
    """A keyword's value: a constant, or a tuple of them."""
    inner = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else node
    if isinstance(inner, ast.Tuple):
        for child in inner.elts:
            _check_keyword(child, text)
    elif isinstance(inner, ast.Name) and inner.id in CONSTANTS:
        return
    elif not isinstance(inner, ast.Constant) or isinstance(inner.value, (bytes, complex)):
        raise _refuse(node, text, "a keyword's value must be a number, True, False, None or a tuple of numbers")


def _check_index(node: ast.expr, text: str, variables: dict[str, None], depth: int) -> None:
    if isinstance(node, ast.Tuple):
        for child in node.elts:
            _check_index(child, text, variables, depth + 1)
    elif isinstance(node, ast.Slice):
        for part in (node.lower, node.upper, node.step):
            if part is not None:
                _check(part, text, variables, depth + 1)
    elif not (isinstance(node, ast.Constant) and (node.value is None or node.value is ...)):
        _check(node, text, variables, depth)


class _Walk:
    """One evaluation: the tree with values for its variables."""

    def __init__(self, text: str, values: dict[str, Any]) -> None:
        self.text = text
        self.values = values

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return self.values[node.id] if node.id in self.values else CONSTANTS[node.id]
            case ast.BinOp():
                return self._bounded(node, _binary(node.op, self.value(node.left), self.value(node.right)))
            case ast.UnaryOp():
                return _UNARY[type(node.op)](self.value(node.operand))
            case ast.Compare():
                return _COMPARE[type(node.ops[0])](self.value(node.left), self.value(node.comparators[0]))
            case ast.IfExp():
                return self.value(node.body if self.value(node.test) else node.orelse)
            case ast.Call():
                assert isinstance(node.func, ast.Name)
                arguments = [self.value(argument) for argument in node.args]
                keywords = {str(k.arg): self.value(k.value) for k in node.keywords}
                return self._bounded(node, FUNCTIONS[node.func.id](*arguments, **keywords))
            case ast.Subscript():
                return self.value(node.value)[self._index(node.slice)]
            case ast.List():
                return [self.value(item) for item in node.elts]
            case ast.Tuple():
                return tuple(self.value(item) for item in node.elts)
        raise AssertionError(f"{node} was not refused")  # pragma: no cover

    def _index(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Tuple):
            return tuple(self._index(item) for item in node.elts)
        if isinstance(node, ast.Slice):
            return slice(*(part and self.value(part) for part in (node.lower, node.upper, node.step)))
        return self.value(node)

    def _bounded(self, node: ast.expr, value: Any) -> Any:
        if getattr(value, "size", 0) > _LARGEST:
            raise _refuse(node, self.text, f"this makes {value.size} numbers, more than {_LARGEST}")
        return value


def _binary(op: ast.operator, left: Any, right: Any) -> Any:
    """An operator; whole numbers stay whole only while they are small and the operator keeps them so.

    A list is an array here: ``[1] * 3`` does not repeat.
    """
    left, right = (_stacked(value) if type(value) in (list, tuple) else value for value in (left, right))
    # type(), not isinstance: a traced value answers isinstance as the number it stands for.
    if type(left) in (int, float, bool) and type(right) in (int, float, bool):
        keeps = isinstance(op, (ast.Add, ast.Sub, ast.Mult))
        if not (keeps and type(left) is int and type(right) is int
                and abs(left) < _LARGEST_WHOLE ** 0.5 and abs(right) < _LARGEST_WHOLE ** 0.5):
            with np.errstate(all="ignore"):
                if isinstance(op, (ast.BitAnd, ast.BitOr)):
                    return _BINARY[type(op)](bool(left), bool(right))
                return float(_BINARY[type(op)](_double(left), _double(right)))
    if type(right) is int and abs(right) >= 2**31:
        right = _double(right)
    if type(left) is int and abs(left) >= 2**31:
        left = _double(left)
    sizes = [getattr(value, "shape", ()) for value in (left, right)]
    if not isinstance(op, ast.MatMult) and all(sizes) and math.prod(np.broadcast_shapes(*sizes)) > _LARGEST:
        raise ExpressionError(f"operands of shapes {sizes[0]} and {sizes[1]} make too large an array")
    return _BINARY[type(op)](left, right)


def _double(number: float) -> np.float64:
    try:
        return np.float64(number)
    except OverflowError:
        return np.float64(math.inf if number > 0 else -math.inf)


def parse_value(text: str) -> Any:
    """A value given on the command line: numbers (arithmetic allowed), lists, tuples, dicts, strings.

    Rectangular lists of numbers become float arrays; whole numbers outside lists stay ints.

    >>> parse_value("{'w': [1, 2], 'n': 3, 'angle': 2*pi}")
    {'w': array([1., 2.]), 'n': 3, 'angle': 6.283185307179586}
    """
    text = " ".join(text.split())
    return _literal(_syntax(text), text, 0)


def parse_arguments(text: str) -> tuple[Any, ...]:
    """All arguments of a function: the items of the outer list (or tuple); anything else is one argument.

    >>> parse_arguments("[[-1.2, 1.0], 3]")
    (array([-1.2,  1. ]), 3)
    """
    text = " ".join(text.split())
    tree = _syntax(text)
    if isinstance(tree, (ast.List, ast.Tuple)):
        return tuple(_literal(item, text, 0) for item in tree.elts)
    return (_literal(tree, text, 0),)


def _literal(node: ast.expr, text: str, depth: int) -> Any:
    if depth > _DEEPEST:
        raise _refuse(node, text, f"the value is nested more than {_DEEPEST} deep")

    def down(child: ast.expr) -> Any:
        return _literal(child, text, depth + 1)

    match node:
        case ast.Constant():
            if isinstance(node.value, (bytes, complex)) or node.value is ...:
                raise _refuse(node, text, f"{node.value!r} is not allowed here")
            return node.value
        case ast.List():
            return _as_array([down(item) for item in node.elts])
        case ast.Tuple():
            return tuple(down(item) for item in node.elts)
        case ast.Dict():
            for key in node.keys:
                if not isinstance(key, ast.Constant) or not isinstance(key.value, (str, int)):
                    raise _refuse(key or node, text, "a dict's keys must be strings or whole numbers")
            return {key.value: down(item) for key, item in zip(node.keys, node.values)}  # type: ignore[union-attr]
    variables: dict[str, None] = {}
    _check(node, text, variables, depth)
    if variables:
        name = next(iter(variables))
        raise _refuse(node, text, f"{name} has no value", f"a number, or a quoted '{name}'")
    value = Expression(text, node, ())()
    if isinstance(value, np.ndarray):
        return value.astype(float)
    negated = isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)
    return int(value) if negated and isinstance(node.operand.value, int) else float(value)  # type: ignore[attr-defined]


def _as_array(items: list[Any]) -> Any:
    """A float array, if the list is rectangular and holds nothing but numbers; else the list."""
    if all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in items):
        return np.array([_double(item) for item in items], float)
    arrays = [item for item in items if isinstance(item, np.ndarray)]
    if len(arrays) == len(items) and len({item.shape for item in arrays}) == 1:
        return np.stack(arrays)
    return items
