"""LLVM: assembly to machine code, kept on disk.

llvmlite (numba's code generator) parses the assembly, optimises it for this processor and links it
into the process.  The object file is kept in a cache folder under a hash of the assembly, LLVM's version and
the processor, so that another process links it without compiling; files are written under a
temporary name and renamed, so processes may share the folder.

The folder is ``$DIFFKIT_CACHE``, else ``diffkit`` in ``$XDG_CACHE_HOME`` or ``~/.cache``; where it
can't be written, nothing is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

from diffkit.errors import require

#: The loops are written as vectors already: what is left to do is to keep variables in registers and to
#: drop what is computed twice.  (LLVM's standard pipeline takes ten times as long, and adds nothing here.)
_PASSES = ("sroa", "instruction_combine", "simplify_cfg", "new_gvn", "aggressive_dce")
_lock = threading.Lock()
_engines: list[Any] = []


def binding() -> Any:
    """llvmlite's binding to LLVM."""
    try:
        import llvmlite.binding as llvm
    except ImportError as error:
        raise require("llvmlite", "numba", 'backend="numba" (LLVM, numba\'s code generator)') from error
    return llvm


def cache_folder() -> Path:
    """Where object files are kept."""
    given = os.environ.get("DIFFKIT_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "diffkit"


class Engine:
    """One processor's code generator; ``load`` gives the address of a function."""

    def __init__(self) -> None:
        llvm = binding()
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.llvm = llvm
        features = llvm.get_host_cpu_features()
        self.has_fma = bool(features.get("fma")) or "aarch64" in llvm.get_default_triple()
        self.has_scale = bool(features.get("avx512f"))
        self.processor = f"{llvm.get_host_cpu_name()} {features.flatten()}"
        wide = {"prefer-256-bit": False} if features.get("avx512f") else {}
        flags = features.flatten() + "".join(f",{'+' if on else '-'}{name}" for name, on in wide.items())
        self.machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(), features=flags, opt=2, reloc="default", codemodel="jitdefault", jit=True)
        self.linked = llvm.create_mcjit_compiler(llvm.parse_assembly(""), self.machine)
        self.linked.set_object_cache(self._keep, self._kept)
        self._pending: bytes | None = None
        self._made: bytes = b""

    def load(self, assembly: str) -> tuple[int, bool]:
        """The address of the function that ``assembly`` calls NAME, and whether its code was there already."""
        digest = hashlib.sha256("\n".join(
            [assembly, self.processor, str(self.llvm.llvm_version_info)]).encode()).hexdigest()
        symbol = f"diffkit_{digest[:24]}"
        with _lock:
            known = self.linked.get_function_address(symbol)
            if known:
                return known, True
            path = cache_folder() / f"{digest}.o"
            self._pending = _read(path)
            was_kept = self._pending is not None
            module = self.llvm.parse_assembly(assembly.replace("NAME", symbol))
            module.verify()
            module.name = symbol
            module.triple = self.machine.triple
            module.data_layout = str(self.machine.target_data)
            if not was_kept:
                self._optimise(module)
            self._made = b""
            self.linked.add_module(module)
            self.linked.finalize_object()
            address = self.linked.get_function_address(symbol)
            if self._made:
                _write(path, self._made)
            return address, was_kept

    def _optimise(self, module: Any) -> None:
        builder = self.llvm.create_pass_builder(self.machine, self.llvm.create_pipeline_tuning_options())
        passes = self.llvm.create_new_module_pass_manager()
        for name in _PASSES:
            getattr(passes, f"add_{name}_pass")()
        passes.run(module, builder)

    def _keep(self, module: Any, code: bytes) -> None:
        self._made = code

    def _kept(self, module: Any) -> bytes | None:
        return self._pending


def engine() -> Engine:
    """The process's engine."""
    with _lock:
        if not _engines:
            _engines.append(Engine())
        return _engines[0]  # type: ignore[no-any-return]


def _read(path: Path) -> bytes | None:
    """A kept object, if it is whole: its checksum stands before it."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    code = content[32:]
    return code if hashlib.sha256(code).digest() == content[:32] else None


def _write(path: Path, code: bytes) -> None:
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(code).digest() + code)
        os.replace(temporary, path)
