"""One Newton step of the interior-point method, with the structure taken apart; all in machine code.

A Newton step solves (H + GᵀWG) dz = rhs, W = y/s. The sums over stores are kept aside, with their prices dp unknown.
What remains falls into stores. In one store, with Δ_k = l_{k−1} − l_k the fall of its level in step k,

    ½·h_k·x_k² − c'_k·x_k·Δ_k + ...     x_k = (ρ_k + c'_k·Δ_k)/h_k        h = w_fill·fill² + w_drain·drain² + w_box

and what is left is a tridiagonal system in the levels, with couplings

    t_k = (w_fill + w_drain) − c'_k²/h_k = (w_fill·w_drain·(drain − fill)² + (w_fill + w_drain)·w_box)/h_k  >= 0.

It is an M-matrix: elimination from the left and from the right give ratios r, r' in [0, 1) whose complements need no
subtraction, and its inverse has entries that are products of those ratios. So the response of all x to all prices, the
matrix that the prices solve, costs three multiplications an entry and store, without cancellation:

    G[k, k]  = 1/h_k + c_k²·(inv[k, k]·(1 − r_{k−1}) + inv[k−1, k−1]·(1 − r'_k))         c = c'/h
    G[k, k'] = −c_k·(1 − r_{k−1})·inv[k, k'−1]·(1 − r'_k')·c_k'                          k < k'

In a cell, the reliefs m = v − u answer with 1/h_m = 1/h_u + 1/h_v, and the cell's own bounds have a weight w_y: with
κ = 1/(1 + w_y/h_m) the sum y = x + m answers a price p with κ·dx + κ·p/h_m, and x feels κ·p and the weight κ·w_y.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from typing import Any

from numba import njit

XL, XU, LL, LU, FI, DR = range(6)
"""Inequalities of a store at a step: x from below and above, level from below and above, filling, draining."""
UL, UU, VL, VU, YL, YU = range(6)
"""Inequalities of a cell: drop, lift and sum, each from below and above."""
NEED, CAP, MORE = range(3)
"""Inequalities of a step's sum: from below, from above (the first step only), and what is missing >= 0."""
SLACK, DUAL, DSLACK, DDUAL, MASS = range(5)
"""What there is of each inequality: s, y, their directions, and y/s. One that does not exist has s = 1, y = 0."""
STORE = LOSS, GAIN, FLOOR, CEILING, LEVEL = range(5)
"""Rows of the stores: drain, fill, lowest, highest and given level."""
CELL = (
    WEIGHT,
    CENTRE,
    FIXED,
    DROP,
    LIFT,
    LEAST,
    MOST,
    U,
    V,
    DU,
    DV,
    DY,
    IHU,
    IHV,
    WY,
    KAPPA,
    RU,
    RV,
    RY,
    SHORT,
    OVER,
) = range(21)
"""Rows of the cells: the first step's data, reliefs, directions, 1/h of the reliefs, w_y, κ, right-hand sides, and the
residuals of the sum's two bounds."""
STEP = LO, HI, FREE, FILL, DRAIN, X, L, DX, DL, IH, C, T, RATIO, FORE, BACK, PIVOT, INV, RX, RL, PX = range(20)
"""Rows of the stores' steps: box and whether it is open, gain and loss, x, level, directions, 1/h, c, t, r, 1 − r,
1 − r', 1/pivot, the inverse's diagonal, right-hand sides, and the force on x."""
FILLS, DRAINS, BOX, FALL, PATH = range(20, 25)
"""More of them: the residuals of filling and draining, w_box, Δ, and the sum of what filling and draining say."""
STEP_ROWS = 25
ROW = REQUIRED, LIMIT, MISSING, DM, IHM, IW, RM, RW, DP, LACK, EXCESS, ONE, TWO, THREE = range(14)
"""Rows of the sums: bounds, what is missing, its direction, its 1/h, 1/W, right-hand sides, the step of the price, the
residuals of the two bounds, and scratch."""

NEGLIGIBLE = 1e-30
"""Entries of an inverse below this are left out: what they couple is apart, and denormal numbers would be slow."""


def compiled(*, fastmath: bool | set[str] = False) -> Any:
    """Return the decorator that compiles together with the caller; `fastmath` lets sums be taken in lanes."""
    return njit(cache=True, nogil=True, error_model="numpy", fastmath=fastmath)


@compiled()
def factorise(step, line, lines, cell, cell_pair, row, row_pair, place, smoothing, proximity, matrix):  # noqa: PLR0913, PLR0917
    """Fill all that depends on the weights, and the factor of the matrix of prices."""
    n = step.shape[1]
    mass = cell_pair[MASS]
    for i in range(cell.shape[1]):
        cell[IHU, i] = 1.0 / (smoothing + mass[UL, i] + mass[UU, i]) if cell[DROP, i] > 0.0 else 0.0
        cell[IHV, i] = 1.0 / (smoothing + mass[VL, i] + mass[VU, i]) if cell[LIFT, i] > 0.0 else 0.0
        cell[WY, i] = mass[YL, i] + mass[YU, i]
        cell[KAPPA, i] = 1.0 / (1.0 + cell[WY, i] * (cell[IHU, i] + cell[IHV, i]))
    _weigh(step, line, lines, cell, place, proximity)
    _eliminate(step)
    for k in range(n):
        weight, more = row_pair[MASS, NEED, k] + row_pair[MASS, CAP, k], row_pair[MASS, MORE, k]
        row[IW, k] = 1.0 / weight if weight > 0.0 else 0.0
        row[IHM, k] = 1.0 / more if more > 0.0 else 0.0
        for m in range(n):
            matrix[k, m] = 0.0
        matrix[k, k] = row[IW, k] + row[IHM, k]
    _respond(step, cell, row, place, matrix)
    _cholesky(matrix)


@compiled()
def _weigh(step, line, lines, cell, place, proximity):
    """Fill 1/h, c, t and the weights of the levels, these in DL."""
    mass = lines[MASS]
    sum_of(line[DL], mass[LL], mass[LU])
    sum_of(line[BOX], mass[XL], mass[XU])
    for k in range(1, step.shape[1]):
        for j in range(step.shape[2]):
            step[BOX, k, j] += proximity
    for j in range(step.shape[2]):
        step[BOX, 0, j] += cell[WEIGHT, place[j]] + cell[WY, place[j]] * cell[KAPPA, place[j]]
    wf, wd, fill, drain, box, free = mass[FI], mass[DR], line[FILL], line[DRAIN], line[BOX], line[FREE]
    ih = line[IH]
    for e in range(ih.size):
        ih[e] = free[e] / (wf[e] * fill[e] * fill[e] + wd[e] * drain[e] * drain[e] + box[e])
    c = line[C]
    for e in range(ih.size):
        c[e] = (wf[e] * fill[e] + wd[e] * drain[e]) * ih[e]
    t = line[T]
    for e in range(ih.size):
        both = wf[e] * wd[e] * (drain[e] - fill[e]) ** 2 + (wf[e] + wd[e]) * box[e]
        t[e] = both * ih[e] if free[e] > 0.0 else wf[e] + wd[e]


@compiled()
def sum_of(target, one, other):
    """Fill `target` with one + other."""
    for e in range(target.size):
        target[e] = one[e] + other[e]


@compiled()
def _eliminate(step):
    """Fill r, 1 − r, 1 − r', the pivots and the diagonal of the inverse of every store's tridiagonal matrix."""
    n, stores = step.shape[1], step.shape[2]
    for k in range(n):
        for j in range(stores):
            before = step[DL, k, j] + step[T, k, j] * (step[FORE, k - 1, j] if k > 0 else 1.0)
            after = step[T, k + 1, j] if k + 1 < n else 0.0
            inverse = 1.0 / (before + after)
            step[PIVOT, k, j], step[RATIO, k, j], step[FORE, k, j] = inverse, after * inverse, before * inverse
            step[INV, k, j] = before
    for k in range(n - 1, -1, -1):
        for j in range(stores):
            after = step[T, k + 1, j] * step[BACK, k + 1, j] if k + 1 < n else 0.0
            w, t = step[DL, k, j], step[T, k, j]
            step[BACK, k, j] = (w + after) / (w + after + t)
            step[INV, k, j] = 1.0 / (step[INV, k, j] + after)


@compiled()
def take(target, source, scale):
    """Take scale·source from `target`."""
    for m in range(target.size):
        target[m] -= scale * source[m]


@compiled()
def _shrink(values, ratio):
    """Multiply by a number."""
    for m in range(values.size):
        values[m] *= ratio


@compiled()
def _respond(step, cell, row, place, matrix):
    """Add to the matrix of prices what every store and cell answers."""
    n, stores = step.shape[1], step.shape[2]
    right, entry, ratio = row[ONE], row[TWO], row[THREE]
    for j in range(stores):
        kappa = cell[KAPPA, place[j]]
        for k in range(n):
            scale = step[C, k, j] * (kappa if k == 0 else 1.0)
            right[k] = scale * step[BACK, k, j]
            ratio[k] = step[RATIO, k, j]
            before = step[INV, k, j] * (step[FORE, k - 1, j] if k > 0 else 1.0)
            after = step[INV, k - 1, j] * step[BACK, k, j] if k > 0 else 0.0
            own = step[IH, k, j] * (kappa * kappa if k == 0 else 1.0)
            matrix[k, k] += own + scale * scale * (before + after)
        last = n - 1
        for k in range(n - 2, -1, -1):
            _shrink(entry[k + 2 : last + 1], ratio[k])
            entry[k + 1] = step[INV, k, j] * right[k + 1]
            left = step[C, k, j] * (step[FORE, k - 1, j] if k > 0 else kappa)
            take(matrix[k, k + 1 : last + 1], entry[k + 1 : last + 1], left)
            while (last > k + 1) & (entry[last] < NEGLIGIBLE):
                last -= 1
    for i in range(cell.shape[1]):
        matrix[0, 0] += (cell[IHU, i] + cell[IHV, i]) * cell[KAPPA, i]
    for k in range(n):
        if row[IW, k] == 0.0:
            for m in range(n):
                matrix[min(k, m), max(k, m)] = 1.0 if k == m else 0.0


@compiled()
def _cholesky(matrix):
    """Replace the upper half of a positive definite matrix by the factor R of RᵀR."""
    n = matrix.shape[0]
    for k in range(0, n - 1, 2):
        one, two = matrix[k], matrix[k + 1]
        _scale(one[k:])
        take(two[k + 1 :], one[k + 1 :], one[k + 1])
        _scale(two[k + 1 :])
        for i in range(k + 2, n):
            _take_both(matrix[i, i:], one[i:], two[i:], one[i], two[i])
    if n % 2 == 1:
        matrix[n - 1, n - 1] = matrix[n - 1, n - 1] ** 0.5


@compiled()
def _scale(values):
    """Divide by the root of the first number."""
    inverse = 1.0 / values[0] ** 0.5
    for m in range(values.size):
        values[m] *= inverse


@compiled()
def _take_both(target, one, two, first, second):
    """Take first·one + second·two from `target`."""
    for m in range(target.size):
        target[m] -= first * one[m] + second * two[m]


@compiled()
def _solve_prices(matrix, b):
    """Solve RᵀR b = b in place."""
    n = b.size
    for k in range(n):
        b[k] /= matrix[k, k]
        take(b[k + 1 :], matrix[k, k + 1 :], b[k])
    for k in range(n - 1, -1, -1):
        total = b[k]
        for m in range(k + 1, n):
            total -= matrix[k, m] * b[m]
        b[k] = total / matrix[k, k]


@compiled()
def solve(step, cell, row, place, matrix):
    """Set the directions and the steps of the prices for the right-hand sides RX, RL, RU, RV, RY, RM and RW."""
    n, price = step.shape[1], row[DP]
    for k in range(n):
        price[k] = 0.0
    _answer(step, cell, row, place)
    for k in range(n):
        total = 0.0
        for j in range(step.shape[2] if k > 0 else 0):
            total += step[DX, k, j]
        for i in range(0 if k > 0 else cell.shape[1]):
            total += cell[DY, i]
        row[ONE, k] = row[RW, k] - total - row[IHM, k] * row[RM, k] if row[IW, k] > 0.0 else 0.0
    for k in range(n):
        price[k] = row[ONE, k]
    _solve_prices(matrix, price)
    _answer(step, cell, row, place)
    for k in range(n):
        row[DM, k] = row[IHM, k] * (row[RM, k] + price[k])


@compiled()
def _answer(step, cell, row, place):  # noqa: C901, PLR0912 - one loop after the other
    """Set the directions of x, levels, reliefs and sums at the prices DP."""
    n, stores, price = step.shape[1], step.shape[2], row[DP]
    for i in range(cell.shape[1]):
        cell[DY, i] = cell[IHV, i] * cell[RV, i] - cell[IHU, i] * cell[RU, i]
    for k in range(n):
        for j in range(stores):
            step[PX, k, j] = step[RX, k, j] + price[k]
    for j in range(stores):
        i = place[j]
        force = price[0] + cell[RY, i] - cell[WY, i] * cell[DY, i]
        step[PX, 0, j] = step[RX, 0, j] + cell[KAPPA, i] * force
    for k in range(n):
        for j in range(stores):
            following = step[C, k + 1, j] * step[PX, k + 1, j] if k + 1 < n else 0.0
            carried = step[RATIO, k - 1, j] * step[DL, k - 1, j] if k > 0 else 0.0
            step[DL, k, j] = step[RL, k, j] - step[C, k, j] * step[PX, k, j] + following + carried
    # l_k − l_{k+1} as a difference would lose the digits that a heavy weight on it then makes visible.
    for k in range(n - 1, -1, -1):
        for j in range(stores):
            ahead, own = step[DL, k + 1, j] if k + 1 < n else 0.0, step[DL, k, j] * step[PIVOT, k, j]
            step[DL, k, j] = own + step[RATIO, k, j] * ahead
            if k + 1 < n:
                step[FALL, k + 1, j] = own - step[FORE, k, j] * ahead
    for j in range(stores):
        step[FALL, 0, j] = -step[DL, 0, j]
    for k in range(n):
        for j in range(stores):
            step[DX, k, j] = step[IH, k, j] * step[PX, k, j] + step[C, k, j] * step[FALL, k, j]
    for j in range(stores):
        cell[DY, place[j]] += step[DX, 0, j]
    for i in range(cell.shape[1]):
        force = price[0] + cell[RY, i]
        dy = cell[KAPPA, i] * (cell[DY, i] + (cell[IHU, i] + cell[IHV, i]) * force)
        back = cell[WY, i] * dy - force
        cell[DY, i] = dy
        cell[DU, i] = cell[IHU, i] * (cell[RU, i] + back)
        cell[DV, i] = cell[IHV, i] * (cell[RV, i] - back)
