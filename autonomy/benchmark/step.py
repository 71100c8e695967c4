"""`autonomy benchmark step`: what one `Controller.step` costs, end to end and part by part."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from autonomy.benchmark.clock import NANO, undisturbed
from autonomy.benchmark.table import Table
from autonomy.benchmark.topologies import TOPOLOGIES
from autonomy.controller import Controller, as_mapping
from autonomy.entry import Entry, Terms
from autonomy.journal import JsonLinesJournal
from autonomy.layers import physics
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.intent import read_answer
from autonomy.layers.network import Network
from autonomy.layers.observation import Observation
from autonomy.layers.projection import Projector
from autonomy.layers.situation import Situation
from autonomy.layers.supervision import (
    NOTHING_HEARD,
    Arbiter,
    Candidate,
    Latches,
    QuickGate,
    Reading,
    Screen,
    Sight,
    read,
    since,
    supervise,
)
from autonomy.layers.supervision.monitors import default_monitors
from autonomy.report.quantity import duration, percent
from autonomy.solvers.backends import BACKENDS
from autonomy.solvers.machine import load_machine

SCHEMA = "autonomy-benchmark-step/2"
SIZES = (4, 24, 100, 1_000)
PARTS = ("screen", "monitors", "policy", "projection", "gate", "journal")
"""What is timed apart; the rest of the step (decision, offer, reasons, bookkeeping) is the difference to the whole."""
WARM_UP = 20
"""Steps before the first one that counts."""
MOST_SEEN = 1_000
"""Observations that are kept for the loop of steps alone."""
HOURS = 24
START = np.datetime64("2024-05-01T00:00", "s")


@dataclass(frozen=True, kw_only=True, slots=True)
class StepRow:
    """Latency of whole steps, and of the same parts on the same inputs.

    Attributes:
        policy: Its name.
        topology: A key of `TOPOLOGIES`.
        n: Prosumers.
        lines: Lines.
        steps: Steps that were timed.
        fallbacks: Steps among them whose decision came from the recovery ladder.
        alone_s: Median of the whole step in a loop of its own, journal line written and flushed.
        p50_s: The same where its parts are timed between two steps.
        p99_s: 99th percentile of that.
        screen_s: Median of the screen.
        monitors_s: Median of the monitors, all channels given and nothing in doubt.
        policy_s: Median of the policy, its answer read.
        projection_s: Median of the projection.
        gate_s: Median of the supervisor: rounding, CHECK, caps.
        journal_s: Median of one line written and flushed.
        rest_s: Median of the whole less those of the parts.
    """

    policy: str
    topology: str
    n: int
    lines: int
    steps: int
    fallbacks: int
    alone_s: float
    p50_s: float
    p99_s: float
    screen_s: float
    monitors_s: float
    policy_s: float
    projection_s: float
    gate_s: float
    journal_s: float
    rest_s: float


def community(topology: str, n: int, seed: int) -> Community:
    """Return a community of N homes with a 6.4 kWh battery each, on lines that bind now and then."""
    tree = TOPOLOGIES[topology](n, np.random.default_rng([seed, n]))
    below = tree.totals(np.ones(n))
    network = Network(
        parent=tree.parent, bus_of_prosumer=tree.group_of, import_limit_kw=2.5 * below, export_limit_kw=2.0 * below
    )
    home: dict[str, float] = {
        "battery_capacity_kwh": 6.4,
        "charge_limit_kw": 5.0,
        "discharge_limit_kw": 5.0,
        "charge_efficiency": 0.95,
        "discharge_efficiency": 0.95,
        "soc_min": 0.05,
        "connection_limit_kw": 15.0,
    }
    columns: dict[str, Any] = {name: np.full(n, value) for name, value in home.items()}
    return Community(**columns, network=network, timestep_h=0.25)


def observations(n: int, seed: int, count: int = HOURS) -> tuple[Observation, ...]:
    """Return the hours of a day with random demand and sun; the state of charge is that of the beginning."""
    random = np.random.default_rng([seed, n])
    sun = np.maximum(np.sin(np.pi * (np.arange(count) - 6) / 12), 0.0)
    return tuple(
        Observation(
            demand_kw=random.gamma(2.0, 0.8, n),
            pv_kw=random.uniform(2.0, 6.0, n) * sun[k],
            soc=np.full(n, 0.5),
            retail_price=np.full(n, 0.5 if 16 <= k % HOURS < 21 else 0.2),
            feed_in_price=np.full(n, 0.06),
        )
        for k in range(count)
    )


def measure_step(policy: str, topology: str, n: int, *, steps: int, seed: int, overhead_s: float) -> StepRow:
    """Time whole steps and, right after each, its parts on the same observation; then the steps on their own."""
    homes, day = community(topology, n, seed), observations(n, seed)
    with tempfile.TemporaryDirectory() as folder, JsonLinesJournal(Path(folder) / "whole.jsonl") as whole:
        controller = Controller(homes, policy=policy, journal=whole)
        with JsonLinesJournal(Path(folder) / "part.jsonl") as part, undisturbed():
            bench = _Bench(controller, part)
            for k in range(WARM_UP):
                bench.step(day[k % HOURS])
            bench.forget()
            for k in range(steps):
                bench.step(day[k % HOURS])
        with JsonLinesJournal(Path(folder) / "alone.jsonl") as journal, undisturbed():
            alone = _alone(Controller(homes, policy=policy, journal=journal), bench.seen)
    seconds = {name: np.maximum(np.array(times) * NANO - overhead_s, 0.0) for name, times in bench.times.items()}
    parts = {name: float(np.median(seconds[name])) for name in PARTS}
    total = float(np.median(seconds["whole"]))
    return StepRow(
        policy=policy,
        topology=topology,
        n=n,
        lines=homes.network.n_lines,
        steps=steps,
        fallbacks=bench.fallbacks,
        alone_s=max(float(np.median(alone)) * NANO - overhead_s, 0.0),
        p50_s=total,
        p99_s=float(np.quantile(seconds["whole"], 0.99)),
        screen_s=parts["screen"],
        monitors_s=parts["monitors"],
        policy_s=parts["policy"],
        projection_s=parts["projection"],
        gate_s=parts["gate"],
        journal_s=parts["journal"],
        rest_s=total - sum(parts.values()),
    )


def _alone(controller: Controller, seen: Sequence[Observation]) -> list[int]:
    """Return ns of every step but the first, on observations that the controller's own decisions led to."""
    times = []
    for observation in seen:
        start = time.perf_counter_ns()
        controller.step(observation)
        times.append(time.perf_counter_ns() - start)
    return times[min(WARM_UP, len(times) - 1) :]


class _Bench:
    """A controller and, beside it, the same parts called one by one as the controller calls them."""

    def __init__(self, controller: Controller, journal: JsonLinesJournal) -> None:
        self._controller, self._journal = controller, journal
        machine = load_machine()
        self._screen = Screen(controller.community, machine.glance if machine is not None else None)
        self._gate = QuickGate(controller.community, machine.settle) if machine is not None else None
        self._projector = Projector(controller.community, BACKENDS["exact"])
        self._previous = np.zeros(controller.community.n_prosumers)
        homes = controller.community
        latches = Latches(hold_steps=4, free_releases=3, day_steps=HOURS / homes.timestep_h)
        carry = machine.carry if machine is not None else None
        self._arbiter = Arbiter(homes, default_monitors(homes, carry=carry), latches)
        self._energy_kwh = 0.5 * homes.battery_capacity_kwh
        self._time, self._feeder_kw = START, 0.0
        self._past: tuple[Mapping[str, Any], Reading, Decision, Situation] | None = None
        self.seen: list[Observation] = []
        self._terms = Terms(
            community=controller.community,
            policy=controller.policy,
            backend="exact",
            supervisor=controller.supervisor,
            monitors=(),
            look_ahead=None,
            voltage=None,
        )
        self.forget()

    def forget(self) -> None:
        """Start counting anew."""
        self.times: dict[str, list[int]] = {name: [] for name in ("whole", *PARTS)}
        self.fallbacks = 0

    def step(self, hour: Observation) -> None:
        """Time one step and its parts; the state of charge, clock and meters are those of a host that obeys."""
        homes, network = self._controller.community, self._controller.community.network
        observation = replace(
            hour,
            soc=self._energy_kwh / homes.battery_capacity_kwh,
            applied_battery_kw=self._previous,
            feeder_kw=self._feeder_kw,
            time=self._time,
        )
        if len(self.seen) < MOST_SEEN:
            self.seen.append(observation)
        decision: Decision = self._clocked("whole", lambda: self._controller.step(observation))
        given = as_mapping(observation)
        situation = self._clocked("screen", lambda: self._screen(given, self._previous))
        reading = self._clocked("monitors", lambda: self._watch(given, situation))
        self._past = (given, reading, decision, situation)
        wish = self._clocked(
            "policy", lambda: read_answer(self._controller.policy(homes, observation), homes.n_prosumers)
        )
        wanted = self._previous * 0.0 if wish.intent is None else wish.intent.battery_kw
        proposal = self._clocked("projection", lambda: self._projector.project(situation, wanted))
        candidate = Candidate(set_points=proposal.set_points, within_ramp=not proposal.ramp_relaxed)
        self._clocked("gate", lambda: self._judge(situation, candidate))
        entry = Entry(self._terms, 0, self._previous, given, NOTHING_HEARD, wish.intent, wish, decision)
        self._clocked("journal", lambda: self._journal.record(entry))
        self._previous = decision.battery_kw
        self._energy_kwh = physics.rated_energy_after_kwh(homes, self._energy_kwh, decision.battery_kw)
        self._feeder_kw = float(
            physics.lossy_flows(network, decision.net_export_kw).upstream_kw[np.argmin(network.parent)]
        )
        self._time += np.timedelta64(round(3600 * homes.timestep_h), "s")
        self.fallbacks += decision.mode.is_fallback

    def _watch(self, given: Mapping[str, Any], situation: Situation) -> Reading:
        """Read the optional channels and ask the monitors, as the controller does."""
        homes, reading = self._controller.community, read(given, situation.pv_kw.size)
        last, before, decided, acted = self._past or (None, None, None, None)
        passed = since(before, reading, decided)
        sight = Sight(homes, len(self.times["whole"]), given, situation, last, decided, reading, before, acted, *passed)
        self._arbiter(sight, self._previous)
        return reading

    def _judge(self, situation: Situation, candidate: Candidate) -> None:
        """Check as the controller does: at once where nothing is in doubt, else with care."""
        if self._gate is None or self._gate(situation, candidate.set_points) is None:
            supervise(situation, candidate, lambda: candidate)

    def _clocked(self, name: str, call: Callable[[], Any]) -> Any:
        start = time.perf_counter_ns()
        returned = call()
        self.times[name].append(time.perf_counter_ns() - start)
        return returned


def step_tables(rows: Sequence[StepRow]) -> tuple[Table, ...]:
    """Return the latencies, and what share of the whole each part has."""
    names = (*PARTS, "rest")
    latencies, shares = [], []
    for row in rows:
        case = (row.policy, row.topology, f"{row.n:,}")
        parts = [getattr(row, f"{name}_s") for name in names]
        latencies.append((*case, *map(duration, (row.alone_s, row.p50_s, row.p99_s, *parts))))
        shares.append((*case, *(percent(part / row.p50_s, 0) for part in parts), str(row.fallbacks)))
    return (
        Table(
            title="One step of the controller",
            note="Alone: median of the whole step in a loop of its own, its journal line written and flushed. Then the "
            "same where its parts are timed after every step, which leaves it colder caches: median, 99th percentile, "
            "and the median of each part on the same inputs. The rest is the difference: decision, offer, reasons, "
            "bookkeeping.",
            head=("policy", "network", "N", "alone", "p50", "p99", *names),
            rows=tuple(latencies),
        ),
        Table(
            title="Shares of the step",
            note="Fallbacks: timed steps whose decision came from the recovery ladder; the parts have no such step.",
            head=("policy", "network", "N", *names, "fallbacks"),
            rows=tuple(shares),
        ),
    )
