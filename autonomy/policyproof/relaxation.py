"""Straight lines below and above a bent function over an interval, sound whatever the slope.

    low_slope·x + low_offset <= f(x) <= high_slope·x + high_offset         for lower <= x <= upper

Rectifier [Zhang2018]: below, slope 1 where the interval lies more above 0 than below, else 0; above, the chord.
Logistic function: for a slope s the offset is the exact extreme of f(x) − s·x, which is at an end of the interval or
where f'(x) = f·(1 − f) = s, that is where f = (1 ± √(1 − 4s))/2. So a slope is a matter of tightness and never of
soundness. What the few float operations of an offset round is added to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Mask, Vector
from autonomy.learning.network import logistic

ROUNDING = 1e-15
"""Relative and, for the logistic function, absolute error of an offset: more than the handful of operations make."""


class Relaxation(NamedTuple):
    """Lines around a function, elementwise, all of one shape.

    Attributes:
        low_slope: Of the line below.
        low_offset: Likewise.
        high_slope: Of the line above.
        high_offset: Likewise.
    """

    low_slope: Vector
    low_offset: Vector
    high_slope: Vector
    high_offset: Vector


def rectifier(lower: Vector, upper: Vector, rectified: Mask) -> Relaxation:
    """Return lines around max(x, 0), and around x in units that are not rectified."""
    bent = rectified & (lower < 0.0) & (upper > 0.0)
    passes = ~rectified | (lower >= 0.0)
    width = np.where(bent, upper - lower, 1.0)
    high = np.where(bent, np.minimum(upper / width, 1.0), passes)
    # slope·x + offset has to be >= 0 at the lower end and >= x at the upper one.
    offset = np.maximum(-high * lower, upper - high * upper)
    low = np.where(bent, (upper > -lower).astype(np.float64), passes)
    return Relaxation(
        low, np.zeros_like(low), high, np.where(bent, offset + ROUNDING * np.maximum(-lower, upper) * 4, 0.0)
    )


def sigmoid(lower: Vector, upper: Vector) -> Relaxation:
    """Return lines around 1/(1 + exp(−x))."""
    slope, offset = _above(lower, upper)
    below_slope, below_offset = _above(-upper, -lower)  # f(x) = 1 − f(−x)
    return Relaxation(below_slope, 1.0 - below_offset - ROUNDING, slope, offset + ROUNDING)


def _above(lower: Vector, upper: Vector) -> tuple[Vector, Vector]:
    """Return slope and offset of lines above: chords where the function is convex, tangents where it is not."""
    at_lower, at_upper = logistic(lower), logistic(upper)
    width = np.maximum(upper - lower, 1e-12)
    chord = np.clip((at_upper - at_lower) / width, 0.0, 0.25)
    middle = logistic(0.5 * (np.maximum(lower, 0.0) + upper))
    slope = np.where(lower >= 0.0, middle * (1.0 - middle), chord)
    crossing = (lower < 0.0) & (upper > 0.0) & (chord > at_upper * (1.0 - at_upper))
    slope = np.where(crossing, _tangent(lower, upper), slope)
    top = 0.5 * (1.0 + np.sqrt(np.maximum(1.0 - 4.0 * slope, 0.0)))  # value where the slope is met, on the concave side
    with np.errstate(divide="ignore"):
        place = np.where(top < 1.0, np.log(top) - np.log1p(-np.minimum(top, 1.0 - 1e-16)), np.inf)
    inside = np.clip(place, lower, upper)
    highest = np.maximum(at_lower - slope * lower, at_upper - slope * upper)
    highest = np.maximum(highest, logistic(inside) - slope * inside)
    scale = 1.0 + slope * np.maximum(np.abs(lower), np.abs(upper))
    return slope, highest + 8 * ROUNDING * scale


def _tangent(lower: Vector, upper: Vector) -> Vector:
    """Return the slope of the line through the lower end that touches the function, by bisection."""
    low, high, at_lower = np.zeros_like(lower), np.array(upper), logistic(lower)
    for _ in range(30):
        touch = 0.5 * (low + high)
        value = logistic(touch)
        steep = value * (1.0 - value) * (touch - lower) > value - at_lower
        low, high = np.where(steep, touch, low), np.where(steep, high, touch)
    value = logistic(high)
    return np.asarray(value * (1.0 - value))
