"""``compile``: record a function once for each signature and path, and replay it as NumPy source.

A call goes through four gates, each a fraction of a microsecond a value:

    the signature   containers, shapes, dtypes, static values          else record
    what f captured (``captured``)                                     else record anew
    the questions of the recorded path, while its program runs         else another path, or record
    no NaN in a derivative                                             else f itself

Where any of this fails in a way that no program can follow, f itself is called: the answer is
always f's, and ``reason`` says why it came slowly.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit import tree
from diffkit.buffers import is_running, run
from diffkit.compiling import native
from diffkit.compiling.branches import Branch, Branches
from diffkit.compiling.captured import STANDS_FOR, Captured, describe, random_state
from diffkit.compiling.emit import MET_NAN
from diffkit.compiling.program import plain
from diffkit.compiling.programs import Recorded, compile_text, program_of
from diffkit.compiling.recording import CompileLevel, Refused, is_nan_question
from diffkit.compiling.signature import Signature, Unpack, holds_traced, int_positions, ints_aside, signature
from diffkit.errors import DiffkitError, InputError
from diffkit.masked import CAREFUL
from diffkit.traced import Traced, is_traced

#: Paths of one signature, signatures, and renewals after a captured value changed.
MOST_BRANCHES, MOST_SIGNATURES, MOST_RENEWALS = 64, 64, 16
MOST_FIRST_USES = 2
#: Values of an int before it is taken for an input.
STATIC_INTS = 4
_recording = threading.local()


class CompileError(DiffkitError, ValueError):
    """``compile`` was asked for something that it does not have."""


@dataclasses.dataclass(eq=False)
class Specialisation:
    """All that is known of one signature."""

    unpack: Callable[[Any, Any], list[Any] | None]
    captured: Captured
    branches: Branches
    renewals: int = 0
    reason: str = ""


class Compiled:
    """What :func:`compile` returns: call it as f.

    Attributes
    ----------
    source : str
        The NumPy program that ran last (all its paths are in ``sources``).
    reason : str
        Why the last call that was not replayed was not ("" while none was), or why a program runs
        as NumPy source where machine code was asked for.
    compile_seconds : float
        What recording, optimising and compiling have taken so far, f's own first runs included.
    """

    def __init__(self, f: Callable[..., Any], check: bool, limit: int, native: bool = False,
                 exact: bool = False) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self._native = native
        self._exact = exact
        self.compile_seconds = 0.0
        self._check = check
        self._limit = limit
        self._known: dict[Any, Specialisation] = {}
        self._last: Specialisation | None = None
        self._varying: frozenset[int] = frozenset()
        self._ints: dict[Any, int] = {}
        self._static_numbers: frozenset[type] = frozenset()
        self._lock = threading.RLock()
        self.reason = ""

    def __repr__(self) -> str:
        return f"<compiled {getattr(self._f, '__qualname__', repr(self._f))}>"

    @property
    def sources(self) -> list[str]:
        """The programs of all signatures and paths."""
        found = []
        for spec in list(self._known.values()):
            waiting: list[Any] = [spec.branches.root]
            while waiting:
                here = waiting.pop()
                if isinstance(here, Branch):
                    found += [here.source] if here.source else []
                elif here is not None:
                    waiting += here.children.values()
        return found

    @property
    def source(self) -> str:
        branch = self._last.branches.first if self._last is not None else None
        return branch.source if branch is not None else ""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        spec = self._last
        if spec is not None and not is_running() and not CAREFUL.get():
            inputs = spec.unpack(args, kwargs)
            if inputs is not None and (spec.captured.is_unchanged() or spec.captured.changed() is None):
                return self._replay(spec, inputs, args, kwargs)
        return self._find(args, kwargs)

    # --- replaying -------------------------------------------------------------------------------
    def _replay(self, spec: Specialisation, inputs: list[Any], args: Any, kwargs: Any) -> Any:
        branches = spec.branches
        known = branches.count
        branch = branches.first
        while branch is not None and branch.run is not None:
            try:
                number, result = branch.run(inputs)
            except Exception as error:  # f itself raises what the caller should see
                self.reason = f"the program failed: {type(error).__name__}: {error}"
                return self._f(*args, **kwargs)
            if number is None:
                if branch is not branches.first:
                    branches.note(branch)
                self._last = spec
                return result
            if number == MET_NAN:
                self.reason = "a derivative came out as NaN, which f itself looks into"
                return self._f(*args, **kwargs)
            branch = branches.other(branch, number, result)
        if branch is not None:
            self.reason = branch.reason
            return self._f(*args, **kwargs)
        if branches.count >= MOST_BRANCHES:
            self.reason = (f"f has taken more than {MOST_BRANCHES} paths through its branches and loops; "
                           "np.where keeps both sides in one")
            return self._f(*args, **kwargs)
        return self._find(args, kwargs, (spec, known))

    def _find(self, args: tuple[Any, ...], kwargs: dict[str, Any],
              path: tuple[Specialisation, int] | None = None) -> Any:
        """A call that is not that of the last signature, or takes none of the paths (a number) of one."""
        if is_running() or CAREFUL.get() or holds_traced((args, kwargs)):
            return self._f(*args, **kwargs)
        if getattr(_recording, "depth", 0) and not self._lock.acquire(blocking=False):
            return self._f(*args, **kwargs)  # another thread compiles, and may wait for ours
        elif not getattr(_recording, "depth", 0):
            self._lock.acquire()
        try:
            return self._find_locked(args, kwargs, path)
        except Refused as refused:
            self.reason = str(refused)
        finally:
            self._lock.release()
        return self._f(*args, **kwargs)

    def _find_locked(self, args: tuple[Any, ...], kwargs: dict[str, Any],
                     path: tuple[Specialisation, int] | None) -> Any:
        found = signature(args, kwargs, self._varying, float in self._static_numbers)
        known = self._known.get(found.key)
        if known is None:
            found = self._look_at_ints(found, args, kwargs)
            known = self._known.get(found.key)
        if known is not None:
            changed = known.captured.changed()
            if changed is None and known.branches.first is not None and path != (known, known.branches.count):
                return self._replay(known, found.inputs, args, kwargs)
            if changed is not None:
                known.renewals += 1
                if known.renewals > MOST_RENEWALS:
                    known.reason = f"{describe(changed)} keeps changing: make it an argument"
                    raise Refused(known.reason)
                known.branches = Branches()
                known.captured = Captured([self._f, *found.static])
        elif len(self._known) >= MOST_SIGNATURES:
            raise Refused(f"more than {MOST_SIGNATURES} signatures (containers, shapes, dtypes, static values)")
        if known is None:
            known = Specialisation(_unpack(found, self), Captured([self._f, *found.static]), Branches())
            self._known[found.key] = known
        return self._record(known, found, args, kwargs)

    def _look_at_ints(self, found: Signature, args: Any, kwargs: Any) -> Signature:
        """Ints are static (they are sizes and axes), until calls differ again and again in them alone."""
        aside = ints_aside(found)
        self._ints[aside] = self._ints.get(aside, 0) + 1
        if self._ints[aside] <= STATIC_INTS or self._static_numbers >= {int}:
            return found
        self._varying = self._varying | int_positions(found)
        return signature(args, kwargs, self._varying, float in self._static_numbers)

    # --- recording -------------------------------------------------------------------------------
    def _record(self, spec: Specialisation, found: Signature, args: Any, kwargs: Any) -> Any:
        """Run f once on traced values; its result is this call's, the program is the next ones'."""
        started = time.perf_counter()
        try:
            return self._recorded(spec, found, args, kwargs)
        finally:
            self.compile_seconds += time.perf_counter() - started

    def _recorded(self, spec: Specialisation, found: Signature, args: Any, kwargs: Any) -> Any:
        level = CompileLevel(self._limit)
        before = random_state(spec.captured.generators)
        _recording.depth = getattr(_recording, "depth", 0) + 1
        try:
            traced = [level.lift(leaf) for leaf in found.inputs]
            marks = [t.mark for t in traced]
            leaves = list(found.leaves)
            for position, t in zip(found.positions, traced):
                leaves[position] = t
            given, named = tree.unflatten(found.structure, leaves)
            with level.errors():
                result = run(self._f, given, named)
        except Exception as error:
            return self._failed(spec, found, level, error, args, kwargs)
        finally:
            level.close()
            _recording.depth -= 1
        if level.aborted:  # f has caught the exception that was to end the run
            self._refused(spec, level)
            return self._f(*args, **kwargs)
        if any(t.mark is not mark for t, mark in zip(traced, marks)):
            level.refuse("f writes into its arguments")
            self._refused(spec, level)
            return self._f(*args, **kwargs)
        outs, structure = tree.flatten(result)
        if any(is_traced(out) and out.level is not level for out in outs):
            raise Refused("the result belongs to another transform")
        nodes = [out.mark if type(out) is Traced else out for out in outs]
        values = [plain(out.value) if type(out) is Traced else out for out in outs]
        if random_state(spec.captured.generators) != before:
            level.refuse("f draws random numbers: draw them outside, and pass them in")
        changed = spec.captured.settle()
        if changed is not None and not level.refusal:
            # Once or twice it may be something that f makes when it first needs it.
            spec.renewals += 1
            self.reason = f"f changes {describe(changed)} while it runs: return the new value instead"
            if spec.renewals > MOST_FIRST_USES:
                level.refuse(self.reason)
            spec.captured = Captured([] if level.refusal else [self._f, *found.static])
        elif not level.refusal:
            for array in level.shared():
                spec.captured.watch(array)
            try:
                self._compile(spec, Recorded(level, marks, found.inputs, nodes, values, structure))
            except Exception as error:  # never the caller's trouble: f itself answers
                level.refuse(f"compiling failed: {type(error).__name__}: {error}")
        if level.refusal:
            self._refused(spec, level)
        self._last = spec
        own = [np.array(value, order="K") if isinstance(value, np.ndarray) else value for value in values]
        return tree.unflatten(structure, own)

    def _failed(self, spec: Specialisation, found: Signature, level: CompileLevel, error: Exception,
                args: Any, kwargs: Any) -> Any:
        """f raised while it was recorded: its own doing, or that of a value being traced?"""
        for kind in (int, float):  # math.sin(x), np.zeros(n): the number's value is part of the program
            if isinstance(error, (DiffkitError, TypeError)) and any(type(leaf) is kind for leaf in found.inputs):
                self._static_numbers |= {kind}
                self._varying = self._varying if kind is float else frozenset()
                return self._find_locked(args, kwargs, None)
        if not isinstance(error, Refused):
            what = error.what if isinstance(error, DiffkitError) else f"{type(error).__name__}: {error}"
            level.refuse(f"recording f failed: {what}")
        result = self._f(*args, **kwargs)  # an error of f's own comes out here, as it is
        self._refused(spec, level)
        return result

    def _refused(self, spec: Specialisation, level: CompileLevel) -> None:
        """Remember that this path has no program."""
        self.reason = level.refusal
        answers = tuple(question.key for question in level.questions if not is_nan_question(question))
        if spec.branches.root is None:
            answers = ()
        spec.branches.add(Branch(answers, None, reason=level.refusal))
        self._last = spec

    def _compile(self, spec: Specialisation, recorded: Recorded) -> None:
        level = recorded.level
        level.questions = [q for q in level.questions if not (is_nan_question(q) and q.node.dtype is None)]
        if any(is_nan_question(q) and q.answer for q in level.questions):
            level.refuse("a derivative came out as NaN, which f itself looks into")
            return
        level.questions.sort(key=is_nan_question)
        made = program_of(recorded, self._native, self._check, self._exact)
        if made.function is None:
            level.refuse(made.reason)
            return
        self.reason = made.reason or self.reason
        answers = tuple(q.key for q in level.questions if not is_nan_question(q))
        spec.branches.add(Branch(answers, made.function, made.source))


STANDS_FOR[Compiled] = "_f"


def _unpack(found: Signature, owner: Compiled) -> Callable[[Any, Any], list[Any] | None]:
    """The arguments' inputs if the signature is this one, by source where the containers are plain."""
    made = Unpack(found)
    if made.is_plain:
        exec(compile_text(made.source, "<diffkit arguments>"), made.namespace)
        return made.namespace["unpack"]  # type: ignore[no-any-return]

    def unpack(args: Any, kwargs: Any) -> list[Any] | None:
        try:
            other = signature(args, kwargs, owner._varying, float in owner._static_numbers)
        except Refused:
            return None
        return other.inputs if other.key == found.key else None

    return unpack


def compile(f: Callable[..., Any], backend: str = "numpy", check: bool = True, limit: int = 200_000,
            exact: bool = False) -> Compiled:
    """f as NumPy source, recorded once for each signature and path.

    Parameters
    ----------
    f : callable
        Any composition: a function, ``grad(f)``, ``hessian(f)``, a whole training step.  It must be a
        function of its arguments and of what it captures; effects happen when it is recorded.
    backend : {"numpy", "numba"}
        Who runs the program: NumPy, call by call; or machine code (LLVM, through numba's llvmlite) for all that is
        elementwise, reduced or written, with NumPy for the rest.
    check : bool
        Compare each program's first result with f's.
    limit : int
        Operations in one recording (each turn of a loop counts), beyond which f itself is called.
    exact : bool
        Only what keeps every bit of f's results: no sum in another order, no function of Python's for one of NumPy's.
        Machine code does not.

    Returns
    -------
    Compiled
        Call it as f.  ``.source`` is the program, ``.reason`` says why f itself was called last.
        Results are fresh plain arrays in f's containers.

    Raises
    ------
    CompileError
        (a ValueError) an unknown backend, or exact machine code.
    MissingPackageError
        (an ImportError) llvmlite is not installed.

    Notes
    -----
    Arrays and floats among the arguments' leaves are inputs; ints, strings, callables and the like are
    part of the signature.  Called on values that a transform is differentiating, f itself runs.

    Examples
    --------
    >>> import numpy as np, diffkit as dk
    >>> g = compile(dk.grad(lambda x: np.sum(np.sin(x) * x)))
    >>> g(np.array([0.0, 1.0]))
    array([0.        , 1.38177329])
    >>> "cos" in g.source
    True
    """
    if backend not in ("numpy", "numba"):
        raise CompileError(f"there is no backend {backend!r}", 'backend="numpy" or backend="numba"')
    if not callable(f):
        raise InputError(f"compile takes a function, not a {type(f).__name__}", "dk.compile(f)(x)")
    if backend == "numba":
        if exact:
            raise CompileError("machine code rounds otherwise than NumPy", 'exact=True with backend="numpy"')
        native.engine()
    return Compiled(f, check, limit, backend == "numba", exact)
