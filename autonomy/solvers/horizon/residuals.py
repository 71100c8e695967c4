"""How far a point is from satisfying the conditions of optimality; they are in `interior.py`."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.horizon.inequalities import total
from autonomy.solvers.horizon.lanes import LANES, pull, push, sum_of
from autonomy.solvers.horizon.layout import (
    CAP,
    CENTRE,
    COUNT,
    DR,
    DRAIN,
    DRAINS,
    DROP,
    DROP_PRICE,
    DUAL,
    DUALITY,
    DY,
    EXCESS,
    FALL,
    FI,
    FILL,
    FILLS,
    FIXED,
    FREE,
    LACK,
    LEAST,
    LEVEL,
    LIFT,
    LIFT_PRICE,
    LIMIT,
    LL,
    LU,
    MEAN,
    MISSING,
    MORE,
    MOST,
    NEED,
    OVER,
    PATH,
    PRICE,
    PRIMAL,
    REQUIRED,
    RL,
    RM,
    RU,
    RV,
    RW,
    RX,
    SHORT,
    SLACK,
    SMOOTHING,
    UL,
    UU,
    VL,
    VU,
    WEIGHT,
    XL,
    XU,
    YL,
    YU,
    L,
    U,
    V,
    X,
    compiled,
)


@compiled()
def residuals(step, line, lines, store, cell, cell_pair, row, row_pair, flats, place, setting, report):  # noqa: PLR0913, PLR0917
    """Fill the primal residuals and, in RX, RL, RU, RV and RM, the negative dual ones; report sizes and mean s·y."""
    n, stores = step.shape[1], step.shape[2]
    y, fall, level = lines[DUAL], line[FALL], line[L]
    for j in range(stores):
        fall[j] = store[LEVEL, j] - level[j]
    for e in range(stores, fall.size):
        fall[e] = level[e - stores] - level[e]
    _leave(line[FILLS], fall, line[FILL], line[X], lines[SLACK, FI])
    _leave(line[DRAINS], fall, line[DRAIN], line[X], lines[SLACK, DR])
    for e in range(fall.size):
        fall[e] = 0.0
    sum_of(line[PATH], y[FI], y[DR])
    pull(line[RX], fall, 1.0, y[XL], y[XU], line[FILL], y[FI], line[DRAIN], y[DR])
    push(line[RL], fall, 1.0, y[LL], y[LU], line[PATH], stores)
    primal, dual = _cell_residuals(step, cell, cell_pair, row, row_pair, place, setting)
    for k in range(n):
        price, sums = row_pair[DUAL, NEED, k], 0.0
        for j in range(stores):
            step[RX, k, j] += price
            sums += step[X, k, j]
        row[RW, k] = sums if k > 0 else row[RW, k]
    for j in range(stores):
        i = place[j]
        step[RX, 0, j] += cell_pair[DUAL, YL, i] - cell_pair[DUAL, YU, i] - row_pair[DUAL, CAP, 0]
        step[RX, 0, j] -= cell[WEIGHT, i] * (step[X, 0, j] - cell[CENTRE, i])
    rx, free = line[RX], line[FREE]
    for e in range(rx.size):
        rx[e] *= free[e]
    for k in range(n):
        z = row_pair[DUAL]
        sums = row[RW, k]
        row[LACK, k] = sums + row[MISSING, k] - row[REQUIRED, k] - row_pair[SLACK, NEED, k] if z[NEED, k] > 0.0 else 0.0
        row[EXCESS, k] = row[LIMIT, k] - sums - row_pair[SLACK, CAP, k] if z[CAP, k] > 0.0 else 0.0
        row[RM, k] = -(setting[PRICE] - z[MORE, k] - z[NEED, k]) if z[MORE, k] > 0.0 else 0.0
    report[PRIMAL] = max(
        primal, _largest(line[FILLS]), _largest(line[DRAINS]), _largest(row[LACK]), _largest(row[EXCESS])
    )
    report[DUALITY] = max(dual, _largest(line[RX]), _largest(line[RL]), _largest(row[RM]))
    report[MEAN] = total(flats, 0.0, 0.0) / setting[COUNT]


@compiled()
def _cell_residuals(step, cell, cell_pair, row, row_pair, place, setting):  # noqa: PLR0917
    """Fill the cells' residuals and the first step's sum; return their largest primal and dual size."""
    z, primal, dual, total_sum = cell_pair[DUAL], 0.0, 0.0, 0.0
    for i in range(cell.shape[1]):
        cell[DY, i] = cell[FIXED, i]
    for j in range(step.shape[2]):
        cell[DY, place[j]] = step[X, 0, j]
    for i in range(cell.shape[1]):
        price = row_pair[DUAL, NEED, 0] - row_pair[DUAL, CAP, 0] + z[YL, i] - z[YU, i]
        cell[RU, i] = -(setting[DROP_PRICE] + setting[SMOOTHING] * cell[U, i] - z[UL, i] + z[UU, i] + price)
        cell[RV, i] = -(setting[LIFT_PRICE] + setting[SMOOTHING] * cell[V, i] - z[VL, i] + z[VU, i] - price)
        cell[RU, i] = cell[RU, i] if cell[DROP, i] > 0.0 else 0.0
        cell[RV, i] = cell[RV, i] if cell[LIFT, i] > 0.0 else 0.0
        sums = cell[DY, i] - cell[U, i] + cell[V, i]
        total_sum += sums
        cell[SHORT, i] = sums - cell[LEAST, i] - cell_pair[SLACK, YL, i] if z[YL, i] > 0.0 else 0.0
        cell[OVER, i] = cell[MOST, i] - sums - cell_pair[SLACK, YU, i] if z[YU, i] > 0.0 else 0.0
        primal = max(primal, abs(cell[SHORT, i]), abs(cell[OVER, i]))
        dual = max(dual, abs(cell[RU, i]), abs(cell[RV, i]))
    row[RW, 0] = total_sum
    return primal, dual


@compiled(fastmath=LANES)
def _largest(values):
    """Return max |value|."""
    largest = 0.0
    for e in range(values.size):
        largest = max(largest, abs(values[e]))
    return largest


@compiled()
def _leave(target, start, slope, x, slack):
    """Fill `target` with start − slope·x − slack."""
    for e in range(target.size):
        target[e] = start[e] - slope[e] * x[e] - slack[e]
