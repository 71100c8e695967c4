"""The projection problem with a future: the first step is priced, later steps only have to be possible.

Step 0 is an `Allocation`; S of its cells draw from a store. H later steps k follow, with nothing to be minimised but
what is missing:

    minimise    cost of the Allocation  +  F·Σ_k,g m_k,g
    subject to  the Allocation's own bounds
                lower_k,j <= x_k,j <= upper_k,j                                        every store j, k = 1..H
                l_k + max(fill_j·x_k, drain_j·x_k) <= l_{k−1},  floor_j <= l_k <= ceiling_j     k = 0..H, l_{−1} given
                Σ_{j below g} x_k,j + m_k,g >= need_k,g,  m >= 0                       every group g, k = 1..H

x_k,j is what a store gives at step k (x_0,j is the x of its cell), negative where it takes; l_k is its level after the
step. A store that gives loses `drain` per unit, one that takes gains `fill` <= `drain` per unit, so the level falls by
the convex function max(fill·x, drain·x). Taking and giving at once cannot be expressed: x is one number.

The level may fall by more than that function: a level may be thrown away. That makes the program convex, and it
changes nothing as long as what is not taken can be disposed of, because of this

Lemma. From any feasible point let the stores give x'_k = max(x_k, (l'_{k−1} − ceiling)/fill), that is, take less where
they would overflow, and let l'_k = l'_{k−1} − max(fill·x'_k, drain·x'_k) exactly. Then l'_k >= l_k, x'_k >= x_k, and
every bound of the later steps holds for (x', l').
Proof. By induction over k. l'_{k−1} >= l_{k−1}. Where x' = x, l'_k >= l_{k−1} − max(fill·x, drain·x) >= l_k, and
l'_k <= ceiling by the choice of x'. Where x' > x, x' = (l'_{k−1} − ceiling)/fill <= 0 because l' never exceeds the
ceiling, and l'_k = ceiling >= l_k. So x' <= max(x, 0) is inside its box (0 is inside), and Σ x' + m >= Σ x + m >= need.

So the levels from which the rest is possible are an up-closed convex set, and a relaxed plan is as good as an exact
one: `plan.carry_out` performs the repair.

Ramps |x_k − x_{k−1}| <= ramp_j may be added. The repair leaves them upwards only, and only in a step in which the store
becomes full: it is full after a step in which x' is above x, so to the next step x' does not fall, and rises no more
than x does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from autonomy.solvers.allocation import Allocation, Hierarchy, Index, Matrix, Status, Vector


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class HorizonStructure:
    """What never changes between solves.

    Attributes:
        hierarchy: The nested groups of the first step; they bound the later steps too.
        steps: H >= 1, number of later steps.
        cell: (S,) the cell that each store belongs to, ascending.
        fill: (S,) > 0, level gained per unit taken.
        drain: (S,) >= fill, level lost per unit given.
        ramp: (S,) > 0, largest change of x between steps, inf for none.
        weight: (N,) w of the first step's cells.
        smoothing: ε > 0 of the first step's relief.
    """

    hierarchy: Hierarchy
    steps: int
    cell: Index
    fill: Vector
    drain: Vector
    ramp: Vector
    weight: Vector
    smoothing: float

    @property
    def n_stores(self) -> int:
        """Number of stores S."""
        return int(self.cell.size)

    @property
    def has_ramps(self) -> bool:
        """Whether any store is limited in its change from step to step."""
        return bool(np.isfinite(self.ramp).any())


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class HorizonProgram:
    """One instance of the problem in the module's docstring.

    Attributes:
        first: The first step; its weights and smoothing are the structure's.
        level: (S,) l_{−1}, inside floor and ceiling.
        floor: (S,) lowest level.
        ceiling: (S,) highest level, > floor.
        lower: (H, S) <= 0.
        upper: (H, S) >= 0.
        need: (H, G), -inf for none.
        price: F > 0 per unit missing.
    """

    first: Allocation
    level: Vector
    floor: Vector
    ceiling: Vector
    lower: Matrix
    upper: Matrix
    need: Matrix
    price: float


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class HorizonSolution:
    """A solver's answer. On anything but SOLVED the numbers may be anything, NaN included.

    Attributes:
        point: (3, N) rows x, u, v of the first step.
        given: (H, S) x of the later steps.
        level: (H + 1, S) levels after each step, the first step included.
        missing: (H, G) m.
        row_multipliers: Multipliers of the rows of the sparse statement (`sparse.state`).
        status: What the solver claims; `certificate.measure` says what holds.
        message: One sentence, empty when solved.
        iterations: Number of steps the solver took, 0 when unknown.
    """

    point: Matrix
    given: Matrix
    level: Matrix
    missing: Matrix
    row_multipliers: Vector
    status: Status
    message: str = ""
    iterations: int = 0


class HorizonSolver(Protocol):
    """A prepared solver: setup has seen the structure, `solve` sees one instance after the other."""

    def solve(self, program: HorizonProgram, *, deadline_s: float | None = None) -> HorizonSolution:
        """Return the solver's answer; never raises on numbers."""
        ...


def no_answer(structure: HorizonStructure, message: str, *, rows: int = 0, iterations: int = 0) -> HorizonSolution:
    """Return a solution that is all NaN, for a solver that has nothing to show."""
    steps, stores = structure.steps, structure.n_stores
    return HorizonSolution(
        point=np.full((3, structure.hierarchy.n_cells), np.nan),
        given=np.full((steps, stores), np.nan),
        level=np.full((steps + 1, stores), np.nan),
        missing=np.full((steps, structure.hierarchy.n_groups), np.nan),
        row_multipliers=np.zeros(rows),
        status=Status.FAILED,
        message=message,
        iterations=iterations,
    )
