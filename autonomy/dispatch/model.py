"""Named blocks of columns over (T, N), without a column in some places, and pairs that exclude each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.layers.arrays import Index
from autonomy.solvers.linear import LinearBuilder

NONE = -1
"""Where a block has no column, or no row."""


class Model:
    """A program in the making.

    Attributes:
        builder: Where columns, rows and entries are collected.
        blocks: For each name the columns, in the block's shape, `NONE` where it has none.
    """

    def __init__(self) -> None:
        self.builder = LinearBuilder()
        self.blocks: dict[str, Index] = {}
        self._pairs: list[tuple[Index, Index]] = []

    def columns(
        self,
        name: str,
        shape: tuple[int, ...],
        *,
        where: Any = True,
        cost: Any = 0.0,
        lower: Any = 0.0,
        upper: Any = np.inf,
    ) -> Index:
        """Add a block, with columns where `where` is true; the numbers broadcast to `shape`."""
        kept = np.broadcast_to(where, shape)
        place = np.full(shape, NONE, dtype=np.int64)
        numbers = (np.broadcast_to(np.asarray(x, dtype=np.float64), shape)[kept] for x in (cost, lower, upper))
        cost, lower, upper = numbers
        place[kept] = self.builder.columns(lower.shape, cost=cost, lower=lower, upper=upper)
        self.blocks[name] = place
        return place

    def rows(self, shape: tuple[int, ...], *, where: Any = True, lower: Any = -np.inf, upper: Any = np.inf) -> Index:
        """Add a block of empty rows where `where` is true."""
        kept = np.broadcast_to(where, shape)
        place = np.full(shape, NONE, dtype=np.int64)
        low, high = (np.broadcast_to(np.asarray(x, dtype=np.float64), shape)[kept] for x in (lower, upper))
        place[kept] = self.builder.rows(low.shape, lower=low, upper=high)
        return place

    def terms(self, row: Any, column: Any, value: Any) -> None:
        """Add value·x_column to the row, entry by entry, where both exist; the three broadcast against each other."""
        row, column, value = np.broadcast_arrays(row, column, value)
        there = (row != NONE) & (column != NONE)
        self.builder.terms(row[there], column[there], value[there])

    def exclusive(self, first: Index, second: Index) -> None:
        """Say that, wherever both have a column, not both may be positive."""
        first, second = np.broadcast_arrays(first, second)
        there = (first != NONE) & (second != NONE)
        self._pairs.append((first[there], second[there]))

    def pairs(self) -> tuple[Index, Index]:
        """Return (p,) the first and (p,) the second columns of all pairs."""
        nothing = np.zeros(0, dtype=np.int64)
        first = np.concatenate([nothing, *(pair[0] for pair in self._pairs)])
        return first, np.concatenate([nothing, *(pair[1] for pair in self._pairs)])
