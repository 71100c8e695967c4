"""The measurement of the novelty watch: what is planted, what is counted, on a small year of made data."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from autonomy import Scenario
from autonomy.benchmark.novelty.__main__ import fault_rows, mean_row
from autonomy.benchmark.novelty.candidates import KEPT, NAIVE
from autonomy.benchmark.novelty.planted import CHANNELS, FAULTS, SHIFTS, Meters, plant, shifted
from autonomy.benchmark.novelty.run import UNCALIBRATED, Bench, FalseAlarms
from autonomy.benchmark.novelty.stuck import RESOLUTIONS_KW, of_meters, stuck_meters
from autonomy.calibration import calibrate
from autonomy.layers.supervision.novelty import NoveltyWatch, RepeatWatch
from tests.test_novelty import SLOTS, alarms, made_series
from tests.test_repeats import rounded

DAYS = np.arange(3, 20)


@cache
def bench() -> Bench:
    return Bench(Scenario.whole(made_series()))


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_changes_one_meter_from_its_onset_to_midnight_and_nothing_else(channel, fault):
    true = Meters.of(Scenario.demo().window(0, 21 * 24))
    faulty, planted = plant(true, channel, fault, days=DAYS, slots=24, seed=5)
    changed = (faulty.pv_kw if channel == "PV" else faulty.demand_kw) != (
        true.pv_kw if channel == "PV" else true.demand_kw
    )
    allowed = np.zeros_like(changed)
    for spot in planted:
        allowed[spot.day * 24 + spot.onset : (spot.day + 1) * 24, spot.home] = True
    assert changed.any()
    assert not (changed & ~allowed).any()
    untouched = "demand_kw" if channel == "PV" else "pv_kw"
    assert getattr(faulty, untouched) is getattr(true, untouched)
    again, places = plant(true, channel, fault, days=DAYS, slots=24, seed=5)
    assert places == planted
    assert np.array_equal(again.pv_kw, faulty.pv_kw)
    assert np.array_equal(again.demand_kw, faulty.demand_kw)


def test_every_shift_but_none_changes_something():
    true = Meters.of(Scenario.demo().window(0, 48))
    for shift in SHIFTS:
        other = shifted(true, shift)
        same = all(np.array_equal(getattr(other, name), getattr(true, name)) for name in Meters.__slots__)
        assert same == (shift == "none"), shift


def test_the_bench_counts_the_false_alarms_that_the_watch_itself_raises():
    found = alarms(NoveltyWatch(bench().calibration), made_series())
    held = {step // SLOTS for step, doubt in found if doubt.prosumers and step // SLOTS // 7 % 4 == 3}
    assert bench().false_alarms()[KEPT].days == len(held)
    about_all = {step // SLOTS for step, doubt in found if not doubt.prosumers and step // SLOTS // 7 % 4 == 3}
    of_all, of_any = bench().community_false_alarms()
    assert of_all.days == len(about_all)
    assert of_any.days == len(about_all | held)


def test_every_score_is_calibrated_to_the_same_rate_but_the_usual_rule():
    counts = bench().false_alarms()
    assert set(counts) == {*bench().scores, UNCALIBRATED}
    for name in bench().scores:
        rows = bench()._worst_of_days(bench().clean[name], bench().calibrates) > bench().limits[name]
        assert rows.mean() <= bench().calibration.alpha / 2, name


def test_faults_are_found_by_the_score_that_is_kept_more_often_than_by_the_usual_rule():
    found = list(bench().detections())
    assert len(found) == len(CHANNELS) * len(FAULTS) * len(bench().scores)
    shares = {name: np.mean([row.on_calibration for row in found if row.score == name]) for name in bench().scores}
    assert shares[KEPT] > 0.1
    assert shares[KEPT] > shares[NAIVE]
    half = next(row for row in found if (row.channel, row.fault, row.score) == ("PV", "x0.5", KEPT))
    assert half.found > 0.5 * half.of
    assert 0 <= half.delay_p50 <= half.delay_p95 < SLOTS
    assert len(list(fault_rows(found, list(bench().scores)))) == len(CHANNELS) * len(FAULTS)
    assert mean_row(KEPT, found)[1] == f"{shares[KEPT]:.1%}"


def test_shifted_data_are_novel_and_data_that_are_not_are_not():
    rows = {row.shift: row for row in bench().shifts()}
    assert rows["none"].community_days < 0.2
    assert rows["none"].community_drifts_after is None
    assert rows["prices x1.5"].community_days == 1.0
    assert rows["prices x1.5"].community_drifts_after <= 10


def test_a_count_has_the_interval_of_its_share():
    count = FalseAlarms.count(np.array([True] + 9 * [False]))
    assert (count.days, count.of) == (1, 10)
    assert count.low == pytest.approx(1 - 0.975**0.1)  # P(at least one of ten) = 2.5 %
    assert count.low < 0.1 < count.high


def test_false_alarms_about_stuck_meters_are_those_that_the_watch_itself_raises():
    series = rounded(made_series(), 0.2)
    scenario = Scenario.whole(series)
    found, calibration = of_meters(scenario, 0.2), calibrate(scenario)
    held = {step // SLOTS for step, _ in alarms(RepeatWatch(calibration), series) if step // SLOTS // 7 % 4 == 3}
    assert found.alarms.days == len(held)
    assert found.upper == calibration.repeat_rate_upper
    for row in range(2):
        doubted = found.needed[row] * calibration.repeat_rarity[row]
        assert (doubted > calibration.repeat_threshold).all()
        assert (doubted - calibration.repeat_rarity[row] <= calibration.repeat_threshold).all()


def test_stuck_meters_are_found_sooner_the_finer_they_read():
    rows = {row.resolution_kw: row for row in stuck_meters(Scenario.whole(made_series()))}
    assert tuple(rows) == RESOLUTIONS_KW
    for channel in CHANNELS:
        delays = rows[None].delays[channel]
        assert delays.size == rows[None].alarms.of
        # No reading of the training days was ever repeated, so one repeat is enough; the first faulty step is one,
        # unless it follows another fault of this home, planted on the day before.
        assert np.nanmax(delays) <= 1.0
        assert np.nanmedian(delays) == 0.0
    assert np.isfinite(rows[None].delays["demand"]).all()
    assert np.nanmean(rows[0.1].delays["demand"]) > 0.0
