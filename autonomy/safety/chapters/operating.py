"""The operating domain, and how much of the data lies inside."""

from __future__ import annotations

import math
from collections.abc import Iterator

from autonomy.faults.bound import CONFIDENCE, upper_bound
from autonomy.safety.chapters.runtime import measured, picked
from autonomy.safety.claim import Claim, Figure, Role
from autonomy.safety.context import CHECKER, Context
from autonomy.safety.domain import OPERATING
from autonomy.safety.exhibit import Table
from autonomy.safety.verdict import Verdict


def claims(context: Context) -> Iterator[Claim]:
    """Yield how many recorded steps lie in the ranges, and how many in the whole domain."""
    record, operating, windows = context.record(context.policy), context.operating, context.windows
    found = measured(context, record)
    yield Claim(
        id="domain.ranges",
        title="Recorded steps inside the ranges",
        statement="In {inside} of {decisions} recorded steps demand, generation and SoC of every prosumer lie in the "
        "ranges.",
        sentence="{inside:,} of {decisions:,} recorded steps lie inside the operating ranges.",
        verdict=Verdict.PROVED_EXACT,
        method="counted from the journal",
        tool="verify.py, Python's fractions",
        checker=CHECKER,
        values=picked(found, "inside", "decisions"),
        bound=Figure(of="inside", label="steps inside"),
        certificate=record.journal,
        check=(context.record_check(record),),
        exhibits=(_ranges(context),),
        role=Role.FACT,
        **context.about(OPERATING),
    )
    trials = sum(window.n_steps for window in windows)
    failures = trials - sum(map(operating.inside, windows))
    upper = math.ceil(upper_bound(failures, trials) * 1e6) / 1e6
    came = "the weeks that teach; the recorded ones are held out" if operating.is_split else "all of the data itself"
    yield Claim(
        id="domain.together",
        title="Recorded steps inside the whole domain",
        statement="{failures} of {trials} recorded steps lie outside the domain with its sums below lines and its "
        "common sun; the "
        "domain was taken from " + came + ".",
        sentence="Claims about the operating domain do not cover {failures:,} of {trials:,} recorded steps.",
        verdict=Verdict.TESTED,
        method="counted in floats; Clopper-Pearson, as if steps were independent, which they are not",
        tool="autonomy.worstcase.Domain.holds",
        checker="autonomy report",
        values={"trials": trials, "failures": failures, "upper": upper, "confidence": CONFIDENCE},
        bound=Figure(of="upper", label="share outside at most"),
        check=({"kind": "count", "trials": trials, "failures": failures, "upper": upper, "confidence": CONFIDENCE},),
        role=Role.FACT,
        **context.about(OPERATING),
    )


def _ranges(context: Context) -> Table:
    ranges, names = context.operating.ranges, context.configuration.community.names
    rates = context.operating
    return Table(
        title="Ranges and rates of each prosumer",
        head=("prosumer", "demand kW", "demand kW a step", "generation kW", "generation kW a step", "SoC"),
        rows=tuple(
            (
                name,
                _between(ranges["demand_kw"][i]),
                f"{rates.demand_rate_kw[i]:.3f}",
                _between(ranges["pv_kw"][i]),
                f"{rates.pv_rate_kw[i]:.3f}",
                _between(ranges["soc"][i]),
            )
            for i, name in enumerate(names)
        ),
        note="Prices: "
        + ", ".join(f"{name} {low:g} to {high:g}" for name, low, high in context.operating.prices)
        + ".",
    )


def _between(ends: list[float]) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}"
