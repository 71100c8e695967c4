"""One line of the results: a case and what came of it. All fields are plain, so that a row is a line of a CSV file."""

from __future__ import annotations

import math
from dataclasses import dataclass

from autonomy.benchmark.row import Outcome

SCHEMA = "autonomy-benchmark-dispatch/2"
NAN = math.nan
TERMINAL_RULE = "lowest retail price of the window"
"""What a kWh more in the batteries at the end than at the start is worth, for every policy and the optimum alike."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DispatchRow:
    """A case and its figures; NaN where there is none. Money in the community's currency.

    Attributes:
        key: `Case.key`.
        community: The case.
        week: The case.
        policy: The case.
        forecast: The case.
        seed: The case.
        execution: The case.
        outcome: Whether it ran, and if not, why not.
        message: One sentence when it did not run.
        window: Which week.
        homes: N.
        steps: Steps played.
        cost: Of the window, energy left at the end valued by the terminal rule.
        matched_cost: The same set-points, had the auction matched all that is offered at home.
        terminal_rule: The rule.
        terminal_price: Currency/kWh by the rule.
        co2_kg: Of grid imports.
        peak_import_kw: Highest import of the feeder.
        peak_export_kw: Highest export.
        shed_kwh: Load that was shed.
        curtailed_kwh: Generation that was curtailed.
        violations: Broken rules, by the invariants, over all steps.
        unsafe_steps: Steps with at least one.
        worst_kw: Largest excess of a rule in kW.
        gap: Of the optimum, relative, to its bound.
        bound: Of the optimum; no dispatch costs less.
        verdict: Of the optimum: "EXACT", "FLOAT" or "LIMIT", see `autonomy.dispatch.certificate`.
        latency_p50_s: Median time of a decision.
        latency_p99_s: 99th percentile.
        seconds: Wall-clock time of the case.
        charged_s: The same, or the time limit where it did not run.
        grid_only_cost: Of the same window.
        optimum_cost: Of the same window.
        share: (grid-only − cost)/(grid-only − optimum) of this window alone.
    """

    key: str
    community: str
    week: int
    policy: str
    forecast: str
    seed: int
    execution: str
    outcome: Outcome
    message: str = ""
    window: str = ""
    homes: int = 0
    steps: int = 0
    cost: float = NAN
    matched_cost: float = NAN
    terminal_rule: str = TERMINAL_RULE
    terminal_price: float = NAN
    co2_kg: float = NAN
    peak_import_kw: float = NAN
    peak_export_kw: float = NAN
    shed_kwh: float = NAN
    curtailed_kwh: float = NAN
    violations: int = 0
    unsafe_steps: int = 0
    worst_kw: float = 0.0
    gap: float = NAN
    bound: float = NAN
    verdict: str = ""
    latency_p50_s: float = NAN
    latency_p99_s: float = NAN
    seconds: float = NAN
    charged_s: float = NAN
    grid_only_cost: float = NAN
    optimum_cost: float = NAN
    share: float = NAN

    @property
    def ran(self) -> bool:
        """Whether there are figures."""
        return self.outcome is Outcome.RAN
