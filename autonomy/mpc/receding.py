"""Receding-horizon control: in every step the horizon is planned anew, and the first power of the plan is asked for.

observation ─▶ one store, one load ─▶ worth of what is stored after this step ─▶ total power now ─▶ each battery's
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from autonomy.economics import Economics
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Intent
from autonomy.layers.intent.rules import self_consumption
from autonomy.layers.observation import Observation
from autonomy.mpc.outlook import Outlook, outlook_of, spread_kw
from autonomy.mpc.store import Store, Together

LASTING_SHARE = 0.3
"""Share of an error's variance that lasts all day; the rest passes with its step. Chosen on training weeks."""


class Planner(Protocol):
    """Anything that says what the batteries should take."""

    def __call__(self, moment: Moment) -> float | Vector:
        """Return kW, + = charge, of all batteries together, or (N,) of each."""
        ...


class Moment:
    """What is known when a plan is made.

    Args:
        community: What is controlled.
        observation: The present.
        economics: Prices that are not tariffs.
    """

    def __init__(self, community: Community, observation: Observation, economics: Economics) -> None:
        size, limits = community.n_prosumers, observation.limits
        self.community, self.observation, self.economics = community, observation, economics
        self.store: Store = _store_of(community) if limits is None else Store.of(community, limits)
        self.soc: Vector = observation.soc
        self.reach_kw: Vector = self.store.reach_kw(self.soc)
        self.together: Together = self.store.together(self.soc, self.reach_kw)
        carbon = observation.carbon_kg_per_kwh
        carbon_price = 0.0 if carbon is None else economics.carbon_price_per_kg * _finite(carbon)
        self.load_kw = float(observation.demand_kw.sum() - observation.pv_kw.sum())
        self.retail = float(observation.retail_price.max()) + carbon_price
        self.feed_in = min(float(observation.feed_in_price.min()), self.retail)
        self.grid_kw = _grid_kw(community)
        self.present_grid_kw = _present_grid_kw(self.grid_kw, limits)
        self.outlook: Outlook = outlook_of(observation, size, carbon_price)
        self.terminal = max(float(self.outlook.retail.min()) - carbon_price, 0.0)

    @property
    def battery(self) -> tuple[float, float, float, float, float, float]:
        """(ec, ed, a, hours, wear, lost load), as `autonomy.mpc.kernel` takes it."""
        store, economics = self.store, self.economics
        return (
            store.charge_efficiency,
            store.discharge_efficiency,
            store.retention,
            self.community.timestep_h,
            float(economics.wear_per_kwh),
            float(economics.value_of_lost_load_per_kwh),
        )

    @property
    def later_limits_kw(self) -> tuple[float, float, float, float]:
        """KW of (charge, discharge, import, export) in every later step."""
        return (self.store.charge_kw, self.store.discharge_kw, *self.grid_kw)

    @property
    def present_limits_kw(self) -> tuple[float, float, float, float]:
        """KW of (charge, discharge, import, export) now."""
        return (self.together.charge_kw, self.together.discharge_kw, *self.present_grid_kw)


def plan_exactly(moment: Moment) -> float:
    """Return the first power of the cheapest plan for the expected day, as one store: exactly, without a solver."""
    from autonomy.mpc.kernel import worth  # noqa: PLC0415 - loads Numba

    outlook, limits, band = moment.outlook, moment.later_limits_kw, moment.together.band_kwh
    days = outlook.load_kw, outlook.retail, outlook.feed_in
    return _first_power(moment, worth(*days, limits, moment.battery, band, moment.terminal))


def _first_power(moment: Moment, value: tuple[Vector, Vector]) -> float:
    """Return kW, + = charge, given what stored energy is worth after the present step."""
    from autonomy.mpc.kernel import power  # noqa: PLC0415 - loads Numba

    present, limits, band = (moment.load_kw, moment.retail, moment.feed_in), moment.present_limits_kw, moment.together
    return float(power(band.energy_kwh, *present, limits, moment.battery, band.band_kwh, value))


class ScenarioPlan:
    """The first power that costs least on average over a tree of scenarios, all of which share the present.

    Attributes:
        lasting_share: Share of the variance of errors that lasts all day. With 1 the tree has two stages: now, and all
            the rest, known. Below, new errors come in every step, as many stages as steps.
        lasting_nodes: Scenarios of what lasts: Gauss-Hermite nodes of a normal error.
        passing_nodes: Likewise of what is new in each step.
    """

    def __init__(self, *, lasting_share: float = LASTING_SHARE, lasting_nodes: int = 3, passing_nodes: int = 5) -> None:
        self.lasting_share, self.lasting_nodes, self.passing_nodes = lasting_share, lasting_nodes, passing_nodes
        self._lasting = _normal(lasting_nodes, lasting_share)
        self._passing = _normal(passing_nodes, 1.0 - lasting_share)

    def __call__(self, moment: Moment) -> float:
        """Return kW, + = charge."""
        outlook = moment.outlook
        spread = spread_kw(moment.observation, moment.community.n_prosumers, outlook.load_kw.size)
        if not spread.any():
            return plan_exactly(moment)
        from autonomy.mpc.kernel import expected_worth  # noqa: PLC0415 - loads Numba

        limits, band, prices = moment.later_limits_kw, moment.together.band_kwh, (outlook.retail, outlook.feed_in)
        if not band[1] > band[0]:
            return 0.0
        errors = spread, self._lasting, self._passing
        value = expected_worth(outlook.load_kw, *errors, *prices, limits, moment.battery, band, moment.terminal)
        return _first_power(moment, value)


class RecedingHorizon:
    """A policy that plans the horizon anew in every step.

    Where there is nothing to plan with (no forecast, or one that makes no sense), it is self-consumption, as the
    time-of-use rule is, and `fault` says why.

    Attributes:
        planner: Who plans.
        economics: Prices that are not tariffs.
        fault: Why the last step was not planned; empty when it was.
    """

    def __init__(self, planner: Planner, economics: Economics | None = None) -> None:
        self.planner, self.economics = planner, economics or Economics()
        self.fault = ""

    def __call__(self, community: Community, observation: Observation) -> Intent:
        """Return the intent of the step."""
        try:
            moment = Moment(community, observation, self.economics)
            planned = self.planner(moment)
            if not np.isfinite(planned).all():
                raise ValueError("the plan is not finite")
            shared = moment.store.share(planned, moment.soc, moment.reach_kw) if isinstance(planned, float) else planned
        except (ValueError, TypeError, ArithmeticError, AttributeError) as fault:  # a forecast may be anything
            self.fault = str(fault)
            return self_consumption(community, observation)
        self.fault = ""
        middle = (observation.feed_in_price + observation.retail_price) / 2
        surplus = observation.pv_kw - observation.demand_kw
        return Intent(battery_kw=shared, trade_kw=surplus - shared, price_bid=middle)


@lru_cache(maxsize=64)
def _store_of(community: Community) -> Store:
    return Store.of(community)


@lru_cache(maxsize=64)
def _grid_kw(community: Community) -> tuple[float, float]:
    """Return kW of the feeder's import limit, less what lines may lose, and of its export limit."""
    network = community.network
    feeder = int(np.argmin(network.parent))
    imports = float(network.import_limit_kw[feeder] - network.worst_case_loss_kw.sum())
    return max(imports, 0.0), float(network.export_limit_kw[feeder])


def _present_grid_kw(grid_kw: tuple[float, float], limits: Any) -> tuple[float, float]:
    """Return the same with what an observation says of the grid."""
    if limits is None:
        return grid_kw
    given = (limits.grid_import_limit_kw, limits.grid_export_limit_kw)
    imports, exports = (
        own if value is None else max(min(own, float(value)), 0.0) for own, value in zip(grid_kw, given, strict=True)
    )
    return imports, exports


def _finite(carbon: Vector) -> float:
    """Return the mean of what is known of the grid's carbon, kg/kWh; 0 where nothing is."""
    mean = float(np.mean(carbon))
    return mean if abs(mean) < np.inf else 0.0


@lru_cache(maxsize=64)
def _normal(nodes: int, variance: float) -> Vector:
    """Return (2, K) values and probabilities that have the first 2K − 1 moments of a normal error."""
    if variance <= 0.0:
        return np.array([[0.0], [1.0]])
    values, weights = np.polynomial.hermite_e.hermegauss(nodes)
    return np.array([values * np.sqrt(variance), weights / weights.sum()])
