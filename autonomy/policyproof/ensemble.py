"""The gates of a learned policy over boxes of what it is told: the mean over its networks, logistic and all.

A box has `INPUTS` columns: the features of `autonomy.learning.features`, the stored share, the three own numbers. Each
network has a mean and a scale of its own, so each gets the box in its own standard deviations, rounded outward.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.features import FEATURES, OWN
from autonomy.learning.network import CLIP, Network, logistic
from autonomy.policyproof.crown import Box, bounds_of, plane_below
from autonomy.policyproof.layered import Layered, unrolled
from autonomy.policyproof.rounding import UNIT

STORED = FEATURES
"""Column of the stored share."""
INPUTS = FEATURES + 1 + OWN
LOGISTIC_ERROR = 4 * UNIT
"""Absolute error of `logistic`, and of the mean of a few: more than tanh is off by."""


class GateBounds(NamedTuple):
    """Gates over B boxes.

    Attributes:
        least: (B, G) lower bounds.
        most: (B, G) upper bounds.
        least_slope: (B, G, n) of planes below, in the box's columns: what to split, and where a minimum may be.
        most_slope: (B, G, n) of planes above.
    """

    least: Vector
    most: Vector
    least_slope: Vector
    most_slope: Vector


class Ensemble:
    """Some gates of some networks.

    Args:
        networks: Whose gates are averaged.
        gates: Which of the `OUTPUTS`.
    """

    def __init__(self, networks: Sequence[Network], gates: tuple[int, ...]) -> None:
        self.networks, self.gates = tuple(networks), gates
        self.layered: tuple[Layered, ...] = tuple(unrolled(network).rows(gates) for network in networks)

    def __call__(self, points: Vector) -> Vector:
        """Return (P, G) gates at (P, `INPUTS`) points, as the deployed policy computes them."""
        features, stored, own = points[:, :FEATURES], points[:, STORED], points[:, None, STORED + 1 :]
        found = [network.gates(features, stored, own)[:, 0, self.gates] for network in self.networks]
        mean: Vector = np.mean(found, axis=0)
        return mean

    def bounds(self, box: Box) -> GateBounds:
        """Return what the gates are between over boxes."""
        least, most, below, above = [], [], [], []
        for network, layered in zip(self.networks, self.layered, strict=True):
            inner = box_of(network, box)
            bounds = bounds_of(layered, inner)
            plane = plane_below(layered, bounds.relaxations)
            low = plane.least(inner)
            half = low.shape[1] // 2
            lower, upper = low[:, :half], -low[:, half:]
            least.append(logistic(lower))
            most.append(logistic(upper))
            stretch = np.r_[1.0 / network.scale, 2.0, np.ones(OWN)]
            below.append(plane.slope.mid[:, :half] * stretch * _steep(lower, upper))
            above.append(-plane.slope.mid[:, half:] * stretch * _steep(lower, upper))
        return GateBounds(
            np.maximum(np.mean(least, axis=0) - LOGISTIC_ERROR, 0.0),
            np.minimum(np.mean(most, axis=0) + LOGISTIC_ERROR, 1.0),
            np.mean(below, axis=0),
            np.mean(above, axis=0),
        )


def box_of(network: Network, box: Box) -> Box:
    """Return boxes as one network's layers take them: standard deviations cut off at `CLIP`, level 2·stored − 1."""
    lower, upper = (np.array(side) for side in box)
    for side, sign in ((lower, -1.0), (upper, 1.0)):
        features = side[:, :FEATURES]
        off = 4 * UNIT * (np.abs(features) + np.abs(network.mean)) / network.scale
        side[:, :FEATURES] = np.clip((features - network.mean) / network.scale + sign * off, -CLIP, CLIP)
        side[:, STORED] = 2.0 * side[:, STORED] - 1.0 + sign * 2 * UNIT
    return Box(lower, upper)


def _steep(lower: Vector, upper: Vector) -> Vector:
    """Return (B, G, 1) about how steep the logistic function is in the middle: a weight for splits, no bound."""
    value = logistic(0.5 * (lower + upper))
    return (value * (1.0 - value) + 1e-6)[..., None]
