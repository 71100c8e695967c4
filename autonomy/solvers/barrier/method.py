"""The interior point method: start and steps.

Mehrotra's predictor and corrector [Mehrotra1992] from a start that need not be feasible. A step costs two sweeps over
the tree inwards-out, two outwards-in, and a few passes over the cells; nothing is allocated. Pairs are numbered boxes
first (all x, all −u, all v), then bounded sums of cells if there are any, then groups' sums, then potentials.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.barrier.cells import CHANGE, CURVE, PRICE, PULL, Q, accept, answer, follow, offer
from autonomy.solvers.barrier.pairs import (
    AIM,
    FORCE,
    HIGH,
    HIGH_GAP,
    HIGH_PAY,
    HIGH_REST,
    LOW,
    LOW_GAP,
    LOW_PAY,
    LOW_REST,
    STEP,
    THETA,
    compiled,
    correct,
    foresee,
    move,
    open_terms,
    reach,
)
from autonomy.solvers.barrier.tree import DP, LOAD, OWN, C, descend, factorise, gather

MAX_STEPS = 100
END = 1e-13
"""Mean product of gap and payment at the end, relative to the start's."""
MET = 1e-10
"""How far sums and potentials may be at the end from what their gaps stand for, relative to the size of a box."""
NARROW = 1e-9
"""Relative distance of two bounds below which they are one: a box that does not move, or an equation."""
NO_BOUND = 1e100
"""What no sum or potential ever reaches."""
STIFF = 1e8
"""θ of an equation: its multiplier follows by the method of multipliers."""
INSIDE = 0.3
"""How far inside its bounds a value starts, or its gaps if it cannot, as a part of their distance."""
BACK_OFF = 0.995
"""Part of the way to the nearest bound that a step goes."""
EQUATION = NUMBER, MISSING, PAID = range(3)
"""Rows of the equations: the pair, what its value lacks, its multiplier."""
PROOF_EVERY, PROVEN = 10, 1e-9
"""Steps between two attempts to prove that no point meets all bounds, and the relative margin that counts as proof."""
ENDS = CONVERGED, IMPOSSIBLE, STALLED = range(3)
"""What `iterate` returns."""


@compiled()
def open_box(boxes, pairs, j, low, high):
    """Put a box's q strictly inside and its gaps with it; return the width, 0 if it has none."""
    width = high - low
    pairs[LOW, j], pairs[HIGH, j] = low, high
    pairs[LOW_REST, j] = pairs[HIGH_REST, j] = 0.0
    if width <= NARROW * (1.0 + abs(low)):
        boxes[Q, j] = low + width / 2
        pairs[LOW_GAP, j] = pairs[HIGH_GAP, j] = 1.0
        pairs[LOW_PAY, j] = pairs[HIGH_PAY, j] = 0.0
        return 0.0
    q = min(max(boxes[PULL, j] / boxes[CURVE, j], low + INSIDE * width), high - INSIDE * width)
    boxes[Q, j] = q
    pairs[LOW_GAP, j], pairs[HIGH_GAP, j] = q - low, high - q
    pairs[LOW_PAY, j] = pairs[HIGH_PAY, j] = 1.0
    return width


@compiled()
def open_bounds(pairs, equations, place, bounds, value, room):
    """Open the gaps of a value that may be out of bounds; return how many equations there are.

    `place` is how many there were and the number of the pair; `room` a usual width and by how much to widen.
    """
    (used, j), (low, high), (width, slack) = place, bounds, room
    low, high = low - slack, high + slack
    has_low, has_high = low > -NO_BOUND, high < NO_BOUND
    pairs[LOW, j], pairs[HIGH, j] = low, high
    pairs[LOW_GAP, j] = pairs[HIGH_GAP, j] = 1.0
    pairs[LOW_PAY, j] = pairs[HIGH_PAY, j] = pairs[LOW_REST, j] = pairs[HIGH_REST, j] = 0.0
    if has_low and has_high:
        if high - low <= NARROW * (1.0 + abs(low)) and slack == 0.0:
            equations[NUMBER, used], equations[MISSING, used] = j, low + (high - low) / 2 - value
            equations[PAID, used] = 0.0
            return used + 1
        width = max(high - low, width)
    if has_low:
        pairs[LOW_GAP, j] = max(value - low, INSIDE * width)
        pairs[LOW_REST, j] = value - low - pairs[LOW_GAP, j]
        pairs[LOW_PAY, j] = 1.0
    if has_high:
        pairs[HIGH_GAP, j] = max(high - value, INSIDE * width)
        pairs[HIGH_REST, j] = high - value - pairs[HIGH_GAP, j]
        pairs[HIGH_PAY, j] = 1.0
    return used


@compiled()
def open_payments(pairs, target):
    """Set all payments so that every product of gap and payment is `target`; return how many products there are."""
    count = 0
    for j in range(pairs.shape[1]):
        count += (1 if pairs[LOW_PAY, j] > 0.0 else 0) + (1 if pairs[HIGH_PAY, j] > 0.0 else 0)
        pairs[LOW_PAY, j] *= target / pairs[LOW_GAP, j]
        pairs[HIGH_PAY, j] *= target / pairs[HIGH_GAP, j]
    return count


@compiled()
def fill_prices(layout, work, used, row):
    """Write the prices that all multipliers make into a row of the cells; LOAD, OWN and DP of the tree are scratch."""
    _, group_of, parent, _ = layout
    tree, _, _, cells, pairs, equations = work
    n, groups = group_of.size, parent.size
    at = pairs.shape[1] - 2 * groups
    for k in range(groups):
        tree[k, OWN] = pairs[LOW_PAY, at + k] - pairs[HIGH_PAY, at + k]
        tree[k, LOAD] = pairs[LOW_PAY, at + groups + k] - pairs[HIGH_PAY, at + groups + k]
    for i in range(n):
        cells[row, i] = pairs[LOW_PAY, 3 * n + i] - pairs[HIGH_PAY, 3 * n + i] if at > 3 * n else 0.0
    for e in range(used):
        j = int(equations[NUMBER, e])
        if j >= at + groups:
            tree[j - at - groups, LOAD] = equations[PAID, e]
        elif j >= at:
            tree[j - at, OWN] = equations[PAID, e]
        else:
            cells[row, j - 3 * n] = equations[PAID, e]
    for k in range(groups - 1, -1, -1):
        if parent[k] >= 0:
            tree[parent[k], LOAD] += tree[k, LOAD]
    for k in range(groups):
        outer = tree[parent[k], DP] if parent[k] >= 0 else 0.0
        tree[k, DP] = outer + tree[k, OWN] + tree[k, C] * tree[k, LOAD]
    for i in range(n):
        cells[row, i] += tree[group_of[i], DP]


@compiled()
def _state(pairs, equations, used):
    """Overwrite θ and force of the equations; return the largest miss."""
    miss = 0.0
    for e in range(used):
        j = int(equations[NUMBER, e])
        pairs[THETA, j], pairs[FORCE, j] = STIFF, STIFF * equations[MISSING, e]
        miss = max(miss, abs(equations[MISSING, e]))
    return miss


@compiled()
def _is_proven(layout, work, used):
    """Return whether the multipliers prove that no point meets all bounds.

    Every point that does has Σ p·y >= Σ y·low − z·high over all sums and potentials; the boxes may not allow it.
    """
    _, _, _, cells, pairs, equations = work
    fill_prices(layout, work, used, CHANGE)
    n = cells.shape[1]
    needed = scale = 0.0
    for e in range(used):
        bound = equations[PAID, e] * pairs[LOW if equations[PAID, e] > 0.0 else HIGH, int(equations[NUMBER, e])]
        needed, scale = needed + bound, scale + abs(bound)
    for j in range(3 * n, pairs.shape[1]):
        low = pairs[LOW_PAY, j] * pairs[LOW, j] if pairs[LOW_PAY, j] > 0.0 else 0.0
        high = pairs[HIGH_PAY, j] * pairs[HIGH, j] if pairs[HIGH_PAY, j] > 0.0 else 0.0
        needed, scale = needed + low - high, scale + abs(low) + abs(high)
    for j in range(3 * n):
        low, high = cells[CHANGE, j % n] * pairs[LOW, j], cells[CHANGE, j % n] * pairs[HIGH, j]
        needed, scale = needed - max(low, high), scale + max(abs(low), abs(high))
    return needed > PROVEN * scale


@compiled()
def _largest_rest(pairs):
    """Return the largest distance of a value from what its gaps stand for at the start."""
    largest = 0.0
    for j in range(pairs.shape[1]):
        largest = max(largest, abs(pairs[LOW_REST, j]), abs(pairs[HIGH_REST, j]))
    return largest


@compiled()
def iterate(layout, work, used, target, size):
    """Step until bounds are met and products small; return how it ended."""
    _, group_of, parent, _ = layout
    tree, sums, boxes, cells, pairs, equations = work
    at = pairs.shape[1] - 2 * parent.size
    tied, count = at > 3 * group_of.size, open_payments(pairs, target)
    fill_prices(layout, work, used, PRICE)
    rest, largest, total = 1.0, _largest_rest(pairs), open_terms(pairs, 1.0)
    sums[:] = 0.0
    for step in range(MAX_STEPS):
        miss = max(_state(pairs, equations, used), rest * largest)
        if not total < 1e300:
            return STALLED
        if total <= END * target * count and miss <= MET * (1.0 + size):
            return CONVERGED
        if step % PROOF_EVERY == PROOF_EVERY - 1 and _is_proven(layout, work, used):
            return IMPOSSIBLE
        answer(boxes, cells, pairs)
        offer(boxes, cells, pairs, group_of, sums, tied)
        factorise(parent, pairs, at, tree, sums)
        descend(parent, pairs, at, AIM, tree)
        accept(boxes, cells, pairs, AIM, group_of, tree)
        far, gained = foresee(pairs, rest)
        # ds·y + s·dy = −s·y in the predictor, so the products after it are known before it is taken.
        length = 1.0 / max(far, 1.0)
        left = max((1.0 - length) * total + length * length * gained, 0.0)
        aim = total / max(count, 1) * min(left / total, 1.0) ** 4 if total > 0.0 else 0.0
        correct(pairs, rest, aim)
        _state(pairs, equations, used)
        offer(boxes, cells, pairs, group_of, sums, tied)
        gather(parent, pairs, at, tree, sums)
        descend(parent, pairs, at, STEP, tree)
        accept(boxes, cells, pairs, STEP, group_of, tree)
        far_gap, far_pay = reach(pairs, rest, aim)
        length = min(1.0, BACK_OFF / far_gap) if far_gap > 0.0 else 1.0
        paid = min(1.0, BACK_OFF / far_pay) if far_pay > 0.0 else 1.0
        follow(boxes, cells, pairs, length, paid)
        for e in range(used):
            j = int(equations[NUMBER, e])
            equations[PAID, e] += paid * (pairs[FORCE, j] - STIFF * pairs[STEP, j])
            equations[MISSING, e] -= length * pairs[STEP, j]
        total = move(pairs, rest, aim, length, paid)
        rest *= 1.0 - length
    return STALLED
