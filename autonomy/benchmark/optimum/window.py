"""A window and all that is known of it, as every method is given it."""

from __future__ import annotations

from dataclasses import dataclass

from autonomy.assets.timeline import Timeline
from autonomy.dispatch.facts import Facts, facts_of
from autonomy.economics import Economics
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.scenario import Scenario


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Window:
    """What is to be dispatched.

    Attributes:
        name: What makes it worth asking.
        community: Batteries, network and limits.
        scenario: Demand, generation and prices.
        economics: Prices that are not tariffs.
        energy_kwh: (N,) kWh stored before the first step.
        timeline: What changes in each step; None for nothing.
        curtail_price_per_kwh: Currency per kWh curtailed.
    """

    name: str
    community: Community
    scenario: Scenario
    economics: Economics
    energy_kwh: Vector
    timeline: Timeline | None = None
    curtail_price_per_kwh: float = 0.0

    def facts(self) -> Facts:
        """Return it as plain numbers."""
        return facts_of(
            self.community,
            self.scenario,
            economics=self.economics,
            energy_kwh=self.energy_kwh,
            timeline=self.timeline,
            curtail_price_per_kwh=self.curtail_price_per_kwh,
        )
