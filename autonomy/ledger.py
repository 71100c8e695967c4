"""What a step costs and earns: the one place where flows become money and CO2, for one community or many.

Every array may have one leading axis of communities; sums are over the last axis, so many are the same as one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from autonomy import settlement
from autonomy.economics import Economics
from autonomy.layers import physics
from autonomy.layers.arrays import ArrayLike, Vector
from autonomy.layers.community import Community


class Flows(NamedTuple):
    """What flowed in a step, kW.

    Attributes:
        net_export_kw: (..., N) + = export.
        battery_kw: (..., N) + = charge.
        shed_kw: (..., N)
        trade_kw: (..., N) cleared by the market, + = sold.
        feeder_kw: (...) net export of the community at the grid.
        loss_kw: (...) of the lines.
        overload_kw: (...) by which the raw intents would have exceeded line limits; 0 where nobody asks.
        worn_kwh: (..., N) kWh of capacity that cycles used up, `autonomy.assets.wear`; None where nobody asks.
        missing_kwh: (..., N) kWh that EVs lacked when they left; None where none did.
        peak_rise_kw: (...) by which the month's highest import rose, `autonomy.assets.peak`; 0 where nobody asks.
    """

    net_export_kw: Vector
    battery_kw: Vector
    shed_kw: Vector
    trade_kw: Vector
    feeder_kw: ArrayLike
    loss_kw: ArrayLike
    overload_kw: ArrayLike
    worn_kwh: Vector | None = None
    missing_kwh: Vector | None = None
    peak_rise_kw: ArrayLike = 0.0


class Prices(NamedTuple):
    """What a step's energy costs.

    Attributes:
        trade: (...) currency/kWh of the trades, NaN where nothing is traded.
        retail: (...) currency/kWh.
        feed_in: (...) currency/kWh.
        carbon_kg_per_kwh: (...) kg CO2/kWh of grid energy.
    """

    trade: ArrayLike
    retail: ArrayLike
    feed_in: ArrayLike
    carbon_kg_per_kwh: ArrayLike


class Sums(NamedTuple):
    """The parts of one step's reward for the whole community, (...) currency each, as `Reward` describes them."""

    energy_profit: Vector
    trade_revenue: Vector
    carbon_cost: Vector
    overload_penalty: Vector
    wear_cost: Vector
    shed_cost: Vector
    peak_cost: Vector
    missing_cost: Vector

    def total(self, economics: Economics) -> Vector:
        """Return (...) the weighted sum, currency."""
        total: Vector = (
            economics.energy_weight * self.energy_profit
            + economics.trade_weight * self.trade_revenue
            + economics.carbon_weight * self.carbon_cost
            + economics.overload_weight * self.overload_penalty
            + economics.wear_weight * self.wear_cost
            + economics.shed_weight * self.shed_cost
            + economics.peak_weight * self.peak_cost
            + economics.missing_weight * self.missing_cost
        )
        return total


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Reward:
    """The parts of one step's reward, currency; positive is good. Weights are in `Economics`.

    Attributes:
        energy_profit: (..., N) feed-in earned minus retail paid to the grid.
        trade_revenue: (..., N) earned minus paid between prosumers; sums to 0, or to minus the fees.
        carbon_cost: (...) minus the price of the CO2 of grid imports.
        overload_penalty: (...) minus the price of what the raw intent would have put over a line limit.
        wear_cost: (..., N) minus battery wear.
        shed_cost: (..., N) minus the value of lost load.
        peak_cost: (...) minus the capacity tariff of what the month's highest import rose by.
        missing_cost: (..., N) minus the price of what EVs lacked when they left.
    """

    energy_profit: Vector
    trade_revenue: Vector
    carbon_cost: Vector
    overload_penalty: Vector
    wear_cost: Vector
    shed_cost: Vector
    peak_cost: Vector
    missing_cost: Vector

    def sums(self) -> Sums:
        """Return the parts of the whole community."""
        own = self.energy_profit, self.trade_revenue, self.wear_cost, self.shed_cost, self.missing_cost
        profit, revenue, wear, shed, missing = np.add.reduce(own, axis=-1)
        return Sums(
            energy_profit=profit,
            trade_revenue=revenue,
            carbon_cost=self.carbon_cost,
            overload_penalty=self.overload_penalty,
            wear_cost=wear,
            shed_cost=shed,
            peak_cost=self.peak_cost,
            missing_cost=missing,
        )

    def total(self, economics: Economics) -> Vector:
        """Return (...) the weighted sum, currency."""
        return self.sums().total(economics)

    def by_prosumer(self, economics: Economics) -> Vector:
        """Return (..., N) each prosumer's part of `total`: what is its own, and an equal share of what is common."""
        common = economics.carbon_weight * self.carbon_cost + economics.overload_weight * self.overload_penalty
        common = common + economics.peak_weight * self.peak_cost
        parts: Vector = (
            economics.energy_weight * self.energy_profit
            + economics.trade_weight * self.trade_revenue
            + economics.wear_weight * self.wear_cost
            + economics.shed_weight * self.shed_cost
            + economics.missing_weight * self.missing_cost
            + (np.asarray(common) / self.energy_profit.shape[-1])[..., None]
        )
        return parts


class Ledger(NamedTuple):
    """The accounts of one step, currency.

    Attributes:
        grid_kw: (..., N) kW exchanged with the grid, + = export.
        bill: (..., N) what each prosumer pays.
        cost: (...) the step's share of the cost in `Economics`, without terminal value.
        co2_kg: (...) kg of grid imports.
        reward: The reward's parts.
    """

    grid_kw: Vector
    bill: Vector
    cost: Vector
    co2_kg: Vector
    reward: Reward


def ledger_of(community: Community, economics: Economics, flows: Flows, prices: Prices) -> Ledger:
    """Return the accounts of a step."""
    dt, net, trade = community.timestep_h, flows.net_export_kw, flows.trade_kw
    retail, feed_in = np.asarray(prices.retail)[..., None], np.asarray(prices.feed_in)[..., None]
    grid = settlement.grid_exchange_kw(net, trade)
    paid = settlement.grid_cost(grid, retail_price=retail, feed_in_price=feed_in, timestep_h=dt)
    bill = paid + settlement.trade_cost(
        trade,
        np.asarray(prices.trade)[..., None],
        retail_price=retail,
        feed_in_price=feed_in,
        timestep_h=dt,
        fee=economics.trade_fee_per_kwh,
    )
    losses: ArrayLike = 0.0
    if np.count_nonzero(flows.loss_kw):
        losses = settlement.loss_cost(
            flows.loss_kw, net.sum(axis=-1), retail_price=prices.retail, feed_in_price=prices.feed_in, timestep_h=dt
        )
    co2 = np.asarray(prices.carbon_kg_per_kwh) * dt * np.maximum(-np.asarray(flows.feeder_kw), 0.0)
    wear = -economics.wear_per_kwh * dt * np.abs(flows.battery_kw)
    if flows.worn_kwh is not None:
        wear = wear - economics.cycle_price_per_kwh * flows.worn_kwh
    missing = flows.missing_kwh if flows.missing_kwh is not None else np.zeros(net.shape)
    reward = Reward(
        energy_profit=-paid,
        trade_revenue=-bill + paid,
        carbon_cost=-economics.carbon_price_per_kg * co2,
        overload_penalty=-economics.overload_penalty_per_kwh * dt * np.asarray(flows.overload_kw),
        wear_cost=wear,
        shed_cost=-economics.value_of_lost_load_per_kwh * dt * flows.shed_kw,
        peak_cost=-economics.capacity_price_per_kw * (flows.peak_rise_kw + np.zeros(np.shape(flows.feeder_kw))),
        missing_cost=-economics.missing_charge_price_per_kwh * missing,
    )
    paid_by_all, worn, shed, missed = np.add.reduce((bill, wear, reward.shed_cost, reward.missing_cost), axis=-1)
    cost = paid_by_all + losses - reward.carbon_cost - worn - shed - reward.peak_cost - missed
    return Ledger(grid_kw=grid, bill=bill, cost=cost, co2_kg=co2, reward=reward)


def overload_kw(community: Community, pv_kw: Vector, demand_kw: Vector, intent_kw: Vector) -> Vector:
    """Return (...) Σ over lines of kW by which the raw intents, limited to rated power, would exceed the limits."""
    wish = np.where(np.isnan(intent_kw), 0.0, intent_kw)
    wanted = np.minimum(np.maximum(wish, -community.discharge_limit_kw), community.charge_limit_kw)
    network = community.network
    flow = physics.line_flows(network, physics.net_export(pv_kw, demand_kw, wanted))
    over = np.maximum(flow - network.export_limit_kw, 0.0) + np.maximum(-network.import_limit_kw - flow, 0.0)
    total: Vector = over.sum(axis=-1)
    return total
