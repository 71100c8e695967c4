"""`parallel_env`: every prosumer an agent, its reward a part of the community's, all truncated together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("pettingzoo")

from autonomy import CommunityEnv, parallel_env
from autonomy.layers.errors import ModelError
from tests.learning import MIXES, setting
from tests.test_environment import STRANGE


@pytest.mark.parametrize("mix", MIXES)
def test_it_is_the_community_environment_seen_by_its_prosumers(mix: str) -> None:
    many, one = parallel_env(**setting(mix)), CommunityEnv(**setting(mix), normalised=True)
    options = {"window": 1}
    many.reset(seed=3, options=options)
    seen, _ = one.reset(seed=3, options=options)
    size, random = many.community.n_prosumers, np.random.default_rng(1)
    # Gymnasium and NumPy make the same generator of a seed.
    assert np.array_equal(many.state(), seen)
    over = False
    while not over:
        actions = random.uniform(-1.0, 1.0, (size, 3))
        names = many.agents
        observations, rewards, terminated, truncated, infos = many.step(dict(zip(names, actions, strict=True)))
        seen, reward, _, over, info = one.step(actions)
        assert np.array_equal(many.state(), seen)
        assert sum(rewards.values()) == pytest.approx(reward, abs=1e-9)
        for i, name in enumerate(names):
            assert np.array_equal(observations[name][:3], seen[[i, size + i, 2 * size + i]])
            assert infos[name]["community"]["cost_currency"] == info["cost_currency"]
            assert infos[name]["community"]["violations"] == ()
        assert set(terminated.values()) == {False}
        assert set(truncated.values()) == {over}
        bills = sum(item["bill_currency"] for item in infos.values())
        assert bills == pytest.approx(-info["energy_profit_currency"], abs=1e-9)
    assert many.agents == []


def test_the_size_of_an_observation_does_not_depend_on_the_number_of_prosumers() -> None:
    sizes = set()
    for mix in ("one home", "batteries and a consumer"):
        env = parallel_env(**setting(mix))
        sizes |= {env.observation_space(name).shape for name in env.possible_agents}
    assert sizes == {(194,)}


def test_agents_are_the_prosumers_and_live_from_reset_to_the_end_of_the_window() -> None:
    env = parallel_env(**setting("line losses"), initial_soc=0.5)
    assert env.possible_agents == list(env.community.names)
    assert env.agents == []
    idle = {name: np.zeros(3) for name in env.possible_agents}
    with pytest.raises(ModelError, match="reset"):
        env.step(idle)
    observations, infos = env.reset(seed=0)
    assert list(observations) == list(infos) == env.agents == env.possible_agents
    assert {info["window"] for info in infos.values()} <= {"2024-05-01T00:00 (24 steps)", "2024-05-02T00:00 (24 steps)"}
    for _ in range(24):
        env.step(idle)
    with pytest.raises(ModelError, match="reset"):
        env.step(idle)


def test_a_missing_and_an_unknown_agent_are_named() -> None:
    env = parallel_env(**setting("line losses"))
    env.reset(seed=0)
    idle = {name: np.zeros(3) for name in env.agents}
    with pytest.raises(ModelError, match="nobody"):
        env.step({**idle, "nobody": np.zeros(3)})
    first = idle.pop(env.agents[0])
    with pytest.raises(ModelError, match=env.agents[0]):
        env.step(idle)
    env.step({**idle, env.agents[0]: first})


@pytest.mark.parametrize("number", range(len(STRANGE)))
def test_a_strange_action_of_one_agent_breaks_no_rule(number: int) -> None:
    env = parallel_env(**setting("batteries and a consumer"))
    env.reset(seed=0)
    actions: dict[str, Any] = {name: np.zeros(3) for name in env.agents}
    actions[env.agents[0]] = STRANGE[number]
    observations, rewards, *_, infos = env.step(actions)
    community = infos[env.agents[0]]["community"]
    assert community["violations"] == ()
    assert community["mode"] in ("policy", "projected")  # the others' intents still count
    assert np.isfinite(list(rewards.values())).all()
    assert all(observations[name] in env.observation_space(name) for name in env.agents)


def test_it_renders_as_the_community_environment_does() -> None:
    env = parallel_env(**setting("line losses"), render_mode="ansi", initial_soc=0.5)
    env.reset(seed=0, options={"window": 0})
    assert env.render() == "step 0: 2024-05-01T00:00 (24 steps)"
    env.step({name: np.zeros(3) for name in env.agents})
    assert env.render().startswith("step 1: demand ")
    assert parallel_env(**setting("line losses")).render() is None
    with pytest.raises(ModelError, match="render_mode"):
        parallel_env(**setting("line losses"), render_mode="human")
