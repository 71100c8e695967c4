"""Which weeks teach and which validate; what is held out is cut out of the series, not merely skipped.

    weeks of the year      1 2 3 [4] 5 6 7 [8] 9 …              every fourth is held out, see `Scenario.held_out_weeks`
    learning series        1 2 3 5 6 7 9 …                      glued: whole weeks, so hours and weekdays stay in order
    validation             every sixth of them
    training series        the others, glued again

A forecast of the training series is made of the training series alone: neither the history of a mean nor the future
that a perfect forecast shows reaches into a week that validates or is held out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from autonomy.layers.arrays import Index
from autonomy.layers.errors import ModelError
from autonomy.scenario import Scenario
from autonomy.series import Series

VALIDATED_EVERY, FIRST_VALIDATED = 6, 3
"""Of the weeks that are not held out, the 4th, 10th, 16th … validate."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Split:
    """A scenario without its held-out weeks.

    Attributes:
        training: All steps of the training series.
        validation: The weeks that validate, windows of the learning series: their past may be a week that teaches.
    """

    training: Scenario
    validation: tuple[Scenario, ...]


def split(scenario: Scenario) -> Split:
    """Return the weeks of a scenario that may be learned from.

    Raises:
        ModelError: the scenario has fewer whole weeks than a split needs.
    """
    weeks = list(scenario.training_weeks())
    validated = [place for place in range(len(weeks)) if place % VALIDATED_EVERY == FIRST_VALIDATED]
    if not validated:
        expected = f"at least {FIRST_VALIDATED + 1} whole weeks that are not held out"
        raise ModelError("scenario", f"{scenario.label} with {len(weeks)} of them", expected)
    teaching = [week for place, week in enumerate(weeks) if place not in validated]
    learning, size = glued(scenario, weeks), weeks[0].n_steps
    return Split(
        training=glued(scenario, teaching),
        validation=tuple(learning.window(place * size, size) for place in validated),
    )


def glued(scenario: Scenario, weeks: list[Scenario]) -> Scenario:
    """Return the weeks one after the other as a series of its own, on one clock from the first week's first step."""
    rows: Index = np.concatenate([np.arange(week.start, week.stop) for week in weeks])
    return replace(scenario, series=_taken(scenario.series, rows), start=0, stop=rows.size)


def _taken(series: Series, rows: Index) -> Series:
    tables = ("demand_kw", "pv_kw", "retail_price", "feed_in_price", "carbon_kg_per_kwh")
    step = series.time[1] - series.time[0] if series.n_steps > 1 else np.timedelta64(0, "m")
    return replace(
        series,
        time=series.time[rows[0]] + step * np.arange(rows.size),
        **{name: getattr(series, name)[rows] for name in tables},
        source=f"{rows.size} of the steps of: {series.source}",
        sha256="",
    )
