"""What happened under one policy over one window, step by step: the evidence every table and picture is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autonomy.layers.arrays import Vector
from autonomy.layers.invariants import Violation


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Trajectory:
    """T executed steps of N prosumers. Signs as everywhere: battery + = charge, net export, trade and grid + = out.

    Attributes:
        policy: The policy's name.
        timestep_h: Hours per step.
        time: (T,) datetime64, start of each step.
        demand_kw: (T, N) kW before shedding.
        pv_kw: (T, N) kW before curtailment.
        battery_kw: (T, N) kW.
        curtail_kw: (T, N) kW.
        shed_kw: (T, N) kW.
        net_export_kw: (T, N) kW.
        trade_kw: (T, N) kW cleared by the market, + = sold.
        grid_kw: (T, N) kW exchanged with the grid, + = export.
        energy_kwh: (T + 1, N) kWh stored, before the first step to after the last.
        capacity_kwh: (N,) kWh.
        feeder_kw: (T,) kW net export of the community at the grid, after losses.
        loss_kw: (T,) kW of line losses.
        import_limit_kw: The feeder's import limit, kW.
        export_limit_kw: The feeder's export limit, kW.
        clearing_price: (T,) currency/kWh, NaN where nothing was traded.
        retail_price: (T,) currency/kWh.
        feed_in_price: (T,) currency/kWh.
        carbon_kg_per_kwh: (T,) kg/kWh of grid imports.
        step_cost: (T,) currency, everything of `Economics` but the terminal value.
        bill: (T, N) currency paid by each prosumer: grid settlement minus trade revenue.
        terminal_value: Currency, value of the stored energy gained over the window.
        co2_kg: (T,) kg of grid imports.
        mode: (T,) `Mode` values as text.
        intervention_kw: (T,) kW, distance between intent and set-points.
        latency_s: (T,) seconds the controller took; NaN where it was not asked (the replayed optimum).
        reward: (T,) currency, the weighted reward.
        violations: Every broken rule with its step.
    """

    policy: str
    timestep_h: float
    time: NDArray[np.datetime64]
    demand_kw: Vector
    pv_kw: Vector
    battery_kw: Vector
    curtail_kw: Vector
    shed_kw: Vector
    net_export_kw: Vector
    trade_kw: Vector
    grid_kw: Vector
    energy_kwh: Vector
    capacity_kwh: Vector
    feeder_kw: Vector
    loss_kw: Vector
    import_limit_kw: float
    export_limit_kw: float
    clearing_price: Vector
    retail_price: Vector
    feed_in_price: Vector
    carbon_kg_per_kwh: Vector
    step_cost: Vector
    bill: Vector
    terminal_value: float
    co2_kg: Vector
    mode: NDArray[Any]
    intervention_kw: Vector
    latency_s: Vector
    reward: Vector
    violations: tuple[tuple[int, Violation], ...]

    @property
    def cost(self) -> float:
        """Currency, the cost of the window as `Economics` defines it."""
        return float(self.step_cost.sum() - self.terminal_value)
