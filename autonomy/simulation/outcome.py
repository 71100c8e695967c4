"""What one step of many communities did."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autonomy.layers.arrays import Vector
from autonomy.ledger import Reward
from autonomy.simulation.decider import Decided, Stack


class BatchOutcome(NamedTuple):
    """One step of B communities. Powers are kW with the signs of `Execution`; money is currency.

    Attributes:
        decided: What was decided.
        battery_kw: (B, N) + = charge.
        curtail_kw: (B, N)
        shed_kw: (B, N)
        net_export_kw: (B, N) + = export.
        line_downstream_kw: (B, M) + = towards the grid.
        line_upstream_kw: (B, M)
        feeder_kw: (B,) net export of the community at the grid.
        loss_kw: (B,) of line losses.
        energy_kwh: (B, N) kWh stored at the end.
        missing_kwh: (B, N) kWh that EVs which left at the end of the step lacked of what they require.
        trade_kw: (B, N) cleared by the market, + = sold.
        price: (B,) currency/kWh of the trades, NaN where nothing is traded.
        bill: (B, N) currency each prosumer pays.
        cost: (B,) currency, as `autonomy.simulator.Outcome.cost`.
        co2_kg: (B,) kg of grid imports.
        reward: The rewards' parts.
        is_done: (B,) whether this was a window's last step.
    """

    decided: Decided
    battery_kw: Stack
    curtail_kw: Stack
    shed_kw: Stack
    net_export_kw: Stack
    line_downstream_kw: Stack
    line_upstream_kw: Stack
    feeder_kw: Vector
    loss_kw: Vector
    energy_kwh: Stack
    missing_kwh: Stack
    trade_kw: Stack
    price: Vector
    bill: Stack
    cost: Vector
    co2_kg: Vector
    reward: Reward
    is_done: NDArray[np.bool_]
