"""A safety report that is quick to make: four homes of the demo, three days, a rule as the policy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from autonomy.configuration import demo_configuration
from autonomy.safety.build import Order, build
from autonomy.variation import Variation, varied

HOURS = 72
FIRST = 24 * 24
"""Hours of the year at which the three days begin: hot ones, so that limits bind."""


def small_order(policy: str = "self-consumption") -> Order:
    """Return the order of the small report."""
    place = varied(Variation(homes=4, feeder=0.7, seed=3))
    scenario = place.year.window(FIRST, HOURS)
    configuration = replace(demo_configuration(), name="Four homes", community=place.community)
    return Order(
        configuration=configuration,
        scenario=scenario,
        windows=(scenario,),
        policy=policy,
        is_full=False,
        command="python -m tests.small_report",
    )


def make(out: Path) -> dict[str, Any]:
    """Write the report into a folder, and return it as its JSON has it."""
    return build(small_order(), out)
