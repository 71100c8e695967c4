"""The report as data: versioned JSON for programs that read many reports."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import orjson

from autonomy.evidence import SCHEMA_VERSION, RunEvidence
from autonomy.report.bound import bound
from autonomy.report.columns import COLUMNS
from autonomy.report.optimum import proof_of, share, worst_verdict
from autonomy.report.verdict import verdict
from autonomy.report.week import OPTIMUM, binding_week

SCHEMA = "autonomy-stack/summary"


def summary(evidence: RunEvidence) -> dict[str, Any]:
    """Return the report's numbers as plain types, the policies in display order.

    None stands for "not a number" and for "no limit". `units` names the unit of every key figure; fractions and
    counts have unit "1".
    """
    judged = verdict(evidence)
    known = bound(evidence)
    week = binding_week(evidence)
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "title": evidence.title,
        "created": evidence.created,
        "version": evidence.version,
        "command": evidence.command,
        "backend": evidence.backend,
        "currency": evidence.currency,
        "data": {"source": evidence.data_source, "sha256": evidence.data_sha256},
        "verdict": {"held": judged.held, "sentence": judged.sentence, "basis": judged.basis},
        "units": {name: column.unit_in(evidence.currency) for name, column in COLUMNS.items()},
        "policies": [_plain(asdict(evidence.kpis[policy])) for policy in evidence.policies],
        "violations": [
            {
                "policy": finding.policy,
                "window": finding.window,
                "step": int(finding.step),
                "time": finding.time,
                "place": finding.place,
                **_plain(asdict(finding.violation)),
            }
            for finding in judged.findings
        ],
        "optimum": None
        if known is None
        else {
            "proved": known.proved,
            "verdict": worst_verdict(evidence.optima),
            "undercut_by": list(known.undercut_by),
            "windows": [
                _plain(asdict(optimum)) | {"proof": proof_of(optimum), "share": _shares(evidence, window)}
                for window, optimum in enumerate(evidence.optima)
            ],
        },
        "windows": [
            {
                "label": label,
                "first_step": int(first),
                "steps": int(steps),
                "shown_in_figures": week is not None and index == week.window,
                "cost": {policy: _number(evidence.trajectories[policy][index].cost) for policy in evidence.policies},
            }
            for index, (label, first, steps) in enumerate(evidence.windows)
        ],
        "terminal_rule": evidence.terminal_rule,
        "economics": _plain(asdict(evidence.economics)),
        "community": _community(evidence),
    }


def summary_json(evidence: RunEvidence) -> bytes:
    """Return `summary` as indented UTF-8 JSON with a final newline."""
    return orjson.dumps(summary(evidence), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _community(evidence: RunEvidence) -> dict[str, Any]:
    community = evidence.community
    network = community.network
    feeder = int(np.flatnonzero(network.parent == -1)[0])
    return {
        "prosumers": community.n_prosumers,
        "lines": network.n_lines,
        "timestep_h": _number(community.timestep_h),
        "battery_capacity_kwh": _number(community.battery_capacity_kwh.sum()),
        "charge_limit_kw": _number(community.charge_limit_kw.sum()),
        "discharge_limit_kw": _number(community.discharge_limit_kw.sum()),
        "feeder_import_limit_kw": _number(network.import_limit_kw[feeder]),
        "feeder_export_limit_kw": _number(network.export_limit_kw[feeder]),
    }


def _shares(evidence: RunEvidence, window: int) -> dict[str, float | None]:
    """Return each policy's share of the achievable saving in one window."""
    costs = {policy: evidence.trajectories[policy][window].cost for policy in evidence.policies}
    return {policy: _number(share(costs, cost)) for policy, cost in costs.items() if policy != OPTIMUM}


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {key: _number(value) for key, value in record.items()}


def _number(value: Any) -> Any:
    """Return numpy scalars as Python's, and None for what JSON has no number for."""
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain
