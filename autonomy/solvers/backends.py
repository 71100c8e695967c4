"""The projection backends by name: one file each, and this dictionary."""

from __future__ import annotations

from autonomy.solvers.allocation import Backend, Hierarchy, Setup
from autonomy.solvers.nested import NestedSolver


def _cvxpy(hierarchy: Hierarchy) -> Backend:
    from autonomy.solvers.cvxpy_backend import CvxpySolver  # noqa: PLC0415 - optional library

    return CvxpySolver(hierarchy)


def _compiled(hierarchy: Hierarchy) -> Backend:
    from autonomy.solvers.compiled import CompiledSolver  # noqa: PLC0415 - loads Numba, and compiles the first time

    return CompiledSolver(hierarchy)


BACKENDS: dict[str, Setup] = {"exact": NestedSolver, "compiled": _compiled, "cvxpy": _cvxpy}
