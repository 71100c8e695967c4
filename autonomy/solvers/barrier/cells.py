"""The cells in the interior point method: three boxes each, x, −u and v, and perhaps bounds on their sum.

A box with the cost h/2·q² − g·q answers a change dp of its price with dq = ease·(dp + drive), where

    ease = 1/(h + θ),     drive = force + g − h·q + p + y − z

and a bounded sum of the boxes adds its own multiplier to their price, as a group would. A box without width pays
nothing, which is how it is known, and has no ease.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.barrier.pairs import FORCE, HIGH_PAY, LOW_PAY, STEP, THETA, compiled
from autonomy.solvers.barrier.tree import DP, DRIFT, EASE

BOXES = Q, CURVE, PULL, REPLY, BASE = range(5)
"""Rows of the (5, 3N) boxes: q, h, g, ease, and drive − force."""
CELLS = PRICE, CHANGE, TOTAL_REPLY, TOTAL_DRIFT, HELD = range(5)
"""Rows of the (5, N) cells: p and dp with the bounds of the sum in them, Σ ease, Σ ease·drive, 1/(1 + Σ ease·θ)."""


@compiled()
def answer(boxes, cells, pairs):
    """Fill ease and the part of the drive that stays in a step."""
    size, n = boxes.shape[1], cells.shape[1]
    q, h, g, reply, base = boxes[Q], boxes[CURVE], boxes[PULL], boxes[REPLY], boxes[BASE]
    theta, y, z = pairs[THETA, :size], pairs[LOW_PAY, :size], pairs[HIGH_PAY, :size]
    for j in range(size):
        reply[j] = 1.0 / (h[j] + theta[j]) if y[j] > 0.0 else 0.0
    for first in range(0, size, max(n, 1)):
        own, p = slice(first, first + n), cells[PRICE]
        q, h, g, base = boxes[Q, own], boxes[CURVE, own], boxes[PULL, own], boxes[BASE, own]
        y, z = pairs[LOW_PAY, own], pairs[HIGH_PAY, own]
        for i in range(n):
            base[i] = g[i] - h[i] * q[i] + p[i] + y[i] - z[i]


@compiled()
def offer(boxes, cells, pairs, group_of, sums, tied):
    """Add S and K of every cell to its group's sums."""
    n = cells.shape[1]
    replies, drifts, held = cells[TOTAL_REPLY], cells[TOTAL_DRIFT], cells[HELD]
    one, two, three = boxes[REPLY, :n], boxes[REPLY, n : 2 * n], boxes[REPLY, 2 * n : 3 * n]
    for i in range(n):
        replies[i] = one[i] + two[i] + three[i]
    drifts[:] = 0.0
    for first in range(0, 3 * n, max(n, 1)):
        own = slice(first, first + n)
        reply, base, force = boxes[REPLY, own], boxes[BASE, own], pairs[FORCE, own]
        for i in range(n):
            drifts[i] += reply[i] * (base[i] + force[i])
    if tied:
        theta, force = pairs[THETA, 3 * n : 4 * n], pairs[FORCE, 3 * n : 4 * n]
        for i in range(n):
            held[i] = 1.0 / (1.0 + replies[i] * theta[i])
        for i in range(n):
            k = group_of[i]
            sums[k, DRIFT] += (drifts[i] + replies[i] * force[i]) * held[i]
            sums[k, EASE] += replies[i] * held[i]
    else:
        for i in range(n):
            sums[group_of[i], DRIFT] += drifts[i]
            sums[group_of[i], EASE] += replies[i]


@compiled()
def accept(boxes, cells, pairs, row, group_of, tree):
    """Write the step that the groups' dp make into a row of the cells' pairs."""
    n = cells.shape[1]
    tied = pairs.shape[1] - 2 * tree.shape[0] > 3 * n
    change = cells[CHANGE]
    for i in range(n):
        change[i] = tree[group_of[i], DP]
    if tied:
        replies, drifts, held, step = cells[TOTAL_REPLY], cells[TOTAL_DRIFT], cells[HELD], pairs[row, 3 * n : 4 * n]
        theta, force = pairs[THETA, 3 * n : 4 * n], pairs[FORCE, 3 * n : 4 * n]
        for i in range(n):
            step[i] = (replies[i] * (change[i] + force[i]) + drifts[i]) * held[i]
        for i in range(n):
            change[i] += force[i] - theta[i] * step[i]
    for first in range(0, 3 * n, max(n, 1)):
        own = slice(first, first + n)
        reply, base, force, step = boxes[REPLY, own], boxes[BASE, own], pairs[FORCE, own], pairs[row, own]
        for i in range(n):
            step[i] = reply[i] * (change[i] + base[i] + force[i])


@compiled()
def follow(boxes, cells, pairs, length, paid):
    """Move q to a part `length` of the step, and p to a part `paid`."""
    q, dq, p, dp = boxes[Q], pairs[STEP, : boxes.shape[1]], cells[PRICE], cells[CHANGE]
    for j in range(q.size):
        q[j] += length * dq[j]
    for i in range(p.size):
        p[i] += paid * dp[i]
