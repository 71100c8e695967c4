"""The interior point method: start and steps.

Mehrotra's predictor and corrector [Mehrotra1992] from a start that need not be feasible. A step costs two sweeps over
the tree inwards-out, two outwards-in, and three passes over the pairs; nothing is allocated. Pairs are boxes first (all
x, all −u, all v), then bounded sums of cells if there are any, then groups' sums, then potentials, each in blocks of
their own. The regions of a layout say where each kind begins and how many there are of it: three kinds of boxes, sums
of cells, sums of groups, potentials.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.barrier.cells import (
    CHANGE,
    FORESEEN,
    PRICE,
    accept,
    foresee_boxes,
    move_boxes,
    offer,
    reach_boxes,
    seat,
)
from autonomy.solvers.barrier.limits import foresee, move, reach
from autonomy.solvers.barrier.pairs import (
    AIM,
    CURVE,
    FAR,
    FAR_PAY,
    FORCE,
    HIGH,
    HIGH_GAP,
    HIGH_PAY,
    HIGH_REST,
    LOW,
    LOW_GAP,
    LOW_PAY,
    LOW_REST,
    PULL,
    PUSH,
    STEP,
    THETA,
    clear,
    close,
    compiled,
    largest,
    rounded,
    spot,
    total,
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
BACK_OFF, NEARLY, FREE = 0.995, 0.99999, 0.9
"""Part of the way to the nearest bound that a step goes, and that it may go where the predictor goes this far."""
EQUATION = NUMBER, MISSING, PAID = range(3)
"""Rows of the equations: the place of the pair, what its value lacks, its multiplier."""
PROOF_EVERY, PROVEN = 10, 1e-9
"""Steps between two attempts to prove that no point meets all bounds, and the relative margin that counts as proof."""
ENDS = CONVERGED, IMPOSSIBLE, STALLED = range(3)
"""What `iterate` returns."""


@compiled()
def open_box(pairs, j, cost, bounds):
    """Put a box strictly inside its bounds, and its gaps with it; return its q and its width, 0 if it has none.

    `cost` is h and g.
    """
    (curve, pull), (low, high) = cost, bounds
    width = high - low
    close(pairs, j, low, high)
    if width <= NARROW * (1.0 + abs(low)):
        q, width = low + width / 2, 0.0
    else:
        q = min(max(pull / curve, low + INSIDE * width), high - INSIDE * width)
        pairs[LOW_GAP + j], pairs[HIGH_GAP + j] = q - low, high - q
        pairs[LOW_PAY + j] = pairs[HIGH_PAY + j] = 1.0
    pairs[CURVE + j], pairs[PULL + j] = curve, pull - curve * q
    return q, width


@compiled()
def within(pairs, j):
    """Return where a box is between its bounds."""
    if pairs[LOW_PAY + j] > 0.0:
        s, t = pairs[LOW_GAP + j], pairs[HIGH_GAP + j]
        return pairs[LOW + j] + s if s < t else pairs[HIGH + j] - t
    return pairs[LOW + j] + (pairs[HIGH + j] - pairs[LOW + j]) / 2


@compiled()
def open_bounds(pairs, equations, where, bounds, value, room):
    """Open the gaps of a value that may be out of bounds; return how many equations there are.

    `where` is how many there were and the place of the pair; `room` a usual width and by how much to widen.
    """
    (used, j), (low, high), (width, slack) = where, bounds, room
    low, high = low - slack, high + slack
    has_low, has_high = low > -NO_BOUND, high < NO_BOUND
    close(pairs, j, low, high)
    if has_low and has_high:
        if high - low <= NARROW * (1.0 + abs(low)) and slack == 0.0:
            equations[NUMBER, used], equations[MISSING, used] = j, low + (high - low) / 2 - value
            equations[PAID, used] = 0.0
            return used + 1
        width = max(high - low, width)
    if has_low:
        pairs[LOW_GAP + j] = max(value - low, INSIDE * width)
        pairs[LOW_REST + j] = value - low - pairs[LOW_GAP + j]
        pairs[LOW_PAY + j] = 1.0
    if has_high:
        pairs[HIGH_GAP + j] = max(high - value, INSIDE * width)
        pairs[HIGH_REST + j] = high - value - pairs[HIGH_GAP + j]
        pairs[HIGH_PAY + j] = 1.0
    return used


@compiled()
def close_rest(pairs, first, count):
    """Make the pairs that loops go over beyond the last one."""
    for k in range(count, rounded(count)):
        close(pairs, spot(first, k), 0.0, 0.0)


@compiled()
def open_payments(pairs, regions, target):
    """Set all payments so that every product of gap and payment is `target`; return how many products there are."""
    found = 0
    for first, count in regions:
        for k in range(count):
            j = spot(first, k)
            found += (1 if pairs[LOW_PAY + j] > 0.0 else 0) + (1 if pairs[HIGH_PAY + j] > 0.0 else 0)
            pairs[LOW_PAY + j] *= target / pairs[LOW_GAP + j]
            pairs[HIGH_PAY + j] *= target / pairs[HIGH_GAP + j]
    return found


@compiled()
def _first_open(pairs, region):
    """Return where a kind of box begins, −1 if none of it has a width."""
    first, count = region
    for k in range(count):
        if pairs[LOW_PAY + spot(first, k)] > 0.0:
            return first
    return -1


@compiled()
def paid_net(pairs, first, k):
    """Return y − z of a pair."""
    j = spot(first, k)
    return pairs[LOW_PAY + j] - pairs[HIGH_PAY + j]


@compiled()
def settle(work, used):
    """Let the payments of the equations' pairs stand for their multipliers, until `_unsettle`."""
    pairs, equations = work[4], work[5]
    for e in range(used):
        j = int(equations[NUMBER, e])
        pairs[LOW_PAY + j], pairs[HIGH_PAY + j] = max(equations[PAID, e], 0.0), max(-equations[PAID, e], 0.0)


@compiled()
def _unsettle(work, used):
    """Take the payments of the equations' pairs away again."""
    pairs, equations = work[4], work[5]
    for e in range(used):
        j = int(equations[NUMBER, e])
        pairs[LOW_PAY + j] = pairs[HIGH_PAY + j] = 0.0


@compiled()
def fill_prices(layout, work, row):
    """Write the prices that all payments make into a row of the cells; LOAD, OWN and DP of the tree are scratch."""
    _, group_of, parent, _, regions = layout
    tree, _, cells, _, pairs, _ = work
    (ties, tied), (sums, _), (levels, _) = regions[3], regions[4], regions[5]
    for k in range(parent.size):
        tree[k, OWN], tree[k, LOAD] = paid_net(pairs, sums, k), paid_net(pairs, levels, k)
    for k in range(parent.size - 1, -1, -1):
        if parent[k] >= 0:
            tree[parent[k], LOAD] += tree[k, LOAD]
    for k in range(parent.size):
        outer = tree[parent[k], DP] if parent[k] >= 0 else 0.0
        tree[k, DP] = outer + tree[k, OWN] + tree[k, C] * tree[k, LOAD]
    for i in range(group_of.size):
        own = paid_net(pairs, ties, i) if tied > 0 else 0.0
        cells[row + seat(i)] = own + tree[group_of[i], DP]


@compiled()
def _state(pairs, equations, used):
    """Overwrite θ and force of the equations; return the largest miss."""
    miss = 0.0
    for e in range(used):
        j = int(equations[NUMBER, e])
        pairs[THETA + j], pairs[FORCE + j], pairs[PUSH + j] = STIFF, STIFF * equations[MISSING, e], 0.0
        miss = max(miss, abs(equations[MISSING, e]))
    return miss


@compiled()
def _is_proven(layout, work, used):
    """Return whether the multipliers prove that no point meets all bounds.

    Every point that does has Σ p·y >= Σ y·low − z·high over all sums and potentials; the boxes may not allow it.
    """
    regions, cells, pairs = layout[4], work[2], work[4]
    settle(work, used)
    fill_prices(layout, work, CHANGE)
    needed = scale = 0.0
    for first, count in regions[3:]:
        for k in range(count):
            j = spot(first, k)
            low = pairs[LOW_PAY + j] * pairs[LOW + j] if pairs[LOW_PAY + j] > 0.0 else 0.0
            high = pairs[HIGH_PAY + j] * pairs[HIGH + j] if pairs[HIGH_PAY + j] > 0.0 else 0.0
            needed, scale = needed + low - high, scale + abs(low) + abs(high)
    _unsettle(work, used)
    for first, count in regions[:3]:
        for i in range(count):
            j, p = spot(first, i), cells[CHANGE + seat(i)]
            low, high = p * pairs[LOW + j], p * pairs[HIGH + j]
            needed, scale = needed - max(low, high), scale + max(abs(low), abs(high))
    return needed > PROVEN * scale


@compiled()
def _largest_rest(pairs, regions):
    """Return the largest distance of a value from what its gaps stand for at the start."""
    found = 0.0
    for first, count in regions[3:]:
        for k in range(count):
            j = spot(first, k)
            found = max(found, abs(pairs[LOW_REST + j]), abs(pairs[HIGH_REST + j]))
    return found


@compiled()
def _foresee(regions, kinds, work, rest):
    """Return how much too far the predictor's step goes (1/length) and the sum of its products ds·dy + dt·dz."""
    _, _, cells, lanes, pairs, _ = work
    clear(lanes)
    foresee_boxes(pairs, cells, kinds, lanes)
    for span in regions[3:]:
        foresee(pairs, span, lanes, rest)
    return largest(lanes, FAR) + 0.5, total(lanes)


@compiled()
def _reach(regions, kinds, work, rest, target):
    """Return how much too far the corrected step goes for the gaps, and for the payments."""
    _, _, cells, lanes, pairs, _ = work
    clear(lanes)
    reach_boxes(pairs, cells, kinds, lanes, target)
    for span in regions[3:]:
        reach(pairs, span, lanes, rest, target)
    return largest(lanes, FAR), largest(lanes, FAR_PAY)


@compiled()
def _move(regions, kinds, work, goal, part):
    """Take the step, return Σ s·y + t·z after it; `goal` is rest and target, `part` how far gaps and payments go."""
    _, _, cells, lanes, pairs, _ = work
    clear(lanes)
    move_boxes(pairs, cells, kinds, lanes, (goal[1], part[0], part[1]))
    for span in regions[3:]:
        move(pairs, span, lanes, goal, part)
    return total(lanes)


@compiled()
def _sweep_in(layout, work, target):
    """Gather what the cells answer, inwards-out; a target of 0 is the predictor's, which needs new factors."""
    _, group_of, parent, _, regions = layout
    tree, sums, cells, _, pairs, _ = work
    spans = (regions[4][0], regions[5][0])
    offer(cells, pairs, regions[3], group_of, sums, target)
    if target == 0.0:
        factorise(parent, pairs, spans, tree, sums)
    else:
        gather(parent, pairs, spans, tree, sums, target)


@compiled()
def _sweep_out(layout, work, goal):
    """Fill the steps of prices, sums and potentials; `goal` is the target and the rows of cells and pairs to fill."""
    _, group_of, parent, _, regions = layout
    tree, _, cells, _, pairs, _ = work
    descend(parent, pairs, (regions[4][0], regions[5][0]), tree, goal[2])
    accept(cells, pairs, regions[3], group_of, tree, goal)


@compiled()
def iterate(layout, work, used, target, size, nearly):
    """Step until bounds are met and products small; return how it ended. `nearly` is the most of the way to go."""
    (_, group_of, _, _, regions), (_, sums, cells, _, pairs, equations) = layout, work
    count = open_payments(pairs, regions, target)
    cells[:] = 0.0
    settle(work, used)
    fill_prices(layout, work, PRICE)
    _unsettle(work, used)
    kinds = (
        group_of.size,
        (_first_open(pairs, regions[0]), _first_open(pairs, regions[1]), _first_open(pairs, regions[2])),
    )
    rest, apart = 1.0, _largest_rest(pairs, regions)
    left = _move(regions, kinds, work, (1.0, 0.0), (0.0, 0.0))
    sums[:] = 0.0
    for step in range(MAX_STEPS):
        miss = max(_state(pairs, equations, used), rest * apart)
        if not left < 1e300:
            return STALLED
        if left <= END * target * count and miss <= MET * (1.0 + size):
            return CONVERGED
        if step % PROOF_EVERY == PROOF_EVERY - 1 and _is_proven(layout, work, used):
            return IMPOSSIBLE
        _sweep_in(layout, work, 0.0)
        _sweep_out(layout, work, (0.0, FORESEEN, AIM))
        far, gained = _foresee(regions, kinds, work, rest)
        # ds·y + s·dy = −s·y in the predictor, so the products after it are known before it is taken.
        length = free = 1.0 / max(far, 1.0)
        then = max((1.0 - length) * left + length * length * gained, 0.0)
        aim = left / max(count, 1) * min(then / left, 1.0) ** 4 if left > 0.0 else 0.0
        _state(pairs, equations, used)
        _sweep_in(layout, work, aim)
        _sweep_out(layout, work, (aim, CHANGE, STEP))
        far_gap, far_pay = _reach(regions, kinds, work, rest, aim)
        way = nearly if free >= FREE else BACK_OFF
        length = min(1.0, way / far_gap) if far_gap > 0.0 else 1.0
        paid = min(1.0, way / far_pay) if far_pay > 0.0 else 1.0
        for e in range(used):
            j = int(equations[NUMBER, e])
            equations[PAID, e] += paid * (pairs[FORCE + j] - STIFF * pairs[STEP + j])
            equations[MISSING, e] -= length * pairs[STEP + j]
        left = _move(regions, kinds, work, (rest, aim), (length, paid))
        rest *= 1.0 - length
    return STALLED
