"""What a distribution does with its arguments: SciPy's order of them, the support, loc and scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats as original

from diffkit.errors import UnsupportedArgumentError
from diffkit.scipy.calls import prepared, traced_among
from diffkit.transforms import value

__all__ = ["HALF_LINE", "LINE", "UNIT", "Discrete", "Distribution", "Frozen"]

LINE, HALF_LINE, UNIT = (-np.inf, np.inf), (0.0, np.inf), (0.0, 1.0)


class Frozen:
    """A distribution with its parameters given, ``norm(loc, scale)``: the same methods without them."""

    def __init__(self, distribution: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._bound = distribution, args, kwargs

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        distribution, args, kwargs = self._bound
        method = getattr(distribution, name)
        return lambda *x, **more: method(*x, *args, **kwargs, **more)


class Distribution:
    """One distribution: SciPy's methods ``pdf`` … ``isf`` (``pmf``, ``logpmf`` of a discrete one).

    ``method(x, *shapes, loc=0, scale=1)`` as in SciPy, everything broadcast; called itself, it
    gives a frozen distribution.  Other methods of SciPy's (``rvs``, ``fit``, ``mean``, …) are for plain
    values, and refused for traced ones.
    """

    #: The arguments behind the shapes.
    _tail: tuple[str, ...] = ("loc", "scale")

    def __init__(self, name: str, shapes: str, support: tuple[float, float], inside: float,
                 **functions: Callable[..., Any]) -> None:
        self.name = name
        self._shapes = tuple(shapes.split())
        self._support = support
        self._inside = inside
        self._functions = functions
        self.__doc__ = f"The distribution scipy.stats.{name}({', '.join((*self._shapes, 'loc', 'scale'))})."

    def __call__(self, *args: Any, **kwargs: Any) -> Frozen:
        self._arguments(args, kwargs, self._tail)
        return Frozen(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        scipys = getattr(getattr(original, self.name), name)

        def method(*args: Any, **kwargs: Any) -> Any:
            if traced_among(args, kwargs):
                raise UnsupportedArgumentError(f"scipy.stats.{self.name}.{name} is not differentiated",
                                               "densities, distribution functions and quantiles")
            return scipys(*args, **kwargs)

        return method if callable(scipys) else scipys

    def __repr__(self) -> str:
        return f"<diffkit.scipy.stats.{self.name}>"

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any], tail: tuple[str, ...]) -> dict[str, Any]:
        names = (*self._shapes, *tail)
        if len(args) > len(names):
            raise TypeError(f"{self.name} takes {', '.join(names)}")
        given = dict(zip(names, args))
        for name, argument in kwargs.items():
            if name not in names or name in given:
                raise TypeError(f"{self.name} got an unexpected or repeated argument {name!r}")
            given[name] = argument
        missing = [name for name in self._shapes if name not in given]
        if missing:
            raise TypeError(f"{self.name} misses the argument {missing[0]!r}")
        return {"loc": 0.0, "scale": 1.0, **given}

    def _call(self, method: str, x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not traced_among((x, *args), kwargs):
            return getattr(getattr(original, self.name), method)(x, *args, **kwargs)
        given = {name: prepared(argument) if not isinstance(argument, (int, float)) else argument
                 for name, argument in self._arguments(args, kwargs, self._tail).items()}
        scale = given["scale"]
        if method in ("ppf", "isf"):
            return self._quantile(method, prepared(x), [given[name] for name in self._shapes], given["loc"], scale)
        z = (prepared(x) - given["loc"]) / scale
        shapes = [given[name] for name in self._shapes]
        if method in ("logpdf", "pdf"):
            return self._density(z, shapes, scale, method == "pdf")
        low, high = self._support
        below, above = value(z) <= low, value(z) >= high
        lower = method in ("cdf", "logcdf")
        ends = ((0.0, 1.0) if lower else (1.0, 0.0)) if not method.startswith("log") else (
            (-np.inf, 0.0) if lower else (0.0, -np.inf))
        z = np.where(below | above, self._inside, z)
        y = self._functions[method](z, *shapes)
        y = np.where(value(scale) > 0, y, np.nan)
        return np.where(below, ends[0], np.where(above, ends[1], y))[()]

    def _density(self, z: Any, shapes: list[Any], scale: Any, exponential: bool) -> Any:
        low, high = self._support
        outside = (value(z) < low) | (value(z) > high)
        if self.name in ("lognorm", "invgamma"):
            outside = outside | (value(z) == 0)
        if exponential and "pdf" in self._functions:
            y = self._functions["pdf"](np.where(outside, self._inside, z), *shapes) / scale
            return np.where(outside, 0.0, y)[()]
        y = self._functions["logpdf"](np.where(outside, self._inside, z), *shapes) - np.log(scale)
        if exponential:
            return np.where(outside, 0.0, np.exp(y))[()]
        return np.where(outside, -np.inf, y)[()]

    def _quantile(self, method: str, q: Any, shapes: list[Any], loc: Any, scale: Any) -> Any:
        """The point with probability q below it (above it)."""
        inside = (value(q) > 0) & (value(q) < 1)
        z = self._functions[method](np.where(inside, q, 0.5), *shapes)
        low, high = self._support if method == "ppf" else self._support[::-1]
        ends = np.where(value(q) == 0, low, np.where(value(q) == 1, high, np.nan))
        z = np.where(inside, z, ends)
        finite = np.isfinite(value(z))
        y = np.where(finite, np.where(finite, z, 0.0) * scale + loc, value(z))
        return np.where(value(scale) > 0, y, np.nan)[()]

    def pdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The density."""
        return self._call("pdf", x, args, kwargs)

    def logpdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the density."""
        return self._call("logpdf", x, args, kwargs)

    def cdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The distribution function P(X <= x)."""
        return self._call("cdf", x, args, kwargs)

    def logcdf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the distribution function."""
        return self._call("logcdf", x, args, kwargs)

    def sf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The survival function P(X > x)."""
        return self._call("sf", x, args, kwargs)

    def logsf(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the survival function."""
        return self._call("logsf", x, args, kwargs)

    def ppf(self, q: Any, *args: Any, **kwargs: Any) -> Any:
        """The quantile: the point with probability q below it."""
        return self._call("ppf", q, args, kwargs)

    def isf(self, q: Any, *args: Any, **kwargs: Any) -> Any:
        """The point with probability q above it."""
        return self._call("isf", q, args, kwargs)


class Discrete(Distribution):
    """A distribution of counts: by the count itself there is no derivative (it is a step)."""

    _tail = ("loc",)

    def _call(self, method: str, x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not traced_among((x, *args), kwargs):
            return getattr(getattr(original, self.name), method)(x, *args, **kwargs)
        given = self._arguments(args, kwargs, self._tail)
        if method in ("ppf", "isf"):  # steps
            return getattr(getattr(original, self.name), method)(value(prepared(x)), **{
                name: value(argument) for name, argument in given.items() if name != "scale"})
        if traced_among((x, given["loc"]), {}):
            x, given["loc"] = value(prepared(x)), value(prepared(given["loc"]))
        k = np.asarray(x) - np.asarray(given["loc"])
        shapes = [prepared(given[name]) if not isinstance(given[name], (int, float)) else given[name]
                  for name in self._shapes]
        low, high = self._support
        high = value(shapes[0]) if self.name == "binom" else high
        below, above = k < low, k > high
        if method in ("logpmf", "pmf"):
            outside = below | above | (np.floor(k) != k)
            y = self._functions["logpmf"](np.where(outside, self._inside, k), *shapes)
            if method == "logpmf":
                return np.where(outside, -np.inf, y)[()]
            return np.where(outside, 0.0, np.exp(y))[()]
        above = k >= high
        lower = method in ("cdf", "logcdf")
        ends = ((0.0, 1.0) if lower else (1.0, 0.0)) if not method.startswith("log") else (
            (-np.inf, 0.0) if lower else (0.0, -np.inf))
        y = self._functions[method](np.where(below | above, self._inside, np.floor(k)), *shapes)
        return np.where(below, ends[0], np.where(above, ends[1], y))[()]

    def pmf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """The probability of k."""
        return self._call("pmf", k, args, kwargs)

    def logpmf(self, k: Any, *args: Any, **kwargs: Any) -> Any:
        """The logarithm of the probability of k."""
        return self._call("logpmf", k, args, kwargs)

    pdf = logpdf = None  # type: ignore[assignment]
