"""The two ends of the interior point method: an instance is taken in, and an answer is given out and judged."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from autonomy.solvers.allocation import CENTRE, DROP, LEAST, LIFT, LOWER, MOST, UPPER, WEIGHT
from autonomy.solvers.barrier.cells import CHANGE, seat
from autonomy.solvers.barrier.method import (
    BACK_OFF,
    NEARLY,
    close_rest,
    iterate,
    open_bounds,
    open_box,
    paid_net,
    settle,
    within,
)
from autonomy.solvers.barrier.pairs import HIGH, HIGH_GAP, HIGH_PAY, LOW, LOW_GAP, LOW_PAY, compiled, spot
from autonomy.solvers.barrier.tree import LOAD, OWN, C

START = 1.0
"""Product of gap and payment at the start, in units of mean weight times mean width squared."""
SNAP = 1e-10
"""Relative distance from its bound at which a box is put on it; payment per gap below which a bound pays nothing."""


@compiled()
def _load_cells(given, prices, layout, work):
    """Open the boxes, and put what they add up to into OWN of the tree, sums of cells into CHANGE of the cells.

    Returns the mean width of those that have one and the mean weight.
    """
    (order, group_of, _, _, regions), (tree, _, cells, _, pairs, _) = layout, work
    (first, n), (second, _), (third, _) = regions[0], regions[1], regions[2]
    alpha, beta, epsilon = prices
    count, width, weight = 0, 0.0, 0.0
    tree[:, OWN] = 0.0
    for i in range(n):
        j, w = order[i], given[WEIGHT, order[i]]
        x, wide = open_box(pairs, spot(first, i), (w, w * given[CENTRE, j]), (given[LOWER, j], given[UPPER, j]))
        u, one = open_box(pairs, spot(second, i), (epsilon, alpha), (-given[DROP, j], 0.0))
        v, other = open_box(pairs, spot(third, i), (epsilon, -beta), (0.0, given[LIFT, j]))
        count += (1 if wide > 0.0 else 0) + (1 if one > 0.0 else 0) + (1 if other > 0.0 else 0)
        width, weight = width + wide + one + other, weight + w
        cells[CHANGE + seat(i)] = x + u + v
        tree[group_of[i], OWN] += x + u + v
    return width / max(count, 1), weight / max(n, 1)


@compiled()
def run(instance, scale, slack, layout, work, answer):
    """Solve one instance: write its point (3, N), ν (N,) and λ, μ (2, G); return how it ended.

    Coefficients were divided by `scale`, and so are bounds on potentials here. All bounds but the boxes are widened by
    `slack` times the mean width of a box.
    """
    given, bounds, levels, prices = instance
    order, _, parent, number, regions = layout
    tree, _, cells, _, pairs, equations = work
    (tie_at, tied), (sum_at, _), (level_at, _) = regions[3], regions[4], regions[5]
    width, weight = _load_cells(given, prices, layout, work)
    size, used = max(width, 1e-3), 0
    room = (size, slack * size)
    for i in range(tied):
        limits, y = (given[LEAST, order[i]], given[MOST, order[i]]), cells[CHANGE + seat(i)]
        used = open_bounds(pairs, equations, (used, spot(tie_at, i)), limits, y, room)
    for k in range(parent.size - 1, -1, -1):
        if parent[k] >= 0:
            tree[parent[k], OWN] += tree[k, OWN]
    for k in range(parent.size):
        j, total = number[k], tree[k, OWN]
        tree[k, LOAD] = (tree[parent[k], LOAD] if parent[k] >= 0 else 0.0) + tree[k, C] * total
        limits, level = (bounds[0, j], bounds[1, j]), (levels[0, j] / scale, levels[1, j] / scale)
        used = open_bounds(pairs, equations, (used, spot(sum_at, k)), limits, total, room)
        used = open_bounds(pairs, equations, (used, spot(level_at, k)), level, tree[k, LOAD], room)
    for first, count in regions:
        close_rest(pairs, first, count)
    nearly = NEARLY if slack == 0.0 else BACK_OFF  # widened bounds leave next to no room: better slow and sure
    end = iterate(layout, work, used, START * max(weight, prices[2]) * size * size, size, nearly)
    _unload(layout, work, used, scale, answer)
    return end


@compiled()
def _unload(layout, work, used, scale, answer):
    """Write the answer in the order of the instance; boxes on the edge are put on it."""
    (order, _, _, number, regions), pairs = layout, work[4]
    point, paid, multipliers = answer
    for first, count in regions[3:]:
        for k in range(count):  # what is far from its bound pays nothing
            j = spot(first, k)
            pairs[LOW_PAY + j] *= 1.0 if pairs[LOW_PAY + j] > SNAP * pairs[LOW_GAP + j] else 0.0
            pairs[HIGH_PAY + j] *= 1.0 if pairs[HIGH_PAY + j] > SNAP * pairs[HIGH_GAP + j] else 0.0
    settle(work, used)
    for row in range(3):
        for i in range(order.size):
            j = spot(regions[row][0], i)
            q, s, t = within(pairs, j), pairs[LOW_GAP + j], pairs[HIGH_GAP + j]
            if pairs[LOW_PAY + j] > 0.0:
                q = pairs[LOW + j] if s <= SNAP * (1.0 + abs(q)) else q
                q = pairs[HIGH + j] if t <= SNAP * (1.0 + abs(q)) else q
                q = min(max(q, pairs[LOW + j]), pairs[HIGH + j])
            point[row, order[i]] = 0.0 - q if row == 1 else q
    for i in range(order.size):
        paid[order[i]] = paid_net(pairs, regions[3][0], i) if regions[3][1] > 0 else 0.0
    for k in range(number.size):
        multipliers[0, number[k]] = paid_net(pairs, regions[4][0], k)
        multipliers[1, number[k]] = paid_net(pairs, regions[5][0], k) / scale


@compiled()
def _outside(value, low, high, worst):
    """Return the larger of `worst` and how far a value is out of its bounds."""
    return max(worst, low - value, value - high)


@compiled()
def _lost(value, curve, pull, low, high):
    """Return how much more curve/2·z² − pull·z is at a value than at its minimiser in the box."""
    best = min(max(pull / curve, low), high)
    return (value - best) * (curve * (value + best) / 2 - pull)


@compiled()
def _slack(multiplier, value, low, high):
    """Return multiplier·(value − bound) for the bound that the multiplier prices; inf if that does not exist."""
    if multiplier > 0.0:
        return multiplier * (value - low)
    return multiplier * (value - high) if multiplier < 0.0 else 0.0


@compiled()
def judge(instance, coefficient, nest, answer, scratch):
    """Return what a point is worth: see `potential_solver.Judgement`.

    It uses nothing of the method, only the instance in its own order. All is NaN if a number is not what it must be.
    """
    given, bounds, levels, (alpha, beta, epsilon) = instance
    parent, group_of, number = nest
    point, paid, multipliers = answer
    total, potential, price, inside = scratch
    groups, tied = parent.size, given.shape[0] > LEAST
    total[:] = 0.0
    for k in range(groups):
        inside[k] = multipliers[1, k]
    for place in range(groups - 1, -1, -1):
        k = number[place]
        if parent[k] >= 0:
            inside[parent[k]] += inside[k]
    for place in range(groups):
        k = number[place]
        outer = price[parent[k]] if parent[k] >= 0 else 0.0
        price[k] = outer + multipliers[0, k] + coefficient[k] * inside[k]
    out = gap = cost = size = height = room = 0.0
    check = 0.0 if alpha >= 0.0 and beta >= 0.0 and 0.0 < epsilon < np.inf and alpha + beta < np.inf else np.nan
    for i in range(group_of.size):
        x, u, v, p = point[0, i], point[1, i], point[2, i], price[group_of[i]] + paid[i]
        w, r, y = given[WEIGHT, i], given[CENTRE, i], x - u + v
        total[group_of[i]] += y
        check += y + r + given[LOWER, i] + given[UPPER, i] + given[DROP, i] + given[LIFT, i]
        check += 0.0 if 0.0 < w < np.inf else np.nan
        out = _outside(x, given[LOWER, i], given[UPPER, i], out)
        out = _outside(u, 0.0, given[DROP, i], out)
        out = _outside(v, 0.0, given[LIFT, i], out)
        gap += _lost(x, w, w * r + p, given[LOWER, i], given[UPPER, i])
        gap += _lost(u, epsilon, -alpha - p, 0.0, given[DROP, i])
        gap += _lost(v, epsilon, p - beta, 0.0, given[LIFT, i])
        cost += w / 2 * (x - r) ** 2 + alpha * u + beta * v + epsilon / 2 * (u * u + v * v)
        if tied:
            check += 0.0 if given[LEAST, i] <= given[MOST, i] else np.nan
            out = _outside(y, given[LEAST, i], given[MOST, i], out)
            gap += _slack(paid[i], y, given[LEAST, i], given[MOST, i])
    for place in range(groups - 1, -1, -1):
        k = number[place]
        if parent[k] >= 0:
            total[parent[k]] += total[k]
    beyond = 0.0
    for place in range(groups):
        k = number[place]
        potential[k] = (potential[parent[k]] if parent[k] >= 0 else 0.0) + coefficient[k] * total[k]
        size, height = max(size, abs(total[k])), max(height, abs(potential[k]))
        room = min(room, levels[1, k] - levels[0, k])
        check += 0.0 if levels[0, k] < np.inf and levels[1, k] > -np.inf else np.nan
        check += 0.0 if bounds[0, k] <= bounds[1, k] else np.nan
        out = _outside(total[k], bounds[0, k], bounds[1, k], out)
        beyond = _outside(potential[k], levels[0, k], levels[1, k], beyond)
        gap += _slack(multipliers[0, k], total[k], bounds[0, k], bounds[1, k])
        gap += _slack(multipliers[1, k], potential[k], levels[0, k], levels[1, k])
    if check - check != 0.0:
        return np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan
    return out, beyond, gap, cost, size, height, room
