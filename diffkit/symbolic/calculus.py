"""SymPy's derivative, with the conventions of a program that was run on real numbers.

``sympy.diff`` does the calculus.  Some functions are handed to it under a stand-in, because it
treats them as functions of a complex variable or as distributions: the derivative of Abs(u) is
sign(u) u' also where SymPy can't tell that u is real (Abs(log(x))), and sign, floor, ceiling and
Heaviside are flat (no DiracDelta).  Max and Min get one because evaluating them is slow.
"""

from __future__ import annotations

from typing import Any

import sympy


class _Modulus(sympy.Function):  # type: ignore[misc]
    nargs = 1

    def fdiff(self, argindex: int = 1) -> Any:
        return _Sign(self.args[0])


class _Step(sympy.Function):  # type: ignore[misc]
    """Any function that is constant between jumps."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Any:
        return sympy.Integer(0)


class _Sign(_Step):
    pass


class _Floor(_Step):
    pass


class _Ceiling(_Step):
    pass


class _Jump(_Step):
    pass


class _Largest(sympy.Function):  # type: ignore[misc]
    """Max without its evaluation, which compares every pair of arguments anew each time."""

    def fdiff(self, argindex: int = 1) -> Any:
        others = self.args[:argindex - 1] + self.args[argindex:]
        rest = others[0] if len(others) == 1 else type(self)(*others)
        return _Jump(self._ahead(self.args[argindex - 1], rest))

    @staticmethod
    def _ahead(own: Any, rest: Any) -> Any:
        return own - rest


class _Smallest(_Largest):
    @staticmethod
    def _ahead(own: Any, rest: Any) -> Any:
        return rest - own


_STAND_INS: dict[Any, Any] = {
    sympy.Abs: _Modulus, sympy.sign: _Sign, sympy.floor: _Floor, sympy.ceiling: _Ceiling, sympy.Heaviside: _Jump,
    sympy.Max: _Largest, sympy.Min: _Smallest}


def _unevaluated(function: Any) -> Any:
    return lambda *args: function(*args, evaluate=len(args) < 3)


_ORIGINALS = {stand_in: _unevaluated(original) if original in (sympy.Max, sympy.Min) else original
              for original, stand_in in _STAND_INS.items()}
_MANY = {sympy.Max, sympy.Min, _Largest, _Smallest}


def differentiate(expression: Any, symbol: Any) -> Any:
    """The derivative of a real program's expression by one of its symbols.

    >>> x = sympy.Symbol("x", real=True)
    >>> differentiate(sympy.Abs(sympy.log(x)), x)
    sign(log(x))/x
    """
    if symbol not in expression.free_symbols:
        return sympy.Integer(0)
    prepared = exchange(expression, _STAND_INS)
    return exchange(sympy.diff(prepared, symbol), _ORIGINALS)


def exchange(expression: Any, functions: dict[Any, Any]) -> Any:
    """The expression with functions replaced, each shared part once."""
    if not expression.has(*functions):
        return expression
    done: dict[Any, Any] = {}

    def walk(node: Any) -> Any:
        if not node.args:
            return node
        found = done.get(node)
        if found is None:
            args = [walk(arg) for arg in node.args]
            if node.func in functions:
                found = functions[node.func](*args if node.func in _MANY else args[:1])
            elif all(new is old for new, old in zip(args, node.args)):
                found = node
            else:
                found = node.func(*args)
            done[node] = found
        return found

    return walk(expression)
