"""The matrix: every fault of the catalogue that was asked for, in every phase, under every controller."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from autonomy.errors import ConfigError
from autonomy.faults.catalogue import CATALOGUE, SLOTS, Entry
from autonomy.faults.fault import Fault
from autonomy.faults.phases import FAULTY, Week, Window, choose
from autonomy.faults.result import Result
from autonomy.faults.rig import CLIP, OURS, Rig, clip_rig, foreign_rig, our_rig
from autonomy.faults.sizes import sizes_of
from autonomy.faults.strike import Strike
from autonomy.faults.trial import Step, compare, play, rehearse
from autonomy.faults.words import Channel, Kind, Phase, Scope, Severity
from autonomy.layers.community import Community
from autonomy.scenario import Scenario
from autonomy.scenarios import named
from autonomy.simulator import INITIAL_SOC

NONE = "none"
"""Words of a run without a fault."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What to run.

    Attributes:
        channels: Which channels.
        kinds: Which kinds.
        severities: How strongly.
        phases: When.
        runs: Windows a phase, each of them one run of every fault.
        seed: Of windows, victims, signs and noise.
        policy: Name or path of the policy under our controller and under the clip-only filter.
        controllers: `file.py:function` of further controllers to score.
        held_out: Whether windows are from held-out weeks, else from training weeks.
        scenario: Name of a scenario whose week the windows are from, drawn by `seed`; the whole demo when empty.
    """

    channels: tuple[Channel, ...] = tuple(Channel)
    kinds: tuple[Kind, ...] = tuple(Kind)
    severities: tuple[Severity, ...] = tuple(Severity)
    phases: tuple[Phase, ...] = tuple(Phase)
    runs: int = 5
    seed: int = 0
    policy: str = "self-consumption"
    controllers: tuple[str, ...] = ()
    held_out: bool = True
    scenario: str = ""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The combinations of channel and kind that were asked for and make sense."""
        return tuple(entry for entry in CATALOGUE if entry.channel in self.channels and entry.kind in self.kinds)


def _named_data(settings: Settings) -> Scenario:
    found = named(settings.scenario, settings.seed, held_out=settings.held_out)
    if found.policy is not None or found.tamper is not None or found.timeline is not None:
        plain = "a scenario whose data alone are odd, such as heat-wave"
        raise ConfigError("scenario", "", f"{found.name} is about more than its data; expected {plain}")
    return found.scenario


class Bench:
    """Everything that is set up once: community, windows, controllers, and their fault-free runs.

    Args:
        settings: What to run.
        community: Who is tested; the demo community when not given.
        scenario: On which data; the demo year when not given.

    Raises:
        ConfigError: a policy, a controller or a scenario is unknown, or a scenario is about more than its data.
        DataError: the data has no window of a phase.
    """

    def __init__(
        self, settings: Settings, *, community: Community | None = None, scenario: Scenario | None = None
    ) -> None:
        self.settings = settings
        self.community = community or Community.demo()
        data = scenario or (_named_data(settings) if settings.scenario else Scenario.demo())
        self.sizes = sizes_of(self.community, data)
        ours = our_rig(self.community, settings.policy)
        self.rigs = [
            ours,
            clip_rig(self.community, settings.policy),
            *(foreign_rig(self.community, settings.policy, spec) for spec in settings.controllers),
        ]
        taken: list[str] = []
        for place, rig in enumerate(self.rigs):
            clashes = sum(name == rig.name or name.startswith(f"{rig.name} (") for name in taken)
            self.rigs[place] = replace(rig, name=f"{rig.name} ({clashes + 1})") if clashes else rig
            taken.append(self.rigs[place].name)
        self._solver_rig = our_rig(self.community, settings.policy, with_backend=True)
        self.windows = choose(
            self._weeks(ours, data), self.community, settings.phases, runs=settings.runs, seed=settings.seed
        )
        self._twins: dict[tuple[int, int], tuple[Step, ...]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the controllers: ours, the clip-only filter, others."""
        return tuple(rig.name for rig in self.rigs)

    def baseline(self) -> Iterator[Result]:
        """Yield the runs without a fault, each compared with itself run again."""
        for rig in self.rigs:
            for window in self.windows:
                words = {"channel": NONE, "kind": NONE, "severity": NONE, "scope": NONE}
                twin = self._twin(rig, window)
                yield compare(
                    play(rig, self.community, window),
                    twin,
                    controller=rig.name,
                    phase=window.phase.value,
                    run=window.run,
                    **words,
                )

    def results(self, entry: Entry) -> Iterator[Result]:
        """Yield every run of one combination of channel and kind."""
        for rig in self.rigs_for(entry.channel):
            yield from self.results_of(rig, entry)

    def results_of(self, rig: Rig, entry: Entry) -> Iterator[Result]:
        """Yield every run of one controller under one combination."""
        for severity, scope, window in product(self.settings.severities, entry.scopes, self.windows):
            fault = Fault(channel=entry.channel, kind=entry.kind, severity=severity, scope=scope, steps=FAULTY)
            yield compare(
                play(rig, self.community, window, self._strike(fault, window)),
                self._twin(rig, window),
                controller=rig.name,
                channel=fault.channel.value,
                kind=fault.kind.value,
                severity=fault.severity.value,
                scope=fault.scope.value,
                phase=window.phase.value,
                run=window.run,
            )

    def rigs_for(self, channel: Channel) -> Iterator[Rig]:
        """Yield the controllers that can have a fault on a channel, ours first."""
        slot = SLOTS.get(channel)
        for rig in self.rigs:
            chosen = self._solver_rig if channel is Channel.SOLVER and rig.name == OURS else rig
            if slot is None or slot in chosen.slots:
                yield chosen

    def _twin(self, rig: Rig, window: Window) -> tuple[Step, ...]:
        key = (id(rig), id(window))
        if key not in self._twins:
            self._twins[key] = play(rig, self.community, window)
        return self._twins[key]

    def _strike(self, fault: Fault, window: Window) -> Strike:
        """Return the fault in a run; what chance decides depends on the seed, the fault and the run alone.

        The victim of a fault on PV has PV, that of one on a battery has a battery.
        """
        words = f"{fault.channel} {fault.kind} {fault.severity} {fault.scope} {window.phase} {window.run}"
        random = np.random.default_rng([self.settings.seed, zlib.crc32(words.encode())])
        able = np.flatnonzero(self._able(fault.channel))
        return Strike(
            fault=fault,
            sizes=self.sizes.get(fault.channel),
            victim=int(random.choice(able)) if able.size else 0,
            sign=float(random.choice([-1.0, 1.0])),
            seed=int(random.integers(2**32)),
        )

    def _able(self, channel: Channel) -> np.ndarray:
        if channel is Channel.PV:
            return self.sizes[Channel.PV].mirror > 0
        if channel in (Channel.SOC, Channel.INTENT, Channel.ACTUATOR):
            return self.community.has_battery
        return np.ones(self.community.n_prosumers, dtype=np.bool_)

    def _weeks(self, rig: Rig, data: Scenario) -> list[Week]:
        start = np.clip(INITIAL_SOC, self.community.soc_min, self.community.soc_max)
        energy = start * self.community.battery_capacity_kwh
        weeks = data.held_out_weeks() if self.settings.held_out else data.training_weeks()
        return [rehearse(rig, self.community, week, energy) for week in weeks]


def run_matrix(
    settings: Settings, *, jobs: int = 1, progress: Callable[[str], None] = lambda _label: None
) -> tuple[list[Result], tuple[str, ...]]:
    """Run the matrix over the demo community and return its results and the names of the controllers.

    Args:
        settings: What to run.
        jobs: Number of processes; results are the same for any number, but for latencies.
        progress: Called with a label for each combination that is done.
    """
    bench = Bench(settings)
    results = list(bench.baseline())
    entries = settings.entries
    if jobs == 1:
        for entry in entries:
            results += bench.results(entry)
            progress(f"{entry.channel} {entry.kind}")
        return results, bench.names
    with ProcessPoolExecutor(max_workers=jobs, initializer=_set_up, initargs=(settings,)) as pool:
        for entry, found in zip(entries, pool.map(_results_of, entries), strict=True):
            results += found
            progress(f"{entry.channel} {entry.kind}")
    return results, bench.names


_BENCHES: list[Bench] = []
"""The bench of a worker process; empty in every other process."""


def _set_up(settings: Settings) -> None:
    _BENCHES.append(Bench(settings))


def _results_of(entry: Entry) -> Sequence[Result]:
    return list(_BENCHES[0].results(entry))


__all__ = ["CLIP", "NONE", "OURS", "Bench", "Scope", "Settings", "run_matrix"]
