"""The simulator's faces as loops of one call: random actions in, observations and rewards out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonomy.controller import Controller
from autonomy.layers.community import Community
from autonomy.observing import encode, physical_action
from autonomy.scenario import Scenario
from autonomy.simulator import Simulator

WEEK = 168
"""Steps of an episode."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Face:
    """Something that plays communities.

    Attributes:
        name: As tables show it.
        begin: Starts episodes.
        step: Plays one step of all communities with actions (B, N, 3) in [−1, 1], and observes the next.
    """

    name: str
    begin: Callable[[], Any]
    step: Callable[[Any], Any]


def arrays(community: Community, scenario: Scenario, batch: int, seed: int) -> Face:
    """Return the batched simulator with an observation for every prosumer."""
    from autonomy.environments.episodes import Episodes  # noqa: PLC0415 - only when needed

    episodes = Episodes(community=community, scenario=scenario, episode_steps=WEEK, batch=batch)
    random = np.random.default_rng(seed)

    def step(action: Any) -> Any:
        episodes.act(episodes.physical(action))
        return episodes.observe_each()

    return Face(name="arrays", begin=lambda: episodes.begin(random), step=step)


def vector(community: Community, scenario: Scenario, batch: int, seed: int) -> Face:
    """Return the Stable-Baselines3 VecEnv."""
    from autonomy.environments.vector import make_vec  # noqa: PLC0415 - loads Stable-Baselines3

    made = make_vec(n_communities=batch, community=community, scenario=scenario, episode_steps=WEEK, seed=seed)
    size = batch * community.n_prosumers
    return Face(name="make_vec", begin=made.reset, step=lambda action: made.step(action.reshape(size, 3)))


def gymnasium_face(community: Community, scenario: Scenario, seed: int) -> Face:
    """Return `CommunityEnv`: one community, every decision with its mode, its reasons and its violations."""
    from autonomy.environments.community import CommunityEnv  # noqa: PLC0415 - loads Gymnasium

    made = CommunityEnv(community=community, scenario=scenario, episode_steps=WEEK, normalised=True)
    return Face(name="CommunityEnv", begin=lambda: made.reset(seed=seed), step=lambda action: made.step(action[0]))


def stack(community: Community, scenario: Scenario) -> Face:
    """Return the controller with its monitors and the simulator with its invariants, and the observation encoded."""
    simulator = Simulator(community, scenario.window(0, WEEK))
    action: list[Any] = [None]
    controller = Controller(community, policy=lambda homes, observation: physical_action(homes, observation, action[0]))

    def step(given: Any) -> Any:
        action[0] = given[0]
        simulator.execute(controller.step(simulator.observe()))
        return encode(community, simulator.observe())

    def begin() -> None:
        simulator.reset()
        controller.reset()

    return Face(name="Controller + Simulator", begin=begin, step=step)
