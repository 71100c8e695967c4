"""How steep layers are over boxes: intervals of the Jacobian, from the inputs on.

Through an affine layer the Jacobian is multiplied; through a rectifier each row is multiplied by 1, by 0, or, where the
rectifier bends inside the box, by something in [0, 1] [Weng2018]. Layers of rectifiers are Lipschitz, and between two
points of a box they change by no more than the interval times the distance, kinks included.
"""

from __future__ import annotations

import numpy as np

from autonomy.learning.network import logistic
from autonomy.policyproof.crown import Bounds
from autonomy.policyproof.interval import Interval, wider
from autonomy.policyproof.layered import Layered
from autonomy.policyproof.rounding import GROWTH, TINY, UNIT, slack


def jacobian(layered: Layered, bounds: Bounds) -> Interval:
    """Return (B, m, n), the derivative of every output along every input over the boxes of `bounds`."""
    mid = layered.layers[0].weight[None]
    rad = 2 * UNIT * np.abs(mid)  # its numbers may be quotients that were rounded
    for layer, lines in zip(layered.layers[1:], bounds.relaxations, strict=True):
        bent = lines.high_offset > 0.0
        half = np.where(bent, 0.5, lines.high_slope)[..., None]
        off = np.where(bent, 0.5, 0.0)[..., None]
        mid, rad = half * mid, (half + off) * rad + off * np.abs(mid)
        weight, size = np.abs(layer.weight), slack(layer.weight.shape[1])
        mid, rad = layer.weight @ mid, weight @ ((rad + size * np.abs(mid)) * GROWTH) + TINY
    return Interval(mid - rad, mid + rad)


def logistic_slope(lower: Interval) -> Interval:
    """Return the derivative f·(1 − f) of the logistic function over an interval of its argument."""
    ends = [value * (1.0 - value) for value in (logistic(lower.low), logistic(lower.high))]
    top = np.where((lower.low < 0.0) & (lower.high > 0.0), 0.25, np.maximum(*ends))
    found = wider(np.minimum(*ends), top)
    return Interval(np.maximum(found.low - UNIT, 0.0), found.high + UNIT)
