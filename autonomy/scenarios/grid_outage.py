"""The grid goes away for an evening: the community balances itself, and sheds what it cannot serve."""

from __future__ import annotations

import numpy as np

from autonomy.assets.timeline import Timeline
from autonomy.layers.community import Community
from autonomy.scenarios.base import days_of, demo_weeks, dice_of, drawn, hours_of, rows_of
from autonomy.scenarios.named import NamedScenario

NAME = "grid-outage"
SENTENCE = "From 17:00 to 21:00 of one day of a week nothing can be imported from the grid, and nothing exported to it."
FROM_H, TO_H = 17.0, 21.0


def build(seed: int, *, held_out: bool) -> NamedScenario:
    """Return the scenario."""
    dice = dice_of(NAME, seed)
    week = drawn(demo_weeks(held_out=held_out), dice)
    hours, days = hours_of(week.series, rows_of(week)), days_of(week.series, rows_of(week))
    out = (days == int(dice.integers(0, 7))) & (hours >= FROM_H) & (hours < TO_H)
    limit_kw = np.where(out, 0.0, np.inf)
    timeline = Timeline(
        n_steps=week.n_steps,
        n_prosumers=week.n_prosumers,
        grid_import_limit_kw=limit_kw,
        grid_export_limit_kw=limit_kw,
    )
    return NamedScenario(
        name=NAME, seed=seed, sentence=SENTENCE, community=Community.demo(), scenario=week, timeline=timeline
    )
