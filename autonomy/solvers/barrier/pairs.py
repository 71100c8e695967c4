"""Everything between two bounds, as the interior point method sees it: gaps, payments and their steps, many at once.

A value v with low <= v <= high has the gaps s and t that stand for v − low and high − v, and pays y and z > 0 for them.
The method keeps all four positive and drives s·y and t·z to a common target τ -> 0. Eliminating them, a step dv changes
the multiplier y − z by force − θ·dv. Relative to what there is, and with r = ds/s, q = dt/t,

    ds = dv + ρ,   dy/y = τ/(s·y) − 1 − r + bend,     ρ = v − low − s      θ = y/s + z/t
    dt = −dv + σ,  dz/z = τ/(t·z) − 1 − q + bend,     σ = high − v − t     force = dy − dz at dv = 0

The bend of a side is 0 for the predictor; the corrector's is r·(1 + r) with the predictor's r, which is what the
predictor's products ds·dy miss [Mehrotra1992]. A payment of 0 stands for a bound that is not there; its 1/s is kept as
0, so that every term of it vanishes on its own. After a step of length l all ρ and σ have shrunk by 1 − l, so they are
kept as at the start, times `rest`.

Pairs lie in blocks: `BLOCK` pairs, each row of them next to the other, so that a block stays in the first-level cache
and the compiler knows how far rows are apart, which lets it vectorise loops that write many of them. A pair is known by
the place of its first row; row ROW of pair j is `pairs[ROW + j]`.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from typing import Any

from numba import njit

SHIFT = 6
BLOCK, LAST = 1 << SHIFT, (1 << SHIFT) - 1
"""Pairs in a block, and cells in one: a power of two, so that shifts do for divisions; and the last one in it."""
WIDTH = 8
"""What loops over part of a block are rounded up to; the pairs beyond the last one must exist, without bounds."""
ROWS = tuple(range(0, 13 * BLOCK, BLOCK))
LOW_GAP, HIGH_GAP, LOW_PAY, HIGH_PAY, LOW, HIGH = ROWS[:6]
"""Rows of a pair: s, t, y, z, and the bounds."""
THETA, FORCE, PUSH, AIM, STEP, LOW_REST, HIGH_REST = ROWS[6:]
"""More rows of sums and potentials: θ; force for the target 0, and per unit of τ; the predictor's dv; dv; ρ and σ."""
EASE, CURVE, PULL = ROWS[6:9]
"""More rows of boxes: see `cells`."""
SPAN = len(ROWS) * BLOCK
"""Numbers in a block."""
LANES = FAR, FAR_PAY, SUM = 0, BLOCK, 2 * BLOCK
"""Rows of the lanes, in which largest values and sums over blocks are gathered: gaps (or both), payments, products."""
NO_PRODUCT = 1e-100
"""s·y where there is no bound: so little that no step makes the payment less."""


def compiled(signature: Any = None) -> Any:
    """Return the decorator of all machine code of the method."""
    options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    return njit(**options) if signature is None else njit(signature, **options)


@compiled()
def spot(first, k):
    """Return where pair k of those that begin at `first` is."""
    return first + ((k >> SHIFT) * SPAN + (k & LAST))


@compiled()
def room_for(count):
    """Return how many numbers the blocks of `count` pairs are."""
    return ((count + LAST) >> SHIFT) * SPAN


@compiled()
def rounded(count):
    """Return how many pairs loops go over, where there are `count`."""
    return (count + WIDTH - 1) // WIDTH * WIDTH


@compiled()
def close(pairs, j, low, high):
    """Make a pair without bounds that are to be kept; all rows after those are 0."""
    pairs[LOW + j], pairs[HIGH + j] = low, high
    pairs[LOW_GAP + j] = pairs[HIGH_GAP + j] = 1.0
    pairs[LOW_PAY + j] = pairs[HIGH_PAY + j] = 0.0
    for row in range(THETA, SPAN, BLOCK):
        pairs[row + j] = 0.0


@compiled()
def clear(lanes):
    """Set all lanes to 0."""
    lanes[:] = 0.0


@compiled()
def largest(lanes, row):
    """Return the largest value in a row of the lanes, at least 0, which is overwritten."""
    for start in range(row + WIDTH, row + BLOCK, WIDTH):
        for j in range(WIDTH):
            lanes[row + j] = max(lanes[row + j], lanes[start + j])
    found = 0.0
    for j in range(WIDTH):
        found = max(found, lanes[row + j])
    return found


@compiled()
def total(lanes):
    """Return the sum that was gathered, which is overwritten."""
    for start in range(SUM + WIDTH, SUM + BLOCK, WIDTH):
        for j in range(WIDTH):
            lanes[SUM + j] += lanes[start + j]
    found = 0.0
    for j in range(WIDTH):
        found += lanes[SUM + j]
    return found
