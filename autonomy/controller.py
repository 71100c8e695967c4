"""The controller: observation in, safe decision out. The one place where the three layers meet.

    observation ─▶ screen ─▶ monitors ─▶ policy ─▶ project ─▶ supervise ─▶ decision

Everything up to `supervise` may fail in any way; the answer is then a lower rung of the recovery ladder, never an
exception.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from autonomy.conclusion import conclude, conclude_quickly, conclude_without_intent
from autonomy.entry import Entry, Journal, Terms
from autonomy.errors import OptionalDependencyError
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Decision, Intent, Mode, Reason
from autonomy.layers.errors import ConfigError, did_you_mean
from autonomy.layers.intent import Policy, Wish
from autonomy.layers.observation import OBSERVATION_FIELDS, REQUIRED, Observation
from autonomy.layers.projection import Lookahead, Projector, Proposal, VoltageProjector
from autonomy.layers.situation import Situation
from autonomy.layers.supervision import (
    NOTHING_HEARD,
    Arbiter,
    Candidate,
    Latches,
    QuickGate,
    Reading,
    Ruling,
    Screen,
    Sight,
    Watch,
    dead_stop,
    read,
    since,
    supervise,
)
from autonomy.layers.supervision.monitors import default_monitors
from autonomy.layers.voltage import VoltageLimits
from autonomy.policies import load_policy
from autonomy.solvers.backends import BACKENDS, ISOLATED, UnknownBackendError, setup_of
from autonomy.solvers.machine import load_machine
from autonomy.supervisor import Supervisor
from autonomy.watchdog import Watchdog


class _Past(NamedTuple):
    """The step before, as the monitors need it."""

    given: Mapping[str, Any] | None
    reading: Reading | None
    decision: Decision | None
    acted: Situation | None


NO_PAST = _Past(None, None, None, None)
HOURS_PER_DAY = 24.0
ALONG_PROSUMERS = (1,) * len(REQUIRED)


class Controller:
    """Puts any policy in charge of a community's batteries and keeps every limit whatever it says.

    Args:
        community: What is controlled.
        policy: A callable, a name ("grid-only", "self-consumption", "time-of-use"), or a path to a
            Stable-Baselines3 zip or to a Python file (`file.py:function`).
        backend: Name of the projection backend: "exact", or one of `autonomy.solvers.backends.BACKENDS`, or
            "isolated:" and a name for one in a process of its own.
        supervisor: Settings of Layer 3.
        look_ahead: A `Lookahead` of this community: intents then leave enough in the batteries for what the forecast
            says; None for the one-step projection alone.
        voltage: Voltage limits of the community's network, kept by the projection (not by the recovery ladder); None
            for none. Only the backend "exact" knows them.
        journal: Where decisions are kept, or None. One that cannot be written costs a reason, not the decision.
        monitors: Who looks for what no healthy host can do; None for `default_monitors` at the accuracy that the
            supervisor's settings state, () for none.

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
        look_ahead: Lookahead | None = None,
        voltage: VoltageLimits | None = None,
        journal: Journal | None = None,
        monitors: Sequence[Watch] | None = None,
    ) -> None:
        self.community = community
        self.policy = load_policy(policy) if isinstance(policy, str) else policy
        if voltage is not None and backend != "exact":
            raise ConfigError("backend", "", f"{backend!r} knows no voltage limits; expected 'exact'")
        self._look_ahead = look_ahead
        self._projector: Projector | VoltageProjector
        try:
            self._projector = (
                Projector(community, setup_of(backend)) if voltage is None else VoltageProjector(community, voltage)
            )
        except UnknownBackendError:
            hint = did_you_mean(backend.removeprefix(ISOLATED), BACKENDS)
            known = f"{', '.join(BACKENDS)}, also after {ISOLATED!r}"
            raise ConfigError("backend", "", f"no backend is called {backend!r}{hint}; known: {known}") from None
        except ImportError:
            extra = "cvxpy" if backend.endswith("cvxpy") else "solvers"
            raise OptionalDependencyError(f"the backend {backend!r}", extra) from None
        self.supervisor = supervisor or Supervisor()
        self.journal = journal
        self.watchdog = Watchdog(self.supervisor, self.policy)
        self._machine = load_machine()
        given_monitors = None if monitors is None else tuple(monitors)
        if monitors is None:
            carry = self._machine.carry if self._machine is not None else None
            monitors = default_monitors(community, self.supervisor.accuracy, carry=carry)
        latches = Latches(
            hold_steps=self.supervisor.hold_steps,
            free_releases=self.supervisor.free_releases,
            day_steps=HOURS_PER_DAY / community.timestep_h,
        )
        self._arbiter = Arbiter(community, monitors, latches) if monitors else None
        self._terms = Terms(
            community=community,
            policy=policy,
            backend=backend,
            supervisor=self.supervisor,
            monitors=given_monitors,
            look_ahead=look_ahead,
            voltage=voltage,
        )
        self._gate = QuickGate(community, self._machine.settle) if self._machine is not None else None
        self._screen = Screen(community, self._machine.glance if self._machine is not None else None)
        # A situation without a single measurement; what remains when even the screen should fail.
        self._blind = self._screen({}, np.zeros(community.n_prosumers))
        self.reset()

    def reset(self) -> None:
        """Forget every step: the next one has no ramp history, and nothing is in doubt."""
        self.restore(step=0, battery_kw=np.zeros(self.community.n_prosumers))

    def restore(self, *, step: int, battery_kw: Vector) -> None:
        """Go on as after a restart; `autonomy.journal.resume` reads what is needed from a journal.

        Monitors begin anew: what was in doubt is doubted again as soon as it shows.

        Args:
            step: Number of the next step.
            battery_kw: (N,) kW decided at the step before it, + = charge.
        """
        self._previous_kw: Vector = battery_kw
        self._steps = step
        self._answer: Any = None
        self._wish: Wish | None = None
        self._heard = NOTHING_HEARD
        self._past = NO_PAST
        self._acted: Situation = self._blind
        self.watchdog.reset()
        if self._arbiter is not None:
            self._arbiter.reset()

    def verify_policy(self) -> Reason | None:
        """Compare the policy's weights now with those it was given with; None when they are the same, or unknown."""
        return self.watchdog.verify(self.policy)

    def step(self, obs: Observation | Mapping[str, Any]) -> Decision:
        """Return a decision that keeps every limit; never raises on data.

        Args:
            obs: An `Observation`, or a mapping with the same keys.
        """
        given = as_mapping(obs)
        self._answer = self._wish = reading = None
        self._heard = NOTHING_HEARD
        # Until the screen has read it, nothing is known about this step.
        self._acted = self._blind
        try:
            # A host may have set NumPy to raise; what is not finite is screened, not thrown.
            with np.errstate(all="ignore"):
                reading = read(given, self.community.n_prosumers) if self._arbiter is not None else None
                decision = self._decide(obs, given, reading)
        except Exception as fault:  # noqa: BLE001 - a decision is owed whatever happens; the reason keeps the fault
            text = f"an internal error ({type(fault).__name__}: {fault}); batteries stand still"
            reason = Reason(cause=Cause.INTERNAL_ERROR, text=text)
            decision = conclude_without_intent(self._blind, dead_stop(self._blind, (reason,)), None)
            self._acted = self._blind
        self._past = _Past(given, reading, decision, self._acted)
        step, previous_kw = self._steps, self._previous_kw
        self._previous_kw = decision.battery_kw
        self._steps += 1
        if self.journal is None:
            return decision
        entry = Entry(self._terms, step, previous_kw, given, self._heard, self._answer, self._wish, decision)
        return _kept(self.journal, entry)

    def _decide(
        self, obs: Observation | Mapping[str, Any], given: Mapping[str, Any], reading: Reading | None
    ) -> Decision:
        situation, bars_policy = self._watched(given, reading)
        self._acted = situation
        wish = Wish(None, ()) if situation.is_blind or bars_policy else self._ask(situation, obs, given)
        self._wish = wish
        proposal = self._project(situation, wish.intent, given)
        if self._machine is not None and self._gate is not None:
            quick = conclude_quickly(self._gate, self._machine.finish, situation, wish, proposal)
            if quick is not None:
                return quick
        return self._with_care(situation, wish, proposal)

    def _watched(self, given: Mapping[str, Any], reading: Reading | None) -> Ruling:
        """Return the screened situation, as far as the monitors leave it."""
        previous_kw = self._last_applied(given)
        situation = self._screen(given, previous_kw)
        if self._arbiter is None:
            return Ruling(situation)
        last, before, decided, acted = self._past
        passed = since(before, reading, decided)
        sight = Sight(self.community, self._steps, given, situation, last, decided, reading, before, acted, *passed)
        ruling = self._arbiter(sight, previous_kw)
        self._heard = self._arbiter.heard
        return ruling

    def _with_care(self, situation: Situation, wish: Wish, proposal: Proposal | None) -> Decision:
        supports: list[Proposal] = []

        def support() -> Candidate:
            supports.append(self._projector.project(situation, np.zeros(self.community.n_prosumers)))
            return _candidate(supports[-1])

        verdict = supervise(situation, _candidate(proposal) if proposal is not None else None, support)
        used = supports[-1] if verdict.rung is Mode.SUPPORT else proposal
        return conclude(situation, wish, used, verdict)

    def _last_applied(self, given: Mapping[str, Any]) -> Vector:
        """Return what the batteries last did: what the host reports where it is finite, else what was decided."""
        if not self.community.has_ramp_limits:
            return self._previous_kw  # nobody will look at it
        try:
            applied = np.asarray(given.get("applied_battery_kw"), dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            return self._previous_kw
        if applied.shape not in (self._previous_kw.shape, ()):  # one number stands for every battery
            return self._previous_kw
        return np.where(np.isfinite(applied), applied, self._previous_kw)

    def _ask(self, situation: Situation, obs: Observation | Mapping[str, Any], given: Mapping[str, Any]) -> Wish:
        seen = obs if situation.is_clean and _is_complete(obs) else _screened(situation, given)
        self._answer, wish = self.watchdog.ask(self.policy, self.community, seen, situation)
        return wish

    def _project(self, situation: Situation, intent: Intent | None, given: Mapping[str, Any]) -> Proposal | None:
        if intent is None:
            return None
        try:
            if self._look_ahead is None:
                return self._projector.project(situation, intent.battery_kw)
            energy_kwh = _floats(given.get("soc"), situation) * self.community.battery_capacity_kwh
            asked = self._look_ahead.look(situation, given.get("forecast"), energy_kwh, intent.battery_kw)
            proposal = self._projector.project(asked.confine(situation), intent.battery_kw)
            return proposal._replace(reasons=(*asked.reasons, *proposal.reasons))
        except Exception:  # noqa: BLE001 - the supervisor goes on without a proposal and says so
            return None


def _kept(journal: Journal, entry: Entry) -> Decision:
    """Return the decision, with a reason if it could not be kept; nothing else of it changes."""
    try:
        reason = journal.record(entry)
    except Exception as fault:  # noqa: BLE001 - a decision is owed even when it cannot be kept
        text = f"the journal failed ({type(fault).__name__}: {fault})"
        reason = Reason(cause=Cause.JOURNAL_FAILED, text=text)
    decision = entry.decision
    return decision if reason is None else replace(decision, reasons=(*decision.reasons, reason))


def as_mapping(obs: Observation | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an observation as a mapping; anything else is an empty one (the screen reports what is missing)."""
    if isinstance(obs, Observation):
        return dict(vars(obs))
    return obs if isinstance(obs, Mapping) else {}


def _is_complete(obs: Observation | Mapping[str, Any]) -> TypeGuard[Observation]:
    """Whether this is an `Observation` with numbers for every prosumer; if clean, a policy may see it as it is."""
    if type(obs) is not Observation:
        return False
    ranks = obs.demand_kw.ndim, obs.pv_kw.ndim, obs.soc.ndim, obs.retail_price.ndim, obs.feed_in_price.ndim
    return ranks == ALONG_PROSUMERS


def _screened(situation: Situation, given: Mapping[str, Any]) -> Observation:
    """Return the observation a policy sees: finite numbers of the right shape, 0 where a meter failed."""
    return Observation(
        demand_kw=situation.demand_kw,
        pv_kw=situation.pv_kw,
        soc=np.where(np.isfinite(soc := _floats(given.get("soc"), situation)), soc, 0.0),
        retail_price=situation.retail_price,
        feed_in_price=situation.feed_in_price,
        **{key: given.get(key) for key in OBSERVATION_FIELDS[5:]},
    )


def _floats(value: Any, situation: Situation) -> Vector:
    size = situation.community.n_prosumers
    try:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (size,))
    except (TypeError, ValueError, OverflowError):
        return np.full(size, np.nan)


def _candidate(proposal: Proposal) -> Candidate:
    return Candidate(set_points=proposal.set_points, within_ramp=not proposal.ramp_relaxed)
