"""What the FMUs made here have in common: how they are packed with pythonfmu 0.7.0, and how variables are read.

The slave's class is made by a function of this package (`slave_class`), for pythonfmu is optional; the FMU's script is
two lines that call it, so an FMU runs in a Python that has this package (`needsExecutionTool`).
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autonomy.errors import OptionalDependencyError

COMMUNITY = "community.toml"
MEASURED_EACH = ("demand_kw", "pv_kw", "soc", "applied_battery_kw")
MEASURED_ONCE = ("retail_price", "feed_in_price", "feeder_kw")
ASKED_EACH = ("battery_kw", "trade_kw", "price_bid", "curtail_kw", "shed_kw", "generation_cap_kw", "load_cap_kw")
"""What controllers decide and plants execute: variables of the two connect name by name."""


def script(module: str, name: str) -> str:
    """Return an FMU's script: pythonfmu wants a class in a file of its own."""
    return f"from {module} import slave_class\n\n{name} = slave_class()\n"


def pack(name: str, text: str, files: Mapping[str, Callable[[Path], Any]], target: Path) -> Path:
    """Write an FMU and return its path.

    Args:
        name: The slave's class, and the FMU's name.
        text: The script.
        files: What else goes into the FMU: each file's name, and what writes it to a path.
        target: A folder.

    Raises:
        OptionalDependencyError: pythonfmu is not installed.
    """
    try:
        from pythonfmu import FmuBuilder  # noqa: PLC0415 - optional, and `import autonomy` must stay light
    except ImportError:
        raise OptionalDependencyError("an FMU", "fmi") from None
    module = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    paths = list(sys.path)
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / f"{module}.py"
        code.write_text(text, encoding="utf-8")
        for file, write in files.items():
            write(Path(folder) / file)
        # In a master that is Python itself, a second instance of pythonfmu's library crashes the process.
        alone = {"canBeInstantiatedOnlyOncePerProcess": True}
        try:
            added = [Path(folder) / file for file in files]
            return Path(FmuBuilder.build_FMU(code, dest=target, project_files=added, **alone))
        finally:
            # The builder imports the script, from a folder that is gone in a moment.
            sys.path[:] = paths
            sys.modules.pop(module, None)


def entry(table: dict[str, Any], name: str, i: int) -> dict[str, Any]:
    """Return how entry i of an array in a table is read and set, as pythonfmu's variables want it."""

    def put(value: float) -> None:
        table[name][i] = value

    return {"getter": lambda: float(table[name][i]), "setter": put}


def number(table: dict[str, Any], name: str) -> dict[str, Any]:
    """Return how a number in a table is read and set."""

    def put(value: float) -> None:
        table[name] = value

    return {"getter": lambda: float(table[name]), "setter": put}


def attribute(owner: Any, name: str) -> dict[str, Any]:
    """Return how an attribute is read and set."""
    return {"getter": lambda: getattr(owner, name), "setter": lambda value: setattr(owner, name, value)}
