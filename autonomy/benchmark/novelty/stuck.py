"""The repeat watch: false alarms and stuck meters on held-out days, for readings as they are and rounded ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from autonomy.benchmark.novelty.planted import CHANNELS, Meters, plant
from autonomy.benchmark.novelty.run import FalseAlarms
from autonomy.calibration import calibrate
from autonomy.layers.arrays import Mask, Matrix, Vector
from autonomy.layers.supervision.novelty.record import Calibration
from autonomy.layers.supervision.novelty.repeats import Repeats
from autonomy.scenario import DAYS_PER_WEEK, HELD_OUT_EVERY, Scenario

RESOLUTIONS_KW = (None, 0.001, 0.01, 0.1)
"""What readings are rounded to; None for not at all."""
ROWS = {"PV": 0, "demand": 1}


@dataclass(frozen=True, kw_only=True, slots=True)
class StuckMeters:
    """What the repeat watch does with meters of one resolution, on held-out days.

    Attributes:
        resolution_kw: kW, what readings are rounded to; None for as they are in the data.
        alarms: Days with a false alarm about any meter.
        upper: The stated bound of their rate at 95 % confidence.
        needed: (2, N) repeats of PV and demand that are doubted, for each home; inf where it has none.
        delays: Of each channel, steps from onset to alarm of a stuck meter, one a day; NaN where midnight came first.
    """

    resolution_kw: float | None
    alarms: FalseAlarms
    upper: float
    needed: Matrix
    delays: dict[str, Vector]


def stuck_meters(scenario: Scenario) -> Iterator[StuckMeters]:
    """Yield what the watch does at each resolution; every fourth week is held out."""
    for resolution_kw in RESOLUTIONS_KW:
        series = scenario.series
        if resolution_kw is not None:
            demand, pv = (np.round(kw / resolution_kw) * resolution_kw for kw in (series.demand_kw, series.pv_kw))
            series = replace(series, demand_kw=demand, pv_kw=pv, sha256="")
        yield of_meters(Scenario.whole(series), resolution_kw)


def of_meters(scenario: Scenario, resolution_kw: float | None) -> StuckMeters:
    """Return what the watch does with the meters of a scenario as they are."""
    calibration, meters, slots = calibrate(scenario), Meters.of(scenario), scenario.series.steps_per_day
    n_days = scenario.n_steps // (DAYS_PER_WEEK * slots) * DAYS_PER_WEEK
    days = np.arange(n_days)
    held = days[days // DAYS_PER_WEEK % HELD_OUT_EVERY == HELD_OUT_EVERY - 1]
    alarmed = _alarms(calibration, meters)[: n_days * slots].reshape(n_days, slots, -1)
    delays = {}
    for number, channel in enumerate(CHANNELS):
        faulty, planted = plant(meters, channel, "stuck", days=held, slots=slots, seed=number)
        found = _alarms(calibration, faulty)[:, ROWS[channel]]
        spans = (found[spot.day * slots + spot.onset : (spot.day + 1) * slots, spot.home] for spot in planted)
        delays[channel] = np.array([float(np.argmax(span)) if span.any() else np.nan for span in spans])
    reads = np.stack((meters.pv_kw.any(axis=0), meters.demand_kw.any(axis=0)))
    needed = np.floor(calibration.repeat_threshold / calibration.repeat_rarity) + 1
    return StuckMeters(
        resolution_kw=resolution_kw,
        alarms=FalseAlarms.count(alarmed[held].any(axis=(1, 2))),
        upper=calibration.repeat_rate_upper,
        needed=np.where(reads, needed, np.inf),
        delays=delays,
    )


def _alarms(calibration: Calibration, meters: Meters) -> Mask:
    """Return (T, 2, N) where the watch doubts a meter that is never reset."""
    repeats = Repeats(len(calibration.names))
    shown = np.stack((meters.pv_kw, meters.demand_kw), axis=1)
    scores = np.array([repeats.see(row) for row in shown]) * calibration.repeat_rarity
    alarmed: Mask = scores > calibration.repeat_threshold
    return alarmed
