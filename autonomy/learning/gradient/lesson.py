"""A community to learn from: its twin and what the network is told of every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from autonomy.learning.draws import drawn
from autonomy.learning.gradient.recipe import GradientRecipe
from autonomy.learning.gradient.twin import Twin
from autonomy.learning.split import Split
from autonomy.learning.views import features_of_series
from autonomy.simulator import INITIAL_SOC
from autonomy.variation import Place


class Lesson(NamedTuple):
    """A twin and its features.

    Attributes:
        twin: The community.
        features: (T, F) of every step of its series.
    """

    twin: Twin
    features: Tensor

    def usual_energy_kwh(self, count: int) -> Tensor:
        """Return (B, N) kWh, what `count` windows usually begin with."""
        community = self.twin.community
        soc = np.clip(INITIAL_SOC, community.soc_min, community.soc_max)
        return torch.from_numpy(np.tile(soc * community.battery_capacity_kwh, (count, 1)))


def lessons(recipe: GradientRecipe, split: Split) -> list[Lesson]:
    """Return the communities of a recipe, each with one of its forecasts in turn."""
    return list(islice(_drawn(recipe, split), recipe.communities))


def lesson(place: Place, forecast: str, prices: Mapping[str, float] | None = None) -> Lesson:
    """Return a place with a forecast, and with prices of its own where some are given."""
    economics = replace(place.economics, **(prices or {}))
    seen = Place(community=place.community, year=place.year.with_forecast(forecast), economics=economics)
    return Lesson(Twin(seen), torch.from_numpy(features_of_series(seen)))


def _drawn(recipe: GradientRecipe, split: Split) -> Iterator[Lesson]:
    for count, place in enumerate(drawn(split.training.series, recipe.seed)):
        yield lesson(place, recipe.forecasts[count % len(recipe.forecasts)], recipe.prices)
