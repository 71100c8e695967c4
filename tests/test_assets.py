"""Assets from a file: every key in its place, every fault named; wind, derating, all of it together, its journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonomy import Controller, Economics, Scenario, Simulator
from autonomy.assets import Assets, Derating, Ev, Outage, Timeline, Wind
from autonomy.cli import main
from autonomy.configuration import demo_configuration, read_configuration
from autonomy.journal import JsonLinesJournal
from autonomy.journal.verify import verify
from autonomy.layers.errors import ConfigError, ModelError
from autonomy.layers.intent import POLICIES
from autonomy.rollout import roll_out
from autonomy.run import RunOptions, run
from tests.homes import homes, scenario_of
from tests.test_ev import RIVALS

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE, DATA = ROOT / "examples" / "assets.toml", ROOT / "examples" / "data.csv"


def village() -> tuple[Any, Scenario, Timeline]:
    configuration = read_configuration(EXAMPLE)
    scenario = Scenario.from_file(DATA, community=configuration.community)
    scenario = Scenario.whole(configuration.assets.supply(scenario.series))
    timeline = configuration.assets.timeline(configuration.community, scenario.series)
    assert timeline is not None
    return configuration, scenario, timeline


# The file -----------------------------------------------------------------------------------------------------------


def test_the_example_loads_with_every_key_in_its_place() -> None:
    read = read_configuration(EXAMPLE)
    house, van = read.assets.evs
    assert house == Ev(
        prosumer="house-2", departure_h=7.5, arrival_h=17.5, required_kwh=30.0, drive_kwh=14.0, spread_h=0.5,
        drive_spread_kwh=3.0, days="weekdays", v2g=True,
    )  # fmt: skip
    assert van == Ev(prosumer="workshop", departure_h=5.0, arrival_h=14.0, required_kwh=24.0, drive_kwh=12.0)
    assert read.assets.winds == (Wind(prosumer="farm", rated_kw=5.0),)  # its file states the defaults
    first, last = np.datetime64("2024-06-05T18:00"), np.datetime64("2024-06-05T21:00")
    assert read.assets.outages == (Outage(from_=first, to=last),)
    assert read.assets.deratings == (
        Derating(prosumers=("farm",), hours=(12.0, 17.0), charge_share=0.5, soc_max=0.9),
        Derating(from_=np.datetime64("2024-06-10T00:00"), to=np.datetime64("2024-06-12T00:00"), discharge_share=0.7),
    )
    assert read.assets.seed == 1
    assert read.community.discharge_limit_kw.tolist() == [5.0, 7.4, 0.0, 0.0, 8.0]
    assert read.community.self_discharge_per_h.tolist() == [5e-5, 0.0, 0.0, 5e-5, 5e-5]
    assert read.economics == Economics(
        wear_per_kwh=0.005, cycle_price_per_kwh=150.0, capacity_price_per_kw=4.0, trade_fee_per_kwh=0.02
    )


def test_a_file_without_assets_has_none() -> None:
    read = demo_configuration()
    assert read.assets.evs == read.assets.winds == read.assets.outages == read.assets.deratings == ()
    scenario = Scenario.demo()
    assert read.assets.supply(scenario.series) is scenario.series
    assert read.assets.timeline(read.community, scenario.series) is None
    assert read.assets.equip(read.community) is read.community


HOME = """
[[prosumer]]
name = "a"
battery_capacity_kwh = 40.0
charge_limit_kw = 7.0
"""
CAR = '[[ev]]\nprosumer = "a"\ndeparture_h = 8.0\narrival_h = 18.0\nrequired_kwh = 20.0\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CAR + "drive = 3\n", "ev[0].drive: unknown key (did you mean 'drive_kwh'?)"),
        (CAR.replace("required_kwh = 20.0\n", ""), "ev[0].required_kwh: is missing"),
        (CAR.replace("20.0", '"20"'), "ev[0].required_kwh: found '20'; expected a number"),
        (
            CAR.replace("20.0", "50.0"),
            "ev[0].required_kwh: found 50.0; expected at most 40 kWh, what the battery holds",
        ),
        (CAR.replace('"a"', '"b"'), "ev[0].prosumer: found 'b'; expected one of the prosumers a"),
        (CAR.replace('"a"', "3"), "ev[0].prosumer: found 3; expected a text"),
        (CAR + 'v2g = "yes"\n', "ev[0].v2g: found 'yes'; expected true or false"),
        (CAR + 'days = "monday"\n', "ev[0].days: found 'monday'; expected one of every-day, weekdays, weekends"),
        (CAR + CAR, "ev[1].prosumer: found 'a'; expected a prosumer without another EV"),
        ("[ev]\nprosumer = 'a'\n", "ev: expected [[ev]] tables, with two brackets"),
        ("[[wind]]\nprosumer = 'a'\nrated_kw = 0\n", "wind[0].rated_kw: found 0.0; expected a finite number > 0"),
        ("[[wind]]\nprosumer = 'x'\nrated_kw = 1\n", "wind[0].prosumer: found 'x'"),
        ("[[outage]]\nfrom = '2024-06-05T18:00'\n", "outage[0].to: is missing"),
        ("[[outage]]\nfrom = '2024-06-05T18:00'\nto = 2024-06-05T18:00:00\n", "outage[0].to: found '2024-06-05T18:00'"),
        ("[[outage]]\nfrom = 'noon'\nto = 2024-06-05\n", "outage[0].from: found 'noon'; expected a time such as"),
        (
            "[[outage]]\nfrom = 2024-06-05T18:00:00Z\nto = 2024-06-06\n",
            "outage[0].from: found '2024-06-05 18:00:00+00:00'",
        ),
        ("[[derating]]\nprosumers = ['b']\n", "derating[0].prosumer: found 'b'"),
        ("[[derating]]\nprosumers = 'a'\n", "derating[0].prosumers: found 'a'; expected a list of names"),
        ("[[derating]]\nhours = [3]\n", "derating[0].hours: found [3]; expected two hours of the day"),
        ("[[derating]]\ncharge_share = 1.5\n", "derating[0].charge_share: found 1.5; expected a fraction in 0..1"),
        ("[assets]\nseed = 1.5\n", "assets.seed: found 1.5; expected a whole number >= 0"),
        ("[assets]\nsed = 1\n", "assets.sed: unknown key (did you mean 'seed'?)"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "community.toml"
    path.write_text(text + HOME, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_configuration(path)
    assert str(caught.value).removeprefix(f"{path}: ").startswith(said)


# All of it together ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", RIVALS, ids=lambda policy: getattr(policy, "__name__", policy))
def test_the_whole_village_keeps_every_rule_whoever_decides(policy: Any) -> None:
    configuration, scenario, timeline = village()
    first, last = 42, 42 + 72  # from Tuesday evening, with the outage of Wednesday evening
    simulator = Simulator(
        configuration.community, scenario.window(first, last - first), economics=configuration.economics,
        timeline=timeline.window(first, last),
    )  # fmt: skip
    run = roll_out(simulator, Controller(configuration.community, policy=policy), name="x")
    assert run.violations == ()
    out = slice(66 - first, 69 - first)
    assert np.all(np.abs(run.feeder_kw[out]) <= 5e-6)
    assert timeline.active is not None
    assert not run.battery_kw[~timeline.active[first:last]].any()


def test_energy_is_conserved_in_every_step_with_cars_that_come_and_go() -> None:
    configuration, scenario, timeline = village()
    community = configuration.community
    simulator = Simulator(community, scenario, economics=configuration.economics, timeline=timeline)
    controller, dt = Controller(community, policy="self-consumption"), community.timestep_h
    driven = leaked = 0.0
    while not simulator.is_done:
        before = simulator.energy_kwh
        x = simulator.execute(controller.step(simulator.observe())).execution
        charge, discharge = np.maximum(x.battery_kw, 0), np.maximum(-x.battery_kw, 0)
        lost = (1 - community.charge_efficiency) * charge + (1 / community.discharge_efficiency - 1) * discharge
        leak = (1 - community.retention) * before
        generated, served = x.pv_kw - x.curtail_kw, x.demand_kw - x.shed_kw
        stored = x.energy_after_kwh - before
        total = dt * (generated - served - lost).sum() - leak.sum() - stored.sum()
        assert total == pytest.approx(dt * (x.feeder_kw + x.loss_kw), abs=1e-9)
        driven += float((x.energy_after_kwh - simulator.energy_kwh).sum())
        leaked += float(leak.sum())
    assert timeline.drive_kwh is not None
    assert 0 < driven <= timeline.drive_kwh.sum() + 1e-9
    assert leaked > 0


def test_a_run_of_the_whole_village_shows_its_optimum(tmp_path: Path, capsys: Any) -> None:
    words = ["run", "--community", str(EXAMPLE), "--data", str(DATA), "--from", "2024-06-05", "--to", "2024-06-06"]
    assert main([*words, "--policy", "self-consumption", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "optimum" in printed
    assert "no optimum" not in printed
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    (window,) = summary["optimum"]["windows"]
    assert window["replayed_cost"] == pytest.approx(window["objective"], rel=1e-9)
    assert 0.0 <= window["gap"] < 0.01


def test_without_assets_the_evidence_has_nothing_to_excuse() -> None:
    read = demo_configuration()
    windows = (Scenario.demo().window(0, 24),)
    assert run(read, windows, options=RunOptions(policies=())).no_optimum == ""
    assert run(read, windows, options=RunOptions(policies=(), with_optimum=False)).no_optimum == ""


def test_a_journal_with_floors_and_outages_is_verified_to_the_last_bit(tmp_path: Path) -> None:
    configuration, scenario, timeline = village()
    window = scenario.window(40, 32), timeline.window(40, 72)
    path = tmp_path / "journal.jsonl"
    with JsonLinesJournal(path) as journal:
        controller = Controller(configuration.community, policy="random", journal=journal)
        roll_out(Simulator(configuration.community, window[0], timeline=window[1]), controller, name="random")
    text = path.read_text(encoding="utf-8")
    assert "charge_floor_kw" in text
    assert "grid_import_limit_kw" in text
    assert verify(path).findings == ()


# Derating and heterogeneous homes ------------------------------------------------------------------------------------


def test_derating_by_hand() -> None:
    community = homes(2, soc_max=[1.0, 0.8])
    scenario = scenario_of(community, [[0.0, 0.0]] * 48, 0.0)
    hot = Derating(prosumers=("prosumer-2",), hours=(12.0, 14.0), charge_share=0.4, discharge_share=0.0, soc_max=0.7)
    night = Derating(hours=(22.0, 6.0), from_=np.datetime64("2024-05-02T00:00"), charge_share=0.0)
    timeline = Assets(deratings=(hot, night)).timeline(community, scenario.series)
    assert timeline is not None
    assert np.flatnonzero(timeline.limited).tolist() == [12, 13, *range(24, 30), 36, 37, 46, 47]
    assert timeline.charge_limit_kw is not None
    assert timeline.charge_limit_kw[12].tolist() == [np.inf, 2.0]
    assert timeline.charge_limit_kw[46].tolist() == [0.0, 0.0]
    assert timeline.soc_max[13].tolist() == [1.0, 0.7]

    def asks(kw: float) -> Any:
        return lambda _c, _o: np.array([[kw, 0, 0], [kw, 0, 0]])

    run = roll_out(Simulator(community, scenario, timeline=timeline), Controller(community, policy=asks(9.0)), name="x")
    assert run.violations == ()
    at_noon = Simulator(community, scenario.window(12, 2), timeline=timeline.window(12, 14))
    run = roll_out(at_noon, Controller(community, policy=asks(9.0)), name="x")
    np.testing.assert_allclose(run.battery_kw, [[5.0, 2.0], [0.0, 0.0]], atol=1e-5)
    run = roll_out(at_noon, Controller(community, policy=asks(-9.0)), name="x")
    np.testing.assert_allclose(run.battery_kw[0], [-5.0, 0.0], atol=1e-5)


def test_a_fuller_battery_than_derating_allows_may_only_get_emptier() -> None:
    community = homes()
    scenario = scenario_of(community, [[0.0]] * 3, 0.0)
    timeline = Timeline(n_steps=3, n_prosumers=1, soc_max=np.full((3, 1), 0.6))
    simulator = Simulator(community, scenario, initial_soc=0.9, timeline=timeline)
    run = roll_out(simulator, Controller(community, policy=lambda _c, _o: np.array([[4.0, 0, 0]])), name="x")
    assert run.violations == ()
    np.testing.assert_allclose(run.energy_kwh, 9.0)


def test_homes_of_every_kind_in_one_community() -> None:
    community = homes(
        4, battery_capacity_kwh=[0.0, 5.0, 100.0, 6.4], charge_limit_kw=[0.0, 1.0, 50.0, 5.0],
        discharge_limit_kw=[0.0, 0.0, 50.0, 5.0], ramp_limit_kw=[np.inf, np.inf, 7.0, 0.5],
        connection_limit_kw=[3.0, np.inf, 60.0, 12.0], self_discharge_per_h=[0.0, 1e-4, 0.0, 1e-3],
    )  # fmt: skip
    random = np.random.default_rng(1)
    scenario = scenario_of(community, random.uniform(0, 3, (30, 4)), random.uniform(0, 6, (30, 4)))
    for name in POLICIES:
        run = roll_out(Simulator(community, scenario), Controller(community, policy=name), name=name)
        assert run.violations == ()
        assert not run.battery_kw[:, 0].any()
        assert np.all(run.battery_kw[:, 1] >= 0)


# Wind -----------------------------------------------------------------------------------------------------------------


def test_the_power_curve_by_hand() -> None:
    wind = Wind(prosumer="a", rated_kw=8.0, cut_in=2.0, rated_speed=4.0, cut_out=6.0)
    speed = np.array([0.0, 1.99, 2.0, 3.0, 4.0, 5.99, 6.0, 50.0])
    np.testing.assert_allclose(wind.power_kw(speed), [0, 0, 0, 8 * 19 / 56, 8, 8, 0, 0], atol=1e-12)


@pytest.mark.parametrize("shape", [1.5, 2.0, 3.0])
def test_speeds_have_the_mean_the_spread_and_the_persistence_that_are_stated(shape: float) -> None:
    wind = Wind(prosumer="a", rated_kw=1.0, mean_speed=7.0, shape=shape, persistence=0.9)
    speed = wind.speeds(100_000, 1.0, (0, 1))
    assert speed.mean() == pytest.approx(7.0, rel=0.03)
    weibull = pytest.importorskip("scipy.stats").weibull_min(shape, scale=7.0 / weibull_mean(shape))
    for share in (0.1, 0.5, 0.9):
        assert np.quantile(speed, share) == pytest.approx(weibull.ppf(share), rel=0.05)
    normal = pytest.importorskip("scipy.stats").norm.ppf(weibull.cdf(speed))
    assert np.corrcoef(normal[1:], normal[:-1])[0, 1] == pytest.approx(0.9, abs=0.01)
    quarter = wind.speeds(100_000, 0.25, (0, 1))
    normal = pytest.importorskip("scipy.stats").norm.ppf(weibull.cdf(quarter))
    assert np.corrcoef(normal[4:], normal[:-4])[0, 1] == pytest.approx(0.9, abs=0.02)
    assert wind.speeds(9, 1.0, (0, 1)).tobytes() == wind.speeds(9, 1.0, (0, 1)).tobytes()
    assert wind.speeds(9, 1.0, (0, 1)).tobytes() != wind.speeds(9, 1.0, (0, 2)).tobytes()


def weibull_mean(shape: float) -> float:
    return float(pytest.importorskip("scipy.special").gamma(1 + 1 / shape))


def test_wind_is_generation_and_the_data_say_where_it_is_from() -> None:
    community = homes(2)
    scenario = scenario_of(community, [[1.0, 1.0]] * 24, 2.0)
    series = Assets(winds=(Wind(prosumer="prosumer-2", rated_kw=3.0),), seed=5).supply(scenario.series)
    assert np.all(series.pv_kw[:, 0] == 2.0)
    assert 2.0 <= series.pv_kw[:, 1].min() < series.pv_kw[:, 1].max() <= 5.0
    assert "with simulated wind: 3 kW at prosumer-2 (seed 5)" in series.source
    assert series.sha256 != scenario.series.sha256
    with pytest.raises(ModelError, match="rated_speed"):
        Wind(prosumer="a", rated_kw=1.0, cut_in=12.0)
