"""Layer 2 with voltage limits: the nearest feasible set-points that also keep every bus's voltage.

Squared voltages of LinDistFlow build up along the tree, v_k = v_parent + 2·(r̂·F + x̂·Q), so a voltage limit is a bound
on a potential of the projection problem with the coefficients 2·r̂. Flows are counted from those without any
set-points, as in `program.py`. The lower limits are raised by the sag that the losses of this step can cause at most
(`layers/voltage.py`), from the exports that each prosumer's limits allow and from the line limits.

Where a line limit binds, load is never shed while a battery below the line could have helped (`program.py`). Where a
voltage limit binds, a kW counts by the resistance of the path it shares with that bus, so a battery far from the bus
may be dearer than shedding next to it. The projection is still the nearest point in the program's own costs.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Matrix, Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Certificate, Reason
from autonomy.layers.errors import ModelError
from autonomy.layers.projection.departure import keep_floors
from autonomy.layers.projection.program import MARGIN_KW, ProjectionProgram, set_points
from autonomy.layers.projection.projector import Proposal, binding_limits, ramp_narrows
from autonomy.layers.situation import Situation
from autonomy.layers.voltage import VoltageLimits
from autonomy.solvers.allocation import Hierarchy, Status
from autonomy.solvers.potential import (
    PotentialAllocation,
    PotentialBackend,
    PotentialSetup,
    PotentialSolution,
    certify_potential,
)

NOTICEABLE = 1e-6
"""Multipliers below which a limit counts as slack: the solver's are never quite 0."""


class Range(NamedTuple):
    """Flows of every line between which the step can end.

    Attributes:
        lowest_kw: (M,) kW, + = towards the grid.
        highest_kw: (M,) kW.
    """

    lowest_kw: Vector
    highest_kw: Vector


def specialised(hierarchy: Hierarchy, coefficient: Vector) -> PotentialBackend:
    """Return the solver that works along the tree."""
    from autonomy.solvers.potential_solver import PotentialSolver  # noqa: PLC0415 - loads Numba

    return PotentialSolver(hierarchy, coefficient)


class VoltageProjector:
    """Projects intents for one community, voltages included; to be used like `Projector`.

    Args:
        community: What is controlled.
        limits: Voltage limits of its network.
        setup: Solver of the problem with potentials.

    Raises:
        ModelError: the limits are of another network.
    """

    def __init__(self, community: Community, limits: VoltageLimits, setup: PotentialSetup = specialised) -> None:
        if limits.network is not community.network:
            raise ModelError("network", limits.network, "the community's own network")
        self.limits, self._program = limits, ProjectionProgram(community)
        self._network = community.network
        self._solver = setup(self._program.hierarchy, limits.rise_per_kw)

    def project(self, situation: Situation, intent_kw: Vector, reactive_export_kvar: Vector | None = None) -> Proposal:
        """Return the feasible set-points nearest to a finite battery intent (N,) kW, + = charge.

        Reactive power is (N,) kvar, + = export, if given; else that of the demand at its power factor.
        """
        floor_kw = situation.charge_floor_kw
        if floor_kw is not None:
            project = partial(self.project, reactive_export_kvar=reactive_export_kvar)
            return keep_floors(project, situation, floor_kw, intent_kw)
        clipped = np.clip(intent_kw, -situation.discharge_limit_kw, situation.charge_limit_kw)
        bounds = self.potential_bounds(situation, reactive_export_kvar)
        problem, solution = self._solve(situation, clipped, bounds, within_ramp=True)
        reasons: tuple[Reason, ...] = ()
        relaxed = solution.status is not Status.SOLVED and ramp_narrows(situation)
        if relaxed:
            problem, solution = self._solve(situation, clipped, bounds, within_ramp=False)
            text = "the ramp window was left, because a line, connection or voltage limit could not be held inside it"
            reasons = (Reason(cause=Cause.RAMP_RELAXED, text=text),)
        if solution.status is not Status.SOLVED:
            text = f"the voltage limits were left out of the projection ({solution.message})"
            reasons += (Reason(cause=Cause.LIMIT_NOT_HELD, text=text),)
            none = np.tile([[-np.inf], [np.inf]], bounds.shape[1])
            problem, solution = self._solve(situation, clipped, none, within_ramp=not relaxed)
        proof = certify_potential(problem, solution)
        return Proposal(
            set_points=set_points(solution.point),
            certificate=Certificate(
                gap=proof.gap,
                distance_kw=proof.distance,
                line_multipliers=solution.multipliers,
                node_multipliers=solution.cell_multipliers,
            ),
            reasons=(*reasons, *_binding(solution)),
            ramp_relaxed=relaxed,
        )

    def _solve(
        self, situation: Situation, intent_kw: Vector, bounds: Matrix, *, within_ramp: bool
    ) -> tuple[PotentialAllocation, PotentialSolution]:
        allocation = self._program.build(situation, intent_kw, within_ramp=within_ramp)
        problem = PotentialAllocation(
            allocation=allocation, coefficient=self.limits.rise_per_kw, potential_bounds=bounds
        )
        return problem, self._solver.solve(problem)

    def potential_bounds(self, situation: Situation, reactive_export_kvar: Vector | None = None) -> Matrix:
        """Return (2, M) the bounds on Σ 2·r̂·(what the set-points add to the flow), per unit squared.

        Prosumers whose meter cannot be used may import and export their fair shares, whatever is decided. A demand that
        may be shed takes its reactive power with it, which the upper limits must not count on.
        """
        network, limits = self._network, self.limits
        flow = physics.line_flows(network, situation.pv_kw - situation.demand_kw)
        import_kw = physics.line_flows(network, np.where(situation.isolated, situation.fair_import_kw, 0.0))
        export_kw = physics.line_flows(network, np.where(situation.isolated, situation.fair_export_kw, 0.0))
        if reactive_export_kvar is None:
            least = limits.reactive_export_kvar(situation.demand_kw)
            most = limits.reactive_export_kvar(situation.demand_kw - situation.sheddable_kw)
        else:
            least = most = reactive_export_kvar
        least_kvar, most_kvar = physics.line_flows(network, least), physics.line_flows(network, most)
        reach = self.flow_range(situation)
        active = np.maximum(np.abs(reach.lowest_kw), np.abs(reach.highest_kw))
        sag = limits.sag(active, np.maximum(np.abs(least_kvar), np.abs(most_kvar)))
        rounding = MARGIN_KW * (1.0 + network.prosumers_below)
        grid, squared = limits.grid_voltage_pu**2, limits.squared_limits
        low = squared.lowest + sag - grid - limits.rise(flow - import_kw - rounding, least_kvar)
        high = squared.highest - grid - limits.rise(flow + export_kw + rounding, most_kvar)
        return np.stack([low, high])

    def flow_range(self, situation: Situation) -> Range:
        """Return between which flows the step can end, whatever is decided within the limits.

        An export lies between the extremes of battery, curtailment and shedding and within the connection limit; a flow
        between the sums of these and within the line's limits.
        """
        base = situation.pv_kw - situation.demand_kw
        lowest = base - situation.rate_upper_kw - situation.curtailable_kw
        highest = base - situation.rate_lower_kw + situation.sheddable_kw
        connection = situation.connection_limit_kw
        lowest = np.clip(lowest, -connection, connection)
        highest = np.clip(highest, -connection, connection)
        below = physics.line_flows(self._network, lowest)
        above = physics.line_flows(self._network, highest)
        isolated = situation.isolated
        return Range(
            lowest_kw=np.maximum(below, -situation.import_limit_kw)
            - physics.line_flows(self._network, np.where(isolated, situation.fair_import_kw, 0.0)),
            highest_kw=np.minimum(above, situation.export_limit_kw)
            + physics.line_flows(self._network, np.where(isolated, situation.fair_export_kw, 0.0)),
        )


def _binding(solution: PotentialSolution) -> tuple[Reason, ...]:
    """Return a reason for every limit that binds; prices that are but rounding are left out."""
    largest = NOTICEABLE * (1.0 + np.abs(solution.potential_multipliers).max())
    voltages = tuple(
        Reason(
            cause=Cause.VOLTAGE_LIMIT, text=f"the {'lower' if price > 0 else 'upper'} voltage limit of bus {bus} binds"
        )
        for bus, price in enumerate(solution.potential_multipliers.tolist())
        if abs(price) > largest
    )
    return (*binding_limits(solution, NOTICEABLE), *voltages)
