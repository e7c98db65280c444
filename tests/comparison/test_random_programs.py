"""Random programs: nobody who is right is accused, and a planted error is caught.

Programs are expressions over a small grammar, drawn by hypothesis with points of many
sizes.  The reference for "right" is none of diffkit's methods: a dual number written here,
in mpmath's arithmetic.
"""

import mpmath
import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.expressions import parse

LEAVES = st.sampled_from(["x", "y", "2", "0.7", "(x - y)", "x*y"])


def grow(inner):
    unary = st.builds("{}({})".format, st.sampled_from(["sin", "cos", "tanh", "arctan", "exp", "sinh"]), inner)
    guarded = st.builds("{}(1 + ({})**2)".format, st.sampled_from(["log", "sqrt", "cbrt"]), inner)
    binary = st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*"]), inner)
    quotient = st.builds("({})/(2 + cos({}))".format, inner, inner)
    return st.one_of(unary, guarded, binary, quotient)


PROGRAMS = st.recursive(LEAVES, grow, max_leaves=6)
POINTS = st.tuples(*[st.floats(-3, 3).filter(lambda v: abs(v) > 1e-3)] * 2)


def by_duals(text, x, y):
    """Both partials, by dual numbers over mpmath at 40 digits: no code of diffkit's."""
    class Dual:
        def __init__(self, value, slope=(0, 0)):
            self.value, self.slope = value, slope

        def chain(self, value, factor):
            return Dual(value, tuple(factor * s for s in self.slope))

        def __add__(self, other):
            other = lift(other)
            return Dual(self.value + other.value, tuple(a + b for a, b in zip(self.slope, other.slope)))

        def __mul__(self, other):
            other = lift(other)
            return Dual(self.value * other.value,
                        tuple(a * other.value + self.value * b for a, b in zip(self.slope, other.slope)))

        def __neg__(self):
            return self * -1

        def __sub__(self, other):
            return self + -lift(other)

        def __truediv__(self, other):
            other = lift(other)
            return self * other.chain(1 / other.value, -1 / other.value**2)

        def __pow__(self, n):
            assert n == 2
            return self * self

        def __radd__(self, other):
            return self + other

        def __rmul__(self, other):
            return self * other

        def __rsub__(self, other):
            return -self + other

        def __rtruediv__(self, other):
            return lift(other) / self

    def lift(v):
        return v if isinstance(v, Dual) else Dual(mpmath.mpf(v))

    def function(value, slope):
        def apply(a):
            a = lift(a)
            return a.chain(value(a.value), slope(a.value))
        return apply

    m = mpmath
    names = {
        "sin": function(m.sin, m.cos), "cos": function(m.cos, lambda v: -m.sin(v)),
        "tanh": function(m.tanh, lambda v: m.sech(v)**2), "arctan": function(m.atan, lambda v: 1 / (1 + v * v)),
        "exp": function(m.exp, m.exp), "sinh": function(m.sinh, m.cosh), "log": function(m.log, lambda v: 1 / v),
        "sqrt": function(m.sqrt, lambda v: 1 / (2 * m.sqrt(v))),
        "cbrt": function(m.cbrt, lambda v: 1 / (3 * m.cbrt(v)**2)),
        "x": Dual(m.mpf(x), (m.mpf(1), m.mpf(0))), "y": Dual(m.mpf(y), (m.mpf(0), m.mpf(1))),
    }
    with mpmath.workdps(40):
        # The text was made by the grammar above, never by a user.
        return lift(eval(text, {"__builtins__": {}}, names)).slope


@settings(max_examples=40, deadline=None)
@given(text=PROGRAMS, point=POINTS, entry=st.integers(0, 1), size=st.sampled_from([2.0, -1.0, 1 + 1e-3, 1 + 1e-6]))
def test_the_right_are_not_accused_and_the_wrong_are(text, point, entry, size):
    f = parse(f"{text} + 0*x + 0*y")
    truth = by_duals(text, *point)
    assume(all(abs(t) < 1e100 for t in truth))
    order = [f.variables.index(name) for name in ("x", "y")]
    args = [0.0, 0.0]
    for place, value in zip(order, point):
        args[place] = value

    def gradient(*_):
        g = [0.0, 0.0]
        for place, value in zip(order, truth):
            g[place] = float(value)
        return tuple(g)

    def planted(*_):
        g = list(gradient())
        g[order[entry]] *= size
        return tuple(g)

    result = dk.compare(f, *args, argnums=(0, 1), methods=("forward", "reverse", "central", gradient))
    assert result.agree is not False, result.verdict
    # An entry that is lost beside the other, or in the rounding of f, can't be told from its double.
    assume(abs(truth[entry]) > 1e-6 * max(map(abs, truth)) > 0 and abs(truth[entry]) > 1e-6 * abs(f(*args)))
    assume(result.kind == "AGREE" and result.row("reverse").digits > 12)
    result = dk.compare(f, *args, argnums=(0, 1), methods=("forward", "reverse", "central", planted))
    assert result.agree is False and [r.method for r in result.rows if r.status == "wrong"] == ["planted"]
    assert np.isfinite(result.row("referee").value[0])
