"""The two ends of the interior point method: an instance is taken in, and an answer is given out and judged."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from autonomy.solvers.allocation import CENTRE, DROP, LEAST, LIFT, LOWER, MOST, UPPER, WEIGHT
from autonomy.solvers.barrier.cells import CURVE, PULL, Q
from autonomy.solvers.barrier.method import NUMBER, PAID, iterate, open_bounds, open_box
from autonomy.solvers.barrier.pairs import HIGH, HIGH_GAP, HIGH_PAY, LOW, LOW_GAP, LOW_PAY, compiled
from autonomy.solvers.barrier.tree import LOAD, OWN, C

START = 1.0
"""Product of gap and payment at the start, in units of mean weight times mean width squared."""
SNAP = 1e-10
"""Relative distance from its bound at which a box is put on it; payment per gap below which a bound pays nothing."""


@compiled()
def _load_cells(given, prices, layout, work):
    """Fill the boxes, and open them; return mean width of those that have one and mean weight."""
    order, (_, _, boxes, _, pairs, _) = layout[0], work
    alpha, beta, epsilon = prices
    n, count, width, weight = order.size, 0, 0.0, 0.0
    for i in range(n):
        j = order[i]
        boxes[CURVE, i], boxes[PULL, i] = given[WEIGHT, j], given[WEIGHT, j] * given[CENTRE, j]
        boxes[CURVE, n + i], boxes[PULL, n + i] = epsilon, alpha
        boxes[CURVE, 2 * n + i], boxes[PULL, 2 * n + i] = epsilon, -beta
        wide = open_box(boxes, pairs, i, given[LOWER, j], given[UPPER, j])
        weight += given[WEIGHT, j]
        one = open_box(boxes, pairs, n + i, -given[DROP, j], 0.0)
        other = open_box(boxes, pairs, 2 * n + i, 0.0, given[LIFT, j])
        count += (1 if wide > 0.0 else 0) + (1 if one > 0.0 else 0) + (1 if other > 0.0 else 0)
        width += wide + one + other
    return width / max(count, 1), weight / max(n, 1)


@compiled()
def run(instance, scale, slack, layout, work, answer):
    """Solve one instance: write its point (3, N), ν (N,) and λ, μ (2, G); return how it ended.

    Coefficients were divided by `scale`, and so are bounds on potentials here. All bounds but the boxes are widened by
    `slack` times the mean width of a box.
    """
    given, bounds, levels, prices = instance
    order, group_of, parent, number = layout
    tree, _, boxes, _, pairs, equations = work
    n, groups, tied = order.size, parent.size, given.shape[0] > LEAST
    width, weight = _load_cells(given, prices, layout, work)
    size, used, at = max(width, 1e-3), 0, (4 if tied else 3) * n
    room = (size, slack * size)
    tree[:, OWN] = 0.0
    for i in range(n):
        y, j = boxes[Q, i] + boxes[Q, n + i] + boxes[Q, 2 * n + i], order[i]
        tree[group_of[i], OWN] += y
        if tied:
            limits = (given[LEAST, j], given[MOST, j])
            used = open_bounds(pairs, equations, (used, 3 * n + i), limits, y, room)
    for k in range(groups - 1, -1, -1):
        if parent[k] >= 0:
            tree[parent[k], OWN] += tree[k, OWN]
    for k in range(groups):
        j, total = number[k], tree[k, OWN]
        tree[k, LOAD] = (tree[parent[k], LOAD] if parent[k] >= 0 else 0.0) + tree[k, C] * total
        limits, level = (bounds[0, j], bounds[1, j]), (levels[0, j] / scale, levels[1, j] / scale)
        used = open_bounds(pairs, equations, (used, at + k), limits, total, room)
        used = open_bounds(pairs, equations, (used, at + groups + k), level, tree[k, LOAD], room)
    end = iterate(layout, work, used, START * max(weight, prices[2]) * size * size, size)
    _unload(layout, work, used, scale, answer)
    return end


@compiled()
def _unload(layout, work, used, scale, answer):
    """Write the answer in the order of the instance; boxes on the edge are put on it."""
    order, _, _, number = layout
    _, _, boxes, _, pairs, equations = work
    point, paid, multipliers = answer
    n, groups = order.size, number.size
    at = pairs.shape[1] - 2 * groups
    for j in range(3 * n, pairs.shape[1]):  # what is far from its bound pays nothing
        pairs[LOW_PAY, j] *= 1.0 if pairs[LOW_PAY, j] > SNAP * pairs[LOW_GAP, j] else 0.0
        pairs[HIGH_PAY, j] *= 1.0 if pairs[HIGH_PAY, j] > SNAP * pairs[HIGH_GAP, j] else 0.0
    for e in range(used):  # an equation's multiplier counts as one for its lower or its upper bound
        j = int(equations[NUMBER, e])
        pairs[LOW_PAY, j], pairs[HIGH_PAY, j] = max(equations[PAID, e], 0.0), max(-equations[PAID, e], 0.0)
    for row in range(3):
        for i in range(n):
            j = row * n + i
            q, s, t = boxes[Q, j], pairs[LOW_GAP, j], pairs[HIGH_GAP, j]
            if pairs[LOW_PAY, j] > 0.0:
                q = pairs[LOW, j] if s <= SNAP * (1.0 + abs(q)) else q
                q = pairs[HIGH, j] if t <= SNAP * (1.0 + abs(q)) else q
                q = min(max(q, pairs[LOW, j]), pairs[HIGH, j])
            point[row, order[i]] = 0.0 - q if row == 1 else q
    for i in range(n):
        paid[order[i]] = pairs[LOW_PAY, 3 * n + i] - pairs[HIGH_PAY, 3 * n + i] if at > 3 * n else 0.0
    for k in range(groups):
        multipliers[0, number[k]] = pairs[LOW_PAY, at + k] - pairs[HIGH_PAY, at + k]
        multipliers[1, number[k]] = (pairs[LOW_PAY, at + groups + k] - pairs[HIGH_PAY, at + groups + k]) / scale


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
