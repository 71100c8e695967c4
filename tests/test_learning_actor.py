"""A Stable-Baselines3 model as a policy: in NumPy it acts as the model predicts, and torch's threads are left alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("stable_baselines3")

import stable_baselines3
import torch
from gymnasium import Env, spaces

from autonomy import Community, Scenario, Simulator
from autonomy.environments import make_vec
from autonomy.learning.reinforcement.action import MEANINGS
from autonomy.learning.reinforcement.actor import Actor, Alone, actor_of
from autonomy.learning.reinforcement.policies import OffPolicy, OnPolicy
from autonomy.observing import NO_LIMIT, SOC_OF_PROSUMER, encode_each
from autonomy.policies import load_policy

SINGLE = 3e-6
"""What single precision may leave of a few sums, of numbers of the order of 1."""
PLAIN: dict[str, dict[str, Any]] = {
    "PPO": {"n_steps": 17, "batch_size": 17},
    "A2C": {},
    "SAC": {"buffer_size": 17},
    "TD3": {"buffer_size": 17},
    "DDPG": {"buffer_size": 17},
}
SCALES = st.sampled_from([1e-3, 1.0, 30.0])


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Where others use the processor, torch's threads wait for each other: models are asked a thousand times here."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Asked(Env[Any, Any]):
    """An environment that has spaces and nothing else; the ends of the actions differ."""

    observation_space = spaces.Box(-NO_LIMIT, NO_LIMIT, (7,), np.float32)
    action_space = spaces.Box(np.array([-1.0, -1.5], np.float32), np.array([2.0, 0.5], np.float32))


def shaken(model: Any, seed: int = 0) -> Any:
    """Return a model whose answers differ: new ones are all near 0."""
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for values in model.policy.parameters():
            values.add_(torch.randn(values.shape, generator=chance) / values.shape[-1] ** 0.5)
    return model


def plain(name: str, env: Any = None, **more: Any) -> Any:
    algorithm = getattr(stable_baselines3, name)
    return shaken(algorithm("MlpPolicy", env or Asked(), device="cpu", seed=1, **PLAIN[name], **more))


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    return {name: plain(name) for name in PLAIN}


@pytest.fixture(scope="module")
def own() -> dict[tuple[str, str], Any]:
    """Models with the policies of the package, by algorithm and by what an action means."""
    vec, found = make_vec(n_communities=1, seed=4), {}
    for meaning in MEANINGS:
        for name, kind in {"PPO": OnPolicy, "SAC": OffPolicy}.items():
            algorithm, arguments = getattr(stable_baselines3, name), {**PLAIN[name], "device": "cpu", "seed": 1}
            found[name, meaning] = shaken(algorithm(kind, vec, policy_kwargs={"meaning": meaning}, **arguments))
    return found


def actor(model: Any) -> Actor:
    found = actor_of(model)
    assert found is not None
    return found


@pytest.mark.parametrize("name", PLAIN)
@given(seed=st.integers(0, 2**32 - 1), scale=SCALES)
def test_an_actor_acts_as_the_model_predicts(models: dict[str, Any], name: str, seed: int, scale: float) -> None:
    rows = scale * np.random.default_rng(seed).standard_normal((20, 7)).astype(np.float32)
    predicted, _ = models[name].predict(rows, deterministic=True)
    action, state = actor(models[name]).predict(rows, deterministic=True)
    assert state is None
    assert (action.shape, action.dtype) == (predicted.shape, predicted.dtype)
    np.testing.assert_allclose(action, predicted, atol=SINGLE * max(scale, 1.0))
    np.testing.assert_allclose(actor(models[name]).predict(rows[0])[0], predicted[0], atol=SINGLE * max(scale, 1.0))


def test_the_answers_that_are_compared_differ_and_stay_within_their_ends(models: dict[str, Any]) -> None:
    rows = np.random.default_rng(0).standard_normal((200, 7))
    for model in models.values():
        action, _ = actor(model).predict(rows)
        assert (action.std(axis=0) > 0.05).all()
        assert ((Asked.action_space.low <= action) & (action <= Asked.action_space.high)).all()


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("name", ["PPO", "SAC"])
@given(seed=st.integers(0, 2**32 - 1))
def test_a_model_of_this_package_acts_as_it_predicts(own: dict[Any, Any], name: str, meaning: str, seed: int) -> None:
    model, rows = own[name, meaning], observations(seed)
    predicted, _ = model.policy.predict(rows, deterministic=True)
    action, _ = actor(model).predict(rows, deterministic=True)
    np.testing.assert_allclose(action, predicted, atol=1e-5)


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_what_is_compared_of_them_differs(own: dict[Any, Any], name: str, meaning: str) -> None:
    rows = np.concatenate([observations(seed) for seed in range(20)])
    assert np.unique(actor(own[name, meaning]).predict(rows)[0][:, 0].round(3)).size > len(rows) / 4


@cache
def hours() -> np.ndarray:
    """Return what the demo's homes see in 40 random hours of its year."""
    community, chance = Community.demo(), np.random.default_rng(5)
    year = Scenario.demo(forecast="7-day-mean")
    windows = [year.window(int(first), 24) for first in chance.integers(200, 8000, 40)]
    return np.concatenate([encode_each(community, Simulator(community, window).observe()) for window in windows])


def observations(seed: int) -> np.ndarray:
    """Return what some of these homes see, with random stores."""
    chance = np.random.default_rng(seed)
    rows = chance.choice(hours(), int(chance.integers(1, 40)))
    rows[:, SOC_OF_PROSUMER] = chance.uniform(size=len(rows))
    return rows


def test_a_saved_model_is_asked_without_torch(
    own: dict[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    community = Community.demo()
    observation = Simulator(community, Scenario.demo(forecast="7-day-mean").window(2000, 24)).observe()
    for name, model in {"own": own["PPO", "levels"], "plain": plain("SAC", make_vec(n_communities=1, seed=4))}.items():
        model.save(tmp_path / f"{name}.zip")
        policy = load_policy(str(tmp_path / f"{name}.zip"))
        expected, _ = model.predict(encode_each(community, observation), deterministic=True)
        with monkeypatch.context() as patch:
            patch.setattr(torch.nn.Linear, "forward", None)
            answer: Any = policy(community, observation)
        battery = expected[:, 0] * np.where(
            expected[:, 0] >= 0, community.charge_limit_kw, community.discharge_limit_kw
        )
        np.testing.assert_allclose(answer[:, 0], battery, atol=1e-4)


def test_what_becomes_of_the_model_does_not_change_its_actor() -> None:
    model = plain("PPO")
    found, rows = actor(model), np.ones((3, 7), np.float32)
    before, _ = found.predict(rows)
    shaken(model, seed=2)
    np.testing.assert_array_equal(found.predict(rows)[0], before)
    assert not np.allclose(model.predict(rows, deterministic=True)[0], before)


def test_what_is_no_number_stays_none_and_what_has_another_size_or_asks_for_noise_is_refused() -> None:
    found = actor(plain("PPO"))
    assert np.isnan(found.predict(np.full(7, np.nan))[0]).all()
    with pytest.raises(ValueError, match="has 6 numbers, 7 are expected"):
        found.predict(np.ones((2, 6)))
    with pytest.raises(ValueError, match="deterministic"):
        found.predict(np.ones((2, 7)), deterministic=False)


class Negated(torch.nn.Linear):
    """A layer that is nearly one."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return -super().forward(values)


class Shy(stable_baselines3.ppo.MlpPolicy):
    """A policy that is nearly one."""

    def _predict(self, observation: Any, deterministic: bool = False) -> Any:
        return 0.5 * super()._predict(observation, deterministic)


def unknown(case: str) -> Any:
    if case == "activation":
        return plain("PPO", policy_kwargs={"activation_fn": torch.nn.ELU})
    if case in ("PPO", "SAC"):
        return plain(case, use_sde=True)
    if case == "policy":
        return shaken(stable_baselines3.PPO(Shy, Asked(), n_steps=17, batch_size=17, device="cpu"))
    model = plain("PPO")
    model.policy.action_net.__class__ = Negated
    return model


@pytest.mark.parametrize("case", ["activation", "PPO", "SAC", "policy", "layer"])
def test_a_model_with_a_part_that_is_not_known_is_asked_itself(case: str, tmp_path: Path) -> None:
    model = unknown(case)
    assert actor_of(model) is None
    rows = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    action, _ = Alone(model).predict(rows, deterministic=True)
    np.testing.assert_allclose(action, model.predict(rows, deterministic=True)[0], atol=SINGLE)


class Counts:
    """A model that says how many threads it was given, or fails."""

    def predict(self, observation: Any, *, deterministic: bool) -> Any:
        if observation is None:
            raise ValueError("nothing seen")
        return torch.get_num_threads(), deterministic


def test_a_model_is_asked_on_one_thread_and_the_users_number_of_threads_holds_afterwards() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert Alone(Counts()).predict(np.ones(1), deterministic=True) == (1, True)
        assert torch.get_num_threads() == 3
        with pytest.raises(ValueError, match="nothing seen"):
            Alone(Counts()).predict(None)  # type: ignore[arg-type]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
