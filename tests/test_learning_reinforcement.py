"""Learning by trial: what is seen, what an action means, what is paid, and that a broken-off training loses nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

import torch
from gymnasium import spaces

from autonomy import Community, Controller, Network, Scenario, Simulator
from autonomy.economics import Economics
from autonomy.environments import make_vec
from autonomy.errors import ConfigError
from autonomy.layers.decision import Decision, Mode
from autonomy.layers.errors import ModelError
from autonomy.layers.intent import named_policy
from autonomy.learning.draws import VALIDATING
from autonomy.learning.reinforcement.action import FILL_H, MEANINGS, translated
from autonomy.learning.reinforcement.chapters import Learned, train
from autonomy.learning.reinforcement.exam import Exam
from autonomy.learning.reinforcement.features import FEATURES, FeatureMap
from autonomy.learning.reinforcement.layout import horizon_of, seen_of
from autonomy.learning.reinforcement.method import ALGORITHMS, hash_of
from autonomy.learning.reinforcement.policies import OnPolicy
from autonomy.learning.reinforcement.ppo import PPO_ALGORITHM, PpoRecipe, beside_neighbours, new_ppo
from autonomy.learning.reinforcement.recipe import Point, Recipe
from autonomy.learning.reinforcement.reward import Moment, difference, feeder_of, spare_kw
from autonomy.learning.reinforcement.sac import SacRecipe
from autonomy.learning.reinforcement.street import Street
from autonomy.learning.split import Split, split
from autonomy.learning.validation import Marks, marks
from autonomy.observing import encode_each, physical_action
from autonomy.policies import load_policy
from autonomy.rollout import roll_out
from autonomy.variation import Variation, varied

SMALL: dict[str, Any] = {"steps": 1200, "chapter_steps": 400, "places": 1, "copies": 1, "episode_h": 24, "hidden": 8}
RECIPES: dict[str, Recipe] = {
    "ppo": PpoRecipe(**SMALL, rollout=12, minibatch=102, epochs=2),
    "sac": SacRecipe(**SMALL, buffer=2000, minibatch=64, updates=1, first=200),
}


@pytest.fixture(scope="module")
def weeks() -> Split:
    return split(Scenario.demo())


@pytest.fixture(scope="module")
def scale(weeks: Split) -> Marks:
    return marks(weeks, VALIDATING[:1], weeks=1)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """What the demo's homes see at noon, in the evening and at night of a day."""
    vec = make_vec(n_communities=2, initial_soc=None, seed=4)
    found = [vec.reset()]
    for step in range(1, 20):
        seen = vec.step(np.zeros((vec.num_envs, 3)))[0]
        found += [seen] if step in (6, 12, 19) else []
    return np.concatenate(found)


def street(recipe: Recipe, *variations: Variation) -> Street:
    series = split(Scenario.demo()).training.series
    return Street([varied(one, series) for one in variations or (Variation(homes=4, feeder=2.0),)], recipe)


# What is seen


def test_the_numbers_of_an_observation_have_their_names() -> None:
    community, scenario = Community.demo(), Scenario.demo(forecast="7-day-mean").window(12, 24)
    observation = Simulator(community, scenario).observe()
    seen, size = seen_of(encode_each(community, observation)), community.n_prosumers
    assert observation.forecast is not None
    np.testing.assert_allclose(seen.demand_kw, observation.demand_kw, rtol=1e-6)
    np.testing.assert_allclose(seen.soc, observation.soc, rtol=1e-6)
    np.testing.assert_allclose(seen.capacity_kwh, community.battery_capacity_kwh, rtol=1e-6)
    np.testing.assert_allclose(seen.charge_limit_kw, community.charge_limit_kw)
    np.testing.assert_allclose((seen.soc_min, seen.soc_max), (community.soc_min, community.soc_max), rtol=1e-6)
    np.testing.assert_allclose(seen.mean_pv_kw, observation.pv_kw.mean(), rtol=1e-6)
    np.testing.assert_allclose(seen.demand_ahead_kw[0] * size, observation.forecast.demand_kw.sum(axis=1), rtol=1e-5)
    width = observation.forecast.pv_high_kw - observation.forecast.pv_low_kw
    np.testing.assert_allclose(seen.pv_width_kw[0] * size, width.sum(axis=1), atol=1e-4)
    np.testing.assert_allclose(seen.retail_ahead[0], observation.forecast.retail_price, rtol=1e-6)
    np.testing.assert_allclose((seen.retail, seen.feed_in), (observation.retail_price, observation.feed_in_price))
    network = community.network
    np.testing.assert_allclose(seen.grid_kw[0] * size, [network.import_limit_kw[0], network.export_limit_kw[0]])
    assert (seen.timestep_h, seen.daytime.shape, seen.grid_kw.shape) == (1.0, (size, 2), (size, 2))


@pytest.mark.parametrize("size", [25, 26, 32, 200])
def test_what_is_no_observation_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="no prosumer's observation"):
        horizon_of(size)


def features(rows: np.ndarray) -> np.ndarray:
    space = spaces.Box(-1e9, 1e9, (rows.shape[1],), dtype=np.float32)
    return FeatureMap(space)(torch.from_numpy(rows)).numpy()


def test_features_are_of_the_order_of_one_and_no_kw_or_price_is_among_them(rows: np.ndarray) -> None:
    seen = features(rows)
    assert seen.shape == (len(rows), FEATURES)
    assert np.isfinite(seen).all()
    assert 0.3 < np.abs(seen).mean() < 1.5
    larger = rows.copy()
    horizon = horizon_of(rows.shape[1])
    powers = [0, 1, *range(5, 14), *range(17, 21 + 6 * horizon)]
    larger[:, powers] *= 3.0
    dearer = larger.copy()
    first = 19 + 6 * horizon + 2
    dearer[:, [first, first + 1, *range(first + 3, first + 3 + horizon)]] *= 7.0
    np.testing.assert_allclose(features(dearer), seen, atol=2e-5)


def in_quarters(rows: np.ndarray) -> np.ndarray:
    """Return the same observations of a community whose step is a quarter of an hour."""
    horizon = horizon_of(rows.shape[1])
    tables = rows[:, 19 : 19 + 6 * horizon].reshape(len(rows), 6, horizon).repeat(4, axis=2).reshape(len(rows), -1)
    rest = rows[:, 19 + 6 * horizon :]
    prices = rest[:, 5 : 5 + horizon].repeat(4, axis=1)
    return np.concatenate([rows[:, :19], tables, rest[:, :5], prices, rest[:, 5 + horizon :]], axis=1)


def test_quarter_hours_look_like_the_hours_they_make_up(rows: np.ndarray) -> None:
    hours, found = features(rows), features(in_quarters(rows))
    weight = 1.0 / 25.0  # the present price weighs less among more steps
    np.testing.assert_allclose(found, hours, atol=4.0 * weight)
    np.testing.assert_allclose(found[:, 11:39], hours[:, 11:39], atol=1e-5)


def test_a_policy_that_learned_hours_decides_quarters(rows: np.ndarray) -> None:
    model = new_ppo(PpoRecipe(**SMALL, rollout=12, minibatch=48), street(RECIPES["ppo"]))
    assert isinstance(model.policy, OnPolicy)
    hours, quarters = (model.policy.raw(seen, deterministic=True) for seen in (rows, in_quarters(rows)))
    np.testing.assert_allclose(quarters, hours, atol=0.02)
    action, _ = model.predict(in_quarters(rows), deterministic=True)
    np.testing.assert_array_equal(action, translated(in_quarters(rows), quarters, "levels"))


def test_nobody_without_a_battery_is_no_number(rows: np.ndarray) -> None:
    consumers = rows.copy()
    consumers[:, [4, 11, 12, 13]] = 0.0
    assert np.isfinite(features(consumers)).all()
    action = translated(consumers, np.ones((len(rows), 3)), "levels")
    assert np.isfinite(action).all()


# What an action means


@pytest.mark.parametrize("meaning", ["levels", "shares"])
def test_the_zero_action_is_self_consumption(meaning: str) -> None:
    community, scenario = Community.demo(), Scenario.demo().window(3, 48)
    simulator = Simulator(community, scenario)
    rule = Controller(community, policy="self-consumption", monitors=())
    while not simulator.is_done:
        observation = simulator.observe()
        action = translated(encode_each(community, observation), np.zeros((17, 3)), meaning)
        wanted = physical_action(community, observation, action)
        expected = named_policy("self-consumption")(community, observation)
        total = float(np.asarray(expected.battery_kw).sum())
        assert wanted[:, 0].sum() == pytest.approx(total, abs=0.2)  # the nominal efficiency is a little another
        assert (np.sign(wanted[:, 1]) == np.sign(observation.pv_kw - observation.demand_kw - wanted[:, 0])).all()
        simulator.execute(rule.step(observation))


@pytest.mark.parametrize("meaning", MEANINGS)
def test_every_action_is_one_of_make_vec(meaning: str, rows: np.ndarray) -> None:
    raw = np.random.default_rng(0).uniform(-1.0, 1.0, (len(rows), 3))
    action = translated(rows, raw, meaning)
    assert action.shape == (len(rows), 3)
    assert (np.abs(action) <= 1.0).all()
    assert (action[:, 2] == 0.0).all()


def test_levels_hold_back_fill_up_and_sell(rows: np.ndarray) -> None:
    seen = seen_of(rows)

    def battery(*raw: float) -> np.ndarray:
        action = translated(rows, np.tile(raw, (len(rows), 1)), "levels")[:, 0]
        return np.where(action > 0, action * seen.charge_limit_kw, action * seen.discharge_limit_kw)

    plain, usable = battery(0.0, 0.0, 0.0), seen.usable_kwh
    deficit = seen.mean_pv_kw < seen.mean_demand_kw
    assert deficit.any()
    assert (~deficit).any()
    assert (battery(1.0, 0.0, 0.0)[deficit] == 0.0).all()
    np.testing.assert_array_equal(battery(1.0, 0.0, 0.0)[~deficit], plain[~deficit])
    share = (seen.soc - seen.soc_min) / (seen.soc_max - seen.soc_min)
    filled = np.minimum((1.0 - share) * usable / 0.95, usable / FILL_H)
    np.testing.assert_allclose(battery(0.0, 1.0, 0.0), np.maximum(filled, plain), rtol=1e-4)
    np.testing.assert_allclose(battery(0.0, 0.0, -1.0)[~deficit], 0.0)
    sold = np.minimum(share * usable * 0.95, seen.discharge_limit_kw)
    np.testing.assert_allclose(battery(0.0, 0.0, 1.0)[share > 0], -sold[share > 0], rtol=1e-4)


# What is paid


def decided(battery: np.ndarray, surplus: np.ndarray, demand: np.ndarray, pv: np.ndarray, feeder: Any) -> Decision:
    """Return set-points with these battery powers, and as much curtailed or shed as the feeder asks for."""
    left = float((surplus - battery).sum())
    curtail = pv * max(left - feeder.export_kw, 0.0) / pv.sum() if pv.sum() else pv
    shed = demand * max(-feeder.import_kw - left, 0.0) / demand.sum()
    net = surplus - battery - curtail + shed
    no_cap = np.full(net.size, np.inf)
    return Decision(
        battery_kw=battery, trade_kw=net, price_bid=np.full(net.size, 0.1), curtail_kw=curtail, shed_kw=shed,
        net_export_kw=net, generation_cap_kw=no_cap, load_cap_kw=no_cap, mode=Mode.POLICY,
    )  # fmt: skip


@pytest.mark.parametrize("hour", [3, 13, 14, 19, 21])
def test_a_difference_reward_is_what_the_step_costs_less_than_with_an_idle_battery(hour: int) -> None:
    place = varied(Variation(homes=5, feeder=0.8, seed=2))
    community, economics = place.community, place.economics
    feeder, random = feeder_of(community, economics, 0.25), np.random.default_rng(hour)
    window = place.year.window(24 * 40 + hour, 1)
    demand, pv = window.demand_kw[0], window.pv_kw[0]

    def cost(battery: np.ndarray) -> float:
        simulator = Simulator(community, window, economics=economics)
        return simulator.execute(decided(battery, pv - demand, demand, pv, feeder)).cost

    for _ in range(8):
        battery = random.uniform(-2.0, 2.0, 5)
        others = [np.where(np.arange(5) == i, 0.0, battery) for i in range(5)]
        moment = Moment(
            surplus_kw=np.array([(pv - demand).sum()]),
            battery_kw=battery[None],
            wanted_kw=battery[None],
            retail=window.retail_price,
            feed_in=window.feed_in_price,
            carbon_kg_per_kwh=window.carbon_kg_per_kwh,
            spare_kw=np.zeros((1, 5)),
        )
        plain = replace(feeder, economics=replace(economics, overload_weight=0.0))
        expected = [cost(other) - cost(battery) for other in others]
        np.testing.assert_allclose(difference(plain, moment)[0], expected, atol=1e-9)


def test_what_a_prosumer_gains_by_another_action_the_community_gains_too() -> None:
    place = varied(Variation(homes=4, seed=3))
    feeder, random = feeder_of(place.community, place.economics, 0.25), np.random.default_rng(1)
    base = random.uniform(-3.0, 3.0, (50, 4))
    other = base.copy()
    other[:, 2] = random.uniform(-3.0, 3.0, 50)

    def moment(battery: np.ndarray) -> Moment:
        series = place.year.series
        rows = np.arange(700, 750)
        surplus = (series.pv_kw[rows] - series.demand_kw[rows]).sum(axis=1)
        tariff = series.retail_price[rows], series.feed_in_price[rows], series.carbon_kg_per_kwh[rows]
        return Moment(surplus, battery, battery, *tariff, np.zeros(battery.shape))

    gained = difference(feeder, moment(other)) - difference(feeder, moment(base))
    # Everybody's absence in turn, one after the other, sums to what the community gains by all of them.
    worth = []
    for battery in (base, other):
        total = np.zeros(50)
        present = battery.copy()
        for i in range(4):
            total += difference(feeder, moment(present))[:, i]
            present[:, i] = 0.0
        worth.append(total)
    np.testing.assert_allclose(gained[:, 2], worth[1] - worth[0], atol=1e-9)


def test_weights_and_the_overload_of_an_intent_are_paid_as_they_are_set() -> None:
    place = varied(Variation(homes=4, seed=3))
    battery = np.array([[1.0, -2.0, 0.0, 3.0]])
    moment = Moment(
        np.array([-30.0]), battery, battery + 2.0, *(np.array([price]) for price in (0.3, 0.06, 0.2)), np.zeros((1, 4))
    )

    def paid(**weights: float) -> np.ndarray:
        return difference(feeder_of(place.community, replace(place.economics, **weights), 0.25), moment)[0]

    off = dict.fromkeys(("carbon_weight", "overload_weight", "wear_weight", "energy_weight", "shed_weight"), 0.0)
    np.testing.assert_array_equal(paid(**off), 0.0)
    np.testing.assert_allclose(
        paid(**{**off, "wear_weight": 2.0}), -2.0 * place.economics.wear_per_kwh * np.abs(battery[0])
    )
    overload = paid(**{**off, "overload_weight": 1.0})
    np.testing.assert_allclose(overload, -place.economics.overload_penalty_per_kwh * (battery[0] + 2.0), atol=1e-12)


TREE = Network(parent=[-1, 0], bus_of_prosumer=[0, 1], import_limit_kw=[9, 9], export_limit_kw=[9, 9])
THREE = Network.single_feeder(n_prosumers=3, import_limit_kw=9, export_limit_kw=9)
FEEDER = Network.single_feeder(n_prosumers=2, import_limit_kw=9, export_limit_kw=9)


@pytest.mark.parametrize(
    ("network", "price", "told"),
    [
        (TREE, {}, "network"),
        (FEEDER, {"capacity_price_per_kw": 1.0}, "capacity_price_per_kw"),
        (FEEDER, {"cycle_price_per_kwh": 1.0}, "cycle_price_per_kwh"),
        (FEEDER, {"trade_fee_per_kwh": 0.1}, "trade_fee_per_kwh"),
    ],
)
def test_where_a_difference_reward_would_not_be_exact_there_is_none(
    network: Network, price: dict[str, float], told: str
) -> None:
    community = Community(battery_capacity_kwh=5.0, charge_limit_kw=2.0, discharge_limit_kw=2.0, network=network)
    with pytest.raises(ModelError, match=told):
        feeder_of(community, Economics(**price), 0.25)


def test_the_potential_adds_what_was_stored_at_the_ends_and_nothing_else() -> None:
    plain, shaped = (street(replace(RECIPES["ppo"], potential=worth)) for worth in (0.0, 0.7))
    random, discount, total = np.random.default_rng(0), RECIPES["ppo"].discount, np.zeros(4)
    stored = []
    for one in (plain, shaped):
        one.seed(5)
        one.reset()
    first = np.array(shaped.get_attr("energy_kwh"))
    for step in range(20):
        raw = random.uniform(-1.0, 1.0, (4, 3))
        rewards = [one.step(raw)[1].astype(np.float64) for one in (plain, shaped)]
        total += discount**step * (rewards[1] - rewards[0])
        stored.append(np.array(shaped.get_attr("energy_kwh")))
    least, usable = 0.1 * 6.4, 0.9 * 6.4
    expected = 0.7 * (discount**20 * (stored[-1] - least) - (first - least)) / usable
    np.testing.assert_allclose(total, expected, atol=1e-5)


def test_only_what_was_changed_costs_a_penalty() -> None:
    tight = Variation(homes=4, feeder=0.3)
    free, paying = (street(replace(RECIPES["ppo"], penalty=penalty), tight) for penalty in (0.0, 1.0))
    for one in (free, paying):
        one.seed(5)
        one.reset()
    changed, same = np.zeros(4), np.zeros(4)
    for _ in range(12):
        raw = np.tile([0.0, 1.0, 0.0], (4, 1))  # all fill up at once, which the feeder does not bear
        first, second = (one.step(raw)[1] for one in (free, paying))
        changed += first - second
    assert (changed > 0.01).all()
    for _ in range(6):
        first, second = (one.step(np.tile([1.0, 0.0, -1.0], (4, 1)))[1] for one in (free, paying))
        same += np.abs(first - second)
    assert (same < 1e-6).all()


def test_only_what_nobody_else_could_have_given_is_lost_load() -> None:
    place = varied(Variation(homes=3, seed=3))
    economics = replace(place.economics, overload_weight=0.0, carbon_weight=0.0)
    feeder = replace(feeder_of(place.community, economics, 0.25), import_kw=10.0)
    battery = np.array([[-2.0, -1.0, 0.0]])  # the feeder is full: 13 kW of load, 3 of them from batteries
    tariff = [np.array([number]) for number in (0.5, 0.06, 0.0)]

    def paid(*spare: float) -> np.ndarray:
        wear = place.economics.wear_per_kwh * np.abs(battery[0])
        moment = Moment(np.array([-13.0]), battery, battery, *tariff, np.array([spare]))
        return difference(feeder, moment)[0] + wear

    lost = place.economics.value_of_lost_load_per_kwh
    np.testing.assert_allclose(paid(0.0, 0.0, 0.0), [2.0 * lost, lost, 0.0])
    np.testing.assert_allclose(paid(9.0, 0.0, 0.5), [1.5 * lost + 0.5 * 0.25, 0.25, 0.0])
    np.testing.assert_allclose(paid(0.0, 4.0, 4.0), [2.0 * 0.25, 0.25, 0.0])


def test_a_battery_can_give_what_is_stored_and_no_more_than_its_power() -> None:
    community = Community(
        battery_capacity_kwh=[10.0, 10.0, 10.0], charge_limit_kw=4.0, discharge_limit_kw=4.0, network=THREE,
        discharge_efficiency=0.5, soc_min=0.1,
    )  # fmt: skip
    found = spare_kw(np.array([[9.0, 3.0, 1.0]]), np.array([[-1.0, 2.0, 0.0]]), community)
    np.testing.assert_allclose(found, [[3.0, 3.0, 0.0]])


def test_equal_shares_of_the_communitys_reward_instead() -> None:
    common = street(replace(RECIPES["ppo"], own_effect=0, potential=0.0, penalty=0.0))
    common.seed(5)
    common.reset()
    rewards = common.step(np.zeros((4, 3)))[1]
    assert rewards.std() < 1e-6 < np.abs(rewards).max()


# Streets


def test_a_street_is_houses_side_by_side() -> None:
    both = street(RECIPES["ppo"], Variation(homes=4, feeder=2.0), Variation(homes=5, feeder=1.8, seed=1))
    assert both.num_envs == 9
    np.testing.assert_array_equal(both.communities, [0] * 4 + [1] * 5)
    assert both.get_attr("number") == [0, 1, 2, 3, 0, 1, 2, 3, 4]
    both.set_attr("mark", 7, [6])
    assert both.get_attr("mark", [6]) == [7]
    assert both.env_method("observe", indices=[4])[0].shape == both.observation_space.shape
    assert both.env_is_wrapped(Street) == [False] * 9


def test_the_end_of_an_episode_is_a_truncation_and_its_last_observation_is_kept() -> None:
    one = street(RECIPES["ppo"])
    one.reset()
    for step in range(1, 25):
        _, _, done, infos = one.step(np.zeros((4, 3)))
        assert done.all() == (step == 24)
    assert all(info["TimeLimit.truncated"] and info["terminal_observation"].shape == (194,) for info in infos)


def test_the_same_seed_gives_the_same_street_and_another_another() -> None:
    def played(seed: int) -> np.ndarray:
        one = street(RECIPES["ppo"])
        one.seed(seed)
        return np.concatenate([one.reset(), one.step(np.full((4, 3), 0.3))[0]])

    np.testing.assert_array_equal(played(1), played(1))
    assert (played(1) != played(2)).any()


def test_what_was_paid_is_tallied() -> None:
    one = street(RECIPES["ppo"])
    one.reset()
    rewards = one.step(np.zeros((4, 3)))[1]
    mean, changed = one.tally.emptied()
    np.testing.assert_allclose(mean, rewards.mean(), rtol=1e-5)
    assert changed >= 0.0
    assert one.tally.emptied() == (0.0, 0.0)


def test_an_advantage_is_compared_with_that_of_the_others() -> None:
    advantages = np.array([[1.0, 2.0, 6.0, 5.0, 1.0], [0.0, 0.0, 3.0, 2.0, 2.0]])
    beside = beside_neighbours(advantages, np.array([0, 0, 0, 1, 1]))
    np.testing.assert_allclose(beside, [[-3.0, -1.5, 4.5, 4.0, -4.0], [-1.5, -1.5, 3.0, 0.0, 0.0]])
    np.testing.assert_array_equal(beside_neighbours(np.array([[3.0]]), np.array([0])), [[3.0]])


# Training


@pytest.fixture(scope="module", params=ALGORITHMS)
def trained(
    request: pytest.FixtureRequest, weeks: Split, scale: Marks, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Learned, Path]:
    folder = tmp_path_factory.mktemp(request.param)
    algorithm, _ = ALGORITHMS[request.param]
    exam = Exam(scale, "7-day-mean")
    return request.param, train(algorithm, RECIPES[request.param], weeks, exam, folder), folder


def weights(name: str, folder: Path) -> str:
    (last,) = folder.glob("chapter-*/model.zip")
    return hash_of(ALGORITHMS[name][0].read(last).policy)


def test_a_training_leaves_its_best_model_and_its_curve(trained: tuple[str, Learned, Path]) -> None:
    _, learned, folder = trained
    assert [point.chapter for point in learned.curve] == [1, 2, 3]
    assert learned.curve[-1].prosumer_steps >= 1200
    assert learned.score == max(point.score for point in learned.curve)
    assert learned.model.is_file()
    assert sorted(path.name for path in folder.iterdir()) == [learned.model.name, "chapter-0003"]
    assert not list(folder.glob("**/buffer.pkl"))


def test_a_training_that_was_broken_off_ends_with_the_same_weights(
    trained: tuple[str, Learned, Path], weeks: Split, scale: Marks, tmp_path: Path
) -> None:
    name, learned, folder = trained
    algorithm, exam = ALGORITHMS[name][0], Exam(scale, "7-day-mean")

    def breaks_off(point: Point) -> None:
        if point.chapter == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(algorithm, RECIPES[name], weeks, exam, tmp_path, progress=breaks_off)
    again = train(algorithm, RECIPES[name], weeks, exam, tmp_path, resume=True)
    assert weights(name, tmp_path) == weights(name, folder)
    assert [point._replace(cpu_s=0.0) for point in again.curve] == [
        point._replace(cpu_s=0.0) for point in learned.curve
    ]
    with pytest.raises(ConfigError, match="discount"):
        train(algorithm, replace(RECIPES[name], discount=0.5), weeks, exam, tmp_path, resume=True)


def test_a_saved_model_is_a_policy_that_acts_as_it_was_examined(
    trained: tuple[str, Learned, Path], scale: Marks
) -> None:
    name, learned, _ = trained
    place = scale.places[0]
    year = place.year.with_forecast("7-day-mean").window(scale.first[0], scale.steps)
    simulator = Simulator(place.community, year, economics=place.economics)
    run = roll_out(
        simulator, Controller(place.community, policy=load_policy(str(learned.model)), monitors=()), name="x"
    )
    assert run.violations == ()
    shares = Exam(scale, "7-day-mean").shares(ALGORITHMS[name][0].read(learned.model).policy)
    # The policy is asked in NumPy and the exam in torch: single precision, summed over a week.
    np.testing.assert_allclose(shares, scale.shares(np.array([[run.cost]])), rtol=1e-6)
    assert learned.score == pytest.approx(float(shares.mean()), abs=1e-12)


def test_training_stops_when_nothing_gets_better(weeks: Split, scale: Marks, tmp_path: Path) -> None:
    class Fading(Exam):
        count = 0

        def shares(self, policy: Any) -> np.ndarray:
            self.count += 1
            return np.array([0.5 - 0.1 * self.count])

    recipe = replace(RECIPES["ppo"], patience=1)
    learned = train(PPO_ALGORITHM, recipe, weeks, Fading(scale, "7-day-mean"), tmp_path)
    assert [point.chapter for point in learned.curve] == [1, 2]
    assert learned.model.name == "best-0001.zip"


def test_a_checkpoint_is_complete_or_not_there(weeks: Split, scale: Marks, tmp_path: Path) -> None:
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "model.zip").write_text("half")
    learned = train(PPO_ALGORITHM, RECIPES["ppo"], weeks, Exam(scale, "7-day-mean"), tmp_path, resume=True)
    told = json.loads((tmp_path / "chapter-0003" / "state.json").read_text())
    assert told["algorithm"] == "ppo"
    assert len(told["curve"]) == len(learned.curve) == 3
    assert not (tmp_path / "unfinished").exists()


def test_a_policy_answers_one_prosumer_as_it_answers_many(rows: np.ndarray) -> None:
    model = new_ppo(PpoRecipe(**SMALL, rollout=12, minibatch=48), street(RECIPES["ppo"]))
    assert isinstance(model.policy, OnPolicy)
    many, _ = model.policy.predict(rows, deterministic=True)
    one, _ = model.policy.predict(rows[3], deterministic=True)
    np.testing.assert_allclose(one, many[3], atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"discount": 1.0}, {"meaning": "vibes"}, {"penalty": -1.0}, {"forecasts": ()}, {"own_effect": 2}],
)
def test_wrong_numbers_of_a_recipe_are_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ModelError, match=name):
        PpoRecipe(**wrong)
    with pytest.raises(ModelError, match=name):
        SacRecipe(**wrong)
