"""The screened state of one step: what Layers 2 and 3 decide from, with every doubt already resolved."""

from __future__ import annotations

from dataclasses import dataclass

from autonomy.layers.arrays import Mask, Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Reason


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Situation:
    """Finite numbers of the right shape, and what may be trusted.

    Attributes:
        community: The community the numbers belong to.
        demand_kw: (N,) kW >= 0; 0 where isolated.
        pv_kw: (N,) kW >= 0; 0 where isolated.
        battery_lower_kw: (N,) kW, blo of the model; <= battery_upper_kw.
        battery_upper_kw: (N,) kW, bhi of the model.
        rate_lower_kw: (N,) kW, the same box without the ramp window.
        rate_upper_kw: (N,) kW, likewise.
        charge_limit_kw: (N,) kW, P⁺ of this step.
        discharge_limit_kw: (N,) kW, P⁻ of this step.
        connection_limit_kw: (N,) kW, K of this step.
        curtailable_kw: (N,) kW, the part of pv_kw that can be cut.
        sheddable_kw: (N,) kW, the part of demand_kw that can be cut.
        import_limit_kw: (M,) kW >= 0, tightened by worst-case losses and by what isolated prosumers may import.
        export_limit_kw: (M,) kW >= 0, tightened by what isolated prosumers may export.
        fair_import_kw: (N,) kW, what each prosumer may import when nothing is measured: its share of every line above.
        fair_export_kw: (N,) kW, likewise for exports.
        retail_price: (N,) currency/kWh.
        feed_in_price: (N,) currency/kWh <= retail_price.
        may_trade: (N,) whether meter and prices are good enough to trade.
        isolated: (N,) whether the meter cannot be used; the prosumer lives inside its fair shares.
        is_blind: Whether demand or generation of the whole community is unknown.
        reasons: What was found wrong.
    """

    community: Community
    demand_kw: Vector
    pv_kw: Vector
    battery_lower_kw: Vector
    battery_upper_kw: Vector
    rate_lower_kw: Vector
    rate_upper_kw: Vector
    charge_limit_kw: Vector
    discharge_limit_kw: Vector
    connection_limit_kw: Vector
    curtailable_kw: Vector
    sheddable_kw: Vector
    import_limit_kw: Vector
    export_limit_kw: Vector
    fair_import_kw: Vector
    fair_export_kw: Vector
    retail_price: Vector
    feed_in_price: Vector
    may_trade: Mask
    isolated: Mask
    is_blind: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class SetPoints:
    """A candidate answer for one step, in kW.

    Attributes:
        battery_kw: (N,) + = charge.
        curtail_kw: (N,) >= 0.
        shed_kw: (N,) >= 0.
    """

    battery_kw: Vector
    curtail_kw: Vector
    shed_kw: Vector
