"""The policy's set-points: how far Layer 2 moves them, and how far meter errors do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autonomy.policyproof.intervention import most_intervention, moved_kw, worst_met
from autonomy.policyproof.meters import Moved, moved, recorded
from autonomy.safety.chapters.deployed import Deployed
from autonomy.safety.chapters.policy_refuted import COMMAND, tool
from autonomy.safety.claim import Claim, Figure
from autonomy.safety.context import Context
from autonomy.safety.domain import OPERATING, RECORDED
from autonomy.safety.exhibit import Table
from autonomy.safety.verdict import Verdict
from autonomy.supervisor import Supervisor

METER_STEPS, FULL_METER_STEPS = 24, 168
SHARES = (0.2, 0.5, 0.9)
"""Stored shares that are tried at the domain's peaks."""


def intervention_claims(context: Context, deployed: Deployed, hours: Sequence[int]) -> Iterator[Claim]:
    """Yield how far Layer 2 can have to move the policy, where a closed form says it."""
    region, domain = deployed.region, context.operating.domain
    most = most_intervention(region.community, domain)
    if most is None:
        return
    scene, played = worst_met(region, domain, list(hours[:: max(len(hours) // 8, 1)]), SHARES)
    yield Claim(
        id="policy.intervention",
        title="How far Layer 2 can have to move the policy",
        statement="Over the operating domain, whatever the gates say, Σ |b − b̂| <= {moved:.3f} kW and the distance "
        "|b − b̂| <= {distance:.3f} kW: at most {by_import:.3f} kW for imports, {by_export:.3f} kW for exports. Met: "
        "{met:.3f} kW.",
        sentence="In the worst state of the domain the projection changes the policy's wish by at most {moved:.1f} kW "
        "altogether; {met:.1f} kW were met.",
        verdict=Verdict.PROVED_FLOAT,
        method="closed form from the formulas of the gates; the domain's peaks played in the simulator",
        tool="autonomy.policyproof.intervention",
        checker=COMMAND,
        values={
            "moved": most.moved_kw,
            "distance": most.distance_kw,
            "by_import": most.by_import_kw,
            "by_export": most.by_export_kw,
            "met": moved_kw(played),
        },
        bound=Figure(of="moved", label="moved at most", unit="kW"),
        margin=Figure(of="met", label="largest met", unit="kW"),
        witness={"step": scene.step, "net_load_kw": float(np.sum(scene.load_kw)), **played.document()},
        assumptions=("assume.ratings",),
        **context.about(OPERATING),
    )


def meters_claim(context: Context, deployed: Deployed) -> Claim:
    """Return how far meter errors move set-points at recorded steps."""
    window = context.windows[0]
    count = min(FULL_METER_STEPS if context.is_full else METER_STEPS, window.n_steps)
    accuracy = Supervisor().accuracy
    readings = recorded(deployed.region, [window.window(0, count)])
    found: Moved = moved(deployed.region, readings, accuracy)
    values = {
        "steps": count,
        "power": accuracy.power_error,
        "resolution": accuracy.power_resolution_kw,
        "soc": accuracy.soc_resolution,
        "bound": float(found.bound_kw.max()),
        "met": float(found.sampled_kw.max()),
        "total": float(found.total_bound_kw.max()),
        "total_met": float(found.total_sampled_kw.max()),
    }
    return Claim(
        id="policy.meters",
        title="Meter errors move set-points a little",
        statement="At {steps} recorded steps, with every meter of power off by up to {power:.0%} + {resolution:g} kW "
        "and every SoC by up to {soc:.0%}, no battery's intent moves by more than {bound:.3f} kW, and their sum by no "
        "more than {total:.3f} kW. Met: {met:.3f} and {total_met:.3f} kW.",
        sentence="Meters of class 1 can be off without a battery's set-point moving by more than {bound:.2f} kW.",
        verdict=Verdict.PROVED_FLOAT,
        method="linear bounds of the gates, interval anchors, corners of both",
        tool=tool(),
        checker=COMMAND,
        values=values,
        bound=Figure(of="bound", label="a battery moves at most", unit="kW"),
        margin=Figure(of="met", label="largest met", unit="kW"),
        exhibits=(
            Table(
                title="How far set-points move under meter errors, kW",
                head=("of", "median bound", "largest bound", "median met", "largest met"),
                rows=(
                    ("a battery", *_ends(found.bound_kw), *_ends(found.sampled_kw)),
                    ("the community", *_ends(found.total_bound_kw), *_ends(found.total_sampled_kw)),
                ),
            ),
        ),
        **context.about(RECORDED),
    )


def _ends(values: Any) -> tuple[str, str]:
    return f"{np.median(values):.3f}", f"{np.max(values):.3f}"
