"""Complex numbers that refuse what is not holomorphic.

The complex step is right only if every operation between x and the result is an analytic
function.  ``abs``, a comparison, a conjugate, a norm silently break it: the derivative is
then 0, or half of it is missing.  So f is called with this array: analytic functions pass,
everything else raises by name.  The lists say what is allowed; what nobody has vouched
for is refused.  (``inv``, ``solve``, ``det``, ``pinv`` are rational in their entries;
``norm``, ``slogdet``, ``cholesky``, ``eigh``, ``svd``, ``qr``, ``lstsq`` conjugate.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from diffkit.errors import ComplexStepError
from diffkit.numeric.result import Array


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_UFUNCS = _names(
    "add subtract multiply divide true_divide negative positive power float_power reciprocal square sqrt "
    "exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh "
    "arcsinh arccosh arctanh matmul matvec isnan isfinite isinf")
_FUNCTIONS = _names(
    "sum prod mean average dot matmul tensordot einsum inner outer kron trace cumsum cumprod diff ediff1d convolve "
    "trapezoid polyval vander cross diag diagonal tril triu reshape ravel transpose matrix_transpose permute_dims "
    "moveaxis swapaxes rollaxis squeeze expand_dims broadcast_to broadcast_arrays atleast_1d atleast_2d atleast_3d "
    "concatenate concat stack unstack hstack vstack dstack column_stack block append insert delete split array_split "
    "hsplit vsplit dsplit repeat tile roll rot90 flip fliplr flipud take take_along_axis compress choose "
    "copy copyto zeros_like ones_like empty_like full_like ndim shape size meshgrid pad where sinc "
    "result_type can_cast common_type iscomplexobj isrealobj "
    "inv solve det pinv matrix_power multi_dot tensorinv tensorsolve "
    "fft ifft fft2 ifft2 fftn ifftn fftshift ifftshift")


def refuse(name: str) -> NoReturn:
    """Raise the refusal that names the function."""
    raise ComplexStepError(f"f calls {name}, which is not an analytic function: the complex step would be wrong",
                           'scheme="auto"', "a comparison, abs or conj of a value that depends on x")


def _refused(name: str) -> Callable[..., NoReturn]:
    def method(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        refuse(name)
    return method


def _bare(value: Any) -> Any:
    """The same value with plain arrays in it."""
    if isinstance(value, Analytic):
        return value.view(np.ndarray)
    if isinstance(value, (list, tuple)):
        return type(value)(_bare(item) for item in value) if type(value) in (list, tuple) else value
    return value


def _dressed(value: Any) -> Any:
    """Complex results are watched further; shapes, flags and reals are not."""
    if isinstance(value, (np.ndarray, np.complexfloating)) and np.asarray(value).dtype.kind == "c":
        return np.asarray(value).view(Analytic)
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(_dressed(item) for item in value)
    return value


class Analytic(np.ndarray[Any, Any]):
    """A complex array on which only analytic operations are possible."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Let analytic ufuncs act, refuse the others by name."""
        if ufunc.__name__ not in _UFUNCS:
            refuse(f"np.{ufunc.__name__}")
        into = kwargs.get("out")
        if into is not None:
            kwargs["out"] = tuple(_bare(array) for array in into)
            if any(isinstance(array, np.ndarray) and array.dtype.kind != "c" for array in into):
                refuse(f"np.{ufunc.__name__} with a real out=")
        with np.errstate(all="ignore"):
            result = getattr(ufunc, method)(*_bare(inputs), **kwargs)
        return into[0] if into is not None and into[0] is not None else _dressed(result)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        """Let linear and rational array functions act, refuse the others by name."""
        if func.__name__ not in _FUNCTIONS:
            refuse(f"np.{func.__name__}")
        return _dressed(func(*_bare(args), **{name: _bare(value) for name, value in kwargs.items()}))

    def __getitem__(self, key: Any) -> Any:
        """Scalars stay watched: a 0-d array instead of a NumPy scalar."""
        return _dressed(self.view(np.ndarray)[key])

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """Another complex precision; a real dtype would drop the derivative."""
        if np.dtype(dtype).kind != "c":
            refuse(f"astype({np.dtype(dtype)})")
        return super().astype(dtype, *args, **kwargs)

    def dot(self, other: Any, out: Any = None) -> Any:
        """As np.dot."""
        return np.dot(self, other)

    def sum(self, *args: Any, **kwargs: Any) -> Any:
        """As np.sum."""
        return _dressed(self.view(np.ndarray).sum(*_bare(args), **kwargs))

    def prod(self, *args: Any, **kwargs: Any) -> Any:
        """As np.prod."""
        return _dressed(self.view(np.ndarray).prod(*_bare(args), **kwargs))

    def mean(self, *args: Any, **kwargs: Any) -> Any:
        """As np.mean."""
        return _dressed(self.view(np.ndarray).mean(*_bare(args), **kwargs))

    def trace(self, *args: Any, **kwargs: Any) -> Any:
        """As np.trace."""
        return _dressed(self.view(np.ndarray).trace(*args, **kwargs))


_REFUSED = _names(
    "__bool__ __float__ __int__ __index__ __complex__ __abs__ __lt__ __le__ __gt__ __ge__ __eq__ __ne__ "
    "__contains__ conj conjugate max min argmax argmin sort argsort partition argpartition searchsorted "
    "nonzero any all std var clip round item tolist tobytes ptp")
for _name in sorted(_REFUSED):
    setattr(Analytic, _name, _refused("float()" if _name == "__float__" else _name.strip("_")))

for _name in ("real", "imag"):
    setattr(Analytic, _name, property(_refused(f".{_name}")))


def watched(array: Array) -> Analytic:
    """A complex array under watch."""
    return array.view(Analytic)
