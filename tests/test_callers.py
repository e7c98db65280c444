"""Compiled code that asks NumPy for arrays while a transform runs gets plain ones.

numpy.random casts what np.empty gives it without a look: a crash, before creation functions
were answered only at a call of their own name.
"""

import numpy as np
import pytest

import diffkit as dk

DRAWS = {
    "normal": lambda rng: rng.normal(size=3),
    "standard_normal": lambda rng: rng.standard_normal((3,)),
    "uniform": lambda rng: rng.uniform(1.0, 2.0, 3),
    "integers": lambda rng: rng.integers(0, 5, 3),
    "permutation": lambda rng: rng.permutation(3.0 * np.arange(3)),
    "multinomial": lambda rng: rng.multinomial(5, [0.2, 0.3, 0.5]),
    "dirichlet": lambda rng: rng.dirichlet(np.ones(3)),
    "choice": lambda rng: rng.choice(np.linspace(0, 1, 7), 3),
    "multivariate_normal": lambda rng: rng.multivariate_normal(np.zeros(3), np.eye(3)),
    "shuffled": lambda rng: np.array(rng.permuted(np.arange(3.0))),
    "made beside it": lambda rng: np.empty(3).shape[0] + rng.normal(size=3) + np.zeros(3),
}


@pytest.mark.parametrize("method", ["reverse", "forward"])
@pytest.mark.parametrize("name", DRAWS)
def test_random_draws_inside_a_differentiated_function(name, method):
    draw = DRAWS[name]
    # Forward mode runs f once for each entry: a fresh generator each time.
    g = dk.grad(lambda x: np.sum(x * draw(np.random.default_rng(7))), method=method)(np.ones(3))
    np.testing.assert_array_equal(g, np.asarray(draw(np.random.default_rng(7)), float))


def test_the_name_is_what_is_called_not_what_stands_beside_it():
    made = []

    def f(x):
        make = np.zeros
        for z in (np.zeros(2), np.zeros(*(2,)), np.zeros(
                shape=2), make(2), [np.zeros][0](2), np.zeros(2).reshape(2)):
            made.append(type(z) is np.ndarray)
        return x

    dk.grad(f)(1.0)
    # Other spellings give plain arrays, and a write of a traced value to one is refused.
    assert made == [False, False, False, True, True, False]
