"""When faults strike: windows of the data, chosen by rule and drawn by seed.

A window is some steps before the onset (so that whoever watches has something to compare with), the faulty steps, and
some steps after. Where the community stands at the start of a window is taken from a fault-free run of our controller
over the same week, so every window begins in a state that the policy really leads to.

| phase | rule for the onset o, F the number of faulty steps |
|---|---|
| night | no generation at all in o .. o+F−1 |
| pv-peak | two steps before a day's largest net export, in the quarter of the days with the largest ones |
| demand-peak | two steps before a day's largest net import, likewise |
| soc-bound | at o at least nine of ten batteries are within 0.01 of their lowest or highest SoC |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from autonomy.errors import DataError
from autonomy.faults.truth import Truth, Weather
from autonomy.faults.words import Phase
from autonomy.layers.arrays import Matrix, Vector
from autonomy.layers.community import Community
from autonomy.scenario import Scenario

BEFORE, FAULTY, AFTER = 8, 6, 16
"""Steps of a window before, during and after a fault."""
HISTORY = 24
"""Steps before the onset whose truth a fault may need: the longest recording that is replayed."""
LEAD = 2
"""Steps from the onset to the peak."""
TOP_SHARE = 0.25
"""Share of the days that count as having a peak."""
AT_BOUND, OF_ALL = 0.01, 0.9
"""Distance from a SoC bound that counts as at it, and the share of batteries that have to be there."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Week:
    """A week of data and a fault-free run over it.

    Attributes:
        scenario: The week.
        truths: What was true at the start of each step.
        energy_kwh: (T, N) kWh at the start of each step.
        intents_kw: (T, N) kW, the policy's battery intents.
        asked_kw: (T, N) kW that was asked of the batteries.
    """

    scenario: Scenario
    truths: Sequence[Truth]
    energy_kwh: Matrix
    intents_kw: Matrix
    asked_kw: Matrix


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Window:
    """One window.

    Attributes:
        phase: Why it was chosen.
        run: Number of the run in this phase.
        onset_time: Start of the first faulty step.
        weathers: What no controller changes, one a step of the window.
        history: What was true in the steps before the window, back to `HISTORY` steps before the onset.
        energy_kwh: (N,) kWh at the start of the window.
        intents_kw: (T, N) kW, intents in the steps of `history`.
        asked_kw: (T, N) kW, likewise what was asked of the batteries.
    """

    phase: Phase
    run: int
    onset_time: np.datetime64
    weathers: tuple[Weather, ...]
    history: tuple[Truth, ...]
    energy_kwh: Vector
    intents_kw: Matrix
    asked_kw: Matrix


def choose(
    weeks: Sequence[Week], community: Community, phases: Sequence[Phase], *, runs: int, seed: int
) -> tuple[Window, ...]:
    """Return `runs` windows a phase, drawn without putting back (until all were drawn once).

    Raises:
        DataError: no window of the data has a phase.
    """
    windows = []
    for phase in phases:
        found = candidates(weeks, community, phase)
        if not found:
            source = weeks[0].scenario.series.source if weeks else "the data"
            raise DataError(source, f"has no window for the phase {phase}; see docs/faults.md for its rule")
        order = np.random.default_rng([seed, list(Phase).index(phase)]).permutation(len(found))
        for run in range(runs):
            week, onset = found[order[run % len(found)]]
            windows.append(_window(weeks[week], onset, phase, run))
    return tuple(windows)


def candidates(weeks: Sequence[Week], community: Community, phase: Phase) -> list[tuple[int, int]]:
    """Return every (week, onset) that the rule of a phase allows, in the order of time."""
    if phase in (Phase.PV_PEAK, Phase.DEMAND_PEAK):
        return _peaks(weeks, 1.0 if phase is Phase.PV_PEAK else -1.0)
    allowed: Callable[[Week, int], bool] = _is_night if phase is Phase.NIGHT else _at_bound(community)
    return [(w, onset) for w, week in enumerate(weeks) for onset in _onsets(week) if allowed(week, onset)]


def _onsets(week: Week) -> range:
    """Every onset that leaves room for the history before it and the window after it."""
    return range(max(HISTORY, BEFORE), week.scenario.n_steps - FAULTY - AFTER + 1)


def _is_night(week: Week, onset: int) -> bool:
    return not np.any(week.scenario.pv_kw[onset : onset + FAULTY])


def _at_bound(community: Community) -> Callable[[Week, int], bool]:
    has = community.has_battery

    def allowed(week: Week, onset: int) -> bool:
        soc = week.truths[onset].soc
        away = np.minimum(np.abs(soc - community.soc_min), np.abs(soc - community.soc_max))
        return bool(has.any()) and float(np.mean(away[has] <= AT_BOUND)) >= OF_ALL

    return allowed


def _peaks(weeks: Sequence[Week], sign: float) -> list[tuple[int, int]]:
    days = []
    for w, week in enumerate(weeks):
        flow = sign * (week.scenario.pv_kw.sum(axis=1) - week.scenario.demand_kw.sum(axis=1))
        size = week.scenario.series.steps_per_day
        for first in range(0, flow.size - size + 1, size):
            peak = first + int(np.argmax(flow[first : first + size]))
            if peak - LEAD in _onsets(week):
                days.append((float(flow[peak]), w, peak - LEAD))
    days.sort(reverse=True)
    kept = days[: max(round(TOP_SHARE * len(days)), 1)]
    return sorted((w, onset) for _, w, onset in kept)


def _window(week: Week, onset: int, phase: Phase, run: int) -> Window:
    start, early = onset - BEFORE, onset - HISTORY
    steps = range(start, onset + FAULTY + AFTER)
    return Window(
        phase=phase,
        run=run,
        onset_time=week.scenario.time[onset],
        weathers=tuple(Weather.of(week.scenario, k) for k in steps),
        history=tuple(week.truths[early:start]),
        energy_kwh=week.energy_kwh[start],
        intents_kw=week.intents_kw[early:start],
        asked_kw=week.asked_kw[early:start],
    )
