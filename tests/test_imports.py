"""The import direction of the house, and what `import diffkit` costs.

Top may import bottom, never the reverse; siblings do not import each other.
"""

import ast
import pathlib
import subprocess
import sys

import pytest

import diffkit

ROOT = pathlib.Path(diffkit.__file__).parent

# From the bottom up: a module may import modules of lower floors, and of its own package.
FLOORS = [
    {"errors", "tree"},
    {"rules", "numeric", "quiet"},
    {"levels", "refusals", "tape", "keeping"},
    {"printed"},
    {"traced"},
    {"buffers", "masked"},
    {"dual", "series", "recording", "arguments", "batching"},
    {"reverse", "exact", "sparsity", "drawing", "blame"},
    {"symbolic"},
    {"transforms", "custom", "compiling", "numpy"},
    {"selftest", "scipy"},
    {"comparison", "expressions"},
    {"candidates", "pitfalls", "strategies", "targets", "testing"},
    {"nn", "optim", "schedules"},
    {"train"},
    {"lectures"},
    {"cli", "pytest_plugin"},
    {"__main__"},
]
# What a floor may not see although it lies below: independence of the sources of truth.
FORBIDDEN = {
    "numeric": {"rules", "traced", "dual", "recording", "reverse"},
    "rules": {"numeric", "traced", "symbolic"},
    "symbolic": {"numeric", "dual", "reverse"},
    "exact": {"numeric", "dual", "reverse"},
    "nn": {"rules", "traced", "dual", "recording", "reverse"},
    "optim": {"rules", "traced", "dual", "recording", "reverse", "transforms"},
    "train": {"rules", "traced", "dual", "recording", "reverse"},
}


def part_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports(path: pathlib.Path) -> set[tuple[str, bool]]:
    """(part imported, whether inside a function) of every import of diffkit in a file."""
    found = set()
    tree = ast.parse(path.read_text())
    inside = {id(node) for function in ast.walk(tree) if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
              for node in ast.walk(function)}
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
            if node.module == "diffkit":
                names = [f"diffkit.{alias.name}" for alias in node.names]
        found |= {(part_of(name), id(node) in inside) for name in names if name.split(".")[0] == "diffkit"}
    return found


def files() -> list[pathlib.Path]:
    return sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def own_part(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def floor_of(part: str) -> int:
    for number, floor in enumerate(FLOORS):
        if part in floor:
            return number
    raise AssertionError(f"diffkit.{part} stands on no floor: add it to FLOORS")


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_point_down(path: pathlib.Path) -> None:
    own = own_part(path)
    for part, inside_function in imports(path):
        if part in ("", own):
            continue
        assert part not in FORBIDDEN.get(own, ()), f"{path} must stay independent of diffkit.{part}"
        if own == "cli":
            continue
        assert floor_of(part) < floor_of(own) or (inside_function and floor_of(part) <= floor_of(own)), (
            f"{path} (floor {floor_of(own)}) imports diffkit.{part} (floor {floor_of(part)})")


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_the_core_imports_numpy_alone() -> None:
    loaded = run("import sys, numpy; before = set(sys.modules); import diffkit; diffkit.grad(lambda x: x * x)(1.0); "
                 "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))").split()
    packages = {name for name in loaded if not name.startswith("_") and name not in sys.stdlib_module_names}
    assert packages - {"numpy"} == {"diffkit"}  # np.fft is one of NumPy's lazy modules


@pytest.mark.parametrize("heavy", ["sympy", "scipy", "matplotlib", "mpmath", "rich"])
def test_a_gradient_needs_no_heavy_package(heavy: str) -> None:
    code = (f"import sys; sys.modules[{heavy!r}] = None; import numpy as np, diffkit as dk; "
            "print(dk.grad(lambda x: np.sum(x * x))(np.ones(2)))")
    assert run(code).strip() == "[2. 2.]"


def test_rarer_families_are_loaded_at_the_first_miss_also_inside_a_run_and_beside_another_thread() -> None:
    # np.cumsum is replaced while a transform runs: the family must register NumPy's own.
    code = """
import threading, numpy as np, diffkit as dk
inside, done = threading.Event(), threading.Event()
def hold(x):
    inside.set(); done.wait(20)
    return x
thread = threading.Thread(target=lambda: dk.grad(hold)(1.0)); thread.start(); inside.wait(20)
print(dk.grad(lambda x: np.sum(np.cumsum(x)))(np.ones(3)), dk.grad(np.median)(np.arange(3.0)))
done.set(); thread.join()
print(dk.grad(lambda x: np.sum(np.cumsum(x)))(np.ones(3)), np.cumsum.__module__)
"""
    assert run(code).splitlines() == ["[3. 2. 1.] [0. 1. 0.]", "[3. 2. 1.] numpy"]
