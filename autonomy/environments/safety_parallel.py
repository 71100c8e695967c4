"""Layers 2 and 3 around a PettingZoo environment: one projection for all agents, whose actions meet on one feeder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pettingzoo import ParallelEnv
from pettingzoo.utils.wrappers import BaseParallelWrapper

from autonomy.environments.safety import Shield, told
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.errors import ModelError
from autonomy.layers.observation import Observation
from autonomy.supervisor import Supervisor


class ParallelSafetyWrapper(BaseParallelWrapper):  # type: ignore[misc]  # PettingZoo ships no types
    """A PettingZoo ParallelEnv whose agents together only ever do what is safe; its spaces stay as they are.

    Args:
        env: Any parallel environment; agents that have gone ask for nothing.
        community: Batteries and limits, in the project's terms.
        to_observation: Maps (env, observations, infos) to an `Observation` of the step to be decided.
        to_battery_kw: Maps the agents' actions to (N,) kW, + = charge; NaN for who says nothing.
        to_actions: Maps (decision, actions) to the actions that the environment gets.
        supervisor: Settings of Layer 3.
        backend: Projection backend.
    """

    def __init__(
        self,
        env: ParallelEnv[Any, Any, Any],
        *,
        community: Community,
        to_observation: Callable[[Any, dict[str, Any], dict[str, Any]], Observation],
        to_battery_kw: Callable[[Mapping[str, Any]], Any],
        to_actions: Callable[[Decision, Mapping[str, Any]], dict[str, Any]],
        supervisor: Supervisor | None = None,
        backend: str = "exact",
    ) -> None:
        super().__init__(env)
        self._shield = Shield(community, supervisor, backend)
        self._to_observation, self._to_battery_kw, self._to_actions = to_observation, to_battery_kw, to_actions
        self._seen: Observation | None = None

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Start an episode; nothing of the last one is remembered."""
        observations, infos = self.env.reset(seed=seed, options=options)
        self._shield.controller.reset()
        self._seen = self._to_observation(self.env, observations, infos)
        return observations, infos

    def step(self, actions: Mapping[str, Any]) -> Any:
        """Let the environment go on under the safe actions nearest to `actions`; every info gets "safety".

        Raises:
            ModelError: the environment was not reset.
        """
        if self._seen is None:
            raise ModelError("step", actions, "reset() before the first step")
        decision = self._shield.decide(self._seen, self._to_battery_kw(actions))
        observations, rewards, ended, cut, infos = self.env.step(self._to_actions(decision, actions))
        self._seen = self._to_observation(self.env, observations, infos)
        safety = told(decision)
        return observations, rewards, ended, cut, {agent: {**info, "safety": safety} for agent, info in infos.items()}
