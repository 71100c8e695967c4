"""Layer 2: from any intent to the nearest feasible set-points, with a certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Certificate, Reason
from autonomy.layers.projection.departure import keep_floors
from autonomy.layers.projection.program import BATTERY_WEIGHT, ProjectionProgram, set_points
from autonomy.layers.situation import SetPoints, Situation
from autonomy.solvers.allocation import Allocation, Backend, Hierarchy, Setup, Solution, Status
from autonomy.solvers.backends import BACKENDS
from autonomy.solvers.certificate import certify
from autonomy.solvers.verdict import believed

if TYPE_CHECKING:
    from autonomy.solvers.around import AroundSolver

NOTICEABLE = 1e-9
"""Cost per kW from which a multiplier counts as binding: below it a limit is touched, not felt."""


class Proposal(NamedTuple):
    """Layer 2's answer: never trusted, always checked by Layer 3.

    Attributes:
        set_points: The candidate, kW.
        certificate: Evidence that it is the nearest feasible point.
        reasons: What the projection had to do.
        ramp_relaxed: Whether the ramp window had to yield to a line or connection limit.
    """

    set_points: SetPoints
    certificate: Certificate
    reasons: tuple[Reason, ...]
    ramp_relaxed: bool


class Priced(Protocol):
    """An answer with the multipliers of lines and connections."""

    @property
    def multipliers(self) -> Vector:
        """(M,) of the lines, as in `Solution`."""
        ...

    @property
    def cell_multipliers(self) -> Vector:
        """(N,) of the connections, as in `Solution`."""
        ...


class Projector:
    """Projects intents for one community with one backend; the exact solver stands in when the backend fails."""

    def __init__(self, community: Community, setup: Setup = BACKENDS["exact"]) -> None:
        self._program = ProjectionProgram(community)
        exact = BACKENDS["exact"]
        self._exact = exact(self._program.hierarchy)
        self._backend: Backend = self._exact if setup is exact else setup(self._program.hierarchy)
        self._around = _around(self._program.hierarchy) if setup is exact else None

    def project(self, situation: Situation, intent_kw: Vector) -> Proposal:
        """Return the feasible set-points nearest to a finite battery intent (N,) kW, + = charge."""
        floor_kw = situation.charge_floor_kw
        if floor_kw is not None:
            return keep_floors(self.project, situation, floor_kw, intent_kw)
        can_cut_all = situation.curtailable_kw is situation.pv_kw and situation.sheddable_kw is situation.demand_kw
        quick = self._at_once(self._around, situation, intent_kw) if self._around is not None and can_cut_all else None
        return quick if quick is not None else self._with_care(situation, intent_kw)

    def _at_once(self, around: AroundSolver, situation: Situation, intent_kw: Vector) -> Proposal | None:
        """Return the answer of the one call that builds, solves and certifies; None when there is none."""
        ratings = self._program.ratings(situation)
        moves = around.solve(
            situation.measured_kw,
            situation.reach_kw,
            intent_kw,
            (situation.charge_limit_kw, situation.discharge_limit_kw),
            ratings.line_bounds_kw,
            ratings.reach_kw,
            BATTERY_WEIGHT,
            ratings.relief,
        )
        if moves is None:
            return None
        return Proposal(
            set_points=SetPoints(moves.move, moves.drop, moves.lift),
            certificate=Certificate(
                gap=moves.gap.gap,
                distance_kw=moves.gap.distance,
                line_multipliers=moves.multipliers,
                node_multipliers=moves.cell_multipliers,
            ),
            reasons=binding_limits(moves) if moves.largest > NOTICEABLE else (),
            ramp_relaxed=False,
        )

    def _with_care(self, situation: Situation, intent_kw: Vector) -> Proposal:
        clipped = np.minimum(np.maximum(intent_kw, -situation.discharge_limit_kw), situation.charge_limit_kw)
        problem = self._program.build(situation, clipped)
        solution, reasons = self._solve(problem)
        relaxed = solution.status is Status.INFEASIBLE and ramp_narrows(situation)
        if relaxed:
            problem = self._program.build(situation, clipped, within_ramp=False)
            solution, reasons = self._solve(problem)
            text = "the ramp window was left, because a line or connection limit could not be held inside it"
            reasons += (Reason(cause=Cause.RAMP_RELAXED, text=text),)
        gap, distance = certify(problem, solution)
        return Proposal(
            set_points=set_points(solution.point),
            certificate=Certificate(
                gap=gap,
                distance_kw=distance,
                line_multipliers=solution.multipliers,
                node_multipliers=solution.cell_multipliers,
            ),
            reasons=(*reasons, *binding_limits(solution)),
            ramp_relaxed=relaxed,
        )

    def _solve(self, problem: Allocation) -> tuple[Solution, tuple[Reason, ...]]:
        if self._backend is self._exact:
            return self._exact.solve(problem), ()
        try:
            solution = believed(problem, self._backend.solve(problem))
            said = solution.message or f"status {solution.status}"
        except Exception as fault:  # noqa: BLE001 - whatever a backend throws, the exact solver answers
            solution, said = None, f"{type(fault).__name__}: {fault}"
        if solution is not None and solution.status is Status.SOLVED:
            return solution, ()
        # "Infeasible" from a general solver is no proof either; the exact solver decides.
        reason = Reason(cause=Cause.SOLVER_FAILED, text=f"the backend failed ({said}); the exact solver answered")
        return self._exact.solve(problem), (reason,)


def _around(hierarchy: Hierarchy) -> AroundSolver:
    from autonomy.solvers.around import AroundSolver  # noqa: PLC0415 - loads Numba

    return AroundSolver(hierarchy)


def ramp_narrows(situation: Situation) -> bool:
    """Return whether some battery's box is smaller than it would be without ramp limits."""
    return bool(
        np.any(situation.battery_lower_kw > situation.rate_lower_kw)
        or np.any(situation.battery_upper_kw < situation.rate_upper_kw)
    )


def binding_limits(solution: Priced, noticeable: float = NOTICEABLE) -> tuple[Reason, ...]:
    """Return a reason for every line that binds and one for the connections; smaller multipliers are but rounding."""
    if not (solution.multipliers.any() or solution.cell_multipliers.any()):
        return ()
    found = [
        Reason(
            cause=Cause.LINE_LIMIT,
            text=f"the {'import' if multiplier > 0 else 'export'} limit of line {line} binds",
        )
        for line, multiplier in enumerate(solution.multipliers.tolist())
        if abs(multiplier) > noticeable
    ]
    nodes = tuple(np.flatnonzero(np.abs(solution.cell_multipliers) > noticeable).tolist())
    if nodes:
        text = f"the connection limit of {len(nodes)} prosumer(s) binds"
        found.append(Reason(cause=Cause.CONNECTION_LIMIT, text=text, prosumers=nodes))
    return tuple(found)
