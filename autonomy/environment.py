"""`CommunityEnv`: the simulator and the controller as a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from autonomy.controller import Controller
from autonomy.economics import Economics
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.errors import ModelError
from autonomy.layers.intent import read_answer
from autonomy.layers.observation import Observation
from autonomy.observing import encode, observation_bounds, physical_action
from autonomy.scenario import Scenario
from autonomy.simulator import Outcome, Simulator


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

    Observation: see the table of `autonomy.observing`. Reward: `Reward.total`, currency. A window's end is a
    truncation; the environment never terminates. `info` carries the parts of the reward, each with its unit in its
    name, mode and reasons of the decision, the violations counted by the invariants, and the clearing price (None where
    nothing was traded).

    Args:
        community: What is controlled; the demo community when not given.
        scenario: The data; every episode is one of its windows. The demo's training weeks when not given, so that no
            held-out week is ever seen.
        economics: Prices that are not tariffs, and the reward's weights.
        episode_steps: Steps of an episode; a week when not given.
        initial_soc: Fraction the batteries start with, or None for a random one in each episode.
        normalised: Whether actions are scaled to [−1, 1].
        backend: Projection backend of the controller.

    Raises:
        ModelError: the scenario is shorter than an episode.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi"]}  # type: ignore[misc]  # Gymnasium's is per instance

    def __init__(
        self,
        *,
        community: Community | None = None,
        scenario: Scenario | None = None,
        economics: Economics | None = None,
        episode_steps: int | None = None,
        initial_soc: float | None = None,
        normalised: bool = False,
        backend: str = "exact",
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ModelError("render_mode", render_mode, f"None or one of {self.metadata['render_modes']}")
        self.community = community or Community.demo()
        self.economics, self.initial_soc, self.render_mode = economics, initial_soc, render_mode
        parts = tuple(Scenario.demo().training_weeks()) if scenario is None else (scenario,)
        self._horizon = parts[0].series.steps_per_day
        steps = min(self._horizon * 7, parts[0].n_steps) if episode_steps is None else episode_steps
        if not 1 <= steps <= parts[0].n_steps:
            raise ModelError("episode_steps", steps, f"1..{parts[0].n_steps} steps")
        self._windows = tuple(window for part in parts for window in part.windows(steps))
        size = self.community.n_prosumers
        low, high = observation_bounds(size, self._horizon)
        self.observation_space = gymnasium.spaces.Box(low, high, dtype=np.float32)
        one = np.ones((size, 3))
        least, most = (-one, one) if normalised else _action_bounds(self.community, self._windows)
        self.action_space = gymnasium.spaces.Box(least.astype(np.float32), most.astype(np.float32), dtype=np.float32)
        self._normalised = normalised
        self._action: Any = np.zeros((size, 3))
        self._controller = Controller(self.community, policy=self._intend, backend=backend)
        self._simulator = self._start(self._windows[0], None)
        self._last: tuple[Decision, Outcome] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode; `options={"window": k}` chooses the window, else it is drawn."""
        super().reset(seed=seed)
        index = (options or {}).get("window")
        if index is None:
            index = int(self.np_random.integers(len(self._windows)))
        if not 0 <= index < len(self._windows):
            raise ModelError("window", index, f"0..{len(self._windows) - 1}")
        soc = self.initial_soc
        if soc is None:
            span = self.community.soc_max - self.community.soc_min
            drawn = self.community.soc_min + span * self.np_random.uniform(size=self.community.n_prosumers)
            self._simulator = self._start(self._windows[index], drawn)
        else:
            self._simulator = self._start(self._windows[index], soc)
        self._controller.reset()
        self._last = None
        return self._observe(), {"window": self._windows[index].label}

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Propose `action` for one step; see the class for the tables."""
        self._action = action
        observation = self._simulator.observe()
        decision = self._controller.step(observation)
        intent = read_answer(self._intend(self.community, observation), self.community.n_prosumers).intent
        outcome = self._simulator.execute(decision, intent_kw=None if intent is None else intent.battery_kw)
        self._last = (decision, outcome)
        reward = outcome.reward.total(self._simulator.economics)
        return self._observe(), reward, False, self._simulator.is_done, _info(decision, outcome)

    def render(self) -> str | None:
        """Return the last step as a line of text (render mode "ansi")."""
        if self.render_mode != "ansi" or self._last is None:
            return None
        decision, outcome = self._last
        x = outcome.execution
        return (
            f"step {self._simulator.step_number}: demand {x.demand_kw.sum():.1f} kW, PV {x.pv_kw.sum():.1f} kW, "
            f"battery {x.battery_kw.sum():+.1f} kW, feeder {x.feeder_kw:+.1f} kW, mode {decision.mode}"
        )

    def _start(self, window: Scenario, soc: float | NDArray[np.float64] | None) -> Simulator:
        return Simulator(self.community, window, economics=self.economics, initial_soc=soc)

    def _observe(self) -> NDArray[np.float32]:
        return encode(self.community, self._simulator.observe())

    def _intend(self, community: Community, observation: Observation) -> Any:
        """Return the action as the policy's answer; whatever it is, Layer 1 reads it without trust."""
        return physical_action(community, observation, self._action) if self._normalised else self._action


def _action_bounds(
    community: Community, windows: Sequence[Scenario]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    size = community.n_prosumers
    largest = np.max([np.maximum(window.demand_kw, window.pv_kw).max(axis=0) for window in windows], axis=0)
    trade = largest + np.maximum(community.charge_limit_kw, community.discharge_limit_kw)
    # A box needs room: a pure consumer's battery and a flat tariff get a hair of it.
    room = 1e-3
    cheap = min(float(window.feed_in_price.min()) for window in windows)
    dear = max(float(window.retail_price.max()) for window in windows)
    low = np.column_stack([-np.maximum(community.discharge_limit_kw, room), -trade - room, np.full(size, cheap - room)])
    high = np.column_stack([np.maximum(community.charge_limit_kw, room), trade + room, np.full(size, dear + room)])
    return low, high


def _info(decision: Decision, outcome: Outcome) -> dict[str, Any]:
    reward = outcome.reward
    return {
        "energy_profit_currency": float(reward.energy_profit.sum()),
        "p2p_revenue_currency": float(reward.trade_revenue.sum()),
        "p2p_revenue_by_prosumer_currency": reward.trade_revenue,
        "carbon_cost_currency": reward.carbon_cost,
        "overload_penalty_currency": reward.overload_penalty,
        "wear_cost_currency": float(reward.wear_cost.sum()),
        "shed_cost_currency": float(reward.shed_cost.sum()),
        "cost_currency": outcome.cost,
        "co2_kg": outcome.co2_kg,
        "shed_kw": float(outcome.execution.shed_kw.sum()),
        "curtail_kw": float(outcome.execution.curtail_kw.sum()),
        "feeder_kw": outcome.execution.feeder_kw,
        "traded_kw": outcome.clearing.traded_kw,
        "clearing_price": outcome.clearing.price if outcome.clearing.traded_kw > 0 else None,
        "mode": decision.mode.value,
        "reasons": tuple(str(reason) for reason in decision.reasons),
        "intervention_kw": decision.intervention_kw,
        "violations": outcome.violations,
    }
