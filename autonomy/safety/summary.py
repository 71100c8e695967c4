"""The first page in four paragraphs: what it is about, what is guaranteed, for what, and what is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autonomy.layers.community import Community
from autonomy.report.quantity import count, quantity
from autonomy.safety.context import Context
from autonomy.safety.domain import MARGIN, Operating

Claims = Sequence[Mapping[str, Any]]
GATE = ("gate.lines", "gate.battery", "gate.recovery")
"""The claims that carry the sentence on all limits."""


def summary_of(context: Context, claims: Claims) -> list[dict[str, str]]:
    """Return the paragraphs, each with a title; a number is said only where a claim has it."""
    by_id = {claim["id"]: claim for claim in claims}
    return [
        {"title": "What this is about", "text": _system(context.configuration.community, context.policy)},
        {"title": "What is guaranteed", "text": _guaranteed(by_id, is_static=context.is_static)},
        {"title": "For what domain", "text": _domain(context.operating, by_id)},
        {"title": "What is not", "text": NOT},
    ]


NOT = (
    "That meters tell the truth, that devices obey, and that the community file is right: all of that is assumed. "
    "Voltage, reactive power, phases, short circuits, protection, frequency and islanding: not modelled. What happens "
    "within a step, beyond the stated caps. That the policy is a good one: it is measured, and it may be replaced."
)


def _system(community: Community, policy: str) -> str:
    network, batteries = community.network, community.battery_capacity_kwh
    feeder = int(np.argmin(network.parent))
    imports, exports = (float(limits[feeder]) for limits in (network.import_limit_kw, network.export_limit_kw))
    number = int(np.count_nonzero(batteries))
    held = f"{quantity(float(batteries.sum()), 0)} kWh in {count(number, 'battery', 'batteries')}"
    lines = "one feeder" if network.n_lines == 1 else f"a feeder and {network.n_lines - 1} lines below it"
    return (
        f"A controller for the batteries of {count(community.n_prosumers, 'prosumer')} ({held}) behind {lines} that "
        f"may carry {_limit(imports)} of imports and {_limit(exports)} of exports, in steps of "
        f"{community.timestep_h:g} h. A policy ({policy}) says what each battery should do and bid. It is not trusted, "
        "and neither is the solver: a projection changes its wish as little as the limits require, and a small core "
        "executes only a plan that keeps every limit. Else it falls back, one rung after the other: batteries used "
        "only as needed (“support”), batteries at rest (“grid-only”), fixed caps that need no meter (“dead stop”)."
    )


def _limit(limit: float) -> str:
    return f"{limit:.4g} kW" if np.isfinite(limit) else "any amount"


def _guaranteed(by_id: Mapping[str, Mapping[str, Any]], *, is_static: bool) -> str:
    proved = all(by_id.get(id_, {}).get("verdict") == "PROVED-SMT" for id_ in GATE)
    parts = [
        "Whatever the policy answers, or fails to answer, every decision keeps the power limits of feeder, lines and "
        "connections, and the charge and power limits of every battery, as measured"
        + (": proved for all inputs." if proved else ". It was not proved again here.")
    ]
    rest, stopped = (_worst(by_id, rung) for rung in ("grid-only", "dead-stop"))
    if rest and stopped:
        parts.append(
            f"What that can cost in a step is proved, too: at worst {rest} with batteries at rest, and {stopped} "
            "without a usable meter"
            + ("." if is_static else ", while batteries and limits are as rated, not in an outage.")
        )
    return " ".join(parts)


def _worst(by_id: Mapping[str, Mapping[str, Any]], rung: str) -> str:
    shed, cut = (by_id.get(f"worst-case.{what}-{rung}") for what in ("shed", "curtailment"))
    if shed is None or cut is None:
        return ""
    return (
        f"{quantity(shed['values']['bound_kw'], 1)} kW of load shed or "
        f"{quantity(cut['values']['bound_kw'], 1)} kW of generation curtailed"
    )


def _domain(operating: Operating, by_id: Mapping[str, Mapping[str, Any]]) -> str:
    box, counted, ranges = operating.domain, by_id.get("domain.together"), by_id.get("domain.ranges")
    feeder = box.community.network.leaves_first[-1]
    together = float(box.coincidence[feeder] * box.demand_upper_kw.sum())
    sun = float(box.sun_upper * box.pv_peak_kw.sum())
    share = ""
    if counted is not None and ranges is not None:
        values = counted["values"]
        inside = min(values["trials"] - values["failures"], ranges["values"]["inside"])
        share = f" {inside / values['trials']:.1%} of the recorded steps lie inside it."
    return (
        "The limits: for every observation, right or absurd, on the network as stated. Amounts at worst: for the "
        f"operating domain, which is what was seen and {MARGIN:.0%} beyond: up to {quantity(together, 0)} kW of demand "
        f"together ({quantity(float(box.demand_upper_kw.sum()), 0)} kW if all peaks coincided), up to "
        f"{quantity(sun, 0)} kW of generation under one sky, batteries anywhere in their band.{share} Figures of a "
        "policy: for the recorded steps only."
    )
