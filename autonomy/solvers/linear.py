"""Sparse linear and mixed-integer programs as arrays.

    minimise    cᵀx
    subject to  lower <= x <= upper
                row_lower <= A·x <= row_upper
                x_j a whole number where integer_j

A program is data (`LinearProgram`), made by hand or with `LinearBuilder`; solving it is a second step,
`autonomy.solvers.linear_solution.solve`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class LinearProgram:
    """A program of n columns, m rows and a sparse matrix given as triplets; repeated entries add up.

    Attributes:
        cost: (n,) finite, c.
        lower: (n,) lower <= upper; -inf for none.
        upper: (n,) inf for none.
        row_lower: (m,) row_lower <= row_upper; -inf for none.
        row_upper: (m,) inf for none.
        row: (k,) row of each triplet, 0..m-1.
        column: (k,) column of each triplet, 0..n-1.
        value: (k,) finite.
        integer: (n,) whether the column must be a whole number.

    Raises:
        ValueError: a shape, an index or a number is wrong; the message names the field. (HiGHS itself would abort, or
            silently solve something else.)
    """

    cost: Vector
    lower: Vector
    upper: Vector
    row_lower: Vector
    row_upper: Vector
    row: Index
    column: Index
    value: Vector
    integer: Mask

    def __post_init__(self) -> None:
        columns, rows, entries = self.cost.size, self.row_lower.size, self.value.size
        for name, size in (
            *((name, columns) for name in ("cost", "lower", "upper", "integer")),
            *((name, rows) for name in ("row_lower", "row_upper")),
            *((name, entries) for name in ("row", "column", "value")),
        ):
            if getattr(self, name).shape != (size,):
                raise ValueError(f"{name} has shape {getattr(self, name).shape}: expected ({size},)")
        require("cost", self.cost, np.isfinite(self.cost), "a finite number")
        require("value", self.value, np.isfinite(self.value), "a finite number")
        require("row", self.row, (self.row >= 0) & (self.row < rows), f"a row in 0..{rows - 1}")
        require("column", self.column, (self.column >= 0) & (self.column < columns), f"a column in 0..{columns - 1}")
        for low, high in (("lower", "upper"), ("row_lower", "row_upper")):
            least, most = getattr(self, low), getattr(self, high)
            require(low, least, (least <= most) & (least < np.inf), f"a number <= {high}, or -inf")
            require(high, most, most > -np.inf, f"a number >= {low}, or inf")

    def activity(self, x: Vector) -> Vector:
        """Return (m,) A·x."""
        return _summed(self.row, self.value * x[self.column], self.row_lower.size)

    def feasibility_error(self, x: Vector) -> float:
        """Return the largest amount by which x breaks a bound, a row or an integrality; inf when x has a NaN."""
        activity = self.activity(x)
        broken = (
            self.lower - x,
            x - self.upper,
            self.row_lower - activity,
            activity - self.row_upper,
            np.abs(x - np.round(x))[self.integer],
        )
        worst = max((float(part.max()) for part in broken if part.size), default=0.0)
        return max(worst, 0.0) if np.isfinite(x).all() and np.isfinite(activity).all() else np.inf

    def dual_bound(self, dual: Vector) -> float:
        """Return the lower bound on cᵀx that the row multipliers y prove, by weak duality, for any y.

            y'·A·x + z'·x with z = c − Aᵀy, each product at its smallest over its row or column bounds

        A multiplier or reduced cost that would need an infinite bound counts as 0 when it is below 1e-9 (rounding) and
        else makes the bound -inf. Integrality is ignored, so for a mixed-integer program this bounds the relaxation.
        """
        reduced = self.cost - _summed(self.column, self.value * dual[self.row], self.cost.size)
        return _smallest(dual, self.row_lower, self.row_upper) + _smallest(reduced, self.lower, self.upper)

    def compressed(self) -> tuple[NDArray[np.int32], NDArray[np.int32], Vector]:
        """Return the matrix column by column (start, row, value), with repeated triplets added up."""
        order = np.lexsort((self.row, self.column))
        row, column, value = self.row[order], self.column[order], self.value[order]
        fresh = np.ones(row.size, dtype=np.bool_)
        fresh[1:] = (row[1:] != row[:-1]) | (column[1:] != column[:-1])
        value = _summed(np.cumsum(fresh) - 1, value, int(fresh.sum()))
        start = np.searchsorted(column[fresh], np.arange(self.cost.size + 1))
        return start.astype(np.int32), row[fresh].astype(np.int32), value


class LinearBuilder:
    """Collects blocks of columns, rows and triplets; every block is an array of any shape.

    Example:
        >>> program = LinearBuilder()
        >>> x = program.columns((2,), cost=np.array([1.0, 2.0]), upper=3.0)
        >>> total = program.rows((), lower=4.0)
        >>> program.terms(total, x, 1.0)
        >>> solve(program.build()).objective
        5.0
    """

    def __init__(self) -> None:
        self._columns: list[tuple[Vector, Vector, Vector, Mask]] = []
        self._rows: list[tuple[Vector, Vector]] = []
        self._terms: list[tuple[Index, Index, Vector]] = []
        self._n_columns = self._n_rows = 0

    def columns(
        self, shape: tuple[int, ...], *, cost: Any = 0.0, lower: Any = 0.0, upper: Any = np.inf, integer: Any = False
    ) -> Index:
        """Add a block of columns; the numbers broadcast to `shape`. Returns their indices in that shape."""
        first, self._n_columns = self._n_columns, self._n_columns + int(np.prod(shape))
        numbers = [_flat(part, shape, np.float64) for part in (cost, lower, upper)]
        self._columns.append((numbers[0], numbers[1], numbers[2], _flat(integer, shape, np.bool_)))
        return np.arange(first, self._n_columns).reshape(shape)

    def rows(self, shape: tuple[int, ...], *, lower: Any = -np.inf, upper: Any = np.inf) -> Index:
        """Add a block of empty rows; the bounds broadcast to `shape`. Returns their indices in that shape."""
        first, self._n_rows = self._n_rows, self._n_rows + int(np.prod(shape))
        self._rows.append((_flat(lower, shape, np.float64), _flat(upper, shape, np.float64)))
        return np.arange(first, self._n_rows).reshape(shape)

    def terms(self, row: Any, column: Any, value: Any) -> None:
        """Add value·x_column to the row, entry by entry; the three broadcast against each other."""
        parts = np.broadcast_arrays(row, column, value)
        self._terms.append((parts[0].ravel(), parts[1].ravel(), parts[2].astype(np.float64).ravel()))

    def build(self) -> LinearProgram:
        """Return the program collected so far."""
        cost, lower, upper, integer = _joined(self._columns, (np.float64, np.float64, np.float64, np.bool_))
        row_lower, row_upper = _joined(self._rows, (np.float64, np.float64))
        row, column, value = _joined(self._terms, (np.int64, np.int64, np.float64))
        return LinearProgram(
            cost=cost,
            lower=lower,
            upper=upper,
            row_lower=row_lower,
            row_upper=row_upper,
            row=row,
            column=column,
            value=value,
            integer=integer,
        )

    def added_to(self, program: LinearProgram) -> LinearProgram:
        """Return a program with the rows collected here, whose terms name its columns; no column may be collected."""
        if self._n_columns:
            raise ValueError(f"{self._n_columns} columns were collected: expected rows of columns that are there")
        rows = program.row_lower.size
        row_lower, row_upper = _joined(self._rows, (np.float64, np.float64))
        row, column, value = _joined(self._terms, (np.int64, np.int64, np.float64))
        return replace(
            program,
            row_lower=np.concatenate([program.row_lower, row_lower]),
            row_upper=np.concatenate([program.row_upper, row_upper]),
            row=np.concatenate([program.row, rows + row]),
            column=np.concatenate([program.column, column]),
            value=np.concatenate([program.value, value]),
        )


def _summed(place: Index, value: Vector, size: int) -> Vector:
    """Return (size,) the values added up at their places."""
    total: Vector = np.zeros(size)
    np.add.at(total, place, value)
    return total


def _smallest(weight: Vector, lower: Vector, upper: Vector) -> float:
    """Return Σ of the smallest weight·v over lower <= v <= upper."""
    end = np.where(weight > 0, lower, upper)
    rounding = np.isinf(end) & (np.abs(weight) < 1e-9)
    used = np.where(rounding | (weight == 0), 0.0, end)
    return float(np.sum(np.where(used == 0.0, 0.0, weight * used)))


def _flat(numbers: Any, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    return np.broadcast_to(np.asarray(numbers, dtype=dtype), shape).ravel()


def _joined(blocks: list[Any], dtypes: tuple[Any, ...]) -> list[NDArray[Any]]:
    """Return each part of the blocks end to end."""
    return [
        np.concatenate([np.zeros(0, dtype=dtype), *(block[part] for block in blocks)]).astype(dtype)
        for part, dtype in enumerate(dtypes)
    ]


def require(name: str, values: NDArray[Any], passed: Mask, expected: str) -> None:
    """Raise for the first entry where `passed` is false; conditions are written so that NaN fails them."""
    if not passed.all():
        worst = int(np.flatnonzero(~passed)[0])
        raise ValueError(f"{name}[{worst}] = {values[worst]}: expected {expected}")
