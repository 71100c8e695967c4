"""Layers 2 and 3 around environments of others: `SafetyWrapper` for Gymnasium, `ParallelSafetyWrapper` for PettingZoo.

    action ─▶ what it wants of the batteries ─▶ nearest safe set-points, supervised ─▶ the environment's own action

Three functions say how an environment and the project's units and signs (`autonomy.hosts.host`) belong together. An
action of any Box will do, also one with entries that are no battery's: what `to_action` does not replace is passed on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from autonomy.controller import Controller
from autonomy.hosts.comparison import battery_intent
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.errors import ModelError
from autonomy.layers.observation import Observation
from autonomy.supervisor import Supervisor


class Shield:
    """A controller whose policy is whatever was asked for last.

    Args:
        community: Batteries and limits, in the project's terms.
        supervisor: Settings of Layer 3.
        backend: Projection backend.
    """

    def __init__(self, community: Community, supervisor: Supervisor | None, backend: str) -> None:
        self._asked_kw: Any = np.zeros(community.n_prosumers)
        self.controller = Controller(community, policy=self._policy, supervisor=supervisor, backend=backend)

    def decide(self, observation: Observation, asked_kw: Any) -> Decision:
        """Return the safe decision that is nearest to (N,) kW asked for, + = charge; never raises on data."""
        self._asked_kw = asked_kw
        return self.controller.step(observation)

    def _policy(self, _: Community, observation: Observation) -> Any:
        return battery_intent(np.asarray(self._asked_kw, dtype=np.float64), observation)


def told(decision: Decision) -> dict[str, Any]:
    """Return what `info["safety"]` says of a decision: kW, the mode, and the reasons as sentences."""
    return {
        "battery_kw": decision.battery_kw,
        "curtail_kw": decision.curtail_kw,
        "shed_kw": decision.shed_kw,
        "intervention_kw": decision.intervention_kw,
        "mode": str(decision.mode),
        "reasons": tuple(str(reason) for reason in decision.reasons),
    }


class SafetyWrapper(gymnasium.Wrapper[Any, NDArray[Any], Any, NDArray[Any]]):
    """A Gymnasium environment that only ever sees safe actions; its spaces stay as they are.

    Args:
        env: Any environment whose actions are a Box.
        community: Batteries and limits, in the project's terms.
        to_observation: Maps (env, its observation, its info) to an `Observation` of the step to be decided.
        to_battery_kw: Maps an action to (N,) kW that it asks of the batteries, + = charge.
        to_action: Maps (decision, action) to the action that the environment gets.
        supervisor: Settings of Layer 3, its statement of the environment's accuracy first of all.
        backend: Projection backend.

    Raises:
        ModelError: the actions are no Box.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, NDArray[Any]],
        *,
        community: Community,
        to_observation: Callable[[Any, Any, dict[str, Any]], Observation],
        to_battery_kw: Callable[[NDArray[Any]], Any],
        to_action: Callable[[Decision, NDArray[Any]], NDArray[Any]],
        supervisor: Supervisor | None = None,
        backend: str = "exact",
    ) -> None:
        super().__init__(env)
        if not isinstance(env.action_space, gymnasium.spaces.Box):
            raise ModelError("env.action_space", env.action_space, "a Box")
        self._shield = Shield(community, supervisor, backend)
        self._to_observation, self._to_battery_kw, self._to_action = to_observation, to_battery_kw, to_action
        self._seen: Observation | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; nothing of the last one is remembered."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._shield.controller.reset()
        self._seen = self._to_observation(self.env, observation, info)
        return observation, info

    def step(self, action: NDArray[Any]) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Let the environment go on under the safe action nearest to `action`; `info["safety"]` says what it was.

        Raises:
            ModelError: the environment was not reset.
        """
        if self._seen is None:
            raise ModelError("step", action, "reset() before the first step")
        decision = self._shield.decide(self._seen, self._to_battery_kw(action))
        observation, reward, terminated, truncated, info = self.env.step(self._to_action(decision, action))
        self._seen = self._to_observation(self.env, observation, info)
        return observation, reward, terminated, truncated, {**info, "safety": told(decision)}


class ScaledPower:
    """The common case: entry i of an action is the power of battery i over its scale.

        battery_kw = sign·scale_kw·action        action = sign·battery_kw/scale_kw

    Args:
        scale_kw: (N,) or one, kW > 0 that an action of 1 stands for.
        sign: 1 where an action > 0 charges, -1 where it discharges.

    Raises:
        ModelError: a scale is not > 0, or the sign is neither.
    """

    def __init__(self, scale_kw: float | Vector, sign: int = 1) -> None:
        self.scale_kw, self.sign = np.asarray(scale_kw, dtype=np.float64), sign
        if not np.all((self.scale_kw > 0) & np.isfinite(self.scale_kw)):
            raise ModelError("scale_kw", scale_kw, "kW > 0")
        if sign not in (1, -1):
            raise ModelError("sign", sign, "1 or -1")

    def to_battery_kw(self, action: NDArray[Any]) -> Vector:
        """Return (N,) kW that an action asks for, + = charge."""
        asked: Vector = self.sign * self.scale_kw * np.ravel(np.asarray(action, dtype=np.float64))
        return asked

    def to_action(self, decision: Decision, action: NDArray[Any]) -> NDArray[Any]:
        """Return the decision's powers in the shape and kind of `action`."""
        given = np.asarray(action)
        return (self.sign * decision.battery_kw / self.scale_kw).reshape(given.shape).astype(given.dtype)


def joined(scaled: ScaledPower, agents: tuple[str, ...]) -> tuple[Callable[[Any], Vector], Callable[..., Any]]:
    """Return both conversions of a `ScaledPower` for actions that are one number an agent, by name, in this order."""

    def to_battery_kw(actions: Mapping[str, Any]) -> Vector:
        return scaled.to_battery_kw(np.array([np.ravel(actions.get(agent, [np.nan]))[0] for agent in agents]))

    def to_actions(decision: Decision, actions: Mapping[str, Any]) -> dict[str, Any]:
        powers = scaled.to_action(decision, np.zeros(len(agents)))
        return {
            agent: np.full_like(np.asarray(actions[agent]), power)
            for agent, power in zip(agents, powers, strict=True)
            if agent in actions
        }

    return to_battery_kw, to_actions
