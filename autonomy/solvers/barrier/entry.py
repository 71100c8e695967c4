"""The entries of the method's machine code: one call solves and judges an instance, one judges any answer.

Arguments cost a tenth of a microsecond each, so all integers come as one array and all workspace as another:

    numbering   N and G; order and group of the method's cells, parent and number of its groups; parent and group of
                the instance's own
    store       the method's tables one after the other, beginning with its tree, which holds the coefficients
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import float64, int64, types

from autonomy.solvers.allocation import LEAST
from autonomy.solvers.barrier.cells import CELL_SPAN
from autonomy.solvers.barrier.ends import judge, run
from autonomy.solvers.barrier.method import EQUATION, IMPOSSIBLE
from autonomy.solvers.barrier.pairs import (
    BLOCK,
    HIGH_GAP,
    HIGH_PAY,
    LANES,
    LOW_GAP,
    LOW_PAY,
    SPAN,
    compiled,
    room_for,
    spot,
)
from autonomy.solvers.barrier.tree import SUMS, TREE
from autonomy.solvers.kernel.borrow import borrow

FEASIBLE = 1e-8
"""Largest violation in an answer that counts as solved, relative to the largest sum, or the largest potential."""
GAP = 1e-7
"""Largest gap of one, relative to its cost."""
OUTCOMES = BINDS, SLACK, UNPROVEN, REFUTED, MISFIT = range(5)
"""What `solve` returns: solved, and a potential binds, or none does; not good enough; impossible; wrong sizes."""
TREE_COLUMNS, SUM_COLUMNS, EQUATION_ROWS, LANE_NUMBERS = len(TREE), len(SUMS), len(EQUATION), len(LANES) * BLOCK
ROWS, COLUMN = float64[:, ::1], float64[::1]
INSTANCE, FIXED = (*[ROWS] * 3, *[float64] * 3), (int64[::1], COLUMN, COLUMN)
"""Types of what `weigh` and `solve` begin with: the instance, then numbering, coefficients c (G,) and store."""


@compiled()
def _binding(pairs, region):
    """Return how many potentials pay more than they have room: they bind."""
    first, groups = region
    count = 0
    for k in range(groups):
        j = spot(first, k)
        low, high = pairs[LOW_PAY + j] > pairs[LOW_GAP + j], pairs[HIGH_PAY + j] > pairs[HIGH_GAP + j]
        count += 1 if low or high else 0
    return count


@compiled()
def _rows(store, first, rows, columns):
    """Return a table that lies in a store, and where the next one begins."""
    last = first + rows * columns
    return store[first:last].reshape(rows, columns), last


@compiled()
def _fits(numbering, cells, bounds, levels):
    """Return whether the instance has the sizes that the workspace was made for."""
    n, groups = numbering[0], numbering[1]
    good = (cells.shape[0] == LEAST or cells.shape[0] == LEAST + 2) and cells.shape[1] == n
    return good and bounds.shape == (2, groups) and levels.shape == (2, groups)


@compiled()
def _opened(numbering, store, is_tied):
    """Return the layouts of method and instance, and the tables of the method, which lie one after the other."""
    n, groups, rest = numbering[0], numbering[1], numbering[2:]
    number = rest[2 * n + groups : 2 * n + 2 * groups]
    kind, tied = room_for(n), n if is_tied else 0
    sums = 3 * kind + room_for(tied)
    levels = sums + room_for(groups)
    regions = ((0, n), (kind, n), (2 * kind, n), (3 * kind, tied), (sums, groups), (levels, groups))
    layout = (rest[:n], rest[n : 2 * n], rest[2 * n : 2 * n + groups], number, regions)
    nest = (rest[2 * n + 2 * groups : 2 * n + 3 * groups], rest[2 * n + 3 * groups :], number)
    tree, last = _rows(store, 0, groups, TREE_COLUMNS)
    scratch, last = _rows(store, last, 4, groups)
    gathered, last = _rows(store, last, groups, SUM_COLUMNS)
    equations, last = _rows(store, last, EQUATION_ROWS, n + 2 * groups)
    cells, lanes = store[last : last + kind // SPAN * CELL_SPAN], last + kind // SPAN * CELL_SPAN
    pairs = lanes + LANE_NUMBERS
    work = (tree, gathered, cells, store[lanes:pairs], store[pairs : pairs + levels + room_for(groups)], equations)
    return layout, nest, work, scratch


@compiled()
def _is_good(found, scale):
    """Return whether a judgement is that of a minimiser."""
    out, beyond, gap, cost, size, height, _ = found
    inside = out <= FEASIBLE * (1.0 + size) and beyond <= FEASIBLE * max((1.0 + size) * scale, height)
    return inside and abs(gap) <= GAP * (1.0 + abs(cost))


def store_size(n: int, groups: int) -> int:
    """Return how many numbers the tables of `_opened` are, sums of cells bounded or not."""
    columns = (TREE_COLUMNS + 4 + SUM_COLUMNS) * groups + EQUATION_ROWS * (n + 2 * groups)
    kind = int(room_for(n))
    return columns + kind // SPAN * CELL_SPAN + LANE_NUMBERS + 4 * kind + 2 * int(room_for(groups))


@compiled(types.UniTuple(float64, 7)(*INSTANCE, *FIXED, ROWS, COLUMN, ROWS))
def weigh(  # noqa: PLR0913, PLR0917 - machine code takes its arrays one by one
    cells, bounds, levels, alpha, beta, epsilon, numbering, coefficient, store, point, paid, multipliers
):
    """Return the judgement of any point (3, N), ν (N,), and λ, μ (2, G); all NaN if a size is wrong."""
    if not _fits(numbering, cells, bounds, levels):
        return np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan
    _, nest, _, scratch = _opened(borrow(numbering), borrow(store), cells.shape[0] > LEAST)
    instance, answer = (
        (borrow(cells), borrow(bounds), borrow(levels), (alpha, beta, epsilon)),
        (point, paid, multipliers),
    )
    return judge(instance, borrow(coefficient), nest, answer, scratch)


@compiled(int64(*INSTANCE, *FIXED, float64, float64, ROWS, ROWS))
def solve(  # noqa: PLR0913, PLR0917 - the same
    cells, bounds, levels, alpha, beta, epsilon, numbering, coefficient, store, scale, slack, answer, multipliers
):
    """Write x, u, v and ν (4, N), λ and μ (2, G); return one of `OUTCOMES`, from the instance alone.

    The tree's coefficients were divided by `scale`; sums and potentials are widened by `slack` mean widths of a box.
    """
    if not _fits(numbering, cells, bounds, levels):
        return MISFIT
    layout, nest, work, scratch = _opened(borrow(numbering), borrow(store), cells.shape[0] > LEAST)
    instance, rows = (borrow(cells), borrow(bounds), borrow(levels), (alpha, beta, epsilon)), borrow(answer)
    out = (rows[:3], rows[3], borrow(multipliers))
    end = run(instance, scale, slack, layout, work, out)
    if end == IMPOSSIBLE:
        return REFUTED
    if not _is_good(judge(instance, borrow(coefficient), nest, out, scratch), scale):
        return UNPROVEN
    return BINDS if _binding(work[4], layout[4][5]) > 0 else SLACK
