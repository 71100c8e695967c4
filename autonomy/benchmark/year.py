"""A year of a community's optimum as one linear program: seconds, memory, certificate.

python -m autonomy.benchmark.year --homes 24 --steps 8760
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import replace

import numpy as np

from autonomy.dispatch import optimal_dispatch
from autonomy.economics import Economics
from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.scenario import Scenario

KB_PER_GB = 1e6
MOVED_H = 24 * 7
"""Homes beyond those of the demo are its first ones, a week later."""


def enlarged(homes: int, steps: int) -> tuple[Community, Scenario]:
    """Return the demo's community and data with as many homes; its feeder grows with them."""
    community, scenario = Community.demo(), Scenario.demo()
    size, series = community.n_prosumers, scenario.series
    if homes == size:
        return community, scenario.window(0, steps)
    which, late = np.arange(homes) % size, np.arange(homes) // size
    network = Network.single_feeder(
        n_prosumers=homes,
        import_limit_kw=float(community.network.import_limit_kw[0]) * homes / size,
        export_limit_kw=float(community.network.export_limit_kw[0]) * homes / size,
    )
    names = tuple(f"home-{place + 1}" for place in range(homes))
    larger = Community(
        battery_capacity_kwh=community.battery_capacity_kwh[which],
        charge_limit_kw=community.charge_limit_kw[which],
        discharge_limit_kw=community.discharge_limit_kw[which],
        charge_efficiency=community.charge_efficiency[which],
        discharge_efficiency=community.discharge_efficiency[which],
        soc_min=community.soc_min[which],
        soc_max=community.soc_max[which],
        connection_limit_kw=community.connection_limit_kw[which],
        network=network,
        timestep_h=community.timestep_h,
        names=names,
    )
    moved = [
        np.column_stack([np.roll(values[:, k], -MOVED_H * w) for k, w in zip(which, late, strict=True)])
        for values in (series.demand_kw, series.pv_kw)
    ]
    series = replace(series, demand_kw=moved[0], pv_kw=moved[1], names=names, sha256="")
    return larger, Scenario.whole(series).window(0, steps)


def main() -> None:
    """Solve once and print a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--homes", type=int, default=17)
    parser.add_argument("--steps", type=int, default=8760)
    options = parser.parse_args()
    community, scenario = enlarged(options.homes, options.steps)
    began = time.process_time()
    dispatch = optimal_dispatch(
        community, scenario, economics=Economics(), energy_kwh=0.5 * community.battery_capacity_kwh
    )
    seconds = time.process_time() - began
    memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KB_PER_GB
    proof = dispatch.certificate
    print(
        f"{options.homes} homes, {options.steps} steps: {dispatch.objective:.6f} by {dispatch.method}, "
        f"{dispatch.binaries} binaries, gap {dispatch.gap:.1e}, {proof.verdict if proof else 'unchecked'}; "
        f"{seconds:.1f} s CPU, {memory_gb:.2f} GB"
    )


if __name__ == "__main__":
    main()
