"""Where the numbers of a prosumer's observation stand, see the second table of `autonomy.observing`."""

from __future__ import annotations

from typing import Any, NamedTuple

from autonomy.observing import FLOOR_OF_PROSUMER, OWN, SOC_OF_PROSUMER

COMMON = 9
"""Numbers that are the same for all prosumers and not one for each step of the horizon."""
PER_STEP = 7
HOURS_PER_DAY = 24.0


class Seen(NamedTuple):
    """A prosumer's observation by name; (R,) each, or (R, H). Units are those of `autonomy.observing`."""

    demand_kw: Any
    pv_kw: Any
    soc: Any
    floor_kw: Any
    active: Any
    capacity_kwh: Any
    charge_limit_kw: Any
    discharge_limit_kw: Any
    soc_min: Any
    soc_max: Any
    mean_demand_kw: Any
    mean_pv_kw: Any
    demand_ahead_kw: Any
    pv_ahead_kw: Any
    demand_width_kw: Any
    pv_width_kw: Any
    grid_kw: Any
    retail: Any
    feed_in: Any
    carbon: Any
    retail_ahead: Any
    daytime: Any
    timestep_h: float

    @property
    def usable_kwh(self) -> Any:
        """(R,) kWh, emax − emin; 0 where the battery is not there."""
        return self.active * self.capacity_kwh * (self.soc_max - self.soc_min)


def horizon_of(size: int) -> int:
    """Return H, given the size of an observation.

    Raises:
        ValueError: no observation has that size.
    """
    horizon, rest = divmod(size - OWN - COMMON, PER_STEP)
    if rest or horizon < 1:
        raise ValueError(f"no prosumer's observation has {size} numbers")
    return horizon


def seen_of(rows: Any) -> Seen:
    """Return the numbers of (R, D) observations, arrays or tensors, by name."""
    horizon = horizon_of(rows.shape[-1])
    ahead = OWN + 2
    tables = [rows[..., ahead + k * horizon : ahead + (k + 1) * horizon] for k in range(6)]
    rest = ahead + 6 * horizon
    prices = rest + 2
    published = prices + 3
    return Seen(
        demand_kw=rows[..., 0],
        pv_kw=rows[..., 1],
        soc=rows[..., SOC_OF_PROSUMER],
        floor_kw=rows[..., FLOOR_OF_PROSUMER],
        active=rows[..., 4],
        capacity_kwh=rows[..., 11],
        charge_limit_kw=rows[..., 12],
        discharge_limit_kw=rows[..., 13],
        soc_min=rows[..., 15],
        soc_max=rows[..., 16],
        mean_demand_kw=rows[..., OWN],
        mean_pv_kw=rows[..., OWN + 1],
        demand_ahead_kw=tables[0],
        pv_ahead_kw=tables[3],
        demand_width_kw=tables[2] - tables[1],
        pv_width_kw=tables[5] - tables[4],
        grid_kw=rows[..., rest:prices],
        retail=rows[..., prices],
        feed_in=rows[..., prices + 1],
        carbon=rows[..., prices + 2],
        retail_ahead=rows[..., published : published + horizon],
        daytime=rows[..., published + horizon :],
        timestep_h=HOURS_PER_DAY / horizon,
    )
