"""A plan rounded to whole steps of a grid and compared with its bounds along a tree, in machine code.

Every member i of a tree has an x inside [−reach₁, reach₀] and two reliefs, 0 <= u <= g and 0 <= v <= d, which leave

    y = (g − u) − (d − v) − x

All are rounded to integers, STEPS to one: bounds inward, g to the nearest, d so that g − d is the nearest. Sums of
integers are exact, so what holds here holds to the last bit.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import float64, int64, types

from autonomy.solvers.kernel.borrow import borrow
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
MATRIX, COLUMN, BOUNDS, INDEX = (
    types.Array(kind, n, "C", readonly=True) for kind, n in ((float64, 2), (float64, 1), (int64, 2), (int64, 1))
)
SIGNATURE = types.UniTuple(types.boolean, 2)(*[COLUMN] * 3, *[MATRIX] * 2, BOUNDS, COLUMN, INDEX, float64[:, ::1])


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
def settle(x, u, v, base, reach, bounds, limits, tree, out):
    """Round a plan, compare it with every bound, and divide what the bounds have free.

    Args:
        x: (N,) the plan.
        u: (N,) the first relief.
        v: (N,) the second relief.
        base: (2, N) g and d, >= 0.
        reach: (2, N) how far x may go up, and down.
        bounds: (2, N + M) in steps, how low, and how high, each y and the sum of all y below each node may be.
        limits: (N + 3M,) what spare room is taken of: the bound on |y|; how far each sum may go below 0, and above; and
            among how many the room of a node is divided.
        tree: (2N + 4M,) the node of each member; members in depth-first order; the node above each node, −1 for none;
            every node after the one above it; for each node the place in that order of the first member below it, and
            the place after the last.
        out: (8, N) the rows named above are written, the others left alone.

    Returns:
        Whether every number was one and every bound holds, and whether u or v is not 0 everywhere. Unless the bounds
        hold, `out` holds nothing of use.
    """
    x, u, v, base, reach, out = borrow(x), borrow(u), borrow(v), borrow(base), borrow(reach), borrow(out)
    bounds, limits, tree = borrow(bounds), borrow(limits), borrow(tree)
    size, nodes, is_relieved = x.size, bounds.shape[1] - x.size, False
    lower, upper, largest = bounds[0], bounds[1], limits[:size]
    least, most, sharers = (
        limits[size : size + nodes],
        limits[size + nodes : size + 2 * nodes],
        limits[size + 2 * nodes :],
    )
    place, order, shape = tree[:size], tree[size : 2 * size], tree[2 * size :]
    parent, outermost, first = shape[:nodes], shape[nodes : 2 * nodes], shape[2 * nodes : 3 * nodes]
    end = shape[3 * nodes :]
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
        g = int64(np.rint(base[0, i] * STEPS))
        d = g - int64(np.rint((base[0, i] - base[1, i]) * STEPS))
        low, high = -int64(np.floor(reach[1, i] * STEPS)), int64(np.floor(reach[0, i] * STEPS))
        step = min(max(int64(np.rint(x[i] * STEPS)), low), high)
        drop, lift = _relieved(u[i], g), _relieved(v[i], d)
        left = (g - drop) - (d - lift) - step
        inside = (low <= step <= high) and (0 <= drop <= g) and (0 <= lift <= d)
        if not (inside and lower[i] <= left <= upper[i]):
            return REJECTED
        is_relieved |= (drop != 0) | (lift != 0)
        y[i] = left
        out[X, i] = min(max(step / STEPS, -reach[1, i]), reach[0, i])
        out[U, i], out[V, i] = _back(drop, g, base[0, i]), _back(lift, d, base[1, i])
        out[MORE, i], out[LESS, i] = base[0, i] - out[U, i], base[1, i] - out[V, i]
        out[Y, i] = out[MORE, i] - out[LESS, i] - out[X, i]
    running = np.empty(size + 1, dtype=np.int64)
    running[0] = 0
    for k in range(size):
        running[k + 1] = running[k] + y[order[k]]
    spare = np.empty((2, nodes))
    for k in range(nodes):
        node = outermost[k]
        total = running[end[node]] - running[first[node]]
        if not (lower[size + node] <= total <= upper[size + node]):
            return REJECTED
        flow = total / STEPS
        spare[0, node] = max(most[node] - flow, 0.0) / sharers[node]
        spare[1, node] = max(least[node] + flow, 0.0) / sharers[node]
        if parent[node] >= 0:
            spare[0, node] = min(spare[0, node], spare[0, parent[node]])
            spare[1, node] = min(spare[1, node], spare[1, parent[node]])
    for i in range(size):
        now, node = y[i] / STEPS, place[i]
        out[MORE, i] += min(max(largest[i] - now, 0.0), spare[0, node])
        out[LESS, i] += min(max(largest[i] + now, 0.0), spare[1, node])
    return True, is_relieved
