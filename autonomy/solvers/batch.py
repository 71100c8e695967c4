"""Many instances of one hierarchy at once, and the derivative of their answers in closed form.

The answers are the same as one by one, and a gradient passes through the projection without a solver.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autonomy.solvers.allocation import LEAST, MOST, Hierarchy, Relief
from autonomy.solvers.compiled import depth_first, workspace_of
from autonomy.solvers.kernel.many import pull_back, solve_many
from autonomy.solvers.kernel.solve import ANSWER
from autonomy.solvers.kernel.tree import NUMBER

Stack = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class BatchSolution:
    """The answers to B instances; on anything but 0 in `codes` the numbers of that instance may be anything.

    Attributes:
        points: (B, 3, N) rows x, u, v.
        cell_multipliers: (B, N) > 0 where `least` binds, < 0 where `most` binds.
        multipliers: (B, G) > 0 where a group's lower bound binds, < 0 where its upper bound binds.
        codes: (B,) 0 solved, 1 infeasible (everything is pushed as far as it helps), 2 unsound numbers.
    """

    points: Stack
    cell_multipliers: Stack
    multipliers: Stack
    codes: NDArray[np.int64]

    @property
    def is_solved(self) -> bool:
        """Whether all were solved."""
        return not self.codes.any()


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Gradient:
    """The derivative of Σ cotangents · points with respect to the data, shaped like the data.

    Attributes:
        cells: (B, 6 or 8, N).
        bounds: (B, 2, G).
    """

    cells: Stack
    bounds: Stack


class BatchSolver:
    """Solves (B, 6 or 8, N) cells and (B, 2, G) bounds, laid out as in `Allocation`; serves one thread at a time."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy
        self._workspace = workspace_of(hierarchy)
        self._tree = tree = depth_first(hierarchy)[1]
        position = np.empty(hierarchy.n_groups, dtype=np.int64)
        position[tree[: hierarchy.n_groups, NUMBER]] = np.arange(hierarchy.n_groups)
        self._place = position[hierarchy.group_of]

    def solve(self, cells: Stack, bounds: Stack, relief: Relief) -> BatchSolution:
        """Return the minimisers.

        Raises:
            ValueError: a shape does not fit the hierarchy.
        """
        cells, bounds = self._checked(cells, bounds)
        count, size = cells.shape[0], cells.shape[2]
        answers, multipliers = np.zeros((count, ANSWER + 1, size)), np.empty((count, bounds.shape[2]))
        codes = np.empty(count, dtype=np.int64)
        prices = (float(relief.drop_price), float(relief.lift_price), float(relief.smoothing))
        solve_many(cells, bounds, *prices, answers, multipliers, codes, self._workspace)
        return BatchSolution(
            points=answers[:, :ANSWER], cell_multipliers=answers[:, ANSWER], multipliers=multipliers, codes=codes
        )

    def pull_back(
        self, cells: Stack, bounds: Stack, relief: Relief, solution: BatchSolution, cotangents: Stack
    ) -> Gradient:
        """Return the vector-Jacobian product for (B, 3, N) cotangents of the points; derivation in `kernel.many`.

        Raises:
            ValueError: a shape does not fit, or the smoothing is 0 (then there is no derivative).
        """
        cells, bounds = self._checked(cells, bounds)
        if not relief.smoothing > 0:
            raise ValueError("the derivative exists for a smoothing > 0 only")
        if cotangents.shape != solution.points.shape or cells.shape[::2] != solution.points.shape[::2]:
            raise ValueError(f"cotangents have shape {cotangents.shape}, expected {solution.points.shape}")
        groups, size = self.hierarchy.n_groups, self.hierarchy.n_cells
        answers = np.concatenate([solution.points, solution.cell_multipliers[:, None]], axis=1)
        of_cells, of_bounds = np.empty_like(cells), np.empty_like(bounds)
        scratch = (np.empty((groups + size, 2)), np.empty(groups + size))
        pull_back(
            cells,
            float(relief.drop_price),
            float(relief.lift_price),
            float(relief.smoothing),
            answers,
            solution.multipliers,
            self._place,
            self._tree,
            np.empty(groups),
            np.ascontiguousarray(cotangents, dtype=np.float64),
            *scratch,
            of_cells,
            of_bounds,
        )
        return Gradient(cells=of_cells, bounds=of_bounds)

    def _checked(self, cells: Stack, bounds: Stack) -> tuple[Stack, Stack]:
        rows, size, groups = (LEAST, MOST + 1), self.hierarchy.n_cells, self.hierarchy.n_groups
        if cells.ndim != 3 or cells.shape[1] not in rows or cells.shape[2] != size:
            raise ValueError(f"cells have shape {cells.shape}, expected (B, {LEAST} or {MOST + 1}, {size})")
        if bounds.shape != (cells.shape[0], 2, groups):
            raise ValueError(f"bounds have shape {bounds.shape}, expected {(cells.shape[0], 2, groups)}")
        return np.ascontiguousarray(cells, dtype=np.float64), np.ascontiguousarray(bounds, dtype=np.float64)
