"""EVs, outages, wind and derating in the learning interfaces: the simulator's own steps, and seen by policies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from autonomy import Community, CommunityEnv, Controller, Economics, Scenario, Simulator
from autonomy.assets import Assets, Ev, Outage, Timeline
from autonomy.environments import IDS
from autonomy.environments.episodes import Episodes, furnished
from autonomy.environments.mixes import CAPACITY_KWH, CHARGE_ONLY, MIXES, OUTAGES, V2G
from autonomy.layers.errors import ModelError
from autonomy.observing import encode, encode_each, physical_action
from tests.learning import ASSETS, EVS, days, setting
from tests.learning import MIXES as COMMUNITIES

ECONOMICS = Economics(capacity_price_per_kw=2.0, cycle_price_per_kwh=100.0, trade_fee_per_kwh=0.01)


def alone(mix: str, window: int, initial_soc: float, economics: Economics) -> Simulator:
    """Return a simulator of one window of a mix, made as a run makes it."""
    given = setting(mix)
    community = given["assets"].equip(given["community"])
    whole = Scenario.whole(given["assets"].supply(given["scenario"].series))
    timeline = given["assets"].timeline(community, whole.series)
    part = list(whole.windows(given["episode_steps"]))[window]
    return Simulator(
        community,
        part,
        economics=economics,
        initial_soc=initial_soc,
        timeline=None if timeline is None else timeline.window(part.start, part.stop),
    )


@pytest.mark.parametrize("window", [0, 1])
@pytest.mark.parametrize("mix", ASSETS)
def test_an_episode_is_what_a_simulator_and_a_controller_do_and_both_policies_see_the_same(
    mix: str, window: int
) -> None:
    env = CommunityEnv(**setting(mix), normalised=True, initial_soc=0.6, economics=ECONOMICS)
    episodes = Episodes(**setting(mix), batch=2, initial_soc=0.6, economics=ECONOMICS)
    simulator = alone(mix, window, 0.6, ECONOMICS)
    community = simulator.community
    random, told = np.random.default_rng(window), []

    def policy(homes: Community, observation: Any) -> Any:
        told[:] = encode(homes, observation), encode_each(homes, observation)
        return physical_action(homes, observation, action)

    controller = Controller(community, policy=policy, monitors=())
    seen, _ = env.reset(seed=0, options={"window": window})
    episodes.begin(np.random.default_rng(0), window=window)
    total = dict.fromkeys(("missing_cost_currency", "peak_cost_currency"), 0.0)
    while not simulator.is_done:
        action = random.uniform(-1.0, 1.0, (community.n_prosumers, 3))
        observation = simulator.observe()
        decision = controller.step(observation)
        assert np.array_equal(seen, told[0])
        assert np.array_equal(seen, episodes.observe()[1])
        assert np.array_equal(told[1], episodes.observe_each()[0])
        intent = physical_action(community, observation, action)
        expected = simulator.execute(decision, intent_kw=intent[:, 0])
        seen, reward, *_, info = env.step(action)
        episodes.act(episodes.physical(np.stack([action] * 2)))
        assert reward == pytest.approx(expected.reward.total(ECONOMICS), rel=1e-12)
        assert info["cost_currency"] == expected.cost
        assert info["missing_kwh"] == expected.missing_kwh.sum()
        assert info["violations"] == expected.violations == ()
        assert info["mode"] == decision.mode
        assert info["reasons"] == tuple(str(reason) for reason in decision.reasons)
        total = {name: value + info[name] for name, value in total.items()}
    assert total["peak_cost_currency"] < 0.0


def test_a_policy_sees_that_its_car_is_away_what_it_must_charge_and_that_the_grid_is_out() -> None:
    # A car of 10 kWh leaves at 7 with 8 kWh; it charges at 5 kW, of which 4.75 are stored, and holds 2 kWh.
    outage = Outage(from_=np.datetime64("2024-05-01T20:00"), to=np.datetime64("2024-05-01T22:00"), export_limit_kw=1.0)
    car = Ev(prosumer="prosumer-1", departure_h=7, arrival_h=16, required_kwh=8, drive_kwh=2, v2g=True)
    community = COMMUNITIES["EVs"]()
    given: Any = {"community": community, "scenario": days(community), "assets": Assets(evs=(car,), outages=(outage,))}
    episodes = Episodes(**given, episode_steps=24, initial_soc=0.2)
    episodes.begin(np.random.default_rng(0), window=0)
    floor, active, grid = [], [], []
    for _ in range(24):
        own = episodes.observe_each()[0]
        floor.append(own[0, 3])
        active.append(own[0, 4])
        grid.append(own[0, 17 + 2 + 6 * 24 :][:2].tolist())
        episodes.act(np.zeros((1, 3, 3)))
    assert active == [0.0 if 7 <= hour < 16 else 1.0 for hour in range(24)]
    usual = pytest.approx([6.0 / 3.0, 4.0 / 3.0])  # for each home
    assert grid == [pytest.approx([0.0, 1.0 / 3.0]) if hour in (20, 21) else usual for hour in range(24)]
    # Idle intents: the last hours do it, at 5:00 with what 6:00 cannot charge, 8 − 4.75 − 2 = 1.25 of 0.95.
    assert floor[5] == pytest.approx(1.25 / 0.95, abs=1e-5)
    assert floor[6] == pytest.approx(5.0, abs=1e-5)
    assert all(value == 0.0 for value in floor[7:16])
    assert all(value <= 0.0 for value in floor[:5])


def test_derating_and_wind_are_seen() -> None:
    episodes = Episodes(**setting("wind and derating"), initial_soc=0.5)
    episodes.begin(np.random.default_rng(0), window=0)
    own = []
    for _ in range(24):
        own.append(episodes.observe_each()[0])
        episodes.act(np.zeros((1, 3, 3)))
    seen = np.array(own)
    noon = [11 <= hour < 17 for hour in range(24)]
    assert seen[:, 0, 12].tolist() == [2.5 if low else 5.0 for low in noon]
    assert seen[:, 1, 13].tolist() == [0.75] * 24
    np.testing.assert_allclose(seen[:, 0, 16], [0.8 if low else 1.0 for low in noon], rtol=1e-6)
    assert seen[:, 2, 1].max() > 0.0  # a turbine where there is no PV


def test_a_timeline_says_the_same_as_the_assets_that_made_it() -> None:
    given = setting("every asset")
    assets = given.pop("assets")
    community = assets.equip(given.pop("community"))
    scenario = Scenario.whole(assets.supply(given.pop("scenario").series))
    timeline = assets.timeline(community, scenario.series)
    by_assets = Episodes(**setting("every asset"), batch=3)
    by_timeline = Episodes(community=community, scenario=scenario, timeline=timeline, batch=3, **given)
    for episodes in (by_assets, by_timeline):
        episodes.begin(np.random.default_rng(4))
    action = np.random.default_rng(5).uniform(-1.0, 1.0, (24, 3, 3, 3))
    for rows in action:
        assert np.array_equal(by_assets.observe_each(), by_timeline.observe_each())
        first, second = (x.act(x.physical(rows)) for x in (by_assets, by_timeline))
        assert np.array_equal(first.cost, second.cost)
        assert np.array_equal(first.energy_kwh, second.energy_kwh)


def test_assets_that_do_not_fit_are_named() -> None:
    given = setting("EVs")
    timeline = Timeline(n_steps=given["scenario"].n_steps, n_prosumers=3, grid_import_limit_kw=1.0)
    with pytest.raises(ModelError, match="timeline"):
        CommunityEnv(**given, timeline=timeline)
    del given["assets"]
    with pytest.raises(ModelError, match="timeline"):
        CommunityEnv(**given, timeline=timeline.window(0, 24))
    with pytest.raises(ModelError, match=r"assets = 'evs'.*did you mean 'ev'"):
        CommunityEnv(assets="evs")
    with pytest.raises(ModelError, match="home-2"):
        CommunityEnv(**given, assets="ev")
    with pytest.raises(ModelError, match=r"ev\[0\]"):
        CommunityEnv(**given, assets=Assets(evs=(Ev(**{**vars_of(EVS[0]), "prosumer": "nobody"}),)))
    with pytest.raises(ModelError, match=r"scenario\.names"):
        CommunityEnv(community=given["community"], assets=Assets(evs=EVS))


def vars_of(ev: Ev) -> dict[str, Any]:
    return {name: getattr(ev, name) for name in Ev.__slots__}


def test_the_mixes_have_cars_in_some_homes_and_an_outage_in_every_week() -> None:
    demo, scenario = Community.demo(), Scenario.demo()
    community, windows, timeline = furnished(demo, (scenario,), "all")
    cars = [ev.prosumer for ev in (*V2G, *CHARGE_ONLY)]
    is_car = np.isin(demo.names, cars)
    assert len(cars) == is_car.sum() == 5
    assert (community.battery_capacity_kwh[is_car] == CAPACITY_KWH).all()
    assert (community.battery_capacity_kwh[~is_car] == demo.battery_capacity_kwh[~is_car]).all()
    only = np.isin(demo.names, [ev.prosumer for ev in CHARGE_ONLY])
    assert np.array_equal(community.discharge_limit_kw == 0.0, only)
    assert timeline is not None
    assert timeline.grid_import_limit_kw is not None
    out = (timeline.grid_import_limit_kw == 0.0).nonzero()[0]
    assert out.size == 4 * len(OUTAGES) == 4 * len(list(scenario.weeks()))
    assert np.unique(out // 168).size == len(OUTAGES)
    assert (windows[0].pv_kw.sum(axis=0) > scenario.pv_kw.sum(axis=0)).sum() == 2


def test_every_mix_is_registered_and_keeps_to_the_training_weeks() -> None:
    assert {arguments["assets"] for arguments in IDS.values() if "assets" in arguments} == set(MIXES)
    held_out = {week.start for week in Scenario.demo().held_out_weeks()}
    for mix in MIXES:
        assert not held_out & {window.start for window in Episodes(assets=mix).windows}
