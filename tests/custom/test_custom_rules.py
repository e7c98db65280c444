"""custom_jvp and custom_vjp: one stated direction serves both, at any order.

Expected values are derivatives worked out by hand; where a rule is to be told from the
function's own derivative, the rule is deliberately another one.
"""

import dataclasses
import itertools

import numpy as np
import pytest

import diffkit as dk
from diffkit import tree
from diffkit.errors import InputError, ShapeError, UnknownFunctionError, UnsupportedArgumentError
from diffkit.recording import RecordLevel, record

MODES = {"forward": lambda f: lambda x: dk.jvp(f, (x,), (1.0,))[1], "reverse": dk.grad}
ORDERS = list(itertools.product(MODES, repeat=3))


def derived(f, order):
    for mode in order:
        f = MODES[mode](f)
    return f


def scaled_cube_by_jvp():
    """x^3 with the derivative of 5 x^3, so that the rule is told from the function."""
    @dk.custom_jvp
    def f(x):
        return x**3

    @f.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        return f(x), 15 * x**2 * t

    return f


def scaled_cube_by_vjp():
    f = dk.custom_vjp(lambda x: x**3)
    f.defvjp(lambda x: (f(x), x), lambda x, g: (15 * x**2 * g,))
    return f


@pytest.mark.parametrize("make", [scaled_cube_by_jvp, scaled_cube_by_vjp])
@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_any_order_follows_the_rule(make, order):
    f = make()
    assert f(2.0) == 8.0
    assert derived(f, order[:1])(2.0) == 60.0     # 15 x^2
    assert derived(f, order[:2])(2.0) == 60.0     # 30 x
    assert derived(f, order)(2.0) == 30.0


@pytest.mark.parametrize("make", [scaled_cube_by_jvp, scaled_cube_by_vjp])
@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_inside_a_program(make, order):
    # h = sin(f) with f' = 15 x^2: the chain rule sees cos(x^3) 15 x^2; at second order the
    # cosine's argument moves by the rule too.
    f = make()
    x = 0.8
    u, du = x**3, 15 * x**2
    assert derived(lambda x: np.sin(f(x)), order[:1])(x) == pytest.approx(np.cos(u) * du, rel=1e-14)
    assert derived(lambda x: np.sin(f(x)), order[:2])(x) == pytest.approx(
        -np.sin(u) * du**2 + np.cos(u) * 30 * x, rel=1e-13)


@dataclasses.dataclass
class Pair:
    a: object
    b: object


def containers_by_jvp():
    @dk.custom_jvp
    def f(p, names, k):
        return {"out": Pair(p["x"] * p["y"], k), "label": names[0]}

    @f.defjvp
    def rule(primals, tangents):
        p, names, k = primals
        dp, dnames, dk_ = tangents
        assert dnames == ["u"] or dnames == [None]
        assert dk_ == 0
        moved = dp["x"] * p["y"] + p["x"] * dp["y"]
        return f(p, names, k), {"out": Pair(moved, None), "label": None}

    return f


def containers_by_vjp():
    f = dk.custom_vjp(lambda p, names, k: {"out": Pair(p["x"] * p["y"], k), "label": names[0]})

    @f.defvjp(lambda p, names, k: (f(p, names, k), p))
    def bwd(p, g):
        return {"x": g["out"].a * p["y"], "y": p["x"] * g["out"].a}, None, None

    return f


@pytest.mark.parametrize("make", [containers_by_jvp, containers_by_vjp])
def test_containers_in_and_out(make):
    f = make()

    def total(p):
        found = f(p, ["u"], k=4)
        assert found["label"] == "u"
        assert found["out"].b == 4
        return np.sum(found["out"].a * np.array([1.0, 10.0]))

    p = {"x": np.array([2.0, 3.0]), "y": np.array([5.0, 7.0])}
    g = dk.grad(total)(p)
    np.testing.assert_array_equal(g["x"], [5.0, 70.0])
    np.testing.assert_array_equal(g["y"], [2.0, 30.0])
    _, t = dk.jvp(total, (p,), ({"x": np.array([1.0, 0.0]), "y": np.array([0.0, 1.0])},))
    assert t == 5.0 + 30.0
    # d2/dx dy = diag(1, 10)
    np.testing.assert_array_equal(dk.hessian(total)(p)["x"]["y"], [[1.0, 0.0], [0.0, 10.0]])
    np.testing.assert_array_equal(dk.jacobian(lambda p: f(p, ["u"], 1)["out"].a, method="forward")(p)["x"],
                                  np.diag([5.0, 7.0]))


def test_several_outputs_of_which_one_is_used():
    f = dk.custom_vjp(lambda x: (np.sin(x), np.cos(x)))
    f.defvjp(lambda x: (f(x), x), lambda x, g: (g[0] * np.cos(x) - g[1] * np.sin(x),))
    assert dk.grad(lambda x: f(x)[1])(0.3) == -np.sin(0.3)
    assert dk.grad(lambda x: f(x)[0])(0.3) == np.cos(0.3)
    assert dk.jvp(lambda x: f(x)[1], (0.3,), (1.0,))[1] == pytest.approx(-np.sin(0.3), rel=1e-15)


@pytest.mark.parametrize("make", [dk.custom_jvp, dk.custom_vjp, dk.checkpoint, dk.black_box])
@pytest.mark.parametrize("mode", MODES)
def test_a_function_without_floating_results_is_flat(make, mode):
    f = make(lambda x: (int(np.floor(x)), None, "label"))
    if make is dk.custom_jvp:
        f.defjvp(lambda p, t: pytest.fail("not needed"))
    if make is dk.custom_vjp:
        f.defvjp(lambda x: (f(x), None), lambda r, g: pytest.fail("not needed"))
    assert MODES[mode](lambda x: f(x)[0] * x)(2.5) == 2.0


def test_arguments_that_do_not_move_and_those_of_an_outer_transform():
    f = dk.custom_vjp(lambda x, y: x * y**2)
    f.defvjp(lambda x, y: (f(x, y), (x, y)), lambda r, g: (g * r[1]**2, 2 * g * r[0] * r[1]))
    assert dk.grad(lambda y: dk.grad(lambda x: f(x, y))(2.0))(3.0) == 6.0      # d2/dx dy = 2y
    assert dk.grad(lambda y: dk.grad(lambda x: f(x, y))(y))(3.0) == 6.0        # d/dy y^2
    assert dk.grad(lambda x: x + f(5.0, 3.0))(1.0) == 1.0


def test_fwd_runs_once_and_f_not_at_all_for_one_gradient():
    seen = []
    f = dk.custom_vjp(lambda x: seen.append("f") or x * x)
    f.defvjp(lambda x: seen.append("fwd") or (x * x, x), lambda x, g: seen.append("bwd") or (2 * x * g,))
    assert dk.grad(f)(3.0) == 6.0
    assert seen == ["fwd", "bwd"]


@pytest.mark.parametrize("make", [scaled_cube_by_jvp, scaled_cube_by_vjp])
def test_float32_is_kept(make):
    f = make()
    x = np.array([1.0, 2.0], np.float32)
    assert dk.grad(lambda x: np.sum(f(x)))(x).dtype == np.float32
    assert dk.jvp(f, (x,), (x,))[1].dtype == np.float32


def test_a_method():
    class Model:
        scale = 3.0

        @dk.custom_jvp
        def run(self, x):
            return self.scale * x

    Model.run.defjvp(lambda primals, tangents: (primals[0].scale * primals[1], 7.0 * tangents[1]))
    assert dk.grad(Model().run)(2.0) == 7.0


class Mine(Exception):
    pass


def failing(*args):
    raise Mine("mine")


@pytest.mark.parametrize("mode", MODES)
def test_an_error_in_a_rule_comes_through_unchanged(mode):
    f = dk.custom_jvp(lambda x: x)
    f.defjvp(failing)
    h = dk.custom_vjp(lambda x: x)
    h.defvjp(lambda x: (x, None), failing)
    k = dk.custom_vjp(lambda x: x)
    k.defvjp(failing, lambda r, g: (g,))
    for one in (f, h, k):
        with pytest.raises(Mine, match=r"^mine$"):
            MODES[mode](one)(1.0)
    assert dk.grad(lambda x: x * x)(3.0) == 6.0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("bwd", "message"), [
    (lambda r, g: g, r"one .* for 2 arguments"),
    (lambda r, g: (g,), r"1 values for 2 arguments"),
    (lambda r, g: (g, g, g), r"3 values for 2 arguments"),
    (lambda r, g: ((g, g), g), r"cotangent 0 .* container \(\*, \*\)"),
    (lambda r, g: (g[:1], None), r"leaf of shape \(1,\) where \(2,\)"),
    (lambda r, g: (np.sum(g), None), r"leaf of shape \(\) where \(2,\)"),
    (lambda r, g: (g, {"a": g}), r"cotangent 1 .* container"),
    (lambda r, g: (g, "no"), r"no number"),
])
def test_what_bwd_may_not_return(bwd, message, mode):
    f = dk.custom_vjp(lambda x, y: x * y)
    f.defvjp(lambda x, y: (x * y, None), bwd)
    total = lambda x: np.sum(f(x, x))
    with pytest.raises(ShapeError, match=message):
        dk.grad(total, method=mode)(np.ones(2))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("rule", "message"), [
    (lambda p, t: t[0], "one .* not a pair"),
    (lambda p, t: (p[0], t[0], 1), "3 values, not a pair"),
    (lambda p, t: (p[0][:1], t[0]), r"out of .* leaf of shape \(1,\) where \(2,\)"),
    (lambda p, t: (p[0], np.sum(t[0])), r"tangent of .* leaf of shape \(\) where \(2,\)"),
    (lambda p, t: (p[0], (t[0],)), "tangent of .* container"),
    (lambda p, t: (None, t[0]), "holds None"),
])
def test_what_a_jvp_rule_may_not_return(rule, message, mode):
    f = dk.custom_jvp(lambda x: x * 2)
    f.defjvp(rule)
    with pytest.raises(ShapeError, match=message):
        dk.grad(lambda x: np.sum(f(x)), method=mode)(np.ones(2))


def test_fwd_must_return_a_pair():
    f = dk.custom_vjp(lambda x: x)
    f.defvjp(lambda x: x, lambda r, g: (g,))
    with pytest.raises(ShapeError, match=r"fwd of .* not a pair"):
        dk.grad(f)(1.0)


def test_no_rule_and_no_function():
    with pytest.raises(UnknownFunctionError, match="defjvp"):
        dk.grad(dk.custom_jvp(np.sin))(1.0)
    with pytest.raises(UnknownFunctionError, match="defvjp"):
        dk.grad(dk.custom_vjp(np.sin))(1.0)
    assert dk.custom_vjp(np.sin)(0.0) == 0.0
    for bad in (lambda: dk.custom_vjp(3), lambda: dk.custom_jvp(None), lambda: dk.custom_jvp(np.sin).defjvp(3),
                lambda: dk.custom_vjp(np.sin).defvjp(np.sin, 3), lambda: dk.checkpoint(3), lambda: dk.black_box(3),
                lambda: dk.implicit(np.sin, 3)):
        with pytest.raises(InputError):
            bad()


def test_keywords_without_a_position_are_refused():
    @dk.custom_jvp
    def f(x, *, k=1):
        return x * k

    with pytest.raises(InputError, match="k by keyword"):
        f(1.0, k=2)


CLIPPING = {
    "clip": lambda g: np.minimum(np.maximum(g, -1.0), 1.0),
    "square": lambda g: g * g,
    "abs": lambda g: np.abs(g),
    "branch": lambda g: g if g > 0 else 2 * g,
    "where": lambda g: np.where(g > 0, g, 2 * g),
    "norm": lambda g: g / (1 + np.sqrt(np.sum(g * g))),
    "constant": lambda g: g + 1.0,
    "sign": lambda g: np.sign(g),
    "independent": lambda g: np.float64(1.0),
    "sort": lambda g: np.max(np.stack([g, 2 * g])),
}


@pytest.mark.parametrize("name", CLIPPING)
def test_a_rule_that_is_not_linear_exists_in_its_own_mode_only(name):
    change = CLIPPING[name]
    f = dk.custom_vjp(lambda x: x * 1.0)
    f.defvjp(lambda x: (x * 1.0, None), lambda r, g: (change(g),))
    assert dk.grad(lambda x: 3 * f(x))(2.0) == change(np.float64(3.0))
    with pytest.raises(UnsupportedArgumentError, match="not linear"):
        dk.jvp(f, (2.0,), (1.0,))

    h = dk.custom_jvp(lambda x: x * 1.0)
    h.defjvp(lambda p, t: (p[0] * 1.0, change(t[0])))
    assert dk.jvp(h, (2.0,), (3.0,))[1] == change(np.float64(3.0))
    with pytest.raises(UnsupportedArgumentError, match="not linear"):
        dk.grad(h)(2.0)


LINEAR = {
    "matmul": (lambda x, g: np.array([[1.0, 2.0], [3.0, 4.0]]) @ g, [[1.0, 2.0], [3.0, 4.0]]),
    "where": (lambda x, g: np.where(x > 1.5, g, 2 * g), [[2.0, 0.0], [0.0, 1.0]]),
    "solve": (lambda x, g: np.linalg.solve(np.array([[2.0, 0.0], [0.0, 4.0]]), g), [[0.5, 0.0], [0.0, 0.25]]),
    "shapes": (lambda x, g: np.concatenate([g[1:], g[:1]]) / x, [[0.0, 1.0], [0.5, 0.0]]),
    "cumsum": (lambda x, g: np.cumsum(g), [[1.0, 0.0], [1.0, 1.0]]),
    "zeros": (lambda x, g: np.zeros_like(g) - g, [[-1.0, 0.0], [0.0, -1.0]]),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_rules_are_transposed(name):
    apply, matrix = LINEAR[name]
    x = np.array([1.0, 2.0])
    f = dk.custom_jvp(lambda x: x * 1.0)
    f.defjvp(lambda p, t: (p[0], apply(p[0], t[0])))
    np.testing.assert_allclose(dk.jacobian(f, method="forward")(x), matrix, rtol=1e-15)
    np.testing.assert_allclose(dk.jacobian(f, method="reverse")(x), matrix, rtol=1e-15)
    h = dk.custom_vjp(lambda x: x * 1.0)
    h.defvjp(lambda x: (x, x), lambda x, g: (apply(x, g),))
    np.testing.assert_allclose(dk.jacobian(h, method="forward")(x), np.transpose(matrix), rtol=1e-15)
    np.testing.assert_allclose(dk.jacobian(h, method="reverse")(x), np.transpose(matrix), rtol=1e-15)


@pytest.mark.parametrize("mode", MODES)
def test_a_closure_over_a_differentiated_value_is_refused(mode):
    def f(w):
        inner = dk.custom_jvp(lambda x: x * w)
        inner.defjvp(lambda p, t: (p[0] * w, t[0] * w))
        return inner(w * 2.0)

    with pytest.raises(InputError, match="not among its arguments"):
        MODES[mode](f)(3.0)


def names_recorded(f, x):
    tape = record(f, [np.float64(x)], lambda leaves: (tuple(leaves), {}), ["x"])
    return [node.rule.name for node in tape.nodes if node.rule is not None], tape


def test_a_recording_looks_into_the_function():
    names, _ = names_recorded(lambda x: np.sin(scaled_cube_by_vjp()(x)), 2.0)
    assert names == ["power", "sin"]
    # The recorded gradient is that of the rule.
    names, tape = names_recorded(dk.grad(scaled_cube_by_vjp()), 2.0)
    assert tree.flatten(tape.output)[0][0].value == 60.0


def test_what_cannot_be_recorded_is_one_operation_by_name():
    f = dk.custom_jvp(lambda x: float(x)**3)
    f.defjvp(lambda p, t: (f(p[0]), 3 * p[0]**2 * t[0]))
    names, tape = names_recorded(lambda x: 1.0 * f(x), 2.0)
    assert names[0].startswith("custom_jvp(")
    assert names[1:] == ["pick", "multiply"]
    assert tape.nodes[2].value == 8.0
    assert dk.grad(dk.grad(lambda x: f(x)))(2.0) == 12.0


def test_a_reader_may_ask_for_the_operation_itself():
    class Outside(RecordLevel):
        looks_inside = False

    level = Outside()
    scaled_cube_by_vjp()(level.lift(np.float64(2.0)))
    assert [node.rule.name.split("(")[0] for node in level.nodes[1:]] == ["custom_vjp", "pick"]
    level.close()
