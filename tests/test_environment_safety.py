"""Layers 2 and 3 around environments of others: spaces stay, limits hold, whatever an agent does."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from autonomy import Observation
from autonomy.environments import ParallelSafetyWrapper, SafetyWrapper, ScaledPower
from autonomy.environments.safety import joined
from autonomy.layers.errors import ModelError
from tests.planted_hosts import COMMUNITY, Street, street_host

pettingzoo = pytest.importorskip("pettingzoo")
HOMES = ("a", "b", "c")
SCALED = ScaledPower(4.0, sign=-1)


class StreetEnv(gymnasium.Env[Any, Any]):
    """The street of the page as somebody else would make an environment of it: 1 discharges at full power."""

    def __init__(self) -> None:
        self.street = Street()
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (3,), np.float32)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (9,), np.float32)

    def _seen(self) -> Any:
        raw = self.street.read()
        return np.concatenate((raw["load"], raw["solar"], raw["charge_percent"])).astype(np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.street.restart(seed)
        return self._seen(), {}

    def step(self, action: Any) -> Any:
        no_cap = np.full(3, np.inf)
        self.street.advance(4000.0 * np.asarray(action, dtype=np.float64), no_cap, no_cap)
        over = self.street.step_number >= self.street.length
        return self._seen(), -abs(self.street.meter_w), False, over, {"meter": self.street.meter_w}


class StreetParallel(pettingzoo.ParallelEnv):  # type: ignore[misc, name-defined]
    """The same with an agent a home."""

    metadata = {"name": "street"}  # noqa: RUF012 - PettingZoo's form

    def __init__(self) -> None:
        self.inner, self.possible_agents, self.agents = StreetEnv(), list(HOMES), list(HOMES)

    def observation_space(self, agent: str) -> Any:
        return gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)

    def action_space(self, agent: str) -> Any:
        return gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def _split(self, seen: Any) -> Any:
        return {home: seen[i::3] for i, home in enumerate(HOMES)}

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        return self._split(self.inner.reset(seed=seed)[0]), {home: {} for home in HOMES}

    def step(self, actions: Any) -> Any:
        joint = np.array([actions[home][0] for home in HOMES])
        seen, reward, _, over, info = self.inner.step(joint)
        each = dict.fromkeys(HOMES, over)
        return (
            self._split(seen),
            dict.fromkeys(HOMES, reward),
            dict.fromkeys(HOMES, False),
            each,
            dict.fromkeys(HOMES, info),
        )


def observed(street: Any) -> Observation:
    host = street_host()
    seen: Observation = host.to_observation(street.read())
    return seen


def shielded() -> SafetyWrapper:
    return SafetyWrapper(
        StreetEnv(),
        community=COMMUNITY,
        to_observation=lambda env, seen, info: observed(env.unwrapped.street),
        to_battery_kw=SCALED.to_battery_kw,
        to_action=SCALED.to_action,
    )


def excess_kw(meter_w: float) -> float:
    return max(meter_w / 1000 - 5.0, -meter_w / 1000 - 4.0)


def test_an_agent_that_overloads_the_feeder_does_not_behind_the_wrapper() -> None:
    alone, ours = StreetEnv(), shielded()
    assert ours.action_space == alone.action_space
    assert ours.observation_space == alone.observation_space
    worst = {}  # from midnight to six: the environment has no action that would curtail
    for name, env in (("alone", alone), ("ours", ours)):
        env.reset(seed=3)
        env.action_space.seed(3)
        flows = [excess_kw(env.step(np.sign(env.action_space.sample()))[4]["meter"]) for _ in range(24)]
        worst[name] = max(flows)
    assert worst["alone"] > 1.0
    assert worst["ours"] < 1e-3


def test_what_the_environment_gets_is_what_was_decided() -> None:
    env = shielded()
    env.reset(seed=1)
    for action in (np.full(3, -1.0), np.array([0.1, -0.2, 0.0]), np.full(3, np.nan)):
        info = env.step(action.astype(np.float32))[4]
        done_kw = -env.unwrapped.street.battery_w / 1000  # type: ignore[attr-defined]
        np.testing.assert_allclose(done_kw, info["safety"]["battery_kw"], atol=1e-6)
    assert info["safety"]["mode"] == "support"
    assert "no battery intent is finite" in info["safety"]["reasons"]


def test_an_action_that_is_safe_is_passed_on() -> None:
    env = shielded()
    env.reset(seed=1)
    info = env.step(np.array([0.1, -0.2, 0.0], dtype=np.float32))[4]
    assert info["safety"]["mode"] == "policy"
    assert info["safety"]["intervention_kw"] < 1e-6
    np.testing.assert_allclose(info["safety"]["battery_kw"], [-0.4, 0.8, 0.0], atol=1e-6)


def test_agents_of_pettingzoo_meet_on_one_feeder() -> None:
    to_battery_kw, to_actions = joined(SCALED, HOMES)
    env = ParallelSafetyWrapper(
        StreetParallel(),
        community=COMMUNITY,
        to_observation=lambda env, seen, infos: observed(env.inner.street),
        to_battery_kw=to_battery_kw,
        to_actions=to_actions,
    )
    env.reset(seed=3)
    for _ in range(24):
        told = env.step({home: np.full(1, -1.0, dtype=np.float32) for home in HOMES})
        info = told[4]["b"]
        assert excess_kw(info["meter"]) < 1e-3
    assert info["safety"]["intervention_kw"] > 0


def test_an_agent_that_says_nothing_asks_for_nothing() -> None:
    to_battery_kw, to_actions = joined(SCALED, HOMES)
    asked = to_battery_kw({"a": np.array([0.5]), "c": np.array([-1.0])})
    np.testing.assert_array_equal(asked, [-2.0, np.nan, 4.0])
    env = shielded()
    env.reset(seed=1)
    decision = env._shield.decide(observed(env.unwrapped.street), asked)  # type: ignore[attr-defined]
    assert decision.battery_kw[1] == 0.0
    assert set(to_actions(decision, {"a": np.zeros(1)})) == {"a"}


def test_what_cannot_be_wrapped_is_refused() -> None:
    class Discrete(StreetEnv):
        def __init__(self) -> None:
            super().__init__()
            self.action_space = gymnasium.spaces.Discrete(2)  # type: ignore[assignment]

    with pytest.raises(ModelError, match="action_space"):
        SafetyWrapper(
            Discrete(),
            community=COMMUNITY,
            to_observation=lambda env, seen, info: observed(env.unwrapped.street),
            to_battery_kw=SCALED.to_battery_kw,
            to_action=SCALED.to_action,
        )
    with pytest.raises(ModelError, match="reset"):
        shielded().step(np.zeros(3))
    with pytest.raises(ModelError, match="scale_kw"):
        ScaledPower(0.0)
    with pytest.raises(ModelError, match="sign"):
        ScaledPower(1.0, sign=0)
