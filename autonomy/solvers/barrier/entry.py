"""The entries of the method's machine code: one call solves and judges an instance, one judges any answer.

Arguments cost a tenth of a microsecond each, so all integers come as one array and all workspace as another:

    numbering   order and group of the method's cells, parent and number of its groups; parent and group of the instance
    store       the method's tables one after the other, beginning with its tree, which holds the coefficients
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from numba import float64, int64, types

from autonomy.solvers.allocation import LEAST
from autonomy.solvers.barrier.cells import BOXES, CELLS
from autonomy.solvers.barrier.ends import judge, run
from autonomy.solvers.barrier.method import CONVERGED, EQUATION
from autonomy.solvers.barrier.pairs import HIGH_GAP, HIGH_PAY, LOW_GAP, LOW_PAY, PAIR, compiled
from autonomy.solvers.barrier.tree import SUMS, TREE

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
def _opened(numbering, store, n, groups, tied):
    """Return the layouts of method and instance, and the tables of the method, which lie one after the other."""
    number = numbering[2 * n + groups : 2 * n + 2 * groups]
    layout = (numbering[:n], numbering[n : 2 * n], numbering[2 * n : 2 * n + groups], number)
    nest = (numbering[2 * n + 2 * groups : 2 * n + 3 * groups], numbering[2 * n + 3 * groups :], number)
    tree, last = _rows(store, 0, groups, TREE_COLUMNS)
    scratch, last = _rows(store, last, 4, groups)
    sums, last = _rows(store, last, groups, SUM_COLUMNS)
    boxes, last = _rows(store, last, BOX_ROWS, 3 * n)
    cells, last = _rows(store, last, CELL_ROWS, n)
    equations, last = _rows(store, last, EQUATION_ROWS, n + 2 * groups)
    pairs, last = _rows(store, last, PAIR_ROWS, (4 * n if tied else 3 * n) + 2 * groups)
    return layout, nest, (tree, sums, boxes, cells, pairs, equations), scratch


def store_size(n: int, groups: int) -> int:
    """Return how many numbers the tables of `_opened` are, sums of cells bounded or not."""
    columns = (TREE_COLUMNS + 4 + SUM_COLUMNS) * groups + (3 * BOX_ROWS + CELL_ROWS) * n
    return columns + EQUATION_ROWS * (n + 2 * groups) + PAIR_ROWS * (4 * n + 2 * groups)


@compiled(types.UniTuple(float64, 7)(*INSTANCE, *FIXED, ROWS, COLUMN, ROWS))
def weigh(  # noqa: PLR0913, PLR0917 - machine code takes its arrays one by one
    cells, bounds, levels, alpha, beta, epsilon, numbering, coefficient, store, point, paid, multipliers
):
    """Return the judgement of any point (3, N), ν (N,), and λ, μ (2, G)."""
    _, nest, _, scratch = _opened(numbering, store, cells.shape[1], bounds.shape[1], cells.shape[0] > LEAST)
    return judge(
        (cells, bounds, levels, (alpha, beta, epsilon)), coefficient, nest, (point, paid, multipliers), scratch
    )


@compiled(types.Tuple((int64, int64, types.UniTuple(float64, 7)))(*INSTANCE, *FIXED, float64, float64, ROWS, ROWS))
def solve(  # noqa: PLR0913, PLR0917 - the same
    cells, bounds, levels, alpha, beta, epsilon, numbering, coefficient, store, scale, slack, answer, multipliers
):
    """Write x, u, v and ν (4, N), λ and μ (2, G); return how it ended, how many potentials bind, and the judgement.

    The tree's coefficients were divided by `scale`; sums and potentials are widened by `slack` mean widths of a box.
    """
    n, groups = cells.shape[1], bounds.shape[1]
    layout, nest, work, scratch = _opened(numbering, store, n, groups, cells.shape[0] > LEAST)
    instance, out = (cells, bounds, levels, (alpha, beta, epsilon)), (answer[:3], answer[3], multipliers)
    end = run(instance, scale, slack, layout, work, out)
    binding = _binding(groups, work[4]) if end == CONVERGED else 0
    return end, binding, judge(instance, coefficient, nest, out, scratch)
