"""A linear program with whole columns in exact numbers: columns and rows by name, and its twin in floats for HiGHS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from autonomy.solvers.linear import LinearProgram
from autonomy.worstcase.amounts import text

Term = tuple[int, Fraction]


class Sense(StrEnum):
    """What is looked for."""

    MAX = "max"
    MIN = "min"


class Column(NamedTuple):
    """A column with finite bounds."""

    name: str
    cost: Fraction
    lower: Fraction
    upper: Fraction
    integer: bool

    def document(self) -> dict[str, Any]:
        """Return the column as a certificate states it."""
        cost, lower, upper = text(self.cost), text(self.lower), text(self.upper)
        return {"name": self.name, "cost": cost, "lower": lower, "upper": upper, "integer": int(self.integer)}


class Row(NamedTuple):
    """A row; a bound that is None does not bind."""

    name: str
    terms: tuple[Term, ...]
    lower: Fraction | None
    upper: Fraction | None

    def document(self) -> dict[str, Any]:
        """Return the row as a certificate states it."""
        lower, upper = (None if bound is None else text(bound) for bound in (self.lower, self.upper))
        terms = [[column, text(amount)] for column, amount in self.terms]
        return {"name": self.name, "terms": terms, "lower": lower, "upper": upper}


@dataclass(frozen=True, kw_only=True, slots=True)
class ExactProgram:
    """Find the largest, or smallest, cᵀx with every column and row inside its bounds."""

    sense: Sense
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def document(self) -> dict[str, Any]:
        """Return the program as a certificate states it."""
        return {
            "sense": str(self.sense),
            "columns": [column.document() for column in self.columns],
            "rows": [row.document() for row in self.rows],
        }

    def in_floats(self) -> LinearProgram:
        """Return the nearest program in floats, as a minimum: for the sense "max" with the costs turned round."""
        sign = -1.0 if self.sense is Sense.MAX else 1.0
        entries = [(r, j, float(amount)) for r, row in enumerate(self.rows) for j, amount in row.terms]
        row, column, value = zip(*entries, strict=True) if entries else ((), (), ())
        return LinearProgram(
            cost=np.array([sign * float(c.cost) for c in self.columns]),
            lower=np.array([float(c.lower) for c in self.columns]),
            upper=np.array([float(c.upper) for c in self.columns]),
            row_lower=np.array([-np.inf if r.lower is None else float(r.lower) for r in self.rows]),
            row_upper=np.array([np.inf if r.upper is None else float(r.upper) for r in self.rows]),
            row=np.array(row, dtype=np.int64),
            column=np.array(column, dtype=np.int64),
            value=np.array(value, dtype=np.float64),
            integer=np.array([c.integer for c in self.columns], dtype=np.bool_),
        )


@dataclass(kw_only=True, slots=True)
class ProgramBuilder:
    """Collects columns and rows in order."""

    sense: Sense
    columns: list[Column] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def column(
        self,
        name: str,
        lower: Fraction | int,
        upper: Fraction | int,
        *,
        cost: Fraction | int = 0,
        integer: bool = False,
    ) -> int:
        """Add a column and return its place."""
        self.columns.append(Column(name, Fraction(cost), Fraction(lower), Fraction(upper), integer))
        return len(self.columns) - 1

    def row(
        self,
        name: str,
        terms: Iterable[Term],
        *,
        lower: Fraction | int | None = None,
        upper: Fraction | int | None = None,
    ) -> None:
        """Add a row; terms are put in the order of their columns, and those of amount 0 left out."""
        kept = tuple(sorted((j, Fraction(amount)) for j, amount in terms if amount))
        low, high = (None if bound is None else Fraction(bound) for bound in (lower, upper))
        self.rows.append(Row(name, kept, low, high))

    def build(self) -> ExactProgram:
        """Return the program collected so far."""
        return ExactProgram(sense=self.sense, columns=tuple(self.columns), rows=tuple(self.rows))
