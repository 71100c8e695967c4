"""Every home for itself, as home energy managers do: a program a home, with no neighbours and no lines.

What the homes expect to pay is not what the community pays: nobody knows the feeder's limits or sells to a neighbour.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from autonomy.benchmark.dispatch.peers.pulp_cbc import solved, stated
from autonomy.benchmark.optimum.method import Answer, UnstatedError
from autonomy.benchmark.optimum.window import Window
from autonomy.dispatch.facts import Facts

BY_HOME = (
    "demand_kw", "pv_kw", "charge_limit_kw", "discharge_limit_kw", "energy_min_kwh", "energy_max_kwh", "drive_kwh",
    "leaving_with_kwh", "charge_efficiency", "discharge_efficiency", "retention", "capacity_kwh", "ramp_limit_kw",
    "connection_limit_kw", "energy_kwh", "battery_kw", "road_floor_kwh",
)  # fmt: skip
"""Fields of `Facts` whose last axis is the homes."""


class SingleHome:
    """One mixed-integer program a home, by PuLP and CBC."""

    name = "homes alone"

    def state(self, window: Window) -> Any:
        """Return the programs of a window's homes."""
        facts = window.facts()
        if facts.economics.capacity_price_per_kw > 0:
            raise UnstatedError("the capacity tariff is the community's, and a home does not know the others' peak")
        return [stated(_alone(facts, home)) for home in range(facts.n_prosumers)]

    def solve(self, stated: Any, limit_s: float) -> Answer:
        """Solve one after the other."""
        answers = [solved(problem, m, limit_s) for problem, m in stated]
        battery, curtail, shed = (
            np.concatenate([getattr(answer, name) for answer in answers], axis=1)
            for name in ("battery_kw", "curtail_kw", "shed_kw")
        )
        return Answer(
            objective=sum(answer.objective for answer in answers),
            battery_kw=battery,
            curtail_kw=curtail,
            shed_kw=shed,
            binaries=sum(answer.binaries for answer in answers),
        )


def _alone(facts: Facts, home: int) -> Facts:
    """Return what one home knows."""
    own: dict[str, Any] = {name: getattr(facts, name)[..., [home]] for name in BY_HOME}
    unlimited = np.full((facts.n_steps, 1), np.inf)
    return replace(facts, **own, line_import_kw=unlimited, line_export_kw=unlimited, below=((0,),), feeder=0)
