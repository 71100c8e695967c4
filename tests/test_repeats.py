"""The repeat watch: runs of one number, counted, calibrated and doubted; never more often than is stated."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Cause, Community, Controller, Scenario
from autonomy.calibration import calibrate
from autonomy.errors import ModelError
from autonomy.layers.supervision import read
from autonomy.layers.supervision.monitors import Accuracy
from autonomy.layers.supervision.novelty import Calibration, RepeatWatch, calibrated_monitors
from autonomy.layers.supervision.novelty.repeats import Repeats, rarity
from autonomy.layers.supervision.watch import Loss
from autonomy.series import Series
from tests.planted_faults import LATE, Setting, delays, held_out_hours
from tests.test_novelty import SIZE, SLOTS, alarms, community, made_series, sights

METERS = st.lists(st.lists(st.sampled_from([0.0, 0.5, 0.7]), min_size=4, max_size=4), min_size=1, max_size=25)


def rounded(series: Series, resolution_kw: float) -> Series:
    """Return what meters of a resolution show of a series."""
    demand, pv = (np.round(kw / resolution_kw) * resolution_kw for kw in (series.demand_kw, series.pv_kw))
    return replace(series, demand_kw=demand, pv_kw=pv, sha256="")


@cache
def calibration(resolution_kw: float = 0.1) -> Calibration:
    return calibrate(Scenario.whole(rounded(made_series(), resolution_kw)))


@cache
def demo(resolution_kw: float | None = None) -> Calibration:
    whole = Scenario.demo().series
    series = whole if resolution_kw is None else rounded(whole, resolution_kw)
    return calibrate(Scenario.whole(series))


def stuck(home: int, first: int, last: int, seed: int = 5) -> Series:
    """Home `home`'s demand meter shows the number of the step before `first`, until before `last`."""
    series = rounded(made_series(seed=seed, weeks=4), 0.001)
    demand = series.demand_kw.copy()
    demand[first:last, home] = demand[first - 1, home]
    return replace(series, demand_kw=demand, sha256="")


@given(METERS)
def test_the_runs_of_every_meter_are_those_of_its_groups_of_equal_numbers(steps):
    shown = np.array(steps).reshape(-1, 2, 2)
    counter = Repeats(2)
    runs = np.array([counter.see(row) for row in shown])
    for kind in range(2):
        for home in range(2):
            expected = [
                k if number else 0 for number, group in groupby(shown[:, kind, home]) for k, _ in enumerate(group)
            ]
            assert runs[:, kind, home].tolist() == expected


def test_a_repeat_scores_by_how_rare_it_is_by_hand():
    shown = np.array([[[0.0], [1.0]], [[0.0], [1.0]], [[0.0], [1.0]], [[0.0], [2.0]], [[0.0], [0.0]]])
    counter = Repeats(1)
    runs = np.array([counter.see(row) for row in shown])
    # Demand: 2 repeats among 4 readings. PV has no reading at all.
    assert rarity(runs, shown).tolist() == [[np.log(2.0)], [np.log(6 / 3)]]
    counter.reset()
    assert not counter.see(shown[0]).any()


@pytest.mark.parametrize("resolution_kw", [0.001, 0.1, 0.5])
def test_days_like_the_calibration_days_are_doubted_no_more_often_than_stated(resolution_kw):
    known = calibration(resolution_kw)
    found = alarms(RepeatWatch(known), rounded(made_series(seed=7, weeks=60), resolution_kw))
    days = {step // SLOTS for step, _ in found}
    bound = known.repeat_rate_upper
    assert len(days) <= 420 * bound + 3 * np.sqrt(420 * bound * (1 - bound))


def test_a_coarser_meter_is_given_more_repeats():
    fine, coarse = (
        demo(resolution_kw).repeat_threshold / demo(resolution_kw).repeat_rarity for resolution_kw in (None, 0.01)
    )
    reads = Scenario.demo().demand_kw.any(axis=0)
    assert (np.floor(fine[1]) + 1)[reads].max() <= 3
    assert (np.floor(coarse[1]) + 1)[reads].min() >= 4
    assert (coarse[1] > fine[1]).all()


@pytest.mark.parametrize("resolution_kw", [None, 0.01, 0.1])
def test_at_any_resolution_the_calibration_days_themselves_pass_as_stated(resolution_kw):
    known = demo(resolution_kw)
    assert np.mean(known.repeat_scores > known.repeat_threshold) <= known.repeat_alpha
    assert known.repeat_alpha < known.repeat_rate_upper < 0.08


@settings(deadline=None, max_examples=20)
@given(st.integers(0, SIZE - 1), st.integers(2 * SLOTS, 20 * SLOTS), st.integers(2, 12))
def test_a_stuck_meter_is_doubted_alone_until_it_moves(home, first, longest):
    known = calibration(0.001)
    series = stuck(home, first, first + longest)
    found = alarms(RepeatWatch(known), series)
    needed = int(known.repeat_threshold // known.repeat_rarity[1, home]) + 1
    # It is the last true reading that is shown, so the first faulty step is the first repeat.
    expected = list(range(first - 1 + needed, first + longest))
    assert [step for step, doubt in found if doubt.prosumers == (home,)] == expected
    assert {doubt.prosumers for _, doubt in found} <= {(home,)}
    assert {(doubt.cause, doubt.loss) for _, doubt in found} <= {(Cause.METER_STUCK, Loss.METER)}
    assert all("demand_kw of" in doubt.text and "is stuck" in doubt.text for _, doubt in found)


def test_a_meter_that_reads_zero_for_ever_is_not_stuck():
    series = made_series(seed=6, weeks=4)
    demand = series.demand_kw.copy()
    demand[:, 1] = 0.0
    assert alarms(RepeatWatch(calibration(0.001)), replace(series, demand_kw=demand, sha256="")) == []


def test_in_a_controller_only_the_meter_that_is_stuck_is_lost_and_it_comes_back():
    first, last = 10 * SLOTS, 12 * SLOTS
    controller = Controller(community(), monitors=(RepeatWatch(calibration(0.001)),))
    decisions = [controller.step(sight.given) for sight in sights(stuck(1, first, last), 0, 14 * SLOTS)]
    doubted = [k for k, decision in enumerate(decisions) if any(r.cause is Cause.METER_STUCK for r in decision.reasons)]
    assert first <= doubted[0] <= first + 2
    assert doubted[-1] < last + 4
    for k in doubted:
        reasons = [reason for reason in decisions[k].reasons if reason.cause is Cause.METER_STUCK]
        assert {reason.prosumers for reason in reasons} == {(1,)}
        assert decisions[k].battery_kw[1] == decisions[k].trade_kw[1] == 0.0
        assert not decisions[k].mode.is_fallback
    assert any(decisions[k].trade_kw[0] != 0.0 for k in doubted)
    assert any(decision.trade_kw[1] != 0.0 for decision in decisions[last + 4 :])


def test_a_demo_meter_that_is_stuck_is_named_within_two_steps_at_the_median():
    random = np.random.default_rng(11)
    onsets, homes = random.choice(held_out_hours(), 15).tolist(), random.integers(0, 17, 15).tolist()
    setting = Setting(accuracy=Accuracy(), calibration=demo())
    found = sorted(delays(setting, onsets, homes, ["stuck"], longest=6)["stuck"])
    assert found[0] >= 1
    assert found[len(found) // 2] <= 2, found
    without = sorted(delays(replace(setting, calibration=None), onsets, homes, ["stuck"], longest=6)["stuck"])
    assert without[len(without) // 2] > 2
    assert sum(steps < LATE for steps in found) > sum(steps < LATE for steps in without)


def test_where_the_time_stands_still_the_data_are_old_and_no_meter_is_stuck():
    watch = RepeatWatch(calibration(0.001))
    first = next(sights(made_series(seed=3, weeks=1)))
    seen = read(first.given, SIZE)
    later = read({**first.given, "time": first.given["time"] + np.timedelta64(6, "h")}, SIZE)
    assert watch.look(first._replace(reading=seen)) == ()
    for _ in range(30):
        assert watch.look(first._replace(reading=seen, before=seen, elapsed_s=0.0)) == ()
    found = [watch.look(first._replace(reading=later, before=seen, elapsed_s=21_600.0)) for _ in range(4)]
    assert {doubt.prosumers for doubts in found for doubt in doubts} == {(0,), (1,), (2,)}


def test_a_reset_watch_says_what_a_new_one_says():
    used, series = RepeatWatch(calibration(0.001)), stuck(2, 9, 20)
    said = alarms(used, series, 0, 20)
    used.reset()
    assert said
    assert alarms(used, series, 0, 20) == said


def test_what_cannot_be_is_refused_by_name(tmp_path):
    with pytest.raises(ModelError, match="loss"):
        RepeatWatch(calibration(), loss=Loss.POLICY)
    with pytest.raises(ModelError, match="at least 49 calibration days"):
        calibrate(Scenario.whole(made_series(weeks=12)), repeat_alpha=0.02)
    with pytest.raises(ModelError, match="names"):
        RepeatWatch(demo()).look(next(sights(made_series(weeks=1))))
    calibration().save(tmp_path / "calibration.npz")
    loaded = Calibration.load(tmp_path / "calibration.npz")
    assert loaded.repeat_threshold == calibration().repeat_threshold
    assert np.array_equal(loaded.repeat_rarity, calibration().repeat_rarity)


def test_the_calibrated_monitors_are_three_and_work_in_a_controller():
    home = Community.demo()
    monitors = calibrated_monitors(demo())
    assert [type(monitor).__name__ for monitor in monitors] == ["NoveltyWatch", "DriftWatch", "RepeatWatch"]
    decision = Controller(home, monitors=monitors).step({"time": "2017-01-01T00:00"})
    assert Cause.MONITOR_FAILED not in {reason.cause for reason in decision.reasons}
