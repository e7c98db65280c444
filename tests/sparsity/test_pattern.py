"""Patterns never miss an entry: the rows of the table, and random programs, against plain differences."""

import importlib.util
import pathlib

import numpy as np
import pytest

import diffkit as dk
from diffkit.recording import TapeLevel
from diffkit.rules import TABLE
from diffkit.rules.kinds import Elementwise
from diffkit.sparsity import Rows, pattern_of
from diffkit.traced import Traced

_path = pathlib.Path(__file__).parents[1] / "rule_examples.py"
_spec = importlib.util.spec_from_file_location("rule_examples_of_sparsity", _path)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
EXAMPLES = _module.EXAMPLES
ROWS = {name: rule for name, rule in TABLE.items() if not name.startswith(("special.", "scipy."))}
ELEMENTWISE = [name for name, rule in ROWS.items() if isinstance(rule, Elementwise) and rule.domain]
OTHERS = [name for name, rule in ROWS.items() if rule.kind in ("linear", "multilinear", "general")]

#: Whose pattern is less than everything: what must not be lost by an edit.
LOOSE = {"convolve", "correlate", "interp", "solve", "second_cofactors", "lstsq", "roots"}


def is_float(value):
    return hasattr(value, "dtype") and value.dtype.kind in "fc"


def moved(f, x, entry, step):
    x = x.copy()
    x.reshape(-1)[entry] += step
    return [np.ravel(part) for part in f(x)]


def differences(f, x):
    """Which entries of f's results change with which entry of x: by evaluation alone."""
    columns = []
    for entry in range(x.size):
        changed = 0
        for step in (1e-3, 1e-3j) if x.dtype.kind == "c" else (1e-3, -1e-3):
            with np.errstate(all="ignore"):
                a, b = np.concatenate(moved(f, x, entry, step)), np.concatenate(moved(f, x, entry, 0))
            changed = changed | (np.abs(a - b) > 1e-9 * (1 + np.abs(b)))
        columns.append(changed)
    return np.stack(columns, axis=1) if columns else None


def parts(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def check(rule, args, params):
    """The pattern of a row by each operand covers what moves; whether it is less than everything."""
    narrow = False
    for position, arg in enumerate(args):
        if not is_float(arg) or not arg.size:
            continue

        def f(x, position=position):
            found = parts(rule(*args[:position], x, *args[position + 1:], **params))
            return [np.asarray(part) for part in found if is_float(part)]

        level = TapeLevel()
        try:
            traced = level.lift(np.array(arg))
            outs = [out for out in parts(rule(*args[:position], traced, *args[position + 1:], **params))
                    if type(out) is Traced]
            shapes = [out.shape for out in outs]
            pattern = pattern_of(level.nodes, [traced.mark], [out.mark for out in outs], shapes)
        finally:
            level.close()
        dense = np.zeros((pattern.count, pattern.width), bool)
        dense[pattern.numbers, pattern.indices] = True
        truth = differences(f, np.array(arg))
        if not outs:
            continue
        missed = truth & ~dense
        assert not missed.any(), (rule.name, position, np.argwhere(missed)[:5])
        narrow |= not dense.all()
    return narrow


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_rows(name):
    rule = TABLE[name]
    rng = np.random.default_rng(3)
    for shapes in ([(2,)] * 3, [(2, 2), (2,), ()]):
        args = [np.asarray(domain.sample(rng, shape), float) for domain, shape in zip(rule.domain, shapes)]
        if len(args) == len(rule.partials):
            assert check(rule, args, {})


@pytest.mark.parametrize("name", OTHERS)
def test_other_rows(name):
    if name in ("lstsq", "pinv"):  # a difference changes the rank of some examples
        examples = EXAMPLES[name][:1]
    else:
        examples = EXAMPLES.get(name, [])
    narrow = [check(TABLE[name], args, params) for args, params in examples]
    assert narrow
    reduces = {"dot", "einsum", "matmul", "inner", "norm2", "norm_p", "sum", "prod", "max", "min"}
    if name not in LOOSE | reduces | {"lstsq", "pinv"}:
        assert any(narrow) or all(np.size(args[0]) <= 9 for args, _ in examples), name


@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed):
    rng = np.random.default_rng(seed)
    f, x = program(rng)
    level = TapeLevel()
    try:
        traced = level.lift(x)
        out = f(traced)
        pattern = pattern_of(level.nodes, [traced.mark], [out.mark], [out.shape])
    finally:
        level.close()
    dense = np.zeros((pattern.count, pattern.width), bool)
    dense[pattern.numbers, pattern.indices] = True
    truth = differences(lambda x: [f(x)], x)
    assert not (truth & ~dense).any()
    for method in ("reverse", "forward"):
        found = dk.sparse_jacobian(f, method=method)(x).toarray()
        assert np.allclose(found, dk.jacobian(f)(x), rtol=1e-13, atol=1e-13)


def program(rng):
    """Twelve random steps of indexing, arithmetic, writes and sums on a vector of ten."""
    steps = rng.integers(0, 9, 12)
    cuts = rng.integers(0, 5, 12)
    orders = [rng.permutation(10) for _ in range(12)]

    def f(x):
        y = x
        for step, cut, order in zip(steps, cuts, orders):
            if step == 0:
                y = np.sin(y) * x
            elif step == 1:
                y = np.concatenate([y[cut:], y[:cut]])
            elif step == 2:
                y = y[order]
            elif step == 3:
                y = y + np.sum(np.reshape(y, (5, 2)), axis=1)[cut]
            elif step == 4:
                y = np.where(np.arange(10) < cut, y, x[::-1])
            elif step == 5:
                y = np.pad(y[cut:], ((cut, 0),))
            elif step == 6:
                y = np.reshape(np.reshape(y, (2, 5)).T, (10,)) * 0.5
            elif step == 7:
                y = np.repeat(y[:5], 2) + np.tile(x[5:], 2)
            else:
                y = y + np.cumsum(np.reshape(x, (5, 2)), axis=1).ravel()
        return y

    return f, rng.normal(size=10)


def test_flat_functions_carry_nothing_and_paths_are_followed():
    J = dk.sparse_jacobian(lambda x: np.where(x > np.sum(x), x, 2 * x) + np.floor(x[::-1]) + np.argmax(x))
    assert J.prepare(np.arange(5.0)).rows.tolist() == J.prepare(np.arange(5.0)).columns.tolist() == [0, 1, 2, 3, 4]


def test_writes_and_loops_are_followed():
    def f(x):
        z = np.zeros(6)
        for i in range(1, 6):
            z[i] = z[i - 1] * 0.0 + x[i] * x[i - 1]
        z[2:4] = x[:2]
        np.add.at(z, np.array([0, 0]), x[4:])
        return z

    J = dk.sparse_jacobian(f)
    x = np.arange(1.0, 7.0)
    assert np.array_equal(J(x).toarray(), dk.jacobian(f)(x))
    lists = Rows.from_keys(J.prepare(x).rows * 6 + J.prepare(x).columns, 6, 6).to_lists()
    assert lists[0] == [4, 5] and lists[2] == [0] and lists[3] == [1]


def test_a_planted_hole_is_seen(monkeypatch):
    from diffkit.sparsity import relations
    monkeypatch.setitem(relations._RELATIONS, "cumsum", relations._entrywise)
    with pytest.raises(AssertionError, match="cumsum"):
        test_other_rows("cumsum")
