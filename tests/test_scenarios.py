"""Every named scenario: the same by seed, safe in the loop, and what its sentence says, as a number."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.cli import main
from autonomy.errors import ConfigError, ModelError
from autonomy.faults.matrix import OURS, Settings, run_matrix
from autonomy.faults.words import Channel, Kind, Phase, Severity
from autonomy.layers.community import Community
from autonomy.layers.observation import Observation
from autonomy.scenario import Scenario
from autonomy.scenarios import SCENARIOS, NamedScenario, named
from autonomy.scenarios.base import changed, hours_of, month_of
from autonomy.scenarios.ev_evening_peak import with_cars
from autonomy.scenarios.ev_fleet import charge_at_once
from autonomy.scenarios.heat_wave import heated
from autonomy.scenarios.liar import boasting
from autonomy.scenarios.meter_down import silencing
from autonomy.trajectory import Trajectory
from tests.test_docs import table_under

SEEDS = (0, 1, 2)


@cache
def made(name: str, seed: int) -> NamedScenario:
    return named(name, seed)


@cache
def played(name: str, seed: int, policy: str | None = None) -> Trajectory:
    return made(name, seed).play(policy)


def before(scenario: NamedScenario) -> Scenario:
    """The demo's own window at that time."""
    demo = Scenario.demo()
    return Scenario(series=demo.series, start=scenario.scenario.start, stop=scenario.scenario.stop)


def hours(scenario: NamedScenario) -> Any:
    return hours_of(scenario.scenario.series, slice(scenario.scenario.start, scenario.scenario.stop))


def report(scenario: NamedScenario, step: int) -> Observation:
    """What the controller would be told at a step, batteries at their start."""
    simulator = scenario.simulator()
    simulator.step_number = step
    assert scenario.tamper is not None
    return scenario.tamper(simulator.observe(), step)


# -- all of them --


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_seed_gives_the_same_scenario_and_another_seed_another(name: str) -> None:
    one, same = named(name, 5), named(name, 5)
    assert one.scenario.series.sha256 == same.scenario.series.sha256
    assert (one.scenario.start, one.scenario.stop) == (same.scenario.start, same.scenario.stop)
    np.testing.assert_array_equal(one.play().feeder_kw, same.play().feeder_kw)
    others = {(made(name, seed).scenario.series.sha256, made(name, seed).scenario.start) for seed in range(8)}
    assert len(others) > 4


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_week_of_it_breaks_no_rule_and_stays_within_the_feeder(name: str, seed: int) -> None:
    run = played(name, seed)
    assert run.feeder_kw.size == 168
    assert not run.violations
    assert run.feeder_kw.min() >= -34.0 - 1e-5
    assert run.feeder_kw.max() <= 24.0 + 1e-5


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("policy", ["random", "adversarial"])
def test_it_breaks_no_rule_whoever_decides(name: str, policy: str) -> None:
    assert not played(name, 0, policy).violations


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_is_made_of_training_weeks_unless_held_out_weeks_are_asked_for(name: str) -> None:
    for seed in range(10):
        assert made(name, seed).scenario.start // 168 % 4 != 3
        assert named(name, seed, held_out=True).scenario.start // 168 % 4 == 3


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_changed_before_or_after_the_window(name: str) -> None:
    scenario = made(name, 1).scenario
    demo = Scenario.demo().series
    for field in ("demand_kw", "pv_kw", "retail_price", "feed_in_price", "carbon_kg_per_kwh"):
        for part in (slice(0, scenario.start), slice(scenario.stop, None)):
            usual, found = getattr(demo, field)[part], getattr(scenario.series, field)[part]
            np.testing.assert_array_equal(found if found.ndim == 1 else found[:, :17], usual)


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_has_a_sentence_and_says_what_it_is(name: str) -> None:
    scenario = made(name, 0)
    assert scenario.name == name
    assert scenario.sentence.endswith(".")
    assert scenario.scenario.n_steps == 168
    assert scenario.community.names[:17] == Community.demo().names
    if scenario.scenario.series.sha256 != Scenario.demo().series.sha256:
        assert scenario.scenario.series.source.startswith(Scenario.demo().series.source + "; ")


def test_an_unknown_name_lists_the_scenarios() -> None:
    with pytest.raises(ConfigError, match=r"'cloudy' .*known: cloudy-week, heat-wave"):
        named("cloudy")


@pytest.mark.parametrize("seed", [-1, 0.5, "a"])
def test_a_seed_that_is_none_is_an_error(seed: Any) -> None:
    with pytest.raises(ModelError, match="seed"):
        named("liar", seed)


def test_the_names_are_those_that_were_asked_for() -> None:
    assert list(SCENARIOS) == [
        "cloudy-week",
        "heat-wave",
        "price-spike",
        "grid-outage",
        "greedy-neighbours",
        "liar",
        "meter-down",
        "ev-evening-peak",
        "ev-fleet",
        "everybody-exports",
    ]


def test_the_page_lists_exactly_the_scenarios_with_their_sentences() -> None:
    rows = table_under("docs/scenarios.md", "The ten")
    assert [(row[0].strip("`"), row[1]) for row in rows] == [(name, made(name, 0).sentence) for name in SCENARIOS]
    assert [row[0].strip("`") for row in table_under("docs/scenarios.md", "What happens in them")] == list(SCENARIOS)


# -- from the command line --


def figures_of(policy: str, out: Path) -> Any:
    found = json.loads((out / "summary.json").read_text(encoding="utf-8"))["policies"]
    return next(figures for figures in found if figures["policy"] == policy)


def test_a_scenario_is_run_with_its_own_policy_and_says_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "--scenario", "greedy-neighbours", "--seed", "1", "--no-optimum", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert made("greedy-neighbours", 1).sentence in printed
    assert "0 violations in 168 steps under each of 2 policies" in printed
    assert (tmp_path / "out" / "journal" / "greedy-neighbours.jsonl").is_file()


@pytest.mark.parametrize(("name", "policies"), [("liar", 3), ("grid-outage", 3)])
def test_tamper_and_outage_hold_in_a_run_beside_the_optimum(
    name: str, policies: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--scenario", name, "--policy", "self-consumption", "--out", str(tmp_path / "out")]) == 0
    assert f"under each of {policies} policies" in " ".join(capsys.readouterr().out.split())
    run = played(name, 0, "self-consumption")
    figures = figures_of("self-consumption", tmp_path / "out")
    assert figures["shed_kwh"] == pytest.approx(float(run.shed_kw.sum()), rel=1e-9)
    assert figures["fallbacks"] == int(np.isin(run.mode, ["support", "grid-only", "dead-stop"]).sum())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--scenario", "lair"], r"did you mean 'liar'.*known: cloudy-week"),
        (["--scenario", "liar", "--from", "2016-09-01"], "leave out --from"),
        (["--scenario", "liar", "--time-zone", "UTC"], "leave out --time-zone"),
        (["--scenario", "liar", "--weeks", "all"], "held-out or left out"),
        (["--scenario", "liar", "--seed", "-1"], "--seed"),
        (["--forecast", "perfekt"], r"did you mean 'perfect'.*known: persistence"),
    ],
)
def test_a_wrong_word_is_an_error_that_says_what_was_expected(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *words, "--out", str(tmp_path / "out")]) == 1
    assert re.search(said, " ".join(capsys.readouterr().err.split()))


def test_a_run_uses_the_forecast_that_is_asked_for(tmp_path: Path) -> None:
    shed = {}
    for forecast in ("7-day-mean", "perfect"):
        words = ["run", "--scenario", "heat-wave", "--seed", "1", "--forecast", forecast, "--look-ahead", "0"]
        assert main([*words, "--policy", "self-consumption", "--no-optimum", "--out", str(tmp_path / forecast)]) == 0
        shed[forecast] = figures_of("self-consumption", tmp_path / forecast)["shed_kwh"]
    assert shed["perfect"] < shed["7-day-mean"] - 10.0


# -- under faults --


@pytest.mark.parametrize("name", ["cloudy-week", "heat-wave", "everybody-exports"])
def test_faults_of_what_is_never_trusted_break_no_rule_in_a_scenario_either(name: str) -> None:
    settings = Settings(
        channels=(Channel.INTENT, Channel.PRICE),
        kinds=(Kind.NAN, Kind.BIAS),
        severities=(Severity.LARGE,),
        phases=(Phase.PV_PEAK, Phase.DEMAND_PEAK),
        runs=1,
        scenario=name,
    )
    results = [result for result in run_matrix(settings)[0] if result.controller == OURS]
    assert {result.phase for result in results} == {"pv-peak", "demand-peak"}
    assert len(results) > 10
    assert not [result for result in results if result.violations]


@pytest.mark.parametrize("name", ["liar", "grid-outage", "ev-fleet", "greedy-neighbours"])
def test_faults_are_not_injected_where_more_than_the_data_is_odd(name: str) -> None:
    with pytest.raises(ConfigError, match="more than its data"):
        run_matrix(Settings(scenario=name))


# -- each of them, by a number --


@pytest.mark.parametrize("seed", SEEDS)
def test_in_a_cloudy_week_every_roof_gives_a_tenth_to_two_fifths(seed: int) -> None:
    scenario = made("cloudy-week", seed)
    usual = before(scenario)
    by_day = usual.pv_kw > 0
    share = scenario.scenario.pv_kw[by_day] / usual.pv_kw[by_day]
    assert share.min() >= 0.1
    assert share.max() <= 0.4
    assert 0.1 < scenario.scenario.pv_kw.sum() / usual.pv_kw.sum() < 0.4
    of_roof = np.where(by_day, scenario.scenario.pv_kw / np.where(by_day, usual.pv_kw, 1.0), np.nan)
    assert np.nanmax(np.nanmax(of_roof[12::24], axis=1) - np.nanmin(of_roof[12::24], axis=1)) < 1e-12
    np.testing.assert_array_equal(scenario.scenario.demand_kw, usual.demand_kw)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_heat_wave_adds_one_to_two_kilowatts_to_every_home_at_five(seed: int) -> None:
    scenario = made("heat-wave", seed)
    assert month_of(scenario.scenario) in (6, 7, 8, 9)
    added = scenario.scenario.demand_kw - before(scenario).demand_kw
    at_five = added[hours(scenario) == 17].round(12)
    hot = at_five.max(axis=1) > 0
    assert hot.sum() == 4
    assert np.diff(np.flatnonzero(hot)).tolist() == [1, 1, 1]
    assert at_five[hot].min() >= 1.0
    assert at_five[hot].max() <= 2.0
    night = (hours(scenario) >= 23) | (hours(scenario) <= 11)
    assert np.abs(added[night]).max() == 0
    assert added.min() >= 0
    at_two = added[hours(scenario) == 14][hot]
    np.testing.assert_allclose(at_two, 0.5 * at_five[hot], rtol=1e-9)  # cos²(π/4)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_price_spike_makes_eight_hours_five_times_as_dear_and_the_forecast_knows(seed: int) -> None:
    scenario = made("price-spike", seed)
    ratio = scenario.scenario.retail_price / before(scenario).retail_price
    dear = np.flatnonzero(ratio != 1.0)
    assert dear.size == 8
    np.testing.assert_allclose(ratio[dear], 5.0)
    assert Counter(hours(scenario)[dear].tolist()) == {17.0: 2, 18.0: 2, 19.0: 2, 20.0: 2}
    noon = dear[0] - 5
    assert (
        scenario.scenario.forecast(int(noon)).retail_price.max() == scenario.scenario.retail_price[dear[0] :][:24].max()
    )
    assert played("price-spike", seed, "time-of-use").cost < played("price-spike", seed, "grid-only").cost


@pytest.mark.parametrize("seed", SEEDS)
def test_in_an_outage_nothing_flows_to_or_from_the_grid_for_four_hours(seed: int) -> None:
    scenario = made("grid-outage", seed)
    assert scenario.timeline is not None
    out = np.flatnonzero(scenario.timeline.grid_import_limit_kw == 0)
    np.testing.assert_array_equal(out, np.flatnonzero(scenario.timeline.grid_export_limit_kw == 0))
    assert hours(scenario)[out].tolist() == [17.0, 18.0, 19.0, 20.0]
    run = played("grid-outage", seed)
    assert np.abs(run.feeder_kw[out]).max() <= 17 * 2e-6
    others = np.delete(np.arange(168), out)
    assert np.abs(run.feeder_kw[others]).max() > 1.0
    assert np.all(np.isinf(scenario.timeline.grid_import_limit_kw[others]))


def test_an_outage_sheds_load_that_the_same_week_without_it_serves() -> None:
    shed = sum(float(played("grid-outage", seed).shed_kw.sum()) for seed in SEEDS)
    usual = 0.0
    for seed in SEEDS:
        scenario = made("grid-outage", seed)
        usual += float(replace(scenario, timeline=None).play().shed_kw.sum())
    assert shed > usual + 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_greedy_neighbours_ask_for_more_than_the_feeder_carries_in_every_step_and_do_not_get_it(seed: int) -> None:
    scenario = made("greedy-neighbours", seed)
    assert scenario.policy is not None
    observation = scenario.simulator().observe()
    asked: Any = scenario.policy(scenario.community, observation)
    assert asked.shape == (17, 3)
    assert asked[:, 0].sum() == pytest.approx(85.0)  # 17 batteries of 5 kW behind 34 kW
    np.testing.assert_array_equal(asked[:, 1], -15.0)
    np.testing.assert_array_equal(asked[:, 2], observation.retail_price)
    run = played("greedy-neighbours", seed)
    assert (run.mode == "projected").all()
    assert run.feeder_kw.min() >= -34.0 - 1e-5
    assert 5.0 < run.battery_kw.sum(axis=1).max() < 34.0
    assert run.feeder_kw.min() == pytest.approx(-34.0, abs=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_liar_reports_three_kilowatts_more_by_daylight_and_is_found_out(seed: int) -> None:
    scenario = made("liar", seed)
    true = scenario.scenario.pv_kw
    more = np.stack([report(scenario, k).pv_kw - true[k] for k in range(48)])
    liar = np.flatnonzero(more.max(axis=0))
    assert liar.size == 1
    lit = true[:48, liar[0]] > 0
    np.testing.assert_allclose(more[lit, liar[0]], 3.0)
    assert not more[~lit].any()
    run = played("liar", seed)
    assert Counter(run.mode.tolist())["support"] > 24
    assert not run.violations


@pytest.mark.parametrize("seed", SEEDS)
def test_one_meter_is_down_for_a_day_and_the_other_homes_go_on(seed: int) -> None:
    scenario = made("meter-down", seed)
    silent = np.array([np.isnan(report(scenario, k).demand_kw) for k in range(168)])
    home, steps = np.flatnonzero(silent.any(axis=0)), np.flatnonzero(silent.any(axis=1))
    assert home.size == 1
    assert steps.size == 24
    assert steps[0] % 24 == 0
    told = report(scenario, int(steps[3]))
    for values in (told.pv_kw, told.soc):
        assert np.flatnonzero(np.isnan(values)).tolist() == home.tolist()
    run = played("meter-down", seed)
    others = np.delete(np.arange(17), home)
    assert np.abs(run.battery_kw[steps][:, home]).max() == 0.0
    honest = replace(scenario, tamper=None).play()
    theirs, usual = (np.abs(each.battery_kw[steps][:, others]).sum() for each in (run, honest))
    assert theirs > 0.5 * usual > 0
    assert run.shed_kw[steps][:, others].sum() <= honest.shed_kw[steps][:, others].sum() + 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_eight_cars_charge_eleven_kilowatt_hours_each_evening_between_five_and_midnight(seed: int) -> None:
    scenario = made("ev-evening-peak", seed)
    added = scenario.scenario.demand_kw - before(scenario).demand_kw
    assert (added.max(axis=0) > 0).sum() == 8
    assert added.max() == pytest.approx(3.7)
    per_day = added.reshape(7, 24, 17).sum(axis=1)
    np.testing.assert_allclose(per_day[per_day > 0], 11.0)
    assert (per_day > 0).sum() == 7 * 8
    assert np.abs(added[hours(scenario) < 17]).max() == 0
    assert added.sum(axis=1).max() > 18.0


@pytest.mark.parametrize("seed", SEEDS)
def test_eight_cars_are_ready_at_seven_and_their_evening_costs_less_load_than_if_nobody_asked(seed: int) -> None:
    scenario = made("ev-fleet", seed)
    timeline, run = scenario.timeline, played("ev-fleet", seed)
    assert timeline is not None
    leaving = np.argwhere(timeline.departing)
    assert leaving.shape[0] == 7 * 8
    assert set(hours(scenario)[leaving[:, 0]]) == {6.0}  # at the end of that hour
    assert min(run.energy_kwh[step + 1, car] for step, car in leaving) >= 30.0 - 1e-3
    back = timeline.drive_kwh > 0
    assert timeline.drive_kwh[back].tolist() == pytest.approx([11.0] * int(back.sum()))
    assert set(hours(scenario)[np.argwhere(back)[:, 0]]) <= {18.0, 19.0, 20.0}  # the first whole hour that it is there
    observation = scenario.simulator().observe()
    asked: Any = charge_at_once(scenario.community, observation)
    np.testing.assert_array_equal(asked.battery_kw[17:], 3.7)
    away = ~timeline.active[:, 17:]
    assert not run.battery_kw[:, 17:][away].any()
    # The same cars at the same times, charging as they like.
    week = before(scenario)
    arrivals = hours(scenario)[[np.flatnonzero(back[:24, 17 + car])[0] for car in range(8)]]
    rows = slice(week.start, week.stop)
    careless = with_cars(week.series, rows, np.arange(8), np.tile(arrivals, (7, 1)))
    plain = NamedScenario(
        name="careless", seed=seed, sentence=".", community=Community.demo(), scenario=replace(week, series=careless)
    )
    assert run.shed_kw.sum() < 0.5 * plain.play().shed_kw.sum()


@pytest.mark.parametrize("seed", SEEDS)
def test_everybody_exports_more_at_noon_than_the_feeder_takes(seed: int) -> None:
    scenario = made("everybody-exports", seed).scenario
    surplus = scenario.pv_kw - scenario.demand_kw
    noon = hours(made("everybody-exports", seed)) == 12
    assert (surplus[noon] > 0).all()
    assert (surplus[noon].sum(axis=1) > 24.0).all()
    run = played("everybody-exports", seed)
    assert run.feeder_kw.max() == pytest.approx(24.0, abs=1e-3)
    assert run.curtail_kw.sum() > 100.0


# -- the pure functions they are made of --


def test_rows_that_are_not_named_stay_as_they_are_and_the_source_says_what_changed() -> None:
    series = Scenario.demo().series
    found = changed(series, slice(10, 12), "doubled", demand_kw=2 * series.demand_kw[10:12])
    np.testing.assert_array_equal(found.demand_kw[10:12], 2 * series.demand_kw[10:12])
    np.testing.assert_array_equal(found.demand_kw[12:], series.demand_kw[12:])
    assert found.source.endswith("; doubled")
    assert found.sha256 != series.sha256


def test_a_car_that_comes_at_half_past_six_charges_half_of_the_first_hour() -> None:
    series = Scenario.demo().series
    found = with_cars(series, slice(0, 24), np.array([2]), np.array([[18.5]])).demand_kw - series.demand_kw
    # 11 kWh at 3.7 kW are 2.973 h: half an hour, two hours, and the rest.
    hand = [1.85, 3.7, 3.7, 11.0 - 9.25]
    assert found[18:22, 2].tolist() == pytest.approx(hand)
    assert found.sum() == pytest.approx(11.0)


def test_air_conditioning_worked_by_hand() -> None:
    series = Scenario.demo().series
    peak = np.linspace(1.0, 2.0, 17)
    found = heated(series, slice(24, 72), range(1, 2), peak).demand_kw - series.demand_kw
    np.testing.assert_allclose(found[48 + 17], peak)
    np.testing.assert_allclose(found[48 + 20], peak / 2)
    assert found[24:48].max() == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 16), st.floats(0, 9), st.integers(0, 400))
def test_a_lie_is_about_one_number_only_and_leaves_the_truth_alone(prosumer: int, more: float, step: int) -> None:
    scenario = made("cloudy-week", 0)
    simulator = scenario.simulator()
    simulator.step_number = step % 168
    true = simulator.observe()
    kept = {name: np.array(getattr(true, name)) for name in ("demand_kw", "pv_kw", "soc", "retail_price")}
    for tampered in (boasting(prosumer, more)(true, step), silencing(prosumer, range(step, step + 1))(true, step)):
        for name, values in kept.items():
            np.testing.assert_array_equal(getattr(true, name), values)
            np.testing.assert_array_equal(np.delete(getattr(tampered, name), prosumer), np.delete(values, prosumer))
        assert tampered.time == true.time
    assert silencing(prosumer, range(step, step + 1))(true, step + 1) is true
