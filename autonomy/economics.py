"""What things cost: the one place that prices energy, carbon, wear, lost load and the energy left at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, SupportsFloat

from autonomy.layers.description import check_keys, number
from autonomy.layers.errors import ConfigError, ModelError


@dataclass(frozen=True, kw_only=True, slots=True)
class Economics:
    """Prices that are not tariffs, and the weights of the reward.

    The cost of a window, which every policy and the optimum are compared by, is

        grid imports·retail − grid exports·feed-in + carbon_price·CO2 + wear·throughput
        + value_of_lost_load·shed − terminal_price·(stored energy at the end − at the start)
        + trade_fee·traded + capacity_price·Σ over months of the highest import
        + cycle_price·capacity used up by cycles + missing_charge_price·energy that EVs lacked when they left

    Attributes:
        carbon_price_per_kg: Currency per kg CO2 of grid imports.
        wear_per_kwh: Currency per kWh that passes the battery terminals, charge and discharge alike.
        value_of_lost_load_per_kwh: Currency per kWh of load shed.
        cycle_price_per_kwh: Currency per kWh of capacity that cycles use up, as what a new battery costs: a full cycle
            of depth δ uses up the share cycle_coefficient·δ^cycle_exponent of the capacity. See `autonomy.assets.wear`.
        cycle_coefficient: Share of a battery's life that a full cycle of its whole capacity takes.
        cycle_exponent: >= 1; how much worse deep cycles are than shallow ones. The defaults are those of [Xu2018].
        capacity_price_per_kw: Currency per kW of the highest import of the community in each calendar month.
        trade_fee_per_kwh: Currency per kWh traded between prosumers, paid by the buyer for the use of the grid.
        missing_charge_price_per_kwh: Currency per kWh that an EV lacks of what it requires when it leaves.
        terminal_price_per_kwh: Currency per kWh stored; None means the window's lowest retail price, which makes
            neither filling nor emptying the battery in the last off-peak hours worthwhile.
        overload_penalty_per_kwh: Currency per kWh by which the raw intent would have exceeded a line limit; part of
            the reward only, never of the cost.
        energy_weight: Weight of the grid settlement in the reward.
        trade_weight: Weight of peer-to-peer revenue in the reward (it sums to zero over the community).
        carbon_weight: Weight of the CO2 cost in the reward.
        overload_weight: Weight of the overload penalty in the reward.
        wear_weight: Weight of battery wear in the reward.
        shed_weight: Weight of lost load in the reward.
        peak_weight: Weight of the capacity tariff in the reward.
        missing_weight: Weight of what EVs lack in the reward.
    """

    carbon_price_per_kg: float = 0.05
    wear_per_kwh: float = 0.01
    value_of_lost_load_per_kwh: float = 3.0
    cycle_price_per_kwh: float = 0.0
    cycle_coefficient: float = 5.24e-4
    cycle_exponent: float = 2.03
    capacity_price_per_kw: float = 0.0
    trade_fee_per_kwh: float = 0.0
    missing_charge_price_per_kwh: float = 1.0
    terminal_price_per_kwh: float | None = None
    overload_penalty_per_kwh: float = 0.1
    energy_weight: float = 1.0
    trade_weight: float = 1.0
    carbon_weight: float = 1.0
    overload_weight: float = 1.0
    wear_weight: float = 1.0
    shed_weight: float = 1.0
    peak_weight: float = 1.0
    missing_weight: float = 1.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if value is None and item.name == "terminal_price_per_kwh":
                continue
            is_number = isinstance(value, SupportsFloat) and not isinstance(value, bool)
            if not (is_number and 0 <= float(value) < float("inf")):
                raise ModelError(item.name, value, "a finite number >= 0")
        if not self.cycle_exponent >= 1:
            raise ModelError("cycle_exponent", self.cycle_exponent, "a number >= 1: deep cycles wear no less")


def read_economics(source: str | Path, document: Mapping[str, Any]) -> Economics:
    """Return the `[economics]` table of a community description; missing keys take the defaults.

    Raises:
        ConfigError: a key is unknown, not a number, or negative.
    """
    table = document.get("economics", {})
    names = tuple(item.name for item in fields(Economics))
    check_keys(source, "economics", table, names)
    try:
        return Economics(**{key: number(source, "economics", table, key) for key in table})
    except ModelError as fault:
        raise ConfigError(
            source, f"economics.{fault.field}", f"found {fault.value!r}; expected {fault.expected}"
        ) from None
