"""`make_vec`: B communities for one policy are B single ones to the last bit, and start again by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

stable_baselines3 = pytest.importorskip("stable_baselines3")

from stable_baselines3.common.vec_env import VecMonitor, VecNormalize  # noqa: E402 - after it is known to be there

from autonomy import Community, CommunityEnv, Controller, Simulator, make_vec, parallel_env  # noqa: E402 - likewise
from autonomy.environments import shared_policy  # noqa: E402 - likewise
from autonomy.layers.errors import ModelError  # noqa: E402 - likewise
from autonomy.policies import load_policy  # noqa: E402 - likewise
from autonomy.rollout import roll_out  # noqa: E402 - likewise
from tests.learning import MIXES, days, setting  # noqa: E402 - likewise

MIX = "batteries and a consumer"


def played(vec: Any, steps: int) -> Iterator[Any]:
    random = np.random.default_rng(0)
    return (vec.step(random.uniform(-1.0, 1.0, (vec.num_envs, 3))) for _ in range(steps))


def play(vec: Any, steps: int) -> list[Any]:
    return list(played(vec, steps))


@pytest.mark.parametrize("mix", MIXES)
def test_sixty_four_communities_and_one_agree_to_the_last_bit(mix: str) -> None:
    # One window and one state of charge, so that all start alike; then each is given actions of its own.
    given = setting(mix, initial_soc=0.6)
    given["scenario"] = given["scenario"].window(0, given["episode_steps"])
    vec, size = make_vec(n_communities=64, **given), given["community"].n_prosumers
    start = vec.reset().reshape(64, size, -1)
    actions = np.random.default_rng(2).uniform(-1.0, 1.0, (given["episode_steps"], 64, size, 3))
    steps = [vec.step(rows.reshape(-1, 3)) for rows in actions]
    for b in (0, 1, 63):
        alone, many = CommunityEnv(**given, normalised=True), parallel_env(**given)
        alone.reset(seed=0)
        observations, _ = many.reset(seed=0)
        names = many.agents
        for k, (seen, rewards, _, infos) in enumerate(steps):
            if k == 0:
                assert np.array_equal(start[b], [observations[name] for name in names])
            info = alone.step(actions[k, b])[-1]
            observations, parts, *_ = many.step(dict(zip(names, actions[k, b], strict=True)))
            here = slice(b * size, (b + 1) * size)
            assert np.array_equal(rewards[here], np.array(list(parts.values()), dtype=np.float32))
            last = [item.get("terminal_observation", row) for item, row in zip(infos[here], seen[here], strict=True)]
            assert np.array_equal(last, [observations[name] for name in names])
            assert info["violations"] == ()
    assert [step[2].all() for step in steps].index(True) == len(steps) - 1


def test_an_episodes_end_is_a_truncation_with_its_last_observation_and_its_cost() -> None:
    vec = make_vec(n_communities=4, seed=3, **setting(MIX))
    first = vec.reset()
    costs = np.zeros(4)
    record = []
    for seen, rewards, dones, infos in played(vec, 49):
        record.append((seen, dones, infos))
        costs += vec.outcome.cost
        assert rewards.dtype == np.float32
        assert rewards.shape == dones.shape == (12,)
        if dones.any():
            assert dones.all()
            assert [info["episode_cost_currency"] for info in infos] == pytest.approx(np.repeat(costs, 3), rel=1e-12)
            costs[:] = 0.0
            for i, info in enumerate(infos):
                assert info["TimeLimit.truncated"] is True
                assert info["terminal_observation"] in vec.observation_space
                assert not np.array_equal(info["terminal_observation"], seen[i])
                assert set(info) == {
                    "terminal_observation", "TimeLimit.truncated", "episode_cost_currency", "terminal_value_currency",
                }  # fmt: skip
        else:
            assert infos == [{}] * 12
    assert [bool(dones[0]) for _, dones, _ in record] == [k in (23, 47) for k in range(49)]
    fresh = record[23][0]
    assert (fresh[:, -2:] == first[:, -2:]).all()  # midnight again
    assert not np.array_equal(fresh[:, 2], first[:, 2])  # with states of charge of their own


def test_the_last_outcome_is_that_of_the_old_episode() -> None:
    vec = make_vec(n_communities=2, seed=1, **setting(MIX))
    vec.reset()
    *_, infos = play(vec, 24)[-1]
    held = vec.outcome.energy_kwh[0] / [10.0, 6.4, 1.0]
    assert np.array_equal([info["terminal_observation"][2] for info in infos[:3]], held.astype(np.float32))
    assert not np.array_equal(vec.get_attr("energy_kwh", [0, 1]), vec.outcome.energy_kwh[0, :2])


def test_the_terminal_value_is_that_of_the_simulator() -> None:
    given = setting(MIX, initial_soc=0.5)
    vec = make_vec(n_communities=2, **given)
    vec.set_options({"window": 1})
    vec.reset()
    *_, infos = play(vec, 24)[-1]
    simulator = Simulator(given["community"], given["scenario"].window(24, 24), initial_soc=0.5)
    random = np.random.default_rng(0)
    actions = [random.uniform(-1.0, 1.0, (6, 3)) for _ in range(24)]
    env = CommunityEnv(**given, normalised=True)
    env.reset(options={"window": 1})
    for rows in actions:
        env.step(rows[:3])
    simulator.energy_kwh = env._episodes.simulator.energy_kwh[0]
    assert infos[0]["terminal_value_currency"] == simulator.terminal_value
    assert infos[0]["terminal_value_currency"] != infos[3]["terminal_value_currency"]


def test_seed_decides_the_next_reset_and_nothing_else() -> None:
    vec = make_vec(n_communities=3, **setting(MIX))
    assert vec.seed(11) == [11] * 9
    first = vec.reset()
    assert not np.array_equal(vec.reset(), first)  # the generator goes on
    vec.seed(11)
    assert np.array_equal(vec.reset(), first)
    assert np.array_equal(make_vec(n_communities=3, seed=11, **setting(MIX)).reset(), first)
    drawn = vec.seed()
    assert len(set(drawn)) == 1
    again = vec.reset()
    vec.seed(drawn[0])
    assert np.array_equal(vec.reset(), again)


def test_options_choose_the_window_of_the_next_reset() -> None:
    vec = make_vec(n_communities=2, **setting(MIX))
    vec.set_options({"window": 1})
    vec.reset()
    assert vec.get_attr("window") == ["2024-05-02T00:00 (24 steps)"] * 6
    assert vec.reset_infos == [{"window": "2024-05-02T00:00 (24 steps)"}] * 6
    vec.seed(0)
    labels = set()
    for _ in range(8):
        vec.reset()
        labels |= set(vec.get_attr("window"))
    assert len(labels) == 2
    vec.set_options({"window": 2})
    with pytest.raises(ModelError, match="window"):
        vec.reset()


def test_the_prosumers_can_be_asked_and_told() -> None:
    vec = make_vec(n_communities=2, **setting(MIX, initial_soc=0.5))
    seen = vec.reset()
    names = list(vec.community.names)
    assert vec.num_envs == 6
    assert vec.get_attr("name") == names * 2
    assert vec.get_attr("name", [5, 0]) == [names[2], names[0]]
    assert vec.get_attr("community_number", 4) == [1]
    assert vec.get_attr("number", 4) == [1]
    assert vec.get_attr("energy_kwh", range(3)) == [5.0, 3.2, 0.0]
    assert vec.get_attr("step_number", 0) == [0]
    assert vec.get_attr("render_mode") == [None] * 6
    assert np.array_equal(vec.env_method("observe", indices=[4])[0], seen[4])
    assert vec.env_is_wrapped(stable_baselines3.common.monitor.Monitor) == [False] * 6
    assert vec.env_is_wrapped(stable_baselines3.common.monitor.Monitor, indices=1) == [False]
    assert not vec.has_attr("colour")
    vec.set_attr("colour", "green", indices=[1, 2])
    assert vec.get_attr("colour", [1, 2]) == ["green", "green"]
    with pytest.raises(AttributeError):
        vec.get_attr("colour")
    with pytest.raises(AttributeError):
        vec.set_attr("name", "nobody")  # what is derived is not to be set


def test_quiet_infos_cost_nothing_and_belong_to_one_prosumer_each() -> None:
    vec = make_vec(n_communities=2, **setting(MIX))
    vec.reset()
    (*_, first), (*_, second) = play(vec, 2)
    assert first is not second
    assert len({id(info) for info in first}) == vec.num_envs
    assert all(a is b for a, b in zip(first, second, strict=True))


def test_checked_communities_say_which_rules_were_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    vec = make_vec(n_communities=2, checked=True, **setting(MIX, initial_soc=0.5))
    vec.reset()
    assert all(infos == [{}] * 6 for *_, infos in play(vec, 23))
    vec.reset()
    step = vec._episodes.simulator.step

    def broken(intent: Any) -> Any:
        outcome = step(intent)
        outcome.battery_kw[1, 0] = 6.0  # beyond the 5 kW of the first home
        return outcome

    monkeypatch.setattr(vec._episodes.simulator, "step", broken)
    *_, infos = vec.step(np.zeros((6, 3)))
    assert infos[:3] == [{}] * 3
    rules = {violation.rule for violation in infos[3]["violations"]}
    assert {"rate", "node balance"} <= rules
    assert infos[3] == infos[4] == infos[5]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"n_communities": 0}, "batch"), ({"episode_steps": 99}, "episode_steps"), ({"initial_soc": -0.1}, "initial_soc")],
)
def test_an_option_that_cannot_be_met_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ModelError, match=field):
        make_vec(**{**setting(MIX), **change})


def test_actions_of_another_shape_are_named() -> None:
    vec = make_vec(n_communities=2, **setting(MIX))
    vec.reset()
    with pytest.raises(ModelError, match=r"actions.*\(2, 9\).*\(6, 3\)"):
        vec.step(np.zeros((2, 9)))
    with pytest.raises(ModelError, match="step_async"):
        vec.step_wait()
    vec.step(np.full((6, 3), np.nan))  # but any number may come
    assert vec.outcome.decided.is_fallback.all()


# Training -------------------------------------------------------------------------------------------------------------


def test_ppo_trains_and_the_shared_policy_runs_another_community_safely(tmp_path: Any) -> None:
    vec = VecMonitor(make_vec(n_communities=4, seed=0, **setting(MIX)))
    model = stable_baselines3.PPO("MlpPolicy", vec, n_steps=32, batch_size=96, n_epochs=2, seed=1, device="cpu")
    before = [values.clone() for values in model.policy.parameters()]
    model.learn(12 * 64)
    assert model.num_timesteps == 768
    assert vec.unwrapped.outcome.cost.shape == (4,)  # behind any wrapper
    assert any((a != b).any() for a, b in zip(before, model.policy.parameters(), strict=True))
    assert len(model.ep_info_buffer) == 24  # twelve prosumers, two whole days in 64 steps
    assert {item["l"] for item in model.ep_info_buffer} == {24}
    model.save(tmp_path / "model.zip")
    loaded = stable_baselines3.PPO.load(tmp_path / "model.zip", device="cpu")
    for community in (MIXES[MIX](), MIXES["one home"]()):
        controller = Controller(community, policy=shared_policy(loaded))
        run = roll_out(Simulator(community, days(community)), controller, name="shared")
        assert run.violations == ()
        assert not np.isin(run.mode, ["support", "grid-only", "dead-stop"]).any()


def test_a_model_that_was_trained_for_every_prosumer_is_loaded_as_such(tmp_path: Any) -> None:
    vec = make_vec(n_communities=2, seed=0, **setting("EVs"))
    model = stable_baselines3.PPO("MlpPolicy", vec, n_steps=16, batch_size=48, n_epochs=1, seed=1, device="cpu")
    model.learn(96)
    path = str(tmp_path / "model.zip")
    model.save(path)
    loaded, shared = load_policy(path), shared_policy(model)
    for mix in ("EVs", "one home"):
        community = MIXES[mix]()
        simulator = Simulator(community, days(community).window(0, 24))
        observation = simulator.observe()
        answer: Any = loaded(community, observation)
        np.testing.assert_allclose(answer, shared(community, observation), atol=1e-5)  # NumPy beside torch
        assert answer.shape == (community.n_prosumers, 3)
        run = roll_out(simulator, Controller(community, policy=path), name="model")
        assert run.violations == ()
        assert not np.isin(run.mode, ["support", "grid-only", "dead-stop"]).any()


def test_the_same_seeds_train_the_same_policy() -> None:
    weights = []
    for _ in range(2):
        vec = make_vec(n_communities=2, seed=4, **setting(MIX))
        model = stable_baselines3.PPO("MlpPolicy", vec, n_steps=16, batch_size=48, n_epochs=1, seed=1, device="cpu")
        model.learn(96)
        weights.append(np.concatenate([values.detach().numpy().ravel() for values in model.policy.parameters()]))
    assert np.array_equal(*weights)


def test_observations_can_be_normalised_by_the_wrapper_of_stable_baselines() -> None:
    vec = VecNormalize(make_vec(n_communities=2, seed=4, **setting(MIX)))
    vec.reset()
    *_, (seen, rewards, dones, infos) = play(vec, 24)
    assert dones.all()
    assert np.isfinite(seen).all()
    assert np.isfinite(rewards).all()
    assert np.abs(infos[0]["terminal_observation"]).max() <= 10.0  # the wrapper's own bound


def test_the_demo_is_the_default() -> None:
    vec = make_vec(n_communities=2, episode_steps=24)
    assert vec.num_envs == 34
    assert vec.community.names == Community.demo().names
    seen = vec.reset()
    assert seen.shape == (34, 194)
    assert all(row in vec.observation_space for row in seen)
