"""Sums and quotients of floats rounded to the safe side: never above the exact value.

The error of a sum is itself a float (Knuth's TwoSum), and so is the remainder of a rounded quotient [Muller2018]; both
can be had exactly, and where they show that the result is too large, the float below is taken.
"""

from __future__ import annotations

import numpy as np

from autonomy.layers.arrays import Vector

HIGH = ~np.int64(2**26 - 1)
"""Keeps the upper 27 of a float's 53 bits, so that its product with a whole number below 2^26 is exact."""


def added(one: Vector, other: Vector) -> Vector:
    """Return the largest float <= one + other."""
    with np.errstate(invalid="ignore", over="ignore"):
        total = one + other
        of_other = total - one
        error = (one - (total - of_other)) + (other - of_other)
    # Where a number is infinite the error is NaN, which is not below 0: there is nothing to round.
    return np.where(error < 0.0, np.nextafter(total, -np.inf), total)


def divided(value: Vector, parts: Vector) -> Vector:
    """Return the largest float q with q·parts <= value, for value >= 0 and whole numbers 1 <= parts < 2^26."""
    quotient = value / parts
    with np.errstate(invalid="ignore"):
        high = (quotient.view(np.int64) & HIGH).view(np.float64)
        remainder = (value - high * parts) - (quotient - high) * parts
    return np.where(remainder < 0.0, np.nextafter(quotient, -np.inf), quotient)
