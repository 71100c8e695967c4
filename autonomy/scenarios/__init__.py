"""Scenarios with a name: bad weather, bad prices, bad neighbours, bad luck; one a file, reproducible by seed.

    named("heat-wave", seed=3).play("self-consumption")

docs/scenarios.md lists them.
"""

from __future__ import annotations

from autonomy.scenarios.catalogue import SCENARIOS, named
from autonomy.scenarios.named import NamedScenario

__all__ = ["SCENARIOS", "NamedScenario", "named"]
