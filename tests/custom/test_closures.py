"""What a function captured: found wherever Python keeps it, exchanged without touching the function."""

import functools

import numpy as np

import diffkit as dk
from diffkit.custom.closures import captured


class Layer:
    def __init__(self, w):
        self.w = w

    def __call__(self, x):
        return self.w * x


class Network:
    def __init__(self, *layers):
        self.layers = list(layers)

    def run(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def found(make):
    """The values captured by ``make(k)`` for a traced k, and the rebuilt function's result at 3.0 with others."""
    seen = []

    def f(k):
        function = make(k)
        values, rebuild = captured(function)
        seen.append((len(values), rebuild([5.0] * len(values))(3.0)))
        assert all(a is b for a, b in zip(values, captured(function)[0]))
        return k * 1.0

    dk.grad(f)(2.0)
    return seen[0]


def outer(k):
    def inner(x):
        return k * x

    def middle(x):
        return inner(x) + 0 * x

    return middle


def test_every_place_where_python_keeps_what_is_captured():
    assert found(lambda k: lambda x: k * x) == (1, 15.0)
    assert found(lambda k: lambda x, k=k: k * x) == (1, 15.0)
    assert found(lambda k: functools.partial(lambda k, x: k * x, k)) == (1, 15.0)
    assert found(lambda k: functools.partial(lambda x, k: k * x, k=k)) == (1, 15.0)
    assert found(outer) == (1, 15.0)
    assert found(lambda k: Layer(k)) == (1, 15.0)
    assert found(lambda k: Network(Layer(k), Layer(2.0), Layer(k)).run) == (1, 150.0)
    assert found(lambda k: (lambda p: lambda x: p["a"][1] * x)({"a": (1.0, k)})) == (1, 15.0)
    assert found(lambda k: (lambda a, b: lambda x: a * x + b)(k, k + 1)) == (2, 20.0)

    def keyword(k):
        def function(x, *, k=k):
            return k * x
        return function

    assert found(keyword) == (1, 15.0)


def test_what_holds_nothing_is_the_same_object():
    log, count = [], [0]

    def plain(x):
        log.append(x)
        return x

    values, rebuild = captured(plain)
    assert values == [] and rebuild([]) is plain

    def f(k):
        def function(x):
            log.append(float(x))
            count[0] += 1
            return k * x

        _, rebuild = captured(function)
        rebuild([1.0])(3.0)
        return k * k

    dk.grad(f)(2.0)
    assert log == [3.0] and count == [1]  # the user's own list


def test_recursion_and_names_bound_later():
    def f(k):
        def power(n):
            return k * power(n - 1) if n else 1.0

        values, rebuild = captured(power)
        assert len(values) == 1
        again = rebuild([k])
        assert dk.value(again(3)) == 8.0
        use = lambda x: later * x
        assert captured(use)[0] == []
        later = 1.0
        return power(3) + later * 0

    assert dk.grad(f)(2.0) == 12.0


def test_arrays_and_arrays_that_were_written_to():
    def f(k):
        z = np.zeros(3)
        z[1] = k
        values, rebuild = captured(lambda x: z * x)
        assert len(values) == 1
        np.testing.assert_array_equal(rebuild([np.ones(3)])(2.0), 2 * np.ones(3))
        return np.sum(values[0]) * 3

    assert dk.grad(f)(2.0) == 3.0
