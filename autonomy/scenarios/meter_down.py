"""A home whose meters send nothing for a day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from autonomy.layers.community import Community
from autonomy.layers.observation import Observation
from autonomy.rollout import Tamper
from autonomy.scenarios.base import demo_weeks, dice_of, drawn
from autonomy.scenarios.named import NamedScenario

NAME = "meter-down"
SENTENCE = "For a day of a week the meters of one home send NaN instead of its demand, generation and state of charge."
SILENT = ("demand_kw", "pv_kw", "soc")


def build(seed: int, *, held_out: bool) -> NamedScenario:
    """Return the scenario."""
    dice = dice_of(NAME, seed)
    week = drawn(demo_weeks(held_out=held_out), dice)
    home, day, steps = int(dice.integers(week.n_prosumers)), int(dice.integers(7)), week.series.steps_per_day
    return NamedScenario(
        name=NAME,
        seed=seed,
        sentence=SENTENCE,
        community=Community.demo(),
        scenario=week,
        tamper=silencing(home, range(day * steps, (day + 1) * steps)),
    )


def silencing(prosumer: int, steps: range) -> Tamper:
    """Return what makes the meters of a prosumer send NaN in some steps."""

    def tamper(observation: Observation, step: int) -> Observation:
        if step not in steps:
            return observation
        fields: dict[str, Any] = {name: np.array(getattr(observation, name)) for name in SILENT}
        for values in fields.values():
            values[prosumer] = np.nan
        return replace(observation, **fields)

    return tamper
