"""The evidence of a run: plain frozen data, from which console table, JSON and HTML are rendered."""

from __future__ import annotations

import math
from dataclasses import dataclass

from autonomy.economics import Economics
from autonomy.layers.community import Community
from autonomy.learning.explanation.explanation import Explanation
from autonomy.trajectory import Trajectory

SCHEMA_VERSION = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Kpi:
    """Key figures of one policy over all windows of a run.

    Attributes:
        policy: The policy's name.
        cost: Currency, as `Economics` defines it.
        achievable_share: (grid-only cost − cost) / (grid-only cost − optimum), NaN when nothing can be saved.
        co2_kg: kg of grid imports.
        peak_import_kw: kW, largest feeder import.
        peak_export_kw: kW, largest feeder export.
        load_factor: Mean feeder import / largest feeder import; NaN when nothing is imported.
        traded_kwh: kWh sold between prosumers.
        traded_share: kWh bought from neighbours / kWh bought at all; NaN when nothing is bought.
        self_sufficiency: 1 − grid imports / demand served, both in kWh.
        self_consumption: 1 − grid exports / generation used, both in kWh.
        curtailed_kwh: kWh of generation cut.
        shed_kwh: kWh of load not served.
        loss_of_load_h: Hours in which more than a watt of load was not served.
        battery_throughput_kwh: kWh through all battery terminals.
        battery_cycles: Equivalent full cycles, mean over the batteries; NaN without one.
        bill_gini: Inequality of the prosumers' bills over all windows, 0 when all are equal, 1 when one pays all.
        saving_gini: The same of what each saves against its own bill under grid-only; NaN without a baseline.
        violations: Number of broken rules on what was executed.
        interventions: Number of steps in which the intent was changed by more than a watt.
        intervention_kw_mean: kW, mean size over those steps; 0 when there were none.
        fallbacks: Number of steps in support, grid-only or dead-stop mode.
        steps: Number of steps.
        latency_p50_s: Seconds per controller step, median; NaN for the optimum.
        latency_p99_s: Seconds per controller step, 99th percentile; NaN for the optimum.
    """

    policy: str
    cost: float
    achievable_share: float
    co2_kg: float
    peak_import_kw: float
    peak_export_kw: float
    load_factor: float
    traded_kwh: float
    traded_share: float
    self_sufficiency: float
    self_consumption: float
    curtailed_kwh: float
    shed_kwh: float
    loss_of_load_h: float
    battery_throughput_kwh: float
    battery_cycles: float
    bill_gini: float
    saving_gini: float
    violations: int
    interventions: int
    intervention_kw_mean: float
    fallbacks: int
    steps: int
    latency_p50_s: float
    latency_p99_s: float


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Optimum:
    """How the perfect-foresight optimum of one window was found.

    Attributes:
        objective: Currency, the solver's objective.
        replayed_cost: Currency, the cost of the same dispatch in the simulator.
        method: "LP (exclusive)" when the LP optimum passed the exclusivity check, "LP (tightened)" when it did with
            rows that pairs imply, "MILP" when pairs were split or got binaries, "LP (relaxed)" when none settled it,
            "rule" when no search was finished.
        binaries: Number of pairs that were split, or got a binary variable.
        gap: Relative gap between dispatch and bound; rounding for an LP.
        seconds: Seconds to build, solve and check.
        verdict: "EXACT" when the gap is proved in fractions, "FLOAT" when the solver only says so or it is too large,
            "LIMIT" when a limit stopped the search; empty when nobody checked.
        bound: Currency, no dispatch costs less; NaN for none.
        proved_gap: Relative gap that is proved in fractions; NaN when nobody checked.
        asked_gap: Relative gap that was asked for; NaN for none.
        programs: How many linear programs' multipliers prove the bound.
        repair_kw: kW (kWh), the most by which the dispatch breaks a limit of the program, by rounding.
    """

    objective: float
    replayed_cost: float
    method: str
    binaries: int
    gap: float
    seconds: float
    verdict: str = ""
    bound: float = math.nan
    proved_gap: float = math.nan
    asked_gap: float = math.nan
    programs: int = 1
    repair_kw: float = math.nan


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class RunEvidence:
    """Everything a report says, as data.

    Attributes:
        title: The community's name.
        community: The community.
        economics: Its prices.
        currency: Symbol or code, for labels.
        command: The command line that produced this.
        version: Version of the package.
        created: ISO 8601 time with offset.
        data_source: Where the series came from, one sentence.
        data_sha256: Hash of the series.
        windows: (label, first step, steps) of every window, in order.
        policies: Policy names in display order; "optimum" is last when present.
        trajectories: For each policy, one trajectory a window.
        kpis: For each policy, its key figures.
        optima: One record a window; empty when no optimum was computed.
        no_optimum: Why there is none although one was asked for; empty otherwise.
        terminal_rule: How the energy left in the batteries was valued, one sentence.
        backend: Name of the projection backend.
        explanations: Of every learned policy, in the week that the figures show.
    """

    title: str
    community: Community
    economics: Economics
    currency: str
    command: str
    version: str
    created: str
    data_source: str
    data_sha256: str
    windows: tuple[tuple[str, int, int], ...]
    policies: tuple[str, ...]
    trajectories: dict[str, tuple[Trajectory, ...]]
    kpis: dict[str, Kpi]
    optima: tuple[Optimum, ...]
    terminal_rule: str
    backend: str
    no_optimum: str = ""
    explanations: tuple[Explanation, ...] = ()
