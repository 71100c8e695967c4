"""The community simulator: observe, (somebody decides), execute, check, match, settle.

    energy, tariffs, weather ─▶ observe() ─▶ decision ─▶ execute(): physics ─▶ invariants ─▶ auction ─▶ settlement

The simulator executes what it is told, within the caps, and counts every rule that was broken; it never repairs a
decision, so a controller cannot hide behind it. The market is the host's, not the controller's: it clears what was
metered, so an order beyond the node's net export is filled up to it, and one that is not finite is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.assets.memory import CostMemory
from autonomy.assets.step import community_at, energy_at_arrival_kwh, limits_at, missing_kwh
from autonomy.assets.timeline import Timeline
from autonomy.economics import Economics
from autonomy.layers import physics
from autonomy.layers.arrays import Vector, frozen_vector, require
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.errors import ModelError
from autonomy.layers.invariants import Execution, Violation, unannounced, violations
from autonomy.layers.observation import Observation
from autonomy.ledger import Flows, Prices, Reward, ledger_of, overload_kw
from autonomy.market import Clearing, clear
from autonomy.scenario import Scenario

INITIAL_SOC = 0.5
"""Fraction of the capacity a battery starts a window with, unless told otherwise or outside the battery's band."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Outcome:
    """What one step did.

    Attributes:
        execution: The physical step, as measured.
        clearing: The auction's result.
        grid_kw: (N,) kW exchanged with the grid, + = export.
        bill: (N,) currency each prosumer pays.
        cost: Currency, the step's share of the cost in `Economics` (without terminal value).
        co2_kg: kg of grid imports.
        reward: The reward's parts.
        violations: Every rule the step broke and did not announce.
        missing_kwh: (N,) kWh that EVs which left at the end of the step lacked of what they require.
    """

    execution: Execution
    clearing: Clearing
    grid_kw: Vector
    bill: Vector
    cost: float
    co2_kg: float
    reward: Reward
    violations: tuple[Violation, ...]
    missing_kwh: Vector


class Simulator:
    """One community over one window of data.

    Args:
        community: What is simulated.
        scenario: The window; names and time step must be the community's.
        economics: Prices that are not tariffs.
        initial_soc: Fraction of the capacity each battery starts with, a scalar or (N,); None for `INITIAL_SOC`, or the
            end of the battery's band that is nearest to it.
        timeline: What EVs, outages and derating change in each step of the scenario; None for nothing.

    Raises:
        ModelError: community, scenario and timeline do not belong together, or initial_soc is outside 0..1.
    """

    def __init__(
        self,
        community: Community,
        scenario: Scenario,
        *,
        economics: Economics | None = None,
        initial_soc: float | Vector | None = None,
        timeline: Timeline | None = None,
    ) -> None:
        if scenario.names != community.names:
            raise ModelError("scenario.names", scenario.names, f"the community's names {community.names}")
        if scenario.timestep_h != community.timestep_h:
            raise ModelError(
                "scenario.timestep_h", scenario.timestep_h, f"{community.timestep_h} h as in the community"
            )
        size = scenario.n_steps, scenario.n_prosumers
        if timeline is not None and (timeline.n_steps, timeline.n_prosumers) != size:
            found = timeline.n_steps, timeline.n_prosumers
            raise ModelError("timeline", found, f"{size[0]} steps of {size[1]} prosumers, as the scenario has")
        self.community, self.scenario = community, scenario
        self.timeline = None if timeline is None or timeline.is_empty else timeline
        self.economics = economics or Economics()
        self._memory = CostMemory(community, self.economics)
        self._opens_month = scenario.series.opens_month[scenario.start : scenario.stop]
        start = np.clip(INITIAL_SOC, community.soc_min, community.soc_max) if initial_soc is None else initial_soc
        self.initial_soc = frozen_vector("initial_soc", start, community.n_prosumers)
        require(
            "initial_soc", self.initial_soc, (self.initial_soc >= 0) & (self.initial_soc <= 1), "a fraction in 0..1"
        )
        self.reset()

    def reset(self) -> Observation:
        """Go back to the first step and return its observation."""
        self.step_number = 0
        self.energy_kwh: Vector = self._arrived(self.initial_soc * self.community.battery_capacity_kwh)
        self.battery_kw: Vector = np.zeros(self.community.n_prosumers)
        self.feeder_kw: float | None = None
        self._has_acted = False
        self._memory.begin(self.energy_kwh)
        return self.observe()

    @property
    def is_done(self) -> bool:
        """Whether the window is over."""
        return self.step_number >= self.scenario.n_steps

    @property
    def terminal_price(self) -> float:
        """Currency per kWh stored at the end of the window, see `Economics`."""
        given = self.economics.terminal_price_per_kwh
        return float(self.scenario.retail_price.min()) if given is None else given

    @property
    def terminal_value(self) -> float:
        """Currency, value of the energy stored now beyond what was stored at the start."""
        gained = self.energy_kwh - self.initial_soc * self.community.battery_capacity_kwh
        return self.terminal_price * float(gained.sum())

    def observe(self) -> Observation:
        """Return what a controller may know at the current step (the last step again once the window is over)."""
        k = min(self.step_number, self.scenario.n_steps - 1)
        scenario, capacity = self.scenario, self.community.battery_capacity_kwh
        size = self.community.n_prosumers
        return Observation(
            demand_kw=scenario.demand_kw[k],
            pv_kw=scenario.pv_kw[k],
            soc=np.divide(self.energy_kwh, capacity, out=np.zeros(size), where=capacity > 0),
            retail_price=np.full(size, scenario.retail_price[k]),
            feed_in_price=np.full(size, scenario.feed_in_price[k]),
            carbon_kg_per_kwh=np.full(size, scenario.carbon_kg_per_kwh[k]),
            feeder_kw=self.feeder_kw,
            applied_battery_kw=self.battery_kw if self._has_acted else None,
            time=scenario.time[k],
            forecast=scenario.forecast(k),
            limits=None if self.timeline is None else limits_at(self.timeline, k, self.community, self.energy_kwh),
        )

    def execute(self, decision: Decision, *, intent_kw: Vector | None = None) -> Outcome:
        """Execute a decision and go to the next step.

        Args:
            decision: Set-points and caps; executed as they are.
            intent_kw: (N,) kW, the raw battery intent, for the overload part of the reward; None for no penalty.

        Raises:
            ModelError: the window is over.
        """
        if self.is_done:
            raise ModelError("step_number", self.step_number, f"a step below {self.scenario.n_steps}; call reset()")
        execution, clearing = self._act(decision)
        broken = unannounced(violations(execution), decision)
        outcome = self._settle(execution, clearing, broken, intent_kw)
        self.battery_kw, self.feeder_kw, self._has_acted = execution.battery_kw, float(execution.feeder_kw), True
        self.step_number += 1
        self.energy_kwh = self._arrived(execution.energy_after_kwh)
        self._memory.leave(self.energy_kwh)
        return outcome

    def _arrived(self, energy_kwh: Vector) -> Vector:
        """Return the energy stored at the start of the current step, after what EVs drove."""
        if self.timeline is None or self.is_done:
            return energy_kwh
        return energy_at_arrival_kwh(self.timeline, self.step_number, self.community, energy_kwh)

    def _act(self, decision: Decision) -> tuple[Execution, Clearing]:
        k, community, network = self.step_number, self.community, self.community.network
        pv, demand = self.scenario.pv_kw[k], self.scenario.demand_kw[k]
        generation = physics.left_of(pv, decision.curtail_kw, decision.generation_cap_kw)
        load = physics.left_of(demand, decision.shed_kw, decision.load_cap_kw)
        net = physics.net_export(generation, load, decision.battery_kw)
        flows = physics.lossy_flows(network, net)
        retail = np.full(net.size, self.scenario.retail_price[k])
        feed_in = np.full(net.size, self.scenario.feed_in_price[k])
        clearing = clear(
            *_orders(decision, net), feed_in_price=feed_in, retail_price=retail, fee=self.economics.trade_fee_per_kwh
        )
        after = physics.rated_energy_after_kwh(community, self.energy_kwh, decision.battery_kw)
        feeder = int(np.argmin(network.parent))
        held = community if self.timeline is None else community_at(self.timeline, k, community)
        execution = Execution(
            community=held,
            energy_before_kwh=self.energy_kwh,
            energy_after_kwh=after,
            previous_battery_kw=self.battery_kw,
            battery_kw=decision.battery_kw,
            pv_kw=pv,
            demand_kw=demand,
            curtail_kw=pv - generation,
            shed_kw=demand - load,
            net_export_kw=net,
            line_downstream_kw=flows.downstream_kw,
            line_upstream_kw=flows.upstream_kw,
            trade_kw=clearing.trade_kw,
            price=clearing.price,
            feed_in_price=feed_in,
            retail_price=retail,
            feeder_kw=float(flows.upstream_kw[feeder]),
            loss_kw=float(flows.loss_kw.sum()),
        )
        return execution, clearing

    def _settle(
        self, x: Execution, clearing: Clearing, broken: tuple[Violation, ...], intent_kw: Vector | None
    ) -> Outcome:
        k, community = self.step_number, self.community
        overload = 0.0 if intent_kw is None else overload_kw(community, x.pv_kw, x.demand_kw, intent_kw)
        flows = Flows(
            net_export_kw=x.net_export_kw,
            battery_kw=x.battery_kw,
            shed_kw=x.shed_kw,
            trade_kw=clearing.trade_kw,
            feeder_kw=x.feeder_kw,
            loss_kw=x.loss_kw,
            overload_kw=overload,
            worn_kwh=self._memory.worn_kwh(x.energy_before_kwh, x.energy_after_kwh),
            missing_kwh=None if self.timeline is None else missing_kwh(self.timeline, k, x.energy_after_kwh),
            peak_rise_kw=self._memory.peak_rise_kw(x.feeder_kw, k > 0 and self._opens_month[k]),
        )
        prices = Prices(
            trade=clearing.price,
            retail=self.scenario.retail_price[k],
            feed_in=self.scenario.feed_in_price[k],
            carbon_kg_per_kwh=self.scenario.carbon_kg_per_kwh[k],
        )
        ledger = ledger_of(community, self.economics, flows, prices)
        return Outcome(
            execution=x,
            clearing=clearing,
            grid_kw=ledger.grid_kw,
            bill=ledger.bill,
            cost=float(ledger.cost),
            co2_kg=float(ledger.co2_kg),
            reward=ledger.reward,
            violations=broken,
            missing_kwh=flows.missing_kwh if flows.missing_kwh is not None else np.zeros(community.n_prosumers),
        )


def _orders(decision: Decision, net_kw: Vector) -> tuple[Vector, Vector]:
    """Return what the market takes of a decision: quantities between 0 and the metered n, and finite price bids."""
    offer = np.clip(decision.trade_kw, np.minimum(net_kw, 0.0), np.maximum(net_kw, 0.0))
    valid = np.isfinite(decision.trade_kw) & np.isfinite(net_kw) & np.isfinite(decision.price_bid)
    return np.where(valid, offer, 0.0), np.where(valid, decision.price_bid, 0.0)
