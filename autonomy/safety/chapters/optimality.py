"""What the policy saves, what the best dispatch would have saved, and what the limits cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from autonomy.benchmark.dispatch.unshielded import Unshielded, roll_out_unshielded
from autonomy.safety.chapters.runtime import measured
from autonomy.safety.claim import Claim, Figure, Role
from autonomy.safety.context import BASELINE, CHECKER, Context
from autonomy.safety.optimum import OVERLAP_KW, optimum_of
from autonomy.safety.record import Record, fresh_policy, prices_of, timelines_of
from autonomy.safety.verdict import Verdict
from autonomy.safety.verifier import run
from autonomy.simulator import Simulator

TOOL = "HiGHS finds; verify.py checks in fractions"
TERMINAL = "energy left at a window's end counts at its lowest retail price, unless the community names another"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Certified:
    """The optimum of the windows, and what the checker counted from it and the journals.

    Attributes:
        record: What the policy did.
        is_whole: Whether the program knows all that a dispatch is held to: no line loses, no battery ramps.
        certificate: Where the optimum and its multipliers lie in the folder.
        check: What the checker does about them.
        values: What it found.
    """

    record: Record
    is_whole: bool
    certificate: str
    check: Mapping[str, Any]
    values: Mapping[str, float]


def claims(context: Context) -> Iterator[Claim]:
    """Yield the optimum and the share of the saving, where the checker knows all prices; then what limits cost."""
    certified = _certified(context) if context.knows_prices else None
    if certified is not None:
        yield _optimum(context, certified)
        yield _share(context, certified)
        yield _regret(context, certified)
    yield _price_of_safety(context)


def _certified(context: Context) -> _Certified | None:
    """Return the optimum as the checker sees it; None where it charges and discharges a battery at once."""
    record, baseline = context.record(context.policy), context.record(BASELINE)
    context.progress("finding the optimum")
    community = context.configuration.community
    found = optimum_of(community, context.windows, context.configuration.economics)
    certificate = context.write("optimum.json", {"windows": [one.document() for one in found]})
    if max(one.overlap_kw for one in found) > OVERLAP_KW:
        return None
    check = {
        "kind": "optimum",
        "journal": record.journal,
        "certificate": certificate,
        "prices": prices_of(context.configuration.economics),
        "policy": context.record_check(record),
        "baseline": context.record_check(baseline),
    }
    measured(context, record)
    measured(context, baseline)
    return _Certified(
        record=record,
        is_whole=community.network.is_lossless and not community.has_ramp_limits,
        certificate=certificate,
        check=check,
        values={name: float(value) for name, value in run(context.checker, check).items()},
    )


def _optimum(context: Context, certified: _Certified) -> Claim:
    """Return the claim that nothing costs less than a bound that a dispatch attains."""
    values, currency = certified.values, context.configuration.currency
    return Claim(
        id="optimality.optimum",
        title="What the best dispatch would have cost",
        statement="No dispatch of the recorded windows costs less than {bound:.6f}, and one that breaks nothing by "
        "more than "
        "{repair:.1e} kW costs {incumbent:.6f}"
        + ("; " if certified.is_whole else " without losses and ramp limits; ")
        + TERMINAL
        + ".",
        sentence=f"With perfect foresight the recorded weeks would have cost {{incumbent:,.2f}} {currency}; nothing "
        "costs less."
        if certified.is_whole
        else f"Even with perfect foresight the recorded weeks would have cost {{bound:,.2f}} {currency} or more.",
        verdict=Verdict.PROVED_EXACT if values["gap"] <= 1e-6 and certified.is_whole else Verdict.BOUNDED,
        method="linear program of each window; its multipliers bound it by weak duality [Neumaier2004], its vertex "
        "attains that",
        tool=TOOL,
        checker=CHECKER,
        values={name: values[name] for name in ("bound", "incumbent", "repair", "gap")},
        bound=Figure(of="bound", label="nothing costs less than", unit=currency),
        margin=Figure(of="gap", label="relative gap"),
        certificate=certified.certificate,
        assumptions=("assume.ratings",),
        check=(certified.check,),
        role=Role.FACT,
        **context.about(),
    )


def _share(context: Context, certified: _Certified) -> Claim:
    """Return the claim of the share of the achievable saving that the policy takes."""
    values, currency = certified.values, context.configuration.currency
    return Claim(
        id="optimality.share",
        title="What the policy saves of it",
        statement="(grid-only cost − cost of {policy}) / (grid-only cost − bound) = {share:.4f}, of {saved:.2f} "
        + currency
        + " saved.",
        sentence="The policy saves "
        + ("" if certified.is_whole else "at least ")
        + "{share:.1%} of what perfect foresight could have saved against batteries that stand still.",
        verdict=Verdict.PROVED_EXACT,
        method="both costs counted from the journals and the trades in fractions, the optimum by its bound",
        tool=TOOL,
        checker=CHECKER,
        values={"share": values["share"], "saved": values["saved"], "policy": certified.record.policy},
        bound=Figure(of="share", label="share of the achievable saving"),
        certificate=certified.certificate,
        check=(certified.check, context.record_check(certified.record)),
        role=Role.FACT,
        **context.about(),
    )


def _regret(context: Context, certified: _Certified) -> Claim:
    """Return the claim of what a step of the policy costs more than the best one, on average."""
    currency = context.configuration.currency
    return Claim(
        id="policy.regret",
        title="One-step regret",
        statement="Q*(s, a) − V*(s), with V* the least that the rest of the window can cost once everything in it is "
        "known, is on average at most {regret:.6f} " + currency + " a step over the recorded steps; its largest value "
        "is not bounded.",
        sentence="A step of the policy costs on average at most {regret:,.3f} "
        + currency
        + " more than the best one, everything being known.",
        verdict=Verdict.PROVED_EXACT,
        method="the regrets of a window add up to its cost less V* of its first state, the optimum [Kakade2002]",
        tool=TOOL,
        checker=CHECKER,
        values={"regret": certified.values["regret"]},
        bound=Figure(of="regret", label="mean one-step regret, at most", unit=currency),
        certificate=certified.certificate,
        check=(certified.check, context.record_check(certified.record)),
        role=Role.FACT,
        **context.about(),
    )


def _price_of_safety(context: Context) -> Claim:
    """Return what the policy costs without the shield, and what it then breaks: a control."""
    context.progress(f"playing {context.policy} without the shield")
    configuration, shielded = context.configuration, context.record(context.policy)
    policy = Unshielded(fresh_policy(context.policy, configuration.economics))
    simulators = [
        Simulator(configuration.community, window, economics=configuration.economics, timeline=timeline)
        for window, timeline in zip(context.windows, timelines_of(configuration, context.windows), strict=True)
    ]
    runs = [roll_out_unshielded(simulator, policy, name=context.policy) for simulator in simulators]
    broken = [(run.time[k], violation) for run in runs for k, violation in run.violations]
    cost = sum(run.cost for run in runs)
    first = broken[0] if broken else None
    return Claim(
        id="control.unshielded",
        title="The same policy without the shield",
        statement="Without projection, CHECK and recovery the policy breaks none of the rules either.",
        sentence="Planted: without the shield the same policy breaks limits (times: {broken:,}). The price of "
        "safety is {price:,.2f} " + configuration.currency + " over the recorded windows."
        if broken
        else "Without the shield the policy breaks nothing in the recorded windows either: it had nothing to do there.",
        verdict=Verdict.REFUTED if broken else Verdict.TESTED,
        method="the simulator executes the intent as far as each battery can",
        tool="autonomy.benchmark.dispatch.unshielded",
        checker="autonomy benchmark dispatch",
        values={"broken": len(broken), "cost": cost, "shielded": shielded.cost, "price": shielded.cost - cost},
        bound=Figure(of="price", label="price of safety", unit=configuration.currency),
        witness=None
        if first is None
        else {
            "time": str(first[0]),
            "rule": first[1].rule,
            "place": first[1].index,
            "by": first[1].amount,
            "unit": first[1].unit,
        },
        role=Role.CONTROL if broken else Role.FACT,
        **context.about(),
    )
