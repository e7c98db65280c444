"""Rows as the ufuncs that they are made of, which write into temporaries and move out of loops one by one.

    v12 = cosh(v3, b4)                      # sech2(v3), in a derivative
    v13 = divide(c1, v12, b4)
    v14 = multiply(v13, v13, b4)

The same functions in the same order, so no bit differs.  Only where the error state is silenced: the row itself says
nothing of cosh's overflow, beyond which it is 0.
"""

from __future__ import annotations

from typing import Any

from diffkit.compiling.optimise import simplify
from diffkit.compiling.program import Builder, Item, kind_of
from diffkit.rules.arithmetic import DIVIDE, MULTIPLY
from diffkit.rules.kinds import TABLE
from diffkit.rules.trigonometric import SECH2


def spell(builder: Builder, rule: Any, args: list[Item], params: dict[str, Any], value: Any) -> Any:
    """What ``rule`` is made of, else what ``simplify`` finds."""
    if rule is SECH2 and builder.is_quiet and kind_of(value) == "array" and args[0].kind == "array":
        x, = args
        cosh = builder.call(TABLE["cosh"], [x], {}, value, x.line, True)
        quotient = builder.call(DIVIDE, [builder.constant(1), cosh], {}, value, x.line, True)
        return MULTIPLY, [quotient, quotient], {}
    return simplify(builder, rule, args, params, value)
