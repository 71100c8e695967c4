"""General solvers of sparse quadratic programs, one file each, behind `QuadraticSolver`.

`BARE` holds the solvers as they are: they trust their values (several call a program solved whose bound is NaN) and
what they answer is a claim. `GENERAL` holds the same behind `Checked`, which looks at the values before and at the
answer after. The libraries are loaded when a solver is set up.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from autonomy.solvers.general.checked import Checked
from autonomy.solvers.quadratic import QuadraticSetup, QuadraticSolver, QuadraticStructure

FILES = {
    "highs": "HighsSolver",
    "osqp": "OsqpSolver",
    "piqp": "PiqpSolver",
    "clarabel": "ClarabelSolver",
    "daqp": "DaqpSolver",
    "proxqp": "ProxqpSolver",
}
"""Name of each solver, which is also its file, and its class."""


def _bare(name: str, structure: QuadraticStructure) -> QuadraticSolver:
    setup: Callable[[QuadraticStructure], QuadraticSolver]
    setup = getattr(import_module(f"autonomy.solvers.general.{name}"), FILES[name])
    return setup(structure)


def _checked(name: str, structure: QuadraticStructure) -> QuadraticSolver:
    return Checked(structure, BARE[name])


BARE: dict[str, QuadraticSetup] = {name: partial(_bare, name) for name in FILES}
GENERAL: dict[str, QuadraticSetup] = {name: partial(_checked, name) for name in FILES}
