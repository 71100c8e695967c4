"""Filling to one level: how a total is shared so that the emptiest are filled first.

Of all 0 <= b_i <= room_i with Σ b = total, the one that minimises Σ k_i·(share_i + b_i/k_i)²/2 is

    b_i(L) = min(max((L − share_i)·k_i, 0), room_i)        with the level L at which Σ b_i(L) = total

Σ b_i(L) is piecewise linear in L with two corners each: it gains slope k_i at share_i, where i begins to fill, and
loses it at share_i + room_i/k_i, where i is full. Sorted corners and running sums find the piece, and on it L is exact.
It is the continuous quadratic knapsack [Kiwiel2008] with one group.
"""

from __future__ import annotations

import numpy as np

from autonomy.layers.arrays import Vector


def fill(total: float, *, share: Vector, per_unit: Vector, slopes: Vector, room: Vector) -> Vector:
    """Return (N,) b >= 0 that sums to `total` and brings the shares to one level as far as the room allows.

    Args:
        total: What is shared, 0 <= total <= Σ room.
        share: (N,) how full each is before.
        per_unit: (N,) by how much one unit of b raises the share, 1/k; any number > 0 where there is no room.
        slopes: (2N,) k followed by −k, 0 where there is no room.
        room: (N,) the most that each takes, >= 0.
    """
    corners = np.concatenate((share, room * per_unit + share))
    order = corners.argsort()
    level = corners[order]
    slope = slopes[order].cumsum()
    filled = ((level[1:] - level[:-1]) * slope[:-1]).cumsum()
    piece = int(filled.searchsorted(total))
    if piece == filled.size:
        return room
    # The piece ends at level[piece + 1] with filled[piece] >= total.
    height = level[piece + 1] - (filled[piece] - total) / slope[piece] if slope[piece] > 0 else level[piece]
    amount = float(height) - share
    amount *= slopes[: share.size]
    np.maximum(amount, 0.0, out=amount)
    return np.minimum(amount, room, out=amount)
