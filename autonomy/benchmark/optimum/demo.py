"""Windows of the demo community's year, for more or fewer homes than it has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autonomy.benchmark.optimum.window import Window
from autonomy.economics import Economics
from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.scenario import Scenario

STRIDE_H = 24 * 7
"""Hours by which the data of a home differ from those of the home that it repeats."""
HELD_OUT = 3
"""Whole weeks before the first window: it is a held-out one."""


def demo_window(homes: int, steps: int, number: int) -> Window:
    """Return window `number` of `homes` homes over `steps` hours; the same one for the same arguments.

    Homes beyond the demo's 17 repeat them with the data of later weeks, and the feeder's limits grow with their number.
    Batteries are half full.
    """
    demo, year = Community.demo(), Scenario.demo()
    place = np.arange(homes) % demo.n_prosumers
    later = STRIDE_H * (np.arange(homes) // demo.n_prosumers)
    start = (HELD_OUT * STRIDE_H + number * max(steps, 24)) % (year.n_steps - steps)
    rows = (start + np.arange(steps)[:, None] + later) % year.n_steps
    share = homes / demo.n_prosumers
    names = tuple(f"home-{i + 1}" for i in range(homes))
    community = replace(
        demo,
        **{
            field: getattr(demo, field)[place]
            for field in (
                "battery_capacity_kwh", "charge_limit_kw", "discharge_limit_kw", "charge_efficiency",
                "discharge_efficiency", "soc_min", "soc_max", "ramp_limit_kw", "connection_limit_kw",
                "self_discharge_per_h",
            )
        },
        network=Network.single_feeder(
            n_prosumers=homes,
            import_limit_kw=share * float(demo.network.import_limit_kw[0]),
            export_limit_kw=share * float(demo.network.export_limit_kw[0]),
        ),
        names=names,
    )  # fmt: skip
    series = replace(
        year.series,
        time=year.series.time[start : start + steps],
        demand_kw=year.demand_kw[rows, place],
        pv_kw=year.pv_kw[rows, place],
        retail_price=year.retail_price[start : start + steps],
        feed_in_price=year.feed_in_price[start : start + steps],
        carbon_kg_per_kwh=year.carbon_kg_per_kwh[start : start + steps],
        names=names,
        sha256="",
    )
    return Window(
        name=f"{homes} homes, {steps} hours",
        community=community,
        scenario=Scenario.whole(series),
        economics=Economics(),
        energy_kwh=0.5 * community.battery_capacity_kwh,
    )
