"""Derivatives by every entry of x: gradients and Jacobians, a line for each real number in x."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffkit.errors import InputError, NotScalarError
from diffkit.numeric.assembly import per_entry
from diffkit.numeric.lines import coordinate
from diffkit.numeric.result import Estimate, Result
from diffkit.numeric.schemes import Setup, set_up


def gradient(f: Callable[[Any], Any], x: Any, scheme: str = "auto", *, step: float | None = None,
             bounds: Any = None, vectorized: bool = False, workers: int | Callable[..., Any] | None = None,
             dtype: Any = None) -> Result:
    """The gradient of a real function of an array, a number or a nested container.

    Parameters
    ----------
    f : function
        Of x, with one real number as its result (an array of size 1 counts).
    x : number, array or container
        Where.  For complex entries the gradient is df/d(real) - i df/d(imaginary), the
        convention of autograd and JAX.
    scheme, step, bounds, vectorized, workers, dtype
        As in :func:`derivative`; ``bounds`` may also be containers like x, and with
        ``vectorized`` every leaf gets the leading axis.

    Returns
    -------
    Result
        Every field but ``evaluations`` has x's structure and shapes.

    Raises
    ------
    NotScalarError
        When f's result is not one real number.  And what :func:`derivative` raises.

    Examples
    --------
    >>> import numpy as np
    >>> result = gradient(lambda p: np.sum(p["w"] ** 2) * p["b"], {"w": np.array([1.0, 2.0]), "b": 3.0})
    >>> print(np.round(result.value["w"], 9), round(float(result.value["b"]), 9))
    [ 6. 12.] 5.0
    """
    setup = set_up(f, x, scheme, step, bounds, vectorized, workers, dtype)
    evaluator = setup.evaluator
    if evaluator.base.size != 1 or evaluator.dtype.kind == "c":
        found = f"shape {evaluator.shape}" if evaluator.base.size != 1 else "a complex number"
        raise NotScalarError(f"gradient needs a function with one real result, and f returned {found}",
                             "jacobian(f, x)", "a missing sum, or .real")
    return per_entry(_estimates(setup), setup.entries, (), evaluator.out_dtype, evaluator.count)


def jacobian(f: Callable[[Any], Any], x: Any, scheme: str = "auto", *, step: float | None = None,
             bounds: Any = None, vectorized: bool = False, workers: int | Callable[..., Any] | None = None,
             dtype: Any = None) -> Result:
    """The derivative of every output by every input: shape out.shape + in.shape.

    Parameters
    ----------
    f : function
        Of x, with a numeric result of any shape; complex results of real x are allowed.
    x : number, array or container
        Where; with a container every leaf becomes an array of out.shape + leaf.shape.
    scheme, step, bounds, vectorized, workers, dtype
        As in :func:`gradient`.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        When both x and f's result are complex.  And what :func:`derivative` raises.

    Examples
    --------
    >>> import numpy as np
    >>> print(np.round(jacobian(lambda x: np.outer(x, x)[0], np.array([2.0, 3.0])).value, 9))
    [[4. 0.]
     [3. 2.]]
    """
    setup = set_up(f, x, scheme, step, bounds, vectorized, workers, dtype)
    evaluator = setup.evaluator
    if evaluator.dtype.kind == "c" and any(leaf.complex for leaf in setup.entries.leaves):
        raise InputError("a complex result of a complex x has no one Jacobian",
                         "directional(f, x, v) for v = 1 and v = 1j", "a holomorphic f: both agree")
    return per_entry(_estimates(setup), setup.entries, evaluator.shape, evaluator.out_dtype, evaluator.count)


def _estimates(setup: Setup) -> list[Estimate]:
    return setup.estimates([coordinate(setup.entries, index) for index in range(setup.entries.values.size)])
