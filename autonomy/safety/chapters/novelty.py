"""Out of distribution: how often the watches cry wolf, what they find and how soon, and what they do not."""

from __future__ import annotations

import math
from collections.abc import Iterator

from autonomy.benchmark.novelty.candidates import KEPT
from autonomy.benchmark.novelty.run import Bench, Detection
from autonomy.faults.bound import CONFIDENCE, upper_bound
from autonomy.layers.errors import ModelError
from autonomy.safety.claim import Claim, Figure, Role
from autonomy.safety.context import Context
from autonomy.safety.exhibit import Bars, Table
from autonomy.safety.verdict import Verdict

TOOL = "autonomy.layers.supervision.novelty: conditional quantiles, conformal, day as the unit"
CHECKER = "python -m autonomy.benchmark.novelty"
SEEN_HALF = 0.5
"""Share found below which a fault is a blind spot."""


def claims(context: Context) -> Iterator[Claim]:
    """Yield the false alarms, and what is found of planted faults; nothing where there is too little data."""
    context.progress("calibrating the novelty watch")
    try:
        bench = Bench(context.scenario)
    except ModelError:
        return
    yield _false_alarms(context, bench)
    bench.scores = {KEPT: bench.kept}
    faults = 0

    def on_fault() -> None:
        nonlocal faults
        faults += 1
        context.progress(f"planting faults for the novelty watch ({faults})")

    yield _detection(context, list(bench.detections(on_fault)))


def _false_alarms(context: Context, bench: Bench) -> Claim:
    found = bench.community_false_alarms()[1]
    calibration, upper = bench.calibration, math.ceil(upper_bound(found.days, found.of) * 1e6) / 1e6
    values = {"trials": found.of, "failures": found.days, "upper": upper, "confidence": CONFIDENCE}
    check = {"kind": "count", **values}
    return Claim(
        id="novelty.false-alarms",
        title="False alarms of the novelty watch",
        statement="{failures} of {trials} held-out days without a fault have a novelty alarm about anybody; stated are "
        "{alpha:.1%} of days, with calibration at most {rate_upper:.1%}.",
        sentence="The watch for unusual days raises a false alarm on {failures} of {trials} days; the true rate is at "
        "most {upper:.1%} at 95 % confidence (stated: {alpha:.0%}).",
        verdict=Verdict.TESTED,
        method="calibrated on weeks that are not held out, counted on those that are; Clopper-Pearson",
        tool=TOOL,
        checker=CHECKER,
        values={**values, "alpha": calibration.alpha, "rate_upper": 2 * calibration.rate_upper},
        bound=Figure(of="upper", label="false alarms a day at most"),
        check=(check,),
        exhibits=(
            Table(
                title="Calibration",
                head=("what", "value"),
                rows=(
                    ("days that taught", calibration.training_days),
                    ("days that calibrated", calibration.n_days),
                    ("threshold of a prosumer", f"{calibration.prosumer_threshold:.3f}"),
                    ("threshold of the community", f"{calibration.community_threshold:.3f}"),
                    ("bound on half of the rate, with its uncertainty", f"{calibration.rate_upper:.4f}"),
                ),
            ),
        ),
        **context.about(),
    )


def _detection(context: Context, found: list[Detection]) -> Claim:
    trials, hits = sum(one.of for one in found), sum(one.found for one in found)
    blind = [one for one in found if one.found < SEEN_HALF * one.of]
    upper = math.ceil(upper_bound(trials - hits, trials) * 1e6) / 1e6
    values = {"trials": trials, "failures": trials - hits, "upper": upper, "confidence": CONFIDENCE}
    return Claim(
        id="novelty.detection",
        title="What the novelty watch finds, and what it does not",
        statement="{failures} of {trials} faults planted into one meter of one home on one held-out day are not found "
        "before midnight; {blind} of {kinds} kinds are blind spots, found in less than half of the cases.",
        sentence="Of {trials:,} lies planted into a single meter, {failures:,} are not noticed within the day: "
        "{blind} of {kinds} kinds of lie are blind spots.",
        verdict=Verdict.TESTED,
        method="ten kinds of fault on two meters, one a day, held-out days; delays in steps from the onset",
        tool=TOOL,
        checker=CHECKER,
        values={**values, "blind": len(blind), "kinds": len(found)},
        bound=Figure(of="upper", label="not found, at most"),
        role=Role.LIMIT,
        check=({"kind": "count", **values},),
        exhibits=(
            Bars(
                title="Share of planted faults that are found",
                unit="of 1",
                bars=tuple((f"{one.channel} {one.fault}", one.found / one.of) for one in found),
                note="Blind spots are those below 0.5.",
            ),
            Table(
                title="Found, and how soon",
                head=("meter", "fault", "found", "of", "delay p50, steps", "delay p95, steps"),
                rows=tuple(
                    (x.channel, x.fault, x.found, x.of, _delay(x.delay_p50), _delay(x.delay_p95)) for x in found
                ),
            ),
        ),
        **context.about(),
    )


def _delay(steps: float) -> str:
    return "–" if math.isnan(steps) else f"{steps:.0f}"
