"""The measurement: calibrate on the weeks that are not held out, then plant faults on days and see who notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from autonomy.benchmark.novelty.candidates import KEPT, NAIVE, Data, Score, candidates
from autonomy.benchmark.novelty.planted import CHANNELS, FAULTS, SHIFTS, Meters, Planted, plant, shifted
from autonomy.calibration import calibrate
from autonomy.layers.arrays import Index, Mask, Matrix
from autonomy.layers.supervision.novelty.conformal import clopper_pearson, threshold
from autonomy.layers.supervision.novelty.features import COMMUNITY_FEATURES, PROSUMER_FEATURES, Features
from autonomy.layers.supervision.novelty.martingale import capitals
from autonomy.layers.supervision.novelty.moment import Moment
from autonomy.layers.supervision.novelty.record import Calibration
from autonomy.layers.supervision.novelty.yardstick import by_day, worst
from autonomy.scenario import DAYS_PER_WEEK, HELD_OUT_EVERY, Scenario

NAIVE_LIMIT = 4.0
"""The limit that a z-score is usually given."""
UNCALIBRATED = f"{NAIVE} > {NAIVE_LIMIT:g}, not calibrated"


@dataclass(frozen=True, kw_only=True, slots=True)
class FalseAlarms:
    """Days with a false alarm.

    Attributes:
        days: On how many.
        of: Of how many.
        low: Lower end of the 95 % Clopper-Pearson interval of the rate.
        high: Its upper end.
    """

    days: int
    of: int
    low: float
    high: float

    @classmethod
    def count(cls, alarmed: Mask) -> FalseAlarms:
        """Return the count of an array with one entry a day."""
        low, high = clopper_pearson(int(alarmed.sum()), alarmed.size)
        return cls(days=int(alarmed.sum()), of=alarmed.size, low=low, high=high)


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """How often planted faults of one kind were noticed at the home that had them.

    Attributes:
        channel: Which meter.
        fault: Which fault.
        score: Name of the score.
        on_calibration: Share found on calibration days, by which the score was chosen.
        found: How many were found on held-out days.
        of: Of how many.
        delay_p50: Steps from the onset to the alarm, median of those found; NaN when none was.
        delay_p95: Their 95 % quantile.
    """

    channel: str
    fault: str
    score: str
    on_calibration: float
    found: int
    of: int
    delay_p50: float
    delay_p95: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Shifted:
    """What shifted data do on held-out days.

    Attributes:
        shift: Which shift.
        prosumer_days: Share of the days on which a prosumer is novel.
        community_days: Share of the days on which the community is novel.
        prosumers_drifting: How many prosumers' martingales alarm within the held-out days.
        community_drifts_after: Days until the community's martingale alarms; None for never.
    """

    shift: str
    prosumer_days: float
    community_days: float
    prosumers_drifting: int
    community_drifts_after: int | None


class Bench:
    """One community's year.

    Args:
        scenario: The data; every fourth week of it is held out.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.meters = scenario, Meters.of(scenario)
        self.slots = scenario.series.steps_per_day
        self.calibration = calibrate(scenario)
        self.n_steps = scenario.n_steps // (DAYS_PER_WEEK * self.slots) * DAYS_PER_WEEK * self.slots
        step = np.arange(self.n_steps)
        self.slot, self.day = step % self.slots, step // self.slots
        phase = self.day // DAYS_PER_WEEK % HELD_OUT_EVERY
        self.teaches, self.held_out = phase == 0, phase == HELD_OUT_EVERY - 1
        self.calibrates = ~self.teaches & ~self.held_out
        self.data, self.community = self.figures(self.meters)
        self.scores = {KEPT: self.kept} | candidates(self.data, self.teaches)
        self.clean = {name: score(self.data, self.calibrates | self.held_out) for name, score in self.scores.items()}
        self.limits = {
            name: threshold(self._worst_of_days(scores, self.calibrates), self.calibration.alpha / 2)
            for name, scores in self.clean.items()
        }
        self.limits[KEPT] = self.calibration.prosumer_threshold

    def kept(self, data: Data, wanted: Mask) -> Matrix:
        """Return the score as it is shipped: calibrated without a look at a held-out step, not even as a yesterday."""
        return worst(self.calibration.prosumers.score(data.slot[wanted], data.figures[wanted]))

    def figures(self, meters: Meters) -> tuple[Data, Matrix]:
        """Return the figures of the whole year, as a watch that is never reset sees them."""
        features, size = Features(self.calibration.unit_kw, self.slots), meters.pv_kw.shape[1]
        prosumers, community = (
            np.empty((self.n_steps, len(PROSUMER_FEATURES), size)),
            np.empty((self.n_steps, len(COMMUNITY_FEATURES))),
        )
        raw = np.stack((meters.pv_kw, meters.demand_kw), axis=1)[: self.n_steps]
        one = np.ones(size)
        for k in range(self.n_steps):
            moment = Moment(int(self.day[k]), int(self.slot[k]))
            prices = meters.retail_price[k] * one, meters.feed_in_price[k] * one
            prosumers[k], community[k] = features.see(moment, raw[k], *prices)
        return Data(prosumers, raw, self.slot, self.day), community

    def _worst_of_days(self, scores: Matrix, chosen: Mask) -> Matrix:
        """Return the largest score of any prosumer on each chosen day; `scores` are of all days that do not teach."""
        rows = self.calibrates | self.held_out
        days = by_day(scores[chosen[rows]], self.day[chosen], np.ones(int(chosen.sum()), dtype=bool))
        return np.asarray(np.fmax.reduce(days, axis=1))

    def false_alarms(self) -> dict[str, FalseAlarms]:
        """Return the false alarms about any prosumer on held-out days, and what the naive limit would have done."""
        worst_of = {name: self._worst_of_days(scores, self.held_out) for name, scores in self.clean.items()}
        found = {name: FalseAlarms.count(worst_of[name] > self.limits[name]) for name in self.scores}
        return found | {UNCALIBRATED: FalseAlarms.count(worst_of[NAIVE] > NAIVE_LIMIT)}

    def community_false_alarms(self) -> tuple[FalseAlarms, FalseAlarms]:
        """Return the false alarms on held-out days about the community, and about it or any prosumer."""
        prosumers, community = self._days(self.data.figures, self.community, self.held_out)
        about_all = community > self.calibration.community_threshold
        about_any = np.fmax.reduce(prosumers, axis=1) > self.calibration.prosumer_threshold
        return FalseAlarms.count(about_all), FalseAlarms.count(about_all | about_any)

    def _days(self, figures: Matrix, community: Matrix, chosen: Mask) -> tuple[Matrix, Matrix]:
        """Return the largest scores of each chosen day, (days, N) of the prosumers and (days,) of the community."""
        slot, calibration = self.slot[chosen], self.calibration
        of_prosumers = worst(calibration.prosumers.score(slot, figures[chosen]))
        of_community = worst(calibration.community.score(slot, community[chosen][:, :, None]))
        everything = np.ones(slot.size, dtype=bool)
        days = by_day(np.hstack((of_prosumers, of_community)), self.day[chosen], everything)
        return days[:, :-1], days[:, -1]

    def detections(self, on_fault: Callable[[], None] = lambda: None) -> Iterator[Detection]:
        """Yield how often each planted fault is found by each score."""
        rows = self.calibrates | self.held_out
        days = np.unique(self.day[rows])
        for number, (channel, fault) in enumerate((channel, fault) for channel in CHANNELS for fault in FAULTS):
            faulty, planted = plant(self.meters, channel, fault, days=days, slots=self.slots, seed=number)
            data, _ = self.figures(faulty)
            for name, score in self.scores.items():
                yield self._detection((channel, fault, name), score(data, rows), planted, self.limits[name], days)
            on_fault()

    def _detection(
        self, name: tuple[str, str, str], scores: Matrix, planted: tuple[Planted, ...], limit: float, days: Index
    ) -> Detection:
        held_days = set(np.unique(self.day[self.held_out]).tolist())
        delays: dict[bool, list[float]] = {True: [], False: []}
        for place, fault in enumerate(planted):
            of_day = scores[place * self.slots : (place + 1) * self.slots, fault.home]
            hits = np.flatnonzero(of_day[fault.onset :] > limit)
            delays[int(days[place]) in held_days].append(float(hits[0]) if hits.size else np.nan)
        held = np.array(delays[True])
        found = held[np.isfinite(held)]
        p50, p95 = np.quantile(found, (0.5, 0.95)) if found.size else (np.nan, np.nan)
        return Detection(
            channel=name[0],
            fault=name[1],
            score=name[2],
            on_calibration=float(np.isfinite(delays[False]).mean()),
            found=found.size,
            of=held.size,
            delay_p50=float(p50),
            delay_p95=float(p95),
        )

    def shifts(self) -> Iterator[Shifted]:
        """Yield what each shift of the whole community does on the held-out days."""
        for shift in SHIFTS:
            data, community = self.figures(shifted(self.meters, shift))
            prosumers, of_all = self._days(data.figures, community, self.held_out)
            yield shifted_row(shift, self.calibration, prosumers, of_all)

    def drifts_of_the_year(self) -> list[tuple[str, int, bool]]:
        """Return who drifts when every day of the year is played in order: name, day of the first alarm, held out?

        Days that taught or calibrated are among them, so this is no test of the promise: it shows real lives.
        """
        prosumers, of_all = self._days(self.data.figures, self.community, np.ones(self.n_steps, dtype=bool))
        days, known = np.hstack((prosumers, of_all[:, None])), self.calibration.day_scores
        size, held = prosumers.shape[1], self.held_out[:: self.slots]
        found = []
        for i, name in enumerate((*self.scenario.names, "the community")):
            needed = 2 / self.calibration.drift_alpha * (size if i < size else 1)
            path = capitals(known[np.isfinite(known[:, i]), i], days[:, i])
            first = next((day for day, capital in enumerate(path) if capital >= needed), None)
            if first is not None:
                found.append((name, first, bool(held[first])))
        return found

    def season(self) -> Shifted:
        """Return what a calibration on the first 13 weeks (August to October) says of weeks 21 to 29 (winter)."""
        week = DAYS_PER_WEEK * self.slots
        summer = calibrate(self.scenario.window(0, 13 * week))
        other = Bench.__new__(Bench)
        other.calibration, other.slot, other.day, other.slots = summer, self.slot, self.day, self.slots
        other.n_steps = self.n_steps
        data, community = other.figures(self.meters)
        winter = (self.day >= 20 * DAYS_PER_WEEK) & (self.day < 29 * DAYS_PER_WEEK)
        prosumers, of_all = other._days(data.figures, community, winter)
        return shifted_row("winter, calibrated in summer", summer, prosumers, of_all)


def shifted_row(shift: str, calibration: Calibration, prosumers: Matrix, community: Matrix) -> Shifted:
    """Return the row of days that scored like this, in their order."""
    size = prosumers.shape[1]
    needed = 2 / calibration.drift_alpha
    known = calibration.day_scores
    drifting = [
        max(capitals(known[np.isfinite(known[:, i]), i], prosumers[:, i]), default=0.0) >= size * needed
        for i in range(size)
    ]
    path = capitals(known[np.isfinite(known[:, -1]), -1], community)
    after = next((day + 1 for day, capital in enumerate(path) if capital >= needed), None)
    return Shifted(
        shift=shift,
        prosumer_days=float((np.fmax.reduce(prosumers, axis=1) > calibration.prosumer_threshold).mean()),
        community_days=float((community > calibration.community_threshold).mean()),
        prosumers_drifting=sum(drifting),
        community_drifts_after=after,
    )


__all__ = ["Bench", "Detection", "FalseAlarms", "Score", "Shifted"]
