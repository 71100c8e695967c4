"""Rows of floats with a bound on what rounding did to them: a centre and a radius, as in [Rump1999].

A float sum of n products is off by at most γ_n·Σ|a|·|w| with γ_n = n·u/(1 − n·u) and u = 2⁻⁵³, in whatever order the
library adds, fused or not. `slack` takes twice that, which covers that the radii are floats as well. One radius serves
a whole row: cruder than one for each number, still some 10⁻¹⁰ at the end, and it costs no second product.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Mask, Vector

UNIT = 2.0**-52
"""Twice the unit round-off u."""
GROWTH = 1.0 + 1e-9
"""By what radii are widened in each step, for their own rounding."""
TINY = 1e-290
"""More than all that underflow can take from a sum."""


class Ball(NamedTuple):
    """Rows that are known up to a radius.

    Attributes:
        mid: (..., p, n) floats.
        rad: (..., p) >= 0: the true numbers of a row are all within mid ± rad.
    """

    mid: Vector
    rad: Vector


def exactly(values: Vector) -> Ball:
    """Return rows that are what they say."""
    return Ball(values, np.zeros(values.shape[:-1]))


def times(left: Ball, right: Vector) -> Ball:
    """Return left @ right, (..., p, n) @ (n, m), for floats on the right that are what they say.

    Rows that pick one row of the right, or its negative, round nothing.
    """
    count, width = right.shape
    mid = (left.mid.reshape(-1, count) @ right).reshape(*left.mid.shape[:-1], width)
    weight = float(np.abs(right).sum(axis=0).max(initial=0.0))
    off = np.where(_picks(left.mid), 0.0, slack(count) * _largest(left.mid))
    return Ball(mid, (left.rad + off) * (weight * GROWTH) + np.where(left.rad + off > 0.0, TINY, 0.0))


def dot(left: Ball, right: Vector) -> Ball:
    """Return Σ left·right along the last axis, (..., p, n) with (..., n), as (..., p) and a radius for each number."""
    vector = right[..., None]
    mid = (left.mid @ vector)[..., 0]
    weight = np.abs(right).sum(axis=-1)[..., None]
    return Ball(mid, (left.rad + slack(right.shape[-1]) * _largest(left.mid)) * (weight * GROWTH) + TINY)


def plus(left: Ball, right: Ball) -> Ball:
    """Return the sum of numbers that have a radius each."""
    mid = left.mid + right.mid
    return Ball(mid, (left.rad + right.rad + UNIT * np.abs(mid)) * GROWTH + TINY)


def slack(terms: int) -> float:
    """Return the relative error of a sum of so many products, doubled."""
    return (terms + 4) * UNIT


def _picks(rows: Vector) -> Mask:
    """Return which rows have at most one number that is not 0, and that is ±1."""
    if rows.shape[0] != 1:  # one for all boxes: only then is it worth a look
        return np.zeros(rows.shape[:-1], dtype=bool)
    largest = np.abs(rows).max(axis=-1, initial=0.0)
    picks: Mask = (np.count_nonzero(rows, axis=-1) <= 1) & ((largest == 0.0) | (largest == 1.0))
    return picks


def _largest(values: Vector) -> Vector:
    largest: Vector = np.maximum(values.max(axis=-1, initial=0.0), -values.min(axis=-1, initial=0.0))
    return largest
