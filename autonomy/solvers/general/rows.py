"""What kind each row is, for solvers that take equations, inequalities and rows without bounds apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autonomy.solvers.allocation import Index, Status, Vector
from autonomy.solvers.quadratic import QuadraticSolution, QuadraticStructure, QuadraticValues

FREE, INEQUALITY, EQUATION = range(3)


class Rows(NamedTuple):
    """The kinds of rows of one instance; the next instance may have others, and then needs a new setup.

    Attributes:
        kind: (R,) FREE, INEQUALITY or EQUATION.
        equations: Numbers of the rows whose bounds are equal.
        inequalities: Numbers of the other rows that have a bound.
    """

    kind: NDArray[np.int8]
    equations: Index
    inequalities: Index

    def fit(self, values: QuadraticValues) -> bool:
        """Whether another instance has the same kinds."""
        return bool(np.array_equal(_kind(values), self.kind))


def rows_of(values: QuadraticValues) -> Rows:
    """Return what kinds the rows of an instance are."""
    kind = _kind(values)
    return Rows(kind, np.flatnonzero(kind == EQUATION), np.flatnonzero(kind == INEQUALITY))


def _kind(values: QuadraticValues) -> NDArray[np.int8]:
    bounded = (values.row_lower > -np.inf) | (values.row_upper < np.inf)
    kind: NDArray[np.int8] = bounded.astype(np.int8) + (values.row_lower == values.row_upper)
    return kind


def split(structure: QuadraticStructure, rows: Rows) -> tuple[Any, Any]:
    """Return the equations and the inequalities of A as two sparse matrices, by columns."""
    by_row = structure.matrix.tocsr()
    return by_row[rows.equations].tocsc(), by_row[rows.inequalities].tocsc()


def answer(
    x: Vector, row_multipliers: Vector, bound_multipliers: Vector, status: Status, said: object
) -> QuadraticSolution:
    """Return the solver's answer; what it said becomes the sentence unless it claims to have solved."""
    return QuadraticSolution(
        x=x,
        row_multipliers=row_multipliers,
        bound_multipliers=bound_multipliers,
        status=status,
        message="" if status is Status.SOLVED else f"the solver reports {str(said)!r}",
    )


def declined(structure: QuadraticStructure, message: str) -> QuadraticSolution:
    """Return a failure that is all NaN, for a program that is not tried or not answered."""
    return QuadraticSolution(
        x=np.full(structure.n_columns, np.nan),
        row_multipliers=np.zeros(structure.n_rows),
        bound_multipliers=np.zeros(structure.n_columns),
        status=Status.FAILED,
        message=message,
    )
