"""The house rules: who may import whom, what an import costs, and what a wheel brings along."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import autonomy

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "autonomy"
OPTIONAL = (
    "torch",
    "cvxpy",
    "pyomo",
    "gymnasium",
    "pettingzoo",
    "ray",
    "matplotlib",
    "stable_baselines3",
    "pandas",
    "pyarrow",
    "highspy",
    "dss",
    "power_grid_model",
    "pandapower",
    "simbench",
    "citylearn",
    "mosaik",
    "mosaik_api_v3",
    "helics",
    "fmpy",
    "pythonfmu",
    "pvlib",
    "z3",
    "cvc5",
    "onnx",
    "onnxruntime",
    "omlt",
    "fastapi",
    "starlette",
    "pydantic",
    "uvicorn",
    "websockets",
    "paho",
    "pymodbus",
)
LAYERS = ("intent", "projection", "supervision")


def imports_of(path: Path) -> list[tuple[str, bool]]:
    """Return (module, whether it is inside a function) for every import of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the layer they reach into"
            found += [(f"{node.module}.{alias.name}", id(node) in inside) for alias in node.names]
    return found


def files_below(folder: Path) -> list[Path]:
    files = sorted(folder.rglob("*.py"))
    assert files, f"no Python file below {folder}"
    return files


def reaches(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def test_solvers_know_nothing_but_numpy_and_optional_solvers():
    for path in files_below(PACKAGE / "solvers"):
        for module, _ in imports_of(path):
            assert not reaches(module, "autonomy") or reaches(module, "autonomy.solvers"), f"{path} imports {module}"


def test_no_word_of_energy_is_spoken_in_solvers():
    words = ("battery", "prosumer", "_kw", "tariff", "feeder", "charge")
    for path in files_below(PACKAGE / "solvers"):
        text = path.read_text(encoding="utf-8").lower()
        assert not [word for word in words if word in text], path


def test_layers_import_only_layers_solvers_numpy_and_the_standard_library():
    for path in files_below(PACKAGE / "layers"):
        for module, _ in imports_of(path):
            if reaches(module, "autonomy"):
                allowed = reaches(module, "autonomy.layers") or reaches(module, "autonomy.solvers")
                assert allowed, f"{path} imports {module}"
            else:
                top = module.partition(".")[0]
                assert top in sys.stdlib_module_names or top == "numpy", f"{path} imports {module}"


@pytest.mark.parametrize("layer", LAYERS)
def test_the_three_layers_do_not_import_each_other(layer):
    others = [f"autonomy.layers.{other}" for other in LAYERS if other != layer]
    for path in files_below(PACKAGE / "layers" / layer):
        for module, _ in imports_of(path):
            assert not any(reaches(module, other) for other in others), f"{path} imports {module}"


def test_the_shared_model_does_not_import_a_layer():
    for path in (PACKAGE / "layers").glob("*.py"):
        for module, _ in imports_of(path):
            assert not any(reaches(module, f"autonomy.layers.{layer}") for layer in LAYERS), f"{path} imports {module}"


def test_the_supervisor_calls_no_solver():
    for path in files_below(PACKAGE / "layers" / "supervision"):
        assert not any(reaches(module, "autonomy.solvers") for module, _ in imports_of(path)), path


def test_each_optional_library_is_imported_by_one_file_or_inside_functions():
    for path in files_below(PACKAGE):
        for module, inside in imports_of(path):
            top = module.partition(".")[0]
            # Environments, the report's figures, what trains and the service are themselves loaded only on demand.
            on_demand = path.parent.name in ("environments", "report", "gradient", "reinforcement", "web")
            # HiGHS is no optional library, only a slow one; linear.py is loaded by whoever needs an optimum.
            if top in OPTIONAL and top != "highspy" and not on_demand:
                assert inside, f"{path} imports {module} at the top"


def test_the_package_never_guards_with_assert():
    for path in files_below(PACKAGE):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Assert)], path


def test_importing_autonomy_is_light():
    code = f"import sys, json, autonomy; print(json.dumps([m for m in {OPTIONAL!r} if m in sys.modules]))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(out.stdout) == []


def test_the_public_names_are_there():
    for name in autonomy.__all__:
        assert getattr(autonomy, name) is not None
    designed = {
        "Community", "Network", "Observation", "Forecast", "Limits", "Intent", "Decision", "Mode", "Reason",
        "Controller", "CommunityEnv",
    }  # fmt: skip
    assert designed <= set(autonomy.__all__)


@pytest.mark.parametrize("name", ["layers", "solvers"])
def test_the_top_level_names_are_relative_links_into_the_package(name):
    link = ROOT / name
    assert link.is_symlink()
    assert str(link.readlink()) == f"autonomy/{name}"
    assert link.resolve() == (PACKAGE / name).resolve()


def test_files_stay_small():
    sizes = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in files_below(PACKAGE))
    assert sizes[len(sizes) // 2] < 150, "the median file grew past 150 lines"
    assert sum(size > 400 for size in sizes) <= 3, "more than a few files are over 400 lines"


def test_the_linter_looks_at_every_file_of_the_package():
    pytest.importorskip("ruff")
    words = [sys.executable, "-m", "ruff", "check", "--show-files", "."]
    seen = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT).stdout.splitlines()
    missed = set(files_below(PACKAGE)) - {Path(line) for line in seen}
    assert not missed, sorted(missed)
