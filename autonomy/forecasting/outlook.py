"""What a forecast says, which steps it is about, and how often it was right."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from autonomy.layers.arrays import Index, Mask, Vector

QUANTILES = (0.1, 0.9)
"""Where low and high are meant to lie in the distribution of the truth."""


class Outlook(NamedTuple):
    """What is expected, and between what; arrays of equal shape, kW: (H, N) of one step, (B, H, N) of many.

    Attributes:
        expected_kw: What is expected.
        low_kw: The 10 % quantile, at most `expected_kw`.
        high_kw: The 90 % quantile, at least `expected_kw`.
    """

    expected_kw: Vector
    low_kw: Vector
    high_kw: Vector

    def summed(self) -> Outlook:
        """Return the sums over the last axis: those of a community, each of the three on its own."""
        return Outlook(*(values.sum(axis=-1) for values in self))


def horizon_rows(step: int, horizon: int, steps: int) -> slice | np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the rows step + 1 … step + horizon of a series of `steps` rows; its last row stands for missing ones."""
    if step + horizon < steps:
        return slice(step + 1, step + horizon + 1)
    return np.minimum(np.arange(step + 1, step + horizon + 1), steps - 1)


def horizon_table(issued: Index, horizon: int, steps: int) -> Index:
    """Return (B, horizon): `horizon_rows` of each of the B steps in `issued`."""
    rows: Index = np.minimum(np.asarray(issued)[:, None] + np.arange(1, horizon + 1), steps - 1)
    return rows


def covered_share(truth: Vector, low: Vector, high: Vector, *, where: Mask | None = None) -> float:
    """Return the share of `truth` inside [low, high], counted where `where` is true; NaN when nothing is counted."""
    inside = (low <= truth) & (truth <= high)
    counted = inside if where is None else inside[where]
    return float(counted.mean()) if counted.size else float("nan")


def freeze(outlook: Outlook) -> Outlook:
    """Make the arrays of an outlook read-only, and return it."""
    values: Any
    for values in outlook:
        values.flags.writeable = False
    return outlook
