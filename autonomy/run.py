"""The main job: every policy over the same windows, the optimum beside them, and the evidence of it all.

windows ─▶ roll out each policy ─▶ solve and replay the optimum ─▶ key figures ─▶ explanations ─▶ `RunEvidence`
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from autonomy.assets.timeline import Timeline
from autonomy.configuration import Configuration
from autonomy.controller import Controller
from autonomy.dispatch import DispatchError, optimal_dispatch
from autonomy.errors import DataError
from autonomy.evidence import Optimum, RunEvidence
from autonomy.journal import JsonLinesJournal
from autonomy.kpi import kpi, total_bill
from autonomy.layers.projection import Lookahead
from autonomy.learning.explanation.explain import Frame, explained
from autonomy.learning.explanation.explanation import Explanation
from autonomy.learning.policy import LearnedPolicy
from autonomy.policies import with_economics
from autonomy.report.week import binding_week
from autonomy.rollout import OPTIMUM, Tamper, replay, roll_out
from autonomy.scenario import Scenario
from autonomy.scenarios.named import NamedScenario
from autonomy.simulator import Simulator
from autonomy.trajectory import Trajectory

BASELINE = "grid-only"
RIVALS = ("self-consumption", "time-of-use", "learned", "random", "adversarial")
RELATIVE_GAP = 1e-5
"""Of the optimum, where a search over binaries may stop."""
TIME_LIMIT_S = 120.0
"""Seconds for the optimum of a window; a search that is stopped states its gap."""
TERMINAL_RULE = (
    "Energy left in the batteries beyond what was there at the start of a window is worth the window's lowest retail "
    "price, for every policy and for the optimum alike."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """What to run.

    Attributes:
        policies: Names or paths; the baseline grid-only is always run, and first.
        backend: Projection backend.
        caution: Look ahead, from the forecast (0) to the far end of its interval (1); None for the one-step projection.
        with_optimum: Whether the perfect-foresight optimum is computed.
        initial_soc: Fraction every battery starts each window with; None for the simulator's default.
        named: Where the windows are those of a named scenario: its policy is run under its name, and its tamper and its
            timeline hold.
        command: The command line, for the report.
        version: The package's version, for the report.
        explained: Policies to be explained beside the learned ones, which always are.
    """

    policies: Sequence[str] = RIVALS
    backend: str = "exact"
    caution: float | None = None
    with_optimum: bool = True
    initial_soc: float | None = None
    named: NamedScenario | None = None
    command: str = ""
    version: str = ""
    explained: Sequence[str] = ()


Progress = Callable[[str, int], None]
"""Called with a label and the number of steps that were finished since the last call."""


def run(
    configuration: Configuration,
    windows: Sequence[Scenario],
    *,
    options: RunOptions,
    journal_folder: Path | None = None,
    progress: Progress = lambda _label, _steps: None,
) -> RunEvidence:
    """Run every policy over every window and return the evidence.

    Args:
        configuration: Community and prices.
        windows: Windows of one series, at least one.
        options: What to run.
        journal_folder: Where one decision journal a policy is written, or None for none.
        progress: Told about every finished step.

    Raises:
        ConfigError: a policy or the backend is unknown.
    """
    simulators = _simulators(configuration, windows, options)
    controllers = _controllers(configuration, options)
    tamper = None if options.named is None else options.named.tamper
    trajectories = {
        name: _roll_out_all(simulators, controller, name, journal_folder, progress, tamper)
        for name, controller in controllers.items()
    }
    solved, no_optimum = _solve_all(simulators, progress) if options.with_optimum else ([], "")
    if solved:
        trajectories[OPTIMUM] = tuple(trajectory for _, trajectory in solved)
    optima = tuple(optimum for optimum, _ in solved)
    evidence = _evidence(configuration, windows, options, trajectories, optima, no_optimum)
    return replace(evidence, explanations=_explanations(evidence, simulators, controllers, options, progress))


def _simulators(configuration: Configuration, windows: Sequence[Scenario], options: RunOptions) -> list[Simulator]:
    """Return a simulator for each window."""
    return [
        Simulator(
            configuration.community,
            window,
            economics=configuration.economics,
            initial_soc=options.initial_soc,
            timeline=timeline,
        )
        for window, timeline in zip(windows, _timelines(configuration, windows, options.named), strict=True)
    ]


def _controllers(configuration: Configuration, options: RunOptions) -> dict[str, Controller]:
    """Load every policy, the baseline first, before the first one runs: a wrong name costs no minutes."""
    community, named = configuration.community, options.named
    look_ahead = None if options.caution is None else Lookahead(community, caution=options.caution)
    controllers = {
        name: Controller(
            community,
            policy=named.policy if named is not None and named.policy is not None and name == named.name else name,
            backend=options.backend,
            look_ahead=None if name == BASELINE else look_ahead,
        )
        for name in dict.fromkeys([BASELINE, *options.policies])
    }
    for controller in controllers.values():
        controller.policy = with_economics(controller.policy, configuration.economics)
    return controllers


def _evidence(
    configuration: Configuration,
    windows: Sequence[Scenario],
    options: RunOptions,
    trajectories: dict[str, tuple[Trajectory, ...]],
    optima: tuple[Optimum, ...],
    no_optimum: str,
) -> RunEvidence:
    """Return what was run and its key figures; nothing is explained yet."""
    baseline = sum(run.cost for run in trajectories[BASELINE])
    best = sum(run.cost for run in trajectories[OPTIMUM]) if optima else None
    return RunEvidence(
        title=configuration.name,
        community=configuration.community,
        economics=configuration.economics,
        currency=configuration.currency,
        command=options.command,
        version=options.version,
        created=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        data_source=windows[0].series.source,
        data_sha256=windows[0].series.sha256,
        windows=tuple((window.label, window.start, window.n_steps) for window in windows),
        policies=tuple(trajectories),
        trajectories=trajectories,
        kpis={
            name: kpi(runs, baseline_cost=baseline, optimal_cost=best, baseline_bill=total_bill(trajectories[BASELINE]))
            for name, runs in trajectories.items()
        },
        optima=optima,
        no_optimum=no_optimum,
        terminal_rule=_terminal_rule(configuration),
        backend=options.backend,
    )


def _explanations(
    evidence: RunEvidence,
    simulators: Sequence[Simulator],
    controllers: Mapping[str, Controller],
    options: RunOptions,
    progress: Progress,
) -> tuple[Explanation, ...]:
    """Play the week that the figures show once more under every policy that is explained."""
    week = binding_week(evidence)
    if week is None:
        return ()
    optimum = evidence.trajectories[OPTIMUM][week.window] if evidence.optima else None
    frame = Frame(evidence.title, evidence.currency, evidence.trajectories[BASELINE][week.window], optimum)
    tamper, found = None if options.named is None else options.named.tamper, []
    for name, controller in controllers.items():
        if name in options.explained or isinstance(controller.policy, LearnedPolicy):
            progress(f"explaining {name}", 0)
            simulator = simulators[week.window]
            found.append(explained(simulator, controller, name=name, frame=frame, span=week.span, tamper=tamper))
    return tuple(found)


def _timelines(
    configuration: Configuration, windows: Sequence[Scenario], named: NamedScenario | None
) -> list[Timeline | None]:
    """Return what assets change in each window."""
    if named is not None:
        return [named.timeline for _ in windows]
    whole = configuration.assets.timeline(configuration.community, windows[0].series)
    return [None if whole is None else whole.window(window.start, window.stop) for window in windows]


def choose_windows(scenario: Scenario, *, from_: str | None, to: str | None, held_out: bool) -> tuple[Scenario, ...]:
    """Return the windows of a run: weeks of the chosen part, the last one shorter when days are left over.

    Args:
        scenario: All the data.
        from_: ISO date or time of the first step, or None for the first of the data.
        to: ISO date or time after the last step, or None for the end of the data.
        held_out: Without `from_` and `to`: take the held-out weeks only.

    Raises:
        ModelError: `from_` or `to` is no time, or outside the data.
        DataError: held-out weeks are asked for and the data has fewer than four weeks.
    """
    if from_ is None and to is None and held_out:
        weeks = tuple(scenario.held_out_weeks())
        if not weeks:
            raise DataError(scenario.series.source, "has no held-out week; expected at least four weeks of data")
        return weeks
    end = scenario.time[-1] + np.timedelta64(round(scenario.timestep_h * 60), "m")
    part = scenario.between(from_ if from_ is not None else scenario.time[0], to if to is not None else end)
    week = 7 * scenario.series.steps_per_day
    return tuple(part.window(first, min(week, part.n_steps - first)) for first in range(0, part.n_steps, week))


def policy_file_name(policy: str) -> str:
    """Return a file name for a policy's journal: its name, or a path's stem with a short hash of the path."""
    if all(character.isalnum() or character in "-_" for character in policy):
        return f"{policy}.jsonl"
    return f"{Path(policy.partition(':')[0]).stem}-{hashlib.sha256(policy.encode()).hexdigest()[:8]}.jsonl"


def _roll_out_all(
    simulators: Sequence[Simulator],
    controller: Controller,
    name: str,
    folder: Path | None,
    progress: Progress,
    tamper: Tamper | None,
) -> tuple[Trajectory, ...]:
    def on_step() -> None:
        progress(name, 1)

    def all_windows() -> tuple[Trajectory, ...]:
        return tuple(
            roll_out(simulator, controller, name=name, on_step=on_step, tamper=tamper) for simulator in simulators
        )

    if folder is None:
        return all_windows()
    folder.mkdir(parents=True, exist_ok=True)
    with JsonLinesJournal(folder / policy_file_name(name)) as journal:
        controller.journal = journal
        return all_windows()


def _solve_all(simulators: Sequence[Simulator], progress: Progress) -> tuple[list[tuple[Optimum, Trajectory]], str]:
    """Return each window's optimum; or none, and why."""
    try:
        return [_solve(simulator, progress) for simulator in simulators], ""
    except DispatchError as fault:
        return [], str(fault)


def _solve(simulator: Simulator, progress: Progress) -> tuple[Optimum, Trajectory]:
    dispatch = optimal_dispatch(
        simulator.community,
        simulator.scenario,
        economics=simulator.economics,
        energy_kwh=simulator.initial_soc * simulator.community.battery_capacity_kwh,
        timeline=simulator.timeline,
        time_limit_s=TIME_LIMIT_S,
        relative_gap=RELATIVE_GAP,
    )
    trajectory = replay(simulator, dispatch)
    progress(OPTIMUM, simulator.scenario.n_steps)
    found = dispatch.certificate
    optimum = Optimum(
        objective=dispatch.objective,
        replayed_cost=trajectory.cost,
        method=dispatch.method,
        binaries=dispatch.binaries,
        gap=dispatch.gap,
        seconds=dispatch.seconds,
        bound=dispatch.bound,
        asked_gap=RELATIVE_GAP,
        programs=dispatch.programs,
        verdict="" if found is None else found.verdict.value,
        proved_gap=np.nan if found is None else found.gap,
        repair_kw=np.nan if found is None else found.repair,
    )
    return optimum, trajectory


def _terminal_rule(configuration: Configuration) -> str:
    price = configuration.economics.terminal_price_per_kwh
    if price is None:
        return TERMINAL_RULE
    return (
        "Energy left in the batteries beyond what was there at the start of a window is worth "
        f"{price:g} {configuration.currency}/kWh, for every policy and for the optimum alike."
    )
