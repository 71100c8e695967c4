"""How large small, medium and large are on every channel, in its unit."""

from __future__ import annotations

import numpy as np

from autonomy.faults.signal import OVERFLOW, Sizes
from autonomy.faults.words import Channel
from autonomy.layers.community import Community
from autonomy.scenario import Scenario

POWER_UNITS = (3.6, 0.001, 1000.0)
"""MJ/h, MW and W where kW is meant."""
SOC_UNITS = (0.01, 100.0, 1000.0)
"""A fraction divided by 100 once too often, per cent, and per mille where a fraction is meant."""
PRICE_UNITS = (0.01, 100.0, 1000.0)
"""A price divided by 100 once too often, cents, and a price per MWh."""
TIME_UNITS = (1 / 60, 60.0, 60000.0)
"""Minutes since 1970 read as seconds, seconds read as minutes, milliseconds read as minutes."""
YEAR_2038 = 2.0**31 / 60
"""Minutes since 1970 at which 32 bits of seconds are full."""


def sizes_of(community: Community, scenario: Scenario) -> dict[Channel, Sizes]:
    """Return the sizes of every channel whose faults are numbers.

    Args:
        community: Its ratings are the full scales of power meters.
        scenario: Its prices and its demand and PV are what rails and mirrors of these channels are taken from.
    """
    size, network = community.n_prosumers, community.network
    zero = np.zeros(size)
    highest_demand, highest_pv = scenario.demand_kw.max(axis=0), scenario.pv_kw.max(axis=0)
    full = np.where(np.isfinite(community.connection_limit_kw), community.connection_limit_kw, highest_demand)
    feeder = int(np.argmin(network.parent))
    export, imports = float(network.export_limit_kw[feeder]), float(network.import_limit_kw[feeder])
    charge, discharge = community.charge_limit_kw, community.discharge_limit_kw
    dear = np.full(size, scenario.retail_price.max())

    def battery(offset: tuple[float, float, float]) -> Sizes:
        return Sizes(
            offset=offset, units=POWER_UNITS, low=-discharge, high=charge, overflow=OVERFLOW, mirror=charge - discharge
        )

    def power(mirror: np.ndarray) -> Sizes:
        offset = (0.2, 1.0, 5.0)
        return Sizes(offset=offset, units=POWER_UNITS, low=zero, high=full, overflow=OVERFLOW, mirror=mirror)

    return {
        Channel.DEMAND: power(highest_demand),
        Channel.PV: power(highest_pv),
        Channel.SOC: Sizes(
            offset=(0.02, 0.1, 0.3),
            units=SOC_UNITS,
            low=zero,
            high=np.ones(size),
            overflow=OVERFLOW,
            mirror=community.soc_min + community.soc_max,
        ),
        Channel.PRICE: Sizes(
            offset=(0.02, 0.1, 0.5), units=PRICE_UNITS, low=zero, high=dear, overflow=OVERFLOW, mirror=dear
        ),
        Channel.FEEDER: Sizes(
            offset=(1.0, 5.0, 20.0),
            units=POWER_UNITS,
            low=np.array([-imports]),
            high=np.array([export]),
            overflow=OVERFLOW,
            mirror=np.array([export - imports]),
        ),
        Channel.CLOCK: Sizes(
            offset=(15.0, 60.0, 360.0),
            units=TIME_UNITS,
            low=np.zeros(1),
            high=np.array([YEAR_2038]),
            overflow=OVERFLOW,
            mirror=np.zeros(1),
        ),
        Channel.INTENT: battery((0.5, 2.0, 5.0)),
        Channel.ACTUATOR: battery((0.2, 1.0, 3.0)),
    }
