"""An instance stated around a base, solved and certified in one call of machine code: for who solves one every step.

Every cell has a base a_i − b_i, of which a may be dropped and b lifted, and wishes to move by m_i within its reach:
x = −m, −up <= m <= down is meant as x in [−up, down], the sums y are bounded with the base included. It is the same
instance that `Allocation` states, without its arrays having to be built one by one.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import float64, int64, types
from numpy.typing import NDArray

from autonomy.solvers.allocation import CENTRE, DROP, LEAST, LIFT, LOWER, MOST, UPPER, WEIGHT, X
from autonomy.solvers.kernel.borrow import borrow
from autonomy.solvers.kernel.gap import gap_and_rounding
from autonomy.solvers.kernel.prices import compiled
from autonomy.solvers.kernel.solve import ANSWER, solve

MOVE = ANSWER + 1
"""Row of the answer that holds −x, without negative zeros, after those of the point and of the cells' multipliers."""
PROOF = 3
"""Numbers of the proof."""
WHOLE_ROWS, WHOLE, INDEX = (
    types.Array(kind, n, "C", readonly=True) for kind, n in ((float64, 2), (float64, 1), (int64, 1))
)
ROWS, COLUMN = float64[:, ::1], float64[::1]
SIGNATURE = int64(
    *[WHOLE_ROWS] * 2,
    *[WHOLE] * 3,
    *[WHOLE_ROWS] * 2,
    *[float64] * 4,
    ROWS,
    *[COLUMN] * 3,
    INDEX,
)


def room_of(size: int, groups: int) -> NDArray[np.float64]:
    """Return room for the proof, for the bounds (2, G) and for cells (8, N)."""
    return np.zeros(PROOF + 2 * groups + (MOST + 1) * size)


@compiled(SIGNATURE)
def solve_around(
    base,
    reach,
    wish,
    most_up,
    most_down,
    sums,
    own,
    weight,
    drop_price,
    lift_price,
    smoothing,
    answer,
    multipliers,
    room,
    workspace,
    tree,
):
    """Write the answer (5, N), zeros before, the multipliers (G,) and the proof; return what `solve` returns.

    Given are the base (2, N) rows a and b, the reach (2, N) rows up and down of the moves, the wishes (N,), which are
    clipped to [−most_down, most_up], the bounds (2, G) of the groups and (2, N) of the cells (or (2, 0)) with the base
    included, one weight for all, room as `room_of` makes it, and the tree: parents (G,), groups of the cells (N,) and
    groups outermost first (G,) in one array. The proof is the room's first `PROOF` numbers: gap, rounding, and the
    largest multiplier of a group or a cell, whatever its sign.
    """
    base, reach, wish, most_up, most_down = (
        borrow(base),
        borrow(reach),
        borrow(wish),
        borrow(most_up),
        borrow(most_down),
    )
    sums, own, answer, multipliers = borrow(sums), borrow(own), borrow(answer), borrow(multipliers)
    room, workspace, tree = borrow(room), borrow(workspace), borrow(tree)
    size, groups = wish.size, multipliers.size
    parent, group_of, outermost_first = tree[:groups], tree[groups : groups + size], tree[groups + size :]
    rows = MOST + 1 if own.shape[1] > 0 else LEAST
    bounds = room[PROOF : PROOF + 2 * groups].reshape((2, groups))
    cells = room[PROOF + 2 * groups : PROOF + 2 * groups + rows * size].reshape((rows, size))
    bounds[:] = 0.0
    for j in range(size):
        wanted, net = min(max(wish[j], -most_down[j]), most_up[j]), base[0, j] - base[1, j]
        cells[WEIGHT, j], cells[CENTRE, j] = weight, -wanted
        cells[LOWER, j], cells[UPPER, j] = -reach[0, j], reach[1, j]
        cells[DROP, j], cells[LIFT, j] = base[0, j], base[1, j]
        if own.shape[1] > 0:
            cells[LEAST, j], cells[MOST, j] = own[0, j] - net, own[1, j] - net
        bounds[0, group_of[j]] += net
    for k in range(outermost_first.size - 1, -1, -1):
        g = outermost_first[k]
        if parent[g] >= 0:
            bounds[0, parent[g]] += bounds[0, g]
    for g in range(groups):
        net = bounds[0, g]
        bounds[0, g], bounds[1, g] = sums[0, g] - net, sums[1, g] - net
    prices = (drop_price, lift_price, smoothing)
    code = solve(cells, bounds, *prices, answer[:MOVE], multipliers, workspace)
    if code == 0:
        point = answer[:ANSWER]
        tree_of = (parent, group_of, outermost_first)
        room[0], room[1] = gap_and_rounding(cells, bounds, point, answer[ANSWER], multipliers, *prices, *tree_of)
        largest = 0.0
        for j in range(size):
            answer[MOVE, j] = 0.0 - answer[X, j]
            largest = max(largest, abs(answer[ANSWER, j]))
        for g in range(groups):
            largest = max(largest, abs(multipliers[g]))
        room[2] = largest
    return code
