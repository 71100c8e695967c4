"""Potentials at the speed of the tree: the plain projection first, and only if potentials object, the barrier method.

The interior point method of `barrier` factorises its Newton system along the tree in O(N + G), without a sparse matrix,
an ordering or an allocation. Its answer is judged from the instance alone before it counts as solved. It does not start
from the plain projection, so where potentials bound the last time it is tried first, and the plain projection is made
only if they no longer do: the answer is the same either way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autonomy.solvers.allocation import (
    Hierarchy,
    Index,
    Matrix,
    Setup,
    Solution,
    Status,
    Vector,
    no_answer,
)
from autonomy.solvers.backends import BACKENDS
from autonomy.solvers.barrier.entry import BINDS, REFUTED, SLACK, UNPROVEN, solve, store_size, weigh
from autonomy.solvers.barrier.tree import TREE, C
from autonomy.solvers.potential import PotentialAllocation, PotentialSolution

HAIRS = 1e-9, 3e-9
"""Widths of the room that further attempts make around sums and potentials, relative to that of a box."""


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


class Instance(NamedTuple):
    """What machine code takes of an instance: cells, bounds on sums and on potentials, and the prices α, β, ε."""

    cells: Matrix
    bounds: Matrix
    levels: Matrix
    drop_price: float
    lift_price: float
    smoothing: float


class Workspace(NamedTuple):
    """What machine code takes beside an instance; see `barrier.entry.solve`."""

    numbering: Index
    coefficient: Vector
    store: Vector


class Attempt(NamedTuple):
    """What the barrier method came to.

    Attributes:
        outcome: One of `barrier.entry.OUTCOMES`.
        answer: (4, N) rows x, u, v, ν.
        multipliers: (2, G) λ and μ.
    """

    outcome: int
    answer: Matrix
    multipliers: Matrix


class PotentialSolver:
    """See the module's docstring. Its buffers are made once, so it serves one thread at a time.

    Args:
        hierarchy: The nested groups.
        coefficient: (G,) c >= 0 of the potentials.
        plain: Backend of the problem without potentials, which is all that is needed while they are slack.
    """

    def __init__(self, hierarchy: Hierarchy, coefficient: Vector, plain: Setup = BACKENDS["exact"]) -> None:
        self.hierarchy, self._plain, self._bound = hierarchy, plain(hierarchy), False
        used = coefficient[coefficient > 0]
        self.scale = float(used.mean()) if used.size else 1.0
        self.workspace = _workspace(hierarchy, np.array(coefficient, dtype=np.float64), self.scale)
        self._sizes = (4, hierarchy.n_cells), (2, hierarchy.n_groups)
        self._none = np.zeros(self._sizes[1])

    def solve(self, problem: PotentialAllocation) -> PotentialSolution:
        """Return the minimiser; INFEASIBLE with a proof found, or FAILED, with a sentence."""
        given = problem.allocation
        instance = Instance(given.cells, given.bounds, problem.potential_bounds, *given.relief.prices)
        attempt = self._attempt(instance, 0.0) if self._bound else None
        if attempt is not None and attempt.outcome == BINDS:
            return _solution(attempt, Status.SOLVED, "")
        plain = self._plain.solve(given)
        if plain.status is not Status.SOLVED:
            return self._with_potentials(plain, plain.status, plain.message)
        if instance.levels.shape != self._sizes[1] or not given.relief.smoothing > 0:
            return self._no_answer("potentials need bounds (2, G), and the smoothing must be > 0")
        found = self._weigh(instance, plain.point, plain.cell_multipliers, self._none)
        self._bound = found.beyond > 0.0 and found.room >= 0.0
        if not self._bound:
            return self._plain_answer(plain, found)
        return self._conclude(instance, self._attempt(instance, 0.0) if attempt is None else attempt)

    def _conclude(self, instance: Instance, attempt: Attempt) -> PotentialSolution:
        """Return the answer of the barrier method where potentials bind, after further attempts if they are needed."""
        for hair in HAIRS:
            # Where bounds leave no room at all the multipliers may have no end; with a hair of room they have.
            attempt = self._attempt(instance, hair) if attempt.outcome == UNPROVEN else attempt
        if attempt.outcome == REFUTED:
            return _solution(attempt, Status.INFEASIBLE, "the bounds on sums and potentials cannot all be met")
        if attempt.outcome in (BINDS, SLACK):
            return _solution(attempt, Status.SOLVED, "")
        found = self._weigh(instance, attempt.answer[:3], attempt.answer[3], attempt.multipliers)
        message = (
            f"the barrier method stopped {found.out:.1e} out of bounds, {found.beyond:.1e} in a potential, "
            f"with a gap of {found.gap:.1e}"
        )
        return _solution(attempt, Status.FAILED, message)

    def _attempt(self, instance: Instance, slack: float) -> Attempt:
        answer, multipliers = np.empty(self._sizes[0]), np.empty(self._sizes[1])
        try:
            outcome = solve(*instance, *self.workspace, self.scale, slack, answer, multipliers)
        except TypeError:  # strided, read-only or not float64: the machine code takes plain tables only
            outcome = solve(*_plain(instance), *self.workspace, self.scale, slack, answer, multipliers)
        return Attempt(outcome, answer, multipliers)

    def _weigh(self, instance: Instance, point: Matrix, paid: Vector, multipliers: Matrix) -> Judgement:
        try:
            found = weigh(*instance, *self.workspace, point, paid, multipliers)
        except TypeError:
            found = weigh(*_plain(instance), *self.workspace, *map(_array, (point, paid, multipliers)))
        return Judgement._make(found)

    def _plain_answer(self, plain: Solution, found: Judgement) -> PotentialSolution:
        """Return the answer without potentials, if it can stand."""
        if not found.beyond >= 0.0:
            return self._no_answer("bounds on potentials must be numbers, with low < inf and high > -inf")
        if found.room < 0.0:
            return self._with_potentials(plain, Status.INFEASIBLE, "the bounds of a potential exclude each other")
        return self._with_potentials(plain, Status.SOLVED, "")

    def _no_answer(self, message: str) -> PotentialSolution:
        return self._with_potentials(no_answer(self.hierarchy, Status.FAILED, message), Status.FAILED, message)

    def _with_potentials(self, plain: Solution, status: Status, message: str) -> PotentialSolution:
        return PotentialSolution(
            point=plain.point,
            cell_multipliers=plain.cell_multipliers,
            multipliers=plain.multipliers,
            potential_multipliers=np.zeros(self.hierarchy.n_groups),
            status=status,
            message=message,
        )


def _solution(attempt: Attempt, status: Status, message: str) -> PotentialSolution:
    answer, multipliers = attempt.answer, attempt.multipliers
    return PotentialSolution(
        point=answer[:3],
        cell_multipliers=answer[3],
        multipliers=multipliers[0],
        potential_multipliers=multipliers[1],
        status=status,
        message=message,
    )


def _workspace(hierarchy: Hierarchy, coefficient: Vector, scale: float) -> Workspace:
    groups = hierarchy.n_groups
    number = _outermost_first(hierarchy)
    place = np.empty(groups, dtype=np.int64)
    place[number] = np.arange(groups)
    around = hierarchy.parent[number]
    order = np.argsort(place[hierarchy.group_of], kind="stable")
    layout = (order, place[hierarchy.group_of][order], np.where(around >= 0, place[around], -1), number)
    store = np.zeros(store_size(hierarchy.n_cells, groups))
    store[: groups * len(TREE)].reshape(groups, len(TREE))[:, C] = coefficient[number] / scale
    numbering = np.concatenate([[hierarchy.n_cells, groups], *layout, hierarchy.parent, hierarchy.group_of]).astype(
        np.int64
    )
    return Workspace(numbering, coefficient, store)


def _plain(instance: Instance) -> Instance:
    """Return an instance whose arrays the machine code takes."""
    return instance._replace(
        cells=_array(instance.cells), bounds=_array(instance.bounds), levels=_array(instance.levels)
    )


def _array(values: Any) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64, order="C", ndmin=1)


def _outermost_first(hierarchy: Hierarchy) -> Index:
    """Return (G,) the groups by depth, those around the same group next to each other.

    Groups of one depth do not wait for each other, so the processor works on several at once; a group's neighbours in
    this order have parents that are neighbours too.
    """
    place, first, levels = np.zeros(hierarchy.n_groups, dtype=np.int64), 0, []
    for groups in hierarchy.levels:
        level = groups[np.argsort(place[hierarchy.parent[groups]], kind="stable")] if first else groups
        place[level] = first + np.arange(level.size)
        first += level.size
        levels.append(level)
    return np.concatenate(levels).astype(np.int64)
