"""One community, every step of it explained: what `CommunityEnv` and `parallel_env` have in common."""

from __future__ import annotations

from math import isnan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autonomy.environments.diary import Diary, moment_of
from autonomy.environments.episodes import Episodes
from autonomy.layers.arrays import Vector, all_true
from autonomy.layers.decision import Cause, Decision, Intent, Reason
from autonomy.layers.errors import ModelError
from autonomy.layers.intent import read_answer
from autonomy.layers.invariants import Violation, unannounced, violations
from autonomy.ledger import Sums
from autonomy.observing import ACTIONS
from autonomy.simulation import BatchOutcome
from autonomy.simulation.execution import execution_of, snapshot

RENDER_MODES = ("ansi", "rgb_array")
SAID = {"trade_revenue": "p2p_revenue"}
"""Parts of the reward that `info` has another name for."""


class Step(NamedTuple):
    """What one step did.

    Attributes:
        outcome: Of the batch of one.
        decision: What was decided.
        reasons: Why.
        violations: Every rule the step broke and did not announce.
        sums: The parts of the reward of the whole community, (1,) each.
    """

    outcome: BatchOutcome
    decision: Decision
    reasons: tuple[Reason, ...]
    violations: tuple[Violation, ...]
    sums: Sums


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
        simulator = self.episodes.simulator
        rows, refused = _read(intent, self.episodes.community.n_prosumers)
        before = snapshot(simulator)
        outcome = self.episodes.act(rows[None])
        decision = outcome.decided.one_by_one[0]
        execution = execution_of(before, outcome, 0)
        if self.render_mode is not None:
            step, time = int(simulator.step_number[0]), before.series.time[before.row[0]]
            self._diary.write(moment_of(execution, step=step, time=time, mode=decision.mode))
        reasons = decision.reasons
        if refused:  # what came was replaced by NaN, which is not why it is refused
            reasons = (*refused, *(x for x in reasons if x.cause is not Cause.INTENT_NOT_FINITE))
        broken = unannounced(violations(execution), decision)
        return Step(outcome, decision, reasons, broken, outcome.reward.sums())

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
    x, parts = step.outcome, step.sums
    flows = x.shed_kw[0], x.curtail_kw[0], np.maximum(x.trade_kw[0], 0.0), x.missing_kwh[0]
    shed, curtailed, traded, missing = np.add.reduce(flows, axis=-1).tolist()
    price = float(x.price[0])
    return {
        **{
            f"{SAID.get(name, name)}_currency": float(value[0])
            for name, value in zip(parts._fields, parts, strict=True)
        },
        "p2p_revenue_by_prosumer_currency": x.reward.trade_revenue[0],
        "cost_currency": float(x.cost[0]),
        "co2_kg": float(x.co2_kg[0]),
        "shed_kw": shed,
        "curtail_kw": curtailed,
        "missing_kwh": missing,
        "feeder_kw": float(x.feeder_kw[0]),
        "traded_kw": traded,
        "clearing_price": None if isnan(price) else price,
        "mode": step.decision.mode.value,
        "reasons": tuple(reason.text for reason in step.reasons),
        "intervention_kw": step.decision.intervention_kw,
        "violations": step.violations,
    }


def _read(intent: Any, size: int) -> tuple[Vector, tuple[Reason, ...]]:
    """Return an intent as (N, 3) numbers; one that cannot be read is NaN, and the reasons say why."""
    is_plain = type(intent) is np.ndarray and intent.dtype == np.float64 and intent.shape == (size, ACTIONS)
    if is_plain and all_true(np.isfinite(intent[:, 0])):
        return intent, ()
    wish = read_answer(intent, size)
    if wish.intent is None:
        return np.full((size, ACTIONS), np.nan), wish.reasons
    if isinstance(intent, Intent):
        return np.column_stack([intent.battery_kw, intent.trade_kw, intent.price_bid]), ()
    return np.asarray(intent, dtype=np.float64), ()
