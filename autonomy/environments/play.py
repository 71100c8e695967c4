"""One community, every step of it explained: what `CommunityEnv` and `parallel_env` have in common."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autonomy.environments.diary import Diary, moment_of
from autonomy.environments.episodes import Episodes
from autonomy.layers.arrays import Vector
from autonomy.layers.decision import Cause, Decision, Intent, Reason
from autonomy.layers.errors import ModelError
from autonomy.layers.intent import read_answer
from autonomy.layers.invariants import Violation, unannounced, violations
from autonomy.observing import ACTIONS
from autonomy.simulation import BatchOutcome
from autonomy.simulation.execution import execution_of, snapshot

RENDER_MODES = ("ansi", "rgb_array")


class Step(NamedTuple):
    """What one step did.

    Attributes:
        outcome: Of the batch of one.
        decision: What was decided.
        reasons: Why.
        violations: Every rule the step broke and did not announce.
    """

    outcome: BatchOutcome
    decision: Decision
    reasons: tuple[Reason, ...]
    violations: tuple[Violation, ...]


class Play:
    """One community that plays episodes.

    Args:
        episodes: Of a batch of one, explained.
        render_mode: "ansi", "rgb_array" or None.

    Raises:
        ModelError: there is no such render mode.
    """

    def __init__(self, episodes: Episodes, render_mode: str | None) -> None:
        if render_mode not in (None, *RENDER_MODES):
            raise ModelError("render_mode", render_mode, f"None or one of {list(RENDER_MODES)}")
        self.episodes, self.render_mode = episodes, render_mode
        self._diary = Diary(episodes.community, episodes.steps_per_day)

    def begin(self, random: np.random.Generator, options: dict[str, Any] | None) -> dict[str, Any]:
        """Begin an episode and return its `info`; `options={"window": k}` chooses the window.

        Raises:
            ModelError: there is no such window.
        """
        self.episodes.begin(random, window=(options or {}).get("window"))
        self._diary.clear()
        return {"window": self.label}

    @property
    def label(self) -> str:
        """The name of the present window."""
        return self.episodes.windows[int(self.episodes.simulator.window[0])].label

    def act(self, intent: Any) -> Step:
        """Play one step with an intent; whatever it is, Layer 1 reads it without trust."""
        simulator, community = self.episodes.simulator, self.episodes.community
        wish = read_answer(intent, community.n_prosumers)
        rows = np.full((community.n_prosumers, ACTIONS), np.nan) if wish.intent is None else _rows(intent)
        before = snapshot(simulator)
        outcome = self.episodes.act(rows[None])
        decision = outcome.decided.one_by_one[0]
        execution = execution_of(before, outcome, 0)
        if self.render_mode is not None:
            step, time = int(simulator.step_number[0]), before.series.time[before.row[0]]
            self._diary.write(moment_of(execution, step=step, time=time, mode=decision.mode))
        reasons = decision.reasons
        if wish.intent is None:  # what came was replaced by NaN, which is not why it is refused
            reasons = (*wish.reasons, *(x for x in reasons if x.cause is not Cause.INTENT_NOT_FINITE))
        return Step(outcome, decision, reasons, unannounced(violations(execution), decision))

    def render(self) -> str | NDArray[np.uint8] | None:
        """Return the last step as a line of text ("ansi") or the last day as a picture ("rgb_array"), (H, W, 3)."""
        if self.render_mode is None:
            return None
        if self.render_mode == "ansi":
            return f"step 0: {self.label}" if self._diary.last is None else str(self._diary.last)
        from autonomy.environments.picture import draw  # noqa: PLC0415 - loads Matplotlib

        return draw(self._diary, title=self.label)


def info_of(step: Step) -> dict[str, Any]:
    """Return what `info` says of a step, units in the names; see `CommunityEnv`."""
    x, reward = step.outcome, step.outcome.reward
    price = float(x.price[0])
    return {
        "energy_profit_currency": float(reward.energy_profit[0].sum()),
        "p2p_revenue_currency": float(reward.trade_revenue[0].sum()),
        "p2p_revenue_by_prosumer_currency": reward.trade_revenue[0],
        "carbon_cost_currency": _number(reward.carbon_cost),
        "overload_penalty_currency": _number(reward.overload_penalty),
        "wear_cost_currency": float(reward.wear_cost[0].sum()),
        "shed_cost_currency": float(reward.shed_cost[0].sum()),
        "peak_cost_currency": _number(reward.peak_cost),
        "missing_cost_currency": float(reward.missing_cost[0].sum()),
        "cost_currency": float(x.cost[0]),
        "co2_kg": float(x.co2_kg[0]),
        "shed_kw": float(x.shed_kw[0].sum()),
        "curtail_kw": float(x.curtail_kw[0].sum()),
        "missing_kwh": float(x.missing_kwh[0].sum()),
        "feeder_kw": float(x.feeder_kw[0]),
        "traded_kw": float(np.maximum(x.trade_kw[0], 0.0).sum()),
        "clearing_price": None if np.isnan(price) else price,
        "mode": step.decision.mode.value,
        "reasons": tuple(str(reason) for reason in step.reasons),
        "intervention_kw": step.decision.intervention_kw,
        "violations": step.violations,
    }


def _rows(intent: Any) -> Vector:
    """Return an intent that could be read as (N, 3) numbers."""
    if isinstance(intent, Intent):
        return np.column_stack([intent.battery_kw, intent.trade_kw, intent.price_bid])
    return np.asarray(intent, dtype=np.float64)


def _number(values: Vector) -> float:
    return float(values[0])
