"""Communities of any size made of the demo's homes, so that every row of the table has the same kind of data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autonomy.layers.community import ARRAY_FIELDS, Community
from autonomy.layers.network import Network
from autonomy.scenario import Scenario
from autonomy.series import Series


def homes(n: int) -> tuple[Community, Scenario]:
    """Return N homes of the demo, the first ones or all of them again and again, with as large a feeder for each."""
    demo, year = Community.demo(), Scenario.demo()
    source = np.arange(n) % demo.n_prosumers
    names = tuple(f"{demo.names[home]}-{k // demo.n_prosumers + 1}" for k, home in enumerate(source))
    share, feeder = n / demo.n_prosumers, demo.network
    network = Network.single_feeder(
        n_prosumers=n,
        import_limit_kw=share * float(feeder.import_limit_kw[0]),
        export_limit_kw=share * float(feeder.export_limit_kw[0]),
    )
    columns = {name: getattr(demo, name)[source] for name in ARRAY_FIELDS}
    series = year.series
    copied = Series(
        time=series.time,
        demand_kw=series.demand_kw[:, source],
        pv_kw=series.pv_kw[:, source],
        retail_price=series.retail_price,
        feed_in_price=series.feed_in_price,
        carbon_kg_per_kwh=series.carbon_kg_per_kwh,
        names=names,
        timestep_h=series.timestep_h,
        source=series.source,
    )
    return replace(demo, **columns, network=network, names=names), Scenario.whole(copied)
