"""The program over a horizon as a sparse quadratic program, for any general solver.

Columns: x, u, v of the N cells; x of the later steps (H, S); levels (H + 1, S); missing (H, G). Rows: one for filling
and one for draining every store at every step, (H + 1, S) each; the N cells' sums; the G sums of the first step; the
sums of the later steps (H, G); ramps (H, S) if there are any.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.solvers.allocation import CENTRE, DROP, LIFT, LOWER, UPPER, Index, Status, Vector
from autonomy.solvers.horizon.program import HorizonProgram, HorizonSolution, HorizonStructure
from autonomy.solvers.quadratic import QuadraticSetup, QuadraticStructure, QuadraticValues


class Columns(NamedTuple):
    """Column numbers by meaning."""

    first: Index
    given: Index
    level: Index
    missing: Index

    @property
    def total(self) -> int:
        """Number of columns."""
        return int(sum(block.size for block in self))


class Rows(NamedTuple):
    """Row numbers by meaning."""

    fill: Index
    drain: Index
    cell: Index
    group: Index
    need: Index
    ramp: Index

    @property
    def total(self) -> int:
        """Number of rows."""
        return int(sum(block.size for block in self))


def columns(structure: HorizonStructure) -> Columns:
    """Return the column numbers."""
    steps, stores, cells = structure.steps, structure.n_stores, structure.hierarchy.n_cells
    shapes = (3, cells), (steps, stores), (steps + 1, stores), (steps, structure.hierarchy.n_groups)
    return Columns(*_numbered(shapes))


def rows(structure: HorizonStructure) -> Rows:
    """Return the row numbers."""
    steps, stores, tree = structure.steps, structure.n_stores, structure.hierarchy
    path, ramps = (steps + 1, stores), (steps if structure.has_ramps else 0, stores)
    return Rows(*_numbered((path, path, (1, tree.n_cells), (1, tree.n_groups), (steps, tree.n_groups), ramps)))


def state(structure: HorizonStructure) -> QuadraticStructure:
    """Return the part that is known at setup."""
    column, row = columns(structure), rows(structure)
    path = np.vstack([column.first[0][structure.cell], column.given])
    groups = _groups_above(structure)
    entries: list[tuple[Index, Index, Vector]] = []

    def put(where: Index, which: Index, value: Vector | float) -> None:
        where, which, values = np.broadcast_arrays(where, which, value)
        entries.append((where.ravel(), which.ravel(), values.ravel().astype(np.float64)))

    for side, slope in ((row.fill, structure.fill), (row.drain, structure.drain)):
        put(side, path, slope)
        put(side, column.level, 1.0)
        put(side[1:], column.level[:-1], -1.0)
    for block, sign in zip(column.first, (1.0, -1.0, 1.0), strict=True):
        put(row.cell[0], block, sign)
        for group, cell in zip(*groups, strict=True):
            put(row.group[0, group], block[cell], sign)
    store_of = {int(cell): store for store, cell in enumerate(structure.cell)}
    for group, cell in zip(*groups, strict=True):
        if int(cell) in store_of:
            put(row.need[:, group], column.given[:, store_of[int(cell)]], 1.0)
    put(row.need, column.missing, 1.0)
    if structure.has_ramps:
        put(row.ramp, path[1:], 1.0)
        put(row.ramp, path[:-1], -1.0)
    where, which, value = (np.concatenate(part) for part in zip(*entries, strict=True))
    order = np.lexsort((where, which))
    curvature = np.zeros(column.total)
    curvature[column.first[0]] = structure.weight
    curvature[column.first[1:]] = structure.smoothing
    counts = np.bincount(which, minlength=column.total)
    return QuadraticStructure(
        curvature=curvature,
        starts=np.concatenate([[0], np.cumsum(counts)]),
        rows=where[order],
        entries=value[order],
        n_rows=row.total,
    )


def values(structure: HorizonStructure, program: HorizonProgram) -> QuadraticValues:
    """Return one instance; every column has finite bounds, so that any row multipliers prove a lower bound.

    What may be missing is bounded by what is needed beyond all stores taking at their largest rate, which no
    minimiser exceeds.
    """
    column, row, first = columns(structure), rows(structure), program.first
    linear, lower, upper = np.zeros((3, column.total))
    cells, relief = first.cells, first.relief
    linear[column.first] = np.array([-cells[0] * cells[CENTRE], 0 * cells[0] + relief.drop_price, 0 * cells[0]])
    linear[column.first[2]] = relief.lift_price
    lower[column.first[0]], upper[column.first[0]] = cells[LOWER], cells[UPPER]
    upper[column.first[1]], upper[column.first[2]] = cells[DROP], cells[LIFT]
    lower[column.given], upper[column.given] = program.lower, program.upper
    lower[column.level], upper[column.level] = program.floor, program.ceiling
    linear[column.missing] = program.price
    upper[column.missing] = most_missing(structure, program)
    row_lower, row_upper = np.full((2, row.total), -np.inf)
    for side in (row.fill, row.drain):
        row_upper[side] = 0.0
        row_upper[side[0]] = program.level
    # A row without any bound upsets some solvers; a bound that the boxes imply changes nothing.
    row_lower[row.cell] = np.where(np.isfinite(first.least), first.least, cells[LOWER] - cells[DROP] - 1.0)
    row_upper[row.cell] = np.where(np.isfinite(first.most), first.most, cells[UPPER] + cells[LIFT] + 1.0)
    row_lower[row.group], row_upper[row.group] = first.bounds
    row_lower[row.need], row_upper[row.need] = program.need, np.inf
    row_lower[row.ramp], row_upper[row.ramp] = -structure.ramp, structure.ramp
    return QuadraticValues(linear=linear, lower=lower, upper=upper, row_lower=row_lower, row_upper=row_upper)


def most_missing(structure: HorizonStructure, program: HorizonProgram) -> Vector:
    """Return (H, G) the most that could sensibly be missing: the need, and all that the stores below could take."""
    taken = np.zeros((structure.steps, structure.hierarchy.n_cells))
    taken[:, structure.cell] = program.lower
    totals = np.array([structure.hierarchy.totals(row) for row in taken])
    most: Vector = np.maximum(program.need - totals, 0.0)
    return most


class SparseHorizon:
    """Solves the program with any general solver of sparse quadratic programs."""

    def __init__(self, structure: HorizonStructure, setup: QuadraticSetup) -> None:
        self.structure = structure
        self.statement = state(structure)
        self._columns = columns(structure)
        self._solver = setup(self.statement)

    def solve(self, program: HorizonProgram, *, deadline_s: float | None = None) -> HorizonSolution:  # noqa: ARG002
        """Return the solver's answer; general solvers cannot be stopped, so `deadline_s` is the caller's to check."""
        answer = self._solver.solve(values(self.structure, program))
        x, column = answer.x, self._columns
        return HorizonSolution(
            point=x[column.first],
            given=x[column.given],
            level=x[column.level],
            missing=x[column.missing],
            row_multipliers=answer.row_multipliers,
            status=answer.status if answer.status is Status.SOLVED else Status.FAILED,
            message=answer.message,
        )


def _numbered(shapes: tuple[tuple[int, int], ...]) -> list[Index]:
    """Return consecutive numbers in arrays of the given shapes."""
    ends = np.cumsum([a * b for a, b in shapes])
    return [np.arange(end - a * b, end).reshape(a, b) for end, (a, b) in zip(ends, shapes, strict=True)]


def _groups_above(structure: HorizonStructure) -> tuple[Index, Index]:
    """Return every pair of a group and a cell below it."""
    tree = structure.hierarchy
    group, cell, pairs = tree.group_of.copy(), np.arange(tree.n_cells), list[tuple[Index, Index]]()
    while group.size:
        pairs.append((group, cell))
        group = tree.parent[group]
        group, cell = group[group >= 0], cell[group >= 0]
    return np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])
