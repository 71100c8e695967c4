"""The Newton direction of all variables, slacks and multipliers from that of the levels and prices."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.horizon.inequalities import close
from autonomy.solvers.horizon.lanes import copy, pull, push, sum_of
from autonomy.solvers.horizon.layout import (
    BOX,
    CAP,
    DDUAL,
    DL,
    DM,
    DP,
    DR,
    DRAIN,
    DRAINS,
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
    FREE,
    IH,
    IW,
    LACK,
    LL,
    LU,
    MASS,
    MORE,
    NEED,
    OVER,
    PATH,
    PX,
    RL,
    RM,
    RU,
    RV,
    RW,
    RX,
    RY,
    SHORT,
    UL,
    UU,
    VL,
    VU,
    XL,
    XU,
    YL,
    YU,
    compiled,
)
from autonomy.solvers.horizon.normal import solve


@compiled()
def direction(step, line, lines, cell, cell_pair, row, row_pair, flats, place, matrix, kept):  # noqa: PLR0913, PLR0917
    """Fill the directions, given rc/s in the dual ones; `kept` holds the negative dual residuals of x and levels."""
    e, n = lines[DDUAL], step.shape[1]
    _add(e[FI], lines[MASS, FI], line[FILLS])
    _add(e[DR], lines[MASS, DR], line[DRAINS])
    sum_of(line[PATH], e[FI], e[DR])
    pull(line[RX], kept[0], -1.0, e[XL], e[XU], line[FILL], e[FI], line[DRAIN], e[DR])
    push(line[RL], kept[1], -1.0, e[LL], e[LU], line[PATH], step.shape[2])
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
def _spread(step, line, lines, cell, cell_pair, row, row_pair, flats):  # noqa: PLR0917
    """Fill the directions of all slacks and multipliers from those of the variables."""
    ds, mass, fill, drain, ih, free = lines[DSLACK], lines[MASS], line[FILL], line[DRAIN], line[IH], line[FREE]
    copy(ds[XL], line[DX], 1.0)
    copy(ds[XU], line[DX], -1.0)
    copy(ds[LL], line[DL], 1.0)
    copy(ds[LU], line[DL], -1.0)
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
def _add(target, slope, values):
    """Add slope·values to `target`."""
    for e in range(target.size):
        target[e] += slope[e] * values[e]


@compiled()
def _add_all(target, values):
    """Add values to `target`."""
    for e in range(target.size):
        target[e] += values[e]


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
