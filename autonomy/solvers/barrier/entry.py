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
from autonomy.solvers.barrier.cells import BOXES, CELLS
from autonomy.solvers.barrier.ends import judge, run
from autonomy.solvers.barrier.method import EQUATION, IMPOSSIBLE
from autonomy.solvers.barrier.pairs import HIGH_GAP, HIGH_PAY, LOW_GAP, LOW_PAY, PAIR, compiled
from autonomy.solvers.barrier.tree import SUMS, TREE
from autonomy.solvers.kernel.borrow import borrow

FEASIBLE = 1e-8
"""Largest violation in an answer that counts as solved, relative to the largest sum, or the largest potential."""
GAP = 1e-7
"""Largest gap of one, relative to its cost."""
OUTCOMES = BINDS, SLACK, UNPROVEN, REFUTED, MISFIT = range(5)
"""What `solve` returns: solved, and a potential binds, or none does; not good enough; impossible; wrong sizes."""
TREE_COLUMNS, SUM_COLUMNS, BOX_ROWS = len(TREE), len(SUMS), len(BOXES)
CELL_ROWS, EQUATION_ROWS, PAIR_ROWS = len(CELLS), len(EQUATION), len(PAIR)
ROWS, COLUMN = float64[:, ::1], float64[::1]
INSTANCE, FIXED = (*[ROWS] * 3, *[float64] * 3), (int64[::1], COLUMN, COLUMN)
"""Types of what `weigh` and `solve` begin with: the instance, then numbering, coefficients c (G,) and store."""


@compiled()
def _binding(groups, pairs):
    """Return how many potentials pay more than they have room: they bind."""
    count = 0
    for j in range(pairs.shape[1] - groups, pairs.shape[1]):
        low, high = pairs[LOW_PAY, j] > pairs[LOW_GAP, j], pairs[HIGH_PAY, j] > pairs[HIGH_GAP, j]
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
def _opened(numbering, store, tied):
    """Return the layouts of method and instance, and the tables of the method, which lie one after the other."""
    n, groups, rest = numbering[0], numbering[1], numbering[2:]
    number = rest[2 * n + groups : 2 * n + 2 * groups]
    layout = (rest[:n], rest[n : 2 * n], rest[2 * n : 2 * n + groups], number)
    nest = (rest[2 * n + 2 * groups : 2 * n + 3 * groups], rest[2 * n + 3 * groups :], number)
    tree, last = _rows(store, 0, groups, TREE_COLUMNS)
    scratch, last = _rows(store, last, 4, groups)
    sums, last = _rows(store, last, groups, SUM_COLUMNS)
    boxes, last = _rows(store, last, BOX_ROWS, 3 * n)
    cells, last = _rows(store, last, CELL_ROWS, n)
    equations, last = _rows(store, last, EQUATION_ROWS, n + 2 * groups)
    pairs, last = _rows(store, last, PAIR_ROWS, (4 * n if tied else 3 * n) + 2 * groups)
    return layout, nest, (tree, sums, boxes, cells, pairs, equations), scratch


@compiled()
def _is_good(found, scale):
    """Return whether a judgement is that of a minimiser."""
    out, beyond, gap, cost, size, height, _ = found
    inside = out <= FEASIBLE * (1.0 + size) and beyond <= FEASIBLE * max((1.0 + size) * scale, height)
    return inside and abs(gap) <= GAP * (1.0 + abs(cost))


def store_size(n: int, groups: int) -> int:
    """Return how many numbers the tables of `_opened` are, sums of cells bounded or not."""
    columns = (TREE_COLUMNS + 4 + SUM_COLUMNS) * groups + (3 * BOX_ROWS + CELL_ROWS) * n
    return columns + EQUATION_ROWS * (n + 2 * groups) + PAIR_ROWS * (4 * n + 2 * groups)


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
    return BINDS if _binding(bounds.shape[1], work[4]) > 0 else SLACK
