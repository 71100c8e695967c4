"""The program as textbooks state it: charge and discharge of every battery and step are two numbers.

    e_k = e_{k−1} + fill·charge_k − drain·discharge_k,   Σ (discharge − charge) + m >= need,   x_0 = discharge − charge

One equation a battery and step instead of two inequalities, but nothing keeps both numbers from being positive at once:
the product charge·discharge = 0 is not convex. The optimum is the same as that of the form with one number (burning
energy by doing both is the same relaxation as throwing a level away), so answers can be compared. One limited sum.

Columns: x, u, v of the N cells; discharge and charge (H + 1, S) each; levels (H + 1, S); missing (H,). Rows: levels
(H + 1, S); x of the first step (S,); the N cells' sums; the sums of all steps (H + 1,).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Index, Vector
from autonomy.solvers.allocation import CENTRE, DROP, LIFT, LOWER, UPPER, WEIGHT
from autonomy.solvers.horizon.program import HorizonProgram, HorizonStructure
from autonomy.solvers.horizon.sparse import most_missing
from autonomy.solvers.quadratic import QuadraticStructure, QuadraticValues


class Blocks(NamedTuple):
    """Column numbers, then row numbers, by meaning."""

    first: Index
    discharge: Index
    charge: Index
    level: Index
    missing: Index
    balance: Index
    net: Index
    cell: Index
    total: Index


def blocks(structure: HorizonStructure) -> Blocks:
    """Return the numbers of columns and of rows, each counted from 0."""
    steps, stores, cells = structure.steps, structure.n_stores, structure.hierarchy.n_cells
    path = (steps + 1, stores)
    columns = _numbered(((3, cells), path, path, path, (steps,)))
    return Blocks(*columns, *_numbered((path, (stores,), (cells,), (steps + 1,))))


def state(structure: HorizonStructure) -> QuadraticStructure:
    """Return the part that is known at setup."""
    at = blocks(structure)
    entries: list[tuple[Index, Index, Vector]] = []

    def put(where: Index, which: Index, value: Vector | float) -> None:
        where, which, values = np.broadcast_arrays(where, which, value)
        entries.append((where.ravel(), which.ravel(), values.ravel().astype(np.float64)))

    put(at.balance, at.level, 1.0)
    put(at.balance[1:], at.level[:-1], -1.0)
    put(at.balance, at.discharge, structure.drain)
    put(at.balance, at.charge, -structure.fill)
    put(at.net, at.first[0, structure.cell], 1.0)
    put(at.net, at.discharge[0], -1.0)
    put(at.net, at.charge[0], 1.0)
    for block, sign in zip(at.first, (1.0, -1.0, 1.0), strict=True):
        put(at.cell, block, sign)
        put(at.total[:1], block, sign)
    put(at.total[1:, None], at.discharge[1:], 1.0)
    put(at.total[1:, None], at.charge[1:], -1.0)
    put(at.total[1:], at.missing, 1.0)
    where, which, value = (np.concatenate(part) for part in zip(*entries, strict=True))
    order, columns = np.lexsort((where, which)), int(at.missing[-1]) + 1
    curvature = np.zeros(columns)
    curvature[at.first[0]], curvature[at.first[1:]] = structure.weight, structure.smoothing
    return QuadraticStructure(
        curvature=curvature,
        starts=np.concatenate([[0], np.cumsum(np.bincount(which, minlength=columns))]),
        rows=where[order],
        entries=value[order],
        n_rows=int(at.total[-1]) + 1,
    )


def values(structure: HorizonStructure, program: HorizonProgram) -> QuadraticValues:
    """Return one instance; every column has finite bounds, as in the form with one number."""
    at, first = blocks(structure), program.first
    cells, relief = first.cells, first.relief
    linear, lower, upper = np.zeros((3, int(at.missing[-1]) + 1))
    linear[at.first[0]] = -cells[WEIGHT] * cells[CENTRE]
    linear[at.first[1]], linear[at.first[2]] = relief.drop_price, relief.lift_price
    linear[at.missing] = program.price
    lower[at.first[0]], upper[at.first[0]] = cells[LOWER], cells[UPPER]
    upper[at.first[1]], upper[at.first[2]] = cells[DROP], cells[LIFT]
    upper[at.discharge] = np.vstack([np.maximum(cells[UPPER, structure.cell], 0.0), program.upper])
    upper[at.charge] = np.vstack([np.maximum(-cells[LOWER, structure.cell], 0.0), -program.lower])
    lower[at.level], upper[at.level] = program.floor, program.ceiling
    upper[at.missing] = most_missing(structure, program)[:, 0]
    row_lower, row_upper = np.zeros((2, int(at.total[-1]) + 1))
    row_lower[at.balance[0]] = row_upper[at.balance[0]] = program.level
    row_lower[at.cell] = np.where(np.isfinite(first.least), first.least, cells[LOWER] - cells[DROP] - 1.0)
    row_upper[at.cell] = np.where(np.isfinite(first.most), first.most, cells[UPPER] + cells[LIFT] + 1.0)
    row_lower[at.total[0]], row_upper[at.total[0]] = first.bounds[:, 0]
    row_lower[at.total[1:]], row_upper[at.total[1:]] = program.need[:, 0], np.inf
    return QuadraticValues(linear=linear, lower=lower, upper=upper, row_lower=row_lower, row_upper=row_upper)


def _numbered(shapes: tuple[tuple[int, ...], ...]) -> list[Index]:
    """Return consecutive numbers in arrays of the given shapes."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    ends = np.cumsum(sizes)
    return [np.arange(end - size, end).reshape(shape) for end, size, shape in zip(ends, sizes, shapes, strict=True)]
