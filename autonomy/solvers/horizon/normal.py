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

from autonomy.solvers.horizon.cholesky import cholesky, solve_prices
from autonomy.solvers.horizon.layout import (
    CAP,
    DL,
    DM,
    DP,
    DROP,
    DU,
    DV,
    DX,
    DY,
    FALL,
    FORE,
    IH,
    IHM,
    IHU,
    IHV,
    IW,
    KAPPA,
    LIFT,
    MASS,
    MORE,
    NEED,
    ONE,
    PIVOT,
    PX,
    RATIO,
    RL,
    RM,
    RU,
    RV,
    RW,
    RX,
    RY,
    UL,
    UU,
    VL,
    VU,
    WY,
    YL,
    YU,
    C,
    compiled,
)
from autonomy.solvers.horizon.response import respond
from autonomy.solvers.horizon.stores import eliminate, weigh_stores


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
    weigh_stores(step, line, lines, cell, place, proximity)
    eliminate(step)
    for k in range(n):
        weight, more = row_pair[MASS, NEED, k] + row_pair[MASS, CAP, k], row_pair[MASS, MORE, k]
        row[IW, k] = 1.0 / weight if weight > 0.0 else 0.0
        row[IHM, k] = 1.0 / more if more > 0.0 else 0.0
        for m in range(n):
            matrix[k, m] = 0.0
        matrix[k, k] = row[IW, k] + row[IHM, k]
    respond(step, cell, row, place, matrix)
    cholesky(matrix)


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
    solve_prices(matrix, price)
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
