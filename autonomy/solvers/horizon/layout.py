"""Where everything stands in the arrays of the interior-point method, and how its machine code is compiled."""

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
FILLS, DRAINS, BOX, FALL, PATH, ENTRY = range(20, 26)
"""More of them: the residuals of filling and draining, w_box, Δ, the sum of what filling and draining say, and
scratch."""
STEP_ROWS = 26
ROW = REQUIRED, LIMIT, MISSING, DM, IHM, IW, RM, RW, DP, LACK, EXCESS, ONE, TWO, THREE = range(14)
"""Rows of the sums: bounds, what is missing, its direction, its 1/h, 1/W, right-hand sides, the step of the price, the
residuals of the two bounds, and scratch."""
PRIMAL, DUALITY, MEAN = range(3)
"""What an iteration reports: largest primal residual, largest dual residual, mean of s·y."""
SETTING = DROP_PRICE, LIFT_PRICE, SMOOTHING, PRICE, COUNT = range(5)
"""Prices of the program, and the number of its inequalities."""


def compiled(*, fastmath: bool | set[str] = False) -> Any:
    """Return the decorator that compiles together with the caller; `fastmath` lets sums be taken in lanes."""
    return njit(cache=True, nogil=True, error_model="numpy", fastmath=fastmath)
