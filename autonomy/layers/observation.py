"""What the controller is told: measurements, prices, forecast, and limits that changed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from autonomy.layers.arrays import Mask, Vector, frozen


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecast:
    """What is expected over the next H steps; row k is k + 1 steps ahead.

    The low and high series are the stated uncertainty: the truth is expected between them with probability
    `coverage`, step by step and prosumer by prosumer.

    Attributes:
        demand_kw: (H, N) kW >= 0, expected demand.
        pv_kw: (H, N) kW >= 0, expected available generation.
        demand_low_kw: (H, N) kW.
        demand_high_kw: (H, N) kW.
        pv_low_kw: (H, N) kW.
        pv_high_kw: (H, N) kW.
        coverage: Probability in 0..1.
        retail_price: (H,) currency/kWh, the published tariff.
        feed_in_price: (H,) currency/kWh, the published tariff.
    """

    demand_kw: Vector
    pv_kw: Vector
    demand_low_kw: Vector
    demand_high_kw: Vector
    pv_low_kw: Vector
    pv_high_kw: Vector
    coverage: float
    retail_price: Vector
    feed_in_price: Vector

    @property
    def horizon(self) -> int:
        """Number of steps H."""
        return int(self.demand_kw.shape[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Limits:
    """Limits that hold for this step only; None means the Community's value. Scalars are repeated.

    Attributes:
        charge_limit_kw: (N,) kW >= 0.
        discharge_limit_kw: (N,) kW >= 0.
        soc_min: (N,) fraction.
        soc_max: (N,) fraction.
        charge_efficiency: (N,) in (0, 1].
        discharge_efficiency: (N,) in (0, 1].
        connection_limit_kw: (N,) kW > 0.
        active: (N,) whether the battery may be used (False: an EV that left, a unit in maintenance).
        can_curtail: (N,) whether the host can reduce generation.
        can_shed: (N,) whether the host can reduce load.
        charge_floor_kw: (N,) kW, the least that a battery is to be charged with, for an EV that has to leave with
            enough; < 0 where so much may be discharged at most, -inf for no floor. Not a safety limit: it yields to
            every other one, and no load is shed for it.
        grid_import_limit_kw: kW >= 0 that the grid delivers to the whole community, beside the feeder's own limit; 0
            for an outage.
        grid_export_limit_kw: kW >= 0 that the grid takes, likewise.
    """

    charge_limit_kw: Vector | None = None
    discharge_limit_kw: Vector | None = None
    soc_min: Vector | None = None
    soc_max: Vector | None = None
    charge_efficiency: Vector | None = None
    discharge_efficiency: Vector | None = None
    connection_limit_kw: Vector | None = None
    active: Mask | None = None
    can_curtail: Mask | None = None
    can_shed: Mask | None = None
    charge_floor_kw: Vector | None = None
    grid_import_limit_kw: float | None = None
    grid_export_limit_kw: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Observation:
    """One step's measurements and prices. Arrays have one entry a prosumer; scalars are repeated by the controller.

    Nothing is checked here: a host passes on what its meters say, and Layer 3 screens it. Array-likes are copied
    into read-only float64 arrays.

    Attributes:
        demand_kw: (N,) kW >= 0.
        pv_kw: (N,) kW >= 0, available generation before curtailment.
        soc: (N,) stored energy as a fraction of the capacity, 0..1 (any value where there is no battery).
        retail_price: (N,) currency/kWh paid for imports.
        feed_in_price: (N,) currency/kWh earned for exports.
        carbon_kg_per_kwh: kg CO2/kWh of grid energy, a scalar or (N,).
        feeder_kw: kW, metered net export of the community (+ = export).
        applied_battery_kw: (N,) kW, what the host did with the last decision (+ = charge).
        time: Anything that tells the step's start; not used by the guarantees.
        forecast: What is expected next; not used by the guarantees.
        limits: Limits that hold for this step only.
    """

    demand_kw: Vector
    pv_kw: Vector
    soc: Vector
    retail_price: Vector
    feed_in_price: Vector
    carbon_kg_per_kwh: Vector | None = None
    feeder_kw: float | None = None
    applied_battery_kw: Vector | None = None
    time: Any = None
    forecast: Forecast | None = None
    limits: Limits | None = None

    def __post_init__(self) -> None:
        for name in MEASURED:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _as_measured(value))


MEASURED = ("demand_kw", "pv_kw", "soc", "retail_price", "feed_in_price", "carbon_kg_per_kwh", "applied_battery_kw")
REQUIRED = MEASURED[:5]
OBSERVATION_FIELDS = tuple(item.name for item in fields(Observation))
LIMIT_FIELDS = tuple(item.name for item in fields(Limits))
GRID_LIMIT_FIELDS = ("grid_import_limit_kw", "grid_export_limit_kw")
"""Limits of the whole community: one number each."""


def _as_measured(value: Any) -> Any:
    """Return a read-only float64 array, or the value itself when it is not numeric (Layer 3 will say so)."""
    try:
        return frozen(value)
    except (TypeError, ValueError, OverflowError):
        return np.asarray(value, dtype=object)
