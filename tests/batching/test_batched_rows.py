"""Every row of the table, batched: equal to the stack of its values and derivatives, example by example."""

import importlib.util
import pathlib

import numpy as np
import pytest

import diffkit as dk
from diffkit.rules import TABLE
from diffkit.rules.kinds import Elementwise

_path = pathlib.Path(__file__).parents[1] / "rule_examples.py"
_spec = importlib.util.spec_from_file_location("rule_examples_of_batching", _path)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
EXAMPLES = _module.EXAMPLES
SIZE = 3
ROWS = {name: rule for name, rule in TABLE.items() if not name.startswith(("special.", "scipy."))}
ELEMENTWISE = [name for name, rule in ROWS.items() if isinstance(rule, Elementwise) and rule.domain]
OTHERS = [name for name, rule in ROWS.items() if rule.kind in ("linear", "multilinear", "general")]

#: The rows that run example by example, always or in some case: everything else must not.
LOOPED = {"convolve", "correlate", "dot", "inner", "bincount", "interp", "interp_cell", "pinv", "lstsq", "resize",
          "masked_sum", "roots"}
PHASES = {"eig", "eigh", "svd", "qr"}


def varied(value, number):
    """One example's version of an argument."""
    if not hasattr(value, "dtype") or value.dtype.kind not in "fc":
        return value
    return value * (1 + 0.05 * number)


def is_float(value):
    return hasattr(value, "dtype") and value.dtype.kind in "fc"


def choices(args):
    """Which arguments are batched: each alone, and all."""
    places = [i for i, arg in enumerate(args) if is_float(arg)]
    return {(i,) for i in places} | {tuple(places)}


def close(found, expected):
    assert found.shape == expected.shape
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12, equal_nan=True)


def parts(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def check(rule, args, params, batched):
    """Values, and gradients of a weighted sum, of vmap against a loop; which rows looped."""
    columns = [np.stack([varied(arg, b) for b in range(SIZE)]) if i in batched else arg for i, arg in enumerate(args)]
    rows = [[varied(arg, b) if i in batched else arg for i, arg in enumerate(args)] for b in range(SIZE)]
    axes = tuple(0 if i in batched else None for i in range(len(args)))

    def call(*args):
        return parts(rule(*args, **params))

    looped = set()
    values = dk.vmap(call, axes)
    with np.errstate(all="ignore"):
        expected = [call(*row) for row in rows]
        for found, column in zip(values(*columns), zip(*expected)):
            close(found, np.stack(column))
        looped |= set(values.looped)
        outs = [out for out in expected[0] if is_float(out)]
        if not outs:
            return looped
        weights = [np.random.default_rng(7).normal(size=out.shape) for out in outs]

        def weighted(*args):
            floats = [out for out in call(*args) if out.dtype.kind in "fc"]
            return sum(np.sum(np.real(w * out)) for w, out in zip(weights, floats))

        gradient = dk.grad(weighted, tuple(batched))
        slopes = dk.vmap(gradient, axes)
        if rule.name in PHASES:
            try:
                gradient(*rows[0])
            except dk.errors.DegenerateError:  # the sum depends on the phases of complex vectors
                return looped
        for found, column in zip(slopes(*columns), zip(*(gradient(*row) for row in rows))):
            close(found, np.stack(column))
        return looped | set(slopes.looped)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_rows(name):
    rule = TABLE[name]
    rng = np.random.default_rng(3)
    for shapes in ([()] * 3, [(2,)] * 3, [(2, 3), (3,), ()], [(3,), (2, 1), (2, 3)]):
        args = [np.asarray(domain.sample(rng, shape)) for domain, shape in zip(rule.domain, shapes)]
        if len(args) < len(rule.partials):
            return
        for batched in choices(args):
            assert check(rule, args, {}, batched) == set()


@pytest.mark.parametrize("name", OTHERS)
def test_other_rows(name):
    looped = set()
    for args, params in EXAMPLES[name]:
        for batched in choices(args):
            looped |= set(check(TABLE[name], args, params, batched))
    # The third derivative of a determinant asks each matrix whether it is singular.
    assert looped <= LOOPED | ({"any"} if name == "second_cofactors" else set()), looped
