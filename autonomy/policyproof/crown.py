"""Linear bound propagation (CROWN) [Zhang2018]: what layers give at least and at most over many boxes at once.

A lower bound Σ a·h + c of what is asked goes back through the layers. Through an affine layer it is multiplied; through
a rectifier each h is replaced by the line below it where its coefficient is > 0, by the line above where it is < 0. At
the inputs it is a plane whose least value over the box is at a corner. The intervals that the lines need are the bounds
of the layers before, found the same way. Rounding is carried along as a radius (`autonomy.policyproof.rounding`), so
every bound holds for the layers in real numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Index, Mask, Vector
from autonomy.policyproof.layered import Layered
from autonomy.policyproof.relaxation import Relaxation, rectifier
from autonomy.policyproof.rounding import GROWTH, TINY, UNIT, Ball, dot, exactly, plus, times


class Box(NamedTuple):
    """B boxes of inputs.

    Attributes:
        lower: (B, n).
        upper: (B, n) >= lower.
    """

    lower: Vector
    upper: Vector

    def rows(self, chosen: Index | Mask) -> Box:
        """Return some of the boxes."""
        return Box(self.lower[chosen], self.upper[chosen])


class Plane(NamedTuple):
    """Σ slope·x + offset <= what was asked, for all x of a box.

    Attributes:
        slope: (B, p, n), or (1, p, n) if it is the same for all boxes.
        offset: (B, p), or (1, p).
    """

    slope: Ball
    offset: Ball

    def least(self, box: Box) -> Vector:
        """Return (B, p) the least value over the boxes, rounded down."""
        slope, offset = self.slope, self.offset
        middle, half = 0.5 * (box.lower + box.upper), 0.5 * (box.upper - box.lower)
        # The half width is rounded up, so that middle ± half holds the box.
        half = half + UNIT * np.maximum(np.abs(box.lower), np.abs(box.upper))
        centre, spread = dot(slope, middle), dot(Ball(np.abs(slope.mid), slope.rad), half)
        value = centre.mid - spread.mid + offset.mid
        off = centre.rad + spread.rad + offset.rad + 2 * UNIT * (np.abs(centre.mid) + spread.mid + np.abs(offset.mid))
        least: Vector = value - off * GROWTH - TINY
        return least

    def least_at(self, box: Box) -> Vector:
        """Return (B, p, n) the corner where it is least."""
        corner: Vector = np.where(self.slope.mid > 0.0, box.lower[:, None, :], box.upper[:, None, :])
        return corner


class Bounds(NamedTuple):
    """What the layers of a network are between over B boxes.

    Attributes:
        box: The boxes.
        relaxations: Lines around the rectifiers of every layer but the last.
        bent: (B,) how many rectifiers bend inside the box.
    """

    box: Box
    relaxations: tuple[Relaxation, ...]
    bent: Vector


def bounds_of(layered: Layered, box: Box) -> Bounds:
    """Return lines around every rectifier, layer after layer."""
    found: list[Relaxation] = []
    bent = np.zeros(len(box.lower))
    for place, layer in enumerate(layered.layers[:-1]):
        lower, upper = span(layered, box, found, place)
        found.append(rectifier(lower, upper, layer.rectified))
        bent += (layer.rectified & (lower < 0.0) & (upper > 0.0)).sum(axis=-1)
    return Bounds(box, tuple(found), bent)


def span(layered: Layered, box: Box, relaxations: Sequence[Relaxation], place: int = -1) -> tuple[Vector, Vector]:
    """Return (B, m) least and greatest of what layer `place` gives before its rectifier; the last layer if −1."""
    plane = plane_below(layered, relaxations, place)
    least = plane.least(box)
    half = least.shape[1] // 2
    return least[:, :half], -least[:, half:]


def plane_below(
    layered: Layered, relaxations: Sequence[Relaxation], place: int = -1, rows: Ball | None = None
) -> Plane:
    """Return planes below what layer `place` gives before its rectifier, in the inputs.

    Args:
        layered: The layers.
        relaxations: Lines around the layers before `place`, of (B, m) intervals each.
        place: Of the layer, −1 for the last.
        rows: (p, m), or (B, p, m) if every box asks something else: what is asked of the units. None for every unit
            and then for the negative of every unit, p = 2m.
    """
    place %= len(layered.layers)
    if rows is None:
        eye = np.eye(layered.layers[place].bias.size)
        rows = exactly(np.concatenate([eye, -eye]))
    slope = Ball(*(part[None] for part in rows)) if rows.mid.ndim == 2 else rows
    offset = Ball(np.zeros(slope.rad.shape), np.zeros(slope.rad.shape))
    for at in range(place, -1, -1):
        layer = layered.layers[at]
        offset = plus(offset, dot(slope, layer.bias))
        if layer.error is not None:
            off = np.abs(slope.mid) @ layer.error + slope.rad * layer.error.sum()
            offset = Ball(offset.mid, (offset.rad + off) * GROWTH)
        slope = times(slope, layer.weight)
        if at:
            slope, offset = _bend(slope, offset, relaxations[at - 1])
    return Plane(slope, offset)


def _bend(slope: Ball, offset: Ball, lines: Relaxation) -> tuple[Ball, Ball]:
    """Replace bent units by lines that keep the plane below."""
    low, high = lines.low_slope[:, None, :], lines.high_slope[:, None, :]
    rising, falling = np.maximum(slope.mid, 0.0), np.minimum(slope.mid, 0.0)
    moved = plus(offset, dot(Ball(falling, slope.rad), lines.high_offset))
    if lines.low_offset.any():
        moved = plus(moved, dot(Ball(rising, slope.rad), lines.low_offset))
    mid = rising * low + falling * high
    # The slopes are 0..1, so a coefficient that is off by its radius moves the result by no more.
    return Ball(mid, (slope.rad + 2 * UNIT * np.abs(mid).max(axis=-1, initial=0.0)) * GROWTH + TINY), moved
