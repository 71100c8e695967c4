"""Calibrating the novelty, drift and repeat watches: which weeks teach, which calibrate, which stay unseen.

Of every four weeks of the data the first one teaches what is usual, the second and third calibrate, and the fourth is
held out. Every season is in all of them. Features begin anew after each held-out week, so not even a "yesterday" is
taken from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import Index, Mask, Matrix
from autonomy.layers.errors import ModelError
from autonomy.layers.supervision.novelty.conformal import rank_of
from autonomy.layers.supervision.novelty.features import Features
from autonomy.layers.supervision.novelty.moment import Clock
from autonomy.layers.supervision.novelty.record import Calibration, code_sha256
from autonomy.layers.supervision.novelty.repeats import Repeats, rarity
from autonomy.layers.supervision.novelty.yardstick import Yardstick, by_day, worst
from autonomy.scenario import HELD_OUT_EVERY, Scenario

ALPHA = 0.05
"""Days with a false alarm of novelty, half of them about the community."""
DRIFT_ALPHA = 0.05
"""Probability of any false alarm of drift in a year."""
LIFE_DAYS = 365
REPEAT_ALPHA = 0.05
"""Days with a false alarm about a stuck meter."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Figures:
    """The figures of steps in their order.

    Attributes:
        prosumers: (T, 8, N).
        community: (T, 10).
        measured_kw: (T, 2, N) kW, PV and demand.
        runs: (T, 2, N) repeats in a row, see `repeats.py`.
        slot: (T,) step of the day.
        day: (T,) number of the day.
        week: (T,) number of the week of the series, from 0.
    """

    prosumers: Matrix
    community: Matrix
    measured_kw: Matrix
    runs: Matrix
    slot: Index
    day: Index
    week: Index

    @property
    def teaches(self) -> Mask:
        """(T,) steps of training weeks."""
        first: Mask = self.week % HELD_OUT_EVERY == 0
        return first

    @property
    def calibrates(self) -> Mask:
        """(T,) steps of calibration weeks."""
        phase = self.week % HELD_OUT_EVERY
        between: Mask = (phase > 0) & (phase < HELD_OUT_EVERY - 1)
        return between


def calibrate(
    scenario: Scenario,
    *,
    alpha: float = ALPHA,
    drift_alpha: float = DRIFT_ALPHA,
    life_days: int = LIFE_DAYS,
    repeat_alpha: float = REPEAT_ALPHA,
) -> Calibration:
    """Return the calibration of a community on the whole weeks of a scenario that are not held out.

    Args:
        scenario: At least `rank_of` days: with the default α of 0.05, 39 calibration days (12 weeks of data).
        alpha: False alarms of novelty per day.
        drift_alpha: Probability of any false alarm of drift in a life.
        life_days: Length of a life.
        repeat_alpha: False alarms about stuck meters per day.

    Raises:
        ModelError: there are too few days for α, or the time step does not divide a day.
    """
    series, slots = scenario.series, scenario.series.steps_per_day
    unit_kw = unit_of(scenario)
    seen = figures_of(scenario, unit_kw)
    n_days = np.unique(seen.day[seen.calibrates]).size
    for rate in (alpha / 2, repeat_alpha):
        rank_of(n_days, rate)
    taught = seen.teaches
    if not taught.any():
        raise ModelError("scenario", scenario.label, "at least one week that teaches: week 1, 5, 9 … of the series")
    slot, day = seen.slot, seen.day
    prosumers = Yardstick.fit(seen.prosumers[taught], slot[taught], day[taught])
    community = Yardstick.fit(seen.community[taught][:, :, None], slot[taught], day[taught])
    of_prosumers = worst(prosumers.score(slot, seen.prosumers))
    of_community = worst(community.score(slot, seen.community[:, :, None]))
    rare = rarity(seen.runs[taught], seen.measured_kw[taught])
    of_repeats = (seen.runs * rare).max(axis=(1, 2), keepdims=True)[:, :, 0]
    return Calibration(
        names=scenario.names,
        slots=slots,
        alpha=alpha,
        drift_alpha=drift_alpha,
        life_days=life_days,
        repeat_alpha=repeat_alpha,
        unit_kw=unit_kw,
        prosumers=prosumers,
        community=community,
        day_scores=by_day(np.hstack((of_prosumers, of_community)), day, seen.calibrates),
        repeat_rarity=rare,
        repeat_scores=by_day(of_repeats, day, seen.calibrates)[:, 0],
        training_days=int(np.unique(day[taught]).size),
        source=series.source,
        data_sha256=series.sha256,
        code_sha256=code_sha256(),
    )


def unit_of(scenario: Scenario) -> Matrix:
    """Return (2, N) kW, mean PV and demand of the training weeks."""
    weeks = [week for week in scenario.training_weeks() if _number(week) % HELD_OUT_EVERY == 0]
    if not weeks:
        raise ModelError("scenario", scenario.label, "at least one week that teaches: week 1, 5, 9 … of the series")
    means: Matrix = np.mean([(week.pv_kw.mean(axis=0), week.demand_kw.mean(axis=0)) for week in weeks], axis=0)
    return means


def figures_of(scenario: Scenario, unit_kw: Matrix) -> Figures:
    """Return the figures of every training and calibration week; the held-out ones are not looked at."""
    features, repeats = Features(unit_kw, scenario.series.steps_per_day), Repeats(scenario.n_prosumers)
    rows = list(_rows(scenario.training_weeks(), features, repeats))
    prosumers, community, measured, runs, slot, day, week = zip(*rows, strict=True)
    return Figures(
        prosumers=np.array(prosumers),
        community=np.array(community),
        measured_kw=np.array(measured),
        runs=np.array(runs),
        slot=np.array(slot),
        day=np.array(day),
        week=np.array(week),
    )


def _rows(
    weeks: Iterator[Scenario], features: Features, repeats: Repeats
) -> Iterator[tuple[Matrix, Matrix, Matrix, Matrix, int, int, int]]:
    expected = -1
    for week in weeks:
        if week.start != expected:
            features.reset()
            repeats.reset()
        expected = week.stop
        clock = Clock(week.series.steps_per_day)
        size = week.n_prosumers
        for k in range(week.n_steps):
            moment = clock.read(week.time[k])
            if moment is None:  # a series has times; this is for the type checker
                continue
            measured = np.stack((week.pv_kw[k], week.demand_kw[k]))
            prices = np.full(size, week.retail_price[k]), np.full(size, week.feed_in_price[k])
            seen = features.see(moment, measured, *prices)
            runs = repeats.see(measured)
            yield seen.prosumers, seen.community, measured, runs, moment.slot, moment.day, _number(week)


def _number(week: Scenario) -> int:
    return week.start // week.n_steps
