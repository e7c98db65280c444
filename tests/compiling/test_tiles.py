"""Large arrays in pieces: every bit, whatever the pieces; temporaries of a piece; questions and writes in between."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laid_programs import SHAPES, SIZES, instructions, laid, memory_order, program

import diffkit as dk
from diffkit.compiling import plan as planning
from diffkit.compiling import tiles


def small(patch, entries=1):
    """Pieces of so many entries, wherever there is an entrywise operation."""
    values = {"LARGE": 1, "WORTH": 0, "FEWEST": entries, "MOST": 1000, "PIECES": 1, "PASSES": 0, "CACHE": 1}
    for name, value in values.items():
        patch.setattr(tiles, name, value)


@settings(max_examples=60, deadline=None)
@given(lines=instructions(), shapes=st.lists(st.sampled_from(SHAPES), min_size=2, max_size=4),
       kinds=st.lists(st.sampled_from(["plain", "permuted", "gaps", "backwards"]), min_size=4, max_size=4),
       seed=st.integers(0, 1000), entries=st.integers(1, 40), differentiated=st.booleans())
def test_random_programs_in_pieces(lines, shapes, kinds, seed, entries, differentiated):
    rng = np.random.default_rng(seed)
    inputs = [laid(rng, tuple(SIZES.get(axis, 1) for axis in shape), kind) for shape, kind in zip(shapes, kinds)]
    results = program(lines)
    f = results
    if differentiated:
        f = dk.grad(lambda *x: sum(np.sum(out) for out in results(*x)), tuple(range(len(inputs))))
    before = [x.copy() for x in inputs]
    plain = dk.compile(f, exact=True)
    plain(*inputs)
    with pytest.MonkeyPatch.context() as patch:
        small(patch, entries)
        tiled = dk.compile(f, exact=True)
        first = tiled(*inputs)
    assert tiled.reason == plain.reason
    kept = []
    for factor in (1.0, 0.5, 1.0):
        args = [x * factor for x in inputs] if factor != 1 else inputs
        found, expected = tiled(*args), plain(*args)
        for a, b, c in zip(found, expected, first, strict=True):
            assert memory_order(a) in (memory_order(b), memory_order(c))
            if set(kinds[:len(inputs)]) == {"plain"} and memory_order(a) == memory_order(b):
                np.testing.assert_array_equal(a, b)
            else:  # a sum of what lies in another order
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
        for old, held in kept:
            np.testing.assert_array_equal(old, held)
        kept += [(a, np.array(a)) for a in found]
    for x, held in zip(inputs, before):
        np.testing.assert_array_equal(x, held)


def chain(x, y):
    """A result and a sum of entrywise operations."""
    z = np.sin(x) * y
    for _ in range(6):
        z = np.tanh(z * y + x) * 0.9
    return z


@pytest.mark.parametrize("n", [800_000, 700_001])
def test_a_chain_on_large_arrays_is_a_loop_over_pieces(n):
    x, y = np.random.default_rng(0).normal(size=(2, n))
    gradient = dk.grad(lambda x, y: np.sum(chain(x, y)), (0, 1))
    for f in (chain, gradient):
        step = dk.compile(f)
        step(x, y)
        found, expected = step(x, y), f(x, y)
        np.testing.assert_array_equal(found, expected)
        assert step.source.count("for start in range") == 1
        assert step(x, y) is not found
    inside = re.findall(r"^ +for start.*?(?=^ {0,8}\S)", step.source, re.S | re.M)[0]
    assert inside.count("tanh(") == 5 and "token = silence()" in inside


def test_small_arrays_and_single_operations_are_left_alone():
    x = np.random.default_rng(0).normal(size=600_000)
    for f, args in ((chain, (x[:1000], x[1000:2000])), (lambda x: np.exp(x), (x,)), (lambda x: np.sum(x * x), (x,))):
        step = dk.compile(f)
        step(*args)
        np.testing.assert_array_equal(step(*args), f(*args))
        assert "start" not in step.source


def test_a_question_ends_a_loop_and_finds_the_other_path():
    def f(x, y):
        z = chain(x, y)
        if np.sum(z) > 0:
            return chain(z, x)
        return chain(y, z)

    x, y = np.abs(np.random.default_rng(0).normal(size=(2, 600_000)))
    step = dk.compile(f)
    for a in (x, -x, x, -x):
        np.testing.assert_array_equal(step(a, y), f(a, y))
    assert len(step.sources) == 2 and all(source.count("for start") == 2 for source in step.sources)


def test_writes_and_reductions_stand_outside():
    def f(x, y):
        z = chain(x, y)
        top = np.max(z)
        z[10:] += y[10:] * top
        w = chain(z, y) - np.sum(z) / x.size
        return w, z, top

    x, y = np.random.default_rng(0).normal(size=(2, 600_000))
    step = dk.compile(f)
    step(x, y)
    for a, b in zip(step(x, y), f(x, y)):
        np.testing.assert_array_equal(a, b)


def test_warnings_and_error_states_are_f_s():
    def f(x):
        return np.log(x) * x + np.sqrt(x) * np.exp(x) - x * np.log(x)

    x = np.random.default_rng(0).uniform(1, 2, 600_000)
    step = dk.compile(f)
    step(x)
    assert "for start" in step.source
    x[599_999] = -1.0
    for run in (f, step):
        with pytest.warns(RuntimeWarning, match="invalid value"):
            run(x)
        with np.errstate(all="raise"), pytest.raises(FloatingPointError):
            run(x)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(step(x), f(x))


def _whole_operand(patch):
    original = tiles.Tile.cut
    patch.setattr(tiles.Tile, "cut", lambda tile, operand, item: None if operand.source == "input"
                  and operand.number else original(tile, operand, item))


def _missing_piece(patch):
    original = planning.gather

    def gather(plan, outs):
        original(plan, outs)
        for tile in plan.tiles:
            tile.count -= tile.size

    patch.setattr(planning, "gather", gather)
    patch.setattr(tiles.Tile, "cut", lambda tile, operand, item: 0 if operand.kind == "array" else None)


@pytest.mark.parametrize("plant", [_whole_operand, _missing_piece])
def test_a_wrong_loop_is_found_and_not_used(plant, monkeypatch):
    x, y = np.random.default_rng(0).normal(size=(2, 600_000))
    assert "start" in _source(chain, x, y)
    plant(monkeypatch)
    step = dk.compile(chain)
    for _ in range(2):
        np.testing.assert_array_equal(step(x, y), chain(x, y))
    assert step.reason == "" and "start" not in step.source


def _source(f, *args):
    step = dk.compile(f)
    step(*args)
    return step.source


@pytest.mark.parametrize("count", [24, 23])
def test_products_of_matrices_read_pieces_too(count):
    def f(x, a, w):
        y = np.tanh(x) * a
        z = np.sin(y) * y
        return z.transpose(0, 2, 1) @ w, np.matmul(w.swapaxes(1, 2), z), y, z.transpose(2, 1, 0)

    rng = np.random.default_rng(0)
    x, a, w = rng.normal(size=(count, 120, 300)), rng.normal(size=(120, 1)), rng.normal(size=(count, 120, 2))
    step = dk.compile(f)
    step(x, a, w)
    loop = step.source.split("for start")[1]
    assert loop.count("matmul(") == 2
    for found, expected in zip(step(x, a, w), f(x, a, w), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert memory_order(found) == memory_order(expected)
    assert step.reason == ""


def test_what_a_sweep_needs_later_is_not_computed_in_the_first_tile(monkeypatch):
    """All slopes at once, beside all that they are computed from, were twice the memory of the eager gradient."""
    def f(x):
        for _ in range(30):
            x = x + 0.01 * np.sin(np.roll(x, 1))
        return np.sum(x)

    monkeypatch.setattr(tiles, "REACH", 40)  # as for a hundred turns with the real one
    x = np.linspace(0.1, 1.0, 1_000_000)
    compiled = dk.compile(dk.grad(f))
    np.testing.assert_array_equal(compiled(x), compiled(x))
    loops = [loop.split("\n        del ")[0] for loop in compiled.source.split("for start in range")[1:]]
    assert loops and max(loop.count("start:stop") for loop in loops) <= 4
