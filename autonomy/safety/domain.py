"""What a claim is about: any observation at all, an operating domain with ranges and rates, or the recorded steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.learning.split import glued
from autonomy.scenario import Scenario
from autonomy.series import Series
from autonomy.worstcase import Domain, domain_of

ANY, OPERATING, RECORDED = "any", "operating", "recorded"
MARGIN = 0.1
"""Fraction by which the domain reaches beyond what was seen."""
ANY_DOMAIN: dict[str, Any] = {
    "title": "Any observation",
    "sentence": "Whatever a host sends: any number, NaN or infinity, wrong shapes, missing fields, and whatever the "
    "policy and the solver answer; with the ratings and the network of the community as stated.",
    "ranges": [],
}


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Operating:
    """The operating domain of a community.

    Attributes:
        domain: Ranges of demand, generation and stored energy, and what ties prosumers together.
        seen: The series it was taken from.
        demand_rate_kw: (N,) kW, the most that demand changes from a step to the next, a margin beyond what was seen.
        pv_rate_kw: (N,) kW, likewise.
        prices: Name of each price, its lowest and its highest value, currency/kWh.
        is_split: Whether it was taken from training weeks alone, so that held-out steps can be outside.
    """

    domain: Domain
    seen: Series
    demand_rate_kw: Vector
    pv_rate_kw: Vector
    prices: tuple[tuple[str, float, float], ...]
    is_split: bool

    @property
    def ranges(self) -> dict[str, list[list[float]]]:
        """Lowest and highest value of each prosumer, as the checker counts steps inside them; kW, SoC as a fraction."""
        box = self.domain
        most = np.minimum(box.sun_upper * (1.0 + box.pv_spread), 1.0) * box.pv_peak_kw
        rows = {
            "demand_kw": (box.demand_lower_kw, box.demand_upper_kw),
            "pv_kw": (np.zeros_like(most), np.nextafter(most, np.inf)),
            "soc": (_below(box.soc_lower), _above(box.soc_upper)),
        }
        return {name: np.stack(pair, axis=1).tolist() for name, pair in rows.items()}

    def document(self) -> dict[str, Any]:
        """Return the domain as the report has it."""
        box, names = self.domain, list(self.domain.community.names)
        return {
            "title": "The operating domain",
            "sentence": f"Demand, generation and stored energy of each prosumer within {MARGIN:.0%} of what was seen, "
            f"sums below lines and generation under one sky likewise: {self.seen.source}.",
            "names": names,
            "ranges": [*starmap(_range, self.ranges.items()), *starmap(_price, self.prices)],
            "rates": [
                {"name": "demand_kw", "unit": "kW a step", "values": self.demand_rate_kw.tolist()},
                {"name": "pv_kw", "unit": "kW a step", "values": self.pv_rate_kw.tolist()},
            ],
            "together": {
                "coincidence": box.coincidence.tolist(),
                "base": box.base.tolist(),
                "sun": [box.sun_lower, box.sun_upper],
                "spread": box.pv_spread.tolist(),
                "pv_peak_kw": box.pv_peak_kw.tolist(),
            },
            "timestep_h": box.community.timestep_h,
            "series_sha256": self.seen.sha256,
        }

    def inside(self, window: Scenario) -> int:
        """Return how many steps of a window lie inside, sums and sun included."""
        return int(np.count_nonzero(self.domain.holds(window.demand_kw, window.pv_kw)))


def operating_domain(community: Community, scenario: Scenario) -> Operating:
    """Return the operating domain: of the weeks that are not held out where there are some, else of all data."""
    weeks = list(scenario.training_weeks())
    is_split = bool(weeks) and len(weeks) < len(list(scenario.weeks()))
    seen = glued(scenario, weeks).series if is_split else scenario.series
    prices = (("retail_price", seen.retail_price), ("feed_in_price", seen.feed_in_price))
    return Operating(
        domain=domain_of(community, seen, margin=MARGIN),
        seen=seen,
        demand_rate_kw=_rate(seen.demand_kw),
        pv_rate_kw=_rate(seen.pv_kw),
        prices=tuple((name, float(values.min()), float(values.max())) for name, values in prices),
        is_split=is_split,
    )


def recorded_domain(community: Community, windows: Sequence[Scenario]) -> dict[str, Any]:
    """Return the recorded steps as a domain.

    Raises:
        ModelError: there is no window.
    """
    if not windows:
        raise ModelError("windows", len(windows), "at least one")
    series = windows[0].series
    return {
        "title": "The recorded steps",
        "sentence": f"{sum(x.n_steps for x in windows):,} steps of {community.timestep_h:g} h: {series.source}.",
        "ranges": [],
        "windows": [[window.label, window.start, window.n_steps] for window in windows],
        "series_sha256": series.sha256,
    }


def _rate(values: Vector) -> Vector:
    steps = np.abs(np.diff(values, axis=0)).max(axis=0, initial=0.0)
    rate: Vector = np.ceil(steps * (1.0 + MARGIN) * 1e3) / 1e3
    return rate


def _range(name: str, values: list[list[float]]) -> dict[str, Any]:
    return {"name": name, "unit": "1" if name == "soc" else "kW", "per": "prosumer", "values": values}


def _price(name: str, low: float, high: float) -> dict[str, Any]:
    return {"name": name, "unit": "currency/kWh", "per": "step", "values": [[low, high]]}


def _below(values: Vector) -> Vector:
    return np.maximum(values - 1e-9, 0.0)


def _above(values: Vector) -> Vector:
    return np.minimum(values + 1e-9, 1.0)
