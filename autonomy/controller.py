"""The controller: observation in, safe decision out. The one place where the three layers meet.

    observation ─▶ screen ─▶ policy ─▶ project ─▶ supervise ─▶ decision

Everything up to `supervise` may fail in any way; the answer is then a lower rung of the recovery ladder, never an
exception.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from autonomy.errors import OptionalDependencyError
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Certificate, Decision, Intent, Mode, Reason
from autonomy.layers.errors import ConfigError, did_you_mean
from autonomy.layers.intent import Policy, Wish, read_answer
from autonomy.layers.observation import OBSERVATION_FIELDS, Observation
from autonomy.layers.projection import Projector, Proposal, cut_offer
from autonomy.layers.situation import Situation
from autonomy.layers.supervision import Candidate, Screen, Verdict, dead_stop, supervise
from autonomy.policies import load_policy
from autonomy.solvers.backends import BACKENDS

UNTOUCHED_KW = 1e-6
"""kW (one milliwatt) within which set-points count as the intent itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Supervisor:
    """Settings of Layer 3.

    Attributes:
        policy_deadline_s: Seconds a policy may take; a later answer is discarded. None for no deadline.
    """

    policy_deadline_s: float | None = None


class Journal(Protocol):
    """Anything that keeps decisions; `autonomy.journal.JsonLinesJournal` writes a file."""

    def record(self, step: int, observation: Mapping[str, Any], decision: Decision) -> None:
        """Keep one decision, before it is returned to the host."""
        ...


class Controller:
    """Puts any policy in charge of a community's batteries and keeps every limit whatever it says.

    Args:
        community: What is controlled.
        policy: A callable, a name ("grid-only", "self-consumption", "time-of-use"), or a path to a
            Stable-Baselines3 zip or to a Python file (`file.py:function`).
        backend: Name of the projection backend, "exact", "compiled" or "cvxpy".
        supervisor: Settings of Layer 3.
        journal: Where decisions are kept, or None.

    Raises:
        ConfigError: policy or backend is unknown.
        OptionalDependencyError: the backend or the policy needs a library that is not installed.
    """

    def __init__(
        self,
        community: Community,
        *,
        policy: Policy | str = "self-consumption",
        backend: str = "exact",
        supervisor: Supervisor | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.community = community
        self.policy = load_policy(policy) if isinstance(policy, str) else policy
        if backend not in BACKENDS:
            hint = did_you_mean(backend, BACKENDS)
            raise ConfigError("backend", "", f"no backend is called {backend!r}{hint}; known: {', '.join(BACKENDS)}")
        try:
            self._projector = Projector(community, BACKENDS[backend])
        except ImportError:
            raise OptionalDependencyError(f"the backend {backend!r}", backend) from None
        self.supervisor = supervisor or Supervisor()
        self.journal = journal
        self._screen = Screen(community)
        # A situation without a single measurement; what remains when even the screen should fail.
        self._blind = self._screen({}, np.zeros(community.n_prosumers))
        self.reset()

    def reset(self) -> None:
        """Forget the last decision: the next step has no ramp history."""
        self._previous_kw: Vector = np.zeros(self.community.n_prosumers)
        self._steps = 0

    def step(self, obs: Observation | Mapping[str, Any]) -> Decision:
        """Return a decision that keeps every limit; never raises on data.

        Args:
            obs: An `Observation`, or a mapping with the same keys.
        """
        given = as_mapping(obs)
        try:
            # A host may have set NumPy to raise; what is not finite is screened, not thrown.
            with np.errstate(all="ignore"):
                decision = self._decide(given)
        except Exception as fault:  # noqa: BLE001 - a decision is owed whatever happens; the reason keeps the fault
            text = f"an internal error ({type(fault).__name__}: {fault}); batteries stand still"
            reason = Reason(cause=Cause.INTERNAL_ERROR, text=text)
            decision = _assemble(dead_stop(self._blind, (reason,)), Mode.DEAD_STOP, self._blind, None, None)
        self._previous_kw = decision.battery_kw
        self._steps += 1
        if self.journal is not None:
            self.journal.record(self._steps - 1, given, decision)
        return decision

    def _decide(self, given: Mapping[str, Any]) -> Decision:
        situation = self._screen(given, self._last_applied(given))
        wish = self._ask(situation, given) if not situation.is_blind else Wish(None, ())
        proposal = self._project(situation, wish.intent)
        supports: list[Proposal] = []

        def support() -> Candidate:
            supports.append(self._projector.project(situation, np.zeros(self.community.n_prosumers)))
            return _candidate(supports[-1])

        verdict = supervise(situation, _candidate(proposal) if proposal is not None else None, support)
        used = supports[-1] if verdict.rung is Mode.SUPPORT else proposal
        return _conclude(situation, wish, used, verdict)

    def _last_applied(self, given: Mapping[str, Any]) -> Vector:
        """Return what the batteries last did: what the host reports where it is finite, else what was decided."""
        try:
            applied = np.asarray(given.get("applied_battery_kw"), dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            return self._previous_kw
        if applied.shape != self._previous_kw.shape:
            return self._previous_kw
        return np.where(np.isfinite(applied), applied, self._previous_kw)

    def _ask(self, situation: Situation, given: Mapping[str, Any]) -> Wish:
        seen = Observation(
            demand_kw=situation.demand_kw,
            pv_kw=situation.pv_kw,
            soc=np.where(np.isfinite(soc := _floats(given.get("soc"), situation)), soc, 0.0),
            retail_price=situation.retail_price,
            feed_in_price=situation.feed_in_price,
            **{key: given.get(key) for key in OBSERVATION_FIELDS[5:]},
        )
        started = time.perf_counter()
        try:
            answer = self.policy(self.community, seen)
        except Exception as fault:  # noqa: BLE001 - a policy may fail in any way; that is a reason, not a crash
            text = f"the policy raised {type(fault).__name__}: {fault}"
            return Wish(None, (Reason(cause=Cause.POLICY_RAISED, text=text),))
        deadline, taken = self.supervisor.policy_deadline_s, time.perf_counter() - started
        if deadline is not None and taken > deadline:
            text = f"the policy took {taken * 1e3:.1f} ms of {deadline * 1e3:.1f} ms allowed; its answer is discarded"
            return Wish(None, (Reason(cause=Cause.POLICY_LATE, text=text),))
        return read_answer(answer, self.community.n_prosumers)

    def _project(self, situation: Situation, intent: Intent | None) -> Proposal | None:
        if intent is None:
            return None
        try:
            return self._projector.project(situation, intent.battery_kw)
        except Exception:  # noqa: BLE001 - the supervisor goes on without a proposal and says so
            return None


def as_mapping(obs: Observation | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an observation as a mapping; anything else is an empty one (the screen reports what is missing)."""
    if isinstance(obs, Observation):
        return {name: getattr(obs, name) for name in OBSERVATION_FIELDS}
    return obs if isinstance(obs, Mapping) else {}


def _floats(value: Any, situation: Situation) -> Vector:
    size = situation.community.n_prosumers
    try:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (size,))
    except (TypeError, ValueError, OverflowError):
        return np.full(size, np.nan)


def _candidate(proposal: Proposal) -> Candidate:
    return Candidate(set_points=proposal.set_points, within_ramp=not proposal.ramp_relaxed)


def _conclude(situation: Situation, wish: Wish, proposal: Proposal | None, verdict: Verdict) -> Decision:
    """Put the pieces together: mode, reasons in order of weight, offer, certificate."""
    reasons = [*verdict.reasons, *situation.reasons, *wish.reasons]
    accepted = verdict.rung is Mode.PROJECTED and proposal is not None and wish.intent is not None
    if not accepted or proposal is None or wish.intent is None:
        used = proposal if verdict.rung is Mode.SUPPORT else None
        found = used.reasons if used is not None else ()
        return _assemble(verdict, verdict.rung, situation, None, used, (*reasons, *found))
    limits = (-situation.discharge_limit_kw, situation.charge_limit_kw)
    clipped = np.clip(wish.intent.battery_kw, *limits)
    over = np.abs(clipped - wish.intent.battery_kw) > UNTOUCHED_KW
    if over.any():
        text = f"the battery intent of {int(over.sum())} prosumer(s) was clipped to the power limits"
        hit = tuple(np.flatnonzero(over).tolist())
        reasons.append(Reason(cause=Cause.INTENT_CLIPPED, text=text, prosumers=hit))
    decision = _assemble(verdict, Mode.PROJECTED, situation, wish.intent, proposal, (*reasons, *proposal.reasons))
    cuts = decision.curtail_kw.sum() + decision.shed_kw.sum()
    changed = over.any() or decision.intervention_kw > UNTOUCHED_KW * np.sqrt(clipped.size) or cuts > 0
    trade_changed = any(reason.cause in (Cause.TRADE_CUT, Cause.PRICE_CLIPPED) for reason in decision.reasons)
    touched = changed or trade_changed or bool(wish.reasons)
    return decision if touched else replace(decision, mode=Mode.POLICY)


def _assemble(
    verdict: Verdict,
    mode: Mode,
    situation: Situation,
    intent: Intent | None,
    proposal: Proposal | None,
    reasons: tuple[Reason, ...] | None = None,
) -> Decision:
    """Return the decision; without an intent nothing is offered to the market."""
    size = situation.community.n_prosumers
    zero = np.zeros(size)
    points = verdict.set_points
    trade, price = (intent.trade_kw, intent.price_bid) if intent is not None else (zero, np.full(size, np.nan))
    offer = cut_offer(situation, verdict.net_export_kw, trade, price)
    wanted = (
        zero if intent is None else np.clip(intent.battery_kw, -situation.discharge_limit_kw, situation.charge_limit_kw)
    )
    said = verdict.reasons if reasons is None else reasons
    lines = situation.community.network.n_lines
    return Decision(
        battery_kw=_read_only(points.battery_kw),
        trade_kw=_read_only(offer.trade_kw),
        price_bid=_read_only(offer.price_bid),
        curtail_kw=_read_only(points.curtail_kw),
        shed_kw=_read_only(points.shed_kw),
        net_export_kw=_read_only(verdict.net_export_kw),
        generation_cap_kw=_read_only(verdict.generation_cap_kw),
        load_cap_kw=_read_only(verdict.load_cap_kw),
        mode=mode,
        reasons=said if intent is None else (*said, *offer.reasons),
        intervention_kw=float(np.linalg.norm(points.battery_kw - wanted)),
        certificate=proposal.certificate
        if proposal is not None
        else Certificate(gap=0.0, distance_kw=0.0, line_multipliers=_read_only(np.zeros(lines))),
    )


def _read_only(values: Vector) -> Vector:
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array
