"""`CommunityEnv`: the simulator and the three layers as a Gymnasium environment, a batch of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from autonomy.assets import Assets, Timeline
from autonomy.economics import Economics
from autonomy.environments.episodes import Episodes
from autonomy.environments.play import RENDER_MODES, Play, info_of
from autonomy.layers.community import Community
from autonomy.observing import ACTIONS, observation_bounds
from autonomy.scenario import Scenario

HAIR = 1e-3
"""kW and currency/kWh, the width of an action's range that would have none: a box needs room."""


class CommunityEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """One community, one central agent; every step is observe, decide, safety check, match, settle with the grid.

    The action is an intent: Layers 2 and 3 stand between it and the batteries, so no action can break a limit.

    Action, a box of N·3 numbers, prosumer after prosumer:

    | Num | Action | Min | Max | Unit |
    |---|---|---|---|---|
    | 0 | battery power, + = charge | −discharge limit | charge limit | kW |
    | 1 | peer trade, + = sell | −trade limit | trade limit | kW |
    | 2 | price bid | lowest feed-in | highest retail | currency/kWh |

    The trade limit is what a prosumer can have to sell or to buy at most: largest demand or generation of the data plus
    battery power. With `normalised=True` each number is in [−1, 1] and scaled by `autonomy.observing.physical_action`,
    which needs no data; a Stable-Baselines3 model trained that way is recognised by its action space when it is loaded.

    Observation, a box of 15N + 7H + 7 numbers for N prosumers and a forecast of H steps:

    | Entries | Observation | Min | Max | Unit |
    |---|---|---|---|---|
    | N | demand | 0 | 1e9 | kW |
    | N | available PV | 0 | 1e9 | kW |
    | N | state of charge | 0 | 1 | fraction |
    | N | charge floor: least charge of the step, < 0: most discharge; 0 for none | -1e9 | 1e9 | kW |
    | N | whether the battery is there | 0 | 1 | - |
    | 2N | charge and discharge limit of the step | 0 | 1e9 | kW |
    | 2N | lowest and highest state of charge of the step | 0 | 1 | fraction |
    | 6N | forecast of demand and PV one step ahead: expected, low, high of each | 0 | 1e9 | kW |
    | 3H | forecast of the community's demand: expected, low, high | 0 | 1e9 | kW |
    | 3H | forecast of the community's PV: expected, low, high | 0 | 1e9 | kW |
    | 2 | what the grid delivers and takes in the step, as a share of the feeder's limits | 0 | 1 | - |
    | 1 | retail price | -1e9 | 1e9 | currency/kWh |
    | 1 | feed-in price | -1e9 | 1e9 | currency/kWh |
    | 1 | carbon intensity of grid energy | 0 | 1e9 | kg/kWh |
    | H | published retail price | -1e9 | 1e9 | currency/kWh |
    | 2 | sine and cosine of the time of day | -1 | 1 | - |

    Reward: `Reward.total`, currency. A window's end is a truncation; the environment never terminates. `info` carries
    the parts of the reward, each with its unit in its name, mode and reasons of the decision, the violations counted by
    the invariants, and the clearing price (None where nothing was traded). An action that cannot be read is no intent:
    Layer 3 acts, and the overload penalty is that of idle batteries.

    Args:
        community: What is controlled; the demo community when not given.
        scenario: The data; every episode is one of its windows. The demo's training weeks when not given, so that no
            held-out week is ever seen.
        assets: EVs, wind, outages and derating of the community; or the name of a mix, see
            `autonomy.environments.mixes`.
        timeline: What changes in each step of the scenario's whole series, where no assets say it.
        economics: Prices that are not tariffs, and the reward's weights.
        episode_steps: Steps of an episode; a week when not given.
        initial_soc: Fraction the batteries start with, or None for a random one in each episode.
        normalised: Whether actions are scaled to [−1, 1].
        backend: Projection backend of the controller.
        render_mode: "ansi" for the last step as a line of text, "rgb_array" for the last day as a picture, or None.

    Raises:
        ModelError: the scenario is shorter than an episode, or an argument is not what it can be.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]  # Gymnasium's is per instance
        "render_modes": list(RENDER_MODES),
        "render_fps": 4,
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
        normalised: bool = False,
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
        size = self.community.n_prosumers
        low, high = observation_bounds(size, self._episodes.steps_per_day)
        self.observation_space = gymnasium.spaces.Box(low, high, dtype=np.float32)
        one = np.ones((size, ACTIONS))
        least, most = (-one, one) if normalised else _action_bounds(self.community, self._episodes.windows)
        self.action_space = gymnasium.spaces.Box(least.astype(np.float32), most.astype(np.float32), dtype=np.float32)
        self._normalised = normalised

    @property
    def windows(self) -> tuple[Scenario, ...]:
        """The windows that episodes are drawn from."""
        return self._episodes.windows

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode; `options={"window": k}` chooses the window, else it is drawn."""
        super().reset(seed=seed)
        info = self._play.begin(self.np_random, options)
        return self._episodes.observe()[0], info

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Propose `action` for one step; see the class for the tables."""
        step = self._play.act(self._physical(action) if self._normalised else action)
        reward = float(step.sums.total(self.economics)[0])
        return self._episodes.observe()[0], reward, False, bool(step.outcome.is_done[0]), info_of(step)

    def render(self) -> str | NDArray[np.uint8] | None:
        """Return the last step as a line of text, or the last day as a picture (H, W, 3); see `render_mode`."""
        return self._play.render()

    def _physical(self, action: Any) -> Any:
        """Return the intent that an action in [−1, 1] means; what cannot be read stays as it is."""
        try:
            rows = np.asarray(action, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            return action
        return self._episodes.physical(rows[None])[0] if rows.shape == self.action_space.shape else action


def _action_bounds(
    community: Community, windows: Sequence[Scenario]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    size = community.n_prosumers
    largest = np.max([np.maximum(window.demand_kw, window.pv_kw).max(axis=0) for window in windows], axis=0)
    trade = largest + np.maximum(community.charge_limit_kw, community.discharge_limit_kw)
    cheap = min(float(window.feed_in_price.min()) for window in windows)
    dear = max(float(window.retail_price.max()) for window in windows)
    low = np.column_stack([-np.maximum(community.discharge_limit_kw, HAIR), -trade - HAIR, np.full(size, cheap - HAIR)])
    high = np.column_stack([np.maximum(community.charge_limit_kw, HAIR), trade + HAIR, np.full(size, dear + HAIR)])
    return low, high
