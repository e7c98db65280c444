"""Containers: what is taken apart comes back as it was, in kind, order and number."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit import tree

Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Layer:
    weight: Any
    bias: Any


class Named(list):  # type: ignore[type-arg]
    """A list that carries something besides its items."""


class Unlisted:
    """A leaf of a class that no list of leaf types knows."""


def named(*items: Any) -> Named:
    result = Named(items)
    result.name = "mine"  # type: ignore[attr-defined]
    return result


ODD = Unlisted()
CASES = [
    (1.5, 1), (None, 0), ((), 0), ([], 0), ({}, 0), ([None, (), {}], 0),
    ([1.0, 2.0], 2), ((1.0, [2.0, (3.0,)], {"a": 4.0}), 4), ({"a": 1.0, "b": {"c": 2.0, "d": None}}, 2),
    ([(), 1.0], 1), ([{}, {"a": 1.0}, 2.0], 2),      # as many leaves as children, but not one for each
    ({True: 1.0, "x": 2.0}, 2), ({1: 1.0, "x": 2.0}, 2), ({(0, 1): [1.0]}, 1),
    (Point(1.0, [2.0, 3.0]), 3), ([Point(1.0, 2.0), Point(3.0, 4.0)], 4),
    (Layer(1.0, None), 1), ([Layer([1.0, 2.0], Layer(3.0, 4.0))], 4),
    (collections.OrderedDict(b=1.0, a=[2.0]), 2), (list(range(200)), 200), (tuple(range(65)), 65),
    ([list(range(64)), list(range(63))], 127), ([ODD, 1.0, {"a": ODD}], 3), ((ODD,), 1),
]


@pytest.mark.parametrize(("container", "count"), CASES)
def test_what_is_taken_apart_comes_back(container, count):
    leaves, structure = tree.flatten(container)
    assert len(leaves) == structure.size == count
    back = tree.unflatten(structure, leaves)
    assert back == container and type(back) is type(container)
    assert repr(back) == repr(container)  # True is not 1, an OrderedDict no dict, the order of keys is kept
    assert structure == tree.flatten(back)[1]
    assert tree.paths(container) == tree.paths(back) and len(tree.paths(container)) == count


@pytest.mark.parametrize(("container", "count"), CASES)
def test_leaves_are_replaced_in_their_order(container, count):
    structure = tree.flatten(container)[1]
    numbers = list(range(1000, 1000 + count))
    assert tree.flatten(tree.unflatten(structure, numbers)) == (numbers, structure)


@pytest.mark.parametrize(("container", "count"), CASES)
@pytest.mark.parametrize("more", [-1, 1])
def test_another_number_of_leaves_is_refused(container, count, more):
    if count + more < 0:
        more = 2
    with pytest.raises(ValueError, match=f"{count} leaves needed, {count + more} given"):
        tree.unflatten(tree.flatten(container)[1], [0.0] * (count + more))


def test_attributes_of_a_subclass_survive():
    leaves, structure = tree.flatten({"a": named(1.0, named(2.0))})
    back = tree.unflatten(structure, [3.0, 4.0])["a"]
    assert type(back) is Named and back.name == "mine" and back == [3.0, [4.0]]
    assert type(back[1]) is Named and back[1].name == "mine" and leaves == [1.0, 2.0]


def test_containers_of_other_keys_or_kinds_differ():
    structures = [tree.flatten(container)[1] for container in (
        [1.0, 2.0], (1.0, 2.0), {"a": 1.0, "b": 2.0}, {"b": 1.0, "a": 2.0}, [[1.0, 2.0]], [1.0, [2.0]],
        Point(1.0, 2.0))]
    assert all((a == b) == (i == j) for i, a in enumerate(structures) for j, b in enumerate(structures))


def test_a_gradient_by_containers_that_hold_traced_values():
    """An inner gradient flattens containers whose leaves an outer one traces."""
    def outer(p):
        inner = dk.grad(lambda q: q["w"][0] ** 3 * q["b"].x)({"w": [p, 2.0 * p], "b": Point(p, 1.0)})
        assert type(inner["b"]) is Point and type(inner["w"]) is list
        return inner["w"][0] + inner["b"].x  # 3 p³ + p³

    assert dk.grad(outer)(2.0) == 12 * 2.0**2


def test_integers_and_floats_among_arrays_keep_their_places():
    found = dk.grad(lambda p: p[0] * p[1]["a"] + np.sum(p[1]["b"] * p[2]))(
        [2, {"a": 3.0, "b": np.array([1.0, 2.0])}, np.array([5, 7])])
    assert found[0] == 3.0 and found[1]["a"] == 2.0
    np.testing.assert_array_equal(found[1]["b"], [5.0, 7.0])
    np.testing.assert_array_equal(found[2], [1.0, 2.0])
    assert [type(found[0]), type(found[1]["a"])] == [np.float64, np.float64]
