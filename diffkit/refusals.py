"""What is refused by name: functions without a rule, keywords, conversions that lose a derivative.

The words of these errors are all here, so that they stay alike: what happened, what to
write instead, and what else may have led there.
"""

from __future__ import annotations

import dis
import threading
from typing import Any, NoReturn

import numpy as np

from diffkit.errors import (
    DiffkitError,
    LostDerivativeError,
    UnknownFunctionError,
    UnsupportedArgumentError,
    called_from_scipy,
    raised_in_scipy,
    user_frame,
)
from diffkit.rules.kinds import REFUSED
from diffkit.rules.ufunc_keywords import KEYWORDS

#: The last refusal of this thread's that went into SciPy's code, as it was made; never raised itself.
_refused = threading.local()


def unknown(fun: Any) -> NoReturn:
    """Refuse a function that has no derivative, or none that diffkit knows."""
    module = getattr(fun, "__module__", None) or "numpy"
    name = str(getattr(fun, "__name__", fun))
    if isinstance(fun, np.ufunc):
        module = "scipy.special" if not hasattr(np, name) else "numpy"
    if fun in REFUSED:
        why, instead = REFUSED[fun]
        raise UnknownFunctionError(f"{module}.{name} has no derivative: {why}", instead)
    raise UnknownFunctionError(
        f"{module}.{name} has no derivative rule in diffkit",
        "write it with functions that have one (see docs/functions.md), or state its derivative "
        "with dk.custom_jvp or dk.custom_vjp",
        "if the derivative is not needed there, pass dk.stop_gradient(x)")


def lost_derivative(spelling: str, rewrite: str) -> LostDerivativeError:
    """The error for a conversion to plain numbers."""
    scipy = called_from_scipy()
    if scipy:
        _refused.by_scipy = _of_scipys(*scipy)
        return _of_scipys(*scipy)
    if spelling.startswith("float(x)") and _is_percent():
        spelling, rewrite = '"%.3f" % x', 'f"{x:.3f}" or "{:.3f}".format(x), which print a differentiated value'
    scalar = _scalar_type() if spelling.startswith("np.asarray") else None
    if scalar is not None:
        spelling, rewrite = f"np.{scalar}(x)", f"x itself, or x.astype(np.{scalar})"
    return LostDerivativeError(
        f"{spelling} would turn a differentiated value into a plain number and lose its derivative",
        rewrite,
        "a function of the math module, of C code or an array made before the trace converts its "
        "argument this way; dk.stop_gradient or dk.value says that the derivative is not wanted")


def _of_scipys(package: str, name: str) -> LostDerivativeError:
    return LostDerivativeError(
        f"{name} of {package} takes plain arrays and would lose the derivative of a differentiated value",
        f"diffkit.{package} in place of {package}, if it has {name} (docs/scipy.md), or NumPy's functions",
        "dk.custom_vjp states its derivative, dk.black_box measures it; dk.stop_gradient or dk.value says that "
        "the derivative is not wanted")


def raise_refusal_behind(error: Exception) -> None:
    """Raise the refusal that SciPy's compiled code made an error of its own of, if it did.

    Such code calls the user's function, can't read the traced result, and either goes on with the refusal
    pending (a SystemError; CPython may then not find an attribute of ours that is there) or forgets it ("not a
    proper array of floats").
    """
    refused, _refused.by_scipy = getattr(_refused, "by_scipy", None), None
    if refused is not None and not isinstance(error, DiffkitError) and (
            isinstance(error, SystemError) or raised_in_scipy(error)
            or type(getattr(error, "obj", None)).__module__.startswith("diffkit.")):
        raise refused from None


def is_assignment() -> bool:
    """Whether the user's line that runs is ``z[…] = …``, so that z is a plain array."""
    frame = user_frame()
    return frame is not None and dis.opname[frame.f_code.co_code[frame.f_lasti]] in ("STORE_SUBSCR", "STORE_SLICE")


def _is_percent() -> bool:
    """Whether the user's line that runs is ``text % x``, or ``%`` of something else that wants a float."""
    frame = user_frame()
    return frame is not None and any(
        step.offset == frame.f_lasti and step.argrepr in ("%", "%=") for step in dis.get_instructions(frame.f_code))


def _scalar_type() -> str | None:
    """The type of NumPy's numbers that the user's line that runs calls: ``np.float64(x)``."""
    frame = user_frame()
    if frame is None:
        return None
    names = {step.argval for step in dis.get_instructions(frame.f_code)
             if step.positions is not None and step.positions.lineno == frame.f_lineno
             and isinstance(step.argval, str) and step.opname.startswith("LOAD_")}
    return next((name for name in names if isinstance(kind := getattr(np, name, None), type)
                 and issubclass(kind, np.number)), None)


def check_ufunc_keywords(ufunc: np.ufunc, kwargs: dict[str, Any]) -> None:
    """Refuse the keywords of a ufunc that would change what is computed."""
    for name, value in kwargs.items():
        if name == "out" and (value is None or value == (None,) * ufunc.nout):
            continue
        if name == "where" and value is True:
            continue
        if name in ("casting", "order", "subok"):
            continue  # they say how to store the result, not what it is
        if name == "dtype" or (name in KEYWORDS and ufunc.signature):
            continue
        raise UnsupportedArgumentError(
            f"np.{ufunc.__name__} with {name}= is not differentiated",
            {"out": "use the returned value: y = np.…(x), without out= (z += x on a plain array z is such "
                    "a call; write z = z + x)",
             "where": "np.where(condition, np.…(x), other)"}.get(name, f"leave {name} out"))
