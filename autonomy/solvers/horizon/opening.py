"""The first point of the interior-point method: well inside every box, slacks and multipliers of like size."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from autonomy.solvers.horizon.layout import (
    CAP,
    CEILING,
    CENTRE,
    DDUAL,
    DR,
    DROP,
    DSLACK,
    DUAL,
    FI,
    FIXED,
    FLOOR,
    FREE,
    GAIN,
    HI,
    LEAST,
    LEVEL,
    LIFT,
    LIMIT,
    LL,
    LO,
    LOSS,
    LU,
    MISSING,
    MORE,
    MOST,
    NEED,
    REQUIRED,
    SLACK,
    UL,
    UU,
    VL,
    VU,
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
def start(step, pair, store, cell, cell_pair, row, row_pair, flats, place, scale, price):  # noqa: PLR0913, PLR0917
    """Choose the first point: well inside every box, slacks and multipliers of like size; return how many there are."""
    n, stores = step.shape[1], step.shape[2]
    for f in range(3):
        for e in range(flats[f].shape[1]):
            flats[f][SLACK, e], flats[f][DUAL, e] = 1.0, 0.0
            flats[f][DSLACK, e], flats[f][DDUAL, e] = 0.0, 0.0
    for j in range(stores):
        width = store[CEILING, j] - store[FLOOR, j]
        level = store[LEVEL, j]
        for k in range(n):
            low, high = step[LO, k, j], step[HI, k, j]
            target, margin = cell[CENTRE, place[j]] if k == 0 else -0.1 * high, 0.1 * (high - low)
            x = min(max(target, low + margin), high - margin)
            fall = max(store[GAIN, j] * x, store[LOSS, j] * x) + 0.05 * width
            after = min(max(level - fall, store[FLOOR, j] + 0.1 * width), store[CEILING, j] - 0.1 * width)
            step[X, k, j], step[L, k, j], step[FREE, k, j] = x, after, 1.0 if high > low else 0.0
            if high > low:
                _pose(pair, XL, k, j, x - low, scale)
                _pose(pair, XU, k, j, high - x, scale)
            _pose(pair, LL, k, j, after - store[FLOOR, j], scale)
            _pose(pair, LU, k, j, store[CEILING, j] - after, scale)
            _pose(pair, FI, k, j, max(level - after - store[GAIN, j] * x, 0.3 * width), scale)
            _pose(pair, DR, k, j, max(level - after - store[LOSS, j] * x, 0.3 * width), scale)
            level = after
    _start_cells(cell, cell_pair, scale)
    _start_rows(step, row, row_pair, scale, price)
    return _count(flats)


@compiled()
def _count(flats):
    """Return the number of inequalities that exist."""
    count = 0
    for f in range(3):
        for e in range(flats[f].shape[1]):
            count += 1 if flats[f][DUAL, e] > 0.0 else 0
    return count


@compiled()
def _start_cells(cell, cell_pair, scale):
    """Start the cells' inequalities."""
    for i in range(cell.shape[1]):
        cell[U, i], cell[V, i] = 0.1 * cell[DROP, i], 0.1 * cell[LIFT, i]
        if cell[DROP, i] > 0.0:
            _pose2(cell_pair, UL, i, cell[U, i], scale)
            _pose2(cell_pair, UU, i, cell[DROP, i] - cell[U, i], scale)
        if cell[LIFT, i] > 0.0:
            _pose2(cell_pair, VL, i, cell[V, i], scale)
            _pose2(cell_pair, VU, i, cell[LIFT, i] - cell[V, i], scale)
        y = cell[FIXED, i] - cell[U, i] + cell[V, i]
        if abs(cell[LEAST, i]) < 1e300:
            _pose2(cell_pair, YL, i, max(y - cell[LEAST, i], 1.0), scale)
        if abs(cell[MOST, i]) < 1e300:
            _pose2(cell_pair, YU, i, max(cell[MOST, i] - y, 1.0), scale)


@compiled()
def _start_rows(step, row, row_pair, scale, price):
    """Start the sums' inequalities."""
    n, stores = step.shape[1], step.shape[2]
    for k in range(n):
        row[MISSING, k] = 0.0
        total = 0.0
        for j in range(stores):
            total += step[X, k, j]
        if abs(row[REQUIRED, k]) < 1e300:
            if k > 0:
                row[MISSING, k] = max(row[REQUIRED, k] - total, 0.0) + 1.0
                _pose2(row_pair, MORE, k, row[MISSING, k], price * row[MISSING, k])
            _pose2(row_pair, NEED, k, max(total + row[MISSING, k] - row[REQUIRED, k], 1.0), scale)
        if k == 0 and abs(row[LIMIT, k]) < 1e300:
            _pose2(row_pair, CAP, k, max(row[LIMIT, k] - total, 1.0), scale)


@compiled()
def _pose(pair, which, k, j, slack, scale):
    """Start the inequality of a store's step."""
    pair[SLACK, which, k, j], pair[DUAL, which, k, j] = slack, scale / slack


@compiled()
def _pose2(pair, which, i, slack, scale):
    """Start the inequality of a cell or a sum."""
    pair[SLACK, which, i], pair[DUAL, which, i] = slack, scale / slack
