"""What the controller did over the recorded windows: every decision judged again, in fractions, from the journal."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autonomy.faults.bound import CONFIDENCE, upper_bound
from autonomy.safety import verifier
from autonomy.safety.claim import Claim, Figure, Role
from autonomy.safety.context import ADVERSARY, CHECKER, Context
from autonomy.safety.exhibit import Bars, Curves, Table
from autonomy.safety.record import Record, read_lines
from autonomy.safety.verdict import Verdict

METHOD = "every decision of the journal judged again in fractions, from what it was made from"
TOOL = "verify.py, Python's fractions"
RULES = (
    "SoC band after the step, rate, ramp, curtailment and shedding within what there is, node balance, connection and "
    "every line at both ends with losses for any generation and load up to the caps, offers within what the node has, "
    "Σ trade = 0, Σ payment = 0, nobody worse off than with the grid alone"
)
FRACTIONS = (*np.round(np.linspace(0.0, 0.9, 10), 2).tolist(), 0.95, 0.99, 0.999, 1.0)


def measured(context: Context, record: Record) -> dict[str, Any]:
    """Return what the checker finds in a record, as JSON has it; it has to agree with what the simulator saw.

    Raises:
        ArithmeticError: the two disagree: one of them is wrong, and no report is made.
    """
    context.progress(f"judging {record.policy} again")
    found = verifier.run(context.checker, context.record_check(record))
    if context.knows_prices and not math.isclose(float(found["cost"]), record.cost, rel_tol=1e-9, abs_tol=1e-6):
        raise ArithmeticError(f"{record.policy} cost {record.cost} in the simulator and {float(found['cost'])} again")
    if (found["violations"] == 0) != (record.violations == 0):
        raise ArithmeticError(
            f"{record.policy}: {record.violations} rules broken in the simulator, again {found['broken']}"
        )
    return {name: value if isinstance(value, str | int | dict) else float(value) for name, value in found.items()}


def picked(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return some of what was found."""
    return {name: found.get(name, 0) for name in names}


def claims(context: Context) -> Iterator[Claim]:
    """Yield what the policy's record shows, and what an adversary's does."""
    record = context.record(context.policy)
    found = measured(context, record)
    yield _limits(context, record, found, id_="runtime.limits")
    yield _unseen(context, record, found)
    yield _nearest(context, record, found)
    yield _interventions(context, record, found)
    yield _fallbacks(context, record, found)
    yield _latency(context, record)
    other = context.record(ADVERSARY)
    yield _limits(context, other, measured(context, other), id_="runtime.adversary")


def _limits(context: Context, record: Record, found: Mapping[str, Any], *, id_: str) -> Claim:
    is_adversary = record.policy == ADVERSARY
    who = "a policy that tries to break them (NaN, exceptions, 1e300 kW)" if is_adversary else "{policy}"
    held = found["violations"] == 0
    return Claim(
        id=id_,
        title=f"Every limit held under {record.policy}",
        statement=f"{{violations}} of the following were broken in {{decisions}} decisions: {RULES}.",
        sentence=f"In {{decisions:,}} recorded decisions under {who}, no limit was broken."
        if held
        else f"In {{decisions:,}} recorded decisions under {who}, {{violations}} limits were broken.",
        verdict=Verdict.PROVED_EXACT if held else Verdict.REFUTED,
        method=METHOD,
        tool=TOOL,
        checker=CHECKER,
        values=picked(found, "decisions", "windows", "violations", "policy", "margin_kw"),
        bound=Figure(of="violations", label="limits broken"),
        margin=Figure(of="margin_kw", label="least distance to a line limit", unit="kW"),
        witness=None if held else {"broken": dict(found["broken"]), "journal": record.journal},
        certificate=record.journal,
        assumptions=("assume.meters", "assume.devices", "assume.ratings", "assume.step"),
        check=(context.record_check(record),),
        exhibits=(_modes(found), _by_cause(_stated(context, record))) if is_adversary else (),
        **context.about(),
    )


def _unseen(context: Context, record: Record, found: Mapping[str, Any]) -> Claim:
    trials = found["windows"]
    failures = 0 if found["violations"] == 0 else trials
    upper = math.ceil(upper_bound(failures, trials) * 1e6) / 1e6
    return Claim(
        id="runtime.unseen",
        title="Weeks that were not recorded",
        statement="The probability that a window like the recorded ones breaks a rule is at most {upper}, at "
        "{confidence} confidence, if windows are drawn alike and independently: {failures} of {trials} did.",
        sentence="Counting alone ({failures} of {trials} windows with a broken limit) would allow a rate of "
        "{upper:.1%}; what excludes it is the proof of the core, not the count.",
        verdict=Verdict.TESTED,
        method="Clopper-Pearson, one-sided; a window of the record is the unit",
        tool=TOOL,
        checker=CHECKER,
        values={"trials": trials, "failures": failures, "upper": upper, "confidence": CONFIDENCE},
        bound=Figure(of="upper", label="failure rate at most"),
        certificate=record.journal,
        check=({"kind": "count", "trials": trials, "failures": failures, "upper": upper, "confidence": CONFIDENCE},),
        role=Role.FACT,
        **context.about(),
    )


def _nearest(context: Context, record: Record, found: Mapping[str, Any]) -> Claim:
    names = "decisions", "certified", "distance_p50_kw", "distance_p99_kw", "distance_p100_kw"
    lines = read_lines(context.folder / record.journal)
    gaps = [line["certificate"]["distance_kw"] for line in lines if "certificate" in line]
    points = tuple((share, float(np.quantile(gaps, share))) for share in FRACTIONS)
    return Claim(
        id="runtime.nearest",
        title="No decision strays further from the policy than it must",
        statement="f(executed) − D(λ, ν) >= 0 is at most ½·{distance_p100_kw:.4f}² in {certified} of {decisions} "
        "decisions, so each is within √(2·gap) kW of the nearest one that keeps the limits, by weak duality.",
        sentence="Each of {certified:,} decisions is certified to lie within {distance_p100_kw:.3f} kW (99 % of them "
        "within {distance_p99_kw:.4f} kW) of the nearest safe one to what the policy asked for.",
        verdict=Verdict.PROVED_EXACT,
        method="weak duality with the multipliers of the journal; whatever they are, the bound holds",
        tool=TOOL,
        checker=CHECKER,
        values=picked(found, *names),
        bound=Figure(of="distance_p100_kw", label="largest certified distance", unit="kW"),
        certificate=record.journal,
        assumptions=("assume.ratings",),
        check=(context.record_check(record),),
        exhibits=(
            Curves(
                title="Certified distance of the projection itself, before rounding to milliwatts",
                across="share of the decisions",
                up="kW",
                curves=(("at most", points),),
                note="As the controller states it in each line of the journal.",
            ),
        ),
        **context.about(),
    )


def _interventions(context: Context, record: Record, found: Mapping[str, Any]) -> Claim:
    names = "decisions", "interventions", "intervention_max_kw", "curtailed_kwh", "shed_kwh"
    causes = sorted((name for name in found if name.startswith("cause ")), key=lambda name: -found[name])
    lines = _stated(context, record)
    sizes = sorted(line["intervention_kw"] for line in lines)
    return Claim(
        id="runtime.interventions",
        title="How often the policy was overruled",
        statement="‖b − b̂‖ > 1 W in {interventions} of {decisions} decisions, at most {intervention_max_kw:.3f} kW; "
        "curtailed {curtailed_kwh:.3f} kWh, shed {shed_kwh:.3f} kWh.",
        sentence="The shield changed the batteries' set-points in {interventions} of {decisions:,} decisions, by "
        "{intervention_max_kw:.1f} kW at most; {shed_kwh:.1f} kWh of load were shed, {curtailed_kwh:.1f} kWh "
        "curtailed.",
        verdict=Verdict.PROVED_EXACT,
        method="counted from the journal, in fractions",
        tool=TOOL,
        checker=CHECKER,
        values={**picked(found, *names), **{name: found[name] for name in causes}},
        bound=Figure(of="interventions", label="interventions"),
        certificate=record.journal,
        check=(context.record_check(record),),
        exhibits=(
            _by_cause(lines),
            Curves(
                title="How large interventions are",
                across="share of the decisions",
                up="kW",
                curves=(("at most", tuple((share, float(np.quantile(sizes, share))) for share in FRACTIONS)),),
                note="‖b − b̂‖ over all batteries, as the controller states it.",
            ),
        ),
        role=Role.FACT,
        **context.about(),
    )


def _by_cause(lines: Sequence[Mapping[str, Any]]) -> Table:
    """Return how many decisions each constraint or fault changed, by how much, and what was decided then."""
    sizes: dict[str, list[float]] = {}
    modes: dict[str, set[str]] = {}
    for line in lines:
        for cause in {reason["cause"] for reason in line["reasons"]}:
            sizes.setdefault(cause, []).append(line["intervention_kw"])
            modes.setdefault(cause, set()).add(line["mode"])
    rows = sorted(sizes.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return Table(
        title="Decisions by constraint or fault that changed them",
        head=("cause", "decisions", "kW changed, median", "kW changed, most", "modes"),
        rows=tuple(
            (
                cause,
                len(changed),
                f"{float(np.median(changed)):.3f}",
                f"{max(changed):.3f}",
                ", ".join(sorted(modes[cause])),
            )
            for cause, changed in rows
        ),
        note="A decision can have several causes; docs/notation.md says what each means. kW changed is ‖b − b̂‖ of the "
        "decision, whichever cause it was that changed it.",
    )


def _fallbacks(context: Context, record: Record, found: Mapping[str, Any]) -> Claim:
    modes = [name for name in found if name.startswith("mode ")]
    return Claim(
        id="runtime.fallbacks",
        title="How often the recovery ladder had to decide",
        statement="{fallbacks} of {decisions} decisions are in mode support, grid-only or dead-stop.",
        sentence="The policy was set aside altogether in {fallbacks} of {decisions:,} decisions.",
        verdict=Verdict.PROVED_EXACT,
        method="counted from the journal",
        tool=TOOL,
        checker=CHECKER,
        values={**picked(found, "decisions", "fallbacks"), **{name: found[name] for name in modes}},
        bound=Figure(of="fallbacks", label="fallbacks"),
        certificate=record.journal,
        check=(context.record_check(record),),
        exhibits=(_modes(found),),
        role=Role.FACT,
        **context.about(),
    )


def _modes(found: Mapping[str, Any]) -> Bars:
    modes = [name for name in found if name.startswith("mode ")]
    return Bars(
        title="Decisions by who made them",
        unit="decisions",
        bars=tuple((name.removeprefix("mode "), float(found[name])) for name in modes),
    )


def _stated(context: Context, record: Record) -> list[dict[str, Any]]:
    """Return the lines of a journal that are decisions."""
    return [line for line in read_lines(context.folder / record.journal) if "intervention_kw" in line]


def _latency(context: Context, record: Record) -> Claim:
    median, high, largest = (1e3 * seconds for seconds in record.latency_s)
    header = json.loads((context.folder / record.journal).open("rb").readline())["header"]["made_by"]
    return Claim(
        id="runtime.latency",
        title="How long a decision takes",
        statement="Controller.step took {p50_ms:.3f} ms (median), {p99_ms:.2f} ms (99 %), {max_ms:.1f} ms (largest) "
        "in {steps} steps.",
        sentence="A decision took {p50_ms:.2f} ms as a rule and {max_ms:.0f} ms at most, on a machine that others may "
        "have used.",
        verdict=Verdict.TESTED,
        method="wall-clock time of each step while the record was played, policy and journal included",
        tool=f"Python {header['python']}, {header['lane']}, {header['processor']}",
        checker="autonomy benchmark step",
        values={"p50_ms": median, "p99_ms": high, "max_ms": largest, "steps": record.steps},
        bound=Figure(of="max_ms", label="slowest step", unit="ms"),
        exhibits=(Table(title="What decided", head=("part", "version"), rows=tuple(sorted(header.items()))),),
        role=Role.FACT,
        **context.about(),
    )
