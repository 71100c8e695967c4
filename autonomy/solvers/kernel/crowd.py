"""Many instances, each from what was measured to a plan that keeps every bound, in one call of machine code.

One instance goes through `glance`, `solve_around`, `settle` and `finish` as one step of a controller does. Whatever one
of them declines is not answered here: its code says so, and somebody looks at it with care.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from numba import float64, int64, types

from autonomy.solvers.kernel.around import MOVE, solve_around
from autonomy.solvers.kernel.borrow import borrow
from autonomy.solvers.kernel.grid import settle
from autonomy.solvers.kernel.prices import compiled
from autonomy.solvers.kernel.room import DOWN, UP, glance
from autonomy.solvers.kernel.within import finish

ANSWERED, DECLINED = 0, 1
"""The codes: answered, or to be looked at with care."""
SEEN, WISHED = 5, 3
"""Rows of what was measured, as `glance` takes them, and of the wishes: x, quantity, price."""
LOOKED = 7
"""Rows of the scratch that `glance` writes; the others are `solve_around`'s answer."""
SCRATCH = LOOKED + MOVE + 1
NO_NUMBER = 1e300
"""What the magnitudes of all wishes of an instance sum to less than; NaN does not."""
SQUARE, GAP, ROUNDING = 0, 1, 2
"""What is noted of each instance: Σ (x − clipped wish)², and the proof of the minimiser."""
STACK, STACKS, COLUMN, ROWS, INDEX, INDICES = (
    types.Array(kind, n, "C", readonly=True)
    for kind, n in ((float64, 3), (int64, 3), (float64, 1), (float64, 2), (int64, 1), (int64, 2))
)
SIGNATURE = types.void(
    *[STACK] * 3,
    INDEX,
    *[STACK] * 4,
    STACKS,
    ROWS,
    float64,
    ROWS,
    *[INDEX] * 2,
    *[float64[::1]] * 2,
    float64[:, ::1],
    float64[:, :, ::1],
    *[float64[:, ::1]] * 2,
    int64[::1],
)


@compiled(SIGNATURE)
def decide_many(
    seen,
    wishes,
    windows,
    which,
    stores,
    most,
    sums,
    own,
    bounds,
    limits,
    weight,
    prices,
    tree,
    places,
    room,
    workspace,
    scratch,
    out,
    multipliers,
    notes,
    codes,
):
    """Answer B instances over the same tree.

    Args:
        seen: (B, 5, N) what was measured, as `glance` takes it.
        wishes: (B, 3, N) the wishes for x, the quantity and the price, as `finish` takes them.
        windows: (B, 2, N) how far x may go up and down at most, whatever room there is; either may be < 0.
        which: (B,) which of the K sets of bounds below holds.
        stores: (K, 19, N) as `glance` takes it.
        most: (K, 2, N) the most a wish may ask for, up and down.
        sums: (K, 2, G) as `solve_around` takes it.
        own: (K, 2, N) or (K, 2, 0), likewise.
        bounds: (K, 2, N + M) as `settle` takes it.
        limits: (K, N + 3M) likewise.
        weight: As `solve_around` takes it.
        prices: (K, 3) α, β and ε, likewise.
        tree: As `solve_around` takes it.
        places: The tree as `settle` takes it.
        room: As `solve_around` takes it.
        workspace: Likewise.
        scratch: (12, N)
        out: (B, 8, N) as `settle` and `finish` write it.
        multipliers: (B, G)
        notes: (B, 3) see `SQUARE`, `GAP`, `ROUNDING`.
        codes: (B,) ANSWERED or DECLINED; what was declined has nothing of use in the others.
    """
    seen, wishes, which, stores, most = borrow(seen), borrow(wishes), borrow(which), borrow(stores), borrow(most)
    sums, own, bounds, limits, tree = borrow(sums), borrow(own), borrow(bounds), borrow(limits), borrow(tree)
    prices, windows = borrow(prices), borrow(windows)
    places, room, workspace, out = borrow(places), borrow(room), borrow(workspace), borrow(out)
    multipliers, notes, codes = borrow(multipliers), borrow(notes), borrow(codes)
    scratch = borrow(scratch)
    size, looked, answer = seen.shape[2], scratch[:LOOKED], scratch[LOOKED:]
    reach, base = looked[UP : DOWN + 1], looked[:2]
    for b in range(seen.shape[0]):
        k, given, wish = which[b], seen[b], wishes[b]
        codes[b] = DECLINED
        if not glance(given[0], given[1], given[2], given[3], given[4], stores[k], looked):
            continue
        total, meets = 0.0, True
        for i in range(size):
            total += abs(wish[0, i]) + abs(wish[1, i]) + abs(wish[2, i])
            reach[0, i] = min(reach[0, i], windows[b, 0, i])
            reach[1, i] = min(reach[1, i], windows[b, 1, i])
            meets &= -reach[1, i] <= reach[0, i]
        if not (meets and total < NO_NUMBER):
            continue
        answer[:] = 0.0
        edges = (most[k, 0], most[k, 1], sums[k], own[k])
        costs = (weight, prices[k, 0], prices[k, 1], prices[k, 2])
        if solve_around(base, reach, wish[0], *edges, *costs, answer, multipliers[b], room, workspace, tree) != 0:
            continue
        fits, _ = settle(answer[MOVE], answer[1], answer[2], base, reach, bounds[k], limits[k], places, out[b])
        if not fits:
            continue
        notes[b, GAP], notes[b, ROUNDING] = room[0], room[1]
        wish_of = (wish[0], wish[1], wish[2])
        _, _, notes[b, SQUARE] = finish(out[b], *wish_of, most[k, 1], most[k, 0], given[4], given[3])
        codes[b] = ANSWERED
