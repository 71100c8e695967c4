"""Intervals of floats, elementwise: sums, products and what else set-points are made of.

A result is computed in floats and widened by `ROUNDING` of its size, which is a thousand times what its few operations
round.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Vector

ROUNDING = 1e-12
"""Share of its size by which an end is moved outward."""


class Interval(NamedTuple):
    """All numbers from low to high.

    Attributes:
        low: Any shape.
        high: Of a shape that broadcasts with it.
    """

    low: Vector
    high: Vector

    def __add__(self, other: Interval) -> Interval:  # type: ignore[override]  # not what tuples mean by it
        """Return all sums."""
        return wider(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Interval) -> Interval:
        """Return all differences."""
        return wider(self.low - other.high, self.high - other.low)

    def __mul__(self, other: Interval) -> Interval:  # type: ignore[override]
        """Return all products."""
        ends = np.stack(
            np.broadcast_arrays(
                self.low * other.low, self.low * other.high, self.high * other.low, self.high * other.high
            )
        )
        return wider(ends.min(axis=0), ends.max(axis=0))

    def __neg__(self) -> Interval:
        """Return all negatives."""
        return Interval(-self.high, -self.low)

    def sum(self, axis: int = -1) -> Interval:
        """Return all sums along an axis."""
        return wider(self.low.sum(axis=axis), self.high.sum(axis=axis))

    def clipped(self, low: float, high: float = np.inf) -> Interval:
        """Return what clipping makes of it."""
        return Interval(np.clip(self.low, low, high), np.clip(self.high, low, high))

    def least(self, other: Interval) -> Interval:
        """Return the smaller of each."""
        return Interval(np.minimum(self.low, other.low), np.minimum(self.high, other.high))


def wider(low: Vector, high: Vector) -> Interval:
    """Return an interval a little wider than said."""
    off = ROUNDING * np.maximum(np.abs(low), np.abs(high))
    return Interval(low - off, high + off)


def just(value: Vector | float) -> Interval:
    """Return the interval of one number."""
    known = np.asarray(value, dtype=np.float64)
    return Interval(known, known)


def one_less(of: Interval) -> Interval:
    """Return 1 − x."""
    return wider(1.0 - of.high, 1.0 - of.low)
