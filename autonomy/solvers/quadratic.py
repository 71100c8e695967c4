"""Sparse convex quadratic programs with a diagonal curvature, and what every solver of them looks like.

    minimise    Σ_j h_j/2·x_j² + q_j·x_j
    subject to  lower <= x <= upper
                row_lower <= A x <= row_upper

The curvature h and the matrix A are the structure, known at setup: a solver factorises or orders them once. The rest
are the values of one instance. Multipliers follow one sign everywhere: > 0 where a lower bound binds, < 0 where an
upper bound binds, so that at the minimiser h·x + q = Aᵀ·row_multipliers + bound_multipliers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import numpy as np

from autonomy.solvers.allocation import Index, Status, Vector


@dataclass(frozen=True, kw_only=True, eq=False)
class QuadraticStructure:
    """What never changes between solves; A in compressed columns, row numbers ascending within a column.

    Attributes:
        curvature: (V,) h >= 0.
        starts: (V + 1,) first entry of each column of A.
        rows: (nnz,) row of each entry.
        entries: (nnz,) value of each entry.
        n_rows: Number of rows R.
    """

    curvature: Vector
    starts: Index
    rows: Index
    entries: Vector
    n_rows: int

    @property
    def n_columns(self) -> int:
        """Number of variables V."""
        return int(self.curvature.size)

    @cached_property
    def matrix(self) -> Any:
        """A as a `scipy.sparse.csc_matrix`; SciPy comes with every general solver."""
        from scipy.sparse import csc_matrix  # noqa: PLC0415 - optional, and slow to import

        return csc_matrix((self.entries, self.rows, self.starts), shape=(self.n_rows, self.n_columns))

    @cached_property
    def columns(self) -> Index:
        """(nnz,) column of each entry."""
        return np.repeat(np.arange(self.n_columns), np.diff(self.starts))

    def times(self, x: Vector) -> Vector:
        """Return (R,) A x."""
        rows = np.bincount(self.rows, weights=self.entries * x[self.columns], minlength=self.n_rows)
        return rows.astype(np.float64)

    def transposed_times(self, y: Vector) -> Vector:
        """Return (V,) Aᵀ y."""
        columns = np.bincount(self.columns, weights=self.entries * y[self.rows], minlength=self.n_columns)
        return columns.astype(np.float64)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class QuadraticValues:
    """One instance.

    Attributes:
        linear: (V,) q, finite.
        lower: (V,) -inf for none.
        upper: (V,) inf for none.
        row_lower: (R,) -inf for none.
        row_upper: (R,) inf for none; equal to `row_lower` for an equation.
    """

    linear: Vector
    lower: Vector
    upper: Vector
    row_lower: Vector
    row_upper: Vector


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class QuadraticSolution:
    """A solver's answer; on anything but SOLVED the numbers may be anything, NaN included.

    Attributes:
        x: (V,).
        row_multipliers: (R,).
        bound_multipliers: (V,).
        status: What the solver claims.
        message: One sentence, empty when solved.
    """

    x: Vector
    row_multipliers: Vector
    bound_multipliers: Vector
    status: Status
    message: str = ""


class QuadraticSolver(Protocol):
    """A prepared solver: setup has seen the structure, `solve` sees one instance after the other."""

    def solve(self, values: QuadraticValues) -> QuadraticSolution:
        """Return the solver's answer; never raises on numbers."""
        ...


QuadraticSetup: TypeAlias = Callable[[QuadraticStructure], QuadraticSolver]


def objective(structure: QuadraticStructure, values: QuadraticValues, x: Vector) -> float:
    """Return Σ h/2·x² + q·x."""
    return float(np.sum(structure.curvature / 2 * x * x + values.linear * x))


def infeasibility(structure: QuadraticStructure, values: QuadraticValues, x: Vector) -> float:
    """Return the largest amount by which `x` leaves a bound or a row; NaN when x has one."""
    rows = structure.times(x)
    worst = (
        np.max(np.maximum(values.lower - x, x - values.upper), initial=0.0),
        np.max(np.maximum(values.row_lower - rows, rows - values.row_upper), initial=0.0),
    )
    return float(np.max(worst))
