"""`make_vec`: many communities at once as a Stable-Baselines3 VecEnv whose sub-environments are the prosumers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from autonomy.assets import Assets, Timeline
from autonomy.economics import Economics
from autonomy.environments.episodes import Episodes
from autonomy.environments.prosumer import Prosumer
from autonomy.layers.arrays import Index
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.observing import ACTIONS, prosumer_bounds
from autonomy.scenario import Scenario
from autonomy.simulation import BatchOutcome, BatchSimulator
from autonomy.simulation.execution import all_broken_rules, snapshot

Info = dict[str, Any]


class CommunityVecEnv(VecEnv):
    """B communities of N prosumers: B·N sub-environments for one shared policy; made by `make_vec`.

    Sub-environment b·N + i is prosumer i of community b. Its observation and its action are those of an agent of
    `CommunityParallelEnv` (see the tables there), so the number of prosumers of a community is no part of a policy. Its
    reward is its part of `Reward.total`, currency.

    All episodes are as long as each other, and end by truncation. Then the community starts the next one at once: the
    observation returned is the first of the new episode, `done` is true, and the `info` of each of its prosumers has

    | Key | Meaning |
    |---|---|
    | `terminal_observation` | the last observation of the old episode |
    | `TimeLimit.truncated` | True: bootstrap from the value of that observation |
    | `episode_cost_currency` | cost of the whole community over the episode, see `Economics`, without terminal value |
    | `terminal_value_currency` | value of what the batteries hold at its end beyond what they held at its start |

    With `checked`, `info` also has `violations` of a community whose step broke a rule. Else it is an empty dictionary,
    the same one in every step, because B·N of them are handed out a step. `outcome` has everything of the last step.

    Windows and states of charge are drawn by one generator: the same seed and the same actions give the same numbers.

    Args:
        n_communities: B.
        community: What is controlled; the demo community when not given.
        scenario: The data; every episode is one of its windows. The demo's training weeks when not given.
        assets: EVs, wind, outages and derating of the community; or the name of a mix, see
            `autonomy.environments.mixes`.
        timeline: What changes in each step of the scenario's whole series, where no assets say it.
        economics: Prices that are not tariffs, and the reward's weights.
        episode_steps: Steps of an episode; a week when not given.
        initial_soc: Fraction the batteries start with, or None for a random one in each episode.
        seed: Of the first reset, as `seed(…)` sets it for the next; None for a random one.
        checked: Whether the invariants judge every step of every community.

    Raises:
        ModelError: the scenario is shorter than an episode, or an argument is not what it can be.
    """

    def __init__(  # noqa: PLR0913 - all by keyword, each a choice of its own
        self,
        *,
        n_communities: int = 8,
        community: Community | None = None,
        scenario: Scenario | None = None,
        assets: Assets | str | None = None,
        timeline: Timeline | None = None,
        economics: Economics | None = None,
        episode_steps: int | None = None,
        initial_soc: float | None = None,
        seed: int | None = None,
        checked: bool = False,
    ) -> None:
        self._episodes = Episodes(
            community=community,
            scenario=scenario,
            assets=assets,
            timeline=timeline,
            economics=economics,
            episode_steps=episode_steps,
            initial_soc=initial_soc,
            batch=n_communities,
        )
        self.community, self.economics, self.n_communities = (
            self._episodes.community,
            self._episodes.economics,
            n_communities,
        )
        self._checked, self._random = checked, np.random.default_rng(seed)
        self._cost = np.zeros(n_communities)
        low, high = prosumer_bounds(self._episodes.steps_per_day)
        space = gymnasium.spaces.Box(low, high, dtype=np.float32)
        action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTIONS,), dtype=np.float32)
        size = self.community.n_prosumers
        self._prosumers = [
            Prosumer(self._episodes, b, i, space, action_space) for b in range(n_communities) for i in range(size)
        ]
        super().__init__(n_communities * size, space, action_space)
        self._quiet: tuple[Info, ...] = tuple({} for _ in range(self.num_envs))
        self._action: NDArray[np.float64] | None = None
        self.outcome: BatchOutcome | None = None

    def reset(self) -> NDArray[np.float32]:
        """Start an episode in every community and return (B·N, D) observations.

        `set_options({"window": k})` before it chooses the window of all, else they are drawn.
        """
        if self._seeds[0] is not None:
            self._random = np.random.default_rng(self._seeds[0])
        self._episodes.begin(self._random, window=self._options[0].get("window"))
        self._cost[:], self._action, self.outcome = 0.0, None, None
        self.reset_infos = [
            {"window": self._episodes.windows[k].label} for k in np.repeat(self._episodes.simulator.window, self._size)
        ]
        self._reset_seeds()
        self._reset_options()
        return self._observed()

    def step_async(self, actions: NDArray[Any]) -> None:
        """Propose an action for every prosumer, (B·N, 3).

        Raises:
            ModelError: the shape is another.
        """
        rows = np.asarray(actions, dtype=np.float64)
        if rows.shape != (self.num_envs, ACTIONS):
            raise ModelError("actions", f"an array of shape {rows.shape}", f"shape {(self.num_envs, ACTIONS)}")
        self._action = rows.reshape(self.n_communities, self._size, ACTIONS)

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[Info]]:
        """Play the step.

        Returns:
            Observations (B·N, D) float32, rewards (B·N,) float32, dones (B·N,) and B·N infos.

        Raises:
            ModelError: no action was proposed.
        """
        if self._action is None:
            raise ModelError("actions", None, "a call of step_async before step_wait")
        episodes = self._episodes
        before = snapshot(episodes.simulator) if self._checked else None
        outcome = self.outcome = episodes.act(episodes.physical(self._action))
        self._action = None
        self._cost += outcome.cost
        rewards = outcome.reward.by_prosumer(self.economics).astype(np.float32).reshape(-1)
        infos: list[Info] = list(self._quiet)
        if before is not None:
            for b, broken in all_broken_rules(before, outcome).items():
                infos[b * self._size : (b + 1) * self._size] = [{"violations": broken} for _ in range(self._size)]
        ended = outcome.is_done.nonzero()[0]
        if ended.size:
            self._restart(ended, infos)
        return self._observed(), rewards, np.repeat(outcome.is_done, self._size), infos

    def close(self) -> None:
        """Do nothing: there is nothing open."""

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """Return an attribute of prosumers, see `Prosumer`."""
        return [getattr(prosumer, attr_name) for prosumer in self._chosen(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        """Set an attribute of prosumers; what `Prosumer` derives from the community cannot be set."""
        for prosumer in self._chosen(indices):
            setattr(prosumer, attr_name, value)

    def env_method(
        self,
        method_name: str,
        *method_args: Any,
        indices: int | Iterable[int] | None = None,
        **method_kwargs: Any,
    ) -> list[Any]:
        """Call a method of prosumers."""
        return [getattr(prosumer, method_name)(*method_args, **method_kwargs) for prosumer in self._chosen(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: int | Iterable[int] | None = None) -> list[bool]:  # noqa: ARG002 - no prosumer is wrapped
        """Return False for each prosumer: there is no environment of its own to be wrapped."""
        return [False for _ in self._chosen(indices)]

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Set the seed of the next reset; None for a random one. One generator serves all sub-environments."""
        if seed is None:
            seed = int(self._random.integers(2**32))
        self._seeds = [seed] * self.num_envs
        return self._seeds

    @property
    def simulator(self) -> BatchSimulator:
        """What is played: its state before a step, for rewards of one's own; `outcome` is what came of it."""
        return self._episodes.simulator

    @property
    def _size(self) -> int:
        return self.community.n_prosumers

    def _chosen(self, indices: int | Iterable[int] | None) -> list[Prosumer]:
        return [self._prosumers[index] for index in self._get_indices(indices)]

    def _observed(self) -> NDArray[np.float32]:
        seen = self._episodes.observe_each()
        return seen.reshape(self.num_envs, seen.shape[-1])

    def _restart(self, ended: Index, infos: list[Info]) -> None:
        """Say how episodes ended, and begin new ones in their place."""
        last, worth, size = self._episodes.observe_each(), self._episodes.simulator.terminal_value, self._size
        for b in ended.tolist():
            for i in range(size):
                infos[b * size + i] = {
                    **infos[b * size + i],
                    "terminal_observation": last[b, i],
                    "TimeLimit.truncated": True,
                    "episode_cost_currency": float(self._cost[b]),
                    "terminal_value_currency": float(worth[b]),
                }
        self._cost[ended] = 0.0
        self._episodes.begin(self._random, rows=ended)


make_vec = CommunityVecEnv
