"""What a function reads besides its arguments, and whether that is still what it was.

A program is recorded once and replayed, so whatever f found outside of its arguments (an array of
its closure, a global number, an attribute of ``self``) is part of the program.  Here these
*bindings* are found by walking from f through closures, defaults, the globals that its code
names, functions called from there, containers and attributes, and each becomes a check:

    a binding       the same object as before, or an equal number or string
    a container     the same items
    an array        the same bits (compared with a copy at every call)

so that nothing stale can be replayed.  An array that nobody can write to
(``a.flags.writeable = False``, on what it is a view of too) costs nothing; a large one that is
writeable costs a pass over it, which passing it as an argument spares.

What f itself adds while it is recorded (to a list, under a new key) is an effect, not an input: it is not
checked, and happens when f runs, that is at recording.  What f changes (a counter, the entries of an
array) may be read as well: then f is not replayed.
"""

from __future__ import annotations

import functools
import os
import random
import sys
import sysconfig
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from diffkit.compiling.checks import unchanged_of
from diffkit.compiling.recording import Refused, frozen_copy, is_same
from diffkit.keeping import is_frozen

#: More bindings than this can't be checked at each call.
LIMIT = 2000
_ATOMS = (int, float, complex, bool, str, bytes, type(None))
_LIBRARIES = tuple(os.path.abspath(sysconfig.get_paths()[name]) + os.sep for name in ("stdlib", "purelib", "platlib"))
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

#: Of a compiled function, the attribute that its caller's program depends on: not the programs that it keeps.
STANDS_FOR: dict[type, str] = {}

Check = tuple[str, Any, Any, Any]  #: kind, container, key, what is expected


def is_library(path: str | None) -> bool:
    """Whether a source file is Python's own, an installed package's or diffkit's: it is taken as fixed."""
    return path is None or path.startswith((_PACKAGE, "<frozen", *_LIBRARIES))


class Captured:
    """All checks for what is reachable from ``roots``; raises Refused where there are too many."""

    def __init__(self, roots: Iterable[Any]) -> None:
        self.checks: list[Check] = []
        self.generators: list[Any] = []
        self._seen: dict[int, Any] = {}
        self.is_unchanged: Callable[[], bool] = self._first_look  # quick: says no too where things are only equal
        for root in roots:
            self._walk(root)

    # --- finding -----------------------------------------------------------------------------
    def _add(self, kind: str, container: Any, key: Any, expected: Any) -> None:
        self.checks.append((kind, container, key, expected))
        if len(self.checks) > LIMIT:
            raise Refused(f"f reaches more than {LIMIT} values outside of its arguments, "
                          "too many to check at each call")

    def _bind(self, names: dict[str, Any], name: str) -> None:
        self._add("name", names, name, names[name])
        self._walk(names[name])

    def _walk(self, value: Any) -> None:
        kind = type(value)
        if kind in _ATOMS or isinstance(value, (np.generic, np.dtype)) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, np.ndarray):
            if not is_frozen(value):
                self.watch(value)
        elif kind is types.FunctionType:
            self._function(value)
        elif kind is types.MethodType:
            self._walk(value.__self__)
            self._walk(value.__func__)
        elif isinstance(value, functools.partial):
            for part in (value.func, value.args, value.keywords):
                self._walk(part)
        elif isinstance(value, (list, tuple, set, frozenset)):
            items = tuple(value)
            if not isinstance(value, (tuple, frozenset)):
                self._add("items", value, None, items)
            for item in items:
                self._walk(item)
            self._attributes(value)
        elif isinstance(value, dict):
            self._mapping(value)
            self._attributes(value)
        elif isinstance(value, (np.random.Generator, np.random.RandomState, random.Random)):
            self.generators.append(value)
        elif isinstance(value, type):
            self._class(value)
        elif kind in STANDS_FOR:
            self._walk(getattr(value, STANDS_FOR[kind]))
        elif not isinstance(value, (types.ModuleType, types.BuiltinFunctionType, np.ufunc)):
            self._attributes(value)

    def _mapping(self, value: Any) -> None:
        items = tuple(dict(value).items())  # a copy at once: another thread may add to it
        self._add("mapping", value, None, items)
        for _, item in items:
            self._walk(item)

    def watch(self, array: Any) -> None:
        """Compare this array's entries at each call."""
        small = array.nbytes <= 4096 and array.dtype.kind != "O"
        self.is_unchanged = self._first_look
        self._add("small" if small else "array", array, (array.shape, array.dtype, array.strides),
                  array.tobytes() if small else frozen_copy(array))

    def _function(self, function: Any) -> None:
        for cell in function.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:
                continue
            self._add("cell", cell, None, content)
            self._walk(content)
        self._walk(function.__defaults__ or ())
        if function.__kwdefaults__:
            self._mapping(function.__kwdefaults__)
        if is_library(function.__code__.co_filename):
            return
        names = function.__globals__
        read = _names_of(function.__code__)
        for name in read:
            if name in names:
                self._bind(names, name)
                module = names[name]
                if type(module) is types.ModuleType and not _is_library_module(module):
                    for attribute in read:
                        if attribute in module.__dict__:
                            self._bind(module.__dict__, attribute)
        if function.__dict__:
            self._mapping(function.__dict__)

    def _class(self, cls: Any) -> None:
        if _is_library_module(sys.modules.get(cls.__module__)):
            return
        for base in cls.__mro__[:-1]:
            for name, value in tuple(base.__dict__.items()):
                if not name.startswith("__") or name == "__call__":
                    self._add("attribute", base, name, value)
                    self._walk(value.__func__ if isinstance(value, (staticmethod, classmethod)) else
                               value.fget if isinstance(value, property) else value)

    def _attributes(self, value: Any) -> None:
        names = getattr(value, "__dict__", None)
        if type(names) is dict:
            self._mapping(names)
        for cls in type(value).__mro__:
            slots = cls.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                    self._add("attribute", value, name, getattr(value, name))
                    self._walk(getattr(value, name))
        self._walk(type(value))

    # --- checking ----------------------------------------------------------------------------
    def changed(self) -> Check | None:
        """The first check that fails, or None."""
        return None if self.is_unchanged() else next(filter(_fails, self.checks), None)

    def _first_look(self) -> bool:
        others = [check for check in self.checks if check[0] in _CHECKS]
        self.is_unchanged = unchanged_of(self.checks, lambda: not any(map(_fails, others)))
        return self.is_unchanged()

    def settle(self) -> Check | None:
        """The first thing that f changed while it ran; a list that it only added to is not checked any more."""
        failed = [check for check in self.checks if _fails(check)]
        self.checks = [check for check in self.checks if not any(check is other for other in failed)]
        self.is_unchanged = self._first_look
        changed = next((check for check in failed if not _has_grown(check)), None)
        if changed is None:
            for kind, container, _, _ in failed:
                if kind == "mapping":
                    self._mapping(container)  # what was added may be read the next time
        return changed


_MISSING = object()


def _fails(check: Check) -> bool:
    kind, container, key, expected = check
    if kind == "name":
        found = container.get(key, _MISSING)
    elif kind == "cell":
        try:
            found = container.cell_contents
        except ValueError:
            return True
    elif kind == "small":
        return bool(container.tobytes() != expected
                    or (container.shape, container.dtype, container.strides) != key)
    else:
        return not _CHECKS[kind](container, key, expected)
    return found is not expected and not _equal(found, expected)


def _has_grown(check: Check) -> bool:
    """Whether a container holds what it held before, first, and more."""
    kind, container, _, expected = check
    if kind == "items" and isinstance(container, list):
        return len(container) > len(expected) and all(a is b or _equal(a, b) for a, b in zip(container, expected))
    if kind == "mapping":
        return len(container) > len(expected) and all(
            key in container and (container[key] is value or _equal(container[key], value))
            for key, value in expected)
    return False


def _equal(a: Any, b: Any) -> bool:
    """Equal numbers or strings: all that may differ in identity without being another value."""
    if type(a) is not type(b):
        return False
    if isinstance(a, _ATOMS):
        return repr(a) == repr(b)
    if isinstance(a, np.generic):
        return bool(a.dtype == b.dtype and a.tobytes() == b.tobytes())
    return isinstance(a, types.MethodType) and a.__self__ is b.__self__ and a.__func__ is b.__func__


def _same_items(container: Any, key: Any, expected: Any) -> bool:
    return len(container) == len(expected) and all(
        a is b or _equal(a, b) for a, b in zip(container, expected))


def _same_mapping(container: Any, key: Any, expected: Any) -> bool:
    return len(container) == len(expected) and all(
        a is k and (b is v or _equal(b, v)) for (a, b), (k, v) in zip(container.items(), expected))


def _same_attribute(container: Any, key: Any, expected: Any) -> bool:
    if isinstance(container, type):
        found = container.__dict__.get(key, _MISSING)
    else:
        found = getattr(container, key, _MISSING)
    return found is expected or _equal(found, expected)


def _same_array(container: Any, key: Any, expected: Any) -> bool:
    return (container.shape, container.dtype, container.strides) == key and is_same(container, expected)


_CHECKS: dict[str, Callable[[Any, Any, Any], bool]] = {
    "items": _same_items, "mapping": _same_mapping, "attribute": _same_attribute, "array": _same_array}


@functools.cache
def _names_of(code: types.CodeType) -> tuple[str, ...]:
    """The global and attribute names in a function's code and in the functions inside it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(_names_of(constant))
    return tuple(sorted(names))


def _is_library_module(module: Any) -> bool:
    if module is None:
        return True
    name: str = module.__name__
    if name.partition(".")[0] in sys.stdlib_module_names:
        return name != "__main__"
    path = getattr(module, "__file__", None)
    return path is not None and is_library(path)


def describe(check: Check) -> str:
    """What has changed, in words."""
    kind, container, key, expected = check
    if kind in ("name", "attribute"):
        return f"{key} (outside of f's arguments)"
    if kind in ("small", "array"):
        return f"the entries of a captured array of shape {key[0]}"
    return f"a captured {type(expected if kind == 'cell' else container).__name__}"


def random_state(generators: Iterable[Any]) -> list[Any]:
    """The states of NumPy's and Python's global generators and of those captured: drawing changes them."""
    state = np.random.get_state(legacy=False)
    states: list[Any] = [repr(state["state"]["pos"]), state["state"]["key"].tobytes(), random.getstate()]
    for generator in generators:
        if isinstance(generator, np.random.Generator):
            states.append(repr(generator.bit_generator.state))
        elif isinstance(generator, random.Random):
            states.append(generator.getstate())
        else:
            states.append(repr(generator.get_state(legacy=False)))
    return states
