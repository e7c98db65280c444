"""The table's SymPy column: parsed when it is first needed, then kept.

A column is a string in ``x``, ``y``, ``z`` (the rule's arguments in order).  The parser knows
SymPy's functions and nothing else, so a misspelt name is refused rather than taken for a new
symbol.  Parsed with real symbols it gives SymPy's derivative; parsed with plain ones it holds
for complex entries too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import sympy
from sympy.parsing.sympy_parser import parse_expr

from diffkit.rules.kinds import Rule

NAMES = ("x", "y", "z", "w")
#: SymPy's words that a column may use.
_WORDS = frozenset("""
    Abs Add And Eq Ge Gt Heaviside I Le Lt Max Min Mul Ne Not Or Piecewise Pow Rational acos acosh airyai
    airyaiprime airybi airybiprime asin asinh atan atan2 atanh arg besseli besselj besselk bessely beta
    betainc_regularized ceiling conjugate cos cosh cot coth csc digamma elliptic_e elliptic_k erf erfc erfi
    erfinv erfcinv exp expint Ei Si Ci Shi Chi E false floor fresnelc fresnels gamma hankel1 hankel2 im
    lowergamma li log loggamma oo pi polygamma re sec sech sign sin sinc sinh sqrt tan tanh true trigamma
    uppergamma zeta LambertW EulerGamma cbrt binomial factorial csch jn yn
""".split())  # noqa: SIM905  (a list literal of this length is unreadable)


def _words() -> dict[str, Any]:
    known = {name: getattr(sympy, name) for name in _WORDS}
    return known | {"Symbol": sympy.Symbol, "Integer": sympy.Integer, "Float": sympy.Float,
                    "Function": sympy.Function}


@functools.cache
def parse(text: str, real: bool = False) -> Any:
    """A column as a SymPy expression in the symbols ``x, y, z``.

    Raises ValueError when it uses a name that is neither an argument nor SymPy's.

    >>> parse("log(1 + x)")
    log(x + 1)
    """
    symbols = {name: sympy.Symbol(name, real=True if real else None) for name in NAMES}
    expression = parse_expr(text, local_dict=symbols, global_dict=_words())
    unknown = {str(s) for s in expression.free_symbols - set(symbols.values())}
    unknown |= {str(call.func) for call in expression.atoms(sympy.core.function.AppliedUndef)}
    if unknown:
        raise ValueError(f"the SymPy column {text!r} uses unknown names: {', '.join(sorted(unknown))}")
    return expression


def arguments(count: int, real: bool = False) -> list[Any]:
    """The symbols that stand for a rule's arguments."""
    return [sympy.Symbol(name, real=True if real else None) for name in NAMES[:count]]


def column(rule: Rule, real: bool = False) -> Any:
    """A rule's column, or None when it has none."""
    return None if rule.symbol is None else parse(rule.symbol, real)


@functools.cache
def substitution(text: str, count: int) -> Callable[..., Any]:
    """The column as a function of SymPy expressions."""
    function: Callable[..., Any] = sympy.lambdify(arguments(count), parse(text), modules=[_words(), "sympy"])
    return function


@functools.cache
def weight(text: str, count: int) -> tuple[int, tuple[int, ...]]:
    """Operations of a column, and how often each argument occurs: its size is known before it is built."""
    expression = parse(text)
    occurs = tuple(sum(1 for node in sympy.preorder_traversal(expression) if node == symbol)
                   for symbol in arguments(count))
    return sum(1 for node in sympy.preorder_traversal(expression) if node.args), occurs
