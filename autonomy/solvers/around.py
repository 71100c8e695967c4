"""One community's instances, step after step, in one call each: the exact solver without the arrays in between."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.solvers.allocation import LEAST, MOST, Hierarchy, Matrix, Relief, Vector
from autonomy.solvers.certificate import Gap, gap_from, plain
from autonomy.solvers.compiled import CompiledSolver
from autonomy.solvers.kernel.around import MOVE, solve_around


class Moves(NamedTuple):
    """The minimiser of an instance around a base, certified.

    Attributes:
        move: (N,) −x.
        drop: (N,) u.
        lift: (N,) v.
        cell_multipliers: (N,) as in `Solution`.
        multipliers: (G,) as in `Solution`.
        gap: The certified gap.
    """

    move: Vector
    drop: Vector
    lift: Vector
    cell_multipliers: Vector
    multipliers: Vector
    gap: Gap


class AroundSolver:
    """Solves instances of one hierarchy that are stated around a base; serves one thread at a time."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self._workspace = CompiledSolver(hierarchy).workspace
        self._tree = (hierarchy.parent, hierarchy.group_of, hierarchy.outermost_first)
        size, groups = hierarchy.n_cells, hierarchy.n_groups
        self._cells = {False: np.empty((LEAST, size)), True: np.empty((MOST + 1, size))}
        self._bounds, self._proof = np.empty((2, groups)), np.empty(2)

    def solve(  # noqa: PLR0913, PLR0917 - one record of seven arrays would have to be made every step
        self,
        base: Matrix,
        reach: Matrix,
        wish: Vector,
        most: tuple[Vector, Vector],
        sums: Matrix,
        own: Matrix,
        weight: float,
        relief: Relief,
    ) -> Moves | None:
        """Return the certified minimiser, or None when there is none (or the numbers are none).

        The arguments are those of `kernel.around.solve_around`.
        """
        answer, multipliers = np.zeros((MOVE + 1, wish.size)), np.empty(sums.shape[1])
        cells = self._cells[own.shape[1] > 0]
        room = (cells, self._bounds, answer, multipliers, self._proof)
        prices = (weight, *relief.prices)
        mine = (*room, *self._tree, self._workspace)
        try:
            code = solve_around(base, reach, wish, *most, sums, own, *prices, *mine)
        except TypeError:  # strided, or not float64: the machine code takes plain arrays only
            code = solve_around(*map(plain, (base, reach, wish, *most, sums, own)), *prices, *mine)
        if code != 0:
            return None
        _, drop, lift, own_multipliers, move = answer
        return Moves(move, drop, lift, own_multipliers, multipliers, gap_from(*self._proof.tolist()))


