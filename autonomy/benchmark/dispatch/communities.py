"""Communities to compare policies on: the demo's, and others made of its homes, drawn once and for all."""

from __future__ import annotations

from functools import lru_cache

from autonomy.variation import Place, Variation, varied

COMMUNITIES: dict[str, Variation] = {
    "demo": Variation(),
    "four": Variation(homes=4, feeder=2.0, seed=1),
    "eight": Variation(homes=8, feeder=1.5, seed=2),
    "twelve": Variation(homes=12, seed=3),
    "twenty-four": Variation(homes=24, seed=4),
    "tight": Variation(feeder=0.8),
    "wide": Variation(feeder=3.0),
    "large-batteries": Variation(battery=2.0),
    "few-roofs": Variation(pv=0.4, seed=5),
}
"""By name."""


@lru_cache(maxsize=16)
def place(name: str) -> Place:
    """Return a community of `COMMUNITIES`, made once in a process."""
    return varied(COMMUNITIES[name])
