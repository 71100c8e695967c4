"""Backend "exact": the algorithm of `nested.py` in machine code, at the speed of memory.

Groups are numbered in depth-first order and cells are sorted by group, so whatever lies below a group is a slice of
each; one group needs no sorting. Numba takes a second to load and some to compile the first time (the result is cached
on disk), so only `BACKENDS` imports this file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autonomy.solvers.allocation import CELL_ROWS, Allocation, Hierarchy, Index, Solution, Status, Vector, no_answer
from autonomy.solvers.kernel.solve import ANSWER, solve
from autonomy.solvers.kernel.tree import END, FIRST, FLOATS, INTEGERS, NUMBER, PARENT

ANSWERS = (
    (Status.SOLVED, ""),
    (Status.INFEASIBLE, "the bounds on sums cannot all be met"),
    (Status.FAILED, "weights must be > 0, all else numbers, lower <= upper, and only bounds on sums may be infinite"),
    (Status.FAILED, "the arrays have other sizes than this solver's hierarchy"),
)
"""What the number that the machine code returns stands for."""


class CompiledSolver:
    """Backend "exact": see the module's docstring. Its workspace is made once, so it serves one thread at a time."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy
        self.workspace = workspace_of(hierarchy)
        self._answer, self._multipliers = (ANSWER + 1, hierarchy.n_cells), hierarchy.n_groups

    def solve(self, problem: Allocation) -> Solution:
        """Return the minimiser, INFEASIBLE with everything pushed as far as it helps, or FAILED on bad numbers."""
        answer, multipliers = np.zeros(self._answer), np.empty(self._multipliers)
        prices = problem.relief.prices
        try:
            code = solve(problem.cells, problem.bounds, *prices, answer, multipliers, self.workspace)
        except TypeError:  # strided, read-only or not float64: the machine code takes plain tables only
            tables = _plain(problem.cells), _plain(problem.bounds)
            code = solve(*tables, *prices, answer, multipliers, self.workspace)
        status, message = ANSWERS[code]
        if status is Status.FAILED:
            return no_answer(self.hierarchy, status, message)
        return Solution(answer[:ANSWER], answer[ANSWER], multipliers, status, message)


def workspace_of(hierarchy: Hierarchy) -> Vector:
    """Return what the machine code needs beside an instance; see `kernel.solve.solve`."""
    ease = np.empty(hierarchy.n_cells)
    if hierarchy.n_groups == 1:
        return ease
    order, tree = depth_first(hierarchy)
    parts = [ease, tree.view(np.float64).ravel(), np.zeros(hierarchy.n_groups * len(FLOATS))]
    if not np.array_equal(order, np.arange(order.size)):
        parts += [order.view(np.float64), np.zeros((len(CELL_ROWS) + ANSWER + 1) * order.size)]
    return np.concatenate(parts)


def depth_first(hierarchy: Hierarchy) -> tuple[Index, Index]:
    """Return the (N,) order of the cells and the (G + 1, 8) integers of the groups."""
    count = hierarchy.n_groups
    inner: list[list[int]] = [[] for _ in range(count + 1)]
    for group, around in enumerate(hierarchy.parent.tolist()):
        inner[around].append(group)  # the outermost groups land in the last list, index -1
    stack, groups = inner[-1][::-1], list[int]()
    while stack:
        groups.append(stack.pop())
        stack += inner[groups[-1]][::-1]
    position, tree = np.full(count + 1, -1), np.zeros((count + 1, len(INTEGERS)), dtype=np.int64)
    position[groups] = np.arange(count)
    tree[:count, NUMBER], tree[:, END] = groups, np.arange(1, count + 2)
    tree[:count, PARENT] = position[hierarchy.parent[groups]]
    for g in range(count - 1, 0, -1):
        around = tree[g, PARENT]
        if around >= 0:
            tree[around, END] = max(tree[around, END], tree[g, END])
    place = position[hierarchy.group_of]
    tree[1:, FIRST] = np.cumsum(np.bincount(place, minlength=count))
    return np.argsort(place, kind="stable"), tree


def _plain(values: Any) -> NDArray[np.float64]:
    """Return a table as the machine code takes it; what is no table becomes one that fits nothing."""
    table = np.array(values, dtype=np.float64, order="C")
    return table if table.ndim == 2 else np.empty((0, 0))
