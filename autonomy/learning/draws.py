"""Communities to learn from: the homes of the demo, drawn anew each time, so that none is learned by heart."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autonomy.series import Series
from autonomy.variation import Place, Variation, varied

DEMO_HOMES = 17
SIZES = (4, 24)
"""Least and most homes of a community that is drawn."""
FEEDER, BATTERY, PV = (0.85, 2.0), (0.7, 2.0), (0.4, 1.0)
"""Between which factors a community's feeder, its batteries, and the share of its roofs are drawn.

The feeder for each home grows with (17/N)^½ beside that: peaks of few homes coincide more.
"""
VALIDATING = (
    Variation(),
    Variation(homes=5, feeder=1.8, seed=101),
    Variation(homes=10, feeder=1.3, seed=102),
    Variation(homes=20, seed=103),
    Variation(homes=14, feeder=0.9, battery=1.5, seed=104),
    Variation(homes=12, feeder=1.2, pv=0.5, seed=105),
)
"""The communities that choices are made by, in the weeks that validate. None is one of the benchmark's but the demo."""


def drawn(series: Series, seed: int) -> Iterator[Place]:
    """Yield communities without end: every fourth is the demo's own, the others are drawn.

    Args:
        series: Data of the demo's homes to learn from.
        seed: Of the draws.
    """
    random, count = np.random.default_rng(seed), 0
    while True:
        yield varied(Variation() if count % 4 == 0 else _variation(random), series)
        count += 1


def _variation(random: np.random.Generator) -> Variation:
    homes = int(random.integers(SIZES[0], SIZES[1] + 1))
    roofs = 1.0 if random.random() < 0.5 else float(random.uniform(*PV))
    return Variation(
        homes=homes,
        feeder=float(np.sqrt(DEMO_HOMES / homes) * np.exp(random.uniform(*np.log(FEEDER)))),
        battery=1.0 if random.random() < 0.5 else float(random.uniform(*BATTERY)),
        pv=roofs,
        seed=int(random.integers(2**31)),
    )
