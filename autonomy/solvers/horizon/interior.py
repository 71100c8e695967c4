"""Mehrotra's predictor-corrector method on the program over a horizon; `normal.py` takes its Newton steps.

minimise f(z) subject to G z >= h:   G z − h = s,  ∇f(z) = Gᵀy,  s·y = 0,  s, y >= 0
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.horizon.inequalities import LANES, centre, close, go, lengths, total, weigh
from autonomy.solvers.horizon.normal import (
    BOX,
    CAP,
    CENTRE,
    DDUAL,
    DL,
    DM,
    DP,
    DR,
    DRAIN,
    DRAINS,
    DROP,
    DSLACK,
    DU,
    DUAL,
    DV,
    DX,
    DY,
    EXCESS,
    FALL,
    FI,
    FILL,
    FILLS,
    FIXED,
    FREE,
    IH,
    IW,
    LACK,
    LEAST,
    LEVEL,
    LIFT,
    LIMIT,
    LL,
    LU,
    MASS,
    MISSING,
    MORE,
    MOST,
    NEED,
    OVER,
    PATH,
    PX,
    REQUIRED,
    RL,
    RM,
    RU,
    RV,
    RW,
    RX,
    RY,
    SHORT,
    SLACK,
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
    factorise,
    solve,
    sum_of,
    take,
)

PRIMAL, DUALITY, MEAN = range(3)
"""What an iteration reports: largest primal residual, largest dual residual, mean of s·y."""
PROXIMITY = 1e-5
"""Curvature of a later x around its present value, in Newton steps only: later steps have no curvature of their own,
and without it rounding is amplified by s/y. At the end the steps vanish, and it changes nothing."""
FRACTION = 0.999
"""Share of the way to the boundary that a step may go."""
SETTING = DROP_PRICE, LIFT_PRICE, SMOOTHING, PRICE, COUNT = range(5)
"""Prices of the program, and the number of its inequalities."""


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


@compiled()
def _pull(target, kept, sign, below, above, fill, filling, drain, draining):  # noqa: PLR0913, PLR0917
    """Fill `target` with kept ± (below − above − fill·filling − drain·draining)."""
    for e in range(target.size):
        target[e] = kept[e] + sign * (below[e] - above[e] - fill[e] * filling[e] - drain[e] * draining[e])


@compiled()
def _push(target, kept, sign, below, above, path, stores):  # noqa: PLR0917
    """Fill `target` with kept ± (below − above − path + the path of the next step)."""
    for e in range(target.size):
        target[e] = kept[e] + sign * (below[e] - above[e] - path[e])
    here, ahead = target[: target.size - stores], path[stores:]
    for e in range(here.size):
        here[e] += sign * ahead[e]


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
    _pull(line[RX], fall, 1.0, y[XL], y[XU], line[FILL], y[FI], line[DRAIN], y[DR])
    _push(line[RL], fall, 1.0, y[LL], y[LU], line[PATH], stores)
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


@compiled()
def _add(target, slope, values):
    """Add slope·values to `target`."""
    for e in range(target.size):
        target[e] += slope[e] * values[e]


@compiled()
def _direction(step, line, lines, cell, cell_pair, row, row_pair, flats, place, matrix, kept):  # noqa: PLR0913, PLR0917
    """Fill the directions, given rc/s in the dual ones; `kept` holds the negative dual residuals of x and levels."""
    e, n = lines[DDUAL], step.shape[1]
    _add(e[FI], lines[MASS, FI], line[FILLS])
    _add(e[DR], lines[MASS, DR], line[DRAINS])
    sum_of(line[PATH], e[FI], e[DR])
    _pull(line[RX], kept[0], -1.0, e[XL], e[XU], line[FILL], e[FI], line[DRAIN], e[DR])
    _push(line[RL], kept[1], -1.0, e[LL], e[LU], line[PATH], step.shape[2])
    ce, mass = cell_pair[DDUAL], cell_pair[MASS]
    for i in range(cell.shape[1]):
        ce[YL, i] += mass[YL, i] * cell[SHORT, i]
        ce[YU, i] += mass[YU, i] * cell[OVER, i]
        cell[RY, i] = ce[YU, i] - ce[YL, i]
        cell[DU, i], cell[DV, i] = cell[RU, i], cell[RV, i]
        cell[RU, i] += ce[UU, i] - ce[UL, i]
        cell[RV, i] += ce[VU, i] - ce[VL, i]
    re, heavy = row_pair[DDUAL], row_pair[MASS]
    for k in range(n):
        re[NEED, k] += heavy[NEED, k] * row[LACK, k]
        re[CAP, k] += heavy[CAP, k] * row[EXCESS, k]
        row[RW, k] = (re[CAP, k] - re[NEED, k]) * row[IW, k]
        row[RM, k] -= re[MORE, k]
    solve(step, cell, row, place, matrix)
    _spread(step, line, lines, cell, cell_pair, row, row_pair, flats)


@compiled()
def _copy(target, values, sign):
    """Fill `target` with sign·values."""
    for e in range(target.size):
        target[e] = sign * values[e]


@compiled()
def _slip(target, slope, box, fall, force, ih, free):  # noqa: PLR0917
    """Fill `target` with fall − slope·dx, without the difference of like numbers; it holds what `_tilt` put there."""
    for e in range(target.size):
        moved = (target[e] * fall[e] + box[e] * fall[e] - slope[e] * force[e]) * ih[e]
        target[e] = moved if free[e] > 0.0 else fall[e]


@compiled()
def _tilt(target, mass, slope, drain, fill, sign):
    """Fill `target` with ±mass·slope·(drain − fill): what the weight of the other slope makes of a fall."""
    for e in range(target.size):
        target[e] = sign * mass[e] * slope[e] * (drain[e] - fill[e])


@compiled()
def _spread(step, line, lines, cell, cell_pair, row, row_pair, flats):  # noqa: PLR0917
    """Fill the directions of all slacks and multipliers from those of the variables."""
    ds, mass, fill, drain, ih, free = lines[DSLACK], lines[MASS], line[FILL], line[DRAIN], line[IH], line[FREE]
    _copy(ds[XL], line[DX], 1.0)
    _copy(ds[XU], line[DX], -1.0)
    _copy(ds[LL], line[DL], 1.0)
    _copy(ds[LU], line[DL], -1.0)
    _tilt(ds[FI], mass[DR], drain, drain, fill, 1.0)
    _tilt(ds[DR], mass[FI], fill, drain, fill, -1.0)
    _slip(ds[FI], fill, line[BOX], line[FALL], line[PX], ih, free)
    _slip(ds[DR], drain, line[BOX], line[FALL], line[PX], ih, free)
    for i in range(cell.shape[1]):
        ds2, dy = cell_pair[DSLACK], cell[DY, i]
        ds2[UL, i], ds2[UU, i], ds2[VL, i], ds2[VU, i] = cell[DU, i], -cell[DU, i], cell[DV, i], -cell[DV, i]
        ds2[YL, i], ds2[YU, i] = dy, -dy
    close(flats[0])
    close(flats[1])
    _spread_rows(step, cell, row, row_pair)
    _add_all(ds[FI], line[FILLS])
    _add_all(ds[DR], line[DRAINS])
    for i in range(cell.shape[1]):
        cell_pair[DSLACK, YL, i] += cell[SHORT, i]
        cell_pair[DSLACK, YU, i] += cell[OVER, i]


@compiled()
def _add_all(target, values):
    """Add values to `target`."""
    for e in range(target.size):
        target[e] += values[e]


@compiled()
def _spread_rows(step, cell, row, row_pair):
    """Fill the directions of the sums' slacks and multipliers; where a weight is heavy, the price's step says more."""
    y, ds, dy, mass = row_pair[DUAL], row_pair[DSLACK], row_pair[DDUAL], row_pair[MASS]
    for k in range(step.shape[1]):
        total = row[DM, k]
        for j in range(step.shape[2] if k > 0 else 0):
            total += step[DX, k, j]
        for i in range(0 if k > 0 else cell.shape[1]):
            total += cell[DY, i]
        need, cap, more = mass[NEED, k], mass[CAP, k], mass[MORE, k]
        ds[NEED, k], ds[CAP, k], ds[MORE, k] = total, -total, row[DM, k]
        dy[NEED, k] = -dy[NEED, k] - need * total
        dy[CAP, k] = -dy[CAP, k] + cap * total
        dy[MORE, k] = -dy[MORE, k] - more * row[DM, k]
        if (need >= cap) & (need > 1.0):
            change = row[DP, k] + dy[CAP, k] - dy[NEED, k]
            dy[NEED, k] += change
            ds[NEED, k] -= change / need
        elif cap > 1.0:
            change = dy[NEED, k] - row[DP, k] - dy[CAP, k]
            dy[CAP, k] += change
            ds[CAP, k] -= change / cap
        ds[NEED, k] += row[LACK, k]
        ds[CAP, k] += row[EXCESS, k]
        for e in range(3):
            if y[e, k] == 0.0:
                ds[e, k], dy[e, k] = 0.0, 0.0


@compiled()
def _move(line, cell, row, flats, primal, dual):
    """Take the step."""
    take(line[X], line[DX], -primal)
    take(line[L], line[DL], -primal)
    for k in range(row.shape[1]):
        row[MISSING, k] += primal * row[DM, k]
    for i in range(cell.shape[1]):
        cell[U, i] += primal * cell[DU, i]
        cell[V, i] += primal * cell[DV, i]
    for f in range(3):
        go(flats[f], primal, dual)


@compiled()
def _keep(line, cell, row, kept, others):
    """Keep the negative dual residuals, which the directions are made from twice."""
    _copy(kept[0], line[RX], 1.0)
    _copy(kept[1], line[RL], 1.0)
    for k in range(row.shape[1]):
        others[0, k] = row[RM, k]
    for i in range(cell.shape[1]):
        others[1, i], others[2, i] = cell[RU, i], cell[RV, i]


@compiled()
def _restore(cell, row, others):
    """Bring back what the first direction changed."""
    for k in range(row.shape[1]):
        row[RM, k] = others[0, k]
    for i in range(cell.shape[1]):
        cell[RU, i], cell[RV, i] = others[1, i], others[2, i]


@compiled()
def iterate(  # noqa: PLR0913, PLR0917 - the arrays of one solver
    step, line, lines, store, cell, cell_pair, row, row_pair, flats, place, setting, report, matrix, kept, others,
    tolerance, most, together,
):  # fmt: skip
    """Take up to `most` steps; return how many were taken, and whether the residuals are below the tolerances.

    Slacks and multipliers go steps of their own lengths, which is faster, or `together`, which is surer.
    """
    for taken in range(most + 1):
        residuals(step, line, lines, store, cell, cell_pair, row, row_pair, flats, place, setting, report)
        fine = (report[PRIMAL] <= tolerance[PRIMAL]) & (report[DUALITY] <= tolerance[DUALITY])
        if fine & (report[MEAN] <= tolerance[MEAN]):
            return taken, True
        if taken == most or not report[MEAN] < 1e100:
            break
        for f in range(3):
            weigh(flats[f])
        factorise(step, line, lines, cell, cell_pair, row, row_pair, place, setting[SMOOTHING], PROXIMITY, matrix)
        _keep(line, cell, row, kept, others)
        target, second = 0.0, 0.0
        for phase in range(2):
            if phase == 1:
                primal, dual = lengths(flats)
                second = 1.0
                # Below the tolerance nothing is won, and rounding grows.
                share = total(flats, primal, dual) / total(flats, 0.0, 0.0)
                target = max(report[MEAN] * share**3, 0.2 * tolerance[MEAN])
                _restore(cell, row, others)
            for f in range(3):
                centre(flats[f], target, second)
            _direction(step, line, lines, cell, cell_pair, row, row_pair, flats, place, matrix, kept)
        primal, dual = lengths(flats)
        if together:
            primal = dual = min(primal, dual)
        primal = FRACTION * primal if primal < 1.0 else 1.0
        dual = FRACTION * dual if dual < 1.0 else 1.0
        _move(line, cell, row, flats, primal, dual)
    return taken, False
