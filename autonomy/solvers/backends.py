"""The projection backends by name: one file each, and this dictionary."""

from __future__ import annotations

from autonomy.solvers.allocation import Backend, Hierarchy, Setup
from autonomy.solvers.nested import NestedSolver


def _cvxpy(hierarchy: Hierarchy) -> Backend:
    from autonomy.solvers.cvxpy_backend import CvxpySolver  # noqa: PLC0415 - optional library

    return CvxpySolver(hierarchy)


BACKENDS: dict[str, Setup] = {"exact": NestedSolver, "cvxpy": _cvxpy}
