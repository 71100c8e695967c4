"""Many instances of one hierarchy in one call of machine code, and the derivative of their answers.

Between two changes of the active set the answer is linear in the data. Let p be the price of the innermost binding sum
around a variable (its holder h; 0 without one). A variable strictly inside its limits moves with its price at the rate
a (1/w for x, −1/ε for u, 1/ε for v, as seen by x, u and v), others stay at the limit that holds them. A holder's price
moves so that its sum meets its bound:

    dp_h = (d bound_h − Σ d bound of binding sums just inside − Σ dy at fixed price) / S_h,     S_h = Σ |a|

so with m_h = Σ a·(cotangent) / S_h, one number a holder, the vector-Jacobian product is a cotangent less m_h for what
adds to the sum (plus m_h for u), handed to whatever fixes the variable, and m_h less that of the next holder outside
for the bound itself. Where a variable sits exactly at a kink, the derivative of the side on which it stands is
returned: an element of the generalised Jacobian.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.allocation import CENTRE, DROP, LEAST, LIFT, LOWER, MOST, UPPER, WEIGHT, U, V, X
from autonomy.solvers.kernel.borrow import borrow
from autonomy.solvers.kernel.prices import compiled
from autonomy.solvers.kernel.single import UNSOUND
from autonomy.solvers.kernel.solve import ANSWER, are_prices, solve_one
from autonomy.solvers.kernel.tree import NUMBER, PARENT


@compiled()
def solve_many(cells, bounds, drop_price, lift_price, smoothing, answers, multipliers, codes, workspace):
    """Solve (B, 6 or 8, N) cells and (B, 2, G) bounds one after the other; see `kernel.solve.solve`."""
    relief = (drop_price, lift_price, smoothing)
    if not are_prices(*relief):
        codes[:] = UNSOUND
        return
    cells, bounds, workspace = borrow(cells), borrow(bounds), borrow(workspace)
    answers, multipliers = borrow(answers), borrow(multipliers)
    for k in range(cells.shape[0]):
        codes[k] = solve_one(cells[k], bounds[k], relief, answers[k], multipliers[k], workspace)


@compiled()
def _load(cells, smoothing, answer, multipliers, place, tree, cotangent, push, pull):
    """Sum Σ a·(cotangent) and Σ |a| of every holder; `push` and `pull` are (G + N, 2): groups first, then cells."""
    size = multipliers.size
    push[:] = 0.0
    for j in range(place.size):
        held = place[j] if answer[ANSWER, j] == 0.0 else size + j
        if cells[LOWER, j] < answer[X, j] < cells[UPPER, j]:
            push[held, 0] += cotangent[X, j] / cells[WEIGHT, j]
            push[held, 1] += 1.0 / cells[WEIGHT, j]
        if 0.0 < answer[U, j] < cells[DROP, j]:
            push[held, 0] -= cotangent[U, j] / smoothing
            push[held, 1] += 1.0 / smoothing
        if 0.0 < answer[V, j] < cells[LIFT, j]:
            push[held, 0] += cotangent[V, j] / smoothing
            push[held, 1] += 1.0 / smoothing
    for g in range(size - 1, -1, -1):
        if multipliers[tree[g, NUMBER]] == 0.0 and tree[g, PARENT] >= 0:
            push[tree[g, PARENT], 0] += push[g, 0]
            push[tree[g, PARENT], 1] += push[g, 1]
    for g in range(size):
        if multipliers[tree[g, NUMBER]] != 0.0:
            pull[g] = push[g, 0] / push[g, 1] if push[g, 1] > 0.0 else 0.0
        else:
            pull[g] = pull[tree[g, PARENT]] if tree[g, PARENT] >= 0 else 0.0
    for j in range(place.size):
        own = push[size + j, 1]
        pull[size + j] = pull[place[j]] if answer[ANSWER, j] == 0.0 else push[size + j, 0] / own if own > 0.0 else 0.0


@compiled()
def pull_back(
    cells,
    drop_price,
    lift_price,
    smoothing,
    answers,
    multipliers,
    place,
    tree,
    prices,
    cotangents,
    push,
    pull,
    of_cells,
    of_bounds,
):
    """Write the (B, 6 or 8, N) and (B, 2, G) gradients of Σ cotangents · points with respect to cells and bounds."""
    size = multipliers.shape[1]
    for k in range(cells.shape[0]):
        own, answer, price, cotangent, out = cells[k], answers[k], multipliers[k], cotangents[k], of_cells[k]
        _load(own, smoothing, answer, price, place, tree, cotangent, push, pull)
        out[:] = 0.0
        of_bounds[k] = 0.0
        for g in range(size):
            number, around = tree[g, NUMBER], tree[g, PARENT]
            prices[g] = price[number] + (prices[around] if around >= 0 else 0.0)
            if price[number] != 0.0:
                outer = pull[around] if around >= 0 else 0.0
                of_bounds[k, 0 if price[number] > 0.0 else 1, number] = pull[g] - outer
        for j in range(place.size):
            m, p = pull[size + j], prices[place[j]] + answer[ANSWER, j]
            left = cotangent[X, j] - m
            if own[LOWER, j] < answer[X, j] < own[UPPER, j]:
                out[CENTRE, j] = left
                out[WEIGHT, j] = -left * p / own[WEIGHT, j] ** 2
            else:
                out[LOWER if answer[X, j] <= own[LOWER, j] else UPPER, j] = left
            if p < -drop_price and answer[U, j] >= own[DROP, j]:
                out[DROP, j] = cotangent[U, j] + m
            if p > lift_price and answer[V, j] >= own[LIFT, j]:
                out[LIFT, j] = cotangent[V, j] - m
            if answer[ANSWER, j] != 0.0:
                out[LEAST if answer[ANSWER, j] > 0.0 else MOST, j] = m - pull[place[j]]
