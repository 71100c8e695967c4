"""The screened state of one step: what Layers 2 and 3 decide from, with every doubt already resolved.

The records of a step are named tuples: they cannot be changed, and one is made in a third of the time that a frozen
dataclass takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from autonomy.layers.arrays import Mask, Matrix, Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Reason

LARGEST_KW = 1e9
"""kW that no measurement and no power limit exceeds, so that sums of milliwatts are exact in 64 bits."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Capacity:
    """What connections and lines carry. One and the same object for as long as nothing of it changes.

    Attributes:
        connection_limit_kw: (N,) kW, K.
        import_limit_kw: (M,) kW >= 0, tightened by worst-case losses and by what isolated prosumers may import.
        export_limit_kw: (M,) kW >= 0, tightened by what isolated prosumers may export.
        fair_import_kw: (N,) kW, what each prosumer may import when nothing is measured: its share of every line above.
        fair_export_kw: (N,) kW, likewise for exports.
    """

    connection_limit_kw: Vector
    import_limit_kw: Vector
    export_limit_kw: Vector
    fair_import_kw: Vector
    fair_export_kw: Vector


class Situation(NamedTuple):
    """Finite numbers of the right shape, and what may be trusted.

    Attributes:
        community: The community the numbers belong to.
        measured_kw: (2, N) kW, pv_kw and demand_kw as rows.
        pv_kw: (N,) kW, 0 <= pv <= LARGEST_KW; 0 where isolated.
        demand_kw: (N,) kW, 0 <= demand <= LARGEST_KW; 0 where isolated.
        reach_kw: (2, N) kW, battery_upper_kw and −battery_lower_kw as rows.
        battery_lower_kw: (N,) kW, blo of the model; <= battery_upper_kw.
        battery_upper_kw: (N,) kW, bhi of the model.
        rate_lower_kw: (N,) kW, the same box without the ramp window.
        rate_upper_kw: (N,) kW, likewise.
        charge_limit_kw: (N,) kW, P⁺ of this step.
        discharge_limit_kw: (N,) kW, P⁻ of this step.
        capacity: What connections and lines carry in this step; its fields can be read here too.
        curtailable_kw: (N,) kW, the part of pv_kw that can be cut.
        sheddable_kw: (N,) kW, the part of demand_kw that can be cut.
        retail_price: (N,) currency/kWh.
        feed_in_price: (N,) currency/kWh <= retail_price.
        may_trade: (N,) whether meter and prices are good enough to trade.
        isolated: (N,) whether the meter cannot be used; the prosumer lives inside its fair shares.
        is_blind: Whether demand or generation of the whole community is unknown.
        is_clean: Whether no measurement was in doubt: nobody is isolated and everybody may trade.
        reasons: What was found wrong.
        can_curtail: (N,) whether the host can reduce generation; None for everybody.
        can_shed: (N,) whether the host can reduce load; None for everybody.
        charge_floor_kw: (N,) kW, what a battery is to be charged with at least, see `Limits`; None for no floors.
    """

    community: Community
    measured_kw: Matrix
    pv_kw: Vector
    demand_kw: Vector
    reach_kw: Matrix
    battery_lower_kw: Vector
    battery_upper_kw: Vector
    rate_lower_kw: Vector
    rate_upper_kw: Vector
    charge_limit_kw: Vector
    discharge_limit_kw: Vector
    capacity: Capacity
    curtailable_kw: Vector
    sheddable_kw: Vector
    retail_price: Vector
    feed_in_price: Vector
    may_trade: Mask
    isolated: Mask
    is_blind: bool
    is_clean: bool
    reasons: tuple[Reason, ...]
    can_curtail: Mask | None = None
    can_shed: Mask | None = None
    charge_floor_kw: Vector | None = None

    @property
    def connection_limit_kw(self) -> Vector:
        """(N,) kW, see `Capacity`."""
        return self.capacity.connection_limit_kw

    @property
    def import_limit_kw(self) -> Vector:
        """(M,) kW, see `Capacity`."""
        return self.capacity.import_limit_kw

    @property
    def export_limit_kw(self) -> Vector:
        """(M,) kW, see `Capacity`."""
        return self.capacity.export_limit_kw

    @property
    def fair_import_kw(self) -> Vector:
        """(N,) kW, see `Capacity`."""
        return self.capacity.fair_import_kw

    @property
    def fair_export_kw(self) -> Vector:
        """(N,) kW, see `Capacity`."""
        return self.capacity.fair_export_kw


class SetPoints(NamedTuple):
    """A candidate answer for one step, in kW.

    Attributes:
        battery_kw: (N,) + = charge.
        curtail_kw: (N,) >= 0.
        shed_kw: (N,) >= 0.
    """

    battery_kw: Vector
    curtail_kw: Vector
    shed_kw: Vector
