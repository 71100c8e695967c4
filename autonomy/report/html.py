"""The report as one HTML file that needs neither network nor scripts: view data here, markup in `report.html.j2`."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from autonomy.economics import Economics
from autonomy.evidence import SCHEMA_VERSION, RunEvidence
from autonomy.layers.invariants import INVARIANTS
from autonomy.report.bound import bound
from autonomy.report.columns import COLUMNS, FURTHER, MAIN
from autonomy.report.explanation import sections
from autonomy.report.figures import figures
from autonomy.report.optimum import optimum_section
from autonomy.report.quantity import percent, quantity
from autonomy.report.style import style, templates
from autonomy.report.verdict import Finding, minute, verdict
from autonomy.report.week import BASELINE, OPTIMUM, binding_week

MOST_FINDINGS = 50
"""Violations told one by one; the table of counts and `summary.json` hold the rest."""
MOST_PROSUMERS = 60
"""Prosumers listed one by one."""

_ECONOMICS_UNITS = {
    "carbon_price_per_kg": "{}/kg CO₂",
    "wear_per_kwh": "{}/kWh",
    "value_of_lost_load_per_kwh": "{}/kWh",
    "cycle_price_per_kwh": "{}/kWh of capacity",
    "capacity_price_per_kw": "{}/kW of the month's peak",
    "trade_fee_per_kwh": "{}/kWh",
    "missing_charge_price_per_kwh": "{}/kWh",
    "terminal_price_per_kwh": "{}/kWh",
    "overload_penalty_per_kwh": "{}/kWh",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One policy in a table.

    Attributes:
        policy: Its name.
        note: Small print below the name.
        cells: (text, is alarming) of every column.
    """

    policy: str
    note: str
    cells: tuple[tuple[str, bool], ...]


def html(evidence: RunEvidence) -> str:
    """Return the report; the same evidence always gives the same text."""
    judged = verdict(evidence)
    week = binding_week(evidence)
    return (
        templates("autonomy.report")
        .get_template("report.html.j2")
        .render(
            evidence=evidence,
            schema_version=SCHEMA_VERSION,
            style=style(),
            verdict=judged,
            bound=bound(evidence),
            optimum=optimum_section(evidence),
            tables=_tables(evidence),
            share_missing=any(math.isnan(evidence.kpis[policy].achievable_share) for policy in evidence.policies),
            baseline=BASELINE,
            pictures=[(picture, Markup(picture.svg)) for picture in figures(evidence)],  # noqa: S704 - matplotlib escapes text
            week=week,
            explanations=sections(evidence),
            broken_counts=_broken_counts(judged.findings),
            findings=judged.findings[:MOST_FINDINGS],
            untold=max(len(judged.findings) - MOST_FINDINGS, 0),
            invariants=INVARIANTS,
            community=_community(evidence),
            prosumers=_prosumers(evidence),
            unlisted_prosumers=max(evidence.community.n_prosumers - MOST_PROSUMERS, 0),
            economics=_economics(evidence.economics, evidence.currency),
            windows=[
                (label, first, steps, _start(evidence, i)) for i, (label, first, steps) in enumerate(evidence.windows)
            ],
        )
    )


def _tables(evidence: RunEvidence) -> list[dict[str, Any]]:
    note = bound(evidence)
    tables = []
    for name, caption, fields in (
        ("kpi", "Key figures of every policy over all windows", MAIN),
        ("further", "Further key figures", FURTHER),
    ):
        columns = [COLUMNS[field] for field in fields]
        rows = [
            Row(
                policy=policy,
                note=(note.label if note else "perfect foresight") if policy == OPTIMUM else "",
                cells=tuple(
                    (
                        column.text(evidence.kpis[policy]),
                        column.field == "violations" and evidence.kpis[policy].violations > 0,
                    )
                    for column in columns
                ),
            )
            for policy in evidence.policies
        ]
        heads = [(column.label, column.shown_unit_in(evidence.currency), column.meaning) for column in columns]
        tables.append({"name": name, "caption": caption, "heads": heads, "rows": rows})
    return tables


def _broken_counts(findings: tuple[Finding, ...]) -> list[tuple[str, str, int]]:
    """Return (policy, rule, how often) for every pair that occurs."""
    counts = Counter((finding.policy, finding.violation.rule) for finding in findings)
    return [(policy, rule, times) for (policy, rule), times in counts.items()]


def _limit(value: float) -> str:
    return f"{quantity(float(value), 1)} kW" if math.isfinite(value) else "no limit"


def _community(evidence: RunEvidence) -> list[tuple[str, str]]:
    community = evidence.community
    network = community.network
    feeder = int(np.flatnonzero(network.parent == -1)[0])
    with_battery = int(np.count_nonzero(community.battery_capacity_kwh > 0))
    losses = "none" if network.is_lossless else "quadratic in the flow, paid at the feeder"
    return [
        ("Prosumers", f"{community.n_prosumers:,}, {with_battery:,} of them with a battery"),
        ("Batteries", f"{quantity(float(community.battery_capacity_kwh.sum()), 1)} kWh in all"),
        (
            "Battery power",
            f"{_limit(community.charge_limit_kw.sum())} charge, {_limit(community.discharge_limit_kw.sum())} discharge",
        ),
        ("Lines", f"{network.n_lines:,}; line losses: {losses}"),
        ("Feeder import limit", _limit(network.import_limit_kw[feeder])),
        ("Feeder export limit", _limit(network.export_limit_kw[feeder])),
        ("Time step", f"{quantity(community.timestep_h * 60, 0)} min"),
    ]


def _prosumers(evidence: RunEvidence) -> list[tuple[str, ...]]:
    c = evidence.community
    return [
        (
            c.names[i],
            f"{quantity(c.battery_capacity_kwh[i], 1)}",
            f"{quantity(c.charge_limit_kw[i], 1)}",
            f"{quantity(c.discharge_limit_kw[i], 1)}",
            f"{percent(c.charge_efficiency[i])} / {percent(c.discharge_efficiency[i])}",
            f"{percent(c.soc_min[i], 0)} to {percent(c.soc_max[i], 0)}",
            quantity(c.ramp_limit_kw[i], 1),
            quantity(c.connection_limit_kw[i], 1),
        )
        for i in range(min(c.n_prosumers, MOST_PROSUMERS))
    ]


def _economics(economics: Economics, currency: str) -> list[tuple[str, str]]:
    rows = []
    for name, unit in _ECONOMICS_UNITS.items():
        value = getattr(economics, name)
        label = name.partition("_per_k")[0].replace("_", " ").capitalize()
        text = "lowest retail price of the window" if value is None else f"{quantity(value, 3)} {unit.format(currency)}"
        rows.append((label, text))
    return rows


def _start(evidence: RunEvidence, window: int) -> str:
    if not evidence.policies or not evidence.trajectories[evidence.policies[0]][window].time.size:
        return ""
    return minute(evidence.trajectories[evidence.policies[0]][window].time[0])
