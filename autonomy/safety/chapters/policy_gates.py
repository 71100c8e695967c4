"""The policy's gates: bids, and batteries that are emptied into the grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autonomy.learning.gates import EMPTY, PRICE
from autonomy.policyproof.gate import gate_certificate, range_certificates
from autonomy.policyproof.search import Effort
from autonomy.policyproof.study import EMPTY_MOST, emptied
from autonomy.safety.chapters.deployed import Deployed
from autonomy.safety.chapters.policy_refuted import COMMAND, tool
from autonomy.safety.claim import Claim, Figure
from autonomy.safety.context import CHECKER, Context
from autonomy.safety.domain import OPERATING
from autonomy.safety.exhibit import Table
from autonomy.safety.verdict import Verdict

EXACT_HOURS = 2
"""Hours around which the bound is repeated in whole numbers."""


def bids_claim(context: Context, deployed: Deployed) -> Claim:
    """Return what the gate of bids is over everything that can be told."""
    region = deployed.region
    pair = range_certificates(
        region.networks, deployed.weights, PRICE, region.everything, statement="The gate of bids, whatever is told."
    )
    names = [context.write(f"policy/bids-{one['sense']}.json", one) for one in pair]
    checks = [
        {"kind": "certificate", "certificate": name, "as": f"{sense} "}
        for name, sense in zip(names, ("least", "most"), strict=True)
    ]
    ends = [float(_fraction(one["bound"])) for one in pair]
    return Claim(
        id="policy.bids",
        title="Bids lie between feed-in and retail",
        statement="Over everything the networks can be told the gate g of bids is in [{least bound:.6f}, "
        "{most bound:.6f}]; asks feed-in + g·room and bids feed-in + fee + g·room, room = retail − feed-in − fee >= 0, "
        "so lie between feed-in and retail.",
        sentence="Whatever it is told, the policy never asks more than the retail price and never offers less than the "
        "feed-in price.",
        verdict=Verdict.PROVED_EXACT,
        method="linear bound propagation [Zhang2018] over the box of everything, repeated in whole numbers",
        tool="crown.py, Python's whole numbers",
        checker=CHECKER,
        values={"least bound": ends[0], "most bound": ends[1], "most weights": deployed.hashes},
        bound=Figure(of="most bound", label="highest share of the gain for the seller"),
        certificate=names[1],
        check=tuple(checks),
        **context.about(OPERATING),
    )


def empty_claim(context: Context, deployed: Deployed, hours: Sequence[int]) -> Claim:
    """Return how far the gate that empties batteries into the grid opens around some hours."""
    found = emptied(deployed.region, hours, Effort(seconds=600.0 if context.is_full else 20.0))
    bound = float(np.ceil(found.bound * 1e6) / 1e6)
    return Claim(
        id="policy.empty",
        title="Batteries are not emptied into the grid",
        statement="Around each of {hours} recorded hours, with its forecast and prices, for every net load, stored "
        "share and split among homes of the domain, the gate that empties batteries is at most {bound:.6f}.",
        sentence="Given a recorded hour's forecast, there is no state of the community in which the policy discharges "
        "more than {bound:.1%} of what it could into the grid.",
        verdict=Verdict.PROVED_FLOAT,
        method="linear bound propagation with input splitting, rounding bounded [Zhang2018; Rump1999]",
        tool=tool(),
        checker=COMMAND,
        values={
            "hours": len(hours),
            "bound": bound,
            "met": found.value,
            "boxes": found.boxes,
            "proved": found.proved,
            "unknown": found.unknown,
        },
        bound=Figure(of="bound", label="gate at most"),
        margin=Figure(of="met", label="largest value met"),
        exhibits=(
            Table(
                title=f"Shares of the volume where the gate is at most {EMPTY_MOST:g}",
                head=("proved", "violated", "unknown", "boxes", "s"),
                rows=((found.proved, found.violated, found.unknown, found.boxes, round(found.seconds, 1)),),
            ),
        ),
        **context.about(OPERATING),
    )


def exact_claim(context: Context, deployed: Deployed, hours: Sequence[int]) -> Claim | None:
    """Return the same of a few of them, for the checker; None where it takes too many boxes."""
    chosen = [hours[0], hours[len(hours) // 2]][:EXACT_HOURS]
    certificate = gate_certificate(
        deployed.region.networks,
        deployed.weights,
        EMPTY,
        deployed.region.tubes(chosen),
        most=EMPTY_MOST,
        statement="The gate that empties batteries, around recorded hours.",
    )
    if certificate is None:
        return None
    name = context.write("policy/empty.json", certificate)
    leaves = sum(len(one["tree"]) // 2 + 1 for one in certificate["boxes"])
    return Claim(
        id="policy.empty-exact",
        title="… shown without floats around some of these hours",
        statement="Around {boxes} of these hours the same gate is at most {bound:g}, in {leaves} boxes.",
        sentence="For {boxes} hours the proof is repeated in exact arithmetic by the checker in this folder.",
        verdict=Verdict.PROVED_EXACT,
        method="the boxes of the search, bounded again in whole numbers by code that shares nothing with it",
        tool="crown.py, Python's whole numbers",
        checker=CHECKER,
        values={"boxes": len(chosen), "bound": EMPTY_MOST, "leaves": leaves, "weights": deployed.hashes},
        bound=Figure(of="bound", label="gate at most"),
        certificate=name,
        check=({"kind": "certificate", "certificate": name},),
        **context.about(OPERATING),
    )


def _fraction(text: str) -> float:
    above, _, below = text.partition("/")
    return int(above) / int(below or 1)
