"""A plan rounded to whole steps of a grid and compared with its bounds along a tree, in machine code.

Every member i of a tree has an x inside [−reach₁, reach₀] and two reliefs, 0 <= u <= g and 0 <= v <= d, which leave

    y = (g − u) − (d − v) − x

All are rounded to integers, STEPS to one, bounds inward. Sums of integers are exact, so what holds here holds to the
last bit.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import float64, int64, types

from autonomy.solvers.kernel.prices import compiled

STEPS = 1e6
"""Steps of the grid to one."""
LARGEST = 1e9
"""What no number may exceed, so that sums of steps are exact in 64 bits."""
ROUNDING_UP = 0.499
"""Steps added to a relief before it is rounded."""
X, U, V, Y, MORE, LESS = 0, 3, 4, 5, 6, 7
"""Rows of the answer: x, u, v and y, then how large g, and d, may be."""
REJECTED = False, False
"""What `settle` says when a number or a bound is broken."""
MATRIX, COLUMN, STEP, INDEX = (
    types.Array(kind, n, "C", readonly=True) for kind, n in ((float64, 2), (float64, 1), (int64, 1), (int64, 1))
)
SIGNATURE = types.UniTuple(types.boolean, 2)(
    *[COLUMN] * 3, *[MATRIX] * 2, *[STEP] * 2, *[COLUMN] * 4, *[INDEX] * 6, float64[:, ::1]
)


@compiled(inline=True)
def _is_small(value):
    """Return whether |value| <= LARGEST; NaN is not."""
    return abs(value) <= LARGEST


@compiled(inline=True)
def _relieved(relief, base):
    """Return a relief in steps, inside 0 <= relief <= base."""
    return min(max(int64(np.rint(relief * STEPS + ROUNDING_UP)), 0), base)


@compiled(inline=True)
def _back(steps, base, value):
    """Return a relief as a float; a relief of all of the base is the base's very value."""
    return value if 0 < steps >= base else steps / STEPS


@compiled(SIGNATURE)
def settle(  # noqa: PLR0913, PLR0917, C901, PLR0912, PLR0914
    x, u, v, base, reach, lower, upper, largest, least, most, sharers, parent, place, outermost, order, first, end, out
):
    """Round a plan, compare it with every bound, and divide what the bounds have free.

    Args:
        x: (N,) the plan.
        u: (N,) the first relief.
        v: (N,) the second relief.
        base: (2, N) g and d, >= 0.
        reach: (2, N) how far x may go up, and down.
        lower: (4N + M,) in steps; the last N + M bound y and the sums of y below each node from below.
        upper: (4N + M,) likewise from above.
        largest: (N,) bound on |y|, of which y's spare room is taken.
        least: (M,) how far the sums may go below 0.
        most: (M,) how far above.
        sharers: (M,) among how many the spare room of a node is divided.
        parent: (M,) the node above each node, −1 for none.
        place: (N,) the node of each member.
        outermost: (M,) every node after the one above it.
        order: (N,) members in depth-first order.
        first: (M,) place in that order of the first member below each node.
        end: (M,) place after the last.
        out: (8, N) the rows named above are written, the others left alone.

    Returns:
        Whether every number was one and every bound holds, and whether u or v is not 0 everywhere. Unless the bounds
        hold, `out` holds nothing of use.
    """
    size, nodes, is_relieved = x.size, parent.size, False
    y = np.empty(size, dtype=np.int64)
    for i in range(size):
        if not (
            _is_small(x[i])
            and _is_small(u[i])
            and _is_small(v[i])
            and 0.0 <= base[0, i] <= LARGEST
            and 0.0 <= base[1, i] <= LARGEST
            and _is_small(reach[0, i])
            and _is_small(reach[1, i])
        ):
            return REJECTED
        g, d = int64(np.rint(base[0, i] * STEPS)), int64(np.rint(base[1, i] * STEPS))
        low, high = -int64(np.floor(reach[1, i] * STEPS)), int64(np.floor(reach[0, i] * STEPS))
        step = min(max(int64(np.rint(x[i] * STEPS)), low), high)
        drop, lift = _relieved(u[i], g), _relieved(v[i], d)
        left = (g - drop) - (d - lift) - step
        inside = (low <= step <= high) and (0 <= drop <= g) and (0 <= lift <= d)
        if not (inside and lower[3 * size + i] <= left <= upper[3 * size + i]):
            return REJECTED
        is_relieved |= (drop != 0) | (lift != 0)
        y[i] = left
        out[X, i] = step / STEPS
        out[U, i], out[V, i] = _back(drop, g, base[0, i]), _back(lift, d, base[1, i])
        out[Y, i] = (base[0, i] - out[U, i]) - (base[1, i] - out[V, i]) - out[X, i]
        out[MORE, i], out[LESS, i] = drop / STEPS, lift / STEPS  # taken off below
    running = np.empty(size + 1, dtype=np.int64)
    running[0] = 0
    for k in range(size):
        running[k + 1] = running[k] + y[order[k]]
    spare = np.empty((2, nodes))
    for k in range(nodes):
        node = outermost[k]
        total = running[end[node]] - running[first[node]]
        if not (lower[4 * size + node] <= total <= upper[4 * size + node]):
            return REJECTED
        flow = total / STEPS
        spare[0, node] = max(most[node] - flow, 0.0) / sharers[node]
        spare[1, node] = max(least[node] + flow, 0.0) / sharers[node]
        if parent[node] >= 0:
            spare[0, node] = min(spare[0, node], spare[0, parent[node]])
            spare[1, node] = min(spare[1, node], spare[1, parent[node]])
    for i in range(size):
        now, node = y[i] / STEPS, place[i]
        more = min(max(largest[i] - now, 0.0), spare[0, node]) + base[0, i] - out[MORE, i]
        less = min(max(largest[i] + now, 0.0), spare[1, node]) + base[1, i] - out[LESS, i]
        out[MORE, i], out[LESS, i] = max(more, 0.0), max(less, 0.0)
    return True, is_relieved
