"""A point of a region as a step of the simulator, with the controller in charge: what a witness does in practice.

The recorded hour is played with other meters: everybody's net load, everybody's stored share, the price. Its forecast
stays as it was issued, because tubes leave it so. The simulator executes what the controller decides and counts every
broken rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autonomy.controller import Controller
from autonomy.layers.arrays import Vector
from autonomy.layers.observation import Observation
from autonomy.learning.explanation.inputs import LOAD
from autonomy.learning.network import Network
from autonomy.learning.policy import LearnedPolicy
from autonomy.learning.views import battery_of
from autonomy.policyproof.region import Region
from autonomy.rollout import Overheard
from autonomy.scenario import Scenario
from autonomy.series import Series
from autonomy.simulator import Simulator


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Scene:
    """One step.

    Attributes:
        step: Of the region's scenario, which is a whole series: whose forecast is used.
        load_kw: (N,) kW, demand less generation of each prosumer, or one number for all alike.
        stored: (N,) stored share of the usable capacity, or one number.
        retail: Currency/kWh; None for the recorded price.
    """

    step: int
    load_kw: Vector | float
    stored: Vector | float
    retail: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Played:
    """What happened.

    Attributes:
        intent_kw: (N,) kW that the policy wanted, + = charge.
        battery_kw: (N,) kW that was executed.
        price_bid: (N,) currency/kWh.
        mode: Who chose.
        export_kw: kW at the feeder, + = export.
        broken: Rules that the step broke.
    """

    intent_kw: Vector
    battery_kw: Vector
    price_bid: Vector
    mode: str
    export_kw: float
    broken: int

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it, sums over the community."""
        return {
            "wanted_kw": float(self.intent_kw.sum()),
            "executed_kw": float(self.battery_kw.sum()),
            "feeder_export_kw": self.export_kw,
            "mode": self.mode,
            "broken_rules": self.broken,
        }


def play(region: Region, scene: Scene, networks: Sequence[Network] | None = None) -> Played:
    """Return what the simulator and the controller make of a scene.

    Args:
        region: Community, data and prices.
        scene: What the meters say.
        networks: Who decides; the region's own by default.
    """
    policy = Overheard(LearnedPolicy(networks or region.networks, region.economics))
    simulator, observation = staged(region, scene)
    controller = Controller(region.community, policy=policy)
    decision = controller.step(observation)
    outcome = simulator.execute(decision)
    wanted = policy.battery_kw
    return Played(
        intent_kw=np.full(region.community.n_prosumers, np.nan) if wanted is None else np.array(wanted),
        battery_kw=np.array(outcome.execution.battery_kw),
        price_bid=np.array(decision.price_bid),
        mode=str(decision.mode),
        export_kw=float(outcome.execution.feeder_kw),
        broken=len(outcome.violations),
    )


def staged(region: Region, scene: Scene) -> tuple[Simulator, Observation]:
    """Return a simulator that stands at the scene, and what the controller is told there."""
    community, recorded, step = region.community, region.scenario.series, scene.step
    load = np.broadcast_to(scene.load_kw, (community.n_prosumers,))
    retail = float(recorded.retail_price[step]) if scene.retail is None else scene.retail
    series = Series(
        time=recorded.time[step : step + 1],
        demand_kw=np.maximum(load, 0.0)[None],
        pv_kw=np.maximum(-load, 0.0)[None],
        retail_price=np.array([max(retail, float(recorded.feed_in_price[step]))]),
        feed_in_price=recorded.feed_in_price[step : step + 1],
        carbon_kg_per_kwh=recorded.carbon_kg_per_kwh[step : step + 1],
        names=recorded.names,
        timestep_h=recorded.timestep_h,
        source="a scene",
    )
    battery, capacity = battery_of(community), community.battery_capacity_kwh
    energy = battery.least_kwh + np.broadcast_to(scene.stored, load.shape) * (battery.most_kwh - battery.least_kwh)
    soc = np.divide(energy, capacity, out=np.zeros(load.size), where=capacity > 0)
    simulator = Simulator(
        community, Scenario.whole(series), economics=region.economics, initial_soc=np.clip(soc, 0.0, 1.0)
    )
    issued = region.scenario.forecast(step)
    return simulator, replace(simulator.observe(), forecast=issued)


def load_of(region: Region, feature: float) -> float:
    """Return the kW of one of N alike prosumers, for the feature of the community's net load."""
    battery = battery_of(region.community)
    return feature * float((battery.most_kwh - battery.least_kwh).sum()) / region.community.n_prosumers


def recorded_load(region: Region, step: int) -> float:
    """Return the same of a recorded step."""
    return load_of(region, float(region.features[step, LOAD]))
