"""Playing witnesses in the simulator: what the controller does where a certificate says it must do its worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from autonomy.conclusion import conclude_without_intent
from autonomy.controller import Controller, as_mapping
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision, Mode
from autonomy.layers.observation import Observation
from autonomy.layers.supervision import Candidate, Screen, supervise
from autonomy.scenario import Scenario
from autonomy.series import Series
from autonomy.simulator import Outcome, Simulator
from autonomy.worstcase.side import Rung
from autonomy.worstcase.worst import WorstCase

MODES = {Rung.SUPPORT: Mode.SUPPORT, Rung.GRID_ONLY: Mode.GRID_ONLY, Rung.DEAD_STOP: Mode.DEAD_STOP}
START = np.datetime64("2024-01-01T00:00", "m")
RETAIL, FEED_IN = 0.3, 0.06
"""Currency/kWh; no matter for what is cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """What the simulator measured at a witness.

    Attributes:
        mode: On which rung the controller was.
        measured_kw: What was cut.
        claimed_kw: What the certificate says.
        violations: Limits that were broken; 0 is what is expected.
    """

    mode: Mode
    measured_kw: float
    claimed_kw: float
    violations: int

    @property
    def difference_mw(self) -> float:
        """Measured less claimed, in milliwatts."""
        return 1e6 * (self.measured_kw - self.claimed_kw)


def replay(worst: WorstCase) -> Replay:
    """Return what the rung cuts at the witness of a worst case, as the simulator measures it.

    Each rung is reached as it is in earnest: support because there is no policy, grid-only because the projection
    fails as well, and the dead stop because no meter says anything.
    """
    point, community = worst.least_cut.point, worst.domain.community
    wanted, eased = (np.array([[float(x) for x in row]]) for row in (point.wanted, point.eased))
    demand, pv = (wanted, eased) if worst.side.is_shed else (eased, wanted)
    if worst.side.rung is Rung.DEAD_STOP:
        # What is not wanted eases nothing there, so whatever it is will do.
        demand, pv = (wanted, 0 * wanted) if worst.side.is_shed else (0 * wanted, wanted)
    simulator = one_window(community, demand, pv, worst.energy_kwh)
    decision = _decision(community, worst.side.rung, simulator.observe())
    outcome = simulator.execute(decision)
    cut = outcome.execution.shed_kw if worst.side.is_shed else outcome.execution.curtail_kw
    return Replay(
        mode=decision.mode,
        measured_kw=float(cut.sum()),
        claimed_kw=float(worst.value),
        violations=len(outcome.violations),
    )


def play(simulator: Simulator, controller: Controller) -> list[Outcome]:
    """Return the outcomes of a window played by a controller."""
    outcomes = []
    while not simulator.is_done:
        outcomes.append(simulator.execute(controller.step(simulator.observe())))
    return outcomes


def one_window(community: Community, demand_kw: Vector, pv_kw: Vector, energy_kwh: Vector) -> Simulator:
    """Return a simulator of a few steps (T, N) that begins with the energies (N,)."""
    capacity = community.battery_capacity_kwh
    soc = np.divide(energy_kwh, capacity, out=np.zeros_like(capacity), where=capacity > 0)
    step = np.timedelta64(round(60 * community.timestep_h), "m")
    series = Series(
        time=START + step * np.arange(len(demand_kw)),
        demand_kw=demand_kw,
        pv_kw=pv_kw,
        retail_price=RETAIL,  # type: ignore[arg-type]  # a scalar becomes an array
        feed_in_price=FEED_IN,  # type: ignore[arg-type]
        names=community.names,
        timestep_h=community.timestep_h,
    )
    return Simulator(community, Scenario.whole(series), initial_soc=np.minimum(soc, 1.0))


def floats(amounts: Sequence[Fraction]) -> Vector:
    """Return the floats nearest to exact amounts."""
    return np.array([float(amount) for amount in amounts])


def _decision(community: Community, rung: Rung, observation: Observation) -> Decision:
    if rung is Rung.GRID_ONLY:
        situation = Screen(community)(as_mapping(observation), np.zeros(community.n_prosumers))
        return conclude_without_intent(situation, supervise(situation, None, _no_projection), None)
    unknown = np.full(community.n_prosumers, np.nan)
    if rung is Rung.DEAD_STOP:
        observation = replace(observation, demand_kw=unknown, pv_kw=unknown)
    return Controller(community, policy=_no_policy).step(observation)


def _no_policy(community: Community, observation: Observation) -> None:
    """Answer nothing, whatever is asked."""
    del community, observation


def _no_projection() -> Candidate:
    raise RuntimeError("the projection is left out on purpose")
