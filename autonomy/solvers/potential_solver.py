"""Potentials at the speed of the tree: the plain projection first, and only if potentials object, the barrier method.

The interior point method of `barrier` factorises its Newton system along the tree in O(N + G), without a sparse matrix,
an ordering or an allocation. Its answer is judged from the instance alone before it counts as solved.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autonomy.solvers.allocation import (
    LEAST,
    Hierarchy,
    Matrix,
    Setup,
    Solution,
    Status,
    Vector,
    no_answer,
)
from autonomy.solvers.backends import BACKENDS
from autonomy.solvers.barrier.cells import BOXES, CELLS
from autonomy.solvers.barrier.ends import UNTOUCHED, solve
from autonomy.solvers.barrier.method import EQUATION, IMPOSSIBLE
from autonomy.solvers.barrier.pairs import PAIR
from autonomy.solvers.barrier.tree import SUMS, TREE, C
from autonomy.solvers.potential import PotentialAllocation, PotentialSolution

FEASIBLE = 1e-8
"""Largest violation in an answer that counts as solved, relative to the largest sum, or the largest potential."""
GAP = 1e-7
"""Largest gap of one, relative to its cost."""
HAIR = 1e-9
"""Width of the room that a second attempt makes around sums and potentials, relative to that of a box."""

FLOAT = np.dtype(np.float64)

Instance: TypeAlias = tuple[Matrix, Matrix, Matrix, tuple[float, float, float]]
"""Cells, bounds on sums and on potentials, and the prices α, β, ε."""
Answer: TypeAlias = tuple[Matrix, Vector, Matrix]
"""Point (3, N), ν (N,), and λ, μ (2, G)."""


class Judgement(NamedTuple):
    """What a point is worth, computed from the instance alone.

    Attributes:
        out: How far cells and sums are out of their bounds.
        beyond: How far potentials are.
        gap: Cost less the lower bound that the multipliers prove.
        cost: The objective.
        size: The largest sum.
        height: The largest potential.
        room: The least difference of the bounds of a potential, 0 if none is negative.
    """

    out: float
    beyond: float
    gap: float
    cost: float
    size: float
    height: float
    room: float


class PotentialSolver:
    """See the module's docstring. Its buffers are made once, so it serves one thread at a time.

    Args:
        hierarchy: The nested groups.
        coefficient: (G,) c >= 0 of the potentials.
        plain: Backend of the problem without potentials, which is all that is needed while they are slack.
    """

    def __init__(self, hierarchy: Hierarchy, coefficient: Vector, plain: Setup = BACKENDS["exact"]) -> None:
        self.hierarchy, self._plain = hierarchy, plain(hierarchy)
        self._coefficient = np.array(coefficient, dtype=np.float64)
        used = self._coefficient[self._coefficient > 0]
        self._scale = float(used.mean()) if used.size else 1.0
        n, groups = hierarchy.n_cells, hierarchy.n_groups
        number = _outermost_first(hierarchy)
        place = np.empty(groups, dtype=np.int64)
        place[number] = np.arange(groups)
        around = hierarchy.parent[number]
        order = np.argsort(place[hierarchy.group_of], kind="stable")
        parent = np.where(around >= 0, place[around], -1)
        layout = (order, place[hierarchy.group_of][order], parent, number)
        nest = (_plain_index(hierarchy.parent), _plain_index(hierarchy.group_of), number)
        tree = np.zeros((groups, len(TREE)))
        tree[:, C] = self._coefficient[number] / self._scale
        self._work: dict[bool, tuple[Matrix, ...]] = {
            tied: (
                tree,
                np.zeros((groups, len(SUMS))),
                np.zeros((len(BOXES), 3 * n)),
                np.zeros((len(CELLS), n)),
                np.zeros((len(PAIR), (4 if tied else 3) * n + 2 * groups)),
                np.zeros((len(EQUATION), n + 2 * groups)),
            )
            for tied in (False, True)
        }
        self._none = np.zeros((2, groups))
        self._fixed = (self._scale, self._coefficient, layout, nest, self._none, np.zeros((4, groups)))

    def solve(self, problem: PotentialAllocation) -> PotentialSolution:
        """Return the minimiser; INFEASIBLE with a proof found, or FAILED, with a sentence."""
        given, relief = problem.allocation, problem.allocation.relief
        plain = self._plain.solve(given)
        if plain.status is not Status.SOLVED:
            return _with_potentials(plain, self._none[1])
        levels, prices = (
            problem.potential_bounds,
            (float(relief.drop_price), float(relief.lift_price), float(relief.smoothing)),
        )
        if levels.shape != self._none.shape or not relief.smoothing > 0:
            return self._no_answer("potentials need bounds (2, G), and the smoothing must be > 0")
        instance = (_plain(given.cells), _plain(given.bounds), _plain(levels), prices)
        base = (_plain(plain.point), _plain(plain.cell_multipliers))
        end, found, answer = self._attempt(instance, base, 0.0)
        if end == UNTOUCHED:
            return self._plain_answer(plain, found)
        if end != IMPOSSIBLE and not self._is_good(found):
            # Where bounds leave no room at all the multipliers may have no end; with a hair of room they have.
            end, found, answer = self._attempt(instance, base, HAIR)
        point, paid, multipliers = answer
        status, message = Status.SOLVED, ""
        if end == IMPOSSIBLE:
            status, message = Status.INFEASIBLE, "the bounds on sums and potentials cannot all be met"
        elif not self._is_good(found):
            status = Status.FAILED
            message = (
                f"the barrier method stopped {found.out:.1e} out of bounds, {found.beyond:.1e} in a potential, "
                f"with a gap of {found.gap:.1e}"
            )
        return PotentialSolution(
            point=point,
            cell_multipliers=paid,
            multipliers=multipliers[0],
            potential_multipliers=multipliers[1],
            status=status,
            message=message,
        )

    def _attempt(self, instance: Instance, base: tuple[Matrix, Vector], slack: float) -> tuple[int, Judgement, Answer]:
        """Return how the machine code ended, what its answer is worth, and the answer."""
        n, groups = self.hierarchy.n_cells, self.hierarchy.n_groups
        answer = (np.empty((3, n)), np.empty(n), np.empty((2, groups)))
        work = self._work[len(instance[0]) > LEAST]
        end, found = solve(instance, base, slack, self._fixed, work, answer)
        return end, Judgement(*found), answer

    def _is_good(self, found: Judgement) -> bool:
        size = 1.0 + found.size
        inside = found.out <= FEASIBLE * size and found.beyond <= FEASIBLE * max(size * self._scale, found.height)
        return inside and abs(found.gap) <= GAP * (1.0 + abs(found.cost))

    def _plain_answer(self, plain: Solution, found: Judgement) -> PotentialSolution:
        """Return the answer without potentials, if it can stand."""
        if not found.beyond >= 0.0:
            return self._no_answer("bounds on potentials must be numbers, with low < inf and high > -inf")
        if found.room < 0.0:
            text = "the bounds of a potential exclude each other"
            return _with_potentials(plain._replace(status=Status.INFEASIBLE, message=text), self._none[1])
        return _with_potentials(plain, self._none[1])

    def _no_answer(self, message: str) -> PotentialSolution:
        return _with_potentials(no_answer(self.hierarchy, Status.FAILED, message), self._none[1])


def _with_potentials(solution: Solution, multipliers: Vector) -> PotentialSolution:
    return PotentialSolution(
        point=solution.point,
        cell_multipliers=solution.cell_multipliers,
        multipliers=solution.multipliers,
        potential_multipliers=multipliers.copy(),
        status=solution.status,
        message=solution.message,
    )


def _plain(values: Matrix) -> NDArray[np.float64]:
    """Return the array itself if the machine code takes it, else a copy that it takes."""
    if values.dtype is FLOAT and values.flags.carray:
        return values
    return np.array(values, dtype=np.float64, order="C")


def _plain_index(values: NDArray[Any]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def _outermost_first(hierarchy: Hierarchy) -> NDArray[np.int64]:
    """Return (G,) the groups in depth-first order, so that each comes after the one around it and near to it."""
    inner: list[list[int]] = [[] for _ in range(hierarchy.n_groups + 1)]
    for group, around in enumerate(hierarchy.parent.tolist()):
        inner[around].append(group)
    stack, groups = inner[-1][::-1], list[int]()
    while stack:
        groups.append(stack.pop())
        stack += inner[groups[-1]][::-1]
    return np.array(groups, dtype=np.int64)
