"""`parallel_env`: every prosumer is an agent, as a PettingZoo ParallelEnv."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from autonomy.assets import Assets, Timeline
from autonomy.economics import Economics
from autonomy.environments.episodes import Episodes
from autonomy.environments.play import RENDER_MODES, Play, Step, info_of
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.observing import ACTIONS, observation_bounds, prosumer_bounds
from autonomy.scenario import Scenario

Told = dict[str, Any]
"""What each agent is told, by its name."""


class CommunityParallelEnv(ParallelEnv):  # type: ignore[misc]  # PettingZoo ships no types
    """One community whose prosumers act at the same time; made by `parallel_env`.

    The actions are intents: Layers 2 and 3 stand between them and the batteries, so no action can break a limit.

    Action of an agent, scaled by `autonomy.observing.physical_action`:

    | Num | Action | Min | Max | Unit |
    |---|---|---|---|---|
    | 0 | battery power, + = charge; ±1 is the charge or the discharge limit | -1 | 1 | - |
    | 1 | peer trade, + = sell; ±1 is the most it could have to sell or to buy | -1 | 1 | - |
    | 2 | price bid, from feed-in price to retail price | -1 | 1 | - |

    Observation of an agent, a box of 26 + 7H numbers for a forecast of H steps, whatever N is:

    | Entries | Observation | Min | Max | Unit |
    |---|---|---|---|---|
    | 1 | own demand | 0 | 1e9 | kW |
    | 1 | own available PV | 0 | 1e9 | kW |
    | 1 | own state of charge | 0 | 1 | fraction |
    | 1 | own charge floor: least charge of the step, < 0: most discharge; 0 for none | -1e9 | 1e9 | kW |
    | 1 | whether the own battery is there | 0 | 1 | - |
    | 6 | own forecast of demand and PV one step ahead: expected, low, high of each | 0 | 1e9 | kW |
    | 1 | own battery capacity | 0 | 1e9 | kWh |
    | 2 | own charge and discharge limit of the step | 0 | 1e9 | kW |
    | 1 | own connection limit of the step; 0 where there is none | 0 | 1e9 | kW |
    | 2 | own lowest and highest state of charge of the step | 0 | 1 | fraction |
    | 2 | the community's demand and available PV, divided by N | 0 | 1e9 | kW |
    | 3H | forecast of the community's demand, divided by N: expected, low, high | 0 | 1e9 | kW |
    | 3H | forecast of the community's PV, divided by N: expected, low, high | 0 | 1e9 | kW |
    | 2 | what the feeder brings and takes in the step, divided by N | 0 | 1e9 | kW |
    | 1 | retail price | -1e9 | 1e9 | currency/kWh |
    | 1 | feed-in price | -1e9 | 1e9 | currency/kWh |
    | 1 | carbon intensity of grid energy | 0 | 1e9 | kg/kWh |
    | H | published retail price | -1e9 | 1e9 | currency/kWh |
    | 2 | sine and cosine of the time of day | -1 | 1 | - |

    `state()` is the community's observation, the first table of `autonomy.observing`. Reward of an agent: its part of
    `Reward.total`, currency; the parts sum to it. All agents are truncated together when the window ends; none is ever
    terminated. `info` of an agent has its bill and powers, and under "community" what `CommunityEnv` says.

    Args:
        community: What is controlled; the demo community when not given.
        scenario: The data; every episode is one of its windows. The demo's training weeks when not given.
        assets: EVs, wind, outages and derating of the community; or the name of a mix, see
            `autonomy.environments.mixes`.
        timeline: What changes in each step of the scenario's whole series, where no assets say it.
        economics: Prices that are not tariffs, and the reward's weights.
        episode_steps: Steps of an episode; a week when not given.
        initial_soc: Fraction the batteries start with, or None for a random one in each episode.
        backend: Projection backend of the controller.
        render_mode: "ansi" for the last step as a line of text, "rgb_array" for the last day as a picture, or None.

    Raises:
        ModelError: the scenario is shorter than an episode, or an argument is not what it can be.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "autonomy_community_v0",
        "render_modes": list(RENDER_MODES),
        "render_fps": 4,
        "is_parallelizable": True,
    }

    def __init__(  # noqa: PLR0913 - all by keyword, each a choice of its own
        self,
        *,
        community: Community | None = None,
        scenario: Scenario | None = None,
        assets: Assets | str | None = None,
        timeline: Timeline | None = None,
        economics: Economics | None = None,
        episode_steps: int | None = None,
        initial_soc: float | None = None,
        backend: str = "exact",
        render_mode: str | None = None,
    ) -> None:
        self._episodes = Episodes(
            community=community,
            scenario=scenario,
            assets=assets,
            timeline=timeline,
            economics=economics,
            episode_steps=episode_steps,
            initial_soc=initial_soc,
            backend=backend,
            explained=True,
        )
        self._play = Play(self._episodes, render_mode)
        self.community, self.economics, self.render_mode = (
            self._episodes.community,
            self._episodes.economics,
            render_mode,
        )
        self.possible_agents = list(self.community.names)
        self.agents: list[str] = []
        low, high = prosumer_bounds(self._episodes.steps_per_day)
        self.observation_spaces = {
            name: gymnasium.spaces.Box(low, high, dtype=np.float32) for name in self.possible_agents
        }
        self.action_spaces = {
            name: gymnasium.spaces.Box(-1.0, 1.0, (ACTIONS,), dtype=np.float32) for name in self.possible_agents
        }
        self.state_space = gymnasium.spaces.Box(
            *observation_bounds(self.community.n_prosumers, self._episodes.steps_per_day), dtype=np.float32
        )
        self._random = np.random.default_rng()

    def observation_space(self, agent: str) -> gymnasium.spaces.Box:
        """Return the space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.spaces.Box:
        """Return the space of an agent's actions."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Told, Told]:
        """Start an episode; `options={"window": k}` chooses the window, else it is drawn."""
        if seed is not None:
            self._random = np.random.default_rng(seed)
        info = self._play.begin(self._random, options)
        self.agents = list(self.possible_agents)
        return self._observed(), {name: dict(info) for name in self.agents}

    def step(self, actions: Mapping[str, Any]) -> tuple[Told, Told, Told, Told, Told]:
        """Propose an action for every agent; one that is no three numbers is NaN to Layer 1.

        Returns:
            Observations, rewards, terminations, truncations and infos by agent.

        Raises:
            ModelError: the episode is over, or an agent is missing or unknown.
        """
        if not self.agents:
            raise ModelError("agents", [], "agents that act; call reset()")
        if set(actions) != set(self.agents):
            odd = sorted(set(actions) ^ set(self.agents))
            raise ModelError("actions", odd, f"an action of every agent and of nobody else: {self.agents}")
        rows = _rows([actions[name] for name in self.agents])
        step = self._play.act(self._episodes.physical(rows[None])[0])
        observations, agents, over = self._observed(), self.agents, bool(step.outcome.is_done[0])
        rewards = step.outcome.reward.by_prosumer(self.economics)[0].tolist()
        if over:
            self.agents = []
        return (
            observations,
            dict(zip(agents, rewards, strict=True)),
            dict.fromkeys(agents, False),
            dict.fromkeys(agents, over),
            dict(zip(agents, _infos(step), strict=True)),
        )

    def state(self) -> NDArray[np.float32]:
        """Return the community's observation, see `autonomy.observing`."""
        seen: NDArray[np.float32] = self._episodes.observe()[0]
        return seen

    def render(self) -> str | NDArray[np.uint8] | None:
        """Return the last step as a line of text, or the last day as a picture (H, W, 3); see `render_mode`."""
        return self._play.render()

    def close(self) -> None:
        """Do nothing: there is nothing open."""

    def _observed(self) -> Told:
        return dict(zip(self.possible_agents, self._episodes.observe_each()[0], strict=True))


parallel_env = CommunityParallelEnv


def _rows(actions: list[Any]) -> NDArray[np.float64]:
    """Return actions as (N, 3) numbers, NaN where they are none."""
    try:
        rows = np.array(actions, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        rows = np.zeros(0)
    return rows if rows.shape == (len(actions), ACTIONS) else np.stack([_three(action) for action in actions])


def _three(action: Any) -> NDArray[np.float64]:
    """Return an action as three numbers, NaN where it is none."""
    try:
        numbers = np.asarray(action, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.full(ACTIONS, np.nan)
    return numbers if numbers.shape == (ACTIONS,) else np.full(ACTIONS, np.nan)


def _infos(step: Step) -> list[dict[str, Any]]:
    """Return the `info` of each agent."""
    x, community = step.outcome, info_of(step)
    columns = (x.bill, x.battery_kw, x.trade_kw, x.curtail_kw, x.shed_kw, x.net_export_kw)
    return [
        {
            "bill_currency": bill,
            "battery_kw": battery,
            "trade_kw": trade,
            "curtail_kw": curtail,
            "shed_kw": shed,
            "net_export_kw": net,
            "community": community,
        }
        for bill, battery, trade, curtail, shed, net in zip(*(column[0].tolist() for column in columns), strict=True)
    ]
