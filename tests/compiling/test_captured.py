"""Whatever f reads besides its arguments: a change is never missed, and nothing else re-records."""

import functools
import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diffkit as dk
from diffkit.compiling.captured import Captured, random_state
from diffkit.compiling.recording import Refused, frozen_copy, is_same

FACTOR = 2.0
TABLE = {"rows": [np.arange(3.0), 5]}


def helper(x):
    return x * FACTOR


class Model:
    bias = 1.0
    __slots__ = ("__dict__", "slotted")

    def __init__(self):
        self.weights = [np.ones(3)]
        self.rate = 0.5
        self.slotted = 3.0

    def scaled(self, x):
        return x * self.rate

    def __call__(self, x):
        return np.sum(self.scaled(x) * self.weights[0]) + self.bias + self.slotted


def test_changes_of_every_kind_are_seen(monkeypatch):
    model = Model()
    cell = 1.0
    k = np.ones(3)
    module = types.ModuleType("settings_of_mine")
    module.shift = 0.5
    monkeypatch.setitem(globals(), "settings_of_mine", module)

    def f(x, default=k):
        f.runs.append(1)
        return (np.sum(helper(x) * default) + cell + model(x) + np.sum(TABLE["rows"][0]) + TABLE["rows"][1]
                + settings_of_mine.shift)  # noqa: F821

    f.runs = []
    compiled = dk.compile(f)
    x = np.arange(3.0)

    def check():
        before = len(f.runs)
        assert compiled(x) == f(x)
        assert compiled(x) == f(x)
        assert compiled.reason == ""
        return len(f.runs) - before - 2

    assert check() == 1
    assert check() == 0

    def cell_changed():
        nonlocal cell
        cell = 2.5

    changes = [
        lambda: monkeypatch.setitem(globals(), "FACTOR", 3.0), cell_changed, lambda: k.__setitem__(1, 7.0),
        lambda: setattr(model, "rate", 0.25), lambda: setattr(model, "slotted", 4.0),
        lambda: model.weights[0].__setitem__(0, -1.0), lambda: model.weights.__setitem__(0, np.full(3, 2.0)),
        lambda: monkeypatch.setattr(Model, "bias", 8.0),
        lambda: monkeypatch.setattr(Model, "scaled", lambda s, x: -x),
        lambda: TABLE["rows"].__setitem__(1, 6), lambda: monkeypatch.setitem(TABLE, "rows", [np.ones(3), 5]),
        lambda: setattr(module, "shift", -1.0), lambda: monkeypatch.setitem(globals(), "helper", lambda x: x),
    ]
    for number, change in enumerate(changes):
        change()
        assert check() == 1, number
    assert check() == 0


def test_an_array_derived_from_a_captured_one_is_not_stale():
    a = np.arange(4.0).reshape(2, 2)
    big = np.ones((200, 200))
    compiled = dk.compile(lambda x: np.sum((a.T @ a) @ x) + big[0].sum() + (1.0 if big[3, 3] > 1 else 0.0))
    x = np.ones(2)
    assert compiled(x) == compiled(x) == 26 + 200  # a.T @ a = [[4, 6], [6, 10]]
    a[0, 1] = 5
    assert compiled(x) == 4 + 6 + 6 + 34 + 200
    big[3, 3] = 2  # read by Python alone
    assert compiled(x) == 50 + 201


def test_an_array_reached_through_no_binding_is_watched():
    class Box:
        pass

    store = Box()
    registry = {id(store): np.ones(3)}
    fetch = functools.partial(dict.__getitem__, registry)
    compiled = dk.compile(lambda x: np.sum(x * sys.modules[__name__].hidden()))
    globals()["hidden"] = lambda: fetch(id(store))
    x = np.arange(3.0)
    assert compiled(x) == compiled(x) == 3
    registry[id(store)][2] = 10
    assert compiled(x) == 21


def test_what_f_adds_is_an_effect_of_its_recording():
    calls, known = [], {}

    def f(x):
        calls.append(1)
        known["x"] = 1
        return x * 2

    compiled = dk.compile(f)
    for _ in range(4):
        assert compiled(3.0) == 6.0
    assert len(calls) == 1 and compiled.reason == ""
    calls.clear()
    assert compiled(3.0) == 6.0 and not calls


@pytest.mark.parametrize("size", [2, 2000])
def test_an_array_that_f_reads_and_overwrites_is_never_stale(size):
    b = np.ones(size)

    def f(x):
        y = x * b
        b[:] *= 0.5
        return np.sum(y)

    gradient = dk.compile(dk.grad(f))
    for k in range(8):
        assert np.array_equal(gradient(np.ones(size)), np.full(size, 0.5**k))
        assert np.array_equal(b, np.full(size, 0.5**(k + 1)))
    assert "while it runs" in gradient.reason and "captured array" in gradient.reason


def test_a_counter_that_f_reads_is_never_stale():
    class State:
        steps = 0

    state, counter = State(), {"n": 0}

    def f(x):
        state.steps += 1
        counter["n"] += 2
        return x * state.steps * counter["n"]

    compiled = dk.compile(f)
    assert [compiled(1.0) for _ in range(6)] == [2 * k * k for k in range(1, 7)]
    assert "while it runs" in compiled.reason


def test_what_f_makes_at_its_first_use_is_compiled_afterwards():
    class Model:
        def __init__(self, table):
            self.table = table

        def __call__(self, x):
            if getattr(self, "table", None) is None:
                self.table = np.arange(3.0)
            return x * self.table

    set_later, added_later = Model(None), Model(None)
    del added_later.table
    for model in (set_later, added_later):
        runs = []
        compiled = dk.compile(lambda x, model=model, runs=runs: runs.append(1) or model(x))
        for _ in range(5):
            assert np.array_equal(compiled(np.ones(3)), [0.0, 1.0, 2.0])
        assert len(runs) == (2 if model is set_later else 1)
        model.table = np.ones(3)
        assert np.array_equal(compiled(np.ones(3)), np.ones(3))


def test_an_array_that_keeps_changing_ends_in_f_itself():
    k = np.zeros(2)
    compiled = dk.compile(lambda x: x + k)
    for i in range(40):
        k[:] = i
        np.testing.assert_array_equal(compiled(np.ones(2)), np.full(2, 1.0 + i))
    assert "keeps changing" in compiled.reason


def test_a_frozen_array_is_not_copied():
    k = np.ones(5)
    k.flags.writeable = False
    captured = Captured([lambda: k])
    assert not [check for check in captured.checks if check[0] in ("array", "small")]
    assert frozen_copy(k) is k
    base = np.ones(5)
    view = base[:]
    view.flags.writeable = False
    assert [check for check in Captured([lambda: view]).checks if check[0] in ("array", "small")]


def test_too_much_is_refused():
    many = [object() for _ in range(10)]
    lists = [[i] for i in range(3000)]
    assert Captured([lambda: many]).changed() is None
    with pytest.raises(Refused, match="too many"):
        Captured([lambda: lists])
    compiled = dk.compile(lambda x: x * len(lists))
    assert compiled(2.0) == 6000 and compiled(2.0) == 6000
    assert "too many" in compiled.reason


def test_random_state_moves_with_every_draw():
    rng = np.random.default_rng(0)
    for draw in (np.random.rand, rng.random, __import__("random").random):
        before = random_state([rng])
        assert random_state([rng]) == before
        draw()
        assert random_state([rng]) != before


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["f4", "f8", "i2", "c16", "?", "g"]), st.sampled_from([(3,), (2, 5), (300, 40), (70, 3, 50)]),
       st.integers(0, 10 ** 6), st.sampled_from(["C", "F", "strided"]))
def test_one_changed_entry_is_never_missed(dtype, shape, place, order):
    rng = np.random.default_rng(place)
    a = rng.normal(size=shape).astype(dtype)
    a = np.repeat(a, 2, axis=-1)[..., ::2] if order == "strided" else np.array(a, order=order)
    copy = frozen_copy(a)
    assert is_same(a, copy)
    index = np.unravel_index(place % a.size, a.shape)
    a[index] = not a[index] if dtype == "?" else a[index] + 1
    assert not is_same(a, copy)
    a[index] = copy[index]
    assert is_same(a, copy)
    if dtype in ("f4", "f8", "g"):
        a[index] = copy[index] = 0.0
        a[index] = -0.0
        assert not is_same(a, copy)


def test_a_thin_slice_of_a_turned_array_is_compared_in_one_order():
    a = np.arange(12 * 3000 * 9.0).reshape(3000, 12, 9).transpose(1, 0, 2)[:, :, 6:7]
    assert is_same(a, frozen_copy(a)) and not is_same(a, a + 1)


def test_views_of_one_made_array_are_the_programs_own():
    places = np.arange(2000) % 7
    calls = []

    def f(x):
        calls.append(1)
        made = np.stack([np.ones(7), np.arange(7.0)] * 6)[:, places]
        return x * made[:6, :, None] + made[6:, :, None]

    compiled = dk.compile(f)
    for scale in (1.0, 2.0, 3.0):
        assert np.array_equal(compiled(np.full((6, 2000, 1), scale)), f(np.full((6, 2000, 1), scale)))
    assert len(calls) == 4


def test_of_a_compiled_function_what_it_reads_is_captured_and_not_its_programs():
    scale = np.array(2.0)
    inner = dk.compile(lambda x: x * scale)
    outer = dk.compile(lambda x: inner(x) + 1)
    before = len(Captured([outer]).checks)
    assert outer(3.0) == outer(3.0) == 7.0
    for n in range(1, 4):
        inner(np.ones(n))
    assert len(Captured([outer]).checks) == before
    scale[...] = 5.0
    assert outer(3.0) == 16.0


class Base:
    scale = 3.0


class Derived(Base):
    scale = None
    shift = 1.0


LATER = None


def test_what_was_none_and_is_gone():
    def f(x):
        scale, later = Derived.scale, globals().get("LATER", 5.0) if "LATER" not in globals() else LATER
        return np.sum(x * (1.0 if scale is None else scale)) + Derived.shift + (0.0 if later is None else later)

    x = np.ones(3)
    compiled = dk.compile(f)
    assert compiled(x) == compiled(x) == 4.0 and compiled.reason == ""
    try:
        del Derived.scale
        assert compiled(x) == compiled(x) == 10.0
        Derived.shift = 2.0
        assert compiled(x) == compiled(x) == 11.0
        del globals()["LATER"]
        assert compiled(x) == 16.0
    finally:
        Derived.scale, Derived.shift = None, 1.0
        globals()["LATER"] = None
    assert compiled(x) == compiled(x) == 4.0
