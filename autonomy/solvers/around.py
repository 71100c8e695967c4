"""One community's instances, step after step, in one call each: the exact solver without the arrays in between."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.solvers.allocation import Hierarchy, Matrix, Relief, Vector
from autonomy.solvers.certificate import Gap, gap_from, plain
from autonomy.solvers.compiled import CompiledSolver
from autonomy.solvers.kernel.around import MOVE, PROOF, room_of, solve_around


class Moves(NamedTuple):
    """The minimiser of an instance around a base, certified.

    Attributes:
        move: (N,) −x.
        drop: (N,) u.
        lift: (N,) v.
        cell_multipliers: (N,) as in `Solution`.
        multipliers: (G,) as in `Solution`.
        gap: The certified gap.
        largest: The largest multiplier of all, its sign aside: 0 where no limit was felt.
    """

    move: Vector
    drop: Vector
    lift: Vector
    cell_multipliers: Vector
    multipliers: Vector
    gap: Gap
    largest: float


class AroundSolver:
    """Solves instances of one hierarchy that are stated around a base; serves one thread at a time."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self._workspace = CompiledSolver(hierarchy).workspace
        tree = (hierarchy.parent, hierarchy.group_of, hierarchy.outermost_first)
        self._tree = np.concatenate(tree).astype(np.int64)
        self._tree.setflags(write=False)
        self._room = room_of(hierarchy.n_cells, hierarchy.n_groups)
        self._proof = self._room[:PROOF]

    def solve(  # noqa: PLR0917 - one record of seven arrays would have to be made every step
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
        prices = (weight, *relief.prices)
        mine = (answer, multipliers, self._room, self._workspace, self._tree)
        try:
            code = solve_around(base, reach, wish, *most, sums, own, *prices, *mine)
        except TypeError:  # strided, or not float64: the machine code takes plain arrays only
            code = solve_around(*map(plain, (base, reach, wish, *most, sums, own)), *prices, *mine)
        if code != 0:
            return None
        _, drop, lift, own_multipliers, move = answer
        gap, rounding, largest = self._proof.tolist()
        return Moves(move, drop, lift, own_multipliers, multipliers, gap_from(gap, rounding), largest)
