"""The policy's network by a second tool: OMLT's mixed-integer program beside the linear bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from autonomy.errors import OptionalDependencyError
from autonomy.faults.bound import CONFIDENCE, upper_bound
from autonomy.policyproof.study import Agreement, agreement
from autonomy.safety.chapters.deployed import Deployed
from autonomy.safety.chapters.policy_refuted import COMMAND
from autonomy.safety.claim import Claim, Figure
from autonomy.safety.context import Context
from autonomy.safety.domain import OPERATING
from autonomy.safety.exhibit import Table
from autonomy.safety.verdict import Verdict

AGREEMENTS = ((0, 0.1), (1, 0.1), (2, 0.1), (0, 0.2))
"""Number of the network, modulo how many there are, and share of a tube's width: where the two tools are compared."""


def tools_claims(context: Context, deployed: Deployed, hours: Sequence[int]) -> Iterator[Claim]:
    """Yield how often two tools disagree; nothing where the second is not installed, or is never done in time."""
    count = len(deployed.region.networks)
    try:
        found = [
            agreement(deployed.region, number % count, hours[(k * 7) % len(hours)], share, limit_s=20.0)
            for k, (number, share) in enumerate(AGREEMENTS)
        ]
    except OptionalDependencyError:
        return
    done = [one for one in found if one.is_finished]
    if not done:
        return
    failures = sum(not one.is_agreed for one in done)
    upper = float(np.ceil(upper_bound(failures, len(done)) * 1e6) / 1e6)
    count_ = {"trials": len(done), "failures": failures, "upper": upper, "confidence": CONFIDENCE}
    yield Claim(
        id="policy.tools",
        title="A second tool finds the same maxima",
        statement="In {failures} of {trials} boxes the optimum of the network as a mixed-integer program is outside "
        "what branch and bound over linear bounds leaves.",
        sentence="Two tools that share no code were asked for the same maxima; they disagree in {failures} of "
        "{trials} cases.",
        verdict=Verdict.TESTED,
        method="big-M program of every rectifier [Ceccon2022] against linear bounds with input splitting",
        tool=found[0].optimum.versions,
        checker=COMMAND,
        values=count_,
        bound=Figure(of="failures", label="disagreements"),
        check=({"kind": "count", **count_},),
        exhibits=(_comparison(found),),
        **context.about(OPERATING),
    )


def _comparison(found: Sequence[Agreement]) -> Table:
    return Table(
        title="Largest output of the gate that empties, before the logistic function",
        head=("network", "of the tube", "bends", "no split", "split", "OMLT + HiGHS", "s", "s, MILP"),
        rows=tuple(
            (
                one.network, f"{one.share:g}", one.optimum.binaries, f"{one.crown:.4f}", f"{one.split.bound:.4f}",
                f"{one.optimum.value:.4f}", f"{one.split.seconds:.1f}", f"{one.optimum.seconds:.1f}",
            )
            for one in found
        ),
    )  # fmt: skip
