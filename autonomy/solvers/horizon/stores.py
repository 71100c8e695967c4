"""One store: the weights of its steps, and its tridiagonal system in the levels; the formulas are in `normal.py`."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.horizon.lanes import sum_of
from autonomy.solvers.horizon.layout import (
    BACK,
    BOX,
    DL,
    DR,
    DRAIN,
    FI,
    FILL,
    FORE,
    FREE,
    IH,
    INV,
    KAPPA,
    LL,
    LU,
    MASS,
    PIVOT,
    RATIO,
    WEIGHT,
    WY,
    XL,
    XU,
    C,
    T,
    compiled,
)


@compiled()
def weigh_stores(step, line, lines, cell, place, proximity):
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
def eliminate(step):
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
