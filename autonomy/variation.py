"""Communities made of the demo's homes: how many, behind what feeder, with what batteries and roofs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from autonomy.configuration import demo_configuration
from autonomy.demo import demo_series
from autonomy.economics import Economics
from autonomy.layers.arrays import Index
from autonomy.layers.community import ARRAY_FIELDS, Community
from autonomy.layers.network import Network
from autonomy.scenario import HELD_OUT_EVERY, Scenario
from autonomy.series import Series


@dataclass(frozen=True, kw_only=True, slots=True)
class Variation:
    """A community made of the demo's homes.

    Attributes:
        homes: How many: a draw without replacement, or all and then more of them, with the data of other weeks.
        feeder: Factor on the demo's feeder limits for each home.
        battery: Factor on capacity and power of every battery.
        pv: Share of the homes that keep their PV.
        seed: Of the draws.
    """

    homes: int = 17
    feeder: float = 1.0
    battery: float = 1.0
    pv: float = 1.0
    seed: int = 0

    @property
    def sentence(self) -> str:
        """What it is, in a few words."""
        parts = [f"{self.homes} homes", f"feeder ×{self.feeder:g} per home"]
        parts += [f"batteries ×{self.battery:g}"] if self.battery != 1.0 else []
        parts += [f"PV on {round(self.pv * self.homes)} homes"] if self.pv != 1.0 else []
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Place:
    """A community with its year.

    Attributes:
        community: Batteries and network.
        year: All its data.
        economics: Prices that are not tariffs.
    """

    community: Community
    year: Scenario
    economics: Economics


def varied(variation: Variation, series: Series | None = None) -> Place:
    """Return a variation of the demo: the same one for the same variation.

    Args:
        variation: What is varied.
        series: Data of the demo's homes; the whole year when not given.
    """
    demo, series = demo_configuration(), series or demo_series()
    random = np.random.default_rng(variation.seed)
    homes = _homes(random, variation.homes, demo.community.n_prosumers)
    round_of, size = np.arange(homes.size) // demo.community.n_prosumers, demo.community.n_prosumers
    names = tuple(
        demo.community.names[home] + (f"-{again + 1}" if again else "")
        for home, again in zip(homes.tolist(), round_of.tolist(), strict=True)
    )
    community = replace(
        demo.community,
        **{field: getattr(demo.community, field)[homes] for field in ARRAY_FIELDS},
        network=_feeder(demo.community.network, homes.size, variation.feeder * homes.size / size),
        names=names,
    )
    for field in ("battery_capacity_kwh", "charge_limit_kw", "discharge_limit_kw"):
        community = replace(community, **{field: variation.battery * getattr(community, field)})
    rows = _rows(series.n_steps, 7 * series.steps_per_day, round_of)
    keeps = np.zeros(homes.size)
    keeps[random.permutation(homes.size)[: round(variation.pv * homes.size)]] = 1.0
    data = replace(
        series,
        demand_kw=series.demand_kw[rows, homes],
        pv_kw=series.pv_kw[rows, homes] * keeps,
        names=names,
        sha256="",
    )
    return Place(community=community, year=Scenario.whole(data), economics=demo.economics)


def _homes(random: np.random.Generator, count: int, size: int) -> Index:
    """Return (N,) homes of the demo: a draw in ascending order, or all of them again and again."""
    if count < size:
        return np.sort(random.permutation(size)[:count])
    return np.arange(count) % size


def _feeder(network: Network, homes: int, factor: float) -> Network:
    feeder = int(np.argmin(network.parent))
    return Network.single_feeder(
        n_prosumers=homes,
        import_limit_kw=factor * float(network.import_limit_kw[feeder]),
        export_limit_kw=factor * float(network.export_limit_kw[feeder]),
    )


def _rows(steps: int, week: int, round_of: Index) -> Index:
    """Return (T, N) which row of the demo each home's row is: four weeks later each time that a home is repeated.

    So a held-out week has the data of a held-out week. What is left of the year after whole four weeks is not moved.
    """
    step = np.arange(steps)[:, None]
    period = steps // (HELD_OUT_EVERY * week) * HELD_OUT_EVERY * week
    later = (step + HELD_OUT_EVERY * week * round_of) % max(period, 1)
    return np.where(step < period, later, step)
