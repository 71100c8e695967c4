"""From an observation, or from all steps of a series, to what the network is told; the same numbers either way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autonomy.allowance import Allowance, allowance_of
from autonomy.economics import Economics
from autonomy.forecasting.outlook import horizon_table
from autonomy.layers.arrays import Index, Vector
from autonomy.layers.community import Community
from autonomy.layers.observation import Observation
from autonomy.learning.features import View, community_features
from autonomy.learning.gates import Battery
from autonomy.mpc.outlook import outlook_of, spread_kw, spread_of

if TYPE_CHECKING:
    from autonomy.variation import Place

BOUNDLESS_KW = 1e9
"""kW that stand for a feeder without a limit: more than anybody could use, and still a number to multiply with."""
AT_ONCE = 256
"""Steps whose forecasts are looked at together."""


def view_of(community: Community, observation: Observation, economics: Economics, battery: Battery) -> View:
    """Return what a step looks like.

    Args:
        community: What is controlled.
        observation: The step, with a forecast.
        economics: Prices that are not tariffs.
        battery: What `battery_of` says of the step.

    Raises:
        OutlookError: the forecast is missing, or makes no sense.
    """
    ahead = outlook_of(observation, community.n_prosumers, 0.0)
    carbon = observation.carbon_kg_per_kwh
    intensity = 0.0 if carbon is None else float(np.mean(carbon))
    limits = observation.limits
    imports, exports = feeder_kw(community)
    if limits is not None:
        share = allowance_of(community, limits).grid_share
        imports, exports = imports * float(share[0]), exports * float(share[1])
    return View(
        load_kw=float(observation.demand_kw.sum() - observation.pv_kw.sum()),
        retail=float(observation.retail_price.max()),
        feed_in=float(observation.feed_in_price.min()),
        carbon=economics.carbon_price_per_kg * intensity,
        ahead_kw=ahead.load_kw,
        spread_kw=spread_kw(observation, community.n_prosumers, ahead.load_kw.size),
        retail_ahead=ahead.retail,
        import_kw=imports,
        export_kw=exports,
        **_sums(battery),
        timestep_h=community.timestep_h,
    )


def features_of_series(place: Place, economics: Economics | None = None, steps: Index | None = None) -> Vector:
    """Return (R, F), `community_features` of steps of a place, its forecasts by the kind of its scenario.

    Args:
        place: Community and series.
        economics: Prices that are not tariffs; the place's own when not given.
        steps: (R,) which; all T when not given.
    """
    series, community = place.year.series, place.community
    economics = place.economics if economics is None else economics
    forecasters, horizon = place.year.forecasters, series.steps_per_day
    steps = np.arange(series.n_steps) if steps is None else steps
    coverage, battery, found = place.year.forecast_kind.coverage, battery_of(community), []
    imports, exports = feeder_kw(community)
    for first in range(0, steps.size, AT_ONCE):
        rows = steps[first : first + AT_ONCE]
        demand, pv = forecasters.demand.rows(rows), forecasters.pv.rows(rows)
        view = View(
            load_kw=(series.demand_kw[rows] - series.pv_kw[rows]).sum(axis=1),
            retail=series.retail_price[rows],
            feed_in=series.feed_in_price[rows],
            carbon=economics.carbon_price_per_kg * series.carbon_kg_per_kwh[rows],
            ahead_kw=demand.expected_kw.sum(axis=-1) - pv.expected_kw.sum(axis=-1),
            spread_kw=spread_of(demand.high_kw - demand.low_kw, pv.high_kw - pv.low_kw, coverage),
            retail_ahead=series.retail_price[horizon_table(rows, horizon, series.n_steps)],
            import_kw=imports,
            export_kw=exports,
            **_sums(battery),
            timestep_h=community.timestep_h,
        )
        found.append(community_features(view))
    return np.concatenate(found)


def battery_of(community: Community, allowance: Allowance | None = None) -> Battery:
    """Return the batteries of a community, as far as the limits of a step leave them."""
    capacity, given = community.battery_capacity_kwh, allowance or community
    movable = capacity > 0 if allowance is None else (capacity > 0) & (allowance.active > 0)
    return Battery(
        least_kwh=given.soc_min * capacity,
        most_kwh=given.soc_max * capacity,
        charge_limit_kw=np.where(movable, given.charge_limit_kw, 0.0),
        discharge_limit_kw=np.where(movable, given.discharge_limit_kw, 0.0),
        charge_efficiency=community.charge_efficiency,
        discharge_efficiency=community.discharge_efficiency,
        hours=community.timestep_h,
    )


def feeder_kw(community: Community) -> tuple[float, float]:
    """Return kW that the feeder brings, less what lines may lose, and kW that it takes."""
    network = community.network
    feeder = int(np.argmin(network.parent))
    imports = float(network.import_limit_kw[feeder] - network.worst_case_loss_kw.sum())
    return min(max(imports, 0.0), BOUNDLESS_KW), min(float(network.export_limit_kw[feeder]), BOUNDLESS_KW)


def _sums(battery: Battery) -> dict[str, float]:
    return {
        "charge_kw": float(battery.charge_limit_kw.sum()),
        "discharge_kw": float(battery.discharge_limit_kw.sum()),
        "capacity_kwh": float((battery.most_kwh - battery.least_kwh).sum()),
    }
