"""Every error diffkit raises on purpose: one tree, and one way to speak.

Each class is a :class:`DiffkitError` and also the builtin kind that a caller would
catch anyway (``TypeError``, ``IndexError``, …).  A message has three beats: what
happened, with the user's own file and line; what they probably want; and other
possible causes.  An error that comes from the user's own code is never wrapped.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

_INSIDE = (os.path.dirname(os.path.abspath(__file__)) + os.sep,)
_LIBRARIES = tuple(os.sep + name + os.sep for name in ("numpy", "functools"))
_SCIPY = f"{os.sep}site-packages{os.sep}scipy{os.sep}"

#: By thread, what makes the last error again (class, message, attributes), until it came out of the run it was made
#: in: the user's program may catch it there (``buffers/swallowed.py``).  Not the error, whose traceback holds arrays.
UNHEARD: dict[int, tuple[type[DiffkitError], str, dict[str, Any]]] = {}


def user_frame() -> Any:
    """The innermost stack frame that is neither diffkit's nor NumPy's nor SciPy's, or None."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        # A dataclass's __init__ is compiled from a "<string>" in the module of its class.
        inside = name == "<string>" and frame.f_globals.get("__name__", "").startswith("diffkit.")
        if not inside and not name.startswith(_INSIDE) and not any(part in name for part in (*_LIBRARIES, _SCIPY)):
            return frame
        frame = frame.f_back
    return None


def called_from_scipy() -> tuple[str, str] | None:
    """Package and name of the function of SciPy's that the user's line calls, or None where it calls none."""
    frame: Any = sys._getframe(1)
    found = None
    user = user_frame()
    while frame is not None and frame is not user:
        path, name = frame.f_code.co_filename, frame.f_code.co_name
        if _SCIPY in path and f"{_SCIPY}_lib{os.sep}" not in path:
            name = type(frame.f_locals.get("self")).__name__ if name == "__init__" else name
            found = "scipy." + path.split(_SCIPY)[1].split(os.sep)[0], name
        frame = frame.f_back
    return found


def raised_in_scipy(error: BaseException) -> bool:
    """Whether the innermost Python frame of an error is SciPy's."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return at is not None and _SCIPY in at.tb_frame.f_code.co_filename


def user_line() -> str:
    """``file:line`` of the innermost stack frame that is neither diffkit's nor NumPy's.

    Returns ``"<unknown>"`` when there is none (a call from an embedded interpreter).

    >>> user_line().startswith("<doctest")
    True
    """
    frame = user_frame()
    return "<unknown>" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


class DiffkitError(Exception):
    """Base of the tree.

    Parameters
    ----------
    what : str
        What happened, in one sentence.  The user's line is put behind it.
    want : str
        What the caller probably wants to write instead.
    causes : str
        Other possible causes, when there are any.
    """

    def __init__(self, what: str, want: str = "", causes: str = "") -> None:
        self.what = what
        self.want = want
        self.causes = causes
        self.where = user_line()
        beats = [f"{what}\n  at {self.where}"]
        if want:
            beats.append(f"  Probably wanted: {want}")
        if causes:
            beats.append(f"  Other causes: {causes}")
        message = "\n".join(beats)
        super().__init__(message)
        UNHEARD[threading.get_ident()] = type(self), message, dict(vars(self))


class InputError(DiffkitError, TypeError):
    """An argument is not something that can be differentiated with respect to."""


class ArgnumsError(DiffkitError, IndexError):
    """``argnums`` names an argument that the call does not have."""


class NotScalarError(DiffkitError, TypeError):
    """``grad`` was asked of a function whose result is not one real number."""


class ShapeError(DiffkitError, ValueError):
    """A tangent, a cotangent or a candidate's derivative has the wrong shape or structure."""


class UnknownFunctionError(DiffkitError, NotImplementedError):
    """A function has no rule: its derivative is refused by name, never guessed."""


class NoAnswerError(DiffkitError, NotImplementedError):
    """Another library has no derivative for a candidate's function, which it can evaluate."""


class UnsupportedArgumentError(DiffkitError, TypeError):
    """A function has a rule, but not for this argument or keyword."""


class LostDerivativeError(DiffkitError, TypeError):
    """A conversion (``float(x)``, ``math.sin(x)``, ``x.item()``) would drop the derivative."""


class BatchedBranchError(DiffkitError, TypeError):
    """Python asked for one answer (``if``, ``int``) about a value that differs between the examples of a vmap."""


class LeakedTracerError(DiffkitError, RuntimeError):
    """A traced value outlived the call that made it."""


class DegenerateError(DiffkitError, ValueError):
    """A decomposition has no derivative here: repeated eigenvalues, a lost rank, an arbitrary phase."""


class MutationError(DiffkitError, RuntimeError):
    """An array was changed in a way that would make a derivative silently wrong."""


class ChangingFunctionError(DiffkitError, RuntimeError):
    """A function that has to run more than once gave another value for the same arguments."""


class HolomorphicError(DiffkitError, ValueError):
    """``holomorphic=True`` was promised of a function that breaks the Cauchy-Riemann equations."""


class ImplicitError(DiffkitError, ValueError):
    """A solver's result is no root, or the implicit function theorem does not hold there."""


class SymbolicError(DiffkitError, NotImplementedError):
    """A program has no closed symbolic form within the stated limits."""


class RefereeError(DiffkitError, NotImplementedError):
    """A program can't be evaluated on 50-digit numbers."""


class ComplexStepError(DiffkitError, ValueError):
    """The complex step is not valid for this function (abs, a comparison, a decomposition…)."""


class NumericError(DiffkitError, ValueError):
    """Finite differences were asked for something that they can't do."""


class ExpressionError(DiffkitError, ValueError):
    """An expression on the command line holds something that is not allowed there."""


class ComparisonError(DiffkitError, ValueError):
    """The methods cannot be compared, for the reason given."""


class GradientMismatchError(DiffkitError, AssertionError):
    """Gradients disagree; the message is the report."""


class MissingPackageError(DiffkitError, ImportError):
    """An optional package is needed and not installed."""


class EqualityBranchWarning(RuntimeWarning):
    """``if x == 0`` held for a differentiated value: the branch's derivative may not be the function's."""


def require(package: str, extra: str, purpose: str) -> MissingPackageError:
    """The error that says what to install when ``package`` is absent.

    >>> require("scipy", "scipy", "sparse results").want
    'pip install "diffkit[scipy]"'
    """
    return MissingPackageError(f"{purpose} needs the package {package!r}, which is not installed",
                               f'pip install "diffkit[{extra}]"')
