"""A peak window: the most demand and the least generation of each step, and the batteries and limits to meet it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.layers.network import Network
from autonomy.series import Series
from autonomy.worstcase.amounts import exact, exact_all, limit_texts, text, texts
from autonomy.worstcase.side import Limit, Quantity, Rung, side_of

Rows = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """One battery in exact numbers.

    Attributes:
        charge: kW, P⁺.
        discharge: kW, P⁻.
        charge_efficiency: ec.
        discharge_efficiency: ed.
        low: kWh, emin.
        high: kWh, emax.
        retention: What a step leaves of what is stored.
    """

    charge: Fraction
    discharge: Fraction
    charge_efficiency: Fraction
    discharge_efficiency: Fraction
    low: Fraction
    high: Fraction
    retention: Fraction

    @property
    def width(self) -> Fraction:
        """Width of the band, kWh."""
        return self.high - self.low

    def document(self) -> dict[str, Any]:
        """Return the battery as a certificate states it."""
        return {
            "charge_kw": text(self.charge),
            "discharge_kw": text(self.discharge),
            "charge_efficiency": text(self.charge_efficiency),
            "discharge_efficiency": text(self.discharge_efficiency),
            "band_kwh": texts((self.low, self.high)),
            "retention": text(self.retention),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Peak:
    """H steps to get through without shedding.

    Attributes:
        community: Whose.
        network: Who is below which line.
        demand: (H, N) kW, the most of each step.
        pv: (H, N) kW, the least of each step.
        stores: (N,) batteries.
        imports: (M,) kW that the support rung lets each line carry towards the prosumers.
        exports: (M,) kW likewise towards the grid.
        connection: (N,) kW.
        timestep: Hours.
    """

    community: Community
    network: Network
    demand: Rows
    pv: Rows
    stores: tuple[Store, ...]
    imports: tuple[Limit, ...]
    exports: tuple[Limit, ...]
    connection: tuple[Limit, ...]
    timestep: Fraction

    @property
    def steps(self) -> int:
        """Number of steps H."""
        return len(self.demand)

    @property
    def size(self) -> int:
        """Number of prosumers N."""
        return len(self.stores)

    def document(self) -> dict[str, Any]:
        """Return the window as a certificate states it."""
        return {
            "network": {"parent": self.network.parent.tolist(), "bus": self.network.bus_of_prosumer.tolist()},
            "limits": {
                "import_kw": limit_texts(self.imports),
                "export_kw": limit_texts(self.exports),
                "connection_kw": limit_texts(self.connection),
            },
            "timestep_h": text(self.timestep),
            "demand_kw": [texts(row) for row in self.demand],
            "pv_kw": [texts(row) for row in self.pv],
            "storage": [store.document() for store in self.stores],
        }


def peak_of(community: Community, demand_kw: Vector, pv_kw: Vector) -> Peak:
    """Return a window, with the limits that the projection keeps of the community's.

    Args:
        community: Batteries, network and limits. Ramp limits are not known here.
        demand_kw: (H, N) kW, the most of each step.
        pv_kw: (H, N) kW, the least of each step.

    Raises:
        ModelError: a battery has a ramp limit, or the arrays do not fit.
    """
    if community.has_ramp_limits:
        raise ModelError("ramp_limit_kw", community.ramp_limit_kw.tolist(), "no ramp limits")
    if demand_kw.shape != pv_kw.shape or demand_kw.ndim != 2 or demand_kw.shape[1] != community.n_prosumers:
        raise ModelError("demand_kw", demand_kw.shape, f"(H, {community.n_prosumers}), as pv_kw")
    side = side_of(community, Quantity.SHED, Rung.SUPPORT)
    return Peak(
        community=community,
        network=community.network,
        demand=tuple(exact_all(row) for row in demand_kw.tolist()),
        pv=tuple(exact_all(row) for row in pv_kw.tolist()),
        stores=stores_of(community),
        imports=side.near,
        exports=side.far,
        connection=side.connection,
        timestep=exact(community.timestep_h),
    )


def stores_of(community: Community) -> tuple[Store, ...]:
    """Return the batteries of a community in exact numbers."""
    columns = (
        community.charge_limit_kw,
        community.discharge_limit_kw,
        community.charge_efficiency,
        community.discharge_efficiency,
        community.energy_min_kwh,
        community.energy_max_kwh,
        community.retention,
    )
    return tuple(
        Store(
            charge=row[0],
            discharge=row[1],
            charge_efficiency=row[2],
            discharge_efficiency=row[3],
            low=row[4],
            high=row[5],
            retention=row[6],
        )
        for row in zip(*(exact_all(column.tolist()) for column in columns), strict=True)
    )


def envelope_of(series: Series, *, first_hour: int, hours: int, margin: float = 0.1) -> tuple[Vector, Vector]:
    """Return (H, N) the most demand and the least generation of the window that begins at an hour of the day.

    The demand of all together is, for each step of the day, the most that the series has, a margin higher; homes share
    it in proportion to their own peaks at that step. Generation is the least of each, a margin lower. Rounded outward
    to whole milliwatts.

    Args:
        series: Demand and generation; its step divides a day.
        first_hour: Hour of the day, 0..23.
        hours: Length of the window.
        margin: Fraction added to what was seen.
    """
    per_day = series.steps_per_day
    first, count = round(first_hour / series.timestep_h), round(hours / series.timestep_h)
    days = (series.n_steps // per_day) * per_day
    demand, pv = (x[:days].reshape(-1, per_day, series.n_prosumers) for x in (series.demand_kw, series.pv_kw))
    steps = [(first + k) % per_day for k in range(count)]
    own = demand.max(axis=0)[steps]
    together = demand.sum(axis=2).max(axis=0)[steps]
    shares = own / np.maximum(own.sum(axis=1, keepdims=True), 1e-12)
    most = np.ceil(1e6 * (1.0 + margin) * together[:, None] * shares) / 1e6
    least = np.floor(1e6 * (1.0 - margin) * pv.min(axis=0)[steps]) / 1e6
    return most, least
