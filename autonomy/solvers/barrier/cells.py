"""The cells in the interior point method: three boxes each, x, −u and v, and perhaps bounds on their sum.

A box with the cost h/2·q² − g·q answers a change dp of its price with dq = ease·(dp + drive), where

    ease = 1/(h + θ),     drive = g − h·q + p + y·(τ/(s·y) + bend) − z·(τ/(t·z) + bend)

in the letters of `pairs`; τ and the bends are 0 for the predictor. A bounded sum of the boxes adds its own multiplier
to their price, as a group would. A box without width pays nothing, which is how it is known, and has no ease. What a
box has left of g − h·q is its pull; q itself is known from its gaps.

The boxes of a cell are three pairs, all x, then all −u, then all v, each kind in as many blocks as the cells have.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.barrier.pairs import (
    BLOCK,
    CURVE,
    EASE,
    FAR,
    FAR_PAY,
    FORCE,
    HIGH_GAP,
    HIGH_PAY,
    LAST,
    LOW_GAP,
    LOW_PAY,
    NO_PRODUCT,
    PULL,
    PUSH,
    SHIFT,
    SPAN,
    SUM,
    THETA,
    compiled,
    rounded,
    spot,
)
from autonomy.solvers.barrier.tree import DP, DRIFT
from autonomy.solvers.barrier.tree import EASE as GROUP_EASE

CELLS = PRICE, FORESEEN, CHANGE, TOTAL_EASE, TOTAL_DRIFT, TOTAL_PUSH = tuple(range(0, 6 * BLOCK, BLOCK))
"""Rows of a block of cells: p, the predictor's dp and dp, all with the bounds of the sum in them; Σ ease; Σ ease·drive
at the target 0, and what a unit of τ adds to it."""
CELL_SPAN = len(CELLS) * BLOCK
"""Numbers in a block of cells."""


@compiled()
def seat(i):
    """Return where cell i is."""
    return (i >> SHIFT) * CELL_SPAN + (i & LAST)


@compiled()
def offer(cells, pairs, ties, group_of, sums, target):
    """Add what every cell answers to its group's sums; `ties` is where pairs of cells' sums begin, and how many.

    A target of 0 is the predictor's: the ease is only gathered for it.
    """
    first, tied = ties
    for i in range(group_of.size):
        k, at = group_of[i], seat(i)
        ease, drift = cells[TOTAL_EASE + at], cells[TOTAL_DRIFT + at] + target * cells[TOTAL_PUSH + at]
        if tied > 0:
            j = spot(first, i)
            held = 1.0 / (1.0 + ease * pairs[THETA + j])
            ease, drift = ease * held, (drift + ease * (pairs[FORCE + j] + target * pairs[PUSH + j])) * held
        sums[k, DRIFT] += drift
        if target == 0.0:
            sums[k, GROUP_EASE] += ease


@compiled()
def accept(cells, pairs, ties, group_of, tree, goal):
    """Take over the dp of the groups into a row of the cells, and step the cells' sums into a row of the pairs.

    `goal` is the target and the two rows.
    """
    (first, tied), (target, cell_row, pair_row) = ties, goal
    for i in range(group_of.size):
        at, change = seat(i), tree[group_of[i], DP]
        if tied > 0:
            j = spot(first, i)
            force, theta = pairs[FORCE + j] + target * pairs[PUSH + j], pairs[THETA + j]
            ease, drift = cells[TOTAL_EASE + at], cells[TOTAL_DRIFT + at] + target * cells[TOTAL_PUSH + at]
            step = (ease * (change + force) + drift) / (1.0 + ease * theta)
            pairs[pair_row + j] = step
            change += force - theta * step
        cells[cell_row + at] = change


@compiled()
def foresee_boxes(pairs, cells, kinds, lanes):
    """Take the predictor's dp: gather how much too far it goes (1/length) and its products, sum corrected answers.

    `kinds` is how many cells there are and where each kind of box begins, −1 where none of it has a width.
    """
    (n, firsts), offset, cell = kinds, 0, 0
    for start in range(0, rounded(n), BLOCK):
        own = cells[cell : cell + CELL_SPAN]
        own[TOTAL_DRIFT : TOTAL_PUSH + BLOCK] = 0.0
        for first in firsts:
            if first < 0:
                continue
            here = pairs[first + offset : first + offset + SPAN]
            for j in range(min(rounded(n) - start, BLOCK)):
                s, t, y, z = here[LOW_GAP + j], here[HIGH_GAP + j], here[LOW_PAY + j], here[HIGH_PAY + j]
                ease, drive = here[EASE + j], here[PULL + j] + own[PRICE + j]
                step, over = ease * (own[FORESEEN + j] + drive), 1.0 / (s * t)
                low, high = step * (over * t), -step * (over * s)
                lanes[FAR + j] = max(lanes[FAR + j], abs(low + 0.5), abs(high + 0.5))
                below, above = y * low * (1.0 + low), z * high * (1.0 + high)
                lanes[SUM + j] -= s * below + t * above
                own[TOTAL_DRIFT + j] += ease * (drive + below - above)
                own[TOTAL_PUSH + j] += ease * (over * t - over * s)
        offset, cell = offset + SPAN, cell + CELL_SPAN


@compiled()
def reach_boxes(pairs, cells, kinds, lanes, target):
    """Gather how much too far the corrected step goes for the gaps, and for the payments."""
    (n, firsts), offset, cell = kinds, 0, 0
    for start in range(0, rounded(n), BLOCK):
        own = cells[cell : cell + CELL_SPAN]
        for first in firsts:
            if first < 0:
                continue
            here = pairs[first + offset : first + offset + SPAN]
            for j in range(min(rounded(n) - start, BLOCK)):
                s, t, y, z = here[LOW_GAP + j], here[HIGH_GAP + j], here[LOW_PAY + j], here[HIGH_PAY + j]
                ease, drive = here[EASE + j], here[PULL + j] + own[PRICE + j]
                aim = ease * (own[FORESEEN + j] + drive)
                product, other = s * y if y > 0.0 else NO_PRODUCT, t * z if z > 0.0 else NO_PRODUCT
                over = 1.0 / (product * other)
                gain, other_gain = over * other, over * product
                over_s, over_t = y * gain, z * other_gain
                below, above = aim * over_s, -aim * over_t
                below, above = below * (1.0 + below), above * (1.0 + above)
                step = ease * (own[CHANGE + j] + drive + y * below - z * above + target * (over_s - over_t))
                low, high = step * over_s, -step * over_t
                lanes[FAR + j] = max(lanes[FAR + j], -low, -high)
                below, above = 1.0 + low - below - target * gain, 1.0 + high - above - target * other_gain
                lanes[FAR_PAY + j] = max(lanes[FAR_PAY + j], below, above)
        offset, cell = offset + SPAN, cell + CELL_SPAN


@compiled()
def move_boxes(pairs, cells, kinds, lanes, goal):
    """Take the corrected step and fill what the next predictor needs; gather Σ s·y + t·z after it.

    `goal` is the target of the step, and how much of it gaps and payments go.
    """
    target, length, paid = goal
    (n, firsts), offset, cell = kinds, 0, 0
    for start in range(0, rounded(n), BLOCK):
        own = cells[cell : cell + CELL_SPAN]
        own[TOTAL_EASE : TOTAL_PUSH + BLOCK] = 0.0
        for first in firsts:
            if first < 0:
                continue
            here = pairs[first + offset : first + offset + SPAN]
            for j in range(min(rounded(n) - start, BLOCK)):
                s, t, y, z = here[LOW_GAP + j], here[HIGH_GAP + j], here[LOW_PAY + j], here[HIGH_PAY + j]
                ease, drive, curve = here[EASE + j], here[PULL + j] + own[PRICE + j], here[CURVE + j]
                aim, over = ease * (own[FORESEEN + j] + drive), 1.0 / (s * t)
                over_s, over_t = over * t, over * s
                below, above = aim * over_s, -aim * over_t
                below, above = below * (1.0 + below), above * (1.0 + above)
                step = ease * (own[CHANGE + j] + drive + y * below - z * above + target * (over_s - over_t))
                low, high = step * over_s, -step * over_t
                s, t = s * (1.0 + length * low), t * (1.0 + length * high)
                rise, other = target * over_s + y * (below - 1.0 - low), target * over_t + z * (above - 1.0 - high)
                is_open = y > 0.0
                y, z = y + paid * rise if is_open else 0.0, z + paid * other if is_open else 0.0
                here[LOW_GAP + j], here[HIGH_GAP + j], here[LOW_PAY + j], here[HIGH_PAY + j] = s, t, y, z
                lanes[SUM + j] += s * y + t * z
                ease = s * t / (curve * s * t + y * t + z * s) if is_open else 0.0
                pull = here[PULL + j] - curve * (length * step)
                here[EASE + j], here[PULL + j] = ease, pull
                own[TOTAL_EASE + j] += ease
                own[TOTAL_DRIFT + j] += ease * (pull + own[PRICE + j] + paid * own[CHANGE + j])
        for j in range(BLOCK):
            own[PRICE + j] += paid * own[CHANGE + j]
        offset, cell = offset + SPAN, cell + CELL_SPAN
