"""The novelty and drift watches: what they promise, on made and on real days; no held-out week is looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Network, Scenario
from autonomy.calibration import calibrate, figures_of, unit_of
from autonomy.layers.decision import Cause
from autonomy.layers.errors import ModelError
from autonomy.layers.supervision import Screen
from autonomy.layers.supervision.novelty import Calibration, DriftWatch, NoveltyWatch, Scorer
from autonomy.layers.supervision.novelty.features import COMMUNITY_FEATURES, PROSUMER_FEATURES, Features
from autonomy.layers.supervision.novelty.moment import Clock, Moment
from autonomy.layers.supervision.novelty.yardstick import Yardstick
from autonomy.layers.supervision.watch import Loss, Sight
from autonomy.series import Series

SLOTS, SIZE, WEEKS = 4, 3, 40
NAMES = ("a", "b", "c")


def made_series(seed: int = 0, weeks: int = WEEKS) -> Series:
    """Independent days: each day has its own weather and its own demands, so days are exchangeable."""
    rng = np.random.default_rng(seed)
    days = weeks * 7
    sun = np.array([0.0, 2.0, 3.0, 0.0])[None, :, None] * rng.uniform(0.4, 1.0, (days, 1, 1))
    pv = sun * np.array([1.0, 1.5, 0.8]) * rng.uniform(0.9, 1.1, (days, SLOTS, SIZE))
    demand = np.array([0.5, 1.0, 1.0, 2.0])[None, :, None] * np.exp(0.3 * rng.standard_normal((days, SLOTS, SIZE)))
    start = np.datetime64("2024-01-01T00:00", "m")
    return Series(
        time=start + np.arange(days * SLOTS) * np.timedelta64(6, "h"),
        demand_kw=demand.reshape(-1, SIZE),
        pv_kw=pv.reshape(-1, SIZE),
        retail_price=np.tile([0.2, 0.2, 0.2, 0.5], days),
        feed_in_price=0.06,
        names=NAMES,
        timestep_h=6.0,
    )


@cache
def calibration() -> Calibration:
    return calibrate(Scenario.whole(made_series()))


@cache
def community() -> Community:
    return Community(
        battery_capacity_kwh=5.0,
        charge_limit_kw=2.0,
        discharge_limit_kw=2.0,
        timestep_h=6.0,
        names=NAMES,
        network=Network.single_feeder(n_prosumers=SIZE),
    )


def sights(series: Series, first: int = 0, last: int | None = None, **fields):
    """Yield what a watch sees of the steps of a series; `fields` replace what the host gives."""
    screen, idle = Screen(community()), np.zeros(SIZE)
    for k in range(first, series.n_steps if last is None else last):
        host = {
            "demand_kw": series.demand_kw[k],
            "pv_kw": series.pv_kw[k],
            "soc": np.full(SIZE, 0.5),
            "retail_price": np.full(SIZE, series.retail_price[k]),
            "feed_in_price": np.full(SIZE, series.feed_in_price[k]),
            "time": series.time[k],
        } | fields
        situation = screen(host, idle)
        yield Sight(community=community(), step=k, given=host, situation=situation, previous=None, decided=None)


def alarms(watch, series: Series, first: int = 0, last: int | None = None):
    """Return (step, doubt) for every doubt of a run."""
    return [(sight.step, doubt) for sight in sights(series, first, last) for doubt in watch.look(sight)]


def test_days_like_the_calibration_days_are_doubted_no_more_often_than_stated():
    fresh = made_series(seed=7, weeks=60)
    found = alarms(NoveltyWatch(calibration()), fresh)
    of_prosumers = {step // SLOTS for step, doubt in found if doubt.prosumers}
    of_all = {step // SLOTS for step, doubt in found if not doubt.prosumers}
    # 420 days at the stated upper bound of each half, plus three deviations of a binomial.
    bound = calibration().rate_upper
    most = 420 * bound + 3 * np.sqrt(420 * bound * (1 - bound))
    assert len(of_prosumers) <= most
    assert len(of_all) <= most


def test_ordinary_days_never_start_a_drift_alarm():
    assert alarms(DriftWatch(calibration()), made_series(seed=8, weeks=52)) == []


def half_of_the_sun(day: int) -> Series:
    """Meter b shows less than half of its PV for one day."""
    series = made_series(seed=9, weeks=4)
    pv = series.pv_kw.copy()
    pv[day * SLOTS : (day + 1) * SLOTS, 1] *= 0.3
    return replace(series, pv_kw=pv, sha256="")


def test_a_meter_that_shows_less_than_half_of_its_sun_is_doubted_alone_and_trusted_again_on_the_next_day():
    clean = [step for step, _ in alarms(NoveltyWatch(calibration()), made_series(seed=9, weeks=4))]
    found = [pair for pair in alarms(NoveltyWatch(calibration()), half_of_the_sun(10)) if pair[0] not in clean]
    assert {step // SLOTS for step, _ in found} == {10}
    of_prosumers = [doubt for _, doubt in found if doubt.prosumers]  # of three homes one is also felt by the sum
    assert {doubt.prosumers for doubt in of_prosumers} == {(1,)}
    assert {doubt.loss for doubt in of_prosumers} == {Loss.MARKET}
    assert {doubt.cause for _, doubt in found} == {Cause.NOVELTY}
    assert all("b is novel: " in doubt.text and "PV" in doubt.text for doubt in of_prosumers)


def test_in_a_controller_the_doubted_home_stops_trading_the_others_go_on_and_trust_comes_back():
    controller = Controller(community(), monitors=(NoveltyWatch(calibration()),))
    decisions = [controller.step(sight.given) for sight in sights(half_of_the_sun(10), 0, 14 * SLOTS)]

    def steps_with(cause: Cause) -> list[int]:
        said = [(k, reason) for k, decision in enumerate(decisions) for reason in decision.reasons]
        return [k for k, reason in said if reason.cause is cause and 1 in reason.prosumers]

    doubted, restored = steps_with(Cause.NOVELTY), steps_with(Cause.TRUST_RESTORED)
    assert doubted[0] // SLOTS == 10
    assert restored[0] == doubted[-1] + 1
    assert all(decisions[k].trade_kw[1] == 0 for k in doubted)
    assert any(decisions[k].trade_kw[0] != 0 for k in doubted)
    assert any(decision.trade_kw[1] != 0 for decision in decisions[restored[0] :])


def test_a_community_with_other_prices_costs_the_policy_and_nobody_their_meter():
    series = made_series(seed=10, weeks=2)
    dear = replace(series, retail_price=3 * series.retail_price, sha256="")
    found = alarms(NoveltyWatch(calibration()), dear)
    about_all = [doubt for _, doubt in found if not doubt.prosumers]
    assert len(about_all) == dear.n_steps
    assert {doubt.loss for doubt in about_all} == {Loss.POLICY}
    assert "retail price" in about_all[0].text


def test_a_replayed_meter_is_found_by_being_too_near_to_yesterday():
    series = made_series(seed=11, weeks=6)
    demand = series.demand_kw.copy()
    for day in range(20, 24):
        demand[day * SLOTS : (day + 1) * SLOTS, 2] = demand[19 * SLOTS : 20 * SLOTS, 2]
    found = alarms(NoveltyWatch(calibration()), replace(series, demand_kw=demand, sha256=""), 0, 24 * SLOTS)
    assert {doubt.prosumers for _, doubt in found} == {(2,)}
    assert min(step for step, _ in found) >= 20 * SLOTS
    assert any("distance of demand from yesterday" in doubt.text for _, doubt in found)


def test_a_drifting_community_is_found_within_two_weeks_and_again_after_the_restart():
    series = made_series(seed=12, weeks=16)
    found = alarms(DriftWatch(calibration()), replace(series, demand_kw=1.6 * series.demand_kw, sha256=""))
    days = sorted({step // SLOTS for step, doubt in found if not doubt.prosumers})
    assert days
    assert days[0] <= 14
    assert len(days) > 1
    assert {doubt.loss for _, doubt in found} == {Loss.NOTE}
    assert {doubt.cause for _, doubt in found} == {Cause.DRIFT}


def test_a_drift_alarm_lasts_for_exactly_one_day():
    series = made_series(seed=12, weeks=16)
    watch = DriftWatch(calibration())
    found = alarms(watch, replace(series, demand_kw=1.6 * series.demand_kw, sha256=""))
    first = min(step for step, doubt in found if not doubt.prosumers)
    about_all = [step for step, doubt in found if not doubt.prosumers]
    assert first % SLOTS == 0
    assert about_all[:SLOTS] == list(range(first, first + SLOTS))
    assert first + SLOTS not in about_all


def test_a_reset_watch_says_what_a_new_one_says():
    series = made_series(seed=13, weeks=5)
    strange = replace(series, demand_kw=2 * series.demand_kw, sha256="")
    for kind in (NoveltyWatch, DriftWatch):
        used = kind(calibration())
        alarms(used, strange)
        used.reset()
        assert alarms(used, strange) == alarms(kind(calibration()), strange)


def test_two_watches_that_share_a_scorer_say_what_they_say_apart():
    strange = replace(made_series(seed=14, weeks=8), demand_kw=1.5 * made_series(seed=14, weeks=8).demand_kw, sha256="")
    scorer = Scorer(calibration())
    novelty, drift = NoveltyWatch(calibration(), scorer=scorer), DriftWatch(calibration(), scorer=scorer)
    shared = [(novelty.look(sight), drift.look(sight)) for sight in sights(strange)]
    novelty, drift = NoveltyWatch(calibration()), DriftWatch(calibration())
    assert shared == [(novelty.look(sight), drift.look(sight)) for sight in sights(strange)]
    assert any(found for pair in shared for found in pair)


def test_an_isolated_meter_is_not_judged_and_does_not_make_its_neighbours_novel():
    series, watch = made_series(seed=15, weeks=3), NoveltyWatch(calibration())
    pv = np.array(series.pv_kw)
    pv[8 * SLOTS : 9 * SLOTS, 0] = np.nan
    screen, idle = Screen(community()), np.zeros(SIZE)
    doubts = []
    for sight in sights(series):
        host = dict(sight.given) | {"pv_kw": pv[sight.step]}
        doubts += watch.look(sight._replace(given=host, situation=screen(host, idle)))
    assert doubts == []


def test_without_a_time_of_day_the_watch_says_that_it_cannot_judge_and_takes_nothing():
    series, watch = made_series(weeks=1), NoveltyWatch(calibration())
    for given_time in (None, 17, "yesterday", np.datetime64("NaT"), b"2024-01-01"):
        (doubt,) = next(watch.look(sight) for sight in sights(series, 0, 1, time=given_time))
        assert doubt.loss is Loss.NOTE
        assert "cannot be judged" in doubt.text


def test_a_day_with_a_missing_step_is_not_bet_on():
    series, watch = made_series(seed=16, weeks=3), DriftWatch(calibration())
    for sight in sights(series):
        if sight.step != 5 * SLOTS + 2:
            watch.look(sight)
    # The last day is not over, day 5 lacks a step.
    assert watch.martingales[-1].days == 21 - 2


def test_calibrating_twice_gives_the_same_and_other_data_another(tmp_path):
    first, again = (calibrate(Scenario.whole(made_series())) for _ in range(2))
    assert first.sha256 == again.sha256
    assert calibrate(Scenario.whole(made_series(seed=1))).sha256 != first.sha256
    for record, name in ((first, "first.npz"), (again, "again.npz")):
        record.save(tmp_path / name)
    loaded = Calibration.load(tmp_path / "first.npz")
    assert loaded.sha256 == first.sha256
    assert loaded.prosumer_threshold == first.prosumer_threshold
    strange = replace(made_series(seed=14, weeks=3), demand_kw=2 * made_series(seed=14, weeks=3).demand_kw, sha256="")
    assert alarms(NoveltyWatch(loaded), strange) == alarms(NoveltyWatch(first), strange)


def test_a_changed_file_or_one_of_other_code_is_refused(tmp_path):
    path = tmp_path / "calibration.npz"
    replace(calibration(), code_sha256="0" * 64).save(path)
    with pytest.raises(ModelError, match="calibrate again"):
        Calibration.load(path)
    calibration().save(path)
    with np.load(path) as archive:
        content = {name: archive[name] for name in archive.files}
    content["day_scores"] = content["day_scores"] + 1.0
    np.savez(path, **content)
    with pytest.raises(ModelError, match="was changed"):
        Calibration.load(path)
    path.write_bytes(b"no archive")
    with pytest.raises(ModelError, match=r"Calibration\.save"):
        Calibration.load(path)
    with pytest.raises(ModelError, match=r"Calibration\.save"):
        Calibration.load(tmp_path / "nowhere.npz")


def test_a_calibration_is_frozen_and_of_one_community_only():
    with pytest.raises(ValueError, match="read-only"):
        calibration().day_scores[0, 0] = 0.0
    with pytest.raises(AttributeError):
        calibration().alpha = 0.5
    other = NoveltyWatch(replace(calibration(), names=("x", "y", "z")))
    with pytest.raises(ModelError, match="names"):
        other.look(next(sights(made_series(weeks=1))))


def test_too_few_days_for_the_rate_are_refused_with_the_number_that_is_needed():
    with pytest.raises(ModelError, match="at least 39 calibration days"):
        calibrate(Scenario.whole(made_series(weeks=8)))
    calibrate(Scenario.whole(made_series(weeks=12)))
    with pytest.raises(ModelError, match="alpha"):
        calibrate(Scenario.whole(made_series(weeks=12)), alpha=0.0)
    with pytest.raises(ModelError, match="drift_alpha"):
        calibrate(Scenario.whole(made_series(weeks=12)), drift_alpha=1.5)


@pytest.mark.parametrize("loss", [Loss.POLICY, Loss.BLIND])
def test_one_prosumer_cannot_cost_everybody_the_policy(loss):
    with pytest.raises(ModelError, match="prosumer_loss"):
        NoveltyWatch(calibration(), prosumer_loss=loss)


def test_a_loss_that_was_chosen_is_the_loss_of_the_doubt():
    watch = NoveltyWatch(calibration(), prosumer_loss=Loss.METER, community_loss=Loss.NOTE)
    found = alarms(watch, half_of_the_sun(10))
    assert {doubt.loss for _, doubt in found if doubt.prosumers} == {Loss.METER}
    found = alarms(watch, replace(made_series(weeks=1), retail_price=1.0, sha256=""))
    assert {doubt.loss for _, doubt in found if not doubt.prosumers} == {Loss.NOTE}


def test_calibrating_does_not_look_at_held_out_weeks():
    series = Scenario.demo().series
    spoilt = np.array(series.demand_kw)
    for week in Scenario.demo().held_out_weeks():
        spoilt[week.start : week.stop] = 7.0
    changed = replace(series, demand_kw=spoilt, pv_kw=series.pv_kw, sha256="spoilt")
    window = (0, 16 * 168)
    plain, blind = (calibrate(Scenario.whole(data).window(*window)) for data in (series, changed))
    assert blind.data_sha256 != plain.data_sha256
    assert replace(blind, data_sha256=plain.data_sha256).sha256 == plain.sha256


def test_the_weeks_that_teach_calibrate_and_are_held_out_are_disjoint_and_spread_over_the_year():
    seen = figures_of(Scenario.demo(), unit_of(Scenario.demo()))
    assert not (seen.teaches & seen.calibrates).any()
    assert (seen.teaches | seen.calibrates).all()
    assert np.unique(seen.day[seen.teaches]).size == 91
    assert np.unique(seen.day[seen.calibrates]).size == 182
    assert not set(seen.week.tolist()) & {week.start // 168 for week in Scenario.demo().held_out_weeks()}


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**31), scale=st.sampled_from([0.0, 1e-9, 1.0, 1e9]))
def test_figures_of_any_finite_measurement_are_finite_or_say_nothing(seed, scale):
    rng = np.random.default_rng(seed)
    features = Features(np.array([[1.0, 0.0, 2.0], [1.0, 1.0, 0.5]]), SLOTS)
    yardstick = calibration().prosumers
    with np.errstate(all="raise"):
        for k in range(3 * SLOTS):
            isolated = rng.random(SIZE) < 0.3 if k % 3 == 0 else None
            measured = scale * rng.exponential(size=(2, SIZE)) * (rng.random((2, SIZE)) < 0.7)
            if isolated is not None:
                measured[:, isolated] = 0.0
            seen = features.see(Moment(k // SLOTS, k % SLOTS), measured, rng.random(SIZE), rng.random(SIZE), isolated)
            assert seen.prosumers.shape == (len(PROSUMER_FEATURES), SIZE)
            assert seen.community.shape == (len(COMMUNITY_FEATURES),)
            assert not np.isinf(seen.prosumers).any()
            assert not np.isinf(seen.community).any()
            if isolated is not None:
                assert np.isnan(seen.prosumers[:, isolated]).all()
            assert not np.isinf(yardstick.score(k % SLOTS, seen.prosumers)).any()


def test_the_figures_of_a_small_day_are_those_worked_by_hand():
    features = Features(np.array([[1.0, 1.0, 2.0], [1.0, 1.0, 1.0]]), 2)
    one = np.ones(3)
    features.see(Moment(0, 0), np.array([[1.0, 1.0, 2.0], [1.0, 1.0, 1.0]]), one, one)
    features.see(Moment(0, 1), np.array([[1.0, 1.0, 2.0], [1.0, 1.0, 1.0]]), one, one)
    seen = features.see(Moment(1, 0), np.array([[1.0, 1.0, 1.0], [1.0, 3.0, 1.0]]), 0.3 * one, 0.06 * one).prosumers
    # The third shows half of its unit of 2 kW, the neighbours their whole unit: ln(0.5 + 0.2) − ln(1 + 0.2).
    assert seen[2] == pytest.approx([0.0, 0.0, np.log(0.7 / 1.2)])
    assert seen[3] == pytest.approx(seen[2])  # the day has just begun
    assert seen[4] == pytest.approx([0.0, np.log(3.05 / 1.05), 0.0])
    # Its demand is ln(3.05/1.05) from yesterday's; the distance before was 1, and nothing was known of a day before.
    assert seen[6, 1] == pytest.approx(np.log((1.0 + np.log(3.05 / 1.05)) / 2 + 0.001))


def test_a_score_is_nought_at_the_median_day_and_one_at_the_strangest():
    rng = np.random.default_rng(3)
    figures = rng.standard_normal((101 * SLOTS, 2, SIZE))
    slot, day = np.arange(figures.shape[0]) % SLOTS, np.arange(figures.shape[0]) // SLOTS
    daily = Yardstick.fit(figures, slot, day).score(slot, figures).reshape(101, SLOTS, 2, SIZE).max(axis=1)
    assert np.median(daily, axis=0) == pytest.approx(0.0, abs=1e-12)
    assert daily.max(axis=0) == pytest.approx(1.0)


def test_every_form_of_a_time_is_read_on_its_own_clock():
    clock = Clock(24)
    noon = datetime(2024, 5, 6, 12, 30)
    there = timezone(timedelta(hours=-7))
    forms = [np.datetime64(noon), np.datetime64(noon, "s"), noon, noon.isoformat(), noon.replace(tzinfo=UTC)]
    forms += [noon.replace(tzinfo=there), noon.replace(tzinfo=there).isoformat()]
    assert {clock.read(form) for form in forms} == {Moment(clock.read(noon).day, 12)}
