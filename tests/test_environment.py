"""`CommunityEnv`: both checkers pass, seeds decide everything, and no action breaks a rule."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import gymnasium.utils.env_checker
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, CommunityEnv, Controller, Economics, Intent, Network, Scenario
from autonomy.layers.errors import ModelError
from autonomy.layers.observation import Observation
from autonomy.observing import encode, observation_bounds, physical_action
from autonomy.policies import load_policy
from autonomy.rollout import roll_out
from autonomy.series import Series
from autonomy.simulator import Simulator
from tests.strategies import ANY_FLOAT, communities, scenarios

stable_baselines3 = pytest.importorskip("stable_baselines3")
check_stable_baselines = pytest.importorskip("stable_baselines3.common.env_checker").check_env


def pair() -> Community:
    """A home with PV and battery and a pure consumer, behind a feeder that binds."""
    batteries: dict[str, Any] = {
        "battery_capacity_kwh": [10.0, 0.0],
        "charge_limit_kw": [5.0, 0.0],
        "discharge_limit_kw": [4.0, 0.0],
        "charge_efficiency": 0.95,
        "discharge_efficiency": 0.95,
    }
    return Community(
        **batteries,
        network=Network.single_feeder(n_prosumers=2, import_limit_kw=4.0, export_limit_kw=3.0),
    )


def days(community: Community, count: int = 2) -> Scenario:
    """Clear days: a sine of PV for the first home, 1 and 2 kW of demand, a dear evening."""
    hour = np.arange(24 * count) % 24
    sun = np.maximum(np.sin((hour - 6) / 12 * np.pi), 0.0)
    return Scenario.whole(
        Series(
            time=np.datetime64("2024-05-01T00:00", "m") + np.timedelta64(60, "m") * np.arange(24 * count),
            demand_kw=np.tile([1.0, 2.0], (24 * count, 1)),
            pv_kw=np.column_stack([6.0 * sun, 0.0 * sun]),
            retail_price=np.where((hour >= 17) & (hour < 21), 0.5, 0.2),
            feed_in_price=np.array(0.06),
            carbon_kg_per_kwh=np.array(0.3),
            names=community.names,
            timestep_h=1.0,
        )
    )


def small(**options: Any) -> CommunityEnv:
    return CommunityEnv(community=pair(), scenario=days(pair()), **{"episode_steps": 24, **options})


# The contract ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalised", [True, False])
def test_gymnasiums_checker_has_nothing_to_say(normalised: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if not normalised:
            # Gymnasium advises to normalise; physical units are what this variant is for.
            warnings.filterwarnings("ignore", message=".*action space.*normalized.*", append=False)
        gymnasium.utils.env_checker.check_env(small(normalised=normalised), skip_render_check=True)


def test_stable_baselines_checker_has_nothing_to_say_about_the_normalised_environment() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_stable_baselines(small(normalised=True))


def test_stable_baselines_checker_warns_about_nothing_but_the_range_of_physical_actions() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_stable_baselines(small())
    assert [str(item.message) for item in caught if "symmetric and normalized" not in str(item.message)] == []


def test_the_demo_is_the_default_and_none_of_its_held_out_weeks_is_seen() -> None:
    held_out = {week.start // 168 for week in Scenario.demo().held_out_weeks()}
    for steps in (None, 24, 100):
        env = CommunityEnv(episode_steps=steps)
        seen = {window.start // 168 for window in env.windows}
        assert seen
        assert not seen & held_out
        assert all((window.stop - 1) // 168 == window.start // 168 for window in env.windows)
        assert {window.n_steps for window in env.windows} == {steps or 168}
    assert env.reset(seed=0)[0].shape == env.observation_space.shape == (15 * 17 + 7 * 24 + 7,)


@given(communities(max_prosumers=3), st.data())
@settings(max_examples=15)
def test_every_observation_lies_in_the_observation_space(community: Community, data: st.DataObject) -> None:
    scenario = data.draw(scenarios(community, min_steps=6, max_steps=8))
    env = CommunityEnv(community=community, scenario=scenario, normalised=True)
    observation, _ = env.reset(seed=1)
    over = False
    while not over:
        assert observation in env.observation_space
        observation, _, _, over, info = env.step(env.action_space.sample())
        assert info["violations"] == ()
    assert observation in env.observation_space


# Episodes -------------------------------------------------------------------------------------------------------------


def episode(env: CommunityEnv, seed: int) -> list[Any]:
    record: list[Any] = [env.reset(seed=seed)]
    env.action_space.seed(seed)
    over = False
    while not over:
        step = env.step(env.action_space.sample())
        record.append(step)
        over = step[2] or step[3]
    return record


@pytest.mark.parametrize("normalised", [True, False])
def test_the_same_seed_gives_the_same_episode_to_the_last_bit(normalised: bool) -> None:
    first, second = (episode(small(normalised=normalised), 7) for _ in range(2))
    other = episode(small(normalised=normalised), 8)
    assert first[0][0].tobytes() == second[0][0].tobytes()
    for (seen, reward, *_, info), (seen_again, reward_again, *_, info_again) in zip(first[1:], second[1:], strict=True):
        assert seen.tobytes() == seen_again.tobytes()
        assert reward == reward_again
        assert info["cost_currency"] == info_again["cost_currency"]
        assert info["reasons"] == info_again["reasons"]
    assert first[1][0].tobytes() != other[1][0].tobytes()


def test_a_windows_end_is_a_truncation_and_never_a_termination() -> None:
    record = episode(small(), 3)
    assert [step[2] for step in record[1:]] == [False] * 24
    assert [step[3] for step in record[1:]] == [False] * 23 + [True]


def test_reset_chooses_the_window_and_the_state_of_charge() -> None:
    env = small(initial_soc=0.25)
    for k, label in enumerate(["2024-05-01T00:00 (24 steps)", "2024-05-02T00:00 (24 steps)"]):
        observation, info = env.reset(options={"window": k})
        assert info == {"window": label}
        np.testing.assert_allclose(observation[4:6], [0.25, 0.0])
    for window in (2, -1):
        with pytest.raises(ModelError, match="window"):
            env.reset(options={"window": window})
    drawn = {small().reset(seed=seed)[0][4].item() for seed in range(5)}
    assert len(drawn) == 5
    assert all(0.0 <= soc <= 1.0 for soc in drawn)


@pytest.mark.parametrize(
    "options", [{"episode_steps": 49}, {"episode_steps": 0}, {"render_mode": "human"}, {"initial_soc": 1.1}]
)
def test_an_option_that_cannot_be_met_is_named(options: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=next(iter(options))):
        small(**options)


@given(communities(max_prosumers=4, with_ramp=True), st.data())
@settings(max_examples=15)
def test_an_episode_is_what_the_simulator_and_a_controller_do(community: Community, data: st.DataObject) -> None:
    scenario = data.draw(scenarios(community))
    env = CommunityEnv(community=community, scenario=scenario, episode_steps=scenario.n_steps, initial_soc=0.4)
    simulator = Simulator(community, scenario, initial_soc=0.4)
    intents = np.random.default_rng(0).uniform(-6.0, 6.0, (scenario.n_steps, community.n_prosumers, 3))
    controller = Controller(community, policy=lambda *_: intents[simulator.step_number], monitors=())
    seen, _ = env.reset(seed=0)
    for intent in intents:
        assert np.array_equal(seen, encode(community, simulator.observe()))
        decision = controller.step(simulator.observe())
        expected = simulator.execute(decision, intent_kw=intent[:, 0])
        seen, reward, _, truncated, info = env.step(intent)
        assert reward == expected.reward.total(simulator.economics)
        assert info["cost_currency"] == expected.cost
        assert info["violations"] == expected.violations
        assert info["mode"] == decision.mode
        assert info["reasons"] == tuple(str(reason) for reason in decision.reasons)
        assert info["traded_kw"] == expected.clearing.traded_kw
        assert info["feeder_kw"] == expected.execution.feeder_kw
        assert truncated == simulator.is_done


def test_an_intent_and_a_list_are_actions_too() -> None:
    rows = [[1.0, 0.5, 0.2], [0.0, -0.5, 0.3]]
    intent = Intent(**dict(zip(("battery_kw", "trade_kw", "price_bid"), np.array(rows).T, strict=True)))
    costs = set()
    for action in (rows, np.array(rows), intent):
        env = small(initial_soc=0.5)
        env.reset(options={"window": 0})
        costs.add(env.step(action)[4]["cost_currency"])
    assert len(costs) == 1


def test_what_is_no_action_says_so() -> None:
    env = small()
    env.reset(seed=0)
    *_, info = env.step("charge!")
    assert info["reasons"][0] == "the policy answered a str; expected an Intent or an array of shape (2, 3)"
    *_, info = env.step(np.full((2, 3), np.nan))
    assert info["reasons"][0] == "no battery intent is finite"


def test_info_carries_every_part_of_the_reward_and_they_add_up() -> None:
    economics = Economics(trade_weight=0.5, carbon_weight=2.0, overload_weight=3.0, wear_weight=4.0, shed_weight=5.0)
    env = small(economics=economics, normalised=True)
    env.reset(seed=5)
    env.action_space.seed(5)
    penalised = 0
    for _ in range(24):
        _, reward, *_, info = env.step(env.action_space.sample())
        parts = (
            info["energy_profit_currency"]
            + 0.5 * info["p2p_revenue_currency"]
            + 2.0 * info["carbon_cost_currency"]
            + 3.0 * info["overload_penalty_currency"]
            + 4.0 * info["wear_cost_currency"]
            + 5.0 * info["shed_cost_currency"]
            + info["peak_cost_currency"]
            + info["missing_cost_currency"]
        )
        assert reward == pytest.approx(parts, rel=1e-12)
        assert abs(info["p2p_revenue_by_prosumer_currency"].sum()) <= 1e-12
        assert info["co2_kg"] * -economics.carbon_price_per_kg == pytest.approx(info["carbon_cost_currency"], rel=1e-12)
        assert (info["clearing_price"] is None) == (info["traded_kw"] == 0.0)
        penalised += info["overload_penalty_currency"] < 0
    assert penalised  # else the overload part would not have been tested


def test_rendering_says_what_the_last_step_did() -> None:
    env = small(render_mode="ansi", initial_soc=0.5)
    env.reset(options={"window": 0})
    assert env.render() == "step 0: 2024-05-01T00:00 (24 steps)"
    env.step(np.zeros((2, 3), dtype=np.float32))
    assert env.render() == "step 1: demand 3.0 kW, PV 0.0 kW, battery +0.0 kW, feeder -3.0 kW, mode policy"
    env.reset(options={"window": 1})
    assert env.render() == "step 0: 2024-05-02T00:00 (24 steps)"
    assert small().render() is None


# Any action -----------------------------------------------------------------------------------------------------------

STRANGE: tuple[Any, ...] = (
    np.full((2, 3), np.nan),
    np.full((2, 3), np.inf),
    np.full((2, 3), -1e308),
    np.full((2, 3), np.float32(3e38)),
    np.zeros((3, 3)),
    np.zeros(6),
    np.zeros((1, 3)),
    np.float64(0.5),
    [[1.0, 2.0, 3.0]],
    [[1.0], [1.0, 2.0]],
    np.array([["a", "b", "c"], ["d", "e", "f"]]),
    np.array([[None, 1, {}], [1, 2, 3]], dtype=object),
    "charge!",
    None,
    10**400,
)


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("number", range(len(STRANGE)))
def test_a_strange_action_is_answered_without_a_violation(number: int, normalised: bool) -> None:
    env = small(normalised=normalised)
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(STRANGE[number])
    assert info["violations"] == ()
    assert np.isfinite(reward)
    assert observation in env.observation_space
    assert (terminated, truncated) == (False, False)
    unreadable = np.shape(np.asarray(STRANGE[number], dtype=object)) != (2, 3) or number in (0, 1, 10, 11)
    assert (info["mode"] == "support") == unreadable
    assert info["reasons"]


@given(st.data())
@settings(max_examples=40)
def test_no_action_breaks_a_rule(data: st.DataObject) -> None:
    env = small(normalised=data.draw(st.booleans()))
    env.reset(seed=0, options={"window": 0})
    for _ in range(3):
        action = np.array([[data.draw(ANY_FLOAT) for _ in range(3)] for _ in range(2)])
        _, reward, *_, info = env.step(action)
        assert info["violations"] == ()
        assert np.isfinite(reward)


def test_normalised_actions_by_hand() -> None:
    # Home 1 may charge 5 and discharge 4 kW; it has 6 kW of PV and 1 kW of demand, so it could sell 10 or buy 6 kW.
    community = pair()
    fields: Any = {"demand_kw": [1, 2], "pv_kw": [6, 0], "soc": [0.5, 0]}
    seen = Observation(**fields, retail_price=np.full(2, 0.5), feed_in_price=np.full(2, 0.1))
    np.testing.assert_allclose(
        physical_action(community, seen, [[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]), [[5, 10, 0.5], [0, 0, 0.3]], atol=1e-15
    )
    np.testing.assert_allclose(
        physical_action(community, seen, [[-1.0, -1.0, -1.0], [-1.0, -0.5, 0.0]]), [[-4, -6, 0.1], [0, -1, 0.3]]
    )
    np.testing.assert_allclose(physical_action(community, seen, np.zeros((2, 3))), [[0, 0, 0.3], [0, 0, 0.3]])
    assert physical_action(community, seen, "what?") == "what?"


def test_zero_is_idle_in_both_units() -> None:
    for normalised in (True, False):
        env = small(normalised=normalised, initial_soc=0.5)
        env.reset(options={"window": 0})
        *_, info = env.step(np.zeros((2, 3), dtype=np.float32))
        assert info["feeder_kw"] == pytest.approx(-3.0, abs=1e-12)
        assert info["overload_penalty_currency"] == 0.0


# The flat observation -------------------------------------------------------------------------------------------------


def test_the_flat_observation_by_hand() -> None:
    community = pair()
    observation = Simulator(community, days(community)).observe()
    flat = encode(community, observation)
    low, high = observation_bounds(2, 24)
    assert flat.shape == low.shape == high.shape == (15 * 2 + 7 * 24 + 7,)
    assert flat.dtype == np.float32
    np.testing.assert_allclose(flat[:6], [1, 2, 0, 0, 0.5, 0])
    np.testing.assert_allclose(flat[6:18], [0, 0, 1, 1, 5, 0, 4, 0, 0, 0, 1, 1])  # no floors, all there, their limits
    np.testing.assert_allclose(flat[18:24], [1, 2, 1, 2, 1, 2])  # without history tomorrow is like now
    np.testing.assert_allclose(flat[24:30], 0.0)
    np.testing.assert_allclose(flat[30:54], 3.0)
    np.testing.assert_allclose(flat[174:176], 1.0)  # the grid is there
    np.testing.assert_allclose(flat[176:179], [0.2, 0.06, 0.3])
    np.testing.assert_allclose(flat[179 + 15 : 179 + 21], [0.2, 0.5, 0.5, 0.5, 0.5, 0.2])  # hour 1 comes first
    np.testing.assert_allclose(flat[-2:], [0.0, 1.0])
    assert (low[4:6].tolist(), high[4:6].tolist()) == ([0, 0], [1, 1])
    assert (low[-2:].tolist(), high[-2:].tolist()) == ([-1, -1], [1, 1])


@pytest.mark.parametrize(
    ("time", "sine", "cosine"),
    [("2024-05-01T06:00", 1, 0), ("2024-05-01T18:00", -1, 0), (None, 0, 0), ("noon", 0, 0), ("NaT", 0, 0), (7, 0, 0)],
)
def test_the_time_of_day_is_an_angle_and_zeros_when_unknown(time: Any, sine: float, cosine: float) -> None:
    community = pair()
    observation = Simulator(community, days(community)).observe()
    fields = {
        name: getattr(observation, name) for name in ("demand_kw", "pv_kw", "soc", "retail_price", "feed_in_price")
    }
    flat = encode(community, Observation(**fields, forecast=observation.forecast, time=time))
    np.testing.assert_allclose(flat[-2:], [sine, cosine], atol=1e-7)
    assert flat[178] == 0.0  # no carbon intensity was given
    with pytest.raises(ModelError, match="forecast"):
        encode(community, Observation(**fields))


# A trained model ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalised", [True, False])
def test_a_trained_model_is_loaded_and_runs_in_the_controller(tmp_path: Path, normalised: bool) -> None:
    env = small(normalised=normalised)
    model = stable_baselines3.PPO("MlpPolicy", env, n_steps=32, batch_size=32, n_epochs=1, seed=1, device="cpu")
    model.learn(64)
    path = tmp_path / "model.zip"
    model.save(path)
    policy = load_policy(str(path))
    community = pair()
    simulator = Simulator(community, days(community).window(0, 24))
    observation = simulator.observe()
    action, _ = model.predict(encode(community, observation), deterministic=True)
    expected = physical_action(community, observation, action) if normalised else action
    # NumPy adds up in another order than torch: equal to single precision.
    np.testing.assert_allclose(policy(community, observation), expected, rtol=1e-5, atol=1e-6)
    run = roll_out(simulator, Controller(community, policy=str(path)), name="model")
    assert run.violations == ()
    assert not np.isin(run.mode, ["support", "grid-only", "dead-stop"]).any()
