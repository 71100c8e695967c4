"""Measuring forecasts: every step of the training weeks and of the held-out weeks, forecast some hours before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from autonomy.benchmark.forecasts.row import DEMAND, HELD_OUT, PV, TRAINING, ForecastRow
from autonomy.errors import DataError
from autonomy.forecasting import HISTORY_DAYS, Forecaster, ForecastKind, Outlook, covered_share
from autonomy.layers.arrays import Index, Mask, Matrix
from autonomy.scenario import Scenario

AT_ONCE = 168
"""Issue steps whose outlooks are held in memory together."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Part:
    """What of a series is counted.

    Attributes:
        quantity: `DEMAND` or `PV`.
        weeks: `TRAINING` or `HELD_OUT`.
        truth_kw: (T, N) kW.
        counted: (T, N) which entries count.
    """

    quantity: str
    weeks: str
    truth_kw: Matrix
    counted: Mask


def parts(scenario: Scenario) -> tuple[Part, ...]:
    """Return demand and PV of the training weeks and of the held-out weeks.

    The first eight days are left out: some forecast has no full history there. PV counts by daylight, which is when
    anybody generates, and of prosumers who ever do.

    Raises:
        DataError: the data has no held-out week.
    """
    series = scenario.series
    daylight = (series.pv_kw.sum(axis=1) > 0)[:, None] & (series.pv_kw.max(axis=0) > 0)
    everything = np.ones(series.demand_kw.shape, dtype=bool)
    found = []
    for weeks, windows in ((TRAINING, scenario.training_weeks()), (HELD_OUT, scenario.held_out_weeks())):
        steps = np.zeros((series.n_steps, 1), dtype=bool)
        for window in windows:
            steps[window.start : window.stop] = True
        steps[: (HISTORY_DAYS + 1) * series.steps_per_day] = False
        if not steps.any():
            raise DataError(series.source, f"has no {weeks} week after its first eight days; expected four weeks")
        found.append(Part(quantity=DEMAND, weeks=weeks, truth_kw=series.demand_kw, counted=everything & steps))
        found.append(Part(quantity=PV, weeks=weeks, truth_kw=series.pv_kw, counted=daylight & steps))
    return tuple(found)


def measure(scenario: Scenario, kind: ForecastKind, leads_h: Sequence[float]) -> Iterator[ForecastRow]:
    """Yield a row for each quantity, for training and held-out weeks, and each lead time.

    Args:
        scenario: The data, of at least four weeks.
        kind: The forecast.
        leads_h: Hours, each a whole number of steps up to a day.
    """
    forecasters = scenario.series.forecasters(kind)
    ahead = [round(lead / scenario.timestep_h) for lead in leads_h]
    by_quantity = {DEMAND: forecasters.demand, PV: forecasters.pv}
    made = {name: said_before(forecaster, scenario.series.n_steps, ahead) for name, forecaster in by_quantity.items()}
    for part in parts(scenario):
        for lead, said in zip(leads_h, made[part.quantity], strict=True):
            yield _row(kind, part, lead, said)


def said_before(forecaster: Forecaster, steps: int, ahead: Sequence[int]) -> list[Outlook]:
    """Return, for each number of steps ahead, (T, N) arrays of what was said of every step so long before.

    The first rows, of which nothing was said, are NaN.
    """
    said: list[list[Matrix]] = [[] for _ in ahead]
    for first in range(0, steps, AT_ONCE):
        issued: Index = np.arange(first, min(first + AT_ONCE, steps))
        outlooks = forecaster.rows(issued)
        for kept, h in zip(said, ahead, strict=True):
            kept.append(np.stack([values[:, h - 1] for values in outlooks]))
    whole = [np.concatenate(kept, axis=1) for kept in said]
    nothing = [np.full((3, h, values.shape[2]), np.nan) for values, h in zip(whole, ahead, strict=True)]
    return [
        Outlook(*np.concatenate([blank, values[:, : steps - h]], axis=1))
        for blank, values, h in zip(nothing, whole, ahead, strict=True)
    ]


def _row(kind: ForecastKind, part: Part, lead_h: float, said: Outlook) -> ForecastRow:
    truth = part.truth_kw[part.counted]
    expected, low, high = (values[part.counted] for values in said)
    error, mean = expected - truth, float(truth.mean())
    return ForecastRow(
        forecast=kind.name,
        quantity=part.quantity,
        weeks=part.weeks,
        lead_h=lead_h,
        count=truth.size,
        mean_kw=mean,
        mae_kw=float(np.abs(error).mean()),
        nrmse=float(np.sqrt((error**2).mean())) / mean,
        stated=kind.coverage,
        covered=covered_share(truth, low, high),
        width_kw=float((high - low).mean()),
    )
