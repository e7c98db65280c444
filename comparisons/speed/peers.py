"""A function written over a namespace ``m`` (NumPy's names), and its derivatives in each library."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

Make = Callable[[Any], Callable[..., Any]]


def jax() -> Any:
    library = importlib.import_module("jax")
    library.config.update("jax_enable_x64", True)
    return library


def blocking(jitted: Callable[..., Any]) -> Callable[..., Any]:
    library = importlib.import_module("jax")
    return lambda *args: library.block_until_ready(jitted(*args))


def torch() -> Any:
    library = importlib.import_module("torch")
    library.set_num_threads(1)
    return library


class TorchAsNumpy:
    """The few functions whose arguments torch names otherwise."""

    def __init__(self, library: Any) -> None:
        self.library = library

    def __getattr__(self, name: str) -> Any:
        return getattr(self.library, name)

    def sum(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return x.sum() if axis is None else x.sum(axis, keepdim=keepdims)

    def max(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return x.max() if axis is None else x.amax(axis, keepdim=keepdims)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        return self.library.where(condition, a, b)

    def logaddexp(self, a: float, b: Any) -> Any:
        return self.library.logaddexp(self.library.full_like(b, a), b)

    def ndtr(self, x: Any) -> Any:
        return self.library.special.ndtr(x)


def torch_gradient(make: Make, count: int, compiled: bool = False) -> Callable[..., Any]:
    """The gradient in PyTorch; compiled code's first call is preceded by an eager one.

    Vectorised functions of PyTorch's binary read some constants under a mask.  While the page of such a constant was
    never read otherwise and the mask is empty, the processor suppresses a page fault at each instruction, which makes
    compiled code eight times slower; an eager call brings the page in.
    """
    library = torch()
    f = make(TorchAsNumpy(library))
    ways = [f, library.compile(f, dynamic=False)] if compiled else [f]

    def gradient(*args: Any) -> Any:
        leaves = [library.as_tensor(np.asarray(a)).requires_grad_(i < count) for i, a in enumerate(args)]
        while len(ways) > 1:
            library.autograd.grad(ways.pop(0)(*leaves), leaves[:count])
        found = library.autograd.grad(ways[0](*leaves), leaves[:count])
        found = tuple(g.numpy() for g in found)
        return found if count > 1 else found[0]
    return gradient


def gradients(make: Make, count: int = 1,
              leave_out: tuple[str, ...] = ()) -> dict[str, Callable[[], Callable[..., Any]]]:
    """The gradient by the first ``count`` arguments in each library."""
    numbers: Any = tuple(range(count)) if count > 1 else 0

    def by_jax() -> Callable[..., Any]:
        library = jax()
        return blocking(library.jit(library.grad(make(library.numpy), numbers)))

    def by_autograd() -> Callable[..., Any]:
        library = importlib.import_module("autograd")
        return library.grad(make(importlib.import_module("autograd.numpy")), numbers)  # type: ignore[no-any-return]

    def by_mygrad() -> Callable[..., Any]:
        library = importlib.import_module("mygrad")
        f = make(library)

        def gradient(*args: Any) -> Any:
            leaves = [library.tensor(a) if i < count else a for i, a in enumerate(args)]
            f(*leaves).backward()
            return tuple(leaf.grad for leaf in leaves[:count]) if count > 1 else leaves[0].grad
        return gradient

    found = {"JAX jit": by_jax, "torch.compile": lambda: torch_gradient(make, count, compiled=True),
             "PyTorch": lambda: torch_gradient(make, count), "autograd": by_autograd, "MyGrad": by_mygrad}
    return {name: way for name, way in found.items() if name not in leave_out}


def casadi_gradient(make: Make, n: int, kind: str = "MX", derivative: str = "gradient") -> Callable[..., Any]:
    """CasADi's function of one vector, called through its buffers; ``kind`` is SX (scalars) or MX."""
    library = importlib.import_module("casadi")
    x = getattr(library, kind).sym("x", n)

    class Space:
        sum, exp, tanh, sqrt, sin, cos, log = (library.sum1, library.exp, library.tanh, library.sqrt, library.sin,
                                               library.cos, library.log)

    value = make(Space)(x)
    result = library.densify({"gradient": lambda: library.gradient(value, x),
                              "hessian": lambda: library.hessian(value, x)[0]}[derivative]())
    function = library.Function("derivative", [x], [result])
    out = np.zeros(result.shape, order="F")
    buffer, call = function.buffer()
    buffer.set_res(0, memoryview(out.T.reshape(-1)) if out.shape[1] > 1 else memoryview(out.reshape(-1)))
    flat = out if out.shape[1] > 1 else out[:, 0]

    def evaluate(value: Any) -> Any:
        value = np.ascontiguousarray(np.atleast_1d(np.asarray(value, float)))
        buffer.set_arg(0, memoryview(value))
        call()
        return flat.copy()
    return evaluate


def numba_jit(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    library = importlib.import_module("numba")
    return library.njit(error_model="numpy", **options)(function)  # type: ignore[no-any-return]
