"""Is an instance fit for a general solver? What is not gets a sentence that names field, entry and value."""

from __future__ import annotations

import numpy as np

from autonomy.solvers.allocation import CELL_ROWS, LEAST, Allocation, Hierarchy, Matrix
from autonomy.solvers.general.checked import bounds_fault, fault_at
from autonomy.solvers.general.limits import LARGEST

NAMES = ("weight", "centre", "lower", "upper", "drop", "lift")
"""The rows of `Allocation.cells` that must be finite, as sentences name them."""


def fault_in(problem: Allocation, hierarchy: Hierarchy) -> str:
    """Return what is wrong with an instance of a hierarchy; empty when nothing is."""
    with np.errstate(all="ignore"):
        return (
            shape_fault(problem, hierarchy)
            or _price_fault(problem)
            or _cells_fault(problem.cells)
            or bounds_fault("total_lower", problem.bounds[0], "total_upper", problem.bounds[1])
            or (bounds_fault("least", problem.least, "most", problem.most) if len(problem.cells) > LEAST else "")
        )


def shape_fault(problem: Allocation, hierarchy: Hierarchy) -> str:
    """Return how the arrays of an instance do not fit a hierarchy; empty when they do."""
    n, groups = hierarchy.n_cells, hierarchy.n_groups
    if np.shape(problem.cells) not in ((LEAST, n), (len(CELL_ROWS), n)):
        return f"cells has the shape {np.shape(problem.cells)}: expected ({LEAST}, {n}) or ({len(CELL_ROWS)}, {n})"
    if np.shape(problem.bounds) != (2, groups):
        return f"bounds has the shape {np.shape(problem.bounds)}: expected (2, {groups})"
    return ""


def _price_fault(problem: Allocation) -> str:
    for name in ("drop_price", "lift_price", "smoothing"):
        price = getattr(problem.relief, name)
        if not 0 <= price <= LARGEST:
            return f"{name} = {price}: expected a number from 0 to {LARGEST:g}"
    return ""


def _cells_fault(cells: Matrix) -> str:
    good = np.abs(cells[:LEAST]) <= LARGEST
    if not good.all():
        row = int(np.flatnonzero(~good.all(axis=1))[0])
        return fault_at(NAMES[row], cells[row], good[row], f"a number within ±{LARGEST:g}")
    weight, _, lower, upper, drop, lift = cells[:LEAST]
    return (
        fault_at("weight", weight, weight > 0, "a number > 0")
        or fault_at("lower", lower, lower <= upper, "at most upper")
        or fault_at("drop", drop, drop >= 0, "a number >= 0")
        or fault_at("lift", lift, lift >= 0, "a number >= 0")
    )
